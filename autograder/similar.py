"""Near-identical submissions: pairs and groups that share most of the code that is their own.

The method is that of MOSS without its sampling (Schleimer, Wilkerson and Aiken, "Winnowing", SIGMOD 2003): code
becomes a row of tokens in which every name, number and string is the same symbol and comments, docstrings and
white space are gone; a submission is the set of its pieces of `PIECE` tokens. So other names, numbers, comments, line
breaks and another order of functions or cells hide nothing. Pieces that the handout, the lesson or the reference
solution contain do not count, and a piece counts the less the more of the class have it (scikit-learn's inverse
document frequency).

What was measured for `PIECE` = 10 (share of the smaller one's pieces that the other has, too):

- eight public solutions of one short task with a single obvious course (the two softmax functions of a well-known
  course, about 280 pieces each): median 0.08, highest 0.16;
- ten packages of sorting algorithms by ten authors, textbook code of 360 pieces and more: median 0.16, highest 0.34;
- the reference of assignment 03 against an independent solution of it: 0.12;
- the eight solutions against copies of themselves with all names and every second number changed, docstrings gone and
  functions reordered: 0.87 or more; with a new statement before every fourth line on top: 0.73 or more.

`ALIKE` stands in the middle between 0.34 and 0.73. Below `FEWEST` pieces of one's own (some 15 lines), chance alone
goes higher, and nothing is said.
"""

from __future__ import annotations

import html
import json
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from autograder.klass import PROJECT, Klass

PIECE = 10  # tokens
ALIKE = 0.5  # of the weight of the smaller submission's pieces
FEWEST = 150  # pieces of one's own, below which a submission is not compared
LONGEST = 100_000  # characters of one submission's code, comments and long texts aside, that are looked at
LONG_TEXT = 1_500  # characters of a text in which code may hide; docstrings and messages are shorter
LONGEST_LINE = 1_000  # longer lines are broken: Python's tokenizer takes the square of a line's length for some text
ROWS = 200  # submissions that are compared with all others at a time

# Texts and comments as Python reads them, in one pass over any input: a text without an end goes on to where it must
# have one.
_PARTS = re.compile(
    r'''(?P<text>"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?|'''
    r"""'''(?:[^'\\]|\\.|'(?!''))*+(?:''')?|"""
    r""""(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?)|#[^\n]*""",
    re.S,
)
# Code that comes from a text or from elsewhere is in no cell. What PyTorch calls eval and compile has a dot before it.
_ELSEWHERE = re.compile(
    r"(?<![\w.])(?:exec|eval|compile)\s*\(|\b(?:__builtins__|builtins|marshal|runpy|run_cell|run_line_magic)\b|"
    r"^\s*%(?:run|load|macro)\b",
    re.M,
)

# One character for each token: keywords and operators by themselves, everything a student could have named otherwise
# as one of three. So a piece is a string of PIECE characters.
NAME, NUMBER, TEXT = "n", "0", "s"
_SYMBOLS = {word: chr(0xE000 + k) for k, word in enumerate((*keyword.kwlist, *tokenize.EXACT_TOKEN_TYPES))}
_STRINGS = {getattr(tokenize, name, tokenize.STRING) for name in ("STRING", "FSTRING_START", "TSTRING_START")}
_BLANK = {tokenize.NL, tokenize.COMMENT, tokenize.ENCODING, tokenize.ENDMARKER}
_BREAKS = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


@dataclass(frozen=True)
class Pair:
    """Two submissions: `share` (0 to 1) of the smaller one's own code is in the other, mainly in the cells `where`."""

    students: tuple[str, str]
    share: float
    where: tuple[str, ...]


@dataclass(frozen=True)
class Alike:
    """`groups` of students that belong together, largest share first, their `pairs`, how many were `compared` and how
    many wrote too little for that (`short`). `unseen` says of a student why the comparison does not tell all.
    """

    groups: list[list[str]]
    pairs: list[Pair]
    compared: int
    short: int
    unseen: dict[str, str] = field(default_factory=dict)


