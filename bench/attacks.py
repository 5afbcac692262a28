"""The attacks of tests/attacks against plain nbgrader and against the project's grader, in one table.

Each attack gets a class of its own under nbgrader, with one honest student behind it; the project's grader gets all of
them in one class. The same eyes look at both. Attacks on a machine without walls run under limits of the benchmark's
own and stop before they do real harm.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

TESTS = Path(__file__).resolve().parents[1] / "tests"
SAID = {
    "points": "unearned points",
    "victim": "honest points lost",
    "leak": "secrets in the results",
    "reach": "got where it should not",
    "network": "reached a server",
    "others": "marks of others changed",
    "batch": "the batch stopped",
    "files": "files changed",
    "machine": "something left behind",
    "page": "alive in a page",
    "limits": "took too long",
}


def run(*, only: Sequence[str] = (), plain_too: bool = True) -> None:
    """Run the attacks and print one line for each; `only` names some of them."""
    sys.path.insert(0, str(TESTS))  # the cases are the tests'
    from attacks import all_attacks, ours, plain

    console = Console(width=130)
    attacks = all_attacks()
    if strange := set(only) - {attack.name for attack in attacks}:
        raise SystemExit(f"no attacks called {', '.join(sorted(strange))}; see tests/attacks/cases_*.py")
    attacks = [attack for attack in attacks if not only or attack.name in only]
    started = time.perf_counter()
    found: dict[str, dict[str, str]] = {attack.name: {} for attack in attacks}
    with Progress(console=console, transient=True) as bar:
        line = bar.add_task("plain nbgrader", total=len(attacks) if plain_too else 0)
        for attack in attacks if plain_too else []:
            bar.update(line, description=f"plain nbgrader: {attack.name}")
            found[attack.name]["nbgrader"] = (
                f"not run: {attack.danger}"
                if attack.danger
                else told(plain.grade(attack, by_design=plain.shown_by_design()))
            )
            bar.advance(line)
        lacking = ours.lacking()
        alone = [attack for attack in attacks if attack.name in ours.ALONE]
        together = [attack for attack in attacks if attack.name not in ours.ALONE]
        line = bar.add_task("autograder", total=None)
        for group in [] if lacking else [group for group in (together, *([each] for each in alone)) if group]:
            for name, harm in ours.harm_of(group).items():
                found[name]["autograder"] = told(harm)
        if not only:
            archive = {"nbgrader": told(plain.take_in_archive()) if plain_too else "not run"}
            found["archive"] = archive | ({} if lacking else {"autograder": told(ours.take_in_archive()[0])})
    rows = [(str(attack.number or "own"), attack.name) for attack in attacks]
    console.print(_table(rows + [("18", "archive")] * ("archive" in found), found, lacking))
    for grader in ("nbgrader", "autograder"):
        cells = [row[grader] for row in found.values() if grader in row]
        held, not_run = cells.count("held"), sum(cell.startswith("not run") for cell in cells)
        console.print(f"{grader}: {held} held, {len(cells) - held - not_run} not, {not_run} not run")
    console.print(f"{time.perf_counter() - started:.0f} s")


def told(harm: list[tuple[str, str]]) -> str:
    """Harm in a few words: each kind once, points with their number."""
    words = []
    for kind in dict.fromkeys(kind for kind, _ in harm):
        what = [text for each, text in harm if each == kind]
        numbers = [text.split(",")[0].replace(" points", "") for text in what] if kind == "points" else []
        words.append(SAID[kind] + (f" ({', '.join(numbers)})" if numbers else ""))
    return "; ".join(words) or "held"


def _table(rows: list[tuple[str, str]], found: dict[str, dict[str, str]], lacking: str) -> Table:
    table = Table(title="Attacks: what they did", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("no.", justify="right")
    table.add_column("attack", no_wrap=True)
    table.add_column("plain nbgrader", overflow="fold")
    table.add_column("autograder", overflow="fold")
    for number, name in rows:
        row = found[name]
        cells = [row.get("nbgrader", "not run"), row.get("autograder", f"not run: {lacking}"[:60])]
        colours = ["green" if cell == "held" else "dim" if cell.startswith("not run") else "red" for cell in cells]
        shown = [Text(cell, style=colour) for cell, colour in zip(cells, colours, strict=True)]
        table.add_row(number, name, *shown)
    return table
