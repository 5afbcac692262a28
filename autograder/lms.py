"""Grades as Canvas and Moodle read them, without a template or filled into a file that they gave.

The forms rest on what the importers do (read in the code of Canvas and Moodle):

Canvas   finds a student by ID, then SIS User ID, then SIS Login ID, then name; an assignment by the number in brackets
         behind its title. An empty cell takes a grade away, and other columns of an old file bring old values back. So
         there is one file per assignment, with the students who have a grade and the columns that identify them.
Moodle   (course grades) One column says who it is. A row where that is empty counts for the student of the row before,
         and one unknown student stops the import. Feedback is HTML. Its reader (PHP) takes a backslash before a quote
         for an escape.
Moodle   (grading worksheet of one assignment) Identifier, Grade and Last modified (grade) have to be there, named in
         the language that the teacher uses. Comments in the file replace those in Moodle.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from autograder.results import Result
from autograder.sheets import ExportError, Table, figure, guard, key_of, place_of, plain, table_text, value_at

OPENING = "Points by task: "  # of feedback in Moodle; what begins so is ours and may be replaced
POINTS_ROW = "Points Possible"

Tell = Callable[[str], None]
Fields = Sequence[tuple[int | None, tuple[str, ...]]]


@dataclass(frozen=True)
class Grade:
    """One submission's result with what is known of its student.

    `lms_id` is the id in the roster, `number` the one that the learning system gave when the work was imported, ""
    where there is none. `final` where nothing waits for a person; `given` where the total is exported.
    """

    result: Result
    name: str
    email: str = ""
    lms_id: str = ""
    number: str = ""
    final: bool = True
    given: bool = True

    @property
    def student(self) -> str:
        return self.result.student

    @property
    def assignment(self) -> str:
        return self.result.assignment

    @property
    def most(self) -> float:
        return sum(self.result.possible.values())


# --- Canvas ---


def canvas(grades: Sequence[Grade], template: Table | None, *, tell: Tell) -> dict[str, str]:
    """File name -> gradebook CSV, one per assignment; an assignment that a template has no column for is left out.

    No BOM unless the template has one: ids, not names, find the students, and Canvas writes none itself.
    """
    files = {}
    for name, given in by_assignment(grades).items():
        if template is None:
            rows = _canvas_rows(name, given)
            _tell_odd(name, "Canvas", [(row[3], row[2:4]) for row in rows[2:] if not row[1]], tell)
            files[f"canvas-{name}.csv"] = table_text(rows)
            continue
        column = _canvas_column(template, name)
        if column is None:
            tell(f"{name} has no column in {template.path.name} and is left out.")
            continue
        rows = _canvas_filled(template, name, column, given, tell)
        files[f"canvas-{name}.csv"] = table_text(rows, delimiter=template.delimiter, bom=template.bom)
    if not files:
        raise ExportError(_no_column(template, ", ".join(by_assignment(grades))))
    if template is None:
        tell(
            "without --template Canvas goes by titles: an assignment that is not named exactly as here is made anew, "
            "and students are found by the roster's lms_id (Canvas' own ID) or the student id (SIS or login)."
        )
    return files


def _canvas_rows(name: str, given: list[Grade]) -> list[list[str]]:
    """Without a template: the student id stands for both ids of the student information system."""
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", name],
        [f"    {POINTS_ROW}", "", "", "", "", *[figure(g.most) for g in given[:1]]],
    ]
    for g in given:
        own = g.lms_id.isascii() and g.lms_id.isdigit()
        number, sis = (g.lms_id, g.student) if own else (g.number, g.lms_id or g.student)
        rows.append([_canvas_name(g.name, g), number, sis, g.student, "", figure(g.result.total)])
    return rows


def _canvas_filled(template: Table, name: str, column: int, given: list[Grade], tell: Tell) -> list[list[str]]:
    header = template.rows[0]
    section = place_of("Section", header)
    if section is None or place_of("ID", header) is None:
        raise ExportError(_no_column(template, name))
    end = next((k for k, row in enumerate(template.rows) if POINTS_ROW in row[0]), None)
    if end is None:
        raise ExportError(
            f"{template.path} has no row '{POINTS_ROW}'; expected a gradebook as Canvas exports it. Export it anew."
        )
    if given:
        _same_most(template, value_at(template.rows[end], column), given[0], "Canvas")
    kept = [*range(section + 1), column]
    rows = [[value_at(row, k) for k in kept] for row in template.rows[: end + 1]]
    rows = [row for row in rows if any(row)]  # the row of posting rules is empty where it speaks of other columns
    fields = (
        (place_of("ID", header), ("lms_id", "number")),
        (place_of("SIS User ID", header), ("lms_id", "student")),
        (place_of("SIS Login ID", header), ("lms_id", "student", "email")),
        (place_of("Integration ID", header), ("lms_id", "student")),
    )
    for row, g in _matched(template, end + 1, fields, given, tell):
        cells = [value_at(row, k) for k in kept[:-1]]
        rows.append([_canvas_name(cells[0], g), *cells[1:], figure(g.result.total)])
    return rows


def _canvas_name(name: str, grade: Grade) -> str:
    """A name for the first column, in which these two words would make a row of possible points of it."""
    return next((n for n in (name, grade.student) if POINTS_ROW.casefold() not in n.casefold()), "student")


def _canvas_column(template: Table, name: str) -> int | None:
    """The column of an assignment: the title before its number, without regard to case, spaces and signs."""

    def letters(text: str) -> str:
        return re.sub(r"[\W_]+", "", key_of(text))

    header = template.rows[0]
    titles = [re.sub(r"\s\(\d+\)$", "", title) for title in header]
    found = [k for k, title in enumerate(titles) if letters(title) == letters(name)]
    if len(found) > 1:
        raise ExportError(
            f"{template.path} has {len(found)} columns for {name}: {', '.join(header[k] for k in found)}. "
            "Take the wrong ones out of the file."
        )
    return found[0] if found else None


def _no_column(template: Table, name: str) -> str:
    return (
        f"{template.path} has the columns {', '.join(template.rows[0])}; expected Student, ID, ..., Section as Canvas "
        f"exports them, and one for {name}. Has the assignment another name in Canvas? Then write {name} before the "
        "number in brackets in the file; Canvas goes by the number."
    )


# --- Moodle ---


def moodle(grades: Sequence[Grade], template: Table | None, *, tell: Tell) -> dict[str, str]:
    """File name -> CSV for the import of course grades, one per assignment; or one filled grading worksheet.

    With a BOM: Moodle drops it, and without it Excel takes UTF-8 for the machine's old code page and breaks every
    name that is not ASCII.
    """
    found = by_assignment(grades)
    if template is None:
        return {
            f"moodle-{name}.csv": table_text(_moodle_rows(name, given, tell), bom=True) for name, given in found.items()
        }
    if len(found) > 1:
        raise ExportError(
            f"{template.path} is the worksheet of one assignment; this class has {', '.join(found)}. Name one."
        )
    ((name, given),) = found.items()
    rows = _worksheet_filled(template, given, tell)
    return {f"moodle-worksheet-{name}.csv": table_text(rows, delimiter=template.delimiter, bom=True)}


def _moodle_rows(name: str, given: list[Grade], tell: Tell) -> list[list[str]]:
    """Columns that identify a student are there only where every row has one (see the head of this file)."""
    columns = {"Student": [g.student for g in given], "Full name": [g.name for g in given]}
    for title, values in (("ID number", [g.lms_id for g in given]), ("Email address", [g.email for g in given])):
        if all(values):
            columns[title] = values
        elif any(values):
            lost = [g.student for g, value in zip(given, values, strict=True) if not value]
            tell(f"{name}: no column {title!r}, as the roster has none for {named(lost)}.")
    _tell_odd(name, "Moodle", [(g.student, (g.student, g.lms_id, g.email)) for g in given], tell)
    if any(g.result.total > 100 for g in given):
        tell(f"{name}: Moodle refuses grades above 100 unless its administrator allowed them (unlimitedgrades).")
    columns |= {name: [figure(g.result.total) for g in given], "Feedback": [_feedback(g) for g in given]}
    return [list(columns), *[[for_php(text) for text in row] for row in zip(*columns.values(), strict=True)]]


def _worksheet_filled(template: Table, given: list[Grade], tell: Tell) -> list[list[str]]:
    header = template.rows[0]
    places = {title: place_of(title, header) for title in ("Identifier", "Grade", "Last modified (grade)")}
    if None in places.values():
        raise ExportError(
            f"{template.path} has the columns {', '.join(header)}; expected {', '.join(places)}. Download the grading "
            "worksheet of the assignment with Moodle's language set to English."
        )
    fields = (
        (places["Identifier"], ("lms_id", "number")),
        (place_of("ID number", header), ("lms_id", "student")),
        (place_of("Username", header), ("lms_id", "student")),
        (place_of("Email address", header), ("email",)),
    )
    comments = place_of("Feedback comments", header)
    pairs = _matched(template, 1, fields, given, tell)
    written = [g.student for row, g in pairs if (text := value_at(row, comments)) and not text.startswith(OPENING)]
    if written:
        tell(f"the column 'Feedback comments' is left out, as somebody wrote comments to {named(written)}.")
    rows = [list(header)]
    for row, g in pairs:
        cells = [value_at(row, k) for k in range(len(header))]
        _same_most(template, value_at(row, place_of("Maximum Grade", header)), g, "Moodle")
        cells[places["Grade"]] = figure(g.result.total)
        if comments is not None:
            cells[comments] = _feedback(g)
        rows.append([for_php(text) for text in cells])
    if written:
        rows = [[text for k, text in enumerate(row) if k != comments] for row in rows]
    return rows


def _feedback(grade: Grade) -> str:
    """What a student reads in Moodle, in one line of escaped HTML."""
    tasks = []
    for task, most in grade.result.possible.items():
        points = grade.result.points.get(task)
        tasks.append(f"{task} waits for its mark" if points is None else f"{task} {figure(points)} of {figure(most)}")
    text = OPENING + ", ".join(tasks) + "." + ("" if grade.final else " Not final: a person still looks at it.")
    return html.escape(plain(text)).replace("\\", "&#92;")


def for_php(text: str) -> str:
    """A text for PHP's reader of CSV: in a quoted field a backslash is doubled, so that it cannot hide a quote."""
    return text.replace("\\", "\\\\") if set(text) & set(',;"\r\n\t') else text


