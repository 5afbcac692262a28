"""MIT-BIH Arrhythmia Database: one WFDB folder, real or simulated, to windows with a rhythm, a record and a subject.

`read_record` (of `physiodl.records`) reads and checks a record, `prepare` filters the whole recording, `cut` makes
windows of it, `windows` does all that for a folder and keeps the result.

Source of the data: Moody and Mark 2001 (IEEE Eng Med Biol Mag 20:45); PhysioNet (Goldberger et al. 2000).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from physiodl import records, registry, window_cache
from physiodl import signals as dsp
from physiodl.cohort import Cohort
from physiodl.ecg import r_peaks
from physiodl.records import (
    BEAT_SYMBOLS,
    FILES,
    SUBJECT_OF,
    Record,
    bridged,
    check_files,
    read_record,
    record_names,
)
from physiodl.signal_checks import whole_samples

__all__ = [
    "BEAT_SYMBOLS", "FILES", "SUBJECT_OF", "Record", "bridged", "check_files", "cut", "prepare", "r_waves",
    "read_record", "record_names", "rr_context", "windows",
]  # fmt: skip
RHYTHMS: Mapping[str, int] = {"(N": 0, "(AFIB": 1}  # the labels of the windows; every other rhythm has none
CLASSES = ("normal sinus rhythm", "AF")
NO_LEAD = "-"  # in the column "leads": a record with fewer leads than others of its folder
BAND_HZ = (0.5, 40.0)  # monitoring bandwidth: without wander, mains and most of the muscle
CITATION = "MIT-BIH Arrhythmia Database (Moody and Mark 2001; PhysioNet, Goldberger et al. 2000)"
LICENCE = "ODC-By 1.0"
SCALE_S = 5.0  # pieces whose typical standard deviation is the scale of a lead: a few beats; design value
CONTEXT_S, CONTEXT_BEATS = 30.0, 64  # of `rr_context`: 64 intervals are 30 s at 128 beats per minute
# What windows are made with: a cache of them is out of date when one of these files has changed.
CODE = (__file__, records.__file__, dsp.__file__, r_peaks.__code__.co_filename)


def prepare(signals: np.ndarray, fs: float, *, to_fs: float = 100.0) -> np.ndarray:
    """Filter, resample and scale a whole recording: before windows are cut, so that they have no edges of their own.

    Band-pass 0.5 to 40 Hz without delay (Butterworth of order 4, forwards and backwards). Gaps (NaN) are bridged by
    straight lines first; what stands there afterwards is no signal, and `cut` counts it as such. Then each lead is
    divided by the median standard deviation of its 5 s pieces: robust, since motion or a loose electrode spoils some
    pieces and hardly moves their median. This scale, like the filter, looks at the whole record, also at what comes
    after a window: right for a recording that is judged when it is complete (Holter), and not to be had by a monitor
    that decides at once. It looks at no label and at no other record.

    Args:
        signals: (leads, samples) in any unit.
        fs: sampling rate in Hz, above 80.
        to_fs: sampling rate of the result in Hz.

    Returns:
        (leads, ceil(samples * to_fs / fs)) float32; a lead that is flat or was never recorded is zero.

    Raises:
        ValueError: another shape, empty, rates that do not fit (see `physiodl.signals`).
    """
    signals = np.atleast_2d(np.asarray(signals))
    if signals.ndim != 2 or signals.shape[0] > signals.shape[1]:
        raise ValueError(f"got signals of shape {signals.shape}, expected (leads, samples): are they transposed?")
    rows = []
    for x in signals:
        x = dsp.resampled(dsp.filtered(bridged(x), fs, low=BAND_HZ[0], high=BAND_HZ[1]), fs, to_fs)
        pieces = np.array_split(x, max(1, round(len(x) / (SCALE_S * to_fs))))
        spreads = np.array([piece.std() for piece in pieces])
        alive = spreads > 1e-6 * (np.nanmax(np.abs(signals)) if np.isfinite(signals).any() else 1.0)
        rows.append(x / np.median(spreads[alive]) if alive.any() else np.zeros(len(x)))
    return np.asarray(rows, dtype=np.float32)


def cut(
    record: Record, *, window_s: float = 5.0, step_s: float = 5.0, purity: float = 0.9, to_fs: float = 100.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows of one record that have a label: normal sinus rhythm or atrial fibrillation.

    A window gets a label when at least ``purity`` of its samples lie in that rhythm, and is dropped otherwise: other
    rhythms, mixtures, and what is not annotated. A sample that any lead lacks (NaN) belongs to no rhythm.

    Args:
        record: from `read_record`.
        window_s, step_s: length of a window, and from the start of one to the start of the next, in seconds: whole
            numbers of samples at ``to_fs``.
        purity: above 0.5, at most 1.
        to_fs: sampling rate of the windows in Hz.

    Returns:
        windows (n, leads, samples) float32 from `prepare`; labels (n,) int64, 0 normal, 1 AF; start_s (n,) seconds.

    Raises:
        ValueError: purity outside (0.5, 1] (below, two labels could be right); lengths that are not whole samples.
    """
    if not 0.5 < purity <= 1:
        raise ValueError(f"got purity={purity}, expected more than 0.5 and at most 1: the rhythm of most of a window")
    length, step = whole_samples(window_s, to_fs, "window_s"), whole_samples(step_s, to_fs, "step_s")
    n = record.signals.shape[1]
    whole = int(np.floor(n / record.fs * to_fs + 1e-9))  # samples that lie wholly inside the recording
    start = np.arange(0, max(0, whole - length) + 1, step) if whole >= length else np.zeros(0, int)
    start_s = start / to_fs
    first, last = (np.round(edge * record.fs).astype(int) for edge in (start_s, start_s + window_s))
    recorded = np.isfinite(record.signals).all(axis=0)
    labels = np.full(len(start), -1, np.int64)
    for rhythm, label in RHYTHMS.items():
        inside = np.zeros(n + 1, np.int32)
        for a, b, name in record.rhythms:
            if name == rhythm:
                inside[a + 1 : b + 1] = recorded[a:b]
        inside = np.cumsum(inside)
        share = (inside[np.minimum(last, n)] - inside[first]) / np.maximum(last - first, 1)
        labels[share >= purity - 1e-9] = label
    keep = labels >= 0
    x = prepare(record.signals, record.fs, to_fs=to_fs)
    index = start[keep][:, None] + np.arange(length)
    return np.ascontiguousarray(x[:, index].transpose(1, 0, 2)), labels[keep], start_s[keep]


