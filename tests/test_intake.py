"""`autograder import`: what a notebook is for, and what happens when it comes again, older, newer or half-way."""

import os
from unittest import mock

import nbformat
import pytest
from lms import book, canvas, inside, moodle, pack, statuses, tarred
from tiny_class import cell_of, make_class, tiny, write_hidden
from typer.testing import CliRunner

from autograder import klass, newclass
from autograder.cli import app
from autograder.handins import assignment_of, cell_names
from autograder.intake import bring_in
from autograder.klass import ClassError, read_journal
from autograder.mend import read_submission


@pytest.fixture
def course(tmp_path):
    return make_class(tmp_path / "class")


# --- which assignment ---


@pytest.fixture(scope="module")
def two_assignments(tmp_path_factory):
    """A class with 09_tiny and 10_other, which has one more task and shares all other names of cells."""
    other = [nbformat.from_dict(dict(n)) for n in tiny()]
    for notebook in other:
        notebook.cells = [c.copy() for c in notebook.cells]
        for name in ("double", "double-test", "explain"):
            cell = cell_of(notebook, name)
            cell.metadata = nbformat.from_dict({**cell.metadata, "nbgrader": {**cell.metadata.nbgrader}})
            cell.metadata.nbgrader.grade_id = name.replace("double", "triple").replace("explain", "why")
    folder = tmp_path_factory.mktemp("two") / "class"
    with mock.patch("physiodl.exam.write_hidden", write_hidden):
        newclass.init_class(folder, {"09_tiny": tiny(), "10_other": tuple(other)})
    return klass.open_class(folder)


def test_the_cells_tell_what_a_notebook_is_for(two_assignments, tmp_path):
    other = two_assignments.notebook("release", "10_other").read_bytes()
    lost = nbformat.reads(other.decode(), as_version=4)
    lost.cells = [c for c in lost.cells if "nbgrader" not in c.metadata]
    path = pack(
        tmp_path / "d.zip",
        {
            "anna/untitled.ipynb": other,
            "ben/09_tiny.ipynb": other,  # a wrong name
            "kim/10_other.ipynb": nbformat.writes(lost),  # told by its name only
            "lou/untitled.ipynb": nbformat.writes(lost),
            "max/10_other.ipynb": other,
            "max/09_tiny.ipynb": book(1),
        },
    )
    found = {(a.student, a.assignment): a.status for a in bring_in(two_assignments, [path])}
    expected = {("anna", "10_other"), ("ben", "10_other"), ("kim", "10_other"), ("max", "10_other"), ("max", "09_tiny")}
    assert found == dict.fromkeys(expected, "new") | {("lou", ""): "refused"}
    (arrival,) = bring_in(two_assignments, [pack(tmp_path / "e.zip", {"zoe/x.ipynb": book(2)})], assignment="10_other")
    assert arrival.status == "refused" and "those of 09_tiny, not of 10_other" in arrival.why
    (arrival,) = bring_in(
        two_assignments,
        [pack(tmp_path / "f.zip", {"lou/untitled.ipynb": nbformat.writes(lost)})],
        assignment="10_other",
    )
    assert (arrival.status, arrival.assignment) == ("new", "10_other")


def test_a_participant_of_moodle_is_one_student_in_all_assignments(two_assignments, tmp_path):
    """Moodle counts participants anew in each assignment."""
    other = two_assignments.notebook("release", "10_other").read_bytes()
    one = moodle(tmp_path / "1.zip", ("Noa Kim", 10, "x.ipynb", book(1)))
    two = moodle(tmp_path / "2.zip", ("Noa Kim", 20, "x.ipynb", other))
    found = bring_in(two_assignments, [one, two]) + bring_in(two_assignments, [two])
    assert [(a.status, a.student, a.assignment) for a in found] == [
        ("new", "Noa Kim", "09_tiny"),
        ("new", "Noa Kim", "10_other"),
        ("unchanged", "Noa Kim", "10_other"),
    ]


