"""A simulated arrhythmia database in the form of MIT-BIH: WFDB records of two leads at 360 Hz, with annotations.

Several records per subject, as 201 and 202 are of MIT-BIH. Each subject has a heart of its own (shapes of P, QRS, T
and of ectopic beats, rate, electrodes), which a network can recognise: that is what makes a split by window leak. AF
differs from sinus rhythm in what defines it and in nothing else: no P waves, fibrillatory waves, irregular intervals.
Rate, gain and noise are the subject's, whatever the rhythm. Hard subjects are in both classes: hardly visible P waves,
frequent atrial ectopic beats and marked sinus arrhythmia without AF; fine fibrillatory waves and slow, nearly regular
conduction with it. Shares and ranges are design values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import wfdb

from physiodl.simulate import ecg, rhythm

FS = 360.0
VERSION = 1  # raised when the same seed would give other recordings
LEADS = ("MLII", "V1")
GAIN, ZERO = 200.0, 1024  # steps per mV and step of 0 mV, as in MIT-BIH (11 bits, 5 uV)
LOST = -2048  # the mark of format 212 for a sample that was not recorded

AF_SHARE = 0.35  # of the subjects have AF, the first of them all the time: 15 to 20 % of the windows are AF
ATRIAL, VENTRICULAR = 0.3, 0.3  # shares of the subjects with frequent ectopic beats of that kind
TREMOR = 0.2  # share of the subjects who tremble
LATE_S = 12.0  # how late the rhythm annotations of one subject start


@dataclass(frozen=True)
class _Subject:
    """What stays the same in all records of one person."""

    name: str
    shapes: tuple[ecg.Shape, ecg.Shape]  # of a normal beat, in MLII and V1
    ectopic: tuple[ecg.Shape, ecg.Shape]  # of a ventricular beat
    atrial_p: float  # height of the P wave of an atrial ectopic beat, relative to a normal one
    mean_rr_s: float
    sinus_variation: float
    af_variation: float
    af_share: float  # of the time
    f_waves: tuple[float, float]  # mV in the two leads
    f_hz: float
    tremor_mv: float  # trembling of the muscles at 4 to 9 Hz, in every rhythm: looks like fibrillatory waves
    atrial: float  # share of the beats of sinus rhythm
    ventricular: float
    paced: bool = False
    swapped: bool = False
    late: bool = False


def write_database(
    folder: str | Path,
    *,
    n_subjects: int = 20,
    minutes: float = 10.0,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> list[str]:
    """Write a database: ``.hea``, ``.dat``, ``.atr`` of each record, RECORDS and SHA256SUMS.txt.

    About a third of the subjects have AF: one all the time, the others in runs of seconds to minutes. Of six subjects
    or more, one is paced, one has its leads exchanged in the file, one has rhythm annotations that start 12 s late.

    Args:
        folder: where to; made if it is not there.
        n_subjects: at least 2.
        minutes: of each subject, in two or three records; at least 1.
        seed: what the recordings are drawn from; the same arguments give the same bytes.
        progress: called with the number of subjects written so far.

    Returns:
        Names of the records, such as ``"s01a"``: the header of each names its subject, and says SIMULATED.

    Raises:
        ValueError: fewer subjects or minutes.
    """
    if n_subjects < 2:
        raise ValueError(f"got n_subjects={n_subjects}, expected at least 2: one with AF, one without")
    if not minutes >= 1:
        raise ValueError(f"got minutes={minutes}, expected at least 1 minute per subject")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 804])
    names = []
    for number, subject in enumerate(_subjects(n_subjects, rng)):
        own = rng.spawn(1)[0]
        parts = int(own.integers(2, 4))
        for letter in "abc"[:parts]:
            name = f"{subject.name.lower()}{letter}"
            _write_one(folder, name, subject, 60 * minutes / parts, own, f"generator version {VERSION}, seed {seed}")
            names.append(name)
        if progress:
            progress(number + 1)
    (folder / "RECORDS").write_text("".join(f"{name}\n" for name in names))
    write_sums(folder)
    return names


def write_record(
    folder: str | Path,
    name: str,
    signals: np.ndarray,
    *,
    fs: float = FS,
    leads: Sequence[str] = LEADS,
    beats: tuple[Sequence[int], Sequence[str]] = ((), ()),
    rhythms: Sequence[tuple[int, str]] = (),
    comments: Sequence[str] = ("SIMULATED by PhysioDL, from no person",),
) -> None:
    """Write one record in format 212 with its annotations.

    Args:
        folder: that is there.
        name: letters, digits, underscores and hyphens.
        signals: (leads, samples) mV, clipped to -10.24 to 10.23; NaN is written as "not recorded".
        fs: sampling rate in Hz.
        leads: names, in the order of the rows.
        beats: sample numbers and symbols, ascending.
        rhythms: (sample, label) of each change of rhythm, such as ``(77, "(N")``.
        comments: lines of the header.
    """
    signals = np.atleast_2d(signals)
    steps = np.clip(np.round(np.nan_to_num(signals) * GAIN) + ZERO, LOST + 1, -LOST - 1)
    steps[~np.isfinite(signals)] = LOST
    n = len(signals)
    wfdb.wrsamp(
        name, fs=fs if fs % 1 else int(fs), units=["mV"] * n, sig_name=list(leads), d_signal=steps.T.astype(np.int64),
        fmt=["212"] * n, adc_gain=[GAIN] * n, baseline=[ZERO] * n, comments=list(comments), write_dir=str(folder),
    )  # fmt: skip
    marks = [(int(at), 1, symbol, "") for at, symbol in zip(*beats, strict=True)]
    marks += [(int(at), 0, "+", label) for at, label in rhythms]  # of one sample, the rhythm is said first
    marks.sort(key=lambda mark: mark[:2])
    if not marks:
        (Path(folder) / f"{name}.atr").write_bytes(b"\0\0")  # wfdb refuses to write none; this is their end mark
        return
    at, _, symbols, notes = zip(*marks, strict=True)
    wfdb.wrann(name, "atr", np.array(at), symbol=list(symbols), aux_note=list(notes), write_dir=str(folder))


def write_sums(folder: str | Path) -> None:
    """Write SHA256SUMS.txt over all other files of a folder, in the form of PhysioNet's."""
    files = sorted(path for path in Path(folder).iterdir() if path.is_file() and path.name != "SHA256SUMS.txt")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.name}\n" for path in files]
    (Path(folder) / "SHA256SUMS.txt").write_text("".join(lines))


