"""Labelled beats: cut where they are, measured as their names say, as hard as real ones."""

import os
import time

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from physiodl import beats, examples

REAL = os.environ.get("PHYSIODL_REAL_DATA")
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")  # in WFDB's use of pandas


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    monkeypatch.setenv("PHYSIODL_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("PHYSIODL_REAL_DATA", raising=False)


def auc_of_a_small_network(found, *, seed=0, hidden=8):
    """ROC AUC of pooled predictions, 5-fold by subject, of two layers with 8 hidden units."""
    torch.set_num_threads(1)  # the matrices are tiny: two threads only wait for each other
    scores = np.zeros(len(found))
    for train, test in GroupKFold(5, shuffle=True, random_state=seed).split(scores, groups=found.subjects):
        mean, spread = found.features[train].mean(axis=0), found.features[train].std(axis=0)
        x = torch.tensor((found.features - mean) / spread, dtype=torch.float32)
        y = torch.tensor(found.labels[train], dtype=torch.float32)
        torch.manual_seed(seed)
        net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 1))
        optimiser = torch.optim.Adam(net.parameters(), lr=0.03)
        for _ in range(250):
            optimiser.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(net(x[train])[:, 0], y).backward()
            optimiser.step()
        scores[test] = net(x[test])[:, 0].detach().numpy()
    return roc_auc_score(found.labels, scores)


def best_single(found):
    single = [roc_auc_score(found.labels, column) for column in found.features.T]
    return max(max(auc, 1 - auc) for auc in single)


def write_records(folder, records):
    """Records in WFDB form: name to (gap between beats in s, symbols)."""
    import wfdb

    folder.mkdir(parents=True)
    for name, (rr, symbols) in records.items():
        at = 400 + np.round(np.cumsum(rr) * 360).astype(int)
        time_s = np.arange(at[-1] + 400) / 360
        x = np.zeros(len(time_s))
        for sample, symbol in zip(at, symbols, strict=True):
            width, height = (0.035, -1.5) if symbol == "V" else (0.012, 1.0)
            x += height * np.exp(-0.5 * ((time_s - sample / 360) / width) ** 2)
        leads = np.stack([0.1 * np.sin(time_s), x], axis=1)  # MLII comes second, as in record 114
        wfdb.wrsamp(
            name, fs=360, units=["mV", "mV"], sig_name=["V5", "MLII"], p_signal=leads, fmt=["212", "212"],
            adc_gain=[200, 200], baseline=[0, 0], write_dir=str(folder),
        )  # fmt: skip
        wfdb.wrann(name, "atr", at, list(symbols), fs=360, write_dir=str(folder))


def regular(n, *, ventricular=()):
    rr, symbols = np.full(n, 0.8), np.full(n, "N")
    for beat in ventricular:
        rr[beat], rr[beat + 1], symbols[beat] = 0.5, 1.1, "V"
    return rr, symbols


@pytest.fixture
def mitdb(tmp_path, monkeypatch):
    folder = tmp_path / "own" / examples.MITDB
    other = regular(40)
    other[1][5] = "L"  # a beat with another label is a neighbour, not an example
    write_records(
        folder,
        {
            "100": regular(40, ventricular=(10, 20)),
            "101": other,
            "102": regular(40, ventricular=(10,)),  # paced, by its number
            "103": (np.full(30, 0.7), np.full(30, "L")),  # no normal beats
            "106": regular(200, ventricular=range(10, 190, 6)),
        },
    )
    monkeypatch.setenv("PHYSIODL_REAL_DATA", str(tmp_path / "own"))
    return folder


# ---- simulated


