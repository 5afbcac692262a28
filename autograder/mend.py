"""Stage 1 of grading: read what a student handed in and rebuild it from what the class handed out.

Of a submission only the student's own words survive: the source of answer cells, of written answers and of
cells the student added. Locked cells and test cells come back from the gradebook with the metadata of the
handout, so that a tag, a type or a number changed in the file changes nothing. Everything mended is told to
the student and a person.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    NbGraderPreprocessor,
    OverwriteCells,
    OverwriteKernelspec,
)

from autograder.klass import ClassError, Klass, open_gradebook, run_preprocessors

MAX_BYTES = 50_000_000  # of a notebook file; outputs are thrown away anyway
MAX_PARTS = 3_000_000  # lists and objects in the JSON; each takes some hundred bytes of memory
MAX_SOURCE = 200_000  # characters of one cell
MAX_CELLS = 2_000
SKIPPING_TAGS = {"skip-execution", "raises-exception"}  # tags by which nbclient runs a cell otherwise


class Unreadable(Exception):
    """The file handed in is not a notebook that can be graded; the message says why in one line."""


@dataclass(frozen=True)
class FrameCell:
    """A cell of the handout that must be there: `cell` is what runs, `handed_out` the source students were
    given.
    """

    grade_id: str
    kind: str  # "test", "answer", "written" or "locked"
    cell: NotebookNode
    handed_out: str


def frame(klass: Klass, assignment: str) -> list[FrameCell]:
    """The registered cells of an assignment in the handout's order.

    Source, type and points come from the gradebook (with the hidden tests), ids and metadata from the handout
    in release/. Raises `ClassError` where the two do not belong together.
    """
    handout = nbformat.read(klass.notebook("release", assignment), as_version=4)
    given = {c.metadata.nbgrader.grade_id: c for c in handout.cells if c.metadata.get("nbgrader", {}).get("grade_id")}
    with open_gradebook(klass) as book:
        notebook = book.find_notebook(assignment, assignment)
        points = {cell.name: cell.max_score for cell in (*notebook.grade_cells, *notebook.task_cells)}
        known = {cell.name: (cell.source, cell.cell_type, cell.checksum) for cell in notebook.source_cells}
    if set(known) != {name for name, cell in given.items() if _kind(cell)}:
        raise ClassError(
            f"{assignment}: the handout in release/ and the gradebook name different cells. "
            "Take the assignment over again with: autograder init --update"
        )
    cells = []
    for name, cell in given.items():
        if name not in known:
            continue
        source, cell_type, checksum = known[name]
        handed_out, kind = cell.source, _kind(cell)
        if kind in ("test", "locked"):
            cell.source = source
        cell.cell_type = cell_type
        cell.metadata.nbgrader.checksum = checksum
        if name in points:
            cell.metadata.nbgrader.points = points[name]
        cells.append(FrameCell(name, kind, cell, handed_out))
    return cells


def sanitise(klass: Klass, assignment: str, data: bytes) -> tuple[NotebookNode, list[dict[str, str]]]:
    """The notebook to run and a list of what was mended ({"cell", "kind", "what"}).

    Raises `Unreadable` for a file that is not a notebook.
    """
    notebook = read_submission(data)
    steps = [ClearOutput, Rebuild, OverwriteKernelspec, OverwriteCells, CheckCellMetadata]
    notebook, resources = run_preprocessors(
        klass, steps, notebook, assignment=assignment, frame=frame(klass, assignment)
    )
    notebook.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3", "language": "python"})
    return notebook, resources["autograder"]["mended"]


class Rebuild(NbGraderPreprocessor):
    """Put the cells of resources["autograder"]["frame"] back; what was mended goes into ["mended"]."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        facts = resources["autograder"]
        nb.cells, facts["mended"] = rebuild(nb.cells, facts["frame"])
        return nb, resources


