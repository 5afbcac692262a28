"""The feedback page: what a student reads, what they never read, and that nothing they made is alive in it."""

import nbformat
import pytest
from feedback_pages import POSSIBLE, RED, encoded, error, executed, page_of, shown, text
from nbformat.v4 import new_code_cell, new_output
from PIL import Image
from tiny_class import cell_of, make_class, tiny

from autograder import klass
from autograder.feedback import feedback_page
from autograder.results import Result

HIDDEN = "min(points, 1.0)"  # a line of the hidden test of the tiny assignment


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return make_class(tmp_path_factory.mktemp("feedback") / "class")


# --- what a student reads ---


def test_messages_points_answers_and_mark_scheme(course):
    lines = "\u2714 shape [2/2]\n\u2718 double(-3.0): got 6.0, expected -6.0 [0/2]\n    Likely cause: abs\n"
    notebook = executed({"double": "def double(x):\n    return abs(2 * x)"}, double=[text(lines)])
    page = page_of(course, notebook)
    assert '<li class="good">\u2714 shape [2/2]</li>' in page
    assert '<li class="bad">\u2718 double(-3.0): got 6.0, expected -6.0 [0/2]</li>' in page
    assert '<li class="more">Likely cause: abs</li>' in page
    assert "return abs(2 * x)" in page and "<p>Because.</p>" in page
    assert "Names <strong>one</strong> cause: 5 points." in page
    assert 'class="mark"' in page and "All tests passed." in page  # score: full points, no message


def test_hidden_tests_are_never_shown(course):
    trace = error("AssertionError", "got 1", [f"----> 5     points = {HIDDEN}", "AssertionError: got 1"])
    notebook = executed(double=[trace], score=[trace])
    assert HIDDEN in nbformat.writes(notebook) and HIDDEN in cell_of(notebook, "double-test").source
    page = page_of(course, notebook)
    assert "AssertionError: got 1" in page
    assert "min(points" not in page and "1e6" not in page and "isclose" not in page and "HIDDEN" not in page


def test_outputs_are_kept_in_order(course):
    table = "<table class=dataframe><tr><th>auc</th></tr><tr><td>0.91</td></tr></table>"
    outputs = [
        text("\x1b[32mepoch 1"),
        text(" done\x1b[0m\n"),
        shown(text_html=table, text_plain="FALLBACK"),
        new_output("display_data", data={"image/png": RED, "text/plain": "<Figure size 640x480>"}),
        shown(text_html="<h3>two words</h3>", text_plain="<IPython.core.display.HTML object>"),
        shown(text_plain="array([1, 2])"),
    ]
    page = page_of(course, executed(outputs=outputs))
    order = ["epoch 1 done</pre>", "<td>0.91</td>", "<img src=", "two words", "array([1, 2])"]
    places = [page.index(part) for part in order]
    assert places == sorted(places)
    assert "FALLBACK" not in page and "Figure size" not in page and "object&gt;" not in page


def test_error_of_the_answer_and_of_other_cells(course):
    notebook = executed({"double": "raise ValueError"}, outputs=[text("before\n"), error(value="\x1b[31mmine")])
    notebook.cells.insert(0, new_code_cell("import torchh", outputs=[error("ModuleNotFoundError", "no torchh")]))
    page = page_of(course, notebook)
    assert "Your cell ended in an error" in page and "ValueError: mine" in page and "before" in page
    assert "Other cells that ended in an error" in page and "ModuleNotFoundError: no torchh" in page
    assert "Other cells" not in page_of(course, executed())


def test_mended_cells_are_told_by_heading(course):
    mended = [
        {"cell": "score-test", "kind": "test", "what": "was edited; put back as handed out"},
        {"cell": "cell-1", "kind": "locked", "what": "was missing; put back"},
        {"cell": "double", "kind": "answer", "what": "had its points changed to <i>9</i>; changed back"},
    ]
    page = page_of(course, executed(), mended=mended)
    assert "<li>The test of 2. Score was edited; put back as handed out</li>" in page
    assert "<li>A cell that was given to you (cell-1) was missing; put back</li>" in page
    assert "Your answer cell of 1. Double a number had its points changed to &lt;i&gt;9&lt;/i&gt;" in page
    assert "not as handed out" not in page_of(course, executed())


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("double: test cell ran too long", "your code ran too long"),
        ("double: test cell ended the kernel", "ended Python while it was tested"),
        ("double: test cell ended the process", "ended Python while it was tested"),
        ("double: test cell got an answer that is no data", "no number, text or array"),
        ("double: test cell did not run: the cell ran too long", "could not run, because an earlier cell"),
        ("double: test cell stopped with an error (ValueError)", "stopped with an error before"),
        ("double: test cell gave nan, which is not within 0 and 4", "no valid number of points"),
        ("double: mended: double-test was edited; put back as handed out", "was not as handed out, see above"),
        ("double: graded again after a mark by hand; look whether that mark still holds", "They will check that"),
        ("double: somebody asked for a second look", "asked to look at this task again"),
        ("double: too good to be true: roc_auc 1.0", "higher than these data usually allow"),
        ("double: similar to grace, 0.97", "A person will look at this task before its mark is final"),
        ("similar to grace, 0.97", "A person will look at this submission before"),
    ],
)
def test_reasons_are_put_in_words_of_a_student(course, reason, words):
    page = page_of(course, executed(), status="needs a person", reasons=[reason])
    assert words in page
    assert reason.removeprefix("double: ") not in page and "grace" not in page
    quiet = page_of(course, executed())
    assert words not in quiet and "look" not in quiet.split("</style>")[1].lower()


