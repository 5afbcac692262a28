"""The page a student reads about one submission: a plain HTML file without script, for any browser.

Everything a student made is escaped, freed of control characters and cut where it is long. Sources of test
cells are never shown. A strict content policy in the page keeps anything else from running.
"""

from __future__ import annotations

import re
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.klass import Klass
from autograder.pages import environment, headings, markdown, now, title_of
from autograder.results import Result, clean, text_of
from autograder.source import split_regions

MAX_SHOWN = 4_000  # characters of a student's cell or of one output


def feedback_page(klass: Klass, result: Result, handout: NotebookNode, rubrics: dict[str, str]) -> str:
    """What a student reads about one submission, as HTML."""
    path = klass.notebook("autograded", result.assignment, result.student)
    notebook = nbformat.read(path, as_version=4) if path.exists() else None
    tasks = [_task(name, result, handout, notebook, rubrics.get(name, "")) for name in result.points]
    others = _other_errors(notebook) if notebook is not None else []
    return (
        environment()
        .get_template("feedback.html")
        .render(
            result=result,
            title=title_of(handout, result.assignment),
            tasks=tasks,
            others=others,
            made=now(),
            most=sum(result.possible.values()),
            open=any(p is None for p in result.points.values()),
            mended=[f"{m['cell']} {m['what']}" for m in result.mended],
        )
    )


def _task(
    name: str, result: Result, handout: NotebookNode, notebook: NotebookNode | None, rubric: str
) -> dict[str, Any]:
    cells = notebook.cells if notebook is not None else []
    answer = next((c for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == name), None)
    errors = [o for o in answer.get("outputs", []) if o.output_type == "error"] if answer is not None else []
    points, most = result.points[name], result.possible[name]
    return {
        "heading": headings(handout).get(name, name),
        "points": points,
        "most": most,
        "share": 0.0 if points is None or not most else points / most,
        "lines": _lines(result.messages.get(name, ""), name),
        "written": answer is not None and bool(answer.metadata.nbgrader.get("grade")),
        "rubric": markdown(rubric),
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
    return [{"text": line, "kind": kinds.get(line[:1], "more" if line.startswith("    ") else "")} for line in lines]


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
            found.append({"source": clean(cell.source, most=1_000), "error": clean(_error(errors[-1]), most=MAX_SHOWN)})
    return found[:10]


def rubrics(klass: Klass, name: str) -> dict[str, str]:
    """task -> mark scheme, from the instructor version."""
    path = klass.notebook("source", name)
    cells = nbformat.read(path, as_version=4).cells if path.exists() else []
    return {
        c.metadata.nbgrader.grade_id: "\n".join(split_regions(c.source, ("MARK SCHEME",))[1]).strip()
        for c in cells
        if c.cell_type == "markdown" and c.metadata.get("nbgrader", {}).get("grade")
    }
