# ---
# kind: wrong
# title: "Class weights the wrong way round: the common class weighs more"
# expect: {weights: 5}
# says: {weights: [weights inverted]}
# empty: [train, perform, leak]
# ---
# %% task="weights" change
# was
    return counts.sum() / (2 * counts)
# now
    return 2 * counts / counts.sum()
