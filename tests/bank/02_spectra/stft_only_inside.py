# ---
# kind: wrong
# title: Frames only where the window fits into the signal, without padding
# expect: {stft: 3, amplitude: 14, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {stft: ["a frame too many or too few", "windows only where they fit"]}
# ---
# %% task="stft"
def stft_amplitude(x, fs, n_window, hop):
    if len(x) == 0 or hop < 1:
        raise ValueError("empty, or no hop")
    w = signal.get_window("hann", n_window)
    frames = 1 + (len(x) - n_window) // hop
    padded = x
    pieces = np.array([padded[k * hop : k * hop + n_window] * w for k in range(frames)])
    amplitude = np.abs(np.fft.rfft(pieces, axis=1)).T / w.sum()
    amplitude[1 : (n_window + 1) // 2] *= 2
    return np.fft.rfftfreq(n_window, 1 / fs), (np.arange(frames) * hop + n_window // 2) / fs, amplitude
