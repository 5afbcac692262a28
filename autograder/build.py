"""Build the notebooks of a course from its text sources, and tell which of them are stale.

course/source/NN_x.py gives course/NN_x.ipynb, solutions/NN_x.py gives assignments/NN_x/NN_x.ipynb.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.utils import compute_checksum

from autograder.lint import contract
from autograder.source import (
    REGIONS,
    SHORT,
    Source,
    SourceError,
    handout,
    instructor_notebook,
    lesson,
    notebook_text,
    plain,
    read_source,
    solution_text,
    split_regions,
)

_CELL_METADATA = {"nbgrader", "deletable", "editable", "tags"}
_NBGRADER = {"schema_version", "grade", "solution", "locked", "task"}
_NBGRADER |= {"grade_id", "points", "checksum", "cell_type"}
_NAME = re.compile(r"\d\d_[a-z0-9_]+")


class BuildRefused(SourceError):
    """Sources that cannot be built; `faults` holds one line for each reason."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


def build_all(root: str | Path, *, check: bool = False, force: bool = False) -> list[Path]:
    """Build every notebook below `root`; returns the paths that were stale, in order.

    With `check` nothing is written, and built notebooks that have no source (`orphans`) are returned too;
    without it they are only logged, as they may be someone's copy. A handout with answers in it is not
    overwritten unless `force`. What can be built is built; then BuildRefused names what could not, and why.
    """
    root = Path(root)
    stale, faults = [], []
    for source_path, built_path in _pairs(root, faults):
        try:
            text = built_text(source_path)
        except BuildRefused as refused:
            faults += refused.faults
            continue
        except SourceError as error:
            faults.append(str(error))
            continue
        if built_path.is_file() and built_path.read_bytes() == text.encode():
            continue
        stale.append(built_path)
        if check:
            continue
        if not force and built_path.is_file() and has_answers(built_path):
            faults.append(
                f"{built_path}: got a handout with answers in it, expected one as built; "
                "likely someone works in this folder; move it away, or build with force"
            )
            continue
        _write(built_path, text)
    for path in orphans(root):
        if check:
            stale.append(path)
        else:
            logging.getLogger(__name__).warning("%s has no source; delete it if nobody needs it", path)
    if faults:
        raise BuildRefused(faults)
    return stale


def built_text(path: str | Path) -> str:
    """The notebook of one source file, as text. Raises SourceError, or BuildRefused with the findings."""
    source = read_source(path)
    if findings := contract(source):
        raise BuildRefused([str(finding) for finding in findings])
    if source.kind != "assignment":
        return notebook_text(lesson(source))
    built = handout(source)
    if faults := leaks(built, source):
        raise BuildRefused([f"{source.path}: {fault}" for fault in faults])
    return notebook_text(built)


def instructor_version(root: str | Path, assignment: str) -> NotebookNode:
    """The instructor's notebook of an assignment, for nbgrader's `source/`. Raises as `built_text` does."""
    path = Path(root) / "solutions" / f"{assignment}.py"
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.py"))
        raise SourceError(f"got assignment {assignment!r}, expected one of {known}; there is no {path}")
    source = read_source(path)
    if findings := contract(source):
        raise BuildRefused([str(finding) for finding in findings])
    return instructor_notebook(source)


def orphans(root: str | Path) -> list[Path]:
    """Built notebooks whose source is gone: notebooks in course/ and assignments/ that nothing builds."""
    root = Path(root)
    wanted = {built for _, built in _pairs(root, [])}
    found = [*root.glob("course/*.ipynb"), *root.glob("assignments/**/*.ipynb")]
    return sorted(p for p in found if p not in wanted and ".ipynb_checkpoints" not in p.parts)


def has_answers(path: str | Path) -> bool:
    """Whether someone changed an answer cell of a handout (its checksum tells)."""
    try:
        cells = nbformat.read(path, as_version=4).cells
    except (OSError, ValueError, nbformat.ValidationError):
        return True  # not readable as a notebook, so not ours to replace
    marked = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("solution")]
    return any(cell.metadata.nbgrader.get("checksum") != compute_checksum(cell) for cell in marked)


