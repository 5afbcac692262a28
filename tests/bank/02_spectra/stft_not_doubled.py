# ---
# kind: wrong
# title: The frames are divided by the sum of the window, but not doubled
# expect: {stft: 14, amplitude: 14, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {stft: ["not doubled between 0 Hz and fs/2"]}
# ---
# %% task="stft"
def stft_amplitude(x, fs, n_window, hop):
    if len(x) == 0 or hop < 1:
        raise ValueError("nothing to transform")
    w = signal.get_window("hann", n_window)
    padded = np.concatenate([np.zeros(n_window // 2), x, np.zeros(n_window)])
    starts = np.arange(0, len(x), hop)
    a = np.stack([np.abs(np.fft.rfft(padded[k : k + n_window] * w)) for k in starts], axis=1) / w.sum()
    return np.fft.rfftfreq(n_window, 1 / fs), starts / fs, a
