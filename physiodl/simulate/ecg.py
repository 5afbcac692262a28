"""One-lead ECG from beat times: waves, fibrillatory waves, noise.

Each beat is a sum of Gaussian bumps P, Q, R, S, T, the model of ECGSYN (McSharry et al. 2003) written in time instead
of phase, so that intervals behave as they do in people: PR and QRS hardly change with rate, QT shrinks with the square
root of RR (Bazett 1920). Amplitudes are in mV. Shapes differ between recordings as they do between people and hand
positions; these ranges are design values around textbook means.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import signal as sps


@dataclass(frozen=True)
class Shape:
    """How one person's beats look in this lead: per wave amplitude (mV), centre (s after R) and width (s)."""

    amplitude: dict[str, float]
    centre_s: dict[str, float]
    width_s: dict[str, float]


def draw_shape(rng: np.random.Generator) -> Shape:
    """A random person's beat. P waves range from clear to barely visible, as in recordings from two hands."""

    def around(mean: float, spread: float, low: float, high: float) -> float:
        return float(np.clip(rng.normal(mean, spread), low, high))

    r = float(np.clip(rng.lognormal(np.log(0.85), 0.30), 0.35, 1.8))
    amplitude = {
        "P": float(np.clip(rng.lognormal(np.log(0.065), 0.5), 0.015, 0.20)),
        "Q": -r * around(0.08, 0.05, 0.0, 0.2),
        "R": r,
        "S": -r * around(0.20, 0.14, 0.0, 0.55),
        "T": around(0.20, 0.10, -0.10, 0.45),
    }
    centre = {
        "P": -around(0.165, 0.022, 0.12, 0.23),
        "Q": -around(0.030, 0.004, 0.02, 0.04),
        "R": 0.0,
        "S": around(0.032, 0.005, 0.02, 0.045),
        "T": around(0.265, 0.020, 0.22, 0.31),  # at RR = 1 s; scales with the square root of RR
    }
    width = {
        "P": around(0.022, 0.004, 0.014, 0.032),
        "Q": around(0.010, 0.002, 0.006, 0.014),
        "R": around(0.0115, 0.002, 0.008, 0.017),
        "S": around(0.011, 0.002, 0.007, 0.016),
        "T": around(0.048, 0.008, 0.032, 0.07),
    }
    return Shape(amplitude, centre, width)


def beats(
    n_samples: int,
    fs: float,
    *,
    beat_s: np.ndarray,
    rr_s: np.ndarray,
    kind: np.ndarray,
    shape: Shape,
    p_wave: bool,
    rng: np.random.Generator,
) -> np.ndarray:
    """The clean ECG of a series of beats.

    Args:
        n_samples: length of the result.
        fs: sampling rate in Hz.
        beat_s: (n,) times of the R waves in seconds; may lie outside the recording.
        rr_s: (n,) interval before each beat in seconds.
        kind: (n,) 0 normal, 1 atrial ectopic, 2 ventricular ectopic.
        shape: how this person's beats look.
        p_wave: whether the atria contract before each beat (False in atrial fibrillation).
        rng: source of randomness.

    Returns:
        (n_samples,) mV.
    """
    narrow, wide = kind != 2, kind == 2
    jitter = 1 + 0.04 * rng.standard_normal(len(beat_s))  # breathing moves the heart: beats differ a little
    stretch = np.sqrt(np.clip(rr_s, 0.4, 1.4))
    ecg = np.zeros(n_samples)
    for wave in "QRST":
        centre = beat_s + shape.centre_s[wave] * (stretch if wave == "T" else 1.0)
        width = shape.width_s[wave] * (stretch if wave == "T" else 1.0)
        _add_bumps(ecg, fs, centre, shape.amplitude[wave] * jitter * narrow, width)
    if p_wave:
        height = shape.amplitude["P"] * (1 + 0.08 * rng.standard_normal(len(beat_s))) * narrow
        # an atrial ectopic's P wave starts elsewhere in the atria: other height, often on the T wave before
        height = np.where(kind == 1, height * rng.choice([-0.8, 0.6, 1.3]), height)
        _add_bumps(ecg, fs, beat_s + shape.centre_s["P"], height, shape.width_s["P"])
    if wide.any():
        r = shape.amplitude["R"] * rng.choice([-1.2, 1.3])
        _add_bumps(ecg, fs, beat_s + 0.01, r * jitter * wide, 0.034)
        _add_bumps(ecg, fs, beat_s + 0.075, -0.35 * r * jitter * wide, 0.032)
        _add_bumps(ecg, fs, beat_s + 0.30, -0.30 * r * jitter * wide, 0.065)
    return ecg


def fibrillatory_waves(
    n_samples: int, fs: float, *, amplitude_mv: float, frequency_hz: float, rng: np.random.Generator
) -> np.ndarray:
    """The undulating baseline of fibrillating atria: 4 to 9 Hz, drifting in rate and height, slightly sawtoothed.

    Returns:
        (n_samples,) mV; ``amplitude_mv`` is the typical peak height.
    """
    drift = _smooth_noise(n_samples, fs, 0.4, rng)
    phase = 2 * np.pi * np.cumsum(frequency_hz * (1 + 0.08 * drift)) / fs
    height = amplitude_mv * np.clip(1 + 0.35 * _smooth_noise(n_samples, fs, 0.5, rng), 0.2, 2.0)
    second = rng.uniform(0.15, 0.4)
    return height * (np.sin(phase) + second * np.sin(2 * phase + rng.uniform(0, 2 * np.pi)))


