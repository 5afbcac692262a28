# ---
# kind: wrong
# title: np.convolve with mode same, and no care for the ends
# expect: {wavelet: 8, amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, blinks: 10}
# says: {wavelet: ["has the length of the longer input", "the mean is not subtracted first"]}
# ---
# %% task="wavelet"
def morlet_amplitude(x, fs, freqs, cycles=6.0):
    freqs = np.asarray(freqs, dtype=float)
    if len(x) == 0 or np.any(freqs <= 0) or np.any(freqs >= fs / 2):
        raise ValueError("empty, or an impossible frequency")
    rows = []
    for f in freqs:
        s = cycles / (2 * np.pi * f)
        h = int(np.ceil(5 * s * fs))
        t = np.arange(-h, h + 1) / fs
        g = np.exp(-(t**2) / (2 * s**2))
        rows.append(np.abs(np.convolve(x, 2 * g / g.sum() * np.exp(2j * np.pi * f * t), "same")))
    return np.array(rows)
