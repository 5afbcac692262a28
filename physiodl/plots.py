"""Figures that several notebooks draw: paper-style ECG strips, learning curves, ROC curves. Every axis has its unit."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator
from sklearn.metrics import roc_curve

PAPER, FINE, COARSE, TRACE = "#fffafa", "#f6d5d5", "#e9a3a3", "#1a1a1a"
BLUE, ORANGE = "#2f6f9f", "#d1702a"


def ecg_strip(
    ecg: np.ndarray,
    fs: float,
    *,
    start_s: float = 0.0,
    seconds: float = 10.0,
    title: str = "",
    marks: Sequence[float] = (),
    unit: str = "normalised amplitude",
    ax: Axes | None = None,
) -> Axes:
    """Draw an ECG as on paper: a large square is 0.2 s, a small one 0.04 s (25 mm per second).

    Args:
        ecg: (samples,) one lead.
        fs: sampling rate in Hz.
        start_s, seconds: which part to draw.
        title: above the strip.
        marks: times in seconds to mark with a triangle, such as R waves.
        unit: of the vertical axis; ``"mV"`` where the gain is known.
        ax: where to draw; a new figure when None.

    Returns:
        The axes.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(11, 2.2), layout="constrained")
    ecg = np.asarray(ecg, dtype=float).ravel()
    first, last = round(start_s * fs), min(len(ecg), round((start_s + seconds) * fs))
    if last <= first:
        raise ValueError(f"got start_s={start_s} s in a recording of {len(ecg) / fs:.1f} s, expected a start inside it")
    piece = ecg[first:last]
    time_s = np.arange(first, last) / fs
    low, high = np.percentile(piece, (0.2, 99.8))
    room = 0.15 * max(high - low, 1e-6)
    ax.set(
        xlim=(start_s, start_s + seconds), ylim=(low - room, high + room), xlabel="time (s)", ylabel=unit, title=title
    )
    ax.set_facecolor(PAPER)
    ax.xaxis.set_major_locator(MultipleLocator(1.0 if seconds > 4 else 0.2))
    for line in np.arange(np.floor(start_s / 0.04) * 0.04, start_s + seconds, 0.04):
        large = abs(line / 0.2 - round(line / 0.2)) < 1e-6
        ax.axvline(line, color=COARSE if large else FINE, lw=0.6 if large else 0.3, zorder=0)
    for line in np.linspace(low - room, high + room, 11):
        ax.axhline(line, color=FINE, lw=0.4, zorder=0)
    ax.plot(time_s, piece, color=TRACE, lw=0.9)
    inside = [m for m in marks if start_s <= m < start_s + seconds]
    if inside:
        ax.plot(inside, np.full(len(inside), high + 0.6 * room), "v", color=BLUE, ms=5, label="R wave")
        ax.legend(loc="upper right", fontsize=8)
    return ax


def learning_curves(train_loss: Sequence[float], val_loss: Sequence[float], *, ax: Axes | None = None) -> Axes:
    """Loss per epoch in training and validation; the epoch whose weights are kept is marked."""
    if ax is None:
        _, ax = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
    epochs = np.arange(1, len(train_loss) + 1)
    ax.plot(epochs, train_loss, color=BLUE, label="training")
    ax.plot(epochs, val_loss, color=ORANGE, label="validation")
    best = int(np.argmin(val_loss))
    ax.plot(epochs[best], val_loss[best], "o", color=ORANGE, label=f"kept: epoch {epochs[best]}")
    ax.set(xlabel="epoch", ylabel="binary cross-entropy (nats)", ylim=(0, None))
    ax.legend()
    return ax


def roc(
    labels: np.ndarray,
    scores: dict[str, np.ndarray],
    *,
    ax: Axes | None = None,
    finding: str = "AF",
    healthy: str = "normal",
) -> Axes:
    """ROC curves of several detectors on the same recordings: ``scores`` maps a name to (n,) numbers; ``finding`` and
    ``healthy`` name label 1 and label 0 on the axes.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(4.2, 4.0), layout="constrained")
    for (name, values), colour in zip(scores.items(), (BLUE, ORANGE, "#4a8f4a", "#8a5aa8", "#777777"), strict=False):
        false_alarms, found, _ = roc_curve(labels, values)
        ax.plot(false_alarms, found, color=colour, label=name)
    ax.plot([0, 1], [0, 1], ":", color="#999999", label="guessing")
    ax.set(xlabel=f"1 - specificity (false alarms per {healthy})", ylabel=f"sensitivity ({finding} found)")
    ax.set_aspect("equal")
    ax.legend(loc="lower right")
    return ax
