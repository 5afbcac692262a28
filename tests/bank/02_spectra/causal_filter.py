# ---
# kind: wrong
# title: A causal filter where zero phase is asked
# expect: {filter: 8, amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, wavelet: 10, blinks: 10}
# says: {filter: ["run it forwards and backwards"]}
# ---
# %% task="filter"
def filter_ecg(x, fs, mains):
    n = x.shape[-1]
    if n == 0:
        raise ValueError("empty")
    high_pass = signal.butter(2, 0.5, "highpass", fs=fs, output="sos")
    notch = signal.tf2sos(*signal.iirnotch(mains, 20, fs=fs))
    x = x - np.median(x, axis=-1, keepdims=True)
    return signal.sosfilt(np.vstack([high_pass, notch]), x, axis=-1)