@pytest.mark.parametrize("seed", range(3))
def test_simulated_beats_keep_their_promises(seed):
    found = beats.load_beats("simulated", seed=seed)
    n = len(found)
    assert found.waves.shape == (n, 253) and found.fs == 360.0 and found.features.shape == (n, len(found.feature_names))
    assert found.labels.shape == found.subjects.shape == (n,) and set(np.unique(found.labels)) == {0, 1}
    assert np.isfinite(found.waves).all() and np.isfinite(found.features).all()
    assert found.source == "simulated" and "SIMULATED" in found.label and "no person" in found.citation
    share = found.labels.mean()
    assert 1 / 12 < share < 1 / 6
    names, counts = np.unique(found.subjects, return_counts=True)
    assert len(names) == 24 and counts.max() <= beats.PER_SUBJECT and counts.min() >= beats.FEWEST_NORMAL
    of_each = [found.labels[found.subjects == name].sum() for name in names]
    assert 6 <= sum(count == 0 for count in of_each) <= 9
    assert found.time_s[90] == 0 and found.time_s[0] == pytest.approx(-0.25) and found.time_s[-1] == pytest.approx(0.45)


def test_the_same_seed_gives_the_same_beats_and_another_gives_others():
    a, b, c = (beats.load_beats("simulated", seed=s, n_subjects=4) for s in (5, 5, 6))
    assert np.array_equal(a.waves, b.waves) and np.array_equal(a.labels, b.labels)
    assert a.features.shape != c.features.shape or not np.array_equal(a.features, c.features)
    assert len(np.unique(a.subjects)) == 4


def test_normal_r_waves_lie_in_the_middle_and_classes_differ_as_they_do_in_people():
    found = beats.load_beats("simulated")
    normal, ventricular = found.labels == 0, found.labels == 1
    peak = np.abs(found.waves[normal]).argmax(axis=1)
    assert np.mean(np.abs(peak - 90) <= 5) > 0.9
    before, after, width, _ = found.features.T
    assert np.median(before[ventricular]) < 0.9 < np.median(before[normal]) < 1.1
    assert np.median(after[ventricular]) > 1.1
    assert 45 < np.median(width[normal]) < 100 < np.median(width[ventricular]) < 250  # QRS: below and above 120 ms


# ---- features


def test_features_are_what_their_names_say():
    fs, t = 360.0, (np.arange(253) - 90) / 360.0
    narrow, wide = (np.exp(-0.5 * (t / s) ** 2) for s in (0.012, 0.03))
    waves = np.stack([narrow, 2.0 * narrow, -0.5 * wide, narrow])
    rr = np.array([0.8, 0.8, 0.4, 1.2]), np.array([0.8, 0.4, 1.2, 0.8])
    table = beats.beat_features(waves, fs, rr_before_s=rr[0], rr_after_s=rr[1], median_rr_s=0.8)
    assert np.allclose(table[:, 0], [1, 1, 0.5, 1.5]) and np.allclose(table[:, 1], [1, 0.5, 1.5, 1])
    assert np.allclose(table[:, 3], [1, 2, 0.5, 1], atol=0.01)
    # the slope of a Gaussian, u exp(-u^2 / 2), is a fifth of its steepest (0.607) at u = 0.12 and at 2.60 widths
    expected = 2000 * 2.6 * np.array([0.012, 0.012, 0.03, 0.012])
    assert np.all(np.abs(table[:, 2] - expected) < 25)  # smoothing over 20 ms widens it a little
    assert np.array_equal(table[0, 2], table[1, 2])  # does not depend on the height
    quiet = beats.beat_features(np.zeros((2, 253)), fs, rr_before_s=rr[0][:2], rr_after_s=rr[1][:2], median_rr_s=0.8)
    assert quiet.shape == (2, 4) and np.isfinite(quiet).all()  # an electrode came off


# ---- real


