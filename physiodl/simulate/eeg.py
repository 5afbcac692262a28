"""EEG piece by piece: background, rhythms, spindles, K-complexes, blinks, in microvolts.

Positive is up, as in a file; many clinical plots draw negative up. Amplitudes differ between people and electrodes by a
factor of two or three: those here are design values inside the ranges of the sources named.
"""

from __future__ import annotations

import numpy as np
from scipy import signal as sps

FLATTEN_HZ = 0.5  # design value: below, the 1/f background is flat, as behind an amplifier's high-pass
RHYTHM_BANDWIDTH_HZ = 0.5  # design value: alpha swells and fades within one to three seconds
BLINK_RISE_S, BLINK_FALL_S = 0.045, 0.085  # design values: the lid closes faster than it opens; about 0.3 s in all
SHORTEST_BLINK_GAP_S = 0.6  # design value
# Evoked K-complexes: N550 and P900, named after their latency in ms (Colrain 2005), with a small P200 before. Here:
# seconds after the start of the wave, standard deviation in seconds, height relative to the negative peak.
K_PARTS = ((0.14, 0.045, 0.12), (0.42, 0.085, -1.0), (0.78, 0.16, 0.62))
K_SECONDS = 1.4


def background(
    n: int, fs: float, *, rng: np.random.Generator, exponent: float = 1.2, rms_uv: float = 10.0
) -> np.ndarray:
    """Activity without rhythm: Gaussian noise whose power falls as 1 / f ** exponent.

    Args:
        n: samples.
        fs: sampling rate in Hz.
        rng: source of randomness.
        exponent: slope of the power spectrum above 0.5 Hz; 1 to 2 in people awake, steeper asleep (Donoghue et al.
            2020 review and measure it).
        rms_uv: root mean square of the result.

    Returns:
        (n,) uV with mean 0.
    """
    _check(n, fs)
    # drawn longer and cut: noise made from a spectrum repeats itself, so its end would fit its start
    length = 2 * n + 16
    freqs = np.maximum(np.fft.rfftfreq(length, 1 / fs), FLATTEN_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(length)) * freqs ** (-exponent / 2)
    return rms_uv * _standard(np.fft.irfft(spectrum, length)[:n])


def rhythm(
    n: int, fs: float, *, freq: float, amplitude_uv: float, rng: np.random.Generator, waxing: bool = True
) -> np.ndarray:
    """A rhythm such as alpha: nearly a sine, its phase wandering, swelling and fading when ``waxing``.

    Args:
        n: samples.
        fs: sampling rate in Hz.
        freq: in Hz, below fs/2; alpha of adults is 8 to 13.
        amplitude_uv: of the sine of equal power: the mean square of the result is amplitude_uv ** 2 / 2. Alpha of 20
            to 60 uV is ordinary at occipital electrodes with the eyes closed.
        rng: source of randomness.
        waxing: False keeps height and frequency constant.

    Returns:
        (n,) uV.
    """
    _check(n, fs)
    if not 0 < freq < fs / 2:
        raise ValueError(f"got freq={freq:g} Hz at fs={fs:g} Hz, expected 0 < freq < {fs / 2:g} Hz (fs/2)")
    time_s = np.arange(n) / fs
    start = rng.uniform(0, 2 * np.pi)
    if not waxing:
        return amplitude_uv * np.sin(2 * np.pi * freq * time_s + start)
    # narrow-band Gaussian noise: what many weakly coupled generators of nearly one frequency add up to
    lead_in = int(np.ceil(4 * fs / RHYTHM_BANDWIDTH_HZ))
    drive = rng.standard_normal((2, n + lead_in))
    sos = sps.butter(2, RHYTHM_BANDWIDTH_HZ, fs=fs, output="sos")
    slow = sps.sosfilt(sos, drive, axis=-1)[:, lead_in:]
    envelope = (slow[0] + 1j * slow[1]) * np.exp(1j * start)
    wave = (envelope * np.exp(2j * np.pi * freq * time_s)).real
    return amplitude_uv / np.sqrt(2) * wave / np.sqrt(np.mean(wave**2))


