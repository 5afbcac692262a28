# ---
# kind: wrong
# title: The mean is removed first
# expect: {amplitude: 9, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {amplitude: ["nothing is left: removed before the FFT"]}
# ---
# %% task="amplitude"
def amplitude_spectrum(x, fs, window="boxcar"):
    n = len(x)
    if n == 0:
        raise ValueError("empty")
    w = signal.get_window(window, n)
    amplitude = np.abs(np.fft.rfft((x - np.mean(x)) * w)) / w.sum()
    amplitude[1 : (n + 1) // 2] *= 2
    return np.fft.rfftfreq(n, 1 / fs), amplitude
