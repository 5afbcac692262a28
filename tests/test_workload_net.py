"""The network with two branches: both count, either can be missing, windows do not mix, and it learns."""

import numpy as np
import pytest
import torch

from physiodl import multiclass, workload
from physiodl.workload import FUSIONS, WorkloadNet, auc_difference, cross_validated, fit, predict
from physiodl.workload_branches import EEGBranch, TCNBranch
from physiodl.workload_people import Usual, scaled

FS, PUPIL_FS, SECONDS = 125.0, 60.0, 2.0


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def windows(seed, n=240):
    """Windows of three levels: more theta and a wider pupil with each."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 3, n)
    t = np.arange(round(FS * SECONDS)) / FS
    wave = np.sin(2 * np.pi * (6 * t + rng.random((n, 1))))[:, None]
    theta = 4.0 + 3.0 * levels[:, None, None]
    eeg = 10 * rng.standard_normal((n, 4, len(t))) + theta * wave * np.array([1.0, 1.0, 0.2, 0.0])[:, None]
    pupil = 4.0 + 0.1 * rng.standard_normal((n, round(PUPIL_FS * SECONDS))) + 0.25 * levels[:, None]
    pupil += 0.15 * rng.standard_normal((n, 1))
    pupil[rng.random(pupil.shape) < 0.05] = np.nan
    return eeg.astype(np.float32), pupil.astype(np.float32), levels


def untrained(fusion, seed=0):
    torch.manual_seed(seed)
    return WorkloadNet(4, fusion=fusion).eval()


def accuracy(net, data, **options):
    return float(np.mean(predict(net, *data[:2], **options).argmax(axis=1) == data[2]))


# ---- what goes in counts, and only where it belongs -----------------------------------------------------


@pytest.mark.parametrize("fusion", FUSIONS)
def test_both_signals_count_and_windows_do_not_mix(fusion):
    eeg, pupil, _ = windows(0, n=12)
    net = untrained(fusion)
    p = predict(net, eeg, pupil)
    assert p.shape == (12, 3) and p.dtype == np.float32 and np.allclose(p.sum(axis=1), 1, atol=1e-6)
    for changed in ((eeg * 3, pupil), (eeg, pupil * 1.5), (eeg[:, ::-1], pupil), (eeg, np.roll(pupil, 40, axis=1))):
        assert np.abs(predict(net, *changed) - p).max() > 1e-5
    order = np.random.default_rng(1).permutation(12)
    np.testing.assert_allclose(predict(net, eeg[order], pupil[order]), p[order], atol=1e-6)
    alone = np.concatenate([predict(net, eeg[i : i + 1], pupil[i : i + 1]) for i in range(12)])
    np.testing.assert_allclose(alone, p, atol=1e-6)  # attention over the batch instead of over time would fail here
    np.testing.assert_allclose(predict(net, eeg, pupil, size=5), p, atol=1e-6)


def test_attention_reads_one_signal_in_the_light_of_the_other():
    """When something happens in the pupil changes what is made of the EEG, which two separate summaries cannot do."""
    eeg, pupil, _ = windows(1, n=6)
    with torch.no_grad():
        x = torch.as_tensor(eeg)
        early, late = (torch.as_tensor(np.roll(pupil, shift, axis=1)) for shift in (0, 60))
        for fusion, moves in (("concatenation", False), ("attention", True)):
            net = untrained(fusion)
            summaries = []
            net.out.register_forward_pre_hook(lambda _, given, kept=summaries: kept.append(given[0]))
            net(x, early), net(x, late)
            of_eeg = summaries[0][:, :64] - summaries[1][:, :64]  # mean and maximum of the EEG's 32 numbers
            assert (of_eeg.abs().max() > 1e-6) == moves


def test_attention_knows_when():
    """The same steps of the pupil in the opposite order: without places their order would not be seen at all."""

    class Backwards(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x).flip(1)

    eeg, pupil, _ = windows(1, n=6)
    net = untrained("attention")
    p = predict(net, eeg, pupil)
    net.pupil = Backwards(net.pupil)
    assert np.abs(predict(net, eeg, pupil) - p).max() > 1e-5
    plain = untrained("concatenation")
    p = predict(plain, eeg, pupil)
    plain.pupil = Backwards(plain.pupil)
    np.testing.assert_allclose(predict(plain, eeg, pupil), p, atol=1e-6)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_absent_signal_leaves_no_trace(fusion):
    eeg, pupil, _ = windows(2, n=8)
    net = untrained(fusion)
    torch.nn.init.normal_(net.absent)
    for side in (0, 1):
        present = np.ones((8, 2), dtype=bool)
        present[:, side] = False
        p = predict(net, eeg, pupil, present=present)
        other = predict(net, *((eeg * 9, pupil) if side == 0 else (eeg, pupil + 3)), present=present)
        assert np.array_equal(p, other) and np.abs(p - predict(net, eeg, pupil)).max() > 1e-5
        gone = (np.full_like(eeg, np.nan), pupil) if side == 0 else (eeg, np.full_like(pupil, np.nan))
        np.testing.assert_allclose(predict(net, *gone), p, atol=1e-6)  # and it finds out by itself
    mixed = np.random.default_rng(0).random((8, 2)) < 0.5
    p = predict(net, eeg, pupil, present=mixed)
    for row in range(8):
        one = predict(net, eeg[row : row + 1], pupil[row : row + 1], present=mixed[row : row + 1])
        np.testing.assert_allclose(one[0], p[row], atol=1e-6)


# ---- training -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fusion", FUSIONS)
def test_learns_from_both_signals_and_does_without_one(fusion):
    """Over 6 seeds and both fusions: 0.73 to 0.90 with both, 0.51 to 0.93 without one of them. Guessing gives 0.33,
    and 0.42 once in a thousand times.
    """
    both = fit(WorkloadNet(4, fusion=fusion), *windows(3, n=200), seed=0, passes=5, size=32)
    test = windows(4)
    assert accuracy(both, test) > 0.7
    for side in (0, 1):
        present = np.ones((240, 2), dtype=bool)
        present[:, side] = False
        assert accuracy(both, test, present=present) > 0.42


def test_training_repeats_with_its_seed_and_leaves_the_global_generator():
    data = windows(7, n=70)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    nets = [fit(WorkloadNet(4), *data, seed=seed, passes=2) for seed in (1, 1, 2)]
    p = [predict(net, *data[:2]) for net in nets]
    assert np.array_equal(p[0], p[1]) and not np.array_equal(p[0], p[2])
    torch.manual_seed(5)
    assert torch.equal(before, torch.random.get_rng_state())


def test_validation_keeps_the_best_pass():
    """Levels at random cannot be learned: on them the first pass, which is sure of nothing, is the best."""
    train, (eeg, pupil, _) = windows(8, n=70), windows(9, n=70)
    other, told = (eeg, pupil, np.random.default_rng(0).integers(0, 3, 70)), []
    net = fit(WorkloadNet(4), *train, seed=0, passes=4, rate=0.03, validation=other, report=told.append)
    p = predict(net, *other[:2])
    loss = -np.log(p[np.arange(70), other[2]]).mean()
    assert [each["pass"] for each in told] == list(range(1, 5))
    found = [each["validation"] for each in told]
    assert loss == pytest.approx(min(found), abs=1e-5) and min(found) < found[-1] - 0.01


def test_units_come_from_training_windows():
    eeg, pupil, levels = windows(10, n=70)
    net = fit(WorkloadNet(4), eeg * np.array([1, 10, 1, 1], dtype=np.float32)[:, None], pupil, levels, seed=0, passes=1)
    spread = net.eeg_spread.numpy()[:, 0]
    np.testing.assert_allclose(spread, eeg.std(axis=(0, 2)) * [1, 10, 1, 1], rtol=1e-4)
    assert float(net.pupil_centre) == pytest.approx(np.nanmean(pupil), rel=1e-4)


# ---- branches -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fs", [125.0, 250.0, 100.0])
@pytest.mark.parametrize("branch", [EEGBranch, TCNBranch])
def test_steps_are_a_quarter_of_a_second_and_in_order_of_time(branch, fs):
    torch.manual_seed(0)
    net = branch(3, fs, width=8, filters=6, dropout=0.0).eval()
    x = torch.randn(2, 3, round(4 * fs))
    with torch.no_grad():
        steps = net(x)
        assert steps.shape == (2, steps.shape[1], 8) and 14 <= steps.shape[1] <= 16
        changed = x.clone()
        changed[..., round(3 * fs) :] += torch.randn(2, 3, round(4 * fs) - round(3 * fs))
        moved = (net(changed) - steps).abs().amax(dim=(0, 2))
    # a step is a mean over half a second: what changed after 3 s cannot be in those that end before 2.9 s
    assert (moved[:9] < 1e-5).all() and (moved[-2:] > 1e-4).all()


def test_tcn_looks_back_two_seconds_and_never_ahead():
    torch.manual_seed(0)
    net = TCNBranch(2, 125.0, width=8, filters=6, dropout=0.0).eval()
    x = torch.randn(1, 2, 500)
    early = x.clone()
    early[..., 50:60] += 3.0  # from 0.4 s
    with torch.no_grad():
        blocks = torch.nn.Sequential(*net.blocks)
        deep = [blocks(net.first(each[:, :, None])) for each in (x, early)]
    moved = (deep[0] - deep[1]).abs().amax(dim=(0, 1, 2))  # at 62.5 Hz
    assert (moved[:25] == 0).all()
    last = int(torch.nonzero(moved > 0).max())
    assert 2.0 < (last - 25) / 62.5 < 4.0


def test_tcn_learns():
    """Over 6 seeds: 0.70 to 0.81 with both signals; guessing gives 0.33."""
    net = fit(WorkloadNet(4, branch="tcn", filters=12), *windows(3, n=200), seed=0, passes=5, size=32)
    assert accuracy(net, windows(4)) > 0.6


# ---- people ---------------------------------------------------------------------------------------------


def test_what_is_usual_of_a_person_is_taken_out():
    rng = np.random.default_rng(0)
    eeg, pupil, _ = windows(11, n=60)
    subjects = np.repeat(["a", "b"], 30)
    size = np.array([1.0, 8.0, 0.5, 1.0])
    other, wider = eeg.copy(), pupil.copy()
    other[30:] *= size[:, None].astype(np.float32)
    wider[30:] = 2 * wider[30:] + 1
    one, two = scaled(eeg, pupil, subjects, fs=FS), scaled(other, wider, subjects, fs=FS)
    for a, b in zip(one, two, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-3)
    for person in (slice(0, 30), slice(30, 60)):
        assert np.all(np.abs(np.log(one[0][person].std(axis=(0, 2)))) < 0.2)
        power = (np.abs(np.fft.rfft(one[0][person], axis=2)) ** 2).mean(axis=0)
        hz = np.fft.rfftfreq(eeg.shape[2], 1 / FS)
        ratio = power[:, (hz > 4) & (hz < 8)].mean(axis=1) / power[:, (hz > 15) & (hz < 30)].mean(axis=1)
        assert np.all((ratio > 0.5) & (ratio < 2.5))  # the wave of 6 Hz, 20 times the noise, is not above the rest now
        assert abs(np.nanmean(one[1][person])) < 1e-3 and np.nanstd(one[1][person]) == pytest.approx(1, abs=1e-3)
    assert np.array_equal(np.isnan(one[1]), np.isnan(pupil))
    usual = Usual.of(eeg[:30], pupil[:30], fs=FS)
    np.testing.assert_allclose(usual(eeg[:1], pupil[:1])[0], one[0][:1], atol=1e-5)
    with pytest.raises(ValueError, match="expected"):
        usual(eeg[:, :3], pupil)
    with pytest.raises(ValueError, match="fill gaps first"):
        Usual.of(np.full_like(eeg, np.nan), fs=FS)
    eeg[rng.integers(30)] = np.nan  # a window without EEG is no part of what is usual
    assert np.isfinite(Usual.of(eeg[:30], fs=FS).spectrum[:, 10]).all()


def test_cross_validation_tests_nobody_it_learned_from(monkeypatch):
    eeg, pupil, levels = windows(12, n=120)
    subjects = np.repeat(np.arange(8), 15)
    eeg[:, 0, 0] = subjects  # a mark by which windows are known
    seen = []

    def fitted(net, x, p, y, *, seed, **how):
        seen.append((set(x[:, 0, 0]), seed, how))
        return net

    def guess(net, x, p, *, present):
        assert not set(x[:, 0, 0]) & seen[-1][0] and len(present) == len(x)
        return np.tile(present[0] @ np.array([1.0, 10.0]) + np.zeros(3), (len(x), 1))

    monkeypatch.setattr(workload, "fit", fitted)
    monkeypatch.setattr(workload, "predict", guess)
    found = cross_validated(lambda: None, eeg, pupil, levels, subjects, seed=3, passes=2)
    assert [float(found[name][0, 0]) for name in ("both", "eeg", "pupil")] == [11, 1, 10]
    assert all(np.all(p == p[0, 0]) for p in found.values())  # every window once
    assert len(seen) == 4 and len({seed for _, seed, _ in seen}) == 4 and all(how == {"passes": 2} for *_, how in seen)


def test_difference_of_two_networks_is_paired_over_people():
    """People differ a lot in how easy they are; both networks find the same ones hard: the interval does not grow."""
    rng = np.random.default_rng(0)
    levels, subjects = np.tile(np.arange(3), 200), np.repeat(np.arange(20), 30)
    ease = rng.uniform(0, 3, 20)[subjects]
    score = ease[:, None] * np.eye(3)[levels] + rng.standard_normal((600, 3))
    same = auc_difference(levels, score, score + 1, subjects=subjects)
    assert same == (0.0, 0.0, 0.0)
    better = score + 0.5 * np.eye(3)[levels]
    value, low, high = auc_difference(levels, score, better, subjects=subjects)
    wanted = multiclass.auc_per_class(levels, better).mean() - multiclass.auc_per_class(levels, score).mean()
    assert value == pytest.approx(wanted) and 0 < low < value < high
    alone = multiclass.auc_intervals(levels, score, groups=subjects)
    assert high - low < 0.5 * (alone[2] - alone[1])[-1]
    with pytest.raises(ValueError, match="two at least"):
        auc_difference(levels, score, better, subjects=np.zeros(600))


# ---- bad input ------------------------------------------------------------------------------------------


def test_errors_say_what_is_wrong():
    eeg, pupil, levels = windows(0, n=4)
    with pytest.raises(ValueError, match="concatenation, attention"):
        WorkloadNet(4, fusion="sum")
    with pytest.raises(ValueError, match="cnn, tcn"):
        WorkloadNet(4, branch="rnn")
    for wrong in ((eeg[:, :3], pupil), (eeg, pupil[:3]), (eeg[0], pupil), (eeg, pupil[None])):
        with pytest.raises(ValueError, match=r"expected \(n, 4, samples\)"):
            predict(WorkloadNet(4), *wrong)
    for wrong in (levels + 1, levels[:3], levels.astype(float)):
        wrong = wrong if wrong.dtype != levels.dtype or len(wrong) < 4 else np.full(4, 3)
        with pytest.raises(ValueError, match="of 0, 1 and 2"):
            fit(WorkloadNet(4), eeg, pupil, wrong, seed=0)
    with pytest.raises(ValueError, match="fill gaps first"):
        fit(WorkloadNet(4), np.full_like(eeg, np.nan), pupil, levels, seed=0)


def test_fewer_than_half_of_the_samples_count_as_absent():
    from physiodl.streaming import Window

    eeg, pupil, _ = windows(0, n=1)
    net = untrained("concatenation")
    for share, present in ((0.49, False), (0.5, True)):
        window = Window(0, 0.0, SECONDS, {"eeg": eeg[0], "pupil": pupil}, {"eeg": 1.0, "pupil": share})
        wanted = predict(net, eeg, pupil, present=np.array([[True, present]]))[0]
        np.testing.assert_allclose(workload.as_model(net)(window), wanted, atol=1e-7)


def test_in_the_stream_a_window_is_made_relative_to_its_person():
    from physiodl.streaming import Window

    eeg, pupil, _ = windows(0, n=20)
    net, usual = untrained("concatenation"), Usual.of(eeg[1:], pupil[1:], fs=FS)
    window = Window(0, 0.0, SECONDS, {"eeg": eeg[0], "pupil": pupil[:1]}, {"eeg": 1.0, "pupil": 1.0})
    wanted = predict(net, *usual(eeg[:1], pupil[:1]))[0]
    np.testing.assert_allclose(workload.as_model(net, usual=usual)(window), wanted, atol=1e-7)
    assert np.abs(workload.as_model(net)(window) - wanted).max() > 1e-4
