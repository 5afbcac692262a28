"""The notebooks in a download: each with its sender and its assignment, or with the reason why it is not taken."""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from nbformat import NotebookNode

from autograder.archives import opened, zip_entries
from autograder.entries import Entry, Refused, shown
from autograder.klass import Klass, registered
from autograder.mend import MAX_BYTES, Unreadable, read_submission
from autograder.senders import NOTEBOOK, Roster, Sender, by_number, fold, named, senders

ALIKE = 0.2  # share of all cells that a notebook and an assignment must have in common for the cells to tell
NEARLY = 0.8  # of the best share; above this the file's name decides
PACKED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")


@dataclass
class HandIn:
    """One file. `staged` is where its notebook waits; `why` is not empty where it is refused.

    weak    refused only where its sender handed in nothing else
    twin    others in the same Moodle download have the sender's name
    who     who the sender is in the learning system, or what the student's id was made from; "" where the id says it
    sure    the roster said whose it is
    """

    name: str
    sender: Sender | None = None
    why: str = ""
    weak: bool = False
    twin: bool = False
    notes: list[str] = field(default_factory=list)
    time: datetime | None = None
    sha256: str = ""
    staged: Path | None = None
    assignment: str = ""
    student: str = ""
    who: str = ""
    sure: bool = False


def cell_names(klass: Klass) -> dict[str, set[str]]:
    """Assignment -> the names (nbgrader's grade_id) of the cells in its handout."""
    found = {}
    for name in registered(klass):
        notebook = read_submission(klass.notebook("release", name).read_bytes())
        found[name] = _names_in(notebook)
    return found


