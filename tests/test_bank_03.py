"""The bank of assignment 03, graded by the real grader: wrong work is caught with its message, sound work is not."""

import os
import re

import pytest
from bank_class import bank_counts, cases_of, graded_bank

from autograder.bank import check_case

NAME = "03_af_detection"
CASES = cases_of(NAME)


def test_bank_covers_what_it_must():
    faulty, alternative, reference = bank_counts(NAME)
    assert faulty >= 12 and alternative >= 3 and reference == 1


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    return graded_bank(tmp_path_factory.mktemp("bank"), NAME, endless=("too_slow",))


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
