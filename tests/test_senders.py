"""Whose a file is: names from Canvas and Moodle, plain folders, a roster. Nobody is mixed up with another."""

import pytest
from lms import book, canvas, inside, moodle, pack, packed, statuses, tarred
from tiny_class import make_class

from autograder.entries import Refused
from autograder.grade import pending
from autograder.intake import bring_in
from autograder.klass import ClassError
from autograder.senders import safe_student


@pytest.fixture
def course(tmp_path):
    return make_class(tmp_path / "class")


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


@pytest.mark.parametrize(
    ("name", "file", "users"),
    [
        ("smith_12345", "09_tiny.ipynb", "12345 or 999"),
        ("a_12345_77", "09_tiny.ipynb", "12345 or 77"),
        ("anon_xYz1", "09_tiny.ipynb", "999 or anon_xYz1"),
        ("smith", "2_09_tiny.ipynb", "999 or 456"),
    ],
)
def test_nobody_hands_in_for_another_by_changing_a_name(course, tmp_path, name, file, users):
    """Canvas lets people choose their name and the file's, and puts its numbers between them."""
    zipped = canvas(tmp_path / "s.zip", (name, 999, 456, file, book(1)))
    (arrival,) = bring_in(course, [zipped])
    assert arrival.status == "refused" and users in arrival.why and "--roster" in arrival.why
    (tmp_path / "roster.csv").write_text("student,lms_id\nme,999\n")
    (arrival,) = bring_in(course, [zipped], roster=tmp_path / "roster.csv")
    assert (arrival.status, arrival.student) == (("refused", "") if name == "a_12345_77" else ("new", "me"))
    (tmp_path / "roster.csv").write_text("student,lms_id\nme,999\nhim,12345\nher,456\n")
    again = canvas(tmp_path / "t.zip", (name, 999, 456, file, book(2)))
    (arrival,) = bring_in(course, [again], roster=tmp_path / "roster.csv")
    assert arrival.status == "refused" or name in ("anon_xYz1", "a_12345_77"), "Canvas makes no name like the latter"


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
    (arrival,) = bring_in(course, [pack(tmp_path / "p.zip", {f"attacker3/{inner}": book(3)})])
    assert arrival.status == "refused" and "download of an LMS" in arrival.why
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


@pytest.mark.parametrize(
    "name", ["x" * 500, "李" * 200, "a/../b", "..", "nul.txt", "\u202e\u200b", " . ", "tab\tnew\nline"]
)
def test_safe_names(name):
    assert safe_student("Jose\u0301") == "Jos\u00e9"
    try:
        safe = safe_student(name)
    except Refused:
        assert name in ("..", "\u202e\u200b", " . ")
        return
    assert safe == safe_student(safe) and len(safe.encode()) <= 100 and safe.isprintable()
    assert not set(safe) & set('/\\:*?"<>|') and not safe.startswith(".") and safe.lower() != "nul.txt"
    assert safe_student(name + "y") != safe


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
    again = canvas(tmp_path / "t.zip", ("newname", 12345, 70, "09_tiny-1.ipynb", book(5)))  # known from then on
    assert [(a.status, a.student) for a in bring_in(course, [again])] == [("replaced", "s2")]
    roster.write_text("student,lms_id\ns2,99\n")  # a roster that is corrected counts at once
    right = canvas(tmp_path / "u.zip", ("leeann", 99, 80, "09_tiny.ipynb", book(6)))
    assert [(a.status, a.student) for a in bring_in(course, [right], roster=roster)] == [("replaced", "s2")]


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
