# ---
# kind: wrong
# title: A low-pass at 40 Hz against mains
# expect: {filter: [7, 9], amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, wavelet: 10, blinks: 10}
# says: {filter: ["a low-pass, a notch that is too wide"]}
# ---
# %% task="filter"
def filter_ecg(x, fs, mains):
    n = x.shape[-1]
    if n == 0:
        raise ValueError("empty")
    high_pass = signal.butter(2, 0.5, "highpass", fs=fs, output="sos")
    notch = signal.butter(4, 40.0, "lowpass", fs=fs, output="sos")
    x = x - np.median(x, axis=-1, keepdims=True)
    return signal.sosfiltfilt(np.vstack([high_pass, notch]), x, axis=-1, padlen=min(n - 1, round(3 * fs)))
