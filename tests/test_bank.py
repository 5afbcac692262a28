"""Bank cases: read, turned into submissions, compared with results. The last test runs the example class."""

import json

import nbformat
import pytest
from tiny_class import tiny as tiny_notebooks
from tiny_class import write_hidden
from typer.testing import CliRunner

from autograder.bank import BankError, check_case, make_submission, read_bank
from autograder.cli import app
from autograder.results import Result
from autograder.source import handout, instructor_notebook, read_source

TINY = "tests/fixtures/09_tiny.py"

CASE = """\
# ---
# kind: wrong
# title: Forgets the check
# expect: {heart_rate: 1, rhythm: [0, 4]}
# says: {heart_rate: [below 0, INTERVAL]}
# empty: [rhythm]
# ---
# %%
helper = 60.0
# %% task="heart_rate"
def heart_rate(rr):
    return helper / rr.mean()

# %% [markdown] task="interpret"
# Because of *ectopic* beats.
"""


@pytest.fixture(scope="module")
def tiny(request):
    text = read_source(request.config.rootpath / TINY)
    return handout(text), instructor_notebook(text)


def case(tmp_path, text, name="forgets"):
    path = tmp_path / "09_tiny" / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return read_bank(tmp_path)[0]


def sources(text):
    cells = nbformat.reads(text, as_version=4).cells
    return {c.metadata["nbgrader"]["grade_id"]: c.source for c in cells if "nbgrader" in c.metadata}, cells


def test_a_case_becomes_a_submission(tmp_path, tiny):
    made = case(tmp_path, CASE)
    assert (made.name, made.assignment, made.kind, made.title) == (
        "forgets",
        "09_tiny",
        "wrong",
        "Forgets the check",
    )
    found, cells = sources(make_submission(made, *tiny))
    given, _ = sources(nbformat.writes(tiny[0]))
    assert found["heart_rate"] == "def heart_rate(rr):\n    return helper / rr.mean()"
    assert found["interpret"] == "Because of *ectopic* beats."
    assert found["rhythm"] == given["rhythm"], "an empty task keeps the handout's stub"
    assert found["rhythm-test"] == given["rhythm-test"]
    text = [c.source for c in cells]
    assert text.index("helper = 60.0") < text.index(found["heart_rate"]), "an added cell runs in its place"
    assert make_submission(made, *tiny) == make_submission(made, *tiny)


def test_the_reference_answers_what_a_case_leaves_out(tmp_path, tiny):
    text = make_submission(case(tmp_path, "# ---\n# kind: reference\n# title: All of it\n# ---\n"), *tiny)
    found, _ = sources(text)
    assert "np.sqrt(np.mean(steps**2))" in found["rhythm"] and "ectopic" in found["interpret"]
    for secret in ("BEGIN", "MARK SCHEME", "3 points: a rhythm", "HIDDEN", "went through"):
        assert secret not in text


CHANGE = """\
# ---
# kind: wrong
# title: t
# only: [rhythm]
# ---
# %% task="heart_rate" change
# was
{was}
# now
{now}
"""


def test_a_case_may_name_only_the_lines_it_changes(tmp_path, tiny):
    reference, _ = sources(make_submission(case(tmp_path, "# ---\n# kind: reference\n# title: t\n# ---\n"), *tiny))
    lines = reference["heart_rate"].split("\n")
    text = CHANGE.format(was=lines[-1], now="    # was it so?\n    return 7.0")
    found, _ = sources(make_submission(case(tmp_path, text), *tiny))
    assert found["heart_rate"] == "\n".join([*lines[:-1], "    # was it so?", "    return 7.0"])
    given, _ = sources(nbformat.writes(tiny[0]))
    assert found["rhythm"] == reference["rhythm"] and found["interpret"] == given["interpret"], "only what is named"
    gone, _ = sources(make_submission(case(tmp_path, CHANGE.format(was=lines[-1], now="")), *tiny))
    assert gone["heart_rate"] == "\n".join(lines[:-1])
    for wrong, message in (
        (CHANGE.format(was="    no such line", now="x"), "stand 0 times.*no such line"),
        (CHANGE.format(was=lines[-1].strip()[:8], now="x"), "stand 0 times"),
        (CHANGE.format(was=lines[-1], now="x").replace("# now\n", ""), "pairs of `# was` and `# now`"),
    ):
        with pytest.raises(BankError, match=f"(?s){message}"):
            make_submission(case(tmp_path, wrong), *tiny)
    with pytest.raises(BankError, match="a change of no task"):
        case(tmp_path, CHANGE.replace(' task="heart_rate"', ""))


