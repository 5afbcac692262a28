# ---
# kind: wrong
# title: "State that is shared: the input in the class, the global random generator"
# expect: {dense: 11, folds: 10, beats: [3, 8]}
# says:
#   dense: ["where all layers share them"]
#   folds: ["global random generator", "no test of the number of subjects"]
# ---
# %% task="dense" change
# was
        self.x = np.array(x, dtype=float)
        return self.x @ self.weights.T + self.bias
# now
        Dense.x = np.array(x, dtype=float)
        return Dense.x @ self.weights.T + self.bias

# %% task="folds" change
# was
    if len(names) < k:
        raise ValueError(f"got {len(names)} subjects for {k} folds, expected at least one subject per fold")
    parts = np.array_split(np.random.default_rng(seed).permutation(names), k)
# now
    parts = np.array_split(np.random.permutation(names), k)
