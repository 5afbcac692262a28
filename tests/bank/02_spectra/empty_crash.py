# ---
# kind: wrong
# title: Empty signals crash with other errors, or give an empty result
# expect: {amplitude: 13, bands: 11, wavelet: 9}
# says: {amplitude: [IndexError, no ValueError for an empty signal], bands: [no check that raises ValueError], wavelet: [no ValueError for an empty signal]}
# ---
# %% task="amplitude"
def amplitude_spectrum(x, fs, window="boxcar"):
    n = len(x)
    x[0]
    w = signal.get_window(window, n)
    amplitude = np.abs(np.fft.rfft(x * w)) / w.sum()
    amplitude[1 : (n + 1) // 2] *= 2
    return np.fft.rfftfreq(n, 1 / fs), amplitude

# %% task="bands"
def band_power(x, fs, band, relative=False):
    low, high = band
    assert x.shape[-1] >= 4 * fs and low < high <= fs / 2, "too short, or no such band"
    freqs, density = signal.welch(x, fs, nperseg=round(4 * fs))
    inside = (freqs >= low) & (freqs < high)
    power = density[:, inside].sum(axis=1) * freqs[1]
    return power / (density[:, 1:].sum(axis=1) * freqs[1]) if relative else power

# %% task="wavelet" change
# was
    """Amplitude (frequencies, samples) of a signal by complex Morlet wavelets, in the unit of x."""
# now
# was
    if len(x) == 0 or np.any(freqs <= 0) or np.any(freqs >= fs / 2):
        raise ValueError(f"got {len(x)} samples and frequencies {freqs}, expected some, between 0 and {fs / 2:g} Hz")
# now
    if len(x) == 0:
        return np.zeros((len(freqs), 0))
