"""What the commands print: progress, the table of a class, errors."""

from __future__ import annotations

import signal
from typing import Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

console, errors = Console(), Console(stderr=True)
COLOURS = {"graded": "green", "needs a person": "yellow", "failed": "red"} | {
    "good": "green",
    "poor": "yellow",
    "missing": "red",
}


def failure(message: object) -> typer.Exit:
    """Say what is wrong; raise what comes back."""
    errors.print(Text(f"autograder: {message}"), style="red")
    return typer.Exit(2)


def grade_with_progress(klass: Any, assignment: str | None, **options: Any) -> None:
    """Grade with a progress bar, then print the table of all that stands in the gradebook."""
    from autograder.grade import grade_class
    from autograder.results import results

    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    running: list[str] = []
    count = {"found": 0, "graded": 0}
    with bar:
        line = bar.add_task("grading", total=None)

        def progress(event: str, value: Any) -> None:
            if event == "found":
                count["found"] = value
                bar.update(line, total=value)
                return
            if event == "misnamed":
                why = "its name is not UTF-8, or holds line breaks or control characters. Rename the folder."
                line_of = Text(f"submitted/{value[1:-1]} is not graded: {why}")
                bar.console.print(line_of, style="yellow", soft_wrap=True)
                return
            if event == "started":
                running.append(value)
            else:
                count["graded"] += 1
                name = f"{value.student}, {value.assignment}"
                if name in running:
                    running.remove(name)
                bar.advance(line)
                bar.console.print(_line(value), soft_wrap=True)
            bar.update(line, description="grading " + "; ".join(running))

        try:
            grade_class(klass, assignment, progress=progress, **options)
        except KeyboardInterrupt:
            bar.stop()
            errors.print(
                f"interrupted: {count['graded']} of {count['found']} graded; the next call does the rest",
                style="yellow",
                highlight=False,
            )
            raise typer.Exit(130) from None
        finally:
            signal.signal(signal.SIGTERM, before)
    if not count["found"]:
        console.print("nothing new to grade")
    print_table(results(klass, assignment))


def _line(result: Any) -> Text:
    most = sum(result.possible.values())
    text = Text(f"{result.student}, {result.assignment}: {result.total:g} of {most:g}, ")
    text.append(result.status, style=COLOURS[result.status])
    text.append(f", {result.seconds:.1f} s", style="dim")
    return text


def print_table(results: list[Any]) -> None:
    """One table per assignment; tasks are numbered in the head and named below it."""
    from autograder.pages import number

    for name in sorted({r.assignment for r in results}):
        rows = [r for r in results if r.assignment == name]
        tasks = list(rows[0].possible)
        table = Table(
            title=name,
            title_justify="left",
            title_style="bold",
            header_style="bold",
            pad_edge=False,
            box=None,
            padding=(0, 2, 0, 0),
        )
        table.add_column("student", overflow="fold")
        for k, task in enumerate(tasks):
            table.add_column(str(k + 1), justify="right", no_wrap=True, footer=task)
        table.add_column("total", justify="right", no_wrap=True)
        table.add_column("status", no_wrap=True)
        table.add_column("s", justify="right", no_wrap=True)
        for r in rows:
            points = [Text(number(r.points[t]), style=_colour(r.points[t], r.possible[t])) for t in tasks]
            table.add_row(
                Text(r.student),
                *points,
                Text(number(r.total), style="bold"),
                Text(r.status, style=COLOURS[r.status]),
                f"{r.seconds:.1f}",
            )
        console.print()
        console.print(table)
        most = rows[0].possible
        legend = ", ".join(f"{k + 1} {task} ({most[task]:g})" for k, task in enumerate(tasks))
        console.print(Text(f"tasks: {legend}; \u2013 waits for a mark"), style="dim")
        for r in rows:
            if r.reasons and r.status == "failed":
                console.print(Text(f"{r.student}: {'; '.join(r.reasons)}"), style="dim", soft_wrap=True)
    console.print()


def _colour(points: float | None, most: float) -> str:
    return "dim" if points is None else "green" if points >= most else "red" if points == 0 else "yellow"
