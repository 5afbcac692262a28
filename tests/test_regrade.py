"""`autograder regrade` and `autograder verify`: the difference is shown before anything is written."""

import copy
import os
import re
import shutil
from collections import Counter

import pytest
from stand_in import answer, end_state, in_child, notes, small_class, use
from tiny_class import cell_of, hand_in, tiny, write_hidden
from typer.testing import CliRunner

from autograder import facts, grade, klass, newclass, record, spool
from autograder.cli import app
from autograder.grade import grade_class, pending
from autograder.journal import read_journal
from autograder.regrade import regrade
from autograder.results import results
from autograder.verify import verify

FACTS = {"sandboxed": False}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class with three students, graded with 4 points for the first task."""
    course = small_class(tmp_path_factory.mktemp("graded"), {"a": 1, "b": 2, "c": 3})
    with pytest.MonkeyPatch.context() as patch:
        use(patch)
        grade_class(course, **FACTS)
    return course


@pytest.fixture
def course(graded, tmp_path, monkeypatch, log):
    """A copy of that class; each new run is noted in `log`."""
    use(monkeypatch, log)
    return klass.open_class(shutil.copytree(graded.root, tmp_path / "class"))


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def everything(course):
    """What a regrading without --write must leave alone: all of the class but .spool, .lock and other such files."""
    paths = [p for p in course.root.rglob("*") if p.is_file()]
    return {p: p.read_bytes() for p in paths if not p.relative_to(course.root).parts[0].startswith(".")}


def new_tests(course, monkeypatch, log, most):
    """The first task's hidden tests have been mended: they now give `most` points."""
    monkeypatch.setattr("physiodl.exam.write_hidden", write_hidden)
    instructor, handout = copy.deepcopy(tiny())
    cell = cell_of(instructor, "double-test")
    cell.source = cell.source.replace("2e6", f"2e6  # mended: {most}")
    newclass.init_class(course.root, {"09_tiny": (instructor, handout)}, update=True)
    use(monkeypatch, log, most=most)


def gradings(course, event):
    return [e for e in read_journal(course) if e["event"] == event]


def shown(found):
    return {item.student: item.differences for item in found}


# ---- showing -------------------------------------------------------------------------------------------


def test_nothing_has_changed(course, log):
    before = everything(course)
    found = regrade(course, **FACTS)
    assert shown(found) == {"a": [], "b": [], "c": []} and not any(item.why for item in found)
    assert Counter(notes(log)) == {"ran a": 1, "ran b": 1, "ran c": 1}
    assert regrade(course, write=True, **FACTS) and everything(course) == before, "nothing to write"


def test_a_mended_test_is_shown_and_not_written(course, monkeypatch, log):
    new_tests(course, monkeypatch, log, 3.0)
    before = everything(course)
    found = regrade(course, **FACTS)
    assert shown(found) == {name: [("double", 4.0, 3.0)] for name in "abc"}
    assert all(re.fullmatch(r"[0-9a-f]{12} -> [0-9a-f]{12}", item.why.pop("tests")) for item in found)
    assert not any(item.why or item.written for item in found)
    assert everything(course) == before


def test_each_cause_is_named(course, monkeypatch, log):
    versions = facts.packages() | {"numpy": "2.99.0"}
    for module in ("facts", "regrade"):
        monkeypatch.setattr(f"autograder.{module}.packages", lambda: versions)
    hand_in(course, "b", answer(5))
    a, b, c = regrade(course, cell_timeout_s=9, **FACTS)
    for item in (a, b, c):
        assert item.why["packages"].endswith("-> 2.99.0") and item.why["packages"].startswith("numpy 2.")
        assert item.why["limits"].endswith("cell_s 300.0 -> 9") and "sandbox" not in item.why
    assert "submission" in b.why and "submission" not in a.why and "tests" not in a.why and "grader" not in a.why
    assert shown([a, b]) == {"a": [], "b": [("score", 2.0, 5.0)]}
    for module in ("facts", "grade"):
        monkeypatch.setattr(f"autograder.{module}.grader_version", lambda: "9.9+new")
    (item,) = regrade(course, student="a", **FACTS)
    assert item.why["grader"].endswith("-> 9.9+new") and not item.kept


def test_points_that_another_program_wrote_are_named(course):
    with klass.open_gradebook(course) as book:
        book.find_grade("score-test", "09_tiny", "09_tiny", "b").auto_score = 6.0
        book.db.commit()
    found = {item.student: item for item in regrade(course, **FACTS)}
    assert "gradebook" in found["b"].why and found["b"].differences == [("score", 6.0, 2.0)]
    assert not found["a"].why


def test_a_submission_that_does_not_always_do_the_same(course, monkeypatch, log):
    use(monkeypatch, log, most=3.5)
    found = regrade(course, **FACTS)
    assert shown(found)["a"] == [("double", 4.0, 3.5)] and not found[0].why


