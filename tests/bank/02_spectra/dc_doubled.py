# ---
# kind: wrong
# title: Every bin is doubled, 0 Hz and fs/2 too
# expect: {amplitude: 7, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {amplitude: ["a bin doubled that has no partner"]}
# ---
# %% task="amplitude"
def amplitude_spectrum(x, fs, window="boxcar"):
    n = len(x)
    if n == 0:
        raise ValueError("empty")
    w = signal.get_window(window, n)
    amplitude = np.abs(np.fft.rfft(x * w)) / w.sum()
    amplitude *= 2
    return np.fft.rfftfreq(n, 1 / fs), amplitude