def test_any_other_notebook_is_not_taken_for_the_only_assignment(course, tmp_path):
    foreign = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")]))
    path = pack(tmp_path / "d.zip", {"anna/lesson.ipynb": foreign, "ben/x.ipynb": book(1)})
    arrivals = bring_in(course, [path])
    assert statuses(arrivals) == ["refused", "new"] and "no assignment of this class" in arrivals[0].why
    assert statuses(bring_in(course, [path], assignment="09_tiny")) == ["new", "unchanged"]  # whoever imports says so


def test_a_notebook_that_lost_half_its_cells_is_still_told(two_assignments):
    notebook = read_submission(book(1))
    notebook.cells = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") != "score"]
    assert assignment_of(notebook, ["x.ipynb"], cell_names(two_assignments)) == "09_tiny"


# --- again, older, newer, interrupted ---


def test_the_same_download_again_changes_nothing(course, tmp_path):
    files = [(f"s{k}", k, 10 + k, "09_tiny.ipynb", book(k)) for k in (1, 2, 3)]
    path = canvas(tmp_path / "s.zip", *files)
    bring_in(course, [path])
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in course.root.rglob("*") if p.name != ".lock"}
    arrivals = bring_in(course, [path])
    assert statuses(arrivals) == ["unchanged"] * 3 and all("same notebook" in a.why for a in arrivals)
    after = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in course.root.rglob("*") if p.name != ".lock"}
    assert {p for p in before if before[p] != after.get(p)} <= {course.root} and set(after) == set(before)


def test_the_same_file_twice_is_one(course, tmp_path):
    one, two = (canvas(tmp_path / f"{k}.zip", ("leeann", 1, 2, "09_tiny.ipynb", book(1))) for k in "ab")
    assert statuses(bring_in(course, [one, two, one])) == ["new", "unchanged", "unchanged"]


def test_of_resubmissions_the_newest_counts_and_the_older_is_kept(course, tmp_path):
    files = [("leeann", 1, 30 + k, f"09_tiny{f'-{k}' if k else ''}.ipynb", book(k)) for k in (2, 0, 1)]
    path = canvas(tmp_path / "s.zip", *files)
    assert statuses(bring_in(course, [path])) == ["replaced", "new", "replaced"]
    folder = course.root / "submitted" / "leeann_1" / "09_tiny"
    assert inside(course) == {"leeann_1": book(2)}
    assert [p.read_bytes() for p in sorted((folder / "older").iterdir())] == [book(0), book(1)]
    assert statuses(bring_in(course, [path])) == ["unchanged"] * 3
    old = canvas(tmp_path / "old.zip", ("leeann", 1, 29, "09_tiny.ipynb", book(5)))
    (arrival,) = bring_in(course, [old])
    assert arrival.status == "refused" and "older" in arrival.why
    back = canvas(tmp_path / "back.zip", ("leeann", 1, 40, "09_tiny-3.ipynb", book(0)))
    assert statuses(bring_in(course, [back])) == ["replaced"]  # the first again, as the newest upload
    assert inside(course) == {"leeann_1": book(0)} and len(list((folder / "older").iterdir())) == 3


def test_two_files_of_which_neither_is_the_newer_are_refused_both(course, tmp_path):
    path = canvas(
        *(tmp_path / "s.zip", ("leeann", 1, 30, "09_tiny.ipynb", book(1))),
        *(("leeann", 1, 31, "final.ipynb", book(2)), ("kim", 2, 32, "09_tiny.ipynb", book(3))),
    )
    arrivals = bring_in(course, [path])
    assert statuses(arrivals) == ["refused", "refused", "new"] and "nothing says which" in arrivals[0].why
    assert inside(course) == {"kim_2": book(3)}


def test_times_tell_which_is_the_newer(course, tmp_path):
    def given(n, time):
        return tarred(tmp_path / f"{n}.tar", ("anna/x.ipynb", book(n)), ("anna/timestamp.txt", time.encode()), mode="w")

    stamp = course.root / "submitted" / "anna" / "09_tiny" / "timestamp.txt"
    bring_in(course, [given(1, "2026-03-01 12:00:00.000000 UTC")])
    (arrival,) = bring_in(course, [given(2, "2026-02-01 12:00:00 UTC")])
    assert arrival.status == "refused" and "older" in arrival.why and inside(course) == {"anna": book(1)}
    (arrival,) = bring_in(course, [given(3, "2026-03-01T13:30:00+01:00")])
    assert arrival.status == "replaced" and stamp.read_text() == "2026-03-01 12:30:00.000000 UTC\n"
    (arrival,) = bring_in(course, [canvas(tmp_path / "c.zip", ("anna", 1, 2, "09_tiny.ipynb", book(4)))])
    assert stamp.exists() and arrival.student == "anna_1"


