"""A simulated sleep database in the form of Sleep-EDF Expanded: nights as EDF+, signals and hypnogram apart.

Names, folders, calibration (12 bits over 384 uV) and scoring (Rechtschaffen and Kales, with stages 3 and 4, movement
time and a tail that is not scored) are as in the sleep cassette part; the header of every file says SIMULATED.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import edfio
import numpy as np

from physiodl.simulate.hypnogram import EPOCH_S, N3, W
from physiodl.simulate.sleep import simulate_night

VERSION = 2  # raised when the same seed would give other recordings
FS = 100.0
HOURS = 6.0  # of a recording: three to four cycles
FOLDER = "sleep-cassette"
RANGE_UV, DIGITAL = (-192.0, 192.0), (-2048, 2047)  # of Sleep-EDF's amplifier: larger waves are clipped
DEEP = 0.55  # share of N3 that R&K would call stage 4: the most of the time slow waves
MOVED_PER_NIGHT = 2.0  # epochs of movement time
TAIL_S = 600.0  # that the hypnogram goes on after the recording, without a stage
SCORERS = "CHJMV"  # letters of the hypnograms' names: each stands for a scorer
NAMES: Mapping[int, str] = {
    0: "Sleep stage W",
    1: "Sleep stage 1",
    2: "Sleep stage 2",
    3: "Sleep stage 3",
    4: "Sleep stage R",
    5: "Sleep stage 4",
    6: "Movement time",
}
TONE_UV = np.array([4.0, 2.6, 2.2, 2.0, 1.0])  # mean of the rectified chin EMG per stage; none is lost in REM


def write_database(
    folder: str | Path,
    *,
    n_subjects: int = 20,
    nights: int = 1,
    hours: float = HOURS,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> list[str]:
    """Write a database: PSG and hypnogram of each night, RECORDS and SHA256SUMS.txt.

    Args:
        folder: where to; made if it is not there. The nights go to ``sleep-cassette`` in it.
        n_subjects: 1 to 100.
        nights: of each subject, 1 or 2.
        hours: of each recording, at least 1.
        seed: what the recordings are drawn from; the same arguments give the same bytes.
        progress: called with the number of subjects written so far.

    Returns:
        Names of the nights, such as ``"SC4001"``: SC4, two digits of the subject, one of the night.

    Raises:
        ValueError: other numbers.
    """
    if not 1 <= n_subjects <= 100 or nights not in (1, 2):
        raise ValueError(f"got n_subjects={n_subjects}, nights={nights}, expected 1 to 100 subjects of 1 or 2 nights")
    folder = Path(folder)
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    names = []
    for subject in range(n_subjects):
        for night in range(1, nights + 1):
            own = 10_000 * (seed + 1) + 10 * subject + night
            rng = np.random.default_rng([own, 507])
            x, _, scored = simulate_night(own, hours=hours, subject_seed=10_000 * (seed + 1) + 10 * subject, fs=FS)
            name = f"SC4{subject:02d}{night}"
            start = datetime.datetime(1989, 4, 24, 16, 0) + datetime.timedelta(
                days=3 * subject + night, minutes=int(rng.integers(240, 420))
            )
            by = f"PhysioDL_version_{VERSION}_seed_{seed}"
            write_psg(folder / FOLDER / f"{name}E0-PSG.edf", {"EEG Fpz-Cz": x}, start=start, by=by,
                      chin=_chin(scored, rng))  # fmt: skip
            spans = r_and_k(scored, rng)
            spans.append((len(scored) * EPOCH_S, TAIL_S, "Sleep stage ?"))
            scorer = SCORERS[int(rng.integers(len(SCORERS)))]
            write_hypnogram(folder / FOLDER / f"{name}E{scorer}-Hypnogram.edf", spans, start=start, by=by)
            names.append(name)
        if progress:
            progress(subject + 1)
    (folder / "RECORDS").write_text("".join(f"{FOLDER}/{name}E0-PSG.edf\n" for name in names))
    write_sums(folder)
    return names


def write_psg(
    path: str | Path,
    channels: Mapping[str, np.ndarray],
    *,
    start: datetime.datetime = datetime.datetime(1989, 4, 24, 23, 0),
    fs: float = FS,
    unit: str = "uV",
    range_uv: tuple[float, float] = RANGE_UV,
    digital: tuple[int, int] = DIGITAL,
    chin: np.ndarray | None = None,
    record_s: float = 30.0,
    simulated: bool = True,
    by: str = "PhysioDL",
) -> None:
    """Write signals as EDF+.

    Args:
        path: of the file.
        channels: name to (samples,) uV; clipped to ``range_uv``.
        start: of the recording.
        fs: sampling rate in Hz.
        unit: in which the file has them: uV, mV or V.
        range_uv, digital: largest values, and the steps that stand for them.
        chin: (samples,) uV of a further channel "EMG submental" at 1 Hz, as Sleep-EDF has it.
        record_s: length of a data record; the signals must be a whole number of them.
        simulated: whether the header says so.
        by: who made it.
    """
    per_unit = {"uV": 1.0, "mV": 1e-3, "V": 1e-6}[unit]
    signals = [
        _signal(x, fs, label, unit, per_unit, range_uv=range_uv, digital=digital) for label, x in channels.items()
    ]
    if chin is not None:
        signals.append(_signal(chin, 1.0, "EMG submental", "uV", 1.0, range_uv=(-5.0, 5.0), digital=(-2500, 2500)))
    marks = [edfio.EdfAnnotation(0.0, None, "Recording starts")]  # what makes an EDF an EDF+
    _write(path, signals, start=start, record_s=record_s, simulated=simulated, by=by, annotations=marks)


def write_hypnogram(
    path: str | Path,
    spans: Sequence[tuple[float, float, str]],
    *,
    start: datetime.datetime = datetime.datetime(1989, 4, 24, 23, 0),
    simulated: bool = True,
    by: str = "PhysioDL",
) -> None:
    """Write a hypnogram as EDF+ annotations: (onset in seconds, duration in seconds, text), such as "Sleep stage W"."""
    marks = [edfio.EdfAnnotation(float(onset), float(duration), text) for onset, duration, text in spans]
    _write(path, [], start=start, record_s=None, simulated=simulated, by=by, annotations=marks)


def r_and_k(
    stages: np.ndarray, rng: np.random.Generator, *, epoch_s: float = EPOCH_S
) -> list[tuple[float, float, str]]:
    """The annotations of five stages (n,): runs of one stage, N3 as stages 3 and 4, now and then movement time."""
    codes = np.array(stages, dtype=np.int64)
    deep = np.flatnonzero(codes == N3)
    codes[deep[rng.random(len(deep)) < DEEP]] = 5
    asleep = np.flatnonzero(codes != W)
    if len(asleep):
        codes[rng.choice(asleep, size=min(len(asleep), int(rng.poisson(MOVED_PER_NIGHT))), replace=False)] = 6
    edges = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1, [len(codes)]])
    return [
        (float(a * epoch_s), float((b - a) * epoch_s), NAMES[int(codes[a])])
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]


def write_sums(folder: str | Path) -> None:
    """Write SHA256SUMS.txt over all other files of a folder and its folders, in the form of PhysioNet's."""
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS.txt")
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()} {p.relative_to(folder).as_posix()}\n" for p in files]
    (folder / "SHA256SUMS.txt").write_text("".join(lines))


def _chin(stages: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n * 30,) uV: the rectified chin EMG once a second."""
    tone = np.repeat(TONE_UV[stages], round(EPOCH_S))
    return tone * np.exp(0.3 * rng.standard_normal(len(tone)))


def _signal(
    x: np.ndarray, fs: float, label: str, unit: str, per_unit: float, *, range_uv: tuple, digital: tuple
) -> edfio.EdfSignal:
    low, high = (edge * per_unit for edge in range_uv)
    return edfio.EdfSignal(
        np.clip(np.asarray(x, dtype=float) * per_unit, low, high), fs, label=label, physical_dimension=unit,
        physical_range=(low, high), digital_range=digital,
    )  # fmt: skip


def _write(path, signals, *, start, record_s, simulated, by, annotations) -> None:
    who = {"name": "SIMULATED", "additional": ("from_no_person",)} if simulated else {"name": "X"}
    kind = ("SIMULATED", by) if simulated else (by,)
    edf = edfio.Edf(
        signals,
        patient=edfio.Patient(**who),
        recording=edfio.Recording(startdate=start.date(), additional=kind),
        starttime=start.time(),
        data_record_duration=record_s,
        annotations=annotations,
    )
    edf.write(path)