def _subjects(n: int, rng: np.random.Generator) -> list[_Subject]:
    """People of declared kinds and ranges, evenly represented and in random order: databases are equally hard."""

    def spread(low: float, high: float, count: int = n) -> np.ndarray:
        return rng.permutation(np.linspace(low, high, count))

    n_af = max(2 if n >= 6 else 1, round(AF_SHARE * n))
    af_share = np.zeros(n)
    af_share[:n_af] = [1.0, *np.linspace(0.75, 0.15, n_af - 1)]
    # one sign of the rhythm may be weak in somebody, not all of them: who has hardly visible P waves beats regularly in
    # sinus rhythm, who has fine fibrillatory waves beats irregularly in AF, and the other way round
    p_rank, f_rank = rng.permutation(np.linspace(0, 1, n)), rng.permutation(np.linspace(0, 1, n_af))
    p_mv, sinus_variation = 0.032 * (0.16 / 0.032) ** p_rank, 0.015 + 0.085 * p_rank
    f_mv, af_variation = 0.030 * (0.11 / 0.030) ** f_rank, 0.28 - 0.16 * f_rank
    mean_rr = 60 / spread(55, 110)
    tremor = rng.permutation(np.where(np.arange(n) < round(TREMOR * n), rng.uniform(0.008, 0.02, n), 0.0))
    atrial = rng.permutation(np.where(np.arange(n) < round(ATRIAL * n), rng.uniform(0.05, 0.25, n), 0.0))
    ventricular = rng.permutation(np.where(np.arange(n) < round(VENTRICULAR * n), rng.uniform(0.05, 0.25, n), 0.0))
    people = []
    for k in range(n):
        shape = ecg.draw_shape(rng)
        shape = replace(shape, amplitude={**shape.amplitude, "P": float(p_mv[k])})
        wide = _ventricular(shape, rng)
        f = float(f_mv[k % n_af])
        people.append(
            _Subject(
                name="",
                shapes=(shape, _from_v1(shape, rng)),
                ectopic=(wide, _ventricular(shape, rng)),
                atrial_p=float(rng.choice([-0.8, 0.6, 1.3])),
                mean_rr_s=float(mean_rr[k]),
                sinus_variation=float(sinus_variation[k]),
                af_variation=float(af_variation[k % n_af]),
                af_share=float(af_share[k]),
                f_waves=(f, f * float(rng.uniform(1.0, 1.6))),  # the right atrium lies under V1
                f_hz=float(rng.uniform(4.5, 8.0)),
                tremor_mv=float(tremor[k]),
                atrial=float(atrial[k]),
                ventricular=float(ventricular[k]),
                paced=n >= 6 and k == n - 1,  # the last ones have no AF
                swapped=n >= 6 and k == n - 2,
                late=n >= 6 and k == n - 3,
            )
        )
    order = rng.permutation(n)
    return [replace(people[k], name=f"S{number + 1:02d}") for number, k in enumerate(order)]


