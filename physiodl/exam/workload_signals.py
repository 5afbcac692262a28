"""Pupils, clocks and windows with a known truth for assignment 06, and how answers are measured.

Everything is made from a seed and means nothing: a pupil is a sum of slow waves whose true size is known in every
blink, clocks drift by a known rate, and where windows are cut the signals are nothing but their own time, so that each
sample says when it was taken. The numbers are design values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from physiodl.exam.arrhythmia import entry
from physiodl.exam.checks import ExamError, expect, numbers, same

MARGIN_S, LONGEST_S = 0.15, 1.0  # of task 1
SIZES_MM = (1.5, 9.0)
LID_S = 0.1  # for so long before and after a gap the lid covers part of the pupil
NEIGHBOURS_S = 0.1  # of task 2: between samples further apart nothing is known


def gappy(found: Any, *, shape: tuple, what: str) -> np.ndarray:
    """``found`` as floats once it has the shape; NaN is allowed, infinity is not."""
    try:
        x = np.asarray(found).astype(float)
    except (TypeError, ValueError, RuntimeError):
        return numbers(found, shape=shape, what=what)
    numbers(np.where(np.isnan(x), 0.0, x) if found is not None else None, shape=shape, what=what)
    return x


def same_course(
    found: Any, true: np.ndarray, *, what: str, atol: float = 1e-6, cause: str = "", gaps: str = ""
) -> None:
    """Check values where something is known, and that nothing is made up where nothing is; ``gaps`` is its cause."""
    x = gappy(found, shape=np.shape(true), what=what)
    made_up, lost = np.isfinite(x) & np.isnan(true), np.isnan(x) & np.isfinite(true)
    for wrong, got, expected in ((made_up, "a number", "NaN"), (lost, "NaN", "a number")):
        if wrong.any():
            place = tuple(int(k) for k in np.argwhere(wrong)[0])
            where = f"position {place[0] if len(place) == 1 else place}"
            raise ExamError(f"got {got} in {what} at {where} and {wrong.sum() - 1} more, expected {expected}", gaps)
    known = np.isfinite(true)
    same(x[known], np.asarray(true)[known], what=f"{what}, where it is known", rtol=0, atol=atol, cause=cause)


# --- a pupil with blinks ---


def pupil(seconds: float, fs: float, *, seed: int) -> np.ndarray:
    """The true diameter (samples,) mm: slow waves below 0.25 Hz around 4 mm, the same course at whatever rate."""
    rng = np.random.default_rng((seed, 0x6A1))
    hz, phase = rng.uniform(0.03, 0.25, 6), rng.uniform(0, 2 * np.pi, 6)
    time_s = np.arange(round(seconds * fs)) / fs
    return 4.0 + 0.12 * np.sin(2 * np.pi * hz * time_s[:, None] + phase).sum(axis=1)


def blinking(true: np.ndarray, fs: float, gaps: Sequence[tuple[float, float]]) -> np.ndarray:
    """What a tracker sees: NaN in each gap (start and length in s), and half a pupil beside it under the lid."""
    seen, lid = true.copy(), round(LID_S * fs)
    spans = [(round(start * fs), round((start + length) * fs)) for start, length in gaps]
    for a, b in spans:
        share = np.linspace(0.9, 0.5, lid)
        before, after = np.arange(max(0, a - lid), a), np.arange(b, min(len(true), b + lid))
        seen[before] = true[before] * share[lid - len(before) :]
        seen[after] = true[after] * share[::-1][: len(after)]
    for a, b in spans:
        seen[a:b] = np.nan
    return seen


def cleaned(seen: np.ndarray, fs: float) -> tuple[np.ndarray, np.ndarray]:
    """What task 1 asks: diameter (samples,) with short gaps filled, and which samples were seen."""
    margin, n = round(MARGIN_S * fs), len(seen)
    bad = np.array([not (SIZES_MM[0] <= v <= SIZES_MM[1]) for v in seen])
    wide = np.array([bad[max(0, k - margin) : k + margin + 1].any() for k in range(n)])
    out, good = np.where(wide, np.nan, seen), np.flatnonzero(~wide)
    for a, b in zip(good[:-1], good[1:], strict=True):
        if 1 < b - a <= LONGEST_S * fs + 1:
            out[a + 1 : b] = seen[a] + (seen[b] - seen[a]) * np.arange(1, b - a) / (b - a)
    return out, ~wide


def attempt(function: Callable, *args: Any, cause: str) -> Any:
    """What a student's function returns; an error of shapes or numbers is said with its likely ``cause``."""
    try:
        return function(*args)
    except NotImplementedError:
        raise
    except (ValueError, IndexError) as error:
        raise ExamError(f"got {type(error).__name__}: {str(error)[:80]}, expected an answer", cause) from error