def r_waves(record: Record) -> np.ndarray:
    """Times of the R waves in seconds, ascending: found in the first lead itself, without the annotations.

    The detector (`physiodl.ecg.r_peaks`) adapts its height to a minute at a time, so that a change of amplitude does
    not silence the rest of the record.
    """
    fs = record.fs
    x = bridged(record.signals[0])
    piece, margin = round(60 * fs), round(3 * fs)
    found = []
    for start in range(0, len(x), piece):
        first = max(0, start - margin)
        at = first + r_peaks(x[first : start + piece + margin], fs)
        found.append(at[(at >= start) & (at < start + piece)])
    at = np.concatenate(found)
    return at[np.diff(at, prepend=-fs) > 0.2 * fs] / fs  # one wave on a seam of two pieces may be found on both sides


def rr_context(
    beat_s: np.ndarray,
    start_s: np.ndarray,
    *,
    window_s: float = 5.0,
    context_s: float = CONTEXT_S,
    beats: int = CONTEXT_BEATS,
) -> np.ndarray:
    """Intervals between R waves around each window: what the heart did in the half minute about it.

    Args:
        beat_s: (k,) times of R waves in seconds, ascending, such as from `r_waves`.
        start_s: (n,) starts of the windows in seconds.
        window_s: their length.
        context_s: length of the stretch of which the window is the middle.
        beats: columns of the result.

    Returns:
        (n, beats) float32 seconds: the intervals that lie wholly in that stretch, in order, then NaN. When there are
        more, those nearest the middle.
    """
    beat_s = np.asarray(beat_s, dtype=float)
    rr = np.diff(beat_s)
    middle = np.asarray(start_s, dtype=float) + window_s / 2
    first = np.searchsorted(beat_s, middle - context_s / 2)
    count = np.searchsorted(beat_s, middle + context_s / 2, side="right") - first - 1
    surplus = np.maximum(count - beats, 0)
    first, count = first + surplus // 2, np.clip(count, 0, beats)
    column = np.arange(beats)
    taken = column < count[:, None]
    values = rr[np.where(taken, first[:, None] + column, 0)] if len(rr) else np.zeros(taken.shape)
    return np.where(taken, values, np.nan).astype(np.float32)


