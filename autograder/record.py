"""Stage 3 of grading: from executed test cells to marks, the gradebook and the journal.

Only the grader's main process comes here. Marks fail closed: only what the examiner recorded of a test cell
counts, and a test cell without a number within 0 and its points gives 0 and is flagged for a person. nbgrader's
own rule would give full marks in most of these cases, so the outputs of each test cell are written such that it
reads them the same way.
"""

from __future__ import annotations

import shutil
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    LimitOutput,
    NbGraderPreprocessor,
    SaveAutoGrades,
)
from nbgrader.utils import compute_checksum, is_grade, is_solution

from autograder.disarm import disarmed
from autograder.execute import Executed
from autograder.journal import write_journal
from autograder.klass import Klass, open_gradebook, run_preprocessors, write_notebook
from autograder.marks import all_marks, auto_points
from autograder.results import Result, result_of, task_of
from autograder.yardsticks import scores_of, write_scores

# --- marks ---


def settle(cell: NotebookNode, run: dict[str, Any]) -> str:
    """Give a test cell the outputs from which nbgrader reads the points that the examiner's record holds.

    Returns why a person should look at it, or "" where all is well. A cell without a record, or with a record
    that is no number within 0 and the cell's points, gives 0.
    """
    most = float(cell.metadata.nbgrader.points)
    record = run.get("record") or {"points": None, "flag": "did not run"}
    points, flag = record["points"], record["flag"]
    if points is not None and not (type(points) in (int, float) and 0 <= points <= most):
        points, flag = None, f"gave {points!r:.40}, which is not within 0 and {most:g}"
    errors = [o for o in cell.outputs if o.output_type == "error"]
    shown = [o for o in cell.outputs if o.output_type == "stream"]
    if points is None:
        flag = flag or "gave no points"
        why = f"the test cell {flag}"
        errors = errors or [new_output("error", ename="NoPoints", evalue=why, traceback=[f"NoPoints: {why}"])]
        # nbgrader stops at the first output that decides: an error is 0 points.
        cell.outputs = [*shown, *errors[-1:]]
    else:
        value = new_output("execute_result", data={"text/plain": repr(float(points))}, execution_count=None)
        cell.outputs = [*shown, value]
    return flag


# --- writing ---


