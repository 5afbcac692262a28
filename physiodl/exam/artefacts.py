"""Filters, a pulse wave under motion and an EEG with blinks for assignment 02, and how answers to it are measured.

What is made comes from a seed, with the truth beside it. The numbers are design values around textbook means; each
docstring names the sources it leans on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from physiodl.exam.checks import ExamError, numbers
from physiodl.handed import BLINK_SHARE, blink_recording, clean_ecg, noise, noisy_ecg  # noqa: F401

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


def rate_is(ask: Callable, ppg: np.ndarray, fs: float, bpm: float, within: float, *, what: str) -> None:
    """Check the heart rate that ``ask(ppg, acc, fs)`` reads at rest, where ``acc`` is zeros; the message says why.

    On failure it is asked once more with an accelerometer that shows a distant step: right then, silence was the cause.
    """
    silent = "acc is all zeros at rest: dividing by its maximum gives NaN (0/0), and argmax of NaN is the first place"
    got = _number(ask(ppg.copy(), np.zeros(len(ppg)), fs))
    if abs(got - bpm) <= within:
        return
    cause = "a harmonic, or breathing or wander instead of the heart; or a method that counts single beats"
    if abs(60 * got - bpm) <= 5:
        cause = "beats per second instead of per minute"
    else:
        step = np.sin(2 * np.pi * (3.0 if bpm < 100 else 0.75) * np.arange(len(ppg)) / fs)
        again = _number(ask(ppg.copy(), 0.3 * step, fs))
        if abs(again - bpm) <= within or not np.isfinite(got):
            cause = silent
    raise ExamError(f"got {got:.1f} beats per minute {what}, expected {bpm:.1f} within {within:g}", cause)


def _number(told) -> float:
    """A number as it is, NaN too; what else comes back is refused as everywhere."""
    value = np.asarray(told)
    return float(value) if value.dtype.kind in "fiu" and value.ndim == 0 else float(numbers(told, shape=()))


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
