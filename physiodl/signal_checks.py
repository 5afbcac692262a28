"""What a signal and the arguments of a transform must be, checked before the work, for `physiodl.signals`.

Each error says what was got, what was expected and the likely cause.
"""

from __future__ import annotations

import numpy as np


def checked(x: np.ndarray, fs: float, *, finite: bool = True) -> np.ndarray:
    """A signal as a new float64 array, once it and its sampling rate are what every transform needs.

    Args:
        x: (..., samples) real numbers, at least one.
        fs: sampling rate in Hz.
        finite: whether NaN and infinity are refused.

    Raises:
        ValueError: fs not one positive number; x complex, text or objects, empty, or not finite.
    """
    if not (np.isscalar(fs) and np.isfinite(fs) and fs > 0):
        raise ValueError(f"got fs={fs!r}, expected one positive number: the sampling rate in Hz")
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise ValueError(f"got values of type {x.dtype}, expected real numbers: one per sample")
    x = x.astype(float)
    if x.ndim == 0 or x.shape[-1] == 0 or x.size == 0:
        raise ValueError(
            f"got an array of shape {x.shape}, expected samples along the last axis: an empty selection, or a channel "
            "that does not exist"
        )
    if finite and not np.isfinite(x).all():
        bad = np.argwhere(~np.isfinite(x))
        raise ValueError(
            f"got {len(bad)} of {x.size} values that are NaN or infinite, the first at {tuple(bad[0].tolist())}: "
            "expected finite values only, since one such value spreads over the whole result. Cut or fill the gaps"
        )
    return x


def check_frequency(freq: float, fs: float, what: str) -> None:
    """Raise ValueError unless 0 < freq < fs / 2; ``what`` names it in the message."""
    if not 0 < freq < fs / 2:
        raise ValueError(
            f"got a {what} frequency of {freq:g} Hz at fs={fs:g} Hz, expected more than 0 and less than {fs / 2:g} Hz "
            "(fs/2); fs itself may be wrong"
        )


def window_and_hop(x: np.ndarray, fs: float, window_s: float, overlap: float) -> tuple[int, int]:
    """Length of a window and distance of two of them, in samples, both at least 1.

    Raises:
        ValueError: overlap outside [0, 1), window shorter than a sample or longer than the signal.
    """
    if not 0 <= overlap < 1:
        raise ValueError(f"got overlap={overlap}, expected a share from 0 to below 1: 0.5 is half a window")
    length = round(window_s * fs) if np.isfinite(window_s) else 0
    if length < 1:
        raise ValueError(f"got window_s={window_s} at fs={fs:g} Hz, expected at least one sample ({1 / fs:g} s)")
    if length > x.shape[-1]:
        raise ValueError(
            f"got a signal of {x.shape[-1] / fs:g} s ({x.shape[-1]} samples) and windows of {window_s:g} s, expected "
            "at least one window: take shorter windows (window_s) or a longer signal; time must run along the last axis"
        )
    return length, max(1, length - round(overlap * length))


def whole_samples(seconds: float, fs: float, name: str) -> int:
    """A duration in samples; ValueError (naming ``name``) unless it is a whole number of them, at least 1."""
    samples = seconds * fs
    if not (np.isfinite(samples) and samples > 0.5 and abs(samples - round(samples)) < 1e-6 * max(1.0, samples)):
        raise ValueError(
            f"got {name}={seconds} s, {samples:g} samples at fs={fs:g} Hz, expected a positive whole number of samples "
            "(otherwise epochs drift against the clock)"
        )
    return round(samples)
