"""Metrics of several classes against scikit-learn and hand counts, intervals against theory."""

import numpy as np
import pytest
from sklearn import metrics as sk

from physiodl import multiclass
from physiodl.multiclass import accuracy, bootstrap_interval, confusion, f1_per_class, kappa, macro_f1


def scored(seed, n=400, right=0.7, classes=5):
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, n, p=np.array([4, 1, 8, 3, 4]) / 20)
    return labels, np.where(rng.random(n) < right, labels, rng.integers(0, classes, n))


def test_hand_counted():
    labels, said = [0, 0, 0, 1, 1, 2, 2, 2, 2, 2], [0, 0, 1, 1, 2, 2, 2, 2, 0, 2]
    assert accuracy(labels, said) == pytest.approx(0.7)
    assert confusion(labels, said, n_classes=3).tolist() == [[2, 1, 0], [0, 1, 1], [1, 0, 4]]
    assert f1_per_class(labels, said, n_classes=3) == pytest.approx([4 / 6, 2 / 4, 8 / 10])
    assert macro_f1(labels, said, n_classes=3) == pytest.approx((4 / 6 + 2 / 4 + 8 / 10) / 3)
    chance = (3 * 3 + 2 * 2 + 5 * 5) / 100
    assert kappa(labels, said) == pytest.approx((0.7 - chance) / (1 - chance))
    assert type(kappa(labels, said)) is float and type(macro_f1(labels, said)) is float


@pytest.mark.parametrize("seed", range(5))
def test_as_scikit_learn(seed):
    labels, said = scored(seed)
    assert kappa(labels, said) == pytest.approx(sk.cohen_kappa_score(labels, said), abs=1e-12)
    assert macro_f1(labels, said) == pytest.approx(sk.f1_score(labels, said, average="macro"), abs=1e-12)
    counts = np.stack([confusion(labels, said)] * 2)
    for metric, fast in multiclass._FROM_COUNTS.items():
        assert fast(counts) == pytest.approx([metric(labels, said)] * 2, abs=1e-12)


def test_chance_and_what_is_missing():
    labels, _ = scored(0)
    assert kappa(labels, np.full(len(labels), 2)) == pytest.approx(0, abs=1e-12)
    assert kappa([2, 2, 2], [2, 2, 2]) == 0  # one class: not defined, and no credit
    assert kappa([0, 1], [1, 0]) < 0
    there = np.where(labels == 3, 2, labels)  # N3 in neither: it counts as 0 in the mean of five
    assert f1_per_class(there, there) == pytest.approx([1, 1, 1, 0, 1])
    assert macro_f1(there, there) == pytest.approx(0.8)


@pytest.mark.parametrize("metric", [kappa, macro_f1, accuracy])
def test_fast_and_general_bootstrap_agree(metric):
    labels, said = scored(3, 120)
    who = np.arange(120) // 10
    fast = bootstrap_interval(metric, labels, said, groups=who, n_boot=50, seed=4)
    general = bootstrap_interval(lambda a, b: metric(a, b), labels, said, groups=who, n_boot=50, seed=4)
    assert fast == pytest.approx(general, abs=1e-12)
    assert fast[1] < fast[0] == metric(labels, said) < fast[2]
    assert fast != bootstrap_interval(metric, labels, said, groups=who, n_boot=50, seed=5)


def test_interval_is_that_of_a_proportion_and_copies_do_not_narrow_it():
    labels, said = scored(1)
    value, low, high = bootstrap_interval(accuracy, labels, said)
    error = np.sqrt(value * (1 - value) / len(labels))
    assert [low, high] == pytest.approx([value - 1.96 * error, value + 1.96 * error], abs=0.01)
    copies = np.tile(np.arange(len(labels)), 4)
    copied = bootstrap_interval(accuracy, np.tile(labels, 4), np.tile(said, 4), groups=copies)
    naive = bootstrap_interval(accuracy, np.tile(labels, 4), np.tile(said, 4))
    assert copied == pytest.approx((value, low, high), abs=0.005)
    assert naive[2] - naive[1] < 0.65 * (high - low)


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match="argmax"):
        kappa([0, 1], [[0.2, 0.8], [0.9, 0.1]])
    with pytest.raises(ValueError, match=r"labels hold \[5\].*from 0 to 4"):
        macro_f1([0, 5], [0, 1])
    with pytest.raises(ValueError, match=r"predictions hold \[-1\]"):
        accuracy([0, 1], [0, -1])
    with pytest.raises(ValueError, match=r"labels hold \['N1'"):
        kappa(["W", "N1"], [0, 1])
    with pytest.raises(ValueError, match="n > 0"):
        kappa([], [])
    with pytest.raises(ValueError, match="one group"):
        bootstrap_interval(kappa, [0, 1], [0, 1], groups=["a", "a"])
    with pytest.raises(ValueError, match="level"):
        bootstrap_interval(kappa, [0, 1], [0, 1], level=95)
