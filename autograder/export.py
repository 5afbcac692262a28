"""Grades of a class as files: Canvas, Moodle, Gradescope, plain CSV.

Only what is final leaves the house unmarked: a total with a written answer still open, or that a person should look at,
is left out unless `partial` is asked for, and a submission that could not be graded is always left out of what a
learning system reads. Whoever exports is told how many, and whose. What is in the files stands in
`autograder.lms`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import unicodedata
from collections.abc import Callable
from pathlib import Path

from autograder.grade import pending
from autograder.klass import Klass, latest_gradings, registered, write_journal, write_text
from autograder.lms import CANVAS, MADE_BY, MOODLE, Grade, canvas, gradescope, moodle, plain_csv
from autograder.results import results
from autograder.sheets import ExportError, Person, read_roster, read_table

FORMATS = ("canvas", "moodle", "gradescope", "csv")
MOST_NAMED = 10  # students that a note names before it goes on to count

Tell = Callable[[str], None]


def export(
    klass: Klass,
    to: str,
    *,
    assignment: str | None = None,
    out: str | Path | None = None,
    template: str | Path | None = None,
    roster: str | Path | None = None,
    partial: bool = False,
    tell: Tell | None = None,
) -> list[Path]:
    """Write the grades of a class in one of `FORMATS`; returns the files.

    assignment  one assignment; all if None
    out         a folder, or a path that ends in .csv where one file comes out; CLASS_DIR/exports/ if None
    template    the CSV that Canvas (gradebook) or Moodle (grading worksheet) gave, whose ids and names are kept
    roster      CSV with the columns student, name, email, lms_id; without it the student id stands in
    partial     totals that are not final as well, as they stand
    tell        hears what a person should know, a sentence at a time; a warning of the log if None

    Raises `ExportError` (a `ClassError`) where nothing is written: an unknown format or assignment, a template that
    does not fit, a file of another kind in the way.
    """
    tell = tell or logging.getLogger("autograder.export").warning
    _check(klass, to, assignment, template)
    people = read_roster(Path(roster)) if roster else {}
    grades = _grades(klass, assignment, people, partial)
    if not grades:
        raise ExportError(f"nothing is graded yet. Grade with: autograder grade {klass.root}")
    table = read_table(Path(template)) if template else None
    if to == "canvas":
        texts = canvas(grades, table, assignment=assignment, tell=tell)
    elif to == "moodle":
        texts = moodle(grades, table, assignment=assignment, tell=tell)
    elif to == "gradescope":
        texts = gradescope(grades)
    else:
        texts = plain_csv(grades, assignment=assignment)
    files = {_place(klass, out, name, len(texts)): text for name, text in texts.items()}
    for path, text in files.items():
        _check_target(path, text, [Path(p) for p in (template, roster) if p])
    for path, text in files.items():
        write_text(text, path, mode=0o600)  # names and marks: for the instructor alone
    if to == "gradescope":
        _remove_outdated(files, tell)
    _tell_all(klass, to, assignment, grades, bool(roster), partial, tell)
    write_journal(
        klass,
        "export",
        format=to,
        files=[{"file": str(path), "sha256": hashlib.sha256(text.encode()).hexdigest()} for path, text in files.items()],
        assignments=sorted({g.assignment for g in grades}),
        exported=sum(g.given for g in grades),
        left_out=sum(not g.given for g in grades),
        partial=partial,
    )
    return list(files)


def _check(klass: Klass, to: str, assignment: str | None, template: str | Path | None) -> None:
    if to not in FORMATS:
        raise ExportError(f"unknown format {to!r}; expected one of {', '.join(FORMATS)}.")
    if template and to not in ("canvas", "moodle"):
        raise ExportError(f"a template is filled for canvas and moodle; {to} has none. Leave --template out.")
    if assignment is not None and assignment not in (names := registered(klass)):
        raise ExportError(f"this class has no assignment {assignment!r}; it has {', '.join(names) or 'none'}.")


def _grades(klass: Klass, assignment: str | None, people: dict[str, Person], partial: bool) -> list[Grade]:
    """One `Grade` per graded submission, by student and assignment."""
    entries = latest_gradings(klass)
    found = []
    for result in results(klass, assignment):
        person = people.get(unicodedata.normalize("NFC", result.student.strip()), Person())
        entry = entries.get((result.student, result.assignment), {})
        final = result.status == "graded"
        found.append(
            Grade(
                result,
                person.name or result.student,
                person.email,
                person.lms_id,
                sandbox=str(entry.get("sandbox", "")),
                final=final,
                given=final or (partial and result.status != "failed"),
            )
        )
    return found


# --- files ---


def _place(klass: Klass, out: str | Path | None, name: str, n: int) -> Path:
    """Where a file of the export goes."""
    folder = Path(out) if out else klass.root / "exports"
    if folder.suffix.lower() == ".csv" and not folder.is_dir():
        if n != 1 or not name.endswith(".csv"):
            raise ExportError(f"{n} files come out, which do not fit into {folder}. Give a folder.")
        return folder
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder} is a file. Give a folder, or a path that ends in .csv.")
    return folder / name


def _check_target(path: Path, text: str, sources: list[Path]) -> None:
    """Refuse to write over anything that is not an earlier export of the same kind."""
    if not path.exists() and not path.is_symlink():
        return
    if any(path.exists() and path.samefile(source) for source in sources):
        raise ExportError(f"{path} is the file that is read. Give another place with --out.")
    if path.is_symlink() or not path.is_file() or not _same_kind(path, text):
        raise ExportError(f"{path} is not an earlier export of this kind. Move it away, or give another place with --out.")


def _same_kind(path: Path, text: str) -> bool:
    if path.suffix == ".json":
        return _is_ours(path)
    try:
        old = read_table(path).rows[0]
    except ExportError:
        return False
    return ",".join(old).startswith(_kind_of(text)) or ";".join(old).startswith(_kind_of(text))


def _is_ours(path: Path) -> bool:
    """Whether a results.json was written here."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["extra_data"]["made_by"] == MADE_BY
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _remove_outdated(files: dict[Path, str], tell: Tell) -> None:
    """Take away results.json of earlier exports of the same assignments that this one left out."""
    folders = {path.parent.parent for path in files}
    old = [p for folder in folders for p in sorted(folder.glob("*/results.json")) if p not in files and _is_ours(p)]
    for path in old:
        path.unlink()
    if old:
        tell(f"{len(old)} results.json of an earlier export removed: no longer final ({_named([p.parent.name for p in old])})")
