"""Submissions from a download or from folders into a class (`autograder import`).

Everything is read first, one notebook at a time, into a hidden folder of the class; then each is moved to its place
at once. What is not taken is named with the reason and stops nothing else. A notebook that is replaced stays beside
the new one, in older/.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat

from autograder.archives import opened, zip_entries
from autograder.entries import Entry, Refused, read_file, shown
from autograder.klass import ClassError, Klass, locked, read_journal, registered, write_journal, write_text
from autograder.mend import MAX_BYTES, Unreadable, read_submission
from autograder.senders import (
    NOTEBOOK,
    Roster,
    Sender,
    by_number,
    file_key,
    fold,
    named,
    open_roster,
    safe_student,
    senders,
)

LEAST_ALIKE = 0.2  # of all cells that a notebook or an assignment has, so many must be the same to tell which it is
PACKED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
STATUSES = ("new", "replaced", "unchanged", "refused")


@dataclass(frozen=True)
class Arrival:
    """What became of one file. `student` and `assignment` are "" where they could not be told."""

    student: str
    assignment: str
    name: str
    status: str  # one of STATUSES
    why: str = ""


@dataclass
class _Item:
    """A file on its way; `who` is "" where the student's id itself says who it is."""

    name: str
    sender: Sender | None = None
    why: str = ""
    weak: bool = False  # refused only if nothing better came from the same sender
    notes: list[str] = field(default_factory=list)
    time: datetime | None = None
    sha256: str = ""
    staged: Path | None = None
    assignment: str = ""
    student: str = ""
    who: str = ""
    twins: bool = False


def bring_in(
    klass: Klass,
    paths: Iterable[str | Path],
    *,
    assignment: str | None = None,
    roster: str | Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Arrival]:
    """Take the notebooks in zips, tars, folders and single files into the class; returns one `Arrival` per notebook.

    assignment  what all of them are for; else it is found from their cells, or from their names
    roster      CSV with the columns student, name, email, lms_id; who is not on it is refused
    progress    hears the name of each file before it is read

    Raises `ClassError` where nothing is done: an unknown assignment, a path that does not exist or lies in the class,
    a roster that cannot be read, a class at which another autograder is at work.
    """
    names = registered(klass)
    if assignment is not None and assignment not in names:
        raise ClassError(f"this class has no assignment {assignment!r}; it has {', '.join(names) or 'none'}.")
    sources = [_source(klass, Path(path)) for path in paths]
    people = open_roster(roster) if roster else None
    leave = Path(roster).resolve() if roster else None
    with locked(klass), _staging(klass) as stage:
        reader = _Reader(klass, stage, assignment, people, progress or (lambda name: None))
        items = [item for path in sources for item in reader.read(path, leave)]
        journal = _Journal(klass)
        _find_students(items, journal, people)
        _refuse_clashes(klass, items, journal)
        items = _without_weak(items)
        arrivals = [_take(klass, item, journal) for item in _in_order(items)]
        journal.write()
    return arrivals


def _source(klass: Klass, path: Path) -> Path:
    try:
        found = path.resolve(strict=True)
    except OSError:
        raise ClassError(f"{path} does not exist. Give the download of the LMS, a folder or a notebook.") from None
    if found.is_relative_to(klass.root) or klass.root.is_relative_to(found):
        raise ClassError(f"{path} holds the class itself or a part of it. Give a folder outside of {klass.root}.")
    return found


@contextmanager
def _staging(klass: Klass) -> Iterator[Path]:
    """A hidden folder of the class, gone at the end; one that was left when an import was killed goes as well."""
    for left in klass.root.glob(".import-*"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        stage = Path(tempfile.mkdtemp(prefix=".import-", dir=klass.root))
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    except OSError as error:
        raise ClassError(f"the class cannot be written: {error}. What was taken so far is in its place.") from error


# --- reading ---


class _Reader:
    """Reads sources into items; a notebook that can be read is kept in the staging folder."""

    def __init__(
        self,
        klass: Klass,
        stage: Path,
        assignment: str | None,
        roster: Roster | None,
        tell: Callable[[str], None],
    ):
        self.stage, self.assignment, self.roster, self.tell = stage, assignment, roster, tell
        self.cells = {name: _cell_ids(klass.notebook("release", name)) for name in registered(klass)}
        self.count = 0

    def read(self, path: Path, leave: Path | None) -> list[_Item]:
        """The files of one archive, folder or notebook."""
        where = path.name if path.is_dir() else path.name.split(".tar", 1)[0].removesuffix(".tgz").removesuffix(".zip")
        if path.is_file() and NOTEBOOK.search(path.name):
            where = path.parent.name  # students/anna/09_tiny.ipynb
        items: list[_Item] = []
        try:
            with opened(path) as entries:
                entries = [e for e in entries if leave is None or not leave.samefile(path.joinpath(*e.parts))] \
                    if path.is_dir() and leave and leave.is_relative_to(path) else entries
                items = self._items(path, entries, where)
        except Refused as error:
            items.append(_Item(path.name, why=str(error)))
        return items
