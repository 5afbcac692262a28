"""Exported grades: nothing unfinished slips out, nothing of another kind is written over; plain CSV and Gradescope."""

import hashlib
import json
from pathlib import Path

import pytest
from made_up import (
    NAMES,
    PEOPLE,
    POSSIBLE,
    RESULTS,
    STUDENTS,
    TINY,
    TOTALS,
    UNFINISHED,
    exporter,
    result,
    rows_of,
    table_of,
)
from tiny_class import hand_in, make_class, written
from typer.testing import CliRunner

from autograder import cli, export, klass
from autograder.grade import grade_class
from autograder.sheets import ExportError


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return make_class(tmp_path_factory.mktemp("class"))


@pytest.fixture
def give(course, tmp_path):
    return exporter(course, tmp_path)


# --- plain CSV ---


def test_csv_round_trip(give):
    (path,), _ = give(RESULTS, "csv", people=PEOPLE)
    assert path.name == "grades.csv" and path.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = rows_of(path)
    assert [row[:4] for row in rows[1:]] == PEOPLE
    frame = table_of(path)
    assert frame["name"].tolist() == NAMES
    assert frame["total"].astype(float).tolist() == TOTALS
    assert frame[f"{TINY}/score"].astype(float).tolist() == [round(r.points["score"], 5) for r in RESULTS]
    assert set(frame["final"]) == {"yes"} and set(frame["sandbox"]) == {"bubblewrap"}


def test_csv_says_status_reasons_and_sandbox(give):
    found = [
        result("a", (4.0, 6.0, None), status="needs a person", reasons=["explain: waits", "=x"]),
        result("b", (0.0, 0.0, 0.0), status="failed", reasons=["the file is not JSON"]),
        result("c"),
    ]
    (path,), said = give(found, "csv", sandbox="none")
    frame = table_of(path).set_index("student")
    assert frame["total"].to_dict() == {"a": "", "b": "", "c": "15"}
    assert frame["status"].to_dict() == {"a": "needs a person", "b": "failed", "c": "graded"}
    assert frame.loc["a", "reasons"] == "explain: waits; =x"
    assert frame.loc["a", f"{TINY}/explain"] == "" and frame.loc["a", f"{TINY}/double"] == "4"
    assert frame.loc["b", f"{TINY}/double"] == "", "0 points of a grader that failed are no points"
    assert set(frame["sandbox"]) == {"none"} and "Graded without a sandbox: 1 of the exported grades (c)" in said
    (path,), said = give(found, "csv", sandbox="", partial=True)
    frame = table_of(path).set_index("student")
    assert frame["total"].to_dict() == {"a": "10", "b": "", "c": "15"}
    assert frame["final"].to_dict() == {"a": "no", "b": "no", "c": "yes"}
    assert set(frame["sandbox"]) == {"not recorded"} and "which the journal does not say: 2 of" in said


def test_two_assignments_in_one_csv(give):
    (path,), _ = give([result("a"), result("a", (1.0, 1.0, 1.0), assignment="10_other")], "csv")
    frame = table_of(path).set_index("assignment")
    assert frame.loc[TINY, "09_tiny/double"] == "4" and frame.loc[TINY, "10_other/double"] == ""
    assert frame.loc["10_other", "10_other/double"] == "1"


# --- what is not final ---


def exported(paths, to):
    if to == "gradescope":
        return {p.parent.name for p in paths}
    return {row[0] for row in rows_of(paths[0])[1:]} - {"    Points Possible"}


@pytest.mark.parametrize("to", ["canvas", "moodle", "gradescope"])
def test_unfinished_totals_stay_at_home(give, to):
    paths, said = give(UNFINISHED, to)
    assert exported(paths, to) == {"done"}
    assert "Not final and left out (--partial exports them as they stand): 2 of 4 totals" in said
    assert "1 with written answers still open (open)" in said and "1 that a person should look at (odd)" in said
    assert "Could not be graded, so without a total: 1 of 4 (lost)" in said
    paths, said = give(UNFINISHED, to, partial=True)
    assert exported(paths, to) == {"done", "open", "odd"}
    assert "Not final and exported as they stand: 2 of 4 totals" in said


def test_the_courses_own_submissions_are_no_grades(give):
    (path,), _ = give([result(".reference"), result("a")], "canvas", partial=True)
    assert [row[0] for row in rows_of(path)[2:]] == ["a"]


def test_finished_class_is_exported_without_a_word_of_unfinished(give):
    _, said = give([result("done")], "csv")
    assert said == ""


def test_new_submissions_are_said(give, monkeypatch):
    monkeypatch.setattr(export, "pending", lambda *_: ["x", "y"])
    _, said = give([result("done")], "csv")
    assert "graded by another version: 2 submissions" in said


# --- Gradescope ---


def test_gradescope_round_trip(give):
    messages = {"double": "double(-3.0): got <b>6.0</b>\n\u2718 \\( x \\)"}
    found = [result(s, messages=messages) for s in STUDENTS]
    paths, _ = give(found, "gradescope", people=PEOPLE)
    assert len(paths) == len(STUDENTS)
    for path, student, name in zip(paths, STUDENTS, NAMES, strict=True):
        assert path.parts[-4:] == ("gradescope", TINY, student, "results.json")
        text = path.read_text(encoding="ascii")
        assert not set(text) & set("<>&")
        content = json.loads(text)
        assert content["extra_data"]["name"] == name and content["score"] == 15.0
        tests = {t["name"]: t for t in content["tests"]}
        assert {k: (t["score"], t["max_score"]) for k, t in tests.items()} == {k: (v, v) for k, v in POSSIBLE.items()}
        assert tests["double"]["output"] == messages["double"]
        # without these Gradescope renders the output of the whole submission as HTML
        assert {content[k] for k in ("output_format", "test_output_format", "test_name_format")} == {"text"}
        assert {t[k] for t in content["tests"] for k in ("output_format", "name_format")} == {"text"}


