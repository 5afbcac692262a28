# ---
# kind: wrong
# title: Samples are dealt out instead of subjects
# expect: {folds: 6, beats: [4, 5]}
# says:
#   folds: ["folds of samples", "a subject in both parts"]
#   beats: ["trained on this subject"]
# ---
# %% task="folds"
def subject_folds(subjects, k, seed):
    """k pairs (train, test) of positions; a subject is never on both sides."""
    subjects = np.asarray(subjects)
    parts = np.array_split(np.random.default_rng(seed).permutation(len(subjects)), k)
    inside = [np.isin(np.arange(len(subjects)), part) for part in parts]
    return [(np.flatnonzero(~here), np.flatnonzero(here)) for here in inside]


def standardise(train, other):
    """Both arrays, scaled by mean and population standard deviation of the training part."""
    train, other = np.asarray(train, dtype=float), np.asarray(other, dtype=float)
    middle, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(np.ptp(train, axis=0) > 0, spread, 1.0)
    return (train - middle) / spread, (other - middle) / spread
