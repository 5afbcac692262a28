"""EEG During Mental Arithmetic Tasks: a folder of EDF files, real or simulated, to windows with a level of workload.

A subject is two recordings, ``SubjectNN_1.edf`` (at rest, eyes closed) and ``SubjectNN_2.edf`` (the task);
``subject-info.csv`` says who they are. Simulated ones have the task in three levels, written into the file as
annotations, and a table of the pupil beside it (`physiodl.pupil`). `subject_files` looks up what belongs together,
`read_recording` reads, filters and resamples one file, `windows` does all that for a folder and keeps the result.

What was measured in the real recordings is rest against arithmetic, and no more: the levels "low" and "high", and any
pupil, would be made up. At rest the eyes were closed, and rest always came first: a difference between the two is of
the eyes and of the order as well as of the work. `notes` tells in what the files differ from what their text says.

Source of the data: Zyma et al. 2019 (Data 4:14); PhysioNet (Goldberger et al. 2000).
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from physiodl import clocks, eegmat_files, pupil, registry, sleepedf_files, window_cache
from physiodl import signals as dsp
from physiodl.cohort import Cohort
from physiodl.eegmat_files import (
    CHANNELS,
    INFO,
    Subject,
    SubjectFiles,
    check_files,
    damaged,
    notes,
    read_subjects,
    subject_files,
)
from physiodl.signal_checks import whole_samples
from physiodl.sleepedf_files import read_header

__all__ = ["CHANNELS", "CONDITIONS", "LEVELS", "Recording", "Subject", "SubjectFiles", "check_files", "cut", "notes",
           "read_recording", "read_subjects", "scaled", "subject_files", "windows"]  # fmt: skip

log = logging.getLogger("physiodl")
CONDITIONS = ("rest", "arithmetic")  # classes of the real recordings
LEVELS = ("low", "medium", "high")  # classes of the simulated task
BAND_HZ = (1.0, 40.0)  # theta, alpha and beta, without wander; the recordings reach from 0.5 to 45 Hz
REST_S = 60.0  # of the rest, its end: as long as the task was published, so that the classes are even
PUPIL_FS = 60.0  # of the pupil's windows
PLAUSIBLE_UV = (0.5, 500.0)  # spread of an EEG of a minute; a wrong unit is off by 1000
CITATION = "EEG During Mental Arithmetic Tasks (Zyma et al. 2019; PhysioNet, Goldberger et al. 2000)"
LICENCE = "ODC-By 1.0"
CODE = (__file__, eegmat_files.__file__, sleepedf_files.__file__, pupil.__file__, clocks.__file__, dsp.__file__)
LEVEL_MARK, SYNC_MARK = "workload ", "sync"  # annotations of simulated recordings


@dataclass(frozen=True)
class Recording:
    """One EDF file.

    Attributes:
        eeg: (channels, samples) float32 uV, filtered, to the average reference.
        channels: names of the rows.
        fs: sampling rate in Hz.
        spans: stretches of one level of workload, (start_s, stop_s, name); () where the file says nothing.
        sync_s: (k,) seconds of pulses that the eye tracker was sent too.
        simulated: whether nobody was recorded.
    """

    eeg: np.ndarray
    channels: tuple[str, ...]
    fs: float
    spans: tuple[tuple[float, float, str], ...]
    sync_s: np.ndarray
    simulated: bool

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.eeg.shape[-1] / self.fs


def read_recording(
    path: str | Path,
    *,
    to_fs: float = 125.0,
    band_hz: tuple[float, float] | None = BAND_HZ,
    average: bool = True,
    zero_phase: bool = True,
) -> Recording:
    """Read the 19 electrodes of one recording; A2-A1 and the ECG are left out.

    Args:
        path: EDF or EDF+ file.
        to_fs: sampling rate of the result in Hz.
        band_hz: cut-offs in Hz of the band-pass (Butterworth of order 4); None for none.
        average: take the mean of all electrodes off each (the files have the ears as reference).
        zero_phase: filter without delay, which looks ahead; False filters as a device would while it records.

    Returns:
        `Recording`, from the first sample to the last.

    Raises:
        FileNotFoundError: no such file.
        DataError: damaged, electrodes missing, an impossible unit; the message names the file.
        ValueError: rates that do not fit the band.
    """
    import mne  # takes a second: only who reads waits for it

    path = Path(path)
    header = read_header(path, again=eegmat_files.AGAIN)
    where = {_plain(label): k for k, label in enumerate(header.labels)}
    missing = [name for name in CHANNELS if name.lower() not in where]
    if missing:
        raise damaged(path, got=f"no {', '.join(missing)} among {', '.join(header.labels)}",
                      expected="the 19 electrodes of the 10-20 system", cause="a recording of another montage",
                      todo="leave this recording out, with its subject")  # fmt: skip
    which = [where[name.lower()] for name in CHANNELS]
    units = sorted({header.units[k] for k in which} - set(sleepedf_files.UNITS))
    if units:
        raise damaged(path, got=f"electrodes in {units[0]!r}", expected=", ".join(sleepedf_files.UNITS))
    fs = header.samples[which[0]] / header.record_s
    top = band_hz[1] if band_hz else 0.0
    if min(fs, to_fs) / 2 <= top:
        raise ValueError(f"got {path.name} at {fs:g} Hz and to_fs={to_fs:g} Hz, expected more than {2 * top:g} Hz "
                         f"for a band up to {top:g} Hz")  # fmt: skip
    labels = [header.labels[k] for k in which]
    try:
        raw = mne.io.read_raw_edf(path, include=labels, preload=False, verbose="ERROR")
        x = raw.get_data(picks=labels, verbose="ERROR") * 1e6
        marks = [(float(a["onset"]), float(a["duration"]), str(a["description"])) for a in raw.annotations]
    except Exception as error:  # MNE raises what its parsing happens to meet
        raise damaged(path, got="samples that cannot be read", expected="an EDF file", error=error) from error
    spread = float(np.median(np.subtract(*np.percentile(x, [75, 25], axis=1)))) / 1.349
    if not PLAUSIBLE_UV[0] <= spread <= PLAUSIBLE_UV[1]:
        raise damaged(path, got=f"a spread of {spread:.4g} uV",
                      expected=f"an EEG, {PLAUSIBLE_UV[0]:g} to {PLAUSIBLE_UV[1]:g} uV",
                      cause="samples in another unit than the header says, or electrodes that were off",
                      todo="look at the signals; correct the unit, or leave this subject out")  # fmt: skip
    if average:
        x = x - x.mean(axis=0)
    if band_hz:
        x = dsp.filtered(x, fs, low=band_hz[0], high=band_hz[1], zero_phase=zero_phase)
    x = dsp.resampled(x, fs, to_fs)
    return Recording(
        eeg=x.astype(np.float32),
        channels=CHANNELS,
        fs=float(to_fs),
        spans=_spans(path, marks),
        sync_s=np.array(sorted(at for at, _, text in marks if text == SYNC_MARK)),
        simulated=header.simulated,
    )


def cut(
    recording: Recording, *, window_s: float = 4.0, step_s: float = 4.0, start_s: float = 0.0, stop_s: float = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Windows of one recording between two times.

    Args:
        recording: from `read_recording`.
        window_s, step_s: length, and from the start of one to the start of the next: whole numbers of samples.
        start_s, stop_s: seconds from the start of the recording.

    Returns:
        windows (n, channels, samples) float32 uV; their starts (n,) in seconds.
    """
    length = whole_samples(window_s, recording.fs, "window_s")
    step = whole_samples(step_s, recording.fs, "step_s")
    first = max(0, int(np.ceil(start_s * recording.fs - 1e-6)))
    last = int(min(recording.eeg.shape[-1], np.floor(min(stop_s, 1e9) * recording.fs + 1e-6)))
    at = np.arange(first, last - length + 1, step)
    rows = [recording.eeg[:, a : a + length] for a in at]
    shape = (0, len(recording.eeg), length)
    return (np.stack(rows) if rows else np.zeros(shape, np.float32)), at / recording.fs


