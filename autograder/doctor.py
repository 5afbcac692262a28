"""What this machine can give for grading, and what is missing, with the command that installs it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from autograder import sandbox

FREE_MB = 2_000  # of disk that a class and its temporary folders need


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `state` is "good", "poor" (works, less well) or "missing" (grading refuses)."""

    what: str
    state: str
    told: str
    todo: str = ""


def examine_machine() -> list[Finding]:
    """Everything that grading needs, in the order in which a person would mend it."""
    return [*_walls(), *_limits(), *_tools(), *_room()]


def _walls() -> list[Finding]:
    means = sandbox.means()
    if not means.way:
        return [
            Finding("sandbox", "missing", line.split(":")[0], line.split(":", 1)[-1].strip()) for line in means.missing
        ]
    who = {
        "root": "as root: every submission runs as a user of its own that owns nothing",
        "user": "as you: every submission runs in a user namespace, without any right of yours",
    }[means.way]
    return [
        Finding("sandbox", "good", f"bubblewrap {means.bubblewrap}, {who}"),
        Finding("inside it", "good", "no network, own processes, system read-only, empty folders, filtered calls"),
    ]


def _limits() -> list[Finding]:
    if not sys.platform.startswith("linux"):
        return [Finding("limits", "missing", "limits on memory and processes need Linux")]
    limits = sandbox.Limits()
    told = (
        f"per submission {limits.memory_mb / 1000:g} GB of memory, {limits.processes} processes and threads, "
        f"{limits.disk_mb} MB of files; time by assignment"
    )
    found = [Finding("limits", "good", told)]
    memory = psutil.virtual_memory().total / 1e9
    if memory < 8:
        found.append(
            Finding("memory", "poor", f"{memory:.0f} GB", "grade one submission at a time: --jobs 1 (the default)")
        )
    else:
        jobs = max(1, min(os.cpu_count() or 1, int(memory // 4)))
        found.append(Finding("memory", "good", f"{memory:.0f} GB, {os.cpu_count()} cores: --jobs {jobs} is sensible"))
    return found


def _tools() -> list[Finding]:
    found = [Finding("Python", "good", f"{platform.python_version()}, {platform.system()} {platform.release()}")]
    # nbgrader calls it by name to make a gradebook
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if shutil.which("alembic", path=folders):
        found.append(Finding("gradebook", "good", "alembic is there"))
    else:
        found.append(Finding("gradebook", "missing", "the command alembic is not there", "pip install alembic"))
    if hasattr(os, "fork"):
        found.append(Finding("fork", "good", "the state of a notebook can be kept at every test cell"))
    else:
        found.append(Finding("fork", "missing", "this system cannot fork", "grade on Linux, or on Windows in WSL"))
    return found


def _room() -> list[Finding]:
    import tempfile

    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free / 1e6
    if free < FREE_MB:
        return [Finding("disk", "poor", f"{free:.0f} MB free in {folder}", "set TMPDIR to a folder with more room")]
    return [Finding("disk", "good", f"{free / 1000:.0f} GB free in {folder}")]
