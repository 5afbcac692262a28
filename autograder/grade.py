"""Grade what is new in a class: rebuild (`mend`), run (`execute`), record (`record`), one submission after
another.

A submission that cannot be graded is recorded as such and never stops another. What is finished when the
grader is interrupted stays finished; the next call goes on with the rest.
"""

from __future__ import annotations

import hashlib
import hmac
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

import autograder
from autograder import sandbox
from autograder.execute import Executed, Job, execute_all
from autograder.klass import (
    PROJECT,
    ClassError,
    Klass,
    assignment_version,
    latest_gradings,
    locked,
    registered,
)
from autograder.mend import Unreadable, sanitise
from autograder.record import record, record_failure
from autograder.results import Result

CELL_TIMEOUT_S, TOTAL_TIMEOUT_S = 300.0, 1200.0  # where neither the caller nor the assignment says otherwise
# What measures: where one of these changes, marks may differ, and submissions are graded anew.
MEASURING = (
    "autograder/mend.py",
    "autograder/execute.py",
    "autograder/examination.py",
    "autograder/examiner.py",
    "autograder/kernel.py",
    "autograder/proxy.py",
    "autograder/sandbox.py",
    "autograder/student.py",
    "autograder/wire.py",
    "autograder/record.py",
    "physiodl/exam",
    "physiodl/metrics.py",
)


@dataclass(frozen=True)
class Submission:
    """One file to grade; `sha256` is "" where the file cannot be read (`why` says why)."""

    student: str
    assignment: str
    path: Path
    data: bytes
    sha256: str
    why: str = ""


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
    """Grade the new submissions of one assignment or all; returns their results in the order they were
    finished.

    New is a submission whose file, assignment or grader has changed since it was last graded, or all with
    `force`. `jobs` notebooks run at a time. `progress(event, value)` hears ("found", n), ("started",
    "student, assignment") and ("graded", Result). Without the sandbox (`sandboxed=False`) every grade is marked.
    Raises `sandbox.NoSandbox` where this machine gives none, and `ClassError` for an unknown assignment or where
    another grader holds the class.
    """
    tell = progress or (lambda event, value: None)
    if assignment is not None and assignment not in registered(klass):
        raise ClassError(
            f"this class has no assignment {assignment!r}; it has {', '.join(registered(klass)) or 'none'}."
        )
    walls = sandbox.require().bubblewrap if sandboxed else ""
    done: list[Result] = []

    def finish(result: Result) -> None:
        done.append(result)
        tell("graded", result)

    with locked(klass):
        todo = pending(klass, assignment, force=force)
        tell("found", len(todo))
        versions = {name: assignment_version(klass, name) for name in {s.assignment for s in todo}}
        mended: dict[tuple[str, str], list[dict[str, str]]] = {}
        limits = {name: _limits(klass, name, cell_timeout_s, total_timeout_s) for name in versions}

        def facts(submission: Submission) -> dict[str, Any]:
            cell_s, total_s = limits[submission.assignment]
            return {
                "submission": submission.sha256,
                "assignment_version": versions[submission.assignment],
                "grader": grader_version(),
                "limits": {"cell_s": cell_s, "total_s": total_s},
                "sandbox": f"bubblewrap {walls}" if walls else "none",
            }

        def prepared() -> Iterator[Job]:
            for submission in todo:
                try:
                    if submission.why:
                        raise Unreadable(submission.why)
                    notebook, found = sanitise(klass, submission.assignment, submission.data)
                except Unreadable as error:
                    finish(
                        record_failure(
                            klass, submission.student, submission.assignment, str(error), **facts(submission)
                        )
                    )
                    continue
                except Exception as error:
                    finish(_grader_failed(klass, submission, error, facts(submission)))
                    continue
                mended[submission.student, submission.assignment] = found
                cell_s, total_s = limits[submission.assignment]
                yield Job(
                    submission,
                    notebook,
                    cell_s,
                    total_s,
                    hidden=str(klass.hidden),
                    data=str(klass.data),
                    seed=seed_of(klass, submission),
                    sandboxed=sandboxed,
                )

        def started(event: str, submission: Submission) -> None:
            tell(event, f"{submission.student}, {submission.assignment}")

        for job, executed in execute_all(prepared(), workers=jobs, progress=started):
            submission = job.name
            repairs = mended.pop((submission.student, submission.assignment))
            finish(_record(klass, submission, executed, repairs, facts(submission)))
    return done


