"""The simulated arrhythmia database: its form, its rare cases, and that AF differs in nothing but its definition."""

import hashlib
import time
from collections import Counter

import numpy as np
import pytest
import wfdb
from scipy import signal as sps

from physiodl import mitdb
from physiodl.ecg import rr_features
from physiodl.simulate import mitdb as sim


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The usual database, in the usual size."""
    place = tmp_path_factory.mktemp("database")
    started = time.process_time()
    sim.write_database(place, seed=2026)
    assert time.process_time() - started < 15, "20 subjects of 10 min took longer than 15 s of one processor"
    return place


@pytest.fixture(scope="module")
def records(folder):
    return [mitdb.read_record(folder, name) for name in mitdb.record_names(folder)]


@pytest.fixture(scope="module")
def cohort(folder, tmp_path_factory):
    return mitdb.windows(folder, cache=tmp_path_factory.mktemp("kept"))


def test_the_form_is_that_of_mit_bih(folder, records):
    names = (folder / "RECORDS").read_text().split()
    assert {path.name for path in folder.iterdir()} == {f"{n}{s}" for n in names for s in mitdb.FILES} | {
        "RECORDS",
        "SHA256SUMS.txt",
    }
    for line in (folder / "SHA256SUMS.txt").read_text().splitlines():
        digits, name = line.split()
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digits
    header = wfdb.rdheader(str(folder / names[0]))
    assert header.fmt == ["212", "212"] and header.fs == 360 and header.adc_gain == [200, 200]
    minutes = Counter()
    for record in records:
        assert record.fs == 360 and record.leads == ("MLII", "V1") and record.simulated
        assert np.isfinite(record.signals).all() and 0.3 < np.abs(record.signals).max() < 10
        minutes[record.subject] += record.signals.shape[1] / 360 / 60
    assert set(minutes) == {f"S{k:02d}" for k in range(1, 21)}
    assert all(abs(total - 10) < 0.01 for total in minutes.values())
    assert min(Counter(record.subject for record in records).values()) >= 2


def test_kinds_of_subjects(folder, records):
    of = {}
    for record in records:
        of.setdefault(record.subject, []).append(record)
    share = {}
    for subject, own in of.items():
        af = sum(stop - start for r in own for start, stop, label in r.rhythms if label == "(AFIB")
        share[subject] = af / sum(r.signals.shape[1] for r in own)
    assert sum(value > 0.99 for value in share.values()) == 1
    assert 5 <= sum(0 < value < 0.99 for value in share.values()) <= 6 and sum(v == 0 for v in share.values()) >= 13
    assert sum(any(r.paced for r in rs) for rs in of.values()) == 1
    late = {s for s, rs in of.items() if all(r.rhythms[0][0] > 11 * 360 for r in rs)}
    assert len(late) == 1
    swapped = {r.subject for r in records if wfdb.rdheader(str(folder / r.name)).sig_name == ["V1", "MLII"]}
    assert len(swapped) == 1
    symbols = Counter(symbol for record in records for symbol in record.beats[1])
    assert set(symbols) == {"N", "A", "V", "/"} and min(symbols["A"], symbols["V"]) > 300
    runs = [(b - a) / 360 for record in records for a, b, label in record.rhythms if label == "(AFIB"]
    assert min(runs) < 15 and max(runs) > 120
    assert {label for r in records for *_, label in r.rhythms} == {"(N", "(AFIB", "(B", "(P"}


def test_annotated_beats_are_where_the_signal_has_them(records):
    for record in records[:12]:
        if not record.paced:
            found, marked = mitdb.r_waves(record), record.beats[0] / record.fs
            distance = np.abs(found[:, None] - marked).min(axis=0)
            assert np.mean(distance < 0.15) > 0.93, record.name


def test_the_same_seed_gives_the_same_bytes_and_the_global_generator_is_left_alone(tmp_path):
    state = np.random.get_state()[1].copy()
    for place, seed in (("a", 3), ("b", 3), ("c", 4)):
        names = sim.write_database(tmp_path / place, n_subjects=3, minutes=1, seed=seed)
    assert np.array_equal(state, np.random.get_state()[1])
    sums = [(tmp_path / place / "SHA256SUMS.txt").read_text() for place in "abc"]
    assert sums[0] == sums[1] != sums[2] and names[0] == "s01a"


def test_small_databases_have_both_rhythms(tmp_path):
    for n in (2, 6):
        done = []
        sim.write_database(tmp_path / str(n), n_subjects=n, minutes=2, seed=n, progress=done.append)
        cohort = mitdb.windows(tmp_path / str(n), cache=False)
        assert done == list(range(1, n + 1)) and set(cohort.labels) == {0, 1}


@pytest.mark.parametrize(("options", "says"), [({"n_subjects": 1}, "n_subjects=1"), ({"minutes": 0.5}, "minutes=0.5")])
def test_too_little_is_refused(tmp_path, options, says):
    with pytest.raises(ValueError, match=says):
        sim.write_database(tmp_path, **options)


def test_a_record_of_any_form_can_be_written(tmp_path):
    x = np.random.default_rng(0).standard_normal((1, 5000))
    x[0, 100:200] = np.nan
    x[0, 300] = 50.0  # clipped where the format ends, and not taken for its mark
    sim.write_record(tmp_path, "r1", x, fs=250.0, leads=("V5",), beats=([7, 9], ["N", "V"]), rhythms=[(7, "(N")])
    record = mitdb.read_record(tmp_path, "r1")
    assert record.fs == 250 and record.leads == ("V5",) and np.isnan(record.signals[0]).sum() == 100
    assert record.signals[0, 300] == pytest.approx(5.115) and list(record.beats[1]) == ["N", "V"]
    assert record.rhythms == [(7, 5000, "(N")]


# ---- windows -----------------------------------------------------------------------------------------------


def test_af_is_neither_louder_nor_noisier_nor_faster(cohort, records):
    """Within the subjects that have both rhythms: raw amplitude, noise above 50 Hz and rate do not tell them apart."""
    by_name = {record.name: record for record in records}
    mixed = [s for s in np.unique(cohort.subjects) if len(set(cohort.labels[cohort.subjects == s])) == 2]
    assert len(mixed) >= 5
    ratios = []
    for subject in mixed:
        facts = {0: [], 1: []}
        for k in np.flatnonzero(cohort.subjects == subject):
            record = by_name[cohort.columns["record"][k]]
            start = round(cohort.columns["start_s"][k] * 360)
            x = record.signals[0, start : start + 1800].astype(float)
            high = sps.sosfiltfilt(sps.butter(4, 70, "highpass", fs=360, output="sos"), x)
            beats = np.sum((record.beats[0] >= start) & (record.beats[0] < start + 1800))
            facts[int(cohort.labels[k])].append((np.ptp(x), high.std(), beats))
        ratios.append(np.median(facts[1], axis=0) / np.median(facts[0], axis=0))
    typical = np.median(ratios, axis=0)
    assert np.all(np.abs(typical - 1) < 0.15), f"AF over sinus rhythm: amplitude, noise, rate {typical}"


def test_af_is_irregular_but_irregularity_alone_is_not_enough(cohort):
    """Of the half minute around each window; ectopic beats and sinus arrhythmia are irregular too."""
    rr = cohort.columns["rr"].astype(float)
    variation = np.nanstd(rr, axis=1) / np.nanmean(rr, axis=1)
    af, normal = variation[cohort.labels == 1], variation[cohort.labels == 0]
    auc = np.mean(af[:, None] > normal)
    assert 0.75 < auc < 0.98, f"AUC {auc:.2f}"
    assert len(rr_features(cohort.signals[0, 0], 100.0)) == 5


def test_af_is_the_rarer_class(cohort):
    assert 0.10 < cohort.labels.mean() < 0.30 and 1500 < len(cohort) < 2400


def test_a_subject_is_recognised_by_its_beats(cohort):
    """Nearest neighbour in a plain spectrum names the subject of a window far above chance: what leaks by window."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(cohort))[:1200]
    table = np.log(np.abs(np.fft.rfft(cohort.signals[order], axis=2))[:, :, 2:150] + 0.1).reshape(len(order), -1)
    table -= table.mean(axis=0)
    train, test = slice(0, 900), slice(900, 1200)
    distance = (table[train] ** 2).sum(axis=1) - 2 * table[test] @ table[train].T  # less what is the same in a row
    named = cohort.subjects[order[train]][distance.argmin(axis=1)]
    assert np.mean(named == cohort.subjects[order[test]]) > 0.6


