"""What a grading depends on, for the journal: versions, limits, machine."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import nbformat

import autograder
from autograder.klass import Klass
from autograder.paths import PROJECT
from autograder.sandbox import Limits

CELL_TIMEOUT_S, TOTAL_TIMEOUT_S = 300.0, 1200.0  # where neither the caller nor the assignment says otherwise
# What measures: where one of these changes, marks may differ, and submissions are graded anew.
MEASURING = (
    "autograder/mend.py",
    "autograder/execute.py",
    "autograder/examination.py",
    "autograder/examiner.py",
    "autograder/examiner_process.py",
    "autograder/inside.py",
    "autograder/kernel.py",
    "autograder/processes.py",
    "autograder/proxy.py",
    "autograder/sandbox.py",
    "autograder/sealed_exam/__init__.py",
    "autograder/student.py",
    "autograder/wire.py",
    "autograder/record.py",
    "physiodl/exam/*.py",
    "physiodl/handed.py",
    "physiodl/metrics.py",
)
# Those whose versions can change a mark; TensorFlow is tensorflow-cpu where there is a build of that.
PACKAGES = (
    "numpy", "scipy", "scikit-learn", "torch", "tensorflow", "keras", "onnx", "onnxruntime", "ai-edge-litert",
    "nbgrader", "ipykernel", "nbclient",
)  # fmt: skip
STANDS_FOR = {"tensorflow": ("tensorflow", "tensorflow-cpu")}


@cache
def grader_version() -> str:
    """The version of the grader and eight hex digits over the files that measure."""
    digest = hashlib.sha256()
    for pattern in MEASURING:
        for file in sorted(PROJECT.glob(pattern)):
            digest.update(file.read_bytes())
    return f"{autograder.__version__}+{digest.hexdigest()[:8]}"


@cache
def packages() -> dict[str, str]:
    """Name -> version of Python and of the packages in which a mark can depend on the version; without those that
    are not installed.
    """
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        for distribution in STANDS_FOR.get(name, (name,)):
            try:
                found[name] = version(distribution)
                break
            except PackageNotFoundError:
                continue
    return found


@cache
def machine() -> dict[str, Any]:
    """Platform, usable processor cores, memory in GiB (None where the system does not tell), and a short hash in place
    of the host's name.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count()
    try:
        memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        memory = None
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
    return {"platform": platform.platform(), "cores": cores, "memory_gib": memory, "host": host}


def limits(
    klass: Klass, assignment: str, cell_s: float | None = None, total_s: float | None = None
) -> dict[str, float]:
    """Time limits in seconds, "cell_s" and "total_s", and "memory_mb": the caller's, else those that the assignment
    declares, else the defaults above.
    """
    declared: dict[str, Any] = {}
    path = klass.notebook("source", assignment)
    if path.exists():
        declared = nbformat.read(path, as_version=4).metadata.get("autograder", {})
    cell_s = cell_s or float(declared.get("cell_timeout_s", CELL_TIMEOUT_S))
    return {
        "cell_s": cell_s,
        "total_s": total_s or float(declared.get("total_timeout_s", max(TOTAL_TIMEOUT_S, cell_s))),
        "memory_mb": int(declared.get("memory_mb", Limits().memory_mb)),
    }


def run_facts(
    submission: str, assignment_version: str, limits: dict[str, float], *, sandbox: str = "none"
) -> dict[str, Any]:
    """What the journal says of one run beside its marks; `submission` is the file's SHA-256."""
    return {
        "submission": submission,
        "assignment_version": assignment_version,
        "grader": grader_version(),
        "limits": limits,
        "machine": machine(),
        "packages": packages(),
        "sandbox": sandbox,
    }
