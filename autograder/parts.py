"""What a notebook must have for its reader: the opening, the points table, hints, the close."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from autograder.names import bound_names
from autograder.source import Cell, Finding, Source, finder, task_text

LESSON_OPENING = ("what you will learn", "what you need", "time", "data")
ASSIGNMENT_OPENING = ("time", "data")  # what it asks and the points table are looked for by themselves
LESSON_CLOSE = ("take away", "where next")
PARAMETERS = ("SOURCE", "BUDGET", "SEED")
HINTS = 3
_TIMES = (r"\d", r"\bmin|\bhour|\d\s*h\b", r"read|work", r"comput")


def lesson_parts(source: Source) -> list[Finding]:
    """Parts that a lesson lacks: title, what you will learn and need, time, data, parameters, the close.

    Front matter `kind: welcome` leaves only the title: a front page has its own form.
    """
    at = finder(source)
    found = list(_opening(source, LESSON_OPENING, at))
    if source.kind == "welcome":
        return found
    last_code = max((cell.number for cell in source.cells if cell.type == "code"), default=0)
    tail = "\n".join(cell.text for cell in source.cells[last_code:])
    headings = [name for mark, name, _ in _labels(tail) if mark == "#"]
    if tuple(label for name in headings for label in LESSON_CLOSE if name.startswith(label)) != LESSON_CLOSE:
        got = f"headings {headings} after the last code cell"
        found.append(at(source.cells[-1], "close", got, "`Take away`, then `Where next`", "end with both"))
    return found


def assignment_parts(source: Source) -> list[Finding]:
    """Parts that an assignment lacks: what it asks, a points table as the cells say, time, data, hints."""
    at = finder(source)
    found = list(_opening(source, ASSIGNMENT_OPENING, at))
    if not re.search(r"^[^\W_].*\w", source.cells[0].text, flags=re.MULTILINE):
        expected = "a paragraph under the title that says what the assignment asks"
        found.append(at(source.cells[0], "opening", "no text", expected, "write it"))
    graded = [(index, cell) for index, cell in enumerate(source.cells) if cell.graded]
    found += _points_faults(source, {str(cell.task): cell.options.get("points") for _, cell in graded}, at)
    for index, cell in graded:
        text = task_text(source, index)
        hints = len(re.findall(r"<details>\s*<summary>.+?</summary>.+?</details>", text, flags=re.DOTALL))
        if hints != HINTS or text.count("<details") != HINTS:
            got = f"{hints} folded hints for task {cell.task!r}"
            expected = f"{HINTS} of them: idea, function to use, almost the code"
            fix = "write `<details><summary>Hint 1: ...</summary> ... </details>` in the task's text"
            found.append(at(cell, "hints", got, expected, fix))
    return found


def points_table(text: str) -> tuple[dict[str, float], float | None]:
    """Points by task in the markdown tables with columns `task` and `points`, and their total row.

    A row is named by the first name in `backticks` in its task column, else by all that stands there.
    """
    rows: dict[str, float] = {}
    total, columns = None, None
    for line in text.split("\n"):
        cells = [part.strip(" *") for part in line.strip().strip("|").split("|")]
        lower = [cell.lower() for cell in cells]
        if not line.strip().startswith("|"):
            columns = None
        elif {"task", "points"} <= set(lower):
            columns = lower.index("task"), lower.index("points")
        elif columns and max(columns) < len(cells) and re.fullmatch(r"\d+(\.\d+)?", cells[columns[1]]):
            label, points = cells[columns[0]], float(cells[columns[1]])
            named = re.search(r"`(\w+)`", label)
            if named or label.lower() not in ("", "total", "sum"):
                rows[named[1] if named else label] = points
            else:
                total = points
    return rows, total


def _points_faults(source: Source, wanted: dict[str, float], at: Callable[..., Finding]) -> Iterator[Finding]:
    first = next((k for k, cell in enumerate(source.cells) if cell.type == "code"), len(source.cells))
    text = "\n".join(cell.text for cell in source.cells[:first] if cell.type == "markdown")
    table, total = points_table(text)
    if table != wanted:
        got = {task: points for task, points in table.items() if wanted.get(task) != points} or "no row"
        missing = {task: points for task, points in wanted.items() if table.get(task) != points}
        expected = f"in a table with columns `task` and `points`: {missing or 'no such row'}"
        yield at(source.cells[0], "points table", f"{got}", expected, "make the table say what the cells say")
    elif total is not None and total != sum(wanted.values()):
        expected = f"{sum(wanted.values()):g}"
        yield at(source.cells[0], "points table", f"total {total:g}", expected, "mend the table")


def _opening(source: Source, labels: tuple[str, ...], at: Callable[..., Finding]) -> Iterator[Finding]:
    first = source.cells[0]
    if first.type != "markdown" or not first.text.lstrip().startswith("# "):
        yield at(first, "title", "no title", "a first markdown cell that begins with `# `", "write one")
    if source.kind == "welcome":
        return
    code = next((cell for cell in source.cells if cell.type == "code"), None)
    top = source.cells[: code.number - 1] if code else source.cells
    found = _labels("\n".join(cell.text for cell in top))
    for label in labels:
        text = next((text for _, name, text in found if name.startswith(label)), None)
        if text is None:
            expected = "a heading or bold label of that name above the first code cell"
            yield at(first, "opening", f"no {label.capitalize()!r}", expected, "write it")
        elif label == "time" and not all(re.search(pattern, text, re.IGNORECASE) for pattern in _TIMES):
            expected = "minutes or hours of reading (or work) and of computing"
            fix = "write for example `40 min reading, 2 min computing`"
            yield at(first, "opening", f"time {text.strip()[:60]!r}", expected, fix)
    yield from _parameters(first, code, at)


def _parameters(first: Cell, code: Cell | None, at: Callable[..., Finding]) -> Iterator[Finding]:
    expected = f"the first code cell tagged `parameters`, with {', '.join(PARAMETERS)}"
    if code is None or "parameters" not in code.tags:
        fix = 'write `# %% tags=["parameters"]` above it'
        yield at(code or first, "parameters", "no such first code cell", expected, fix)
    elif missing := [name for name in PARAMETERS if name not in bound_names(code.text)]:
        yield at(code, "parameters", f"no {', '.join(missing)} in it", expected, "assign it there")


def _labels(text: str) -> list[tuple[str, str, str]]:
    """Headings and bold labels at line starts: (`#` or `*`, label in lower case, text up to the next one)."""
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)
    pattern = r"^[ \t>|]*(?:[-*+][ \t]+)?(?:(#)+[ \t]+(.+)|(\*)\*(.+?)\*\*)"
    hits = list(re.finditer(pattern, text, flags=re.MULTILINE))
    ends = [hit.start() for hit in hits[1:]] + [len(text)]
    found = []
    for hit, end in zip(hits, ends, strict=True):
        label = re.sub(r"^\W+|\W+$", "", hit[2] or hit[4]).lower()
        found.append((hit[1] or hit[3], label, text[hit.end() : end]))
    return found