def spindle(fs: float, *, freq: float = 13.0, seconds: float = 0.9, amplitude_uv: float = 40.0) -> np.ndarray:
    """One sleep spindle: 11 to 16 Hz for at least 0.5 s, waxing and waning (AASM manual, Berry et al. 2012).

    Args:
        fs: sampling rate in Hz.
        freq: 11 to 16 Hz; about 12 frontal (slow), 13 to 14 centroparietal (fast).
        seconds: duration, at least 0.5.
        amplitude_uv: zero to peak in its middle.

    Returns:
        (round(seconds * fs),) uV, zero at both ends.
    """
    n = round(seconds * fs)
    _check(n, fs)
    if not 11.0 <= freq <= 16.0 or seconds < 0.5:
        raise ValueError(f"got {freq:g} Hz for {seconds:g} s, expected 11 to 16 Hz for at least 0.5 s (AASM)")
    time_s = (np.arange(n) - (n - 1) / 2) / fs
    return amplitude_uv * np.hanning(n) ** 0.75 * np.cos(2 * np.pi * freq * time_s)


def k_complex(fs: float, *, amplitude_uv: float = 120.0, rng: np.random.Generator | None = None) -> np.ndarray:
    """One K-complex: a sharp negative wave, then a slower positive one, together at least 0.5 s (AASM manual).

    Args:
        fs: sampling rate in Hz.
        amplitude_uv: depth of the negative peak; 75 to 200 uV at frontal electrodes, where it is largest.
        rng: makes every wave a little different; None gives the mean wave.

    Returns:
        (round(1.4 * fs),) uV, close to zero at both ends; the negative peak lies 0.42 s after the start (with ``rng``,
        0.38 to 0.46 s), the positive one about 0.36 s later.
    """
    n = round(K_SECONDS * fs)
    _check(n, fs)
    time_s = np.arange(n) / fs
    wave = np.zeros(n)
    shift = 0.0 if rng is None else float(np.clip(0.015 * rng.standard_normal(), -0.03, 0.03))
    for centre, width, height in K_PARTS:
        change = 1.0 if rng is None else float(np.clip(1 + 0.08 * rng.standard_normal(), 0.85, 1.15))
        stretch = 1.0 if rng is None else float(np.clip(1 + 0.08 * rng.standard_normal(), 0.85, 1.15))
        wave += height * change * np.exp(-0.5 * ((time_s - centre - shift) / (width * stretch)) ** 2)
    return amplitude_uv * wave / -wave.min() * sps.windows.tukey(n, 0.1)


def blinks(
    n: int, fs: float, *, rng: np.random.Generator, per_minute: float = 15.0, amplitude_uv: float = 150.0
) -> tuple[np.ndarray, np.ndarray]:
    """Eye blinks as a frontopolar electrode sees them: the lid slides over the positive cornea.

    Args:
        n: samples.
        fs: sampling rate in Hz.
        rng: source of randomness.
        per_minute: mean rate; about 15 to 20 at rest (Bentivoglio et al. 1997 report 17).
        amplitude_uv: typical height at Fp1 and Fp2; single blinks are 0.7 to 1.35 times as high.

    Returns:
        trace (n,) uV, positive deflections of about 0.3 s; blink_s (k,) times of their peaks in seconds, ascending.
    """
    _check(n, fs)
    if not 0 <= per_minute < 60:
        raise ValueError(f"got per_minute={per_minute}, expected 0 to below 60 blinks per minute")
    time_s = np.arange(n) / fs
    trace, peaks = np.zeros(n), []
    if per_minute > 0:
        mean_gap = 60.0 / per_minute - SHORTEST_BLINK_GAP_S
        at = rng.uniform(0, 60.0 / per_minute)
        while at < n / fs - 0.2:
            if at >= 0.15:
                peaks.append(at)
            at += SHORTEST_BLINK_GAP_S + mean_gap * rng.gamma(2.0) / 2.0
    for peak in peaks:
        height = amplitude_uv * float(np.clip(rng.lognormal(0.0, 0.15), 0.7, 1.35))
        stretch = rng.uniform(0.85, 1.2)
        width = np.where(time_s < peak, BLINK_RISE_S, BLINK_FALL_S) * stretch
        trace += height * np.exp(-0.5 * ((time_s - peak) / width) ** 2)
    return trace, np.asarray(peaks)


def _check(n: int, fs: float) -> None:
    if not fs > 0:
        raise ValueError(f"got fs={fs}, expected a positive sampling rate in Hz")
    if n < 2:
        raise ValueError(f"got {n} samples, expected at least 2: n counts samples, not seconds")


def _standard(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / x.std()
