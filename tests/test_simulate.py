"""The simulator keeps its promises: same form as published, no shortcut, rhythm in its band, deterministic."""

import numpy as np
import pytest
from scipy import signal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from physiodl import afdata, ecg
from physiodl.simulate import af, rhythm


@pytest.fixture(scope="module")
def recordings():
    return af.cohort_arrays(700, seed=5)


@pytest.fixture(scope="module")
def in_millivolts():
    """As the recorder saw them, before the publisher's z-score hides the gain."""
    labels = np.arange(500) % 2
    return [af.recording(int(k), rng=np.random.default_rng((9, row))) for row, k in enumerate(labels)], labels


def separation(features, labels) -> float:
    """Cross-validated AUC of a flexible reading of a few numbers."""
    model = make_pipeline(
        StandardScaler(), PolynomialFeatures(2), StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)
    )
    score = cross_val_predict(
        model, np.asarray(features, float).reshape(len(labels), -1), labels, cv=5, method="decision_function"
    )
    return roc_auc_score(labels, score)


def pieces(features):
    return [row[:n] for row, n in zip(features, ecg.true_lengths(features), strict=True)]


def test_form_is_the_published_one(recordings):
    features, labels = recordings
    assert features.shape == (700, 18_170) and features.dtype == np.float32 and labels.dtype == np.int64
    afdata.check_af(features, labels)
    assert labels.sum() == 350
    lengths = ecg.true_lengths(features) / af.FS
    assert 6 <= lengths.min() and lengths.max() <= 61 and np.median(lengths) == 30
    whole = [p for p in pieces(features)]
    assert max(abs(p.mean()) for p in whole) < 1e-3 and max(abs(p.std() - 1) for p in whole) < 1e-3


def test_seed_decides():
    one, same, other = (af.cohort_arrays(6, seed=s)[0] for s in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


@pytest.mark.parametrize("bad", [{"n": 1}, {"n": 10, "copies": 0.9}])
def test_bad_arguments_say_what_is_expected(bad):
    with pytest.raises(ValueError, match="expected"):
        af.cohort_arrays(**bad, seed=0)


def test_no_shortcut_in_rate_length_or_amplitude(recordings):
    features, labels = recordings
    rows = pieces(features)
    rate = [len(ecg.r_peaks(x, af.FS)) / len(x) for x in rows]
    assert separation(rate, labels) < 0.6
    assert separation([len(x) for x in rows], labels) < 0.6
    assert separation([np.abs(x).mean() for x in rows], labels) < 0.6
    assert separation([x.max() for x in rows], labels) < 0.6


def test_no_shortcut_in_the_noise_spectrum(recordings):
    features, labels = recordings
    frequency, power = signal.welch(features[:, :2500], af.FS, nperseg=1024)
    band = [
        np.log(power[:, (frequency >= a) & (frequency < b)].mean(axis=1) + 1e-12)
        for a, b in ((0, 0.8), (40, 70), (70, 140))
    ]
    assert separation(np.transpose(band), labels) < 0.6


def test_no_shortcut_in_the_gain(in_millivolts):
    rows, labels = in_millivolts
    assert separation([x.std() for x in rows], labels) < 0.6
    assert separation([np.mean(x > 0) for x in rows], labels) < 0.6  # polarity


def test_rhythm_lands_in_its_band(recordings):
    features, labels = recordings
    table = ecg.rr_table(features, af.FS)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    auc = roc_auc_score(labels, cross_val_predict(model, table, labels, cv=5, method="decision_function"))
    assert 0.90 <= auc <= 0.98


def test_af_has_no_p_wave_and_normal_has(in_millivolts):
    """The median beat shows a bump before QRS in normal rhythm only, whichever way up the lead is."""
    rows, labels = in_millivolts
    heights = {0: [], 1: []}
    for x, label in list(zip(rows, labels, strict=True))[:240]:
        smooth = signal.sosfiltfilt(signal.butter(2, (1, 30), "bandpass", fs=af.FS, output="sos"), x)
        beats = [smooth[p - 75 : p - 10] for p in ecg.r_peaks(x, af.FS) if p > 75]
        if len(beats) >= 8:
            beat = np.median(beats, axis=0)
            heights[label].append(np.ptp(beat[:40]) / (np.ptp(smooth[300:]) + 1e-9))
    assert np.median(heights[0]) > 1.5 * np.median(heights[1])


def test_fibrillatory_waves_lie_between_4_and_9_hz():
    from physiodl.simulate.ecg import fibrillatory_waves

    for seed in range(5):
        rng = np.random.default_rng(seed)
        hz = rng.uniform(4, 9)
        x = fibrillatory_waves(9000, 300.0, amplitude_mv=0.05, frequency_hz=hz, rng=rng)
        frequency, power = signal.welch(x, 300.0, nperseg=2048)
        assert abs(frequency[power.argmax()] - hz) < 1.2
        assert 0.02 < x.std() < 0.08


def test_ectopic_beats_keep_the_clock():
    rng = np.random.default_rng(0)
    rr = np.full(60, 0.8)
    changed, kind = rhythm.with_ectopics(rr, share=0.2, pattern="regular", rng=rng)
    early = np.flatnonzero(kind)
    assert len(early) >= 8 and (changed[early] < 0.76).all() and (changed[early + 1] > 0.8).all()
    assert changed.min() >= rhythm.SHORTEST_RR_S


def test_mean_rr_is_kept_by_both_rhythms():
    rng = np.random.default_rng(1)
    for make in (
        lambda: rhythm.sinus_rr(200, 0.8, variation=0.05, breathing_hz=0.25, rng=rng),
        lambda: rhythm.fibrillation_rr(200, 0.8, variation=0.2, rng=rng),
    ):
        means = [make().mean() for _ in range(10)]
        assert np.allclose(means, 0.8, atol=0.02)


def test_copies_are_near_duplicates_with_the_same_label():
    from physiodl import duplicates

    features, labels = af.cohort_arrays(80, seed=3, copies=0.25)
    group = duplicates.find_groups(features, af.FS)
    _, which, count = np.unique(group, return_inverse=True, return_counts=True)
    assert 20 <= np.sum(count - 1) <= 21
    for g in np.flatnonzero(count > 1):
        assert len(set(labels[which == g])) == 1
