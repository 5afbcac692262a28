"""`physiodl.eegmat`: recordings of every awkward kind, their levels, their table, and files that are wrong."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from physiodl import data, download, eegmat, eegmat_files, physionet, registry
from physiodl import signals as dsp
from physiodl.afdata import DataError
from physiodl.simulate import eegmat as sim
from physiodl.simulate import pupil as simulated_pupil

REAL = Path(os.environ.get("PHYSIODL_REAL_DATA") or "/nowhere") / "physionet" / "eegmat" / "1.0.0"
real = pytest.mark.skipif(not REAL.is_dir(), reason="PHYSIODL_REAL_DATA has no recordings of eegmat")
SPANS = ((20.0, 50.0, "high"), (50.0, 75.0, "low"), (75.0, 100.0, "medium"))


def tones(seconds, fs=125.0, seed=0):
    """(19, samples) uV, tones of 3 to 22 Hz: the same course at whatever rate it is sampled."""
    rng = np.random.default_rng(seed)
    hz, phase = rng.uniform(3, 22, (19, 4)), rng.random((19, 4))
    time_s = np.arange(round(seconds * fs)) / fs
    return 8 * np.sin(2 * np.pi * (hz[:, :, None] * time_s + phase[:, :, None])).sum(axis=1)


def write(folder, *, name="Subject00", seconds=100, fs=125.0, spans=SPANS, sync_s=(3.0, 12.0, 23.5), **options):
    folder.mkdir(parents=True, exist_ok=True)
    x = tones(seconds, fs)
    sim.write_recording(folder / f"{name}_1.edf", tones(70, fs, seed=1), fs=fs, **options)
    sim.write_recording(folder / f"{name}_2.edf", x, fs=fs, spans=spans, sync_s=sync_s, **options)
    return x


# ---- one recording ---------------------------------------------------------------------------------------------


def test_a_recording_comes_back_as_it_was_written(tmp_path):
    x = write(tmp_path)
    got = eegmat.read_recording(tmp_path / "Subject00_2.edf", band_hz=None, average=False)
    assert got.eeg.shape == (19, 12_500) and got.eeg.dtype == np.float32 and got.channels == eegmat.CHANNELS
    assert np.abs(got.eeg - x).max() <= 0.026  # half a step of the file
    assert got.spans == SPANS and got.sync_s.tolist() == [3.0, 12.0, 23.5]
    assert got.simulated and got.fs == 125.0 and got.duration_s == 100.0


def test_electrodes_are_found_by_name_in_any_order_among_others(tmp_path):
    x = tones(100)
    order = np.random.default_rng(0).permutation(19)
    names = [eegmat.CHANNELS[k].upper() if k % 2 else f"{eegmat.CHANNELS[k]}-Ref" for k in order]
    sim.write_recording(tmp_path / "a.edf", np.vstack([x[order], x[:2]]), channels=[*names, "A2-A1", "EKG"])
    got = eegmat.read_recording(tmp_path / "a.edf", band_hz=None, average=False)
    assert np.abs(got.eeg - x).max() <= 0.026
    sim.write_recording(tmp_path / "b.edf", x[:18], channels=names[:18])
    with pytest.raises(DataError, match=rf"(?s)b\.edf.*no {eegmat.CHANNELS[order[18]]} among"):
        eegmat.read_recording(tmp_path / "b.edf")


def test_average_reference_and_band(tmp_path):
    x = tones(100)
    wander = 40 * np.sin(2 * np.pi * 0.1 * np.arange(12_500) / 125) + 15
    sim.write_recording(tmp_path / "a.edf", x + wander * np.linspace(0.5, 1.5, 19)[:, None])
    got = eegmat.read_recording(tmp_path / "a.edf")
    inner = slice(500, -500)
    assert np.abs(got.eeg - (x - x.mean(axis=0)))[:, inner].max() < 0.1 * np.abs(x).max()
    assert np.abs(got.eeg.mean(axis=0)).max() < 1e-3


def test_a_causal_filter_does_not_look_ahead(tmp_path):
    x = tones(100)
    y = x.copy()
    y[:, 8000:] = tones(100, seed=5)[:, 8000:]
    found = []
    for name, one in (("a", x), ("b", y)):
        sim.write_recording(tmp_path / f"{name}.edf", one)
        found.append([eegmat.read_recording(tmp_path / f"{name}.edf", zero_phase=way).eeg for way in (False, True)])
    assert np.array_equal(found[0][0][:, :8000], found[1][0][:, :8000])
    assert np.abs(found[0][1] - found[1][1])[:, 7900:8000].max() > 1.0


@pytest.mark.parametrize("fs", [250.0, 500.0])
def test_other_sampling_rates_give_the_same_eeg(tmp_path, fs):
    usual, other = write(tmp_path / "a"), write(tmp_path / "b", fs=fs)
    assert other.shape[1] == fs * 100 and usual.shape[1] == 12_500
    one, two = (eegmat.read_recording(tmp_path / name / "Subject00_2.edf").eeg for name in "ab")
    assert np.abs(one - two)[:, 250:-250].max() < 0.02 * np.abs(one).max()
    with pytest.raises(ValueError, match=r"Subject00_2\.edf at .* to_fs=64 Hz, expected more than 80 Hz"):
        eegmat.read_recording(tmp_path / "b" / "Subject00_2.edf", to_fs=64.0)


def test_the_unit_of_the_header_counts_and_an_impossible_one_is_refused(tmp_path):
    x = write(tmp_path, unit="mV")
    assert np.abs(eegmat.read_recording(tmp_path / "Subject00_2.edf", band_hz=None, average=False).eeg - x).max() < 0.1
    sim.write_recording(tmp_path / "a.edf", x / 60)
    with pytest.raises(DataError, match=r"(?s)a\.edf.*a spread of 0\.[12]\d* uV"):
        eegmat.read_recording(tmp_path / "a.edf")


# ---- windows and levels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_window_has_the_level_of_its_larger_part(seed):
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.uniform(3, 9, 12))
    names = [eegmat.LEVELS[k] for k in rng.integers(0, 3, 11)]
    spans = tuple(zip(edges[:-1], edges[1:], names, strict=True))
    start = rng.uniform(0, edges[-1] + 2, 200)
    labels, purity, since = eegmat.levels_of(spans, start, window_s=4.0)
    fine = np.arange(4000) / 1000
    for k in range(200):
        at = start[k] + fine
        which = np.searchsorted(edges, at, side="right") - 1
        inside = (which >= 0) & (which < 11)
        here = [names[which[i]] if inside[i] else "" for i in range(0, 4000, 20)]
        true = [here.count(level) / 200 for level in eegmat.LEVELS]
        assert labels[k] == (int(np.argmax(true)) if sum(true) > 0.5 else -1) or abs(np.diff(np.sort(true))[-1]) < 0.02
        assert purity[k] == pytest.approx(max(true), abs=0.02)
        changes = [e for e, a, b in zip(edges[1:-1], names[:-1], names[1:], strict=True) if a != b]
        past = [e for e in changes if e <= start[k] + 4.0]
        assert since[k] == pytest.approx(start[k] + 4.0 - past[-1]) if past else np.isnan(since[k])


def test_windows_are_slices_of_the_filtered_recording(tmp_path):
    write(tmp_path)
    cohort = eegmat.windows(tmp_path, cache=False)
    assert cohort.classes == ("low", "medium", "high") and cohort.source == "simulated"
    assert cohort.signals.shape == (20, 19, 500) and cohort.signals.dtype == np.float32
    whole = eegmat.read_recording(tmp_path / "Subject00_2.edf").eeg
    for k, at in enumerate(cohort.columns["start_s"]):
        assert np.array_equal(cohort.signals[k], whole[:, round(at * 125) :][:, :500])
    assert cohort.labels.tolist() == [2] * 7 + [0] * 7 + [1] * 6 or cohort.labels[7] in (0, 2)
    assert cohort.columns["purity"][7] == 0.5 and np.isnan(cohort.columns["since_s"][:7]).all()
    assert cohort.columns["since_s"][7] == 2.0 and set(cohort.subjects) == {"Subject00"}
    assert (cohort.columns["good"] == -1).all() and "pupil" not in cohort.columns
    close = eegmat.windows(tmp_path, cache=False, step_s=0.48)
    assert len(close) > 150 and np.array_equal(close.signals[25], cohort.signals[3])


def test_recordings_without_levels_are_rest_and_arithmetic(tmp_path):
    x = write(tmp_path, spans=(), sync_s=(), simulated=False)
    cohort = eegmat.windows(tmp_path, cache=False)
    assert cohort.classes == ("rest", "arithmetic") and cohort.source == "real" and "Zyma" in cohort.citation
    assert np.bincount(cohort.labels).tolist() == [15, 15]
    assert cohort.columns["start_s"].tolist() == [*np.arange(10, 70, 4.0), *np.arange(0, 60, 4.0)]
    rest = eegmat.read_recording(tmp_path / "Subject00_1.edf").eeg
    assert np.array_equal(cohort.signals[0], rest[:, 1250:1750]) and len(x) == 19


def test_scaling_knows_people_and_no_labels():
    rng = np.random.default_rng(0)
    gains = np.repeat(rng.uniform(0.5, 3, (3, 19)), 10, axis=0)
    who = np.repeat(["a", "b", "c"], 10)
    x = rng.standard_normal((30, 19, 500)) * gains[:, :, None]
    mixed = rng.permutation(30)
    out = eegmat.scaled(x[mixed], who[mixed])
    assert np.allclose(out.std(axis=-1), 1.0, atol=0.15)
    x[:10] *= 7
    assert np.allclose(eegmat.scaled(x, who)[np.argsort(mixed)][mixed], eegmat.scaled(x, who))
    assert np.allclose(eegmat.scaled(x[mixed], who[mixed]), out, atol=1e-4)


# ---- files that belong together, and the table -----------------------------------------------------------------

TABLE = sim.HEADER + "\nSubject00,21,F,2011,9.7,0\nSubject01,18,M,2011,29.35,1\nSubject02,,,,,\n"


def test_the_table_is_read_and_the_text_is_not(tmp_path):
    write(tmp_path)
    write(tmp_path, name="Subject03")
    (tmp_path / eegmat.eegmat_files.INFO).write_text(TABLE)
    people = eegmat.read_subjects(tmp_path)
    assert people["Subject00"] == eegmat.Subject(21, "F", 2011, 9.7, False) and people["Subject01"].good
    assert people["Subject02"] == eegmat.Subject(None, None, None, None, None)
    cohort = eegmat.windows(tmp_path, cache=False)
    good = {who: set(cohort.columns["good"][cohort.subjects == who]) for who in np.unique(cohort.subjects)}
    assert good == {"Subject00": {0}, "Subject03": {-1}}  # a subject without a row is not known


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TABLE.replace("Count quality", "Quality"), "no column Count quality"),
        (TABLE.replace("Subject01", "Subject00"), "Subject00 twice"),
        (TABLE.replace("29.35", "many"), "a row for 'Subject01' that cannot be read"),
        (TABLE.replace("29.35,1", "29.35,2"), "a row for 'Subject01' that cannot be read"),
    ],
)
def test_a_table_that_is_wrong_is_named(tmp_path, text, says):
    (tmp_path / "subject-info.csv").write_text(text)
    with pytest.raises(DataError, match=rf"(?s)subject-info\.csv.*{says}"):
        eegmat.read_subjects(tmp_path)


def test_a_subject_is_both_recordings_and_records_says_who_counts(tmp_path):
    write(tmp_path)
    write(tmp_path, name="Subject07")
    found = eegmat.subject_files(tmp_path)
    assert [each.subject for each in found] == ["Subject00", "Subject07"] and found[0].pupil is None
    (tmp_path / "Subject00_pupil.csv").write_text("")
    assert eegmat.subject_files(tmp_path)[0].pupil == tmp_path / "Subject00_pupil.csv"
    (tmp_path / "RECORDS").write_text("Subject07_1.edf\nSubject07_2.edf\n")
    assert [each.subject for each in eegmat.subject_files(tmp_path)] == ["Subject07"]
    (tmp_path / "Subject07_2.edf").unlink()
    with pytest.raises(DataError, match=r"(?s)no Subject07_2\.edf beside it"):
        eegmat.subject_files(tmp_path)
    with pytest.raises(DataError, match=r"(?s)no Subject07_2\.edf beside it"):
        eegmat.check_files({"x": tmp_path / "Subject07_1.edf"})
    with pytest.raises(FileNotFoundError, match=r"data_fetch\.py workload"):
        eegmat.subject_files(tmp_path / "nowhere")


def short(path):
    path.write_bytes(path.read_bytes()[:-5000])


def text(path):
    path.write_bytes(b"<html>log in</html>" * 100)


@pytest.mark.parametrize("harm", [short, text])
def test_damaged_recordings_are_named_with_what_to_do(tmp_path, harm):
    write(tmp_path)
    harm(tmp_path / "Subject00_1.edf")
    for action in (
        lambda: eegmat.read_recording(tmp_path / "Subject00_1.edf"),
        lambda: eegmat.check_files({"a": tmp_path / "Subject00_1.edf", "b": tmp_path / "Subject00_2.edf"}),
    ):
        with pytest.raises(DataError, match=r"(?s)Subject00_1\.edf.*data_fetch\.py workload"):
            action()


def test_levels_that_are_none_are_refused(tmp_path):
    for spans, says in (
        (((20.0, 50.0, "lofty"),), "'workload lofty' from 20 s"),
        (((20.0, 50.0, "low"), (40.0, 60.0, "high")), "two levels at 40 s"),
    ):
        sim.write_recording(tmp_path / "a.edf", tones(100), spans=spans)
        with pytest.raises(DataError, match=says):
            eegmat.read_recording(tmp_path / "a.edf")


def test_simulated_and_real_do_not_mix(tmp_path):
    write(tmp_path)
    write(tmp_path, name="Subject01", simulated=False)
    with pytest.raises(ValueError, match="holds simulated and real recordings"):
        eegmat.windows(tmp_path, cache=False)


def test_what_the_text_gets_wrong_is_told(tmp_path):
    options = {"spans": (), "sync_s": (), "simulated": False, "sex": "M"}
    write(tmp_path, prefilter="HP:0.500000Hz LP:45.000000Hz RF:50Hz", **options)
    (tmp_path / "subject-info.csv").write_text(TABLE)
    told = "\n".join(eegmat.notes(tmp_path))
    for words in ("1 and 1: the table", "18 to 21", "HP 0.5 Hz, LP 45 Hz, RF 50 Hz", "rest lasts 70 to 70 s",
                  "headers of Subject00 name another sex"):  # fmt: skip
        assert words in told, words
    write(tmp_path / "made")
    assert eegmat.notes(tmp_path / "made") == []


# ---- fetched, simulated, loaded --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Two simulated subjects with a short task."""
    folder = tmp_path_factory.mktemp("workload")
    sim.write_database(folder, n_subjects=2, seed=4, task_s=120.0)
    return folder


