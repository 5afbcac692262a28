"""Two devices, two clocks: how the time of one becomes that of the other, and samples on a grid of their own."""

from __future__ import annotations

import numpy as np

PULSE_TOLERANCE_S = 0.05  # by which a pulse of one clock may miss its twin


def fit_clock(
    theirs_s: np.ndarray, ours_s: np.ndarray, *, tolerance_s: float = PULSE_TOLERANCE_S
) -> tuple[float, float, int]:
    """How one clock's time becomes another's, from pulses that both received; either may have missed some.

    Which pulse is which is not known. The offset that most pairs agree on is taken first, over the whole recording with
    room for a drift, then a line through the pairs.

    Args:
        theirs_s: (j,) times of the pulses on the clock to be translated, ascending. Intervals should be irregular:
            regular ones fit as well when they are shifted by one.
        ours_s: (k,) times on the other clock.
        tolerance_s: by how much a pulse may miss its twin, and half of what drift may add up to in between.

    Returns:
        rate, offset: ours = rate * theirs + offset; number of pairs.

    Raises:
        ValueError: fewer than three pairs.
    """
    theirs, ours = np.sort(np.asarray(theirs_s, float)), np.sort(np.asarray(ours_s, float))
    offsets = np.sort((ours[None, :] - theirs[:, None]).ravel())
    if len(offsets):
        counts = np.searchsorted(offsets, offsets + 2 * tolerance_s, side="right") - np.arange(len(offsets))
        first = int(counts.argmax())
        rate, offset = 1.0, float(np.median(offsets[first : first + counts[first]]))
        for _ in range(3):  # the drift found brings pairs within reach that were not
            nearest = np.abs(ours[None, :] - (rate * theirs + offset)[:, None]).argmin(axis=1)
            miss = np.abs(ours[nearest] - (rate * theirs + offset))
            pairs = miss <= tolerance_s
            if pairs.sum() >= 3:
                rate, offset = (float(v) for v in np.polyfit(theirs[pairs], ours[nearest[pairs]], 1))
        if pairs.sum() >= 3 and abs(rate - 1) < 0.01:
            return rate, offset, int(pairs.sum())
    raise ValueError(
        f"got {len(theirs)} and {len(ours)} pulses that do not fit each other, expected three pairs or more with "
        "clocks that differ by less than 1 %: pulses of two recordings, or times in other units"
    )


def on_grid(time_s: np.ndarray, x: np.ndarray, *, duration_s: float, fs: float, longest_s: float = 0.1) -> np.ndarray:
    """Samples at whatever times to samples at k / fs, by straight lines between neighbours that are close enough.

    Args:
        time_s: (samples,) ascending. x: (samples,), NaN where unknown.
        duration_s: of the result, from 0. fs: its rate in Hz.
        longest_s: between samples further apart than this nothing is made up.

    Returns:
        (floor(duration_s * fs),), NaN outside of what was recorded and in its gaps.
    """
    time_s, x = np.asarray(time_s, float), np.asarray(x, float)
    wanted = np.arange(int(np.floor(duration_s * fs + 1e-6))) / fs
    known = np.isfinite(x)
    if known.sum() < 2:
        return np.full(len(wanted), np.nan)
    time_s, x = time_s[known], x[known]
    out = np.interp(wanted, time_s, x, left=np.nan, right=np.nan)
    right = np.clip(np.searchsorted(time_s, wanted), 1, len(time_s) - 1)
    return np.where(time_s[right] - time_s[right - 1] > longest_s, np.nan, out)
