"""Decisions of a stream: smoothing, hysteresis, latency, and a network whose stream says what its windows say."""

import numpy as np
import pytest
import torch
from scipy import signal as sps

from physiodl import streaming, workload
from physiodl.streaming import Decision, Online, Signal, Streams, latency
from physiodl.streaming_filters import Fill, band
from physiodl.streaming_source import packets

HOP_S = 0.25


def walk(seed, n=400, levels=3):
    """Probabilities that wander and flicker, with rows where nothing is known."""
    rng = np.random.default_rng(seed)
    slow = np.cumsum(0.25 * rng.standard_normal((n, levels)), axis=0)
    p = np.exp(slow + 0.7 * rng.standard_normal((n, levels)))
    p /= p.sum(axis=1, keepdims=True)
    p[rng.random(n) < 0.05] = np.nan
    p[:2] = np.nan
    return p


# ---- smoothing and hysteresis ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("settings", [{}, {"tau_s": 0.0}, {"tau_s": 2.0, "margin": 0.2, "hops": 3}])
def test_decisions_do_not_depend_on_chunks_or_on_what_follows(seed, settings):
    p, rng = walk(seed), np.random.default_rng([seed, 1])
    smooth, level = Decision(hop_s=HOP_S, **settings)(p)
    step, parts, at = Decision(hop_s=HOP_S, **settings), [], 0
    while at < len(p):
        n = int(rng.integers(0, 20))
        parts.append(step(p[at : at + n]))
        at += n
    np.testing.assert_allclose(np.concatenate([each[0] for each in parts]), smooth, rtol=0, atol=1e-12)
    assert np.array_equal(np.concatenate([each[1] for each in parts]), level)
    other = p.copy()
    other[200:] = p[200:][::-1, ::-1]
    got = Decision(hop_s=HOP_S, **settings)(other)
    assert np.array_equal(got[0][:200], smooth[:200], equal_nan=True) and np.array_equal(got[1][:200], level[:200])
    assert not np.array_equal(got[0], smooth, equal_nan=True)
    step.reset()
    assert np.array_equal(step(p)[1], level)


@pytest.mark.parametrize("tau_s", [0.5, 2.0])
def test_smoothing_is_a_first_order_low_pass(tau_s):
    p = walk(0)
    known = np.isfinite(p).all(axis=1)
    pace = 1 - np.exp(-HOP_S / tau_s)
    start = (1 - pace) * p[known][0]
    wanted = sps.lfilter([pace], [1, pace - 1], p[known], axis=0, zi=start[None])[0]
    smooth, level = Decision(hop_s=HOP_S, tau_s=tau_s)(p)
    np.testing.assert_allclose(smooth[known], wanted, atol=1e-9)
    assert np.isnan(smooth[:2]).all() and (level[:2] == -1).all() and np.isfinite(smooth[2:]).all()
    for i in np.flatnonzero(~known)[2:]:
        assert np.array_equal(smooth[i], smooth[i - 1]) and level[i] == level[i - 1]
    step = np.r_[np.zeros(10), np.ones(80)]
    risen = Decision(hop_s=HOP_S, tau_s=tau_s)(np.stack([step, 1 - step], axis=1))[0][:, 0]
    assert risen[9 + round(tau_s / HOP_S)] == pytest.approx(1 - np.exp(-1))


def test_hysteresis_of_two_levels_has_two_thresholds():
    up = np.r_[np.linspace(0.3, 0.7, 41), np.linspace(0.7, 0.3, 41)]
    level = Decision(hop_s=HOP_S, tau_s=0.0, margin=0.2)(np.stack([1 - up, up], axis=1))[1]
    rise, fall = np.flatnonzero(np.diff(level))
    assert up[rise] < 0.6 - 1e-9 <= up[rise + 1] and up[fall] > 0.4 + 1e-9 >= up[fall + 1]


def test_hysteresis_waits_for_the_same_rival_in_succession():
    one = {0: [0.8, 0.1, 0.1], 1: [0.1, 0.8, 0.1], 2: [0.1, 0.1, 0.8]}
    told = [0, 1, 1, 0, 1, 1, 2, 2, 1, 1, 1, 2, 2, 2, 2, 0]
    level = Decision(hop_s=HOP_S, tau_s=0.0, margin=0.1, hops=3)(np.array([one[k] for k in told]))[1]
    assert level.tolist() == [0] * 10 + [1] * 3 + [2] * 3


def test_hysteresis_flickers_less():
    changes = []
    for seed in range(6):
        p = walk(seed)
        p = p[np.isfinite(p).all(axis=1)]
        bare = np.count_nonzero(np.diff(p.argmax(axis=1)))
        calm = np.count_nonzero(np.diff(Decision(hop_s=HOP_S, tau_s=1.0, margin=0.1, hops=2)(p)[1]))
        changes.append(calm / bare)
    assert max(changes) < 0.4, changes


@pytest.mark.parametrize("wrong", [{"tau_s": -1.0}, {"margin": 1.0}, {"hops": 0}, {"hop_s": 0.0}])
def test_decision_refuses_nonsense(wrong):
    with pytest.raises(ValueError, match="expected"):
        Decision(**{"hop_s": HOP_S, **wrong})
    with pytest.raises(ValueError, match="hops, levels"):
        Decision(hop_s=HOP_S)(np.zeros(3))


# ---- latency --------------------------------------------------------------------------------------------