def rebuild(cells: list[NotebookNode], frame: list[FrameCell]) -> tuple[list[NotebookNode], list[dict[str, str]]]:
    """A student's cells, put back into the frame, and what was mended.

    A cell that the student added stays behind the registered cell it followed. Of an answer cell that was
    split or copied, the first part is the answer and the others stay where they were, as plain cells: what
    ran for the student runs here too. Parts of a written answer are joined.
    """
    wanted = {f.grade_id: f for f in frame}
    found: dict[str, list[NotebookNode]] = {name: [] for name in wanted}
    followers: dict[str | None, list[NotebookNode]] = {None: []}
    anchor, order = None, []
    for cell in cells:
        name = _grade_id(cell)
        if name in wanted:
            found[name].append(cell)
            if len(found[name]) == 1:
                anchor = name
                order.append(name)
                followers.setdefault(anchor, [])
                continue
            if wanted[name].kind != "answer" or cell.source.strip() == found[name][0].source.strip():
                continue
        followers[anchor].append(_plain(cell))

    rebuilt, mended = list(followers[None]), []
    place = len(rebuilt)  # behind the last cell of the frame
    for part in frame:
        copies = found[part.grade_id]
        new = copy.deepcopy(part.cell)
        if copies and part.kind == "answer":
            new.source = copies[0].source
        elif copies and part.kind == "written":
            texts = dict.fromkeys(c.source for c in copies)  # an untouched copy adds nothing
            answers = [t for t in texts if _same(t, part.handed_out) is False] or list(texts)
            new.source = "\n\n".join(answers)
        mended += [{"cell": part.grade_id, "kind": part.kind, "what": what} for what in _differences(part, copies)]
        if part.kind == "answer" and not copies:
            # Above what the student added there: the answer may stand in a cell of its own.
            rebuilt.insert(place, new)
            place += 1
            continue
        rebuilt.append(new)
        place = len(rebuilt)
        rebuilt += followers.get(part.grade_id, [])
    expected = [f.grade_id for f in frame if f.grade_id in order]
    for name in (name for name, other in zip(order, expected, strict=True) if name != other):
        mended.append({"cell": name, "kind": wanted[name].kind, "what": "stood elsewhere; put back in order"})
        break  # one line tells it
    return _with_ids(rebuilt), mended


def _differences(part: FrameCell, copies: list[NotebookNode]) -> list[str]:
    """What the submission changed in a registered cell, in words; what an editor changes by itself does not
    count.
    """
    if not copies:
        return ["was missing; put back"]
    found = []
    first = copies[0]
    if len(copies) > 1:
        found.append(
            {
                "answer": f"stood there {len(copies)} times; the first counts, the others run as plain cells",
                "written": f"stood there {len(copies)} times; the parts were joined",
            }.get(part.kind, f"stood there {len(copies)} times; one was put back")
        )
    if first.cell_type != part.cell.cell_type:
        found.append(f"was changed from {part.cell.cell_type} to {first.cell_type}; changed back")
    if part.kind in ("test", "locked") and not any(_same(c.source, part.handed_out) for c in copies):
        found.append("was edited; put back as handed out")
    tags = first.metadata.get("tags", [])
    strange = SKIPPING_TAGS & {str(t) for t in tags} if isinstance(tags, list) else set()
    if strange - set(part.cell.metadata.get("tags", [])):
        found.append(f"carried the tag {', '.join(sorted(strange))}; removed")
    marks = first.metadata.get("nbgrader", {})
    for key in ("points", "grade", "solution", "locked"):
        if key in marks and marks[key] != part.cell.metadata.nbgrader.get(key):
            found.append(f"had its {key} changed to {str(marks[key])[:20]}; changed back")
    return found


# --- reading ---