def leaks(notebook: NotebookNode, source: Source) -> list[str]:
    """What a finished handout gives away, one line each; empty if nothing.

    Lines of solutions, hidden tests and mark schemes (longer than a few characters and not also visible in
    the source), delimiters, outputs, execution counts, metadata that nbgrader does not know.

    It looks through the text, metadata, attachments and outputs of every cell, and the notebook's metadata.
    """
    secrets = _secrets(source)
    faults = []
    for number, cell in enumerate(notebook.cells, start=1):
        text = plain(" ".join(_strings(cell)))
        faults += [f"cell {number} shows the hidden line {line!r}" for line in secrets if line in text]
        faults += [f"cell {number} has a delimiter of {name}" for name in REGIONS if _delimited(text, name)]
        if cell.get("outputs") or cell.get("execution_count") is not None:
            faults.append(f"cell {number} has outputs or an execution count")
        if cell.get("attachments"):
            faults.append(f"cell {number} has attachments, which no text source gives")
        nbgrader = cell.metadata.get("nbgrader", {})
        if extra := (set(cell.metadata) - _CELL_METADATA) | (set(nbgrader) - _NBGRADER):
            faults.append(f"cell {number} has metadata {sorted(extra)}")
        if "checksum" in nbgrader and nbgrader["checksum"] != compute_checksum(cell):
            faults.append(f"cell {number} has a checksum of other text than its own")
    if extra := set(notebook.metadata) - {"kernelspec", "language_info"}:
        faults.append(f"the notebook has metadata {sorted(extra)}")
    return faults


def _secrets(source: Source) -> list[str]:
    visible, secret = [], []
    for cell in source.cells:
        outside, inside = split_regions(cell.text)
        if cell.role in ("answer", "written") and not inside:  # nbgrader clears such a cell as a whole
            outside, inside = [], outside
        visible += outside
        secret += inside
    shown = plain(" ".join(visible))  # a hint may show a line, and wrap it
    lines = dict.fromkeys(plain(line) for line in secret)
    return [line for line in lines if len(line) > SHORT and line not in shown]


def _delimited(text: str, name: str) -> bool:
    return f"BEGIN {name}" in text or f"END {name}" in text


def _strings(value: object) -> Iterator[str]:
    """Every string in a nested structure, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)


def filled(notebook: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """A copy of a handout with answers filled in: what a student submits.

    `answers` maps grade ids of answer and written cells to their new text. Raises KeyError for an id that the
    notebook does not have.
    """
    notebook, rest = deepcopy(notebook), dict(answers)
    for cell in notebook.cells:
        nbgrader = cell.metadata.get("nbgrader", {})
        if nbgrader.get("solution") and nbgrader["grade_id"] in rest:
            cell.source = rest.pop(nbgrader["grade_id"])
    if rest:
        raise KeyError(f"got answers for {sorted(rest)}, but the notebook has no such answer cells")
    return notebook


def reference(source: Source) -> NotebookNode:
    """The reference submission: the handout with the source's own solutions filled in."""
    answers = {str(c.task): solution_text(c) for c in source.cells if c.role in ("answer", "written")}
    return filled(handout(source), answers)


def _pairs(root: Path, faults: list[str]) -> list[tuple[Path, Path]]:
    """Source and built path of every notebook; names that are none go to `faults`."""
    found = []
    for folder in (root / "course" / "source", root / "solutions"):
        for path in sorted(folder.glob("*.py")):
            if path.stem.startswith("_"):
                continue
            if not _NAME.fullmatch(path.stem):
                faults.append(f"{path}: got this file name, expected NN_name.py; rename it")
                continue
            lessons = folder.name == "source"
            target = root / "course" if lessons else root / "assignments" / path.stem
            found.append((path, target / f"{path.stem}.ipynb"))
    return found


def _write(path: Path, text: str) -> None:
    """Write as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(text.encode())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
