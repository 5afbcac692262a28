# ---
# kind: alternative
# title: SciPy does it all; a frequency-domain wavelet, harmonics masked by the accelerometer, a singular vector for the blinks
# expect: {amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# ---
# %% task="amplitude"
def amplitude_spectrum(x, fs, window="boxcar"):
    if len(x) == 0:
        raise ValueError("empty")
    freqs, power = signal.periodogram(x, fs, window=window, detrend=False, scaling="spectrum")
    amplitude = np.sqrt(power)
    paired = (freqs > 0) & (2 * freqs < fs * (1 - 1e-12))
    amplitude[paired] *= np.sqrt(2)  # from the effective value of a sine to its amplitude
    return freqs, amplitude

# %% task="stft"
def stft_amplitude(x, fs, n_window, hop):
    frames = int(np.ceil(len(x) / hop)) if hop >= 1 else 0
    if frames == 0:
        raise ValueError("empty, or no hop")
    transform = signal.ShortTimeFFT.from_window(
        "hann", fs, n_window, n_window - 1, fft_mode="onesided2X", scale_to="magnitude")
    transform = signal.ShortTimeFFT(transform.win, hop, fs, fft_mode="onesided2X", scale_to="magnitude")
    longer = np.pad(np.asarray(x, float), (0, n_window))
    amplitude = np.abs(transform.stft(longer, p0=0, p1=frames))
    return transform.f, transform.t(len(longer), 0, frames), amplitude

# %% task="window"
def choose_window(f1, f2, burst_s):
    apart = abs(f1 - f2)
    if apart == 0 or burst_s < 3 / apart:
        raise ValueError("time and frequency cannot both be this sharp")
    return float(np.sqrt(3 / apart * burst_s))  # the middle of what is allowed

# %% task="bands"
def band_power(x, fs, band, relative=False):
    low, high = band
    n = round(4 * fs)
    if x.shape[-1] < n:
        raise ValueError("too short")
    if low >= high or high > fs / 2:
        raise ValueError("no such band")
    freqs, power = signal.welch(x, fs, nperseg=n, scaling="spectrum")
    w = signal.get_window("hann", n)
    power = power * w.sum() ** 2 / (n * (w**2).sum())  # from the power of a line to the power in a bin
    inside = np.flatnonzero((freqs >= low) & (freqs < high))
    found = np.add.reduce(power[..., inside], axis=-1)
    return found / np.add.reduce(power[..., 1:], axis=-1) if relative else found

# %% task="pulse"
def heart_rate(ppg, acc, fs):
    if len(ppg) != len(acc) or len(ppg) < 5 * fs:
        raise ValueError("at least 5 s of both")
    band = signal.butter(3, (0.65, 6.0), "bandpass", fs=fs, output="sos")
    freqs, p = signal.periodogram(signal.sosfiltfilt(band, signal.detrend(ppg)), fs, "hann", nfft=2**14)
    _, a = signal.periodogram(signal.detrend(acc), fs, "hann", nfft=2**14)
    p, a = np.sqrt(p), np.sqrt(a)
    heart = (freqs > 0.68) & (freqs < 3.1)
    if a.max() > 1e-6:
        peaks, _ = signal.find_peaks(a, height=0.12 * a.max())
        for step in freqs[peaks]:
            p[np.abs(freqs - step) < 0.11] = 0
    return 60 * freqs[heart][np.argmax(p[heart])]

# %% task="filter"
def filter_ecg(x, fs, mains):
    n = x.shape[-1]
    if n == 0:
        raise ValueError("empty")
    x = signal.detrend(x, type="constant")
    for design in (signal.butter(3, 0.5, "highpass", fs=fs), signal.iirnotch(mains, 25, fs=fs)):
        x = signal.filtfilt(*design, x, padlen=min(n - 1, round(2 * fs)), padtype="odd")
    return x

# %% task="wavelet"
def morlet_amplitude(x, fs, freqs, cycles=6.0):
    if len(x) == 0 or not np.all((np.asarray(freqs) > 0) & (np.asarray(freqs) < fs / 2)):
        raise ValueError("empty, or a frequency outside 0 to fs/2")
    n = len(x)
    from scipy.fft import next_fast_len
    size = next_fast_len(n + 2 * int(np.ceil(6 * cycles / (2 * np.pi * min(freqs)) * fs)))
    nu = np.fft.fftfreq(size, 1 / fs)
    spectrum = np.fft.fft(x - np.mean(x), size)
    gain = 2 * np.exp(-0.5 * ((nu[None] - np.asarray(freqs)[:, None]) * cycles / np.asarray(freqs)[:, None]) ** 2)
    return np.abs(np.fft.ifft(spectrum * gain, axis=1)[:, :n])

# %% task="blinks"
def remove_blinks(eeg, eog, fs):
    n = len(eog)
    if n == 0:
        raise ValueError("empty")
    both = np.vstack([eeg, eog[None]])
    both = both - np.median(both, axis=1, keepdims=True)
    slow = signal.sosfiltfilt(signal.butter(2, 8, fs=fs, output="sos"), both, padlen=min(n - 1, round(fs)))
    near = slow[-1] > 100
    if not near.any():
        return np.array(eeg, float)
    from scipy import ndimage
    near = ndimage.binary_dilation(near, iterations=max(1, round(0.2 * fs)))
    u, _, _ = np.linalg.svd(slow[:, near] - slow[:, near].mean(axis=1, keepdims=True), full_matrices=False)
    share = u[:-1, 0] / u[-1, 0]
    soft = ndimage.uniform_filter1d(near.astype(float), max(3, round(0.08 * fs)))
    return eeg - np.outer(share, slow[-1] * soft)
