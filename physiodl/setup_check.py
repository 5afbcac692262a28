"""Is the environment complete? One line per package and per thing the course needs, with the remedy."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from physiodl import registry

# what the notebooks of the course import, directly or through nbgrader and papermill
PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "torch",
    "keras",
    "onnxruntime",
    "ai-edge-litert",
    "wfdb",
    "mne",
    "PyWavelets",
    "ipywidgets",
    "jupyterlab",
    "nbgrader",
    "papermill",
    "jupytext",
)
FREE_GB = 1.0  # the simulated cohorts of the whole path, with room to spare


@dataclass(frozen=True)
class Line:
    """One finding: what was looked at, whether it is well, and what to say about it."""

    what: str
    good: bool
    detail: str


def check() -> list[Line]:
    """Look at Python, packages, processors, disk and data; imports nothing heavy, asks no network."""
    version = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    lines = [Line("Python", fits, version if fits else f"got {version}, expected 3.11 to 3.13: run `make lab` again")]
    for name in PACKAGES:
        try:
            lines.append(Line(name, True, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            lines.append(Line(name, False, "missing: start JupyterLab with `make lab`, which installs it"))
    cores = os.cpu_count() or 1
    lines.append(
        Line("processors", True, f"{cores} core{'s' if cores > 1 else ''}; times in the notebooks are for two")
    )
    root = registry.data_root()
    place = next(p for p in (root, *root.parents) if p.exists())
    free = shutil.disk_usage(place).free / 1e9
    lines.append(
        Line(
            "disk",
            free > FREE_GB,
            f"{free:.0f} GB free" if free > FREE_GB else f"{free:.1f} GB free in {place}: make room",
        )
    )
    lines.append(Line("data", True, data_line(root)))
    return lines


def data_line(root: Path | None = None) -> str:
    """One sentence: which recordings the notebooks will use."""
    found = [d.name for d in registry.DATASETS.values() if (registry.real_folder(d, root) / d.files[0]).is_file()]
    if found:
        return f"published recordings are there: {', '.join(found)}"
    return "simulated recordings (python data_fetch.py --list shows what can be fetched)"


def show() -> None:
    """Print `check`, a tick or a cross in front of every line."""
    lines = check()
    for line in lines:
        print(f"{'✔' if line.good else '✘'} {line.what:14s} {line.detail}")
    missing = sum(not line.good for line in lines)
    print(
        "\nEverything is there."
        if not missing
        else f"\n{missing} thing{'s' if missing > 1 else ''} to mend: see the lines with ✘."
    )
