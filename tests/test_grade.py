"""A class of tiny submissions, graded once by the real grader; each test looks at one student."""

import copy
import json
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbgrader import utils
from tiny_class import cell_of, copy_of, hand_in, make_class, tiny, write_hidden, written

from autograder import examiner, execute, klass, mend, newclass, record, results, sandbox
from autograder.grade import grade_class, pending


def submissions():
    """Student -> what that student handed in."""
    give = {
        "honest": written(),
        "unwritten": written(explain=None),
        "partial": written({"double": "def double(x):\n    return abs(2 * x)"}),
        "empty": written({"double": ""}),
        "stub": copy.deepcopy(tiny()[1]),
        "syntax": written({"double": "def double(x:\n    return 2 * x"}),
        "raises": written({"score": "def score():\n    raise ValueError('<script>alert(1)</script>')"}),
        "loop": written({"score": "while True:\n    pass"}),
        "stubborn": written(
            {
                "double": "import time\ndef double(x):\n    while True:\n        try:\n"
                "            time.sleep(60)\n        except BaseException:\n"
                "            pass"
            },
        ),
        "exits": written({"score": "import os\nos._exit(0)"}),
        "nan": written({"score": "def score():\n    return float('nan')"}),
        "inf": written({"score": "def score():\n    return float('inf')"}),
        "too_much": written({"score": "def score():\n    return 60.0"}),
        "negative": written({"score": "def score():\n    return -1.0"}),
        "nothing": written({"score": "def score():\n    return None"}),
        "true": written({"score": "def score():\n    return True"}),
        "numpy": written({"score": "import numpy as np\ndef score():\n    return np.float64(4.5)"}),
        "warns": written(
            {
                "double": "import sys, warnings\ndef double(x):\n    warnings.warn('careful')\n"
                "    print('progress', file=sys.stderr)\n    return 2 * x"
            },
        ),
        "chatty": written({"score": "print('x' * 3_000_000)\ndef score():\n    return 6.0"}),
        "leaves": written(
            {
                "score": "import os, pathlib, subprocess, sys\n"
                "pathlib.Path('left').write_text(os.getcwd())\n"
                "p = subprocess.Popen(['sleep', '987654'])\nprint(os.getcwd())\n"
                "print(os.environ.get('PHYSIODL_EXAM'), os.environ['OMP_NUM_THREADS'])\n"
                "def score():\n    return 6.0"
            },
        ),
        "not_json": "{" + "x" * 40,
        "no_bytes": b"",
        "binary": bytes(range(256)),
        "json_only": json.dumps({"a": 1}),
        "odd_cells": json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1, 2]}),
        "crlf": nbformat.writes(written()).replace("\\n", "\\r\\n"),
    }
    skips = written({"double": "def double(x):\n    return 0", "score": "def score():\n    return 0.0"})
    for name in ("double-test", "score-test"):
        cell_of(skips, name).metadata["tags"] = ["skip-execution"]
    give["skips"] = skips
    twice = written()
    test = cell_of(twice, "double-test")
    twice.cells.insert(twice.cells.index(test), copy_of(test, id="copy"))
    give["test_twice"] = twice
    split = written({"double": "def double(x):\n    return helper(x)"})
    answer = cell_of(split, "double")
    half = copy_of(answer, id="half", source="def helper(x):\n    return x + x")
    split.cells.insert(split.cells.index(answer) + 1, half)
    give["answer_split"] = split
    for name in ("deleted", "edited", "worth_more", "moved"):
        give[name] = written()
    give["deleted"].cells.remove(cell_of(give["deleted"], "score-test"))
    cell_of(give["edited"], "score-test").source = "6.0"
    cell_of(give["edited"], "score").source = "def score():\n    return 1.0"
    cell_of(give["worth_more"], "score-test").metadata.nbgrader.points = 60
    give["worth_more"].cells.append(new_code_cell("raise SystemExit  # a cell of my own"))
    answer = cell_of(give["moved"], "double")
    give["moved"].cells.remove(answer)
    give["moved"].cells.append(answer)
    give["moved"].cells.insert(0, new_markdown_cell("my notes"))
    return give


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A class in which everything above has been graded with two jobs."""
    course = make_class(tmp_path_factory.mktemp("class"))
    for student, content in submissions().items():
        hand_in(course, student, content)
    (course.root / "submitted" / "nothing_there" / "09_tiny").mkdir(parents=True)
    found = grade_class(course, jobs=2, cell_timeout_s=3)
    return course, {r.student: r for r in found}


# double (of 4), score (of 6) and, where it is not None, what the status line says
EXPECTED = {
    "honest": (4, 6, "explain: written answer waits"),
    "unwritten": (4, 6, None),
    "partial": (2, 6, None),
    "empty": (0, 6, None),
    "stub": (0, 0, None),
    "syntax": (0, 6, None),
    "raises": (4, 0, "score: test cell stopped with an error (ValueError)"),
    "loop": (4, 0, "NameError"),
    "stubborn": (0, 6, "double: test cell ran too long"),
    "exits": (4, 0, "NameError"),
    "nan": (4, 0, "gave nan"),
    "inf": (4, 0, "gave inf"),
    "too_much": (4, 0, "gave 60.0, which is not within 0 and 6"),
    "negative": (4, 0, "gave -1.0"),
    "nothing": (4, 0, "score: test cell gave no points"),
    "true": (4, 0, "gave True, which is no number"),
    "numpy": (4, 4.5, None),
    "warns": (4, 6, None),
    "chatty": (4, 6, None),
    "leaves": (4, 6, None),
    "crlf": (4, 6, None),
    "skips": (0, 0, "double-test carried the tag skip-execution; removed"),
    "test_twice": (4, 6, "double-test stood there 2 times; one was put back"),
    "answer_split": (4, 6, "double stood there 2 times; the first counts"),
    "deleted": (4, 6, "score-test was missing; put back"),
    "edited": (4, 1, "score-test was edited; put back as handed out"),
    "worth_more": (4, 6, "score-test had its points changed to 60; changed back"),
    "moved": (4, 6, "put back in order"),
}


@pytest.mark.parametrize("student", EXPECTED)
def test_points_and_reasons(course, student):
    double, score, why = EXPECTED[student]
    result = course[1][student]
    assert (result.points["double"], result.points["score"]) == (double, score), (
        result.reasons,
        result.messages,
    )
    if why:
        assert result.status == "needs a person"
        assert why in "; ".join(result.reasons)


@pytest.mark.parametrize("student, why", [
    ("not_json", "not JSON"), ("no_bytes", "empty"), ("binary", "UTF-8"), ("json_only", "no list of cells"),
    ("odd_cells", "cell 0"), ("nothing_there", "there is no 09_tiny.ipynb")])  # fmt: skip
def test_files_that_are_no_notebooks_fail_alone(course, student, why):
    result = course[1][student]
    assert result.status == "failed" and why in result.reasons[0] and "\n" not in result.reasons[0]
    assert result.total == 0


def test_status_waits_only_for_what_a_person_must_do(course):
    assert course[1]["unwritten"].status == "graded", "an empty written answer is 0 without a person"
    assert course[1]["unwritten"].points["explain"] == 0
    assert course[1]["stub"].status == "graded", "a handout handed back is 0 without a person"
    assert course[1]["honest"].points["explain"] is None
    assert course[1]["honest"].reasons == ["explain: written answer waits for its mark"]


def test_limits_hold_and_nothing_is_left(course):
    assert course[1]["loop"].seconds < 12 and course[1]["stubborn"].seconds < 30
    autograded = nbformat.read(course[0].notebook("autograded", "09_tiny", "leaves"), as_version=4)
    printed = results.text_of(cell_of(autograded, "score")).split()
    assert printed == [sandbox.WORK, "None", "1"], "hidden recordings are the examiner's alone"
    assert not [p for p in psutil.process_iter(["cmdline"]) if "987654" in (p.info["cmdline"] or [])]
    chatty = nbformat.read(course[0].notebook("autograded", "09_tiny", "chatty"), as_version=4)
    assert len(results.text_of(cell_of(chatty, "score"))) < 300_000


def test_messages_reach_the_student_and_hidden_tests_do_not(course):
    assert "double(-3.0): got 6.0, expected -6.0" in course[1]["partial"].messages["double"]
    assert "1e6" not in json.dumps([r.messages for r in course[1].values()])


def test_gradebook_is_nbgraders(course):
    with klass.open_gradebook(course[0]) as book:
        grade = book.find_grade("score-test", "09_tiny", "09_tiny", "numpy")
        assert (grade.auto_score, grade.max_score, grade.needs_manual_grade) == (4.5, 6, False)
        assert book.find_grade("score-test", "09_tiny", "09_tiny", "nan").needs_manual_grade
        assert book.find_grade("explain", "09_tiny", "09_tiny", "honest").auto_score is None
        assert book.find_submission("09_tiny", "not_json").score == 0
    path = course[0].notebook("autograded", "09_tiny", "skips")
    cell = cell_of(nbformat.read(path, as_version=4), "score-test")
    assert "tags" not in cell.metadata and cell.outputs[-1].data["text/plain"] == "0.0"
    assert "1e6" in cell_of(nbformat.read(path, as_version=4), "double-test").source, "hidden tests are back"


def test_journal_holds_every_grading(course):
    entries = klass.read_journal(course[0])
    assert [e["event"] for e in entries][0] == "init"
    gradings = {e["student"]: e for e in entries if e["event"] == "grade"}
    assert set(gradings) == set(course[1])
    one = gradings["partial"]
    assert one["points"] == {"double": 2.0, "score": 6.0, "explain": None} and one["limits"]["cell_s"] == 3
    assert len(one["submission"]) == 64 and one["grader"].startswith("0.") and one["seconds"] > 0


def test_nothing_is_graded_twice_and_a_new_file_is(course):
    assert [s.student for s in pending(course[0])] == []
    path = course[0].notebook("submitted", "09_tiny", "no_bytes")
    hand_in(course[0], "no_bytes", written())
    try:
        assert [s.student for s in pending(course[0])] == ["no_bytes"]
        assert [r.points["double"] for r in grade_class(course[0])] == [4]
    finally:
        path.write_bytes(b"")
        grade_class(course[0])
    assert not course[0].notebook("autograded", "09_tiny", "no_bytes").exists()


def test_a_mark_by_hand_clears_the_reason(course):
    with klass.open_gradebook(course[0]) as book:
        grade = book.find_grade("explain", "09_tiny", "09_tiny", "crlf")
        grade.manual_score, grade.needs_manual_grade = 3.5, False
        book.db.commit()
    result = next(r for r in results.results(course[0]) if r.student == "crlf")
    assert (result.status, result.points["explain"], result.total) == ("graded", 3.5, 13.5)


def small_class(folder, students):
    course = make_class(folder)
    for student in students:
        hand_in(course, student, written())
    return course


def test_interrupted_grading_goes_on_with_the_rest(tmp_path):
    course = small_class(tmp_path / "class", "abc")

    def interrupt(event, value):
        if event == "graded":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade_class(course, progress=interrupt)
    with open(course.journal, "a") as file:
        file.write('{"event": "grade", "student": "b", "assi')  # killed while it wrote
    assert [r.student for r in grade_class(course)] == ["b", "c"]
    assert {r.student: r.total for r in results.results(course)} == {"a": 10, "b": 10, "c": 10}


def test_a_dead_worker_costs_nobody_else(tmp_path):
    course = small_class(tmp_path / "class", "ab")
    before = set(Path(tempfile.gettempdir()).glob("physiodl-*"))

    def kill_worker(event, value):
        if event == "started" and value.startswith("a"):
            threading.Timer(0.7, kill_workers).start()

    def kill_workers():
        for process in psutil.Process().children():
            if "autograder.execute" in process.cmdline():
                process.kill()

    found = {r.student: r for r in grade_class(course, progress=kill_worker)}
    assert found["a"].status == "failed" and "worker process died" in found["a"].reasons[0]
    assert found["b"].total == 10
    assert set(Path(tempfile.gettempdir()).glob("physiodl-*")) <= before, "its folders are removed"
    assert [s.student for s in pending(course)] == ["a"], "the grader's own faults are tried again"


def test_a_submission_that_kills_what_started_it_costs_itself_only(tmp_path):
    course = small_class(tmp_path / "class", "ab")
    hand_in(course, "a", written({"score": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"}))
    found = {r.student: r for r in grade_class(course)}
    assert found["a"].points["score"] == 0 and "process ended" in "".join(found["a"].reasons)
    assert found["b"].total == 10 and pending(course) == []


def test_total_time_limit():
    notebook = nbformat.v4.new_notebook(cells=[new_code_cell("import time; time.sleep(1.5)") for _ in range(6)])
    started = time.monotonic()
    rooms = execute.Rooms()
    done = rooms.run(notebook, cell_timeout_s=30, total_timeout_s=3)
    rooms.close()
    assert time.monotonic() - started < 15
    assert [r["status"] for r in done.runs][0] == "ok" and [r["status"] for r in done.runs][-1] == "not run"
    assert "3 s" in done.ended


def test_init_twice_does_nothing_and_update_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("physiodl.exam.write_hidden", write_hidden)
    folder = tmp_path / "class"
    assert len(newclass.init_class(folder, {"09_tiny": tiny()})) >= 5
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert newclass.init_class(folder, {"09_tiny": tiny()}) == []
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert (folder / "secret.key").stat().st_mode & 0o777 == 0o600
    assert (folder / "hidden").stat().st_mode & 0o777 == 0o700
    changed = copy.deepcopy(tiny())
    for notebook in changed:
        cell_of(notebook, "score-test").source += "\n# changed"
    old = klass.assignment_version(klass.open_class(folder), "09_tiny")
    assert "--update" in newclass.init_class(folder, {"09_tiny": changed})[0]
    assert klass.assignment_version(klass.open_class(folder), "09_tiny") == old
    assert newclass.init_class(folder, {"09_tiny": changed}, update=True) == ["09_tiny: updated"]
    assert klass.assignment_version(klass.open_class(folder), "09_tiny") != old


def test_folders_that_cannot_be_a_class(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(klass.ClassError, match="not empty and not a class.*thesis.txt"):
        newclass.init_class(tmp_path / "full", {})
    with pytest.raises(klass.ClassError, match="is a file"):
        newclass.init_class(tmp_path / "full" / "thesis.txt", {})
    with pytest.raises(klass.ClassError, match="autograder init"):
        klass.open_class(tmp_path / "full")
    if os.getuid() != 0:
        (tmp_path / "full").chmod(0o555)
        with pytest.raises(klass.ClassError, match="cannot be written"):
            newclass.init_class(tmp_path / "full" / "new", {})


def test_two_graders_do_not_share_a_class(tmp_path):
    course = small_class(tmp_path / "class", "")
    with klass.locked(course), pytest.raises(klass.ClassError, match="another autograder"):
        grade_class(course)


def test_plain_nbgrader_grades_the_same_class(tmp_path):
    from nbgrader.apps import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory

    course = small_class(tmp_path / "class", "a")
    loaded = klass.open_class(course.root).config
    api = NbGraderAPI(CourseDirectory(config=loaded), config=loaded)
    assert api.autograde("09_tiny", "a")["success"]
    with klass.open_gradebook(course) as book:
        assert book.find_submission("09_tiny", "a").score == 10
    shutil.rmtree(course.root / "autograded")
    assert [r.total for r in grade_class(course)] == [10]
    assert api.generate_feedback("09_tiny", "a")["success"]
    assert (course.root / "feedback" / "a" / "09_tiny" / "09_tiny.html").exists()


@pytest.mark.parametrize("value, points", [(3.0, 3.0), (0, 0.0), (np.float32(2.5), 2.5), (6.0000000001, 6.0)])
def test_values_that_are_points(value, points):
    assert examiner.points_of(value, 6.0) == (points, "")


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e400, 7, -1.0, np.array([3.0]), [3.0], "3", None, True, 3j])
def test_values_that_are_none(value):
    points, flag = examiner.points_of(value, 6.0)
    assert points is None and flag


@pytest.mark.parametrize("run", [
    {}, {"record": {"points": float("nan"), "flag": ""}}, {"record": {"points": "6", "flag": ""}},
    {"record": {"points": True, "flag": ""}}, {"record": {"points": -1.0, "flag": ""}},
    {"record": {"points": 7.0, "flag": ""}}, {"record": {"points": None, "flag": ""}}])  # fmt: skip
def test_a_cell_without_a_proper_record_gets_nothing(run):
    cell = cell_of(tiny()[0], "score-test")
    cell.outputs = [new_output("execute_result", data={"text/plain": "6.0"}), new_output("stream", text="6.0")]
    assert record.settle(cell, run)
    assert utils.determine_grade(cell)[0] == 0


def test_old_and_newer_formats():
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "input": "1 + 1",
                        "language": "python",
                        "outputs": [],
                        "metadata": {},
                    }
                ]
            }
        ],
    }
    assert mend.read_submission(json.dumps(old).encode()).cells[0].source == "1 + 1"
    with pytest.raises(mend.Unreadable, match="format is 9"):
        mend.read_submission(json.dumps({"nbformat": 9, "cells": []}).encode())
    deep = "[" * 900 + "]" * 900
    for strange in (
        b"[" * 200_000,
        b'{"cells": [' + b"{}," * 4_000_000 + b"{}]}",
        f'{{"nbformat": 4, "cells": [{{"cell_type": "code", "source": "", "metadata": {{"tags": {deep}}}}}]}}'.encode(),
    ):
        with pytest.raises(mend.Unreadable):
            mend.read_submission(strange)


def test_late_penalties_of_nbgrader_count(tmp_path):
    course = small_class(tmp_path / "class", "ab")
    with open(course.root / "nbgrader_config.py", "a") as file:
        file.write('c.LateSubmissionPlugin.penalty_method = "zero"\n')
    with klass.open_gradebook(course) as book:
        book.update_or_create_assignment("09_tiny", duedate="2026-01-01 12:00:00")
    for student, day in (("a", "01-01 10:00"), ("b", "01-02 10:00")):
        stamp = course.notebook("submitted", "09_tiny", student).with_name("timestamp.txt")
        stamp.write_text(f"2026-{day}:00 UTC")
    grade_class(klass.open_class(course.root))
    assert {r.student: (r.total, r.late) for r in results.results(course)} == {"a": (10, 0), "b": (0, 10)}
