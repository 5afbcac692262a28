"""The bank of assignment 07, graded by the real grader, and what its test cells compare with."""

import os
import re

import numpy as np
import pytest
import torch
from bank_class import bank_counts, cases_of, graded_bank

from autograder.bank import check_case
from autograder.examiner import run_cell
from autograder.klass import PROJECT
from autograder.reference import run_reference
from autograder.source import read_source
from physiodl import deploy
from physiodl.exam import ExamError
from physiodl.exam import deployment as probe

NAME = "07_deployment"
CASES = cases_of(NAME)
HEAVY = ("keras", "quantise", "perform")  # tasks that wait for TensorFlow or train


def test_bank_covers_what_it_must():
    faulty, alternative, reference = bank_counts(NAME)
    assert faulty >= 12 and alternative >= 3 and reference == 1


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
        if task != "robust":
            assert any(c.kind == "wrong" and task in c.says and task in c.expect for c in CASES), task


@pytest.mark.slow
def test_files_that_look_for_hidden_labels_find_none(graded):
    said = graded["hostile_files"].messages["perform"]
    assert not re.search(r"ROC AUC \d|\d{3,}", said.replace("300,000", "")), "a measure, or a number of recordings"


def test_reference_gets_all_points_whatever_the_seed():
    parameters = {"SOURCE": "simulated", "BUDGET": "ci", "SEED": 0}
    names = run_reference(NAME, parameters=parameters, skip=HEAVY)
    cells = read_source(PROJECT / "solutions" / f"{NAME}.py").cells
    for cell in (c for c in cells if c.role == "test" and c.task not in HEAVY):
        for seed in range(100, 103):
            assert run_cell(cell.text, cell.task, {**names, "SEED": seed}) == cell.options["points"], (cell.task, seed)


# --- what the test cells compare with ---


@pytest.mark.parametrize("seed", range(3))
def test_true_logits_are_those_of_the_network_that_the_course_uses(seed):
    state, x = probe.weights(seed), probe.ecg(3, seed=seed)
    net = deploy.reference_network(seed)
    net.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
    assert {name: value.shape for name, value in net.state_dict().items()} == {k: v.shape for k, v in state.items()}
    assert np.abs(deploy.logits_of(net, x) - probe.true_logits(state, x)).max() < 1e-4
    assert np.std(probe.true_logits(state, x)) > 0.05, "logits that hardly differ would hide mistakes"


def test_small_variances_make_the_constant_beside_them_matter():
    thin = probe.weights(3, variance=(5e-4, 5e-3))
    x = probe.ecg(6, seed=3)
    moved = {k: v + (1e-3 - 1e-5 if k.endswith("running_var") else 0) for k, v in thin.items()}
    assert probe.error(probe.true_logits(moved, x), probe.true_logits(thin, x)) > 0.05


@pytest.mark.parametrize("seed", range(3))
def test_prepared_is_what_one_would_do_by_hand(seed):
    raw, h = probe.raw_ecg(2, seed=seed), probe.taps(seed).astype(float)
    made = probe.prepared(raw, h)
    assert made.shape == (2, 1, 3000) and len(h) % 2 == 1 and np.allclose(h, h[::-1])
    assert np.allclose(made.std(axis=-1), 1, atol=1e-3)
    x = raw[0, 0].astype(float) - raw[0, 0].mean(dtype=float)
    k = 3 * 1200
    one = np.sum(x[k - len(h) // 2 : k + len(h) // 2 + 1] * h)
    other = np.sum(x[k + 3 - len(h) // 2 : k + 3 + len(h) // 2 + 1] * h)
    assert made[0, 0, 1200] / made[0, 0, 1201] == pytest.approx(one / other, rel=1e-3)
    assert np.allclose(probe.prepared(1000 * raw + 3, h), made, atol=2e-2), "neither gain nor offset matters"


def test_within_and_follows_say_what_is_wrong():
    true = np.array([0.0, 1.0, 2.0, 3.0])
    probe.within(true + 1e-6, true, most=1e-5)
    probe.follows(2 * true + 1, true, at_least=0.99)
    with pytest.raises(ExamError, match="differ by up to 0.89 of their spread.*padding"):
        probe.within(true + [0, 0, 1, 0], true, most=0.1, cause="padding")
    for found in (np.zeros(4), -true):
        with pytest.raises(ExamError, match="with a correlation of"):
            probe.follows(found, true)
    with pytest.raises(ExamError, match="shape"):
        probe.within(true[:, None], true, most=1)


@pytest.mark.parametrize("seed", range(3))
def test_slow_first_calls_and_late_ones_tell_mistakes_apart(seed):
    ms = probe.calls(400, seed=seed, warm_up=20)
    p95, p99 = np.percentile(ms[20:], (95, 99))
    assert ms[:20].min() > p99 > 1.05 * p95
    assert np.percentile(ms, 99) > 1.5 * p99, "counted, the warm-up changes p99"


@pytest.mark.parametrize("seed", range(3))
def test_windows_to_choose_from_punish_each_way_to_choose_badly(seed):
    x, y, train = probe.flat_and_sound(300, seed=seed)
    sound = train[np.ptp(x[train], axis=(1, 2)) > 0]
    assert np.bincount(y[sound]).min() >= 20, "enough of each class for 40"
    assert np.any(np.ptp(x[train[:40]], axis=(1, 2)) == 0) and y[train[:40]].sum() != 20
