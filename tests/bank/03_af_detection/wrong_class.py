# ---
# kind: wrong
# title: The probability of normal rhythm is returned
# expect: {predict: 8, perform: 0}
# says: {perform: [probability of normal rhythm]}
# ---
# %% task="predict"
split = split_recordings(recordings.labels, groups, SEED)
split["train"] = split["train"][:240]  # enough for this mistake to show
windows = preprocess(recordings.signals, recordings.fs)
trained, train_loss, val_loss = fit(
    windows[split["train"]], recordings.labels[split["train"]], windows[split["val"]], recordings.labels[split["val"]], SEED
)


def af_logits(signals, fs):
    return logits_of(trained, preprocess(signals, fs))


def predict_af(signals, fs):
    return 1 - 1 / (1 + np.exp(-af_logits(signals, fs)))
