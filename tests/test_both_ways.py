"""A notebook means the same in one kernel as a student runs it, under plain `nbgrader autograde`, under nbgrader's
Validate, and in the two processes of the grader: every assignment's reference solution, and partly right answers, get
the same points task by task.
"""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import bank_class
import nbclient
import nbformat
import papermill
import pytest
import quirk_class
import tiny_class
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import determine_grade, is_grade
from nbgrader.validator import Validator

from autograder import klass, newclass
from autograder.bank import Case, make_submission
from autograder.grade import grade_class
from autograder.results import Result, task_of
from autograder.source import handout, instructor_notebook, read_source

SOLUTIONS = sorted((Path(__file__).resolve().parent.parent / "solutions").glob("*.py"))
WRONG_UNIT = quirk_class.describe(result=quirk_class.TOLD.replace("mV", "V"))
# name: text, the points that are lost, task by task, with the answers that lose them; None is the reference
TINY = {
    "tiny": (tiny_class.TINY, None, {}),
    "tiny_partly": (tiny_class.TINY, {"double": "def double(x):\n    return abs(2 * x)"}, {"double": 2}),
    "quirks": (quirk_class.TEXT, None, {}),
    "quirks_partly": (quirk_class.TEXT, {"describe": WRONG_UNIT, "smooth": ""}, {"describe": 2, "smooth": 4}),
}
TOY = ("quirks", "quirks_partly")  # their cohort is a stand-in, which all four ways meet


@dataclass
class Ways:
    """Points of each task with tests, by way; `validated` is what Validate finds wrong; `lost` what is expected."""

    possible: dict[str, float]
    alone: dict[str, float]
    plain: dict[str, float]
    validated: dict
    graded: Result
    lost: dict[str, float]


def text_of(name):
    """An assignment as its text, those of the course at the budget of continuous integration."""
    path = next((p for p in SOLUTIONS if p.stem == name), None)
    if path is None:
        return TINY[name]
    text = path.read_text(encoding="utf-8")
    for line, short in (('BUDGET = "default"', 'BUDGET = "ci"'), ('SOURCE = "auto"', 'SOURCE = "simulated"')):
        assert line in text
        text = text.replace(line, short)
    return text, None, {}


@contextmanager
def recordings(name, course):
    """While a toy runs in one kernel its cohort is the class's, as the course has no recordings for it."""
    with mock.patch.dict(os.environ, {"PHYSIODL_EXAM": str(course.hidden)} if name in TOY else {}):
        yield


@pytest.fixture(scope="module", params=[*TINY, *(pytest.param(p.stem, marks=pytest.mark.slow) for p in SOLUTIONS)])
def ways(request, tmp_path_factory):
    """One submission, taken all four ways in one class."""
    folder, name = tmp_path_factory.mktemp(request.param), f"09_{request.param}"
    text, answers, lost = text_of(request.param)
    source = folder / f"{name}.py"
    source.write_text(text, encoding="utf-8")
    read = read_source(source)
    instructor, given = instructor_notebook(read), handout(read)
    (folder / "class").mkdir()
    (folder / "class" / "secret.key").write_text(bank_class.KEY)
    (folder / "class" / "secret.key").chmod(0o600)
    write_hidden = quirk_class.write_hidden if request.param in TOY else tiny_class.write_hidden
    toy = mock.patch("physiodl.exam.write_hidden", write_hidden)
    with toy if request.param in TINY else bank_class.hidden_once(folder):
        newclass.init_class(folder / "class", {name: (instructor, given)})
    course = klass.open_class(folder / "class")
    cells = tuple((task, "code", answer) for task, answer in (answers or {}).items())
    submission = make_submission(Case("case", name, "reference", "t", cells=cells), given, instructor)
    path = course.notebook("submitted", name, "anna")
    path.parent.mkdir(parents=True)
    path.write_text(submission)
    in_one_kernel = by_client if request.param in TINY else by_papermill
    with recordings(request.param, course):
        alone = points(in_one_kernel(nbformat.reads(submission, as_version=4), folder))
        validated = Validator(config=course.config).validate(str(path))
        plain = by_nbgrader(course, name)
    (graded,) = grade_class(course)
    possible = {task: graded.possible[task] for task in alone}
    return Ways(possible, alone, plain, validated, graded, lost)


def by_papermill(notebook, folder):
    """As an author runs every notebook of the course: the first error ends it."""
    nbformat.write(notebook, folder / "in.ipynb")
    return papermill.execute_notebook(
        str(folder / "in.ipynb"), str(folder / "out.ipynb"), cwd=str(folder), progress_bar=False, kernel_name="python3",
        execution_timeout=600,
    )  # fmt: skip


def by_client(notebook, folder):
    """As a student runs it who goes on after an error."""
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    return client.execute()


def points(notebook):
    tests = [c for c in notebook.cells if c.cell_type == "code" and is_grade(c)]
    return {task_of(cell.metadata.nbgrader.grade_id): determine_grade(cell)[0] for cell in tests}


def by_nbgrader(course, name):
    api = NbGraderAPI(CourseDirectory(config=course.config), config=course.config)
    done = api.autograde(name, "anna")
    assert done["success"], done
    with klass.open_gradebook(course) as book:
        grades = book.find_submission_notebook(name, name, "anna").grades
        return {task_of(g.name): g.auto_score for g in grades if g.cell.cell_type == "code"}


def test_the_same_points_in_one_kernel_and_under_plain_nbgrader(ways):
    assert ways.alone == ways.plain
    assert {
        task: most - ways.alone[task] for task, most in ways.possible.items() if ways.alone[task] < most
    } == ways.lost


def test_validate_says_success_where_all_points_are_there(ways):
    failed = ways.validated.pop("failed", [])
    assert ways.validated == {} and len(failed) == len(ways.lost), failed


def test_the_same_points_in_two_processes(ways):
    """The examiner's test cells draw other numbers (its own SEED), and score on recordings of its own."""
    scored = {score["task"] for score in ways.graded.scores}
    for task, points in ways.plain.items():
        # A cohort is made of a sample: at the smallest budget its scores may cost a tenth on another one.
        low = 0.9 * points if task in scored and not ways.lost else points
        assert low <= ways.graded.points[task] <= points, ways.graded.messages[task]
    assert ways.graded.sandbox.startswith("bubblewrap")
    assert not [why for why in ways.graded.reasons if "waits for its mark" not in why]
