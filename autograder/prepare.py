"""Before the first submission of an assignment: what its locked cells load is made once, for all.

Students' kernels see the data read-only. Simulating recordings or looking for near-duplicates there would be done again
by every submission, and thrown away.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat

from autograder.examination import is_given
from autograder.klass import ClassError, Klass, assignment_version
from autograder.paths import ONE_THREAD, PROJECT


def prepare(klass: Klass, assignment: str) -> bool:
    """Run the locked cells of an assignment once per version, with the data folder writable; returns whether it ran.

    Raises `ClassError` where they fail: no submission could run either.
    """
    mark = klass.root / ".prepared" / f"{assignment}-{assignment_version(klass, assignment)}"
    if mark.exists() and mark.read_text() == str(klass.data):
        return False
    notebook = nbformat.read(klass.notebook("release", assignment), as_version=4)
    code = "\n\n".join(cell.source for cell in filter(is_given, notebook.cells))
    environment = os.environ | ONE_THREAD | {"PHYSIODL_DATA": str(klass.data), "MPLBACKEND": "agg"}
    environment["PYTHONPATH"] = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment.pop("PHYSIODL_EXAM", None)
    done = subprocess.run(
        [sys.executable, "-"], input=code, env=environment, capture_output=True, text=True, cwd=Path(klass.root)
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ClassError(f"{assignment}: the locked cells of its handout stop with an error: {why}")
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(str(klass.data))
    return True
