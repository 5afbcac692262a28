"""Percent text to notebooks: what authors write, and the three notebooks that are built from it.

A source is one file of jupytext percent text. From an assignment's source come the instructor's notebook
(solutions, hidden tests and mark schemes kept; nbgrader calls it the source notebook) and the handout; from a
lesson's source comes the lesson. The same text gives the same bytes on every machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jupytext
import nbformat
import yaml
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)

SOLUTION, HIDDEN, MARKS = "SOLUTION", "HIDDEN TESTS", "MARK SCHEME"
REGIONS = (SOLUTION, HIDDEN, MARKS)
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
TOTAL_POINTS = 100
SHORT = 12  # characters; lines up to here (`return x`, `else:`) are nobody's secret

# Without `comment_magics: False` jupytext turns a comment such as `# cat the leads` into a shell command.
_FORMAT = {"extension": ".py", "format_name": "percent", "comment_magics": False}
_MARKER = re.compile(r"^\s*#\s*%%(\s|$)")

# nbgrader's GenerateAssignment, in its order, without the three that need a folder or a gradebook
# (IncludeHeaderFooter, InstantiateTests, SaveCells).
_HANDOUT_STEPS = (
    LockCells,
    ClearSolutions,
    ClearOutput,
    CheckCellMetadata,
    ComputeChecksums,
    ClearHiddenTests,
    ClearMarkScheme,
    ComputeChecksums,
    CheckCellMetadata,
)

# What an assignment declares for its grading in its front matter: the time of a cell and of all cells, the memory of
# all processes, per metric the score above which a result is too good to be true, and what to compare scores with.
DECLARED = ("cell_timeout_s", "total_timeout_s", "memory_mb", "ceiling", "baseline")
_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class SourceError(ValueError):
    """A source that cannot be read or built; the message names file, line, what was got and what to do."""


@dataclass(frozen=True)
class Cell:
    """One cell of a source: its number from 1, the line of its marker, its text and its options."""

    number: int
    line: int
    type: str
    text: str
    options: Mapping[str, object]

    @property
    def role(self) -> str | None:
        """The role; papermill's `parameters` cell counts as locked, plain text and lesson code as None."""
        if "role" in self.options:
            return str(self.options["role"])
        return "locked" if self.type == "code" and "parameters" in self.tags else None

    @property
    def task(self) -> str | None:
        return None if self.options.get("task") is None else str(self.options["task"])

    @property
    def tags(self) -> list[str]:
        tags = self.options.get("tags", [])
        return [str(tag) for tag in tags] if isinstance(tags, list) else [str(tags)]

    @property
    def graded(self) -> bool:
        return self.role in ("test", "written")


@dataclass(frozen=True)
class Source:
    """A read source: its path, front matter (a dict, empty if there is none) and cells in order."""

    path: Path
    meta: Mapping[str, object]
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def kind(self) -> str:
        """`lesson`, `welcome` or `assignment`: from the front matter, else the folder, else the roles."""
        if "kind" in self.meta:
            return str(self.meta["kind"])
        by_folder = {"solutions": "assignment", "source": "lesson"}
        graded = any("role" in cell.options for cell in self.cells)
        return by_folder.get(self.path.parent.name, "assignment" if graded else "lesson")


@dataclass(frozen=True)
class Finding:
    """One fault of a source: where, by which rule, what was got and expected, and what to do."""

    path: Path
    cell: int
    line: int
    rule: str
    got: str
    expected: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}: cell {self.cell}" if self.cell else f"{self.path}:{self.line}"
        return f"{place} [{self.rule}] got {self.got}; expected {self.expected}; {self.fix}"


def finder(source: Source) -> Callable[..., Finding]:
    """A short way to write findings on one source; `row` is the line within the cell."""

    def at(cell: Cell | None, rule: str, got: str, expected: str, fix: str, *, row: int = 0) -> Finding:
        line = cell.line + row if cell else 1
        return Finding(source.path, cell.number if cell else 0, line, rule, got, expected, fix)

    return at


class Task(NamedTuple):
    """A graded task: `kind` is `auto` or `written`, `grade_id` nbgrader's id of the cell with the points."""

    name: str
    kind: str
    points: float
    grade_id: str
    asks: tuple[str, ...]


