"""The pages people read: one for the class, one per submission. Plain HTML files without script, for any
browser.

Everything a student made is escaped, freed of control characters and cut where it is long. Sources of test
cells are never shown. A strict content policy in each page keeps anything else from running.
"""

from __future__ import annotations

import math
import re
import statistics
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import mistune
import nbformat
from nbformat import NotebookNode

from autograder.grade import pending
from autograder.klass import Klass, registered, write_text
from autograder.results import Result, clean, results, task_of, text_of
from autograder.source import split_regions

MAX_SHOWN = 4_000  # characters of a student's cell or of one output
STATUSES = ("graded", "needs a person", "failed")


def write_report(klass: Klass) -> Path:
    """Write reports/index.html and feedback/<student>/<assignment>.html; returns the path of the first."""
    found = results(klass)
    handouts = {
        name: nbformat.read(klass.notebook("release", name), as_version=4) for name in registered(klass)
    }
    rubrics = {name: _rubrics(klass, name) for name in handouts}
    for result in found:
        page = feedback_page(klass, result, handouts[result.assignment], rubrics[result.assignment])
        write_text(page, klass.feedback(result.student, result.assignment))
    waiting = len(pending(klass))
    parts = [
        _assignment(name, [r for r in found if r.assignment == name], handouts[name]) for name in handouts
    ]
    page = (
        _environment()
        .get_template("class.html")
        .render(
            title=klass.root.name,
            made=_now(),
            waiting=waiting,
            parts=[part for part in parts if part["rows"]],
            without=[p["name"] for p in parts if not p["rows"]],
        )
    )
    path = klass.reports / "index.html"
    write_text(page, path)
    return path


def feedback_page(klass: Klass, result: Result, handout: NotebookNode, rubrics: dict[str, str]) -> str:
    """What a student reads about one submission, as HTML."""
    path = klass.notebook("autograded", result.assignment, result.student)
    notebook = nbformat.read(path, as_version=4) if path.exists() else None
    tasks = [_task(name, result, handout, notebook, rubrics.get(name, "")) for name in result.points]
    others = _other_errors(notebook) if notebook is not None else []
    return (
        _environment()
        .get_template("feedback.html")
        .render(
            result=result,
            title=_title(handout, result.assignment),
            tasks=tasks,
            others=others,
            made=_now(),
            most=sum(result.possible.values()),
            open=any(p is None for p in result.points.values()),
            mended=[f"{m['cell']} {m['what']}" for m in result.mended],
        )
    )


# --- what the pages show ---


def _task(
    name: str, result: Result, handout: NotebookNode, notebook: NotebookNode | None, rubric: str
) -> dict[str, Any]:
    cells = notebook.cells if notebook is not None else []
    answer = next((c for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == name), None)
    errors = [o for o in answer.get("outputs", []) if o.output_type == "error"] if answer is not None else []
    points, most = result.points[name], result.possible[name]
    return {
        "heading": _headings(handout).get(name, name),
        "points": points,
        "most": most,
        "share": 0.0 if points is None or not most else points / most,
        "lines": _lines(result.messages.get(name, ""), name),
        "written": answer is not None and bool(answer.metadata.nbgrader.get("grade")),
        "rubric": _markdown(rubric),
        "source": clean(answer.source, most=MAX_SHOWN) if answer is not None else "",
        "error": clean(_error(errors[-1]), most=MAX_SHOWN) if errors else "",
        "printed": clean(text_of(answer), most=MAX_SHOWN) if answer is not None and not errors else "",
    }


def _lines(text: str, task: str) -> list[dict[str, str]]:
    """Messages, line by line, with the mark that `physiodl.exam` puts first as a class for the page.

    Its last line, the sum, is left out: the page shows the points already.
    """
    kinds = {"\u2714": "good", "\u2718": "bad", "\u25d1": "part"}
    sum_line = re.compile(rf"{re.escape(task)}: [\d.]+ of [\d.]+ points")
    lines = [line for line in text.split("\n") if text and not sum_line.fullmatch(line)]
    return [
        {"text": line, "kind": kinds.get(line[:1], "more" if line.startswith("    ") else "")}
        for line in lines
    ]


def _error(output: NotebookNode) -> str:
    """A student's error as they know it, the last part of the traceback."""
    lines = "\n".join(output.get("traceback", [])).split("\n")
    return "\n".join(lines[-25:]) or f"{output.ename}: {output.evalue}"


