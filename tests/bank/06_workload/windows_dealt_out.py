# ---
# kind: wrong
# title: "Folds of windows instead of subjects, and an interval that draws windows"
# expect: {evaluate: [7, 9]}
# says: {evaluate: [windows are dealt out instead of subjects, in training and test, windows are drawn instead of subjects]}
# only: [evaluate]
# ---
# %% task="evaluate" change
# was
    number = (np.random.default_rng(seed).permutation(len(names)) % k)[who]
# now
    number = np.random.default_rng(seed).permutation(len(who)) % k
# was
        rows = np.concatenate([own[j] for j in rng.integers(len(names), size=len(names))])
# now
        rows = rng.integers(len(levels), size=len(levels))
