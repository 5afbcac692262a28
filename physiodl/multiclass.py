"""Metrics for more than two classes, such as sleep stages, and their intervals over subjects.

A thin layer over scikit-learn, the sister of `physiodl.metrics` for two classes. Classes are whole numbers from 0 to
``n_classes - 1``. A class that is neither scored nor predicted has F1 0 by definition here, as in scikit-learn with
``zero_division=0``, and counts in the macro mean: whoever leaves a stage out of a test does not gain by it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn import metrics as sk

from physiodl.metrics import _weighted_auc

N_CLASSES = 5  # sleep stages W, N1, N2, N3, REM


def accuracy(labels: np.ndarray, predicted: np.ndarray, *, n_classes: int = N_CLASSES) -> float:
    """Share called correctly. labels, predicted: (n,) class numbers."""
    return float(sk.accuracy_score(*_checked(labels, predicted, n_classes)))


def kappa(labels: np.ndarray, predicted: np.ndarray, *, n_classes: int = N_CLASSES) -> float:
    """Cohen's kappa (Cohen 1960): agreement beyond what the class frequencies alone would give.

    1 is full agreement, 0 what chance gives, below 0 less than chance. Where labels and predictions are all of one and
    the same class chance agrees fully, kappa is not defined, and 0 is returned.
    """
    return float(_kappa(confusion(labels, predicted, n_classes=n_classes)))


def f1_per_class(labels: np.ndarray, predicted: np.ndarray, *, n_classes: int = N_CLASSES) -> np.ndarray:
    """(n_classes,) F1 of each class against all others; 0 where there is nothing right."""
    labels, predicted = _checked(labels, predicted, n_classes)
    return sk.f1_score(labels, predicted, labels=np.arange(n_classes), average=None, zero_division=0)


def macro_f1(labels: np.ndarray, predicted: np.ndarray, *, n_classes: int = N_CLASSES) -> float:
    """Plain mean of the F1 of all classes: the rare class counts as much as the common one."""
    return float(f1_per_class(labels, predicted, n_classes=n_classes).mean())


def confusion(labels: np.ndarray, predicted: np.ndarray, *, n_classes: int = N_CLASSES) -> np.ndarray:
    """(n_classes, n_classes) int64 counts: row the true class, column the predicted one."""
    labels, predicted = _checked(labels, predicted, n_classes)
    return sk.confusion_matrix(labels, predicted, labels=np.arange(n_classes)).astype(np.int64)


def bootstrap_interval(
    metric: Callable[..., float],
    labels: np.ndarray,
    predicted: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    n_classes: int = N_CLASSES,
    n_boot: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """A metric with its percentile bootstrap interval (Efron 1979), resampling whole subjects.

    Epochs of a night resemble each other, and nights of a subject too: resampling single epochs gives an interval that
    is far too narrow. With ``groups`` a subject comes with all nights or not at all.

    Args:
        metric: `kappa`, `macro_f1`, `accuracy`, or any function of (labels, predicted) that returns a number.
        labels, predicted: (n,) class numbers. groups: (n,) the subject of each, or None: each for itself.
        n_boot: resamples. level: coverage, in (0, 1). seed: the same seed gives the same interval.

    Returns:
        (value, low, high); value is the metric of the data themselves.

    Raises:
        ValueError: fewer than two groups, or arguments that make no sense.
    """
    labels, predicted = _checked(labels, predicted, n_classes)
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; expected a share between 0 and 1, such as 0.95.")
    if n_boot != int(n_boot) or n_boot < 2:
        raise ValueError(f"n_boot is {n_boot!r}; expected a number of resamples from 2.")
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    if groups.shape != labels.shape:
        raise ValueError(f"groups have shape {groups.shape} and labels {labels.shape}; expected one group per label.")
    names, who = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise ValueError("got one group; a bootstrap over subjects needs at least two.")
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=int(n_boot))
    own = {"n_classes": n_classes} if metric in _FROM_COUNTS else {}
    value = float(metric(labels, predicted, **own))
    if own:  # all resamples at once, from the counts of each subject
        cell = (who * n_classes + labels) * n_classes + predicted
        counts = np.bincount(cell, minlength=len(names) * n_classes**2).reshape(len(names), -1)
        values = _FROM_COUNTS[metric]((times @ counts).reshape(-1, n_classes, n_classes))
    else:
        values = [metric(np.repeat(labels, row[who]), np.repeat(predicted, row[who])) for row in times]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return value, float(low), float(high)


def auc_per_class(labels: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """(n_classes,) area under the ROC curve of each class against all others, by its own column.

    labels: (n,) class numbers, each of them there. probability: (n, n_classes), larger means more likely.
    """
    labels, probability = _scored(labels, probability)
    return np.array([sk.roc_auc_score(labels == k, probability[:, k]) for k in range(probability.shape[1])])


def auc_intervals(
    labels: np.ndarray,
    probability: np.ndarray,
    *,
    groups: np.ndarray,
    n_boot: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """AUC of each class and their mean, with percentile bootstrap intervals (Efron 1979) that resample whole subjects.

    Args:
        labels, probability: as in `auc_per_class`. groups: (n,) whose each is.
        n_boot: resamples; those in which a class is missing are left out. level: coverage. seed: of the resamples.

    Returns:
        (value, low, high), each (n_classes + 1,): the classes, then their mean.

    Raises:
        ValueError: fewer than two groups, or arguments that make no sense.
    """
    labels, probability = _scored(labels, probability)
    names, who = np.unique(np.asarray(groups), return_inverse=True)
    if who.shape != labels.shape or len(names) < 2:
        raise ValueError(f"got {len(names)} groups of {who.size} labels; expected one group per label, two at least.")
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=int(n_boot))[:, who]
    whole = np.all([(times[:, labels == k] > 0).any(axis=1) for k in range(probability.shape[1])], axis=0)
    if not whole.any():
        raise ValueError("no resample has all classes; a bootstrap over subjects needs more of them.")
    drawn = [_weighted_auc((labels == k).astype(np.int64), p, times[whole]) for k, p in enumerate(probability.T)]
    drawn = np.stack([*drawn, np.mean(drawn, axis=0)])
    value = auc_per_class(labels, probability)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1)
    return np.append(value, value.mean()), low, high


# scikit-learn's functions take one confusion matrix's worth of labels at a time; these take a stack (..., k, k)


def _kappa(counts: np.ndarray) -> np.ndarray:
    total = counts.sum(axis=(-1, -2))
    seen = np.trace(counts, axis1=-2, axis2=-1) / total
    chance = (counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1) / total.astype(float) ** 2
    return np.divide(seen - chance, 1 - chance, out=np.zeros_like(chance), where=chance < 1)


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    right = np.diagonal(counts, axis1=-2, axis2=-1).astype(float)
    named = counts.sum(axis=-1) + counts.sum(axis=-2)
    return np.divide(2 * right, named, out=np.zeros_like(right), where=named > 0).mean(axis=-1)


def _accuracy(counts: np.ndarray) -> np.ndarray:
    return np.trace(counts, axis1=-2, axis2=-1) / counts.sum(axis=(-1, -2))


_FROM_COUNTS = {kappa: _kappa, macro_f1: _macro_f1, accuracy: _accuracy}


def _scored(labels, probability) -> tuple[np.ndarray, np.ndarray]:
    probability = np.asarray(probability, dtype=float)
    if probability.ndim != 2 or not np.isfinite(probability).all():
        raise ValueError(f"probability has shape {probability.shape}; expected finite numbers, a column per class.")
    labels, _ = _checked(labels, np.zeros(len(probability)), probability.shape[1])
    missing = sorted(set(range(probability.shape[1])) - set(labels.tolist()))
    if missing:
        raise ValueError(f"no label is {missing[0]}; an AUC against the others needs every class.")
    return labels, probability


def _checked(labels, predicted, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Both as int64 (n,), or a ValueError that says what is wrong."""
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"labels have shape {labels.shape}; expected (n,) with n > 0.")
    if predicted.shape != labels.shape:
        hint = " Of probabilities take the class: probability.argmax(axis=1)." if predicted.ndim == 2 else ""
        raise ValueError(
            f"predictions have shape {predicted.shape} and labels {labels.shape}; expected one class each.{hint}"
        )
    for name, values in (("labels", labels), ("predictions", predicted)):
        if values.dtype.kind not in "biuf" or not np.isin(values, np.arange(n_classes)).all():
            odd = [value for value in np.unique(values).tolist() if value not in range(n_classes)]
            raise ValueError(
                f"{name} hold {odd[:3]}; expected class numbers from 0 to {n_classes - 1}. "
                "Names of stages, unscored epochs and probabilities have no place here."
            )
    return labels.astype(np.int64), predicted.astype(np.int64)
