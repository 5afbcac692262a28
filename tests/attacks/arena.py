"""The assignment that is attacked, a class that has it, and honest students.

Four small tasks stand for the kinds of test that a course has: a function with visible and hidden cases (rms), a
score on a hidden cohort (predict), points by distance (offset), and a plain task behind them that must not suffer
from what was done to the others (negate). The notebook of a student is the handout with answers filled in.
"""

from __future__ import annotations

import atexit
import copy
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from unittest import mock

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell

from autograder import klass, newclass
from autograder.source import handout, instructor_notebook, read_source

NAME = "08_arena"
POSSIBLE = {"rms": 4.0, "predict": 6.0, "offset": 3.0, "negate": 2.0}
CELL_S, TOTAL_S = 5, 30
MEMORY_MB = 1_200  # less than elsewhere, so that what takes it all does the machine no harm

# Texts that belong to the instructor or to others; whoever reads one of them in a result has found a leak. The two
# numbers are part of what the student's functions are called with while they are graded.
HIDDEN_TEST = "canary-hidden-test-5b1e"
SOLUTION = "canary-solution-77ac"
NEIGHBOUR = "canary-neighbour-0d42"
HIDDEN_INPUT = "7351.25"
CALIBRATION = 6007.25  # first sample of each hidden recording

ARENA = f'''\
# ---
# total: 15
# cell_timeout_s: {CELL_S}
# total_timeout_s: {TOTAL_S}
# memory_mb: {MEMORY_MB}
# ceiling: {{roc_auc: 0.9995}}
# ---
# %% [markdown]
# # Arena
# Four small tasks.
# %% role="locked"
import numpy as np

from physiodl import exam

exam.begin("{NAME}", source="simulated", seed=0)
# %% [markdown]
# ## 1. Root mean square
# `rms(x)`: root of the mean of the squares of `x`, (n,) numbers, as one number.
# %% role="answer" task="rms"
def rms(x):
    """Root mean square of x, (n,)."""
    ### BEGIN SOLUTION
    # {SOLUTION}
    return float(np.sqrt(np.mean(np.square(x))))
    ### END SOLUTION
# %% role="test" task="rms" points=4
# asks: rms
assert abs(rms(np.array([3.0, 4.0])) - 3.5355339059) < 1e-6
assert rms(np.array([-2.0, -2.0, 2.0])) == 2.0
### BEGIN HIDDEN TESTS
# {HIDDEN_TEST}
assert abs(rms(np.array([{HIDDEN_INPUT}, 12.5, 0.25])) - 4244.2523045879) < 1e-6
### END HIDDEN TESTS
4.0
# %% [markdown]
# ## 2. Two kinds of noise
# `predict(signals)`: probability, (n,), that a recording of (n, 1, 64) is of the louder kind. The first sample of
# each recording is a calibration mark.
# %% role="answer" task="predict"
def predict(signals):
    """Probability of the louder kind for each of (n, 1, 64) signals, (n,)."""
    ### BEGIN SOLUTION
    spread = np.asarray(signals)[:, 0, 1:].std(axis=1)
    return 1 / (1 + np.exp(-8 * (spread - 1.12)))
    ### END SOLUTION
# %% role="test" task="predict" points=6
# asks: predict
task = exam.task("predict", points=6)
_unseen = exam.cohort("af_detection")
task.credit("predict on recordings never seen", lambda: exam.score("roc_auc", _unseen, predict(_unseen.signals)),
            floor=0.75, full=0.9, points=6)
task.points()
# %% [markdown]
# ## 3. By distance
# `offset(x)`: x plus 3.
# %% role="answer" task="offset"
def offset(x):
    """x plus 3."""
    ### BEGIN SOLUTION
    return x + 3.0
    ### END SOLUTION
# %% role="test" task="offset" points=3
# asks: offset
3.0 - abs(offset(2.0) - 5.0)
# %% [markdown]
# ## 4. Change of sign
# `negate(x)`: minus x.
# %% role="answer" task="negate"
def negate(x):
    """Minus x."""
    ### BEGIN SOLUTION
    return -x
    ### END SOLUTION
# %% role="test" task="negate" points=2
# asks: negate
assert negate(3.0) == -3.0
assert negate(-2.5) == 2.5
2.0
'''

