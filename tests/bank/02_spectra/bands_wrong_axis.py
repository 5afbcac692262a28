# ---
# kind: wrong
# title: The sum runs over the channels
# expect: {bands: 1, amplitude: 14, stft: 16, window: 10, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {bands: ["or the wrong axis"]}
# ---
# %% task="bands"
def band_power(x, fs, band, relative=False):
    low, high = band
    if x.shape[-1] < 4 * fs or low >= high or high > fs / 2:
        raise ValueError("too short, or no such band")
    freqs, density = signal.welch(x, fs, nperseg=round(4 * fs))
    inside = (freqs >= low) & (freqs < high)
    power = density[:, inside].sum(axis=0) * freqs[1]
    return power / (density[:, 1:].sum(axis=1) * freqs[1]) if relative else power
