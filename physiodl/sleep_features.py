"""What is done to the epochs of a night before a network sees them: scaling, and spectra as numbers.

Both use statistics of the whole night, but never a label and never another night: whoever stages a recording that is
over has the whole of it. During the night they would not be known yet.
"""

from __future__ import annotations

import numpy as np
from scipy import signal

LIMIT = 20.0  # scaled signals are cut here: about 20 times the usual amplitude is an artefact
BANDS = 24
BAND_HZ = (0.5, 35.0)


def scaled(epochs: np.ndarray, night: np.ndarray) -> np.ndarray:
    """Epochs (n, samples) as float32 around 0 in units of the night's usual amplitude, cut at +-20.

    The unit is 1.4826 times the median absolute deviation, which is the standard deviation of a normal signal
    (Rousseeuw and Croux 1993) but not moved by artefacts. It takes away what electrodes and skull do to the amplitude.
    """
    epochs, night = np.asarray(epochs), np.asarray(night)
    _check(epochs, night)
    found = np.empty(epochs.shape, np.float32)
    for name in np.unique(night).tolist():
        of = night == name
        x = epochs[of].astype(np.float32)
        x -= np.median(x)
        unit = 1.4826 * np.median(np.abs(x))
        if not unit > 0:
            raise ValueError(f"night {name!r} is flat or holds NaN: expected an EEG; is it the right channel?")
        found[of] = np.clip(x / unit, -LIMIT, LIMIT)
    return found


def spectra(epochs: np.ndarray, night: np.ndarray, *, fs: float, bands: int = BANDS) -> np.ndarray:
    """(n, 4 * bands) float32: log power in bands from 0.5 to 35 Hz, what it does within the epoch, and in the night.

    Of windows of 2 s, half a second apart, log power in each band: its mean over the epoch, its standard deviation and
    its rise from mean to maximum (a spindle is short); each relative to the median and quartiles of the night. Then the
    mean once more as it is: amplitude itself defines N3. Bands are narrow at low frequencies and wide at high ones.

    Args:
        epochs: (n, samples), at least 3 s. night: (n,). fs: Hz.
    """
    epochs, night = np.asarray(epochs), np.asarray(night)
    _check(epochs, night)
    if fs < 2 * BAND_HZ[1] or epochs.shape[1] < 3 * fs:
        raise ValueError(
            f"got epochs of {epochs.shape[1]} samples at {fs:g} Hz, expected at least 3 s, at {2 * BAND_HZ[1]:g} Hz or "
            "more"
        )
    found = np.empty((len(epochs), 4 * bands), np.float32)
    for name in np.unique(night).tolist():
        of = night == name
        level = log_power(epochs[of].astype(np.float32), fs, bands)  # (m, bands, windows)
        mean = level.mean(axis=2)
        within = np.concatenate([mean, level.std(axis=2), level.max(axis=2) - mean], axis=1)
        low, middle, high = np.quantile(within, [0.25, 0.5, 0.75], axis=0)
        found[of] = np.concatenate([1.35 * (within - middle) / (high - low + 1e-3), mean], axis=1)
    return found


def log_power(epochs: np.ndarray, fs: float, bands: int = BANDS) -> np.ndarray:
    """(n, bands, windows): natural logarithm of the power in each band, in windows of 2 s that overlap by 3/4."""
    window, step = round(2 * fs), round(0.5 * fs)
    f, _, z = signal.stft(epochs, fs, nperseg=window, noverlap=window - step, boundary=None, padded=False)
    # edges evenly spaced in log(f + 1.5 Hz): half a hertz wide at the lower end, 4 Hz at the upper
    edges = np.geomspace(BAND_HZ[0] + 1.5, BAND_HZ[1] + 1.5, bands + 1) - 1.5
    middle, width = (edges[1:] + edges[:-1]) / 2, np.maximum(np.diff(edges), f[1])
    weight = np.clip(1 - np.abs(f[:, None] - middle) / width, 0, None)
    power = np.einsum("nft,fb->nbt", np.abs(z) ** 2, weight / weight.sum(axis=0), optimize=True)
    return np.log(power + 1e-4 * np.median(power))


def _check(epochs: np.ndarray, night: np.ndarray) -> None:
    if epochs.ndim != 2 or night.shape != epochs.shape[:1]:
        raise ValueError(
            f"got epochs {epochs.shape} and night {night.shape}, expected (n, samples) and (n,); of a cohort take "
            "signals[:, 0] and columns['night']"
        )
