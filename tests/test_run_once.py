"""What is run and what is not: the same file with the same tests is run once; and what the journal says of a run."""

import os

import numpy
from stand_in import answer, end_state, notes, small_class, use
from tiny_class import hand_in

from autograder import examiner, klass, run, spool
from autograder.grade import grade_class
from autograder.journal import read_journal
from autograder.verify import verify


def gradings(course):
    return [e for e in read_journal(course) if e["event"] == "grade"]


# ---- the same file with the same tests -----------------------------------------------------------------


def test_an_earlier_file_handed_in_again_gets_the_earlier_result_without_a_run(tmp_path, monkeypatch):
    course, log = small_class(tmp_path / "class", {"a": 1}), tmp_path / "log"
    use(monkeypatch, log)
    grade_class(course, sandboxed=False)
    first = end_state(course)
    for points in (5, 1, 5, 1):
        hand_in(course, "a", answer(points))
        assert [r.points["score"] for r in grade_class(course, sandboxed=False)] == [points]
    assert notes(log) == ["ran a"] * 2, "two different files, each run once"
    assert end_state(course) == first
    last = gradings(course)[-1]
    assert last["reused"] and last["run"] not in [e["run"] for e in gradings(course)[:-1]]
    grade_class(course, force=True, sandboxed=False)
    assert notes(log) == ["ran a"] * 3
    assert verify(course).faults == []


def test_an_earlier_file_is_run_anew_by_another_grader(tmp_path, monkeypatch):
    course, log = small_class(tmp_path / "class", {"a": 1}), tmp_path / "log"
    use(monkeypatch, log)
    grade_class(course, sandboxed=False)
    hand_in(course, "a", answer(5))
    for module in ("grade", "facts"):
        monkeypatch.setattr(f"autograder.{module}.grader_version", lambda: "9.9+new")
    grade_class(course, sandboxed=False)
    hand_in(course, "a", answer(1))
    grade_class(course, sandboxed=False)
    assert notes(log) == ["ran a"] * 3
    assert len(list((course.root / ".spool/done/a/09_tiny").iterdir())) == 2, "what the old grader ran is dropped"


def test_a_folder_whose_name_cannot_be_written_is_told_and_stops_nobody(tmp_path, monkeypatch):
    course, told = small_class(tmp_path / "class", {"a": 1, "zoë": 2}), []
    use(monkeypatch)
    for name in (b"caf\xe9", b"two\nlines"):
        os.rename(os.fsencode(course.root / "submitted" / "a"), os.fsencode(course.root / "submitted") + b"/" + name)
        hand_in(course, "a", answer(1))
    found = grade_class(course, sandboxed=False, progress=lambda event, value: told.append((event, value)))
    assert [(r.student, r.points["score"]) for r in found] == [("a", 1), ("zoë", 2)]
    assert [value for event, value in told if event == "misnamed"] == ["'caf\\udce9'", "'two\\nlines'"]
    for each in told:
        str(each).encode()
    assert grade_class(course, sandboxed=False) == []


def test_only_the_last_few_runs_are_kept(tmp_path, monkeypatch):
    course = small_class(tmp_path / "class", {"a": 0})
    use(monkeypatch)
    for k in range(spool.KEPT + 2):
        hand_in(course, "a", answer(k / 2))
        grade_class(course, sandboxed=False)
    assert len(list((course.root / ".spool/done/a/09_tiny").iterdir())) == spool.KEPT


def test_two_students_with_the_same_file_are_both_run(tmp_path, monkeypatch):
    """Each has test cells with a seed of their own."""
    course, log = small_class(tmp_path / "class", {"a": 1, "b": 1}), tmp_path / "log"
    use(monkeypatch, log)
    grade_class(course, sandboxed=False)
    assert notes(log) == ["ran a", "ran b"]
    first, second = (run.read_submission(course, name, "09_tiny")[0] for name in "ab")
    assert first.sha256 == second.sha256 and run.seed_of(course, first) != run.seed_of(course, second)


