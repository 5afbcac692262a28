"""The reference of arrhythmia: its evidence, its losses, and that nothing of a patient under test reaches training."""

import numpy as np
import pytest
import torch

from physiodl import arrhythmia, evidence, metrics, mitdb
from physiodl.simulate import mitdb as simulate

FS = 100.0
NAMED = {name: k for k, name in enumerate(evidence.NAMES)}


def record(rr_s, *, p_wave=True, other=(), noise=0.02, seed=0):
    """One lead made of humps, and the times of its R waves; ``other`` names beats of another shape."""
    rng = np.random.default_rng(seed)
    beat_s = 1.0 + np.cumsum(rr_s)
    t = np.arange(round((beat_s[-1] + 2) * FS)) / FS
    x = noise * rng.standard_normal(len(t))
    for k, at in enumerate(beat_s):
        if k in other:
            x -= 1.5 * np.exp(-0.5 * ((t - at) / 0.05) ** 2)
            continue
        x += np.exp(-0.5 * ((t - at) / 0.012) ** 2) - 0.3 * np.exp(-0.5 * ((t - at - 0.04) / 0.012) ** 2)
        x += 0.25 * np.exp(-0.5 * ((t - at - 0.25) / 0.05) ** 2)
        if p_wave:
            x += 0.15 * np.exp(-0.5 * ((t - at + 0.16) / 0.025) ** 2)
    return x[None], beat_s


def seen(rr_s, *, start_s=20.0, **how):
    x, beat_s = record(rr_s, **how)
    row = evidence.of_record(x, FS, beat_s, np.array([start_s]))[0]
    return {name: float(row[k]) for name, k in NAMED.items()}


def steady(n=70, seed=0):
    return 0.8 * (1 + 0.02 * np.random.default_rng(seed).standard_normal(n))


def irregular(n=70, seed=0):
    return 0.7 * np.exp(0.2 * np.random.default_rng(seed).standard_normal(n))


# ---- evidence


def test_af_is_irregular_and_without_p_waves():
    sinus, af = seen(steady()), seen(irregular(), p_wave=False)
    assert np.exp(sinus["log_rr_step"]) < 0.05 < 0.12 < np.exp(af["log_rr_step"])
    assert np.exp(sinus["log_rr_pattern"]) < 0.05 < 0.12 < np.exp(af["log_rr_pattern"])
    assert sinus["rr_entropy"] < 2 < af["rr_entropy"]
    assert sinus["p_best"] > 0.9 and abs(af["p_best"]) < 0.5


def test_each_half_of_the_evidence_stands_for_itself():
    regular_without_p, irregular_with_p = seen(steady(), p_wave=False), seen(irregular(), p_wave=True)
    assert np.exp(regular_without_p["log_rr_step"]) < 0.05
    assert irregular_with_p["p_best"] > 0.8


def test_ventricular_beats_do_not_make_a_rhythm_irregular():
    rr, other = steady(), range(4, 70, 5)
    for k in other:  # early, with a compensatory pause
        rr[k] *= 0.6
        rr[k + 1 : k + 2] *= 1.4
    row = seen(rr, other=other)
    assert np.exp(row["log_rr_step"]) < 0.06
    assert 0.15 < row["other_shapes"] < 0.25
    assert row["p_best"] > 0.9


@pytest.mark.parametrize("period", [2, 3, 4])
def test_a_rhythm_that_repeats_itself_is_regular(period):
    rr = steady(72)
    rr[::period] *= 0.6
    rr[1::period] *= 1.4
    row = seen(rr)
    assert np.exp(row["log_rr_pattern"]) < 0.06
    if period == 2:
        assert np.exp(row["log_rr_step"]) > 0.3  # what the pattern saves from being called AF


