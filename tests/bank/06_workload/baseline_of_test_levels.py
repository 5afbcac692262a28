# ---
# kind: wrong
# title: "Each person's own low windows are taken off, test subjects' too"
# expect: {evaluate: [8, 10]}
# says: {evaluate: [levels of test windows are used]}
# only: [evaluate]
# ---
# %% task="evaluate" change
# was
    features, levels = np.asarray(features, float), np.asarray(levels)
# now
    features, levels = np.array(features, float), np.asarray(levels)
    for name in set(subjects):
        own = np.array([subject == name for subject in subjects])
        features[own] -= features[own & (levels == 0)].mean(axis=0)
