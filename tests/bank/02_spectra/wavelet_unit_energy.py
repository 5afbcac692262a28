# ---
# kind: wrong
# title: Unit energy instead of unit amplitude
# expect: {wavelet: 7, amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, blinks: 10}
# says: {wavelet: ["normalised to unit energy, or not at all"]}
# ---
# %% task="wavelet"
def morlet_amplitude(x, fs, freqs, cycles=6.0):
    freqs = np.asarray(freqs, dtype=float)
    if len(x) == 0 or np.any(freqs <= 0) or np.any(freqs >= fs / 2):
        raise ValueError("empty, or an impossible frequency")
    x = x - np.mean(x)
    rows = []
    for f in freqs:
        s = cycles / (2 * np.pi * f)
        h = int(np.ceil(5 * s * fs))
        t = np.arange(-h, h + 1) / fs
        g = np.exp(-(t**2) / (2 * s**2))
        full = signal.fftconvolve(x, g / np.sqrt((g**2).sum()) * np.exp(2j * np.pi * f * t), mode="full")
        rows.append(np.abs(full[h : h + len(x)]))
    return np.array(rows)
