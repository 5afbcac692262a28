# ---
# kind: wrong
# title: One periodogram of the whole recording instead of Welch, both edges counted, the mean left in
# expect: {bands: [5, 6], amplitude: 14, stft: 16, window: 10, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {bands: ["another window, overlap or rule for the band", "the mean of the windows is not removed"]}
# ---
# %% task="bands"
def band_power(x, fs, band, relative=False):
    low, high = band
    if x.shape[-1] < 4 * fs or low >= high or high > fs / 2:
        raise ValueError("too short, or no such band")
    freqs, density = signal.periodogram(x, fs, window="hann", detrend=False)
    inside = (freqs >= low) & (freqs <= high)
    power = density[:, inside].sum(axis=1) * freqs[1]
    return power / (density[:, 1:].sum(axis=1) * freqs[1]) if relative else power
