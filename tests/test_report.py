"""The class page: what it shows, and that nothing a student made is alive in it. (tests/test_charts.py: its parts.)"""

import copy
import json
import re
import shutil
import time
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from fake_class import NASTY, TASKS, curve, fake_class, handout
from feedback_pages import elements
from programs import program
from tiny_class import cell_of, hand_in, make_class, written

from autograder import klass, report
from autograder.grade import grade_class
from autograder.journal import latest_gradings, write_journal
from autograder.results import clean
from autograder.similar import Alike, Pair

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A graded class and its class page."""
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
    return course, report.write_report(course).read_text()


def page_of(rows, **facts):
    return report.class_page("class", [report.assignment_part("09_tiny", rows, handout(), **facts)])


def row_of(page, student):
    """The student's row in the table of all students."""
    table = page.partition('<table class="students">')[2]
    return next(row for row in table.split("<tbody>") if f">{student}<" in row)


def matter_of(page, title):
    """What the summary says under one of its titles."""
    table = page.partition('<table class="todo">')[2].partition("</table>")[0]
    return next(row for row in table.split('<tr class="kind') if f"<b>{title}</b>" in row)


# --- a class that was graded ---


def test_class_page(pages):
    _, page = pages
    assert page.partition('<table class="students">')[2].count("<tbody>") == 4
    assert "the file is not JSON" in matter_of(page, "Not graded: the file could not be read")
    assert "cut_off" in matter_of(page, "Not graded: the file could not be read")
    assert "honest" in matter_of(page, "Written answers that wait for a mark")
    assert "Double a number" in page and "Needs 8 submissions" in page and "Graded without a sandbox" not in page


def test_links_lead_to_pages(pages):
    course, page = pages
    links = set(re.findall(r'<a href="([^"]+)"', page))
    assert len(links) == 4
    assert all((course.reports / unquote(link)).is_file() for link in links)


def test_marks_by_hand_are_in_the_next_report(pages):
    course, page = pages
    assert ">to mark<" in row_of(page, "honest")
    with klass.open_gradebook(course) as book:
        grade = book.find_grade("explain", "09_tiny", "09_tiny", "honest")
        grade.manual_score, grade.needs_manual_grade = 4.5, False
        book.db.commit()
    row = row_of(report.write_report(course).read_text(), "honest")
    assert ">14.5<" in row and ">graded<" in row


def test_scores_ceiling_and_copies_come_from_the_class_folder(pages, tmp_path):
    """What the grader leaves in a class folder (curves, the ceiling, graded notebooks) arrives on the page."""
    course, _ = pages
    shutil.copytree(course.root, tmp_path / "class")
    other = klass.open_class(tmp_path / "class")
    for student in ("honest", ".reference"):
        path = other.root / "scores" / student / "09_tiny.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"score": [curve(2.0)]}))
    source = nbformat.read(other.notebook("source", "09_tiny"), as_version=4)
    source.metadata["autograder"] = {"ceiling": {"roc_auc": 0.5}}
    klass.write_notebook(source, other.notebook("source", "09_tiny"))
    entry = latest_gradings(other)["honest", "09_tiny"]
    facts = {key: entry[key] for key in entry if key not in ("time", "event", "previous", "hash")}
    score = {key: value for key, value in curve(2.0).items() if key != "roc"} | {"task": "score"}
    write_journal(other, "grade", **{**facts, "scores": [score]})
    for student in ("honest", "partial"):
        path = other.notebook("autograded", "09_tiny", student)
        notebook = nbformat.read(path, as_version=4)
        cell_of(notebook, "double").source += "\n\n" + program(1)
        path.chmod(0o644)
        klass.write_notebook(notebook, path)
    page = report.write_report(other).read_text()
    assert "ROC curves" in page and "reference, AUC 0.9" in page and "baseline" in page
    assert "the baseline (<code>scores/.baseline/09_tiny.json</code> is not there)" in page
    assert "honest" in matter_of(page, "Too good to be true")
    assert all(name in matter_of(page, "Near-identical submissions") for name in ("honest", "partial"))


# --- classes that never were ---


def test_nothing_outside_and_nothing_alive(pages):
    rows, curves = fake_class(12)
    rows[3].reasons.append(f"double: test cell stopped with an error ({NASTY})")
    rows[4].reasons.append(f"{NASTY}: \x1b[31m{NASTY}")
    rows[5].scores.append({"task": NASTY, "metric": NASTY, "value": 0.5, "low": 0.4, "high": 0.6})
    alike = Alike([[NASTY, "s0001"]], [Pair((NASTY, "s0001"), 0.9, (NASTY,))], 12, 0)
    made = page_of(rows, curves=curves, alike=alike, ceilings={NASTY: 0.1})
    for page in (made, pages[1]):
        assert "default-src 'none'" in page
        found = elements(page)
        assert not {tag for tag, _ in found} & {"script", "img", "iframe", "object", "link", "form", "input"}
        assert not [a for _, attrs in found for a in attrs if a[0].startswith("on") or a[0] in ("src", "srcset")]
        targets = [value for _, attrs in found for name, value in attrs if name in ("href", "xlink:href")]
        assert targets and all(value.startswith(("../feedback/", "#a")) for value in targets)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", page)
    assert made.count("&lt;script&gt;") >= 8


def test_long_names_are_cut_and_isolated():
    rows, _ = fake_class(2)
    rows[0].student, rows[1].student = "x" * 5_000, "\u202eexe.gpj"
    page = page_of(rows)
    assert "x" * 48 not in re.sub(r'"[^"]*"', "", page)  # the link itself is whole
    assert "\u202e" not in page and "exe.gpj</bdi>" in page