def read_source(path: str | Path) -> Source:
    """Read a percent text file.

    Raises SourceError, naming the line, if the front matter is no mapping, if text stands before the first
    cell marker, or if a cell marker stands inside a string (line numbers could not be told any more).
    """
    path = Path(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    meta, start = _front_matter(path, lines)
    body = lines[start:]
    markers = [start + k + 1 for k, line in enumerate(body) if _MARKER.match(line)]
    first = next((start + k + 1 for k, line in enumerate(body) if line.strip()), None)
    if first is None or not markers or first != markers[0]:
        raise SourceError(
            f"{path}:{first or 1}: got {'text before the first cell' if first else 'an empty file'}, "
            "expected `# %%` or `# %% [markdown]`; put a cell marker above it"
        )
    notebook = jupytext.reads("\n".join(lines[first - 1 :]) + "\n", fmt=_FORMAT)
    if len(notebook.cells) != len(markers):
        raise SourceError(
            f"{path}: got {len(markers)} lines that look like cell markers, but {len(notebook.cells)} cells; "
            "likely a `# %%` inside a string or a fenced block; write it differently"
        )
    cells = tuple(
        Cell(number, line, cell.cell_type, cell.source, dict(cell.metadata))
        for number, (line, cell) in enumerate(zip(markers, notebook.cells, strict=True), start=1)
    )
    return Source(path, meta, cells)


def _front_matter(path: Path, lines: list[str]) -> tuple[dict, int]:
    """The YAML between two `# ---` at the top of a file, and the number of lines it takes."""
    if not lines or lines[0].strip() != "# ---":
        return {}, 0
    end = next((k for k, line in enumerate(lines[1:], start=1) if line.strip() == "# ---"), None)
    if end is None:
        raise SourceError(f"{path}:1: got front matter without an end, expected a second `# ---`")
    text = "\n".join(re.sub(r"^# ?", "", line) for line in lines[1:end])
    try:
        meta = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise SourceError(f"{path}:1: got front matter that is no YAML: {error}; mend it") from None
    if not isinstance(meta, dict):
        raise SourceError(f"{path}:1: got front matter {meta!r}, expected `key: value` lines")
    return meta, end + 1


def split_regions(text: str, names: tuple[str, ...] = REGIONS) -> tuple[list[str], list[str]]:
    """Lines outside and lines inside the BEGIN/END regions of a cell's text, delimiters in neither."""
    visible, secret, depth = [], [], 0
    for line in text.split("\n"):
        if any(f"BEGIN {name}" in line for name in names):
            depth += 1
        elif any(f"END {name}" in line for name in names):
            depth = max(depth - 1, 0)
        else:
            (secret if depth else visible).append(line)
    return visible, secret


def plain(line: str) -> str:
    """A line with its white space evened out, for comparing."""
    return " ".join(line.split())


def is_task_name(name: str | None) -> bool:
    """Task names become nbgrader ids, where `-` sets off the build's own endings (`split-test`)."""
    return re.fullmatch(r"[a-z][a-z0-9_]{0,49}", name or "") is not None


def asked_names(cell: Cell) -> tuple[str, ...]:
    """Names that a test cell declares in its first line `# asks: a, b`; empty if the line is missing."""
    match = re.match(r"#\s*asks:(.*)", cell.text.split("\n", 1)[0])
    return tuple(name.strip() for name in match[1].split(",") if name.strip()) if match else ()


def tasks(source: Source) -> list[Task]:
    """The graded tasks in the order of the notebook."""
    found = []
    for cell in (cell for cell in source.cells if cell.graded):
        kind, asks = ("auto", asked_names(cell)) if cell.role == "test" else ("written", ())
        found.append(Task(str(cell.task), kind, cell.options.get("points"), _grade_id(cell, 0), asks))
    return found


def task_text(source: Source, index: int) -> str:
    """The markdown that belongs to the graded cell at `index`: all of it since the previous graded cell."""
    start = max((k + 1 for k, cell in enumerate(source.cells[:index]) if cell.graded), default=0)
    return "\n".join(c.text for c in source.cells[start:index] if c.type == "markdown" and c.role is None)


def rubric(source: Source, task: str) -> str:
    """The mark scheme of a written task, as markdown; empty if it has none."""
    cell = next((c for c in source.cells if c.role == "written" and c.task == task), None)
    return "\n".join(split_regions(cell.text, (MARKS,))[1]).strip() if cell else ""


def solution_text(cell: Cell) -> str:
    """A cell with its solution in place: delimiters, mark scheme and hidden tests taken out."""
    text = "\n".join(split_regions(cell.text, (MARKS, HIDDEN))[0])
    return "\n".join(line for line in text.split("\n") if not re.search(rf"(BEGIN|END) {SOLUTION}", line))


def _grade_id(cell: Cell, locked_before: int) -> str:
    if cell.role == "locked":
        return f"locked-{locked_before + 1}"
    return f"{cell.task}-test" if cell.role == "test" else str(cell.task)


def _nest_mark_scheme(text: str) -> str:
    """Move a written task's mark scheme into its solution region.

    nbgrader takes mark schemes only out of its `task` cells and stops at one elsewhere; inside the solution
    region it leaves with the solution, so that nbgrader's own generate_assignment gives the same handout.
    """
    lines, marks, inside = [], [], False
    for line in text.split("\n"):
        inside = inside or f"BEGIN {MARKS}" in line
        (marks if inside else lines).append(line)
        inside = inside and f"END {MARKS}" not in line
    ends = [k for k, line in enumerate(lines) if f"END {SOLUTION}" in line]
    return "\n".join([*lines[: ends[-1]], *marks, *lines[ends[-1] :]]) if marks and ends else text


def _built_cell(cell: Cell, text: str, cell_id: str) -> NotebookNode:
    make = new_code_cell if cell.type == "code" else new_markdown_cell
    return make(text, id=cell_id[:64], metadata={"tags": cell.tags} if cell.tags else {})


def lesson(source: Source) -> NotebookNode:
    """The lesson as people open it: no outputs, no options of the source left."""
    cells = [_built_cell(c, c.text, f"{c.number:03d}-{c.type}") for c in source.cells]
    return new_notebook(cells=cells, metadata=deepcopy(_METADATA))


def instructor_notebook(source: Source) -> NotebookNode:
    """The instructor's notebook: nbgrader metadata (schema 3), solutions, hidden tests and mark schemes kept.

    It is what belongs in nbgrader's `source/<assignment>/`. Cell ids are the grade ids of the graded, answer
    and locked cells, and position and type of the others. nbgrader's generate_solution wants
    `c.ClearMarkScheme.enforce_metadata = False`, as mark schemes stand in the answer cells of written tasks.
    """
    cells, locked = [], 0
    for cell in source.cells:
        if cell.role in (None, "free"):
            cells.append(_built_cell(cell, cell.text, f"{cell.number:03d}-{cell.role or cell.type}"))
            continue
        grade_id = _grade_id(cell, locked)
        locked += cell.role == "locked"
        text = _nest_mark_scheme(cell.text) if cell.role == "written" else cell.text
        built = _built_cell(cell, text, grade_id)
        built.metadata["nbgrader"] = {
            "schema_version": 3,
            "grade_id": grade_id,
            "grade": cell.graded,
            "solution": cell.role in ("answer", "written"),
            "locked": cell.role in ("test", "locked"),
            "task": False,
        }
        if cell.graded:
            built.metadata["nbgrader"]["points"] = cell.options.get("points")
        cells.append(built)
    metadata = deepcopy(_METADATA)
    declared = {key: source.meta[key] for key in DECLARED if key in source.meta}
    if declared:
        metadata["autograder"] = declared
    return new_notebook(cells=cells, metadata=metadata)


def handout(source: Source) -> NotebookNode:
    """The handout as students open it, made by nbgrader's own preprocessors.

    Raises SourceError if nbgrader refuses the notebook (`autograder.lint` says why more clearly).
    """
    notebook, resources = instructor_notebook(source), {}
    try:
        for step in _HANDOUT_STEPS:
            notebook, resources = step().preprocess(notebook, resources)
    except Exception as error:
        raise SourceError(f"{source.path}: nbgrader refuses the notebook: {error}") from error
    notebook.metadata.pop("autograder", None)  # limits are between the instructor and the grader
    return notebook


def notebook_text(notebook: NotebookNode) -> str:
    """A notebook as the bytes that are kept in git: JSON with indent 1, sorted keys, newline at the end."""
    nbformat.validate(notebook)
    content = json.loads(nbformat.writes(notebook, version=4))  # splits multi-line text into lists of lines
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
