"""Metrics for two classes (0: healthy, 1: the finding), their intervals, and a threshold chosen by cost.

A thin layer over scikit-learn: the same numbers, the names used in clinical papers, and errors that say what
is wrong with the arguments. Where a ratio has no denominator (no recording called positive, say) the value is
0, as in scikit-learn, except that sensitivity and specificity of an absent class are an error: they say
nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats
from sklearn import metrics as sk


def accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Share of recordings called correctly. labels, predicted: (n,) of 0 and 1."""
    return float(sk.accuracy_score(*_decisions(labels, predicted)))


def sensitivity(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the positive recordings (label 1) that are called positive; also recall."""
    labels, predicted = _decisions(labels, predicted)
    _need(labels, 1, "sensitivity")
    return float(sk.recall_score(labels, predicted, pos_label=1))


def specificity(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the negative recordings (label 0) that are called negative."""
    labels, predicted = _decisions(labels, predicted)
    _need(labels, 0, "specificity")
    return float(sk.recall_score(labels, predicted, pos_label=0))


def ppv(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Positive predictive value: share of the positive calls that are right; also precision. 0 without such
    calls.

    It depends on how common the finding is: in a cohort that is half AF it flatters a test meant for
    screening.
    """
    return float(sk.precision_score(*_decisions(labels, predicted), zero_division=0))


def f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Harmonic mean of sensitivity and PPV for class 1; 0 when nothing is found."""
    return float(sk.f1_score(*_decisions(labels, predicted), zero_division=0))


def confusion(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(2, 2) int64 counts: row true class, column called class: [[TN, FP], [FN, TP]]."""
    return sk.confusion_matrix(*_decisions(labels, predicted), labels=[0, 1]).astype(np.int64)


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a positive recording scores above a negative one, ties half.

    labels: (n,) of 0 and 1, both present. scores: (n,) any finite number, larger means more likely positive.
    """
    labels, scores = _scores(labels, scores)
    if labels.min() == labels.max():
        raise ValueError(
            f"all {len(labels)} labels are {labels[0]}; ROC AUC compares the two classes and needs both. "
            "Is the part too small, or was it taken from sorted recordings?"
        )
    return float(sk.roc_auc_score(labels, scores))


def bootstrap_interval(
    metric: Callable[[np.ndarray, np.ndarray], float],
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    n_boot: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """A metric with its percentile bootstrap interval (Efron 1979), resampling whole groups.

    Recordings of one subject, or copies of one recording, are not independent: resampling them one by one
    gives an interval that is too narrow. With `groups` a subject comes with all of his recordings or not at
    all. Resamples that hold one class only are drawn again.

    Parameters
    ----------
    metric : function of (labels, scores), such as `roc_auc` or `accuracy`; the latter takes decisions as
        `scores`.
    labels : (n,) of 0 and 1, both present.
    scores : (n,) what the metric takes.
    groups : (n,) group of each recording, or None: each recording for itself.
    n_boot : resamples. level : coverage, in (0, 1). seed : the same seed gives the same interval.

    Returns
    -------
    (value, low, high) as floats; value is the metric of the data itself.
    """
    labels, scores = _scores(labels, scores)
    if labels.min() == labels.max():
        raise ValueError(f"all {len(labels)} labels are {labels[0]}; a bootstrap needs both classes.")
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; expected a share between 0 and 1, such as 0.95.")
    if n_boot != int(n_boot) or n_boot < 2:
        raise ValueError(f"n_boot is {n_boot!r}; expected a number of resamples from 2.")
    unit, n_units = np.arange(len(labels)), len(labels)
    if groups is not None:
        groups = np.asarray(groups)
        if groups.shape != labels.shape:
            raise ValueError(
                f"groups have shape {groups.shape} and labels {labels.shape}; expected one group per "
                "recording."
            )
        names, unit = np.unique(groups, return_inverse=True)
        n_units = len(names)
        if n_units < 2:
            raise ValueError("got one group; a bootstrap over groups needs at least two.")
    value = float(metric(labels, scores))
    times = _resamples(labels, unit, n_units, int(n_boot), np.random.default_rng(seed))
    if metric is roc_auc:
        values = _weighted_auc(labels, scores, times)
    elif metric in _FROM_COUNTS:  # all resamples at once: scikit-learn's checks cost milliseconds per call
        values = _FROM_COUNTS[metric](*_weighted_counts(labels, scores, times))
    else:
        values = np.array([metric(np.repeat(labels, row), np.repeat(scores, row)) for row in times])
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return value, float(low), float(high)


def cost_threshold(
    labels: np.ndarray, probability: np.ndarray, *, cost_missed: float, cost_false_alarm: float
) -> float:
    """The threshold with the lowest cost on these recordings; the decision is ``probability >= threshold``.

    Cost = cost_missed * (positives below the threshold) + cost_false_alarm * (negatives at or above it).
    Candidates lie midway between neighbouring probabilities, so that a small change of a probability changes
    no decision, plus 0 (call everything) and just above 1 (call nothing). Of equal costs the *lowest*
    threshold is taken: when costs do not decide, miss less. Choose it on validation recordings, never on the
    test part.

    labels: (n,) of 0 and 1. probability: (n,) in [0, 1]. Costs: not negative, not both 0, in any common unit.
    """
    labels, probability = _scores(labels, probability)
    if probability.min() < 0 or probability.max() > 1:
        raise ValueError(
            f"probability lies in [{probability.min():.3g}, {probability.max():.3g}]; expected 0 to 1. "
            "Are these logits? Apply the sigmoid (or softmax, second column) first."
        )
    costs = np.array([cost_missed, cost_false_alarm], float)
    if not (np.isfinite(costs).all() and (costs >= 0).all() and costs.sum() > 0):
        raise ValueError(
            f"cost_missed is {cost_missed!r} and cost_false_alarm {cost_false_alarm!r}; "
            "expected finite costs from 0, one of them above 0."
        )
    values, place = np.unique(probability, return_inverse=True)
    positive = np.bincount(place, weights=labels, minlength=len(values))
    negative = np.bincount(place, weights=1 - labels, minlength=len(values))
    # threshold k calls values[k:] positive, k = 0 ... len(values)
    missed = np.concatenate([[0], np.cumsum(positive)])
    alarms = negative.sum() - np.concatenate([[0], np.cumsum(negative)])
    cost = cost_missed * missed + cost_false_alarm * alarms
    k = int(np.flatnonzero(np.isclose(cost, cost.min(), rtol=1e-12, atol=0))[0])
    if k == 0:
        return 0.0
    if k == len(values):
        return float(np.nextafter(1.0, 2.0))
    middle = (values[k - 1] + values[k]) / 2
    return float(middle if values[k - 1] < middle else values[k])


def _resamples(labels, unit, n_units: int, n_boot: int, rng: np.random.Generator) -> np.ndarray:
    """(n_boot, n) int64: how often each recording is in each resample; both classes in every row."""
    rows = np.empty((n_boot, len(labels)), np.int64)
    todo = np.arange(n_boot)
    positive = labels == 1
    for _ in range(1000):
        drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=len(todo))
        rows[todo] = drawn[:, unit]
        single = (rows[todo][:, positive].sum(1) == 0) | (rows[todo][:, ~positive].sum(1) == 0)
        todo = todo[single]
        if len(todo) == 0:
            return rows
    raise ValueError(
        "resamples with both classes are too rare to draw; the groups are too few or one class sits in one "
        "group."
    )


def _weighted_auc(labels: np.ndarray, scores: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(n_boot,) ROC AUC of every resample at once, from ranks (Mann and Whitney 1947), ties half."""
    place = stats.rankdata(scores, method="dense") - 1
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))  # first recording of each distinct score
    times = times[:, order].astype(float)
    positive = np.add.reduceat(times * labels[order], starts, axis=1)
    negative = np.add.reduceat(times * (1 - labels[order]), starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    wins = (positive * (below + negative / 2)).sum(axis=1)
    return wins / (positive.sum(axis=1) * negative.sum(axis=1))


def _weighted_counts(labels: np.ndarray, predicted: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(4, n_boot) counts of every resample: TN, FP, FN, TP."""
    cell = 2 * labels + predicted.astype(np.int64)
    return np.stack([times[:, cell == k].sum(axis=1) for k in range(4)]).astype(float)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


_FROM_COUNTS = {
    accuracy: lambda tn, fp, fn, tp: (tn + tp) / (tn + fp + fn + tp),
    sensitivity: lambda tn, fp, fn, tp: tp / (tp + fn),
    specificity: lambda tn, fp, fn, tp: tn / (tn + fp),
    ppv: lambda tn, fp, fn, tp: _ratio(tp, tp + fp),
    f1: lambda tn, fp, fn, tp: _ratio(2 * tp, 2 * tp + fp + fn),
}


def _labels(labels) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"labels have shape {labels.shape}; expected (n,) with n > 0.")
    if labels.dtype.kind not in "biuf" or not np.isin(labels, (0, 1)).all():
        odd = [value for value in np.unique(labels).tolist() if value not in (0, 1)]
        raise ValueError(f"labels hold {odd[:3]}; expected only 0 and 1.")
    return labels.astype(np.int64)


def _scores(labels, scores) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = _labels(labels), np.asarray(scores)
    if scores.shape != labels.shape:
        hint = " Of two columns take the one of class 1: scores[:, 1]." if scores.ndim == 2 else ""
        raise ValueError(
            f"scores have shape {scores.shape} and labels {labels.shape}; expected one number per "
            f"recording.{hint}"
        )
    if scores.dtype.kind not in "biuf":
        raise ValueError(f"scores have dtype {scores.dtype}; expected real numbers.")
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are NaN or infinite; expected "
            "finite numbers. A training that diverged is the usual cause."
        )
    return labels, scores


def _decisions(labels, predicted) -> tuple[np.ndarray, np.ndarray]:
    labels, predicted = _scores(labels, predicted)
    if not np.isin(predicted, (0, 1)).all():
        raise ValueError(
            f"predictions hold {predicted[~np.isin(predicted, (0, 1))][0]!r}; expected decisions, 0 or 1. "
            "From probabilities: (probability >= threshold).astype(int)."
        )
    return labels, predicted.astype(np.int64)


def _need(labels: np.ndarray, label: int, name: str) -> None:
    if not (labels == label).any():
        raise ValueError(f"no label is {label}: {name} is undefined. Take a part that holds both classes.")
