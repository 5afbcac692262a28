"""Files of Sleep-EDF: which belong together, whether they are whole, and what the header and the hypnogram say.

A night is two files, ``SC4ssNE0-PSG.edf`` (signals) and ``SC4ssNEC-Hypnogram.edf`` (stages as EDF+ annotations): ss is
the subject, N the night. The letters after it differ between scorers and recordings, so that no name can be built from
another: all of them are looked up. EDF: Kemp et al. 1992 (Electroencephalogr Clin Neurophysiol 82:391); EDF+: Kemp and
Olivan 2003 (Clin Neurophysiol 114:1755).
"""

from __future__ import annotations

import datetime
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from physiodl.afdata import DataError

log = logging.getLogger("physiodl")

FILE = re.compile(r"(?P<night>SC4\d{3})[A-Z0-9]{2}-(?P<kind>PSG|Hypnogram)\.edf")
CASSETTE = "sleep-cassette"
# R&K (Rechtschaffen and Kales 1968) to five stages: 3 and 4 are one, as in AASM. -1 is no stage.
STAGE_OF: Mapping[str, int] = {
    "Sleep stage W": 0,
    "Sleep stage 1": 1,
    "Sleep stage 2": 2,
    "Sleep stage 3": 3,
    "Sleep stage 4": 3,
    "Sleep stage R": 4,
    "Sleep stage N1": 1,
    "Sleep stage N2": 2,
    "Sleep stage N3": 3,
    "Sleep stage ?": -1,
    "Movement time": -1,
}
UNITS = ("uV", "µV", "mV", "V")


@dataclass(frozen=True)
class NightFiles:
    """The two files of one night, its name (such as ``"SC4001"``) and its subject (``"SC400"``)."""

    night: str
    subject: str
    psg: Path
    hypnogram: Path


@dataclass(frozen=True)
class Header:
    """What the header of an EDF file says.

    Attributes:
        start: of the recording.
        labels, units: of each signal.
        samples: of each signal, per data record.
        record_s: length of a data record in seconds.
        records: number of data records.
        simulated: whether it says that nobody was recorded.
    """

    start: datetime.datetime
    labels: tuple[str, ...]
    units: tuple[str, ...]
    samples: tuple[int, ...]
    record_s: float
    records: int
    simulated: bool

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds."""
        return self.records * self.record_s


def night_files(folder: str | Path) -> list[NightFiles]:
    """The nights of a folder, in order of their names.

    Args:
        folder: of the project or of its files (``sleep-cassette``). Where it has a RECORDS, that says which nights
            count; a night of which only one file is there is left out and named in a warning.

    Raises:
        FileNotFoundError: no night with both of its files.
        DataError: two files for one thing.
    """
    folder = Path(folder)
    place = folder / CASSETTE if (folder / CASSETTE).is_dir() else folder
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(place.glob("SC4*.edf")) if place.is_dir() else []:
        if not (match := FILE.fullmatch(path.name)):
            continue
        files = found.setdefault(match["night"], {})
        if match["kind"] in files:
            raise DataError(
                f"night {match['night']} in {place} is there twice",
                got=f"{files[match['kind']].name} and {path.name}",
                expected="one PSG and one hypnogram per night",
                cause="files of two versions or two downloads in one folder",
                todo="keep the one that SHA256SUMS.txt names",
            )
        files[match["kind"]] = path
    listed = folder / "RECORDS"
    if listed.is_file():
        wanted = {match["night"] for match in FILE.finditer(listed.read_text(encoding="utf-8"))}
        found = {night: files for night, files in found.items() if night in wanted}
    alone = [path.name for files in found.values() if len(files) == 1 for path in files.values()]
    whole = [NightFiles(n, n[:5], f["PSG"], f["Hypnogram"]) for n, f in sorted(found.items()) if len(f) == 2]
    if not whole:
        raise FileNotFoundError(
            f"no nights in {place}: got {len(alone)} files without their counterpart"
            + (f" ({', '.join(alone[:4])}, ...)" if alone else "")
            + "; expected pairs such as SC4001E0-PSG.edf and SC4001EC-Hypnogram.edf "
            "(run `python data_fetch.py sleep`, or add --simulate)"
        )
    if alone:
        log.warning("%s: nights with one file only are left out: %s", place, ", ".join(alone))
    return whole


def read_header(path: str | Path, *, again: str = "") -> Header:
    """Read the header of an EDF file and compare the length that it announces with that of the file.

    Args:
        path: of the file.
        again: what a damaged file's error says is to be done; "" is how files of Sleep-EDF are fetched again.

    Raises:
        FileNotFoundError: no such file.
        DataError: no EDF, cut short, longer than announced, or with interruptions (EDF+D).
    """
    path, again = Path(path), again or AGAIN
    with path.open("rb") as file:
        raw = file.read(256)
        try:
            if raw[:8].strip() != b"0":
                raise ValueError("no EDF")
            text = raw.decode("latin-1")
            size, many = int(text[184:192]), int(text[252:256])
            records, record_s = int(text[236:244]), float(text[244:252])
            start = _start(text[168:184])
            more = file.read(256 * many).decode("latin-1")
            if len(more) != 256 * many or size != 256 * (many + 1) or many < 1:
                raise ValueError("header cut short")
            labels, units = _column(more, many, 0, 16), _column(more, many, 96, 8)
            samples = tuple(int(value) for value in _column(more, many, 216, 8))
            if min(samples) < 1 or not 0 <= record_s < np.inf:
                raise ValueError(f"data records of {record_s:g} s with {min(samples)} samples")
        except ValueError as error:
            got = f"{path.stat().st_size} bytes that begin with {raw[:24]!r}"
            raise damaged(path, got=got, expected="an EDF file", todo=again, error=error) from error
    held = (path.stat().st_size - size) / (2 * sum(samples))
    if records == -1 and held == int(held):  # "unknown" while it is being recorded
        records = int(held)
    if held < records or held >= records + 1:
        raise damaged(
            path,
            got=f"{held:g} data records ({held * record_s:g} s)",
            expected=f"{records} ({records * record_s:g} s), which the header announces",
            todo=again,
        )
    if text[192:197] == "EDF+D":
        expected = "one that goes on (EDF, EDF+C)"
        raise damaged(path, got="a recording with interruptions (EDF+D)", expected=expected, todo=again)
    return Header(start, labels, units, samples, record_s, records, "SIMULATED" in text)


def read_stages(path: str | Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scored stretches of a hypnogram.

    Returns:
        start_s, stop_s (k,) seconds from the start of the file, ascending; stages (k,) int64, 0 W, 1 N1, 2 N2, 3 N3,
        4 REM, -1 for movement and unknown. Annotations that are no stages are left out.

    Raises:
        FileNotFoundError: no such file.
        DataError: damaged, no stage in it, a stage that is not known, stretches that overlap.
    """
    import mne  # takes a second: only who reads waits for it

    path = Path(path)
    read_header(path)
    try:
        marks = mne.read_annotations(path)
        onset, duration, text = marks.onset, marks.duration, marks.description
    except Exception as error:  # MNE raises what its parsing happens to meet
        raise damaged(path, got="annotations that cannot be read", expected="EDF+ annotations", error=error) from error
    unknown = sorted({t for t in text if t.startswith("Sleep stage") and t not in STAGE_OF})
    if unknown:
        raise damaged(path, got=", ".join(unknown), expected=f"stages among {', '.join(STAGE_OF)}")
    kept = [k for k, t in enumerate(text) if t in STAGE_OF and duration[k] > 0]
    if not kept:
        raise damaged(path, got=f"{len(text)} annotations, none of them a stage", expected="a hypnogram")
    kept.sort(key=lambda k: onset[k])
    start_s, length_s = np.asarray(onset, float)[kept], np.asarray(duration, float)[kept]
    stages = np.array([STAGE_OF[text[k]] for k in kept], np.int64)
    overlap = np.flatnonzero(start_s[1:] < (start_s + length_s)[:-1] - 1e-3)
    if len(overlap):
        raise damaged(path, got=f"two stages at {start_s[overlap[0] + 1]:g} s", expected="one stage at a time")
    return start_s, start_s + length_s, stages


