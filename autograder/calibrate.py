"""Are the thresholds of an assignment fair? The reference over many seeds, and how far it stays from each line.

For every seed the reference is trained on the class's simulated recordings, with that seed for split, weights and
batches, and examined on a hidden cohort of its own, made from a key of its own: what varies here varies in a class.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from autograder.examiner import run_cell
from autograder.klass import PROJECT
from autograder.reference import run_reference
from autograder.source import read_source

COHORT = re.compile(r'exam\.cohort\("(\w+)"\)')
WITHOUT = re.compile(r'(\w+) = \w+\.without\("(\w+)"\)')  # the same recordings with a dead sensor
ASKED = re.compile(r"exam\.ask\(\w+, (\w+)\)")
LINE = re.compile(
    r'exam\.score\("(\w+)", (\w+), exam\.(?:ask\(\w+, (\w+)\)|given\(\w+\))\)'
    r".*?floor=([\d.]+), full=([\d.]+), points=([\d.]+)",
    re.S,
)


def thresholds(assignment: str, root: Path = PROJECT) -> dict[str, tuple[float, float, float]]:
    """Metric -> (floor, full, points), read from the assignment's own test cells."""
    text = _tests(assignment, root)
    dead = dict(WITHOUT.findall(text))
    return {_label(m, dead.get(of)): (float(a), float(b), float(p)) for m, of, _, a, b, p in LINE.findall(text)}


def _label(metric: str, dead: str | None) -> str:
    return f"{metric} without {dead}" if dead else metric


def _tests(assignment: str, root: Path = PROJECT) -> str:
    source = read_source(root / "solutions" / f"{assignment}.py")
    return "\n".join(cell.text for cell in source.cells if cell.role == "test")


def measure(assignment: str, seed: int) -> dict[str, float]:
    """Metrics of the reference, trained with ``seed``, on a hidden cohort made from ``seed``'s own key.

    Asked as the assignment's own test cell asks: the same function for each metric, the same batches or nights.
    """
    from physiodl import exam

    names = run_reference(assignment, parameters={"SOURCE": "simulated", "SEED": seed})
    text, found = _tests(assignment), {}
    with tempfile.TemporaryDirectory() as folder:
        exam.write_hidden(Path(folder), key=f"calibration {seed}".encode())
        with mock.patch.dict(os.environ, {"PHYSIODL_EXAM": folder}):
            unseen = exam.cohort(COHORT.search(text)[1])
    answers: dict[tuple[str, str], np.ndarray] = {}
    dead = dict(WITHOUT.findall(text))
    for metric, cohort, function, *_ in LINE.findall(text):
        # a cell that asks once and scores often names the function where it asks
        function, lacks = function or ASKED.search(text)[1], dead.get(cohort, "")
        examined = unseen.without(lacks) if lacks else unseen
        if (function, lacks) not in answers:
            answers[function, lacks] = exam.ask(examined, names[function])
        found[_label(metric, lacks)] = exam.score(metric, examined, answers[function, lacks]).value
    return found


def test_cells(assignment: str, names: dict[str, Any], *, seeds: Iterable[int], root: Path = PROJECT) -> list[str]:
    """Run the reference's test cells with other SEEDs, as the examiner does; returns those that gave less than all.

    Those that train or open hidden recordings are left out: `measure` sees to them.
    """
    source = read_source(root / "solutions" / f"{assignment}.py")
    cells = [c for c in source.cells if c.role == "test" and "exam.cohort(" not in c.text and "train" not in c.task]
    short = []
    for seed in seeds:
        for cell in cells:
            shown = io.StringIO()
            with contextlib.redirect_stdout(shown):
                points = run_cell(cell.text, cell.task, {**names, "SEED": seed})
            if points != cell.options["points"]:
                lines = [line for line in shown.getvalue().splitlines() if line.startswith("\u2718")]
                short.append(f"SEED {seed}, {cell.task}: {points:g} of {cell.options['points']:g}; {' '.join(lines)}")
    return short


def run(assignment: str, *, seeds: int = 30) -> int:
    """Print the margins; returns the number of seeds that miss full points anywhere."""
    lines = thresholds(assignment)
    if not lines:
        raise ValueError(
            f"{assignment} has no metric threshold to calibrate: none of its test cells gives credit along a line"
        )
    console = Console()
    rows = []
    for seed in track(range(seeds), description=f"training the reference of {assignment}", console=console):
        rows.append(measure(assignment, seed))
        found = ", ".join(f"{name} {value:.4f}" for name, value in rows[-1].items())
        console.print(f"seed {seed:3d}: {found}")
    table = Table(title=f"{assignment}: reference over {seeds} seeds, simulated recordings")
    for head in ("metric", "lowest", "5 %", "median", "highest", "full points from", "margin of the lowest", "floor"):
        table.add_column(head, justify="left" if head == "metric" else "right")
    for metric, (floor, full, _) in lines.items():
        values = np.array([row[metric] for row in rows])
        low, five, middle = values.min(), np.percentile(values, 5), np.median(values)
        table.add_row(
            metric, *(f"{v:.4f}" for v in (low, five, middle, values.max(), full)), f"{low - full:+.4f}", f"{floor:.2f}"
        )
    console.print(table)
    names = run_reference(assignment, parameters={"SOURCE": "simulated", "BUDGET": "ci"})
    odd = test_cells(assignment, names, seeds=[secrets.randbits(62) for _ in range(seeds)])
    console.print(f"test cells with {seeds} other seeds: {'all full' if not odd else ''}")
    for line in odd:
        console.print(line, style="red", markup=False)
    short = sum(any(row[m] < full for m, (_, full, _) in lines.items()) for row in rows)
    console.print(f"{seeds - short} of {seeds} seeds reach full points.")
    return short + len(odd)