def test_grades_without_sandbox_are_marked():
    rows, _ = fake_class(6)
    rows[0].sandbox, rows[2].sandbox, rows[4].sandbox = "none", "", "none"
    rows[4].status, rows[4].reasons = "failed", ["the file is empty"]
    page = page_of(rows)
    matter = matter_of(page, "Graded without a sandbox")
    assert [name for name in ("s0000", "s0001", "s0002", "s0004", "s0005") if name in matter] == ["s0000", "s0002"]
    assert "graded without a sandbox" in row_of(page, "s0000")
    assert "graded without a sandbox" not in row_of(page, "s0001") + row_of(page, "s0004")


def test_only_scores_above_the_ceiling_are_too_good():
    rows, _ = fake_class(6)
    for row, value in zip(rows, (0.99, 0.9995, 0.9996, 1.0, 0.5, float("nan")), strict=True):
        row.scores[0]["value"] = value
    page = page_of(rows, ceilings={"roc_auc": 0.9995})
    matter = matter_of(page, "Too good to be true")
    assert "s0002" in matter and "script" in matter and page.count("s0001") == page_of(rows).count("s0001")
    assert "Above the ceiling" in page and "Above the ceiling" not in page_of(rows, ceilings={"accuracy": 0.5})


def test_near_identical_pairs_have_links_to_both():
    rows, _ = fake_class(6)
    pairs = [Pair(("s0000", "s0001"), 0.97, ("double",)), Pair(("s0001", "s0002"), 0.6, ())]
    page = page_of(rows, alike=Alike([["s0000", "s0001", "s0002"]], pairs, 5, 1))
    table = page.partition('<table class="pairs">')[2].partition("</div>")[0]
    assert "97 %" in table and "double" in table and table.count("../feedback/") == 4
    assert "not a proof" in table and "1 submission has too little code" in table
    assert "60 to 97 %" in matter_of(page, "Near-identical submissions")
    assert "None among 6" in page_of(rows, alike=Alike([], [], 6, 0)) and "Too few submissions" in page_of(rows)


def test_the_graders_own_failures_are_told_from_the_students():
    rows, _ = fake_class(3)
    for row in rows[:2]:
        row.status, row.reasons = "failed", ["it went wrong"]
    page = page_of(rows, retry=["s0001"])
    assert "s0001" in matter_of(page, "Not graded: the grader failed")
    assert "s0000" in matter_of(page, "Not graded: the file could not be read")


def test_few_submissions_have_no_discrimination_and_many_have():
    few, many = page_of(fake_class(7)[0]), page_of(fake_class(40)[0])
    assert "Needs 8 submissions" in few and few.count("fewer than 8 marked") == len(TASKS)
    assert "Needs 8" not in many and "fewer than" not in many and many.count(" to ") >= len(TASKS)


def test_absent_models_are_named_with_what_to_do():
    rows, curves = fake_class(5, models=False)
    page = page_of(rows, curves=curves)
    assert "scores/.reference/09_tiny.json" in page and "scores/.baseline/09_tiny.json" in page
    assert "<code>autograder reference</code>" in page
    assert "is not there" not in page_of(rows, curves=fake_class(5)[1])


def test_no_submissions_and_no_points():
    empty = report.assignment_part("09_tiny", [], handout())
    assert "Nothing has been graded yet" in report.class_page("c", [empty], waiting=2)
    rows, _ = fake_class(1)
    rows[0].possible = rows[0].points = {}
    assert "s0000" in page_of(rows)


def test_a_thousand_students_are_one_small_page_in_seconds():
    rows, curves = fake_class(1000)
    start = time.process_time()
    page = page_of(rows, curves=curves)
    assert time.process_time() - start < 20  # about 2 s
    assert len(page) < 2_000_000
    assert page.partition('<table class="students">')[2].count("<tbody>") == 1000


def test_page_fits_a_window_of_900_pixels(tmp_path):
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install -e '.[test]'")
    rows, curves = fake_class(60)
    for row in rows:  # as many tasks as an assignment has
        for k in range(9):
            row.points[f"task_{k}"], row.possible[f"task_{k}"] = 11.5, 12.0
    rows[0].student = "x" * 300
    rows[1].reasons.append("double: " + "y" * 300)
    path = tmp_path / "index.html"
    path.write_text(page_of(rows, curves=curves))
    with api.sync_playwright() as playwright:
        found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome", "chrome")]
        browser_path = next(filter(None, found), None)
        if browser_path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no browser: install chromium (apt install chromium) or run playwright install chromium")
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 900, "height": 800})
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == 900
        browser.close()


# --- text ---


@pytest.mark.parametrize(
    "text, shown",
    [
        ("\x1b[0;31mred\x1b[0m", "red"),
        ("a\x00b\x07", "ab"),
        ("\x1b]0;title\x07x", "x"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_clean(text, shown):
    assert clean(text) == shown


def test_clean_cuts_long_text():
    text = clean("a" * 5000 + "b" * 5000, most=100)
    assert len(text) < 150 and text.startswith("a") and text.endswith("b") and "characters left out" in text


def test_the_page_says_where_hidden_recordings_are_public(pages):
    course, index = pages
    assert "anybody can download" not in index
    about = course.hidden / "af_detection" / "about.json"
    about.parent.mkdir(exist_ok=True)
    about.write_text('{"public": true, "changed": "gain and order"}')
    try:
        assert report.public_cohorts(course) == {"af_detection": "gain and order"}
        page = report.class_page("a class", [], public=report.public_cohorts(course))
        assert "anybody can download" in page and "gain and order" in page
        about.write_text('{"public": false}')
        assert report.public_cohorts(course) == {}
    finally:
        about.unlink()