@pytest.mark.slow
def test_a_split_by_window_promises_what_a_split_by_subject_does_not_keep(cohort):
    torch = pytest.importorskip("torch")
    from sklearn.metrics import f1_score, roc_auc_score
    from torch import nn

    def network():
        layers, width = [], 1
        for wider in (16, 32, 32, 64):
            layers += [nn.Conv1d(width, wider, 7, padding=3), nn.BatchNorm1d(wider), nn.ReLU(), nn.MaxPool1d(2)]
            width = wider
        return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(width, 1))

    x, y = torch.tensor(cohort.signals[:, :1]), torch.tensor(cohort.labels).float()

    def probability(train, test):
        torch.manual_seed(0)
        net, rng = network(), np.random.default_rng(0)
        optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
        for _ in range(8):
            for rows in np.array_split(rng.permutation(train), len(train) // 64):
                loss = nn.functional.binary_cross_entropy_with_logits(net(x[rows])[:, 0], y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        net.eval()
        with torch.no_grad():
            return torch.sigmoid(net(x[test])[:, 0]).numpy()

    order = np.random.default_rng(1).permutation(len(y))
    test = order[: len(y) // 4]
    leaky = f1_score(y[test], probability(order[len(y) // 4 :], test) > 0.5)
    af = {s: cohort.labels[cohort.subjects == s].sum() for s in np.unique(cohort.subjects)}
    fold = {s: k % 4 for k, s in enumerate(sorted(af, key=lambda s: -af[s]))}
    of = np.array([fold[s] for s in cohort.subjects])
    honest = np.zeros(len(y))
    for k in range(4):
        honest[of == k] = probability(np.flatnonzero(of != k), np.flatnonzero(of == k))
    assert leaky > 0.97 and f1_score(y, honest > 0.5) < leaky - 0.1
    assert 0.80 < roc_auc_score(y, honest) < 0.99
