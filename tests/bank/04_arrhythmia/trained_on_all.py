# ---
# kind: wrong
# title: "Training takes all windows, test included"
# expect: {train: [5, 10]}
# says: {train: [trained on test windows]}
# empty: [perform, leak]
# ---
# %% task="train" change
# was
    net = fit(windows[fold["train"]], labels[fold["train"]], seed)
# now
    net = fit(windows, labels, seed)
