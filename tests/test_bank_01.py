"""The bank of assignment 01, graded by the real grader, and what its test cells compare with."""

import os

import numpy as np
import pytest
from bank_class import bank_counts, cases_of, graded_bank

from autograder.bank import check_case
from autograder.calibrate import test_cells as cells_that_fall_short
from autograder.reference import run_reference
from physiodl import exam
from physiodl.exam import foundations
from physiodl.exam import foundations_mistakes as mistakes

NAME = "01_foundations"
CASES = cases_of(NAME)


def test_bank_covers_what_it_must():
    faulty, alternative, reference = bank_counts(NAME)
    assert faulty >= 15 and alternative >= 3 and reference == 1


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    return graded_bank(tmp_path_factory.mktemp("bank"), NAME)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_gets_its_points_and_messages(graded, case):
    assert os.environ.get("PHYSIODL_EXAM") is None
    assert check_case(graded[case.name], case) == []


@pytest.mark.slow
def test_every_task_has_a_wrong_case_that_loses_points_there(graded):
    for task in graded["reference"].possible:
        assert any(c.kind == "wrong" and task in c.says and task in c.expect for c in CASES), task


def test_reference_gets_all_points_whatever_the_seed():
    names = run_reference(NAME, parameters={"SOURCE": "simulated", "BUDGET": "ci", "SEED": 0})
    assert cells_that_fall_short(NAME, names, seeds=range(100, 103)) == []


# --- references and mistakes ---


@pytest.fixture
def network():
    rng = np.random.default_rng(4)
    return rng.standard_normal((11, 3)), np.arange(11) % 2, foundations.first_weights(3, 5, seed=1)


def test_reference_gradients_agree_with_finite_differences(network):
    features, labels, weights = network

    def loss(w):
        return foundations.train(features, labels, w, 0.1, 1)[0][0]

    stepped = foundations.train(features, labels, weights, 0.1, 1)[1]
    for name, values in weights.items():
        for k in np.ndindex(values.shape):
            moved = []
            for side in (1e-5, -1e-5):
                other = foundations.copied(weights)
                other[name][k] += side
                moved.append(loss(other))
            slope = (moved[0] - moved[1]) / 2e-5
            assert (values[k] - stepped[name][k]) / 0.1 == pytest.approx(slope, abs=1e-7)


def differs(right, wrong):
    right, wrong = np.asarray(right, float), np.asarray(wrong, float)
    return right.shape != wrong.shape or not np.allclose(right, wrong, rtol=1e-4, atol=1e-6)


def test_no_mistake_gives_the_right_numbers(network):
    """Else a right answer would be counted as right all the same, but a message could name what was not done."""
    features, labels, weights = network
    rng = np.random.default_rng(5)
    z, y = 3 * rng.standard_normal(9), np.arange(9) % 2
    x, w, b = (rng.standard_normal(shape) for shape in ((2, 2, 16), (3, 2, 4), (3,)))
    grad = rng.standard_normal((2, 3, 10))
    conv = foundations.conv1d(x, w, b, 2, 3, grad)
    pairs = [(conv["out"], mistakes.conv1d(x, w, b, 2, 3))]
    pairs += [(conv[n], mistakes.conv1d_gradient(conv, n, x, w, b, 2, 3, grad)) for n in ("x", "weights")]
    pairs.append((foundations.bce(z, y)["loss"], mistakes.loss(z, y)))
    pairs.append((foundations.bce(z, y)["gradient"], mistakes.loss_gradient(z, y)))
    pairs.append(mistakes.probe_slopes(rng.standard_normal((2, 3)), 0.25))
    pairs.append((foundations.predict(features, weights), mistakes.predictions(features, weights)))
    pairs.append((foundations.train(features, labels, weights, 0.3, 1)[0], mistakes.first_loss(*network, 0.3)))
    true = foundations.ratios([[931, 22], [17, 30]])
    pairs += [(true[name], wrong) for name, wrong in mistakes.ratios([[931, 22], [17, 30]]).items()]
    for right, wrong in pairs:
        assert wrong and all(differs(right, value) for value in wrong.values())
    stepped = foundations.train(features, labels, weights, 0.3, 1)[1]
    for wrong in mistakes.first_step(features, labels, weights, 0.3).values():
        assert any(differs(stepped[name], wrong[name]) for name in stepped)