def test_latency_sums_up():
    ms = np.r_[np.full(98, 2.0), 300.0, 10.0]
    found = latency(ms, hop_s=HOP_S)
    assert found["median"] == 2.0 and found["longest"] == 300.0 and found["hops"] == 100
    assert found["overrun"] == 0.01 and found["jitter"] == pytest.approx((298 + 290) / 99)
    assert found["p99"] == pytest.approx(np.percentile(ms, 99)) and found["p95"] == 2.0
    assert latency([5.0], hop_s=HOP_S)["jitter"] == 0.0
    with pytest.raises(ValueError, match="no hops"):
        latency([], hop_s=HOP_S)


def test_online_measures_every_hop_with_its_clock():
    """A clock that goes on by 7 ms when the model works, and by 2 ms per packet: only the first counts."""
    now = [0.0]

    def model(window):
        now[0] += 0.007
        return np.array([1.0, 0.0])

    buffer = Streams([Signal("a", 100.0)], window_s=1.0, hop_s=0.5)
    online = Online(buffer, model, Decision(hop_s=0.5), clock=lambda: now[0])
    made = []
    for _ in range(30):
        buffer.push("a", np.zeros(10))
        now[0] += 0.002
        made += online.step()
    assert [each.time_s for each in made] == [1.0, 1.5, 2.0, 2.5, 3.0]
    buffer.push("a", np.zeros(150))
    made += online.step()
    assert len(made) == 8, "three windows at once: each has its own time"
    assert np.allclose([each.ms for each in made], 7.0)


# ---- the whole chain ------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def session(seed, seconds=14.0):
    rng = np.random.default_rng(seed)
    pupil = 4 + 0.1 * rng.standard_normal(round(60 * seconds))
    pupil[200:215] = np.nan
    return 20 * rng.standard_normal((5, round(125 * seconds))) + 100, pupil


def said(eeg, pupil, fusion, *, seed, **line):
    """Estimates of a stream of these arrays, with an untrained network (a trained one computes the same way)."""
    torch.manual_seed(0)
    model = workload.as_model(workload.WorkloadNet(5, fusion=fusion).eval())
    signals = [
        Signal("eeg", 125.0, 5, steps=band(125.0, low=1.0, high=40.0)),
        Signal("pupil", 60.0, steps=Fill(60.0, after_s=0.1)),
    ]
    buffer = Streams(signals, window_s=2.0, hop_s=HOP_S, late_s=1.0)
    online, made = Online(buffer, model, Decision(hop_s=HOP_S)), []
    for p in packets({"eeg": (eeg, 125.0), "pupil": (pupil, 60.0)}, seed=seed, **line):
        made += online.push(p.name, p.samples, first=p.first)
        made += online.step()
    buffer.finish()
    return made + online.step()


@pytest.mark.parametrize("fusion", workload.FUSIONS)
@pytest.mark.parametrize("seed", range(2))
def test_stream_says_what_the_network_says_offline(fusion, seed):
    eeg, pupil = session(seed)
    made = said(eeg, pupil, fusion, seed=seed, packet_s=(0.01, 0.6), jitter_s=0.05, duplicated=0.1)
    torch.manual_seed(0)
    net = workload.WorkloadNet(5, fusion=fusion).eval()
    cut = {"window_s": 2.0, "hop_s": HOP_S}
    x = streaming.windows(band(125.0, low=1.0, high=40.0)(eeg), 125.0, **cut)
    d = streaming.windows(Fill(60.0, after_s=0.1)(pupil), 60.0, **cut)[:, 0]
    wanted = workload.predict(net, x, d)
    assert len(made) == len(wanted) == 49
    np.testing.assert_allclose([each.probabilities for each in made], wanted, rtol=0, atol=1e-6)
    smooth, level = Decision(hop_s=HOP_S)(wanted)
    np.testing.assert_allclose([each.smoothed for each in made], smooth, rtol=0, atol=1e-6)
    assert [each.level for each in made] == level.tolist()
    np.testing.assert_allclose([each.time_s for each in made], 2.0 + HOP_S * np.arange(49))


def test_future_changes_no_estimate_before_it():
    eeg, pupil = session(2)
    other = [eeg.copy(), pupil.copy()]
    change_s = 8.1
    other[0][:, round(change_s * 125) :] *= -3
    other[1][round(change_s * 60) :] = 7.0
    a, b = (said(*pair, "attention", seed=5, jitter_s=0.02) for pair in ((eeg, pupil), other))
    assert len(a) == len(b) == 49
    for one, two in zip(a, b, strict=True):
        same = np.array_equal(one.smoothed, two.smoothed) and np.array_equal(one.probabilities, two.probabilities)
        assert same == (one.time_s <= change_s), one.time_s


def test_dead_pupil_is_left_out_and_nothing_at_all_says_nothing():
    eeg, pupil = session(3)
    a, b = (said(eeg, p, "concatenation", seed=6, dead={"pupil": (5.0, 99.0)}) for p in (pupil, pupil + 2.0))
    late = [(one, two) for one, two in zip(a, b, strict=True) if one.valid["pupil"] < 0.5]
    assert len(late) > 20
    for one, two in late:
        assert np.isfinite(one.probabilities).all() and np.array_equal(one.probabilities, two.probabilities)
    silent = said(eeg, pupil, "concatenation", seed=6, dead={"pupil": (4.0, 9.0), "eeg": (4.0, 9.0)})
    none = [each for each in silent if max(each.valid.values()) < 0.5]
    assert len(none) > 5 and all(np.isnan(each.probabilities).all() for each in none)
    assert all(np.isfinite(each.smoothed).all() and each.level >= 0 for each in none)