def _write_one(folder: Path, name: str, subject: _Subject, seconds: float, rng: np.random.Generator, by: str) -> None:
    n = round(seconds * FS)
    beat_s, rr, kind, parts = _beats(subject, seconds, rng)
    fibrillating = np.zeros(n)
    for start, stop, label in parts:
        if label == "(AFIB":
            fibrillating[round(start * FS) : round(stop * FS)] = 1.0
    edge = round(0.2 * FS)  # atria do not start or stop within one sample
    fibrillating = np.convolve(fibrillating, np.hanning(edge) / np.hanning(edge).sum(), mode="same")
    in_af = np.interp(beat_s, np.arange(n) / FS, fibrillating) > 0.5
    placed = 1 + 0.06 * rng.standard_normal(2)  # electrodes are glued anew for every record
    f_hz = subject.f_hz * (1 + 0.05 * rng.standard_normal())
    tremor_hz = rng.uniform(4.0, 9.0)
    rows = []
    for lead in range(2):
        shape = subject.shapes[lead]
        narrow = replace(shape, amplitude={**shape.amplitude, "P": 0.0})  # P waves follow, where there are any
        x = _waves(n, beat_s[kind < 2], rr[kind < 2], narrow, rng)
        x += _waves(n, beat_s[kind == 2], rr[kind == 2], subject.ectopic[lead], rng)
        if (kind == 3).any():
            x += _waves(n, beat_s[kind == 3], rr[kind == 3], _PACED[lead], rng)
            spike = np.round((beat_s[kind == 3] - 0.05) * FS).astype(int)
            x[spike[(spike >= 0) & (spike < n)]] += 1.2 if lead == 0 else -0.8
        for which, height in ((0, 1.0), (1, subject.atrial_p)):
            chosen = (kind == which) & ~in_af
            alone = {wave: 0.0 for wave in shape.amplitude} | {"P": height * shape.amplitude["P"]}
            x += _waves(n, beat_s[chosen], rr[chosen], replace(shape, amplitude=alone), rng)
        if fibrillating.any():
            x += fibrillating * ecg.fibrillatory_waves(
                n, FS, amplitude_mv=subject.f_waves[lead], frequency_hz=f_hz, rng=rng
            )
        if subject.tremor_mv:
            x += ecg.fibrillatory_waves(n, FS, amplitude_mv=subject.tremor_mv, frequency_hz=tremor_hz, rng=rng)
        rows.append(placed[lead] * x + ecg.ambulatory_noise(n, FS, rng=rng))
    leads = list(LEADS)
    if subject.swapped:
        rows, leads = rows[::-1], leads[::-1]
    inside = (beat_s > 0.2) & (beat_s < seconds - 0.2)
    at = np.round(beat_s[inside] * FS).astype(int)
    symbols = np.array(["N", "A", "V", "/"])[kind[inside]]
    write_record(
        folder, name, np.stack(rows), leads=leads, beats=(at, symbols), rhythms=_notes(parts, at, subject.late),
        comments=["SIMULATED by PhysioDL, from no person", f"subject: {subject.name}", by],
    )  # fmt: skip


