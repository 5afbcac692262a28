"""Executed notebooks written by hand and the feedback pages made of them, for the tests of these pages."""

import base64
import io
from html.parser import HTMLParser

import nbformat
from nbformat.v4 import new_output
from PIL import Image
from tiny_class import cell_of, tiny, written

from autograder.feedback import feedback_page, rubrics
from autograder.results import Result, messages

POSSIBLE = {"double": 4.0, "score": 6.0, "explain": 5.0}


def encoded(image, kind="PNG", **options):
    """A picture as a notebook keeps it: base64 with line breaks."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return base64.encodebytes(file.getvalue()).decode()


RED = encoded(Image.new("RGB", (60, 40), "red"))


class Elements(HTMLParser):
    """(tag, attributes) of each element, as a browser without opinions reads them."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple(attrs)))


def elements(html):
    parser = Elements()
    parser.feed(html)
    parser.close()
    return parser.found


def page_of(course, notebook=None, *, student="ada", **facts):
    """The page of a notebook that was never graded: written as the grader would leave it behind."""
    path = course.notebook("autograded", "09_tiny", student)
    path.parent.mkdir(parents=True, exist_ok=True)
    if notebook is not None:
        path.write_text(nbformat.writes(notebook), encoding="utf-8")
    else:
        path.unlink(missing_ok=True)
    points = facts.pop("points", {"double": 2.0, "score": 6.0, "explain": None})
    sandbox = facts.pop("sandbox", "")
    result = Result(student, "09_tiny", facts.pop("status", "graded"), points=points, possible=dict(POSSIBLE), **facts)
    result.graded_at = "2026-03-01T12:00:00+00:00"
    result.sandbox = sandbox
    result.messages = messages(course, student, "09_tiny")
    handout = nbformat.read(course.notebook("release", "09_tiny"), as_version=4)
    return feedback_page(course, result, handout, rubrics(course, "09_tiny"))


def executed(answers=None, *, explain="Because.", outputs=(), **tests):
    """A notebook as the grader leaves it: hidden tests inside, `outputs` at the answer cell of "double"."""
    instructor, _ = tiny()
    notebook = written(answers, explain=explain)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id", "").endswith("-test"):
            cell.source = cell_of(instructor, cell.metadata.nbgrader.grade_id).source
    cell_of(notebook, "double").outputs = list(outputs)
    for task, shown in tests.items():
        cell_of(notebook, f"{task}-test").outputs = shown
    return notebook


def text(words, name="stdout"):
    return new_output("stream", name=name, text=words)


def shown(**data):
    return new_output("display_data", data={k.replace("_", "/"): v for k, v in data.items()})


def error(name="ValueError", value="wrong", traceback=()):
    return new_output("error", ename=name, evalue=value, traceback=list(traceback) or [f"{name}: {value}"])