def check_files(paths: Mapping[str, Path]) -> None:
    """Raise `DataError` unless all these files are whole and each night has its two; ``paths`` gives their places."""
    of_night: dict[str, list[Path]] = {}
    for path in paths.values():
        if match := FILE.fullmatch(path.name):
            of_night.setdefault(match["night"], []).append(path)
    for night, files in of_night.items():
        if len(files) != 2:
            raise damaged(files[0], got=f"{len(files)} files of night {night}", expected="a PSG and a hypnogram")
        for path in files:
            if path.name.endswith("Hypnogram.edf"):
                read_stages(path)
            else:
                read_header(path)


AGAIN = "run `python data_fetch.py sleep`: it fetches damaged files again (simulated ones: add --simulate)"


def damaged(
    path: Path, *, got: str, expected: str, cause: str = "", todo: str = AGAIN, error: Exception | None = None
) -> DataError:
    """The error for a file that is not what it must be."""
    return DataError(
        f"{path.name} in {path.parent} cannot be used",
        got=got + (f" ({type(error).__name__}: {error})" if error else ""),
        expected=expected,
        cause=cause or "the download was cut short, or the file was changed afterwards",
        todo=todo,
    )


def _column(text: str, many: int, at: int, width: int) -> tuple[str, ...]:
    """One field of every signal: EDF keeps all labels together, then all of the next field, ..."""
    return tuple(text[many * at + k * width : many * at + (k + 1) * width].strip() for k in range(many))


def _start(text: str) -> datetime.datetime:
    """Date and time of the start; two digits for the year, of which 85 to 99 are of the last century."""
    day, month, year, hour, minute, second = (int(part) for part in re.findall(r"\d{2}", text))
    return datetime.datetime(year + (1900 if year >= 85 else 2000), month, day, hour, minute, second)
