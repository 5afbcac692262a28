# ---
# kind: wrong
# title: Samples are dealt out instead of subjects
# expect: {folds: 6, beats: [4, 5]}
# says:
#   folds: ["folds of samples", "a subject in both parts"]
#   beats: ["trained on this subject"]
# ---
# %% task="folds" change
# was
    names = np.unique(subjects)
    if len(names) < k:
        raise ValueError(f"got {len(names)} subjects for {k} folds, expected at least one subject per fold")
    parts = np.array_split(np.random.default_rng(seed).permutation(names), k)
    inside = [np.isin(subjects, part) for part in parts]
# now
    parts = np.array_split(np.random.default_rng(seed).permutation(len(subjects)), k)
    inside = [np.isin(np.arange(len(subjects)), part) for part in parts]
