# ---
# kind: wrong
# title: One step too few; the last fold takes what is left over
# expect: {conv: 0, folds: 11}
# says:
#   conv: ["the last step is left out"]
#   folds: ["a fold gets what is left over"]
# ---
# %% task="conv" change
# was
        return (self.padded.shape[2] - self.weights.shape[2]) // self.stride + 1
# now
        return (self.padded.shape[2] - self.weights.shape[2]) // self.stride

# %% task="folds" change
# was
    parts = np.array_split(np.random.default_rng(seed).permutation(names), k)
# now
    names, size = np.random.default_rng(seed).permutation(names), len(names) // k
    parts = [names[f * size : (f + 1) * size if f < k - 1 else None] for f in range(k)]