def test_context_moves_inwards_at_the_ends_of_a_record():
    x, beat_s = record(np.concatenate([irregular(60), steady(80, seed=1)]))
    ends = evidence.of_record(x, FS, beat_s, np.array([0.0, 12.5, x.shape[1] / FS - 5]))
    np.testing.assert_array_equal(ends[0], ends[1])  # both see the first 30 s
    assert np.exp(ends[0, 0]) > 0.12 and np.exp(ends[2, 0]) < 0.05


def test_too_few_beats_and_dead_leads_are_not_known():
    x, beat_s = record(steady(60))
    assert np.isnan(evidence.of_record(x, FS, beat_s[:3], np.array([10.0]))).all()
    assert np.isnan(evidence.of_record(0 * x, FS, beat_s, np.array([10.0]))).all()
    one = evidence.of_record(x, FS, beat_s, np.array([10.0]))
    two = evidence.of_record(np.concatenate([x, 0 * x]), FS, beat_s, np.array([10.0]))
    np.testing.assert_allclose(one, two, rtol=1e-5)  # a lead that was not recorded says nothing
    half = evidence.of_record(np.concatenate([x, record(steady(60), p_wave=False)[0]]), FS, beat_s, np.array([10.0]))
    assert half[0, NAMED["p_best"]] > half[0, NAMED["p_mean"]]


