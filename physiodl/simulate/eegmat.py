"""A simulated database of mental arithmetic in the form of eegmat: two EDF files per subject, a table of subjects.

Names, electrodes and tables are as in the project, with three differences: the task has three levels, which the EDF+
annotations of its file name ("workload low" and so on), together with pulses ("sync") that an eye tracker got too; a
table of the pupil lies beside it (its form: `physiodl.pupil`); and the sampling rate is 125 Hz. The header of every
file says SIMULATED.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path

import edfio
import numpy as np

from physiodl.simulate import pupil, workload
from physiodl.simulate.sleepedf import write_sums

VERSION = 2  # raised when the same seed would give other recordings
TASK_S, REST_S = 300.0, 60.0
RANGE_UV, DIGITAL = (-1638.4, 1638.35), (-32768, 32767)  # steps of 0.05 uV
HEADER = "Subject,Age,Gender,Recording year,Number of subtractions,Count quality"


def write_database(
    folder: str | Path,
    *,
    n_subjects: int = 20,
    seed: int = 0,
    task_s: float | None = None,
    rest_s: float = REST_S,
    progress: Callable[[int], object] | None = None,
) -> list[str]:
    """Write a database: rest, task and pupil of each subject, subject-info.csv, RECORDS and SHA256SUMS.txt.

    Args:
        folder: where to; made if it is not there.
        n_subjects: 1 to 100.
        seed: what the recordings are drawn from; the same arguments give the same bytes.
        task_s: length of each task, a whole number of seconds of at least 100; 300 when None.
        rest_s: length of each rest, a whole number of seconds of at least 10.
        progress: called with the number of subjects written so far.

    Returns:
        Names of the subjects, such as ``"Subject00"``.

    Raises:
        ValueError: other numbers.
    """
    task_s = TASK_S if task_s is None else task_s
    if not 1 <= n_subjects <= 100 or not task_s >= 100 or task_s != int(task_s):
        raise ValueError(f"got n_subjects={n_subjects}, task_s={task_s}, expected 1 to 100 and whole seconds from 100")
    if not rest_s >= 10 or rest_s != int(rest_s):
        raise ValueError(f"got rest_s={rest_s}, expected whole seconds from 10")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    by = f"PhysioDL_version_{VERSION}_seed_{seed}"
    names, rows = [], [HEADER]
    for number in range(n_subjects):
        own = 10_000 * (seed + 1) + number
        name = f"Subject{number:02d}"
        made = workload.simulate_session(own, task_s=task_s, rest_s=rest_s)
        about = np.random.default_rng([own, 604])
        write_recording(folder / f"{name}_1.edf", made.rest_uv, fs=made.fs, by=by)
        write_recording(folder / f"{name}_2.edf", made.task_uv, fs=made.fs, by=by, spans=made.spans, sync_s=made.sync_s)
        table, _ = pupil.simulate_table(
            made.spans, duration_s=task_s, seed=own, blink_s=made.blink_s, sync_s=made.sync_s
        )
        pupil.write_table(folder / f"{name}_pupil.csv", table, by=by)
        done = float(np.clip(about.normal(18, 8), 1, 40))
        sex = "F" if about.random() < 0.7 else "M"
        rows.append(f"{name},{int(about.integers(18, 27))},{sex},{2011},{done:.2f},{int(done > 10)}")
        names.append(name)
        if progress:
            progress(number + 1)
    (folder / "subject-info.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "RECORDS").write_text("".join(f"{name}_{k}.edf\n" for name in names for k in (1, 2)), encoding="utf-8")
    write_sums(folder)
    return names


def write_recording(
    path: str | Path,
    eeg_uv: np.ndarray,
    *,
    fs: float = workload.FS,
    channels: Sequence[str] = tuple(workload.ELECTRODES),
    spans: Sequence[tuple[float, float, str]] = (),
    sync_s: Sequence[float] = (),
    unit: str = "uV",
    simulated: bool = True,
    by: str = "PhysioDL",
    sex: str = "X",
    prefilter: str = "",
) -> None:
    """Write electrodes as EDF+.

    Args:
        path: of the file.
        eeg_uv: (channels, samples) uV, whole seconds of them; clipped to +-1638 uV.
        fs: sampling rate in Hz, a whole number.
        channels: their names, written as "EEG Fp1".
        spans: levels of workload, (start_s, stop_s, level), as annotations.
        sync_s: times of pulses, as annotations.
        unit: in which the file has the samples: uV, mV or V.
        simulated: whether the header says so.
        by: who made it. sex: F, M or X, in the header. prefilter: what it says of filters.
    """
    per = {"uV": 1.0, "mV": 1e-3, "V": 1e-6}[unit]
    signals = [
        edfio.EdfSignal(
            np.clip(np.asarray(x, float), *RANGE_UV) * per, fs, label=f"EEG {name}", physical_dimension=unit,
            physical_range=(RANGE_UV[0] * per, RANGE_UV[1] * per), digital_range=DIGITAL, prefiltering=prefilter,
        )
        for name, x in zip(channels, eeg_uv, strict=True)
    ]  # fmt: skip
    who = {"name": "SIMULATED", "additional": ("from_no_person",)} if simulated else {}
    marks = [edfio.EdfAnnotation(0.0, None, "Recording starts")]  # what makes an EDF an EDF+
    marks += [edfio.EdfAnnotation(float(a), float(b - a), f"workload {level}") for a, b, level in spans]
    marks += [edfio.EdfAnnotation(float(at), None, "sync") for at in sync_s]
    edfio.Edf(
        signals,
        patient=edfio.Patient(sex=sex, **who),
        recording=edfio.Recording(
            startdate=datetime.date(2011, 1, 1), additional=("SIMULATED", by) if simulated else (by,)
        ),
        starttime=datetime.time(11, 0),
        data_record_duration=1.0,
        annotations=marks,
    ).write(path)
