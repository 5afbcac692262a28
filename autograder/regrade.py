"""Grade again what has been graded, and show what would change before anything is written.

`regrade` runs submissions anew and keeps the runs in the spool; with `write` it records them, those of an earlier call
first, without running them again as long as nothing has changed in between. Marks that a person gave stay as they are.
"""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from nbgrader.utils import determine_grade, is_grade

from autograder import sandbox, spool
from autograder.facts import limits as limits_of
from autograder.facts import packages
from autograder.grade import check_assignment, enter, finish_recordings, fits
from autograder.journal import latest_gradings
from autograder.klass import ClassError, Klass, locked
from autograder.marks import Mark, all_marks, auto_points
from autograder.record import settled
from autograder.results import task_of
from autograder.run import Run, Submission, new_number, read_submission, run_all

# What a difference can come from, by its name in a journal entry.
CAUSES = {
    "submission": "submission",
    "assignment_version": "tests",
    "grader": "grader",
    "limits": "limits",
    "sandbox": "sandbox",
}


@dataclass
class Regraded:
    """One submission, graded again.

    `old` and `new` are the tests' points per task (None: waits for a mark by hand), `by_hand` the marks of a person,
    which stay; `why` says what has changed since the last grading, by its kind ("tests", "grader", "packages",
    "submission", "limits", "sandbox", "gradebook"). `failed` says why the tests did not run; with `retry` the fault was
    the grader's, and the old points stay. `kept` is whether the run is an earlier call's, `written` whether the new
    points are recorded.
    """

    student: str
    assignment: str
    old: dict[str, float | None] = field(default_factory=dict)
    new: dict[str, float | None] = field(default_factory=dict)
    by_hand: dict[str, float] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    failed: str = ""
    retry: bool = False
    kept: bool = False
    written: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.student, self.assignment

    @property
    def differences(self) -> list[tuple[str, float | None, float | None]]:
        """(task, old points, new points) where they differ."""
        if self.retry:
            return []
        return [(t, self.old.get(t), new) for t, new in self.new.items() if not _same(self.old.get(t), new)]


def regrade(
    klass: Klass,
    assignment: str | None = None,
    *,
    student: str | None = None,
    write: bool = False,
    fresh: bool = False,
    jobs: int = 1,
    cell_timeout_s: float | None = None,
    total_timeout_s: float | None = None,
    sandboxed: bool = True,
    progress: Callable[[str, Any], None] | None = None,
) -> list[Regraded]:
    """Run graded submissions again, all or those chosen, and compare; by student and assignment.

    Without `write` nothing but the spool is written. With it, the new points are recorded wherever something has
    changed, each with a journal entry "regrade" that holds both; a regrading that was killed while it wrote goes on
    with the rest when it is called again. `fresh` runs again what an earlier call has run. `progress` hears ("found",
    n), ("started", "student, assignment"), ("regraded", Regraded) and ("written", Regraded). Raises `ClassError` for
    an unknown assignment or student, and where another grader holds the class or an interrupted grading has to be
    ended first.
    """
    tell = progress or (lambda event, value: None)
    check_assignment(klass, assignment)
    if sandboxed:
        sandbox.require()
    with locked(klass):
        spool.clear_half_written(klass)
        if write:
            finish_recordings(klass)
        elif spool.waiting(klass):
            raise ClassError(
                "a grading of this class was interrupted while it recorded results. End it first: "
                f"autograder grade {klass.root}"
            )
        latest = latest_gradings(klass)
        chosen = _chosen(klass, latest, assignment, student)
        tell("found", len(chosen))
        marks = all_marks(klass, assignment, student)
        names = {submission.assignment for submission in chosen}
        declared = {name: limits_of(klass, name, cell_timeout_s, total_timeout_s) for name in names}
        found: dict[tuple[str, str], Regraded] = {}

        def compare(run: Run, *, kept: bool) -> None:
            found[run.key] = _compared(run, latest[run.key], marks.get(run.key, []), kept=kept)
            tell("regraded", found[run.key])

        todo = []
        for submission in chosen:
            run = None if fresh else spool.take(klass, "regrade", *submission.key)
            if run and _still_fits(klass, run, declared[run.assignment], sandboxed=sandboxed):
                compare(run, kept=True)
            else:
                todo.append(submission)
        runs = run_all(
            klass,
            todo,
            jobs=jobs,
            cell_timeout_s=cell_timeout_s,
            total_timeout_s=total_timeout_s,
            sandboxed=sandboxed,
            started=lambda name: tell("started", name),
        )
        with closing(runs):
            for run in runs:
                spool.put(klass, "regrade", run)
                compare(run, kept=False)
        if write:
            for submission in chosen:
                if _write(klass, found[submission.key], latest[submission.key]):
                    tell("written", found[submission.key])
            # Only now: were it killed before, the same call finds all runs here, and those written without difference.
            for submission in chosen:
                spool.drop(klass, "regrade", *submission.key)
        return [found[key] for key in sorted(found)]


