"""One-lead ECG: true length, filtering, R waves, RR intervals and what their irregularity says."""

from __future__ import annotations

import numpy as np
from scipy import signal as sps

RR_FEATURES = ("variation", "rmssd", "jumps", "entropy", "turning")


def true_lengths(signals: np.ndarray) -> np.ndarray:
    """Samples before the zero padding at the end of each row.

    Args:
        signals: (n, samples) or (n, 1, samples), padded with zeros at the end.

    Returns:
        (n,) position after the last sample that is not zero; 0 for a row of zeros.
    """
    rows = np.asarray(signals).reshape(len(signals), -1)
    filled = rows[:, ::-1] != 0
    return np.where(filled.any(axis=1), rows.shape[1] - filled.argmax(axis=1), 0)


def r_peaks(ecg: np.ndarray, fs: float) -> np.ndarray:
    """Sample numbers of the R waves of one recording.

    Energy of the 5 to 25 Hz band, smoothed over 0.1 s, whose maxima above an adaptive height are QRS complexes: the
    idea of Pan and Tompkins (1985) without its search-back. Works whichever way up the lead is.

    Args:
        ecg: (samples,) any unit, no padding.
        fs: sampling rate in Hz, at least 60.

    Returns:
        (beats,) positions, ascending; empty for a flat or too short recording.
    """
    ecg = np.asarray(ecg, dtype=float).ravel()
    if fs < 60:
        raise ValueError(f"got fs={fs:g} Hz, expected at least 60 Hz: QRS complexes reach up to 25 Hz")
    if len(ecg) < fs or not np.any(np.diff(ecg)):
        return np.zeros(0, int)
    sos = sps.butter(2, (5.0, 25.0), "bandpass", fs=fs, output="sos")
    band = sps.sosfiltfilt(sos, ecg)
    window = max(1, round(0.1 * fs))
    energy = np.sqrt(np.convolve(band**2, np.ones(window) / window, mode="same"))
    # one burst of motion must not raise the bar for the whole recording: height from the typical 2 s maximum
    pieces = np.array_split(energy, max(1, int(len(energy) / (2 * fs))))
    typical = np.median([piece.max() for piece in pieces])
    peaks, _ = sps.find_peaks(energy, height=0.4 * typical, distance=max(1, round(0.25 * fs)), prominence=0.2 * typical)
    half = round(0.06 * fs)
    strongest = [max(0, p - half) + int(np.argmax(np.abs(band[max(0, p - half) : p + half + 1]))) for p in peaks]
    return np.unique(np.asarray(strongest, dtype=int))


def rr_features(ecg: np.ndarray, fs: float) -> np.ndarray:
    """How irregular the heart beats: five numbers per recording that do not depend on its rate.

    Args:
        ecg: (samples,) one recording, no padding.
        fs: sampling rate in Hz.

    Returns:
        (5,), in the order of ``RR_FEATURES``: coefficient of variation of the RR intervals; root mean square of
        successive differences over the mean; share of successive differences above 10 % of the mean; entropy of the
        histogram of RR over its mean (bits); share of turning points (2/3 for a series without memory). Zeros when
        fewer than five R waves are found.
    """
    rr = np.diff(r_peaks(ecg, fs)) / fs
    if len(rr) < 4:
        return np.zeros(len(RR_FEATURES))
    relative = rr / rr.mean()
    step = np.diff(relative)
    counts = np.histogram(relative, bins=np.arange(0.0, 3.01, 0.08))[0]
    share = counts[counts > 0] / counts.sum()
    return np.array(
        [
            relative.std(),
            np.sqrt(np.mean(step**2)),
            np.mean(np.abs(step) > 0.1),
            -np.sum(share * np.log2(share)),
            np.mean(step[1:] * step[:-1] < 0),
        ]
    )


def rr_table(signals: np.ndarray, fs: float) -> np.ndarray:
    """``rr_features`` of many zero-padded recordings: (n, samples) or (n, 1, samples) to (n, 5)."""
    rows = np.asarray(signals).reshape(len(signals), -1)
    return np.stack([rr_features(row[:n], fs) for row, n in zip(rows, true_lengths(rows), strict=True)])
