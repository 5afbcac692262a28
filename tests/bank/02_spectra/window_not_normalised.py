# ---
# kind: wrong
# title: Divided by the number of samples instead of the sum of the window
# expect: {amplitude: 12, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {amplitude: ["divide by the sum of the window instead"]}
# ---
# %% task="amplitude"
def amplitude_spectrum(x, fs, window="boxcar"):
    n = len(x)
    if n == 0:
        raise ValueError("empty")
    w = signal.get_window(window, n)
    amplitude = np.abs(np.fft.rfft(x * w)) / n
    amplitude[1 : (n + 1) // 2] *= 2
    return np.fft.rfftfreq(n, 1 / fs), amplitude
