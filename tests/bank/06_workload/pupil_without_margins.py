# ---
# kind: wrong
# title: "Gaps of the pupil without what stands at their edges"
# expect: {clean: 5}
# says: {clean: ["under the lid that count as seen", "the margins belong to the gap"]}
# only: [clean]
# ---
# %% task="clean" change
# was
    margin = round(0.15 * fs)
# now
    margin = 0
