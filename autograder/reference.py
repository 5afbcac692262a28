"""The reference solution of an assignment as a Python namespace, for calibration and benchmarks.

Trusted code only: this runs the course's own solution in this process. Submissions never come here.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

from autograder.klass import PROJECT
from autograder.source import read_source


def run_reference(
    assignment: str, *, parameters: dict[str, Any], skip: tuple[str, ...] = (), root: Path = PROJECT, quiet: bool = True
) -> dict[str, Any]:
    """Run locked and answer cells of a solution and return the names they bound.

    Args:
        assignment: such as ``"03_af_detection"``.
        parameters: values in place of those of the parameters cell.
        skip: tasks whose answer cells are left out, such as those that train.
        root: the project.
        quiet: swallow what the cells print.
    """
    source = read_source(root / "solutions" / f"{assignment}.py")
    names: dict[str, Any] = {"__name__": f"reference_{assignment}"}
    with contextlib.redirect_stdout(io.StringIO()) if quiet else contextlib.nullcontext():
        for cell in source.cells:
            if cell.type != "code" or cell.role not in ("locked", "answer") and "parameters" not in cell.tags:
                continue
            if cell.role == "answer" and cell.options.get("task") in skip:
                continue
            exec(compile(cell.text, f"<{assignment} cell {cell.number}>", "exec"), names)
            if "parameters" in cell.tags:
                names.update(parameters)
    return names
