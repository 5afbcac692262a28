"""Checks of a test cell: each costs its own points only, and says got, expected and the likely cause."""

from __future__ import annotations

import math
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

_ORDER = "the columns stand in another order than low, medium, high"
BELOW_CHANCE = {"roc_auc": "the probability of normal rhythm is returned instead of AF's"} | dict.fromkeys(
    ("auc_low", "auc_high", "macro_auc"), _ORDER
)
LONGEST_MESSAGE = 400  # characters of a student's own error text that a check repeats
# What the locked cells of the assignments define: where such a name is missing, those cells were hardly run.
GIVEN = frozenset(
    "SOURCE BUDGET SEED EPOCHS STEPS FOLDS LENGTH PASSES PATIENCE np torch nn plt signal mne wfdb artefacts beats "
    "cohort data deploy ecg exam foundations groups io load_beats metrics mistakes nets probe recordings "
    "LogisticRegression rankdata roc_auc_score "
    "signals".split()
)


class ExamError(AssertionError):
    """A check did not hold. ``text`` says what was got and expected; ``cause``, where known, why that may be.

    ``generic`` marks a cause that fits any task: a check that knows a better one says that instead.
    """

    def __init__(self, text: str, cause: str = "", *, generic: bool = False) -> None:
        super().__init__(_with_cause(text, cause))
        self.text, self.cause, self.generic = text, cause, generic


def given(value):
    """``value``, unless it is None: a check that needs what an earlier, failed check found is skipped and says so."""
    if value is None:
        raise ExamError("skipped: it needs the result of an earlier check, which failed")
    return value


def expect(condition, *, got, expected, cause: str = "") -> None:
    """Raise `ExamError` saying got, expected and the likely cause unless ``condition`` holds."""
    if not bool(condition):
        raise ExamError(f"got {got}, expected {expected}", cause)


def veiled() -> bool:
    """Whether hidden recordings are in use: then no message may hold a value or a shape that the student chose.

    What a function has seen of a recording it could write into them.
    """
    from physiodl.exam import cohorts

    return "PHYSIODL_EXAM" in os.environ and cohorts.hidden_in_use()


def numbers(value, *, shape: tuple | None = None, what: str = "result") -> np.ndarray:
    """``value`` as a float array, checked for kind, shape (None matches any length) and finiteness."""
    if value is None:
        raise ExamError(f"got {what} = None, expected numbers", "a function that ends without `return`")
    try:
        array = _real(np.asarray(value), what)
    except (TypeError, ValueError, RuntimeError):
        kind = "of another kind" if veiled() else f"of type {type(value).__name__}"
        raise ExamError(
            f"got {what} {kind}, expected an array of numbers",
            "a tensor that still needs .detach().numpy(), or a list of unequal lengths",
        ) from None
    if shape is not None:
        fits = len(array.shape) == len(shape) and all(
            want is None or have == want for have, want in zip(array.shape, shape, strict=True)
        )
        wanted = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ("," if len(shape) == 1 else "") + ")"
        if not fits:
            raise ExamError(
                f"got {what} of {'another shape' if veiled() else f'shape {array.shape}'}, expected shape {wanted}",
                "an axis too many or too few, or the axes in another order",
                generic=True,
            )
    bad = int(np.size(array) - np.count_nonzero(np.isfinite(array)))
    if bad:
        those = "values that are" if veiled() else "1 value that is" if bad == 1 else f"{bad} values that are"
        raise ExamError(
            f"got {what} with {those} NaN or infinite, expected finite numbers",
            "a division by zero, a logarithm of zero, or a training that diverged",
            generic=True,
        )
    return array


def _real(array: np.ndarray, what: str) -> np.ndarray:
    """``array`` as floats. NumPy would drop imaginary parts and read texts: both are refused."""
    kinds = {array.dtype.kind} if array.dtype != object else {np.asarray(v).dtype.kind for v in array.ravel()}
    if "c" in kinds:
        raise ExamError(
            f"got {what} of complex numbers, expected real ones", "np.abs or .real is missing after an FFT or a root"
        )
    if kinds & set("US"):
        raise ExamError(f"got {what} of texts, expected numbers", "quotes, str() or an f-string around a number")
    return array.astype(float)


