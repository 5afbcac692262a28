"""Grades for Canvas and Moodle: what is read back is what was put in, and it goes to the right person."""

import csv
import html
import io
import re

import lms
import pytest
from made_up import (
    AWKWARD,
    NAMES,
    PEOPLE,
    RESULTS,
    STUDENTS,
    TINY,
    TOTALS,
    UNFINISHED,
    exporter,
    from_php,
    random_names,
    result,
    rows_of,
    table_of,
)
from tiny_class import make_class

from autograder.intake import bring_in
from autograder.lms import for_php
from autograder.results import Result
from autograder.sheets import ExportError


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return make_class(tmp_path_factory.mktemp("class"))


@pytest.fixture
def give(course, tmp_path):
    return exporter(course, tmp_path)


# --- Canvas ---

GRADEBOOK = [
    [
        "Student",
        "ID",
        "SIS User ID",
        "SIS Login ID",
        "Section",
        "Notes",
        "Tiny one (77)",
        "09 Tiny (78)",
        "Final Score",
    ],
    ["", "", "", "", "", "", "", "Manual Posting", ""],
    ["    Points Possible", "", "", "", "", "", "10", "15.00", "(read only)"],
]


def gradebook(tmp_path, rows, *, head=GRADEBOOK, name="canvas.csv", delimiter=",", mark=""):
    path = tmp_path / name
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows([*head, *rows])
    path.write_bytes((mark + file.getvalue()).encode())
    return path


def person(name, number, sis, login):
    return [name, number, sis, login, "Section 1", "=note", "3", "", "20"]


def test_canvas_round_trip_without_template(give):
    (path,), said = give(RESULTS, "canvas", people=PEOPLE)
    assert path.name == "canvas-09_tiny.csv" and path.read_bytes().startswith(b"Student,")
    head, points, *rows = rows_of(path)
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", TINY]
    assert points == ["    Points Possible", "", "", "", "", "15"]
    wanted = [s if name == "Points Possible" else name for s, name in zip(STUDENTS, NAMES, strict=True)]
    assert [row[0] for row in rows] == wanted, "a student named so would be read as the row of possible points"
    assert [row[1:4] for row in rows] == [[str(1000 + k), s, s] for k, s in enumerate(STUDENTS)]
    assert [float(row[5]) for row in rows] == TOTALS
    assert table_of(path)["Student"].tolist()[1:] == wanted
    assert "--template" in said


def test_canvas_template_is_filled(give, tmp_path):
    rows = [
        person('="=1+1"', "501", "u1", "jane@example.org"),
        person("Nobody Here", "502", "u2", "n"),
        person("王小明", "503", "u3", "wang"),
        person("@cmd", "504", "u4", "x4"),
    ]
    template = gradebook(tmp_path, rows)
    before = template.read_bytes()
    found = [result("u4", (1.0, 0.0, 0.5)), result("wang"), result("jane", (4.0, 0.0, 0.0)), result("gone")]
    people = [["jane", "Jane", "Jane@Example.org", ""], ["wang", "", "", "503"]]
    (path,), said = give(found, "canvas", template=template, people=people)
    assert rows_of(path) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "09 Tiny (78)"],
        ["", "", "", "", "", "Manual Posting"],
        ["    Points Possible", "", "", "", "", "15.00"],
        ['="=1+1"', "501", "u1", "jane@example.org", "Section 1", "4"],
        ["王小明", "503", "u3", "wang", "Section 1", "15"],
        ["@cmd", "504", "u4", "x4", "Section 1", "1.5"],
    ]
    assert template.read_bytes() == before
    assert "gone" in said and "1 rows of canvas.csv get no grade" in said
    assert b"\n'=" in path.read_bytes() or b"\n\"'=" in path.read_bytes(), "Canvas' own formula around a name"


@pytest.mark.parametrize(("delimiter", "mark"), [(";", ""), (",", "\ufeff"), (";", "\ufeff")])
def test_canvas_template_keeps_its_form(give, tmp_path, delimiter, mark):
    template = gradebook(tmp_path, [person("A", "1", "a", "a")], delimiter=delimiter, mark=mark)
    (path,), _ = give([result("a")], "canvas", template=template)
    assert path.read_bytes().startswith((mark + "Student" + delimiter).encode())
    assert rows_of(path, delimiter)[-1] == ["A", "1", "a", "a", "Section 1", "15"]


def test_the_row_of_posting_rules_is_dropped_where_it_is_of_other_columns(give, tmp_path):
    head = [GRADEBOOK[0], ["", "", "", "", "", "", "Manual Posting", "", ""], GRADEBOOK[2]]
    template = gradebook(tmp_path, [person("A", "1", "a", "a")], head=head)
    (path,), _ = give([result("a")], "canvas", template=template)
    assert [row[0] for row in rows_of(path)] == ["Student", "    Points Possible", "A"]


