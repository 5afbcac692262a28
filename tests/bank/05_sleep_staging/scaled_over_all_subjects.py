# ---
# kind: wrong
# title: "Epochs are scaled by mean and spread over all subjects, test included"
# expect: {train: [7, 9]}
# says: {train: [normalised over all epochs]}
# empty: [perform]
# ---
# %% task="train" change
# was
    net, val_loss, kept = fit(epochs, stages, nights, numbers, fold, seed, passes)
# now
    epochs = (epochs - epochs.mean()) / epochs.std()
    net, val_loss, kept = fit(epochs, stages, nights, numbers, fold, seed, passes)
