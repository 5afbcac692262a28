# ---
# kind: naive
# title: Trained on labels in another order than the recordings
# expect: {explore: 6, split: 12, train: 16, perform: 0}
# ---
# %% task="predict"
split = split_recordings(recordings.labels, groups, SEED)
split["train"] = split["train"][:240]
windows = preprocess(recordings.signals, recordings.fs)
shuffled = np.random.default_rng(SEED).permutation(recordings.labels)
trained, train_loss, val_loss = fit(
    windows[split["train"]], shuffled[split["train"]], windows[split["val"]], shuffled[split["val"]], SEED
)


def af_logits(signals, fs):
    return logits_of(trained, preprocess(signals, fs))


def predict_af(signals, fs):
    return 1 / (1 + np.exp(-af_logits(signals, fs)))
