"""The page a student reads about one submission: a plain HTML file without script, for any browser.

Everything a student made goes through `autograder.safe`. Sources and tracebacks of test cells are never shown, nor
are the grader's own words for what looks odd: a student reads what happened, in words they know. A strict content
policy in the page is the second wall behind the first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import nbformat
from markupsafe import Markup
from nbformat import NotebookNode
from nbgrader.api import MissingEntry

from autograder import safe
from autograder.klass import Klass, open_gradebook
from autograder.pages import environment, headings, markdown, now, title_of
from autograder.results import Result, task_of
from autograder.source import split_regions

MAX_SHOWN = 4_000  # characters of a student's code cell or of one output
MAX_WRITTEN = 20_000  # characters of a written answer
MAX_OUTPUTS = 30  # of one cell
TRACEBACK_LINES = 25

# What a person looks at, in a student's words: the first pattern with which the grader's reason begins.
LOOKS = {
    "written answer": "A person marks this answer.",
    "test cell ran too long": "The test was stopped because your code ran too long. A person will look at it.",
    "test cell ended the (kernel|process)": "Your code ended Python while it was tested (an exit, a crash, or too "
    "little memory). A person will look at it.",
    "test cell did not run": "This test could not run, because an earlier cell ended Python or used up the time. "
    "A person will look at it.",
    "test cell stopped with an error": "The test stopped with an error before it had counted your points. "
    "A person will look at it.",
    "test cell got an answer that is no data": "Your code gave back something that is no number, text or array, and "
    "no list or dict of these. A person will look at it.",
    "test cell (gave|showed)": "The test came to no valid number of points. A person will look at it.",
    "mended": "A cell of this task was not as handed out, see above. A person will look at it.",
    "graded again after a mark": "This task was graded again after a person had marked it. They will check that mark.",
    "somebody asked": "A person has asked to look at this task again.",
    "(test cell )?.*(too good|unusually high|above the ceiling)": "Your result is higher than these data usually "
    "allow. A person will look at how it came about.",
}
LOOK = "A person will look at this task before its mark is final."
# Failures that are not the student's; the journal and the class page say more.
OURS = re.compile(r"the (grader|worker|sandbox|examiner|notebook could not be run|student kernel|kernel could not)")
CELLS = {
    "test": "The test of {}",
    "answer": "Your answer cell of {}",
    "written": "Your written answer to {}",
    "locked": "A cell that was given to you ({})",
}


@dataclass
class Room:
    """What a page may still take: characters of pictures and tables, and how many pictures are tried."""

    left: int = 3_600_000
    pictures: int = 30

    def picture(self, data: Any, mime: str) -> str:
        if self.pictures <= 0 or self.left <= 0:
            raise safe.Refused("this page is full")
        self.pictures -= 1
        uri = safe.picture(safe.joined(data), mime)
        if len(uri) > self.left:
            raise safe.Refused("this page is full")
        self.left -= len(uri)
        return uri

    def table(self, html: Any) -> Markup:
        found = safe.table(safe.joined(html)) if self.left > 0 else Markup("")
        if len(found) > self.left:
            return Markup("")
        self.left -= len(found)
        return found


def feedback_page(klass: Klass, result: Result, handout: NotebookNode, rubrics: dict[str, str]) -> str:
    """What a student reads about one submission, as HTML; less than 5 MB whatever was handed in."""
    notebook = _notebook(klass, result)
    room, titles = Room(), headings(handout)
    comments = _comments(klass, result)
    tasks = [
        {
            **_task(name, result, notebook, room),
            "heading": titles.get(name, name),
            "rubric": markdown(rubrics.get(name, "")),
            "comment": safe.plain(comments.get(name, ""), most=MAX_SHOWN),
        }
        for name in result.points
    ]
    failed = result.status == "failed"
    reasons = [safe.plain(why[:1].upper() + why[1:].rstrip(".") + ".", most=500) for why in result.reasons]
    ours = failed and any(OURS.match(why) for why in result.reasons)
    page = environment().get_template("feedback.html")
    return page.render(
        result=result,
        student=safe.plain(result.student, most=200),
        title=title_of(handout, result.assignment),
        tasks=tasks,
        failed=failed,
        ours=ours,
        reasons=[] if ours else reasons,
        looked_at=[t["heading"] for t in tasks if t["look"]],
        look_anyway=bool(result.reasons) and not any(t["look"] for t in tasks),
        others=_other_errors(notebook),
        made=now(),
        most=sum(result.possible.values()),
        open=any(p is None for p in result.points.values()),
        mended=[_mended(item, titles) for item in result.mended[:50]],
        no_sandbox=getattr(result, "sandbox", "") == "none",
        lost=notebook is None and not failed,
    )


def rubrics(klass: Klass, name: str) -> dict[str, str]:
    """task -> mark scheme, from the instructor version."""
    path = klass.notebook("source", name)
    cells = nbformat.read(path, as_version=4).cells if path.exists() else []
    return {
        c.metadata.nbgrader.grade_id: "\n".join(split_regions(c.source, ("MARK SCHEME",))[1]).strip()
        for c in cells
        if c.cell_type == "markdown" and c.metadata.get("nbgrader", {}).get("grade")
    }


# --- one task ---


def _task(name: str, result: Result, notebook: NotebookNode | None, room: Room) -> dict[str, Any]:
    cells = notebook.cells if notebook is not None else []
    answer = next((c for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == name), None)
    points, most = result.points[name], result.possible[name]
    task = {
        "points": points,
        "most": most,
        "share": 0.0 if points is None or not most else points / most,
        "lines": _lines(result.messages.get(name, ""), name),
        "look": _look(name, result),
        "written": False,
        "prose": Markup(""),
        "source": "",
        "outputs": [],
        "error": "",
    }
    if answer is None:
        return task
    if answer.metadata.nbgrader.get("grade"):
        return task | {"written": True, "prose": _prose(answer, room)}
    outputs = shown_outputs(answer, room)
    return task | {
        "source": safe.plain(answer.source, most=MAX_SHOWN),
        "outputs": [o for o in outputs if o["kind"] != "error"],
        "error": next((o["text"] for o in outputs[::-1] if o["kind"] == "error"), ""),
    }


def _lines(text: str, task: str) -> list[dict[str, str]]:
    """Messages, line by line, with the mark that `physiodl.exam` puts first as a class for the page.

    Its last line, the sum, is left out: the page shows the points already.
    """
    kinds = {"\u2714": "good", "\u2718": "bad", "\u25d1": "part"}
    sum_line = re.compile(rf"{re.escape(task)}: [\d.]+ of [\d.]+ points")
    lines = [line for line in safe.plain(text, most=8_000).split("\n") if text and not sum_line.fullmatch(line)]
    more = [line.startswith("    ") for line in lines]  # the page indents it, also where it is broken
    return [
        {"text": line.removeprefix("    "), "kind": "more" if indented else kinds.get(line[:1], "")}
        for line, indented in zip(lines, more, strict=True)
    ]


def _look(task: str, result: Result) -> str:
    """Why a person will look at this task, "" where nobody will."""
    if result.status == "failed":
        return ""
    own = [why.removeprefix(f"{task}: ") for why in result.reasons if why.startswith(f"{task}: ")]
    found = [next((say for pattern, say in LOOKS.items() if re.match(pattern, why)), LOOK) for why in own]
    return " ".join(dict.fromkeys(found))


def _mended(item: dict[str, str], titles: dict[str, str]) -> str:
    name = CELLS.get(item["kind"], "The cell {}").format(titles.get(task_of(item["cell"]), item["cell"]))
    return safe.plain(f"{name} {item['what']}", most=300)


def _prose(answer: NotebookNode, room: Room) -> Markup:
    """A written answer, with the pictures that are attached to its cell."""
    files = answer.get("attachments") or {}

    def attached(name: str) -> str:
        found = files.get(name)
        if not isinstance(found, dict) or not found:
            raise safe.Refused("it is not attached to the cell")
        mime = next((m for m in ("image/png", "image/jpeg") if m in found), next(iter(found)))
        return room.picture(found[mime], mime)

    return safe.prose(answer.source, most=MAX_WRITTEN, attached=attached)


# --- outputs ---


def shown_outputs(cell: NotebookNode, room: Room) -> list[dict[str, Any]]:
    """A cell's outputs in their order: {"kind": "text" | "table" | "picture" | "note" | "error", ...}.

    Texts are plain and bounded, "html" of a table is safe, "source" of a picture a data: URI.
    """
    found: list[dict[str, Any]] = []
    streams: list[str] = []
    outputs = cell.get("outputs", [])

    def flush() -> None:
        text = safe.plain("".join(streams), most=MAX_SHOWN)
        streams.clear()
        if text.strip():
            found.append({"kind": "text", "text": text})

    for k, output in enumerate(outputs):
        if output.output_type == "stream":  # many small ones are one text
            streams.append(safe.joined(output.get("text")))
            continue
        flush()
        if len(found) >= MAX_OUTPUTS and output.output_type != "error":
            rest = sum(o.output_type != "error" for o in outputs[k:])
            found.append({"kind": "note", "text": f"{rest} further outputs are left out"})
            streams.clear()
            found += [_error(o) for o in outputs[k:] if o.output_type == "error"][-1:]
            return found
        found.append(_error(output) if output.output_type == "error" else _rich(output.get("data", {}), room))
    flush()
    return found


def _rich(data: dict[str, Any], room: Room) -> dict[str, Any]:
    """One shown value: as a picture, as a table, else as text."""
    text = safe.joined(data.get("text/plain"))
    mime = next((m for m in data if m.startswith("image/")), "")
    mime = next((m for m in ("image/png", "image/jpeg") if m in data), mime)
    if mime:
        try:
            return {"kind": "picture", "source": room.picture(data[mime], mime)}
        except safe.Refused as why:
            return {"kind": "note", "text": f"A picture is not shown: {why}."}
    html = room.table(data.get("text/html"))
    if html:
        return {"kind": "table", "html": html}
    if data.get("text/html") and (not text or re.fullmatch(r"<[\w.]+ object>", text.strip())):
        text = safe.words(safe.joined(data["text/html"]), most=MAX_SHOWN)
    text = text or safe.joined(data.get("text/markdown")) or safe.joined(data.get("text/latex"))
    return {"kind": "text", "text": safe.plain(text, most=MAX_SHOWN)}


def _error(output: NotebookNode) -> dict[str, Any]:
    """A student's error as they know it, the last part of the traceback."""
    lines = safe.joined(output.get("traceback"), "\n").split("\n")
    text = "\n".join(lines[-TRACEBACK_LINES:]) or f"{output.get('ename', '')}: {output.get('evalue', '')}"
    return {"kind": "error", "text": safe.plain(text, most=MAX_SHOWN)}


def _other_errors(notebook: NotebookNode | None) -> list[dict[str, str]]:
    """Cells outside the tasks (imports, the student's own) that ended in an error, the first ten."""
    found = []
    for cell in notebook.cells if notebook is not None else []:
        errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
        marks = cell.metadata.get("nbgrader", {})
        if errors and not marks.get("grade") and not marks.get("solution"):
            found.append({"source": safe.plain(cell.source, most=1_000), "error": _error(errors[-1])["text"]})
    return found[:10]


# --- reading ---


def _notebook(klass: Klass, result: Result) -> NotebookNode | None:
    """The notebook as it was graded; None where there is none or it is damaged, which stops no other page."""
    path = klass.notebook("autograded", result.assignment, result.student)
    try:
        return nbformat.read(path, as_version=4)
    except Exception:  # nbformat raises many kinds; a page without the answers is still a page
        return None


def _comments(klass: Klass, result: Result) -> dict[str, str]:
    """task -> what a person wrote about it in the formgrader."""
    with open_gradebook(klass) as book:
        try:
            comments = book.find_submission_notebook(result.assignment, result.assignment, result.student).comments
        except MissingEntry:
            return {}
        return {task_of(c.name): c.manual_comment for c in comments if c.manual_comment}
