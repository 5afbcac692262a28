# ---
# kind: wrong
# title: The one-sided spectrum is not doubled
# expect: {amplitude: 7, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {amplitude: ["double the bins between 0 Hz and fs/2"]}
# ---
# %% task="amplitude"
def amplitude_spectrum(x, fs, window="boxcar"):
    n = len(x)
    if n == 0:
        raise ValueError("empty")
    w = signal.get_window(window, n)
    amplitude = np.abs(np.fft.rfft(x * w)) / w.sum()
    return np.fft.rfftfreq(n, 1 / fs), amplitude