def test_beats_of_records_are_cut_around_their_marks_with_their_labels(mitdb):
    found = beats.load_beats()
    assert found.source == "real" and "Moody" in found.citation and "SIMULATED" not in found.label
    assert sorted(set(found.subjects)) == ["100", "101", "106"]
    of = {name: found.labels[found.subjects == name] for name in ("100", "101", "106")}
    # the first and the last beat have no neighbour
    assert len(of["100"]) == 38 and of["100"].sum() == 2 and of["100"][[9, 19]].tolist() == [1, 1]
    assert len(of["101"]) == 37 and of["101"].sum() == 0
    assert len(of["106"]) == 120 and 10 < of["106"].sum() < 30  # 30 of 198
    hundred = found.features[found.subjects == "100"]
    assert np.allclose(hundred[9, :2], [0.5 / 0.8, 1.1 / 0.8], atol=0.01)
    assert np.allclose(hundred[10, :2], [1.1 / 0.8, 1.0], atol=0.01)
    assert np.allclose(hundred[0, :2], 1.0, atol=0.01)
    assert hundred[9, 2] > 1.5 * hundred[0, 2] and hundred[0, 3] == pytest.approx(1.0, abs=0.05)
    waves = found.waves[found.subjects == "100"]
    assert waves[0].argmax() == 90 and waves[9].argmin() == 90 and waves[0].max() == pytest.approx(1.0, abs=0.25)


def test_another_seed_draws_other_beats_of_long_records(mitdb):
    a, b = beats.load_beats(seed=0), beats.load_beats(seed=1)
    assert np.array_equal(a.waves[a.subjects == "100"], b.waves[b.subjects == "100"])
    assert not np.array_equal(a.features[a.subjects == "106"], b.features[b.subjects == "106"])


def test_a_lost_sample_does_not_spoil_a_record(mitdb):
    import wfdb

    record = wfdb.rdrecord(str(mitdb / "100"))
    record.p_signal[50:60] = np.nan  # written as WFDB's mark of a sample that was not recorded
    wfdb.wrsamp(
        "100", fs=360, units=record.units, sig_name=record.sig_name, p_signal=record.p_signal, fmt=record.fmt,
        adc_gain=record.adc_gain, baseline=record.baseline, write_dir=str(mitdb),
    )  # fmt: skip
    assert np.isnan(wfdb.rdrecord(str(mitdb / "100")).p_signal).any()
    assert np.isfinite(beats.load_beats("real").waves).all()


def test_too_few_real_subjects_are_replaced_or_refused(mitdb, caplog):
    for name in ("100", "101"):
        (mitdb / f"{name}.atr").unlink()
    found = beats.load_beats()
    assert found.source == "simulated" and "fewer than two real subjects" in caplog.text
    with pytest.raises(FileNotFoundError, match="PHYSIODL_REAL_DATA"):
        beats.load_beats("real")


def test_what_cannot_be_had_is_refused():
    with pytest.raises(FileNotFoundError, match=r"physionet\.org/files/mitdb"):
        beats.load_beats("real")
    with pytest.raises(ValueError, match="'mitdb'"):
        beats.load_beats("mitdb")
    with pytest.raises(ValueError, match="n_subjects=3"):
        beats.load_beats("simulated", n_subjects=3)


# ---- how hard they are


def test_simulated_beats_are_neither_trivial_nor_hopeless():
    # measured over seeds 0 to 7: network 0.916 to 0.996 (seed 0: 0.987), best single feature 0.87 to 0.96 (0.90); on
    # real beats of 18 subjects, three draws: 0.970 to 0.980 and 0.93 to 0.94
    found = beats.load_beats("simulated")
    single, network = best_single(found), auc_of_a_small_network(found)
    assert 0.80 < single < 0.95 and 0.94 < network < 0.995 and network > single + 0.02


@pytest.mark.skipif(not REAL, reason="PHYSIODL_REAL_DATA is not set")
def test_real_beats_load_in_seconds_and_are_as_hard_as_the_simulated_ones(monkeypatch):
    monkeypatch.setenv("PHYSIODL_REAL_DATA", REAL)
    start = time.perf_counter()
    found = beats.load_beats("real")
    assert time.perf_counter() - start < 20  # measured: 1.3 s for 18 records
    assert found.source == "real" and np.isfinite(found.features).all()
    assert not set(found.subjects) & beats.PACED
    single, network = best_single(found), auc_of_a_small_network(found)
    assert 0.80 < single < 0.97 and 0.93 < network < 0.995 and network > single
