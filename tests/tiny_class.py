"""A tiny assignment and small classes for the tests of the grader."""

import copy
import shutil
import tempfile
from functools import cache
from pathlib import Path
from unittest import mock

import nbformat

from autograder import klass, newclass
from autograder.bank import Case, make_submission
from autograder.source import handout, instructor_notebook, read_source

TINY = '''\
# %% [markdown]
# # Tiny
# What this is.
# %% role="locked"
import math
# %% [markdown]
# ## 1. Double a number
# %% role="answer" task="double"
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION
# %% role="test" task="double" points=4
# asks: double
points = 0.0
for x, expected in ((1.0, 2.0), (-3.0, -6.0)):
    try:
        got = double(x)
        if math.isclose(got, expected):
            points += 2.0
        else:
            print(f"double({x}): got {got}, expected {expected}")
    except Exception as error:
        print(f"double({x}) stopped with {type(error).__name__}")
### BEGIN HIDDEN TESTS
if double(1e6) != 2e6:
    points = min(points, 1.0)
### END HIDDEN TESTS
points
# %% [markdown]
# ## 2. Score
# %% role="answer" task="score"
### BEGIN SOLUTION
def score():
    return 6.0
### END SOLUTION
# %% role="test" task="score" points=6
# asks: score
score()
# %% [markdown] role="written" task="explain" points=5
# ### BEGIN SOLUTION
# Because.
# ### END SOLUTION
# ### BEGIN MARK SCHEME
# Names **one** cause: 5 points.
# ### END MARK SCHEME
'''


@cache
def tiny():
    """Instructor version and handout of the tiny assignment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "09_tiny.py"
        path.write_text(TINY)
        text = read_source(path)
        return instructor_notebook(text), handout(text)


def write_hidden(folder, *, key):
    """A stand-in for physiodl.exam.write_hidden, which simulates for some seconds."""
    assert len(key) == 32
    (folder / "toy").mkdir()
    (folder / "toy" / "labels.txt").write_text("0 1")


def make_class(folder):
    """A class with the tiny assignment; the first is made, the others are copies of it."""
    shutil.copytree(_first_class(), folder, dirs_exist_ok=True)
    return klass.open_class(folder)


@cache
def _first_class():
    folder = Path(tempfile.mkdtemp(prefix="physiodl-test-")) / "class"
    with mock.patch("physiodl.exam.write_hidden", write_hidden):
        newclass.init_class(folder, {"09_tiny": tiny()})
    return folder


def written(answers=None, *, explain="Because."):
    """The handout with answers filled in; those not given come from the solution."""
    cells = [("explain", "markdown", explain)] if explain else []
    cells += [(name, "code", text) for name, text in (answers or {}).items()]
    options = {} if explain else {"empty": ["explain"]}
    case = Case("case", "09_tiny", "reference", "t", cells=tuple(cells), options=options)
    instructor, given = tiny()
    return nbformat.reads(make_submission(case, given, instructor), as_version=4)


def cell_of(notebook, grade_id):
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def copy_of(cell, **changes):
    cell = copy.deepcopy(cell)
    cell.update(changes)
    return cell


def hand_in(course, student, content):
    path = course.notebook("submitted", "09_tiny", student)
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else nbformat.writes(content))
    return path
