"""Similarity: copies are found whatever was done to them, honest work is not, and neither size nor tricks stop it."""

import ast
import base64
import json
import time
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
import pytest
from programs import disguise, program
from tiny_class import make_class, written

from autograder import similar
from autograder.bank import make_submission, read_bank
from autograder.source import handout, instructor_notebook, read_source

ROOT = Path(__file__).resolve().parents[1]
AF = "03_af_detection"


@cache
def bank():
    """(case -> cells of the submission, code of handout and lesson, code of the reference) of assignment 03."""
    source = read_source(ROOT / "solutions" / f"{AF}.py")
    instructor, given = instructor_notebook(source), handout(source)
    cases = [case for case in read_bank(ROOT / "tests" / "bank" / AF) if "raw" not in case.options]
    codes = {case.name: similar.own_code(json.loads(make_submission(case, given, instructor))) for case in cases}
    lesson = nbformat.read(ROOT / "course" / f"{AF}.ipynb", as_version=4)
    known = similar.given_code(given) + similar.given_code(lesson)
    return codes, known, similar.given_code(instructor)


def pairs(found):
    return {tuple(sorted(pair.students)) for pair in found.pairs}


# --- what is found and what is not ---


@pytest.mark.parametrize("inserted", [0.0, 0.25])
def test_a_disguised_copy_is_found(inserted):
    codes, known, reference = bank()
    original = codes["other_resnet"]
    copy = {task: disguise(text, seed=4, inserted=inserted) for task, text in original.items()}
    honest = {name: codes[name] for name in ("other_resnet", "other_gru", "softmax_cross_entropy", "mean_rate")}
    found = similar.compare({**honest, "copy": copy}, known + reference)
    assert pairs(found) == {("copy", "other_resnet")} and found.groups == [["other_resnet", "copy"]]
    assert found.pairs[0].share > 0.75
    assert {"train", "network", "preprocess"} <= set(found.pairs[0].where)


def test_all_cells_in_one_or_one_cell_in_many_are_the_same_work():
    parts = program(1).split("\n\n\n")
    one = {"work": "\n".join(parts)}
    many = {f"cell {k}": text for k, text in enumerate(reversed(parts))}
    found = similar.compare({"one": one, "many": many})
    assert len(found.pairs) == 1 and found.pairs[0].share > 0.97


def test_a_copy_inside_a_larger_work_is_found():
    found = similar.compare({"small": {"a": program(1)}, "large": {"a": program(1), "b": program(2, functions=30)}})
    assert found.pairs[0].share > 0.99


def test_independent_solutions_of_the_same_task_are_far_below_the_threshold():
    """Of all the bank's authorship there are two works that share no line: the reference and the residual network."""
    codes, known, _ = bank()
    found = similar.compare({name: codes[name] for name in ("reference", "other_resnet")}, known)
    assert found.compared == 2 and not found.pairs
    lower = [set().union(*(similar.pieces(t) for t in codes[n].values())) for n in ("reference", "other_resnet")]
    assert similar.shares(lower, at_least=0.01).max() < 0.35


def test_the_bank_has_no_lookalikes_but_those_that_share_their_training():
    """Two alternatives of the bank were written with the same training loop, which is most of what they add."""
    codes, known, reference = bank()
    assert pairs(similar.compare(codes, known + reference)) == {("other_gru", "other_transformer")}


def test_what_was_given_and_what_the_reference_says_does_not_count():
    codes, known, reference = bank()
    same = {name: codes["reference"] for name in ("ann", "bob")}
    assert similar.compare(same, known).pairs
    found = similar.compare(same, known + reference)
    assert not found.pairs and found.short == 2 and found.compared == 0
    untouched = {task: text for task, text in zip("abcdefghijklmnopqrstuvwxyz", known, strict=False)}
    assert not similar.compare({name: untouched for name in ("ann", "bob")}, known).pairs


def test_too_little_code_is_said_and_not_compared():
    found = similar.compare({"a": {"t": "x = 1"}, "b": {"t": "x = 1"}, "c": {"t": program(3)}, "d": {}})
    assert (found.compared, found.short, found.pairs, found.groups) == (1, 3, [], [])


def test_groups_are_those_who_are_linked():
    works = {
        "a": program(1),
        "b": disguise(program(1)),
        "c": program(1),
        "x": program(2),
        "y": program(2),
        "z": program(3),
    }
    found = similar.compare({name: {"t": text} for name, text in works.items()})
    assert sorted(map(sorted, found.groups)) == [["a", "b", "c"], ["x", "y"]]
    assert [p.share for p in found.pairs] == sorted((p.share for p in found.pairs), reverse=True)


def test_what_most_of_a_class_shares_weighs_less():
    """A passage that all found on the same page makes nobody a pair; alone, two who share it are one."""
    shared = program(0, functions=5)
    works = {f"s{k}": {"t": shared + "\n\n" + program(k + 1, functions=4)} for k in range(40)}
    assert not similar.compare(works).pairs
    assert similar.compare({name: works[name] for name in ("s1", "s2")}).pairs


# --- what hides ---

HIDDEN = "import base64\n\nexec(base64.b64decode({!r}))\n"


def test_comments_and_long_texts_before_the_code_hide_nothing():
    padding = ("# a comment of no use\n" * 6_000, f'notes = """{"words, words " * 12_000}"""\n', f"#{'x' * 120_000}\n")
    for text in padding:
        padded = {"first": text, "t": program(1)}
        assert len(text) > similar.LONGEST
        found = similar.compare({"ann": padded, "bob": {"t": disguise(program(1))}, "cy": {"t": program(2)}})
        assert pairs(found) == {("ann", "bob")} and found.pairs[0].share > 0.8


