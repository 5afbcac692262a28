# ---
# kind: wrong
# title: Yes or no where a probability is asked
# expect: {predict: 6, perform: [0, 13]}
# says: {predict: [hard labels hide]}
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
    return (af_logits(signals, fs) > 0).astype(float)
