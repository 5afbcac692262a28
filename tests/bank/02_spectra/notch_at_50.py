# ---
# kind: wrong
# title: The notch is at 50 Hz where mains is 60
# expect: {filter: 9, amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, wavelet: 10, blinks: 10}
# says: {filter: ["a notch at a fixed frequency"]}
# ---
# %% task="filter"
def filter_ecg(x, fs, mains):
    n = x.shape[-1]
    if n == 0:
        raise ValueError("empty")
    high_pass = signal.butter(2, 0.5, "highpass", fs=fs, output="sos")
    notch = signal.tf2sos(*signal.iirnotch(50.0, 20, fs=fs))
    x = x - np.median(x, axis=-1, keepdims=True)
    return signal.sosfiltfilt(np.vstack([high_pass, notch]), x, axis=-1, padlen=min(n - 1, round(3 * fs)))
