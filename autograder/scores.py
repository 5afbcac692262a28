"""Scores of a class on recordings nobody has seen: as numbers with intervals, and as ROC curves.

The numbers come from the results (the journal), the curves from CLASS_DIR/scores/<student>/<assignment>.json. Both
were measured by the grader, but on what students made: whatever is not a sound number or curve is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import nbformat
import numpy as np

from autograder import charts
from autograder.klass import Klass
from autograder.yardsticks import BASELINE, REFERENCE, scores_path

METRICS = {"roc_auc": "ROC AUC", "f1": "F1", "kappa": "Cohen's kappa", "cohen_kappa": "Cohen's kappa"}
MOST_POINTS = 20_000  # of one curve
MOST_BYTES = 20_000_000  # of one file of curves

Curves = Mapping[str, Mapping[str, list[dict[str, Any]]]]  # student -> task -> scores, some with "roc"


class Key(NamedTuple):
    """A score of an assignment; `k` counts those of the same metric in one task from 0."""

    task: str
    metric: str
    k: int


class Value(NamedTuple):
    """A score and its 95 % interval."""

    value: float
    low: float
    high: float


def ceilings_of(klass: Klass, assignment: str) -> dict[str, float]:
    """metric -> the score above which a result is too good to be true, as the assignment's front matter says."""
    path = klass.notebook("source", assignment)
    said = nbformat.read(path, as_version=4).metadata.get("autograder", {}).get("ceiling", {}) if path.exists() else {}
    return {str(metric): float(value) for metric, value in dict(said).items() if _is_number(value)}


def read_curves(klass: Klass, assignment: str, students: Iterable[str]) -> Curves:
    """The files of curves of these students; those without one are left out."""
    found = {}
    for student in students:
        path = scores_path(klass, student, assignment)
        try:
            if path.stat().st_size <= MOST_BYTES:
                found[student] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
    return {student: tasks for student, tasks in found.items() if isinstance(tasks, dict)}


def values(scores: Sequence[Mapping[str, Any]]) -> dict[Key, Value]:
    """A result's scores (task, metric, value, low, high) by their key."""
    found: dict[Key, Value] = {}
    for score in scores:
        numbers = [score.get(name) for name in ("value", "low", "high")]
        if all(_is_number(number) for number in numbers):
            same = sum((key.task, key.metric) == (str(score.get("task")), str(score.get("metric"))) for key in found)
            found[Key(str(score.get("task")), str(score.get("metric")), same)] = Value(*map(float, numbers))
    return found


def values_of_file(tasks: Mapping[str, Any]) -> dict[Key, Value]:
    """The same from a file of curves (task -> scores)."""
    return values([{**s, "task": task} for task, own in tasks.items() for s in _dicts(own)])


def metric_name(metric: str) -> str:
    return METRICS.get(metric, metric.replace("_", " "))


def label_of(key: Key, names: Mapping[str, str]) -> str:
    return f"{metric_name(key.metric)}, {names.get(key.task, key.task)}" + (f" ({key.k + 1})" if key.k else "")


def roc_charts(curves: Curves, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """One chart per score that has ROC curves: its title, `svg`, the number `n` of students' curves."""
    own = {student: _rocs(tasks) for student, tasks in curves.items()}
    keys = list(dict.fromkeys(key for found in own.values() for key in found))
    shown = []
    for key in keys:
        of_class = [found[key] for student, found in own.items() if key in found and not student.startswith(".")]
        marked = []
        for student, kind, label in ((BASELINE, "baseline", "baseline"), (REFERENCE, "reference", "reference")):
            if key in own.get(student, {}):
                value = values_of_file(curves[student]).get(key)
                marked.append((kind, f"{label}, AUC {value.value:.3f}" if value else label, own[student][key]))
        svg = charts.roc(of_class, marked)
        shown.append({"title": f"ROC curves, {names.get(key.task, key.task)}", "svg": svg, "n": len(of_class)})
    return shown


def rank_charts(
    own: Mapping[str, Mapping[Key, Value]], curves: Curves, ceilings: Mapping[str, float], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """One chart per score: all students' values from lowest to highest, with their intervals."""
    models = {student: values_of_file(curves.get(student, {})) for student in (REFERENCE, BASELINE)}
    shown = []
    for key in keys_of(own):
        lines = [
            (kind, f"{kind} {models[student][key].value:.3f}", models[student][key].value)
            for student, kind in ((REFERENCE, "reference"), (BASELINE, "baseline"))
            if key in models[student]
        ]
        if key.metric in ceilings:
            lines.insert(0, ("ceiling", f"ceiling {ceilings[key.metric]:g}", ceilings[key.metric]))
        scores = [found[key] for found in own.values() if key in found]
        svg = charts.ranked(scores, metric_name(key.metric), lines)
        shown.append({"title": label_of(key, names), "svg": svg, "n": len(scores)})
    return shown


def keys_of(own: Mapping[str, Mapping[Key, Value]]) -> list[Key]:
    """All keys that occur, in the order in which they are met."""
    return list(dict.fromkeys(key for found in own.values() for key in found))


def _rocs(tasks: Mapping[str, Any]) -> dict[Key, dict[str, list[float]]]:
    """The sound curves of one student's file."""
    found: dict[Key, dict[str, list[float]]] = {}
    for task, scores in tasks.items():
        for k, score in enumerate(s for s in _dicts(scores) if s.get("metric") == "roc_auc"):
            curve = _curve(score.get("roc"))
            if curve is not None:
                found[Key(str(task), "roc_auc", k)] = curve
    return found


def _curve(roc: Any) -> dict[str, list[float]] | None:
    """The curve, if it is one: two rows of numbers from 0 to 1 of equal length that never fall."""
    try:
        rows = [np.asarray(roc[name], dtype=float) for name in ("fpr", "tpr")]
    except (KeyError, TypeError, ValueError):
        return None
    fits = rows[0].ndim == 1 and rows[0].shape == rows[1].shape and 2 <= len(rows[0]) <= MOST_POINTS
    if not fits or not all(np.all((r >= 0) & (r <= 1)) and np.all(np.diff(r) >= 0) for r in rows):
        return None
    return {"fpr": rows[0].tolist(), "tpr": rows[1].tolist()}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