@pytest.mark.parametrize(
    ("why", "told", "advice"),
    [
        ("the file is not JSON, so not a notebook; was it cut off?", True, "hand it in again"),
        ("there is no 09_tiny.ipynb; found a.ipynb: rename it", True, "hand it in again"),
        ("the grader failed: KeyError: 'x' (record.py:12)", False, "nothing that you need to do"),
        ("the worker process died (Killed)", False, "nothing that you need to do"),
        ("the notebook could not be run: OSError: x", False, "nothing that you need to do"),
    ],
)
def test_failure_says_whose_it_is(course, why, told, advice):
    page = page_of(course, status="failed", reasons=[why], points=dict.fromkeys(POSSIBLE, 0.0))
    assert "could not be graded" in page and advice in page
    assert (why.split(":")[0][4:] in page) == told
    assert "All tests passed" not in page


def test_grade_without_a_sandbox_is_marked(course):
    assert "Graded without the sandbox" in page_of(course, executed(), sandbox="none")
    assert "Graded without" not in page_of(course, executed(), sandbox="bubblewrap")
    assert "Graded without" not in page_of(course, executed())


def test_comment_from_the_formgrader(course):
    with klass.open_gradebook(course) as book:
        book.update_or_create_student("ada")
        book.update_or_create_submission("09_tiny", "ada")
        book.find_comment("explain", "09_tiny", "09_tiny", "ada").manual_comment = "Good, <b>but</b> why?"
        book.db.commit()
    assert '<div class="comment"><b>Comment</b><p>Good, &lt;b&gt;but&lt;/b&gt; why?</p></div>' in page_of(
        course, executed()
    )
    assert 'class="comment"' not in page_of(course, executed(), student="grace")


def test_damaged_notebook_still_gets_a_page(course):
    path = course.notebook("autograded", "09_tiny", "hole")
    path.parent.mkdir(parents=True)
    path.write_text("[")
    result = Result("hole", "09_tiny", "graded", points={"double": 1.0}, possible={"double": 4.0})
    page = feedback_page(course, result, tiny()[1], {})
    assert "cannot be read" in page and "1 / 4" in page


# --- size ---


def test_page_stays_small_whatever_came_in(course):
    import numpy as np

    noise = np.random.default_rng(0).integers(0, 255, (1000, 1400, 3), dtype=np.uint8)
    photo = encoded(Image.fromarray(noise), "JPEG", quality=70)
    row = f"<tr><td>{'x' * 80}</td></tr>"
    huge = [
        text("a long line " * 4_000_000),
        text("&'\"<" * 5_000_000, "stderr"),
        shown(text_html=f"<table>{row * 300_000}</table>", text_plain="cut & cut " * 1_000_000),
        new_output("display_data", data={"image/png": "A" * 20_000_000}),
        *[new_output("display_data", data={"image/jpeg": photo})] * 8,
        *[shown(text_html=f"<table>{row * 500}</table>", text_plain="small")] * 20,
        *[shown(text_plain=f"value {k}") for k in range(1_000)],
        error("E" * 1_000_000, "v" * 1_000_000, ["&" * 10_000_000]),
    ]
    notebook = executed(explain="*a* &" * 30_000, outputs=huge, double=[text("\u2718 <&>" * 2_000_000)])
    notebook.cells += [new_code_cell("&" * 100_000, outputs=[error(traceback=["<" * 100_000])]) for _ in range(500)]
    assert sum(len(str(o)) for o in cell_of(notebook, "double").outputs) > 100_000_000
    page = page_of(course, notebook)
    assert len(page.encode()) < 5_000_000
    assert page.count("<img") >= 1 and "A picture is not shown: this page is full." in page
    assert "the file is larger than 6 MB" in page and "further outputs are left out" in page
    assert page.count("characters left out") > 5 and "small" in page