def test_a_simulated_database_has_pupil_and_table_and_reads_itself(database, tmp_path):
    names = sorted(path.name for path in database.iterdir())
    assert names == sorted(
        [f"Subject0{k}_{kind}" for k in range(2) for kind in ("1.edf", "2.edf", "pupil.csv")]
        + ["RECORDS", "SHA256SUMS.txt", "subject-info.csv"]
    )
    sim.write_database(tmp_path, n_subjects=1, seed=4, task_s=120.0)
    for name in ("Subject00_1.edf", "Subject00_2.edf", "Subject00_pupil.csv"):
        assert (tmp_path / name).read_bytes() == (database / name).read_bytes(), name  # deterministic
    cohort = eegmat.windows(database, cache=False)
    assert cohort.source == "simulated" and cohort.licence == "CC0-1.0" and "from no person" in cohort.citation
    assert cohort.columns["pupil"].shape == (len(cohort), 240) and cohort.columns["pupil"].dtype == np.float32
    assert 0.7 < cohort.columns["pupil_seen"].mean() < 0.97 and set(cohort.columns["good"]) <= {0, 1}
    counts = np.bincount(cohort.labels, minlength=3)
    assert counts.min() > 0.8 * counts.max()
    assert np.nanmean(np.abs(cohort.columns["pupil"])) < 1.0
    kept = eegmat.windows(database, cache=tmp_path / "windows")
    assert np.array_equal(kept.signals, cohort.signals) and np.array_equal(kept.labels, cohort.labels)
    stamp = [path.stat().st_mtime_ns for path in (tmp_path / "windows").rglob("*.npy")]
    eegmat.windows(database, cache=tmp_path / "windows")
    assert stamp == [path.stat().st_mtime_ns for path in (tmp_path / "windows").rglob("*.npy")]