# --- students and rows ---


def by_assignment(grades: Sequence[Grade]) -> dict[str, list[Grade]]:
    """Assignment -> the grades to export, in the order of the students; also assignments without any."""
    found: dict[str, list[Grade]] = {g.assignment: [] for g in grades}
    for g in grades:
        if g.given:
            found[g.assignment].append(g)
    return found


def _matched(
    template: Table, first: int, fields: Fields, given: list[Grade], tell: Tell
) -> list[tuple[list[str], Grade]]:
    """Rows of a template (from row `first`) with the grade of their student, in the template's order.

    Each of `fields` is a column with the attributes of `Grade` that may stand in it. Raises `ExportError` where a
    student fits several rows or a row several students: a grade must not go to another person.
    """
    index: dict[tuple[str, str], set[int]] = {}
    for k, row in enumerate(template.rows[first:], start=first):
        for place, kinds in fields:
            text = key_of(value_at(row, place))
            for key in {text, text.removeprefix("participant ")} - {""}:
                for kind in kinds:
                    index.setdefault((kind, key), set()).add(k)
    found: dict[int, Grade] = {}
    lost = []
    for g in given:
        keys = [(kind, key_of(getattr(g, kind))) for kind in ("lms_id", "number", "student", "email")]
        rows = {k for key in keys for k in index.get(key, ())}
        if len(rows) > 1:
            numbers = ", ".join(str(k + 1) for k in sorted(rows))
            raise ExportError(
                f"{named([g.student])} fits the rows {numbers} of {template.path}. Give a roster with its lms_id and "
                "email, and look whether they belong to one person."
            )
        if not rows:
            lost.append(g.student)
            continue
        (k,) = rows
        if k in found:
            both = named([found[k].student, g.student])
            raise ExportError(f"{both} both fit row {k + 1} of {template.path}. Correct the roster.")
        found[k] = g
    if lost:
        tell(f"{len(lost)} students are not in {template.path.name} and are left out: {named(lost)}.")
    others = len(template.rows) - first - len(found)
    if others:
        tell(f"{others} rows of {template.path.name} get no grade; they are left out, so the import leaves them alone.")
    return [(template.rows[k], found[k]) for k in sorted(found)]


def _tell_odd(name: str, system: str, ids: Iterable[tuple[str, Sequence[str]]], tell: Tell) -> None:
    """Say which of (student, ids) the learning system will not find, as an id is guarded like any other cell."""
    odd = [student for student, texts in ids if any(guard(text) != text for text in texts)]
    if odd:
        tell(f"{name}: ids that look like formulas have ' before them, and {system} will not find them: {named(odd)}.")


def _same_most(template: Table, text: str, grade: Grade, system: str) -> None:
    """Refuse a scale that differs: 12 of 15 points must not become 12 of 100."""
    try:
        most = float(text.replace(",", "."))
    except ValueError:
        return
    if abs(most - grade.most) > 0.005:
        raise ExportError(
            f"{system} gives at most {figure(most)} points for {grade.assignment} ({template.path.name}), this class "
            f"{figure(grade.most)}. Set {system} to {figure(grade.most)} and download the file anew."
        )


def named(students: Iterable[str], *, most: int = 10) -> str:
    """Students for a message: the first `most`, then how many more."""
    students = list(dict.fromkeys(plain(s) for s in students))
    more = len(students) - most
    return ", ".join(students[:most]) + (f" and {more} more" if more > 0 else "")
