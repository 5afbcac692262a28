"""Metrics against scikit-learn and hand counts, intervals against theory, thresholds against every other."""

import numpy as np
import pytest
from sklearn import metrics as sk

from physiodl import metrics
from physiodl.metrics import bootstrap_interval, cost_threshold, roc_auc


def noisy_scores(seed, n=300, ties=False):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    scores = labels + rng.normal(0, 1.2, n)
    return labels, np.round(scores) if ties else scores


def test_hand_counted():
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    called = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0])
    assert metrics.accuracy(labels, called) == pytest.approx(0.7)
    assert metrics.sensitivity(labels, called) == pytest.approx(3 / 4)
    assert metrics.specificity(labels, called) == pytest.approx(4 / 6)
    assert metrics.ppv(labels, called) == pytest.approx(3 / 5)
    assert metrics.f1(labels, called) == pytest.approx(6 / 9)
    assert metrics.confusion(labels, called).tolist() == [[4, 2], [1, 3]]
    assert metrics.confusion([1, 1], [1, 1]).tolist() == [[0, 0], [0, 2]]
    assert roc_auc([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.9]) == pytest.approx(3.5 / 4)
    assert all(type(f(labels, called)) is float for f in (metrics.accuracy, metrics.ppv, metrics.f1, roc_auc))


def test_nothing_called_positive():
    assert metrics.ppv([0, 1], [0, 0]) == 0
    assert metrics.f1([0, 1], [0, 0]) == 0
    assert metrics.sensitivity([0, 1], [0, 0]) == 0


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_fast_auc_of_resamples_is_that_of_scikit_learn(seed, ties):
    labels, scores = noisy_scores(seed, 80, ties)
    times = metrics._resamples(labels, np.arange(80), 80, 40, np.random.default_rng(seed))
    expected = [sk.roc_auc_score(np.repeat(labels, row), np.repeat(scores, row)) for row in times]
    assert metrics._weighted_auc(labels, scores, times) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_fast_and_general_bootstrap_agree(ties):
    labels, scores = noisy_scores(7, 120, ties)
    fast = bootstrap_interval(roc_auc, labels, scores, n_boot=60, seed=3)
    general = bootstrap_interval(lambda y, s: sk.roc_auc_score(y, s), labels, scores, n_boot=60, seed=3)
    assert fast == pytest.approx(general, abs=1e-12)
    assert fast[0] == pytest.approx(sk.roc_auc_score(labels, scores))


@pytest.mark.parametrize("name", ["accuracy", "sensitivity", "specificity", "ppv", "f1"])
def test_fast_and_general_bootstrap_agree_on_decisions(name):
    labels = np.random.default_rng(1).integers(0, 2, 12)
    called = np.r_[1, np.zeros(11, int)]  # some resamples call nothing positive
    metric = getattr(metrics, name)
    fast = bootstrap_interval(metric, labels, called, n_boot=40, seed=5)
    general = bootstrap_interval(lambda y, c: metric(y, c), labels, called, n_boot=40, seed=5)
    assert fast == pytest.approx(general, abs=1e-12)


def test_interval_of_accuracy_is_that_of_a_proportion():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    called = np.where(rng.random(400) < 0.8, labels, 1 - labels)
    value, low, high = bootstrap_interval(metrics.accuracy, labels, called, n_boot=1000)
    error = np.sqrt(value * (1 - value) / 400)
    assert low == pytest.approx(value - 1.96 * error, abs=0.008)
    assert high == pytest.approx(value + 1.96 * error, abs=0.008)
    narrow = bootstrap_interval(metrics.accuracy, labels, called, n_boot=1000, level=0.5)
    assert low < narrow[1] < value < narrow[2] < high


def test_groups_widen_the_interval_as_far_as_copies_should():
    labels, scores = noisy_scores(1, 100)
    alone = bootstrap_interval(roc_auc, labels, scores)
    copied = bootstrap_interval(roc_auc, np.tile(labels, 4), np.tile(scores, 4), groups=np.tile(np.arange(100), 4))
    naive = bootstrap_interval(roc_auc, np.tile(labels, 4), np.tile(scores, 4))
    assert copied == pytest.approx(alone, abs=0.005)
    assert naive[2] - naive[1] < 0.65 * (alone[2] - alone[1])