def test_who_hides_code_or_has_too_little_is_named():
    packed = base64.b64encode(program(1).encode()).decode()
    works = {
        "exec": {"t": HIDDEN.format(packed)},
        "pieces": {"t": program(4) + "\n".join(f"p{k} = {packed[100 * k : 100 * k + 100]!r}" for k in range(90))},
        "builtins": {"t": program(5) + "\ngetattr(__builtins__, 'ex' + 'ec')(open('a').read())"},
        "long": {"t": "x = y + z\n" * 20_000 + program(6)},
        "little": {"t": "x = 1"},
        "honest": {"t": program(3) + "\nmodel.eval()\ntorch.compile(model)\nre.compile('x')  # exec(x)\n"},
        "wordy": {"t": f'def f():\n    """{"What it does. " * 60}"""\n    print("exec(1)")\n' + program(7)},
    }
    unseen = similar.compare(works).unseen
    assert set(unseen) == {"exec", "pieces", "builtins", "long", "little"}
    assert "texts" in unseen["exec"] and "in none of its cells" in unseen["exec"] and "texts" in unseen["pieces"]
    assert "in none of its cells" in unseen["builtins"] and "100,000" in unseen["long"]
    assert unseen["little"] == "too little code of its own"


def test_comments_end_where_python_ends_them():
    text = "a = \"#\"  # one \"\nb = '''\n# two\n'''  # three '''\nc = \"\\\"# four\"\n"
    (bare,) = similar._bare({"t": text})[0].values()
    assert [line.strip() for line in bare.split("\n")] == ['a = "#"', "b = '''", "# two", "'''", 'c = "\\"# four"', ""]


# --- tokens ---


def test_symbols_keep_the_course_of_the_code_only():
    plain = "def mean(x):\n    return sum(x) / 2\n"
    dressed = (
        'def average( values ):\n    """The mean."""\n    # add up\n    return (\n        sum(values) / 2.5)  # done\n'
    )
    assert "".join(similar.symbols(plain)) == "".join(
        similar.symbols(dressed.replace("(\n", "").replace("2.5)", "2.5"))
    )
    assert "".join(similar.symbols("x = 'a'")) != "".join(similar.symbols("x = 1")) != "".join(similar.symbols("x = y"))
    assert list(similar.symbols('"""Only words."""')) == [] and list(similar.symbols("'a' + 'b'"))[0] == similar.TEXT


def test_lines_that_are_no_python_are_stepped_over():
    after = "".join(similar.symbols("def f(x):\n    return x + 1\n"))
    for before in ("  a\n b\n", "!pip install x\n", "%matplotlib inline\n", "x = 1\n  y = 2\n z = 3\n"):
        assert "".join(similar.symbols(before + "def f(x):\n    return x + 1\n")).endswith(after), before


def test_own_code_is_answers_and_added_cells(tmp_path):
    course = make_class(tmp_path)
    notebook = written({"double": "def double(x):\n    return x + x"})
    notebook.cells.insert(2, nbformat.v4.new_code_cell("helper = 1"))
    notebook.cells.insert(2, nbformat.v4.new_markdown_cell("words"))
    path = course.notebook("autograded", "09_tiny", "ann")
    path.parent.mkdir(parents=True)
    path.write_text(nbformat.writes(notebook))
    found = similar.own_code(json.loads(path.read_text()))
    assert set(found) == {"double", "score", "cell 4"} and found["cell 4"] == "helper = 1"
    assert similar.find_alike(course, "09_tiny", ["ann", "nobody"]).short == 1


def test_hints_of_the_handout_are_given_code():
    cell = nbformat.v4.new_markdown_cell("<code>x = a[b &gt; 1]</code>\n\n```python\ny = 2\n```\n")
    notebook = nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_code_cell("z = 3")])
    assert similar.given_code(notebook) == ["x = a[b > 1]", "y = 2\n", "z = 3"]


# --- size and tricks ---


def test_three_hundred_submissions_take_seconds():
    works = {f"s{k:03d}": {"t": program(k, functions=12)} for k in range(299)}
    works["copy"] = {"t": disguise(program(17, functions=12), inserted=0.1)}
    start = time.process_time()
    found = similar.compare(works)
    assert time.process_time() - start < 20  # about 2 s
    assert pairs(found) == {("copy", "s017")} and found.compared == 300


@pytest.mark.parametrize(
    "text",
    [
        "'a\\" * 40_000,
        "\\\n" * 100_000,
        "(" * 200_000,
        '"""\n' * 50_001,
        "  a\n b\n" * 30_000,
        "\x00\n" * 100_000,
        "\ud800 = 1\n" * 1_000,
        "'%" + "0" * 100_000,
        "f'{" * 60_000,
    ],
)
def test_no_text_holds_the_report_up(text):
    start = time.process_time()
    found = similar.compare({name: {"t": text, "u": program(5)} for name in ("a", "b")})
    assert time.process_time() - start < 30  # most take less than a second
    assert found.compared + found.short == 2


def test_disguise_is_still_python():
    ast.parse(disguise(program(1), inserted=0.5))
    assert len({len(set(similar.pieces(program(seed)))) for seed in range(3)}) == 3
    lowest = np.min([len(set(similar.pieces(program(seed)))) for seed in range(20)])
    assert lowest > similar.FEWEST
