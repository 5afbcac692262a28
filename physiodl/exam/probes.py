"""Probes: signals made for one question, and what the answer should be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.metrics import accuracy_score, precision_score, recall_score, roc_auc_score

from physiodl import metrics
from physiodl.exam.checks import expect, numbers
from physiodl.handed import clean_ecg  # noqa: F401  for those who look for it here
from physiodl.simulate import af


def examples(name: str = "af_detection", *, n: int, seed: int, samples: int = 9_000) -> tuple[np.ndarray, np.ndarray]:
    """Labelled recordings to try a function on; never part of a cohort that is scored.

    Args:
        name: ``"af_detection"``.
        n: how many recordings, half of them AF.
        seed: where they come from.
        samples: length of each row; longer recordings are cut, shorter ones are zero-padded.

    Returns:
        signals (n, 1, samples) float32 at 300 Hz and labels (n,) int64.
    """
    if name != "af_detection":
        raise ValueError(f"got examples of {name!r}, expected 'af_detection'")
    features, labels = af.cohort_arrays(n, seed=(seed, 0x5EED))
    return features[:, None, :samples].copy(), labels


def receptive_field(feature_map: Callable[[np.ndarray], np.ndarray], *, samples: int, seed: int) -> float:
    """How many samples one step of a feature map sees, measured from outside.

    One sample of a random input is changed and the steps that answer are counted; each stands for
    ``samples / steps`` samples. Several inputs and both signs are tried, because a ReLU or a maximum can hide a change.

    Args:
        feature_map: from (1, 1, samples) float32 to (1, channels, steps).
        samples: length of the input.
        seed: of the random inputs.

    Returns:
        Samples seen by one step, to within one step.
    """
    rng = np.random.default_rng((seed, 0xF1E1D))
    widest, steps = 0, 1
    for _ in range(3):
        plain = rng.standard_normal((1, 1, samples)).astype(np.float32)
        before = numbers(feature_map(plain), shape=(1, None, None), what="feature map")
        steps = before.shape[2]
        expect(steps > 1, got="a feature map with a single step", expected="the output before the pooling over time")
        answering = np.zeros(steps, bool)
        place = samples // 2 + int(rng.integers(-50, 50))
        for change in (6.0, -6.0):
            moved = plain.copy()
            moved[0, 0, place] += change
            after = numbers(feature_map(moved), shape=before.shape, what="feature map")
            answering |= (np.abs(after - before) > 1e-6 * np.abs(before).max()).any(axis=(0, 1))
        widest = max(widest, int(answering.sum()))
    return widest * samples / steps


def reference_metrics(labels: np.ndarray, probability: np.ndarray, threshold: float) -> dict[str, float]:
    """Accuracy, sensitivity, specificity, PPV and AUC by scikit-learn; AF is said at ``probability >= threshold``."""
    said = (np.asarray(probability) >= threshold).astype(int)
    return {
        "accuracy": float(accuracy_score(labels, said)),
        "sensitivity": float(recall_score(labels, said, zero_division=0)),
        "specificity": float(recall_score(labels, said, pos_label=0, zero_division=0)),
        "ppv": float(precision_score(labels, said, zero_division=0)),
        "auc": float(roc_auc_score(labels, probability)),
    }


def cost(labels: np.ndarray, probability: np.ndarray, threshold: float, missed: float, false_alarm: float) -> float:
    """Total cost of deciding ``probability >= threshold``: misses times their price plus false alarms times theirs."""
    said = np.asarray(probability) >= threshold
    labels = np.asarray(labels)
    return float(missed * np.sum(~said & (labels == 1)) + false_alarm * np.sum(said & (labels == 0)))


def lowest_cost(labels: np.ndarray, probability: np.ndarray, missed: float, false_alarm: float) -> float:
    """The lowest `cost` that any threshold reaches."""
    best = metrics.cost_threshold(labels, probability, cost_missed=missed, cost_false_alarm=false_alarm)
    return cost(labels, probability, best, missed, false_alarm)
