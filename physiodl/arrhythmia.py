"""Atrial fibrillation against normal sinus rhythm in 5 s windows: the reference of lesson and benchmark.

`PlainCNN` sees five seconds of one lead. `ContextNet` sees both leads and, besides, what half a minute around the
window says about the rhythm (`physiodl.evidence`). `cross_validate` splits by patient and chooses the threshold on
inner patients; without patients it is the leaky split. `identify_patients` asks how much of a patient is in a
network's features, `per_patient` where it fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold
from torch import nn

from physiodl import evidence, metrics, splits


class PlainCNN(nn.Module):
    """Four blocks of convolution, batch normalisation, ReLU and pooling; the mean over time; one logit per window."""

    def __init__(self, leads: int = 1, *, width: int = 16, dropout: float = 0.3):
        super().__init__()
        sizes = (leads, width, 2 * width, 2 * width, 4 * width)
        self.blocks = nn.Sequential(
            *[
                nn.Sequential(nn.Conv1d(a, b, 7, padding=3, bias=False), nn.BatchNorm1d(b), nn.ReLU(), nn.MaxPool1d(3))
                for a, b in zip(sizes, sizes[1:], strict=False)
            ]
        )
        self.dropout, self.out = nn.Dropout(dropout), nn.Linear(4 * width, 1)

    def features(self, x: torch.Tensor, extra: torch.Tensor | None = None) -> torch.Tensor:
        """(n, leads, samples) to (n, 4 * width): what is handed to the last layer."""
        return self.blocks(x).mean(dim=2)

    def forward(self, x: torch.Tensor, extra: torch.Tensor | None = None) -> torch.Tensor:
        return self.out(self.dropout(self.features(x)))[:, 0]

    def branches(self, x: torch.Tensor, extra: torch.Tensor | None = None) -> tuple[torch.Tensor, ...]:
        """What the loss is taken of: logits (n,) of the only branch there is."""
        return (self(x),)


class ContextNet(nn.Module):
    """Two branches: the shape of a window (`PlainCNN`), and what half a minute says about the rhythm.

    Each branch is trained for itself, and the rhythm decides: the shape moves the logit by at most ``LIMIT``. A shape
    is enough to tell the few patients with AF in training from the others, so that a network trained on the sum of
    both (``joint=True``) learns its patients and leaves the evidence aside; on new patients it is sure and wrong.
    """

    LIMIT = 1.0  # odds times or divided by e, where the rhythm is in doubt
    SCALE = 4.0  # a shape logit of this size counts as sure; both are design values

    def __init__(self, leads: int = 2, *, n_extra: int = len(evidence.NAMES), hidden: int = 8, joint: bool = False):
        super().__init__()
        self.shape = PlainCNN(leads)
        self.rhythm = nn.Sequential(nn.Linear(n_extra, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        self.joint = joint
        self.register_buffer("centre", torch.zeros(n_extra))
        self.register_buffer("spread", torch.ones(n_extra))

    def features(self, x: torch.Tensor, extra: torch.Tensor) -> torch.Tensor:
        """(n, leads, samples) and (n, n_extra) to (n, 64 + n_extra)."""
        return torch.cat([self.shape.features(x), self.standardised(extra)], dim=1)

    def standardised(self, extra: torch.Tensor) -> torch.Tensor:
        """Around 0 with spread 1; what is not known (NaN) counts as the mean and says nothing."""
        return torch.nan_to_num((extra - self.centre) / self.spread)

    def branches(self, x: torch.Tensor, extra: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What the loss is taken of: logits (n,) of each branch, or their sum when they are trained as one."""
        shape, rhythm = self.shape(x), self.rhythm(self.standardised(extra))[:, 0]
        return (shape + rhythm,) if self.joint else (shape, rhythm)

    def forward(self, x: torch.Tensor, extra: torch.Tensor) -> torch.Tensor:
        logits = self.branches(x, extra)
        return logits[0] if self.joint else logits[1] + self.LIMIT * torch.tanh(logits[0] / self.SCALE)


