"""The assignment that honest students with odd habits hand in (`quirks`), and a class that has it."""

import inspect
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from textwrap import indent
from unittest import mock

import numpy as np

from autograder import klass, newclass
from autograder.bank import Case, make_submission
from autograder.source import handout, instructor_notebook, read_source

NAME = "09_quirks"


def toy(n, seed):
    """Recordings (n, 1, 300) of one second and labels (n,): a wave of 6 Hz is 0, one of 10 Hz is 1."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 2)
    time = np.arange(300) / 300
    phase = rng.uniform(0, 6, (n, 1))
    waves = np.sin(2 * np.pi * np.where(labels, 10, 6)[:, None] * time + phase)
    return (waves + 0.5 * rng.standard_normal(waves.shape)).astype(np.float32)[:, None], labels


TEXT = f'''\
# %% [markdown]
# # Quirks
# What this asks.
# %% tags=["parameters"]
SOURCE = "simulated"
BUDGET = "ci"
SEED = 0
# %% role="locked"
import numpy as np

from physiodl import exam

exam.begin("{NAME}", source=SOURCE, seed=SEED)


{inspect.getsource(toy)}

signals, labels = toy(200, 1)
# %% [markdown]
# ## 1. Describe
# %% role="answer" task="describe"
def describe(signals, fs):
    """Count, root mean square, rate of the strongest wave and unit of recordings (n, 1, samples)."""
    ### BEGIN SOLUTION
    rows = signals[:, 0]
    rms = np.sqrt(np.mean(rows**2, axis=1))
    rate = np.argmax(np.abs(np.fft.rfft(rows)), axis=1) * fs / rows.shape[1]
    return {{"n": len(rows), "rms": rms, "rate_hz": rate, "unit": "mV"}}
    ### END SOLUTION
# %% role="test" task="describe" points=8
# asks: describe
task = exam.task("describe", points=8)
_x, _labels = toy(7, SEED + 3)
_told = None
with task.check("the count", 2):
    _told = describe(_x, 300.0)
    exam.same(_told["n"], 7, what="n")
with task.check("the root mean square", 2):
    exam.same(exam.given(_told)["rms"], np.sqrt(np.mean(_x[:, 0] ** 2, axis=1)), what="rms", rtol=1e-4)
with task.check("the rate, at another sampling rate too", 2):
    exam.same(exam.given(_told)["rate_hz"], np.where(_labels, 10, 6), what="rate_hz", rtol=1e-4)
    exam.same(describe(_x, 150.0)["rate_hz"], np.where(_labels, 5, 3), what="rate_hz", rtol=1e-4)
    ### BEGIN HIDDEN TESTS
    for _k in range(3):
        _x, _labels = toy(5, SEED + 20 + _k)
        exam.same(describe(_x, 300.0)["rate_hz"], np.where(_labels, 10, 6), what="rate_hz", rtol=1e-4)
    ### END HIDDEN TESTS
with task.check("the unit", 2):
    exam.expect(exam.given(_told)["unit"] == "mV", got=_told["unit"], expected="mV")
task.points()
# %% [markdown]
# ## 2. Smooth
# %% role="answer" task="smooth"
class Smoother:
    """A moving mean over `width` samples: `apply` takes (samples,) and gives (samples - width + 1,)."""
    ### BEGIN SOLUTION
    def __init__(self, width):
        self.width = width

    def apply(self, x):
        return np.convolve(x, np.ones(self.width) / self.width, mode="valid")
    ### END SOLUTION
# %% role="test" task="smooth" points=4
# asks: Smoother
task = exam.task("smooth", points=4)
_x = np.random.default_rng(SEED + 5).standard_normal(40)
with task.check("the width", 1):
    exam.same(Smoother(5).width, 5, what="width")
for _width in (1, 3, 8):
    with task.check(f"a mean over {{_width}}", 1):
        _mean = [_x[_k : _k + _width].mean() for _k in range(41 - _width)]
        exam.same(Smoother(_width).apply(_x), _mean, what="mean")
task.points()
# %% [markdown]
# ## 3. Predict
# %% role="answer" task="predict"
### BEGIN SOLUTION
import torch
from torch import nn


def features(signals):
    power = np.abs(np.fft.rfft(signals[:, 0]))[:, 1:20]
    return torch.as_tensor(power / power.sum(axis=1, keepdims=True), dtype=torch.float32)


torch.manual_seed(SEED)
net = nn.Sequential(nn.Linear(19, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
for _ in range(60):
    loss = nn.functional.binary_cross_entropy_with_logits(net(features(signals))[:, 0], torch.as_tensor(labels).float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
net.eval()


def predict(signals, fs):
    with torch.no_grad():
        return torch.sigmoid(net(features(signals)))[:, 0].numpy()
### END SOLUTION
# %% role="test" task="predict" points=5
# asks: predict
task = exam.task("predict", points=5)
_x, _labels = toy(30, SEED + 7)
_p = None
with task.check("probabilities", 2):
    _p = exam.numbers(predict(_x, 300.0), shape=(30,))
    exam.expect(_p.min() >= 0 and _p.max() <= 1, got=f"{{_p.min()}} to {{_p.max()}}", expected="0 to 1")
with task.check("mostly right", 2):
    exam.expect(np.mean((exam.given(_p) > 0.5) == _labels) > 0.9, got="less", expected="90 %")
with task.check("the same alone", 1):
    exam.same(predict(_x[:1], 300.0), exam.given(_p)[:1], atol=1e-4)
task.points()
# %% [markdown]
# ## 4. Perform
# %% role="answer" task="perform"
def classify(signals, fs):
    """Labels (n,)."""
    ### BEGIN SOLUTION
    return (predict(signals, fs) > 0.5).astype(int)
    ### END SOLUTION
# %% role="test" task="perform" points=6
# asks: predict, classify
task = exam.task("perform", points=6)
_unseen = exam.cohort("af_detection")
_roc, _right = (lambda: exam.score("roc_auc", _unseen, exam.ask(_unseen, predict))), (
    lambda: exam.score("accuracy", _unseen, exam.ask(_unseen, classify)))
task.credit("predict", _roc, floor=0.6, full=0.9, points=4)
task.credit("classify", _right, floor=0.6, full=0.9, points=2)
task.points()
'''
POSSIBLE = {"describe": 8.0, "smooth": 4.0, "predict": 5.0, "perform": 6.0}

# --- answers ---

ROWS = """\
rows = np.asarray(signals)[:, 0]
rms = np.sqrt(np.mean(rows**2, axis=1))
rate = np.argmax(np.abs(np.fft.rfft(rows)), axis=1) * fs / rows.shape[1]"""
TOLD = '{"n": len(rows), "rms": rms, "rate_hz": rate, "unit": "mV"}'
# No network: without torch a submission takes half the time.
PREDICT = """\
def predict(signals, fs):
    power = np.abs(np.fft.rfft(np.asarray(signals)[:, 0]))
    return 1 / (1 + np.exp(-0.05 * (power[:, 10] - power[:, 6])))"""


def describe(*, top="", inside="", end="", result=TOLD, head="def describe(signals, fs):"):
    """An answer to the first task: lines above, inside and below the function, its head and what it returns."""
    body = "\n".join(filter(None, [inside, ROWS, f"return {result}"]))
    return "\n".join(filter(None, [top, head, indent(body, "    "), end]))


@dataclass(frozen=True)
class Quirk:
    """An honest habit.

    `top`, `inside`, `end`: lines around and in `describe`; `answers`: whole answers by task, where "" stands for the
    solution's, with its network; `added`: a cell of the student's own behind the first answer; `file`: changes the
    notebook's JSON, or gives the file's bytes. `person`: why a person is asked, where that is right. `alone`: it
    changes the process or the notebook as a whole, and is not handed in together with others.
    """

    name: str
    top: str = ""
    inside: str = ""
    end: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    added: str = ""
    file: Callable | None = None
    person: str = ""
    alone: bool = False


def together(quirks, most=5):
    """Lists of quirks, each for one student: as many as go together, so that fewer notebooks are run."""
    groups = []
    for quirk in quirks:
        for group in groups:
            taken = {task for other in group for task in other.answers}
            lines = quirk.top + quirk.inside + quirk.end
            fits = not taken & (quirk.answers.keys() | ({"describe"} if lines else set()))
            fits &= not ("describe" in quirk.answers and any(q.top + q.inside + q.end for q in group))
            fits &= not (quirk.file and any(q.file for q in group))
            if fits and len(group) < most and not quirk.alone and not group[0].alone:
                group.append(quirk)
                break
        else:
            groups.append([quirk])
    return groups


# --- class and files ---


@cache
def assignment():
    """Instructor version and handout."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{NAME}.py"
        path.write_text(TEXT)
        text = read_source(path)
        return instructor_notebook(text), handout(text)


