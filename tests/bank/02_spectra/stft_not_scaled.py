# ---
# kind: wrong
# title: The frames are neither doubled nor divided by the sum of the window
# expect: {stft: 14, amplitude: 14, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {stft: ["not divided by the sum of the window"]}
# ---
# %% task="stft"
def stft_amplitude(x, fs, n_window, hop):
    if len(x) == 0 or hop < 1:
        raise ValueError("empty, or no hop")
    w = signal.get_window("hann", n_window)
    frames = -(-len(x) // hop)
    padded = np.concatenate([np.zeros(n_window // 2), x, np.zeros(n_window)])
    pieces = np.array([padded[k * hop : k * hop + n_window] * w for k in range(frames)])
    return np.fft.rfftfreq(n_window, 1 / fs), np.arange(frames) * hop / fs, np.abs(np.fft.rfft(pieces, axis=1)).T
