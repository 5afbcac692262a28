"""What is built from the sources: nbgrader accepts it, nothing leaks, the same text gives the same bytes."""

import copy
import logging
import os
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.utils import compute_checksum
from nbgrader.validator import Validator

from autograder.build import (
    BuildRefused,
    build_all,
    built_text,
    filled,
    instructor_version,
    leaks,
    orphans,
    reference,
)
from autograder.source import (
    SourceError,
    handout,
    instructor_notebook,
    lesson,
    notebook_text,
    read_source,
    rubric,
    tasks,
)

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "tests" / "fixtures" / "09_tiny.py"
REAL_SOURCES = sorted(ROOT.glob("solutions/*.py"))
LESSON = """# %% [markdown]
# # A lesson
# %% tags=["parameters"]
SOURCE = "simulated"
# %% a title of no consequence
# cat the leads
x = 1
"""


@pytest.fixture(scope="module")
def tiny():
    return read_source(TINY)


@pytest.fixture
def course(tmp_path):
    """A course of one lesson and one assignment, not yet built."""
    for folder in ("course/source", "solutions"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "course/source/09_tiny.py").write_text(LESSON)
    shutil.copy(TINY, tmp_path / "solutions")
    return tmp_path


def cells_by_id(notebook):
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


# ------------------------------------------------------------------------------------------------- notebooks
def test_instructor_notebook_keeps_what_graders_need(tiny):
    notebook = instructor_notebook(tiny)
    MetadataValidator().validate_nb(notebook)
    cells = cells_by_id(notebook)
    assert list(cells) == [
        "locked-1", "locked-2", "heart_rate", "heart_rate-test", "rhythm", "rhythm-test", "interpret",
    ]  # fmt: skip
    assert "60.0 / intervals.mean()" in cells["heart_rate"].source
    assert "BEGIN HIDDEN TESTS" in cells["rhythm-test"].source
    assert "3 points: the P wave" in cells["interpret"].source
    kinds = ("grade", "solution", "locked")
    flags = {name: [kind for kind in kinds if cell.metadata.nbgrader[kind]] for name, cell in cells.items()}
    assert flags["locked-1"] == ["locked"]
    assert flags["rhythm"] == ["solution"]
    assert flags["rhythm-test"] == ["grade", "locked"]
    assert flags["interpret"] == ["grade", "solution"]
    assert [c.metadata.nbgrader.points for c in cells.values() if c.metadata.nbgrader.grade] == [4, 10, 6]


def test_handout_shows_tasks_and_no_answers(tiny):
    cells = cells_by_id(handout(tiny))
    assert cells["heart_rate"].source.endswith("    # YOUR CODE HERE\n    raise NotImplementedError()")
    assert cells["heart_rate"].source.startswith("def heart_rate(rr):")
    assert cells["interpret"].source == "YOUR ANSWER HERE"
    assert "HIDDEN" not in cells["rhythm-test"].source and cells["rhythm-test"].source.endswith("len(cases)")
    assert leaks(handout(tiny), tiny) == []


def test_handout_is_locked_and_checksummed_as_nbgrader_does(tiny):
    notebook = handout(tiny)
    MetadataValidator().validate_nb(notebook)
    for name, cell in cells_by_id(notebook).items():
        assert cell.metadata.nbgrader.checksum == compute_checksum(cell)
        assert cell.metadata.nbgrader.cell_type == cell.cell_type
        assert cell.metadata.deletable is False
        assert cell.metadata.get("editable", True) is (name in ("heart_rate", "rhythm", "interpret"))


def test_options_of_the_source_stay_out(tiny):
    for notebook in (handout(tiny), instructor_notebook(tiny)):
        for cell in notebook.cells:
            assert set(cell.metadata) <= {"nbgrader", "tags", "deletable", "editable"}
        assert set(notebook.metadata) == {"kernelspec", "language_info"}
        assert notebook.metadata.kernelspec.name == "python3"
    assert [cell.metadata.get("tags") for cell in handout(tiny).cells][1] == ["parameters"]


def test_lesson_has_code_as_written(course):
    notebook = lesson(read_source(course / "course/source/09_tiny.py"))
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code"]
    assert notebook.cells[2].source == "# cat the leads\nx = 1"  # a comment, not a shell command
    assert [dict(cell.metadata) for cell in notebook.cells] == [{}, {"tags": ["parameters"]}, {}]


def test_tasks_and_rubric(tiny):
    assert [tuple(task) for task in tasks(tiny)] == [
        ("heart_rate", "auto", 4, "heart_rate-test", ("heart_rate",)),
        ("rhythm", "auto", 10, "rhythm-test", ("is_irregular",)),
        ("interpret", "written", 6, "interpret", ()),
    ]
    assert rubric(tiny, "interpret").startswith("- 3 points: a rhythm that fits")
    assert rubric(tiny, "rhythm") == ""


