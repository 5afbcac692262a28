"""What a class's scores are compared with: the course's own reference, and a baseline without any network.

Both are examined on the class's hidden recordings, once for each version of an assignment; their scores lie beside the
students', under the names `.reference` and `.baseline`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.bank import Case, make_submission
from autograder.examination import is_test
from autograder.execute import Executed, execute_all
from autograder.facts import limits
from autograder.klass import ClassError, Klass, assignment_version, write_text
from autograder.mend import sanitise
from autograder.prepare import prepare
from autograder.results import task_of
from autograder.run import job_of

REFERENCE, BASELINE = ".reference", ".baseline"


def scores_path(klass: Klass, student: str, assignment: str) -> Path:
    return klass.root / "scores" / student / f"{assignment}.json"


def scores_of(notebook: NotebookNode, executed: Executed) -> dict[str, list[dict[str, Any]]]:
    """Task -> the scores that the examiner recorded in its test cell, ROC curves included."""
    found: dict[str, list[dict[str, Any]]] = {}
    for cell, run in zip(notebook.cells, executed.runs, strict=True):
        scores = (run.get("record") or {}).get("scores")
        if scores and is_test(cell):
            found.setdefault(task_of(cell.metadata.nbgrader.grade_id), []).extend(scores)
    return found


def write_scores(klass: Klass, student: str, assignment: str, scores: dict[str, list[dict[str, Any]]]) -> None:
    """Keep the scores of a submission for the class report; those of an earlier one go."""
    path = scores_path(klass, student, assignment)
    if scores:
        write_text(json.dumps(scores), path, mode=0o600)
    else:
        path.unlink(missing_ok=True)


def measure(klass: Klass, assignment: str, *, sandboxed: bool = True, again: bool = False) -> dict[str, str]:
    """Examine reference and baseline where that has not been done for this version; returns who -> what came out."""
    version = assignment_version(klass, assignment)
    mark = klass.root / "scores" / f"{assignment}.version"
    if not again and mark.exists() and mark.read_text() == version:
        return {}
    prepare(klass, assignment)
    instructor, handout = (
        nbformat.read(klass.notebook(step, assignment), as_version=4) for step in ("source", "release")
    )
    told = {"reference": _reference(klass, assignment, instructor, handout, sandboxed=sandboxed)}
    declared = instructor.metadata.get("autograder", {}).get("baseline")
    if declared:
        told["baseline"] = _baseline(klass, assignment, declared)
    if scores_path(klass, REFERENCE, assignment).exists():
        write_text(version, mark)
    return told


def _reference(
    klass: Klass, assignment: str, instructor: NotebookNode, handout: NotebookNode, *, sandboxed: bool
) -> str:
    case = Case("reference", assignment, "reference", "the course's own answers")
    notebook, _ = sanitise(klass, assignment, make_submission(case, handout, instructor).encode())
    job = job_of(klass, REFERENCE, notebook, limits(klass, assignment), seed=0, sandboxed=sandboxed)
    ((_, executed),) = execute_all([job])
    if executed.broken:
        raise ClassError(f"{assignment}: the reference could not be run: {executed.broken}")
    scores = scores_of(executed.notebook, executed)
    write_scores(klass, REFERENCE, assignment, scores)
    points = [run["record"]["points"] or 0.0 for run in executed.runs if run.get("record")]
    return f"{sum(points):g} points; {_in_words(scores)}"


def _baseline(klass: Klass, assignment: str, declared: dict[str, str]) -> str:
    """`declared` names the task, the cohort and the method (`physiodl.exam.baselines`)."""
    from physiodl import data, exam
    from physiodl.exam.baselines import BASELINES
    from physiodl.exam.cohorts import begin_cell, scores_of_cell

    before = os.environ.get("PHYSIODL_EXAM")
    os.environ["PHYSIODL_EXAM"] = str(klass.hidden)
    try:
        begin_cell()
        train = data.load(declared["cohort"], root=klass.data)
        unseen = exam.cohort(declared["cohort"])
        probability = BASELINES[declared["method"]](train, unseen.signals, unseen.fs)
        exam.score("roc_auc", unseen, probability)
        exam.score("accuracy", unseen, (probability >= 0.5).astype(int))
        scores = {declared["task"]: scores_of_cell()}
    finally:
        if before is None:
            del os.environ["PHYSIODL_EXAM"]
        else:
            os.environ["PHYSIODL_EXAM"] = before
    write_scores(klass, BASELINE, assignment, scores)
    return _in_words(scores)


def _in_words(scores: dict[str, list[dict[str, Any]]]) -> str:
    parts = [f"{s['metric']} {s['value']:.3f}" for found in scores.values() for s in found]
    return ", ".join(parts) or "no scores"