def _notes(parts: list[tuple[float, float, str]], at: np.ndarray, late: bool) -> list[tuple[int, str]]:
    """Rhythm annotations, as in MIT-BIH just before the first beat of each rhythm: the samples before have none."""
    notes = []
    for number, (start, _, label) in enumerate(parts):
        earliest = max(start, LATE_S) if late and number == 0 else start
        after = at[at >= earliest * FS]
        if len(after):
            notes.append((max(0, int(after[0]) - round(0.15 * FS)), label))
    return [note for note, following in zip(notes, [*notes[1:], (10**12, "")], strict=True) if note[0] < following[0]]


def _beats(
    subject: _Subject, seconds: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[tuple[float, float, str]]]:
    """Times, intervals and kinds (0 normal, 1 atrial, 2 ventricular, 3 paced) of the beats, and the rhythms."""
    times, intervals, kinds, parts = [], [], [], []
    begin = -2.0 + rng.uniform(0, subject.mean_rr_s)
    for label, length in _episodes(subject, seconds + 4.0, rng):
        many = int(length / subject.mean_rr_s * 1.6) + 8
        if label == "(AFIB":
            rr = rhythm.fibrillation_rr(many, subject.mean_rr_s, variation=subject.af_variation, rng=rng)
            kind = np.zeros(many, int)
            kind[rng.random(many) < 0.5 * subject.ventricular] = 2
        elif label == "(P":
            rr, kind = np.full(many, 60 / 70) + 0.004 * rng.standard_normal(many), np.full(many, 3)
        else:
            rr = rhythm.sinus_rr(
                many, subject.mean_rr_s, variation=subject.sinus_variation, breathing_hz=rng.uniform(0.2, 0.3), rng=rng
            )
            share = 0.5 if label == "(B" else subject.ventricular
            rr, kind = _with_early(rr, subject.atrial if label == "(N" else 0.0, share, label == "(B", rng)
        at = begin + np.cumsum(rr)
        count = max(1, int(np.searchsorted(at, begin + length)))
        times.append(at[:count])
        intervals.append(rr[:count])
        kinds.append(kind[:count])
        parts.append((max(0.0, begin), min(seconds, at[count - 1] + 0.3), label))
        begin = at[count - 1]
        if begin > seconds + 1.0:
            break
    parts = [part for part in parts if part[1] > part[0]]
    return np.concatenate(times), np.concatenate(intervals), np.concatenate(kinds), parts


def _episodes(subject: _Subject, seconds: float, rng: np.random.Generator) -> list[tuple[str, float]]:
    """Rhythms and their lengths in seconds, together at least ``seconds``: in turn the usual one and another."""
    share, usual, other, mean_s = subject.af_share, "(N", "(AFIB", 45.0
    if subject.paced:
        usual, other, share, mean_s = "(P", "(N", 0.2, 20.0
    elif share == 0 and subject.ventricular > 0.1:
        other, share, mean_s = "(B", 0.15, 12.0
    if share in (0.0, 1.0):
        return [(usual if share == 0 else other, seconds)]
    found, total, now = [], 0.0, rng.random() < share
    while total < seconds:
        mean = mean_s if now else mean_s * (1 - share) / share
        length = float(np.clip(mean * rng.lognormal(-0.32, 0.8), 4.0, 600.0))  # -0.32: half of 0.8 squared; mean of 1
        found.append((other if now else usual, length))
        total += length
        now = not now
    return found