def test_filled_handout_is_a_submission(tiny):
    notebook = filled(handout(tiny), {"interpret": "Because."})
    assert cells_by_id(notebook)["interpret"].source == "Because."
    assert cells_by_id(notebook)["rhythm"].source == cells_by_id(handout(tiny))["rhythm"].source
    with pytest.raises(KeyError, match="rhythm-test"):
        filled(handout(tiny), {"rhythm-test": "10.0"})
    solved = cells_by_id(reference(tiny))
    assert "return float(60.0 / intervals.mean())" in solved["heart_rate"].source
    assert not any("SOLUTION" in cell.source or "MARK SCHEME" in cell.source for cell in solved.values())


# -------------------------------------------------------------------------------------- nbgrader takes it
def test_nbgrader_generates_the_same_handout(tiny, tmp_path, monkeypatch):
    """The whole of nbgrader's generate_assignment, gradebook included, on the instructor's notebook."""
    from nbgrader.api import Gradebook
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory

    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # nbgrader calls alembic
    folder = tmp_path / "source" / "09_tiny"
    folder.mkdir(parents=True)
    (folder / "09_tiny.ipynb").write_text(notebook_text(instructor_notebook(tiny)), encoding="utf-8")
    coursedir = CourseDirectory(root=str(tmp_path), assignment_id="09_tiny")
    GenerateAssignment(coursedir=coursedir).start()
    released = nbformat.read(tmp_path / "release" / "09_tiny" / "09_tiny.ipynb", as_version=4)
    assert released.cells == handout(tiny).cells
    with Gradebook(coursedir.db_url) as gradebook:
        assert gradebook.find_assignment("09_tiny").max_score == 20
        kept = gradebook.find_source_cell("rhythm-test", "09_tiny", "09_tiny").source
        assert "HIDDEN TESTS" in kept


def validate(notebook, folder):
    path = folder / "work.ipynb"
    path.write_text(notebook_text(notebook), encoding="utf-8")
    return Validator().validate(str(path))


def test_validator_passes_the_reference_and_fails_the_bare_handout(tiny, tmp_path):
    assert validate(reference(tiny), tmp_path) == {}
    failed = validate(handout(tiny), tmp_path)["failed"]
    assert ["NotImplementedError" in each["raw_error"] for each in failed] == [True, True, False]
    changed = reference(tiny)
    cells_by_id(changed)["rhythm-test"].source = "10.0"
    assert list(validate(changed, tmp_path)) == ["changed"]


# ---------------------------------------------------------------------------------------------------- leaks
def leak_solution(cell):
    cell.source += "\nprint(float(60.0   /   intervals.mean()))"


def leak_hidden_test(cell):
    message = "the mean of rates is not the rate of the mean"
    cell.source = f'x = 1\nassert np.isclose(heart_rate(np.array([0.5, 1.5])), 60.0), "{message}"'


LEAKS = {
    "solution line, spaced otherwise": leak_solution,
    "solution in the metadata": lambda c: c.metadata.update(tags=["intervals = np.asarray(rr, dtype=float)"]),
    "hidden test": leak_hidden_test,
    "mark scheme": lambda c: c.update(source="- 3 points: the P wave, or the regular rhythm in between"),
    "written solution in an attachment": lambda c: c.update(
        attachments={"a.txt": {"text/plain": "regular and each sinus beat has a P wave, which atrial "
                                             "fibrillation lacks."}}
    ),
    "delimiter": lambda c: c.update(source=c.source + "\n### END SOLUTION"),
    "output": lambda c: c.update(outputs=[nbformat.v4.new_output("stream", text="75.0")]),
    "execution count": lambda c: c.update(execution_count=3),
    "role": lambda c: c.metadata.update(role="answer"),
    "answer beside nbgrader's own": lambda c: c.metadata.setdefault("nbgrader", {}).update(answer="x"),
    "checksum of the full cell": lambda c: c.metadata.setdefault("nbgrader", {}).update(checksum="0" * 32),
    "attachment": lambda c: c.update(attachments={"a.png": {"image/png": ""}}),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAKS)
def test_leaks_are_found(name, tiny):
    notebook = handout(tiny)
    LEAKS[name](notebook.cells[5])
    assert any(fault.startswith("cell 6 ") for fault in leaks(notebook, tiny))


def test_a_line_that_a_hint_shows_on_purpose_is_no_leak(tmp_path):
    path = tmp_path / "09_tiny.py"
    hint = "# Take `steps = np.diff(np.asarray(rr,\n# dtype=float))`, then square"
    path.write_text(TINY.read_text().replace("# Square", hint))
    source = read_source(path)
    assert "np.asarray(rr,\ndtype" in handout(source).cells[6].source
    assert leaks(handout(source), source) == []


def test_leaks_in_the_notebook_and_by_the_instructors_version(tiny):
    notebook = handout(tiny)
    notebook.metadata["solutions"] = {}
    assert leaks(notebook, tiny) == ["the notebook has metadata ['solutions']"]
    told = "\n".join(leaks(instructor_notebook(tiny), tiny))
    for words in ("60.0 / intervals.mean()", "an interval below 0", "3 points", "delimiter of HIDDEN TESTS"):
        assert words in told


