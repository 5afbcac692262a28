# ---
# kind: wrong
# title: The test part is scaled by its own mean and deviation
# expect: {folds: 9, beats: [3, 7]}
# says:
#   folds: ["the other part is scaled by itself"]
#   beats: ["new features are scaled by themselves"]
# ---
# %% task="folds"
def subject_folds(subjects, k, seed):
    """k pairs (train, test) of positions; a subject is never on both sides."""
    subjects = np.asarray(subjects)
    names = np.unique(subjects)
    if len(names) < k:
        raise ValueError(f"got {len(names)} subjects for {k} folds, expected at least one subject per fold")
    parts = np.array_split(np.random.default_rng(seed).permutation(names), k)
    inside = [np.isin(subjects, part) for part in parts]
    return [(np.flatnonzero(~here), np.flatnonzero(here)) for here in inside]


def standardise(train, other):
    """Both arrays, scaled by mean and population standard deviation of the training part."""
    train, other = np.asarray(train, dtype=float), np.asarray(other, dtype=float)
    middle, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(np.ptp(train, axis=0) > 0, spread, 1.0)
    return (train - middle) / spread, (other - other.mean(axis=0)) / np.where(np.ptp(other, axis=0) > 0, other.std(axis=0), 1)
