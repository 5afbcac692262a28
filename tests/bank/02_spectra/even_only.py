# ---
# kind: wrong
# title: The last bin is never doubled, as if every number of samples were even
# expect: {amplitude: 12, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {amplitude: ["the half at negative frequencies is missing"]}
# ---
# %% task="amplitude"
def amplitude_spectrum(x, fs, window="boxcar"):
    n = len(x)
    if n == 0:
        raise ValueError("empty")
    w = signal.get_window(window, n)
    amplitude = np.abs(np.fft.rfft(x * w)) / w.sum()
    amplitude[1:-1] *= 2
    return np.fft.rfftfreq(n, 1 / fs), amplitude
