# ---
# kind: alternative
# title: Loops, explicit DFT matrices, FIR filters and a blink template
# expect: {amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# ---
# %% task="amplitude"
def fourier_sums(pieces):
    """Sums over the last axis with cosine and sine, bin by bin: (..., n // 2 + 1) complex."""
    n = pieces.shape[-1]
    k = np.arange(n // 2 + 1)
    angle = 2 * np.pi * np.outer(np.arange(n), k) / n
    return pieces @ np.cos(angle) - 1j * (pieces @ np.sin(angle))


def amplitude_spectrum(x, fs, window="boxcar"):
    n = len(x)
    if not n:
        raise ValueError("no samples")
    w = np.ones(n) if window == "boxcar" or n == 1 else 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    sums = fourier_sums(np.asarray(x, float) * w)
    amplitude = np.empty(len(sums))
    for k, value in enumerate(sums):
        partner = 0 < k < n - k  # bin n - k is another one: the negative frequency
        amplitude[k] = (2 if partner else 1) * abs(value) / sum(w)
    return np.array([k * fs / n for k in range(len(sums))]), amplitude

# %% task="stft"
def stft_amplitude(x, fs, n_window, hop):
    if len(x) < 1:
        raise ValueError("no samples")
    if hop < 1:
        raise ValueError("frames must move on")
    m = np.arange(n_window)
    w = 0.5 - 0.5 * np.cos(2 * np.pi * m / n_window)
    columns, times, centre = [], [], 0
    while centre < len(x):
        piece = np.zeros(n_window)
        for j in range(n_window):
            place = centre + j - n_window // 2
            if 0 <= place < len(x):
                piece[j] = x[place]
        columns.append(piece * w)
        times.append(centre / fs)
        centre += hop
    angle = 2 * np.pi * np.outer(m, np.arange(n_window // 2 + 1)) / n_window
    frames = np.array(columns)
    amplitude = np.hypot(frames @ np.cos(angle), frames @ np.sin(angle)) / w.sum()
    last = n_window // 2 if n_window % 2 == 0 else n_window // 2 + 1
    amplitude[:, 1:last] = 2 * amplitude[:, 1:last]
    return np.arange(n_window // 2 + 1) * fs / n_window, np.array(times), amplitude.T

# %% task="window"
def choose_window(f1, f2, burst_s):
    low, high = sorted((f1, f2))
    if high == low or (high - low) * burst_s <= 1.5:
        raise ValueError("one of the two must be given up")
    return burst_s  # the longest window that still fits into a pause

# %% task="bands"
def band_power(x, fs, band, relative=False):
    length = int(round(4 * fs))
    low, high = band
    if np.shape(x)[1] < length or not low < high or high > fs / 2:
        raise ValueError("recording too short, or no such band")
    w = np.hanning(length + 1)[:-1]  # periodic
    powers = []
    for channel in x:
        total, count = 0.0, 0
        for start in range(0, len(channel) - length + 1, length // 2):
            piece = channel[start : start + length]
            spectrum = np.abs(np.fft.rfft((piece - piece.mean()) * w)) ** 2 / (fs * np.sum(w**2))
            spectrum[1:-1] *= 2
            total, count = total + spectrum, count + 1
        density = total / count
        chosen = sum(density[k] for k in range(len(density)) if low <= k / 4 < high) / 4
        powers.append(chosen / (sum(density[1:]) / 4) if relative else chosen)
    return np.array(powers)

# %% task="pulse"
def heart_rate(ppg, acc, fs):
    """What the accelerometer explains, now and a little earlier or later, is regressed out; the rest is the pulse."""
    n = len(ppg)
    if n != len(acc) or n / fs < 5:
        raise ValueError("at least 5 s of both are needed")
    taps = signal.firwin(2 * int(2 * fs) + 1, (0.6, min(8.0, 0.4 * fs)), pass_zero=False, fs=fs)
    x, a = (np.convolve(v - v.mean(), taps, "full")[len(taps) // 2 :][:n] for v in (ppg, acc))
    if a.std() > 1e-6:
        t = np.linspace(-1, 1, n)
        columns = [np.roll(a, k) * c for k in range(-int(0.3 * fs), int(0.3 * fs) + 1, 2) for c in (np.ones(n), t, t * t)]
        q, _ = np.linalg.qr(np.stack(columns, 1) + 1e-9 * np.random.default_rng(0).standard_normal((n, len(columns))))
        x = x - q @ (q.T @ x)
    rates = np.arange(42.0, 186.0, 0.25)
    waves = np.exp(-2j * np.pi * np.outer(rates / 60, np.arange(n) / fs))
    return float(rates[np.argmax(np.abs(waves @ (x * np.hanning(n))))])

# %% task="filter"
def through(x, taps):
    """An FIR filter of odd length without its delay; beyond the ends the end values go on."""
    half = len(taps) // 2
    padded = np.pad(x, ((0, 0), (half, half)), mode="edge")
    return signal.oaconvolve(padded, taps[None], mode="valid", axes=1)


def filter_ecg(x, fs, mains):
    if x.shape[1] == 0:
        raise ValueError("no samples")
    low = signal.firwin(2 * int(2.5 * fs) + 1, 0.55, fs=fs)
    stop = signal.firwin(2 * int(1.0 * fs) + 1, (mains - 1.7, mains + 1.7), fs=fs, pass_zero="bandstop")
    x = x - np.median(x, axis=1)[:, None]
    x = x - through(x, low)  # what is slow is wander
    return through(x, stop)

# %% task="wavelet"
def morlet_amplitude(x, fs, freqs, cycles=6.0):
    n = len(x)
    if n == 0 or min(freqs) <= 0 or max(freqs) >= fs / 2:
        raise ValueError("no samples, or an impossible frequency")
    x, place = x - sum(x) / n, np.arange(n)
    out = np.zeros((len(freqs), n))
    for i, f in enumerate(freqs):
        s = cycles / (2 * np.pi * f)
        c = 2 / (s * fs * np.sqrt(2 * np.pi))  # the Gaussian's values add up to its integral times fs
        wave = x * np.exp(-2j * np.pi * f * place / fs)
        for m in range(n):
            out[i, m] = abs(np.sum(wave * np.exp(-0.5 * ((place - m) / fs / s) ** 2))) * c
    return out

# %% task="blinks"
def remove_blinks(eeg, eog, fs):
    """The average shape of the blinks in each channel, scaled by each blink's height, is subtracted where they are."""
    eeg, n = np.array(eeg, float), len(eog)
    if n == 0:
        raise ValueError("no samples")
    width = max(1, int(0.04 * fs))
    kernel = np.hanning(2 * width + 3)
    smooth = np.convolve(np.pad(eog - np.median(eog), width + 1, mode="edge"), kernel / kernel.sum(), "valid")
    half = int(0.4 * fs)
    peaks = []
    for k in range(n):
        lower, upper = max(0, k - half), min(n, k + half + 1)
        if smooth[k] > 100 and smooth[k] == smooth[lower:upper].max():
            peaks.append(k)
    lags = np.arange(-half, half + 1)
    fade = np.clip((half - np.abs(lags)) / (0.1 * fs), 0, 1)
    inside = [k for k in peaks if half <= k < n - half]
    if not inside:
        return eeg
    for row in eeg:
        level = [np.median(row[k + lags]) for k in inside]
        template = np.mean([(row[k + lags] - b) / smooth[k] for k, b in zip(inside, level)], axis=0)
        template -= template[np.abs(lags) > 0.35 * fs].mean()
        # blinks differ in width, so each is fitted anew by the EOG's own course where the template says "blink"
        eog_shape = np.mean([smooth[k + lags] / smooth[k] for k in inside], axis=0)
        share = np.sum(template * eog_shape) / np.sum(eog_shape**2)
        for k in peaks:
            there = (k + lags >= 0) & (k + lags < n)
            row[(k + lags)[there]] -= share * (smooth[(k + lags)[there]] * fade[there])
    return eeg
