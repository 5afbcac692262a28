"""While a notebook is graded the examiner's package shows names alone to the student, and what is given works."""

import ast
import json
import subprocess
import sys
from importlib import import_module

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from autograder import execute, sandbox, sealed_exam
from autograder.paths import PROJECT
from autograder.source import read_source
from physiodl import handed

SOLUTIONS = sorted((PROJECT / "solutions").glob("[0-9]*.py"))
WAYS = [True] * bool(sandbox.means().way) + [False]  # in the sandbox, and without one


def used(text, modules):
    """Names of the examiner's package that code uses, from the package down; `modules` maps a name to its module."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "physiodl":
            modules |= {(a.asname or a.name): "" for a in node.names if a.name == "exam"}
        elif isinstance(node, ast.ImportFrom) and node.module == "physiodl.exam":
            modules |= {(a.asname or a.name): f"{a.name}." for a in node.names}
    return {
        modules[node.value.id] + node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules
    }


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_what_assignments_use_outside_of_test_cells_is_given(path):
    modules, found = {}, set()
    for cell in read_source(path).cells:
        if cell.type == "code" and cell.role != "test":
            found |= used("\n".join(line for line in cell.text.split("\n") if not line.startswith("%")), modules)
    assert modules and "begin" in found
    assert found - {"begin"} <= set(sealed_exam.GIVEN)


@pytest.mark.parametrize("path", sorted((PROJECT / "tests" / "bank").glob("*/other_*.py")), ids=lambda path: path.stem)
def test_what_other_right_answers_use_is_given(path):
    name = next((PROJECT / "solutions").glob(f"{path.parent.name}.py"))
    modules: dict = {}
    for cell in read_source(name).cells:
        if cell.type == "code" and cell.role == "locked":
            used("\n".join(line for line in cell.text.split("\n") if not line.startswith("%")), modules)
    assert used(path.read_text(), modules) <= set(sealed_exam.GIVEN)


def test_what_is_given_is_the_same_alone_and_while_graded():
    for place, name in sealed_exam.GIVEN.items():
        module, _, attribute = place.partition(".")
        assert getattr(import_module(f"physiodl.exam.{module}"), attribute) is getattr(handed, name)


LOCKED = """
import numpy as np
from physiodl import exam
from physiodl.exam import arrhythmia as probe, artefacts, foundations
import physiodl.exam.foundations_mistakes as mistakes, physiodl.exam.sleep
exam.begin("01_foundations", source="simulated", seed=0)
"""
NAMED = """
look, wrong, kept = exam.cohort, mistakes.scaled, [foundations.dense, physiodl.exam.spectra.scipy_stft]
import copy, os
handed_on = copy.copy(look)
assert "examiner's" in repr(look) and not hasattr(exam, "__wrapped__") and callable(look)
assert "N" in probe.BEATS and len(artefacts.noisy_ecg(2.0, 100.0, 50.0, seed=1)[0]) == 200
assert artefacts.blink_recording(100.0, seed=1, seconds=5.0)["eeg"].shape == (4, 500)
with probe.as_folder({"name": "r1", "hea": np.zeros(3, np.uint8), "dat": [1], "atr": [2]}) as (folder, name):
    assert sorted(os.listdir(folder)) == ["r1.atr", "r1.dat", "r1.hea"] and name == "r1"
with physiodl.exam.sleep.as_folder({"name": "SC4001", "psg": [1], "hypnogram": [2]}) as (psg, hypnogram):
    assert psg.endswith("SC4001E0-PSG.edf") and os.path.isfile(hypnogram)
try:
    raise exam.ExamError("a check")
except exam.ExamError:
    pass
"""
REACHING = """
import importlib, subprocess, sys
tries = {
    "call": lambda: foundations.dense(np.zeros((2, 3)), np.zeros((3, 1)), np.zeros(1)),
    "method": lambda: exam.hidden.write_hidden(".", key=b"x"),
    "from": lambda: __import__("physiodl.exam.probes", fromlist=["x"]).reference_metrics([0, 1], [0.1, 0.9]),
    "index": lambda: exam.LATER["hidden"],
    "array": lambda: np.asarray(probe.WINDOW_S) + 1,
    "with": lambda: exam.task("x", points=1).check("y", 1).__enter__(),
    "reload": lambda: importlib.reload(sys.modules["physiodl.exam.foundations_mistakes"]).scaled(1),
    "afresh": lambda: [sys.modules.pop(n) for n in list(sys.modules) if n.startswith("physiodl.exam.")]
    and importlib.import_module("physiodl.exam.foundations").dense(1),
}
for name, tried in tries.items():
    try:
        print(name, "REACHED", tried())
    except Exception as error:
        print(name, type(error).__name__, "belongs to the examiner" in str(error))
code = "import physiodl.exam.foundations as f; print(f.dense(1))"
done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
print("process", "belongs to the examiner" in done.stderr)
import glob
print("files", sorted(os.path.basename(p) for p in glob.glob("/course/physiodl/exam/**", recursive=True)))
"""


@pytest.mark.parametrize("sandboxed", WAYS, ids=lambda yes: "sandbox" if yes else "no sandbox")
def test_names_can_be_named_and_only_the_given_work(sandboxed):
    notebook = nbformat.v4.new_notebook(cells=[new_code_cell(text) for text in (LOCKED, NAMED, REACHING)])
    rooms = execute.Rooms()
    try:
        done = rooms.run(notebook, cell_timeout_s=60, total_timeout_s=120, sandboxed=sandboxed)
    finally:
        rooms.close()
    outputs = [output for cell in done.notebook.cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"], outputs
    lines = "".join(output.text for output in outputs).splitlines()
    *tries, process, files = [line for line in lines if line]
    assert [line.split()[1:] for line in tries] == [["ExamError", "True"]] * len(tries) and len(tries) == 8, lines
    if sandboxed:
        assert process == "process True" and "foundations.py" not in files and "__init__.py" in files


def test_the_package_of_this_process_is_untouched():
    from physiodl import exam
    from physiodl.exam import foundations

    assert exam.cohort.__module__ == "physiodl.exam.cohorts" and callable(foundations.dense)
    code = "import autograder.sealed_exam, physiodl.exam as e; print(json.dumps(e.credit.__module__))"
    done = subprocess.run([sys.executable, "-c", f"import json; {code}"], capture_output=True, text=True, cwd=PROJECT)
    assert json.loads(done.stdout) == "physiodl.exam.checks"