def test_canvas_says_what_it_will_not_find(give):
    _, said = give([result("=a"), result("=b"), result("c")], "canvas", people=[["=b", "", "", "7"], ["c", "", "", ""]])
    assert "Canvas will not find them: =a." in said


def test_an_unfinished_total_does_not_touch_its_row(give, tmp_path):
    template = gradebook(tmp_path, [person("A", "1", "open", "a"), person("B", "2", "done", "b")])
    (path,), _ = give(UNFINISHED[:2], "canvas", template=template)
    assert [row[2] for row in rows_of(path)[3:]] == ["done"], "an empty cell would take a grade away in Canvas"


@pytest.mark.parametrize(
    ("rows", "people", "why"),
    [
        ([person("A", "1", "a", "x"), person("B", "2", "b", "a")], [], "fits the rows 4, 5"),
        ([person("A", "1", "a", "x"), person("B", "2", "b", "y")], [["a", "", "", "2"]], "fits the rows 4, 5"),
        ([person("A", "1", "a", "c")], [], "both fit row 4"),
    ],
)
def test_a_grade_never_goes_to_two_people(give, tmp_path, rows, people, why):
    with pytest.raises(ExportError, match=why):
        give([result("a"), result("c")], "canvas", template=gradebook(tmp_path, rows), people=people)
    assert not (tmp_path / "out").exists()


def test_a_number_of_canvas_is_no_student_id(give, tmp_path):
    template = gradebook(tmp_path, [person("A", "1042", "u1", "x"), person("B", "7", "u2", "1042b")])
    (path,), said = give([result("1042")], "canvas", template=template)
    assert len(rows_of(path)) == 3 and "1 students are not in canvas.csv" in said


def test_what_was_imported_from_canvas_goes_back_without_a_roster(tmp_path):
    course = make_class(tmp_path / "class")
    download = lms.canvas(tmp_path / "submissions.zip", ("doejane", 501, 9001, "09_tiny.ipynb", lms.book()))
    (arrival,) = bring_in(course, [download])
    give = exporter(course, tmp_path)
    template = gradebook(tmp_path, [person("Doe, Jane", "501", "u1", "jd"), person("B", "9001", "u2", "b")])
    (path,), _ = give([result(arrival.student)], "canvas", template=template)
    assert [row[0] for row in rows_of(path)[3:]] == ["Doe, Jane"]
    (path,), _ = give([result(arrival.student)], "canvas")
    assert rows_of(path)[2][1] == "501"
    with pytest.raises(ExportError, match="fits the rows 4, 5"):
        give([result(arrival.student)], "canvas", template=template, people=[[arrival.student, "", "", "9001"]])


def test_what_was_imported_from_moodle_goes_back_without_a_roster(tmp_path):
    course = make_class(tmp_path / "class")
    download = lms.moodle(tmp_path / "submissions.zip", ("Jane Doe", 71, "09_tiny.ipynb", lms.book()))
    (arrival,) = bring_in(course, [download])
    template = gradebook(tmp_path, [line(7, "B", ""), line(71, "Jane Doe", "")], head=[SHEET])
    (path,), _ = exporter(course, tmp_path)([result(arrival.student)], "moodle", template=template)
    assert [row[0] for row in rows_of(path)[1:]] == ["Participant 71"]


@pytest.mark.parametrize(
    ("place", "text", "why"),
    [
        ((0, 7), "Another (78)", "expected Student, ID, ..., Section"),
        ((0, 6), "09-TINY (77)", "2 columns for 09_tiny"),
        ((0, 4), "Group", "expected Student, ID, ..., Section"),
        ((2, 0), "Points", "no row 'Points Possible'"),
        ((2, 7), "100,00", "at most 100 points for 09_tiny"),
    ],
)
def test_canvas_templates_that_do_not_fit(give, tmp_path, place, text, why):
    head = [list(row) for row in GRADEBOOK]
    head[place[0]][place[1]] = text
    with pytest.raises(ExportError, match=why):
        give([result("a")], "canvas", template=gradebook(tmp_path, [person("A", "1", "a", "x")], head=head))


def test_the_files_that_are_read_are_not_written(give, tmp_path):
    template = gradebook(tmp_path, [person("A", "1", "a", "x")])
    with pytest.raises(ExportError, match="is the file that is read"):
        give([result("a")], "canvas", template=template, out=template)


# --- Moodle ---

SHEET = ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade", "Grade can be changed"]
SHEET += ["Last modified (grade)", "Feedback comments"]


def line(number, name, email, grade="", most="15.00", feedback=""):
    return [f"Participant {number}", name, email, "Submitted", grade, most, "Yes", "-", feedback]


