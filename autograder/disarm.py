"""A graded notebook made harmless for the formgrader and for every other page that nbconvert makes of it.

nbgrader's formgrader shows autograded/ with the rights of whoever is logged in: a script in a submission could give
itself marks, start a kernel and read the class key. So what lies in autograded/ holds nothing a browser would run. The
file that was handed in stays as it is in submitted/.

Of outputs, text, tables without attributes and pictures that are decoded and encoded anew stay. In text that the
student wrote, what begins a tag, a link or a command of MathJax with a side effect is written with a character that
looks alike and does nothing; pictures attached to a cell are kept. Locked cells are the class's own.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.utils import is_locked, is_solution

from autograder import safe

PICTURES = ("image/png", "image/jpeg")
MAX_PICTURES = 60  # of one notebook; each is decoded
MAX_TEXT = 100_000  # characters of one output; nbgrader's LimitOutput has cut long ones before

# What begins a tag, a comment or a declaration in HTML and Markdown; "a < b" and "2<3" are none.
TAG = re.compile(r"<(?=[A-Za-z/!?])")
# Entities stay text in HTML, but Markdown decodes them in the address of a link, as "&#106;avascript:".
LINK = re.compile(r"\](?=[(:\[])")
ATTACHED = re.compile(r"!\[[^\[\]<>&\"']*\]\(attachment:([\w.\-]+)\)")
# MathJax's commands that make links, set attributes or load more of it.
MATHJAX = re.compile(r"\\(?=(?:href|url|class|cssId|style|require|data|html|unsafe|bbox)\b)", re.I)


def disarmed(notebook: NotebookNode) -> NotebookNode:
    """The notebook, changed in place; see above."""
    tried = [0]
    kept = {name: notebook.metadata[name] for name in ("kernelspec", "language_info") if name in notebook.metadata}
    notebook.metadata = NotebookNode(kept)
    for cell in notebook.cells:
        own = not is_locked(cell) or is_solution(cell)
        if cell.cell_type == "code":
            cell.outputs = [_output(output, tried) for output in cell.get("outputs", [])]
        elif own:
            pictures = _attachments(cell.pop("attachments", {}), tried) if cell.cell_type == "markdown" else {}
            cell.source = words(cell.source, pictures)
            if pictures:
                cell.attachments = pictures
        if own:
            cell.metadata = NotebookNode({k: v for k, v in cell.metadata.items() if k == "nbgrader"})
    return notebook


def words(text: str, pictures: Collection[str] = ()) -> str:
    """Markdown or raw text without HTML, links and commands, to be read as it was written.

    Attached pictures of these names stay; one that is missing would keep nbconvert from making the page.
    """
    text = MATHJAX.sub("\N{FULLWIDTH REVERSE SOLIDUS}", TAG.sub("\N{FULLWIDTH LESS-THAN SIGN}", text))
    parts, end = [], 0
    for match in ATTACHED.finditer(text):
        if match[1] in pictures:
            parts += [LINK.sub("] ", text[end : match.start()]), match[0]]
            end = match.end()
    return "".join([*parts, LINK.sub("] ", text[end:])])


def _output(output: NotebookNode, tried: list[int]) -> NotebookNode:
    """The output with text, bare tables and pictures only; a line says so where nothing of it is left."""
    if output.output_type == "stream":
        return new_output("stream", name="stderr" if output.get("name") == "stderr" else "stdout", text=output.text)
    if output.output_type == "error":
        return new_output("error", ename=output.ename, evalue=output.evalue, traceback=list(output.traceback))
    data = output.get("data", {})
    found: dict[str, Any] = {}
    if table := safe.table(safe.joined(data.get("text/html", ""))):
        found["text/html"] = str(table)
    if "text/plain" in data:
        found["text/plain"] = safe.joined(data["text/plain"])[:MAX_TEXT]
    found |= _picture(data, tried)
    if not found:
        found["text/plain"] = "(not shown here: only text, tables, PNG and JPEG are)"
    if output.output_type == "execute_result":
        return new_output("execute_result", data=found, execution_count=None)
    return new_output("display_data", data=found)


def _attachments(attachments: Any, tried: list[int]) -> dict[str, dict[str, str]]:
    found = {}
    for name, kinds in attachments.items() if isinstance(attachments, dict) else ():
        if isinstance(kinds, dict) and re.fullmatch(r"[\w.\-]+", str(name)) and (picture := _picture(kinds, tried)):
            found[name] = picture
    return found


def _picture(kinds: dict[str, Any], tried: list[int]) -> dict[str, str]:
    """{type: base64} of the first picture, encoded anew; {} where there is none or too many were tried."""
    mime = next((each for each in PICTURES if each in kinds), "")
    tried[0] += bool(mime)
    if not mime or tried[0] > MAX_PICTURES:
        return {}
    try:
        head, _, content = safe.picture(safe.joined(kinds[mime]), mime).partition(",")
    except safe.Refused:
        return {}
    return {head.removeprefix("data:").removesuffix(";base64"): content}
