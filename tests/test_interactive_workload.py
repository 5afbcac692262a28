"""The figures with controls of lesson 06: what they say at settings whose answer is known, and what they refuse."""

import re

import numpy as np
import pytest

from physiodl import interactive_workload as figures

FS = 60.0


def numbers(figure, **values):
    figure.draw(**values)
    return [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?", re.sub("<.*?>", "", figure.says))]


def blinking():
    """A calm pupil of 4 mm with two blinks and a long gap; 0.1 s beside each gap the lid makes it 3 mm."""
    true = np.full(round(30 * FS), 4.0)
    seen = true.copy()
    for start, stop in ((5.0, 5.2), (9.0, 9.3), (15.0, 18.0)):
        a, b = round(start * FS), round(stop * FS)
        seen[a - 6 : b + 6] = 3.0
        seen[a:b] = np.nan
    return seen, true


def test_a_margin_takes_the_half_pupils_away():
    figure = figures.gaps_filled(*blinking(), FS, start_s=4.0)
    *_, wrong, worst = numbers(figure, margin_s=0.0)
    assert worst == 1.0 and wrong == pytest.approx(1.0)  # lines between two lids
    *_, wrong, worst = numbers(figure, margin_s=0.1)
    assert worst == 0.0 and wrong == 0.0


def test_only_gaps_that_are_short_enough_are_filled():
    figure = figures.gaps_filled(*blinking(), FS, start_s=4.0)
    shares = [numbers(figure, margin_s=0.1, longest_s=longest)[1] for longest in (0.2, 0.5, 5.0)]
    assert shares[0] == 0 and 0 < shares[1] < 50 and shares[2] == 100


def test_pulses_find_their_partners_at_offset_and_drift_and_nowhere_else():
    ours = np.cumsum(np.random.default_rng(0).uniform(6, 14, 28))
    theirs = (np.delete(ours, [3, 11]) - 1.5) / (1 - 200e-6)
    figure = figures.two_clocks(theirs, ours)
    assert numbers(figure, offset_s=1.5, drift_ppm=-200)[2:4] == [26, 26]
    assert numbers(figure, offset_s=0.5, drift_ppm=0)[2] < 5
    spread = [numbers(figure, offset_s=1.5, drift_ppm=ppm)[-1] for ppm in (-200, 0)]
    assert spread[0] == 0 and spread[1] > 20  # ms
    last = figure._still[-1]  # what is shown where nothing can be moved
    assert abs(last["offset_s"] - 1.5) <= 0.02 and abs(last["drift_ppm"] + 200) <= 40


def test_smoothing_is_calmer_and_later():
    rng = np.random.default_rng(1)
    true = np.repeat([0, 2, 0, 2], 120)
    p = np.eye(3)[true] * 0.5 + rng.dirichlet([1, 1, 1], len(true)) * 0.5
    p[np.arange(3, len(p), 7)] = [0.1, 0.8, 0.1]  # single hops of nonsense
    figure = figures.decided(p, true, hop_s=0.25, levels=("low", "medium", "high"))
    raw = numbers(figure, tau_s=0.0, margin=0.0)
    calm = numbers(figure, tau_s=2.0, margin=0.1)
    assert raw[1] > 20 and calm[1] == pytest.approx(raw[2]) == 1.5  # changes per minute, and those of the truth
    assert calm[0] > raw[0] and calm[3] > raw[3]


def test_stills_show_every_setting_they_name():
    seen, true = blinking()
    for figure in (
        figures.gaps_filled(seen, true, FS, start_s=4.0),
        figures.two_clocks(np.array([1.0, 9.0, 20.0]), np.array([3.0, 11.0, 22.0])),
        figures.decided(np.full((8, 3), 1 / 3), np.zeros(8, int), hop_s=0.25, levels=("low", "medium", "high")),
    ):
        assert figure.still()[:4] == b"\x89PNG"


def test_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="equal length"):
        figures.gaps_filled(np.zeros(5), np.zeros(6), FS, start_s=0.0)
    with pytest.raises(ValueError, match="expected some of each"):
        figures.two_clocks(np.zeros(0), np.ones(3))
    with pytest.raises(ValueError, match="expected"):
        figures.decided(np.zeros((4, 2)), np.zeros(4, int), hop_s=0.25, levels=("low", "medium", "high"))