def test_neither_gain_nor_polarity_nor_order_of_leads_counts():
    x, beat_s = record(steady(60))
    y = np.concatenate([x, -0.4 * np.roll(x, 2, axis=1)])
    plain = evidence.of_record(y, FS, beat_s, np.array([10.0]))
    for other in (3 * y, -y, y[::-1]):
        np.testing.assert_allclose(evidence.of_record(other, FS, beat_s, np.array([10.0])), plain, atol=1e-5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two records: regular with P waves, irregular without; annotated as one would expect."""
    place = tmp_path_factory.mktemp("records")
    for name, rr, p_wave, label in (("a", steady(80), True, "(N"), ("b", irregular(90), False, "(AFIB")):
        x, beat_s = record(rr, p_wave=p_wave)
        x = np.repeat(x, 4, axis=1)  # 400 Hz, in steps: good enough to be read
        beats = (np.round(beat_s * 400).astype(int), ["N"] * len(beat_s))
        simulate.write_record(place, name, x, fs=400.0, leads=("MLII",), beats=beats, rhythms=[(0, label)])
    (place / "RECORDS").write_text("a\nb\n")
    return place


def test_evidence_uses_no_annotation_and_stays_in_its_record(folder, tmp_path):
    cohort = mitdb.windows(folder, cache=False)
    rows = evidence.of_cohort(folder, cohort, cache=False)
    assert rows.shape == (len(cohort), len(evidence.NAMES))
    at_seam = np.flatnonzero(cohort.labels == 1)[0]  # the first window of "b", next to the last of "a"
    assert rows[at_seam, NAMED["p_best"]] < 0.5 < 0.9 < rows[at_seam - 1, NAMED["p_best"]]
    alone = cohort.subset(cohort.columns["record"] == "b")
    np.testing.assert_array_equal(evidence.of_cohort(folder, alone, cache=False), rows[cohort.labels == 1])
    for path in folder.iterdir():  # the same signals, the annotations of the other record
        if path.suffix != ".atr":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "a.atr").write_bytes((folder / "b.atr").read_bytes()[:-2] + b"\0\0")
    (tmp_path / "b.atr").write_bytes(b"\0\0")
    np.testing.assert_array_equal(evidence.of_cohort(tmp_path, cohort, cache=False), rows)


def test_evidence_is_kept_until_the_windows_differ(folder, tmp_path):
    cohort = mitdb.windows(folder, cache=False)
    first = evidence.of_cohort(folder, cohort, cache=tmp_path)
    np.testing.assert_array_equal(evidence.of_cohort(folder, cohort, cache=tmp_path), first)
    fewer = evidence.of_cohort(folder, cohort.subset([3, 1]), cache=tmp_path)
    np.testing.assert_array_equal(fewer, first[[3, 1]])


# ---- losses and batches


def test_the_rarer_class_weighs_more():
    weights = arrhythmia.class_weights(np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(weights, [4 / 6, 2.0])
    np.testing.assert_allclose(weights @ [3, 1], 4)
    with pytest.raises(ValueError, match="expected both"):
        arrhythmia.class_weights(np.zeros(3, int))


def test_focal_loss():
    logits, labels = torch.tensor([-3.0, 0.2, 2.0, 4.0]), torch.tensor([0, 1, 0, 1])
    bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels.float(), reduction="none")
    torch.testing.assert_close(arrhythmia.focal_loss(logits, labels, gamma=0), bce.mean())
    p = torch.sigmoid(logits)
    right = torch.where(labels == 1, p, 1 - p)
    torch.testing.assert_close(arrhythmia.focal_loss(logits, labels, gamma=2), ((1 - right) ** 2 * bce).mean())
    weighted = arrhythmia.focal_loss(logits, labels, gamma=0, weights=np.array([1.0, 5.0]))
    torch.testing.assert_close(weighted, (bce * torch.tensor([1.0, 5.0, 1.0, 5.0])).mean())


def test_every_patient_is_drawn_as_often():
    labels = np.array([0] * 90 + [0] * 10 + [1] * 40 + [1] * 2)
    subjects = np.array(["a"] * 90 + ["b"] * 10 + ["c"] * 40 + ["a"] * 2)
    rng = np.random.default_rng(0)
    drawn = arrhythmia.balanced_batch(labels, subjects, 8000, rng)
    assert (labels[drawn] == 1).sum() == 4000
    for label, who in ((0, "a"), (0, "b"), (1, "c"), (1, "a")):
        share = np.mean((labels[drawn] == label) & (subjects[drawn] == who))
        assert abs(share - 0.25) < 0.03, (label, who, share)
    assert set(drawn) == set(range(len(labels)))


def test_augmentation_changes_the_electrodes_and_not_the_rhythm():
    x = torch.as_tensor(np.random.default_rng(0).standard_normal((400, 2, 200)).astype(np.float32))
    kept = x.clone()
    seen = arrhythmia.augmented(x, np.random.default_rng(1))
    torch.testing.assert_close(x, kept)  # the data stay as they are
    assert seen.shape == x.shape and seen.dtype == x.dtype
    rows = [[float(torch.corrcoef(torch.stack([a[k], b[j]]))[0, 1]) for k in (0, 1) for j in (0, 1)]
            for a, b in zip(x, seen, strict=True)]  # fmt: skip
    same, swapped = np.abs(np.array(rows)[:, [0, 3]]).min(1) > 0.9, np.abs(np.array(rows)[:, [1, 2]]).min(1) > 0.9
    assert (same ^ swapped).all() and 0.2 < swapped.mean() < 0.4
    torch.testing.assert_close(arrhythmia.augmented(x, np.random.default_rng(1)), seen)


# ---- training


def toy(seed=0, patients=12, each=20):
    """AF is a slow wave in the window; `extra` says the same. Patients 0 to 5 have AF, each in half of the windows."""
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(patients), each)
    labels = ((np.arange(len(subjects)) % 2 == 0) & (subjects < patients // 2)).astype(int)
    x = rng.standard_normal((len(subjects), 2, 250)).astype(np.float32)
    x += labels[:, None, None] * 1.5 * np.sin(2 * np.pi * 6 * np.arange(250) / FS).astype(np.float32)
    extra = np.stack([labels + 0.5 * rng.standard_normal(len(labels)), rng.standard_normal(len(labels))], 1)
    return x, extra.astype(np.float32), labels, subjects.astype(str)


def test_training_depends_on_its_seed_and_on_nothing_else():
    x, extra, labels, subjects = toy()
    nets = [
        arrhythmia.fit(
            arrhythmia.ContextNet(n_extra=2),
            x,
            labels,
            seed=seed,
            extra=extra,
            subjects=subjects,
            steps=4,
            augment=True,
        )
        for seed in (3, 3, 4)
    ]
    said = [arrhythmia.predict(net, x, extra) for net in nets]
    np.testing.assert_array_equal(said[0], said[1])
    assert np.abs(said[0] - said[2]).max() > 1e-4
    # building a network draws from torch's own generator; training does not
    state = torch.get_rng_state()
    arrhythmia.fit(nets[0], x, labels, seed=0, extra=extra, steps=2)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("which", ["plain", "context"])
def test_networks_learn_and_ignore_what_is_not_known(which):
    x, extra, labels, subjects = toy()
    if which == "plain":
        net = arrhythmia.fit(arrhythmia.PlainCNN(2, width=8), x, labels, seed=0, steps=60, gamma=1.0)
        said = arrhythmia.predict(net, x)
        assert arrhythmia.predict(net, x, features=True).shape == (len(x), 32)
    else:
        extra[::7] = np.nan
        net = arrhythmia.ContextNet(n_extra=2)
        arrhythmia.fit(net, x, labels, seed=0, subjects=subjects, extra=extra, steps=60)
        said = arrhythmia.predict(net, x, extra)
        assert np.isfinite(arrhythmia.predict(net, x, extra, features=True)).all()
        np.testing.assert_allclose(net.centre, np.nanmean(extra, axis=0), rtol=1e-5)
    assert np.isfinite(said).all() and metrics.roc_auc(labels, said) > 0.9


def test_the_shape_of_a_window_moves_the_decision_of_the_rhythm_a_little():
    x, extra = (torch.as_tensor(part) for part in toy()[:2])
    net = arrhythmia.ContextNet(n_extra=2).eval()
    with torch.no_grad():
        shape, rhythm = net.branches(1e3 * x, extra)
        moved = net(1e3 * x, extra) - rhythm
        assert shape.abs().max() > 4 and moved.abs().max() <= net.LIMIT + 1e-6
        assert (torch.sign(moved) == torch.sign(shape)).all()
        as_one = arrhythmia.ContextNet(n_extra=2, joint=True).eval()
        (total,) = as_one.branches(x, extra)
        torch.testing.assert_close(as_one(x, extra), total)


def test_best_threshold_is_near_a_half_and_hardly_worse_than_the_best():
    labels, said = np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    assert arrhythmia.best_threshold(labels, said) == pytest.approx(0.5)
    assert arrhythmia.best_threshold(labels, said - 0.1) == pytest.approx(0.4)  # nothing nearer separates them
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    for shift in (-0.3, 0.0, 0.3):
        said = np.round(np.clip(0.3 * labels + rng.random(300) * 0.7 + shift, 0, 1), 2)  # with ties
        best = max(metrics.f1(labels, (said >= t).astype(int)) for t in np.arange(0.005, 1, 0.01))
        for tolerance in (0.0, 0.02):
            chosen = arrhythmia.best_threshold(labels, said, tolerance=tolerance)
            assert metrics.f1(labels, (said >= chosen).astype(int)) >= best - tolerance - 1e-9
        assert abs(chosen - 0.5) <= abs(arrhythmia.best_threshold(labels, said, tolerance=0.0) - 0.5)
    assert arrhythmia.best_threshold(np.array([0, 1]), np.array([0.4, 0.4])) == pytest.approx(0.4)


def test_folds_share_no_patient_and_the_threshold_sees_no_test_patient():
    x, extra, labels, subjects = toy(patients=16)
    trained, asked = [], []

    def trainer(train, seed):
        trained.append(set(subjects[train]))

        def judge(index):
            asked.append((len(trained) - 1, set(subjects[index])))
            return np.clip(0.5 + 0.3 * (extra[index, 0] - 0.5), 0, 1)

        return judge

    found = arrhythmia.cross_validate(labels, subjects, trainer, n_splits=4, inner=2, seed=0)
    assert len(trained) == 8
    for number, patients in asked:
        assert not trained[number] & patients  # nobody is judged by a network that knows him
    for fold in range(4):
        test = set(subjects[found["fold"] == fold])
        assert not test & set(subjects[found["fold"] != fold])
        own, rest = found["fold"] == fold, found["fold"] != fold
        score = np.clip(0.5 + 0.3 * (extra[:, 0] - 0.5), 0, 1)
        expected = arrhythmia.best_threshold(labels[rest], score[rest])
        np.testing.assert_allclose(found["threshold"][own], expected, rtol=1e-6)
    np.testing.assert_array_equal(found["called"], found["probability"] >= found["threshold"])


def test_without_patients_the_split_leaks_and_with_few_the_threshold_is_a_half():
    x, extra, labels, subjects = toy()
    seen = []

    def trainer(train, seed):
        seen.append(set(subjects[train]))
        return lambda index: extra[index, 0].clip(0, 1)

    arrhythmia.cross_validate(labels, None, trainer, inner=1, seed=0)
    assert all(len(patients) == 12 for patients in seen) and len(seen) == 4
    few = np.isin(subjects, ["0", "1", "8", "9", "10"])
    x, extra, labels, subjects = x[few], extra[few], labels[few], subjects[few]
    found = arrhythmia.cross_validate(labels, subjects, trainer, n_splits=2, seed=0)
    assert (found["threshold"] == 0.5).all()


def test_every_network_sees_both_classes_however_few_the_patients():
    rng = np.random.default_rng(0)
    for _ in range(30):  # two patients with AF, one of them with hardly any: not both on one side
        sizes = rng.integers(5, 60, 7)
        subjects = np.repeat(np.arange(7).astype(str), sizes)
        labels = np.where(subjects == "0", 1, np.where((subjects == "1") & (rng.random(len(subjects)) < 0.1), 1, 0))
        labels[np.flatnonzero(subjects == "1")[0]] = 1

        def trainer(train, seed, labels=labels):
            assert set(labels[train]) == {0, 1}
            return lambda index: labels[index].astype(float)

        found = arrhythmia.cross_validate(labels, subjects, trainer, n_splits=2, seed=0)
        np.testing.assert_array_equal(found["called"], labels)


# ---- what is said about patients


def test_the_probe_knows_a_patient_by_what_stays():
    rng = np.random.default_rng(0)
    subjects, order = np.repeat(list("abcd"), 40), np.tile(np.arange(40.0), 4)
    own = np.repeat(np.eye(4) * 4, 40, axis=0) + rng.standard_normal((160, 4))
    for how in (order, None):
        right, chance = arrhythmia.identify_patients(own, subjects, order=how)
        assert right > 0.9 and chance == pytest.approx(0.25)
        right, _ = arrhythmia.identify_patients(rng.standard_normal((160, 4)), subjects, order=how)
        assert right < 0.5
    late = own.copy()
    late[order >= 20] = rng.standard_normal((80, 4))  # the later half is what is asked about
    assert arrhythmia.identify_patients(late, subjects, order=order)[0] < 0.5


def test_per_patient():
    labels, subjects = np.array([0, 0, 1, 1, 0]), np.array(["a", "a", "a", "a", "b"])
    found = {"probability": np.array([0.1, 0.8, 0.9, 0.2, 0.3]), "called": np.array([0, 1, 1, 0, 0])}
    found["threshold"] = np.full(5, 0.5)
    a, b = arrhythmia.per_patient(labels, subjects, found)
    assert (a["normal"], a["af"], a["sensitivity"], a["specificity"], a["auc"]) == (2, 2, 0.5, 0.5, 0.75)
    assert b["specificity"] == 1 and np.isnan(b["sensitivity"]) and np.isnan(b["auc"])