def test_compare_names_the_mistake_that_was_made():
    with pytest.raises(exam.ExamError, match="got total = 6, expected 2. Likely cause: a sum"):
        foundations.compare(6.0, 2.0, what="total", mistakes={"a difference": 1.0, "a sum ": 6.0})
    with pytest.raises(exam.ExamError, match=r"shape \(1, 2\), expected shape \(2,\). Likely cause: a row"):
        foundations.compare([[1, 2]], [1, 2], what="total", mistakes={"a row": [[1, 2]]})
    foundations.compare(2.0, 2.0, what="total", mistakes={"the same by chance": 2.0})


def test_refusing_means_a_value_error_that_names_the_numbers():
    def raises(error):
        def function():
            raise error

        return function

    foundations.refuses(raises(ValueError("got 3 subjects for 5 folds")), names=(3, 5))
    with pytest.raises(exam.ExamError, match="a text that also names 5"):
        foundations.refuses(raises(ValueError("got 3 subjects")), names=(3, 5))
    with pytest.raises(exam.ExamError, match="expected a ValueError"):
        foundations.refuses(lambda: 1)
    with pytest.raises(exam.ExamError, match="got a ZeroDivisionError, expected a ValueError. Likely cause: one label"):
        foundations.refuses(raises(ZeroDivisionError("division by zero")), cause="one label alone")
    with pytest.raises(NameError):
        foundations.refuses(raises(NameError("3 5")), names=(3, 5))


@pytest.mark.parametrize("seed", range(8))
def test_logits_reach_far_to_both_sides_whatever_the_seed(seed):
    features, weights = np.random.default_rng(seed).standard_normal((7, 2)), foundations.first_weights(2, 9, seed=seed)
    net = foundations.both_ways(features, weights)
    z = mistakes.predictions(features, net)["logits are returned: apply the sigmoid"]
    assert z.min() == pytest.approx(-4000) and z.max() == pytest.approx(4000)
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(exam.ExamError, match="NaN.*cause: infinity"):
        foundations.compare(
            np.exp(z) / (1 + np.exp(z)), foundations.predict(features, net), what="p", overflow="infinity"
        )


def test_positions_are_asked_and_nothing_else():
    inside = np.array([True, False, True])
    with pytest.raises(exam.ExamError, match="True and False in train of fold 0.*flatnonzero"):
        foundations.folds_of([(~inside, inside)], n=3, k=1)
    good = [([0, 1], [2, 3]), ([2, 3], [0, 1])]
    assert [[side.tolist() for side in pair] for pair in foundations.folds_of(good, n=4, k=2)] == [
        [*pair] for pair in good
    ]
    for folds, says in (
        ([([], [])] * 2, "no position in train of fold 0"),
        ([([0, 1, 2, 3], []), ([2, 3], [0, 1])], "no position in test of fold 0"),
        ([([0, 1], [2, 3])] * 2, "the test parts of all folds with 2 of 4 samples in no part and 2 in more"),
        ([([0, 1, 2], [2, 3]), ([2, 3], [0, 1])], "fold 0 with 0 of 4 .*left out, or stand there twice"),
        ([([1], [0]), ([0], [1])], "fold 0 with 2 of 4 .*the list of the subjects"),
        ([([0, 1], [2, 3])], "1 folds"),
    ):
        with pytest.raises(exam.ExamError, match=says):
            foundations.folds_of(folds, n=4, k=2, n_subjects=2)


def test_training_gives_a_dict():
    assert foundations.trained({"loss": [1.0], "weights": {}}) == ([1.0], {})
    for made, says in (((1, 2), "a tuple from train"), ({"loss": []}, "a dict with loss")):
        with pytest.raises(exam.ExamError, match=f"got {says}, expected a dict .*Likely cause: return a dict"):
            foundations.trained(made)


def test_equal_answers_are_told_from_a_wrong_order():
    assert "first weights of zeros" in foundations.why_unsure(np.repeat([0.4, 0.6], 30))
    assert "order of the samples" in foundations.why_unsure(np.linspace(0, 1, 60))


def test_labels_of_the_judged_are_in_no_argument():
    rng = np.random.default_rng(2)
    subjects, labels = np.repeat(np.arange(6), 20), rng.integers(0, 2, 120)
    features = np.column_stack([np.arange(120.0), rng.standard_normal(120)])
    seen = []

    def classifier(known, known_labels, new, seed):
        assert not set(known[:, 0]) & set(new[:, 0]) and len(known_labels) == len(known)
        assert not set(subjects[known[:, 0].astype(int)]) & set(subjects[new[:, 0].astype(int)])
        seen.extend(new[:, 0])
        return np.zeros(len(new))

    assert foundations.unseen_auc(classifier, features, labels, subjects, k=3, seed=1) == 0.5
    assert sorted(seen) == list(range(120))
