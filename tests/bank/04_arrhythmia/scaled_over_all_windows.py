# ---
# kind: wrong
# title: "Each of the 1,000 numbers of a window is standardised over all windows, test included"
# expect: {train: [8, 10]}
# says: {train: [normalised over all windows]}
# empty: [perform, leak]
# ---
# %% task="train" change
# was
    net = fit(windows[fold["train"]], labels[fold["train"]], seed)
# now
    windows = (windows - windows.mean(axis=0)) / windows.std(axis=0)
    net = fit(windows[fold["train"]], labels[fold["train"]], seed)
