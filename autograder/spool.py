"""Runs on disk, in CLASS_DIR/.spool/<kind>/<student>/<assignment>/, so that none is lost and none is made twice.

grade      executed, not yet recorded to the end: the next grading records them, without running anything
regrade    executed for `autograder regrade`, which shows a difference before it writes
done       recorded: a student who hands in an earlier file again gets the earlier result

A file is sealed with the class key, as the journal is: one that was cut off or changed counts as none.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat

from autograder.execute import Executed
from autograder.journal import seal
from autograder.klass import Klass
from autograder.run import Run

KEPT = 5  # recorded runs kept of one student's assignment
HALF_WRITTEN = ".half-"  # how the names of files begin that are not yet whole


def path_of(klass: Klass, kind: str, student: str, assignment: str) -> Path:
    """Where a student's run of an assignment waits ("grade", "regrade"); there may be none."""
    return klass.root / ".spool" / kind / student / assignment / "run.json.gz"


def path_of_done(klass: Klass, student: str, assignment: str, facts: dict[str, Any]) -> Path:
    """Where the recorded run of this submission, with these tests and this grader, is kept; there may be none."""
    name = f"{facts['submission'][:16]}.{facts['assignment_version']}.{facts['grader']}.json.gz"
    return klass.root / ".spool" / "done" / student / assignment / name


def put(klass: Klass, kind: str, run: Run) -> Path:
    """Write a run, in the place of the one that waits there; returns its path."""
    path = path_of(klass, kind, *run.key)
    body = json.dumps(_to_json(run)).encode()
    (klass.root / ".spool").mkdir(mode=0o700, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=HALF_WRITTEN, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(gzip.compress(seal(klass, body).encode() + b"\n" + body, compresslevel=1, mtime=0))
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def load(klass: Klass, path: Path) -> Run | None:
    """The run in a file, or None where there is none that can be trusted."""
    try:
        given, _, body = gzip.decompress(path.read_bytes()).partition(b"\n")
        if given.decode() != seal(klass, body):
            return None
        return _from_json(json.loads(body))
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError):
        return None


def waiting(klass: Klass, kind: str = "grade") -> list[tuple[str, str]]:
    """(student, assignment) of the runs that wait, sorted."""
    found = (klass.root / ".spool" / kind).glob("*/*/run.json.gz")
    return sorted((path.parent.parent.name, path.parent.name) for path in found)


def take(klass: Klass, kind: str, student: str, assignment: str) -> Run | None:
    """The run that waits for one student's assignment, or None; it stays where it is."""
    return load(klass, path_of(klass, kind, student, assignment))


def keep(klass: Klass, run: Run) -> None:
    """Take a run that has been recorded out of the spool. It is kept, and those of the same student's assignment go
    that nobody can come back to: made with other tests, by another grader, or before the last few.
    """
    path = path_of(klass, "grade", *run.key)
    if run.executed is None or not run.facts["submission"]:
        path.unlink(missing_ok=True)
        return
    place = path_of_done(klass, *run.key, run.facts)
    place.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        os.replace(path, place)
        os.utime(place)
    files = sorted(place.parent.glob("*.json.gz"), key=lambda p: p.stat().st_mtime_ns, reverse=True)
    same = [p for p in files if p.name.partition(".")[2] == place.name.partition(".")[2]]
    for old in {*files} - {*same[:KEPT]}:
        old.unlink(missing_ok=True)


def drop(klass: Klass, kind: str, student: str, assignment: str) -> None:
    path_of(klass, kind, student, assignment).unlink(missing_ok=True)


def clear_half_written(klass: Klass) -> None:
    """Remove what a killed grader had half written. Only while the class is locked."""
    for path in (klass.root / ".spool").glob(f"*/*/*/{HALF_WRITTEN}*"):
        path.unlink(missing_ok=True)
    for path in (klass.root / "autograded").glob("*/*/.*.ipynb.*"):
        path.unlink(missing_ok=True)
    for path in (klass.root / "scores").glob("*/.*.json.*"):
        path.unlink(missing_ok=True)


def _to_json(run: Run) -> dict[str, Any]:
    content = {f.name: getattr(run, f.name) for f in dataclasses.fields(run)}
    if run.executed is not None:
        content["executed"] = {f.name: getattr(run.executed, f.name) for f in dataclasses.fields(run.executed)}
        content["executed"]["notebook"] = nbformat.writes(run.executed.notebook)
    return content


def _from_json(content: dict[str, Any]) -> Run:
    if content["executed"] is not None:
        content["executed"]["notebook"] = nbformat.reads(content["executed"]["notebook"], as_version=4)
        content["executed"] = Executed(**content["executed"])
    return Run(**content)