# --- comparing ---


def _chosen(
    klass: Klass, latest: dict[tuple[str, str], dict[str, Any]], assignment: str | None, student: str | None
) -> list[Submission]:
    """Submissions that have been graded and still lie in submitted/."""
    if student is not None and not any(who == student for who, _ in latest):
        raise ClassError(f"no submission of {student!r} has been graded in this class. Look at the name in submitted/.")
    return [
        read_submission(klass, who, name)[0]
        for who, name in sorted(latest)
        if assignment in (None, name) and student in (None, who)
        if klass.notebook("release", name).is_file() and klass.notebook("submitted", name, who).parent.is_dir()
    ]


def _still_fits(klass: Klass, run: Run, limits: dict[str, float], *, sandboxed: bool) -> bool:
    """Whether a run of an earlier call is what a new one would be."""
    facts = run.facts
    same = facts["packages"] == packages() and facts["limits"] == limits and sandboxed == (facts["sandbox"] != "none")
    return same and run.executed is not None and fits(klass, run)


def _compared(run: Run, entry: dict[str, Any], marks: list[Mark], *, kept: bool) -> Regraded:
    old = auto_points(marks)
    item = Regraded(*run.key, old, failed=run.failed, retry=run.retry, kept=kept, why=_why(run, entry, old))
    for mark in marks:
        if mark.by_hand is not None:
            task = task_of(mark.cell)
            item.by_hand[task] = item.by_hand.get(task, 0.0) + mark.by_hand
    if not run.failed:
        item.new = points_of(run)
    elif not run.retry:
        item.new = dict.fromkeys(old, 0.0)
    return item


def points_of(run: Run) -> dict[str, float | None]:
    """task -> the points that nbgrader will read from an executed run; the run stays as it is."""
    executed = dataclasses.replace(run.executed, notebook=copy.deepcopy(run.executed.notebook))
    notebook, _ = settled(executed, run.mended)
    cells = [cell for cell in notebook.cells if is_grade(cell)]
    log = logging.getLogger("autograder.nbgrader")
    return auto_points(
        [Mark(cell.metadata.nbgrader.grade_id, determine_grade(cell, log)[0], None, None, False) for cell in cells]
    )


def _why(run: Run, entry: dict[str, Any], old: dict[str, float | None]) -> dict[str, str]:
    """What is other than at the last grading, whose journal entry is `entry`."""
    found = {}
    for name, kind in CAUSES.items():
        if name in entry and entry[name] != run.facts[name]:
            found[kind] = _change(entry[name], run.facts[name])
    if entry.get("packages", run.facts["packages"]) != run.facts["packages"]:
        found["packages"] = _change(entry["packages"], run.facts["packages"])
    then = {**entry["points"], **entry.get("auto", {})}
    if "hash" in entry and any(not _same(then[task], old[task]) for task in then if task in old):
        found["gradebook"] = "its points are not those of the journal; autograder verify says more"
    return found


def _change(old: Any, new: Any) -> str:
    """Two values of a fact in few words; of packages and limits, those that differ."""
    if isinstance(old, dict):
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        return ", ".join(f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}" for name in names)
    return " -> ".join(str(value)[:24] or "no file" for value in (old, new))


def _same(one: float | None, other: float | None) -> bool:
    return one is other or (one is not None and other is not None and abs(one - other) < 1e-9)


# --- writing ---


def _write(klass: Klass, item: Regraded, entry: dict[str, Any]) -> bool:
    """Record one run, if anything is other than at the last grading; whether it was recorded."""
    run = spool.take(klass, "regrade", *item.key)
    if run is None or item.retry or not (item.differences or item.why):
        return False
    before = {name: entry[name] for name in ("time", *CAUSES, "packages") if name in entry} | {"points": item.old}
    run.event = "regrade"
    run.facts |= {"run": new_number(), "before": before, "why": item.why}
    result = enter(klass, run, entry)
    item.written = bool(run.failed) or result.status != "failed"
    return item.written