def read_source(
    path: Path,
    stage: Path,
    cells: dict[str, set[str]],
    *,
    assignment: str | None = None,
    roster: Roster | None = None,
    leave: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[HandIn]:
    """The files of one archive, folder or notebook; notebooks that can be read are written into `stage`.

    `cells` is what `cell_names` gives, `leave` a file that is no submission, `progress` hears each name. Nothing in the
    source makes this raise; a source that cannot be read at all is one refused file.
    """
    where = path.name if path.is_dir() else re.sub(r"\.(zip|tar|tgz|tar\.gz)$", "", path.name, flags=re.I)
    if path.is_file() and NOTEBOOK.search(path.name):
        where = path.parent.name  # students/anna/09_tiny.ipynb
    found: list[HandIn] = []
    try:
        with opened(path) as entries:
            if leave and leave.is_relative_to(path):
                entries = [e for e in entries if path.joinpath(*e.parts) != leave]
            for item, entry in _with_senders(path, entries, where, list(cells), roster):
                found.append(item)
                if entry is None:
                    continue
                if progress:
                    progress(item.name)
                _read(item, entry, stage, cells, assignment)
    except Refused as error:
        found.append(HandIn(shown(path.name), why=str(error)))
    return found


def _with_senders(
    path: Path, entries: list[Entry], where: str, assignments: list[str], roster: Roster | None
) -> list[tuple[HandIn, Entry | None]]:
    """The files of a source with their senders and times; without an entry where they are refused by name."""
    inside = path.is_dir() or len(entries) != 1 or entries[0].name != path.name

    def name(entry: Entry) -> str:
        return shown(f"{path.name}: {entry.name}" if inside and entry.name else path.name, most=240)

    found: list[tuple[HandIn, Entry | None]] = [(HandIn(name(e), why=e.why), None) for e in entries if e.why]
    good = [e for e in entries if not e.why]
    stamps = {e.parts[:-1]: e for e in good if e.parts[-1] == "timestamp.txt"}
    good = [e for e in good if e.parts[-1] != "timestamp.txt"]
    layout = [e.parts for e in good if _is_notebook(e) or _is_zip(e)]
    sent = senders([e.parts for e in good], where, assignments, layout=layout or None, roster=roster)
    numbers = by_number(sent)
    for entry, sender in zip(good, sent, strict=True):
        item = HandIn(name(entry), sender, notes=[entry.note] if entry.note else [])
        item.twin = sender.form == "moodle" and len(numbers[fold(sender.label)]) > 1
        if sender.form == "plain":  # Canvas and Moodle give every file the time of the download
            item.time = _stamp(stamps.get(entry.parts[:-1])) or entry.time
        if sender.late:
            item.notes.append("handed in late, says Canvas")
        found.append((item, entry))
    return found


def _read(item: HandIn, entry: Entry, stage: Path, cells: dict[str, set[str]], assignment: str | None) -> None:
    """Read one file and keep its notebook in `stage`, or note why it is refused."""
    try:
        data, texts = _notebook_in(item, entry)
        item.assignment = assignment_of(read_submission(data), texts, cells, assignment)
    except (Refused, Unreadable) as error:
        item.why = str(error)
        return
    except Exception as error:  # what somebody made up never stops the others
        item.why = f"it cannot be read as a notebook ({type(error).__name__})"
        return
    item.sha256 = sha256(data).hexdigest()
    handle, name = tempfile.mkstemp(dir=stage)
    item.staged = Path(name)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _notebook_in(item: HandIn, entry: Entry) -> tuple[bytes, list[str]]:
    """The notebook that a file is or holds, and the names that may tell what it is for, the best first."""
    texts = [item.sender.file, *reversed(entry.parts[:-1])]
    last = entry.parts[-1].lower()
    if not _is_notebook(entry) and not last.endswith(PACKED):
        item.weak = True
        raise Refused("it is not a notebook; expected a name that ends in .ipynb")
    if item.sender.why:
        raise Refused(item.sender.why)
    if _is_notebook(entry):
        return entry.read(MAX_BYTES), texts
    if not _is_zip(entry):
        raise Refused("it is an archive inside a download, which is not opened; ask for the notebook")
    inside = zip_entries(io.BytesIO(entry.read(MAX_BYTES)), entry.budget)
    for bad in (e for e in inside if e.why):
        raise Refused(f"it holds a file that is refused ({bad.name}): {bad.why}")
    notebooks = [e for e in inside if _is_notebook(e)]
    if len(notebooks) != 1:
        item.weak = not notebooks and not any(e.parts[-1].lower().endswith(PACKED) for e in inside)
        raise Refused(
            f"it is a zip inside a download and holds {len(notebooks)} notebooks; exactly one is taken. "
            "If it is a download of its own, name it to autograder import"
        )
    return notebooks[0].read(MAX_BYTES), [notebooks[0].parts[-1], *texts]


def _is_notebook(entry: Entry) -> bool:
    return bool(NOTEBOOK.search(entry.parts[-1]))


def _is_zip(entry: Entry) -> bool:
    return entry.parts[-1].lower().endswith(".zip")


def _stamp(entry: Entry | None) -> datetime | None:
    """The time of submission in nbgrader's timestamp.txt."""
    try:
        return parse_stamp(entry.read(200).decode()) if entry else None
    except (Refused, UnicodeDecodeError):
        return None


def parse_stamp(text: str) -> datetime | None:
    """A time as nbgrader reads it, in UTC; None where it is none."""
    from nbgrader.utils import parse_utc

    try:
        return parse_utc(text.strip()).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


# --- which assignment ---


def assignment_of(
    notebook: NotebookNode, texts: list[str], cells: dict[str, set[str]], asked: str | None = None
) -> str:
    """The assignment a notebook is for: the one `asked` for, else by its cells, else by `texts` (file, folders).

    Raises `Refused` where that cannot be told, or where the cells are those of another than the one asked for.
    """
    mine = _names_in(notebook)
    alike = {name: len(mine & theirs) / max(1, len(mine | theirs)) for name, theirs in cells.items()}
    best = max(alike.values(), default=0.0)
    by_cells = [name for name, share in alike.items() if share == best >= ALIKE]
    wanted = asked or next(filter(None, (named(text, cells) for text in texts)), "")
    if wanted and (not by_cells or alike[wanted] >= NEARLY * best):
        return wanted
    if asked:
        raise Refused(f"its cells are those of {' or '.join(by_cells)}, not of {asked}; is it another assignment's?")
    if len(by_cells) == 1:
        return by_cells[0]
    raise Refused(
        "which assignment it is for cannot be told: its cells are those of "
        f"{' and '.join(by_cells) or 'no assignment of this class'}, and its name says nothing. "
        "Say which with --assignment"
    )


def _names_in(notebook: NotebookNode) -> set[str]:
    names = (cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells)
    return {name for name in names if isinstance(name, str)}