def read_submission(data: bytes) -> NotebookNode:
    """A notebook (format 4) from the bytes of a file, holding only known fields; raises `Unreadable`."""
    if len(data) > MAX_BYTES:
        raise Unreadable(
            f"the file is {len(data) / 1e6:.0f} MB large; at most {MAX_BYTES / 1e6:.0f} MB are read. "
            "Clear the outputs and hand in again."
        )
    if not data.strip():
        raise Unreadable("the file is empty")
    if data.count(b"{") + data.count(b"[") > MAX_PARTS:
        raise Unreadable("the file holds millions of lists and objects: clear the outputs and hand in again")
    try:
        raw = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("the file is not text in UTF-8, so not a notebook") from None
    except RecursionError:
        raise Unreadable("the file is nested too deeply to be a notebook") from None
    except ValueError as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"the file is not JSON, so not a notebook; was it cut off?{where}") from None
    if not isinstance(raw, dict) or not ("cells" in raw or "worksheets" in raw):
        raise Unreadable("the file is JSON, but not a notebook: it holds no list of cells")
    version = raw.get("nbformat", 4)
    if not isinstance(version, int) or not 1 <= version <= 4:
        raise Unreadable(f"the notebook's format is {str(version)[:20]}; formats up to 4 can be read")
    if version < 4:
        try:
            raw = nbformat.convert(nbformat.from_dict({"nbformat_minor": 0, "metadata": {}, **raw}), 4)
        except Exception as error:
            raise Unreadable(
                f"the notebook's old format {version} cannot be converted ({type(error).__name__})"
            ) from None
    try:
        return _cleaned(raw)
    except RecursionError:
        raise Unreadable("the file is nested too deeply to be a notebook") from None


def _cleaned(raw: dict[str, Any]) -> NotebookNode:
    cells = raw.get("cells")
    if not isinstance(cells, list) or len(cells) > MAX_CELLS:
        raise Unreadable(f"a notebook holds a list of at most {MAX_CELLS} cells; this one does not")
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.from_dict(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": metadata,
            "cells": [_clean_cell(cell, k) for k, cell in enumerate(cells)],
        }
    )


def _clean_cell(cell: Any, k: int) -> dict[str, Any]:
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        raise Unreadable(f"cell {k} is not a notebook cell: it is neither code, markdown nor raw")
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise Unreadable(f"cell {k} is not a notebook cell: its source is not text")
    if len(source) > MAX_SOURCE:
        raise Unreadable(f"cell {k} is {len(source)} characters long; at most {MAX_SOURCE} are read")
    source = source.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode("utf-8")
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    nbgrader = metadata.get("nbgrader")
    kept = {"tags": metadata.get("tags", [])}
    if isinstance(nbgrader, dict):
        kept["nbgrader"] = {key: value for key, value in nbgrader.items() if isinstance(value, str | int | float)}
    clean: dict[str, Any] = {
        "cell_type": cell["cell_type"],
        "id": str(cell.get("id", "")),
        "metadata": kept,
        "source": source,
    }
    if cell["cell_type"] == "code":
        clean |= {"outputs": [], "execution_count": None}
    elif isinstance(cell.get("attachments"), dict):
        clean["attachments"] = {
            str(name): {
                mime: text for mime, text in files.items() if isinstance(text, str) and mime.startswith("image/")
            }
            for name, files in cell["attachments"].items()
            if isinstance(files, dict)
        }
    return clean


def _grade_id(cell: NotebookNode) -> str | None:
    name = cell.metadata.get("nbgrader", {}).get("grade_id")
    return name if isinstance(name, str) else None


def _kind(cell: NotebookNode) -> str:
    marks = cell.metadata.nbgrader
    if marks.get("grade"):
        return "written" if marks.get("solution") or cell.cell_type == "markdown" else "test"
    if marks.get("task"):
        return "written"
    return "answer" if marks.get("solution") else "locked" if marks.get("locked") else ""


def _plain(cell: NotebookNode) -> NotebookNode:
    """A cell the student added: its source and pictures, none of its metadata."""
    cell = copy.deepcopy(cell)
    cell.metadata = NotebookNode()
    return cell


def _same(text: str, other: str) -> bool:
    """Whether two sources differ in more than the blanks at line ends."""
    return [t.rstrip() for t in text.rstrip().split("\n")] == [t.rstrip() for t in other.rstrip().split("\n")]


def _with_ids(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Give every cell an id that is valid and occurs once; the frame's own ids are kept."""
    taken = {c.get("id") for c in cells if "nbgrader" in c.metadata}
    for k, cell in enumerate(cells):
        if "nbgrader" not in cell.metadata or not cell.get("id"):
            new = f"added-{k}"
            while new in taken:
                new += "x"
            cell["id"] = new
            taken.add(new)
    return cells
