# ---
# kind: wrong
# title: Filters made for 250 Hz, whatever fs is
# expect: {filter: 5, amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, wavelet: 10, blinks: 10}
# says: {filter: ["made for another fs", "at mains of 60 Hz"]}
# ---
# %% task="filter"
def filter_ecg(x, fs, mains):
    n = x.shape[-1]
    if n == 0:
        raise ValueError("empty")
    high_pass = signal.butter(2, 0.5, "highpass", fs=250.0, output="sos")
    notch = signal.tf2sos(*signal.iirnotch(mains, 20, fs=250.0))
    x = x - np.median(x, axis=-1, keepdims=True)
    return signal.sosfiltfilt(np.vstack([high_pass, notch]), x, axis=-1, padlen=min(n - 1, round(3 * fs)))
