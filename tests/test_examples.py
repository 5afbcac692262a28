"""Recordings to look at: units, events, where they come from; real files read as they were written."""

import os

import numpy as np
import pytest
from scipy import signal as sps

from physiodl import ecg, examples, signals

REAL = os.environ.get("PHYSIODL_REAL_DATA")
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")  # in WFDB's use of pandas


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No real recordings, unless a test puts some."""
    monkeypatch.setenv("PHYSIODL_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("PHYSIODL_REAL_DATA", raising=False)


@pytest.fixture
def mitdb(tmp_path, monkeypatch):
    """Two records in WFDB form: a known sine in mV, three beats and a mark that is none."""
    import wfdb

    folder = tmp_path / "own" / examples.MITDB
    folder.mkdir(parents=True)
    t = np.arange(360 * 20) / 360
    for name, height in (("200", 1.0), ("100", 0.5)):
        both = np.stack([height * np.sin(2 * np.pi * 2 * t), 0.25 * np.cos(2 * np.pi * 3 * t)], axis=1)
        wfdb.wrsamp(
            name, fs=360, units=["mV", "mV"], sig_name=["MLII", "V1"], p_signal=both, fmt=["212", "212"],
            adc_gain=[200, 200], baseline=[0, 0], write_dir=str(folder),
        )  # fmt: skip
        wfdb.wrann(
            name, "atr", np.array([18, 360, 720, 1080, 6000]), ["+", "N", "V", "N", "N"], fs=360, write_dir=str(folder),
            aux_note=["(N", "", "", "", ""],
        )  # fmt: skip
    (folder / "RECORDS").write_text("201\n200\n100\n")  # 201 is listed but not there
    monkeypatch.setenv("PHYSIODL_REAL_DATA", str(tmp_path / "own"))
    return folder


def write_edf(path, signals_uv, names, fs):
    """EDF by hand: 256 bytes of header, 256 per channel, then seconds of int16; one unit is 0.1 uV."""
    n, seconds = len(names), signals_uv.shape[1] // fs
    columns = (
        (16, names), (80, [""] * n), (8, ["uV"] * n), (8, [-3276.7] * n), (8, [3276.7] * n), (8, [-32767] * n),
        (8, [32767] * n), (80, [""] * n), (8, [fs] * n), (32, [""] * n),
    )  # fmt: skip
    head = "0".ljust(8) + "X".ljust(80) + "X".ljust(80) + "01.01.0100.00.00" + str(256 * (n + 1)).ljust(8) + " " * 44
    head += str(seconds).ljust(8) + "1".ljust(8) + str(n).ljust(4)
    head += "".join(str(value).ljust(width)[:width] for width, values in columns for value in values)
    blocks = np.round(signals_uv[:, : seconds * fs] * 10).astype("<i2").reshape(n, seconds, fs)
    path.write_bytes(head.encode() + np.ascontiguousarray(blocks.transpose(1, 0, 2)).tobytes())


@pytest.fixture
def eegmat(tmp_path, monkeypatch):
    folder = tmp_path / "own" / examples.EEGMAT
    folder.mkdir(parents=True)
    t = np.arange(100 * 12) / 100
    rows = np.stack([30 * np.sin(2 * np.pi * 10 * t), 120 * np.sin(2 * np.pi * 3 * t), 500 * np.sin(2 * np.pi * t)])
    for name, factor in (("Subject00_2", 0.5), ("Subject00_1", 1.0)):
        write_edf(folder / f"{name}.edf", factor * rows, ["EEG Fp1", "EEG O1", "ECG ECG"], 100)
    (folder / "RECORDS").write_text("Subject00_2.edf\nSubject00_1.edf\n")
    monkeypatch.setenv("PHYSIODL_REAL_DATA", str(tmp_path / "own"))
    return rows


# ---- all kinds, simulated


@pytest.mark.parametrize("kind", examples.KINDS)
@pytest.mark.parametrize("seconds", [4.0, 30.0, 33.337])
def test_simulated_recordings_keep_their_promises(kind, seconds):
    found = examples.recording(kind, source="simulated", seconds=seconds, seed=3)
    assert found.signal.shape == (len(found.channels), round(seconds * found.fs))
    assert found.signal.dtype == np.float64 and np.isfinite(found.signal).all()
    assert found.unit == {"ecg": "mV", "ppg": "a.u."}.get(kind, "uV")
    assert found.source == "simulated" and found.label.startswith("SIMULATED") and "no person" in found.citation
    for times in found.events.values():
        assert ((times >= 0) & (times <= seconds + 1e-9)).all()
    assert len(found.time_s) == found.signal.shape[1] and found.time_s[1] == pytest.approx(1 / found.fs)
    assert np.array_equal(found.channel(found.channels[-1]), found.signal[-1])
    again, other = (examples.recording(kind, source="simulated", seconds=seconds, seed=s) for s in (3, 4))
    assert np.array_equal(again.signal, found.signal) and not np.array_equal(other.signal, found.signal)


@pytest.mark.parametrize("kind", examples.KINDS)
def test_without_files_auto_is_simulated_and_says_so(kind):
    assert examples.recording(kind).source == "simulated"


def test_the_r_waves_of_the_simulated_ecg_are_where_the_events_say():
    for seed in range(4):
        found = examples.recording("ecg", seed=seed)
        peaks = ecg.r_peaks(found.channel("MLII"), found.fs) / found.fs
        distance = np.abs(peaks[:, None] - found.events["R"]).min(axis=0)
        assert (distance < 0.03).mean() > 0.95
        assert 50 < 2 * len(found.events["R"]) < 100  # per minute
        v1 = found.channel("V1")
        at = np.round(found.events["R"][1:-1] * found.fs).astype(int)
        depth = np.median([v1[k : k + 30].min() - np.median(v1[k - 30 : k + 30]) for k in at])
        height = np.median([v1[k - 10 : k + 10].max() - np.median(v1[k - 30 : k + 30]) for k in at])
        assert -depth > 1.5 * height > 0  # V1: small r, deep S


def test_eyes_closed_alpha_at_the_back_eyes_open_blinks_at_the_front():
    for seed in range(4):
        found = examples.recording("eeg", source="simulated", seconds=60.0, seed=seed)
        half = found.signal.shape[1] // 2
        open_, closed = found.signal[:, :half], found.signal[:, half + 500 :]
        alpha_open, alpha_closed = (signals.band_power(x, found.fs, "alpha") for x in (open_, closed))
        back, front = found.channels.index("O1"), found.channels.index("Fp1")
        assert alpha_closed[back] > 10 * alpha_open[back] and alpha_closed[back] > 10 * alpha_closed[front]
        blink_s = found.events["blink"]
        assert len(blink_s) >= 3 and blink_s.max() < 30
        slow = signals.filtered(found.signal, found.fs, high=8.0)
        at = np.round(blink_s * found.fs).astype(int)
        assert slow[front, at].min() > 80 and np.abs(slow[back, at]).max() < 60
        assert found.events["eyes closed"].tolist() == [[30.0, 60.0]]
        assert signals.band_power(found.signal, found.fs, (49, 51)).min() > 0.7  # mains of 1.5 uV


def test_k_complexes_and_spindles_are_where_the_events_say():
    many_k, many_s = 0, 0
    for seed in range(6):
        found = examples.recording("sleep_eeg", seconds=60.0, seed=seed)
        front = signals.filtered(found.channel("Fpz-Cz"), found.fs, high=8.0)
        for at in found.events["K-complex"]:
            k = round(at * found.fs)
            assert front[k - 10 : k + 11].min() < -50 and front[k + 20 : k + 60].max() > 15
        sigma = signals.filtered(found.channel("Pz-Oz"), found.fs, low=11, high=16)
        envelope = np.abs(sps.hilbert(sigma))
        for at in found.events["spindle"]:
            k = round(at * found.fs)
            assert envelope[k - 10 : k + 11].mean() > 2.5 * np.median(envelope)
        many_k, many_s = many_k + len(found.events["K-complex"]), many_s + len(found.events["spindle"])
    assert 5 * 6 < many_k < 14 * 6 and 5 * 6 < many_s < 14 * 6  # a few a minute each, as in N2


def test_contractions_and_walking_are_where_the_events_say():
    muscle = examples.recording("emg")
    power = muscle.signal[0] ** 2
    active = np.zeros(len(power), bool)
    for start, stop in muscle.events["contraction"]:
        active[round(start * muscle.fs) : round(stop * muscle.fs)] = True
    assert len(muscle.events["contraction"]) >= 6
    assert power[active].mean() > 500 * power[~active].mean()
    for seed in range(4):
        pulse = examples.recording("ppg", seed=seed)
        ((start, stop),) = pulse.events["walking"]
        assert (start, stop) == (10.0, 20.0)
        moving = (pulse.time_s > start) & (pulse.time_s < stop)
        assert pulse.channel("acceleration")[moving].std() > 10 * pulse.channel("acceleration")[~moving].std()
        still = signals.filtered(pulse.channel("PPG"), pulse.fs, low=0.5, high=5.0)[pulse.time_s < start]
        freqs, amplitude = signals.amplitude_spectrum(still, pulse.fs, window="hann")
        beats = ((pulse.events["R"] >= 0) & (pulse.events["R"] < start)).sum() / start
        assert freqs[amplitude.argmax()] == pytest.approx(beats, abs=0.16)


def test_what_cannot_be_had_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="'ekg'.*ecg, eeg"):
        examples.recording("ekg")
    with pytest.raises(ValueError, match="'really'"):
        examples.recording("ecg", source="really")
    with pytest.raises(ValueError, match="at least 4 s"):
        examples.recording("ecg", seconds=0)
    for kind in ("emg", "ppg", "sleep_eeg"):
        with pytest.raises(ValueError, match=f"no real {kind} recordings"):
            examples.recording(kind, source="real")
    for kind in ("ecg", "eeg"):
        with pytest.raises(FileNotFoundError, match=r"physionet\.org/files/.*PHYSIODL_REAL_DATA"):
            examples.recording(kind, source="real")
    with pytest.raises(KeyError, match="'V6'.*MLII"):
        examples.recording("ecg").channel("V6")


# ---- real files


def test_a_record_in_wfdb_form_is_read_in_mv_with_its_beats(mitdb):
    found = examples.recording("ecg", seconds=10.0)
    assert (found.source, found.fs, found.unit, found.channels) == ("real", 360.0, "mV", ("MLII", "V1"))
    assert "record 200" in found.label and "Moody" in found.citation  # the first in RECORDS that is there
    t = np.arange(3600) / 360
    assert np.allclose(found.signal, [np.sin(2 * np.pi * 2 * t), 0.25 * np.cos(2 * np.pi * 3 * t)], atol=0.003)
    assert found.events["R"].tolist() == [1.0, 2.0, 3.0]  # the change of rhythm is no beat; 6000 lies behind
    assert examples.recording("ecg", seconds=10.0, seed=1).signal[0].max() == pytest.approx(0.5, abs=0.005)
    assert examples.recording("ecg", seconds=10.0, source="simulated").source == "simulated"
    with pytest.raises(ValueError, match="at most 20 s"):
        examples.recording("ecg", seconds=21.0)


def test_records_without_a_list_or_without_marks_and_folders_without_records(mitdb, monkeypatch, tmp_path):
    (mitdb / "RECORDS").unlink()
    assert examples.records(mitdb) == ["100", "200"]
    (mitdb / "100.atr").unlink()
    assert examples.recording("ecg", seconds=5.0).events == {}
    for file in mitdb.glob("*.dat"):
        file.unlink()
    assert examples.records(mitdb) == [] and examples.real_folder(examples.MITDB) is None
    assert examples.recording("ecg").source == "simulated"


def test_the_data_folder_of_the_course_is_looked_at_too(mitdb, monkeypatch, tmp_path):
    monkeypatch.delenv("PHYSIODL_REAL_DATA")
    assert examples.recording("ecg").source == "simulated"
    monkeypatch.setenv("PHYSIODL_DATA", str(tmp_path / "own"))
    assert examples.recording("ecg", seconds=5.0).source == "real"


def test_an_edf_file_is_read_in_microvolts_rest_first_and_only_its_eeg(eegmat):
    found = examples.recording("eeg", seconds=10.0)
    assert (found.source, found.fs, found.unit, found.channels) == ("real", 100.0, "uV", ("Fp1", "O1"))
    assert "Subject00_1, rest" in found.label and "Zyma" in found.citation
    assert found.signal.shape == (2, 1000) and np.allclose(found.signal, eegmat[:2, :1000], atol=0.06)
    with pytest.raises(ValueError, match="at most 12 s"):
        examples.recording("eeg")


@pytest.mark.skipif(not REAL, reason="PHYSIODL_REAL_DATA is not set")
@pytest.mark.parametrize("seed", range(3))
def test_real_recordings_look_like_what_they_are(monkeypatch, seed):
    monkeypatch.setenv("PHYSIODL_REAL_DATA", REAL)
    heart = examples.recording("ecg", source="real", seed=seed)
    assert heart.fs == 360.0 and 0.05 < heart.signal[0].std() < 2 and 30 < 2 * len(heart.events["R"]) < 180
    brain = examples.recording("eeg", source="real", seed=seed)
    assert brain.signal.shape[0] == 19 and {"Fp1", "O1", "Cz"} <= set(brain.channels)
    assert (brain.signal.std(axis=1) > 2).all() and (brain.signal.std(axis=1) < 60).all()
