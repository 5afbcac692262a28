"""Signals with a known truth for assignment 02, and how answers to it are measured from outside.

Everything is made from a seed: a sum of rhythms, a pulse wave under motion, an EEG with blinks. The numbers are design
values around textbook means; each docstring names the sources it leans on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import signal

from physiodl.exam.checks import ExamError, numbers
from physiodl.exam.probes import clean_ecg

# How much of a blink each EEG channel sees, relative to the EOG: much above the eyes, little at the back of the head
# (the order of Gratton, Coles and Donchin 1983; design values).
BLINK_SHARE = {"Fp1": 0.40, "F3": 0.16, "C3": 0.06, "O1": 0.02}


def refuses(function: Callable, *arguments) -> bool:
    """Whether ``function(*arguments)`` ends in a ValueError, its own or one of a library; other errors go on."""
    try:
        function(*arguments)
    except ValueError:
        return True
    return False


def factor_cause(got: float, true: float, n: int, window_gain: float = 1.0) -> str:
    """The likely cause when an amplitude comes out as ``got`` instead of ``true``, from the factor between them.

    ``n`` is the number of samples, ``window_gain`` the mean of the window.
    """
    factor = abs(got) / abs(true)
    if factor < 1e-6:
        return "nothing is left: removed before the FFT, or the bin set to zero"
    known = [  # the first that fits
        (
            0.5 if window_gain == 1 else np.nan,
            "the half at negative frequencies is missing: double the bins between 0 Hz and fs/2",
        ),
        (2.0, "doubled twice, or a bin doubled that has no partner (0 Hz, and fs/2 of an even number of samples)"),
        (window_gain, "divided by the number of samples: divide by the sum of the window instead"),
        (window_gain / 2, "neither doubled nor divided by the sum of the window"),
        (n * window_gain / 2, "not divided by the sum of the window (for a boxcar, the number of samples)"),
        (n * window_gain, "not divided by the sum of the window (for a boxcar, the number of samples)"),
        (1 / np.sqrt(2), "an effective value (root mean square) instead of an amplitude"),
        (abs(true), "power (amplitude squared) instead of amplitude"),
        (abs(true) / 2, "power (amplitude squared over 2) instead of amplitude"),
        (abs(true) / 4, "power instead of amplitude, and not doubled"),
    ]
    for value, cause in known:
        if abs(factor / value - 1) < 0.005:
            return cause
    return "another scaling: |FFT| divided by the sum of the window, doubled between 0 Hz and fs/2"


def amplitude_is(got, true: float, n: int, *, what: str, window_gain: float = 1.0, rtol: float = 1e-6) -> None:
    """Check one amplitude; the message names the cause that fits the factor between got and true."""
    value = float(numbers(got, shape=(), what=what))
    if abs(value - true) > rtol * abs(true):
        raise ExamError(f"got {what} = {value:.6g}, expected {true:.6g}", factor_cause(value, true, n, window_gain))


def noise(n: int, fs: float, *, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Random noise whose power falls as 1/f^exponent above 0.5 Hz, (n,) with standard deviation 1.

    The background of the EEG falls like that, with exponents of 1 to 2 (He 2014).
    """
    spectrum = np.fft.rfft(rng.standard_normal(n))
    freqs = np.fft.rfftfreq(n, 1 / fs)
    shaped = np.fft.irfft(spectrum / np.maximum(freqs, 0.5) ** (exponent / 2), n)
    return (shaped - shaped.mean()) / shaped.std()


# --- time and frequency ---


