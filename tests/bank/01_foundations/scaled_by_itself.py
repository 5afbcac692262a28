# ---
# kind: wrong
# title: The test part is scaled by its own mean and deviation
# expect: {folds: 9, beats: [3, 7]}
# says:
#   folds: ["the other part is scaled by itself"]
#   beats: ["new features are scaled by themselves"]
# ---
# %% task="folds" change
# was
    return (train - middle) / spread, (other - middle) / spread
# now
    return (train - middle) / spread, (other - other.mean(axis=0)) / np.where(np.ptp(other, axis=0) > 0, other.std(axis=0), 1)
