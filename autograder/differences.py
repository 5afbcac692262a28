"""What `autograder regrade` prints: the points that would change, task by task, and why."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.pages import number
from autograder.regrade import Regraded

UNKNOWN = "nothing that is known of: the submission itself does not always do the same"


def print_differences(console: Console, found: list[Regraded], *, write: bool, command: str) -> None:
    """One table per assignment, with a row per task whose points differ; then what was written, or how to write.

    `command` is the call that would write them.
    """
    for name in sorted({item.assignment for item in found if item.differences}):
        table = Table(
            title=name, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
        )
        for column in ("student", "task"):
            table.add_column(column, overflow="fold")
        for column in ("old", "new"):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("what has changed", overflow="fold")
        for item in found:
            if item.assignment == name:
                _add_rows(table, item)
        console.print(table)
        console.print()
    for item in found:
        for line in _remarks(item):
            console.print(Text(f"{item.student}, {item.assignment}: {line}"), style="yellow", soft_wrap=True)
    for line in _summary(found, write=write, command=command):
        console.print(Text(line), soft_wrap=True)


def _add_rows(table: Table, item: Regraded) -> None:
    why = "; ".join(f"{kind} {what}" for kind, what in item.why.items()) or UNKNOWN
    for k, (task, old, new) in enumerate(item.differences):
        lower = new is not None and (old or 0.0) > new
        table.add_row(
            Text(item.student if k == 0 else ""),
            Text(task),
            Text(number(old)),
            Text(number(new), style="red" if lower else "green"),
            Text(why if k == 0 else ""),
        )


def _remarks(item: Regraded) -> list[str]:
    lines = []
    if item.failed:
        lines.append(f"{item.failed}{'; its old points stay' if item.retry else ''}")
    changed = {task for task, _, _ in item.differences}
    for task, points in item.by_hand.items():
        if task in changed:
            lines.append(f"{task} has a mark by hand, {number(points)}: it stays; look whether it still holds")
        elif "submission" in item.why:
            lines.append(f"{task} has a mark by hand, {number(points)}, for another file: look whether it still holds")
    return lines


def _summary(found: list[Regraded], *, write: bool, command: str) -> list[str]:
    other = [item for item in found if item.differences]
    behind = [item for item in found if item.why and not item.differences and not item.retry]
    kept = sum(item.kept for item in found)
    lines = [f"{len(found)} graded again, {len(other)} with other points"]
    if kept:
        lines[0] += f"; {kept} of the runs are those of an earlier call (--fresh runs them again)"
    if write:
        lines.append(f"{sum(item.written for item in found)} written to the gradebook and the journal")
    elif other or behind:
        same = f" ({len(behind)} have the same points, with what has changed noted)" if behind else ""
        lines.append(f"nothing was written{same}. To write: {command}")
    return lines
