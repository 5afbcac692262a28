"""Each rule of the source checks: a source that breaks it, and ones written differently that do not."""

from pathlib import Path

import pytest

from autograder.lint import contract, lint_source, parts
from autograder.names import bound_names, free_names
from autograder.parts import points_table
from autograder.source import read_source

ROOT = Path(__file__).resolve().parent.parent
REAL = sorted([*ROOT.glob("course/source/*.py"), *ROOT.glob("solutions/*.py")])
HINTS = "".join(f"# <details><summary>Hint {k}</summary>\n#\n# So.\n# </details>\n" for k in (1, 2, 3))
LOCKED = "import numpy as np"
TEXT = "# Define `f(x)` and `w`, numbers."
ANSWER = """w = None
def f(x, gain=1.0):
    ### BEGIN SOLUTION
    return gain * np.asarray(x).sum()
    ### END SOLUTION"""
TEST = """# asks: f
got = f(np.ones(3))
assert np.isclose(got, 3.0)
10.0"""
WRITTEN = """# ### BEGIN SOLUTION
# Because it adds.
# ### END SOLUTION
# ### BEGIN MARK SCHEME
# 10 points for the reason.
# ### END MARK SCHEME"""
TOP = """# # Title
# ## What you will do
# Add.
# ## Points
# | task | points |
# |---|---|
# | `add` | 10 |
# | `why` | 10 |
#
# **Time.** 5 min working, 1 min computing.
#
# **Data:** none."""
PARAMETERS = 'SOURCE = "simulated"\nBUDGET = "default"\nSEED = 0'


def assignment(
    *,
    top=TOP,
    locked=LOCKED,
    text=TEXT,
    answer=ANSWER,
    test=TEST,
    written=WRITTEN,
    meta="# total: 20\n",
    answer_mark='role="answer" task="add"',
    test_mark='role="test" task="add" points=10',
    written_mark='role="written" task="why" points=10',
    extra="",
    hints=HINTS,
    parameters=PARAMETERS,
):
    """A small assignment, any part of which can be replaced."""
    return (
        f"# ---\n# kind: assignment\n{meta}# ---\n\n# %% [markdown]\n{top}\n\n"
        f'# %% tags=["parameters"]\n{parameters}\n\n# %% role="locked"\n{locked}\n\n'
        f"# %% [markdown]\n{text}\n{hints}\n"
        f"# %% {answer_mark}\n{answer}\n\n# %% {test_mark}\n{test}\n\n{extra}"
        f"# %% [markdown]\n# Say why in words.\n{hints}\n# %% [markdown] {written_mark}\n{written}\n"
    )


LESSON_TOP = """# # Title
# ## What you will learn
# To add.
# ## What you need
# Nothing.
# ## Time
# 20 min reading, 1 min computing.
# ## Data
# None."""
CLOSE = "# ## Take away\n# Sums.\n# ## Where next\n# Products."


def lesson(*, meta="", top=LESSON_TOP, first='tags=["parameters"]', parameters=PARAMETERS, code="1 + 1", close=CLOSE):
    return (
        f"# ---\n# kind: lesson\n{meta}# ---\n\n# %% [markdown]\n{top}\n\n# %% {first}\n{parameters}\n\n"
        f"# %%\n{code}\n\n# %% [markdown]\n{close}\n"
    )


@pytest.fixture
def findings(tmp_path):
    def check(text):
        path = tmp_path / "09_small.py"
        path.write_text(text)
        return lint_source(path)

    return check


def asking(body, names="f"):
    return f"# asks: {names}\n{body}\n10.0"