def find_alike(klass: Klass, assignment: str, students: Iterable[str]) -> Alike:
    """Compare the graded submissions of these students (those without a graded notebook are left out)."""
    codes = {}
    for student in students:
        path = klass.notebook("autograded", assignment, student)
        if path.is_file():
            codes[student] = own_code(_read(path))
    lesson = PROJECT / "course" / f"{assignment}.ipynb"
    known = [klass.notebook(step, assignment) for step in ("release", "source")] + [lesson]
    return compare(codes, [text for path in known if path.is_file() for text in given_code(_read(path))])


def compare(codes: Mapping[str, Mapping[str, str]], given: Iterable[str] = ()) -> Alike:
    """Compare submissions (student -> cell -> code) by what they do not have from `given`.

    Takes about 2 s for 300 and 6 s for 1,000 submissions with 7,000 characters of their own each, on one core.
    """
    known = {piece for text in given for piece in pieces(text)}
    sets, unseen = {}, {}
    for student, cells in codes.items():
        bare, reasons = _bare(cells)
        sets[student] = {name: set(pieces(text)) - known for name, text in _cut(bare).items()}
        if len(set().union(*sets[student].values())) < FEWEST:
            reasons.append("too little code of its own")
        if reasons:
            unseen[student] = ", ".join(reasons)
    students = [s for s, cells in sets.items() if len(set().union(*cells.values())) >= FEWEST]
    short = len(sets) - len(students)
    if len(students) < 2:
        return Alike([], [], len(students), short, unseen)
    share = shares([set().union(*sets[s].values()) for s in students])
    rows, columns = share.nonzero()
    order = np.argsort(-share.data, kind="stable")
    pairs = [
        Pair((students[i], students[j]), float(share[i, j]), _where(sets[students[i]], sets[students[j]]))
        for i, j in zip(rows[order], columns[order], strict=True)
    ]
    count, label = connected_components(share, directed=False)
    groups = [[students[i] for i in np.flatnonzero(label == k)] for k in range(count) if np.sum(label == k) > 1]
    best = {student: pair.share for pair in reversed(pairs) for student in pair.students}
    groups.sort(key=lambda group: (-max(best[s] for s in group), group))
    return Alike(groups, pairs, len(students), short, unseen)