def test_seeds_cannot_be_tried_out_and_do_not_follow_from_one_another(tmp_path):
    course = small_class(tmp_path / "class", {str(k): k for k in range(8)})
    seeds = [run.seed_of(course, run.read_submission(course, str(k), "09_tiny")[0]) for k in range(8)]
    seeds += [examiner.seed_of_cell(seed, cell) for seed in seeds for cell in ("score-test", "double-test")]
    assert len(set(seeds)) == 24 and max(seeds) < 2**62
    assert sum(seed.bit_length() > 56 for seed in seeds) >= 20
    assert examiner.seed_of_cell(seeds[0], "a") == examiner.seed_of_cell(seeds[0], "a")


# ---- marks by hand -------------------------------------------------------------------------------------


def mark_by_hand(course, student, points):
    with klass.open_gradebook(course) as book:
        grade = book.find_grade("explain", "09_tiny", "09_tiny", student)
        grade.manual_score, grade.needs_manual_grade = points, False
        book.db.commit()


def test_a_mark_by_hand_holds_for_the_same_file_and_is_looked_at_for_another(tmp_path, monkeypatch):
    course = small_class(tmp_path / "class", {"a": 1})
    use(monkeypatch)
    grade_class(course, sandboxed=False)
    mark_by_hand(course, "a", 3.5)
    (same,) = grade_class(course, force=True, sandboxed=False)
    assert (same.status, same.points["explain"]) == ("graded", 3.5)
    assert gradings(course)[-1]["auto"] == {"explain": None}
    hand_in(course, "a", answer(5))
    (other,) = grade_class(course, sandboxed=False)
    assert other.points["explain"] == 3.5 and "look whether that mark still holds" in other.reasons[0]
    assert verify(course).faults == []


# ---- files and facts -----------------------------------------------------------------------------------


def test_what_a_killed_grader_had_half_written_goes(tmp_path, monkeypatch):
    course = small_class(tmp_path / "class", {"a": 1})
    use(monkeypatch)
    grade_class(course, sandboxed=False)
    halves = [
        course.root / "autograded/a/09_tiny/.09_tiny.ipynb.x3k2j1a0",
        course.root / ".spool/grade/a/09_tiny/.half-x3k2j1a0",
    ]
    for path in halves:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    mine = course.root / "submitted/a/09_tiny/.09_tiny.ipynb.keep"
    mine.write_text("a student's own file")
    grade_class(course, sandboxed=False)
    assert not any(path.exists() for path in halves) and mine.exists()


def test_nobody_else_reads_the_spool(tmp_path, monkeypatch):
    """It holds hidden tests and what students handed in."""
    course = small_class(tmp_path / "class", {"a": 1})
    use(monkeypatch)
    grade_class(course, sandboxed=False)
    assert (course.root / ".spool").stat().st_mode & 0o077 == 0


def test_what_the_journal_says_of_a_grading(tmp_path, monkeypatch):
    course = small_class(tmp_path / "class", {"a": 1})
    use(monkeypatch, seconds=0.05)
    grade_class(course, sandboxed=False, cell_timeout_s=7, total_timeout_s=20)
    (entry,) = gradings(course)
    assert len(entry["submission"]) == 64 and len(entry["assignment_version"]) == 12 and entry["grader"]
    assert (entry["limits"]["cell_s"], entry["limits"]["total_s"], entry["sandbox"]) == (7, 20, "none")
    assert entry["packages"]["numpy"] == numpy.__version__
    assert {"python", "scipy", "torch", "tensorflow", "scikit-learn", "nbgrader", "ipykernel", "nbclient"} <= set(
        entry["packages"]
    )
    assert entry["machine"]["cores"] >= 1 and os.uname().nodename not in str(entry["machine"]["host"])
    assert entry["started"] <= entry["finished"] and entry["points"] == {"double": 4, "score": 1, "explain": None}


def test_a_link_that_leads_nowhere_is_told_and_not_passed_over(tmp_path, monkeypatch):
    course = small_class(tmp_path / "class", {"a": 1})
    use(monkeypatch)
    (course.root / "submitted" / "b").mkdir()
    (course.root / "submitted" / "b" / "09_tiny").symlink_to(tmp_path / "gone")
    told = {result.student: result for result in grade_class(course, sandboxed=False)}
    assert told["a"].points["score"] == 1
    assert told["b"].status == "failed" and "link" in told["b"].reasons[0]
