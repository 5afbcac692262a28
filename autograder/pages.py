"""What the class page and the feedback pages share: templates, titles, numbers."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import mistune
from markupsafe import Markup, escape
from nbformat import NotebookNode

from autograder.results import clean, task_of


def title_of(handout: NotebookNode, name: str) -> str:
    for cell in handout.cells:
        match = re.search(r"^# +(.+)$", cell.source, re.M) if cell.cell_type == "markdown" else None
        if match:
            return match[1].strip()
    return name


def headings(handout: NotebookNode) -> dict[str, str]:
    """task -> its heading: in its own cell (written answers), else the last before it; else its name."""
    found: dict[str, str] = {}
    heading = ""
    for cell in handout.cells:
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "markdown":
            heading = (re.findall(r"^#{1,4} +(.+)$", cell.source, re.M) or [heading])[-1].strip()
            heading = re.sub(r" *\([\d.]+ points?[^)]*\)$", "", heading)  # the page says it beside
        if marks.get("grade") or marks.get("solution"):
            task = task_of(marks["grade_id"])
            if task not in found:
                found[task] = heading if heading and heading not in found.values() else task
    return found


@cache
def environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "points": number,
        "clean": lambda text: clean(str(text), most=500),
        "short": short,
        "score": lambda value: f"{value:.3f}",
        "signed": lambda value: f"{value:.2f}".replace("-", "\u2212"),
        "status": lambda status: status.replace(" ", "-"),
        "ticks": ticks,
    }
    return environment


@cache
def _renderer() -> Any:
    return mistune.create_markdown(escape=True, plugins=["table"])


def markdown(text: str) -> str:
    return _renderer()(text) if text else ""


def number(value: float | None) -> str:
    """Points as people write them: 4, 2.5, 3.33; an open dash where there is no mark yet."""
    if value is None or not math.isfinite(value):
        return "\u2013"
    return f"{value:.2f}".rstrip("0").rstrip(".")


def short(text: str, *, most: int = 48) -> str:
    """A name in one line, cut where it is long."""
    text = " ".join(clean(str(text), most=500).split())
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def ticks(text: str) -> Markup:
    """Escaped text in which what stands between backticks is set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def now() -> str:
    return datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M")
