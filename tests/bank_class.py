"""An assignment's bank of submissions, handed in to a class and graded by the real grader."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

from autograder import demo, grade, klass, newclass, results
from autograder.bank import read_bank
from autograder.examiner import run_cell
from physiodl import exam

BANK = Path(__file__).resolve().parent / "bank"
KEY = "5e" * 32 + "\n"  # always the same hidden recordings: a run can be repeated


def cases_of(assignment):
    return read_bank(BANK / assignment)


def bank_counts(assignment):
    """How many submissions of the bank are faulty, alternative and reference ones."""
    kinds = [case.kind for case in cases_of(assignment)]
    return len(kinds) - kinds.count("alternative") - kinds.count("reference"), *map(
        kinds.count, ("alternative", "reference")
    )


def hidden_once(root):
    """Within this the recordings of `KEY` are made by the first class of a test run and copied by the others.

    `root` is a folder of pytest's. They are the same whichever test process makes them, and take half a minute.
    """
    run = Path(root).parent.parent if "PYTEST_XDIST_WORKER" in os.environ else Path(root).parent
    kept, make = run / "hidden", exam.write_hidden

    def write_hidden(folder, *, key):
        assert key == bytes.fromhex(KEY)
        with open(run / "hidden.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                half_made = tempfile.mkdtemp(dir=run)
                make(half_made, key=key)
                os.rename(half_made, kept)
        shutil.copytree(kept, folder, dirs_exist_ok=True)

    return mock.patch("physiodl.exam.write_hidden", write_hidden)


def graded_bank(folder, assignment, *, endless=()):
    """Case name -> result, of every case in the bank; those in `endless` are graded with little time."""
    assignments = {assignment: newclass.built_assignments(parameters={"BUDGET": "ci"})[assignment]}
    root = folder / "class"
    root.mkdir()
    (root / "secret.key").write_text(KEY)
    (root / "secret.key").chmod(0o600)
    with hidden_once(folder):
        newclass.init_class(root, assignments)
    course = klass.open_class(root)
    demo.hand_in_bank(course, assignments, BANK / assignment)
    for name in endless:
        (root / "submitted" / name).rename(folder / name)
    grade.grade_class(course, assignment, jobs=2)
    for name in endless:
        (folder / name).rename(root / "submitted" / name)
    if endless:
        grade.grade_class(course, assignment, cell_timeout_s=12)  # the others stay as they were graded
    return {result.student: result for result in results.results(course, assignment)}


def check_slip(slip, names, cells, capsys, *, seeds):
    """One small mistake in the reference's answer: it costs its points and is named, whatever the seed.

    Args:
        slip: (task, text of the answer, text instead, points left, what the student reads).
        names: what the whole reference defines. cells: (role, task) -> cell of the source.
        seeds: of the test cell.
    """
    task, there, instead, points, said = slip
    answer, cell = cells["answer", task].text, cells["test", task]
    assert there in answer
    own = dict(names)
    exec(compile(answer.replace(there, instead), "<slip>", "exec"), own)
    capsys.readouterr()
    for seed in seeds:
        assert run_cell(cell.text, task, {**own, "SEED": seed}) == points
        assert said in capsys.readouterr().out
