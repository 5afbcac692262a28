"""Sequences keep to their night, the networks to theirs, and training learns."""

import numpy as np
import pytest
import torch

from physiodl import multiclass, sleep, sleep_features
from physiodl.sleep_sequences import sequences

FS = 100.0
HZ = (20.0, 6.0, 13.0, 1.5, 4.0)  # a rhythm for each stage of the toy problem


def toy(nights=6, n=40, samples=300, seed=0):
    """Epochs whose stage is a rhythm, in bouts of 5 epochs: (epochs, stages, night, subjects)."""
    rng = np.random.default_rng(seed)
    stages = np.concatenate([np.repeat(rng.permutation(np.arange(n // 5) % 5), 5) for _ in range(nights)])
    t, phase = np.arange(samples) / FS, rng.uniform(0, 2 * np.pi, (len(stages), 1))
    epochs = 20 * np.sin(2 * np.pi * np.array(HZ)[stages, None] * t + phase) + 10 * rng.standard_normal(
        (len(stages), samples)
    )
    night = np.repeat([f"night {k}" for k in range(nights)], n)
    return epochs.astype(np.float32), stages, night, np.repeat(np.arange(nights) // 2, n)


def small(samples=300, **how):
    torch.manual_seed(0)
    return sleep.SleepNet(samples, width=8, **{"dense": 8, "hidden": 8, **how}).eval()


# ---- sequences


@pytest.mark.parametrize("length", [1, 4, 7, 30])
@pytest.mark.parametrize("seed", range(4))
def test_sequences_cross_no_night_and_no_gap_and_miss_no_epoch(length, seed):
    rng = np.random.default_rng(seed)
    night = np.repeat(["b", "a", "c"], rng.integers(1, 25, 3))
    position = np.concatenate([np.cumsum(rng.choice([1, 1, 1, 2, 9], np.sum(night == k))) for k in "bac"])
    for stride in {1, length // 2 or 1, length}:
        for draw in (None, rng):
            rows = sequences(night, position, length=length, stride=stride, rng=draw)
            assert rows.shape[1] == length and set(rows[rows >= 0]) == set(range(len(night)))
            for row in rows:
                known = row[row >= 0]
                assert (row[: len(known)] >= 0).all() and len(known)  # what is missing stands at the end
                assert len(set(night[known])) == 1 and (np.diff(position[known]) == 1).all()


def test_sequences_start_where_they_should():
    night = np.zeros(10, int)
    assert sequences(night, length=4)[:, 0].tolist() == [0, 4, 6]
    assert sequences(night, length=4, stride=2)[:, 0].tolist() == [0, 2, 4, 6]
    assert sequences(night, length=12).tolist() == [[*range(10), -1, -1]]
    firsts = {tuple(sequences(night, length=4, rng=np.random.default_rng(k))[:, 0]) for k in range(20)}
    assert len(firsts) > 2 and all(row[0] == 0 and row[-1] == 6 for row in firsts)
    with pytest.raises(ValueError, match="do not rise after 3"):
        sequences(night[:3], np.array([2, 3, 3]))
    with pytest.raises(ValueError, match="stride 5"):
        sequences(night, length=4, stride=5)


def test_interleaved_nights_are_told_from_one_another():
    night, position = np.array([0, 1, 0, 1, 0]), np.array([0, 0, 1, 1, 2])
    assert sequences(night, position, length=3).tolist() == [[0, 2, 4], [1, 3, -1]]


# ---- networks


@pytest.mark.parametrize("samples", [500, 3000])
def test_shapes_and_what_each_input_does(samples):
    epochs, extra = torch.randn(2, 3, samples), torch.randn(2, 3, 4)
    for net, given in (
        (small(samples), (epochs,)),
        (small(samples, n_extra=4), (epochs, extra)),
        (small(0, n_extra=4), (epochs, extra)),
    ):
        assert net(*given).shape == (2, 3, 5)
    both = small(samples, n_extra=4)
    assert not torch.allclose(both(epochs, extra), both(epochs, extra + 1))
    assert not torch.allclose(both(epochs, extra), both(epochs.flip(2), extra))
    alone = small(samples, hidden=0)
    assert torch.allclose(alone(epochs)[:, 1], alone(epochs[:, 1:2])[:, 0], atol=1e-5)
    seen = small(samples)  # forwards and backwards: the middle depends on both ends
    for end in (0, 2):
        other = epochs.clone()
        other[:, end] = 0
        assert not torch.allclose(seen(epochs)[:, 1], seen(other)[:, 1], atol=1e-5)
    with pytest.raises(ValueError, match="neither"):
        small(0)
    with pytest.raises(ValueError, match="60 samples"):
        small(60)


@pytest.mark.parametrize("training", [False, True])
def test_what_is_not_known_is_not_seen(training):
    net = small(dropout=0.0).train(training)
    net.cnn.blocks[4].p = 0.0
    x, known = torch.randn(3, 6, 300), torch.ones(3, 6, dtype=torch.bool)
    known[0, 4:], known[2, 1:] = False, False
    other = torch.where(known[..., None], x, 1000.0)
    torch.testing.assert_close(net(x, None, known)[known], net(other, None, known)[known])
    if not training:
        torch.testing.assert_close(net(x, None, known)[0, :4], net(x[:1, :4])[0], atol=1e-5, rtol=1e-4)


def test_prediction_depends_on_no_batch_and_no_other_night():
    epochs, _, night, _ = toy(nights=3, n=25)
    net, how = small(), {"length": 10}
    whole = sleep.predict(net, epochs, night, **how)
    np.testing.assert_allclose(whole.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(sleep.predict(net, epochs, night, size=1, **how), whole, atol=1e-5)
    of = np.flatnonzero(night == "night 1")
    np.testing.assert_allclose(sleep.predict(net, epochs[of], night[of], **how), whole[of], atol=1e-5)
    np.testing.assert_allclose(sleep.predict(net, epochs, night, index=of[::-1], **how), whole[of[::-1]], atol=1e-5)
    gap = np.arange(len(night)) + 5 * (np.arange(len(night)) >= of[12])
    parted = sleep.predict(net, epochs, night, position=gap, **how)
    np.testing.assert_allclose(parted[of[:12]], sleep.predict(net, epochs[of[:12]], night[of[:12]], **how), atol=1e-5)
    assert abs(parted[of] - whole[of]).max() > 1e-4


def test_overlapping_sequences_are_averaged():
    epochs, _, night, _ = toy(nights=1, n=15)
    net = small()
    first, middle, last = (sleep.predict(net, epochs[k : k + 10], night[:10], length=10) for k in (0, 5, 5))
    said = sleep.predict(net, epochs, night, length=10)
    np.testing.assert_allclose(said[:5], first[:5], atol=1e-5)
    np.testing.assert_allclose(said[5:10], (first[5:] + middle[:5]) / 2, atol=1e-5)
    np.testing.assert_allclose(said[10:], last[5:], atol=1e-5)
    once = sleep.predict(net, epochs[:10], night[:10], length=5, stride=5)
    np.testing.assert_allclose(once[5:], sleep.predict(net, epochs[5:10], night[5:10], length=5), atol=1e-5)
    with pytest.raises(ValueError, match="stride 0"):
        sleep.predict(net, epochs, night, length=10, stride=0)


# ---- training


@pytest.mark.parametrize("seed", range(2))
def test_training_learns_and_the_seed_decides(seed):
    epochs, stages, night, subjects = toy(seed=seed)
    extra = sleep_features.spectra(epochs, night, fs=FS, bands=8)
    epochs = sleep_features.scaled(epochs, night)
    train, test = np.flatnonzero(subjects < 2), np.flatnonzero(subjects == 2)
    how = {"seed": seed, "train": train, "extra": extra, "length": 10, "size": 4, "passes": 15, "rate": 1e-2}
    said = []
    for _ in range(2):
        net = small(n_extra=extra.shape[1], hidden=24, dense=24, dropout=0.1)
        before = torch.random.get_rng_state()
        sleep.fit(net, epochs, stages, night, **how)
        assert torch.equal(before, torch.random.get_rng_state())
        said.append(sleep.predict(net, epochs, night, extra=extra, index=test, length=10))
    assert multiclass.kappa(stages[test], said[0].argmax(axis=1)) > 0.7
    np.testing.assert_array_equal(*said)


def test_early_stopping_keeps_the_best_pass():
    epochs, stages, night, subjects = toy()
    held, told = np.flatnonzero(subjects == 1), []
    wrong = np.where(subjects == 1, (stages + 1) % 5, stages)  # the better the network, the lower its kappa there
    how = {"seed": 0, "length": 10, "size": 4, "passes": 12, "rate": 1e-2, "patience": 2, "validation": held}
    net = sleep.fit(small(), epochs, wrong, night, report=told.append, **how)
    kappas = [one["kappa"] for one in told]
    best = int(np.argmax(kappas))
    assert len(told) == best + 1 + 3 < 12
    said = sleep.predict(net, epochs, night, index=held, length=10)
    assert multiclass.kappa(wrong[held], said.argmax(axis=1)) == pytest.approx(max(kappas))
    with pytest.raises(ValueError, match="both in train and in validation"):
        sleep.fit(small(), epochs, stages, night, seed=0, train=held, validation=held)


def test_training_sees_nothing_but_its_part():
    epochs, stages, night, subjects = toy()
    extra = sleep_features.spectra(epochs, night, fs=FS, bands=4)
    train = np.flatnonzero(subjects != 1)
    how = {"seed": 0, "train": train, "length": 10, "size": 4, "passes": 2}
    nets = []
    for spoiled in (False, True):
        x, y, z = epochs.copy(), stages.copy(), extra.copy()
        if spoiled:
            x[subjects == 1], y[subjects == 1], z[subjects == 1] = 1e6, 0, -1e6
        nets.append(sleep.fit(small(n_extra=z.shape[1]), x, y, night, extra=z, **how))
    for one, other in zip(*(net.state_dict().values() for net in nets), strict=True):
        torch.testing.assert_close(one, other)


def test_class_weights():
    stages = np.repeat(np.arange(4), [10, 20, 30, 40])
    np.testing.assert_allclose(sleep.class_weights(stages, power=1), [2, 1, 2 / 3, 0.5, 0])
    np.testing.assert_allclose(sleep.class_weights(stages) ** 2, [2, 1, 2 / 3, 0.5, 0])


def test_cross_validation_is_by_subject():
    _, stages, night, subjects = toy(nights=12, n=25)
    trained = []

    def trainer(train, seed):
        trained.append((set(subjects[train]), seed))
        return lambda index: np.eye(5)[stages[index]]

    found = sleep.cross_validate(stages, subjects, trainer, n_splits=3, seed=4)
    assert len(trained) == 3 and len({seed for _, seed in trained}) == 3
    for fold, (known, _) in enumerate(trained):
        assert not known & set(subjects[found["fold"] == fold]) and known | set(subjects[found["fold"] == fold]) == set(
            subjects
        )
    np.testing.assert_array_equal(found["called"], stages)


# ---- what is done to a night


def test_scaled_takes_gain_and_offset_away_night_by_night():
    epochs, _, night, _ = toy(nights=2)
    other = np.where(night == "night 0", 3.0, 0.2)[:, None] * epochs + np.where(night == "night 0", 40, -7)[:, None]
    np.testing.assert_allclose(sleep_features.scaled(other, night), sleep_features.scaled(epochs, night), atol=2e-3)
    spike = epochs.copy()
    spike[3, 5] = 1e6
    assert sleep_features.scaled(spike, night)[3, 5] == sleep_features.LIMIT
    with pytest.raises(ValueError, match="'night 1' is flat"):
        sleep_features.scaled(np.where(night == "night 1", 0, 1)[:, None] * epochs, night)
    with pytest.raises(ValueError, match=r"signals\[:, 0\]"):
        sleep_features.scaled(epochs[:, None], night)


def test_spectra_find_the_rhythm_and_forget_the_gain():
    epochs, stages, night, _ = toy(nights=2, samples=500)
    power = sleep_features.log_power(epochs, FS).mean(axis=2)
    peaks = [int(np.median(power[stages == k].argmax(axis=1))) for k in range(5)]
    assert np.argsort(peaks).tolist() == np.argsort(HZ).tolist()
    seen = sleep_features.spectra(epochs, night, fs=FS)
    louder = sleep_features.spectra(5 * epochs, night, fs=FS)
    k = sleep_features.BANDS
    assert seen.shape == (len(epochs), 4 * k)
    np.testing.assert_allclose(louder[:, : 3 * k], seen[:, : 3 * k], atol=0.01)
    np.testing.assert_allclose(louder[:, 3 * k :] - seen[:, 3 * k :], np.log(25), atol=0.01)
    with pytest.raises(ValueError, match="at least 3 s"):
        sleep_features.spectra(epochs[:, :200], night, fs=FS)


def test_waveform_tells_spindles_slow_waves_and_gain():
    rng = np.random.default_rng(0)
    t = np.arange(500) / FS
    plain = 8 * rng.standard_normal((60, 500))
    spindle = 25 * np.exp(-0.5 * ((t - 2.5) / 0.25) ** 2) * np.sin(2 * np.pi * 13 * t)
    slow = 60 * np.sin(2 * np.pi * 1.0 * t)
    epochs = np.concatenate([plain[:40], plain[40:50] + spindle, plain[50:] + slow])
    rows = sleep_features.waveform(epochs, np.zeros(60, int), fs=FS)
    assert rows.shape == (60, 36) and np.isfinite(rows).all() and abs(rows[:, :18]).max() <= 6
    rise = rows[:, 18 + 13]  # the strongest half second of sigma over the median one
    assert rise[40:50].min() > rise[:40].max()
    low = rows[:, 18 + 10]  # share of the epoch in which slow waves exceed 20 uV
    assert low[50:].min() > 0.25 > 0.05 > low[:50].max()
    louder = sleep_features.waveform(3 * epochs[:50], np.zeros(50, int), fs=FS)
    softer = sleep_features.waveform(epochs[:50], np.zeros(50, int), fs=FS)
    np.testing.assert_allclose(louder[:, 0], softer[:, 0], atol=0.05)  # variance: relative to the night
    np.testing.assert_allclose(louder[:, 18] - softer[:, 18], np.log(9), atol=0.01)  # and as it is


def test_other_night_changes_numbers_a_little_and_epochs_not_at_all():
    epochs, extra = torch.randn(8, 50, 10), 5 + 3 * torch.randn(8, 50, 40)
    same, other = sleep.other_night((epochs, extra), np.random.default_rng(0))
    assert same is epochs and other.shape == extra.shape and other.dtype == torch.float32
    step = ((other - extra) / 3).numpy()
    assert 0.3 < step.std() < 0.7 and abs(step.mean()) < 0.05
    still = sleep.other_night((epochs, extra), np.random.default_rng(0), strength=0.0)[1]
    torch.testing.assert_close(still, extra, atol=1e-4, rtol=1e-4)
    left_out = (other.std(dim=1) < 1e-3).float().mean()
    assert 0.03 < left_out < 0.2


def test_what_a_network_hands_on_of_single_epochs():
    epochs = torch.randn(7, 300).numpy()
    net = small(hidden=0)
    rows = sleep.describe(net, epochs, size=3)
    assert rows.shape == (7, 8)
    with torch.no_grad():
        said = torch.softmax(net.out(torch.as_tensor(rows)), dim=1)
    np.testing.assert_allclose(said, sleep.predict(net, epochs, np.zeros(7, int), length=7), atol=1e-5)


# ---- the network that the benchmark compares with


def test_tinysleepnet_is_as_described_and_learns_within_its_budget():
    from types import SimpleNamespace

    from bench import tinysleepnet

    full = tinysleepnet.TinySleepNet(3000, 100.0)
    assert full.lstm.input_size == 2048 and full.lstm.hidden_size == 128 and not full.lstm.bidirectional
    first = full.cnn[1]
    assert (first.kernel_size, first.stride, first.out_channels) == ((50,), (6,), 128)
    epochs, stages, night, _ = toy(nights=2, n=25)
    nights = SimpleNamespace(raw=epochs, stages=stages, night=night, fs=FS)
    index = np.arange(len(stages))
    net, made = tinysleepnet.fit(nights, index, seed=0, budget_s=1e9, most=2)
    assert made == 2
    said = tinysleepnet.predict(net, nights, index)
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-5)
    of = index[night == "night 1"]  # no state from one night to the next
    np.testing.assert_allclose(tinysleepnet.predict(net, nights, of), said[of], atol=1e-5)
    assert tinysleepnet.fit(nights, index, seed=0, budget_s=-1.0)[1] == 0
