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
        ('Kim, Jr. "Lee"', 1234569, "work.zip", packed({"09_tiny.ipynb": book(3)})),
        ('Kim, Jr. "Lee"', 1234569, "report.pdf", b"%PDF"),
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
    "a folder each": ({"anna/09_tiny.ipynb": 1, "ben/final version.ipynb": 2}, ["anna", "ben"]),
    "a file each": (
        {"anna.ipynb": 1, "first.last.ipynb": 2, "ben_09_tiny.ipynb": 3, "09_Tiny - kim (2).ipynb": 4},
        ["anna", "first.last", "ben", "kim"],
    ),
    "of nbgrader": ({"submitted/anna/09_tiny/09_tiny.ipynb": 1}, ["anna"]),
    "of nbgrader, in a folder": (
        {"c/submitted/anna/09_tiny/09_tiny.ipynb": 1, "c/submitted/ben/09_tiny/09_tiny.ipynb": 2},
        ["anna", "ben"],
    ),
    "in a folder": ({"hw/anna/x.ipynb": 1, "hw/ben/y/x.ipynb": 2, "hw/ben/y/data.csv": 3}, ["anna", "ben"]),
    "by assignment": ({"09_tiny/anna.ipynb": 1, "09_tiny/ben.ipynb": 2}, ["anna", "ben"]),
    "one student": ({"09_tiny.ipynb": 1}, ["download"]),
    "awkward names": (
        {
            "O'Brien, Mary/x.ipynb": 1,
            "李/x.ipynb": 2,
            "=cmd|' C'!A0/x.ipynb": 3,
            '"q"/x.ipynb': 4,
            "con/x.ipynb": 5,
            "...hidden./x.ipynb": 6,
            " a \u202eb /x.ipynb": 7,
            "-rf/x.ipynb": 8,
            "*[a]?/x.ipynb": 9,
        },
        ["O'Brien, Mary", "李", "=cmd_' C'!A0", "_q_", "con_", "hidden", "a b", "-rf", "__a__"],
    ),
}


@pytest.mark.parametrize("form", ["zip", "tar.gz", "folder"])
@pytest.mark.parametrize("case", PLAIN)
def test_plain_archives_and_folders_go_in(course, tmp_path, case, form):
    files, students = PLAIN[case]
    files = {name: book(k) for name, k in files.items()}
    path = tmp_path / ("download" if form == "folder" else f"download.{form}")
    if form == "zip":
        pack(path, files)
    elif form == "tar.gz":
        tarred(path, *files.items())
    else:
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    arrivals = bring_in(course, [path])
    assert inside(course) == {s: book(k) for k, s in enumerate(students, 1)}
    assert set(statuses(arrivals)) == {"new"} and len(arrivals) == len(students)
    stamps = {p.parts[-3] for p in (course.root / "submitted").glob("*/09_tiny/timestamp.txt")}
    assert stamps == (set() if form == "folder" else set(students))  # a folder has the times of copying
    assert set(statuses(bring_in(course, [path]))) == {"unchanged"}


def test_single_files_are_named_after_the_student_or_lie_in_a_folder_that_is(course, tmp_path):
    for name, k in {"anna.ipynb": 1, "ben/09_tiny.ipynb": 2}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(book(k))
    (tmp_path / "kim.pdf").write_bytes(b"%PDF")
    arrivals = bring_in(course, [tmp_path / "anna.ipynb", tmp_path / "ben" / "09_tiny.ipynb", tmp_path / "kim.pdf"])
    assert [(a.status, a.student) for a in arrivals] == [("new", "anna"), ("new", "ben"), ("refused", "kim")]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"class/anna/x.ipynb": 1}, "is it class or anna"),
        ({"hw/anna.ipynb": 1, "hw/ben.ipynb": 2}, "'hw' is not a student"),
        ({"Anna/x.ipynb": 1, "anna/x.ipynb": 2}, "upper and lower case"),
        ({"a*b/x.ipynb": 1, "a?b/x.ipynb": 2}, "two senders"),
        ({"jose\u0301/x.ipynb": 1, "jos\u00e9/x.ipynb": 2}, "nothing says which"),
        ({"wrap/smith_1_2_09_tiny.ipynb": 1, "wrap/kim_3_4_09_tiny.ipynb": 2}, "download of an LMS"),
        ({"???/x.ipynb": 1}, "cannot be the name of a folder"),
    ],
)
def test_what_would_mix_up_students_is_refused(course, tmp_path, files, why):
    path = pack(tmp_path / "d.zip", {name: book(k) for name, k in files.items()})
    arrivals = bring_in(course, [path])
    assert {a.status for a in arrivals} == {"refused"} and len(arrivals) == len(files)
    assert all(why in a.why for a in arrivals), arrivals
    assert inside(course) == {}


def test_a_student_of_the_class_is_never_mixed_up_with_another(course, tmp_path):
    bring_in(course, [pack(tmp_path / "1.zip", {"Anna/x.ipynb": book(1), "a*b/x.ipynb": book(2)})])
    arrivals = bring_in(course, [pack(tmp_path / "2.zip", {"anna/x.ipynb": book(3), "a?b/x.ipynb": book(4)})])
    assert statuses(arrivals) == ["refused"] * 2
    assert inside(course) == {"Anna": book(1), "a_b": book(2)}
    assert statuses(bring_in(course, [pack(tmp_path / "3.zip", {"a*b/x.ipynb": book(5)})])) == ["replaced"]


