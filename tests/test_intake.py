"""`autograder import`: whose a file is, what it is for, and what happens when it comes again."""

import os
from unittest import mock

import nbformat
import pytest
from lms import book, canvas, moodle, pack, packed, tarred
from tiny_class import cell_of, make_class, tiny, write_hidden
from typer.testing import CliRunner

from autograder import intake, klass, newclass
from autograder.cli import app
from autograder.grade import pending
from autograder.handins import assignment_of, cell_names
from autograder.intake import bring_in
from autograder.klass import ClassError, read_journal
from autograder.mend import read_submission
from autograder.senders import safe_student


@pytest.fixture
def course(tmp_path):
    return make_class(tmp_path / "class")


def inside(course):
    """student -> bytes of the notebook that is in the class."""
    return {p.parts[-3]: p.read_bytes() for p in (course.root / "submitted").glob("*/09_tiny/09_tiny.ipynb")}


def statuses(arrivals):
    return [a.status for a in arrivals]


# --- Canvas ---


def test_a_canvas_download_goes_in_byte_for_byte(course, tmp_path):
    path = canvas(
        tmp_path / "submissions.zip",
        ("leeann", 12345, 67890, "09_tiny.ipynb", book(1)),
        ("obrienmary_LATE", 12346, 67891, "Untitled (3).ipynb", book(2)),
        ("李", 12347, 67892, "09_tiny-2.ipynb", book(3)),
        ("de_lacruzana", 12348, 67893, "my_2_3_try.ipynb.txt", book(4)),
        ("", 12349, 67894, "09_tiny.IPYNB", book(5)),
    )
    arrivals = bring_in(course, [path])
    assert statuses(arrivals) == ["new"] * 5
    students = ["leeann_12345", "obrienmary_12346", "李_12347", "de_lacruzana_12348", "12349"]
    assert inside(course) == {s: book(k) for k, s in enumerate(students, 1)}
    assert "late" in arrivals[1].why and "late" not in arrivals[0].why
    assert not list((course.root / "submitted").glob("*/*/timestamp.txt"))  # Canvas gives the time of the download only
    assert {s.student for s in pending(course)} == set(students) and not any(s.why for s in pending(course))


def test_of_resubmissions_the_newest_counts_and_the_older_is_kept(course, tmp_path):
    files = [("leeann", 1, 30 + k, f"09_tiny{'-%d' % k if k else ''}.ipynb", book(k)) for k in (2, 0, 1)]
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


@pytest.mark.parametrize(
    ("name", "users"),
    [("smith_12345", "12345 or 999"), ("a_12345_77", "12345 or 77"), ("anon_xYz1", "999 or anon_xYz1")],
)
def test_nobody_hands_in_for_another_by_changing_a_name(course, tmp_path, name, users):
    """Canvas lets people choose their name, and puts it before their number."""
    forged = canvas(tmp_path / "s.zip", (name, 999, 456, "x.ipynb", book(1)))
    (arrival,) = bring_in(course, [forged])
    assert arrival.status == "refused" and users in arrival.why
    plain = canvas(tmp_path / "t.zip", (name, 999, 456, "09_tiny.ipynb", book(1)))
    assert [(a.status, a.student) for a in bring_in(course, [plain])] in (
        [("new", f"{name}_999")],
        [("refused", "")],
    )
    assert not any("_12345" == s[-6:] for s in inside(course))


def test_an_anonymous_canvas_download(course, tmp_path):
    path = pack(tmp_path / "s.zip", {"anon_aB1cD_67_09_tiny.ipynb": book(1), "LATE_anon_Q2x_68_09_tiny.ipynb": book(2)})
    assert [(a.status, a.student) for a in bring_in(course, [path])] == [("new", "anon_aB1cD"), ("new", "anon_Q2x")]


# --- Moodle ---


@pytest.mark.parametrize("folders", [True, False])
def test_a_moodle_download_goes_in(course, tmp_path, folders):
    path = moodle(
        tmp_path / "PHYS-09-1234.zip",
        ("Mary O'Brien", 1234567, "09_tiny.ipynb", book(1)),
        ("李 明", 1234568, "notebook.ipynb", book(2)),
        ("Kim, Jr. \"Lee\"", 1234569, "work.zip", packed({"09_tiny.ipynb": book(3)})),
        ("Kim, Jr. \"Lee\"", 1234569, "report.pdf", b"%PDF"),
        ("=1+1", 1234570, "essay.docx", b"PK"),
        folders=folders,
    )
    arrivals = bring_in(course, [path])
    assert statuses(arrivals) == ["new", "new", "new", "refused"]
    assert inside(course) == {"Mary O'Brien": book(1), "李 明": book(2), "Kim, Jr. _Lee_": book(3)}
    assert arrivals[3].student == "=1+1" and "not a notebook" in arrivals[3].why


