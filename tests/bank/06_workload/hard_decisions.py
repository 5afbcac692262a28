# ---
# kind: wrong
# title: "AUC of decisions instead of probabilities"
# expect: {evaluate: 10}
# says: {evaluate: [decisions are scored instead of probabilities]}
# only: [evaluate]
# ---
# %% task="evaluate" change
# was
        rank = rankdata(probability[:, c])
# now
        rank = rankdata(probability.argmax(axis=1) == c)
