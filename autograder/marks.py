"""Marks as the gradebook holds them, cell by cell: what the tests gave, what a person gave."""

from __future__ import annotations

from typing import Any, NamedTuple

from autograder.klass import Klass, open_gradebook
from autograder.results import task_of


class Mark(NamedTuple):
    """One graded cell of one submission. `auto` is the tests' points, `by_hand` a person's, None where there are
    none; `extra` a person's extra points; `waits` whether a person is asked to look.
    """

    cell: str
    auto: float | None
    by_hand: float | None
    extra: float | None
    waits: bool


def all_marks(
    klass: Klass, assignment: str | None = None, student: str | None = None, *, book: Any = None
) -> dict[tuple[str, str], list[Mark]]:
    """(student, assignment) -> its marks, for every submission in the gradebook or the chosen ones."""
    if book is None:
        with open_gradebook(klass) as book:
            return all_marks(klass, assignment, student, book=book)
    from nbgrader.api import Assignment, BaseCell, Grade, SubmittedAssignment, SubmittedNotebook

    query = (
        book.db.query(
            SubmittedAssignment.student_id,
            Assignment.name,
            BaseCell.name,
            Grade.auto_score,
            Grade.manual_score,
            Grade.extra_credit,
            Grade.needs_manual_grade,
        )
        .select_from(Grade)
        .join(BaseCell, Grade.cell_id == BaseCell.id)
        .join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
        .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
    )
    if assignment is not None:
        query = query.filter(Assignment.name == assignment)
    if student is not None:
        query = query.filter(SubmittedAssignment.student_id == student)
    found: dict[tuple[str, str], list[Mark]] = {}
    for who, name, *mark in query:
        found.setdefault((who, name), []).append(Mark(*mark))
    return found


def auto_points(marks: list[Mark]) -> dict[str, float | None]:
    """task -> the points that its tests gave; None for a written answer that waits for its mark."""
    points: dict[str, float | None] = {}
    for mark in marks:
        task = task_of(mark.cell)
        before = points.get(task, 0.0)
        points[task] = None if mark.auto is None or before is None else before + mark.auto
    return points