def write_hidden(folder, *, key):
    """A stand-in for physiodl.exam.write_hidden: toy recordings, which take no time."""
    signals, labels = toy(90, int.from_bytes(key[:4], "big"))
    (folder / "af_detection").mkdir()
    np.save(folder / "af_detection" / "features.npy", signals[:, 0])
    np.save(folder / "af_detection" / "labels.npy", labels)


def make_class(folder):
    """A class with the assignment, and a data folder of its own."""
    with mock.patch("physiodl.exam.write_hidden", write_hidden):
        newclass.init_class(folder, {NAME: assignment()})
    (folder / "data").mkdir()
    return klass.open_class(folder)


def written(quirks):
    """The bytes that a student with these habits hands in."""
    lines = {part: "\n".join(filter(None, (getattr(q, part) for q in quirks))) for part in ("top", "inside", "end")}
    answers = {"describe": describe(**lines), "predict": PREDICT}
    for quirk in quirks:
        answers |= quirk.answers
    cells = [("describe", "code", answers.pop("describe")), *((None, "code", q.added) for q in quirks if q.added)]
    cells += [(task, "code", text) for task, text in answers.items() if text]
    instructor, given = assignment()
    text = make_submission(Case("quirk", NAME, "alternative", "t", cells=tuple(cells)), given, instructor)
    for change in (q.file for q in quirks if q.file):
        content = json.loads(text)
        changed = change(content)
        if isinstance(changed, bytes):
            return changed
        text = json.dumps(content)
    return text.encode()


def hand_in(course, student, quirks):
    path = course.notebook("submitted", NAME, student)
    path.parent.mkdir(parents=True)
    path.write_bytes(written(quirks))
