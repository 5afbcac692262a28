"""`physiodl.mitdb`: records of every awkward kind, windows and their labels, and the cache."""

import logging
import os
import resource
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from physiodl import mitdb, window_cache
from physiodl.afdata import DataError
from physiodl.simulate import mitdb as sim

REAL = Path(os.environ.get("PHYSIODL_REAL_DATA") or "/nowhere") / "physionet" / "mitdb" / "1.0.0"
real = pytest.mark.skipif(not REAL.is_dir(), reason="PHYSIODL_REAL_DATA has no MIT-BIH records")
HOW = {"window_s": 5.0, "step_s": 5.0, "purity": 0.9}


def ecg_like(seconds=60.0, fs=360.0, leads=2, seed=0):
    """Spikes once a second and noise, (leads, samples) mV: enough for filters and windows."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * fs)) / fs
    beat = np.exp(-0.5 * ((time_s % 1.0 - 0.5) / 0.02) ** 2)
    return np.stack([(1 + k) * beat for k in range(leads)]) + 0.02 * rng.standard_normal((leads, len(time_s)))


def write(folder, name="a1", signals=None, **options):
    signals = ecg_like() if signals is None else signals
    options = {"rhythms": [(0, "(N")], "leads": ("MLII", "V1")[: len(signals)]} | options
    sim.write_record(folder, name, signals, **options)
    return signals


# ---- reading -----------------------------------------------------------------------------------------------


def test_a_record_comes_back_as_it_was_written(tmp_path):
    beats = (np.arange(180, 60 * 360, 360), ["N", "A", "V", "N"] * 15)
    x = write(tmp_path, beats=beats, rhythms=[(77, "(N"), (5000, "(AFIB"), (9000, "(VT")])
    record = mitdb.read_record(tmp_path, "a1")
    assert record.signals.dtype == np.float32 and record.signals.shape == (2, 21_600)
    assert np.abs(record.signals - x).max() <= 0.5 / 200 + 1e-6  # half a step of 5 uV
    assert record.leads == ("MLII", "V1") and record.fs == 360 and record.simulated and not record.paced
    assert np.array_equal(record.beats[0], beats[0]) and list(record.beats[1]) == beats[1]
    assert record.rhythms == [(77, 5000, "(N"), (5000, 9000, "(AFIB"), (9000, 21_600, "(VT")]


@pytest.mark.parametrize(
    ("in_file", "wanted"),
    [
        (("V5", "MLII"), ("MLII", "V5")),  # record 114
        (("V5", "V2"), ("V5", "V2")),  # records 102 and 104
        (("V1", "V5"), ("V5", "V1")),
        (("ECG2", "ECG1"), ("ECG1", "ECG2")),
        (("ECG1", "MLII"), ("MLII", "ECG1")),
    ],
)
def test_leads_are_in_one_order_by_name(tmp_path, in_file, wanted):
    x = write(tmp_path, leads=in_file)
    record = mitdb.read_record(tmp_path, "a1")
    assert record.leads == wanted
    for name, row in zip(record.leads, record.signals, strict=True):
        assert np.allclose(row, x[in_file.index(name)], atol=0.003)


def test_201_and_202_are_one_person_and_a_header_can_name_another(tmp_path):
    for name in ("201", "202", "203"):
        write(tmp_path, name, comments=["68 M 1960 2851 x1"])
    write(tmp_path, "s1", comments=["SIMULATED", "subject: S07"])
    subjects = [mitdb.read_record(tmp_path, name).subject for name in ("201", "202", "203", "s1")]
    assert subjects == ["201", "201", "203", "S07"]


@pytest.mark.parametrize(
    ("symbols", "rhythm", "comment", "paced"),
    [
        ("N/", "(N", "", True),
        ("Nf", "(N", "", True),
        ("NN", "(P", "", True),
        ("NN", "(N", "The rate of paced rhythm is close to that of the sinus.", True),
        ("NN", "(N", "possibly due to a wandering atrial pacemaker.", False),  # record 113
        ("NV", "(N", "", False),
    ],
)
def test_paced_records_are_known_by_their_beats_and_remarks(tmp_path, symbols, rhythm, comment, paced):
    write(tmp_path, "x9", beats=([400, 800], list(symbols)), rhythms=[(300, rhythm)], comments=[comment])
    assert mitdb.read_record(tmp_path, "x9").paced is paced


def test_what_comes_before_the_first_rhythm_annotation_has_no_rhythm(tmp_path):
    write(tmp_path, rhythms=[(12 * 360, "(N")])
    record = mitdb.read_record(tmp_path, "a1")
    assert record.rhythms == [(12 * 360, 60 * 360, "(N")]
    assert mitdb.cut(record)[2].tolist() == [15, 20, 25, 30, 35, 40, 45, 50, 55]
    write(tmp_path, "a2", rhythms=[], beats=([400], ["N"]))
    none = mitdb.read_record(tmp_path, "a2")
    assert none.rhythms == [] and mitdb.cut(none)[0].shape == (0, 2, 500)
    write(tmp_path, "a3", rhythms=[])  # an annotation file that holds nothing
    assert mitdb.read_record(tmp_path, "a3").rhythms == []


def test_gaps_are_nan_and_spoil_only_the_windows_they_lie_in(tmp_path):
    x = ecg_like()
    x[0, 11 * 360 : 12 * 360] = np.nan  # 1 s of the window from 10 s: a fifth
    x[1, 20 * 360 : 20 * 360 + 100] = np.nan  # 0.28 s of the window from 20 s: less than a tenth
    write(tmp_path, signals=x)
    record = mitdb.read_record(tmp_path, "a1")
    assert np.array_equal(np.isnan(record.signals), np.isnan(x))
    windows, labels, start_s = mitdb.cut(record)
    assert 10 not in start_s and 20 in start_s and len(start_s) == 11
    assert np.isfinite(windows).all() and (labels == 0).all()
    clean = mitdb.cut(mitdb.Record(**{**vars(record), "signals": np.nan_to_num(record.signals)}))[0]
    assert np.abs(windows[-3:] - clean[-3:]).max() < 0.02  # far from the gap, nothing has changed


def test_one_lead_and_a_lead_that_was_never_recorded(tmp_path, caplog):
    write(tmp_path, "one", ecg_like(leads=1), leads=("V5",))
    assert mitdb.cut(mitdb.read_record(tmp_path, "one"))[0].shape == (12, 1, 500)
    x = ecg_like()
    x[0] = np.nan
    write(tmp_path, "lost", x)
    with caplog.at_level(logging.WARNING, "physiodl"):
        assert mitdb.read_record(tmp_path, "lost").leads == ("V1",)
    assert "without any sample" in caplog.text
    write(tmp_path, "none", np.full((2, 4000), np.nan))
    with pytest.raises(DataError, match="no sample in any lead"):
        mitdb.read_record(tmp_path, "none")


@pytest.mark.parametrize("fs", [128.0, 250.0, 360.0, 1000.0])
def test_other_sampling_rates_give_the_same_windows(tmp_path, fs):
    write(tmp_path, signals=ecg_like(fs=fs), fs=fs, rhythms=[(0, "(N"), (round(30 * fs), "(AFIB")])
    windows, labels, start_s = mitdb.cut(mitdb.read_record(tmp_path, "a1"))
    assert windows.shape == (12, 2, 500) and windows.dtype == np.float32
    assert labels.tolist() == [0] * 6 + [1] * 6 and start_s.tolist() == list(range(0, 60, 5))
    peak = windows[3, 0].argmax() % 100
    assert abs(int(peak) - 50) <= 1  # half a second after each full one, whatever the rate


def alter(path, *, keep=None, more=b"", at=None):
    body = bytearray(path.read_bytes())
    if at is not None:
        body[at] ^= 0x11
    path.write_bytes(bytes(body[:keep]) + more)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda f: (f / "a1.dat").unlink(), r"no a1\.dat"),
        (lambda f: (f / "a1.atr").unlink(), r"no a1\.atr"),
        (lambda f: (f / "a1.hea").unlink(), r"no a1\.hea"),
        (lambda f: alter(f / "a1.dat", keep=30_000), r"a1\.dat with 10000 samples per lead \(27\.8 s\)"),
        (lambda f: alter(f / "a1.dat", keep=0), "with 0 samples"),
        (lambda f: alter(f / "a1.dat", more=b"appended by a second download"), "21600 samples"),
        (lambda f: alter(f / "a1.dat", at=9000), "another checksum"),
        (lambda f: alter(f / "a1.atr", keep=20), "end mark"),
        (lambda f: alter(f / "a1.atr", keep=0), "end mark"),
        (lambda f: reheader(f, "21600", "21000"), "21000 samples"),
        (lambda f: reheader(f, "21600", "30000"), "30000 samples"),
        (lambda f: reheader(f, " 21600", ""), "without a length"),
        (lambda f: reheader(f, "/mV", "/bpm"), "bpm"),
        (lambda f: reheader(f, "dat 212", "dat 777"), "cannot be read"),
        (lambda f: reheader(f, "a1.dat", "b2.dat"), r"no b2\.dat"),
        (lambda f: (f / "a1.hea").write_text("<html>log in</html>"), "header that cannot be read"),
        (lambda f: (f / "a1.hea").write_bytes(b"\xff\xfe" * 50), "header that cannot be read"),
    ],
)
def test_damaged_records_are_named_with_what_is_wrong(tmp_path, harm, says):
    write(tmp_path, beats=(np.arange(400, 21_000, 360), ["N"] * 58))
    harm(tmp_path)
    with pytest.raises(DataError, match=says) as caught:
        mitdb.read_record(tmp_path, "a1")
    assert "record a1" in str(caught.value) and "to do" in str(caught.value)


def reheader(folder, old, new):
    path = folder / "a1.hea"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_annotations_beyond_the_end_are_refused(tmp_path):
    write(tmp_path, beats=([400, 21_700], ["N", "N"]))
    with pytest.raises(DataError, match="21700"):
        mitdb.read_record(tmp_path, "a1")


def test_names_are_those_of_RECORDS_that_are_complete(tmp_path, caplog):
    for name in ("b2", "a1", "c3"):
        write(tmp_path, name)
    assert mitdb.record_names(tmp_path) == ["a1", "b2", "c3"]
    (tmp_path / "RECORDS").write_text("c3\nb2\nd4\na1\n")  # d4 is of the publisher's and was not fetched
    assert mitdb.record_names(tmp_path) == ["c3", "b2", "a1"]
    (tmp_path / "b2.atr").unlink()
    with caplog.at_level(logging.WARNING, "physiodl"):
        assert mitdb.record_names(tmp_path) == ["c3", "a1"]
    assert "b2" in caplog.text and "d4" not in caplog.text
    for place in (tmp_path / "nowhere", tmp_path / "empty"):
        with pytest.raises(FileNotFoundError, match=r"data_fetch\.py mitdb"):
            mitdb.record_names(place)


# ---- preparing ---------------------------------------------------------------------------------------------


def test_the_band_passes_and_the_rest_is_gone():
    time_s = np.arange(360 * 60) / 360
    wave = {hz: np.sin(2 * np.pi * hz * time_s) for hz in (0.05, 10.0, 60.0)}
    clean = mitdb.prepare(wave[10.0][None], 360)
    dirty = mitdb.prepare((wave[10.0] + 3 * wave[0.05] + wave[60.0] + 7.0)[None], 360)
    middle = slice(500, -500)
    assert np.abs(clean - dirty)[0, middle].max() < 0.01 * clean.max()
    wanted = np.sin(2 * np.pi * 10.0 * np.arange(6000) / 100)  # no delay: in phase with the input
    assert np.corrcoef(clean[0, middle], wanted[middle])[0, 1] > 0.9999


def test_scale_and_offset_of_a_lead_do_not_matter_and_leads_do_not_mix():
    x = ecg_like()
    base = mitdb.prepare(x, 360)
    moved = mitdb.prepare(x * np.array([[3.0], [0.2]]) + np.array([[1.5], [-4.0]]), 360)
    assert np.abs(base - moved).max() < 1e-3
    assert np.array_equal(mitdb.prepare(x[:1], 360), base[:1])


def test_a_burst_of_motion_hardly_moves_the_scale():
    x = ecg_like(120.0)
    loud = x.copy()
    loud[0, 50 * 360 : 60 * 360] += 30 * np.random.default_rng(1).standard_normal(3600)
    quiet, spoilt = mitdb.prepare(x, 360)[0, :4000], mitdb.prepare(loud, 360)[0, :4000]
    assert abs(np.std(quiet) / np.std(spoilt) - 1) < 0.1


def test_flat_leads_are_zero_and_a_half_flat_one_is_scaled_by_the_rest():
    x = ecg_like()
    x[1] = 0.4
    assert (mitdb.prepare(x, 360)[1] == 0).all()
    assert (mitdb.prepare(np.full((1, 3600), np.nan), 360) == 0).all()
    x = ecg_like()
    whole = mitdb.prepare(x, 360)[0, :1500]
    x[0, 20 * 360 :] = x[0, 20 * 360]
    assert np.abs(mitdb.prepare(x, 360)[0, :1500] - whole).max() < 0.1 * np.abs(whole).max()


def test_transposed_signals_are_refused():
    with pytest.raises(ValueError, match="transposed"):
        mitdb.prepare(ecg_like().T, 360)


def test_windows_are_slices_of_the_prepared_record(tmp_path):
    write(tmp_path)
    record = mitdb.read_record(tmp_path, "a1")
    whole = mitdb.prepare(record.signals, record.fs)
    windows, _, start_s = mitdb.cut(record, window_s=5.0, step_s=2.5)
    assert len(start_s) == 23
    for window, start in zip(windows, start_s, strict=True):
        assert np.array_equal(window, whole[:, round(start * 100) : round(start * 100) + 500])


# ---- labels ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_labels_follow_from_the_share_of_each_rhythm(tmp_path, seed):
    rng = np.random.default_rng(seed)
    fs = float(rng.choice([250, 360]))
    at = np.sort(rng.choice(np.arange(1, int(90 * fs)), 8, replace=False))
    labels = rng.choice(["(N", "(AFIB", "(B", "(AFL"], 8, p=[0.4, 0.4, 0.1, 0.1])
    write(tmp_path, signals=ecg_like(93.3, fs), fs=fs, rhythms=list(zip(at, labels, strict=True)))
    record = mitdb.read_record(tmp_path, "a1")
    of_sample = np.full(record.signals.shape[1], "", dtype="U8")
    for start, label in zip(at, labels, strict=True):
        of_sample[start:] = label
    purity = float(rng.choice([0.6, 0.9, 1.0]))
    _, got, start_s = mitdb.cut(record, step_s=1.0, purity=purity)
    wanted = {}
    for start in range(89):
        piece = of_sample[round(start * fs) : round((start + 5) * fs)]
        for label, number in (("(N", 0), ("(AFIB", 1)):
            if np.mean(piece == label) >= purity - 1e-9:
                wanted[float(start)] = number
    assert dict(zip(start_s.tolist(), got.tolist(), strict=True)) == wanted


@pytest.mark.parametrize(("change", "first", "second"), [(0.08, 1, 1), (0.12, None, 1), (4.6, 0, 1)])
def test_purity_at_a_change_of_rhythm(tmp_path, change, first, second):
    """A window may hold a tenth of something else; 0.12 of 5 s is more, so such a window has no label."""
    at = round((5 + (5 * change if change < 1 else change)) * 360)
    write(tmp_path, rhythms=[(0, "(N"), (at, "(AFIB")])
    _, labels, start_s = mitdb.cut(mitdb.read_record(tmp_path, "a1"))
    found = dict(zip(start_s.tolist(), labels.tolist(), strict=True))
    assert found.get(5.0) == first and found[10.0] == second and found[0.0] == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"purity": 0.5}, "purity"),
        ({"purity": 1.1}, "purity"),
        ({"window_s": 0.0}, "window_s"),
        ({"step_s": -1}, "step_s"),
        ({"window_s": 5.001}, "whole number"),
    ],
)
def test_wrong_arguments_say_what_is_possible(tmp_path, options, says):
    write(tmp_path)
    with pytest.raises(ValueError, match=says):
        mitdb.cut(mitdb.read_record(tmp_path, "a1"), **options)


def test_a_record_shorter_than_a_window_gives_none(tmp_path):
    write(tmp_path, signals=ecg_like(4.9))
    assert mitdb.cut(mitdb.read_record(tmp_path, "a1"))[0].shape == (0, 2, 500)


# ---- R waves and their intervals ---------------------------------------------------------------------------


def test_intervals_around_a_window():
    beats = np.concatenate([np.arange(0, 60, 1.0), np.arange(60, 120, 0.5)])
    rr = mitdb.rr_context(beats, np.array([0.0, 27.5, 57.5, 300.0]), context_s=10.0, beats=12)
    assert rr.shape == (4, 12) and rr.dtype == np.float32
    assert np.nansum(rr[0]) == 7 and np.isnan(rr[0, 7:]).all()  # from 0 to 7.5 s: seven whole intervals
    assert (rr[1, :10] == 1).all() and np.isnan(rr[1, 10:]).all()
    assert (rr[2, :4] == 1).all() and (rr[2, 4:] == 0.5).all()  # fifteen: one too many at the start, two at the end
    assert np.isnan(rr[3]).all()
    assert np.isnan(mitdb.rr_context(np.array([]), np.array([0.0]))).all()


def test_r_waves_are_found_without_annotations_and_once_on_a_seam(tmp_path):
    write(tmp_path, signals=ecg_like(190.0))
    found = mitdb.r_waves(mitdb.read_record(tmp_path, "a1"))
    assert len(found) == 190 and np.abs(found - (np.arange(190) + 0.5)).max() < 0.02


# ---- a folder, and the cache -------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "records"
    place.mkdir()
    write(place, "201", leads=("V1", "MLII"), rhythms=[(0, "(N"), (30 * 360, "(AFIB")])
    write(place, "202", leads=("MLII", "V5"), rhythms=[(0, "(B"), (30 * 360, "(N")])
    write(place, "300", ecg_like(leads=1), leads=("MLII",), beats=([500], ["/"]), comments=["SIMULATED", "subject: x"])
    sim.write_sums(place)
    return place


def test_windows_of_a_folder(folder, tmp_path):
    cohort = mitdb.windows(folder, cache=False)
    assert cohort.signals.shape == (30, 2, 500) and cohort.signals.dtype == np.float32
    assert cohort.channels == ("MLII", "V5 or V1") and cohort.fs == 100 and cohort.source == "simulated"
    assert cohort.labels.tolist() == [0] * 6 + [1] * 6 + [0] * 18
    assert cohort.subjects.tolist() == ["201"] * 18 + ["x"] * 12
    columns = cohort.columns
    assert columns["record"].tolist() == ["201"] * 12 + ["202"] * 6 + ["300"] * 12
    assert columns["start_s"][:12].tolist() == list(range(0, 60, 5)) and columns["start_s"][12] == 30
    assert columns["leads"][[0, 12, 18]].tolist() == ["MLII,V1", "MLII,V5", "MLII,-"]
    assert (cohort.signals[18:, 1] == 0).all()
    assert columns["paced"].tolist() == [False] * 18 + [True] * 12
    assert columns["rr"].shape == (30, 64) and np.nanmedian(columns["rr"]) == pytest.approx(1.0, abs=0.01)
    part = cohort.subset(cohort.labels == 1)
    assert part.columns["start_s"].tolist() == list(range(30, 60, 5)) and set(part.columns) == set(columns)


def test_real_and_simulated_records_are_not_mixed(folder):
    write(folder, "104", comments=["66 F"])
    with pytest.raises(ValueError, match="two folders"):
        mitdb.windows(folder, cache=False)


def test_a_file_other_than_its_published_checksum_is_refused(folder):
    write(folder, "202", ecg_like(seed=5))
    with pytest.raises(DataError, match="202.dat"):
        mitdb.windows(folder, cache=False)


def same(one, other):
    return all(np.array_equal(one.columns[k], other.columns[k], equal_nan=k == "rr") for k in one.columns) and all(
        np.array_equal(getattr(one, k), getattr(other, k)) for k in ("signals", "labels", "subjects")
    )


@pytest.fixture
def counted(monkeypatch):
    """How often windows were computed."""
    calls, compute = [], mitdb._windows
    monkeypatch.setattr(mitdb, "_windows", lambda *a: calls.append(1) or compute(*a))
    return calls


def test_the_cache_opens_without_computing_and_is_mapped(folder, tmp_path, counted):
    first = mitdb.windows(folder, cache=tmp_path / "kept")
    again = mitdb.windows(folder, cache=tmp_path / "kept")
    assert len(counted) == 1 and same(first, again) and same(again, mitdb.windows(folder, cache=False))
    assert isinstance(again.signals, np.memmap) and not isinstance(again.labels, np.memmap)
    again.signals[:] = 0  # nobody else sees that
    assert same(first, mitdb.windows(folder, cache=tmp_path / "kept"))


def test_the_cache_lies_in_the_data_folder_and_never_beside_the_records(folder, tmp_path, counted, monkeypatch):
    before = sorted(folder.iterdir())
    monkeypatch.setenv("PHYSIODL_DATA", str(tmp_path / "data"))
    mitdb.windows(folder)
    assert len(list((tmp_path / "data" / "windows").iterdir())) == 1 and sorted(folder.iterdir()) == before
    mitdb.windows(folder)
    assert len(counted) == 1


def test_other_parameters_are_kept_beside(folder, tmp_path, counted):
    for _ in range(2):
        mitdb.windows(folder, cache=tmp_path / "kept")
        assert len(mitdb.windows(folder, cache=tmp_path / "kept", step_s=2.5)) > 40
    assert len(counted) == 2 and len(list((tmp_path / "kept").iterdir())) == 2


@pytest.mark.parametrize("what", ["data", "touched", "code", "version"])
def test_a_change_of_data_or_code_makes_the_windows_anew(folder, tmp_path, counted, monkeypatch, what):
    mitdb.windows(folder, cache=tmp_path / "kept")
    if what == "data":
        write(folder, "202", ecg_like(seed=5), leads=("MLII", "V5"))
        sim.write_sums(folder)
    elif what == "touched":
        os.utime(folder / "201.atr", ns=(10**18, 10**18))
    elif what == "code":
        copy = shutil.copy(mitdb.__file__, tmp_path / "mitdb.py")
        with open(copy, "a") as file:
            file.write("# changed\n")
        monkeypatch.setattr(mitdb, "CODE", (*mitdb.CODE[:-1], str(copy)))
    else:
        monkeypatch.setattr(window_cache, "VERSIONS", ("9.9",))
    now = mitdb.windows(folder, cache=tmp_path / "kept")
    assert len(counted) == 2 and same(now, mitdb.windows(folder, cache=False))
    assert len(list((tmp_path / "kept").iterdir())) == 1  # what is out of date is gone


def flip(path):
    body = bytearray(path.read_bytes())
    body[-100] ^= 1
    path.write_bytes(body)


@pytest.mark.parametrize(
    "harm",
    [
        lambda kept: flip(kept / "signals.npy"),
        lambda kept: flip(kept / "start_s.npy"),
        lambda kept: (kept / "signals.npy").write_bytes((kept / "signals.npy").read_bytes()[:5000]),
        lambda kept: (kept / "labels.npy").unlink(),
        lambda kept: (kept / "content.json").write_text("{"),
        lambda kept: (kept / "content.json").write_text("[]"),
        lambda kept: (kept / "content.json").write_text("{}"),
        lambda kept: (kept / "content.json").unlink(),
    ],
)
def test_a_damaged_cache_is_noticed_and_made_anew(folder, tmp_path, counted, harm):
    first = mitdb.windows(folder, cache=tmp_path / "kept")
    first = first.subset(np.arange(len(first)))
    (kept,) = (tmp_path / "kept").iterdir()
    harm(kept)
    assert same(first, mitdb.windows(folder, cache=tmp_path / "kept")) and len(counted) == 2
    assert same(first, mitdb.windows(folder, cache=tmp_path / "kept")) and len(counted) == 2


def test_a_write_that_breaks_off_leaves_nothing(folder, tmp_path, counted, monkeypatch):
    def full(path, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(window_cache.np, "save", full)
    cohort = mitdb.windows(folder, cache=tmp_path / "kept")
    assert len(cohort) == 30 and not list((tmp_path / "kept").iterdir())


def test_a_folder_that_cannot_be_written_costs_time_only(folder, tmp_path):
    (tmp_path / "kept").write_text("a file where the folder should be")
    assert len(mitdb.windows(folder, cache=tmp_path / "kept")) == 30


# ---- real records ------------------------------------------------------------------------------------------


@real
@pytest.mark.real
def test_real_records_are_read_as_their_publisher_describes_them():
    records = {name: mitdb.read_record(REAL, name) for name in mitdb.record_names(REAL)}
    known = {"104": True, "102": True, "107": True, "217": True}
    for name, record in records.items():
        assert record.signals.shape == (2, 650_000) and record.fs == 360 and not record.simulated
        assert record.paced is known.get(name, False), name
        assert record.leads[0] == ("V5" if name in ("102", "104") else "MLII"), name
        assert record.subject == ("201" if name == "202" else name)
        assert 0 < record.rhythms[0][0] + 1 < 1000 and record.rhythms[-1][1] == 650_000
        with_af = any(label == "(AFIB" for *_, label in record.rhythms)
        assert with_af is (name in ("201", "202", "203", "210", "217", "219", "221", "222")), name


@real
@pytest.mark.real
def test_real_r_waves_agree_with_the_annotated_beats():
    for name in mitdb.record_names(REAL)[:6]:
        record = mitdb.read_record(REAL, name)
        found, marked = mitdb.r_waves(record), record.beats[0] / record.fs
        distance = np.abs(found[:, None] - marked).min(axis=0)
        assert np.mean(distance < 0.15) > 0.97, name


@real
@pytest.mark.real
def test_real_windows_take_little_time_and_memory(tmp_path):
    names = mitdb.record_names(REAL)
    started = time.process_time()
    cohort = mitdb.windows(REAL, cache=tmp_path / "kept")
    spent = (time.process_time() - started) * 48 / len(names)
    assert spent < 20, f"{spent:.1f} s of one processor for 48 records, expected under 20 s"
    assert cohort.signals.nbytes * 48 / len(names) < 150e6
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1e6 or "PYTEST_XDIST_WORKER" in os.environ  # kB
    started = time.perf_counter()
    mitdb.windows(REAL, cache=tmp_path / "kept")
    assert time.perf_counter() - started < 2


def test_nothing_is_downloaded_by_wfdb_which_verifies_nothing():
    source = "".join(Path(path).read_text() for path in (mitdb.__file__, mitdb.records.__file__))
    assert "wfdb.rdrecord" in source and "dl_database" not in source and "pn_dir" not in source
