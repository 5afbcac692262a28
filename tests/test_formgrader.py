"""What lies in autograded/ is opened in nbgrader's formgrader with an instructor's rights: nothing in it is alive."""

import copy
import re
from pathlib import Path

import nbformat
import pytest
from feedback_pages import RED, elements, error, executed, shown, text
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_output, new_raw_cell
from nbgrader.server_extensions.formgrader import handlers
from test_feedback_attacks import (  # noqa: F401 (fixtures)
    BEACON,
    CANARY,
    MARKDOWN,
    PAYLOADS,
    Beacon,
    beacon,
    browser,
    filled,
    opened,
    payload_notebook,
)
from tiny_class import cell_of, make_class
from traitlets.config import Config

from autograder import disarm, grade
from autograder.mend import sanitise


def in_formgrader(notebook):
    """The page that formgrader makes of a notebook, with its own template."""
    config = Config()
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    names = {"submission_id": "1", "notebook_id": "n", "assignment_id": "a", "base_url": "", "student": "s"}
    resources = {**names, "index": 0, "total": 1, "last_name": None, "first_name": None, "notebook_path": "p"}
    return HTMLExporter(config=config).from_notebook_node(notebook, resources=resources)[0]


def hostile(url):
    """Payloads at every place of a student's: outputs, written answer, cells added (Markdown and raw), metadata."""
    notebook = payload_notebook(url)
    payloads = [filled(p, url) for p in PAYLOADS]
    for k, payload in enumerate([*payloads, *(filled(m, url) for m in MARKDOWN)]):
        added = new_markdown_cell(payload) if k % 2 else new_raw_cell(payload)
        added.metadata = {"raw_mimetype": "text/html", "tags": [payload], payload: payload, "slideshow": payload}
        notebook.cells.append(added)
    notebook.metadata |= {"title": payloads[0], "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}}}
    javascript = {"text/javascript": CANARY, "application/vnd.jupyter.widget-view+json": {"model_id": payloads[0]}}
    output = new_output("display_data", data=javascript, metadata={"image/png": {"width": f"1' onload='{CANARY}"}})
    cell_of(notebook, "double").outputs.append(output)
    return notebook


ALIVE = "script iframe object embed form base meta link style svg math".split()


def dangerous(page):
    """Elements that run, load or lead somewhere; the template's own are among them."""
    found = []
    for tag, attributes in elements(page):
        odd = [n for n, v in attributes if n.startswith("on") or re.search(r"javascript:|beacon|data:text", v or "")]
        if odd or tag in ALIVE:
            found.append((tag, attributes))
    return found


def test_no_element_of_a_submission_runs_or_leads_anywhere():
    harmless = in_formgrader(disarm.disarmed(executed(explain="Because.")))
    url = BEACON.format(port=1)
    alive = executed(explain="\n\n".join(filled(p, url) for p in PAYLOADS))
    assert len(dangerous(in_formgrader(alive))) > len(dangerous(harmless)) + 10, "the payloads are alive"
    page = in_formgrader(disarm.disarmed(hostile(url)))
    plain_links = [x for x in dangerous(page) if x[0] == "a" and re.match("https?://", dict(x[1])["href"])]
    assert [x for x in dangerous(page) if x not in plain_links] == dangerous(harmless)
    assert all(len(attributes) == 1 for _, attributes in plain_links), "addresses that stand there to be read"


def test_nothing_of_a_submission_is_alive_in_a_browser(browser, beacon, tmp_path):  # noqa: F811
    path = tmp_path / "page.html"
    page = in_formgrader(disarm.disarmed(hostile(beacon)))
    path.write_text(re.sub(r'<script[^>]* src="[^"]*"[^>]*></script>', "", page), encoding="utf-8")
    tab, did = opened(browser, path)
    for part in tab.query_selector_all("a, img, td, p, summary")[:80]:
        part.hover(force=True, timeout=500) if part.is_visible() else None
    tab.wait_for_timeout(300)
    assert Beacon.hits == [] and tab.evaluate("window.canary === undefined && frames.length === 0")
    assert not [event for event in did if event.startswith(("dialog", "window"))]
    tab.context.close()


def test_the_payloads_are_alive_in_formgrader_as_nbgrader_leaves_them(browser, beacon, tmp_path):  # noqa: F811
    notebook = executed(explain="\n\n".join(f"<script>{CANARY}</script>" for _ in range(2)))
    path = tmp_path / "page.html"
    path.write_text(in_formgrader(notebook), encoding="utf-8")
    tab, _ = opened(browser, path)
    assert tab.evaluate("window.canary") == 1
    tab.context.close()


def test_what_a_person_needs_for_marking_stays():
    words = "p < 0.05, so a<b? **Yes**, see ![plot](attachment:plot.png) and $x_{[1]}$.\n\n1. one\n2. two"
    notebook = executed(explain=words, outputs=[
        text("printed <b>\n"), shown(text_html="<table class=x><tr><td>1</td></tr></table>", text_plain="t"),
        shown(image_png=RED, text_plain="<Figure>"), error("ValueError", "x < y")])  # fmt: skip
    cell_of(notebook, "explain").attachments = {"plot.png": {"image/png": RED}, "x.svg": {"image/svg+xml": "<svg/>"}}
    before = copy.deepcopy(notebook)
    page = in_formgrader(disarm.disarmed(notebook))
    assert "p &lt; 0.05" in page and "<strong>Yes</strong>" in page and "<li>one</li>" in page
    assert page.count("data:image/png;base64,") == 2 and "<td>1</td>" in page and "printed &lt;b&gt;" in page
    assert list(cell_of(notebook, "explain").attachments) == ["plot.png"]
    code = {c.metadata.nbgrader.grade_id: c.source for c in before.cells if c.cell_type == "code"}
    assert {c.metadata.nbgrader.grade_id: c.source for c in notebook.cells if c.cell_type == "code"} == code
    nbformat.validate(notebook)


@pytest.mark.parametrize("text, stays", [
    ("a < b", True), ("2<3", True), ("x[0](1)", False), ("<b>", False), ("[a]: b", False), ("f(x)[i]", True),
    (r"\frac{1}{2} \hrefs", True), (r"\href{x}{y}", False), ("![a](attachment:b.png)", True),
    ("![a](attachment:c.png)", False), ("![a](attachment:b.png 'x')", False),
    ("![<](attachment:b.png)", False)])  # fmt: skip
def test_only_what_could_act_is_written_otherwise(text, stays):
    assert (disarm.words(text, {"b.png"}) == text) is stays


@pytest.mark.slow
def test_the_graded_notebook_of_a_class_is_disarmed(tmp_path):
    course = make_class(tmp_path / "class")
    from tiny_class import hand_in

    notebook = executed(explain=f"Because <script>{CANARY}</script> [x](javascript:{CANARY})")
    answer = cell_of(notebook, "double")
    answer.source += "\nfrom IPython.display import HTML, Javascript, display"
    answer.source += f"\ndisplay(HTML('<script>{CANARY}</script>'), Javascript('{CANARY}'))"
    hand_in(course, "ada", notebook)
    (result,) = grade.grade_class(course)
    assert result.points["double"] == 4
    graded = nbformat.read(course.notebook("autograded", "09_tiny", "ada"), as_version=4)
    assert dangerous(in_formgrader(graded)) == dangerous(in_formgrader(disarm.disarmed(executed(explain="Because."))))
    assert "<script>" in course.notebook("submitted", "09_tiny", "ada").read_text(), "what was handed in stays"
    assert sanitise(course, "09_tiny", Path(course.notebook("submitted", "09_tiny", "ada")).read_bytes())