def test_gradescope_open_answers_have_no_score(give):
    (path,), _ = give(UNFINISHED[1:2], "gradescope", partial=True)
    content = json.loads(path.read_text())
    test = next(t for t in content["tests"] if t["name"] == "explain")
    assert "score" not in test and "waits" in test["output"]
    assert content["score"] == 10.0 and "Not final" in content["output"] and content["extra_data"]["final"] is False


def test_gradescope_takes_back_what_is_no_longer_final(give, tmp_path):
    give([result("a"), result("b")], "gradescope")
    folder = tmp_path / "out" / "gradescope" / TINY
    (folder / "mine").mkdir()
    (folder / "mine" / "results.json").write_text('{"score": 1}')
    _, said = give([result("a", (4.0, 6.0, None), status="needs a person"), result("b")], "gradescope")
    assert sorted(p.parent.name for p in folder.glob("*/*.json")) == ["b", "mine"] and "Removed, as" in said
    give([result("b", (4.0, 6.0, None), status="needs a person")], "gradescope")
    assert sorted(p.parent.name for p in folder.glob("*/*.json")) == ["mine"]


# --- places, rosters, errors ---


def test_an_export_may_be_repeated_but_nothing_else_is_written_over(give, tmp_path):
    out = tmp_path / "out"
    (path,), _ = give([result("a")], "csv")
    give([result("a", (1.0, 1.0, 1.0))], "csv")
    assert rows_of(path)[1][7] == "3"
    for content in ("student;id\n1;2\n", "Dear diary", "", "\x00\xff"):
        path.write_text(content, encoding="latin-1")
        with pytest.raises(ExportError, match="not an earlier export"):
            give([result("a")], "csv")
        assert path.read_text(encoding="latin-1") == content
    give([result("a")], "canvas", out=out / "grades2.csv")
    with pytest.raises(ExportError, match="not an earlier export"):
        give([result("a")], "moodle", out=out / "grades2.csv")
    path.unlink()
    path.symlink_to(out / "nowhere.csv")
    with pytest.raises(ExportError, match="not an earlier export"):
        give([result("a")], "csv")
    assert not list(out.glob(".*")), "a temporary file was left"


@pytest.mark.parametrize(
    ("to", "options", "why"),
    [
        ("excel", {}, "expected one of canvas, moodle"),
        ("csv", {"assignment": "99_none"}, "it has 09_tiny"),
        ("csv", {"template": "x.csv"}, "Leave --template out"),
        ("canvas", {"template": "/nowhere/x.csv"}, "cannot be read"),
        ("gradescope", {"out": "one.csv"}, "Give a folder"),
    ],
)
def test_errors_say_what_to_do(give, to, options, why):
    with pytest.raises(ExportError, match=why):
        give([result("a")], to, **options)


def test_nothing_graded(give):
    with pytest.raises(ExportError, match="autograder grade"):
        give([], "csv")


def test_a_student_id_of_a_mac_is_found(give):
    (path,), said = give([result("Zoe\u0308")], "csv", people=[["Zo\u00eb", "Z", "", ""], ["x", "", "", ""]])
    assert rows_of(path)[1][:2] == ["Zoe\u0308", "Z"] and "roster" not in said
    _, said = give([result("nobody")], "csv", people=[["x", "X", "", ""]])
    assert "Not on the roster: nobody" in said


# --- a real class ---


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Three submissions: one with its written answer marked, one still open, one that is no notebook."""
    course = make_class(tmp_path_factory.mktemp("graded"))
    hand_in(course, "marked", written({"double": "def double(x):\n    return abs(2 * x)"}))
    hand_in(course, "-open", written())
    hand_in(course, "cut_off", '{"cells": [')
    grade_class(course)
    with klass.open_gradebook(course) as book:
        grade = book.find_grade("explain", TINY, TINY, "marked")
        grade.manual_score, grade.needs_manual_grade = 4.5, False
        book.db.commit()
    return course


def test_a_graded_class_through_the_command(graded):
    answer = CliRunner().invoke(cli.app, ["export", str(graded.root), "--to", "csv"])
    assert answer.exit_code == 0, answer.output
    path = graded.root / "exports" / "grades.csv"
    frame = table_of(path).set_index("student")
    totals = {r.student: r.total for r in export.results(graded)}
    assert frame["total"].to_dict() == {"marked": f"{totals['marked']:g}", "-open": "", "cut_off": ""}
    assert frame["status"].to_dict() == {"marked": "graded", "-open": "needs a person", "cut_off": "failed"}
    assert path.stat().st_mode & 0o077 == 0
    answer = CliRunner().invoke(cli.app, ["export", str(graded.root), "--to", "nothing"])
    assert answer.exit_code == 2 and "expected one of canvas" in answer.output


def test_the_journal_names_file_format_and_hash(graded):
    paths = export.export(graded, "gradescope", assignment=TINY, partial=True, tell=lambda _: None)
    entry = klass.read_journal(graded)[-1]
    assert (entry["event"], entry["format"], entry["partial"]) == ("export", "gradescope", True)
    assert {Path(f["file"]): f["sha256"] for f in entry["files"]} == {
        p: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths
    }
    assert {p.parent.name for p in paths} == {"marked", "-open"}
    content = json.loads(next(p for p in paths if p.parent.name == "marked").read_text())
    assert "got 6.0, expected -6.0" in content["tests"][0]["output"] and content["tests"][2]["score"] == 4.5
    assert len(klass.latest_gradings(graded)) == 3, "an export is no grading"
