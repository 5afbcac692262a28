# ---
# kind: wrong
# title: The symmetric Hann window, as np.hanning makes it
# expect: {stft: 12, amplitude: 14, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {stft: ["the symmetric Hann window", "sym=False"]}
# ---
# %% task="stft"
def stft_amplitude(x, fs, n_window, hop):
    if len(x) == 0 or hop < 1:
        raise ValueError("nothing to transform")
    w = np.hanning(n_window)
    padded = np.concatenate([np.zeros(n_window // 2), x, np.zeros(n_window)])
    starts = np.arange(0, len(x), hop)
    a = np.stack([np.abs(np.fft.rfft(padded[k : k + n_window] * w)) for k in starts], axis=1) / w.sum()
    a[1 : (n_window + 1) // 2] *= 2
    return np.fft.rfftfreq(n_window, 1 / fs), starts / fs, a