def test_an_altered_recording_is_refused(database, tmp_path):
    shutil.copytree(database, tmp_path / "copy")
    path = tmp_path / "copy" / "Subject01_2.edf"
    raw = bytearray(path.read_bytes())
    raw[-100] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"(?s)Subject01_2\.edf.*another checksum"):
        eegmat.windows(tmp_path / "copy", cache=False)


def test_a_mirror_gives_recordings_and_table_but_no_simulated_ones(tmp_path, database):
    """The table is of no record: it comes whatever RECORDS lists."""
    copy = tmp_path / "copy"
    write(copy, spans=(), sync_s=(), simulated=False)
    (copy / "subject-info.csv").write_text(TABLE)
    (copy / "RECORDS").write_text("Subject00_1.edf\nSubject00_2.edf\n")
    sim.write_sums(copy)
    folder = physionet.fetch("workload", root=tmp_path, mirror=copy, progress=False)
    assert folder == tmp_path / "physionet/eegmat/1.0.0"
    there = {path.name for path in folder.iterdir()} - {".lock"}
    assert there == {"Subject00_1.edf", "Subject00_2.edf", "subject-info.csv", "RECORDS", "SHA256SUMS.txt",
                     "provenance.json"}  # fmt: skip
    cohort = data.load("workload", root=tmp_path)
    assert cohort.source == "mirror" and cohort.classes == ("rest", "arithmetic")
    with pytest.raises(DataError, match="simulated"):
        physionet.fetch("workload", root=tmp_path / "other", mirror=database, progress=False)
    with pytest.raises(ValueError, match="real recordings of few subjects"):
        data.load("workload", "real", part="practice", root=tmp_path)


