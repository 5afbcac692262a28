# ---
# kind: wrong
# title: Mean and standard deviation taken over the whole set of recordings
# expect: {preprocess: 8, train: 11}
# says: {preprocess: [over the whole set], train: [normalised over the whole set]}
# empty: [predict, perform]
# ---
# %% task="preprocess"
def preprocess(signals, fs):
    windows = np.zeros((len(signals), 1, 3000), np.float32)
    band = signal.butter(2, (0.5, 40.0), "bandpass", fs=fs, output="sos")
    for k, length in enumerate(ecg.true_lengths(signals)):
        x = signal.resample_poly(signal.sosfiltfilt(band, np.asarray(signals[k, 0, :length], float)), 100, round(fs))
        windows[k, 0, : min(len(x), 3000)] = x[:3000]
    return ((windows - windows.mean()) / (windows.std() + 1e-6)).astype(np.float32)
