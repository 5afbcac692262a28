"""AF detection: the reference of assignment 03 beside the RR baseline and the network once published for these data.

Real recordings are used where they are: fetched ones, or a folder of PhysioNet/CinC Challenge 2017 recordings that
PHYSIODL_REAL_DATA names. Each method runs in a process of its own, so that its peak memory is its own; all see the
same splits: 20 % test, near-duplicates kept together.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from physiodl import data, metrics, registry, splits
from physiodl.afdata import WIDTH
from physiodl.cohort import Cohort

THREADS = 2


def recordings(*, simulated: bool = False) -> Cohort:
    """The recordings to measure on; ``source`` says what they are."""
    if simulated:
        return data.load("af", "simulated")
    packed = Path(os.environ.get("PHYSIODL_REAL_DATA", "")) / "cinc2017" / "normal_vs_af.npz"
    real = registry.real_folder(registry.find("af"))
    if not packed.is_file() or (real / "features.npy").is_file():
        return data.load("af", part="all") if (real / "features.npy").is_file() else data.load("af", "simulated")
    return from_challenge(packed)


def from_challenge(packed: Path) -> Cohort:
    """CinC 2017 recordings (``signal`` concatenated, ``offset``, ``is_af``) in the published form: z-scored, padded."""
    with np.load(packed, allow_pickle=False) as file:
        signal, offset, labels, fs = file["signal"], file["offset"], file["is_af"], float(file["fs"])
    rows = np.zeros((len(labels), WIDTH), np.float32)
    for row, (a, b) in enumerate(zip(offset[:-1], offset[1:], strict=True)):
        x = signal[a:b][:WIDTH].astype(np.float32)
        rows[row, : len(x)] = (x - x.mean()) / (x.std() + 1e-6)
    return Cohort(
        "cinc2017", rows[:, None], labels.astype(np.int64), None, fs, ("normal", "AF"), ("lead I",), "real",
        "Clifford et al., PhysioNet/CinC Challenge 2017, doi 10.22489/CinC.2017.065-469", "ODC-By 1.0",
    )  # fmt: skip


def rr_baseline(cohort: Cohort, split: dict[str, np.ndarray], seed: int, **_: Any) -> np.ndarray:
    """Logistic regression on five numbers about RR irregularity; probabilities of all recordings."""
    from physiodl.exam.baselines import rr_irregularity

    return rr_irregularity(cohort.subset(split["train"]), cohort.signals, cohort.fs, seed=seed)


def reference(cohort: Cohort, split: dict[str, np.ndarray], seed: int, **_: Any) -> np.ndarray:
    """Assignment 03's solution at its full budget: its `train_and_predict`, timed with its preprocessing."""
    import torch

    from autograder.reference import run_reference

    torch.set_num_threads(THREADS)
    parameters = {"SOURCE": "simulated", "BUDGET": "full", "SEED": seed}
    names = run_reference("03_af_detection", parameters=parameters, skip=("predict", "perform"))
    started = time.perf_counter()
    result = names["train_and_predict"](cohort.signals, cohort.fs, cohort.labels, split, seed)
    _clock["s"] = time.perf_counter() - started
    return np.asarray(result["probability"])


def published(cohort: Cohort, split: dict[str, np.ndarray], seed: int, *, epochs: int) -> np.ndarray:
    """Two convolutions and a dense layer over 145,248 numbers, batches of 10, Adam at 0.001, on the raw rows."""
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv1d(1, 16, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(16, 32, 5), nn.ReLU(), nn.MaxPool1d(2),
        nn.Flatten(), nn.Linear(145_248, 32), nn.ReLU(), nn.Linear(32, 1),
    )  # fmt: skip
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    x, y = torch.as_tensor(cohort.signals), torch.as_tensor(cohort.labels, dtype=torch.float32)
    shuffle = torch.Generator().manual_seed(seed)
    train = torch.as_tensor(split["train"])
    for _ in range(epochs):
        net.train()
        for b in train[torch.randperm(len(train), generator=shuffle)].split(10):
            loss = nn.functional.binary_cross_entropy_with_logits(net(x[b])[:, 0], y[b])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    net.eval()
    with torch.no_grad():
        return torch.cat([torch.sigmoid(net(x[k : k + 64])[:, 0]) for k in range(0, len(x), 64)]).numpy()


METHODS = {"RR irregularity": rr_baseline, "reference": reference, "published layout": published}
_clock: dict[str, float] = {}


def _measure(job: tuple[str, Cohort, dict[str, np.ndarray], int, int]) -> dict[str, float]:
    name, cohort, split, seed, epochs = job
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    probability = METHODS[name](cohort, split, seed, epochs=epochs)
    seconds = _clock.pop("s", time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    test, train = split["test"], split["train"]
    return {
        "seconds": seconds,
        "peak_mb": peak,
        "added_mb": peak - before,
        "auc": metrics.roc_auc(cohort.labels[test], probability[test]),
        "accuracy": metrics.accuracy(cohort.labels[test], (probability[test] >= 0.5).astype(int)),
        "train_auc": metrics.roc_auc(cohort.labels[train], probability[train]),
    }


def run(*, seeds: int, published_epochs: int, simulated: bool = False) -> None:
    """Measure and print one table."""
    console = Console(width=120)
    cohort = recordings(simulated=simulated)
    console.print(f"{cohort}\n{cohort.citation}", highlight=False)
    started = time.perf_counter()
    groups = data.groups(cohort)
    console.print(
        f"near-duplicates: {len(np.unique(groups))} groups, {time.perf_counter() - started:.1f} s (0 s when kept)"
    )
    on = "SIMULATED" if cohort.source == "simulated" else cohort.source
    table = Table(title=f"AF detection, 20 % test, {THREADS} threads; scores on {on} recordings")
    heads = ("method", "seed", "ROC AUC", "accuracy", "AUC in training", "s", "peak MB", "above start MB")
    for head in heads:
        table.add_column(head, justify="left" if head == "method" else "right")
    parts = {seed: _split(cohort, groups, seed) for seed in range(seeds)}
    found: dict[str, list[dict[str, float]]] = {}
    context = multiprocessing.get_context("spawn")
    for name in METHODS:
        own_seeds = range(1) if name == "published layout" else range(seeds)
        for seed in own_seeds:
            with context.Pool(1) as pool:  # one process per measurement: its peak memory is its own
                row = pool.apply(_measure, ((name, cohort, parts[seed], seed, published_epochs),))
            found.setdefault(name, []).append(row)
            told = f"{name}, {published_epochs} epochs" if name == "published layout" else name
            table.add_row(told, str(seed), *_cells(row))
        if len(found[name]) > 1:
            mean = {key: float(np.mean([row[key] for row in found[name]])) for key in found[name][0]}
            table.add_row(f"{name}, mean", "", *_cells(mean), style="bold", end_section=True)
    console.print(table)
    ratio = found["published layout"][0]["seconds"] / np.mean([row["seconds"] for row in found["reference"]])
    console.print(
        f"{published_epochs} of the published network's 130 epochs take {ratio:.1f} times as long as the reference's "
        "whole training."
    )


def _split(cohort: Cohort, groups: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    return splits.group_split(cohort.labels, groups, fractions={"train": 0.68, "val": 0.12, "test": 0.2}, seed=seed)


def _cells(row: dict[str, float]) -> list[str]:
    return [
        f"{row['auc']:.4f}", f"{row['accuracy']:.3f}", f"{row['train_auc']:.3f}", f"{row['seconds']:.1f}",
        f"{row['peak_mb']:.0f}", f"{row['added_mb']:.0f}",
    ]  # fmt: skip
