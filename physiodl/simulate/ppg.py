"""Photoplethysmogram: pulses of blood volume in a finger or at a wrist, and what walking adds to them.

A pulse is a systolic wave, its reflection after the dicrotic notch, and a slow run-off: a sum of Gaussians, as often
used to model pulses (Allen 2007 describes the shape; Rubins 2008 the decomposition). Breathing changes the pulses in
three ways (Charlton et al. 2016): their height, the baseline, and, through the heart, the intervals; the third comes
with ``beat_s``. Amplitudes are in arbitrary units: the light that comes back has no unit of its own.
"""

from __future__ import annotations

import numpy as np
from scipy import signal as sps

ARRIVAL_S = 0.2  # from R wave to the foot of the pulse at the finger: about 0.2 s at rest (Allen 2007)
# Centre and standard deviation in s after the foot at RR = 1 s, and height: design values around published pulses.
PULSE_PARTS = ((0.17, 0.062, 1.0), (0.30, 0.10, 0.42), (0.50, 0.075, 0.30), (0.62, 0.15, 0.16))
BREATHING_HZ = (0.2, 0.3)  # 12 to 18 breaths per minute, adults at rest
HEIGHT_MODULATION, BASELINE_MODULATION = 0.08, 0.12  # of the pulse height: design values
CADENCE_HZ = 1.85  # 111 steps per minute, an ordinary walk (Tudor-Locke et al. 2018: 100 is moderate effort)


def pulses(n: int, fs: float, *, beat_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The PPG of a hand at rest.

    Args:
        n: samples.
        fs: sampling rate in Hz, at least 20.
        beat_s: (beats,) ascending times of the R waves in seconds; may lie outside the recording, and should start two
            seconds before it so that no pulse is missing. Each pulse's foot follows 0.2 s later, its peak 0.37 s.
        rng: source of randomness (breathing, noise).

    Returns:
        (n,) a.u.; a pulse is about 1 high, breathing moves the baseline, noise is about 1 % of a pulse.

    Raises:
        ValueError: n below 2, fs below 20 Hz, beat_s not ascending.
    """
    _check(n, fs)
    beat_s = np.asarray(beat_s, dtype=float)
    if beat_s.ndim != 1 or not (np.diff(beat_s) > 0).all():
        raise ValueError(f"got beat_s of shape {beat_s.shape}, expected (beats,) ascending times in s, not intervals")
    time_s = np.arange(n) / fs
    breathing = 2 * np.pi * rng.uniform(*BREATHING_HZ), rng.uniform(0, 2 * np.pi)
    height = 1 + HEIGHT_MODULATION * np.sin(breathing[0] * beat_s + breathing[1])
    # a longer interval fills the heart better: the pulse after it is higher
    rr_s = np.diff(beat_s, prepend=beat_s[:1] - (np.median(np.diff(beat_s)) if len(beat_s) > 1 else 0.8))
    height *= np.clip(rr_s / np.median(rr_s), 0.5, 1.5) ** 0.3 if len(rr_s) else 1.0
    x = np.zeros(n)
    # ejection shortens with the interval
    stretch = np.sqrt(np.clip(np.diff(beat_s, append=beat_s[-1:] + 0.8), 0.4, 1.4))
    for beat, h, s in zip(beat_s, height, stretch, strict=True):
        first, last = np.searchsorted(time_s, (beat, beat + ARRIVAL_S + 1.3 * s))
        t = time_s[first:last] - beat - ARRIVAL_S
        for centre, width, share in PULSE_PARTS:
            x[first:last] += h * share * np.exp(-0.5 * ((t - centre * s) / (width * s)) ** 2)
    x += BASELINE_MODULATION * np.sin(breathing[0] * time_s + breathing[1] + 0.8)
    return x + 0.05 * _below(n, fs, 0.1, rng) + 0.008 * rng.standard_normal(n)


def motion(n: int, fs: float, *, rng: np.random.Generator, cadence_hz: float = CADENCE_HZ) -> np.ndarray:
    """What walking adds to a PPG: the artefact of `walking` without its acceleration; (n,) a.u., rms about 1."""
    return walking(n, fs, rng=rng, cadence_hz=cadence_hz)[0]


def walking(
    n: int, fs: float, *, rng: np.random.Generator, cadence_hz: float = CADENCE_HZ
) -> tuple[np.ndarray, np.ndarray]:
    """Artefact in the PPG of somebody who walks, and the acceleration of the wrist.

    Both follow the steps: a wave at the cadence, its second harmonic, and one at half of it (the arm swings once in two
    steps). A cadence near the heart rate hides the pulse in the spectrum; the acceleration tells which peak is whose.

    Args:
        n: samples.
        fs: sampling rate in Hz, at least 20.
        rng: source of randomness.
        cadence_hz: steps per second, 0.5 to 4.

    Returns:
        artefact (n,) a.u. with root mean square 1, to be scaled and added; acceleration (n,) a.u., rms 1.

    Raises:
        ValueError: n below 2, fs below 20 Hz, cadence outside 0.5 to 4 Hz.
    """
    _check(n, fs)
    if not 0.5 <= cadence_hz <= 4.0:
        raise ValueError(f"got cadence_hz={cadence_hz}, expected 0.5 to 4 steps per second (Hz, not steps per minute)")
    # step intervals vary by 2 to 3 % from step to step (Hausdorff et al. 1996 report such coefficients of variation)
    phase = 2 * np.pi * np.cumsum(cadence_hz * (1 + 0.015 * _below(n, fs, 0.2, rng))) / fs
    artefact, acceleration = np.zeros(n), np.zeros(n)
    for harmonic, light, force in ((0.5, 0.45, 0.5), (1.0, 1.0, 1.0), (2.0, 0.4, 0.55), (3.0, 0.15, 0.3)):
        offset = rng.uniform(0, 2 * np.pi)
        swell = np.clip(1 + 0.25 * _below(n, fs, 0.3, rng), 0.3, 1.9)
        artefact += light * swell * np.cos(harmonic * phase + offset)
        acceleration += force * np.cos(harmonic * phase + offset + rng.uniform(-0.8, 0.8))
    artefact += 0.25 * _below(n, fs, 0.5, rng)
    acceleration += 0.15 * rng.standard_normal(n)
    return _unit(artefact), _unit(acceleration)


def _check(n: int, fs: float) -> None:
    if not fs >= 20:
        raise ValueError(f"got fs={fs}, expected at least 20 Hz: a pulse has waves of up to 8 Hz")
    if n < 2:
        raise ValueError(f"got n={n}, expected at least 2 samples: n counts samples, not seconds")


def _below(n: int, fs: float, cutoff_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise below ``cutoff_hz``, unit standard deviation before it is cut out."""
    lead_in = int(2 * fs / cutoff_hz)
    x = sps.sosfilt(sps.butter(2, cutoff_hz, fs=fs, output="sos"), rng.standard_normal(n + 2 * lead_in))[lead_in:]
    return (x / x.std())[:n]


def _unit(x: np.ndarray) -> np.ndarray:
    x = x - x.mean()
    return x / np.sqrt(np.mean(x**2))