def test_the_same_file_twice_is_one(course, tmp_path):
    one, two = (canvas(tmp_path / f"{k}.zip", ("leeann", 1, 2, "09_tiny.ipynb", book(1))) for k in "ab")
    assert statuses(bring_in(course, [one, two, one])) == ["new", "unchanged", "unchanged"]


@pytest.mark.parametrize(
    "name", ["x" * 500, "李" * 200, "a/../b", "..", "nul.txt", "\u202e\u200b", " . ", "tab\tnew\nline"]
)
def test_safe_names(name):
    try:
        safe = safe_student(name)
    except intake.Refused:
        assert name in ("..", "\u202e\u200b", " . ")
        return
    assert safe == safe_student(safe) and len(safe.encode()) <= 100 and safe.isprintable()
    assert not set(safe) & set('/\\:*?"<>|') and not safe.startswith(".") and safe.lower() != "nul.txt"
    assert safe_student(name + "y") != safe


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


def test_a_notebook_that_lost_half_its_cells_is_still_told(two_assignments):
    notebook = read_submission(book(1))
    notebook.cells = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") != "score"]
    assert assignment_of(notebook, ["x.ipynb"], cell_names(two_assignments)) == "09_tiny"


# --- roster ---

ROSTER = """\ufeffStudent;Name;Email;LMS id
s1;"O\u2019Brien, Mary";mary@uni.edu;
s2;Lee Ann;ann.lee@uni.edu;12345
s3;Ann Lee;ann@uni.edu;777
s4;\u674e \u660e;;Participant 1234568
s5;'=1+1 Kim;kim@uni.edu;
s6;;;4242
"""


@pytest.fixture
def roster(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER, encoding="utf-8")
    return path


def test_a_roster_gives_canvas_numbers_and_names_their_students(course, tmp_path, roster):
    path = canvas(
        tmp_path / "s.zip",
        ("obrienmary", 5, 60, "09_tiny.ipynb", book(1)),
        ("somebodyelse", 12345, 61, "09_tiny.ipynb", book(2)),
        ("leeann", 99, 62, "09_tiny.ipynb", book(3)),
        ("1kim", 98, 63, "09_tiny.ipynb", book(4)),
    )
    arrivals = bring_in(course, [path], roster=roster)
    assert inside(course) == {"s1": book(1), "s2": book(2)}
    assert "not on roster.csv" in arrivals[2].why and "leeann 99" in arrivals[2].why


def test_a_roster_gives_moodle_names_their_students(course, tmp_path, roster):
    path = moodle(
        tmp_path / "s.zip",
        ("Mary O'Brien", 1, "x.ipynb", book(1)),
        ("Ann Lee", 777, "x.ipynb", book(2)),
        ("李 明", 55, "x.ipynb", book(3)),
        ("Participant", 4242, "x.ipynb", book(4)),
        ("Ann Lee", 778, "y.ipynb", book(5)),
        ("Nobody", 12345, "x.ipynb", book(6)),
    )
    arrivals = bring_in(course, [path], roster=roster)
    assert inside(course) == {"s1": book(1), "s3": book(2), "s4": book(3), "s6": book(4)}
    assert "could be s2, s3" in arrivals[4].why and "not on roster.csv" in arrivals[5].why


def test_a_roster_tells_which_folder_is_the_student(course, tmp_path, roster):
    files = {"hw/s1.ipynb": 1, "hw/S2.ipynb": 2, "hw/kim@uni.edu.ipynb": 3, "hw/mallory.ipynb": 4}
    files = {name: book(k) for name, k in files.items()}
    arrivals = bring_in(course, [pack(tmp_path / "d.zip", files)], roster=roster)
    assert inside(course) == {"s1": book(1), "s2": book(2), "s5": book(3)} and "not on" in arrivals[3].why
    friend = pack(tmp_path / "e.zip", {"s3/s1.ipynb": book(5)})  # the folder counts, not what a student calls a file
    assert [a.student for a in bring_in(course, [friend], roster=roster)] == ["s3"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name,email\nA,b\n", "student"),
        ("student\na\na\n", "twice"),
        ("student\nAnna\nanna\n", "upper and lower case"),
        ("student\n../x\n", "name of a folder"),
        ("student,lms id\na,7\nb,7\n", "same lms_id 7"),
    ],
)
def test_a_roster_that_cannot_be_used_stops_the_import(course, tmp_path, text, why):
    (tmp_path / "roster.csv").write_text(text)
    with pytest.raises(ClassError, match=why):
        bring_in(course, [pack(tmp_path / "d.zip", {"anna.ipynb": book(1)})], roster=tmp_path / "roster.csv")
    assert inside(course) == {}


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


def test_times_tell_which_is_the_newer(course, tmp_path):
    def given(n, time):
        return tarred(tmp_path / f"{n}.tar", ("anna/x.ipynb", book(n)), ("anna/timestamp.txt", time.encode()), mode="w")

    stamp = course.root / "submitted" / "anna" / "09_tiny" / "timestamp.txt"
    bring_in(course, [given(1, "2026-03-01 12:00:00.000000 UTC")])
    (arrival,) = bring_in(course, [given(2, "2026-02-01 12:00:00 UTC")])
    assert arrival.status == "refused" and "older" in arrival.why and inside(course) == {"anna": book(1)}
    (arrival,) = bring_in(course, [given(3, "2026-03-01 13:30:00 +0100")])
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
    with pytest.raises(ClassError, match="No space left"):
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
