"""Sequences of epochs for networks that look around: cut so that none crosses a night or a gap in it."""

from __future__ import annotations

import numpy as np

LENGTH = 100  # epochs of a sequence: 50 minutes, half a sleep cycle


def runs(night: np.ndarray, position: np.ndarray | None = None) -> list[np.ndarray]:
    """Positions in the arrays of every stretch of epochs that follow one another in one night.

    Args:
        night: (n,) name or number of the night of each epoch; the epochs of a night in their order.
        position: (n,) place of each epoch in its night: a step other than 1 is a gap. None: there are none.
    """
    night = np.asarray(night)
    position = np.arange(len(night)) if position is None else np.asarray(position)
    found = []
    for name in dict.fromkeys(night.tolist()):
        of = np.flatnonzero(night == name)
        step = np.diff(position[of])
        if (step <= 0).any():
            raise ValueError(
                f"positions of night {name!r} do not rise after {position[of][step.argmin()]}; expected the epochs of "
                "a night in the order of time, each once, and another name for every night"
            )
        found += np.split(of, np.flatnonzero(step != 1) + 1)
    return found


def sequences(
    night: np.ndarray,
    position: np.ndarray | None = None,
    *,
    length: int = LENGTH,
    stride: int | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """(m, length) positions of the epochs of each sequence, -1 after the end of a stretch shorter than ``length``.

    Every epoch is in at least one sequence. Starts are ``stride`` apart (default ``length``); the last sequence ends
    where the stretch ends, and overlaps the one before if it must. With ``rng`` the first start is drawn anew at each
    call, so that an epoch is not always seen in the same place of its sequence.
    """
    stride = length if stride is None else stride
    if length < 1 or not 1 <= stride <= length:
        raise ValueError(f"got length {length} and stride {stride}, expected 1 <= stride <= length: no epoch left out")
    rows = []
    for run in runs(night, position):
        last = len(run) - length
        if last <= 0:
            rows.append(np.concatenate([run, np.full(-last, -1)]))
            continue
        first = 0 if rng is None else int(rng.integers(0, min(stride, last + 1)))
        starts = np.unique(np.concatenate([[0], np.arange(first, last + 1, stride), [last]]))
        rows += [run[start : start + length] for start in starts]
    return np.stack(rows).astype(np.int64)