def sound_parts(parts: Mapping[str, Any], *, n: int, what: str = "the split", cause: str = "") -> dict[str, np.ndarray]:
    """The parts of a split as positions, once it is one: each of the ``n`` samples in one part, and no part empty.

    Whatever else is asked of a split (who is where, how many) holds of empty parts too. So each one that a function
    returns goes through here, before a property of it counts.

    Args:
        parts: name of each part -> positions, as the function returned them.
        n: number of samples.
        what: the name of the whole in messages, such as "fold 3".
        cause: why samples may be missing or stand twice, where the task knows better.

    Returns:
        The same names -> whole numbers from 0 to n - 1.

    Raises:
        ExamError: a part that is empty, a mask of True and False or no positions, samples that are missing or stand
            twice.
    """
    made = {}
    for name, part in parts.items():
        where = f"{name} of {what}"
        found = numbers(part, shape=(None,), what=f"positions in {where}")
        expect(
            np.asarray(part).dtype != bool,
            got=f"True and False in {where}",
            expected="positions, such as 0, 3, 4",
            cause="an array of True and False tells which: np.flatnonzero(...) makes positions of it",
        )
        expect(len(found) > 0, got=f"no position in {where}", expected="at least one", cause="a part was left empty")
        expect(
            found.min() >= 0 and found.max() < n and np.all(found == np.round(found)),
            got=f"other numbers in {where}" if veiled() else f"positions such as {found[:3].tolist()} in {where}",
            expected=f"whole numbers from 0 to {n - 1}",
            cause="names of subjects or patients, where positions of samples are asked: np.flatnonzero gives positions",
        )
        made[name] = found.astype(int)
    count = np.bincount(np.concatenate(list(made.values())), minlength=n)
    lost, twice = int(np.sum(count == 0)), int(np.sum(count > 1))
    expect(
        not lost and not twice,
        got=f"{what} with {lost} of {n} samples in no part and {twice} in more than one place",
        expected="each sample in one part, once",
        cause=cause or "drawn with replacement, or a part left out",
    )
    return made


def same(value, expected, *, what: str = "result", rtol: float = 1e-6, atol: float = 1e-8, cause: str = "") -> None:
    """Check that ``value`` equals ``expected`` within a tolerance; the message names the first difference."""
    target = np.asarray(expected, dtype=float)
    array = numbers(value, shape=target.shape, what=what)
    wrong = np.flatnonzero(~np.isclose(array, target, rtol=rtol, atol=atol).ravel())
    if len(wrong):
        k = wrong[0]
        place = k if array.ndim < 2 else tuple(map(int, np.unravel_index(k, array.shape)))
        where = f" at position {place}" if array.size > 1 else ""
        if veiled():
            raise ExamError(f"got another {what}, expected {target.ravel()[k]:.6g}", cause)
        raise ExamError(f"got {what} = {array.ravel()[k]:.6g}{where}, expected {target.ravel()[k]:.6g}", cause)


def alike(value, expected, *, at_least: float, what: str = "result", cause: str = "") -> None:
    """Check that two signals have the same course: their correlation reaches ``at_least``. Gain and offset are free."""
    target = np.asarray(expected, dtype=float).ravel()
    array = numbers(value, what=what).ravel()
    count = "another number of samples" if veiled() else f"{len(array)} samples"
    expect(len(array) == len(target), got=count, expected=f"{len(target)}", cause=cause)
    spread = float(array.std() * target.std())
    r = float(np.mean((array - array.mean()) * (target - target.mean())) / spread) if spread > 0 else 0.0
    got = f"{what}: another course" if veiled() else f"{what}: correlation {r:.3f}"
    expect(r >= at_least, got=got, expected=f"a correlation of at least {at_least}", cause=cause)


def credit(value, *, floor: float, full: float, points: float) -> float:
    """Points along a line: 0 at ``floor`` or below, all of them at ``full`` or above, 0 for anything not finite.

    ``value`` is a number or a `Score`.
    """
    number = float(getattr(value, "value", value))
    if not full > floor:
        raise ValueError(f"got floor={floor} and full={full}, expected floor below full")
    if not math.isfinite(number):
        return 0.0
    return float(points) * min(1.0, max(0.0, (number - floor) / (full - floor)))


def task(name: str, *, points: float) -> Task:
    """Start counting the points of a task."""
    return Task(name, float(points))


