"""What half a minute of ECG says about the rhythm around a window: in the signal alone, without annotations.

Two things define atrial fibrillation (AF) in an ECG: the atria have no common beat, so that no P wave precedes the QRS
complexes, and the ventricles follow them irregularly (Hindricks et al. 2021, ESC guidelines). Five seconds hold about
six beats, too few to be sure of either. `of_record` measures both over half a minute; `of_cohort` does it for every
window of a folder of WFDB records.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from physiodl import mitdb, window_cache
from physiodl.cohort import Cohort

NAMES = ("log_rr_step", "log_rr_pattern", "rr_entropy", "other_shapes", "p_best", "p_mean")
CONTEXT_S = 30.0  # the length that guidelines ask of a tracing before AF is called (Hindricks et al. 2021)
P_WAVE_S = (-0.32, -0.08)  # before the R wave: PR intervals up to 0.3 s, and the QRS complex left out; design value
QRS_S = 0.08  # to both sides of the R wave
SAME_SHAPE = 0.8  # correlation of a QRS complex with the mean one below which it is another kind of beat; design value
FEWEST_BEATS = 5


def of_record(
    signals: np.ndarray,
    fs: float,
    beat_s: np.ndarray,
    start_s: np.ndarray,
    *,
    window_s: float = 5.0,
    context_s: float = CONTEXT_S,
) -> np.ndarray:
    """What half a minute around each window says about the rhythm, from one record and without annotations.

    Ectopic beats also make a rhythm irregular. Three things keep them from counting: beats of another shape
    (ventricular ones) are left out; medians ignore the few; and a rhythm that repeats itself every 2, 3 or 4 beats
    (bigeminy, trigeminy, quadrigeminy) is regular when each interval is compared with the one so many beats before.

    Args:
        signals: (leads, samples) of the whole record, from `physiodl.mitdb.prepare`.
        fs: their sampling rate in Hz.
        beat_s: (k,) times of R waves in seconds, such as from `physiodl.mitdb.r_waves`.
        start_s: (n,) starts of the windows in seconds; window_s: their length.
        context_s: length of the stretch around each window; at the ends of the record it moves inwards.

    Returns:
        (n, 6) float32 in the order of ``NAMES``: log of the median step between successive RR intervals over their
        median (beats of normal shape); log of the smallest such median over steps of 1 to 4 beats (all beats); entropy
        of the histogram of RR over its median (bits); share of beats of another shape; how alike what precedes each
        QRS complex is (median correlation with the typical one: near 1 where P waves are, near 0 where there are
        none), in the lead where it is clearest and as the mean of the leads. NaN where the stretch has fewer than 5
        beats or the record no living lead.
    """
    signals, beat_s = np.atleast_2d(signals), np.asarray(beat_s, dtype=float)
    n = signals.shape[1]
    at = np.round(beat_s * fs).astype(int)
    qrs = np.arange(-round(QRS_S * fs), round(QRS_S * fs) + 1)
    before = np.arange(round(P_WAVE_S[0] * fs), round(P_WAVE_S[1] * fs) + 1)
    inside = (at + min(before[0], qrs[0]) >= 0) & (at + qrs[-1] < n)
    alive = signals[signals.std(axis=1) > 0]
    found = np.full((len(start_s), len(NAMES)), np.nan, np.float32)
    if not len(alive):
        return found
    place = np.clip(at, -before[0], n - 1 - qrs[-1])
    shape = alive[:, place[:, None] + qrs].transpose(1, 0, 2).reshape(len(at), -1)  # (beats, leads * samples)
    shape = _unit(shape - shape.mean(axis=1, keepdims=True))
    p_wave = alive[:, place[:, None] + before]
    p_wave = _unit(p_wave - p_wave.mean(axis=2, keepdims=True))  # (leads, beats, samples)
    first = np.asarray(start_s, dtype=float) + window_s / 2 - context_s / 2
    first = np.clip(first, 0.0, max(0.0, n / fs - context_s))
    spans = np.searchsorted(beat_s, np.stack([first, first + context_s], axis=1))
    for row, (a, b) in zip(found, spans, strict=True):
        if b - a < FEWEST_BEATS:
            continue
        normal = shape[a:b] @ _unit(shape[a:b].mean(axis=0)) > SAME_SHAPE
        usable = np.flatnonzero(normal & inside[a:b])
        usable = a + (usable if len(usable) >= FEWEST_BEATS else np.arange(b - a))
        typical = _unit(np.median(p_wave[:, usable], axis=1))
        alike = np.median(np.einsum("lbs,ls->lb", p_wave[:, usable], typical), axis=1)
        row[:3] = _irregularity(np.diff(beat_s[a:b]), normal[1:] & normal[:-1])
        row[3:] = 1 - normal.mean(), alike.max(), alike.mean()
    return found


def of_cohort(
    folder: str | Path, cohort: Cohort, *, context_s: float = CONTEXT_S, cache: bool | Path = True
) -> np.ndarray:
    """`of_record` of every window of a cohort, (n, 6) float32, from the records it was cut from.

    Args:
        folder: of the records, as given to `physiodl.mitdb.windows`.
        cohort: from there; only its columns ``record`` and ``start_s`` and the length of its windows are used.
        context_s: see `of_record`. cache: as in `physiodl.mitdb.windows`.
    """
    folder, window_s = Path(folder), cohort.signals.shape[-1] / cohort.fs
    record, start_s = np.asarray(cohort.columns["record"]), np.asarray(cohort.columns["start_s"], dtype=float)
    names = list(dict.fromkeys(record.tolist()))

    def make() -> dict[str, np.ndarray]:
        rows = np.zeros((len(cohort), len(NAMES)), np.float32)
        for name in names:  # one record at a time: nothing of one can reach another
            one, of = mitdb.read_record(folder, name), record == name
            x = mitdb.prepare(one.signals, one.fs, to_fs=cohort.fs)
            rows[of] = of_record(x, cohort.fs, mitdb.r_waves(one), start_s[of], window_s=window_s, context_s=context_s)
        return {"evidence": rows}

    if cache is False:
        return make()["evidence"]
    how = {"fs": cohort.fs, "window_s": window_s, "context_s": context_s}
    how["windows"] = [f"{name} {second:.3f}" for name, second in zip(record, start_s, strict=True)]
    kept = window_cache.kept(
        None if cache is True else Path(cache), "rhythm", folder=folder, how=how, make=make,
        files=[folder / (name + suffix) for name in names for suffix in mitdb.FILES],
        code=[__file__, *mitdb.CODE],
    )  # fmt: skip
    return kept["evidence"]


def _irregularity(rr_s: np.ndarray, normal: np.ndarray) -> tuple[float, float, float]:
    """The three numbers of `of_record` about RR intervals; ``normal``: between beats of normal shape."""
    q = rr_s / np.median(rr_s)
    step = np.abs(np.diff(q))
    kept = step[normal[1:] & normal[:-1]]
    pattern = min(np.median(np.abs(q[lag:] - q[:-lag])) for lag in range(1, min(4, len(q) - 1) + 1))
    counts = np.histogram(q, bins=np.arange(0.0, 3.01, 0.08))[0]
    share = counts[counts > 0] / max(1, counts.sum())
    typical = np.median(kept if len(kept) >= FEWEST_BEATS else step)
    return np.log(max(typical, 0.003)), np.log(max(pattern, 0.003)), -np.sum(share * np.log2(share))


def _unit(x: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-9)