# ---------------------------------------------------------------------------------------------------- build
def test_build_then_nothing_is_stale(course):
    built = [course / "course/09_tiny.ipynb", course / "assignments/09_tiny/09_tiny.ipynb"]
    assert build_all(course, check=True) == built
    assert not any(path.exists() for path in built)
    assert build_all(course) == built
    assert build_all(course, check=True) == []
    assert build_all(course) == []
    assert sorted(p.name for p in course.rglob("*") if "ipynb" in p.name) == ["09_tiny.ipynb"] * 2


def test_stale_notebooks_are_told(course):
    build_all(course)
    source = course / "course/source/09_tiny.py"
    source.write_text(source.read_text().replace("x = 1", "x = 2"))
    assert build_all(course, check=True) == [course / "course/09_tiny.ipynb"]
    source.write_text(LESSON)
    path = course / "assignments/09_tiny/09_tiny.ipynb"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert build_all(course, check=True) == [path]
    assert build_all(course) == [path]
    assert b"\r" not in path.read_bytes()


def test_a_hidden_test_changes_the_instructors_notebook_only(course):
    build_all(course)
    before = instructor_version(course, "09_tiny")
    source = course / "solutions/09_tiny.py"
    source.write_text(source.read_text().replace("[1.2, 1.2, 1.2, 1.2]", "[1.1, 1.1, 1.1, 1.1]"))
    assert build_all(course, check=True) == []
    assert instructor_version(course, "09_tiny") != before


def test_orphans_are_told_and_kept(course, caplog):
    build_all(course)
    (course / "assignments/09_tiny/.ipynb_checkpoints").mkdir()
    shutil.copy(course / "course/09_tiny.ipynb", course / "assignments/09_tiny/.ipynb_checkpoints/x.ipynb")
    (course / "course/source/09_tiny.py").unlink()
    orphan = course / "course/09_tiny.ipynb"
    assert orphans(course) == [orphan]
    assert build_all(course, check=True) == [orphan]
    with caplog.at_level(logging.WARNING):
        assert build_all(course) == []
    assert str(orphan) in caplog.text and orphan.exists()


def test_same_text_gives_same_bytes(tiny, tmp_path):
    first = built_text(TINY)
    (tmp_path / "solutions").mkdir()
    elsewhere = tmp_path / "solutions" / "09_tiny.py"
    elsewhere.write_bytes(TINY.read_bytes().replace(b"\n", b"\r\n"))
    assert built_text(elsewhere) == first
    notebook = nbformat.reads(first, as_version=4)
    assert notebook_text(notebook) == first
    assert first.endswith("}\n") and "\n " in first and '\n  "' in first
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_work_of_a_student_is_not_overwritten(course):
    build_all(course)
    path = course / "assignments/09_tiny/09_tiny.ipynb"
    ran = nbformat.read(path, as_version=4)
    ran.cells[1].execution_count = 1  # opened and run, nothing written: may be replaced
    nbformat.write(ran, path)
    assert build_all(course) == [path]
    work = filled(nbformat.read(path, as_version=4), {"interpret": "My answer"})
    nbformat.write(work, path)
    with pytest.raises(BuildRefused, match="answers in it"):
        build_all(course)
    assert "My answer" in path.read_text()
    assert build_all(course, force=True) == [path]


def test_refusal_names_every_fault_and_builds_the_rest(course):
    source = course / "solutions/09_tiny.py"
    text = source.read_text()
    source.write_text(text.replace("points=10", "points=9").replace('role="free"', 'role="fre"'))
    (course / "solutions/draft.py").write_text("# %%\n")
    with pytest.raises(BuildRefused) as refused:
        build_all(course)
    assert len(refused.value.faults) == 2
    assert "draft.py" in refused.value.faults[0] and "role 'fre'" in refused.value.faults[1]
    assert (course / "course/09_tiny.ipynb").exists() and not (course / "assignments").exists()
    source.write_text(text.replace("points=10", "points=9"))
    with pytest.raises(BuildRefused, match="19 points in all; expected 20"):
        built_text(source)


def test_unknown_assignment(course):
    with pytest.raises(SourceError, match=r"'10_none', expected one of \['09_tiny'\]"):
        instructor_version(course, "10_none")


# ------------------------------------------------------------------------------------------ the real course
def test_built_notebooks_are_fresh():
    stale = [str(path.relative_to(ROOT)) for path in build_all(ROOT, check=True)]
    assert stale == [], "stale or without source; run `make notebooks`"


@pytest.mark.parametrize("path", REAL_SOURCES, ids=lambda path: path.stem)
def test_real_handouts_leak_nothing(path):
    built = ROOT / "assignments" / path.stem / f"{path.stem}.ipynb"
    assert built.is_file(), "run `make notebooks`"
    assert leaks(nbformat.read(built, as_version=4), read_source(path)) == []


def test_handout_does_not_touch_the_source(tiny):
    before = copy.deepcopy(tiny)
    handout(tiny)
    assert tiny == before
