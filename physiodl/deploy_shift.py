"""Recordings as other devices would have made them: gain, sampling rate, mains, lead, wander, noise."""

from __future__ import annotations

import numpy as np

from physiodl.ecg import true_lengths

SHIFTS = ("gain", "rate", "mains", "lead", "wander", "noise")
MAINS_HZ = 50.0  # 60 in the Americas


def shift(signals: np.ndarray, *, kind: str, amount: float, fs: float, seed: int) -> np.ndarray:
    """Recordings as another device would have made them.

    Args:
        signals: (n, 1, samples), padded with zeros at the end; the padding stays zero.
        kind: what differs. ``"gain"``: multiplied by ``amount``. ``"rate"``: the device samples at ``amount`` Hz, and
            whoever reads the file believes ``fs``. ``"mains"``: hum of ``MAINS_HZ`` with a third harmonic. ``"lead"``:
            seen from another side, turned by ``amount`` degrees: 180 is the lead upside down; between, the waves change
            their form as an all-pass filter changes it (a Hilbert transform; a stand-in, as one lead does not hold what
            another sees) while the rhythm stays. ``"wander"``: a baseline that moves at 0.15 to 0.4 Hz. ``"noise"``:
            of muscles, above 15 Hz.
        amount: of hum, wander and noise: their standard deviation, in standard deviations of the recording.
        fs: sampling rate in Hz.
        seed: of phases and noise; the same seed gives the same.

    Returns:
        (n, 1, samples) float32. ``"rate"`` stretches or squeezes each recording within its row, cutting what passes it.
    """
    if kind not in SHIFTS:
        raise ValueError(f"got kind {kind!r}, expected one of {', '.join(SHIFTS)}")
    if not np.isfinite(amount) or (kind == "rate" and amount <= 0):
        raise ValueError(
            f"got amount {amount} for {kind!r}, expected a finite number{', above 0 Hz' * (kind == 'rate')}"
        )
    signals = np.asarray(signals)
    if signals.ndim != 3 or signals.shape[1] != 1:
        raise ValueError(f"got signals of shape {signals.shape}, expected (n, 1, samples), one lead")
    rng = np.random.default_rng((seed, SHIFTS.index(kind)))
    out = np.zeros(signals.shape, np.float32)
    for row, made, length in zip(signals[:, 0], out[:, 0], true_lengths(signals), strict=True):
        if length:
            changed = _shifted(row[:length].astype(float), kind, float(amount), fs, rng)[: len(made)]
            made[: len(changed)] = changed
    return out


def _shifted(x: np.ndarray, kind: str, amount: float, fs: float, rng: np.random.Generator) -> np.ndarray:
    """One recording, (samples,) without padding."""
    from scipy import signal

    if kind == "gain":
        return amount * x
    if kind == "rate":
        n = max(2, round(len(x) * amount / fs))
        kept = x if amount >= fs else signal.sosfiltfilt(signal.butter(4, 0.45 * amount, fs=fs, output="sos"), x)
        return np.interp(np.linspace(0, len(x) - 1, n), np.arange(len(x)), kept)
    if kind == "lead":
        angle = np.deg2rad(amount)
        return np.cos(angle) * x + np.sin(angle) * np.imag(signal.hilbert(x - x.mean()))
    t = np.arange(len(x)) / fs
    if kind == "mains":
        phase = rng.uniform(0, 2 * np.pi, 2)
        added = np.sin(2 * np.pi * MAINS_HZ * t + phase[0]) + 0.2 * np.sin(6 * np.pi * MAINS_HZ * t + phase[1])
    elif kind == "wander":
        hz, phase = rng.uniform(0.15, 0.4, 3), rng.uniform(0, 2 * np.pi, 3)
        added = np.sin(2 * np.pi * hz[:, None] * t + phase[:, None]).sum(axis=0)
    else:
        added = rng.standard_normal(len(x))
        if fs > 40 and len(x) > 100:
            added = signal.sosfilt(signal.butter(2, 15.0, "highpass", fs=fs, output="sos"), added)
    return x + amount * x.std() * added / (added.std() + 1e-12)
