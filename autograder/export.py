"""Grades of a class as files: Canvas, Moodle, Gradescope, plain CSV.

Only what is final leaves the house unmarked: a total with a written answer still open, or that a person should look at,
is left out unless `partial` is asked for; a submission that could not be graded never gets a total. Whoever exports is
told how many, and whose. What Canvas and Moodle read is made in `autograder.lms`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from autograder.grade import pending
from autograder.klass import Klass, read_journal, registered, write_journal, write_text
from autograder.lms import Grade, Tell, by_assignment, canvas, moodle, named
from autograder.results import results
from autograder.sheets import (
    ExportError,
    Person,
    figure,
    parse,
    plain,
    read_roster,
    read_table,
    student_key,
    table_text,
)

MADE_BY = "autograder export"  # by this a results.json of ours is known again
FORMATS = ("canvas", "moodle", "gradescope", "csv")


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
    roster      CSV with the columns student, name, email, lms_id; without it the student id stands in, and what a
                download of the same system said of the student when it was imported
    partial     totals that are not final as well, as they stand
    tell        hears what a person should know, a sentence at a time; a warning of the log if None

    Raises `ExportError` (a `ClassError`) where nothing is written: an unknown format or assignment, a template that
    does not fit, a file of another kind in the way.
    """
    tell = tell or logging.getLogger("autograder.export").warning
    _check(klass, to, assignment, template)
    people = read_roster(Path(roster)) if roster else {}
    grades = _grades(klass, to, assignment, people, partial)
    if not grades:
        raise ExportError(f"nothing is graded yet. Grade with: autograder grade {klass.root}")
    table = read_table(Path(template)) if template else None
    if to == "canvas":
        texts = canvas(grades, table, tell=tell)
    elif to == "moodle":
        texts = moodle(grades, table, tell=tell)
    elif to == "gradescope":
        texts = gradescope(grades)
    else:
        texts = {f"grades-{assignment}.csv" if assignment else "grades.csv": plain_csv(grades)}
    folder = _folder(klass, out, list(texts))
    files = {folder / name if folder.suffix.lower() != ".csv" else folder: text for name, text in texts.items()}
    for path, text in files.items():
        _check_target(path, text, [Path(p) for p in (template, roster) if p])
    for path, text in files.items():
        try:
            write_text(text, path, mode=0o600)  # names and marks: for the instructor alone
        except OSError as error:
            raise ExportError(f"{path} cannot be written: {error.strerror}. Give another place with --out.") from None
    if to == "gradescope":
        _remove_outdated([folder / to / name for name in {g.assignment for g in grades}], files, tell)
    _say(klass, to, assignment, grades, people, tell)
    write_journal(
        klass,
        "export",
        format=to,
        files=[{"file": plain(str(path)), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in files],
        assignments=sorted({g.assignment for g in grades}),
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


def _grades(klass: Klass, to: str, assignment: str | None, people: dict[str, Person], partial: bool) -> list[Grade]:
    """One `Grade` per graded submission, by student and assignment."""
    numbers = _imported_numbers(klass, to)
    found = []
    for result in results(klass, assignment):
        if result.student.startswith("."):  # the course's own reference and baseline
            continue
        person = people.get(student_key(result.student), Person())
        final = result.status == "graded"
        found.append(
            Grade(
                result,
                person.name or result.student,
                person.email,
                person.lms_id,
                number=numbers.get((result.student, result.assignment), ""),
                final=final,
                given=final or (partial and result.status != "failed"),
            )
        )
    return found


def _imported_numbers(klass: Klass, system: str) -> dict[tuple[str, str], str]:
    """(student, assignment) -> the number that Canvas or Moodle wrote into the name of the imported file.

    Canvas's is the user's own, Moodle's that of the participant in one assignment.
    """
    found = {}
    for entry in read_journal(klass):
        for one in entry.get("taken", []) if entry.get("event") == "import" else []:
            form, _, rest = str(one.get("who", "")).partition(":")
            number = rest.rpartition(":")[2]
            if form == system and number.isascii() and number.isdigit():
                found[one["student"], one["assignment"]] = number
    return found


def _say(
    klass: Klass, to: str, assignment: str | None, grades: list[Grade], people: dict[str, Person], tell: Tell
) -> None:
    """What a person should know before the file goes anywhere."""
    failed = [g for g in grades if g.result.status == "failed"]
    waiting = [g for g in grades if not g.final and g.result.status != "failed"]
    kinds = [
        ("with written answers still open", [g for g in waiting if None in g.result.points.values()]),
        ("that a person should look at", [g for g in waiting if None not in g.result.points.values()]),
    ]
    if waiting:
        parts = [f"{len(some)} {what} ({_named(some)})" for what, some in kinds if some]
        done = "left out" if to != "csv" else "in the file without a total"
        done = "exported as they stand" if waiting[0].given else f"{done} (--partial exports them as they stand)"
        tell(f"Not final and {done}: {len(waiting)} of {len(grades)} totals: {'; '.join(parts)}.")
    if failed:
        tell(f"Could not be graded, so without a total: {len(failed)} of {len(grades)} ({_named(failed)}).")
    outdated = len(pending(klass, assignment))
    if outdated:
        tell(
            f"New, changed since graded, or graded by another version: {outdated} submissions. Grade them first: "
            f"autograder grade {klass.root}"
        )
    open_ = [g for g in grades if g.given and g.result.sandbox == "none"]
    if open_:
        tell(f"Graded without a sandbox: {len(open_)} of the exported grades ({_named(open_)}).")
    unknown = [g for g in grades if g.given and not g.result.sandbox]
    if unknown:
        tell(
            f"Graded with or without a sandbox, which the journal does not say: {len(unknown)} of the exported grades."
        )
    strangers = [g for g in grades if people and student_key(g.student) not in people]
    if strangers:
        tell(f"Not on the roster: {_named(strangers)}. The student id stands in.")


def _named(grades: list[Grade]) -> str:
    return named(g.student for g in grades)


# --- Gradescope and plain CSV ---


def gradescope(grades: Sequence[Grade]) -> dict[str, str]:
    """Path -> results.json, one per submission."""
    return {
        f"gradescope/{g.assignment}/{g.student}/results.json": _results_json(g)
        for given in by_assignment(grades).values()
        for g in given
    }


def _results_json(grade: Grade) -> str:
    r = grade.result
    tests = []
    for task, most in r.possible.items():
        points = r.points.get(task)
        test = {"name": plain(task), "name_format": "text", "max_score": float(figure(most))}
        if points is not None:
            test["score"] = float(figure(points))
        text = plain(r.messages.get(task, "")) if points is not None else "This answer waits for its mark."
        tests.append(test | {"output": text, "output_format": "text", "visibility": "visible"})
    whole = "" if grade.final else "Not final: a person still looks at it."
    content = {
        "score": float(figure(r.total)),
        "output": whole,
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {
            "made_by": MADE_BY,
            "student": plain(grade.student),
            "name": plain(grade.name),
            "assignment": grade.assignment,
            "final": grade.final,
            "sandbox": r.sandbox or "not recorded",
            "graded_at": r.graded_at,
        },
    }
    text = json.dumps(content, indent=1, allow_nan=False)
    # the same text for a JSON reader, but without a tag where somebody pastes the file into a page
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text + "\n"


def plain_csv(grades: Sequence[Grade]) -> str:
    """One row per student and assignment, also of those whose total is left out; with a BOM for Excel."""
    tasks = list(dict.fromkeys((g.assignment, task) for g in grades for task in g.result.possible))
    header = ["student", "name", "email", "lms_id", "assignment", "status", "final", "total", "possible"]
    header += ["sandbox", "graded_at", "reasons", *[f"{assignment}/{task}" for assignment, task in tasks]]
    rows = [header]
    for g in grades:
        r = g.result
        row = [g.student, g.name, g.email, g.lms_id, g.assignment, r.status, "yes" if g.final else "no"]
        row += [figure(r.total if g.given else None), figure(g.most), r.sandbox or "not recorded", r.graded_at]
        row.append("; ".join(r.reasons))
        for assignment, task in tasks:
            mine = assignment == g.assignment and r.status != "failed"
            row.append(figure(r.points.get(task)) if mine else "")
        rows.append(row)
    return table_text(rows, bom=True)


# --- files ---


def _folder(klass: Klass, out: str | Path | None, names: list[str]) -> Path:
    """Where the files go: a folder, or `out` itself where that names a CSV file and one comes out."""
    folder = Path(out) if out else klass.root / "exports"
    if folder.suffix.lower() == ".csv" and not folder.is_dir():
        if len(names) != 1 or not names[0].endswith(".csv"):
            raise ExportError(f"{len(names)} files come out, which do not fit into {folder}. Give a folder.")
    elif folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder} is a file. Give a folder, or a path that ends in .csv.")
    return folder


def _check_target(path: Path, text: str, sources: list[Path]) -> None:
    """Refuse to write over anything but an earlier export of the same kind."""
    if not path.exists() and not path.is_symlink():
        return
    if any(path.exists() and path.samefile(source) for source in sources):
        raise ExportError(f"{path} is the file that is read. Give another place with --out.")
    if not path.is_file() or not _same_kind(path, text):
        raise ExportError(
            f"{path} is not an earlier export of this kind. Move it away, or give another place with --out."
        )


def _same_kind(path: Path, text: str) -> bool:
    """Whether a file is an export of the kind that is to replace it: by its first two columns, or as ours."""
    if path.suffix == ".json":
        return _is_ours(path)
    try:
        return read_table(path).rows[0][:2] == parse(text).rows[0][:2]
    except ExportError:
        return False


def _is_ours(path: Path) -> bool:
    """Whether a results.json was written here."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["extra_data"]["made_by"] == MADE_BY
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _remove_outdated(folders: list[Path], files: Iterable[Path], tell: Tell) -> None:
    """Take away results.json of earlier exports of the same assignments that are no longer exported."""
    kept = set(files)
    old = [p for folder in folders for p in sorted(folder.glob("*/results.json")) if p not in kept and _is_ours(p)]
    for path in old:
        path.unlink()
    if old:
        names = named(path.parent.name for path in old)
        tell(f"Removed, as there is no final total now: {len(old)} results.json of an earlier export ({names}).")
