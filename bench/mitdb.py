"""Atrial fibrillation on MIT-BIH, split by patient: the reference beside a plain CNN, and beside the same CNN leaking.

Real records are used where they are: fetched ones, or those below the folder that PHYSIODL_REAL_DATA names; simulated
ones otherwise, and then every table says so. Each part runs in a process of its own, so that its peak memory is its
own. Intervals resample patients, who are few: that is what makes them wide. The reference's threshold rule and the
weight of its CNN were settled on 21 of the 47 patients of MIT-BIH; other patients are the better test of it.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from physiodl import evidence, metrics, mitdb, registry
from physiodl.cohort import Cohort
from physiodl.data import find_real

THREADS = 2
FOLDS = 4
AIM = "; aim: AUC 0.95 and F1 0.75 in 3 minutes"  # for real records only


def folder(*, simulated: bool = False) -> Path | None:
    """Where the real records are; None where there are none, or none are wanted."""
    place = find_real(registry.find("mitdb"))
    return place if not simulated and (place / "RECORDS").is_file() else None


def folds(cohort: Cohort) -> int:
    """As many as wanted, or as there are patients of the rarer class: one of them in each, as far as it goes."""
    counts = [len(np.unique(cohort.subjects[cohort.labels == label])) for label in (0, 1)]
    if min(counts) < 2:
        raise SystemExit(f"got {counts[0]} patients with sinus rhythm and {counts[1]} with AF: two of each are needed")
    return min(FOLDS, *counts)


def _prepared(place: Path) -> tuple[Cohort, np.ndarray, dict[str, float]]:
    """Windows and evidence, computed and not taken from a cache, with their times."""
    started = time.perf_counter()
    cohort = mitdb.windows(place, cache=False)
    cut = time.perf_counter()
    rows = evidence.of_cohort(place, cohort, cache=False)
    return cohort, rows, {"windows": cut - started, "evidence": time.perf_counter() - cut}


def by_plain_cnn(cohort: Cohort, extra: np.ndarray, *, seed: int, leaky: bool = False) -> dict[str, np.ndarray]:
    """Four blocks on the first lead, one network per fold, threshold 0.5; by patient, or (never do that) by window."""
    from physiodl import arrhythmia

    x, y = cohort.signals[:, :1], cohort.labels

    def trainer(train: np.ndarray, seed: int):
        net = arrhythmia.fit(arrhythmia.PlainCNN(1), x[train], y[train], seed=seed)
        return lambda index: arrhythmia.predict(net, x[index])

    who = None if leaky else cohort.subjects
    return arrhythmia.cross_validate(y, who, trainer, n_splits=folds(cohort), inner=1, seed=seed)


def by_network(cohort: Cohort, extra: np.ndarray, *, seed: int, joint: bool = False) -> dict[str, np.ndarray]:
    """`ContextNet` on both leads and the evidence."""
    from physiodl import arrhythmia

    x, y, who = cohort.signals, cohort.labels, cohort.subjects

    def trainer(train: np.ndarray, seed: int):
        net = arrhythmia.ContextNet(x.shape[1], joint=joint)
        how = {"subjects": who[train], "extra": extra[train], "augment": True}
        arrhythmia.fit(net, x[train], y[train], seed=seed, **how)
        return lambda index: arrhythmia.predict(net, x[index], extra[index])

    return arrhythmia.cross_validate(y, who, trainer, n_splits=folds(cohort), seed=seed)


def by_numbers(cohort: Cohort, extra: np.ndarray, *, seed: int, columns: slice) -> dict[str, np.ndarray]:
    """Logistic regression on some of the evidence, no network."""
    from physiodl import arrhythmia

    known = np.where(np.isfinite(extra), extra, np.nanmean(extra, axis=0))[:, columns]

    def trainer(train: np.ndarray, seed: int):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced"))
        model.fit(known[train], cohort.labels[train])
        return lambda index: model.predict_proba(known[index])[:, 1]

    return arrhythmia.cross_validate(cohort.labels, cohort.subjects, trainer, n_splits=folds(cohort), seed=seed)


METHODS = {
    "plain CNN, leaky": partial(by_plain_cnn, leaky=True),
    "plain CNN": by_plain_cnn,
    "both branches as one": partial(by_network, joint=True),
    "RR numbers alone": partial(by_numbers, columns=slice(0, 4)),
    "P wave numbers alone": partial(by_numbers, columns=slice(4, 6)),
    "all numbers, no CNN": partial(by_numbers, columns=slice(None)),
    "reference": by_network,
}


def _measure(job: tuple[str, Cohort, np.ndarray, int]) -> dict[str, Any]:
    import torch

    name, cohort, extra, seed = job
    torch.set_num_threads(THREADS)
    started, cpu = time.perf_counter(), time.process_time()
    found = METHODS[name](cohort, extra, seed=seed)
    found |= {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    return found | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _probed(job: tuple[Cohort, np.ndarray]) -> list[tuple[str, float, float, float]]:
    """The probe on sinus rhythm alone, so that the rhythm does not give the patient away."""
    import torch

    from physiodl import arrhythmia

    torch.set_num_threads(THREADS)
    cohort, extra = job
    x, y = cohort.signals[:, :1], cohort.labels
    net = arrhythmia.PlainCNN(1)
    arrhythmia.fit(net, x, y, seed=0, steps=1, rate=1e-9)
    seen = {"features of the CNN, not trained": arrhythmia.predict(net, x, features=True)}
    arrhythmia.fit(net, x[::2], y[::2], seed=0)
    seen["features of the CNN, trained for AF"] = arrhythmia.predict(net, x, features=True)
    known = np.where(np.isfinite(extra), extra, np.nanmean(extra, axis=0))
    seen |= {"RR numbers": known[:, :4], "P wave numbers": known[:, 4:]}
    start_s, rows = cohort.columns["start_s"], []
    normal = np.flatnonzero(y == 0)
    who, count = np.unique(cohort.subjects[normal], return_counts=True)
    normal = normal[np.isin(cohort.subjects[normal], who[count >= 20])]
    for what, numbers in seen.items():
        later, chance = arrhythmia.identify_patients(numbers[normal], cohort.subjects[normal], order=start_s[normal])
        mixed, _ = arrhythmia.identify_patients(numbers[normal], cohort.subjects[normal])
        rows.append((what, later, mixed, chance))
    return rows


def run(*, seeds: int = 3, simulated: bool = False) -> None:
    """Measure and print: scores by patient and by window, each patient, the probe, time and memory."""
    console = Console(width=120)
    place = folder(simulated=simulated)
    with tempfile.TemporaryDirectory() as temporary:
        if place is None:
            from physiodl.simulate.mitdb import write_database

            place = Path(temporary)
            write_database(place, seed=2026)
        cohort, extra, times = _prepared(place)
    on = "SIMULATED" if cohort.source == "simulated" else cohort.source
    who = cohort.subjects
    with_af = len(np.unique(who[cohort.labels == 1]))
    console.print(f"{cohort}\n{cohort.citation}", highlight=False)
    console.print(
        f"{len(np.unique(cohort.columns['record']))} records of {len(np.unique(who))} patients, {with_af} with AF; "
        f"to windows {times['windows']:.1f} s, evidence {times['evidence']:.1f} s",
        highlight=False,
    )
    aim = "" if cohort.source == "simulated" else AIM
    table = Table(title=f"AF in 5 s windows of {on} records, {folds(cohort)} folds, {THREADS} threads{aim}")
    heads = ("method", "split by", "seed", "ROC AUC", "95 %", "F1", "95 %", "s", "CPU s", "peak MB")
    for head in heads:
        table.add_column(head, justify="left" if head in heads[:2] else "right")
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for name in METHODS:
        for seed in range(seeds if name == "reference" else 1):
            with console.status(f"{name}, seed {seed}"):
                row = found[name, seed] = _apart(_measure, (name, cohort, extra, seed))
            table.add_row(*_cells(name, seed, cohort, row))
    console.print(table)
    console.print(_patients(cohort, found["plain CNN", 0], found["reference", 0]))
    console.print(_probe(_apart(_probed, (cohort, extra))))


def _apart(work: Any, job: tuple) -> Any:
    # threads that wait by turning round and round cost many times the work itself where others use the cores too
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (job,))


def _cells(name: str, seed: int, cohort: Cohort, row: dict[str, Any]) -> list[str]:
    y, who = cohort.labels, cohort.subjects
    auc, low, high = metrics.bootstrap_interval(metrics.roc_auc, y, row["probability"], groups=who)
    f1, f1_low, f1_high = metrics.bootstrap_interval(metrics.f1, y, row["called"], groups=who)
    split = "window: LEAKS" if name.endswith("leaky") else "patient"
    return [
        name, split, str(seed), f"{auc:.3f}", f"{low:.2f}-{high:.2f}", f"{f1:.3f}", f"{f1_low:.2f}-{f1_high:.2f}",
        f"{row['seconds']:.0f}", f"{row['cpu']:.0f}", f"{row['peak_mb']:.0f}",
    ]  # fmt: skip


def _patients(cohort: Cohort, plain: dict[str, Any], best: dict[str, Any]) -> Table:
    from physiodl import arrhythmia

    table = Table(title="Each patient, seed 0: sensitivity and specificity of the plain CNN and of the reference")
    heads = ("patient", "normal", "AF", "Se plain", "Sp plain", "Se", "Sp", "AUC")
    for head in heads:
        table.add_column(head, justify="right")
    rows = [arrhythmia.per_patient(cohort.labels, cohort.subjects, found) for found in (plain, best)]
    for a, b in zip(*rows, strict=True):
        values = (a["sensitivity"], a["specificity"], b["sensitivity"], b["specificity"], b["auc"])
        cells = ["" if np.isnan(value) else f"{value:.2f}" for value in values]
        table.add_row(a["subject"], str(a["normal"]), str(a["af"]), *cells)
    return table


def _probe(rows: list[tuple[str, float, float]]) -> Table:
    table = Table(title="Whose window is it? Normal sinus rhythm; a linear probe learns from half the windows")
    for head in ("what the probe sees", "later half of the record", "every second window", "always one patient"):
        table.add_column(head, justify="left" if head.startswith("what") else "right")
    for what, later, mixed, chance in rows:
        table.add_row(what, f"{later:.2f}", f"{mixed:.2f}", f"{chance:.2f}")
    return table
