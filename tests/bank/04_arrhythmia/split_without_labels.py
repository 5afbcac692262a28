# ---
# kind: wrong
# title: "Patients are dealt out without a look at who has AF"
# expect: {split: [9, 10]}
# says: {split: [does not look at the labels]}
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
    order = rng.permutation([*with_af, *without])
    hand = {who: i % k for i, who in enumerate(order)}
    number = np.array([hand[who] for who in patients])
    folds = []
    for i in range(k):
        test, val = number == i, number == (i + 1) % k
        folds.append({"train": np.flatnonzero(~test & ~val), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
    return folds
