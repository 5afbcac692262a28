"""The bank of assignment 02, graded by the real grader: wrong work is caught with its message, sound work is not."""

import numpy as np
import pytest
from bank_class import bank_counts, cases_of, graded_bank

from autograder.bank import check_case
from physiodl.exam import artefacts, spectra
from physiodl.exam.checks import ExamError

NAME = "02_spectra"
CASES = cases_of(NAME)


def test_bank_covers_what_it_must():
    faulty, alternative, reference = bank_counts(NAME)
    assert faulty >= 15 and alternative >= 3 and reference == 1


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    return graded_bank(tmp_path_factory.mktemp("bank"), NAME)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_gets_its_points_and_messages(graded, case):
    assert check_case(graded[case.name], case) == []


def test_valley_and_bursts_follow_the_hann_window():
    """Side lobes aside, two Hann lobes meet half-way with 2 sinc(u) / (1 - u^2), where u = distance x window / 2."""
    assert spectra.valley(2.0, 9.0, 11.0) < 0.02  # distance x window = 4: the lobes end half-way
    assert spectra.valley(1.5, 9.0, 11.0) == pytest.approx(2 * abs(np.sinc(1.5)) / (1.5**2 - 1), abs=0.05)
    assert spectra.valley(0.5, 9.0, 11.0) > 1
    assert spectra.burst_contrast(0.9, 12.0, 1.0) == pytest.approx((1.0, 0.0), abs=0.02)
    inside = 0.5 + np.sin(np.pi / 2) / np.pi  # share of a Hann window's area in its middle half
    assert spectra.burst_contrast(2.0, 12.0, 1.0) == pytest.approx((inside, 1 - inside), abs=0.02)


def test_response_measures_gain_and_phase():
    freqs = [1.0, 10.0, 40.0]
    gain = artefacts.response(lambda x, fs, mains: -0.5 * x, 200.0, 50.0, freqs)
    np.testing.assert_allclose(gain, -0.5 * np.ones(3), atol=1e-9)
    late = artefacts.response(lambda x, fs, mains: np.roll(x, 1, axis=1), 200.0, 50.0, freqs)
    np.testing.assert_allclose(np.angle(late), -2 * np.pi * np.array(freqs) / 200, atol=1e-6)


@pytest.mark.parametrize(
    ("factor", "window_gain", "cause"),
    [
        (0.5, 1.0, "double"),
        (2.0, 1.0, "no partner"),
        (0.5, 0.5, "sum of the window"),
        (7.0, 1.0, "squared"),
        (0.0, 1.0, "left"),
    ],
)
def test_cause_fits_the_factor(factor, window_gain, cause):
    assert cause in spectra.factor_cause(7.0 * factor, 7.0, 500, window_gain)


def test_recordings_are_what_they_say():
    ppg, acc, bpm = artefacts.pulse_recording(50.0, seed=3, bpm=90.0)
    assert ppg.shape == acc.shape == (1500,) and abs(bpm - 90) < 5
    assert not artefacts.pulse_recording(50.0, seed=3, moving=False)[1].any()
    blinks = artefacts.blink_recording(200.0, seed=3)
    added = blinks["eeg"] - blinks["truth"]
    assert added[0].max() > 60 and np.abs(added[:, ~blinks["near"]]).max() < 5
    assert blinks["eog"][~blinks["near"]].max() < 80  # as the task says
    assert all(blinks["eog"][round(200 * at)] > 150 for at in blinks["blink_s"])


def test_a_wavelet_row_tells_its_mistake():
    fs, x = 100.0, np.random.default_rng(2).standard_normal(1200)
    right = spectra.wavelet_sum(x, fs, 6.0, 6.0)
    spectra.wavelet_is(right, x, fs, 6.0, what="noise", atol=0.0, cause="unknown")
    mistakes = (({"cycles": 12 * np.pi}, "2 pi"), ({"cut": 2.0}, "cut off too early"), ({"late": True}, "shifted"))
    for how, cause in mistakes:
        wrong = spectra.wavelet_sum(x, fs, 6.0, **({"cycles": 6.0} | how))
        with pytest.raises(ExamError, match=cause):
            spectra.wavelet_is(wrong, x, fs, 6.0, what="noise", atol=0.0, cause="unknown")
    with pytest.raises(ExamError, match="unknown"):
        spectra.wavelet_is(right[::-1], x, fs, 6.0, what="noise", atol=0.0, cause="unknown")


def test_a_window_without_abs_is_told_so():
    assert spectra.window_length(lambda f1, f2, burst_s: 4 / abs(f2 - f1), 12.0, 10.0, 3.0) == 2.0
    with pytest.raises(ExamError, match="f1 may be above f2"):
        spectra.window_length(lambda f1, f2, burst_s: 4 / (f2 - f1), 12.0, 10.0, 3.0)


def test_a_map_names_row_and_column():
    true = np.ones((4, 5))
    got = true.copy()
    got[0, 2] = 3.0
    with pytest.raises(ExamError, match="row 0 .* column 9 .*doubled"):
        spectra.same_map(got, true, what="amplitude", first=(0, 7), causes={"doubled": np.indices(true.shape)[0] == 0})