def test_two_participants_of_one_name_stay_two(course, tmp_path):
    one = moodle(tmp_path / "1.zip", ("Anna Lee", 10, "x.ipynb", book(1)))
    both = moodle(tmp_path / "2.zip", ("Anna Lee", 10, "x.ipynb", book(1)), ("Anna Lee", 11, "x.ipynb", book(2)))
    other = moodle(tmp_path / "3.zip", ("Anna Lee", 12, "x.ipynb", book(3)))
    assert statuses(bring_in(course, [one])) == ["new"]
    assert [(a.status, a.student) for a in bring_in(course, [both])] == [
        ("unchanged", "Anna Lee"),
        ("new", "Anna Lee_11"),
    ]
    (arrival,) = bring_in(course, [other])
    assert arrival.status == "refused" and "two senders" in arrival.why
    assert inside(course) == {"Anna Lee": book(1), "Anna Lee_11": book(2)}


def test_a_folder_inside_a_moodle_folder_names_nobody(course, tmp_path):
    inner = "Victim_9_assignsubmission_file/x.ipynb"
    path = moodle(tmp_path / "s.zip", ("Attacker", 1, inner, book(1)), ("Attacker2", 2, inner, book(2)))
    assert [a.student for a in bring_in(course, [path])] == ["Attacker", "Attacker2"]
    plain = pack(tmp_path / "p.zip", {f"attacker3/{inner}": book(3)})
    assert statuses(bring_in(course, [plain])) == ["refused"]
    assert "Victim" not in inside(course)


# --- plain ---

PLAIN = {
    "a folder each": ({"anna/09_tiny.ipynb": 1, "ben/final version.ipynb": 2}, {"anna": 1, "ben": 2}),
    "a file each": ({"anna.ipynb": 1, "first.last.ipynb": 2, "ben_09_tiny.ipynb": 3}, {"anna": 1, "first.last": 2, "ben": 3}),
    "of nbgrader": ({"submitted/anna/09_tiny/09_tiny.ipynb": 1}, {"anna": 1}),
    "of nbgrader, in a folder": (
        {"c/submitted/anna/09_tiny/09_tiny.ipynb": 1, "c/submitted/ben/09_tiny/09_tiny.ipynb": 2},
        {"anna": 1, "ben": 2},
    ),
    "in a folder": ({"hw/anna/x.ipynb": 1, "hw/ben/y/x.ipynb": 2, "hw/README.md": 0}, {"anna": 1, "ben": 2}),
    "by assignment": ({"09_tiny/anna.ipynb": 1, "09_tiny/ben.ipynb": 2}, {"anna": 1, "ben": 2}),
    "awkward names": (
        {"O'Brien, Mary/x.ipynb": 1, "李/x.ipynb": 2, "=cmd|' /C x'!A0/x.ipynb": 3, '"q"/x.ipynb': 4, "con/x.ipynb": 5,
         "...hidden./x.ipynb": 6, " a \u202eb /x.ipynb": 7},
        {"O'Brien, Mary": 1, "李": 2, "=cmd_' _C x'!A0": None, "_q_": 4, "con_": 5, "hidden": 6, "a b": 7},
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", ["zip", "tar.gz", "folder"])
@pytest.mark.parametrize("case", PLAIN)
def test_plain_archives_and_folders_go_in(course, tmp_path, case, form):
    files, expected = PLAIN[case]
    files = {name: book(k) if k else b"read me" for name, k in files.items()}
    path = tmp_path / f"download.{form}"
    if form == "zip":
        pack(path, files)
    elif form == "tar.gz":
        tarred(path, *files.items())
    else:
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    arrivals = bring_in(course, [path])
    expected = {s: book(k) for s, k in expected.items() if k} | (
        {"=cmd_' _C x'!A0": book(3)} if False else {}
    )
    got = inside(course)
    assert {s: got.get(s) for s in expected} == expected
    assert {a.status for a in arrivals if "README" not in a.name and "cmd" not in a.name} == {"new"}
