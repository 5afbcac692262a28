"""Checks of a test cell: each costs its own points only, and says got, expected and the likely cause."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

LONGEST_MESSAGE = 400  # characters of a student's own error text that a check repeats


class ExamError(AssertionError):
    """A check did not hold; the text says got, expected, likely cause."""


def expect(condition, *, got, expected, cause: str = "") -> None:
    """Raise `ExamError` saying got, expected and the likely cause unless ``condition`` holds."""
    if not bool(condition):
        raise ExamError(_sentence(got, expected, cause))


def numbers(value, *, shape: tuple | None = None, what: str = "result") -> np.ndarray:
    """``value`` as a float array, checked for shape (None matches any length) and finiteness."""
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError, RuntimeError):
        raise ExamError(
            _sentence(
                f"{what} of type {type(value).__name__}",
                "an array of numbers",
                "a tensor that still needs .detach().numpy(), or a list of unequal lengths",
            )
        ) from None
    if shape is not None:
        fits = len(array.shape) == len(shape) and all(
            want is None or have == want for have, want in zip(array.shape, shape, strict=True)
        )
        wanted = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ("," if len(shape) == 1 else "") + ")"
        expect(
            fits,
            got=f"{what} of shape {array.shape}",
            expected=f"shape {wanted}",
            cause="an axis too many or too few, or the axes in another order",
        )
    bad = int(np.size(array) - np.count_nonzero(np.isfinite(array)))
    expect(
        bad == 0,
        got=f"{what} with {bad} values that are NaN or infinite",
        expected="finite numbers",
        cause="a division by zero (a flat recording has standard deviation 0) or a training that diverged",
    )
    return array


def same(value, expected, *, what: str = "result", rtol: float = 1e-6, atol: float = 1e-8, cause: str = "") -> None:
    """Check that ``value`` equals ``expected`` within a tolerance; the message names the first difference."""
    target = np.asarray(expected, dtype=float)
    array = numbers(value, shape=target.shape, what=what)
    wrong = np.flatnonzero(~np.isclose(array, target, rtol=rtol, atol=atol).ravel())
    if len(wrong):
        k = wrong[0]
        where = f" at position {k}" if array.size > 1 else ""
        raise ExamError(_sentence(f"{what} = {array.ravel()[k]:.6g}{where}", f"{target.ravel()[k]:.6g}", cause))


def alike(value, expected, *, at_least: float, what: str = "result", cause: str = "") -> None:
    """Check that two signals have the same course: their correlation reaches ``at_least``. Gain and offset are free."""
    target = np.asarray(expected, dtype=float).ravel()
    array = numbers(value, what=what).ravel()
    expect(len(array) == len(target), got=f"{len(array)} samples", expected=f"{len(target)}", cause=cause)
    spread = float(array.std() * target.std())
    r = float(np.mean((array - array.mean()) * (target - target.mean())) / spread) if spread > 0 else 0.0
    expect(r >= at_least, got=f"{what}: correlation {r:.3f}", expected=f"at least {at_least}", cause=cause)


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

    def credit(self, what: str, measure: Callable[[], object], *, floor: float, full: float, points: float) -> None:
        """Count points along the line from ``floor`` to ``full`` for what ``measure()`` returns: a `Score` or a number.

        ``measure`` is called here, so that an error in the student's code costs these points and no others.
        """
        self.offered += points
        try:
            reached = measure()
        except Exception as error:  # whatever the student's code raises
            self._line(what, 0.0, points, _explain(error, ""))
            return
        earned = credit(reached, floor=floor, full=full, points=points)
        self.earned += earned
        message = ""
        if earned < points:
            message = f"{floor:g} or less gives no points, {full:g} or more gives all"
        if getattr(reached, "metric", "") == "roc_auc" and reached.value < 0.4:
            message += ". Far below chance. Likely cause: the probability of normal rhythm is returned instead of AF's"
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
    text = " ".join(str(error).split())[:LONGEST_MESSAGE]
    if isinstance(error, ExamError):
        return str(error) if "Likely cause" in str(error) else _with_cause(str(error), cause)
    if isinstance(error, NotImplementedError):
        return "not written yet: the answer cell still holds its placeholder"
    if isinstance(error, NameError):
        return f"{text}. Likely cause: the answer cell was not run, or stopped with an error"
    if isinstance(error, AssertionError):
        return _with_cause(text or "the check does not hold", cause)
    return f"your code stopped with {type(error).__name__}: {text}"


def _sentence(got, expected, cause: str) -> str:
    return _with_cause(f"got {got}, expected {expected}", cause)


def _with_cause(text: str, cause: str) -> str:
    return f"{text}. Likely cause: {cause}" if cause else text
