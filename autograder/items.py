"""Item analysis: how hard the tasks of an assignment are, and how well each tells strong from weak submissions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST = 8  # submissions; with fewer, the interval of a correlation spans nearly everything
LEVELS = ("no points", "less than half", "half or more", "all points", "waits for its mark")


@dataclass(frozen=True)
class Item:
    """A task: `levels` counts submissions by `LEVELS`, `share` is the mean share of its points (0 to 1) over the `n`
    that have a mark. `r`, `low` and `high` are the corrected item-total correlation and its 95 % interval, None where
    `why` says why not.
    """

    task: str
    most: float
    n: int
    share: float | None
    levels: tuple[int, ...]
    r: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""


def analyse(points: Sequence[Mapping[str, float | None]], possible: Mapping[str, float]) -> list[Item]:
    """One `Item` per task, from the points of each submission (None: no mark yet)."""
    return [_item(task, most, points, possible) for task, most in possible.items()]


def _item(task: str, most: float, points: Sequence[Mapping[str, float | None]], possible: Mapping[str, float]) -> Item:
    marked = [p for p in points if p.get(task) is not None]
    mean = float(np.mean([p[task] for p in marked])) if marked else None
    levels = [0] * len(LEVELS)
    for p in points:
        levels[_level(p.get(task), most)] += 1
    share = None if mean is None or not most else mean / most
    r, low, high, why = discrimination(task, marked, possible)
    return Item(task, most, len(marked), share, tuple(levels), r, low, high, why)


def discrimination(
    task: str, points: Sequence[Mapping[str, float | None]], possible: Mapping[str, float]
) -> tuple[float | None, float | None, float | None, str]:
    """Corrected item-total correlation: of a task's points with the sum of all other tasks' points (the task itself is
    left out of the sum, which would raise it), with Fisher's 95 % interval.

    Tasks that wait for a mark in one of the submissions are left out of the sum. Returns (r, low, high, "") or (None,
    None, None, why not).
    """
    if len(points) < FEWEST:
        return None, None, None, f"fewer than {FEWEST} marked"
    others = [t for t in possible if t != task and all(p.get(t) is not None for p in points)]
    own = np.array([p[task] for p in points], float)
    rest = np.array([sum(p[t] for t in others) for p in points], float)
    if not others or np.ptp(rest) < 1e-9:
        return None, None, None, "all others the same"
    if np.ptp(own) < 1e-9:
        return None, None, None, "all the same"
    r = float(np.clip(np.corrcoef(own, rest)[0, 1], -1, 1))
    z, reach = math.atanh(min(max(r, -0.999999), 0.999999)), 1.96 / math.sqrt(len(points) - 3)
    return r, math.tanh(z - reach), math.tanh(z + reach), ""


def _level(value: float | None, most: float) -> int:
    if value is None:
        return 4
    if value <= 0 or not most:
        return 0
    return 3 if value >= most - 1e-9 else 2 if value >= most / 2 else 1