def noise(n_samples: int, fs: float, *, rng: np.random.Generator) -> np.ndarray:
    """What a hand-held recorder adds: wander, muscle, mains, motion. Knows nothing of the rhythm.

    Returns:
        (n_samples,) mV.
    """
    level = float(np.clip(rng.lognormal(np.log(0.022), 0.6), 0.006, 0.11))
    wander = rng.uniform(0.03, 0.20) * _smooth_noise(n_samples, fs, 0.35, rng)
    muscle = level * _smooth_noise(n_samples, fs, 70.0, rng)
    # in-band noise around 3 to 12 Hz: small movements of the fingers, which can pass for f-waves
    tremor = level * rng.uniform(0.2, 1.0) * _band_noise(n_samples, fs, 3.0, 12.0, rng)
    mains_hz = rng.choice([50.0, 60.0])
    mains = rng.exponential(0.006) * np.sin(2 * np.pi * mains_hz * np.arange(n_samples) / fs)
    total = wander + muscle + tremor + mains
    if rng.random() < 0.5:  # the fingers settle on the electrodes: a large swing that decays within a second or two
        decay = np.exp(-np.arange(n_samples) / fs / rng.uniform(0.2, 0.9))
        total += rng.normal(0, 1.0) * decay * np.cos(2 * np.pi * rng.uniform(0.1, 0.9) * np.arange(n_samples) / fs)
    for _ in range(rng.poisson(0.5)):  # motion artefact: a burst of one to four seconds
        start, length = rng.integers(0, n_samples), int(fs * rng.uniform(1.0, 4.0))
        burst = slice(start, min(start + length, n_samples))
        width = burst.stop - burst.start
        total[burst] += rng.uniform(0.1, 0.6) * np.hanning(width) * _band_noise(n_samples, fs, 0.5, 15.0, rng)[:width]
    return total


def ambulatory_noise(n_samples: int, fs: float, *, rng: np.random.Generator) -> np.ndarray:
    """What a recorder with glued electrodes adds: wander with breathing, some muscle and mains, motion now and then.

    Calmer than the `noise` of a hand-held one. Levels are design values; mains is 60 Hz, as where MIT-BIH was recorded.

    Returns:
        (n_samples,) mV.
    """
    time_s = np.arange(n_samples) / fs
    breathing = np.sin(2 * np.pi * rng.uniform(0.2, 0.3) * time_s + rng.uniform(0, 2 * np.pi))
    total = rng.uniform(0.03, 0.08) * breathing + rng.uniform(0.04, 0.12) * _smooth_noise(n_samples, fs, 0.3, rng)
    total += rng.uniform(0.006, 0.02) * _smooth_noise(n_samples, fs, 70.0, rng)
    total += rng.uniform(0.005, 0.02) * np.sin(2 * np.pi * 60.0 * time_s + rng.uniform(0, 2 * np.pi))
    for start in rng.integers(0, n_samples, rng.poisson(n_samples / fs / 40.0)):
        width = min(int(fs * rng.uniform(1.0, 4.0)), n_samples - start)
        burst = _band_noise(int(4 * fs), fs, 0.5, 15.0, rng)[:width]
        total[start : start + width] += rng.uniform(0.1, 0.5) * np.hanning(width) * burst
    return total


def recorder(x: np.ndarray, fs: float) -> np.ndarray:
    """What the recorder's electronics pass on: about 0.5 to 40 Hz, the monitoring bandwidth of hand-held devices."""
    return sps.sosfilt(_design(0.4, 40.0, fs), x)


def _add_bumps(ecg: np.ndarray, fs: float, centre_s: np.ndarray, height: np.ndarray, width_s) -> None:
    """Add a Gaussian around every centre, in place; it is cut at 5 widths, where it is below 4e-6 of its height."""
    width_s = np.broadcast_to(width_s, centre_s.shape)[:, None]
    reach = int(np.ceil(5 * width_s.max() * fs))
    sample = np.round(centre_s * fs).astype(int)[:, None] + np.arange(-reach, reach + 1)
    bump = height[:, None] * np.exp(-0.5 * ((sample / fs - centre_s[:, None]) / width_s) ** 2)
    inside = (sample >= 0) & (sample < len(ecg))
    np.add.at(ecg, sample[inside], bump[inside])


def _smooth_noise(n_samples: int, fs: float, cutoff_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise below ``cutoff_hz`` with unit standard deviation."""
    return _filtered_noise(n_samples, _design(None, cutoff_hz, fs), int(fs * min(4.0, 2.0 / cutoff_hz)), rng)


def _band_noise(n_samples: int, fs: float, low_hz: float, high_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise between ``low_hz`` and ``high_hz`` with unit standard deviation."""
    return _filtered_noise(n_samples, _design(low_hz, high_hz, fs), int(fs * min(4.0, 2.0 / low_hz)), rng)


def _filtered_noise(n_samples: int, sos: np.ndarray, lead_in: int, rng: np.random.Generator) -> np.ndarray:
    # the filter settles during the lead-in, before the recording starts
    x = sps.sosfilt(sos, rng.standard_normal(n_samples + lead_in))[lead_in:]
    return x / (x.std() + 1e-9)


@lru_cache(maxsize=32)  # designing a filter costs more than running it over a recording
def _design(low_hz: float | None, high_hz: float, fs: float) -> np.ndarray:
    band = high_hz if low_hz is None else (low_hz, high_hz)
    return sps.butter(2, band, "lowpass" if low_hz is None else "bandpass", fs=fs, output="sos")
