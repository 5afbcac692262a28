# ---
# kind: wrong
# title: Yes or no where a probability is asked
# expect: {predict: 6, perform: [3, 13]}
# says: {predict: [hard labels hide]}
# ---
# %% task="predict"
split = split_recordings(recordings.labels, groups, SEED)
windows = preprocess(recordings.signals, recordings.fs)
trained, train_loss, val_loss = fit(
    windows[split["train"]], recordings.labels[split["train"]], windows[split["val"]], recordings.labels[split["val"]], SEED
)


def af_logits(signals, fs):
    return logits_of(trained, preprocess(signals, fs))


def predict_af(signals, fs):
    return (af_logits(signals, fs) > 0).astype(float)
