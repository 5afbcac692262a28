# ---
# kind: wrong
# title: "Windows are dealt out instead of patients"
# expect: {split: [2, 6]}
# says: {split: [windows are dealt out instead of patients]}
# empty: [train, perform, leak]
# ---
# %% task="split" change
# was
    number = np.array([hand[who] for who in patients])
# now
    number = rng.integers(0, k, len(labels))
