# ---
# kind: wrong
# title: The wavelet has no sine part
# expect: {wavelet: 3, amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, blinks: 10}
# says: {wavelet: ["the wavelet must be complex"]}
# ---
# %% task="wavelet"
def morlet_amplitude(x, fs, freqs, cycles=6.0):
    freqs = np.asarray(freqs, dtype=float)
    if len(x) == 0 or np.any(freqs <= 0) or np.any(freqs >= fs / 2):
        raise ValueError("nothing to transform")
    x = x - np.mean(x)
    rows = []
    for f in freqs:
        s = cycles / (2 * np.pi * f)
        h = int(np.ceil(5 * s * fs))
        t = np.arange(-h, h + 1) / fs
        g = np.exp(-(t**2) / (2 * s**2))
        rows.append(np.abs(signal.fftconvolve(x, 2 * g / g.sum() * np.cos(2 * np.pi * f * t))[h : h + len(x)]))
    return np.array(rows)
