"""Results of a class that never was, for the tests of the class page: nothing is graded."""

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve
from tiny_class import tiny

from autograder.results import Result

TASKS = {"double": 4.0, "score": 6.0, "explain": 5.0}
NASTY = '<script>alert(1)</script> & "co"'


def handout():
    return tiny()[1]


def curve(strength, *, seed=0):
    """A score with its ROC curve on 200 recordings."""
    rng = np.random.default_rng(seed)
    labels = np.repeat((0, 1), 100)
    marks = rng.normal(size=200) + strength * labels
    fpr, tpr, _ = roc_curve(labels, marks)
    value = round(float(roc_auc_score(labels, marks)), 4)
    numbers = {"metric": "roc_auc", "value": value, "low": max(0.0, value - 0.03), "high": min(1.0, value + 0.02)}
    return {**numbers, "n": 200, "roc": {"fpr": fpr.tolist(), "tpr": tpr.tolist()}}


def fake_class(n, *, seed=0, models=True):
    """(results, curves) of `n` students: names from s0000 on, one of them hostile, every second answer not marked."""
    rng = np.random.default_rng(seed)
    rows, curves = [], {}
    for k in range(n):
        name = NASTY if k == 3 else f"s{k:04d}"
        ability = rng.normal()
        row = Result(name, "09_tiny", "graded", possible=dict(TASKS), sandbox="bubblewrap", seconds=3.0)
        for task, most in TASKS.items():
            row.points[task] = float(np.clip(round(most * (0.5 + 0.3 * (ability + rng.normal()))), 0, most))
        if k % 2:
            row.points["explain"] = None
            row.reasons.append("explain: written answer waits for its mark")
            row.status = "needs a person"
        score = curve(1.5 + 0.5 * ability, seed=k)
        row.scores = [{key: value for key, value in score.items() if key != "roc"} | {"task": "score"}]
        curves[name] = {"score": [score]}
        rows.append(row)
    if models:
        curves |= {".reference": {"score": [curve(2.5)]}, ".baseline": {"score": [curve(1.0)]}}
    return rows, curves