def clean_answer(found: Any, n: int, *, cause: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Diameter (n,) with NaN and seen (n,) bool of a student's answer to task 1; ``cause`` of another length."""
    for name in ("diameter", "seen") if cause else ():
        length = np.size(entry(found, name))
        expect(length == n, got=f"{length} values in {name}", expected=str(n), cause=cause)
    diameter = gappy(entry(found, "diameter"), shape=(n,), what="diameter")
    seen = numbers(entry(found, "seen"), shape=(n,), what="seen")
    expect(
        np.isin(seen, (0, 1)).all(),
        got="other values in seen",
        expected="True and False",
        cause="it says whether, not what",
    )
    return diameter, seen == 1


# --- two clocks ---


def pulses(
    seconds: float, *, seed: int, lost: float = 0.0, ppm: float = 0.0, offset_s: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Times of pulses by the tracker's clock and by the EEG's; each missed a share ``lost`` of them.

    The tracker's clock says (t - offset_s) / (1 + ppm / 1e6) when the EEG's says t. The tracker's times are off by up
    to 7 ms, about half a sample at 60 Hz, the first and the last by 9.5 ms to opposite sides: a line through these two
    alone is worse than one through all.
    """
    rng = np.random.default_rng((seed, 0x6B2))
    eeg_s = np.cumsum(rng.uniform(6, 14, int(seconds / 6)))
    eeg_s = eeg_s[eeg_s < seconds]
    off_s = rng.uniform(-0.007, 0.007, len(eeg_s))
    off_s[0], off_s[-1] = 0.0095, -0.0095
    tracker_s = (eeg_s + off_s - offset_s) / (1 + ppm / 1e6)
    n, gone = len(eeg_s), round(lost * len(eeg_s))
    both = rng.permutation(n)  # never the same pulse lost by both
    return np.delete(tracker_s, np.sort(both[:gone])), np.delete(eeg_s, np.sort(both[gone : 2 * gone]))


def clock_of(found: Any) -> tuple[float, float]:
    """Rate and offset of a student's answer."""
    several = isinstance(found, tuple | list) or np.ndim(found) > 0
    expect(
        several and len(found) == 2,
        got=f"a {type(found).__name__}" + (f" of {len(found)}" if several else ""),
        expected="two numbers, rate and offset",
        cause=("the number of pairs is returned too" if len(found) > 2 else "one of the two is left out")
        if several
        else "return rate, offset",
    )
    return tuple(float(numbers(v, shape=(), what=name)) for v, name in zip(found, ("rate", "offset"), strict=True))


def on_clock(found: Any, *, seconds: float, ppm: float, offset_s: float, most_s: float = 0.008) -> None:
    """Check that a clock is right all through the recording, to ``most_s``; the message guesses at the mistake."""
    rate, offset = clock_of(found)
    true = 1 + ppm / 1e6
    eeg_s = np.array([0.0, seconds])
    theirs = (eeg_s - offset_s) / true
    wrong = rate * theirs + offset - eeg_s
    if np.abs(wrong).max() <= most_s:
        return
    cause = "pulse k of the one need not be pulse k of the other: find out which belong together first"
    if abs(offset + offset_s) < 2 and abs(offset_s) > 4:
        cause = "the sign of the offset is turned, or the direction: eeg = rate * tracker + offset"
    elif abs(rate - true) < 3e-5 and wrong[0] * wrong[1] > 0:
        cause = (
            "the rate is right and the offset is not: where a line is fitted to times less their mean, its intercept "
            "belongs to that mean and must be taken back to 0 s"
        )
    elif abs(rate - true) < 5e-5 and np.abs(wrong).max() < 0.03:
        cause = "a line through two pairs has the errors of these two: fit it to all pairs"
    elif abs(rate - 1) < abs(ppm) / 3e6:
        cause = "an offset alone: a clock that drifts needs a line through the pairs"
    raise ExamError(
        f"got times that are wrong by {1000 * wrong[0]:.0f} ms at the start of the recording and {1000 * wrong[1]:.0f} "
        f"ms at its end, expected at most {1000 * most_s:.0f} ms",
        cause,
    )


def crooked(
    seconds: float, fs: float, *, seed: int, start_s: float = 0.0, lost: Sequence[tuple[float, float]] = (),
    blinks: Sequence[tuple[float, float]] = (),
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Samples of a pupil at uneven times: times (samples,) s on the EEG's clock and diameters (samples,) mm.

    In ``lost`` stretches (start and end in s) no sample came at all, in ``blinks`` there are samples of NaN.
    """
    rng = np.random.default_rng((seed, 0x6C3))
    n = round(seconds * fs)
    time_s = start_s + (np.arange(n) + rng.uniform(-0.3, 0.3, n)) / fs
    x = wave(time_s, seed=seed)
    for a, b in blinks:
        x[(time_s >= a) & (time_s < b)] = np.nan
    there = np.ones(n, bool)
    for a, b in lost:
        there &= (time_s < a) | (time_s >= b)
    return time_s[there], x[there]


def wave(time_s: np.ndarray, *, seed: int) -> np.ndarray:
    """A smooth diameter (samples,) mm at whatever times."""
    rng = np.random.default_rng((seed, 0x6D4))
    hz, phase = rng.uniform(0.1, 0.8, 4), rng.uniform(0, 2 * np.pi, 4)
    return 4.0 + 0.15 * np.sin(2 * np.pi * hz * np.asarray(time_s)[:, None] + phase).sum(axis=1)


def resampled(time_s: np.ndarray, x: np.ndarray, fs: float, n: int) -> np.ndarray:
    """What task 2 asks: (n,) at k / fs from the known samples on both sides, NaN where these are too far apart."""
    known = np.flatnonzero(np.isfinite(x))
    out = np.full(n, np.nan)
    for k in range(n):
        right = int(np.searchsorted(time_s[known], k / fs))
        if 0 < right < len(known):
            a, b = known[right - 1], known[right]
            step = time_s[b] - time_s[a]
            if step <= NEIGHBOURS_S:
                out[k] = x[a] + (x[b] - x[a]) * (k / fs - time_s[a]) / step
    return out


# --- EEG and windows ---


def eeg(channels: int, seconds: float, fs: float, *, seed: int) -> np.ndarray:
    """Tones of 3 to 25 Hz (channels, samples) uV: the same course at whatever rate it is sampled."""
    rng = np.random.default_rng((seed, 0x6E5))
    hz, phase = rng.uniform(3, 25, (2, channels, 12, 1)) * [[[[1]]], [[[2 * np.pi / 25]]]]
    time_s = np.arange(round(seconds * fs)) / fs
    return 5 * np.sin(2 * np.pi * hz * time_s + phase).sum(axis=1)


def clocks(seconds: float, fs: float, *, channels: int | None = None) -> np.ndarray:
    """A signal that is its own time in s; with channels, each 1000 above the one before."""
    time_s = np.arange(round(seconds * fs)) / fs
    return time_s if channels is None else time_s + 1000.0 * np.arange(channels)[:, None]


def share_of(spans: Sequence[tuple[float, float, int]], start_s: float, window_s: float) -> tuple[int, float]:
    """The level that covers most of a window, and its share."""
    cover: dict[int, float] = {}
    for a, b, level in spans:
        cover[level] = cover.get(level, 0.0) + max(0.0, min(b, start_s + window_s) - max(a, start_s))
    level = max(cover, key=lambda k: cover[k])
    return level, cover[level] / window_s


def windowed(
    spans: Sequence[tuple[float, float, int]], *, seconds: float, window_s: float, hop_s: float, least: float
) -> dict[str, np.ndarray]:
    """Starts, levels and purities of the windows that task 3 keeps."""
    starts = [k * hop_s for k in range(int((seconds - window_s) / hop_s + 1e-9) + 1)]
    rows = [(start, *share_of(spans, start, window_s)) for start in starts]
    kept = [row for row in rows if row[2] > 0 and row[2] >= least - 1e-9]
    start_s, level, purity = np.array(kept).reshape(-1, 3).T
    return {"start_s": start_s, "level": level, "purity": purity}


def begins_at(windows: Any, starts: np.ndarray, fs: float, *, what: str, cause: str = "") -> None:
    """Check that windows (n, samples) of a signal that is its own time begin where they say, to a sample."""
    off = np.abs(np.asarray(windows, float)[:, 0] - starts)
    worst = int(off.argmax()) if len(off) else 0
    expect(
        not len(off) or off[worst] <= 1 / fs + 1e-6,
        got=f"{what} of the window at {starts[worst]:g} s that begins at {np.asarray(windows)[worst, 0]:.3f} s"
        if len(off)
        else "",
        expected="the same time, to a sample",
        cause=cause,
    )
    step = np.diff(np.asarray(windows, float), axis=1)
    expect(
        np.allclose(step, 1 / fs, atol=1e-4), got=f"samples of {what} left out or out of order", expected="all of them"
    )