def test_a_case_may_damage_the_notebook(tmp_path, tiny):
    made = case(
        tmp_path,
        "# ---\n# kind: broken\n# title: t\n# drop: [rhythm-test]\n# duplicate: [heart_rate]\n"
        "# tags: {heart_rate-test: [skip-execution]}\n# ---\n",
    )
    cells = nbformat.reads(make_submission(made, *tiny), as_version=4).cells
    names = [c.metadata.get("nbgrader", {}).get("grade_id") for c in cells]
    assert names.count("heart_rate") == 2 and "rhythm-test" not in names
    assert cells[names.index("heart_rate-test")].metadata["tags"] == ["skip-execution"]
    assert len({c.id for c in cells}) == len(cells)


@pytest.mark.parametrize("raw, broken", [("truncated", True), ("empty", True), ("'no notebook'", True)])
def test_files_that_are_no_notebook(tmp_path, tiny, raw, broken):
    made = case(tmp_path, f"# ---\n# kind: broken\n# title: t\n# raw: {raw}\n# ---\n")
    with pytest.raises(json.JSONDecodeError):
        json.loads(make_submission(made, *tiny))
    assert check_case(Result("s", "09_tiny", "failed", ["cut off"]), made) == []
    assert check_case(Result("s", "09_tiny", "graded"), made) == ["status: got graded (), expected failed"]


def test_differences_are_named(tmp_path):
    made = case(tmp_path, CASE)
    result = Result(
        "forgets",
        "09_tiny",
        "graded",
        points={"heart_rate": 1.0, "rhythm": 4.0},
        possible={"heart_rate": 4.0, "rhythm": 10.0},
        messages={"heart_rate": "an Interval below 0 went through"},
    )
    assert check_case(result, made) == []
    result.points |= {"heart_rate": 4.0, "rhythm": None}
    result.messages = {}
    found = check_case(result, made)
    assert found[:2] == [
        "heart_rate: got 4, expected 1 of 4",
        "rhythm: got no mark yet, expected 0 to 4 of 10",
    ]
    assert "'below 0'" in found[2] and "'INTERVAL'" in found[3] and len(found) == 4


@pytest.mark.parametrize(
    "text, message",
    [
        ("x = 1\n", "no front matter"),
        ("# ---\n# kind: strange\n# title: t\n# ---\n", "'strange'"),
        ("# ---\n# kind: wrong\n# title: t\n# expcet: {}\n# ---\n", "expcet"),
        ("# ---\n# kind: [wrong\n# ---\n", "not YAML"),
        ("# ---\n# kind: wrong\n# title: t\n# ---\nx = 1\n", "before the first cell"),
    ],
)
def test_unusable_cases_say_why(tmp_path, text, message):
    with pytest.raises(BankError, match=message):
        case(tmp_path, text)


def test_a_task_the_assignment_does_not_have(tmp_path, tiny):
    made = case(tmp_path, '# ---\n# kind: wrong\n# title: t\n# ---\n# %% task="hart_rate"\nx = 1\n')
    with pytest.raises(BankError, match="no hart_rate; its answers are heart_rate, interpret, rhythm"):
        make_submission(made, *tiny)


def test_the_example_class(tmp_path, monkeypatch):
    """`autograder demo`: grades the bank, says what differs, and does nothing twice."""
    monkeypatch.setattr("physiodl.exam.write_hidden", write_hidden)
    monkeypatch.setattr("autograder.newclass.built_assignments", lambda **_: {"09_tiny": tiny_notebooks()})
    bank, folder = tmp_path / "bank", str(tmp_path / "demo")
    case(bank, "# ---\n# kind: reference\n# title: t\n# expect: {double: 4, score: 6}\n# ---\n", "reference")
    case(bank, "# ---\n# kind: broken\n# title: t\n# raw: truncated\n# ---\n", "truncated")
    first = CliRunner().invoke(app, ["demo", folder, "--bank", str(bank)])
    assert first.exit_code == 0, first.output
    assert "2 of 2 cases came out as expected" in first.output and "reports/index.html" in first.output
    again = CliRunner().invoke(app, ["demo", folder, "--bank", str(bank)])
    assert again.exit_code == 0 and "nothing new to grade" in again.output
    case(bank, "# ---\n# kind: reference\n# title: t\n# expect: {double: 1}\n# ---\n", "reference")
    wrong = CliRunner().invoke(app, ["demo", folder, "--bank", str(bank)])
    assert wrong.exit_code == 1 and "09_tiny/reference: double: got 4, expected 1 of 4" in wrong.output


def test_commands_on_no_class_say_what_to_do(tmp_path):
    for command in ("grade", "report"):
        done = CliRunner().invoke(app, [command, str(tmp_path)])
        assert done.exit_code == 2 and "autograder init" in done.output.replace("\n", " ")
