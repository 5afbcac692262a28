# ---
# kind: wrong
# title: A high-pass at 3 Hz, and a padding longer than short recordings
# expect: {filter: 9, amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, wavelet: 10, blinks: 10}
# says: {filter: ["a high-pass that is too high", "padding of sosfiltfilt is longer than the recording"]}
# ---
# %% task="filter"
def filter_ecg(x, fs, mains):
    n = x.shape[-1]
    if n == 0:
        raise ValueError("empty")
    high_pass = signal.butter(2, 3.0, "highpass", fs=fs, output="sos")
    notch = signal.tf2sos(*signal.iirnotch(mains, 20, fs=fs))
    x = x - np.median(x, axis=-1, keepdims=True)
    return signal.sosfiltfilt(np.vstack([high_pass, notch]), x, axis=-1, padlen=500)