def test_an_import_that_is_killed_half_way_is_finished_by_the_next(course, tmp_path, monkeypatch):
    path = canvas(tmp_path / "s.zip", *((f"s{k}", k, 10 + k, "09_tiny.ipynb", book(k)) for k in (1, 2, 3)))
    replace, count = os.replace, []

    def dies(source, target):
        count.append(target)
        if len(count) == 2:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        bring_in(course, [path])
    monkeypatch.setattr(os, "replace", replace)
    assert inside(course) == {"s1_1": book(1)}
    (course.root / ".import-left").mkdir()
    assert statuses(bring_in(course, [path])) == ["unchanged", "new", "new"]
    assert not list(course.root.glob(".import-*"))
    assert len(read_journal(course)[-1]["taken"]) == 3


def test_a_full_disk_is_said_and_leaves_nothing_half_done(course, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ClassError, match="No space left.*import the same again"):
        bring_in(course, [canvas(tmp_path / "s.zip", ("s", 1, 2, "09_tiny.ipynb", book(1)))])
    assert inside(course) == {} and not list(course.root.glob(".import-*"))


def test_the_journal_says_what_came_in_and_what_did_not(course, tmp_path):
    path = canvas(tmp_path / "s.zip", ("a_LATE", 1, 2, "09_tiny.ipynb", book(1)), ("b", 3, 4, "x.ipynb", b"{"))
    bring_in(course, [path])
    entry = read_journal(course)[-1]
    assert entry["event"] == "import" and entry["files"] == [str(path)]
    (taken,) = entry["taken"]
    assert (taken["student"], taken["assignment"], taken["who"], taken["late"]) == ("a_1", "09_tiny", "canvas:1", True)
    assert len(taken["sha256"]) == 64 and entry["refused"][0]["name"] == "s.zip: b_3_4_x.ipynb"


# --- the command ---


def run(*args):
    return CliRunner().invoke(app, ["import", *map(str, args)], env={"COLUMNS": "200"})


def test_the_command_ends_with_0_1_or_2(course, tmp_path):
    good = canvas(tmp_path / "good.zip", ("a", 1, 2, "09_tiny.ipynb", book(1)))
    bad = canvas(tmp_path / "bad.zip", ("b", 3, 4, "09_tiny.ipynb", b"no"), ("c[red]", 5, 6, "09_tiny.ipynb", book(2)))
    result = run(course.root, good)
    assert result.exit_code == 0 and "new       good.zip: a_1_2_09_tiny.ipynb: a_1, 09_tiny" in result.output
    assert "1 new" in result.output
    result = run(course.root, good)
    assert result.exit_code == 0 and "1 unchanged: nothing has changed" in result.output
    result = run(course.root, bad, good)
    assert result.exit_code == 1 and "1 new, 1 unchanged, 1 refused" in result.output
    assert "bad.zip: b_3_4_09_tiny.ipynb: the file is not JSON" in result.output and "c[red]" in result.output
    for wrong in (
        [course.root, tmp_path / "nothing.zip"],
        [tmp_path, good],
        [course.root, good, "--assignment", "99_none"],
        [course.root, good, "--roster", tmp_path / "none.csv"],
        [course.root, course.root / "submitted"],
        [course.root, tmp_path],
        [course.root],
    ):
        assert run(*wrong).exit_code == 2, wrong


def test_while_another_autograder_is_at_work_nothing_is_done(course, tmp_path):
    good = canvas(tmp_path / "good.zip", ("a", 1, 2, "09_tiny.ipynb", book(1)))
    with klass.locked(course), pytest.raises(ClassError, match="at work"):
        bring_in(course, [good])
    assert inside(course) == {}