def test_load_simulates_without_a_network(tmp_path, monkeypatch):
    monkeypatch.delenv("PHYSIODL_REAL_DATA", raising=False)
    monkeypatch.setattr(data, "SIMULATED_WORKERS", {"class": (1, 1), "practice": (1, 2)})
    monkeypatch.setattr(sim, "TASK_S", 120.0)
    cohort = data.load("mental_workload", root=tmp_path)
    assert cohort.source == "simulated" and len(np.unique(cohort.subjects)) == 1 and "pupil" in cohort.columns
    practice = data.load("workload", part="practice", root=tmp_path)
    assert not np.array_equal(practice.signals[0], cohort.signals[0])
    assert data.records_folder("workload", root=tmp_path) == tmp_path / "workload/simulated-1-1"
    facts = registry.read_provenance(tmp_path / "workload/simulated-1-1")
    assert facts["generator version"] == sim.VERSION and facts["source"] == "simulated"
    assert download.simulate("eegmat", n=1, seed=1, root=tmp_path) == tmp_path / "workload/simulated-1-1"


def test_a_made_up_pupil_beside_a_measured_eeg_says_so(tmp_path):
    write(tmp_path, spans=(), sync_s=(), simulated=False)
    cohort = simulated_pupil.beside(eegmat.windows(tmp_path, cache=False), seed=3)
    assert set(cohort.columns["pupil_source"]) == {"simulated"} and cohort.source == "real"
    assert "Pupil: simulated by PhysioDL from the labels" in cohort.citation and "Zyma" in cohort.citation
    assert cohort.columns["pupil"].shape == (30, 240) and 0.6 < cohort.columns["pupil_seen"].mean() < 1.0
    assert dsp.BANDS["theta"] == (4.0, 8.0)