def levels_of(
    spans: tuple[tuple[float, float, str], ...], start_s: np.ndarray, *, window_s: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What level windows have.

    Args:
        spans: (start_s, stop_s, name in `LEVELS`), ascending.
        start_s: (n,) starts of the windows.
        window_s: their length.

    Returns:
        labels (n,) int64, the level of the larger part, -1 where more than half has none; purity (n,) share of the
        window that has this level; since_s (n,) from the last change of level to the window's end, NaN before the
        first change.
    """
    share = np.zeros((len(start_s), len(LEVELS)))
    for a, b, name in spans:
        share[:, LEVELS.index(name)] += np.clip(np.minimum(start_s + window_s, b) - np.maximum(start_s, a), 0, None)
    share /= window_s
    purity = share.max(axis=1)
    labels = np.where(share.sum(axis=1) > 0.5, share.argmax(axis=1), -1).astype(np.int64)
    joints = zip(spans[:-1], spans[1:], strict=True)
    changes = np.array([b[0] for a, b in joints if a[2] != b[2]])
    last = np.searchsorted(changes, start_s + window_s, side="right") - 1
    since = np.full(len(start_s), np.nan)
    after = last >= 0
    since[after] = (start_s + window_s)[after] - changes[last[after]]
    return labels, purity, since


def scaled(signals: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """Each electrode of each subject divided by its own typical spread: people and contacts differ in amplitude.

    The spread is the median over the subject's windows of their standard deviation. It looks at all windows of the
    person and at no label: to be had once a recording is complete, or after some minutes of calibration.

    Args:
        signals: (n, channels, samples).
        subjects: (n,).

    Returns:
        (n, channels, samples) float32.
    """
    out = np.empty(signals.shape, np.float32)
    for who in np.unique(subjects):
        mine = subjects == who
        spread = np.median(signals[mine].std(axis=-1), axis=0)
        out[mine] = signals[mine] / np.maximum(spread, 1e-6)[:, None]
    return out


def windows(
    folder: str | Path,
    *,
    window_s: float = 4.0,
    step_s: float = 4.0,
    to_fs: float = 125.0,
    cache: bool | Path = True,
    progress: bool | None = None,
) -> Cohort:
    """The windows of all subjects of a folder.

    Of recordings whose task has levels (simulated ones): the task, windows of which more than half has a level. Of the
    others: the last minute of rest and the first minute of arithmetic.

    Args:
        folder: of the project, real or simulated.
        window_s, step_s: see `cut`.
        to_fs: sampling rate of the EEG's windows in Hz.
        cache: keep the result in the data folder and open it from there, memory-mapped, while neither the files nor
            this code have changed; a path is the folder to keep it in. False computes and writes nothing.
        progress: show a progress bar; None shows it on a terminal only.

    Returns:
        Cohort ``"workload"``: signals (n, 19, samples) float32 uV, memory-mapped (changing them changes no file);
        labels 0 low, 1 medium, 2 high of levels, or 0 rest, 1 arithmetic; subjects such as ``"Subject07"``; columns
        ``recording``, ``start_s``, ``purity`` and ``since_s`` (`levels_of`), ``good`` (the column "Count quality" of
        the table: 1 good, 0 bad, -1 not known), and, where there is a table of the pupil, ``pupil`` (n, samples at
        60 Hz) float32 mm above the subject's baseline, aligned with the EEG (`physiodl.pupil.clean`; NaN where no
        pupil was seen for long) and ``pupil_seen`` (n,) the share of samples in which it was measured.

    Raises:
        FileNotFoundError: no recordings.
        DataError: a damaged one.
    """
    folder = Path(folder)
    found = subject_files(folder)
    how = {"window_s": window_s, "step_s": step_s, "to_fs": to_fs}
    files = [path for each in found for path in each.paths]
    files += [folder / INFO] if (folder / INFO).is_file() else []
    if cache is False:
        arrays = _windows(folder, found, how, progress)
    else:
        arrays = window_cache.kept(
            None if cache is True else Path(cache), "workload", folder=folder, files=files, code=CODE, how=how,
            make=lambda: _windows(folder, found, how, progress),
        )  # fmt: skip
    simulated, levels = bool(arrays["simulated"]), bool(arrays["levels"])
    facts = ("signals", "labels", "subjects", "simulated", "levels")
    return Cohort(
        name="workload",
        signals=arrays["signals"],
        labels=arrays["labels"],
        subjects=arrays["subjects"],
        fs=float(to_fs),
        classes=LEVELS if levels else CONDITIONS,
        channels=CHANNELS,
        source="simulated" if simulated else "real",
        citation="simulated by PhysioDL, from no person" if simulated else CITATION,
        licence="CC0-1.0" if simulated else LICENCE,
        columns={name: array for name, array in arrays.items() if name not in facts},
    )


def _windows(folder: Path, found: list[SubjectFiles], how: dict, progress: bool | None) -> dict[str, np.ndarray]:
    """The arrays of `windows`, computed."""
    names = [path.relative_to(folder).as_posix() for each in found for path in each.paths]
    altered = registry.against_sums(folder, [*names, INFO])
    if altered:
        raise damaged(folder / altered[0], got="another checksum", expected=f"that of {registry.SUMS}")
    for note in notes(folder):
        log.info("%s", note)
    people, kinds, parts = read_subjects(folder), set(), []
    hidden = None if progress is None else not progress
    for files in tqdm(found, desc="reading subjects", unit="subject", leave=False, disable=hidden):
        task = read_recording(files.task, to_fs=how["to_fs"])
        kinds.add((task.simulated, bool(task.spans)))
        if len(kinds) > 1:
            raise ValueError(f"{folder} holds simulated and real recordings: keep them in two folders")
        rows = [_of_levels(files, task, how)] if task.spans else _of_conditions(files, task, how)
        person = people.get(files.subject)
        good = -1 if person is None or person.good is None else int(person.good)
        for part in rows:
            n = len(part["labels"])
            parts.append(part | {"subjects": np.full(n, files.subject), "good": np.full(n, good)})
    columns = set.intersection(*(set(part) for part in parts))
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name in columns}
    simulated, levels = next(iter(kinds))
    return arrays | {"simulated": np.array(simulated), "levels": np.array(levels)}


def _of_levels(files: SubjectFiles, task: Recording, how: dict) -> dict[str, np.ndarray]:
    x, start_s = cut(task, window_s=how["window_s"], step_s=how["step_s"], start_s=task.spans[0][0])
    labels, purity, since = levels_of(task.spans, start_s, window_s=how["window_s"])
    keep = labels >= 0
    part = {"signals": x[keep], "labels": labels[keep], "recording": np.full(keep.sum(), files.task.stem),
            "start_s": start_s[keep], "purity": purity[keep], "since_s": since[keep]}  # fmt: skip
    if files.pupil is None:
        return part
    # the eyes rest on a point until the first level begins: that is the baseline
    table = pupil.read_table(files.pupil)
    before = (0.0, task.spans[0][0])
    mm, seen = pupil.clean(table, task.sync_s, duration_s=task.duration_s, fs=PUPIL_FS, baseline_s=before)
    length = whole_samples(how["window_s"], PUPIL_FS, "window_s")
    rows = np.round(start_s[keep] * PUPIL_FS).astype(int)[:, None] + np.arange(length)
    rows = np.minimum(rows, len(mm) - 1)
    return part | {"pupil": mm[rows].astype(np.float32), "pupil_seen": seen[rows].mean(axis=1)}


def _of_conditions(files: SubjectFiles, task: Recording, how: dict) -> list[dict[str, np.ndarray]]:
    rest = read_recording(files.rest, to_fs=how["to_fs"])
    between = {0: (max(0.0, rest.duration_s - REST_S), np.inf), 1: (0.0, REST_S)}
    parts = []
    for label, recording, path in ((0, rest, files.rest), (1, task, files.task)):
        start, stop = between[label]
        x, start_s = cut(recording, window_s=how["window_s"], step_s=how["step_s"], start_s=start, stop_s=stop)
        n = len(x)
        parts.append({"signals": x, "labels": np.full(n, label), "recording": np.full(n, path.stem), "start_s": start_s,
                      "purity": np.ones(n), "since_s": np.full(n, np.nan)})  # fmt: skip
    return parts


def _spans(path: Path, marks: list) -> tuple[tuple[float, float, str], ...]:
    spans = []
    for at, length, text in sorted(marks):
        if not text.startswith(LEVEL_MARK):
            continue
        name = text.removeprefix(LEVEL_MARK)
        if name not in LEVELS or length <= 0:
            raise damaged(path, got=f"{text!r} from {at:g} s for {length:g} s",
                          expected=f"a level among {', '.join(LEVELS)}")  # fmt: skip
        if spans and at < spans[-1][1] - 1e-3:
            raise damaged(path, got=f"two levels at {at:g} s", expected="one level at a time")
        spans.append((at, at + length, name))
    return tuple(spans)


def _plain(label: str) -> str:
    """``"EEG Fp1"``, ``"EEG Fp1-Ref"`` and ``"FP1"`` are one electrode."""
    return re.sub(r"^eeg\s+|[-\s]+ref$", "", label.strip().lower())
