"""Filters for a stream: the same for any chunks, blind to the future, and what SciPy gives for the whole recording."""

import numpy as np
import pytest

from physiodl import signals
from physiodl.streaming_filters import CausalFilter, Chain, Fill, RunningScale, band, held, mains

FS = 125.0
MAKERS = {
    "band": lambda: band(FS, low=1.0, high=40.0),
    "mains": lambda: mains(FS),
    "fill": lambda: Fill(FS, limits=(-60.0, 60.0), fastest=4000.0, after_s=0.1, longest_s=0.2),
    "scale": lambda: RunningScale(FS, tau_s=1.0, least=0.1),
    "chain": lambda: Chain(Fill(FS, after_s=0.05), lambda x: x - x.mean(axis=0), mains(FS), band(FS, low=0.5)),
}


def noisy(seed, n=1500, channels=3):
    """Noise of 20 with offsets, gaps (one channel begins with one), and infinity here and there."""
    rng = np.random.default_rng(seed)
    x = 20 * rng.standard_normal((channels, n)) + np.arange(channels)[:, None] * 10
    for row in x:
        for at in rng.integers(30, n - 60, size=6):
            row[at : at + rng.integers(1, 50)] = np.nan
        row[rng.integers(30, n)] = rng.choice([np.inf, -np.inf])
    x[1, :25] = np.nan
    return x


def in_chunks(step, x, rng, longest):
    parts, at = [], 0
    while at < x.shape[1]:
        n = int(rng.integers(0, longest + 1))  # an empty chunk now and then
        parts.append(step(x[:, at : at + n]))
        assert parts[-1].shape == x[:, at : at + n].shape
        at += n
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("seed", range(3))
def test_chunks_make_no_difference(name, seed):
    x, rng = noisy(seed, n=500), np.random.default_rng([seed, 1])
    before = x.copy()
    whole = MAKERS[name]()(x)
    step = MAKERS[name]()
    for longest in (1, 9, 200):
        got = in_chunks(step, x, rng, longest)
        np.testing.assert_allclose(got, whole, rtol=0, atol=1e-9)
        step.reset()
    assert np.array_equal(x, before, equal_nan=True), "it changed what it was given"
    one = [MAKERS[name]()(x[0]), MAKERS[name]()(x[:1])[0]]
    assert np.array_equal(*one, equal_nan=True)


@pytest.mark.parametrize("name", MAKERS)
def test_future_changes_nothing_before_it(name):
    x = noisy(7)
    whole = MAKERS[name]()(x)
    for at in (40, 41, 500, 1400):
        other = x.copy()
        other[:, at:] = noisy(8)[:, at:] * 50
        got = MAKERS[name]()(other)
        assert np.array_equal(got[:, :at], whole[:, :at], equal_nan=True)
        assert not np.array_equal(got[:, at:], whole[:, at:], equal_nan=True)


@pytest.mark.parametrize(
    ("low", "high", "order"), [(1.0, 40.0, 4), (0.5, None, 2), (None, 30.0, 6), (8.0, 13.0, 3)]
)
def test_filters_are_those_of_the_package(low, high, order):
    x = np.random.default_rng(0).standard_normal((2, 2000)) + 100.0
    wanted = signals.filtered(x, FS, low=low, high=high, order=order, zero_phase=False)
    got = in_chunks(band(FS, low=low, high=high, order=order), x, np.random.default_rng(1), 60)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)
    wanted = signals.notch(x, FS, freq=60.0, q=20.0, zero_phase=False)
    np.testing.assert_allclose(mains(FS, freq=60.0, q=20.0)(x), wanted, rtol=0, atol=1e-6)


def test_gap_holds_the_last_value_and_the_state_lives_on():
    x = noisy(1)
    first = np.isfinite(x).argmax(axis=1)
    full = held(x, np.full(3, np.nan))
    got = band(FS, low=1.0, high=40.0)(x)
    for row, (channel, begin) in enumerate(zip(full, first, strict=True)):
        assert np.isnan(got[row, :begin]).all() and np.isfinite(got[row, begin:]).all()
        wanted = signals.filtered(channel[begin:], FS, low=1.0, high=40.0, zero_phase=False)
        np.testing.assert_allclose(got[row, begin:], wanted, atol=1e-9)


def test_held_repeats_the_last_finite_value():
    x = np.array([[np.nan, 1.0, np.nan, np.inf, 2.0], [np.nan] * 5])
    np.testing.assert_array_equal(held(x, np.array([7.0, np.nan])), [[7, 1, 1, 1, 2], [np.nan] * 5])


@pytest.mark.parametrize("hertz", [2.0, 6.0, 10.0])
def test_delay_is_what_a_packet_of_waves_shows(hertz):
    """A burst with a Gaussian envelope comes later by the group delay, and its envelope's middle shows that."""
    t = np.arange(0, 20, 1 / FS)
    burst = np.exp(-0.5 * ((t - 8) / 1.5) ** 2) * np.cos(2 * np.pi * hertz * t)
    step = band(FS, low=1.0, high=20.0)
    (said,) = step.delay_s([hertz], FS)
    middle = [np.sum(t * x**2) / np.sum(x**2) for x in (burst, step(burst))]
    assert 0.02 < said < 0.6 and middle[1] - middle[0] == pytest.approx(said, rel=0.05, abs=0.002)


