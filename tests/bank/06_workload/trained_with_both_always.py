# ---
# kind: wrong
# title: "The networks have never met a dead sensor, and answer for one as for zeros"
# expect: {perform: [4, 10]}
# says: {}
# only: [branches, fusion, evaluate, perform]
# ---
# %% task="perform" change
# was
            shown = there & (rng.random(there.shape) > 0.25)
# now
            shown = there
