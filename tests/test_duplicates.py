"""Near-duplicates: planted copies are found, different hearts at the same rate are not joined."""

import os
from pathlib import Path

import numpy as np
import pytest

from physiodl.duplicates import duplicate_pairs, find_groups

FS = 300.0
# wave: time from the R peak (s), width (s), height (mV)
WAVES = (
    (-0.17, 0.025, 0.12),
    (-0.03, 0.010, -0.1),
    (0.0, 0.011, 1.0),
    (0.03, 0.011, -0.25),
    (0.27, 0.05, 0.3),
)
real = os.environ.get("PHYSIODL_REAL_DATA")


def ecg(rng, *, seconds=30.0, rr=0.85, rr_sd=0.04, waves=WAVES, noise=0.03):
    """A sum of Gaussians per beat, beats at random intervals, white noise; (samples,) in mV."""
    t = np.arange(int(seconds * FS)) / FS
    beats = np.cumsum(rng.normal(rr, rr_sd * rr, int(2 * seconds / rr) + 2).clip(0.3))
    beats = beats[beats < seconds + 1] - rng.uniform(0, rr)
    x = noise * rng.standard_normal(len(t))
    for beat in beats:
        near = slice(*np.searchsorted(t, [beat - 0.5, beat + 0.6]))
        for place, width, height in waves:
            x[near] += height * np.exp(-0.5 * ((t[near] - beat - place) / width) ** 2)
    return x


def person(rng):
    """The same waves, a little elsewhere, wider and higher."""
    return tuple((p * rng.normal(1, 0.1), w * rng.uniform(0.8, 1.3), h * rng.normal(1, 0.25)) for p, w, h in WAVES)


def noisy(x, rng, snr_db=10.0):
    return x + rng.standard_normal(len(x)) * x.std() * 10 ** (-snr_db / 20)


def wandering(x, rng):
    t = np.arange(len(x)) / FS
    slow = (np.sin(2 * np.pi * (f * t + rng.uniform())) for f in (0.07, 0.19, 0.45))
    return x + sum(rng.uniform(0.3, 1.0) * wave for wave in slow)


def copies(x, rng):
    half, n = len(x) // 2, len(x)
    at = int(rng.integers(0, n - 3000))
    return {
        "identical": x.copy(),
        "scaled": 7.3 * x,
        "offset": x + 40.0,
        "noisy": noisy(x, rng),
        "wandering": wandering(x, rng),
        "starts half-way": x[half:],
        "ends half-way": x[:half],
        "delayed": np.concatenate([np.zeros(half), x[:half]]),
        "rolled": np.roll(x, int(rng.integers(n))),
        "ten seconds": x[at : at + 3000],
        "all at once": 0.2 * wandering(noisy(x[half - 1 :], rng), rng),
    }


def published(recordings, length=18_170):
    """z-scored and zero-padded at the end, as the AF data set is."""
    out = np.zeros((len(recordings), length), np.float32)
    for row, x in zip(out, recordings, strict=True):
        row[: len(x)] = np.where(x != 0, (x - x.mean()) / x.std(), 0)
    return out


@pytest.mark.parametrize("seed", range(4))
def test_every_kind_of_copy_is_found_and_nothing_else(seed):
    rng = np.random.default_rng(seed)
    base = [ecg(rng, rr_sd=0.25 if k % 3 == 0 else 0.04, waves=person(rng)) for k in range(24)]
    kinds, source, recordings = [], list(range(24)), list(base)
    for k, x in enumerate(base[:8]):
        made = copies(x, rng)
        kinds += list(made)
        recordings += list(made.values())
        source += [k] * len(made)
    order = rng.permutation(len(recordings))
    group = find_groups(published([recordings[k] for k in order]), FS)
    truth = np.array(source)[order]
    together = group[:, None] == group
    wrong = together & (truth[:, None] != truth)
    missed = [kinds[order[k] - 24] for k in range(len(order)) if not together[k, order == truth[k]].any()]
    assert not wrong.any()
    assert not missed
    assert len(np.unique(group)) == 24


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rr_sd", [0.03, 0.06])
def test_one_heart_rate_and_one_beat_shape_are_no_copy(seed, rr_sd):
    rng = np.random.default_rng(100 + seed)
    signals = published([ecg(rng, rr=0.8, rr_sd=rr_sd) for _ in range(50)])
    assert len(np.unique(find_groups(signals, FS))) == 50


@pytest.mark.parametrize("lag", [-4321, -7, 0, 8, 3007])
def test_lag_and_order_of_a_pair(lag):
    rng = np.random.default_rng(3)
    x = ecg(rng, seconds=50)
    first, second = x[15_000 - 9000 : 15_000], x[15_000 - 9000 + lag : 15_000 + lag][:9000]
    if lag < 0:
        first, second = x[6000:15_000], x[6000 + lag : 15_000 + lag]
    pairs = duplicate_pairs([ecg(rng), first, ecg(rng), second], FS)
    assert (pairs.i.tolist(), pairs.j.tolist()) == ([1], [3])
    assert pairs.lag_s[0] == pytest.approx(lag / FS, abs=0.5 / FS)
    assert 0.8 < pairs.score[0] <= 1


def test_lag_counts_leading_zeros():
    x = ecg(np.random.default_rng(4))
    pairs = duplicate_pairs([x, np.concatenate([np.zeros(600), x])], FS)
    assert pairs.lag_s == pytest.approx([-600 / FS], abs=0.5 / FS)