def shares(sets: list[set[str]], *, at_least: float = ALIKE) -> csr_matrix:
    """Weighted share of the smaller set's pieces that are in the other, (n, n), above the diagonal.

    Only shares of `at_least` and more are kept. A piece weighs what `TfidfTransformer` gives as its idf.
    """
    counts = CountVectorizer(analyzer=lambda found: found, binary=True, dtype=np.float32).fit_transform(sets)
    weighted = (counts @ diags(TfidfTransformer().fit(counts).idf_.astype(np.float32))).tocsr()
    size = np.asarray(weighted.sum(axis=1)).ravel()
    across = counts.T.tocsr()
    rows, columns, values = [], [], []
    for start in range(0, len(sets), ROWS):
        block = (weighted[start : start + ROWS] @ across).toarray()
        block /= np.minimum(size[start : start + ROWS, None], size[None])
        block = np.triu(block, k=1 + start)  # each pair once, nobody with themselves
        i, j = np.nonzero(block >= at_least)
        rows.append(i + start), columns.append(j), values.append(np.minimum(block[i, j], 1.0))
    where = (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix((np.concatenate(values), where), shape=(len(sets), len(sets)))


# --- code and its pieces ---


def own_code(notebook: dict[str, Any]) -> dict[str, str]:
    """cell -> code: the answer cells by their task, and the cells that are the student's own by position."""
    found = {}
    for k, cell in enumerate(notebook.get("cells", [])):
        marks = cell.get("metadata", {}).get("nbgrader", {})
        if cell.get("cell_type") == "code" and not marks.get("grade") and not marks.get("locked"):
            found[marks.get("grade_id") or f"cell {k + 1}"] = "".join(cell["source"])
    return found


def given_code(notebook: dict[str, Any]) -> list[str]:
    """All code that a notebook shows: its code cells, and what its text sets as code (hints do)."""
    found = []
    for cell in notebook.get("cells", []):
        text = "".join(cell["source"])
        if cell.get("cell_type") == "code":
            found.append(text)
        else:
            shown = re.findall(r"<code>(.*?)</code>|^```.*?\n(.*?)^```", text, re.S | re.M)
            found += [html.unescape(one or other) for one, other in shown]
    return found


def pieces(code: str) -> Iterator[str]:
    """All runs of `PIECE` tokens in a cell's code, each as a string of that length."""
    text = "".join(symbols(code))
    return (text[k : k + PIECE] for k in range(len(text) - PIECE + 1))


def symbols(code: str) -> Iterator[str]:
    """One character for each token of Python code; lines that cannot be read as Python are stepped over."""
    text = re.sub(rf"(.{{{LONGEST_LINE}}})", r"\1\n", code.replace("\0", " "))
    lines = text.splitlines(keepends=True)
    start, left = 0, 3 * len(lines)  # lines that are still read: after an error it begins anew
    while start < len(lines) and left > 0:
        ahead = iter(lines[start : start + left])
        row = 0
        try:
            for token in _statements(tokenize.generate_tokens(ahead.__next__)):
                row = token.end[0]
                yield _symbol(token)
            return
        except (tokenize.TokenError, SyntaxError):
            left -= len(lines) - start - sum(1 for _ in ahead)
            start += max(row, 1)


def _statements(tokens: Iterator[tokenize.TokenInfo]) -> Iterator[tokenize.TokenInfo]:
    """The tokens that are code: no comments, line breaks and indents, and no strings that stand alone (docstrings)."""
    alone = None
    fresh = True
    for token in tokens:
        if token.type in _BREAKS:
            alone, fresh = None, True
        elif token.type not in _BLANK:
            if fresh and token.type == tokenize.STRING:
                alone = token
            else:
                if alone is not None:
                    yield alone
                    alone = None
                yield token
            fresh = False


def _symbol(token: tokenize.TokenInfo) -> str:
    if token.type in _STRINGS:
        return TEXT
    if token.type == tokenize.NUMBER:
        return NUMBER
    return _SYMBOLS.get(token.string, NAME)


def _bare(cells: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """A submission's code without comments, long texts empty, and what hides code from the comparison."""
    sizes: list[int] = []

    def shown(part: re.Match) -> str:
        text = part["text"] or ""
        sizes.append(len(text))
        return '""' if len(text) > LONG_TEXT // 10 else text

    found = {name: _PARTS.sub(shown, text) for name, text in cells.items()}
    silent = [_PARTS.sub("", text) for text in found.values()]  # without any text
    reasons = []
    if max(sizes, default=0) >= LONG_TEXT or sum(sizes) >= max(LONG_TEXT, sum(map(len, silent))):
        reasons.append(f"{sum(sizes):,} characters within texts")
    if any(_ELSEWHERE.search(text) for text in silent):
        reasons.append("runs code that is in none of its cells")
    if sum(map(len, found.values())) > LONGEST:
        reasons.append(f"only the first {LONGEST:,} characters of its code are compared")
    return found, reasons


def _cut(cells: Mapping[str, str]) -> dict[str, str]:
    """The first `LONGEST` characters of a submission's code: nobody's file may hold up the report."""
    found, left = {}, LONGEST
    for name, text in cells.items():
        found[name] = text[:left]
        left -= len(found[name])
    return found


def _where(one: Mapping[str, set[str]], other: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Cells of one submission of which at least half is in the other, those with most in common first."""
    everything = set().union(*other.values())
    shared = {name: len(found & everything) for name, found in one.items()}
    names = [name for name, n in shared.items() if n >= PIECE and n >= len(one[name]) / 2]
    return tuple(sorted(names, key=lambda name: -shared[name]))


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
