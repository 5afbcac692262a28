"""The pages: what they show, what they never show, and that nothing a student made is alive in them."""

import copy
import re

import pytest
from tiny_class import cell_of, hand_in, make_class, written

from autograder import klass, report
from autograder.grade import grade_class
from autograder.results import clean

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Class page and feedback pages of a graded class."""
    course = make_class(tmp_path_factory.mktemp("class"))
    hand_in(course, "honest", written())
    hand_in(course, "partial", written({"double": "def double(x):\n    return abs(2 * x)"}, explain=None))
    nasty = {
        "double": f"print('{SCRIPT}')\ndef double(x):\n    raise ValueError('{SCRIPT}')",
        "score": f"raise RuntimeError('\\x1b[31m{SCRIPT}')",
    }
    nasty = written(nasty, explain=f"{SCRIPT} [x](javascript:alert(1)) <img src=x onerror=alert(1)>")
    cell_of(nasty, "score-test").source = SCRIPT
    hand_in(course, f"{SCRIPT[:7]}> & co", copy.deepcopy(nasty))
    hand_in(course, "cut_off", '{"cells": [')
    grade_class(course)
    index = report.write_report(course)
    found = {p.parent.name: p.read_text() for p in (course.root / "feedback").glob("*/*.html")}
    return course, index.read_text(), found


def test_class_page(pages):
    _, index, _ = pages
    assert index.count("<tr>") == 5 and "Needs" not in index
    assert "the file is not JSON" in index and "waits for its mark" in index
    assert index.count("<svg") == 1 and "Double a number" in index
    for link in re.findall(r'<a href="([^"]+)"', index):
        assert link.startswith("../feedback/")


def test_links_lead_to_pages(pages):
    from urllib.parse import unquote

    course, index, _ = pages
    links = re.findall(r'<a href="([^"]+)"', index)
    assert len(links) == 4
    assert all((course.reports / unquote(link)).is_file() for link in links)


def test_nothing_outside_and_nothing_alive(pages):
    _, index, found = pages
    for page in (index, *found.values()):
        assert "default-src 'none'" in page
        assert (
            "<script" not in page
            and "<img" not in page
            and "javascript:" not in page.replace("](javascript:", "")
        )
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", page)
    nasty = next(page for name, page in found.items() if "co" in name and "script" in name)
    assert nasty.count("&lt;script&gt;") >= 3


def test_marks_by_hand_are_in_the_next_report(pages):
    course, _, _ = pages
    with klass.open_gradebook(course) as book:
        grade = book.find_grade("explain", "09_tiny", "09_tiny", "honest")
        grade.manual_score, grade.needs_manual_grade = 4.5, False
        book.db.commit()
    index = report.write_report(course).read_text()
    row = next(row for row in index.split("<tr>") if ">honest<" in row)
    assert ">14.5<" in row and ">graded<" in row
    assert 'class="mark"' not in course.feedback("honest", "09_tiny").read_text()


def test_histogram_counts_everybody_once():
    svg = report.histogram([0, 0, 50, 99.9, 100], 100)
    assert re.findall(r'class="count">(\d+)<', svg) == ["2", "1", "2"]
    assert report.histogram([], 100).count('class="bar"') == 10


@pytest.mark.parametrize(
    "text, shown",
    [
        ("\x1b[0;31mred\x1b[0m", "red"),
        ("a\x00b\x07", "ab"),
        ("\x1b]0;title\x07x", "x"),
        ("50%\r100%", "50%100%"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_clean(text, shown):
    assert clean(text) == shown


def test_clean_cuts_long_text():
    text = clean("a" * 5000 + "b" * 5000, most=100)
    assert (
        len(text) < 150 and text.startswith("a") and text.endswith("b") and "9900 characters left out" in text
    )
