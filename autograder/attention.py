"""Who needs a person, and why: the first thing an instructor reads, in groups that can be worked through."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from autograder.results import Result, clean

WRITTEN = "written answer waits for its mark"
MOST_GROUPS = 40  # per assignment; what is left is one group: a reason may hold a student's own words

# kind -> what it is called, and what to do about it; in the order in which they are shown.
KINDS = {
    "grader": ("Not graded: the grader failed", "Run `autograder grade` again. The journal says more."),
    "failed": ("Not graded: the file could not be read", "Ask for the notebook again."),
    "ceiling": ("Too good to be true", "See which data the work was trained and examined on before the mark stands."),
    "alike": ("Near-identical submissions", "Read both. Similarity is a reason to look, not a proof."),
    "test": ("A test did not come to its end", "Read the feedback page. The task has 0 points so far."),
    "mended": ("A cell was not as handed out", "It was put back. See whether the change was meant."),
    "again": ("Graded again after a mark by hand", "See whether that mark still holds."),
    "asked": ("A second look was asked for", "Look at the task in nbgrader's formgrader."),
    "other": ("Another reason", "Look at the task in nbgrader's formgrader."),
    "unboxed": ("Graded without a sandbox", "Grade again on a machine with bubblewrap: `autograder grade --force`."),
    "written": ("Written answers that wait for a mark", "Mark them in nbgrader's formgrader, task by task."),
}
# The first pattern with which a reason begins says its kind.
PATTERNS = {
    WRITTEN: "written",
    r"mended": "mended",
    r"graded again after a mark": "again",
    r"somebody asked": "asked",
    r".*(too good|above the ceiling)": "ceiling",
    r"test cell": "test",
}


@dataclass
class Matter:
    """Submissions of one assignment that need a person for the same reason; `students` are unique and in order."""

    kind: str
    detail: str
    students: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        return KINDS[self.kind][0]

    @property
    def todo(self) -> str:
        return KINDS[self.kind][1]

    def add(self, student: str) -> None:
        if student not in self.students[-1:]:
            self.students.append(student)


def matters(
    rows: Sequence[Result],
    *,
    retry: Iterable[str] = (),
    too_good: Sequence[tuple[str, str]] = (),
    alike: Sequence[tuple[Sequence[str], str]] = (),
) -> list[Matter]:
    """What needs a person in one assignment, in the order of `KINDS`, the largest groups of a kind first.

    `retry` are students whose failure was the grader's, `too_good` (student, why), `alike` (students, why) by group.
    """
    found: dict[tuple[str, str], Matter] = {}
    again = set(retry)

    def note(kind: str, detail: str, student: str) -> None:
        key = (kind, detail)
        if key not in found and len(found) >= MOST_GROUPS:
            key = ("other", "various")
        found.setdefault(key, Matter(*key)).add(student)

    for students, why in alike:
        for student in students:
            note("alike", why, student)
    for student, why in too_good:
        note("ceiling", why, student)
    for result in rows:
        if result.status == "failed":
            kind = "grader" if result.student in again else "failed"
            note(kind, _short("; ".join(result.reasons)), result.student)
            continue
        for reason in result.reasons:
            note(*_kind(reason), result.student)
        if unboxed(result):
            note("unboxed", "", result.student)
    order = list(KINDS)
    # A group of lookalikes keeps its place, the closest first; all others go by their size.
    return sorted(found.values(), key=lambda m: (order.index(m.kind), 0 if m.kind == "alike" else -len(m.students)))


def unboxed(result: Result) -> bool:
    """Whether a submission ran without the sandbox (or before there was one), so that its grade may be forged."""
    return result.status != "failed" and result.sandbox in ("", "none")


def only_written(result: Result) -> bool:
    """Whether nothing but marks for written answers is open."""
    return bool(result.reasons) and all(_kind(reason)[0] == "written" for reason in result.reasons)


def _kind(reason: str) -> tuple[str, str]:
    """Kind and detail of one of a result's reasons, "task: why"."""
    task, colon, why = reason.partition(": ")
    if not colon:
        return "other", _short(reason)
    kind = next((kind for pattern, kind in PATTERNS.items() if re.match(pattern, why)), "other")
    if kind == "test":
        why = re.sub(r"^test cell | \(.*", "", why)  # the name of an exception may be the student's
        return kind, _short(f"{task}: {why}")
    return kind, _short(reason if kind == "other" else task)


def _short(text: str) -> str:
    text = " ".join(clean(text, most=400).split())
    return text if len(text) <= 120 else f"{text[:119]}\u2026"
