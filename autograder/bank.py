"""A bank of submissions to try the grader on: reference, alternative, naive, wrong and broken work.

A case is a percent text file tests/bank/<assignment>/<name>.py. It opens with YAML between two `# ---` lines:

    # ---
    # kind: wrong                   reference, alternative, naive, wrong or broken
    # title: The split ignores the groups
    # expect: {split: 4, train: [0, 3]}      points per task, a number or [low, high]
    # says: {split: groups}                  what the student must read there; text or a list of texts
    # ---
    # %% task="split"
    def split_recordings(...): ...

Cells replace the reference answer of their task (`# %% [markdown] task="interpret"` a written one); a cell
without a task is added behind the cell before it. Tasks that are not named are answered as the reference
does. `# %% task="split" change` says which lines of the reference's answer are others, and nothing else:

    # was
        groups = recordings["group"]
    # now
        groups = np.arange(len(recordings))

The lines below `# was` stand once in that answer; more pairs may follow. More keys: `empty: [task]` leaves the
handout's stub, `only: [task]` that of all other tasks; `drop: [cell]`, `duplicate: [cell]` and `tags: {cell: [tag]}`
take, copy or tag cells by their grade id; `raw: truncated | empty | any text` is a file that is no notebook;
`status` and `total` are expected of the whole submission.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.results import Result
from autograder.source import SOLUTION, notebook_text, split_regions

KINDS = ("reference", "alternative", "naive", "wrong", "broken")
KEYS = {"kind", "title", "expect", "says", "empty", "only", "drop", "duplicate", "tags", "raw", "status", "total"}
MARKER = re.compile(r"^# %%(?P<markdown> \[markdown\])?(?P<options>.*)$")
TOLERANCE = 0.005  # points


class BankError(ValueError):
    """A case that cannot be read, or that does not fit its assignment."""


@dataclass(frozen=True)
class Case:
    """A submission and what is expected of it; `cells` are (task or None, cell type, text) in order.

    The cell type is code, markdown or change.
    """

    name: str
    assignment: str
    kind: str
    title: str
    expect: dict[str, Any] = field(default_factory=dict)
    says: dict[str, list[str]] = field(default_factory=dict)
    cells: tuple[tuple[str | None, str, str], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


def read_bank(path: str | Path) -> list[Case]:
    """The cases below a folder (a whole bank or one assignment's), or the one in a file, by assignment and
    name.
    """
    path = Path(path)
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*.py") if not p.name.startswith("_"))
    if not files:
        raise BankError(f"no cases in {path}; expected files <assignment>/<name>.py")
    return [read_case(file) for file in files]


def read_case(path: Path) -> Case:
    """One case; raises `BankError` that names the file and what is wrong with it."""
    text = path.read_text(encoding="utf-8")
    match = re.match(r"# ---\n(.*?)\n# ---\n?(.*)", text, re.S) or re.match(r'"""\n?(.*?)"""\n?(.*)', text, re.S)
    if not match:
        raise BankError(f"{path}: got no front matter; begin with YAML between two lines `# ---`")
    header = re.sub(r"^# ?", "", match[1], flags=re.M) if text.startswith("#") else match[1]
    try:
        meta = yaml.safe_load(header) or {}
    except yaml.YAMLError as error:
        raise BankError(f"{path}: the front matter is not YAML: {error}") from error
    strange = sorted(set(meta) - KEYS)
    if strange or meta.get("kind") not in KINDS or not meta.get("title"):
        raise BankError(
            f"{path}: expected kind ({', '.join(KINDS)}) and title, and no keys but {sorted(KEYS)}; "
            f"got kind {meta.get('kind')!r}, title {meta.get('title')!r}, unknown keys {strange}"
        )
    says = {task: [said] if isinstance(said, str) else list(said) for task, said in meta.pop("says", {}).items()}
    expect, kind, title = meta.pop("expect", {}), meta.pop("kind"), meta.pop("title")
    return Case(path.stem, path.parent.name, kind, title, expect, says, tuple(_cells(path, match[2])), meta)


def _cells(path: Path, body: str) -> list[tuple[str | None, str, str]]:
    cells: list[tuple[str | None, str, list[str]]] = []
    for line in body.split("\n"):
        match = MARKER.match(line)
        if match:
            task = re.search(r'task="([^"]+)"', match["options"])
            change = match["options"].endswith(" change")
            if change and not task:
                raise BankError(f"{path}: got a change of no task; expected `# %% task=\"...\" change`")
            kind = "change" if change else "markdown" if match["markdown"] else "code"
            cells.append((task[1] if task else None, kind, []))
        elif cells:
            cells[-1][2].append(re.sub(r"^# ?", "", line) if cells[-1][1] == "markdown" else line)
        elif line.strip():
            raise BankError(f'{path}: got text before the first cell; put `# %% task="..."` above it')
    return [(task, kind, "\n".join(lines).strip("\n")) for task, kind, lines in cells]


def make_submission(case: Case, handout: NotebookNode, solution: NotebookNode) -> str:
    """The text of the file a student would hand in.

    `solution` is the instructor version, from which the answers come that the case does not give. Raises
    `BankError` where the case names a task or a cell that the handout does not have.
    """
    raw = case.options.get("raw")
    if raw is not None and raw != "truncated":
        return "" if raw == "empty" else str(raw)
    notebook = copy.deepcopy(handout)
    answers = {_id(c): _answer(c.source) for c in solution.cells if _is_answer(c)}
    given = {task: text for task, kind, text in case.cells if task and kind != "change"}
    changes = {task: text for task, kind, text in case.cells if kind == "change"}
    only, empty = case.options.get("only"), set(case.options.get("empty", []))
    named = {*given, *changes, *empty, *(only or [])}
    cells = {*case.options.get("drop", []), *case.options.get("duplicate", []), *case.options.get("tags", {})}
    strange = sorted((named - set(answers)) | (cells - {_id(c) for c in handout.cells}))
    if strange:
        raise BankError(
            f"bank case {case.name}: the handout has no {', '.join(strange)}; "
            f"its answers are {', '.join(sorted(answers))}"
        )
    given |= {task: _changed(answers[task], text, f"{case.name}, {task}") for task, text in changes.items()}
    if only is not None:
        empty |= set(answers) - {*only, *given}
    for cell in notebook.cells:
        if _is_answer(cell) and _id(cell) not in empty:
            cell.source = given.get(_id(cell), answers[_id(cell)])
    _add_cells(notebook, case)
    for name, tags in case.options.get("tags", {}).items():
        next(c for c in notebook.cells if _id(c) == name).metadata["tags"] = list(tags)
    for name in case.options.get("duplicate", []):
        k = next(k for k, c in enumerate(notebook.cells) if _id(c) == name)
        notebook.cells.insert(k + 1, copy.deepcopy(notebook.cells[k]))
        notebook.cells[k + 1].id = f"{name}-copy"[:64]
    notebook.cells = [c for c in notebook.cells if _id(c) not in case.options.get("drop", [])]
    text = notebook_text(notebook)
    return text[: len(text) // 2] if raw == "truncated" else text


def _changed(answer: str, text: str, where: str) -> str:
    """The reference's answer with the lines below each `# was` exchanged for those below the `# now` behind it."""
    parts = re.split(r"^# (was|now)$\n?", text, flags=re.M)
    if parts[0].strip() or parts[1::2] != ["was", "now"] * (len(parts) // 4) or len(parts) < 5:
        raise BankError(f"bank case {where}: expected pairs of `# was` and `# now`, each with lines below it")
    answer = f"\n{answer}\n"
    for was, now in zip(parts[2::4], parts[4::4], strict=True):
        was, now = (f"\n{part.strip(chr(10))}\n" for part in (was, now))
        if answer.count(was) != 1:
            raise BankError(
                f"bank case {where}: these lines stand {answer.count(was)} times in the reference's answer, "
                f"expected once:{was}"
            )
        answer = answer.replace(was, "\n" if not now.strip() else now)
    return answer.strip("\n")


def _add_cells(notebook: NotebookNode, case: Case) -> None:
    behind = None
    for k, (task, kind, text) in enumerate(case.cells):
        if task is None:
            make = new_code_cell if kind == "code" else new_markdown_cell
            # at the start: behind the last locked code cell, where imports and data are there
            where = max((i for i, c in enumerate(notebook.cells) if _id(c).startswith("locked-")), default=-1)
            if behind is not None:
                where = next(i for i, c in enumerate(notebook.cells) if c.id == behind)
            notebook.cells.insert(where + 1, make(text, id=f"case-{k}"))
            behind = f"case-{k}"
        else:
            behind = next(c.id for c in notebook.cells if _id(c) == task)


def check_case(result: Result, case: Case) -> list[str]:
    """What differs from what the case expects, one line each; empty if nothing does."""
    found = []
    expected = dict(case.expect)
    if case.options.get("total") is not None:
        low, high = _bounds(case.options["total"])
        if not low <= result.total <= high:
            found.append(f"total: got {result.total:g}, expected {_range(low, high)}")
    for task, wanted in expected.items():
        low, high = _bounds(wanted)
        got = result.points.get(task)
        if task not in result.points:
            found.append(f"{task}: the assignment has no such task")
        elif got is None or not low <= got <= high:
            shown = "no mark yet" if got is None else f"{got:g}"
            found.append(f"{task}: got {shown}, expected {_range(low, high)} of {result.possible[task]:g}")
    for task, said in case.says.items():
        text = result.messages.get(task, "")
        found += [
            f"{task}: the student does not read {fragment!r}; the messages are {text[:300]!r}"
            for fragment in said
            if fragment.lower() not in text.lower()
        ]
    status = case.options.get("status") or ("failed" if "raw" in case.options else None)
    if status and result.status != status:
        found.append(f"status: got {result.status} ({'; '.join(result.reasons)}), expected {status}")
    if not status and result.status == "failed":
        found.append(f"failed: {'; '.join(result.reasons)}")
    return found


def _bounds(wanted: Any) -> tuple[float, float]:
    low, high = wanted if isinstance(wanted, list) else (wanted, wanted)
    return float(low) - TOLERANCE, float(high) + TOLERANCE


def _range(low: float, high: float) -> str:
    low, high = round(low + TOLERANCE, 3), round(high - TOLERANCE, 3)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _answer(source: str) -> str:
    """The instructor's cell as a student would have written it: no delimiters, no mark scheme, no hidden
    tests.
    """
    lines = split_regions(source, ("MARK SCHEME", "HIDDEN TESTS"))[0]
    return "\n".join(line for line in lines if not re.search(rf"(BEGIN|END) {SOLUTION}", line))


def _id(cell: NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _is_answer(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))
