"""The bank of assignment 03, graded by the real grader: wrong work is caught with its message, sound work is not."""

import os
import re
from pathlib import Path

import pytest

from autograder import demo, grade, klass, newclass, results
from autograder.bank import check_case, read_bank

ROOT = Path(__file__).resolve().parent.parent
BANK = ROOT / "tests" / "bank"
CASES = read_bank(BANK / "03_af_detection")
ENDLESS = "too_slow"


def test_bank_covers_what_it_must():
    kinds = [case.kind for case in CASES]
    assert kinds.count("wrong") + kinds.count("naive") + kinds.count("broken") >= 12
    assert kinds.count("alternative") >= 3 and kinds.count("reference") == 1


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank") / "class"
    assignments = newclass.built_assignments(parameters={"BUDGET": "ci"})
    folder.mkdir()
    key = folder / "secret.key"
    key.write_text("5e" * 32 + "\n")  # always the same hidden cohort: a run can be repeated
    key.chmod(0o600)
    newclass.init_class(folder, assignments)
    course = klass.open_class(folder)
    demo.hand_in_bank(course, assignments, BANK)
    aside = folder.parent / ENDLESS
    (folder / "submitted" / ENDLESS).rename(aside)
    grade.grade_class(course, "03_af_detection", jobs=2)
    aside.rename(folder / "submitted" / ENDLESS)
    grade.grade_class(course, "03_af_detection", cell_timeout_s=12)  # the others stay as they were graded
    return {result.student: result for result in results.results(course, "03_af_detection")}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_gets_its_points_and_messages(graded, case):
    assert os.environ.get("PHYSIODL_EXAM") is None
    assert check_case(graded[case.name], case) == []


def unseen_auc(result) -> float:
    return float(re.search(r"never seen: ROC AUC ([\d.]+)", result.messages["perform"])[1])


@pytest.mark.slow
def test_reference_beats_the_rhythm_on_the_same_recordings(graded):
    """The irregularity of the rhythm is a strong baseline (0.90 to 0.98), and the network sees more than it."""
    rhythm, network = unseen_auc(graded["rhythm_only"]), unseen_auc(graded["reference"])
    assert 0.90 <= rhythm <= 0.98
    assert network > rhythm + 0.01
