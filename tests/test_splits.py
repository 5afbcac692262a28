"""Splits: whole groups, every index once, every class in every part, and clear refusals."""

import numpy as np
import pytest

from physiodl.splits import check_split, group_split, subject_kfold


def cohort(seed, n=400, subjects=120, share=0.4):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, subjects, n)
    ill = rng.random(subjects) < share
    return np.where(rng.random(n) < 0.9, ill[groups], ~ill[groups]).astype(int), groups * 7 - 3


@pytest.mark.parametrize("seed", range(20))
def test_whole_groups_all_indices_and_shares(seed):
    labels, groups = cohort(seed)
    split = group_split(labels, groups, seed=seed)
    assert list(split) == ["train", "val", "test"]
    assert sorted(np.concatenate(list(split.values())).tolist()) == list(range(400))
    homes = [set(groups[index].tolist()) for index in split.values()]
    assert not (homes[0] & homes[1] or homes[0] & homes[2] or homes[1] & homes[2])
    for part, share in {"train": 0.6, "val": 0.2, "test": 0.2}.items():
        assert len(split[part]) / 400 == pytest.approx(share, abs=0.06)
        assert labels[split[part]].mean() == pytest.approx(labels.mean(), abs=0.08)
        assert split[part].dtype == np.int64 and (np.diff(split[part]) > 0).all()


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    labels, groups = cohort(1)
    one, two, other = (group_split(labels, groups, seed=s) for s in (5, 5, 6))
    assert all(np.array_equal(one[part], two[part]) for part in one)
    assert not np.array_equal(one["test"], other["test"])


def test_the_global_generator_is_left_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    group_split(*cohort(2), seed=0)
    assert np.array_equal(before, np.random.get_state()[1])


@pytest.mark.parametrize("seed", range(10))
def test_without_groups_the_shares_are_close(seed):
    labels = np.repeat([0, 1], [700, 300])
    split = group_split(labels, None, seed=seed)
    assert [len(split[part]) for part in ("train", "val", "test")] == pytest.approx([600, 200, 200], abs=2)
    assert [int(labels[index].sum()) for index in split.values()] == pytest.approx([180, 60, 60], abs=2)


FRACTIONS = [{"train": 0.8, "test": 0.2}, {"a": 0.1, "b": 0.7, "c": 0.15, "d": 0.05}]


@pytest.mark.parametrize("fractions", FRACTIONS)
def test_other_fractions(fractions):
    labels, groups = cohort(3, n=700, subjects=350)
    split = group_split(labels, groups, fractions=fractions, seed=0)
    for part, share in fractions.items():
        assert len(split[part]) / 700 == pytest.approx(share, abs=0.03)


def test_each_part_may_have_one_group_per_class():
    labels = np.array([0, 0, 0, 1, 1, 1])
    for seed in range(20):
        split = group_split(labels, None, seed=seed)
        assert [sorted(labels[index].tolist()) for index in split.values()] == [[0, 1]] * 3


@pytest.mark.parametrize("seed", range(10))
def test_one_large_group_stays_whole(seed):
    labels, groups = cohort(seed)
    groups[:120] = 9999
    split = group_split(labels, groups, seed=seed)
    assert sum((groups[index] == 9999).any() for index in split.values()) == 1


def test_text_as_labels_and_groups():
    labels, groups = cohort(4)
    names = np.array([f"p{g}" for g in groups])
    split = group_split(np.where(labels == 1, "AF", "normal"), names, seed=0)
    check_split(split, names)


def test_impossible_splits_are_refused():
    with pytest.raises(ValueError, match=r"2 group\(s\) for 3 parts"):
        group_split([0, 1, 0, 1], [5, 5, 8, 8], seed=0)
    with pytest.raises(ValueError, match=r"class 1 occurs in 2 group\(s\)"):
        group_split([0] * 20 + [1] * 6, [*range(20), *[50] * 3, *[51] * 3], seed=0)
    with pytest.raises(ValueError, match="sum to 1"):
        group_split([0, 1] * 9, None, fractions={"train": 0.8, "test": 0.3}, seed=0)
    with pytest.raises(ValueError, match="one group per recording"):
        group_split([0, 1, 1], [1, 2], seed=0)
    with pytest.raises(ValueError, match="no NaN"):
        group_split([0, 1, np.nan], None, seed=0)
    with pytest.raises(ValueError, match="groups hold NaN"):
        group_split([0, 1, 1], [1, np.nan, 2], seed=0)
    with pytest.raises(ValueError, match="n > 0"):
        group_split([], None, seed=0)


@pytest.mark.parametrize("seed", range(5))
def test_folds_test_every_recording_once(seed):
    labels, groups = cohort(seed)
    tested = []
    for train, test in subject_kfold(labels, groups, n_splits=5, seed=seed):
        check_split({"train": train, "test": test}, groups)
        assert labels[test].mean() == pytest.approx(labels.mean(), abs=0.08)
        tested += test.tolist()
    assert sorted(tested) == list(range(len(labels)))
    again = [test.tolist() for _, test in subject_kfold(labels, groups, n_splits=5, seed=seed)]
    assert sum(again, []) == tested


def test_impossible_folds_are_refused_at_the_call():
    with pytest.raises(ValueError, match="for 5 folds"):
        subject_kfold([0, 1] * 4, [0, 0, 1, 1, 2, 2, 3, 3], n_splits=5, seed=0)
    with pytest.raises(ValueError, match="class 1 occurs in 2"):
        subject_kfold([0] * 8 + [1] * 2, None, n_splits=3, seed=0)
    with pytest.raises(ValueError, match="from 2"):
        subject_kfold([0, 1] * 4, None, n_splits=1, seed=0)


def test_check_split_names_the_fault():
    groups = np.array([0, 0, 1, 1, 2])
    check_split({"train": np.array([0, 1, 4]), "test": np.array([2, 3])}, groups)
    check_split({"train": [0, 1, 4], "test": [2, 3]}, None)
    with pytest.raises(ValueError, match="group 1 is on two sides, in 'train' and in 'test'"):
        check_split({"train": [0, 1, 2], "test": [3, 4]}, groups)
    with pytest.raises(ValueError, match="recording 4 is used 2 times.*'train' and 'test'"):
        check_split({"train": [0, 1, 4], "test": [2, 3, 4]}, groups)
    with pytest.raises(ValueError, match="recording 3 is used 2 times"):
        check_split({"train": [0, 1, 4], "test": [2, 3, 3]}, groups)
    with pytest.raises(ValueError, match="recording 4 is in no part"):
        check_split({"train": [0, 1], "test": [2, 3]}, groups)
    with pytest.raises(ValueError, match="recording 5 is in no part"):
        check_split({"train": [0, 1, 4], "test": [2, 3]}, None, n=6)
    with pytest.raises(ValueError, match="outside the 5 recordings"):
        check_split({"train": [0, 1, 4], "test": [2, 3, -1]}, groups)
    with pytest.raises(ValueError, match="expected indices"):
        check_split({"train": [True, True, False], "test": [2, 3]}, groups)
