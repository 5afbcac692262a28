"""Sleep staging from one EEG channel, split by subject: the reference beside gradient boosting and TinySleepNet.

Real recordings are used where they are: fetched nights, or those below the folder that PHYSIODL_REAL_DATA names, of
which only the first 5 s of each epoch are there; simulated nights otherwise, and then every table says so. Each part
runs in a process of its own, so that its peak memory is its own. All parts see the same folds. Intervals resample
subjects.

TinySleepNet (Supratak and Guo 2020) was published with up to 200 passes per fold on a graphics card. Here it gets as
much processor time per fold as the reference may use, `bench.sleep_methods.BUDGET_S`, and the table says how many
passes that was: what it would reach in the end is not measured, and the score says nothing about the published one.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.sleep_methods import ABLATIONS, METHODS, STAGES, THREADS, Nights, folds
from physiodl import multiclass, registry
from physiodl.cohort import Cohort
from physiodl.data import find_real

AIM = "; aim: kappa and macro-F1 0.77 in 60 s per fold"  # for real recordings only


def recordings(*, simulated: bool = False) -> Cohort:
    """The nights to measure on; ``source`` says what they are."""
    from physiodl import sleepedf

    packed = Path(os.environ.get("PHYSIODL_REAL_DATA", "").strip() or os.devnull) / "sleep_edf20_first5s"
    if not simulated:
        place = find_real(registry.find("sleep"))
        if list(place.glob("sleep-cassette/*-PSG.edf")):
            return sleepedf.nights(place)
        if packed.is_dir():
            return first_seconds(packed)
    from physiodl.simulate.sleepedf import write_database

    with tempfile.TemporaryDirectory() as temporary:
        write_database(temporary, seed=2026)
        return sleepedf.nights(temporary, cache=False, progress=False)


def first_seconds(folder: Path) -> Cohort:
    """Nights of Sleep-EDF of which the first seconds of each epoch were kept: ``x`` (n, samples) uV, ``y``, ``fs``."""
    parts = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as file:
            parts.append({name: file[name] for name in ("x", "y", "fs", "subject")} | {"night": path.stem[:6]})
    sizes = [len(part["y"]) for part in parts]
    each = {name: np.repeat([str(part[name]) for part in parts], sizes) for name in ("subject", "night")}
    columns = {"night": each["night"], "epoch": np.concatenate([np.arange(size) for size in sizes])}
    return Cohort(
        "sleep-edf-20, first 5 s of each epoch", np.concatenate([part["x"] for part in parts])[:, None],
        np.concatenate([part["y"] for part in parts]).astype(np.int64), each["subject"], float(parts[0]["fs"]), STAGES,
        ("EEG Fpz-Cz",), "real", "Kemp et al. 2000, Sleep-EDF Database Expanded, doi 10.13026/C2X676", "ODC-By 1.0",
        columns,
    )  # fmt: skip


def _measure(job: tuple[str, Cohort, int]) -> dict[str, Any]:
    import torch

    name, cohort, seed = job
    torch.set_num_threads(THREADS)
    started, cpu = time.perf_counter(), time.process_time()
    found = {**METHODS, **ABLATIONS}[name](Nights(cohort), seed=seed)
    found |= {"seconds": time.perf_counter() - started, "cpu": found["cpu"] + time.process_time() - cpu}
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found | {"peak_mb": found["peak_mb"] + own}


def run(*, seeds: int = 3, simulated: bool = False, ablation: bool = False, only: tuple[str, ...] = ()) -> None:
    """Measure and print.

    Args:
        seeds: splits and trainings of the reference; the other methods are run with seed 0.
        simulated: use simulated nights even where real ones are at hand.
        ablation: also measure the networks with one thing changed at a time (half an hour).
        only: names of `METHODS` and `ABLATIONS`; empty: all.
    """
    console = Console(width=150)
    cohort = recordings(simulated=simulated)
    on = "SIMULATED nights" if cohort.source == "simulated" else cohort.name
    console.print(f"{cohort}\n{cohort.citation}", highlight=False)
    count = len(np.unique(cohort.subjects))
    console.print(f"{len(cohort)} epochs, {len(np.unique(cohort.columns['night']))} nights, {count} subjects; "
                  f"load of this machine {os.getloadavg()[0]:.1f}", highlight=False)  # fmt: skip
    aim = "" if cohort.source == "simulated" else AIM
    shown = Nights(cohort)
    table = Table(title=f"Sleep stages of {on}, {folds(shown)} folds by subject, {THREADS} at a time{aim}")
    heads = ("method", "seed", "kappa", "95 %", "macro-F1", "95 %", "acc.", *STAGES, "s/fold", "CPU s", "peak MB", "")
    for head in heads:
        table.add_column(head, justify="left" if head in ("method", "") else "right")
    for name in only or (*METHODS, *(ABLATIONS if ablation else ())):
        for seed in range(seeds if name == "reference" else 1):
            with console.status(f"{name}, seed {seed}"):
                row = _apart(_measure, (name, cohort, seed))
            table.add_row(*_cells(name, seed, cohort, row, folds(shown)))
    console.print(table)


def _apart(work: Any, job: tuple) -> Any:
    # threads that wait by turning round and round cost many times the work itself where others use the cores too
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, job).result()


def _cells(name: str, seed: int, cohort: Cohort, row: dict[str, Any], parts: int) -> list[str]:
    y, called = cohort.labels, row["called"]
    cells = [name, str(seed)]
    for metric in (multiclass.kappa, multiclass.macro_f1):
        value, low, high = multiclass.bootstrap_interval(metric, y, called, groups=cohort.subjects)
        cells += [f"{value:.3f}", f"{low:.2f}-{high:.2f}"]
    cells += [f"{multiclass.accuracy(y, called):.3f}"]
    cells += [f"{value:.2f}" for value in multiclass.f1_per_class(y, called)]
    cells += [f"{row['seconds'] / parts:.0f}", f"{row['cpu'] / parts:.0f}", f"{row['peak_mb']:.0f}"]
    return [*cells, row.get("note", "")]
