"""Grading that is killed at any moment goes on where it was: nothing lost, nothing recorded twice, nothing run again
that had been run.
"""

import os
import random
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest
from stand_in import alive, answer, end_state, in_child, note, notes, small_class, use
from tiny_class import hand_in

from autograder import klass, mend, record, run, sandbox, spool
from autograder.grade import grade_class, pending
from autograder.journal import read_journal
from autograder.results import results
from autograder.verify import verify

POINTS = {f"s{k}": k / 2 for k in range(8)}


def gradings(course):
    return [e for e in read_journal(course) if e["event"] in ("grade", "regrade")]


def totals(course):
    return {r.student: r.points["score"] for r in results(course)}


def left_over(course):
    """Files that a finished grading leaves nowhere."""
    return [p for p in course.root.rglob("*") if ".half-" in p.name or ".ipynb." in p.name or p.name == "run.json.gz"]


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """How two submissions end when nobody disturbs the grader."""
    course = small_class(tmp_path_factory.mktemp("calm"), {"a": 1, "b": 2})
    with pytest.MonkeyPatch.context() as patch:
        use(patch)
        grade_class(course, sandboxed=False)
    return end_state(course)


# ---- killed at random moments --------------------------------------------------------------------------


def test_killed_again_and_again(tmp_path, monkeypatch):
    calm, course = (small_class(tmp_path / name, POINTS) for name in ("calm", "killed"))
    use(monkeypatch)
    grade_class(calm, sandboxed=False)
    log = tmp_path / "log"

    def put(klass, kind, run, real=spool.put):
        path = real(klass, kind, run)
        note(log, f"spooled {run.student}")
        return path

    monkeypatch.setattr(spool, "put", put)
    rng, hits, seed = random.Random(), 0, time.time_ns()
    rng.seed(seed)
    for k in range(60):
        use(monkeypatch, log, seconds=0.25, seed=k)
        code = in_child(lambda: grade_class(course, sandboxed=False), kill_after=rng.uniform(0.03, 0.5))
        hits += code == -9
        if code == 0:
            break
    assert hits >= 4, "the kills came too late to say anything"
    grade_class(course, sandboxed=False)
    assert end_state(course) == end_state(calm), f"seed {seed}"
    assert Counter(e["student"] for e in gradings(course)) == dict.fromkeys(POINTS, 1), f"seed {seed}"
    assert len({e["run"] for e in gradings(course)}) == len(POINTS)
    assert verify(course).faults == [] and left_over(course) == [] and pending(course) == []
    done = set()
    for line in notes(log):
        what, student = line.split()
        assert not (what == "ran" and student in done), f"{student} ran again after its run was safe; seed {seed}"
        done |= {student} if what == "spooled" else set()


def test_killed_with_the_real_executor(tmp_path):
    """The same, with workers: those of a killed grader end by themselves, and what had ended is not run again."""
    course = small_class(tmp_path / "class", {"a": 1, "b": 2, "c": 3})
    walls = {"sandboxed": bool(sandbox.means().way), "jobs": 2}
    seen, kills = [], 0
    for after in (1.0, 6.0):
        code = in_child(lambda: grade_class(course, **walls), kill_after=after, seen=seen)
        kills += code == -9
    assert kills and seen, "nothing was running when the grader was killed"
    recorded = {e["run"] for e in gradings(course)}
    grade_class(course, **walls)
    assert totals(course) == {"a": 1, "b": 2, "c": 3}
    assert Counter(e["student"] for e in gradings(course)) == {"a": 1, "b": 1, "c": 1}
    assert recorded <= {e["run"] for e in gradings(course)}
    assert verify(course).faults == []
    deadline = time.monotonic() + 15
    while any(map(alive, seen)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not [pid for pid in seen if alive(pid)], "processes of the killed grader are still there"


# ---- killed between any two steps ----------------------------------------------------------------------

STEPS = {
    "before the run is in the spool": (spool, "put", False),
    "the run is in the spool": (spool, "put", True),
    "students and submissions are in the gradebook": (record, "run_preprocessors", False),
    "some marks are in the gradebook": (record.SaveAutoGrades, "_add_score", True),
    "all marks, no flags are in the gradebook": (record.SaveFlags, "preprocess", False),
    "the gradebook is written": (record, "run_preprocessors", True),
    "autograded is written": (record, "write_notebook", True),
    "before the journal": (record, "write_journal", False),
    "after the journal": (record, "write_journal", True),
    "before the run leaves the spool": (spool, "keep", False),
    "all is done": (spool, "keep", True),
}


def disturbed(real, *, after, end):
    """`real`, which for the first time that it deals with student b ends in `end()`, after or before its work."""
    said = []

    def call(*args, **kwargs):
        mine = not said and any(map(about_b, (*args, *kwargs.values())))
        if mine and not after:
            said.append(True)
            end()
        result = real(*args, **kwargs)
        if mine and after:
            said.append(True)
            end()
        return result

    return call


def about_b(value):
    if isinstance(value, run.Run):
        return value.student == "b"
    if isinstance(value, Path):
        return "b" in value.parts
    if isinstance(value, dict) and "unique_key" in value:  # nbgrader's resources
        return value["nbgrader"]["student"] == "b"
    return value == "b"


@pytest.mark.parametrize("step", STEPS)
def test_killed_between_two_steps(tmp_path, monkeypatch, calm, step):
    owner, name, after = STEPS[step]
    course, log = small_class(tmp_path / "class", {"a": 1, "b": 2}), tmp_path / "log"
    use(monkeypatch, log)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, disturbed(getattr(owner, name), after=after, end=lambda: os._exit(9)))
        assert in_child(lambda: grade_class(course, sandboxed=False)) == 9
    grade_class(course, sandboxed=False)
    assert end_state(course) == calm
    assert Counter(e["student"] for e in gradings(course)) == {"a": 1, "b": 1}
    runs = Counter(notes(log))["ran b"]
    assert runs == (2 if step == "before the run is in the spool" else 1)
    assert verify(course).faults == [] and left_over(course) == []


