"""Baselines: what simple physiology reaches without any network, for comparison with a class's scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from physiodl import ecg
from physiodl.cohort import Cohort


def rr_irregularity(train: Cohort, signals: np.ndarray, fs: float, *, seed: int = 0) -> np.ndarray:
    """Logistic regression on five numbers about RR irregularity (`physiodl.ecg.rr_features`).

    Args:
        train: recordings to learn from, labels 0 and 1.
        signals: (n, 1, samples), zero-padded, at ``fs`` Hz.

    Returns:
        (n,) probabilities of label 1.
    """
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, random_state=seed))
    model.fit(ecg.rr_table(train.signals, train.fs), train.labels)
    return model.predict_proba(ecg.rr_table(signals, fs))[:, 1]


BASELINES: dict[str, Callable[..., np.ndarray]] = {"rr_irregularity": rr_irregularity}
