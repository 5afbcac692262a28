"""Cells that no spreadsheet runs, and what is read back from them; rosters."""

import re

import pytest
from made_up import AWKWARD, random_names

from autograder import sheets
from autograder.sheets import ExportError, guard, table_text, unguard

# What a spreadsheet takes for a formula, said without the code under test: a part of a cell, as any list separator
# would cut it, that begins with one of the four characters in any of their forms and is no number.
FORMULA = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20\u2212]")
NUMBER = re.compile(r"-|[+-]?[0-9]+([.,][0-9]+)?")


# --- cells ---


@pytest.mark.parametrize("text", [name for name in AWKWARD if not name.startswith("\ufeff")])
def test_guard_is_undone_and_leaves_no_formula(text):
    assert unguard(guard(text)) == text
    for part in re.split(r"[,;\t\r\n]", guard(text)):
        assert not FORMULA.match(part) or NUMBER.fullmatch(part)
    assert guard(text)[:1] not in ("\t", "\r", "\n")


@pytest.mark.parametrize("text", ["-1", "+3", "-1.5", "-1,5", "1e-5", "12%", "-", "", "O'Brien", "a=b", "x-y", "'abc'"])
def test_guard_leaves_numbers_and_plain_text_alone(text):
    assert guard(text) == text


@pytest.mark.parametrize("text", ["=1", "-1+1", "+x", "@x", "\tx", "\rx", "\nx", " =1", "＝1", "x;=1", "--1", "-1e"])
def test_guard_changes_what_runs(text):
    assert guard(text) != text


def test_guard_over_many_texts():
    texts = random_names(4000, seed=1)
    guarded = [guard(text) for text in texts]
    assert [unguard(text) for text in guarded] == texts
    assert len(set(guarded)) == len(set(texts)), "two texts became one"
    assert not [
        g for g in guarded for part in re.split(r"[,;\t\r\n]", g) if FORMULA.match(part) and not NUMBER.fullmatch(part)
    ]
    # what is guarded twice is undone twice
    assert [unguard(unguard(guard(g))) for g in guarded] == texts


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.0, "0"), (-0.0, "0"), (0.1 + 0.2, "0.3"), (100.0, "100"), (10 / 3, "3.33333"), (-1.0, "-1")],
)
def test_figure(value, text):
    assert sheets.figure(value) == text


def test_figure_refuses_what_is_no_grade():
    with pytest.raises(ExportError, match="nan"):
        sheets.figure(float("nan"))


def test_control_characters_do_not_reach_a_file():
    text = table_text([["a\x00b", "c\x1bd", "e\udc80f"]])
    assert text == "a\ufffdb,c\ufffdd,e\ufffdf\r\n" and text.encode()


# --- rosters ---


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"name,email\nA,B\n", "expected student"),
        (b"student,name\na,A\n a ,B\n", "'a' twice"),
        (b"", "is empty"),
        (b"student\n\xe4\n", "not UTF-8"),
        (b'student,name\na,"A\n', "not a proper CSV file: line 2"),
    ],
)
def test_rosters_that_cannot_be_used(tmp_path, text, why):
    path = tmp_path / "roster.csv"
    path.write_bytes(text)
    with pytest.raises(ExportError, match=why):
        sheets.read_roster(path)


def test_rosters_in_other_dress(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_bytes("\ufeffE-mail;Student ID;Full Name;LMS-ID\r\na@x;A;Müller, A\x00;7\r\n\r\n;b\r\n".encode())
    found = sheets.read_roster(path)
    assert found["A"].name == "Müller, A\ufffd" and found["A"].lms_id == "7" and found["b"].name == ""