def test_an_inverted_copy_counts_only_when_asked_for():
    rng = np.random.default_rng(5)
    x = ecg(rng)
    signals = [x, ecg(rng), -x]
    assert find_groups(signals, FS).tolist() == [0, 1, 2]
    assert find_groups(signals, FS, inverted=True).tolist() == [0, 1, 0]
    assert duplicate_pairs(signals, FS, inverted=True).score[0] < -0.9


def test_crops_without_overlap_are_joined_by_their_source():
    x = ecg(np.random.default_rng(6))
    assert find_groups([x[:4000], x[5000:]], FS).tolist() == [0, 1]
    assert find_groups([x[:4000], x[5000:], x], FS).tolist() == [0, 0, 0]


def test_one_shared_artefact_is_no_copy():
    rng = np.random.default_rng(7)
    signals = [ecg(rng, waves=person(rng)) for _ in range(8)]
    for x in signals:
        x[4000:4090] += 30 * np.hanning(90)
    assert len(np.unique(find_groups(signals, FS))) == 8


def test_padding_and_gaps_are_not_compared():
    rng = np.random.default_rng(8)
    signals = [ecg(rng, seconds=12) for _ in range(6)]
    for x in signals:
        x[1200:1800] = x[1200]  # lead off at the same place
    padded = published(signals)
    assert len(np.unique(find_groups(padded, FS))) == 6
    again = np.vstack([padded, padded[:1]])
    assert find_groups(again, FS).tolist() == [0, 1, 2, 3, 4, 5, 0]


def test_flat_empty_and_short_recordings_stand_alone():
    x = ecg(np.random.default_rng(9))
    signals = [np.zeros(9000), np.zeros(9000), np.full(9000, 2.0), np.empty(0), x[:900], x[:900], x, x]
    assert find_groups(signals, FS).tolist() == [0, 1, 2, 3, 4, 5, 6, 6]
    assert find_groups(signals[:1], FS).tolist() == [0]
    assert find_groups([x], FS).tolist() == [0]
    assert find_groups([], FS).shape == (0,)
    assert find_groups(np.empty((0, 9000)), FS).dtype == np.int64


def test_forms_of_input_and_threads_give_the_same_answer():
    rng = np.random.default_rng(10)
    signals = [ecg(rng, seconds=s, rr_sd=0.2) for s in rng.uniform(10, 40, 70)]
    signals += [signals[0][900:], signals[69][: len(signals[69]) * 2 // 3]]
    expected = find_groups(signals, FS, n_jobs=1)
    assert expected[70] == 0 and expected[71] == 69 and len(np.unique(expected)) == 70
    assert np.array_equal(find_groups(signals, FS, n_jobs=3), expected)
    table = published(signals)
    assert np.array_equal(find_groups(table, FS), expected)
    assert np.array_equal(find_groups(table[:, None, :], FS), expected)


@pytest.mark.parametrize("fs", [125.0, 250.0, 500.0])
def test_other_sampling_rates(fs):
    rng = np.random.default_rng(11)
    n = int(25 * fs)
    signals = [np.interp(np.arange(n) / fs, np.arange(9000) / FS, ecg(rng)) for _ in range(10)]
    signals.append(signals[4][int(8 * fs) :])
    assert find_groups(signals, fs).tolist() == [*range(10), 4]


def test_errors_say_what_is_wrong():
    x = np.ones((3, 9000))
    broken = x.copy()
    broken[1, 17] = np.nan
    with pytest.raises(ValueError, match="recording 1 is nan at sample 17"):
        find_groups(broken, FS)
    with pytest.raises(ValueError, match="one channel"):
        find_groups(np.ones((3, 2, 9000)), FS)
    with pytest.raises(ValueError, match="80 Hz"):
        find_groups(x, 1 / 300)
    with pytest.raises(ValueError, match="80 Hz"):
        find_groups(x, np.nan)
    with pytest.raises(ValueError, match="in 0 to 1"):
        find_groups(x, FS, threshold=1.5)
    with pytest.raises(ValueError, match="n_jobs"):
        find_groups(x, FS, n_jobs=0)
    with pytest.raises(ValueError, match="real numbers"):
        find_groups([np.array(["a"] * 9000)], FS)


@pytest.mark.real
@pytest.mark.skipif(not real, reason="PHYSIODL_REAL_DATA names no folder with cinc2017/normal_vs_af.npz")
def test_real_recordings_are_distinct_and_their_copies_are_found():
    packed = np.load(Path(real) / "cinc2017" / "normal_vs_af.npz")
    signal, offset = packed["signal"], packed["offset"]
    cuts = list(zip(offset[:-1], offset[1:], strict=True))
    rng = np.random.default_rng(12)
    picked = rng.choice(len(cuts), 200, replace=False)
    recordings = [signal[slice(*cuts[k])].astype(float) for k in picked]
    long = [x for x in recordings if len(x) >= 8000][:50]
    shifted = [x[len(x) // 3 :] for x in long]
    cropped = [wandering(noisy(x[2000:6000], rng, 15), rng) for x in long]
    group = find_groups(published([*recordings, *shifted, *cropped]), float(packed["fs"]))
    assert len(np.unique(group[:200])) == 200
    home = np.array([k for k, x in enumerate(recordings) if len(x) >= 8000][:50])
    assert np.mean(group[200:250] == group[home]) >= 0.96
    assert np.mean(group[250:] == group[home]) >= 0.96