class SaveFlags(NbGraderPreprocessor):
    """Ask for a person, in the gradebook, at each cell that resources["autograder"]["flags"] names, and for none at
    those in "looked_at" whose points from the tests are what they were.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        from nbgrader.api import Gradebook

        names, facts = resources["nbgrader"], resources["autograder"]
        with Gradebook(names["db_url"]) as book:
            for name in {*facts["flags"], *facts["looked_at"]}:
                grade = book.find_grade(name, names["notebook"], names["assignment"], names["student"])
                grade.needs_manual_grade = name in facts["flags"] or grade.auto_score != facts["looked_at"][name]
            book.db.commit()
        return nb, resources


def settled(executed: Executed, mended: list[dict[str, str]]) -> tuple[NotebookNode, dict[str, str]]:
    """The executed notebook, changed in place so that nbgrader reads the right points from it, and flags: grade id ->
    why a person should look.
    """
    notebook = executed.notebook
    flags = {}
    untouched = _untouched(notebook)
    for cell, run in zip(notebook.cells, executed.runs, strict=True):
        if is_grade(cell) and not is_solution(cell) and cell.cell_type == "code":
            flag = settle(cell, run)
            # Tests fail on a task that nobody began: that is 0 points and needs no second look.
            if flag and not (run["status"] == "error" and task_of(cell.metadata.nbgrader.grade_id) in untouched):
                flags[cell.metadata.nbgrader.grade_id] = f"test cell {flag}"
    return notebook, flags | _flags_of_mended(notebook, mended, flags)


def record(
    klass: Klass,
    student: str,
    assignment: str,
    executed: Executed,
    mended: list[dict[str, str]],
    /,
    *,
    looked_at: dict[str, float | None] | None = None,
    event: str = "grade",
    **facts: Any,
) -> Result:
    """Settle the marks of an executed notebook, write the gradebook, autograded/ and, last, the journal.

    `looked_at` maps cells whose mark by hand was given for this very file to the tests' points at that time; `facts`
    (hashes, versions, limits) go into the journal entry, under `event`. A recording that was interrupted can be made
    again from the beginning, with the same end: each step sets, none adds.
    """
    notebook, flags = settled(executed, mended)
    _, timestamp = _submission(klass, student, assignment)
    steps = [LimitOutput, SaveAutoGrades, AssignLatePenalties, SaveFlags, CheckCellMetadata]
    with open_gradebook(klass) as book:
        book.update_or_create_student(student)
        book.update_or_create_submission(assignment, student, **({"timestamp": timestamp} if timestamp else {}))
        cells = {g.name for g in book.find_submission_notebook(assignment, assignment, student).grades}
    looked_at = {name: points for name, points in (looked_at or {}).items() if name in cells}
    notebook, _ = run_preprocessors(
        klass, steps, notebook, assignment=assignment, student=student, flags=flags, looked_at=looked_at
    )
    path = klass.notebook("autograded", assignment, student)
    scores = scores_of(notebook, executed)
    write_notebook(disarmed(notebook), path, mode=0o444)
    stamp = klass.notebook("submitted", assignment, student).with_name("timestamp.txt")
    if stamp.is_file() and not stamp.is_symlink():
        shutil.copyfile(stamp, path.with_name("timestamp.txt"))
    write_scores(klass, student, assignment, scores)
    return _journal(
        klass,
        student,
        assignment,
        event,
        seconds=executed.seconds,
        flags=flags,
        mended=mended,
        ended=executed.ended,
        scores=[
            {"task": task, **{name: value for name, value in score.items() if name != "roc"}}
            for task, found in scores.items()
            for score in found
        ],
        **facts,
    )


def record_failure(
    klass: Klass,
    student: str,
    assignment: str,
    why: str,
    /,
    *,
    retry: bool = False,
    seconds: float = 0.0,
    event: str = "grade",
    **facts: Any,
) -> Result:
    """Record a submission that could not be graded: 0 points, a person is asked, older marks do not stand.

    With `retry` the fault was the grader's, and the next `grade` tries again.
    """
    with open_gradebook(klass) as book:
        book.update_or_create_student(student)
        book.update_or_create_submission(assignment, student)
        for grade in book.find_submission_notebook(assignment, assignment, student).grades:
            grade.auto_score, grade.needs_manual_grade = 0.0, True
        book.db.commit()
    shutil.rmtree(klass.notebook("autograded", assignment, student).parent, ignore_errors=True)
    write_scores(klass, student, assignment, {})
    return _journal(klass, student, assignment, event, seconds=seconds, failed=why, retry=retry, **facts)


def _journal(klass: Klass, student: str, assignment: str, event: str, /, *, seconds: float, **facts: Any) -> Result:
    entry = {"student": student, "assignment": assignment, "seconds": round(seconds, 2), **facts}
    result = result_of(klass, entry)
    entry |= {
        "status": result.status,
        "reasons": result.reasons,
        "points": result.points,
        "possible": result.possible,
    }
    # Where a person's mark stands before the tests', those of the tests too: they are what can be checked later.
    auto = auto_points(all_marks(klass, assignment, student).get((student, assignment), []))
    by_hand = {task: points for task, points in auto.items() if points != result.points.get(task)}
    entry = write_journal(klass, event, **entry, **({"auto": by_hand} if by_hand else {}))
    result.graded_at = entry["time"]
    return result


def _flags_of_mended(notebook: NotebookNode, mended: list[dict[str, str]], flags: dict[str, str]) -> dict[str, str]:
    """Where a person should look because of mended cells.

    At the test cells of a task whose own cells were mended; and, where a shared locked cell was (an import
    that was edited), at the test cells that then gave nothing.
    """
    found = {}
    tests = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if is_grade(c)}
    for item in mended:
        if item["kind"] == "locked":
            where = [name for name, cell in tests.items() if name in flags or _lost_all(cell)]
        else:
            where = [name for name in tests if task_of(name) == task_of(item["cell"])]
        for name in where:
            if name not in flags:
                found.setdefault(name, f"mended: {item['cell']} {item['what']}")
    return found


def _untouched(notebook: NotebookNode) -> set[str]:
    """Tasks whose answer cell is empty or as it was handed out."""
    return {
        cell.metadata.nbgrader.grade_id
        for cell in notebook.cells
        if is_solution(cell)
        and (not cell.source.strip() or cell.metadata.nbgrader.get("checksum") == compute_checksum(cell))
    }


def _lost_all(cell: NotebookNode) -> bool:
    return any(o.output_type == "execute_result" and o.data.get("text/plain") == "0.0" for o in cell.get("outputs", []))


def _submission(klass: Klass, student: str, assignment: str) -> tuple[bool, Any]:
    """Whether a time of submission lies beside the notebook (timestamp.txt, as nbgrader writes it), and that
    time.
    """
    from nbgrader.utils import parse_utc

    stamp = klass.notebook("submitted", assignment, student).with_name("timestamp.txt")
    if stamp.is_symlink() or not stamp.is_file():
        return False, None
    try:
        return True, parse_utc(stamp.read_text(encoding="utf-8", errors="replace").strip())
    except (OSError, ValueError, OverflowError):
        return False, None