def windows(
    folder: str | Path,
    *,
    window_s: float = 5.0,
    step_s: float = 5.0,
    purity: float = 0.9,
    to_fs: float = 100.0,
    cache: bool | Path = True,
) -> Cohort:
    """The windows of all records of a folder, see `cut`.

    Args:
        folder: with the files of the records, real or simulated.
        window_s, step_s, purity, to_fs: see `cut`.
        cache: keep the result in the data folder and open it from there, memory-mapped, while neither the files nor
            this code have changed; a path is the folder to keep it in. False computes and writes nothing.

    Returns:
        Cohort ``"mitdb"``: signals (n, leads, samples), memory-mapped (changing them changes no file); labels 0 normal
        sinus rhythm, 1 AF; subjects; columns ``record``, ``start_s`` (seconds), ``leads`` (names of the rows of
        signals, joined by commas), ``paced`` and ``rr`` ((n, 64) seconds, `rr_context`). A lead that a record does not
        have is zero and named "-".

    Raises:
        FileNotFoundError: no records.
        DataError: a damaged one.
    """
    folder = Path(folder)
    names = record_names(folder)
    how = {"window_s": window_s, "step_s": step_s, "purity": purity, "to_fs": to_fs}
    if cache is False:
        arrays = _windows(folder, names, how)
    else:
        files = [folder / (name + suffix) for name in names for suffix in FILES]
        arrays = window_cache.kept(
            None if cache is True else Path(cache),
            "mitdb",
            folder=folder,
            files=files,
            code=CODE,
            how=how,
            make=lambda: _windows(folder, names, how),
        )
    simulated = bool(arrays["simulated"])
    leads = [text.split(",") for text in np.unique(arrays["leads"])] or [[NO_LEAD]]
    return Cohort(
        name="mitdb",
        signals=arrays["signals"],
        labels=arrays["labels"],
        subjects=arrays["subjects"],
        fs=float(to_fs),
        classes=CLASSES,
        channels=tuple(_either(row) for row in zip(*leads, strict=True)),
        source="simulated" if simulated else "real",
        citation="simulated by PhysioDL, from no person" if simulated else CITATION,
        licence="CC0-1.0" if simulated else LICENCE,
        columns={name: arrays[name] for name in ("record", "start_s", "leads", "paced", "rr")},
    )


def _windows(folder: Path, names: list[str], how: dict[str, float]) -> dict[str, np.ndarray]:
    """The arrays of `windows`, computed; one record at a time is in memory besides the result."""
    altered = registry.against_sums(folder, [name + suffix for name in names for suffix in FILES])
    if altered:
        path = folder / Path(altered[0]).stem
        raise records.damaged(
            path, got=f"{', '.join(altered)} with another checksum", expected=f"that of {registry.SUMS}"
        )
    parts, kinds = [], set()
    for name in names:
        record = read_record(folder, name)
        x, labels, start_s = cut(record, **how)
        kinds.add(record.simulated)
        rr = rr_context(r_waves(record), start_s, window_s=how["window_s"])
        parts.append((x, labels, start_s, rr, record.name, record.subject, record.leads, record.paced))
    if len(kinds) > 1:
        raise ValueError(f"{folder} holds simulated and real records: keep them in two folders")
    widest = max(part[0].shape[1] for part in parts)
    counts = [len(part[1]) for part in parts]
    signals = np.zeros((sum(counts), widest, parts[0][0].shape[2]), np.float32)
    at = 0
    for k, (x, *_) in enumerate(parts):
        signals[at : at + len(x), : x.shape[1]] = x
        at += len(x)
        parts[k] = (None, *parts[k][1:])  # free it: the whole would be in memory twice
    named = [",".join([*part[6], *[NO_LEAD] * (widest - len(part[6]))]) for part in parts]
    return {
        "signals": signals,
        "labels": np.concatenate([part[1] for part in parts]),
        "start_s": np.concatenate([part[2] for part in parts]),
        "rr": np.concatenate([part[3] for part in parts]),
        "record": np.repeat(np.array([part[4] for part in parts]), counts),
        "subjects": np.repeat(np.array([part[5] for part in parts]), counts),
        "leads": np.repeat(np.array(named), counts),
        "paced": np.repeat(np.array([part[7] for part in parts]), counts),
        "simulated": np.array(kinds == {True}),
    }


def _either(names: tuple[str, ...]) -> str:
    """One name for a row of signals whose lead differs between records, such as "V1 or V5"."""
    return " or ".join(sorted(set(names) - {NO_LEAD}, key=records.lead_rank)) or NO_LEAD
