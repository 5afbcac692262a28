# ---
# kind: wrong
# title: "Windows are dealt out instead of patients"
# expect: {split: [2, 6]}
# says: {split: [windows are dealt out instead of patients]}
# empty: [train, perform, leak]
# ---
# %% task="split"
def patient_folds(labels, patients, k, seed):
    """List of k dicts of positions, "train", "val", "test"; no patient is in two of them."""
    labels, patients = np.asarray(labels), np.asarray(patients)
    rng = np.random.default_rng(seed)
    with_af = np.unique(patients[labels == 1])
    without = np.setdiff1d(np.unique(patients), with_af)
    if min(len(with_af), len(without)) < k:
        raise ValueError(f"got {len(with_af)} patients with AF and {len(without)} without, expected at least {k} of each")
    order = [*rng.permutation(with_af), *rng.permutation(without)]
    hand = {who: i % k for i, who in enumerate(order)}
    number = rng.integers(0, k, len(labels))
    folds = []
    for i in range(k):
        test, val = number == i, number == (i + 1) % k
        folds.append({"train": np.flatnonzero(~test & ~val), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
    return folds