def test_seed_decides_and_single_class_resamples_are_redrawn():
    labels, scores = noisy_scores(2)
    assert bootstrap_interval(roc_auc, labels, scores) == bootstrap_interval(roc_auc, labels, scores, seed=0)
    assert bootstrap_interval(roc_auc, labels, scores) != bootstrap_interval(roc_auc, labels, scores, seed=1)
    rare = np.r_[1, np.zeros(9, int)]
    value, low, high = bootstrap_interval(roc_auc, rare, np.r_[1.0, np.arange(9) / 4], n_boot=500)
    assert 0 <= low <= value <= high <= 1
    times = metrics._resamples(rare, np.arange(10), 10, 500, np.random.default_rng(0))
    assert (times[:, 0] > 0).all() and (times[:, 1:].sum(1) > 0).all() and (times.sum(1) == 10).all()


@pytest.mark.parametrize("seed", range(30))
def test_cost_threshold_against_every_threshold(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 40)
    probability = np.round(np.clip(0.3 * labels + rng.random(40) * 0.7, 0, 1), 2 if seed % 2 else 6)
    missed, alarm = rng.uniform(0.1, 10, 2)

    def cost(threshold):
        called = probability >= threshold
        return missed * np.sum(~called & (labels == 1)) + alarm * np.sum(called & (labels == 0))

    found = cost_threshold(labels, probability, cost_missed=missed, cost_false_alarm=alarm)
    grid = np.unique(np.r_[0, probability, np.nextafter(probability, 2), 1.1])
    costs = np.array([cost(t) for t in grid])
    assert cost(found) == pytest.approx(costs.min())
    called = (probability >= found).sum()
    best_calls = [(probability >= t).sum() for t in grid[np.isclose(costs, costs.min())]]
    assert called == max(best_calls)


def test_cost_threshold_ties_and_ends():
    labels, probability = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    assert cost_threshold(labels, probability, cost_missed=1, cost_false_alarm=1) == pytest.approx(0.5)
    assert cost_threshold(labels, probability, cost_missed=1, cost_false_alarm=0) == 0.0
    assert cost_threshold(labels, 1 - probability, cost_missed=1, cost_false_alarm=1) == 0.0  # a tie
    none = cost_threshold([0, 0, 1], [0.9, 1.0, 0.3], cost_missed=1, cost_false_alarm=5)
    assert none > 1 and not (np.array([0.9, 1.0, 0.3]) >= none).any()
    close = np.nextafter(0.5, 1)
    assert 0.5 < cost_threshold([0, 1], [0.5, close], cost_missed=1, cost_false_alarm=1) <= close


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match="needs both"):
        roc_auc([1, 1], [0.2, 0.3])
    with pytest.raises(ValueError, match="NaN"):
        roc_auc([0, 1], [0.2, np.nan])
    with pytest.raises(ValueError, match=r"scores\[:, 1\]"):
        roc_auc([0, 1], [[0.2, 0.8], [0.1, 0.9]])
    with pytest.raises(ValueError, match="decisions, 0 or 1"):
        metrics.accuracy([0, 1], [0.2, 0.8])
    with pytest.raises(ValueError, match="only 0 and 1"):
        metrics.accuracy([0, 2], [0, 1])
    with pytest.raises(ValueError, match="sensitivity is undefined"):
        metrics.sensitivity([0, 0], [0, 1])
    with pytest.raises(ValueError, match="specificity is undefined"):
        metrics.specificity([1, 1], [0, 1])
    with pytest.raises(ValueError, match="logits"):
        cost_threshold([0, 1], [-2.0, 3.0], cost_missed=1, cost_false_alarm=1)
    with pytest.raises(ValueError, match="costs from 0"):
        cost_threshold([0, 1], [0.2, 0.3], cost_missed=-1, cost_false_alarm=1)
    with pytest.raises(ValueError, match="level"):
        bootstrap_interval(roc_auc, [0, 1], [0.2, 0.3], level=95)
    with pytest.raises(ValueError, match="too rare"):
        metrics._resamples(np.array([0, 0]), np.arange(2), 2, 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="one group;"):
        bootstrap_interval(roc_auc, [0, 1], [0.2, 0.3], groups=[4, 4])
    with pytest.raises(ValueError, match="both classes"):
        bootstrap_interval(roc_auc, [1, 1], [0.2, 0.3])
