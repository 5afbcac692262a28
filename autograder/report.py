"""The page an instructor reads about a class: a plain HTML file without script, for any browser.

Everything a student made is escaped, freed of control characters and cut where it is long. A strict content
policy in the page keeps anything else from running.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode

from autograder import charts, scores
from autograder.attention import WRITTEN, matters, only_written, unboxed
from autograder.feedback import feedback_page, rubrics
from autograder.grade import pending
from autograder.items import FEWEST, LEVELS, Item, analyse
from autograder.journal import latest_gradings
from autograder.klass import Klass, registered, write_text
from autograder.pages import environment, headings, now, title_of
from autograder.results import Result, results
from autograder.similar import Alike, find_alike

STATUSES = ("graded", "needs a person", "failed")
MOST_PAIRS = 30  # near-identical pairs that are listed one by one


def write_report(klass: Klass) -> Path:
    """Write reports/index.html and feedback/<student>/<assignment>.html; returns the path of the first."""
    found = [result for result in results(klass) if not result.student.startswith(".")]
    handouts = {name: nbformat.read(klass.notebook("release", name), as_version=4) for name in registered(klass)}
    schemes = {name: rubrics(klass, name) for name in handouts}
    for result in found:
        page = feedback_page(klass, result, handouts[result.assignment], schemes[result.assignment])
        write_text(page, klass.feedback(result.student, result.assignment))
    retry = {key for key, entry in latest_gradings(klass).items() if entry.get("retry")}
    parts = []
    for name, handout in handouts.items():
        rows = [r for r in found if r.assignment == name]
        students = [r.student for r in rows if r.status != "failed"]
        part = assignment_part(
            name,
            rows,
            handout,
            ceilings=scores.ceilings_of(klass, name),
            curves=scores.read_curves(klass, name, [*students, scores.REFERENCE, scores.BASELINE]),
            alike=find_alike(klass, name, students),
            retry=[student for student, assignment in retry if assignment == name],
        )
        parts.append(part)
    path = klass.reports / "index.html"
    page = class_page(klass.root.name, parts, waiting=len(pending(klass)), public=public_cohorts(klass))
    write_text(page, path)
    return path


def public_cohorts(klass: Klass) -> dict[str, str]:
    """Hidden cohort -> how its recordings were changed, of those whose recordings anybody can download."""
    found = {}
    for path in sorted(klass.hidden.glob("*/about.json")):
        about = json.loads(path.read_text(encoding="utf-8"))
        if about.get("public"):
            found[path.parent.name] = str(about.get("changed", ""))
    return found


def class_page(
    title: str,
    parts: Sequence[dict[str, Any]],
    *,
    waiting: int = 0,
    public: Mapping[str, str] | None = None,
) -> str:
    """The page as HTML, from the `assignment_part` of each assignment; `waiting` submissions are not graded yet, and
    `public` names hidden cohorts that are no secret, with what was changed in them.
    """
    return (
        environment()
        .get_template("class.html")
        .render(
            title=title,
            made=now(),
            waiting=waiting,
            public=public or {},
            parts=[part for part in parts if part["rows"]],
            without=[part["name"] for part in parts if not part["rows"]],
            levels=LEVELS,
            fewest=FEWEST,
        )
    )


def assignment_part(
    name: str,
    rows: Sequence[Result],
    handout: NotebookNode,
    *,
    ceilings: Mapping[str, float] | None = None,
    curves: scores.Curves | None = None,
    alike: Alike | None = None,
    retry: Iterable[str] = (),
) -> dict[str, Any]:
    """What the page says about one assignment.

    Args:
        name: the assignment.
        rows: its results, one per student.
        handout: its notebook, for title and headings.
        ceilings: metric -> the score above which a result is too good to be true.
        curves: student -> task -> scores with their ROC curves, with those of the reference and the baseline.
        alike: submissions that share most of their code.
        retry: students whose failure was the grader's own.
    """
    ceilings, curves, alike = ceilings or {}, curves or {}, alike or Alike([], [], 0, 0)
    titles = headings(handout)
    possible = {task: most for row in rows for task, most in row.possible.items()}
    numbers = {task: str(k) for k, task in enumerate(possible, start=1)}
    whole = [r for r in rows if r.status != "failed"]
    values = {r.student: scores.values(r.scores) for r in whole}
    items = analyse([r.points for r in whole], possible)
    too_good = _too_good(values, ceilings, titles)
    return {
        "name": name,
        "title": title_of(handout, name),
        "who": {r.student: _link(r.student, name) for r in rows},
        "rows": [_row(r) for r in rows],
        "matters": matters(
            rows,
            retry=retry,
            too_good=[(found["student"], f"{found['label']} above {found['ceiling']:g}") for found in too_good],
            alike=[(group, _shared(group, alike)) for group in alike.groups],
        ),
        "possible": possible,
        "most": sum(possible.values()),
        "counts": {status: sum(r.status == status for r in rows) for status in STATUSES},
        "written_only": sum(only_written(r) for r in rows),
        "median": statistics.median([r.total for r in whole]) if whole else None,
        "open": any(None in r.points.values() for r in whole),
        "numbers": numbers,
        "histogram": charts.histogram([r.total for r in whole], sum(possible.values())),
        "items": [_item(item, numbers, titles, len(whole)) for item in items],
        "axis": charts.stack_axis("submissions, %"),
        "difficulty": _difficulty(items, numbers, titles),
        "rocs": scores.roc_charts(curves, titles),
        "ranks": scores.rank_charts(values, curves, ceilings, titles),
        "values": _table(values, titles),
        "models": [model for model in (scores.REFERENCE, scores.BASELINE) if not curves.get(model)],
        "ceilings": {scores.metric_name(metric): ceiling for metric, ceiling in ceilings.items()},
        "too_good": too_good,
        "alike": alike,
        "pairs": alike.pairs[:MOST_PAIRS],
    }


# --- pieces of the page ---


def _link(student: str, assignment: str) -> str:
    return f"../feedback/{quote(student, safe='')}/{quote(assignment, safe='')}.html"


def _row(result: Result) -> dict[str, Any]:
    """A row of the table of all students; that a written answer waits is told by a dash among the points."""
    why = [reason for reason in result.reasons if WRITTEN not in reason]
    tag = "to mark" if only_written(result) else result.status
    return {"result": result, "tag": tag, "why": why + ["graded without a sandbox"] * unboxed(result)}


def _item(item: Item, numbers: Mapping[str, str], titles: Mapping[str, str], n: int) -> dict[str, Any]:
    return {
        "of": item,
        "number": numbers[item.task],
        "title": titles.get(item.task, item.task),
        "bar": charts.stack(list(zip(LEVELS, item.levels, strict=True)), total=n),
        "mean": None if item.share is None else item.share * item.most,
    }


def _difficulty(items: Sequence[Item], numbers: Mapping[str, str], titles: Mapping[str, str]) -> str:
    points = []
    for item in items:
        if item.r is not None and item.share is not None:
            says = f"{titles.get(item.task, item.task)}: {100 * item.share:.0f} %, r = {item.r:.2f}"
            points.append((numbers[item.task], says, item.share, item.r))
    return charts.difficulty(points) if points else ""


def _too_good(
    values: Mapping[str, Mapping[scores.Key, scores.Value]], ceilings: Mapping[str, float], titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Scores above their ceiling, the highest first."""
    found = [
        {"student": student, "label": scores.label_of(key, titles), "score": score, "ceiling": ceilings[key.metric]}
        for student, own in values.items()
        for key, score in own.items()
        if score.value > ceilings.get(key.metric, math.inf)
    ]
    return sorted(found, key=lambda one: -one["score"].value)


def _table(
    values: Mapping[str, Mapping[scores.Key, scores.Value]], titles: Mapping[str, str]
) -> dict[str, list[Any]] | None:
    """Scores as a table, students with the highest first score on top; None where nobody has one."""
    keys = scores.keys_of(values)
    if not keys:
        return None
    rows = [(student, [own.get(key) for key in keys]) for student, own in values.items() if own]
    rows.sort(key=lambda row: -row[1][0].value if row[1][0] else math.inf)
    return {"head": [scores.label_of(key, titles) for key in keys], "rows": rows}


def _shared(group: Sequence[str], alike: Alike) -> str:
    found = [round(100 * pair.share) for pair in alike.pairs if set(pair.students) <= set(group)]
    low, high = min(found), max(found)
    return f"{low if low == high else f'{low} to {high}'} % of their own code"
