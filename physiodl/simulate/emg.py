"""Surface EMG: bursts of interfering motor units while a muscle contracts, almost silence between them.

The spectrum is the model that Stulen and De Luca (1981) fitted to surface recordings: power proportional to
f^2 / ((f^2 + fl^2) (f^2 + fh^2)^2), with fl = 60 Hz and fh = 120 Hz. Nearly all of it lies between 20 and 250 Hz.
"""

from __future__ import annotations

import numpy as np
from scipy import signal as sps

LOW_HZ, HIGH_HZ = 60.0, 120.0  # Stulen and De Luca 1981: fl and fh, typical of a fresh muscle
HIGH_PASS_HZ = 20.0  # recommended corner against movement of the electrodes (De Luca et al. 2010)
LOWEST_FS = 500.0  # Hz: what lies above 250 Hz would fold back
REST_UV = 4.0  # root mean square of skin and amplifier noise at rest: design value
RAMP_S = 0.12  # in which a contraction rises to its height, and falls: design value


def bursts(n: int, fs: float, *, on_s: np.ndarray, rng: np.random.Generator, amplitude_uv: float = 200.0) -> np.ndarray:
    """EMG of a muscle that contracts now and then.

    Args:
        n: samples.
        fs: sampling rate in Hz, at least 500.
        on_s: (k, 2) start and end of each contraction in seconds; may reach outside the recording. (0, 2): rest only.
        rng: source of randomness.
        amplitude_uv: root mean square at the height of a burst; 50 to 1,000 uV, more with more force.

    Returns:
        (n,) uV. A burst starts to rise at its start and is gone at its end.

    Raises:
        ValueError: fs below 500 Hz, n below 2, on_s of another shape or with an end before its start.
    """
    if not fs >= LOWEST_FS:
        raise ValueError(f"got fs={fs:g} Hz, expected at least {LOWEST_FS:g} Hz: EMG reaches up to 250 Hz and beyond")
    if n < 2:
        raise ValueError(f"got n={n}, expected at least 2 samples: n counts samples, not seconds")
    on_s = np.asarray(on_s, dtype=float)
    if on_s.ndim != 2 or on_s.shape[1] != 2 or not (on_s[:, 1] > on_s[:, 0]).all():
        raise ValueError(
            f"got on_s of shape {on_s.shape}, expected (contractions, 2): start and end in seconds, end after start"
        )
    force = envelope(n, fs, on_s=on_s)
    level = 1 + 0.15 * _slow(n, fs, rng)  # no contraction is held perfectly still
    return amplitude_uv * force * np.clip(level, 0.5, 1.5) * _interference(n, fs, rng) + REST_UV * _white(n, fs, rng)


def envelope(n: int, fs: float, *, on_s: np.ndarray) -> np.ndarray:
    """How strongly the muscle contracts: (n,) from 0 to 1, with smooth ramps of 0.12 s inside each contraction."""
    time_s = np.arange(n) / fs
    force = np.zeros(n)
    for start, stop in np.asarray(on_s, dtype=float):
        ramp = min(RAMP_S, (stop - start) / 2)
        rise, fall = np.clip((time_s - start) / ramp, 0, 1), np.clip((stop - time_s) / ramp, 0, 1)
        force = np.maximum(force, np.sin(0.5 * np.pi * np.minimum(rise, fall)) ** 2)
    return force


def _interference(n: int, fs: float, rng: np.random.Generator) -> np.ndarray:
    """Noise with the spectrum of the interference pattern and unit root mean square."""
    length = 2 * n + 64  # cut from twice the length: see simulate.eeg.background
    f = np.fft.rfftfreq(length, 1 / fs)
    gain = f / (np.sqrt(f**2 + LOW_HZ**2) * (f**2 + HIGH_HZ**2))
    gain *= 1 / np.sqrt(1 + (HIGH_PASS_HZ / np.maximum(f, 1e-6)) ** 4)  # a second-order Butterworth high-pass
    x = np.fft.irfft(np.fft.rfft(rng.standard_normal(length)) * gain, length)
    # normalised by its expected power, not by this piece's: a short piece keeps its chance of being strong or weak
    return x[:n] / np.sqrt(np.mean(x**2))


def _white(n: int, fs: float, rng: np.random.Generator) -> np.ndarray:
    sos = sps.butter(2, HIGH_PASS_HZ, "highpass", fs=fs, output="sos")
    return sps.sosfilt(sos, rng.standard_normal(n + int(fs / 4)))[int(fs / 4) :]


def _slow(n: int, fs: float, rng: np.random.Generator) -> np.ndarray:
    """Noise below 3 Hz with unit standard deviation."""
    lead_in = int(fs)
    x = sps.sosfilt(sps.butter(2, 3.0, fs=fs, output="sos"), rng.standard_normal(n + lead_in))
    return x[lead_in:] / x[lead_in:].std()
