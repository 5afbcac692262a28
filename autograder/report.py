"""The page an instructor reads about a class: a plain HTML file without script, for any browser.

Everything a student made is escaped, freed of control characters and cut where it is long. A strict content
policy in the page keeps anything else from running.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode

from autograder.feedback import feedback_page, rubrics
from autograder.grade import pending
from autograder.klass import Klass, registered, write_text
from autograder.pages import environment, headings, now, title_of
from autograder.results import Result, results

STATUSES = ("graded", "needs a person", "failed")


def write_report(klass: Klass) -> Path:
    """Write reports/index.html and feedback/<student>/<assignment>.html; returns the path of the first."""
    found = results(klass)
    handouts = {name: nbformat.read(klass.notebook("release", name), as_version=4) for name in registered(klass)}
    schemes = {name: rubrics(klass, name) for name in handouts}
    for result in found:
        page = feedback_page(klass, result, handouts[result.assignment], schemes[result.assignment])
        write_text(page, klass.feedback(result.student, result.assignment))
    waiting = len(pending(klass))
    parts = [_assignment(name, [r for r in found if r.assignment == name], handouts[name]) for name in handouts]
    page = (
        environment()
        .get_template("class.html")
        .render(
            title=klass.root.name,
            made=now(),
            waiting=waiting,
            parts=[part for part in parts if part["rows"]],
            without=[p["name"] for p in parts if not p["rows"]],
        )
    )
    path = klass.reports / "index.html"
    write_text(page, path)
    return path


def _assignment(name: str, rows: list[Result], handout: NotebookNode) -> dict[str, Any]:
    """One assignment's part of the class page."""
    titles = headings(handout)
    tasks = list(rows[0].possible) if rows else []
    means = []
    for task in tasks:
        given = [r.points[task] for r in rows if r.points[task] is not None and r.status != "failed"]
        mean = statistics.fmean(given) if given else None
        most = rows[0].possible[task]
        means.append(
            {
                "task": task,
                "heading": titles.get(task, task),
                "mean": mean,
                "most": most,
                "n": len(given),
                "share": 0.0 if mean is None or not most else mean / most,
            }
        )
    most = sum(rows[0].possible.values()) if rows else 0.0
    totals = [r.total for r in rows if r.status != "failed"]
    return {
        "name": name,
        "title": title_of(handout, name),
        "tasks": tasks,
        "means": means,
        "most": most,
        "rows": [{"result": r, "link": f"../feedback/{quote(r.student)}/{quote(r.assignment)}.html"} for r in rows],
        "counts": {status: sum(r.status == status for r in rows) for status in STATUSES},
        "written_only": sum(bool(r.reasons) and all("written answer" in why for why in r.reasons) for r in rows),
        "median": statistics.median(totals) if totals else None,
        "histogram": histogram(totals, most),
        "open": any(None in r.points.values() for r in rows),
    }


def histogram(totals: list[float], most: float, *, bins: int = 10, width: int = 560, height: int = 170) -> str:
    """Totals in `bins` equal classes from 0 to `most`, as a small inline SVG."""
    counts = [0] * bins
    for total in totals:
        counts[min(bins - 1, int(bins * total / most)) if most else 0] += 1
    top, left, base = max([*counts, 1]), 26, height - 34
    step = (width - left - 6) / bins
    parts = [f'<line x1="{left}" y1="{base}" x2="{width - 6}" y2="{base}" class="axis"/>']
    for k, count in enumerate(counts):
        x, tall = left + k * step, (base - 22) * count / top
        label = f"{most * k / bins:.3g} to {most * (k + 1) / bins:.3g} points: {count}"
        parts.append(
            f'<rect x="{x + 2:.1f}" y="{base - tall:.1f}" width="{step - 4:.1f}" height="{tall:.1f}" rx="2" '
            f'class="bar"><title>{label}</title></rect>'
        )
        if count:
            parts.append(f'<text x="{x + step / 2:.1f}" y="{base - tall - 5:.1f}" class="count">{count}</text>')
    for k in range(0, bins + 1, 2):
        parts.append(f'<text x="{left + k * step:.1f}" y="{base + 16}" class="tick">{most * k / bins:.3g}</text>')
    parts.append(f'<text x="{(left + width) / 2:.0f}" y="{height - 3}" class="tick">points</text>')
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Histogram of totals">{"".join(parts)}</svg>'