@pytest.mark.parametrize(
    "step", ["before the run is in the spool", "all marks, no flags are in the gradebook", "after the journal"]
)
def test_a_fault_of_the_grader_between_two_steps(tmp_path, monkeypatch, calm, step):
    """It is noted and costs nobody else anything; the next grading makes it good, without a second run."""
    owner, name, after = STEPS[step]
    course, log = small_class(tmp_path / "class", {"a": 1, "b": 2}), tmp_path / "log"
    use(monkeypatch, log)

    def fail():
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, disturbed(getattr(owner, name), after=after, end=fail))
        found = {r.student: r for r in grade_class(course, sandboxed=False)}
    assert "No space left" in found["b"].reasons[0] and found["a"].status != "failed"
    assert [s.student for s in pending(course)] == ["b"]
    grade_class(course, sandboxed=False)
    assert end_state(course) == calm
    assert Counter(notes(log))["ran b"] == (2 if step == "before the run is in the spool" else 1)
    assert verify(course).faults == [] and left_over(course) == []


def test_a_recording_that_fails_twice_is_run_anew(tmp_path, monkeypatch, calm):
    course, log = small_class(tmp_path / "class", {"a": 1, "b": 2}), tmp_path / "log"
    use(monkeypatch, log)
    real, count = record.write_notebook, Counter()

    def fail(*args, **kwargs):
        count["b"] += "/b/" in str(args)
        if "/b/" in str(args) and count["b"] < 3:
            raise OSError(28, "No space left on device")
        return real(*args, **kwargs)

    monkeypatch.setattr(record, "write_notebook", fail)
    grade_class(course, sandboxed=False)
    grade_class(course, sandboxed=False)
    assert end_state(course) == calm and Counter(notes(log)) == {"ran a": 1, "ran b": 2}


def killed_after_spooling(course, monkeypatch, *, end="put"):
    owner = spool if end == "put" else record
    with monkeypatch.context() as patch:
        patch.setattr(owner, end, disturbed(getattr(owner, end), after=True, end=lambda: os._exit(9)))
        assert in_child(lambda: grade_class(course, sandboxed=False)) == 9


# ---- what has changed meanwhile ------------------------------------------------------------------------


def test_a_submission_that_was_changed_meanwhile_is_run_anew(tmp_path, monkeypatch):
    course, log = small_class(tmp_path / "class", {"a": 1, "b": 2}), tmp_path / "log"
    use(monkeypatch, log)
    killed_after_spooling(course, monkeypatch)
    hand_in(course, "b", answer(5))
    grade_class(course, sandboxed=False)
    assert totals(course) == {"a": 1, "b": 5} and Counter(notes(log))["ran b"] == 2
    assert [e["points"]["score"] for e in gradings(course) if e["student"] == "b"] == [5]
    assert left_over(course) == [] and verify(course).faults == []


def test_a_grader_that_was_changed_meanwhile_runs_anew(tmp_path, monkeypatch):
    course, log = small_class(tmp_path / "class", {"a": 1, "b": 2}), tmp_path / "log"
    use(monkeypatch, log)
    killed_after_spooling(course, monkeypatch)
    for module in ("grade", "facts"):
        monkeypatch.setattr(f"autograder.{module}.grader_version", lambda: "9.9+new")
    grade_class(course, sandboxed=False)
    assert Counter(notes(log)) == {"ran a": 2, "ran b": 2}, "a was graded by the old grader"


