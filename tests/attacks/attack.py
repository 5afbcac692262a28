"""What an attack is: what a student hands in, what it may earn, and what it may cost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attacks import arena

REST = ("predict", "offset", "negate")  # the tasks behind the first
# An attack says that it got somewhere by calling tell(). The two halves are joined at run time, so that a traceback
# that shows the line is not taken for success.
GOT_IN = "GOT-IN"
TELL = 'def tell(*what):\n    print("GOT" + "-IN:", *what, flush=True)\n\n\n'


@dataclass(frozen=True)
class Attack:
    """One hostile (or unlucky) submission. `name` is also the student's.

    `number` is the one in the catalogue of attacks on notebook graders, None for one of our own. `cells` holds the
    source of answer cells by task, the other tasks are answered honestly; `added` holds (task, source) of cells behind
    a task's test cell. `change` turns the notebook's JSON into what is handed in, `beside` puts further files into the
    submission's folder. In all sources `@CLASS@` and the like stand for the places of the scene (`watch.Scene`).

    `most` is what the attacked tasks may earn (those in `cells` 0 unless named), `costs` names further tasks whose
    honest points may be lost with them; `least` is what a task must earn all the same. With `look` a person must be
    asked to look at the submission. `danger` says why the attack is not run where nothing holds it.
    """

    name: str
    number: int | None
    tries: str
    cells: Mapping[str, str] = field(default_factory=dict)
    added: tuple[tuple[str, str], ...] = ()
    change: Callable[[dict], dict | bytes] | None = None
    beside: Callable[[Path, Any], None] | None = None
    most: Mapping[str, float] = field(default_factory=dict)
    costs: tuple[str, ...] = ()
    look: bool = False
    least: Mapping[str, float] = field(default_factory=dict)
    danger: str = ""

    def may_earn(self, task: str) -> float:
        return self.most.get(task, 0.0 if task in self.cells else arena.POSSIBLE[task])

    def must_earn(self, task: str) -> float:
        """What nobody may take from the student: the honest tasks' points."""
        if task in self.least:
            return self.least[task]
        attacked = task in self.cells or task in self.most or task in self.costs
        return 0.0 if attacked else arena.POSSIBLE[task]

    def notebook(self, places: Mapping[str, str]) -> dict | bytes:
        """What is handed in, with the places of a scene filled in."""
        cells = {task: source(text) for task, text in self.cells.items()}
        made = arena.notebook(cells, [(task, source(text)) for task, text in self.added])
        made = self.change(made) if self.change else made
        return made if isinstance(made, bytes) else json.loads(filled(json.dumps(made), places))


def source(text: str) -> str:
    """The source of a cell, with `tell` before it where it is used."""
    text = text.strip("\n")
    return TELL + text if "tell(" in text else text


def filled(text: str, places: Mapping[str, str]) -> str:
    """A text with the places of a scene in it; raises KeyError for one that no scene has."""
    return re.sub(r"@([A-Z][A-Z_0-9]+)@", lambda match: places[match[1]], text)
