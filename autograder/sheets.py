"""Tables for spreadsheets and learning systems: cells that no spreadsheet runs, CSV text, rosters.

A cell of a CSV file that begins with = + - or @ is a formula to Excel, LibreOffice and Google Sheets, and a student can
choose a name. Such text gets a ' before it, as OWASP advises; `unguard` takes it away again.
"""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.klass import ClassError

BOM = "\ufeff"
DELIMITERS = (",", ";", "\t")
ROSTER_COLUMNS = {
    "student": ("student", "studentid"),
    "name": ("name", "fullname", "studentname"),
    "email": ("email", "emailaddress"),
    "lms_id": ("lmsid",),
}

# Where a new cell begins for a spreadsheet with another list separator than the file (";" in much of Europe).
_STARTS = re.compile(r"([,;\t\r\n])")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?%?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class ExportError(ClassError):
    """Grades cannot be exported as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Table:
    """A CSV file as it was read: its rows (lists of text, the header first), delimiter and whether it has a BOM."""

    path: Path
    rows: list[list[str]]
    delimiter: str
    bom: bool


@dataclass(frozen=True)
class Person:
    """One line of a roster; what the roster does not say is ""."""

    name: str = ""
    email: str = ""
    lms_id: str = ""


# --- cells ---


def guard(text: str) -> str:
    """Text with ' before each part that a spreadsheet could take for a formula; numbers stay as they are.

    Also looked at: what follows white space or invisible characters, what follows , ; tab or a line break inside the
    text, full-width and other forms of the four characters, and text that begins with a tab or a line break.
    """
    parts = _STARTS.split(text)
    for k in range(0, len(parts), 2):
        if _is_risky(parts[k], _begins_with_break(parts, k)):
            parts[k] = "'" + parts[k]
    return "".join(parts)


def unguard(text: str) -> str:
    """The text that `guard` was given: unguard(guard(text)) == text for every text."""
    parts = _STARTS.split(text)
    for k in range(0, len(parts), 2):
        if parts[k].startswith("'") and _is_risky(parts[k][1:], _begins_with_break(parts, k)):
            parts[k] = parts[k][1:]
    return "".join(parts)


def _begins_with_break(parts: list[str], k: int) -> bool:
    """Whether part k is the first, with a tab or a line break behind it."""
    return k == 0 and len(parts) > 1 and parts[1] not in ",;"


def _is_risky(part: str, before_break: bool) -> bool:
    """Whether a part needs a ' before it; also one that looks as if it had got one, so that no two texts meet."""
    if part == "-" or _NUMBER.fullmatch(part):
        return False
    bare = part.lstrip("'")
    if not bare:
        return before_break
    first = next((c for c in bare if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf")), "")
    return first == "\u2212" or unicodedata.normalize("NFKC", first)[:1] in ("=", "+", "-", "@")


def plain(text: str) -> str:
    """Text without what no file of text should hold: control characters and lone surrogates become U+FFFD.

    Tabs and line breaks stay.
    """
    return _CONTROL.sub("\ufffd", text)


def figure(value: float | None) -> str:
    """A number of points for a cell, at most five decimals (what Moodle keeps); "" for None."""
    if value is None:
        return ""
    if not math.isfinite(value):
        raise ExportError(f"a number of points is {value}, which no grade can be. Mend it in the gradebook.")
    text = f"{value:.5f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


# --- tables ---


def table_text(rows: Sequence[Sequence[str]], *, delimiter: str = ",", bom: bool = False) -> str:
    """Rows of text as CSV (RFC 4180: quotes doubled, lines end in CR LF), each cell safe for spreadsheets.

    Fields are quoted only where they have to be: behind a BOM, Ruby's reader (Canvas) refuses a quoted first field.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([guard(plain(cell)) for cell in row] for row in rows)
    return (BOM if bom else "") + file.getvalue()


def read_table(path: Path) -> Table:
    """A CSV file in UTF-8, with or without BOM; comma, semicolon or tab, whichever parts the header into most columns.

    Raises `ExportError` where the file cannot be read as that.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise ExportError(
            f"{path} is not UTF-8 text (byte {error.start}). Was it saved by a spreadsheet? Take the file as it was "
            "downloaded, or save it as 'CSV UTF-8'."
        ) from None
    return parse(text, path)


def parse(text: str, path: Path = Path("text")) -> Table:
    """`read_table` of a text; `path` is what messages name."""
    bom = text.startswith(BOM)
    text = text.removeprefix(BOM)
    first = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))
    before = csv.field_size_limit(max(len(text), 1))  # the usual limit of 131072 characters is no fault of the file
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise ExportError(
            f"{path} is not a proper CSV file: line {reader.line_num}: {error}. Take the file as it was downloaded, or "
            "correct that line."
        ) from None
    finally:
        csv.field_size_limit(before)
    if not rows:
        raise ExportError(f"{path} is empty. Take the file as it was downloaded.")
    return Table(path, rows, delimiter, bom)


def value_at(row: list[str], place: int | None) -> str:
    """One cell of a row that may be too short; "" where there is none."""
    return row[place] if place is not None and place < len(row) else ""


def place_of(name: str, header: list[str]) -> int | None:
    """Where the column `name` stands in a header; None where there is none. White space and case do not count."""
    wanted = key_of(name)
    return next((k for k, title in enumerate(header) if key_of(title) == wanted), None)


def key_of(text: str) -> str:
    """What two spellings of the same name or id have in common: case, white space and Unicode form do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def read_roster(path: Path) -> dict[str, Person]:
    """Student id -> person, from a CSV file with the columns student and, where known, name, email and lms_id.

    `lms_id` is the person's id in the learning system. Raises `ExportError` for a roster without a column student, or
    with a student twice.
    """
    table = read_table(path)
    titles = [re.sub(r"[^a-z]", "", title.casefold()) for title in table.rows[0]]
    places = {
        name: next((k for k, title in enumerate(titles) if title in spellings), None)
        for name, spellings in ROSTER_COLUMNS.items()
    }
    if places["student"] is None:
        raise ExportError(
            f"the roster {path} has the columns {', '.join(table.rows[0])}; expected student (the id under which "
            "work was handed in) and, where known, name, email, lms_id. Rename its columns."
        )
    people: dict[str, Person] = {}
    for row in table.rows[1:]:
        values = {name: plain(unguard(value_at(row, place))) for name, place in places.items()}
        student = student_key(values.pop("student"))
        if not student:
            continue
        if student in people:
            raise ExportError(f"the roster {path} has the student {student!r} twice. Keep one of the two lines.")
        people[student] = Person(values["name"], values["email"].strip(), values["lms_id"].strip())
    return people


def student_key(student: str) -> str:
    """A student id as rosters and folders both write it: without white space around, composed (macOS decomposes)."""
    return unicodedata.normalize("NFC", student.strip())