def test_half_recorded_and_then_handed_in_as_before(tmp_path, monkeypatch):
    """The gradebook holds half of a newer result; the journal's last word is on the file that is there again."""
    course, log = small_class(tmp_path / "class", {"b": 2}), tmp_path / "log"
    use(monkeypatch, log)
    grade_class(course, sandboxed=False)
    before = end_state(course)
    hand_in(course, "b", answer(5))
    killed_after_spooling(course, monkeypatch, end="write_notebook")
    hand_in(course, "b", answer(2))
    assert [s.student for s in pending(course)] == ["b"]
    grade_class(course, sandboxed=False)
    assert end_state(course) == before and Counter(notes(log)) == {"ran b": 2}
    assert verify(course).faults == [] and left_over(course) == []


def test_a_student_who_has_left_meanwhile(tmp_path, monkeypatch):
    course = small_class(tmp_path / "class", {"a": 1, "b": 2})
    use(monkeypatch)
    killed_after_spooling(course, monkeypatch)
    path = course.notebook("submitted", "09_tiny", "b")
    path.unlink()
    path.parent.rmdir()
    grade_class(course, sandboxed=False)
    assert totals(course) == {"a": 1} and left_over(course) == []


@pytest.mark.parametrize("damage", [lambda data: data[:200], lambda data: b"", lambda data: data[:-30] + b"x" * 30])
def test_a_run_in_the_spool_that_was_damaged_is_made_anew(tmp_path, monkeypatch, calm, damage):
    course, log = small_class(tmp_path / "class", {"a": 1, "b": 2}), tmp_path / "log"
    use(monkeypatch, log)
    killed_after_spooling(course, monkeypatch)
    path = spool.path_of(course, "grade", "b", "09_tiny")
    path.write_bytes(damage(path.read_bytes()))
    grade_class(course, sandboxed=False)
    assert end_state(course) == calm and Counter(notes(log))["ran b"] == 2


def test_a_run_in_the_spool_that_was_forged_is_made_anew(tmp_path, monkeypatch, calm):
    import gzip

    course = small_class(tmp_path / "class", {"a": 1, "b": 2})
    use(monkeypatch)
    killed_after_spooling(course, monkeypatch)
    path = spool.path_of(course, "grade", "b", "09_tiny")
    text = gzip.decompress(path.read_bytes())
    forged = text.replace(b'"points": 2.0', b'"points": 6.0')
    assert forged != text
    path.write_bytes(gzip.compress(forged))
    grade_class(course, sandboxed=False)
    assert end_state(course) == calm


# ---- submissions that cannot be run ------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_recorded_once(tmp_path, monkeypatch):
    course = small_class(tmp_path / "class", {"a": 1})
    hand_in(course, "b", b"")
    use(monkeypatch)
    killed_after_spooling(course, monkeypatch)
    grade_class(course, sandboxed=False)
    assert grade_class(course, sandboxed=False) == []
    assert Counter(e["student"] for e in gradings(course)) == {"a": 1, "b": 1} and left_over(course) == []


def test_a_fault_while_a_submission_is_rebuilt_is_tried_again(tmp_path, monkeypatch):
    course = small_class(tmp_path / "class", {"a": 1, "b": 2})
    use(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(run, "sanitise", _fails_for_b)
        found = {r.student: r for r in grade_class(course, sandboxed=False)}
    assert "ZeroDivisionError" in found["b"].reasons[0] and found["a"].points["score"] == 1
    grade_class(course, sandboxed=False)
    assert totals(course) == {"a": 1, "b": 2}


def _fails_for_b(klass, name, data):
    if b"return 2.0" in data:
        raise ZeroDivisionError("a fault")
    return mend.sanitise(klass, name, data)


# ---- SQLite --------------------------------------------------------------------------------------------


def test_the_gradebook_is_safe_when_its_writer_is_killed_half_way(tmp_path, monkeypatch):
    """A transaction that has already reached the file is rolled back by the next who opens it."""
    course = small_class(tmp_path / "class", {"a": 1})
    use(monkeypatch)
    grade_class(course, sandboxed=False)
    before = end_state(course)
    path = course.root / "gradebook.db"
    with klass.open_gradebook(course) as book:
        connection = book.db.connection().connection
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2, "waits for the disk"

    def half():
        book = sqlite3.connect(path, isolation_level=None)
        book.execute("PRAGMA cache_size = 1")  # so that pages go to the file before the transaction ends
        book.execute("BEGIN")
        book.execute("UPDATE grade SET auto_score = 99, needs_manual_grade = 1")
        book.execute("CREATE TABLE ballast (text)")
        book.executemany("INSERT INTO ballast VALUES (hex(randomblob(?)))", [(2000,)] * 300)
        os._exit(9)

    whole = path.read_bytes()
    assert in_child(half) == 9
    assert path.with_name("gradebook.db-journal").exists() and path.read_bytes() != whole, "half a write is there"
    assert end_state(course) == before
    assert not path.with_name("gradebook.db-journal").exists()
