# ---
# kind: wrong
# title: Relative power is divided by the sample variance of the recording instead of the power of the density
# expect: {bands: 10, amplitude: 14, stft: 16, window: 10, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {bands: ["divided by another whole"]}
# ---
# %% task="bands"
def band_power(x, fs, band, relative=False):
    low, high = band
    if x.shape[-1] < 4 * fs or low >= high or high > fs / 2:
        raise ValueError("too short, or no such band")
    freqs, density = signal.welch(x, fs, nperseg=round(4 * fs))
    inside = (freqs >= low) & (freqs < high)
    power = density[:, inside].sum(axis=1) * freqs[1]
    return power / np.var(x, axis=1, ddof=1) if relative else power