def middle(rows) -> float:
    """The middle value of a single row of amplitudes (1, samples), which must be above 0."""
    row = numbers(rows, shape=(1, None), what="amplitude")[0]
    value = float(row[len(row) // 2])
    if value <= 0:
        raise ExamError(f"got {value:g} in the middle of a sine of amplitude 1, expected 1", "a wavelet of zeros")
    return value


def _seen(x: np.ndarray, fs: float, window_s: float, freqs: np.ndarray, centre_s: np.ndarray) -> np.ndarray:
    """Amplitude (times, freqs) that a Hann window of ``window_s`` shows, at any frequency and any moment."""
    n = max(2, round(window_s * fs))
    window = signal.get_window("hann", n)
    padded = np.concatenate([np.zeros(n), x, np.zeros(n)])
    starts = np.round(np.asarray(centre_s) * fs).astype(int) - n // 2 + n
    waves = np.exp(-2j * np.pi * np.outer(np.arange(n) / fs, freqs))
    parts = padded[starts[:, None] + np.arange(n)] * window
    return 2 * np.abs(parts @ waves) / window.sum()


def valley(window_s: float, f1: float, f2: float, *, fs: float = 200.0) -> float:
    """How far two steady rhythms melt into one in an STFT with a Hann window of ``window_s`` seconds.

    Both have amplitude 1. The amplitude half-way between their frequencies is divided by the lower of their two peaks;
    the worst of 60 moments counts, as their phases run against each other.

    Returns:
        0 where they stand apart, 1 or more where there is no valley between them.
    """
    seconds = 2 * window_s + 4 / abs(f2 - f1)
    t = np.arange(round(seconds * fs)) / fs
    x = np.sin(2 * np.pi * f1 * t) + np.sin(2 * np.pi * f2 * t)
    moments = seconds / 2 + np.linspace(0, 1 / abs(f2 - f1), 60)
    amplitude = _seen(x, fs, window_s, np.array([f1, (f1 + f2) / 2, f2]), moments)
    return float(np.max(amplitude[:, 1] / np.minimum(amplitude[:, 0], amplitude[:, 2])))


def burst_contrast(window_s: float, freq: float, burst_s: float, *, fs: float = 200.0) -> tuple[float, float]:
    """What a Hann window of ``window_s`` seconds shows of two bursts of amplitude 1 with a pause between them.

    Bursts and pause last ``burst_s`` each.

    Returns:
        The amplitude in the middle of the first burst (1 is right) and in the middle of the pause (0 is right).
    """
    t = np.arange(round(3 * burst_s * fs)) / fs
    x = np.sin(2 * np.pi * freq * t) * ((t < burst_s) | (t >= 2 * burst_s))
    burst, pause = _seen(x, fs, window_s, np.array([freq]), np.array([0.5, 1.5]) * burst_s)[:, 0]
    return float(burst), float(pause)


def scipy_stft(x: np.ndarray, fs: float, n_window: int, hop: int) -> np.ndarray:
    """What `scipy.signal.ShortTimeFFT` gives: one-sided amplitude (frequencies, frames), frame k centred on k * hop.

    SciPy refuses signals shorter than half a window; zeros at the end, which it would put there anyway, help.
    """
    transform = signal.ShortTimeFFT(
        signal.get_window("hann", n_window), hop, fs, fft_mode="onesided2X", scale_to="magnitude"
    )
    padded = np.concatenate([x, np.zeros(max(0, n_window - len(x)))])
    return np.abs(transform.stft(padded, p0=0, p1=-(-len(x) // hop)))


def wavelet_sum(x: np.ndarray, fs: float, freq: float, cycles: float) -> np.ndarray:
    """The Morlet transform by its definition, sample by sample: slow, and exact up to rounding. (samples,)"""
    width = cycles / (2 * np.pi * freq)
    n = len(x)
    lag = np.arange(-n, n + 1) / fs
    wide = np.arange(-round(9 * width * fs), round(9 * width * fs) + 1) / fs
    gain = 2 / np.exp(-0.5 * (wide / width) ** 2).sum()
    wave = gain * np.exp(-0.5 * (lag / width) ** 2 - 2j * np.pi * freq * lag)
    centred = x - x.mean()
    # row k holds the wavelet as it stands when it is centred on sample k
    return np.abs(np.array([centred @ wave[n - k : 2 * n - k] for k in range(n)]))


# --- filters ---


def response(apply: Callable, fs: float, mains: float, freqs, *, seconds: float = 40.0) -> np.ndarray:
    """Gain of a filter at each frequency, complex, measured with sines.

    One sine per channel goes in; amplitude and phase of what comes out are fitted by least squares in the middle half,
    away from the edges.

    Args:
        apply: the filter, called with (channels, samples), ``fs`` and ``mains``; it returns the same shape.
        fs: sampling rate in Hz.
        mains: frequency of mains in Hz.
        freqs: (channels,) Hz.
        seconds: length of the recording.

    Returns:
        (channels,) complex: its magnitude is the gain, its angle the phase shift in radians.
    """
    freqs = np.asarray(freqs, dtype=float)
    t = np.arange(round(seconds * fs)) / fs
    waves = np.exp(2j * np.pi * freqs[:, None] * t)
    out = numbers(apply(waves.imag.copy(), fs, mains), shape=waves.shape, what="filtered sines")
    middle = slice(len(t) // 4, 3 * len(t) // 4)
    gains = []
    for wave, row in zip(waves[:, middle], out[:, middle], strict=True):
        columns = np.stack([wave.imag, wave.real, np.ones(len(row))], axis=1)
        in_phase, quadrature, _ = np.linalg.lstsq(columns, row, rcond=None)[0]
        gains.append(in_phase + 1j * quadrature)
    return np.array(gains)


def noisy_ecg(seconds: float, fs: float, mains: float, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A sinus rhythm with wander (0.1 and 0.2 Hz, about 1 mV) and mains (0.2 mV).

    Returns:
        noisy (samples,) mV, clean (samples,) mV, R waves as sample numbers.
    """
    clean = clean_ecg(seconds, fs, seed=seed)
    rng = np.random.default_rng((seed, 0x3A11))
    t = np.arange(len(clean)) / fs
    a, b, c = rng.uniform(0, 2 * np.pi, 3)
    wander = 0.7 * np.sin(2 * np.pi * 0.1 * t + a) + 0.5 * np.sin(2 * np.pi * 0.2 * t + b)
    noisy = clean + wander + 0.2 * np.sin(2 * np.pi * mains * t + c)
    r_waves, _ = signal.find_peaks(clean, height=0.6 * clean.max(), distance=round(0.3 * fs))
    return noisy, clean, r_waves


def qrs_error(filtered: np.ndarray, clean: np.ndarray, r_waves: np.ndarray, fs: float, *, edge_s: float = 1.5) -> float:
    """Largest difference within 60 ms of an R wave, as a share of that wave's height; the median over the beats.

    The mean of those 120 ms is taken off both signals first, so that only shape, height and place count. Beats in the
    first and last ``edge_s`` seconds are left out.
    """
    half = round(0.06 * fs)
    edge = round(edge_s * fs)
    errors = []
    for r in r_waves[(r_waves >= edge) & (r_waves < len(clean) - edge)]:
        a, b = filtered[r - half : r + half + 1], clean[r - half : r + half + 1]
        errors.append(np.abs((a - a.mean()) - (b - b.mean())).max() / np.ptp(b))
    return float(np.median(errors))


# --- pulse wave under motion ---


def pulse_recording(
    fs: float, *, seed: int, seconds: float = 30.0, bpm: float | None = None, moving: bool = True
) -> tuple[np.ndarray, np.ndarray, float]:
    """A pulse wave at the wrist with the accelerometer beside it, while somebody walks or runs. Simulated.

    Each beat is a systolic and a dicrotic bump. Motion reaches the pulse wave through an unknown, slowly changing path,
    and is 1.2 to 3 times as large as the pulse: the situation of the wrist recordings in Zhang et al. (2015). The
    cadence lies 0.2 to 0.5 Hz from the heart rate.

    Args:
        fs: sampling rate in Hz.
        seed: of everything that is random.
        seconds: length.
        bpm: heart rate in beats per minute; drawn from 65 to 150 where not given.
        moving: whether there is motion; without it the accelerometer reads zero.

    Returns:
        ppg (samples,) in arbitrary units, acc (samples,) in g without gravity, mean heart rate in beats per minute.
    """
    rng = np.random.default_rng((seed, 0x99E))
    n = round(seconds * fs)
    t = np.arange(n) / fs
    rate = (rng.uniform(65, 150) if bpm is None else bpm) / 60
    # the rate drifts by two or three percent, as it does within half a minute
    drift = 1 + 0.02 * np.sin(2 * np.pi * t / rng.uniform(20, 40) + rng.uniform(0, 2 * np.pi))
    drift += 0.008 * np.sin(2 * np.pi * 0.25 * t + rng.uniform(0, 2 * np.pi))  # breathing
    phase = np.cumsum(rate * drift) / fs + rng.uniform()
    within = (phase % 1.0) * 2 * np.pi
    pulse = np.exp(2.2 * (np.cos(within) - 1)) + 0.3 * np.exp(4 * (np.cos(within - 2.4) - 1))
    pulse = (pulse - pulse.mean()) / pulse.std()
    wander = 0.6 * noise(n, fs, exponent=2.0, rng=rng) + 0.5 * np.sin(2 * np.pi * rng.uniform(0.2, 0.3) * t)
    ppg, acc = pulse + wander + 0.4 * rng.standard_normal(n), np.zeros(n)
    if moving:
        gap = rng.uniform(0.12, 0.45) * rng.choice([-1, 1])
        cadence = rate + gap if rate + gap > 0.8 else rate + abs(gap)
        steps = np.cumsum(cadence * (1 + 0.004 * noise(n, fs, exponent=2.0, rng=rng))) / fs
        second, half = rng.uniform(0.4, 0.9), rng.uniform(0.1, 0.5)  # harmonic; swing of the arm, every other step
        parts = [(1.0, steps), (second, 2 * steps), (half, steps / 2)]
        angles = rng.uniform(0, 2 * np.pi, (2, 3))
        acc = sum(a * np.sin(2 * np.pi * s + p) for (a, s), p in zip(parts, angles[0], strict=True))
        loose = 1 + 0.35 * noise(n, fs, exponent=2.0, rng=rng)  # the strap: coupling changes from moment to moment
        coupled = sum(a * np.sin(2 * np.pi * s + p) for (a, s), p in zip(parts, angles[1], strict=True))
        ppg = ppg + rng.uniform(1.5, 4.0) * loose * coupled / coupled.std()
        acc = 0.4 * acc + 0.03 * rng.standard_normal(n)
    gain = 10 ** rng.uniform(-1, 1)
    true_bpm = 60 * (phase[-1] - phase[0]) / (t[-1] - t[0])
    return gain * (ppg + 5), acc, float(true_bpm)


def rate_errors(
    ask: Callable[[np.ndarray, np.ndarray, float], object], *, n: int, seed: int, moving: bool = True
) -> np.ndarray:
    """Errors (n,) in beats per minute of ``ask(ppg, acc, fs)`` on ``n`` recordings at 25, 50 or 64 Hz."""
    errors = []
    for k in range(n):
        fs = (25.0, 50.0, 64.0)[k % 3]
        ppg, acc, bpm = pulse_recording(fs, seed=1000 * seed + k, moving=moving)
        errors.append(abs(float(numbers(ask(ppg, acc, fs), shape=(), what="heart rate")) - bpm))
    return np.array(errors)


# --- blinks ---


def blink_recording(fs: float, *, seed: int, seconds: float = 40.0, blinking: bool = True) -> dict[str, np.ndarray]:
    """Four EEG channels and an EOG with blinks, and the EEG as it would be without them. Simulated.

    Fifteen to twenty blinks a minute, each about 0.3 s, closing faster than opening, of 200 to 400 uV in the EOG; in
    the EEG they are smaller by `BLINK_SHARE`. The EOG also holds a third of the frontal EEG: whoever subtracts it as
    it is takes brain activity away with the blinks (Croft and Barry 2000).

    Returns:
        A dict: ``eeg`` and ``truth`` (4, samples) uV, ``eog`` (samples,) uV, ``blink_s`` their peaks in seconds,
        ``near`` (samples,) True within 0.35 s of a peak.
    """
    rng = np.random.default_rng((seed, 0xB11))
    n = round(seconds * fs)
    t = np.arange(n) / fs
    common = noise(n, fs, exponent=1.2, rng=rng)
    alpha = np.sin(2 * np.pi * rng.uniform(9, 11) * t) * (1 + 0.6 * noise(n, fs, exponent=2.0, rng=rng))
    theta = np.sin(2 * np.pi * rng.uniform(5, 7) * t) * (1 + 0.6 * noise(n, fs, exponent=2.0, rng=rng))
    rows = []
    for alpha_uv, theta_uv in ((4, 8), (5, 7), (8, 5), (16, 2)):  # alpha is strongest at the back, theta in front
        own = noise(n, fs, exponent=1.2, rng=rng)
        rows.append(6 * common + 7 * own + alpha_uv * alpha + theta_uv * theta)
    truth = np.stack(rows)
    blink_s = np.zeros(0)
    if blinking:
        gaps = rng.uniform(2.2, 4.8, int(seconds))
        blink_s = rng.uniform(0.8, 2.0) + np.concatenate([[0.0], np.cumsum(gaps)])
        blink_s = blink_s[blink_s < seconds - 0.8]
    blinks = np.zeros(n)
    for centre in blink_s:
        rise, fall = rng.uniform(0.045, 0.06), rng.uniform(0.07, 0.10)
        width = np.where(t < centre, rise, fall)
        blinks += rng.uniform(200, 400) * np.exp(-0.5 * ((t - centre) / width) ** 2)
    eog = blinks + 0.3 * truth[0] + 4 * noise(n, fs, exponent=1.0, rng=rng)
    share = np.array(list(BLINK_SHARE.values())) * rng.uniform(0.8, 1.25)
    near = np.zeros(n, bool)
    for centre in blink_s:
        near |= np.abs(t - centre) <= 0.35
    return {"eeg": truth + share[:, None] * blinks, "truth": truth, "eog": eog, "blink_s": blink_s, "near": near}


def blink_average(x: np.ndarray, blink_s: np.ndarray, fs: float) -> float:
    """Height of the average around all blinks, in the unit of ``x``: its mean within 50 ms of the peaks.

    Brain activity is not locked to blinks and averages out; what is left of the blinks does not. The level from 0.4 to
    0.5 s before and after each blink is the baseline.
    """
    centre = np.round(blink_s * fs).astype(int)
    lags = np.arange(-round(0.5 * fs), round(0.5 * fs) + 1)
    mean = x[np.clip(centre[:, None] + lags, 0, len(x) - 1)].mean(axis=0)
    return float(mean[np.abs(lags) <= 0.05 * fs].mean() - mean[np.abs(lags) >= 0.4 * fs].mean())


def likeness(x: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Correlation of two signals (0 where one is constant), and the variance of the first over that of the second."""
    a, b = x - x.mean(), truth - truth.mean()
    spread = float(np.sqrt(np.mean(a**2) * np.mean(b**2)))
    return (float(np.mean(a * b)) / spread if spread > 1e-12 else 0.0), float(np.mean(a**2) / np.mean(b**2))
