"""Near-duplicate recordings: find them, so that copies of one recording never sit on two sides of a split.

A data set that was augmented before publication, without patient identifiers, may hold the same heartbeat
twice: shifted, scaled, cropped, with noise on top. A network that has seen one copy recognises the other, and
the test score then measures memory. Here every recording is compared with every other.

The method, in three steps:

1. *Prepare.* Band-pass to the QRS band, which removes baseline wander and most noise, then divide by the
   running RMS of two seconds: without this one movement artefact outweighs a whole recording, and any two
   artefacts look alike.
2. *Screen.* The cross-correlation at every lag of every pair, by FFT at about 50 Hz. After step 1 each second
   carries the same energy, so that dividing by the overlap normalises well enough to name suspects.
3. *Verify.* For suspects only, the exact normalised cross-correlation over the overlap, at the full rate; and
   the lag must be the same, to 4 ms, in four of five two-second windows: copies share a clock.

Two different hearts at the same rate do match for a few beats; they drift apart within some more. A
correlation over five seconds is therefore weaker evidence than the same correlation over thirty, and the
score says so: it is the correlation shrunk towards zero, r * T / (T + 1.5 s), for an overlap of T seconds.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage, signal, sparse

BAND_HZ = (1.0, 30.0)  # against 2 to 20 Hz: sharper beats, and the best false score falls by 0.02
GAIN_WINDOW_S = 2.0
GAIN_FLOOR = 0.01  # of the median power: quiet stretches are lifted by 20 dB at most
GAP_S = 0.5  # constant for longer than this is no signal: padding, lead off, saturation
MIN_OVERLAP_S = 5.0
EDGE_S = 0.5  # left out at the ends of an overlap: the filter starts differently in a crop
SHRINK_S = 1.5
SCREEN_HZ = 50.0
SCREEN_SHRINK_S = 3.0
SCREEN_LEVEL = 0.5
PEAKS = 3  # lags of a suspect that are verified
BLOCK = 64  # recordings per side of one piece of work: its spectra fit the cache

# Of 4,434 planted copies of real recordings that reach the threshold, one fails this test; of 162 pairs of
# different recordings that score above 0.6, 126 fail it.
STEADY_WINDOW_S = 2.0
STEADY_SEARCH_S = 0.05
STEADY_WITHIN_S = 0.004
STEADY_SHARE = 0.8

# Calibrated on 1,000 recordings of the PhysioNet/CinC Challenge 2017 (half of them AF; Clifford et al. 2017),
# 499,500 pairs that should all be different, and 450 planted copies of each kind, drawn with three seeds.
# Different recordings: highest score 0.776, and 0.748 among those with a steady lag (upside down: 0.765).
# Copies, 1 % and 50 % quantile of the score, share found at 0.80:
#   scaled, or with wander         0.88 0.95 100 %     ten-second crop                0.86 0.87 100 %
#   shifted by up to half          0.83 0.94 100 %     crop with noise and wander     0.79 0.86  98 %
#   rolled                         0.86 0.94 100 %     half, with noise and wander    0.72 0.90  94 %
#   white noise at 10 dB           0.79 0.94  98 %     1/f noise at 10 dB             0.70 0.93  97 %
# Missed: halves of ten-second recordings (too short to tell), recordings whose beats drown in noise at 10 dB.
THRESHOLD = 0.80


class Pairs(NamedTuple):
    """Near-duplicate pairs: four arrays of equal length.

    Sample t of recording ``j`` is sample t + ``lag_s`` of recording ``i`` (i < j). ``score`` lies in (0, 1);
    it is negative where recording j is upside down (only with ``inverted=True``).
    """

    i: np.ndarray
    j: np.ndarray
    score: np.ndarray
    lag_s: np.ndarray


class _Prepared(NamedTuple):
    fine: np.ndarray  # (samples,) float32, 0 where there is no signal
    coarse: np.ndarray  # the same, decimated
    present: np.ndarray | None  # (samples,) float32, 1 where there is signal; None: everywhere
    start: int  # samples of padding before the first sample kept, at the fine rate


def find_groups(
    signals: np.ndarray | Sequence[np.ndarray],
    fs: float,
    *,
    threshold: float = THRESHOLD,
    inverted: bool = False,
    n_jobs: int | None = None,
    progress: bool = False,
) -> np.ndarray:
    """Give each recording the number of its group of near-duplicates.

    Groups are the connected components of `duplicate_pairs`: two crops of one recording that do not overlap
    each other share a group when a third one joins them. Arguments and errors as there.

    Returns
    -------
    (n,) int64, groups numbered from 0 in the order in which they first occur. A recording without a copy, and
    one that is empty, flat or shorter than five seconds, is a group of its own.
    """
    pairs = duplicate_pairs(
        signals, fs, threshold=threshold, inverted=inverted, n_jobs=n_jobs, progress=progress
    )
    n = len(signals)
    if n == 0:
        return np.empty(0, np.int64)
    links = sparse.coo_array((np.ones(len(pairs.i), np.int8), (pairs.i, pairs.j)), shape=(n, n))
    _, group = sparse.csgraph.connected_components(links, directed=False)
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def duplicate_pairs(
    signals: np.ndarray | Sequence[np.ndarray],
    fs: float,
    *,
    threshold: float = THRESHOLD,
    inverted: bool = False,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Pairs:
    """Find pairs of recordings that show the same heartbeats.

    Found: copies shifted by up to half their length, scaled, with baseline wander, with noise down to about
    10 dB, cropped to ten seconds or more, and combinations. Not found: copies stretched in time, played
    backwards, or with less than about six seconds in common.

    Parameters
    ----------
    signals : (n, samples) or (n, 1, samples), or n arrays (samples,) of any length; any unit. Zeros at the
        start and the end, and stretches where the signal does not move, are padding and not compared.
    fs : sampling rate in Hz, at least 80.
    threshold : score from which a pair counts, in (0, 1).
    inverted : also find copies that are upside down. Off by default: a reversed lead is a different input to
        a network that is not blind to sign, and each sign looked for doubles the chances of a false match.
    n_jobs : threads; None takes every core this process may use.
    progress : show a progress bar.

    Errors
    ------
    ValueError for NaN or infinite samples, more than one channel, a rate below 80 Hz, a threshold outside
    (0, 1).
    """
    recordings = _recordings(signals)
    if not fs >= 80:
        raise ValueError(
            f"fs is {fs!r} Hz; the comparison needs at least 80 Hz, because it uses {BAND_HZ[0]:g} to "
            f"{BAND_HZ[1]:g} Hz. Give the sampling rate in Hz, not the interval in seconds."
        )
    if not 0 < threshold < 1:
        raise ValueError(f"threshold is {threshold!r}; expected a score in 0 to 1, such as {THRESHOLD}.")
    if n_jobs is not None and (n_jobs != int(n_jobs) or n_jobs < 1):
        raise ValueError(f"n_jobs is {n_jobs!r}; expected a number of threads, or None for every core.")
    n_jobs = int(n_jobs or _cores())
    with ThreadPoolExecutor(n_jobs) as pool:
        prepared = list(pool.map(lambda x: _prepare(x, fs), recordings))
        usable = [k for k, item in enumerate(prepared) if item is not None]
        usable.sort(key=lambda k: len(prepared[k].coarse))  # short ones together get short FFTs
        blocks = [np.array(usable[k : k + BLOCK]) for k in range(0, len(usable), BLOCK)]
        work = [(a, b) for a in range(len(blocks)) for b in range(a, len(blocks))]
        found = pool.map(lambda ab: _suspects(prepared, blocks[ab[0]], blocks[ab[1]], fs, inverted), work)
        if progress:
            from tqdm.auto import tqdm

            found = tqdm(found, total=len(work), desc="near-duplicates", unit="block")
        suspects = sorted({(min(i, j), max(i, j)) for block in found for i, j in block})
        verified = pool.map(lambda ij: _verify(prepared[ij[0]], prepared[ij[1]], fs, inverted), suspects)
        rows = [(i, j, *result) for (i, j), result in zip(suspects, verified, strict=True)]
    kept = [
        (i, j, score, lag_s)
        for i, j, score, lag_s in rows
        if abs(score) >= threshold and _steady(prepared[i], prepared[j], score, lag_s, fs)
    ]
    table = np.array(kept, float).reshape(-1, 4)
    return Pairs(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2], table[:, 3])


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # a container may be given fewer cores than the machine has
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _recordings(signals) -> list[np.ndarray]:
    """Check the input and return its recordings as one-dimensional arrays (no copy)."""
    recordings = []
    for k, recording in enumerate(signals):
        x = np.asarray(recording)
        if x.ndim == 2 and x.shape[0] == 1:
            x = x[0]
        if x.ndim != 1:
            raise ValueError(
                f"recording {k} has shape {x.shape}; expected one channel, (samples,) or (1, samples). "
                "Of several leads give one: signals[:, [0]]."
            )
        if x.dtype.kind not in "fiu":
            raise ValueError(f"recording {k} has dtype {x.dtype}; expected real numbers.")
        if not np.isfinite(x).all():
            where = int(np.flatnonzero(~np.isfinite(x))[0])
            raise ValueError(
                f"recording {k} is {x[where]} at sample {where}; expected finite numbers. A division by a "
                "standard deviation of 0 is the usual cause. Repair or drop the recording first."
            )
        recordings.append(x)
    return recordings


def _coarse_step(fs: float) -> int:
    return max(1, round(fs / SCREEN_HZ))


def _prepare(x: np.ndarray, fs: float) -> _Prepared | None:
    """Band-pass, even out the gain, decimate. None when too little signal is left to compare."""
    nonzero = np.flatnonzero(x)
    if len(nonzero) == 0 or nonzero[-1] + 1 - nonzero[0] < MIN_OVERLAP_S * fs:
        return None
    start, stop = int(nonzero[0]), int(nonzero[-1]) + 1
    x = x[start:stop].astype(np.float64)
    present = _moving(x, max(2, int(GAP_S * fs)))
    if present.sum() < MIN_OVERLAP_S * fs:
        return None
    if not present.all():  # bridge the gaps: a step at their border would ring through the filter
        t = np.arange(len(x))
        x = np.interp(t, t[present], x[present])
    sos = signal.butter(3, BAND_HZ, "bandpass", fs=fs, output="sos")
    y = signal.sosfiltfilt(sos, x - np.median(x), padlen=min(len(x) - 1, int(fs)))
    y *= present
    width = int(GAIN_WINDOW_S * fs)
    power = ndimage.uniform_filter1d(y * y, width, mode="nearest")
    if not present.all():  # the mean over what is present in the window
        power /= np.maximum(ndimage.uniform_filter1d(present.astype(float), width, mode="nearest"), 1 / width)
    typical = np.median(power[present])
    if not typical > 1e-20 * np.ptp(x) ** 2:
        return None
    y /= np.sqrt(np.maximum(power, GAIN_FLOOR * typical))
    y /= np.sqrt(np.mean(y[present] ** 2))
    y = y.astype(np.float32)
    step = _coarse_step(fs)
    kept = None if present.all() else present.astype(np.float32)
    coarse = ndimage.uniform_filter1d(y, step, mode="constant", origin=0)[::step]
    coarse /= np.sqrt(np.mean(coarse**2))
    return _Prepared(y, coarse, kept, start)


def _moving(x: np.ndarray, gap: int) -> np.ndarray:
    """True where the signal moves: not inside a run of at least `gap` equal samples."""
    still = np.concatenate([[False], x[1:] == x[:-1], [False]])
    edge = np.flatnonzero(still[1:] != still[:-1])
    moving = np.ones(len(x), bool)
    for first, last in zip(edge[::2], edge[1::2], strict=True):
        if last + 1 - first >= gap:
            moving[first : last + 1] = False
    return moving


def _lags(n_i: int, n_j: int, least: int) -> np.ndarray:
    """The lag in samples at each place of a circular correlation long enough for overlaps of `least`."""
    size = fft.next_fast_len(max(n_i + n_j - least, 1), real=True)
    lags = np.arange(size)
    lags[lags > n_i - least] -= size
    return lags


def _overlap(n_i, n_j, lags: np.ndarray) -> np.ndarray:
    return np.minimum(n_i, n_j + lags) - np.maximum(lags, 0)


def _weights(n_i, n_j, lags: np.ndarray, rate: float) -> np.ndarray:
    """What turns a correlation sum into the screening score; 0 where the overlap is too short."""
    overlap = _overlap(n_i, n_j, lags)
    enough = overlap >= int(MIN_OVERLAP_S * rate)
    return (enough / (np.maximum(overlap, 0) + SCREEN_SHRINK_S * rate)).astype(np.float32)


def _suspects(
    prepared, rows: np.ndarray, cols: np.ndarray, fs: float, inverted: bool
) -> list[tuple[int, int]]:
    """Pairs of one block whose screening score reaches the level at any lag."""
    rate = fs / _coarse_step(fs)
    n_rows = np.array([len(prepared[k].coarse) for k in rows])
    n_cols = np.array([len(prepared[k].coarse) for k in cols])
    lags = _lags(n_rows.max(), n_cols.max(), int(MIN_OVERLAP_S * rate))
    size = len(lags)
    row_spectra = fft.rfft(_stack(prepared, rows, size), size)
    col_spectra = fft.rfft(_stack(prepared, cols, size), size).conj()
    lengths, which = np.unique(n_cols, return_inverse=True)
    same = rows is cols or np.array_equal(rows, cols)
    weights: dict[int, np.ndarray] = {}
    found = []
    for a in range(len(rows)):
        b = slice(a + 1 if same else 0, None)
        if len(cols[b]) == 0:
            continue
        n_i = int(n_rows[a])
        if n_i not in weights:
            table = _weights(n_i, lengths[:, None], lags, rate)
            weights = {n_i: table if len(lengths) == 1 else table[which]}
        weight = weights[n_i] if len(lengths) == 1 else weights[n_i][b]
        c = fft.irfft(row_spectra[a] * col_spectra[b], size, overwrite_x=True)
        c *= weight
        best = c.max(axis=1)
        if inverted:
            best = np.maximum(best, -c.min(axis=1))
        found += [(int(rows[a]), int(k)) for k in cols[b][best >= SCREEN_LEVEL]]
    return found


def _stack(prepared, which: np.ndarray, size: int) -> np.ndarray:
    out = np.zeros((len(which), size), np.float32)
    for row, k in zip(out, which, strict=True):
        # shorter than `size` for every valid pair: only the zeros at the end are cut
        row[: len(prepared[k].coarse)] = prepared[k].coarse
    return out


def _verify(one: _Prepared, two: _Prepared, fs: float, inverted: bool) -> tuple[float, float]:
    """Score and lag (s) of a suspect: exact correlation near the highest peaks of the screening."""
    step = _coarse_step(fs)
    rate = fs / step
    lags = _lags(len(one.coarse), len(two.coarse), int(MIN_OVERLAP_S * rate))
    size = len(lags)
    c = fft.irfft(fft.rfft(one.coarse, size) * fft.rfft(two.coarse, size).conj(), size)
    c *= _weights(len(one.coarse), len(two.coarse), lags, rate)
    best, best_lag = 0.0, 0
    height = np.abs(c) if inverted else c
    for _ in range(PEAKS):
        k = int(height.argmax())
        if height[k] < SCREEN_LEVEL:
            break
        sign = 1.0 if c[k] > 0 else -1.0
        score, lag = _exact(one, two, int(lags[k]) * step, step, sign, fs)
        if score > abs(best):
            best, best_lag = sign * score, lag
        height[np.arange(k - 3, k + 4) % size] = 0  # leave this peak
    return best, (best_lag + one.start - two.start) / fs


def _exact(
    one: _Prepared, two: _Prepared, lag: int, search: int, sign: float, fs: float
) -> tuple[float, int]:
    """The best score near `lag`, at most `search` samples away, and its lag: uphill, one sample at a time."""
    known = {shift: _score(one, two, shift, fs) * sign for shift in (lag - 1, lag, lag + 1)}
    best = max(known, key=known.__getitem__)
    while abs(best - lag) < search and best in (min(known), max(known)):
        onward = best + (1 if best == max(known) else -1)
        known[onward] = _score(one, two, onward, fs) * sign
        if known[onward] <= known[best]:
            break
        best = onward
    return known[best], best


def _score(one: _Prepared, two: _Prepared, lag: int, fs: float) -> float:
    """Exact normalised cross-correlation at one lag (samples), shrunk by its overlap."""
    a, b = max(0, lag), max(0, -lag)
    n = min(len(one.fine) - a, len(two.fine) - b)
    edge = int(EDGE_S * fs)
    if n < MIN_OVERLAP_S * fs:
        return 0.0
    u, v = one.fine[a + edge : a + n - edge], two.fine[b + edge : b + n - edge]
    seconds = n / fs
    if one.present is not None or two.present is not None:
        both = np.ones(n, np.float32)
        for item, place in ((one, a), (two, b)):
            if item.present is not None:
                both *= item.present[place : place + n]
        seconds = float(both.sum()) / fs
        if seconds < MIN_OVERLAP_S:
            return 0.0
        u, v = u * both[edge : n - edge], v * both[edge : n - edge]
    energy = float(u @ u) * float(v @ v)
    r = float(u @ v) / np.sqrt(energy) if energy > 0 else 0.0
    return r * seconds / (seconds + SHRINK_S)


def _steady(one: _Prepared, two: _Prepared, score: float, lag_s: float, fs: float) -> bool:
    """True when the lag is the same all along the overlap: so with copies, not with two hearts."""
    lag = round(lag_s * fs) - one.start + two.start
    a, b = max(0, lag), max(0, -lag)
    n = min(len(one.fine) - a, len(two.fine) - b)
    width, search = int(STEADY_WINDOW_S * fs), int(STEADY_SEARCH_S * fs)
    u = one.fine[a : a + n]
    v = np.zeros(n + 2 * search, np.float32)
    v[search : search + n] = np.sign(score) * two.fine[b : b + n]
    places = []
    for start in range(0, n - width + 1, width):
        seen = np.lib.stride_tricks.sliding_window_view(v[start : start + width + 2 * search], width)
        match = seen @ u[start : start + width]
        if match.max() > 0:  # not a gap
            places.append(int(match.argmax()))
    off = np.abs(np.array(places) - np.median(places)) if places else np.array([np.inf])
    return bool(np.mean(off <= max(1, round(STEADY_WITHIN_S * fs))) >= STEADY_SHARE)
