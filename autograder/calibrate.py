"""Are the thresholds of an assignment fair? The reference over many seeds, and how far it stays from each line.

For every seed the reference is trained on the class's simulated recordings, with that seed for split, weights and
batches, and examined on a hidden cohort of its own, made from a key of its own: what varies here varies in a class.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from autograder.klass import PROJECT
from autograder.reference import run_reference
from autograder.source import read_source

LINE = re.compile(r'exam\.score\("(\w+)".*?floor=([\d.]+), full=([\d.]+), points=([\d.]+)', re.S)


def thresholds(assignment: str, root: Path = PROJECT) -> dict[str, tuple[float, float, float]]:
    """Metric -> (floor, full, points), read from the assignment's own test cells."""
    source = read_source(root / "solutions" / f"{assignment}.py")
    text = "\n".join(cell.text for cell in source.cells if cell.role == "test")
    return {metric: (float(a), float(b), float(p)) for metric, a, b, p in LINE.findall(text)}


def measure(assignment: str, seed: int) -> dict[str, float]:
    """Metrics of the reference of 03, trained with ``seed``, on a hidden cohort made from ``seed``'s own key."""
    from physiodl import metrics
    from physiodl.exam import write_hidden

    names = run_reference(assignment, parameters={"SOURCE": "simulated", "SEED": seed})
    with tempfile.TemporaryDirectory() as folder:
        write_hidden(Path(folder), key=f"calibration {seed}".encode())
        signals = np.load(Path(folder) / "af_detection" / "features.npy")[:, None]
        labels = np.load(Path(folder) / "af_detection" / "labels.npy")
    return {
        "roc_auc": metrics.roc_auc(labels, names["predict_af"](signals, 300.0)),
        "accuracy": metrics.accuracy(labels, names["classify_af"](signals, 300.0)),
    }


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
    short = sum(any(row[m] < full for m, (_, full, _) in lines.items()) for row in rows)
    console.print(f"{seeds - short} of {seeds} seeds reach full points.")
    return short