class Task:
    """Counts the points of one test cell and prints one line per check."""

    def __init__(self, name: str, total: float) -> None:
        self.name, self.total = name, total
        self.earned = self.offered = 0.0

    @contextmanager
    def check(self, what: str, points: float, *, cause: str = "") -> Iterator[None]:
        """Run a check: its points count when nothing is raised inside. An error costs this check only."""
        self.offered += points
        try:
            yield
        except Exception as error:  # whatever the student's code raises
            self._line(what, 0.0, points, _explain(error, cause))
        else:
            self.earned += points
            self._line(what, points, points, "")

    def credit(
        self, what: str, measure: Callable[[], object], *, floor: float, full: float, points: float, cause: str = ""
    ) -> None:
        """Count points along the line from ``floor`` to ``full`` for what ``measure()`` returns: a `Score` or a number.

        ``measure`` is called here, so that an error in the student's code costs these points and no others. ``cause``
        says why the last points may be missing; without it the advice is the one for a trained network.
        """
        self.offered += points
        try:
            reached = measure()
        except Exception as error:  # whatever the student's code raises
            self._line(what, 0.0, points, _explain(error, cause))
            return
        earned = credit(reached, floor=floor, full=full, points=points)
        self.earned += earned
        message = ""
        if earned < points:
            advice = "Compare with your own test set: a far better score there means a leak; as low a one, look at the"
            advice = f"Likely cause: {cause}" if cause else f"{advice} loss curves"
            message = f"{floor:g} or less gives no points, {full:g} or more gives all. {advice}"
        if (metric := getattr(reached, "metric", "")) in BELOW_CHANCE and reached.value < 0.4:
            message = f"Far below chance. Likely cause: {BELOW_CHANCE[metric]}"
        self._line(f"{what}: {reached}", earned, points, message)

    def points(self) -> float:
        """All points of the task, a Python float: the last value of a test cell."""
        if not math.isclose(self.offered, self.total):
            raise RuntimeError(f"task {self.name!r} announces {self.total} points, its checks offer {self.offered}")
        total = round(min(self.earned, self.total), 2)
        print(f"{self.name}: {total:g} of {self.total:g} points")
        return float(total)

    @staticmethod
    def _line(what: str, earned: float, offered: float, message: str) -> None:
        mark = "\u2714" if earned == offered else ("\u2718" if earned == 0 else "\u25d1")
        print(f"{mark} {what} [{earned:.3g}/{offered:g}]" + (f"\n    {message}" if message else ""))


def _explain(error: Exception, cause: str) -> str:
    """What a student reads when a check ends in an error."""
    if isinstance(error, ExamError):
        better = cause and (error.generic or not error.cause) and not error.text.startswith("skipped")
        return _with_cause(error.text, cause) if better else str(error)
    text = " ".join(str(error).split())[:LONGEST_MESSAGE]
    if isinstance(error, NotImplementedError):
        return "not written yet: the answer cell still holds its placeholder"
    line = getattr(error, "own_line", "") or _own_line(error)
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError):
        if not line:
            return f"{text}. Likely cause: the answer cell was not run, or stopped with an error"
        name = (re.findall(r"name '(\w+)'", text) or ["?"])[0]
        why = "a slip in the name, or the line or cell that defines or imports it was not run"
        if name in GIVEN:
            why = "the cells above were not run: run them, from the top of the notebook; else a slip in the name"
        elif not re.search(rf"\b{name}\s*[.(]", line):  # a value, no module and no function
            why = f"inside a method, what belongs to the object needs `self.` in front (self.{name}); else {why}"
        return f"{text} (in your line `{line}`). Likely cause: {why}"
    if isinstance(error, AssertionError):
        return _with_cause(text or "the check does not hold", cause)
    kind = getattr(error, "student_type", type(error).__name__)
    stopped = f"your code stopped with {kind}: {text}" + (f" (in the line `{line}`)" if line else "")
    return stopped + (f". A frequent cause here: {cause}" if cause else "")


def _own_line(error: Exception) -> str:
    """The last line of the student's notebook code on the way to an error; empty where there is none.

    Lines of the test cell do not count: that is the innermost notebook cell which is running now.
    """
    frame = sys._getframe()
    while frame is not None and not _of_notebook(frame.f_code.co_filename):
        frame = frame.f_back
    test_cell = frame.f_code.co_filename if frame is not None else ""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f.line for f in frames if f.line and _of_notebook(f.filename) and f.filename != test_cell]
    return own[-1].strip()[:120] if own else ""


def _of_notebook(filename: str) -> bool:
    return "ipykernel" in filename or filename.startswith("<")


def _with_cause(text: str, cause: str) -> str:
    return f"{text}. Likely cause: {cause}" if cause else text
