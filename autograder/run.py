"""From submissions to runs: read, rebuild (`mend`), execute (`execute`). Nothing is recorded here."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import stat
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograder import sandbox
from autograder.execute import Executed, Job, execute_all
from autograder.facts import limits, run_facts
from autograder.klass import Klass, assignment_version
from autograder.mend import MAX_BYTES, Unreadable, sanitise
from autograder.prepare import prepare


@dataclass(frozen=True)
class Submission:
    """One file to grade; `sha256` is "" where the file cannot be read (`why` says why)."""

    student: str
    assignment: str
    sha256: str
    why: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.student, self.assignment


@dataclass
class Run:
    """A submission that has been run, or that could not be: `failed` says why, and `executed` is None.

    `facts` is what the journal will say of the run (hashes, versions, limits, times), under `event`; `retry` means
    that the fault was the grader's. `looked_at` holds the cells that a person has marked for this very file, with the
    tests' points at that time: where those stay, nobody needs to look again.
    """

    student: str
    assignment: str
    facts: dict[str, Any]
    mended: list[dict[str, str]] = field(default_factory=list)
    executed: Executed | None = None
    failed: str = ""
    retry: bool = False
    looked_at: dict[str, float | None] = field(default_factory=dict)
    event: str = "grade"

    @property
    def key(self) -> tuple[str, str]:
        return self.student, self.assignment


def read_submission(klass: Klass, student: str, assignment: str) -> tuple[Submission, bytes]:
    """A submission as it lies in submitted/ now, and its bytes."""
    path = klass.notebook("submitted", assignment, student)
    try:
        if path.is_symlink() or path.parent.is_symlink():
            why = "the file is a link; links are not followed"
            return Submission(student, assignment, "", why), b""
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):  # reading a pipe would never end
            return Submission(student, assignment, "", f"{path.name} is not a plain file"), b""
        if facts.st_size > MAX_BYTES:
            why = f"the file is {facts.st_size / 1e6:.0f} MB large; at most {MAX_BYTES / 1e6:.0f} MB are read. "
            return Submission(student, assignment, "", why + "Clear the outputs and hand in again."), b""
        data = path.read_bytes()
    except OSError as error:
        others = sorted(p.name for p in path.parent.glob("*.ipynb"))
        why = f"{path.name} cannot be read: {error.strerror}"
        if not path.exists():
            found = f"; found {', '.join(others[:3])}: rename it" if others else ""
            why = f"there is no {path.name}{found}"
        return Submission(student, assignment, "", why), b""
    return Submission(student, assignment, hashlib.sha256(data).hexdigest()), data


def job_of(
    klass: Klass, name: Any, notebook: NotebookNode, limit: dict[str, float], *, seed: int, sandboxed: bool
) -> Job:
    """A notebook of this class to run within `limit` (`facts.limits`); `name` is for the caller."""
    return Job(
        name,
        notebook,
        limit["cell_s"],
        limit["total_s"],
        hidden=str(klass.hidden),
        data=str(klass.data),
        seed=seed,
        sandboxed=sandboxed,
        limits={"memory_mb": limit["memory_mb"], "cpu_s": int(2 * limit["total_s"]) + 60},
    )


def run_all(
    klass: Klass,
    submissions: Iterable[Submission],
    *,
    jobs: int = 1,
    cell_timeout_s: float | None = None,
    total_timeout_s: float | None = None,
    sandboxed: bool = True,
    started: Callable[[str], None] | None = None,
) -> Iterator[Run]:
    """Run submissions, `jobs` at a time; yields each when it has ended, those that cannot be run among them.

    Each file is read when its turn comes. `started("student, assignment")` is called when one begins to run. Raises
    `sandbox.NoSandbox` where there should be one and this machine gives none.
    """
    walls = f"bubblewrap {sandbox.require().bubblewrap}" if sandboxed else "none"
    ended: list[Run] = []  # before they were run
    waiting: dict[tuple[str, str], Run] = {}
    known: dict[str, tuple[str, dict[str, float]]] = {}

    def prepared() -> Iterator[Job]:
        for submission in submissions:
            name = submission.assignment
            if name not in known:
                prepare(klass, name)
                known[name] = assignment_version(klass, name), limits(klass, name, cell_timeout_s, total_timeout_s)
            submission, data = read_submission(klass, *submission.key)
            facts = run_facts(submission.sha256, *known[name], sandbox=walls)
            run = Run(*submission.key, facts | {"run": new_number(), "started": _now()})
            try:
                if submission.why:
                    raise Unreadable(submission.why)
                notebook, run.mended = sanitise(klass, name, data)
            except Exception as error:
                run.failed, run.retry = _why(error), not isinstance(error, Unreadable)
                ended.append(run)
                continue
            waiting[submission.key] = run
            seed, limit = seed_of(klass, submission), run.facts["limits"]
            yield job_of(klass, submission, notebook, limit, seed=seed, sandboxed=sandboxed)

    def begins(event: str, submission: Submission) -> None:
        waiting[submission.key].facts["started"] = _now()
        if started:
            started(f"{submission.student}, {submission.assignment}")

    with closing(execute_all(prepared(), workers=jobs, progress=begins)) as executions:
        for job, executed in executions:
            yield from _emptied(ended)
            run = waiting.pop(job.name.key)
            run.facts["finished"] = _now()
            if executed.broken:
                run.failed, run.retry, run.facts["seconds"] = executed.broken, True, executed.seconds
            else:
                run.executed = executed
            yield run
        yield from _emptied(ended)


def seed_of(klass: Klass, submission: Submission) -> int:
    """The SEED of a submission's test cells: from the class key and the file, so that nobody can foresee what test
    cells draw, and the same file always meets the same. 62 bits: all of 31 can be tried in two minutes by a student's
    code that sees one of the numbers drawn.
    """
    key = bytes.fromhex(klass.key.read_text().strip())
    words = f"{submission.student}/{submission.assignment}/{submission.sha256}".encode()
    return int.from_bytes(hmac.digest(key, words, "sha256")[:8], "big") >> 2


def new_number() -> str:
    """A number for a run, by which the journal knows that it has been recorded."""
    return secrets.token_hex(8)


def fault_of_grader(error: Exception) -> str:
    """A fault of ours with one submission, in one line, with its place in our code."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return " ".join(f"the grader failed: {type(error).__name__}: {str(error)[:200]} ({where})".split())


def _emptied(runs: list[Run]) -> Iterator[Run]:
    while runs:
        yield runs.pop(0)


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, Unreadable) else fault_of_grader(error)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