def test_what_was_never_graded_is_left_to_grade(course, log):
    hand_in(course, "d", answer(4))
    assert [item.student for item in regrade(course, **FACTS)] == ["a", "b", "c"]
    assert [s.student for s in pending(course)] == ["d"]


def test_choices(course, log):
    assert [item.student for item in regrade(course, "09_tiny", student="b", **FACTS)] == ["b"]
    assert notes(log) == ["ran b"]
    with pytest.raises(klass.ClassError, match="no submission of 'zoe'"):
        regrade(course, student="zoe", **FACTS)
    with pytest.raises(klass.ClassError, match="no assignment '10_none'"):
        regrade(course, "10_none", **FACTS)
    with klass.locked(course), pytest.raises(klass.ClassError, match="another autograder"):
        regrade(course, **FACTS)


def test_a_file_that_can_no_longer_be_read(course):
    hand_in(course, "b", b"")
    found = {item.student: item for item in regrade(course, **FACTS)}
    assert found["b"].failed == "the file is empty"
    assert found["b"].differences == [("double", 4.0, 0.0), ("score", 2.0, 0.0), ("explain", None, 0.0)]
    regrade(course, write=True, **FACTS)
    assert {r.student: r.total for r in results(course)} == {"a": 5, "b": 0, "c": 7}


def test_a_fault_of_the_grader_changes_nothing(course, monkeypatch, log):
    new_tests(course, monkeypatch, log, 3.0)
    monkeypatch.setattr("autograder.run.sanitise", lambda *args: 1 / 0)
    before = everything(course)
    found = regrade(course, write=True, **FACTS)
    assert all("ZeroDivisionError" in item.failed and item.retry and not item.written for item in found)
    assert shown(found) == {"a": [], "b": [], "c": []} and everything(course) == before


# ---- writing -------------------------------------------------------------------------------------------


def test_write_uses_the_runs_that_were_shown(course, monkeypatch, log):
    new_tests(course, monkeypatch, log, 3.0)
    regrade(course, **FACTS)
    shown_runs = notes(log)
    found = regrade(course, write=True, **FACTS)
    assert notes(log) == shown_runs == ["ran a", "ran b", "ran c"]
    assert all(item.kept and item.written for item in found)
    assert {r.student: r.points["double"] for r in results(course)} == {"a": 3, "b": 3, "c": 3}
    assert pending(course) == [] and spool.waiting(course, "regrade") == [] and verify(course).faults == []
    entry = gradings(course, "regrade")[0]
    assert entry["points"] == {"double": 3.0, "score": 1.0, "explain": None}
    assert entry["before"]["points"] == {"double": 4.0, "score": 1.0, "explain": None}
    first = gradings(course, "grade")[0]
    same = ("submission", "assignment_version", "grader", "packages", "time")
    assert {name: entry["before"][name] for name in same} == {name: first[name] for name in same}
    assert list(entry["why"]) == ["tests"] and entry["assignment_version"] != first["assignment_version"]
    assert regrade(course, **FACTS) and notes(log) == shown_runs * 2, "after writing, a new call runs anew"


def test_write_at_once(course, monkeypatch, log):
    new_tests(course, monkeypatch, log, 3.0)
    found = regrade(course, student="b", write=True, **FACTS)
    assert [item.written for item in found] == [True] and notes(log) == ["ran b"]
    assert {r.student: r.points["double"] for r in results(course)} == {"a": 4, "b": 3, "c": 4}
    assert [s.student for s in pending(course)] == ["a", "c"]


@pytest.mark.parametrize("change", ["submission", "tests", "grader", "packages", "limits", "fresh"])
def test_what_was_shown_is_run_again_when_something_has_changed_since(course, monkeypatch, log, change):
    regrade(course, student="a", **FACTS)
    options = dict(FACTS)
    if change == "submission":
        hand_in(course, "a", answer(5))
    elif change == "tests":
        new_tests(course, monkeypatch, log, 4.0)
    elif change == "grader":
        for module in (facts, grade):
            monkeypatch.setattr(module, "grader_version", lambda: "9.9+new")
    elif change == "packages":
        for module in ("facts", "regrade"):
            monkeypatch.setattr(f"autograder.{module}.packages", lambda: {"numpy": "2.99.0"})
    elif change == "limits":
        options["cell_timeout_s"] = 9
    else:
        options["fresh"] = True
    (item,) = regrade(course, student="a", write=True, **options)
    assert not item.kept and notes(log) == ["ran a"] * 2
    if change == "submission":
        assert results(course)[0].points["score"] == 5


def test_marks_by_hand_stay_and_are_pointed_out(course, monkeypatch, log):
    with klass.open_gradebook(course) as book:
        for name, points in (("explain", 3.5), ("double-test", 2.5)):
            mark = book.find_grade(name, "09_tiny", "09_tiny", "a")
            mark.manual_score, mark.needs_manual_grade = points, False
        book.db.commit()
    new_tests(course, monkeypatch, log, 3.0)
    item = regrade(course, student="a", **FACTS)[0]
    assert item.by_hand == {"double": 2.5, "explain": 3.5} and item.differences == [("double", 4.0, 3.0)]
    regrade(course, student="a", write=True, **FACTS)
    result = results(course)[0]
    assert (result.points["double"], result.points["explain"]) == (2.5, 3.5), "a person's marks stand"
    assert result.reasons == ["double: graded again after a mark by hand; look whether that mark still holds"], (
        "nothing has changed for the written answer"
    )
    assert gradings(course, "regrade")[0]["auto"] == {"double": 3.0, "explain": None}
    assert verify(course).faults == []


