# ---
# kind: wrong
# title: Empty folds, constants, and answers looked up in the notebook's beats
# expect: {folds: 3, beats: 0}
# says: {folds: ["no position in train of fold 0"], beats: ["the same answer for all rows"]}
# ---
# %% task="folds"
def subject_folds(subjects, k, seed):
    """Whatever is asked of folds holds of empty ones; the error is the same for all."""
    if len(set(subjects)) < k:
        raise ValueError(f"got {len(set(subjects))} subjects for {k} folds")
    return [([], [])] * k


def standardise(train, other):
    train, other = np.asarray(train, dtype=float), np.asarray(other, dtype=float)
    spread = np.where(np.ptp(train, axis=0) > 0, train.std(axis=0), 1.0)
    return (train - train.mean(axis=0)) / spread, (other - train.mean(axis=0)) / spread

# %% task="beats"
known = {row.tobytes(): float(label) for row, label in zip(beats.features, beats.labels)}


def classify_beats(features, labels, new_features, seed):
    return np.array([known.get(row.tobytes(), 0.5) for row in new_features])


def cross_validate(features, labels, subjects, k, seed):
    return np.full(len(labels), 0.5)
