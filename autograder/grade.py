"""Grade what is new in a class: run it (`run`), put the run in the spool (`spool`), record it (`record`).

A submission that cannot be graded is recorded as such and never stops another. However the grader ends, what it had
finished stays finished: a run that lies in the spool is recorded by the next grading, not made again, and the journal
entry comes last, with the number of the run, so that none is recorded twice.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from contextlib import closing
from typing import Any

from autograder import sandbox, spool
from autograder.facts import grader_version
from autograder.journal import latest_gradings, read_journal
from autograder.klass import ClassError, Klass, assignment_version, locked, registered
from autograder.marks import all_marks
from autograder.record import record, record_failure
from autograder.results import Result
from autograder.run import Run, Submission, fault_of_grader, new_number, read_submission, run_all

REGRADE_FACTS = ("before", "why", "reused")  # what a journal entry says of its occasion, not of its run


def grade_class(
    klass: Klass,
    assignment: str | None = None,
    *,
    jobs: int = 1,
    force: bool = False,
    cell_timeout_s: float | None = None,
    total_timeout_s: float | None = None,
    sandboxed: bool = True,
    progress: Callable[[str, Any], None] | None = None,
) -> list[Result]:
    """Grade the new submissions of one assignment or all; returns their results in the order they were finished.

    New is a submission whose file, assignment or grader has changed since it was last graded, or all with `force`.
    What an interrupted grading left in the spool is recorded first, whatever its assignment. A file that the same
    student handed in before gets its result of then without a run, unless tests or grader have changed, or with
    `force`. `jobs` notebooks run at a time. `progress(event, value)` hears ("misnamed", folder) of what `misnamed`
    finds, ("found", n), ("started", "student, assignment") and ("graded", Result). Without the sandbox
    (`sandboxed=False`) every grade is marked. Raises
    `sandbox.NoSandbox` where this machine gives none, and `ClassError` for an unknown assignment or where another
    grader holds the class.
    """
    tell = progress or (lambda event, value: None)
    check_assignment(klass, assignment)
    if sandboxed:
        sandbox.require()
    done: list[Result] = []

    def finish(result: Result) -> None:
        done.append(result)
        tell("graded", result)

    with locked(klass):
        spool.clear_half_written(klass)
        finished = finish_recordings(klass)
        before = latest_gradings(klass)
        todo = pending(klass, assignment, force=force, before=before)
        for folder in misnamed(klass):
            tell("misnamed", folder)
        tell("found", len(finished) + len(todo))
        for result in finished:
            finish(result)
        fresh = []
        for submission in todo:
            run = None if force else _earlier(klass, submission)
            if run is None:
                fresh.append(submission)
            else:
                finish(enter(klass, run, before.get(run.key)))
        runs = run_all(
            klass,
            fresh,
            jobs=jobs,
            cell_timeout_s=cell_timeout_s,
            total_timeout_s=total_timeout_s,
            sandboxed=sandboxed,
            started=lambda name: tell("started", name),
        )
        with closing(runs):
            for run in runs:
                finish(enter(klass, run, before.get(run.key)))
    return done


def pending(
    klass: Klass,
    assignment: str | None = None,
    *,
    force: bool = False,
    before: dict[tuple[str, str], dict[str, Any]] | None = None,
) -> list[Submission]:
    """Submissions that have not been graded as they stand now, by student and assignment; all with `force`. `before`
    is what `latest_gradings` gives, where it is at hand: a long journal takes seconds to read.
    """
    versions = {n: assignment_version(klass, n) for n in registered(klass) if assignment in (None, n)}
    before = latest_gradings(klass) if before is None else before
    unfinished = set(spool.waiting(klass))
    found = []
    for folder in sorted(p for p in (klass.root / "submitted").glob("*/*") if p.is_dir() or p.is_symlink()):
        student, name = folder.parent.name, folder.name
        if name not in versions or student.startswith(".") or not _writable(student):
            continue
        submission, _ = read_submission(klass, student, name)
        entry = before.get(submission.key, {})
        same = (
            entry.get("submission") == submission.sha256
            and entry.get("assignment_version") == versions[name]
            and entry.get("grader") == grader_version()
            and not entry.get("retry")
            and submission.key not in unfinished
        )
        if force or not same:
            found.append(submission)
    return found


def misnamed(klass: Klass) -> list[str]:
    """Folders in submitted/ that are not graded, as text that can be shown: their names cannot be written in a
    gradebook. Archives of old systems, unpacked by hand, have such names.
    """
    folders = (klass.root / "submitted").iterdir()
    return sorted(ascii(p.name) for p in folders if not p.name.startswith(".") and not _writable(p.name))


def _writable(name: str) -> bool:
    return not {unicodedata.category(sign) for sign in name} & {"Cs", "Cc", "Zl", "Zp"}


def check_assignment(klass: Klass, assignment: str | None) -> None:
    """Raise `ClassError` where the class has no such assignment (None stands for all)."""
    if assignment is not None and assignment not in registered(klass):
        raise ClassError(
            f"this class has no assignment {assignment!r}; it has {', '.join(registered(klass)) or 'none'}."
        )


# --- from a run to its marks ---


def enter(klass: Klass, run: Run, before: dict[str, Any] | None) -> Result:
    """Record a new run by way of the spool. `before` is the journal's last entry of the same student's assignment."""
    if before and before.get("submission") == run.facts["submission"]:
        marks = all_marks(klass, run.assignment, run.student).get(run.key, [])
        run.looked_at = {m.cell: m.auto for m in marks if m.by_hand is not None and not m.waits}
    try:
        spool.put(klass, "grade", run)
        result = _recorded(klass, run)
    except Exception as error:
        return _failed(klass, run, error)
    spool.keep(klass, run)
    return result


def finish_recordings(klass: Klass) -> list[Result]:
    """Record what a killed grader had run and not recorded to the end; runs nothing.

    A run whose submission, tests or grader have changed since stays in the spool, and `pending` names its submission.
    """
    waiting = spool.waiting(klass)
    if not waiting:
        return []
    numbers = {e.get("run") for e in read_journal(klass) if not e.get("retry")}
    done = []
    for key in waiting:
        run = spool.take(klass, "grade", *key)
        if run is not None and run.facts["run"] in numbers:  # killed between the journal and here
            spool.keep(klass, run)
        elif run is not None and run.executed is not None and fits(klass, run):
            try:
                done.append(_recorded(klass, run))
                spool.keep(klass, run)
            except Exception as error:
                # It failed twice. The submission is run anew rather than tried for ever.
                done.append(_failed(klass, run, error))
                spool.drop(klass, "grade", *key)
        elif not klass.notebook("submitted", key[1], key[0]).parent.is_dir():
            spool.drop(klass, "grade", *key)
    return done


def fits(klass: Klass, run: Run) -> bool:
    """Whether a run is of the submission as it is now, with the tests and the grader of now."""
    return (
        run.assignment in registered(klass)
        and run.facts["submission"] == read_submission(klass, *run.key)[0].sha256
        and run.facts["assignment_version"] == assignment_version(klass, run.assignment)
        and run.facts["grader"] == grader_version()
    )


def _recorded(klass: Klass, run: Run) -> Result:
    if run.executed is None:
        return record_failure(klass, *run.key, run.failed, retry=run.retry, event=run.event, **run.facts)
    return record(klass, *run.key, run.executed, run.mended, looked_at=run.looked_at, event=run.event, **run.facts)


def _failed(klass: Klass, run: Run, error: Exception) -> Result:
    """Recording went wrong: noted, and tried again by the next grading."""
    return record_failure(klass, *run.key, fault_of_grader(error), retry=True, event=run.event, **run.facts)


def _earlier(klass: Klass, submission: Submission) -> Run | None:
    """The run of this very file from when the same student handed it in before, to be recorded once more."""
    if not submission.sha256:
        return None
    facts = {
        "submission": submission.sha256,
        "assignment_version": assignment_version(klass, submission.assignment),
        "grader": grader_version(),
    }
    run = spool.load(klass, spool.path_of_done(klass, *submission.key, facts))
    if run is None or any(run.facts[name] != value for name, value in facts.items()):
        return None
    kept = {name: value for name, value in run.facts.items() if name not in REGRADE_FACTS}
    return Run(*run.key, kept | {"run": new_number(), "reused": run.facts["run"]}, run.mended, run.executed)
