"""How submissions came out: read from the journal, the gradebook and the notebooks as they were graded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import is_grade

from autograder.journal import latest_gradings
from autograder.klass import Klass, open_gradebook
from autograder.safe import plain

MAX_MESSAGE = 6_000  # characters of one task's messages that are shown


@dataclass
class Result:
    """How one submission was graded. `points` holds None where a written answer waits for its mark; `late` are points
    taken off for handing in late, as the class's nbgrader_config.py says.
    """

    student: str
    assignment: str
    status: str  # "graded", "needs a person" or "failed"
    reasons: list[str] = field(default_factory=list)
    points: dict[str, float | None] = field(default_factory=dict)
    possible: dict[str, float] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    mended: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    graded_at: str = ""
    sandbox: str = ""
    scores: list[dict[str, Any]] = field(default_factory=list)
    late: float = 0.0

    @property
    def total(self) -> float:
        return max(0.0, sum(value or 0.0 for value in self.points.values()) - self.late)


def results(klass: Klass, assignment: str | None = None) -> list[Result]:
    """All graded submissions, as the gradebook stands now (so with the marks a person has given since), by
    student.
    """
    entries = [e for (_, name), e in sorted(latest_gradings(klass).items()) if assignment in (None, name)]
    with open_gradebook(klass) as book:
        return [result_of(klass, entry, book) for entry in entries]


def result_of(klass: Klass, entry: dict[str, Any], book: Any = None) -> Result:
    if book is None:
        with open_gradebook(klass) as book:
            return result_of(klass, entry, book)
    student, assignment = entry["student"], entry["assignment"]
    submitted = book.find_submission_notebook(assignment, assignment, student)
    grades = submitted.grades
    rows = [
        (
            g.name,
            g.score if g.auto_score is not None or g.manual_score is not None else None,
            g.max_score,
            g.needs_manual_grade,
            g.manual_score is not None,
        )
        for g in grades
    ]
    order = {name: k for k, name in enumerate(_cells_in_order(klass, assignment))}
    result = Result(
        student,
        assignment,
        "graded",
        seconds=entry["seconds"],
        mended=entry.get("mended", []),
        graded_at=entry.get("time", ""),
        sandbox=str(entry.get("sandbox", "")),
        scores=entry.get("scores", []),
        late=float(submitted.late_submission_penalty or 0.0),
    )
    for name, points, most, waits, by_hand in sorted(rows, key=lambda row: order.get(row[0], len(order))):
        task = task_of(name)
        result.possible[task] = result.possible.get(task, 0.0) + most
        before = result.points.get(task, 0.0)
        result.points[task] = None if points is None or before is None else before + points
        flag = entry.get("flags", {}).get(name)
        if waits and not entry.get("failed"):
            if points is None:
                result.reasons.append(f"{task}: written answer waits for its mark")
            elif flag:
                result.reasons.append(f"{task}: {flag}")
            elif by_hand:
                result.reasons.append(f"{task}: graded again after a mark by hand; look whether that mark still holds")
            else:
                result.reasons.append(f"{task}: somebody asked for a second look")
    if entry.get("failed"):
        result.status, result.reasons = "failed", [entry["failed"]]
        return result
    result.status = "needs a person" if result.reasons else "graded"
    result.messages = messages(klass, student, assignment)
    return result


def messages(klass: Klass, student: str, assignment: str) -> dict[str, str]:
    """task -> what its test cells printed, and their error if they ended in one; clean text, long text
    cut.
    """
    path = klass.notebook("autograded", assignment, student)
    if not path.exists():
        return {}
    found: dict[str, list[str]] = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and is_grade(cell):
            found.setdefault(task_of(cell.metadata.nbgrader.grade_id), []).append(text_of(cell))
    return {task: clean("\n".join(filter(None, texts))) for task, texts in found.items()}


def text_of(cell: NotebookNode) -> str:
    """What a cell printed and its error in one line, without its last value."""
    parts = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            parts.append(output.text)
        elif output.output_type == "error":
            parts.append(f"{output.ename}: {output.evalue}\n")
        elif output.output_type == "display_data":
            parts.append(str(output.data.get("text/plain", "")) + "\n")
    return "".join(parts)


def clean(text: str, *, most: int = MAX_MESSAGE) -> str:
    """Text without control characters and terminal colours, cut in the middle where it is longer than `most`."""
    return plain(text, most=most)


def task_of(grade_id: str) -> str:
    """The task that a graded cell belongs to: "split-test" is the test of "split"."""
    return grade_id.removesuffix("-test")


def _cells_in_order(klass: Klass, assignment: str) -> list[str]:
    release = nbformat.read(klass.notebook("release", assignment), as_version=4)
    return [c.metadata.nbgrader.grade_id for c in release.cells if c.metadata.get("nbgrader", {}).get("grade_id")]