SOUND = {
    "plain": assignment(),
    "lesson": lesson(),
    "lesson with bold labels": lesson(
        top="# # T\n#\n# **What you will learn:** x\n#\n# - **What you need** y\n"
        "# - **Time**: reading 5 min, computing 1 min\n# - **Data** z"
    ),
    "welcome needs a title only": "# ---\n# kind: welcome\n# ---\n# %% [markdown]\n# # Welcome\n# %%\n1\n",
    "data name": assignment(test=asking("assert np.isclose(w, 2.0)", "w")),
    "both names": assignment(test=asking("assert f(w) > 0", "f, w")),
    "nested scopes": assignment(
        test=asking("def each(x):\n    return [f(k) for k in x if (y := k) or y]\nassert sum(each(range(3))) == 3")
    ),
    "local variable named as an asked one": assignment(
        test=asking("def twice(w):\n    return 2 * f(w)\nassert twice(1.0) == 2.0")
    ),
    "isinstance of what came back": assignment(test=asking("assert isinstance(f(1.0), float)")),
    "is None of what came back": assignment(test=asking("assert f(1.0) is not None")),
    "getattr by plain name": assignment(test=asking("assert getattr(f(1.0), 'real') == 1.0")),
    "names passed on": assignment(test=asking("assert np.vectorize(f)(np.ones(2)).shape == (2,)")),
    "last expression computed": assignment(test="# asks: f\npoints = 10.0 if f(1.0) else 0.0\npoints"),
    "semicolon in a comment": assignment(test="# asks: f\ngot = f(1.0)\nfloat(got)  # full;"),
    "exam.task as the marker says": assignment(
        locked="import numpy as np\nclass exam:\n    task = print",
        test=asking("task = exam.task('add', points=10)\nassert f(1.0) == 1.0"),
    ),
    "hidden tests": assignment(
        test=asking("assert f(1.0) == 1.0\n### BEGIN HIDDEN TESTS\nassert f(2.0) == 2.0\n### END HIDDEN TESTS")
    ),
    "free scratch cell": assignment(extra='# %% role="free"\n# try\n\n'),
    "asked name of an earlier task": assignment(
        meta="# total: 25\n",
        top=TOP.replace("# | `why`", "# | `again` | 5 |\n# | `why`"),
        extra="# %% [markdown]\n# Use `f` again.\n"
        + HINTS
        + '\n# %% role="test" task="again" points=5\n# asks: f\nassert f(0.0) == 0.0\n5.0\n\n',
    ),
    "class as answer": assignment(
        text="# Define the class `Net`:\n# ```python\n# Net(n)(x)\n# ```\n",
        answer="class Net:\n    def __init__(self, n):\n        ### BEGIN SOLUTION\n        self.n = n\n"
        "        ### END SOLUTION\n    def __call__(self, x):\n        ### BEGIN SOLUTION\n"
        "        return self.n * x\n"
        "        ### END SOLUTION",
        test=asking("assert Net(2)(3.0) == 6.0", "Net"),
    ),
    "mark scheme inside the solution": assignment(
        written="# ### BEGIN SOLUTION\n# Because.\n# ### BEGIN MARK SCHEME\n# 10: reason\n"
        "# ### END MARK SCHEME\n# ### END SOLUTION"
    ),
    "half points": assignment(
        test_mark='role="test" task="add" points=9.5',
        written_mark='role="written" task="why" points=10.5',
        top=TOP.replace("`add` | 10", "Adding (`add`) | 9.5").replace("`why` | 10", "**`why`** | **10.5**"),
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_sources_pass(name, findings):
    assert [str(finding) for finding in findings(SOUND[name])] == []


BROKEN = {
    # options, roles, regions
    "code without a role": (assignment(extra="# %%\nx = 1\n\n"), "role", "without a role"),
    "unknown role": (assignment(extra='# %% role="lokced"\nx = 1\n\n'), "role", "lokced"),
    "code role on text": (assignment(written_mark='role="answer" task="why"'), "role", "markdown"),
    "misspelt option": (assignment(test_mark='role="test" task="add" pionts=10'), "options", "pionts"),
    "points on a locked cell": (assignment(extra='# %% role="locked" points=3\nx = 1\n\n'), "role", "points"),
    "raw cell": (assignment(extra="# %% [raw]\n# x\n\n"), "cell type", "raw"),
    "role in a lesson": (lesson(first='tags=["parameters"] role="locked"'), "role", "in a lesson"),
    "solution in a lesson": (
        lesson(code="### BEGIN SOLUTION\nx = 1\n### END SOLUTION"),
        "region",
        "SOLUTION",
    ),
    "solution in a locked cell": (
        assignment(locked=LOCKED + "\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION"),
        "region",
        "locked",
    ),
    "hidden tests in an answer": (
        assignment(answer=ANSWER + "\n### BEGIN HIDDEN TESTS\nx = 1\n### END HIDDEN TESTS"),
        "region",
        "answer",
    ),
    "delimiter in the text": (assignment(text=TEXT + "\n# Write after BEGIN SOLUTION."), "region", "plain"),
    "solution without end": (assignment(answer=ANSWER.replace("### END SOLUTION", "")), "region", "END"),
    "end without begin": (
        assignment(test=asking("f(1)\n### END HIDDEN TESTS")),
        "region",
        "without its BEGIN",
    ),
    "nested solution": (
        assignment(answer=ANSWER.replace("    return", "    ### BEGIN SOLUTION\n    return")),
        "region",
        "inside",
    ),
    "answer without solution": (assignment(answer="def f(x):\n    return x"), "region", "without SOLUTION"),
    "written without mark scheme": (
        assignment(written="# ### BEGIN SOLUTION\n# So.\n# ### END SOLUTION"),
        "region",
        "MARK SCHEME",
    ),
    # tasks and points
    "answer without task": (assignment(answer_mark='role="answer"'), "task", "None"),
    "task with a dash": (assignment(answer_mark='role="answer" task="add-up"'), "task", "add-up"),
    "duplicate answer": (
        assignment(extra='# %% role="answer" task="add"\n' + ANSWER + "\n\n"),
        "task",
        "second",
    ),
    "duplicate test": (
        assignment(extra='# %% role="test" task="add" points=1\n' + TEST + "\n\n"),
        "task",
        "second test",
    ),
    "written named as an answer": (
        assignment(written_mark='role="written" task="add" points=10'),
        "task",
        "second",
    ),
    "answer without test": (
        assignment(extra='# %% role="answer" task="more"\n' + ANSWER + "\n\n"),
        "task",
        "without a test",
    ),
    "points missing": (assignment(test_mark='role="test" task="add"'), "points", "None"),
    "points as text": (assignment(test_mark='role="test" task="add" points="10"'), "points", "'10'"),
    "points true": (assignment(test_mark='role="test" task="add" points=true'), "points", "rue"),
    "points zero": (assignment(test_mark='role="test" task="add" points=0'), "points", "0"),
    "points on the answer": (
        assignment(answer_mark='role="answer" task="add" points=10'),
        "points",
        "answer",
    ),
    "not 100": (assignment(meta=""), "points", "20 points in all; expected 100"),
    "not the total given": (assignment(meta="# total: 30\n"), "points", "expected 30"),
    "unknown kind": (assignment().replace("kind: assignment", "kind: homework"), "kind", "homework"),
    # Python and stubs
    "magic": (assignment(extra='# %% role="free"\n%matplotlib inline\n\n'), "python", "%matplotlib"),
    "shell line": (assignment(test=asking("!ls\nf(1)")), "python", "!ls"),
    "syntax error in a lesson": (lesson(code="x = ="), "python", "x = ="),
    "hidden region leaves nothing": (
        assignment(test=asking("if f(1):\n    ### BEGIN HIDDEN TESTS\n    assert f(2)\n    ### END HIDDEN TESTS")),
        "handout",
        "indented block",
    ),
    "signature differs": (
        assignment(
            answer="def f(x):\n    pass\n### BEGIN SOLUTION\ndef f(x, gain=1):\n    return x * gain\n### END SOLUTION"
        ),
        "stub",
        "f(x) in the stub; expected f(x, gain=1)",
    ),
    "variable for a function": (
        assignment(answer="f = None\n### BEGIN SOLUTION\ndef f(x):\n    return x\n### END SOLUTION"),
        "stub",
        "variable",
    ),
    "answer in a test cell": (
        assignment(
            answer=ANSWER.replace("return gain", "total = np.asarray(x)\n    return gain"),
            test=asking(
                "def g(x, gain=1.0):\n    total = np.asarray(x)\n    return gain * np.asarray(x).sum()\n"
                "assert f(1.0) == g(1.0)"
            ),
        ),
        "answer shown",
        "add",
    ),
    # names
    "no asks line": (assignment(test="f(1.0)\n10.0"), "asks", "f(1.0)"),
    "empty asks": (assignment(test=asking("f(1.0)", "")), "asks", "declare"),
    "asks twice": (assignment(test=asking("f(1.0)", "f, f")), "asks", "each once"),
    "undeclared": (assignment(test=asking("f(w)")), "asks", "['w'] used"),
    "undeclared in a lambda": (assignment(test=asking("g = lambda: w\nf(1)")), "asks", "['w'] used"),
    "undeclared in an f-string": (assignment(test=asking("assert f(1), f'{w:.2f}'")), "asks", "['w'] used"),
    "undeclared, then bound": (assignment(test=asking("w = w + f(1)")), "asks", "['w'] used"),
    "import of an answer cell": (
        assignment(answer="import math\n" + ANSWER, test=asking("assert f(math.pi)")),
        "asks",
        "['math'] used",
    ),
    "variable of an earlier test": (
        assignment(
            meta="# total: 25\n",
            extra='# %% [markdown]\n# Use `f`.\n\n# %% role="test" task="again" points=5\n'
            "# asks: f\nassert f(0) < got\n5.0\n\n",
        ),
        "asks",
        "['got'] used",
    ),
    "declared, not used": (assignment(test=asking("f(1.0)", "f, w")), "asks", "['w'] declared"),
    "not in the stub": (
        assignment(answer="### BEGIN SOLUTION\ndef f(x):\n    return x\n### END SOLUTION"),
        "asks",
        "stubs above",
    ),
    "asked before it is defined": (
        assignment(
            answer_mark='role="test" task="add" points=10',
            answer=TEST,
            test_mark='role="answer" task="add"',
            test=ANSWER,
        ),
        "asks",
        "stubs above define: []",
    ),
    "not in the text": (assignment(text="# Define f(x)."), "asks", "backticks"),
    "only a longer name in the text": (assignment(text="# Define `f_long`."), "asks", "backticks"),
    "asked name given": (assignment(locked=LOCKED + "\ndef f(x):\n    return x"), "locked", "['f']"),
    "locked cell uses student names": (
        assignment(extra='# %% role="locked"\nresult = f(1.0)\n\n'),
        "locked",
        "['f']",
    ),
    "star import": (assignment(locked=LOCKED + "\nfrom math import *"), "locked", "import *"),
    # test cells
    "assigns": (assignment(test=asking("g = f\nf = g(1.0)")), "test", "['f'] assigned"),
    "augments": (assignment(test=asking("w += f(1.0)", "f, w")), "test", "['w'] assigned"),
    "deletes": (assignment(test=asking("f(1.0)\ndel f")), "test", "['f'] assigned"),
    "loops over": (
        assignment(test=asking("f(w)\nfor w in [1]:\n    pass", "f, w")),
        "test",
        "['w'] assigned",
    ),
    "assigns by global": (
        assignment(test=asking("def g():\n    global w\n    w = 1\ng()\nf(w)", "f, w")),
        "test",
        "['w'] assigned",
    ),
    "changes an item": (assignment(test=asking("w[0] = 1\nf(w)", "f, w")), "test", "`w[0]`"),
    "sets an attribute": (assignment(test=asking("f.calls = 1")), "test", "`f.calls`"),
    "eval": (assignment(test=asking("assert f(1) == eval('1')")), "test", "`eval`"),
    "globals": (assignment(test=asking("assert globals()['f'] is f(1)")), "test", "`globals`"),
    "get_ipython": (assignment(test=asking("f(1)\nget_ipython")), "asks", "get_ipython"),
    "getattr with dunder": (assignment(test=asking("getattr(f, '__code__')")), "test", "__code__"),
    "getattr by variable": (
        assignment(test=asking("name = 'x'\ngetattr(f, name)")),
        "test",
        "getattr(f, name)",
    ),
    "dunder": (assignment(test=asking("assert f.__doc__")), "test", "__doc__"),
    "dunder name": (assignment(test=asking("__builtins__\nf(1)")), "test", "__builtins__"),
    "import": (assignment(test=asking("import math\nf(math.pi)")), "test", "locked cell"),
    "import inside": (
        assignment(test=asking("def g():\n    from math import pi\n    return pi\nf(g())")),
        "test",
        "locked cell",
    ),
    "isinstance": (
        assignment(test=asking("assert isinstance(w, float)\nf(1)", "f, w")),
        "test",
        "isinstance(w",
    ),
    "isinstance of a student's class": (
        assignment(test=asking("assert isinstance(f(1), w)", "f, w")),
        "test",
        "isinstance(f(1), w)",
    ),
    "identity": (assignment(test=asking("assert w is not None\nf(1)", "f, w")), "test", "w is not None"),
    "backward": (assignment(test=asking("f(1.0).backward()")), "test", "backward"),
    "function as argument": (assignment(test=asking("f(lambda: 1)")), "test", "lambda"),
    "own function as argument": (assignment(test=asking("def g():\n    return 1\nf(g)")), "test", "f(g)"),
    "ends in an assignment": (assignment(test="# asks: f\nx = f(1)"), "test", "last statement"),
    "ends in print": (assignment(test="# asks: f\nprint(f(1))"), "test", "last statement"),
    "ends in a semicolon": (assignment(test="# asks: f\nf(1);"), "test", "without `;`"),
    "ends in a hidden region": (
        assignment(test="# asks: f\nx = f(1)\n### BEGIN HIDDEN TESTS\nx\n### END HIDDEN TESTS"),
        "test",
        "hidden",
    ),
    "exam.task of another task": (
        assignment(locked=LOCKED + "\nimport exam", test=asking("exam.task('sum', points=10)\nf(1)")),
        "points",
        "'add'",
    ),
    "exam.task with other points": (
        assignment(locked=LOCKED + "\nimport exam", test=asking("exam.task('add', points=9)\nf(1)")),
        "points",
        "=10",
    ),
    # parts
    "no title": (lesson(top=LESSON_TOP.replace("# # Title", "# Title")), "title", "no title"),
    "no learning goals": (
        lesson(top=LESSON_TOP.replace("will learn", "learned")),
        "opening",
        "What you will learn",
    ),
    "no needs": (lesson(top=LESSON_TOP.replace("## What you need", "So")), "opening", "What you need"),
    "no data": (lesson(top=LESSON_TOP.replace("## Data", "```\n# ## Data\n# ```")), "opening", "Data"),
    "time without computing": (
        lesson(top=LESSON_TOP.replace(", 1 min computing", "")),
        "opening",
        "computing",
    ),
    "no parameters": (lesson(first=""), "parameters", "no such"),
    "parameters lack the seed": (lesson(parameters='SOURCE = ""\nBUDGET = ""'), "parameters", "no SEED"),
    "no take away": (lesson(close="# ## Where next\n# On."), "close", "Take away"),
    "ends in the wrong order": (lesson(close="# ## Where next\n# ## Take away"), "close", "then"),
    "assignment without its question": (
        assignment(top=TOP.replace("# Add.", "#").replace("##", "#").replace("**Time.** 5", "**Time.** 5")),
        "opening",
        "says what",
    ),
    "table with other points": (
        assignment(top=TOP.replace("`add` | 10", "`add` | 9")),
        "points table",
        "'add': 9",
    ),
    "table lacks a task": (
        assignment(top=TOP.replace("# | `why` | 10 |\n", "")),
        "points table",
        "'why': 10",
    ),
    "table with another total": (
        assignment(top=TOP.replace("`why` | 10 |", "`why` | 10 |\n# | total | 30 |")),
        "points table",
        "total 30",
    ),
    "two hints": (assignment(hints=HINTS.replace("Hint 3</summary>", "Hint 3")), "hints", "2 folded"),
    # files
    "text above the first cell": ("x = 1\n" + lesson(), "readable", ":1: got text before"),
    "marker in a string": (lesson(code='x = """\n# %% no\n"""'), "readable", "inside a string"),
    "front matter without end": ("# ---\n# kind: lesson\n\n# %%\nx\n", "readable", "second"),
    "front matter no mapping": ("# ---\n# - a\n# ---\n\n# %%\nx\n", "readable", "key: value"),
    "empty": ("", "readable", "empty file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_sources_are_told(name, findings):
    text, rule, words = BROKEN[name]
    told = [str(finding) for finding in findings(text) if finding.rule == rule]
    assert any(words in line for line in told), findings(text)
    assert all("expected" in line and "; " in line for line in told)


def test_findings_name_file_cell_and_line(tmp_path):
    path = tmp_path / "03_place.py"
    path.write_text(assignment(test="# asks: f\nassert f(1)\nassert eval('1')\n10.0"))
    [finding] = contract(read_source(path))
    assert path.read_text().split("\n")[finding.line - 1] == "assert eval('1')"
    assert (finding.path, finding.cell) == (path, 6)
    assert str(finding).startswith(f"{path}:{finding.line}: cell 6 [test] got `eval`")


def test_folder_decides_the_kind_where_front_matter_does_not(tmp_path):
    for folder, kind in {"solutions": "assignment", "source": "lesson"}.items():
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "03_x.py"
        path.write_text("# %%\nx = 1\n")
        assert read_source(path).kind == kind


@pytest.mark.parametrize(
    ("code", "free", "bound"),
    [
        ("def g(a, *b, c=d, **e):\n    return a + h", "d h", "g"),
        ("g = lambda a: a + h", "h", "g"),
        ("[a * h for a in b if a > c]", "h b c", ""),
        ("[(z := a) for a in b]", "b", "z"),
        ("{k: v for k, v in d.items()}", "d", ""),
        ("f'{a} {b:{c}}'", "a b c", ""),
        ("@deco\ndef g(x: ann) -> ret: ...", "deco ann ret", "g"),
        (
            "class A(base, metaclass=m):\n    x = y\n    def f(self):\n        return z, x",
            "base m y z x",
            "A",
        ),
        ("class A:\n    w = w", "w", "A"),
        (
            "match a:\n    case {'k': b, **rest}:\n        c = b\n    case [B.x, *d]:\n        pass",
            "a B",
            "b c d rest",
        ),
        ("w += 1", "w", "w"),
        ("w = w[0]", "w", "w"),
        ("del w", "w", "w"),
        ("w = 1\nw += 1\ndel w", "", "w"),
        ("import a.b as c\nfrom d import e", "", "c e"),
        ("import a.b", "", "a"),
        ("with a() as b, c: d = b", "a c", "b d"),
        ("for i in n:\n    s = i\ns", "n", "i s"),
        ("try:\n    a\nexcept E as e:\n    e\nelse:\n    b", "a E b", "e"),
        ("def g():\n    global x\n    x = 1\n    y = x\ng()", "", "g x"),
        ("def g():\n    x = 1\n    def h():\n        nonlocal x\n        x = 2\n    return h", "", "g"),
        ("def g():\n    return later\nlater = 1", "", "g later"),
        ("x: int = 1\ny: t", "int t", "x"),
        ("def g():\n    class A:\n        w = w\n        v = [u * w for t in s]\n    return A", "w u s", "g"),
        ("async def g():\n    async for a in b:\n        await c(a)", "b c", "g"),
        ("print(*a, **b, c=d[e:f, g])", "print a b d e f g", ""),
        ("global w\nw = v", "v", "w"),
        ("lambda a=b, *, c=d: (a, c, e)", "b d e", ""),
        ("a[b].c = d\n(e, *f), g = h", "a b d h", "e f g"),
    ],
)
def test_names_over_all_scopes(code, free, bound):
    assert free_names(code) == set(free.split())
    assert bound_names(code) == set(bound.split())


def test_points_table_reads_any_column_order():
    text = "| no | Points | kind | Task |\n|-|-|-|-|\n| 1 | 7.5 | x | Split (`split`) |\n"
    text += "| | 7.5 | | **Total** |\n"
    assert points_table(text) == ({"split": 7.5}, 7.5)
    assert points_table("| a | b |\n|---|---|\n| `split` | 3 |") == ({}, None)


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_sources_have_no_findings(path):
    assert [str(finding) for finding in lint_source(path)] == []


def test_the_fixture_has_no_findings():
    source = read_source(ROOT / "tests" / "fixtures" / "09_tiny.py")
    assert contract(source) + parts(source) == []
