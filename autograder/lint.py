"""Checks on a source, before anything is built from it.

Two groups. `contract` holds what the build refuses: options, roles, regions, tasks, points, stubs, the names
and constructs of test cells (`autograder.names`). `parts` holds what a reader misses when it is lacking: the
opening, the points table, hints, the close (`autograder.parts`). `lint_source` gives both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from autograder.names import check_names, compiled, definitions
from autograder.parts import assignment_parts, lesson_parts
from autograder.source import (
    HIDDEN,
    MARKS,
    REGIONS,
    SHORT,
    SOLUTION,
    STUB,
    TOTAL_POINTS,
    Cell,
    Finding,
    Source,
    SourceError,
    finder,
    handout,
    is_task_name,
    plain,
    read_source,
    solution_text,
    split_regions,
)

__all__ = ["Finding", "assignment_parts", "contract", "lesson_parts", "lint_source", "parts"]

KINDS = ("lesson", "welcome", "assignment")
ROLES = {"code": ("locked", "answer", "test", "free"), "markdown": ("written",)}
REGION_ROLES = {SOLUTION: ("answer", "written"), HIDDEN: ("test",), MARKS: ("written",)}
REQUIRED_REGIONS = {"answer": (SOLUTION,), "written": (SOLUTION, MARKS)}
OPTIONS = ("role", "task", "points", "tags")
_FROM_JUPYTEXT = {"title", "lines_to_next_cell", "cell_marker"}  # how the text is laid out, not what it says


def lint_source(path: str | Path) -> list[Finding]:
    """Every finding on one source file; an empty list means that it can be built and has all its parts."""
    try:
        source = read_source(path)
    except SourceError as error:
        return [Finding(Path(path), 0, 1, "readable", str(error), "percent text", "mend the file")]
    return contract(source) + parts(source)


def contract(source: Source) -> list[Finding]:
    """What the build refuses. Later checks rest on what earlier ones establish, so faults come in layers."""
    at = finder(source)
    if source.kind not in KINDS:
        return [at(None, "kind", repr(source.kind), " or ".join(KINDS), "mend `kind:` in the front matter")]
    for layer in (_cells, _tasks, _python):
        if found := list(layer(source, at)):
            return found
    if source.kind != "assignment":
        return []
    try:
        shown = [cell.source for cell in handout(source).cells]
    except SourceError as error:
        return [at(None, "nbgrader", str(error), "a notebook it accepts", "mend the cell that it names")]
    return list(_stubs(source, shown, at)) or list(check_names(source, shown, at))


def parts(source: Source) -> list[Finding]:
    """What a notebook lacks for its reader."""
    return assignment_parts(source) if source.kind == "assignment" else lesson_parts(source)


def _cells(source: Source, at: Callable[..., Finding]) -> Iterator[Finding]:
    """Options, roles and regions of each cell by itself."""
    for cell in source.cells:
        if unknown := set(cell.options) - set(OPTIONS) - _FROM_JUPYTEXT:
            yield at(cell, "options", f"{sorted(unknown)}", " or ".join(OPTIONS), "mend the marker line")
        if cell.type not in ROLES:
            fix = "write it as `# %% [markdown]`"
            yield at(cell, "cell type", f"a {cell.type} cell", "code or markdown", fix)
            continue
        yield from _regions(cell, at)
        used = sorted({"role", "task", "points"} & set(cell.options))
        if source.kind != "assignment":
            if used:
                fix = "take them out; only assignments are graded"
                yield at(cell, "role", f"{used} in a lesson", "plain cells", fix)
        elif cell.role not in (None, *ROLES[cell.type]):
            got = f"role {cell.role!r} on a {cell.type} cell"
            yield at(cell, "role", got, " or ".join(ROLES[cell.type]), "mend the marker line")
        elif cell.role is None and cell.type == "code":
            fix = 'write for example `# %% role="locked"`'
            yield at(cell, "role", "a code cell without a role", " or ".join(ROLES["code"]), fix)
        elif cell.role in (None, "locked", "free") and {"task", "points"} & set(used):
            got = f"{used} on a {cell.role or 'text'} cell"
            yield at(cell, "role", got, "no task and no points", "take them out, or mend the role")


def _regions(cell: Cell, at: Callable[..., Finding]) -> Iterator[Finding]:
    """BEGIN and END stand in pairs, in a cell of the right role; nbgrader would silently drop lines."""
    opened: list[str] = []
    for row, line in enumerate(cell.text.split("\n"), start=1):
        for name in REGIONS:
            begins, ends = f"BEGIN {name}" in line, f"END {name}" in line
            if (begins or ends) and cell.role not in REGION_ROLES[name]:
                got = f"`{name}` in a {cell.role or 'plain'} cell"
                expected = f"it in a cell with role {' or '.join(REGION_ROLES[name])}"
                yield at(cell, "region", got, expected, "move or reword it", row=row)
            elif begins:
                # A mark scheme may stand inside the solution of its cell; nothing else may be nested.
                if opened and (opened, name) != ([SOLUTION], MARKS):
                    got, fix = f"BEGIN {name} inside {opened[-1]}", f"write END {opened[-1]} above it"
                    yield at(cell, "region", got, "the first region ended", fix, row=row)
                opened.append(name)
            elif ends and (not opened or opened.pop() != name):
                got, fix = f"END {name} without its BEGIN", f"write BEGIN {name} above it"
                yield at(cell, "region", got, "a pair", fix, row=row)
    if opened:
        got, fix = f"BEGIN {opened[-1]} without its END", f"write END {opened[-1]} below it"
        yield at(cell, "region", got, "a pair", fix)


def _tasks(source: Source, at: Callable[..., Finding]) -> Iterator[Finding]:
    """Tasks fit together: one answer and one test each, points that are numbers and add up."""
    if source.kind != "assignment":
        return
    seen: dict[tuple[str, str], Cell] = {}
    total = 0.0
    for cell in source.cells:
        if cell.role not in ("answer", "test", "written"):
            continue
        if not is_task_name(cell.task):
            expected = "a name of lower-case letters, digits and _"
            fix = 'write for example `task="split"`'
            yield at(cell, "task", f"{cell.role} cell with task {cell.task!r}", expected, fix)
            continue
        slot = "test" if cell.role == "test" else "answer"  # answer and written cells share their grade ids
        if (slot, str(cell.task)) in seen:
            fix = f"rename it; the first is cell {seen[slot, str(cell.task)].number}"
            yield at(cell, "task", f"a second {slot} cell for task {cell.task!r}", "one", fix)
        seen.setdefault((slot, str(cell.task)), cell)
        for name in REQUIRED_REGIONS.get(str(cell.role), ()):
            if f"BEGIN {name}" not in cell.text:
                expected, fix = f"BEGIN {name} ... END {name}", "mark what the handout must not show"
                yield at(cell, "region", f"{cell.role} cell without {name}", expected, fix)
        points = cell.options.get("points")
        if cell.role == "answer":
            if points is not None:
                fix = "put them on the test cell"
                yield at(cell, "points", f"points={points!r} on an answer cell", "none", fix)
        elif not _is_positive(points):
            fix = "write for example `points=12`"
            yield at(cell, "points", f"points={points!r}", "a number above 0", fix)
        else:
            total += points
    for (slot, task), cell in seen.items():
        if slot == "answer" and cell.role == "answer" and ("test", task) not in seen:
            fix = 'write a `role="test"` cell for it, or make it `role="free"`'
            yield at(cell, "task", f"answer {task!r} without a test cell", "one", fix)
    expected = source.meta.get("total", TOTAL_POINTS)
    if not _is_positive(expected):
        yield at(None, "points", f"total: {expected!r}", "a number above 0", "mend the front matter")
    elif abs(total - expected) > 1e-9:
        fix = "mend the points, or `total:` in the front matter"
        yield at(None, "points", f"{total:g} points in all", f"{expected:g}", fix)


def _is_positive(points: object) -> bool:
    number = isinstance(points, int | float) and not isinstance(points, bool)
    return number and 0 < points < float("inf")


def _python(source: Source, at: Callable[..., Finding]) -> Iterator[Finding]:
    """Every code cell is plain Python: magics differ between kernels."""
    for cell in source.cells:
        if cell.type == "code" and (error := _syntax_error(cell.text)):
            got, row = f"{error.msg}: {(error.text or '').strip()!r}", error.lineno or 0
            yield at(cell, "python", got, "plain Python, no % or ! lines", "mend the cell", row=row)


def _syntax_error(code: str) -> SyntaxError | None:
    try:
        compiled(code)
    except SyntaxError as error:
        return error
    return None


def _stubs(source: Source, shown: list[str], at: Callable[..., Finding]) -> Iterator[Finding]:
    """What the handout shows is Python too, agrees with the solutions, and does not give them away."""
    for cell, text in zip(source.cells, shown, strict=True):
        if cell.role in ("answer", "test") and (error := _syntax_error(text)):
            fix = "leave a statement outside the region, at its indentation"
            yield at(cell, "handout", f"{error.msg} in the handout", "Python without the region too", fix)
        elif cell.role == "answer":
            yield from _stub(cell, text, at)
    yield from _answers_shown(source, at)


def _stub(cell: Cell, stub: str, at: Callable[..., Finding]) -> Iterator[Finding]:
    """Stub and solution say the same: the same lines around the answer, the same names and signatures."""
    solved = {plain(line) for line in (solution_text(cell) + "\n" + STUB).split("\n")}
    for line in stub.split("\n"):
        if plain(line) not in solved:
            fix = "align stub and solution"
            yield at(cell, "stub", f"stub line {line.strip()!r}", "a line of the solution", fix)
    given, answer = definitions(stub), definitions(solution_text(cell))
    for name in given.keys() & answer.keys():
        if given[name] != answer[name]:
            got, fix = f"{name}{given[name]} in the stub", "write it once, outside the solution region"
            yield at(cell, "stub", got, f"{name}{answer[name]} as in the solution", fix)


def _answers_shown(source: Source, at: Callable[..., Finding]) -> Iterator[Finding]:
    """A solution that stands whole in one visible cell (a locked cell, a test, a text) is no secret."""
    shown = [(cell, {plain(line) for line in split_regions(cell.text)[0]}) for cell in source.cells]
    for answer in (cell for cell in source.cells if cell.role == "answer"):
        lines = {plain(line) for line in split_regions(answer.text)[1]}
        lines = {line for line in lines if len(line) > SHORT and not line.startswith("#")}
        for cell, visible in shown:
            if len(lines) > 1 and lines <= visible:
                got = f"the whole solution of task {answer.task!r}"
                fix = "say it in other words, or put it into a hidden region"
                yield at(cell, "answer shown", got, "no answer in sight", fix)
