"""R waves, RR features, the greeting pages: on signals whose truth is known."""

import json

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from physiodl import ecg, exam, path, plots, setup_check
from physiodl.simulate import ecg as make
from physiodl.simulate import rhythm


def heart(seed, *, seconds=30.0, fs=300.0, noise=0.0):
    rng = np.random.default_rng(seed)
    n_beats = int(2 * seconds)
    rr = rhythm.sinus_rr(n_beats, 0.8, variation=0.05, breathing_hz=0.25, rng=rng)
    beat_s = np.cumsum(rr)
    x = make.beats(
        round(seconds * fs), fs, beat_s=beat_s, rr_s=rr, kind=np.zeros(n_beats, int), shape=make.draw_shape(rng),
        p_wave=True, rng=rng,
    )  # fmt: skip
    return x + noise * rng.standard_normal(len(x)), beat_s[beat_s < seconds - 0.1]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("sign", [1, -1])
def test_every_r_wave_is_found_within_20_ms(seed, sign):
    x, truth = heart(seed, noise=0.03)
    found = ecg.r_peaks(sign * x, 300.0) / 300.0
    inside = truth[(truth > 0.3) & (truth < 29.5)]
    distance = np.abs(found[:, None] - inside).min(axis=0)
    assert (distance < 0.02).mean() >= 0.97
    assert len(found) <= len(truth) + 1


def test_r_peaks_of_nothing_is_nothing_and_low_rates_are_refused():
    assert len(ecg.r_peaks(np.zeros(3000), 300.0)) == 0 and len(ecg.r_peaks(np.ones(10), 300.0)) == 0
    with pytest.raises(ValueError, match="at least 60 Hz"):
        ecg.r_peaks(np.zeros(3000), 30.0)


def test_rr_features_do_not_know_the_rate_and_rise_with_irregularity():
    def features(mean_rr, variation, seed):
        rng = np.random.default_rng(seed)
        rr = rhythm.fibrillation_rr(60, mean_rr, variation=variation, rng=rng)
        beat_s = np.cumsum(rr)
        shape = make.draw_shape(np.random.default_rng(1))
        n = int(beat_s[-1] * 300)
        x = make.beats(n, 300.0, beat_s=beat_s, rr_s=rr, kind=np.zeros(60, int), shape=shape, p_wave=False, rng=rng)
        return ecg.rr_features(x, 300.0)

    calm, wild = (np.mean([features(0.8, v, s) for s in range(6)], axis=0) for v in (0.04, 0.22))
    assert (wild[:4] > 1.5 * calm[:4] - 1e-9).all()
    slow, fast = (np.mean([features(m, 0.2, s) for s in range(6)], axis=0) for m in (1.0, 0.65))
    assert np.allclose(slow[:3], fast[:3], rtol=0.25)


def test_true_lengths_forgive_zeros_inside():
    rows = np.zeros((3, 1, 10))
    rows[0, 0, :7] = [1, 0, 0, 2, 0, 0, 3]
    rows[1] = 1
    assert ecg.true_lengths(rows).tolist() == [7, 10, 0]


def test_strip_has_units_and_refuses_a_start_outside():
    x, _ = heart(0)
    ax = plots.ecg_strip(x, 300.0, start_s=2, seconds=5, marks=[3.0], title="a strip")
    assert ax.get_xlabel() == "time (s)" and ax.get_ylabel() and ax.get_xlim() == (2, 7)
    with pytest.raises(ValueError, match="30.0 s"):
        plots.ecg_strip(x, 300.0, start_s=40)
    plt.close("all")


def test_curves_label_their_axes():
    kept = plots.learning_curves([0.7, 0.5, 0.4], [0.7, 0.55, 0.6])
    assert "epoch 2" in kept.get_legend().get_texts()[2].get_text() and "nats" in kept.get_ylabel()
    curve = plots.roc(np.array([0, 0, 1, 1]), {"good": np.array([0.1, 0.2, 0.8, 0.9])})
    assert "sensitivity" in curve.get_ylabel()
    plt.close("all")


def test_setup_check_finds_this_environment_whole_and_names_a_missing_package(monkeypatch, capsys):
    assert all(line.good for line in setup_check.check())
    monkeypatch.setattr(setup_check, "PACKAGES", ("numpy", "no-such-package"))
    setup_check.show()
    said = capsys.readouterr().out
    assert "✘ no-such-package" in said and "make lab" in said and "1 thing to mend" in said


def test_progress_counts_answers_that_were_written(tmp_path):
    folder = tmp_path / "assignments" / "03_af_detection"
    folder.mkdir(parents=True)
    cells = [
        {"metadata": {"nbgrader": {"solution": True}}, "source": text}
        for text in (
            "def f():\n    return 1",
            "# YOUR CODE HERE\nraise NotImplementedError()",
            ["YOUR ANSWER ", "HERE"],
        )
    ]
    (folder / "03_af_detection.ipynb").write_text(json.dumps({"cells": cells}))
    stop = next(s for s in path.STOPS if s.number == "03")
    assert path.state(stop, tmp_path) == (None, "assignments/03_af_detection/03_af_detection.ipynb", 1, 3)


def test_clean_ecg_is_the_same_heart_at_every_sampling_rate():
    one, other = exam.clean_ecg(10.0, 300.0, seed=2), exam.clean_ecg(10.0, 250.0, seed=2)
    t = np.arange(0, 9.9, 0.01)
    a, b = (np.interp(t, np.arange(len(x)) / fs, x) for x, fs in ((one, 300.0), (other, 250.0)))
    assert np.corrcoef(a, b)[0, 1] > 0.99