# ---- real recordings -------------------------------------------------------------------------------------------


@real
def test_real_recordings_are_read_and_their_contradictions_told():
    found = eegmat.subject_files(REAL)
    people = eegmat.read_subjects(REAL)
    assert len(people) == 36 and sum(person.good for person in people.values()) == 26
    told = "\n".join(eegmat.notes(REAL))
    for words in ("has 26 and 10", "16 to 26", "HP 0.5 Hz, LP 45 Hz, RF 50 Hz", "the task 62 to 62 s", "another sex"):
        assert words in told, words
    one = eegmat.read_recording(found[0].task)
    assert one.eeg.shape == (19, 7750) and not one.simulated and one.spans == ()
    assert 3 < np.median(one.eeg.std(axis=1)) < 30


@real
def test_alpha_of_the_back_is_higher_at_rest_with_closed_eyes(tmp_path):
    """Measured in all 36 at 8 electrodes against the ears: 2.7 dB lower in the task, lower in 92 % of the people."""
    cohort = eegmat.windows(REAL, cache=tmp_path)
    assert cohort.classes == ("rest", "arithmetic") and cohort.source in ("real", "mirror")
    back = [cohort.channels.index(name) for name in ("O1", "O2", "P3", "P4", "Pz")]
    alpha = 10 * np.log10(dsp.band_power(np.asarray(cohort.signals)[:, back], 125.0, "alpha")).mean(axis=1)
    groups = [cohort.subjects == who for who in np.unique(cohort.subjects)]
    rest, task = (np.array([alpha[mine & (cohort.labels == label)].mean() for mine in groups]) for label in (0, 1))
    assert -6 < np.mean(task - rest) < 0 and np.mean(task - rest < 0.5) >= 0.75


def test_the_registry_knows_what_belongs_to_the_project():
    dataset = registry.find("eegmat")
    files = ["Subject00_1.edf", "Subject00_2.edf", "Subject01_1.edf", "subject-info.csv", "README.txt"]
    got = physionet.wanted_names(dataset, dict.fromkeys(files, ""), ["Subject00_1.edf", "Subject00_2.edf"])
    assert got == ["Subject00_1.edf", "Subject00_2.edf", "subject-info.csv"]
    assert eegmat_files.FILE.fullmatch("Subject35_2.edf") and not eegmat_files.FILE.fullmatch("Subject35_3.edf")
