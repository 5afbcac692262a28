"""Drawings that explain: what a network decides, a walk through a small one, folds, receptive fields, four counts.

Unlike `physiodl.plots`, which shows recordings and results as a paper would, these belong to an explanation. Notebooks
call them so that their own code stays with the idea.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap

from physiodl.plots import BLUE, ORANGE

# light BLUE to light ORANGE
DECISION = LinearSegmentedColormap.from_list("decision", ["#8fb7d3", "#ffffff", "#eeb48a"])


def decision_map(
    ax: Axes,
    probability: Callable[[np.ndarray], np.ndarray],
    points: np.ndarray,
    labels: np.ndarray,
    *,
    xlim: tuple[float, float],
    ylim: tuple[float, float],
) -> QuadMesh:
    """What a detector with two inputs says everywhere, its border at 0.5, and some beats of both classes.

    Args:
        ax: where to draw.
        probability: takes (n, 2), gives (n,) probabilities of class 1.
        points: (m, 2) inputs of beats to show. labels: (m,) of 0 (blue) and 1 (orange).
        xlim, ylim: the part of the plane, in units of the inputs.

    Returns:
        The shading, from 0 to 1, for a colour bar.
    """
    across, up = np.meshgrid(np.linspace(*xlim, 160), np.linspace(*ylim, 160))
    p = np.asarray(probability(np.column_stack([across.ravel(), up.ravel()]))).reshape(across.shape)
    shade = ax.pcolormesh(across, up, p, cmap=DECISION, vmin=0, vmax=1, rasterized=True)
    if p.min() < 0.5 < p.max():
        ax.contour(across, up, p, levels=[0.5], colors="black", linewidths=1.5)
    for kind, colour in ((0, BLUE), (1, ORANGE)):
        ax.plot(*points[labels == kind].T, "o", ms=3, mec="white", mew=0.2, color=colour)
    ax.set(xlim=xlim, ylim=ylim)
    return shade


def network_walk(
    places: Mapping[str, tuple[float, float, str, str]],
    links: Sequence[tuple[str, str, str]],
    *,
    ax: Axes | None = None,
) -> Axes:
    """A small network with the numbers of one forward and one backward pass.

    Args:
        places: name -> (column, row, text of the box, delta beneath it: how the loss changes with this place).
        links: (from, to, text on the arrow).
        ax: where to draw; a new figure when None.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(11, 3.6), layout="constrained")
    for start, end, weight in links:
        (x0, y0, *_), (x1, y1, *_) = places[start], places[end]
        ax.annotate("", (x1 - 0.2, y1), (x0 + 0.2, y0), arrowprops={"arrowstyle": "->", "color": "#777777"})
        share = 0.28 if y0 != y1 else 0.5  # near the start, so that the texts of crossing arrows stay apart
        white = {"fc": "white", "ec": "none", "pad": 1}
        ax.text(x0 + 0.2 + 0.6 * share, y0 + share * (y1 - y0), weight, ha="center", va="center", bbox=white)
    for column, row, text, delta in places.values():
        box = {"boxstyle": "round", "fc": "white", "ec": BLUE}
        ax.text(column, row, text, ha="center", va="center", color=BLUE, bbox=box)
        ax.text(column, row - 0.27, f"$\\delta$ = {delta}", ha="center", va="center", color=ORANGE)
    columns, rows = [p[0] for p in places.values()], [p[1] for p in places.values()]
    ax.set(xlim=(min(columns) - 0.4, max(columns) + 0.4), ylim=(min(rows) - 0.4, max(rows) + 0.3))
    ax.axis("off")
    return ax


def folds(ways: Mapping[str, np.ndarray], subjects: np.ndarray) -> np.ndarray:
    """A stripe for each way of dealing beats: one colour per fold, white lines between subjects.

    Args:
        ways: title -> (n,) fold of each beat. subjects: (n,), beats of a subject side by side.

    Returns:
        The axes, one per way.
    """
    fig, axes = plt.subplots(
        len(ways), 1, figsize=(11, 1.3 * len(ways)), layout="constrained", sharex=True, squeeze=False
    )
    for ax, (title, fold) in zip(axes[:, 0], ways.items(), strict=True):
        ax.imshow(fold[None], aspect="auto", cmap="tab10", vmin=0, vmax=9, interpolation="nearest")
        for border in np.flatnonzero(subjects[1:] != subjects[:-1]) + 0.5:
            ax.axvline(border, color="white", lw=1.2)
        ax.set(yticks=[], title=title)
    axes[-1, 0].set_xlabel("beat number, person after person (white lines); one colour is one fold")
    return axes[:, 0]


def receptive_fields(ax: Axes, wave: np.ndarray, fs: float, seen: Sequence[int], *, centre: int) -> Axes:
    """Beneath a beat, how many of its samples one answer of each layer has seen.

    Args:
        ax: where to draw. wave: (samples,) mV. fs: Hz. seen: receptive field of each layer, in samples.
        centre: the sample at time 0, around which the fields are drawn.
    """
    ax.plot(1000 * (np.arange(len(wave)) - centre) / fs, wave, color="#1a1a1a", lw=1.2)
    low, room = wave.min(), np.ptp(wave)
    for layer, samples in enumerate(seen, start=1):
        width, at = 1000 * samples / fs, low - 0.12 * layer * room
        ax.barh(at, width, left=-width / 2, height=0.07 * room, color=BLUE, alpha=min(1.0, 0.3 + 0.2 * layer))
        ax.text(width / 2 + 8, at, f"layer {layer}: {samples} samples, {width:.0f} ms", va="center", fontsize=9)
    ax.set(xlabel="time from the R wave (ms)", ylabel="ECG (mV)")
    return ax


def four_counts(ax: Axes, counts: np.ndarray, names: tuple[str, str]) -> Axes:
    """The table of right and wrong decisions, ((TN, FP), (FN, TP)), for class names such as ("normal", "AF")."""
    words = (("true negative", "false positive\n(false alarm)"), ("false negative\n(missed)", "true positive\n(found)"))
    ax.imshow([[0.15, 0.6], [0.6, 0.15]], cmap="Oranges", vmin=0, vmax=1.4)
    for row in (0, 1):
        for column in (0, 1):
            ax.text(column, row, f"{words[row][column]}\n{counts[row][column]}", ha="center", va="center")
    ax.set_xticks([0, 1], [f"says {name}" for name in names])
    ax.set_yticks([0, 1], [f"is {name}" for name in names])
    return ax