def test_moodle_round_trip(give):
    (path,), _ = give(RESULTS, "moodle", people=PEOPLE)
    assert path.name == "moodle-09_tiny.csv" and path.read_bytes().startswith(b"\xef\xbb\xbf")
    head, *rows = rows_of(path)
    assert head == ["Student", "Full name", "ID number", "Email address", TINY, "Feedback"]
    assert [row[1] for row in rows] == [for_php(name) for name in NAMES]
    assert [from_php(row[1]) for row in rows] == NAMES
    assert [[row[0], row[2], row[3]] for row in rows] == [[p[0], p[3], p[2]] for p in PEOPLE]
    assert [float(row[4]) for row in rows] == TOTALS
    frame = table_of(path)
    assert [from_php(name) for name in frame["Full name"]] == NAMES
    assert rows[0][5] == "Points by task: double 4 of 4, score 0 of 6, explain 0 of 5."


def test_backslash_cannot_hide_a_quote_from_php(give):
    texts = random_names(3000, seed=3) + AWKWARD
    assert [from_php(for_php(text)) for text in texts] == texts
    assert for_php("CAMPUS\\jane") == "CAMPUS\\jane"
    for text in map(for_php, texts):
        if set(text) & set(',"\r\n'):
            assert all(len(run) % 2 == 0 for run in re.findall(r"\\+", text))


def test_moodle_identifies_by_full_columns_only(give):
    people = [["a", "A", "a@x.org", "1"], ["b", "B", "", "2"]]
    (path,), said = give([result("a"), result("b")], "moodle", people=people)
    assert rows_of(path)[0] == ["Student", "Full name", "ID number", TINY, "Feedback"]
    assert "no column 'Email address', as the roster has none for b" in said


def test_moodle_says_what_it_will_not_find_or_take(give):
    found = [result("=a"), Result("b", TINY, "graded", points={"x": 120.0}, possible={"x": 120.0})]
    _, said = give(found, "moodle")
    assert "Moodle will not find them: =a" in said and "refuses grades above 100" in said


def test_moodle_feedback_is_escaped_html(give):
    task = "<img src=x onerror=alert(1)> & \\"
    found = Result("a", TINY, "graded", points={task: None}, possible={task: 5.0})
    (path,), _ = give([found], "moodle")
    text = rows_of(path)[1][-1]
    assert "<" not in text and "\\" not in text
    assert html.unescape(text) == f"Points by task: {task} waits for its mark."


def test_worksheet_is_filled(give, tmp_path):
    rows = [line(1, "=A", "a@x.org", feedback="Points by task: old."), line(2, "B", "b@x.org"), line(3, "C", "c@x.org")]
    template = gradebook(tmp_path, rows, head=[SHEET], mark="\ufeff")
    people = [["anna", "", "A@x.org", ""], ["ben", "", "", "2"]]
    (path,), said = give([result("anna", (4.0, 0.0, 0.5)), result("ben"), result("3")], "moodle", people=people,
                         template=template)  # fmt: skip
    assert path.name == "moodle-worksheet-09_tiny.csv"
    head, first, second = rows_of(path)
    assert head == SHEET
    assert first[:5] == ["Participant 1", "=A", "a@x.org", "Submitted", "4.5"] and first[7] == "-"
    assert first[8].startswith("Points by task: double 4 of 4") and second[4] == "15"
    assert "1 students are not in canvas.csv and are left out: 3" in said


def test_comments_of_a_person_are_kept(give, tmp_path):
    template = gradebook(tmp_path, [line(1, "A", "", feedback="- well done"), line(2, "B", "")], head=[SHEET])
    people = [["a", "", "", "1"], ["b", "", "", "2"]]
    (path,), said = give([result("a"), result("b")], "moodle", people=people, template=template)
    assert rows_of(path)[0] == SHEET[:-1] and "comments to a" in said


@pytest.mark.parametrize(
    ("head", "most", "why"),
    [
        ([title.replace("Grade", "Bewertung") for title in SHEET], "15", "language set to English"),
        (SHEET, "10", "at most 10 points"),
    ],
)
def test_worksheets_that_do_not_fit(give, tmp_path, head, most, why):
    template = gradebook(tmp_path, [line(1, "A", "", most=most)], head=[head])
    with pytest.raises(ExportError, match=why):
        give([result("a")], "moodle", people=[["a", "", "", "1"]], template=template)


def test_a_worksheet_is_of_one_assignment(give, tmp_path):
    template = gradebook(tmp_path, [line(1, "A", "")], head=[SHEET])
    with pytest.raises(ExportError, match="Name one"):
        give([result("a"), result("a", assignment="10_other")], "moodle", template=template)