def _with_early(
    rr_s: np.ndarray, atrial: float, ventricular: float, regular: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Let some beats of sinus rhythm come early; a ventricular one leaves the sinus clock alone: the pause is full."""
    rr_s, kind = rr_s.copy(), np.zeros(len(rr_s), int)
    if regular:
        kind[1:-1:2] = 2
    else:
        kind[1:-1] = rng.choice(3, len(rr_s) - 2, p=[1 - atrial - ventricular, atrial, ventricular])
        kind[1:][(kind[1:] > 0) & (kind[:-1] > 0)] = 0
    early = rng.uniform(0.6, 0.8)
    for beat in np.flatnonzero(kind):
        lost = rr_s[beat] * (1 - np.clip(early + 0.04 * rng.standard_normal(), 0.5, 0.92))
        rr_s[beat] -= lost
        rr_s[beat + 1] += lost * (1.0 if kind[beat] == 2 else rng.uniform(0.1, 0.6))
    return np.clip(rr_s, rhythm.SHORTEST_RR_S, rhythm.LONGEST_RR_S), kind


def _waves(n: int, beat_s: np.ndarray, rr_s: np.ndarray, shape: ecg.Shape, rng: np.random.Generator) -> np.ndarray:
    """Beats of one shape, (n,) mV; none are zeros."""
    if not len(beat_s):
        return np.zeros(n)
    return ecg.beats(
        n, FS, beat_s=beat_s, rr_s=rr_s, kind=np.zeros(len(beat_s), int), shape=shape,
        p_wave=shape.amplitude["P"] != 0, rng=rng,
    )  # fmt: skip


def _from_v1(shape: ecg.Shape, rng: np.random.Generator) -> ecg.Shape:
    """The same heart over the right ventricle: a small r and a deep S, for most muscle lies on the other side."""
    r = shape.amplitude["R"]
    amplitude = {
        "P": shape.amplitude["P"] * rng.uniform(0.4, 0.9),
        "Q": 0.0,
        "R": r * rng.uniform(0.15, 0.4),
        "S": -r * rng.uniform(0.6, 1.1),
        "T": rng.uniform(-0.1, 0.2),
    }
    return ecg.Shape(amplitude, shape.centre_s, {**shape.width_s, "S": 1.3 * shape.width_s["S"]})


def _ventricular(shape: ecg.Shape, rng: np.random.Generator) -> ecg.Shape:
    """A beat that starts in a ventricle: wide, no P wave, T against the QRS; which way up differs between people."""
    r = shape.amplitude["R"] * rng.uniform(0.7, 1.5) * rng.choice([1.0, -1.0], p=[0.6, 0.4])
    width = rng.uniform(0.022, 0.036)
    return _wide(r, -r * rng.uniform(0.2, 0.6), -r * rng.uniform(0.2, 0.5), width)


def _wide(r: float, s: float, t: float, width: float) -> ecg.Shape:
    return ecg.Shape(
        amplitude={"P": 0.0, "Q": 0.0, "R": r, "S": s, "T": t},
        centre_s={"P": -0.16, "Q": -0.03, "R": 0.0, "S": 2.2 * width, "T": 0.31},
        width_s={"P": 0.02, "Q": 0.01, "R": width, "S": width, "T": 0.07},
    )


_PACED = (_wide(-0.9, 0.3, 0.35, 0.034), _wide(-1.1, 0.3, 0.4, 0.036))  # from the tip in the right ventricle
