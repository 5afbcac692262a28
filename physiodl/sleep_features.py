"""What is done to the epochs of a night before a network sees them: scaling, and numbers about spectrum and waveform.

All use statistics of the whole night, but never a label and never another night: whoever stages a recording that is
over has the whole of it. During the night they would not be known yet.
"""

from __future__ import annotations

import numpy as np
from scipy import signal
from scipy.ndimage import uniform_filter1d

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
        found[of] = np.concatenate([relative(within), mean], axis=1)
    return found


def waveform(epochs: np.ndarray, night: np.ndarray, *, fs: float) -> np.ndarray:
    """(n, 36) float32: what the eye of a scorer looks for, relative to the night and then as it is.

    Variance, mobility and complexity (Hjorth 1970); skewness, kurtosis, zero crossings; range of the epoch; range, mean
    and depth of its slow waves (0.4 to 4 Hz), and the share of it in which they exceed 20 uV upwards and downwards (a
    design value: half the 75 uV from peak to peak that define them lie at 37 uV). For sigma (11 to 16 Hz, spindles) and
    alpha (8 to 11 Hz): the strongest half second, its rise above the median one, and the share of strong samples.

    Args:
        epochs: (n, samples) in uV, or in any unit that is the same for all nights. night: (n,). fs: Hz.
    """
    epochs, night = np.asarray(epochs), np.asarray(night)
    _check(epochs, night)
    found = np.empty((len(epochs), 36), np.float32)
    for name in np.unique(night).tolist():
        of = night == name
        rows = _shape(epochs[of].astype(float), fs)
        found[of] = np.concatenate([relative(rows), rows], axis=1)
    return found


def relative(rows: np.ndarray) -> np.ndarray:
    """(n, k) numbers of one night around its median, in units of its quartiles' distance / 1.35, cut at +-6."""
    low, middle, high = np.quantile(rows, [0.25, 0.5, 0.75], axis=0)
    return np.clip(1.35 * (rows - middle) / (high - low + 1e-3), -6, 6)


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


def _shape(x: np.ndarray, fs: float) -> np.ndarray:
    """(n, 18): the numbers of `waveform`, as they are."""
    x = x - x.mean(axis=1, keepdims=True)
    slope = np.diff(x, axis=1)
    power, of_slope, of_bend = (part.var(axis=1) + 1e-3 for part in (x, slope, np.diff(slope, axis=1)))
    unit = x / np.sqrt(power)[:, None]
    crossing = (x[:, 1:] * x[:, :-1] < 0).mean(axis=1)
    slow = _band(x, fs, 0.4, 4.0)
    rows = [
        np.log(power), np.log(of_slope / power), np.log(of_bend / of_slope), np.log(np.ptp(x, axis=1) + 1),
        (unit**3).mean(axis=1), np.log((unit**4).mean(axis=1)), crossing,
        np.log(np.ptp(slow, axis=1) + 1), np.log(np.abs(slow).mean(axis=1) + 1),
        np.log(np.maximum(-slow.min(axis=1), 0) + 1), (slow > 20).mean(axis=1), (slow < -20).mean(axis=1),
    ]  # fmt: skip
    half = round(0.5 * fs)
    for low, high in ((11.0, 16.0), (8.0, 11.0)):
        size = np.abs(_band(x, fs, low, high))
        strength = uniform_filter1d(size, half, axis=1, mode="nearest")
        most = np.log(strength.max(axis=1) + 0.1)
        rows += [most, most - np.log(np.median(strength, axis=1) + 0.1), (size > 2 * np.median(size)).mean(axis=1)]
    return np.stack(rows, axis=1)


def _band(x: np.ndarray, fs: float, low: float, high: float) -> np.ndarray:
    return signal.sosfiltfilt(signal.butter(2, (low, high), "bandpass", fs=fs, output="sos"), x, axis=1)


def _check(epochs: np.ndarray, night: np.ndarray) -> None:
    if epochs.ndim != 2 or night.shape != epochs.shape[:1]:
        raise ValueError(
            f"got epochs {epochs.shape} and night {night.shape}, expected (n, samples) and (n,); of a cohort take "
            "signals[:, 0] and columns['night']"
        )