def _other_errors(notebook: NotebookNode) -> list[dict[str, str]]:
    """Cells outside the tasks (imports, the student's own) that ended in an error."""
    found = []
    for cell in notebook.cells:
        errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
        marks = cell.metadata.get("nbgrader", {})
        if errors and not marks.get("grade") and not marks.get("solution"):
            found.append(
                {"source": clean(cell.source, most=1_000), "error": clean(_error(errors[-1]), most=MAX_SHOWN)}
            )
    return found[:10]


def _assignment(name: str, rows: list[Result], handout: NotebookNode) -> dict[str, Any]:
    """One assignment's part of the class page."""
    headings = _headings(handout)
    tasks = list(rows[0].possible) if rows else []
    means = []
    for task in tasks:
        given = [r.points[task] for r in rows if r.points[task] is not None and r.status != "failed"]
        mean = statistics.fmean(given) if given else None
        most = rows[0].possible[task]
        means.append(
            {
                "task": task,
                "heading": headings.get(task, task),
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
        "title": _title(handout, name),
        "tasks": tasks,
        "means": means,
        "most": most,
        "rows": [
            {"result": r, "link": f"../feedback/{quote(r.student)}/{quote(r.assignment)}.html"} for r in rows
        ],
        "counts": {status: sum(r.status == status for r in rows) for status in STATUSES},
        "written_only": sum(
            bool(r.reasons) and all("written answer" in why for why in r.reasons) for r in rows
        ),
        "median": statistics.median(totals) if totals else None,
        "histogram": histogram(totals, most),
        "open": any(None in r.points.values() for r in rows),
    }


def histogram(
    totals: list[float], most: float, *, bins: int = 10, width: int = 560, height: int = 170
) -> str:
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
            parts.append(
                f'<text x="{x + step / 2:.1f}" y="{base - tall - 5:.1f}" class="count">{count}</text>'
            )
    for k in range(0, bins + 1, 2):
        parts.append(
            f'<text x="{left + k * step:.1f}" y="{base + 16}" class="tick">{most * k / bins:.3g}</text>'
        )
    parts.append(f'<text x="{(left + width) / 2:.0f}" y="{height - 3}" class="tick">points</text>')
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Histogram of totals">'
        f"{''.join(parts)}</svg>"
    )


def _title(handout: NotebookNode, name: str) -> str:
    for cell in handout.cells:
        match = re.search(r"^# +(.+)$", cell.source, re.M) if cell.cell_type == "markdown" else None
        if match:
            return match[1].strip()
    return name


def _headings(handout: NotebookNode) -> dict[str, str]:
    """task -> its heading: in its own cell (written answers), else the last before it; else its name."""
    found: dict[str, str] = {}
    heading = ""
    for cell in handout.cells:
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "markdown":
            heading = (re.findall(r"^#{1,4} +(.+)$", cell.source, re.M) or [heading])[-1].strip()
            heading = re.sub(r" *\([\d.]+ points?[^)]*\)$", "", heading)  # the page says it beside
        if marks.get("grade") or marks.get("solution"):
            task = task_of(marks["grade_id"])
            if task not in found:
                found[task] = heading if heading and heading not in found.values() else task
    return found


def _rubrics(klass: Klass, name: str) -> dict[str, str]:
    """task -> mark scheme, from the instructor version."""
    path = klass.notebook("source", name)
    cells = nbformat.read(path, as_version=4).cells if path.exists() else []
    return {
        c.metadata.nbgrader.grade_id: "\n".join(split_regions(c.source, ("MARK SCHEME",))[1]).strip()
        for c in cells
        if c.cell_type == "markdown" and c.metadata.get("nbgrader", {}).get("grade")
    }


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "points": number,
        "clean": lambda text: clean(str(text), most=500),
        "status": lambda status: status.replace(" ", "-"),
    }
    return environment


@cache
def _renderer() -> Any:
    return mistune.create_markdown(escape=True, plugins=["table"])


def _markdown(text: str) -> str:
    return _renderer()(text) if text else ""


def number(value: float | None) -> str:
    """Points as people write them: 4, 2.5, 3.33; an open dash where there is no mark yet."""
    if value is None or not math.isfinite(value):
        return "\u2013"
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _now() -> str:
    return datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M")
