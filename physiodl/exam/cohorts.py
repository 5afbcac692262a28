"""The sealed side of an examination: cohorts to predict, and scores against labels that cannot be read.

Every notebook imports this, in two processes while it is graded: what takes a second to import (scikit-learn, SciPy,
the data) is imported by the functions that need it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from physiodl.cohort import Cohort
from physiodl.exam.checks import expect, numbers, veiled

BATCH = (12, 61)  # recordings in one call of `ask`, least and one beyond the most
ASKED_AGAIN = 48
ODD_ANSWERS = 0.05  # share that may change: a decision whose probability lies on the threshold
PRACTICE_SEED = 2027  # of the patients of the arrhythmia cohort in self-checks
OF_STAGES = ("kappa", "macro_f1")  # of five classes, from decisions
OF_LEVELS = ("auc_low", "auc_medium", "auc_high", "macro_auc")  # of three classes, from probabilities
METRICS = ("roc_auc", "accuracy", "sensitivity", "specificity", "f1", *OF_STAGES, *OF_LEVELS)
NAMES = {"roc_auc": "ROC AUC", "f1": "F1", "macro_f1": "macro-F1", "macro_auc": "macro-AUC"} | {
    f"auc_{level}": f"AUC of {level}" for level in ("low", "medium", "high")
}

_state = {"assignment": "", "source": "auto", "seed": 0}
_cell: dict = {"hidden": False, "scores": []}  # of the test cell that runs now: what the examiner asks for afterwards


class HiddenLabels:
    """Labels that can be scored against and nothing else: they do not print, pickle, index or turn into an array."""

    __slots__ = ("_values",)

    def __init__(self, values: np.ndarray) -> None:
        self._values = np.asarray(values).astype(np.int64)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<{len(self)} hidden labels>"

    def _refuse(self, *_args, **_kwargs):
        raise TypeError("hidden labels stay with the examiner: pass them to exam.score, not to anything else")

    __array__ = __iter__ = __getitem__ = __reduce__ = __reduce_ex__ = __eq__ = _refuse
    __hash__ = None


@dataclass(frozen=True)
class ExamCohort:
    """Recordings to predict: ``signals`` (n, channels, samples), ``fs`` in Hz, ``labels`` sealed.

    ``subjects`` (n,) says whose they are, where that is known. Where they are epochs of nights, ``nights`` (n, 2) says
    of which night each is and its number there; they are in order, night after night. Where the pupil was seen too,
    ``pupil`` (n, samples) is its diameter over the same time, NaN where it was not seen.
    """

    signals: np.ndarray
    labels: HiddenLabels
    fs: float
    source: str
    hidden: bool
    subjects: np.ndarray | None = None
    nights: np.ndarray | None = None
    pupil: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.signals)

    def without(self, signal: str) -> ExamCohort:
        """The same recordings with a dead sensor: all of ``signal``, "eeg" or "pupil", is NaN."""
        field = {"eeg": "signals", "pupil": "pupil"}[signal]
        return replace(self, **{field: np.full_like(getattr(self, field), np.nan)})

    def shuffled(self, seed: int) -> ExamCohort:
        """The same recordings, or whole nights, in another order, so that order carries no information."""
        rng = np.random.default_rng(seed)
        if self.nights is None:
            order = rng.permutation(len(self))
        else:
            order = np.concatenate([np.flatnonzero(self.nights[:, 0] == k) for k in rng.permutation(self.night_names)])
        labels = HiddenLabels(self.labels._values[order])
        with_them = {name: getattr(self, name) for name in ("subjects", "nights", "pupil")}
        with_them = {name: None if of is None else of[order] for name, of in with_them.items()}
        return replace(self, signals=self.signals[order], labels=labels, **with_them)

    @property
    def night_names(self) -> np.ndarray:
        """The nights, ascending."""
        return np.unique(self.nights[:, 0])


@dataclass(frozen=True)
class Score:
    """A metric on ``n`` recordings, of ``patients`` where these are known, with its bootstrap interval."""

    metric: str
    value: float
    low: float
    high: float
    n: int
    patients: int = 0

    def __str__(self) -> str:
        name = NAMES.get(self.metric, self.metric)
        people = "subjects" if self.metric in OF_STAGES + OF_LEVELS else "patients"
        of = f" of {self.patients} {people}" if self.patients else ""
        return f"{name} {self.value:.3f} (95 % interval {self.low:.3f} to {self.high:.3f}, n = {self.n}{of})"


def begin(assignment: str, *, source: str = "auto", seed: int = 0) -> None:
    """Say once, in a locked cell, which assignment this is and on which data the student practises."""
    _state.update(assignment=assignment, source=source, seed=int(seed))


def cohort(name: str = "af_detection") -> ExamCohort:
    """The recordings a test cell examines on: hidden when an instructor grades, a practice cohort otherwise.

    Raises:
        FileNotFoundError: PHYSIODL_EXAM is set but has no cohort of this name. Grading must never fall back to
            the practice recordings in silence.
    """
    from physiodl.exam import hidden

    folder = os.environ.get("PHYSIODL_EXAM")
    if folder:
        place = Path(folder) / name
        if not (place / "features.npy").is_file():
            raise FileNotFoundError(
                f"PHYSIODL_EXAM names {folder}, which has no cohort {name!r}: run `autograder init` on the class again"
            )
        features = np.load(place / "features.npy", allow_pickle=False)
        labels = np.load(place / "labels.npy", allow_pickle=False)
        about = json.loads((place / "about.json").read_text()) if (place / "about.json").is_file() else {}
        signals = (features[:, None, :] if features.ndim == 2 else features).astype(np.float32, copy=False)
        fs, source = about.get("fs", 300.0), about.get("source", "simulated")
        who, nights, pupil = (
            np.load(place / file, allow_pickle=False) if (place / file).is_file() else None
            for file in (hidden.SUBJECTS_NAME, hidden.NIGHTS_NAME, hidden.PUPIL_NAME)
        )
        made = ExamCohort(signals, HiddenLabels(labels), fs, source, True, who, nights, pupil)
        _cell["hidden"] = True
    else:
        practice = _practice(name)
        labels, who, nights = HiddenLabels(practice.labels), practice.subjects, None
        if "night" in practice.columns:
            night = np.unique(practice.columns["night"], return_inverse=True)[1]
            nights = np.stack([night, practice.columns["epoch"]], axis=1)
        pupil = practice.columns.get("pupil")
        made = ExamCohort(practice.signals, labels, practice.fs, practice.source, False, who, nights, pupil)
    return made.shuffled(_state["seed"])


def _practice(name: str) -> Cohort:
    """The recordings of the self-checks. As many patients as in the hidden cohort: scores vary as little as there."""
    from physiodl import data
    from physiodl.exam import hidden

    if name == "arrhythmia":
        return hidden.arrhythmia_patients(PRACTICE_SEED)
    if name == "sleep":
        usual = {"n": hidden.HIDDEN_SLEEPERS, "hours": hidden.NIGHT_HOURS}
        return data.load("sleep", source="simulated", part="practice", **usual)
    if name == "workload":
        return hidden.thinned(data.load(name, source="simulated", part="practice", n=hidden.HIDDEN_WORKERS))
    return data.load(name, source=_state["source"], part="practice")


def ask(
    examined: ExamCohort, function: Callable[[np.ndarray, float], object], *, seed: int | None = None
) -> np.ndarray:
    """What a function answers for every recording, asked in batches of random sizes and in random order.

    Some recordings are asked about again, alone or in other company: an answer must come from the recording itself,
    not from its place or its neighbours. Epochs of nights are asked about one whole night at a time.

    Args:
        examined: the cohort.
        function: from signals (n, 1, samples) and fs in Hz to one number per recording; where there are nights, from
            the epochs (n, samples) of one night and their numbers (n,) in it to one number per epoch; where there is a
            pupil, from signals (n, channels, samples) and pupil (n, samples) to three probabilities per window.
        seed: of batches and order; the one given to `begin` when None.

    Returns:
        (n,) numbers in the cohort's order, for `score`; (n, 3) where there is a pupil.

    Raises:
        ExamError: another number of answers than recordings, or an answer that changes with the batch.
    """
    rng = np.random.default_rng(((_state["seed"] if seed is None else seed), 0xA5C))
    if examined.nights is not None:
        return _asked_by_night(examined, function, rng)
    each = () if examined.pupil is None else (3,)
    answers = np.full((len(examined), *each), np.nan)
    order = rng.permutation(len(examined))

    def answered(index: np.ndarray) -> np.ndarray:
        signals = np.ascontiguousarray(examined.signals[index])
        found = function(signals, examined.fs if examined.pupil is None else examined.pupil[index])
        return numbers(found, shape=(len(index), *each), what=f"answers for {len(index)} recordings")

    place = 0
    while place < len(order):
        size = int(rng.integers(*BATCH))
        index, place = order[place : place + size], place + size
        answers[index] = answered(index)
    again = rng.permutation(len(examined))[:ASKED_AGAIN]
    alone = max(1, len(again) // 8)
    parts = [*again[:alone, None], again[alone:]]
    second = np.concatenate([answered(part) for part in parts if len(part)])
    changed = int(np.sum((np.abs(second - answers[again]) > 1e-3).reshape(len(again), -1).any(axis=1)))
    some = "some" if veiled() else changed
    expect(
        changed <= ODD_ANSWERS * len(again),
        got=f"another answer for {some} of {len(again)} recordings when they were asked about in other company",
        expected="the same answer for the same recording",
        cause="net.eval() is missing, or something is computed over all recordings of a call",
    )
    return answers


def _asked_by_night(examined: ExamCohort, function: Callable, rng: np.random.Generator) -> np.ndarray:
    """(n,) answers, one night after the other in random order; two nights are asked about again at the end."""
    answers = np.full(len(examined), np.nan)
    names = rng.permutation(examined.night_names)

    def answered(index: np.ndarray) -> np.ndarray:
        epochs = np.ascontiguousarray(examined.signals[index, 0])
        found = function(epochs, examined.nights[index, 1].copy())
        return numbers(found, shape=(len(index),), what=f"answers for a night of {len(index)} epochs")

    for name in names:
        index = np.flatnonzero(examined.nights[:, 0] == name)
        answers[index] = answered(index)
    for name in names[: min(2, len(names) - 1)]:  # the first: before them nothing had been asked
        index = np.flatnonzero(examined.nights[:, 0] == name)
        changed = int(np.sum(answered(index) != answers[index]))
        some = "some" if veiled() else changed
        expect(
            changed <= 0.01 * len(index),  # two stages may be as likely as each other
            got=f"another answer for {some} of {len(index)} epochs when a night was asked about again",
            expected="the same answers for the same night",
            cause="net.eval() is missing, or something is carried over from one night to the next",
        )
    return answers


def score(metric: str, examined: ExamCohort, predictions, *, seed: int = 0) -> Score:
    """Score predictions against the sealed labels.

    Args:
        metric: one of ``METRICS``. ``roc_auc`` takes probabilities, ``kappa`` and ``macro_f1`` take stages 0 to 4,
            ``macro_auc`` and those of one level probabilities of all three, the others class labels 0 and 1.
        examined: the cohort the predictions are for, in its order.
        predictions: (n,) numbers, (n, 3) of levels.
        seed: seed of the bootstrap.

    Returns:
        The value with its 95 % interval, bootstrapped over patients where they are known, else over recordings.

    Raises:
        ExamError: predictions of another shape, not finite, or outside what the metric takes.
    """
    if metric not in METRICS:
        raise ValueError(f"got metric {metric!r}, expected one of {', '.join(METRICS)}")
    y, who = examined.labels._values, examined.subjects
    if metric in OF_LEVELS:
        found = _of_levels(metric, y, numbers(predictions, shape=(len(y), 3), what="predictions"), who, seed)
        facts = dict(zip(("value", "low", "high"), found, strict=True), metric=metric, n=len(y))
        _cell["scores"].append(facts)
        return Score(**facts, patients=len(np.unique(who)))
    p = numbers(predictions, shape=(len(y),), what="predictions")
    if metric == "roc_auc":
        expect(
            p.min() >= 0 and p.max() <= 1,
            got="values outside" if veiled() else f"values from {p.min():.3g} to {p.max():.3g}",
            expected="probabilities between 0 and 1",
            cause="logits were returned: apply a sigmoid",
        )
    else:
        values, stages = np.unique(p), metric in OF_STAGES
        cause = "probabilities were returned: compare them with your threshold"
        expect(
            np.isin(values, range(5) if stages else (0, 1)).all(),
            got="other values" if veiled() else f"values such as {', '.join(f'{v:.3g}' for v in values[:6])}",
            expected="stages 0 to 4" if stages else "class labels 0 and 1",
            cause="probabilities were returned: take the stage with the largest" if stages else cause,
        )
        p = p.astype(int)
    from physiodl import metrics, multiclass

    module = multiclass if metric in OF_STAGES else metrics
    value, low, high = module.bootstrap_interval(getattr(module, metric), y, p, groups=who, seed=seed)
    facts = {"metric": metric, "value": float(value), "low": float(low), "high": float(high), "n": len(y)}
    _cell["scores"].append(facts | ({"roc": _roc(y, p)} if metric == "roc_auc" else {}))
    return Score(**facts, patients=0 if who is None else len(np.unique(who)))


def _of_levels(metric: str, labels: np.ndarray, p: np.ndarray, who: np.ndarray, seed: int) -> tuple[float, ...]:
    """Value and interval of an AUC of one level against the others, or of their mean."""
    from physiodl import multiclass

    expect(
        p.min() >= 0 and np.abs(p.sum(axis=1) - 1).max() < 1e-2,
        got="other values" if veiled() else f"rows that add up to {np.unique(p.sum(axis=1).round(2))[:6].tolist()}",
        expected="three probabilities for each window, which add up to 1",
        cause="logits were returned, or the softmax is over the windows instead of the levels",
    )
    k = OF_LEVELS.index(metric)
    return tuple(float(each[k]) for each in multiclass.auc_intervals(labels, p, groups=who, seed=seed))


def _roc(labels: np.ndarray, probability: np.ndarray) -> dict[str, list[float]]:
    """The ROC curve at 101 false positive rates, for the class report."""
    from sklearn.metrics import roc_curve

    false_positive, true_positive, _ = roc_curve(labels, probability)
    grid = np.linspace(0, 1, 101)
    return {"fpr": grid.round(4).tolist(), "tpr": np.interp(grid, false_positive, true_positive).round(4).tolist()}


# --- what the examiner asks for, cell by cell ---


def begin_cell() -> None:
    """A test cell begins: nothing is scored yet. That hidden recordings were opened before stays true."""
    _cell["scores"] = []


def hidden_in_use() -> bool:
    """Whether this test cell or one before it has opened hidden recordings."""
    return _cell["hidden"]


def scores_of_cell() -> list[dict]:
    """The scores of the test cell that ran last, as plain data; `roc` only for ``roc_auc``."""
    return list(_cell["scores"])