def class_weights(labels: np.ndarray) -> np.ndarray:
    """(2,) weight of each class: the rarer, the heavier; their mean over the recordings is 1."""
    counts = np.bincount(np.asarray(labels), minlength=2)
    if counts.min() == 0:
        raise ValueError(f"got {counts[0]} and {counts[1]} of the two classes, expected both")
    return counts.sum() / (2 * counts)


def focal_loss(
    logits: torch.Tensor, labels: torch.Tensor, *, gamma: float = 2.0, weights: np.ndarray | None = None
) -> torch.Tensor:
    """Cross-entropy that turns away from what is already easy: times (1 - p of the right class) ** gamma.

    With ``gamma=0`` it is cross-entropy (Lin et al. 2017, Focal Loss for Dense Object Detection). logits, labels (n,);
    weights (2,) from `class_weights`. Returns the mean.
    """
    labels = labels.to(logits.dtype)
    loss = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    loss = (1 - torch.exp(-loss)) ** gamma * loss if gamma else loss
    if weights is not None:
        weights = torch.as_tensor(weights, dtype=logits.dtype)
        loss = loss * torch.where(labels > 0.5, weights[1], weights[0])
    return loss.mean()


def balanced_batch(labels: np.ndarray, subjects: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """(size,) positions: half of each class, and within a class every patient as often, however long his record."""
    chosen = []
    for label, count in ((0, size - size // 2), (1, size // 2)):
        of = np.flatnonzero(labels == label)
        who, number = np.unique(subjects[of], return_inverse=True)
        order = np.argsort(number, kind="stable")
        held = np.bincount(number)
        patient = rng.integers(len(who), size=count)
        chosen.append(of[order[np.cumsum(held)[patient] - 1 - rng.integers(held[patient])]])
    return np.concatenate(chosen)


def augmented(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Windows as other electrodes could have seen them: gain, polarity and order of the leads, noise; AF stays AF."""
    n, leads, _ = x.shape
    gain = np.exp(rng.normal(0, 0.2, (n, leads, 1))) * rng.choice([-1, 1], (n, 1, 1), p=[0.25, 0.75])
    noise = rng.uniform(0, 0.1, (n, leads, 1)) * rng.standard_normal(x.shape)
    swapped = torch.as_tensor(rng.random(n) < 0.3)[:, None, None]
    x = torch.where(swapped, x.flip(1), x)
    return x * torch.as_tensor(gain, dtype=x.dtype) + torch.as_tensor(noise, dtype=x.dtype)


def fit(
    net: nn.Module,
    x: np.ndarray,
    labels: np.ndarray,
    *,
    seed: int,
    subjects: np.ndarray | None = None,
    extra: np.ndarray | None = None,
    steps: int = 300,
    size: int = 64,
    rate: float = 3e-3,
    gamma: float = 0.0,
    augment: bool = False,
) -> nn.Module:
    """Train a network in place and return it: AdamW, a learning rate that rises and falls (Smith and Topin 2018).

    Args:
        net: a `PlainCNN` or a `ContextNet`; its weights are drawn anew from ``seed``.
        x: (n, leads, samples). labels: (n,) 0 and 1. extra: (n, k) further numbers, standardised here, or None.
        subjects: (n,): batches of `balanced_batch`. None: windows as they come, and class weights in the loss.
        steps, size: number and size of the batches. rate: the highest learning rate.
        gamma: of `focal_loss`. augment: see `augmented`.
    """
    rng, labels = np.random.default_rng(seed), np.asarray(labels)
    subjects = None if subjects is None else np.unique(subjects, return_inverse=True)[1]  # numbers: quick to compare
    weights = class_weights(labels) if subjects is None else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in net.modules():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        if extra is not None:
            net.centre.copy_(torch.as_tensor(np.nanmean(extra, axis=0)))
            net.spread.copy_(torch.as_tensor(np.nanstd(extra, axis=0) + 1e-6))
        optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rate, total_steps=steps)
        net.train()
        queue = np.zeros(0, int)
        for _ in range(steps):
            if subjects is not None:
                index = balanced_batch(labels, subjects, size, rng)
            else:
                if len(queue) < size:
                    queue = np.concatenate([queue, rng.permutation(len(labels))])
                index, queue = queue[:size], queue[size:]
            batch = torch.as_tensor(np.ascontiguousarray(x[index]))
            batch = augmented(batch, rng) if augment else batch
            more = None if extra is None else torch.as_tensor(extra[index])
            right = torch.as_tensor(labels[index])
            loss = sum(focal_loss(each, right, gamma=gamma, weights=weights) for each in net.branches(batch, more))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return net.eval()


@torch.no_grad()
def predict(
    net: nn.Module, x: np.ndarray, extra: np.ndarray | None = None, *, features: bool = False, size: int = 256
) -> np.ndarray:
    """Probabilities of AF (n,), or what the last layer is given (n, k) with ``features=True``."""
    net.eval()
    rows = []
    for k in range(0, len(x), size):
        part = torch.as_tensor(np.ascontiguousarray(x[k : k + size]))
        more = None if extra is None else torch.as_tensor(extra[k : k + size])
        rows.append(net.features(part, more) if features else torch.sigmoid(net(part, more)))
    return torch.cat(rows).numpy()


def best_threshold(labels: np.ndarray, probability: np.ndarray, *, tolerance: float = 0.02) -> float:
    """A threshold whose F1 is hardly worse than the best: of those within ``tolerance`` of it, the nearest to 0.5.

    On few patients F1 is nearly flat around its maximum, and where exactly the maximum lies is chance: a threshold put
    there can miss all AF of the next patient. Of networks trained on balanced classes, 0.5 is the middle. The tolerance
    is a design value, far below the spread of F1 from patient to patient.
    """
    values = np.unique(probability)
    between = (values[1:] + values[:-1]) / 2 if len(values) > 1 else values
    order = np.argsort(probability, kind="stable")
    positives = np.concatenate([np.cumsum(np.asarray(labels)[order][::-1])[::-1], [0]])
    place = np.searchsorted(probability[order], between)
    f1 = 2 * positives[place] / (len(labels) - place + positives[0])
    good = between[f1 >= f1.max() - tolerance]
    return float(good[np.argmin(np.abs(good - 0.5))])


Trainer = Callable[[np.ndarray, int], Callable[[np.ndarray], np.ndarray]]


def cross_validate(
    labels: np.ndarray, subjects: np.ndarray | None, trainer: Trainer, *, n_splits: int = 4, inner: int = 3, seed: int
) -> dict[str, np.ndarray]:
    """Probability and decision for every window from networks that never saw its patient, nor chose a threshold on him.

    In each fold the patients in training are divided once more, in ``inner`` parts: as many networks each leave one
    part out. What they say about the part left out gives the threshold; their mean is what is said about the test
    patients. Where a class has too few patients for that, one network is trained and the threshold is 0.5.

    Args:
        labels: (n,). subjects: (n,), or None for the leaky split: every window for itself.
        trainer: (positions to train on, seed) to a function from positions to probabilities.
        n_splits, inner: numbers of parts. seed: of the splits and the networks.

    Returns:
        ``probability`` (n,), ``called`` (n,) 0 or 1, ``threshold`` (n,) and ``fold`` (n,) of each window.
    """
    labels = np.asarray(labels)
    found = {"probability": np.zeros(len(labels)), "called": np.zeros(len(labels), int)}
    found |= {"threshold": np.zeros(len(labels)), "fold": np.zeros(len(labels), int)}
    for fold, (train, test) in enumerate(_folds(labels, subjects, n_splits, seed)):
        own = None if subjects is None else subjects[train]
        parts = _inner_parts(labels[train], own, inner)
        held, said, threshold = np.zeros(len(train)), np.zeros(len(test)), 0.5
        if parts == 1:
            said = trainer(train, 100 * seed + 10 * fold)(test)
        else:
            for k, (rest, out) in enumerate(_folds(labels[train], own, parts, seed + 1 + fold)):
                judge = trainer(train[rest], 100 * seed + 10 * fold + k)
                held[out] = judge(train[out])
                said += judge(test) / parts
            threshold = best_threshold(labels[train], held)
        found["probability"][test], found["threshold"][test], found["fold"][test] = said, threshold, fold
        found["called"][test] = said >= threshold
    return found


def _folds(labels: np.ndarray, subjects: np.ndarray | None, n_splits: int, seed: int) -> Any:
    """Pairs of (train, test) positions, with both classes in every training part."""
    if subjects is None:
        return StratifiedKFold(n_splits, shuffle=True, random_state=seed).split(labels, labels)
    drawn = list(splits.subject_kfold(labels, subjects, n_splits=n_splits, seed=seed))
    rng, (names, who) = np.random.default_rng(seed), np.unique(subjects, return_inverse=True)
    with_af = np.bincount(who, weights=labels) > 0
    for _ in range(50):
        if all(len(np.unique(labels[train])) == 2 for train, _ in drawn):
            return drawn
        # balanced in windows, all patients with AF can come to one side: then deal patients out, those with AF first
        order = rng.permutation(len(names))
        order, part = order[np.argsort(~with_af[order], kind="stable")], np.zeros(len(names), int)
        part[order] = np.arange(len(names)) % n_splits
        drawn = [(np.flatnonzero(part[who] != k), np.flatnonzero(part[who] == k)) for k in range(n_splits)]
    raise ValueError(f"no {n_splits} folds found with both classes in every training part: too few patients")


def _inner_parts(labels: np.ndarray, subjects: np.ndarray | None, wanted: int) -> int:
    """As many parts as wanted, if each class has a patient for each; 1 where it cannot be divided."""
    who = np.arange(len(labels)) if subjects is None else subjects
    return max(1, min(wanted, *(len(np.unique(who[labels == label])) for label in (0, 1))))


def identify_patients(
    rows: np.ndarray, subjects: np.ndarray, *, order: np.ndarray | None = None
) -> tuple[float, float]:
    """How well a linear probe says whose window it is.

    Args:
        rows: (n, k) features of a network, or the numbers of the windows themselves.
        subjects: (n,). order: (n,) time in the record: the probe learns from the earlier half of each patient's windows
            and is asked about the later half. None: from every second window, as a split by window does.

    Returns:
        Share of windows given to the right patient, and the share that always naming one patient would get.
    """
    learn = np.zeros(len(rows), bool)
    for who in np.unique(subjects):
        of = np.flatnonzero(subjects == who)
        of = of if order is None else of[np.argsort(order[of], kind="stable")]
        learn[of[::2] if order is None else of[: (len(of) + 1) // 2]] = True
    probe = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(rows[learn], subjects[learn])
    asked = subjects[~learn]
    chance = np.unique(asked, return_counts=True)[1].max() / len(asked)
    return float(np.mean(probe.predict(rows[~learn]) == asked)), float(chance)


def per_patient(labels: np.ndarray, subjects: np.ndarray, found: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """One row per patient: windows of each class, sensitivity, specificity and ROC AUC (NaN where not defined)."""
    rows = []
    for who in np.unique(subjects):
        of = subjects == who
        y, called, said = labels[of], found["called"][of], found["probability"][of]
        af, both = y == 1, 0 < y.mean() < 1
        rows.append(
            {
                "subject": str(who),
                "normal": int((~af).sum()),
                "af": int(af.sum()),
                "sensitivity": float(called[af].mean()) if af.any() else np.nan,
                "specificity": float(1 - called[~af].mean()) if (~af).any() else np.nan,
                "auc": metrics.roc_auc(y, said) if both else np.nan,
                "threshold": float(found["threshold"][of][0]),
            }
        )
    return rows
