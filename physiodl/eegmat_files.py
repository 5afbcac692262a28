"""Files of EEG During Mental Arithmetic Tasks: which belong together, who the subjects are, whether files are whole.

The text of the project (README.txt), its table (subject-info.csv) and the recordings disagree in places. What is used
here is what can be checked in the files themselves; `notes` says where that differs from the text.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from physiodl.afdata import DataError
from physiodl.sleepedf_files import read_header

FILE = re.compile(r"(?P<subject>Subject\d{2})_(?P<kind>1\.edf|2\.edf|pupil\.csv)")
INFO = "subject-info.csv"
COLUMNS = ("Subject", "Age", "Gender", "Recording year", "Number of subtractions", "Count quality")
# The 10-20 electrodes, in the order of the files; beside them lie "A2-A1" and "ECG".
CHANNELS = ("Fp1", "Fp2", "F3", "F4", "F7", "F8", "T3", "T4", "C3", "C4", "T5", "T6", "P3", "P4", "O1", "O2",
            "Fz", "Cz", "Pz")  # fmt: skip
AGAIN = "run `python data_fetch.py workload`: it fetches damaged files again (simulated ones: add --simulate)"


@dataclass(frozen=True)
class SubjectFiles:
    """The files of one subject: rest (``_1``), task (``_2``) and, of simulated ones, the table of the pupil."""

    subject: str
    rest: Path
    task: Path
    pupil: Path | None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.rest, self.task) if self.pupil is None else (self.rest, self.task, self.pupil)


@dataclass(frozen=True)
class Subject:
    """One row of ``subject-info.csv``; None where a cell is empty.

    Attributes:
        age: in years. gender: ``"F"`` or ``"M"``. year: of the recording.
        subtractions: done in four minutes.
        good: "Count quality", whether the table counts them among those who calculated well.
    """

    age: int | None
    gender: str | None
    year: int | None
    subtractions: float | None
    good: bool | None


def subject_files(folder: str | Path) -> list[SubjectFiles]:
    """The subjects of a folder, in order of their names.

    Args:
        folder: of the project. Where it has a RECORDS, that says which subjects count.

    Raises:
        FileNotFoundError: no subject with both recordings.
        DataError: a subject of whom one recording is missing.
    """
    folder = Path(folder)
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob("Subject*")) if folder.is_dir() else []:
        if match := FILE.fullmatch(path.name):
            found.setdefault(match["subject"], {})[match["kind"]] = path
    listed = folder / "RECORDS"
    if listed.is_file():
        wanted = {match["subject"] for match in FILE.finditer(listed.read_text(encoding="utf-8"))}
        found = {name: files for name, files in found.items() if name in wanted}
    if not found:
        raise FileNotFoundError(
            f"no recordings in {folder}; expected pairs such as Subject00_1.edf and Subject00_2.edf "
            "(run `python data_fetch.py workload`, or add --simulate)"
        )
    _check_pairs(folder, found)
    return [SubjectFiles(name, f["1.edf"], f["2.edf"], f.get("pupil.csv")) for name, f in sorted(found.items())]


def read_subjects(folder: str | Path) -> dict[str, Subject]:
    """Who the subjects are, by name, from ``subject-info.csv``; {} where that file is not there.

    The table, not README.txt, says who calculated well: they disagree (see `notes`).

    Raises:
        DataError: other columns, a value that is none, a subject twice.
    """
    path = Path(folder) / INFO
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise damaged(path, got=f"no column {', '.join(missing)}", expected=", ".join(COLUMNS))
        people: dict[str, Subject] = {}
        for row in rows:
            name = (row["Subject"] or "").strip()
            if name in people:
                raise damaged(path, got=f"{name} twice", expected="one row per subject")
            try:
                cell = {key: (row[key] or "").strip() for key in COLUMNS}
                if cell["Count quality"] not in ("", "0", "1") or cell["Gender"] not in ("", "F", "M"):
                    raise ValueError(f"gender {cell['Gender']!r}, quality {cell['Count quality']!r}")
                people[name] = Subject(
                    age=int(cell["Age"]) if cell["Age"] else None,
                    gender=cell["Gender"] or None,
                    year=int(cell["Recording year"]) if cell["Recording year"] else None,
                    subtractions=float(cell["Number of subtractions"]) if cell["Number of subtractions"] else None,
                    good=bool(int(cell["Count quality"])) if cell["Count quality"] else None,
                )
            except ValueError as error:
                raise damaged(path, got=f"a row for {name!r} that cannot be read", expected="numbers; F or M; 0 or 1",
                              error=error) from error  # fmt: skip
    return people


def check_files(paths: Mapping[str, Path]) -> None:
    """Raise `DataError` unless all these files are whole and each subject has both recordings."""
    found: dict[str, dict[str, Path]] = {}
    folder = Path()
    for path in paths.values():
        if match := FILE.fullmatch(path.name):
            found.setdefault(match["subject"], {})[match["kind"]] = path
            folder = path.parent
        if path.name == INFO:
            read_subjects(path.parent)
    _check_pairs(folder, found)
    for files in found.values():
        for kind, path in files.items():
            if kind.endswith("edf"):
                read_header(path, again=AGAIN)
            else:
                from physiodl import pupil

                pupil.read_table(path)


def notes(folder: str | Path) -> list[str]:
    """In what the files of a folder differ from what the text of the project says: sentences, each measured here.

    [] of simulated recordings, and where all agrees.
    """
    folder = Path(folder)
    found = subject_files(folder)
    headers = {path: read_header(path, again=AGAIN) for each in found for path in (each.rest, each.task)}
    if any(header.simulated for header in headers.values()):
        return []
    people, out = read_subjects(folder), []
    known = [person for person in people.values() if person.good is not None]
    good = sum(person.good for person in known)
    if known and (good, len(known) - good) != (24, 12):
        out.append(
            f"README.txt counts 24 good and 12 bad counters; {INFO} has {good} and {len(known) - good}: the table is "
            "used, which has each person"
        )
    ages = [person.age for person in people.values() if person.age is not None]
    if ages and (min(ages), max(ages)) != (18, 26):
        out.append(f"the project names ages of 18 to 26; {INFO} has {min(ages)} to {max(ages)}")
    filters = sorted({_prefilter(path) for path in headers} - {""})
    if filters:
        out.append(
            f"README.txt names a high-pass of 30 Hz, which would leave hardly any EEG; EDF headers say {filters[0]}, "
            "and the recordings hold what lies below 30 Hz"
        )
    lengths = {kind: [headers[getattr(each, kind)].duration_s for each in found] for kind in ("rest", "task")}
    if {value for each in lengths.values() for value in each} != {60.0}:
        (a, b), (c, d) = ((min(each), max(each)) for each in lengths.values())
        out.append(
            f"README.txt says that all recordings last 60 s; rest lasts {a:g} to {b:g} s, the task {c:g} to {d:g} s: "
            "the last 60 s of rest and the first 60 s of the task are used"
        )
    differ = [each.subject for each in found if _sexes(each) - {getattr(people.get(each.subject), "gender", None)}]
    if people and differ:
        out.append(f"the EDF headers of {', '.join(differ)} name another sex than {INFO}: the table is used")
    return out


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


def _check_pairs(folder: Path, found: dict[str, dict[str, Path]]) -> None:
    for name, files in found.items():
        missing = [f"{name}_{kind}" for kind in ("1.edf", "2.edf") if kind not in files]
        if missing:
            raise damaged(folder / next(iter(files.values())).name, got=f"no {', '.join(missing)} beside it",
                          expected="rest (_1) and task (_2) of each subject")  # fmt: skip


def _prefilter(path: Path) -> str:
    """The filters that the header names for the first signal, which are the amplifier's."""
    with path.open("rb") as file:
        many = int(file.read(256)[252:256])
        text = file.read(256 * many)[136 * many : 136 * many + 80].decode("latin-1").strip()
    numbers = [float(value) for value in re.findall(r"\d+(?:\.\d+)?", text)]
    named = re.findall(r"[A-Z]{2,}(?=:)", text)
    return ", ".join(f"{name} {value:g} Hz" for name, value in zip(named, numbers, strict=False))


def _sexes(files: SubjectFiles) -> set[str]:
    """What the headers of a subject's recordings name; EDF+ has it second in the patient's field."""
    found = set()
    for path in (files.rest, files.task):
        with path.open("rb") as file:
            fields = file.read(88)[8:].decode("latin-1").split()
        found |= {field for field in fields[1:2] if field in ("F", "M")}
    return found
