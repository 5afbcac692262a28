# ---
# kind: wrong
# title: "Both leads are averaged into one"
# expect: {filter: 7}
# says: {filter: [or their average]}
# empty: [train, perform, leak]
# ---
# %% task="filter" change
# was
    for row in np.asarray(x, dtype=float):
# now
    mean = np.nanmean(np.asarray(x, dtype=float), axis=0)
    for row in [mean] * len(x):