# ---- interrupted ---------------------------------------------------------------------------------------


def test_killed_while_it_runs(course, monkeypatch, log):
    new_tests(course, monkeypatch, log, 3.0)
    real = spool.put

    def put(klass, kind, run):
        path = real(klass, kind, run)
        if run.student == "b":
            os._exit(9)
        return path

    with monkeypatch.context() as patch:
        patch.setattr(spool, "put", put)
        assert in_child(lambda: regrade(course, **FACTS)) == 9
    found = regrade(course, **FACTS)
    assert [item.kept for item in found] == [True, True, False] and notes(log) == ["ran a", "ran b", "ran c"]


@pytest.mark.parametrize("where", ["run_preprocessors", "write_notebook", "write_journal", "keep"])
def test_killed_while_it_writes(tmp_path, course, monkeypatch, log, where):
    calm = klass.open_class(shutil.copytree(course.root, tmp_path / "calm"))
    for each in (calm, course):
        new_tests(each, monkeypatch, log, 3.0)
    regrade(calm, write=True, **FACTS)
    log.unlink()
    owner = spool if where == "keep" else record
    real, count = getattr(owner, where), Counter()

    def call(*args, **kwargs):
        result = real(*args, **kwargs)
        count["calls"] += 1
        if count["calls"] == 2:
            os._exit(9)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(owner, where, call)
        assert in_child(lambda: regrade(course, write=True, **FACTS)) == 9
    if where != "keep":
        with pytest.raises(klass.ClassError, match="autograder grade"):
            regrade(course, **FACTS)
    regrade(course, write=True, **FACTS)
    assert end_state(course) == end_state(calm)
    assert notes(log) == ["ran a", "ran b", "ran c"], "nothing was run twice"
    assert Counter(e["student"] for e in gradings(course, "regrade")) == {"a": 1, "b": 1, "c": 1}
    assert verify(course).faults == [] and spool.waiting(course) == spool.waiting(course, "regrade") == []


def test_grade_ends_what_a_killed_regrading_had_begun_to_write(course, monkeypatch, log):
    new_tests(course, monkeypatch, log, 3.0)
    with monkeypatch.context() as patch:
        patch.setattr(record, "write_notebook", lambda *args, **kwargs: os._exit(9))
        assert in_child(lambda: regrade(course, student="a", write=True, **FACTS)) == 9
    assert any("interrupted" in note for note in verify(course).notes)
    grade_class(course, **FACTS)
    assert [e["student"] for e in gradings(course, "regrade")] == ["a"] and notes(log).count("ran a") == 1
    assert gradings(course, "regrade")[0]["before"]["points"]["double"] == 4.0
    assert verify(course).faults == []


# ---- the commands --------------------------------------------------------------------------------------


def call(*args):
    done = CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "160"})
    return done.exit_code, done.output


def test_the_command_shows_a_table_and_how_to_write_it(course, monkeypatch, log):
    assert call("regrade", course.root, "--no-sandbox")[1].strip() == "3 graded again, 0 with other points"
    new_tests(course, monkeypatch, log, 3.0)
    with klass.open_gradebook(course) as book:
        book.find_grade("double-test", "09_tiny", "09_tiny", "b").manual_score = 2.5
        book.db.commit()
    code, text = call("regrade", course.root, "--no-sandbox")
    assert code == 0 and re.search(r"^a +double +4 +3 +tests \w{12} -> \w{12}", text, re.M), text
    assert "b, 09_tiny: double has a mark by hand, 2.5: it stays" in text
    assert "3 with other points" in text and f"autograder regrade {course.root} --no-sandbox --write" in text
    code, text = call("regrade", course.root, "--no-sandbox", "--write")
    assert code == 0 and "3 of the runs are those of an earlier call" in text and "3 written" in text
    assert "nothing was written" not in text
    code, text = call("regrade", course.root, "--student", "zoe", "--no-sandbox")
    assert code == 2 and "zoe" in text


def test_the_command_verify(course):
    code, text = call("verify", course.root)
    assert code == 0 and "4 chained entries, none changed" in text
    last = read_journal(course)[-1]["hash"]
    assert last in text and call("verify", course.root, "--noted", last)[0] == 0
    lines = course.journal.read_bytes().split(b"\n")
    course.journal.write_bytes(b"\n".join([*lines[:2], *lines[3:]]))
    code, text = call("verify", course.root)
    assert code == 1 and re.search(r"journal, line 3, 20\S+, student c: .* removed", text), text