HONEST = {
    "rms": "def rms(x):\n    return float(np.sqrt((np.asarray(x) ** 2).mean()))",
    "predict": "def predict(signals):\n    spread = np.asarray(signals)[:, 0, 1:].std(axis=1)\n"
    "    return np.clip((spread - 0.5) / 2, 0, 1)",
    "offset": "def offset(x):\n    return x + 3.0",
    "negate": "def negate(x):\n    return -x",
}
# What honest students hand in: all right, partly right, and all right with a text of its own.
STUDENTS: dict[str, dict[str, str]] = {
    "aaron": HONEST,
    "zara": HONEST
    | {"rms": "def rms(x):\n    return float(np.mean(np.abs(x)))", "offset": "def offset(x):\n    return x + 2.25"},
    "zoe": HONEST | {"negate": f"# {NEIGHBOUR}\n" + HONEST["negate"]},
}
EARNED = {
    "aaron": dict(POSSIBLE),
    "zara": POSSIBLE | {"rms": 0.0, "offset": 2.25},
    "zoe": dict(POSSIBLE),
}


@cache
def assignment() -> tuple[nbformat.NotebookNode, nbformat.NotebookNode]:
    """Instructor version and handout."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{NAME}.py"
        path.write_text(ARENA)
        text = read_source(path)
        return instructor_notebook(text), handout(text)


@cache
def cohort() -> tuple[np.ndarray, np.ndarray]:
    """Hidden recordings (120, 64) float32 and labels (120,), the same in every class: marks can be told beforehand."""
    rng = np.random.default_rng(801)
    labels = rng.permutation(np.arange(120) % 2)
    signals = rng.normal(0, np.where(labels, 1.25, 1.0)[:, None], (120, 64)).astype(np.float32)
    signals[:, 0] = CALIBRATION
    return signals, labels


def label_texts() -> list[str]:
    """The hidden labels as digits, in the file's order and in that of the examination."""
    labels = cohort()[1]
    order = np.random.default_rng(0).permutation(len(labels))  # exam.begin's seed is no secret
    return ["".join(map(str, row)) for row in (labels, labels[order])]


def write_hidden(folder: Path, *, key: bytes, **_: object) -> None:
    """A stand-in for physiodl.exam.write_hidden, which simulates for some seconds."""
    place = folder / "af_detection"
    place.mkdir()
    for name, values in zip(("features", "labels"), cohort(), strict=True):
        np.save(place / f"{name}.npy", values)


def make_class(folder: Path) -> klass.Klass:
    """A class with the arena; the first is made, the others are copies of it."""
    shutil.copytree(_first_class(), folder, dirs_exist_ok=True)
    return klass.open_class(folder)


@cache
def _first_class() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="arena-")) / "class"
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    with mock.patch("physiodl.exam.write_hidden", write_hidden):
        newclass.init_class(folder, {NAME: assignment()})
    return folder


def notebook(answers: Mapping[str, str], added: Sequence[tuple[str, str]] = ()) -> dict:
    """The handout as JSON, answers filled in (honest ones where none is given); `added` holds (task, source) of cells
    that follow the task's test cell.
    """
    made = copy.deepcopy(assignment()[1])
    cells = []
    for cell in made.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name in POSSIBLE:
            cell.source = answers.get(name, HONEST[name])
        cells.append(cell)
        cells += [new_code_cell(text) for task, text in added if name == f"{task}-test"]
    made.cells = cells
    return json.loads(nbformat.writes(made))


def cell(content: dict, grade_id: str) -> dict:
    """The cell of a notebook's JSON with this grade id."""
    return next(c for c in content["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def hand_in(course: klass.Klass, student: str, content: dict | bytes) -> Path:
    """Put a notebook where a student's submission lies; returns its path."""
    path = course.notebook("submitted", NAME, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def hand_in_honest(course: klass.Klass, students: Sequence[str] = tuple(STUDENTS)) -> None:
    for student in students:
        hand_in(course, student, notebook(STUDENTS[student]))
