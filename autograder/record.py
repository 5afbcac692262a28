"""Stage 3 of grading: from executed test cells to marks, the gradebook and the journal.

Only the grader's main process comes here. Marks fail closed: a test cell that did not run to its end, or
whose last value is not a finite number within 0 and its maximum, gives 0 and is flagged for a person.
nbgrader's own rule would give full marks in most of these cases, so the outputs of each test cell are
rewritten until it reads them as we do.
"""

from __future__ import annotations

import math
import re
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

from autograder.execute import Executed
from autograder.klass import Klass, open_gradebook, run_preprocessors, write_journal, write_notebook
from autograder.results import Result, result_of, task_of

NUMPY_NUMBER = re.compile(r"(?:np|numpy)\.(?:float|int|uint)\d*\((.*)\)")


# --- marks ---


def settle(cell: NotebookNode, run: dict[str, Any]) -> str:
    """Rewrite the outputs of an executed test cell so that nbgrader gives the right points.

    Returns why a person should look at it, or "" where all is well. What the cell printed stays, standard
    error as standard output: a warning costs nothing.
    """
    most = float(cell.metadata.nbgrader.points)
    shown, results, errors = [], [], []
    for output in cell.outputs:
        if output.output_type == "stream":
            output.name = "stdout"
            shown.append(output)
        elif output.output_type == "execute_result":
            results.append(output)
        elif output.output_type == "error":
            errors.append(output)
        else:
            shown.append(output)
    flag = ""
    if run["status"] != "ok" or errors:
        flag = {"timeout": "ran too long", "died": "ended the kernel", "not run": "did not run"}.get(
            run["status"], "stopped with an error"
        )
        if errors and run["status"] not in ("timeout", "died"):
            flag += f" ({errors[-1].ename})"
    elif len(results) != 1:
        flag = "gave no points" if not results else "showed more than one result"
    else:
        points, flag = _points(results[0].get("data", {}).get("text/plain"), most)
    if flag:
        if not errors:
            errors = [
                new_output(
                    "error",
                    ename="NoPoints",
                    evalue=f"the test cell {flag}",
                    traceback=[f"NoPoints: the test cell {flag}"],
                )
            ]
        # nbgrader stops at the first output that decides: no result may come before the error.
        cell.outputs = [*shown, *errors]
    else:
        value = new_output(
            "execute_result", data={"text/plain": repr(points)}, execution_count=cell.execution_count
        )
        cell.outputs = [*shown, value]
    return flag


def _points(text: Any, most: float) -> tuple[float, str]:
    """The points that a test cell's shown value stands for, and what is wrong with it ("" if nothing)."""
    text = str(text if isinstance(text, str) else "").strip()
    numpy_number = NUMPY_NUMBER.fullmatch(text)
    try:
        value = float(numpy_number.group(1) if numpy_number else text)
    except ValueError:
        return 0.0, f"gave {text[:40] or 'nothing'!r}, which is no number"
    if not math.isfinite(value) or not -1e-9 <= value <= most + 1e-9:
        return 0.0, f"gave {text[:40]}, which is not within 0 and {most:g}"
    return min(max(value, 0.0), most), ""


# --- writing ---


class SaveFlags(NbGraderPreprocessor):
    """Ask for a person, in the gradebook, at each cell that resources["autograder"]["flags"] names."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        from nbgrader.api import Gradebook

        names, flags = resources["nbgrader"], resources["autograder"]["flags"]
        with Gradebook(names["db_url"]) as book:
            for name in flags:
                grade = book.find_grade(name, names["notebook"], names["assignment"], names["student"])
                grade.needs_manual_grade = True
            book.db.commit()
        return nb, resources


def record(
    klass: Klass,
    student: str,
    assignment: str,
    executed: Executed,
    mended: list[dict[str, str]],
    **facts: Any,
) -> Result:
    """Settle the marks of an executed notebook, write autograded/, the gradebook and, last, the journal.

    `facts` (hashes, versions, limits) go into the journal entry.
    """
    notebook = executed.notebook
    flags = {}
    untouched = _untouched(notebook)
    for cell, run in zip(notebook.cells, executed.runs, strict=True):
        if is_grade(cell) and not is_solution(cell) and cell.cell_type == "code":
            flag = settle(cell, run)
            # Tests fail on a task that nobody began: that is 0 points and needs no second look.
            if flag and not (
                run["status"] == "error" and task_of(cell.metadata.nbgrader.grade_id) in untouched
            ):
                flags[cell.metadata.nbgrader.grade_id] = f"test cell {flag}"
    flags |= _flags_of_mended(notebook, mended, flags)
    _, timestamp = _submission(klass, student, assignment)
    steps = [LimitOutput, SaveAutoGrades, AssignLatePenalties, SaveFlags, CheckCellMetadata]
    with open_gradebook(klass) as book:
        book.update_or_create_student(student)
        book.update_or_create_submission(
            assignment, student, **({"timestamp": timestamp} if timestamp else {})
        )
    notebook, _ = run_preprocessors(
        klass, steps, notebook, assignment=assignment, student=student, flags=flags
    )
    path = klass.notebook("autograded", assignment, student)
    write_notebook(notebook, path, mode=0o444)
    stamp = klass.notebook("submitted", assignment, student).with_name("timestamp.txt")
    if stamp.is_file():
        shutil.copyfile(stamp, path.with_name("timestamp.txt"))
    return _journal(
        klass,
        student,
        assignment,
        seconds=executed.seconds,
        flags=flags,
        mended=mended,
        ended=executed.ended,
        **facts,
    )


def record_failure(
    klass: Klass,
    student: str,
    assignment: str,
    why: str,
    *,
    retry: bool = False,
    seconds: float = 0.0,
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
    return _journal(klass, student, assignment, seconds=seconds, failed=why, retry=retry, **facts)


def _journal(klass: Klass, student: str, assignment: str, *, seconds: float, **facts: Any) -> Result:
    entry = {"student": student, "assignment": assignment, "seconds": round(seconds, 2), **facts}
    result = result_of(klass, entry)
    entry |= {
        "status": result.status,
        "reasons": result.reasons,
        "points": result.points,
        "possible": result.possible,
    }
    entry = write_journal(klass, "grade", **entry)
    result.graded_at = entry["time"]
    return result


def _flags_of_mended(
    notebook: NotebookNode, mended: list[dict[str, str]], flags: dict[str, str]
) -> dict[str, str]:
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
    return any(
        o.output_type == "execute_result" and o.data.get("text/plain") == "0.0"
        for o in cell.get("outputs", [])
    )


def _submission(klass: Klass, student: str, assignment: str) -> tuple[bool, Any]:
    """Whether a time of submission lies beside the notebook (timestamp.txt, as nbgrader writes it), and that
    time.
    """
    from nbgrader.utils import parse_utc

    stamp = klass.notebook("submitted", assignment, student).with_name("timestamp.txt")
    try:
        return True, parse_utc(stamp.read_text(encoding="utf-8", errors="replace").strip())
    except (OSError, ValueError, OverflowError):
        return False, None
