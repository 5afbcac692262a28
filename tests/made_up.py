"""Made-up results and awkward names, for the tests of what is exported."""

import csv
import io
import random
from dataclasses import replace
from unittest import mock

import pandas

from autograder import export
from autograder.results import Result
from autograder.sheets import table_text, unguard

TINY = "09_tiny"
POSSIBLE = {"double": 4.0, "score": 6.0, "explain": 5.0}
AWKWARD = [
    "Doe, Jane",
    'Anna "Ann" Smith',
    "two\nlines",
    "two\r\nlines",
    "old mac\rline",
    '=HYPERLINK("http://example.org","x")',
    "=1+1",
    "+49 (0) 30",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "＝1+1",
    "＠x",
    "\u22121+1",
    "'=1+1",
    "''=1+1",
    "'",
    "'\t",
    "a;=1+1",
    "a,=1+1;-x\n@y",
    "O'Brien",
    "  spaces around  ",
    "name ending in \\",
    'back\\"slash, and quote',
    "Ångström Żółć Ñandú",
    "王小明",
    "محمد علي",
    "\u202eright to left",
    "Zoë 👩🏽‍🔬",
    "e\u0301 decomposed",
    "x" * 40_000,
    "-1",
    "-",
    "1e5",
    "007",
    "null",
    "<script>alert(1)</script>",
    "&lt;",
    "Points Possible",
    "%s {0} $(x) `x`",
]


def random_names(n, seed):
    rng = random.Random(seed)
    signs = "=+-@'\"\\,;\t\r\n |%0123.eE＝＋－＠\u2212\u200b\u00a0\ufeffaZé王ع👩\u202e"
    return ["".join(rng.choices(signs, k=rng.randint(1, 9))) for _ in range(n)]


def result(student, points=(4.0, 6.0, 5.0), *, status="graded", assignment=TINY, **more):
    given = dict(zip(POSSIBLE, points, strict=True))
    return Result(student, assignment, status, points=given, possible=dict(POSSIBLE), graded_at="2024-01-01", **more)


UNFINISHED = [
    result("done"),
    result("open", (4.0, 6.0, None), status="needs a person", reasons=["explain: written answer waits for its mark"]),
    result("odd", status="needs a person", reasons=["score: test cell ran too long"]),
    result("lost", (0.0, 0.0, 0.0), status="failed", reasons=["the file is not JSON"]),
]


def exporter(course, tmp_path):
    """A function that exports made-up results and returns the files and what was said."""

    def give(results, to, *, people=(), sandbox="bubblewrap", **options):
        if people:
            roster = tmp_path / "roster.csv"
            roster.write_bytes(table_text([["student", "name", "email", "lms_id"], *people]).encode())
            options["roster"] = roster
        said = []
        options.setdefault("out", tmp_path / "out")
        found = [replace(r, sandbox=sandbox) for r in results]
        with mock.patch.object(export, "results", lambda *_: found):
            return export.export(course, to, tell=said.append, **options), " ".join(said)

    return give


def rows_of(path, delimiter=","):
    text = path.read_bytes().decode("utf-8-sig")
    return [[unguard(c) for c in row] for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]


def table_of(path):
    """A file as pandas reads it, each cell as text; for a class without numbers for names."""
    frame = pandas.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return frame.map(unguard)


def from_php(text):
    return text.replace("\\\\", "\\") if set(text) & set(',;"\r\n\t') else text


NAMES = AWKWARD + random_names(150, seed=2)
STUDENTS = [f"s{k:03}" for k in range(len(NAMES))]
PEOPLE = [[s, name, f"{s}@example.org", str(1000 + k)] for k, (s, name) in enumerate(zip(STUDENTS, NAMES, strict=True))]
RESULTS = [result(s, (4.0, k / 7 % 6, 0.1 * (k % 50))) for k, s in enumerate(STUDENTS)]
TOTALS = [round(r.total, 5) for r in RESULTS]
