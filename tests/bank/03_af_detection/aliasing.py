# ---
# kind: wrong
# title: Every third sample is kept without a low-pass filter
# expect: {preprocess: 9}
# says: {preprocess: [82 Hz appears as 18 Hz]}
# empty: [train, predict, perform]
# ---
# %% task="preprocess"
def preprocess(signals, fs):
    windows = np.zeros((len(signals), 1, 3000), np.float32)
    high = signal.butter(2, 0.5, "highpass", fs=fs, output="sos")
    for k, length in enumerate(ecg.true_lengths(signals)):
        x = signal.sosfiltfilt(high, np.asarray(signals[k, 0, :length], float))[:: round(fs / 100)][:3000]
        windows[k, 0, : len(x)] = x / (x.std() + 1e-6)
    return windows
