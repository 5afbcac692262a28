# ---
# kind: wrong
# title: "Epochs are dealt out at random, so that a sleeper is on all sides"
# expect: {split: [4, 6]}
# says: {split: [epochs are dealt out instead of subjects]}
# empty: [train, perform]
# ---
# %% task="split"
def subject_folds(subjects, k, seed):
    """List of k dicts of positions, "train", "val", "test"; no subject is in two of them."""
    names, who = np.unique(np.asarray(subjects), return_inverse=True)
    if len(names) < k:
        raise ValueError(f"got {len(names)} subjects, expected at least {k}, one for each fold")
    number = np.random.default_rng(seed).permutation(len(who)) % k
    folds = []
    for i in range(k):
        test, val = number == i, number == (i + 1) % k
        folds.append({"train": np.flatnonzero(~test & ~val), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
    return folds
