# ---
# kind: wrong
# title: SciPy shortens the window of a short recording, and nobody looks
# expect: {bands: 11, amplitude: 14, stft: 16, window: 10, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {bands: ["no ValueError for 3.9 s", "SciPy shortens its window"]}
# ---
# %% task="bands"
def band_power(x, fs, band, relative=False):
    low, high = band
    if low >= high or high > fs / 2:
        raise ValueError("too short, or no such band")
    freqs, density = signal.welch(x, fs, nperseg=round(4 * fs))
    inside = (freqs >= low) & (freqs < high)
    power = density[:, inside].sum(axis=1) * freqs[1]
    return power / (density[:, 1:].sum(axis=1) * freqs[1]) if relative else power
