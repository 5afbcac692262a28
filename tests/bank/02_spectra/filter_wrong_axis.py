# ---
# kind: wrong
# title: The filter runs over the channels
# expect: {filter: [3, 5], amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, wavelet: 10, blinks: 10}
# says: {filter: ["filtered along the channels"]}
# ---
# %% task="filter"
def filter_ecg(x, fs, mains):
    n = x.shape[-1]
    if n == 0:
        raise ValueError("empty")
    high_pass = signal.butter(2, 0.5, "highpass", fs=fs, output="sos")
    notch = signal.tf2sos(*signal.iirnotch(mains, 20, fs=fs))
    return signal.sosfiltfilt(np.vstack([high_pass, notch]), x, axis=0, padlen=0)