# ---- what a blink leaves --------------------------------------------------------------------------------


def test_fill_drops_what_cannot_be_and_what_follows():
    nan = np.nan
    x = np.array([4.0, 4.1, nan, nan, 3.0, 3.1, 4.2, 9.0, 4.3, 4.3, 4.3])
    got = Fill(10.0, limits=(2.0, 8.0))(x)
    np.testing.assert_allclose(got, [4, 4.1, 4.1, 4.1, 3, 3.1, 4.2, 4.2, 4.3, 4.3, 4.3])
    got = Fill(10.0, limits=(2.0, 8.0), after_s=0.2)(x)
    np.testing.assert_allclose(got, [4, 4.1, 4.1, 4.1, 4.1, 4.1, 4.2, 4.2, 4.2, 4.2, 4.3])
    got = Fill(10.0, longest_s=0.1)(x)
    np.testing.assert_allclose(got, [4, 4.1, 4.1, nan, 3, 3.1, 4.2, 9, 4.3, 4.3, 4.3])
    got = Fill(10.0, fastest=5.0)(x)  # 3.1 to 4.2 in a tenth of a second, and to 9 and back
    np.testing.assert_allclose(got, [4, 4.1, 4.1, 4.1, 3, 3.1, 3.1, 3.1, 3.1, 4.3, 4.3])
    assert np.isnan(Fill(10.0)(np.array([nan, nan, 4.0]))[:2]).all()


def test_fill_hides_the_closing_lid_of_a_blink():
    """The diameter falls while the lid closes, then is lost: a speed no pupil has is not believed."""
    fs = 60.0
    true = 4 + 0.2 * np.sin(2 * np.pi * 0.2 * np.arange(600) / fs)
    seen = true.copy()
    seen[300:304] -= [0.4, 1.0, 1.7, 2.4]
    seen[304:315] = np.nan
    seen[315:318] -= [2.0, 1.2, 0.5]
    naive, careful = Fill(fs)(seen), Fill(fs, fastest=6.0, after_s=0.1)(seen)
    assert np.abs(naive - true).max() > 1.5 and np.abs(careful - true).max() < 0.12


# ---- running scale --------------------------------------------------------------------------------------


def test_running_scale_weighs_the_past():
    x = noisy(2)
    x[~np.isfinite(x)] = np.nan
    got = RunningScale(FS, tau_s=0.8, least=0.1)(x)
    for row, at in ((0, 0), (0, 5), (1, 24), (1, 25), (1, 800), (2, 1400)):
        past = x[row, : at + 1]
        weight = np.exp(-np.arange(at, -1, -1) / (0.8 * FS)) * np.isfinite(past)
        if np.isnan(x[row, at]):
            assert np.isnan(got[row, at])
            continue
        value = np.nan_to_num(past)
        mean = np.sum(weight * value) / weight.sum()
        spread = np.sqrt(np.sum(weight * (value - mean) ** 2 * np.isfinite(past)) / weight.sum())
        assert got[row, at] == pytest.approx((x[row, at] - mean) / max(spread, 0.1), abs=1e-6)


def test_running_scale_brings_channels_to_one_size_and_leaves_a_dead_one():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((3, 20_000)) * np.array([[5.0], [50.0], [1e-6]]) + np.array([[1000.0], [0.0], [0.0]])
    late = RunningScale(FS, tau_s=20.0, least=0.1)(x)[:, 10_000:]
    assert np.allclose(late[:2].std(axis=1), 1.0, atol=0.05) and np.abs(late[:2].mean(axis=1)).max() < 0.1
    assert np.abs(late[2]).max() < 1e-4


# ---- bad input ------------------------------------------------------------------------------------------


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match="at least one cut-off"):
        band(FS)
    with pytest.raises(ValueError, match="probably exchanged"):
        band(FS, low=30.0, high=1.0)
    for make in (lambda: band(FS, high=80.0), lambda: mains(FS, freq=70.0)):
        with pytest.raises(ValueError, match="fs/2"):
            make()
    with pytest.raises(ValueError, match="lowest, highest"):
        Fill(FS, limits=(8.0, 2.0))
    with pytest.raises(ValueError, match="negative"):
        Fill(FS, after_s=-1.0)
    with pytest.raises(ValueError, match="expected longer than a sample"):
        RunningScale(FS, tau_s=0.0, least=1.0)
    for step in (MAKERS["band"](), MAKERS["fill"](), MAKERS["scale"]()):
        step(np.zeros((3, 10)))
        with pytest.raises(ValueError, match="3 channels, as in the chunks before"):
            step(np.zeros((2, 10)))
    assert isinstance(MAKERS["band"](), CausalFilter)