def seed_of(klass: Klass, submission: Submission) -> int:
    """The SEED of a submission's test cells: from the class key and the file, so that nobody can foresee what test
    cells draw, and the same file always meets the same."""
    key = bytes.fromhex(klass.key.read_text().strip())
    words = f"{submission.student}/{submission.assignment}/{submission.sha256}".encode()
    return int.from_bytes(hmac.digest(key, words, "sha256")[:4], "big") >> 1


def _record(
    klass: Klass,
    submission: Submission,
    executed: Executed,
    repairs: list[dict[str, str]],
    facts: dict[str, Any],
) -> Result:
    if executed.broken:
        return record_failure(
            klass,
            submission.student,
            submission.assignment,
            executed.broken,
            retry=True,
            seconds=executed.seconds,
            **facts,
        )
    try:
        return record(klass, submission.student, submission.assignment, executed, repairs, **facts)
    except Exception as error:
        return _grader_failed(klass, submission, error, facts)


def _grader_failed(klass: Klass, submission: Submission, error: Exception, facts: dict[str, Any]) -> Result:
    """A fault of ours with one submission: noted with its place in our code, tried again by the next
    `grade`.
    """
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    why = f"the grader failed: {type(error).__name__}: {str(error)[:200]} ({where})"
    return record_failure(klass, submission.student, submission.assignment, " ".join(why.split()), retry=True, **facts)


def pending(klass: Klass, assignment: str | None = None, *, force: bool = False) -> list[Submission]:
    """Submissions that have not been graded as they stand now, by student and assignment."""
    names = registered(klass) if assignment is None else [assignment]
    versions = {name: assignment_version(klass, name) for name in names}
    before = latest_gradings(klass)
    found = []
    for folder in sorted(p for p in (klass.root / "submitted").glob("*/*") if p.is_dir()):
        student, name = folder.parent.name, folder.name
        if name not in versions or student.startswith("."):
            continue
        submission = _read(student, name, klass.notebook("submitted", name, student))
        entry = before.get((student, name), {})
        same = (
            entry.get("submission") == submission.sha256
            and entry.get("assignment_version") == versions[name]
            and entry.get("grader") == grader_version()
            and not entry.get("retry")
        )
        if force or not same:
            found.append(submission)
    return found


def _read(student: str, assignment: str, path: Path) -> Submission:
    try:
        if path.is_symlink() or path.parent.is_symlink():
            return Submission(student, assignment, path, b"", "", why="the file is a link; links are not followed")
        data = path.read_bytes()
    except OSError as error:
        others = sorted(p.name for p in path.parent.glob("*.ipynb"))
        why = f"{path.name} cannot be read: {error.strerror}"
        if not path.exists():
            why = f"there is no {path.name}" + (f"; found {', '.join(others[:3])}: rename it" if others else "")
        return Submission(student, assignment, path, b"", "", why=why)
    return Submission(student, assignment, path, data, hashlib.sha256(data).hexdigest())


@cache
def grader_version() -> str:
    """The version of the grader and eight hex digits over the files that measure."""
    digest = hashlib.sha256()
    for path in (PROJECT / name for name in MEASURING):
        for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return f"{autograder.__version__}+{digest.hexdigest()[:8]}"


def _limits(klass: Klass, assignment: str, cell_s: float | None, total_s: float | None) -> tuple[float, float]:
    """Time limits: the caller's, else those in the instructor notebook's metadata.autograder, else our
    own.
    """
    declared: dict[str, Any] = {}
    path = klass.notebook("source", assignment)
    if path.exists():
        declared = nbformat.read(path, as_version=4).metadata.get("autograder", {})
    cell_s = cell_s or float(declared.get("cell_timeout_s", CELL_TIMEOUT_S))
    return cell_s, total_s or float(declared.get("total_timeout_s", max(TOTAL_TIMEOUT_S, cell_s)))
