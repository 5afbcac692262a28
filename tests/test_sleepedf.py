"""`physiodl.sleepedf`: nights of every awkward kind, what becomes of their stages, and files that are wrong."""

import datetime
import functools
import os
import resource
import shutil
from pathlib import Path

import edfio
import numpy as np
import pytest

from physiodl import signals as dsp
from physiodl import sleepedf, sleepedf_files
from physiodl.afdata import DataError
from physiodl.simulate import sleepedf as sim

PSG, HYPNOGRAM = "SC4001E0-PSG.edf", "SC4001EC-Hypnogram.edf"
FPZ = "EEG Fpz-Cz"
START = datetime.datetime(1989, 4, 24, 23, 0)
# 20 minutes: wake, N1, N2, stages 3 and 4, movement, REM, wake, not scored
SPANS = [(0, 120, "W"), (120, 60, "1"), (180, 240, "2"), (420, 90, "3"), (510, 90, "4"), (630, 270, "R"),
         (900, 210, "W"), (1110, 90, "?")]  # fmt: skip
WANTED = [0] * 4 + [1] * 2 + [2] * 8 + [3] * 6 + [4] * 9 + [0] * 7
REAL = Path(os.environ.get("PHYSIODL_REAL_DATA") or "/nowhere")
CASSETTE = REAL / "physionet" / "sleep-edfx" / "1.0.0" / "sleep-cassette"
real = pytest.mark.skipif(not CASSETTE.is_dir(), reason="PHYSIODL_REAL_DATA has no hypnograms of Sleep-EDF")


@functools.cache
def tones(seconds, fs=100.0, seed=0):
    """Tones of 1 to 20 Hz, (samples,) uV: the same course at whatever rate it is sampled."""
    rng = np.random.default_rng(seed)
    hz, phase = rng.uniform(1, 20, 9), rng.random(9)
    time_s = np.arange(round(seconds * fs)) / fs
    return 9 * sum(np.sin(2 * np.pi * (f * time_s + p)) for f, p in zip(hz, phase, strict=True))


def spans_of(short=SPANS):
    return [(at, length, f"Sleep stage {name}") for at, length, name in short] + [(600, 30, "Movement time")] * (
        short is SPANS
    )


def write(folder, *, x=None, spans=None, names=(PSG, HYPNOGRAM), seconds=1200.0, start=START, **options):
    """A night in a folder; returns its signal in uV."""
    folder.mkdir(parents=True, exist_ok=True)
    x = tones(seconds, options.get("fs", 100.0)) if x is None else x
    channels = options.pop("channels", None) or {FPZ: x}
    sim.write_psg(folder / names[0], channels, start=start, **options)
    sim.write_hypnogram(folder / names[1], spans_of() if spans is None else spans, start=START)
    return x


def read(folder, **options):
    return sleepedf.read_night(folder / PSG, folder / HYPNOGRAM, **options)


# ---- one night ---------------------------------------------------------------------------------------------


def test_a_night_comes_back_as_it_was_written(tmp_path):
    x = write(tmp_path)
    night = read(tmp_path, band_hz=None)
    assert night.stages.tolist() == WANTED and night.stages.dtype == np.int64
    assert night.epoch.tolist() == [*range(20), *range(21, 37)]  # the step over movement time is where 20 was
    assert np.array_equal(night.start_s, 30.0 * night.epoch)
    assert night.epochs.shape == (36, 3000) and night.epochs.dtype == np.float32
    wanted = x[: 40 * 3000].reshape(-1, 3000)[night.epoch]
    assert np.abs(night.epochs - wanted).max() <= 0.5 * 384 / 4095 + 1e-4  # half a step of the file
    assert (night.subject, night.night, night.fs, night.simulated) == ("SC400", "SC4001", 100.0, True)
    assert night.scale_uv == pytest.approx(np.subtract(*np.percentile(x[: 37 * 3000], [75, 25])) / 1.349, rel=0.01)


def test_the_band_passes_and_epochs_are_slices_of_the_filtered_recording(tmp_path):
    time_s = np.arange(120_000) / 100
    slow, fast = 60 * np.sin(2 * np.pi * 0.05 * time_s), 10 * np.sin(2 * np.pi * 45 * time_s)
    x = tones(1200)
    write(tmp_path, x=x + slow + fast + 20)
    night = read(tmp_path)
    assert np.abs(night.epochs - x.reshape(-1, 3000)[night.epoch])[2:-2].max() < 0.02 * np.abs(x).max()
    whole = dsp.filtered(x + slow + fast + 20, 100, low=0.3, high=35.0).reshape(-1, 3000)
    assert np.abs(night.epochs - whole[night.epoch]).max() < 0.3


def test_only_what_lies_around_sleep_is_kept(tmp_path):
    spans = [(0, 3600, "W"), (3600, 600, "2"), (4200, 30, "W"), (4230, 30, "1"), (4260, 3540, "W")]
    x = write(tmp_path, seconds=7800.0, spans=spans_of(spans))
    night = read(tmp_path)
    assert night.epoch[0] == 60 and night.epoch[-1] == 141 + 60 and len(night.epoch) == 60 + 22 + 60
    whole = dsp.filtered(x, 100, low=0.3, high=35.0).reshape(-1, 3000)
    assert np.abs(night.epochs - whole[night.epoch]).max() < 0.2  # as if all of it had been read and filtered
    assert len(read(tmp_path, trim_s=None).epoch) == 260
    assert read(tmp_path, trim_s=60.0).epoch.tolist() == list(range(118, 144))


@pytest.mark.parametrize("fs", [80.0, 128.0, 200.0, 256.0])
def test_other_sampling_rates_give_the_same_epochs(tmp_path, fs):
    write(tmp_path / "usual")
    write(tmp_path / "other", fs=fs)
    one, other = read(tmp_path / "usual"), read(tmp_path / "other")
    assert np.array_equal(one.stages, other.stages) and other.fs == 100.0
    inner = slice(1, -1)
    assert np.abs(one.epochs - other.epochs)[inner].max() < 0.02 * np.abs(one.epochs).max()


@pytest.mark.parametrize("unit", ["mV", "V"])
def test_the_unit_of_the_header_counts(tmp_path, unit):
    write(tmp_path / "usual")
    write(tmp_path / "other", unit=unit)
    one, other = read(tmp_path / "usual"), read(tmp_path / "other")
    assert np.abs(one.epochs - other.epochs).max() < 0.2


@pytest.mark.parametrize("record_s", [1.0, 30.0, 60.0])
def test_the_length_of_data_records_does_not_matter(tmp_path, record_s):
    """SC4362F0 has records of 60 s, the other recordings of 30 s."""
    x = write(tmp_path, record_s=record_s)
    night = read(tmp_path, band_hz=None)
    assert night.stages.tolist() == WANTED
    assert np.abs(night.epochs[:20].ravel() - x[:60_000]).max() < 0.1


def test_the_channel_is_found_by_its_name_among_others(tmp_path):
    channels = {"EOG horizontal": tones(1200, seed=1), "eeg fpz-cz": tones(1200), "EEG Pz-Oz": tones(1200, seed=2)}
    x = write(tmp_path, channels=channels, chin=np.ones(1200))
    assert np.abs(read(tmp_path, band_hz=None).epochs[:20].ravel() - x[:60_000]).max() < 0.1
    pz = read(tmp_path, channel="EEG Pz-Oz", band_hz=None)
    assert np.abs(pz.epochs[:20].ravel() - tones(1200, seed=2)[:60_000]).max() < 0.1
    with pytest.raises(DataError, match=r"(?s)SC4001E0-PSG\.edf.*'EEG C4-A1' among EOG horizontal, eeg fpz-cz, EEG Pz"):
        read(tmp_path, channel="EEG C4-A1")


def test_a_recording_below_the_rate_of_the_band_is_refused(tmp_path):
    write(tmp_path, fs=64.0)
    with pytest.raises(ValueError, match=r"SC4001E0-PSG\.edf with EEG Fpz-Cz at 64 Hz .* more than 70 Hz"):
        read(tmp_path)


def test_epochs_of_20_s(tmp_path):
    spans = [(0, 100, "W"), (100, 140, "2"), (240, 60, "R"), (300, 900, "W")]
    write(tmp_path, spans=spans_of(spans))
    night = read(tmp_path, epoch_s=20.0)
    assert night.epochs.shape[1] == 2000 and night.stages[:15].tolist() == [0] * 5 + [2] * 7 + [4] * 3
    thirty = read(tmp_path)  # 90 to 120 s are half awake and half asleep: no stage
    assert thirty.epoch[:5].tolist() == [0, 1, 2, 4, 5] and thirty.stages[:8].tolist() == [0, 0, 0, 2, 2, 2, 2, 4]


# ---- stages on a grid --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_an_epoch_has_the_stage_that_holds_during_all_of_it(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.choice([10, 15, 20, 30, 45, 60, 90, 300], 40).astype(float)
    pauses = rng.choice([0, 0, 0, 10, 30], 40).astype(float)
    start = 7.0 * (seed % 3) + np.cumsum(lengths + pauses) - lengths
    stages = rng.integers(-1, 5, 40)
    begin, got = sleepedf.staged(start, start + lengths, stages)
    assert begin[0] == start[0] and np.allclose(np.diff(begin), 30)
    second = np.full(int(start[-1] + lengths[-1]) + 1, -1)
    for a, n, stage in zip(start.astype(int), lengths.astype(int), stages, strict=True):
        second[a : a + n] = stage
    wanted = [set(second[int(b) : int(b) + 30]) for b in begin]
    assert got.tolist() == [w.pop() if len(w) == 1 else -1 for w in wanted]
    assert (got >= 0).sum() > 20


def test_a_hypnogram_that_begins_late_is_laid_where_it_begins(tmp_path):
    x = write(tmp_path, spans=[(10 + a, n, text) for a, n, text in spans_of()])
    night = read(tmp_path, band_hz=None)
    assert night.start_s[0] == 10 and night.stages[:35].tolist() == WANTED[:35]
    assert np.abs(night.epochs[0] - x[1000:4000]).max() < 0.1


# ---- files that are wrong ----------------------------------------------------------------------------------


def cut(path, keep):
    path.write_bytes(path.read_bytes()[:keep])


def put(path, at, text):
    body = bytearray(path.read_bytes())
    body[at : at + len(text)] = text.encode()
    path.write_bytes(bytes(body))


def rewrite(spans, start=START):
    return lambda folder: sim.write_hypnogram(folder / HYPNOGRAM, spans, start=start)


@pytest.mark.parametrize(
    ("harm", "name", "says"),
    [
        (lambda f: cut(f / PSG, 100_000), PSG, r"data records .*s\)"),
        (lambda f: cut(f / PSG, 300), PSG, "header cut short"),
        (lambda f: cut(f / PSG, 0), PSG, "0 bytes"),
        (lambda f: (f / PSG).write_text("<html>log in</html>" * 50), PSG, "expected: an EDF file"),
        (lambda f: (f / PSG).write_bytes((f / PSG).read_bytes() * 2), PSG, "data records"),
        (lambda f: put(f / PSG, 236, "39      "), PSG, r"39 \(1170 s\)"),
        (lambda f: put(f / PSG, 192, "EDF+D"), PSG, "interruptions"),
        (lambda f: put(f / PSG, 168, "24.13.89"), PSG, "month"),
        (lambda f: put(f / PSG, 244, "0       "), PSG, "data records of 0 s"),
        (lambda f: put(f / PSG, 256 + 2 * 216, "0       "), PSG, "with 0 samples"),
        (lambda f: cut(f / HYPNOGRAM, 600), HYPNOGRAM, "data records"),
        (lambda f: (f / HYPNOGRAM).write_bytes(b"x" * 3000), HYPNOGRAM, "expected: an EDF file"),
        (lambda f: shutil.copy(f / PSG, f / HYPNOGRAM), HYPNOGRAM, "none of them a stage"),
        (rewrite([(0, 1200, "Sleep stage 7")]), HYPNOGRAM, "Sleep stage 7"),
        (rewrite([(0, 1200, "Lights off")]), HYPNOGRAM, "none of them a stage"),
        (rewrite([(0, 1200, "Sleep stage W")]), HYPNOGRAM, "no epoch of sleep"),
        (rewrite([(0, 600, "Sleep stage 2"), (570, 600, "Sleep stage W")]), HYPNOGRAM, "two stages at 570 s"),
        (rewrite(spans_of(), START + datetime.timedelta(days=1)), HYPNOGRAM, "files of two nights"),
        (rewrite(spans_of(), START + datetime.timedelta(minutes=-90)), HYPNOGRAM, "1989-04-24 21:30:00"),
        (rewrite([(0, 600, "Sleep stage W"), (600, 900, "Sleep stage 2")]), HYPNOGRAM, "sleep until 1500 s"),
        (lambda f: write(f, seconds=6000, spans=spans_of([(0, 600, "2")])), HYPNOGRAM, "an end in sleep at 600 s"),
        (lambda f: write(f, x=np.zeros(120_000)), PSG, "spread of 0 uV"),
        (lambda f: write(f, x=1e-5 * tones(1200), range_uv=(-0.001, 0.001)), PSG, "another unit than the header"),
        (lambda f: put(f / PSG, 256 + 2 * 96, "degC    "), PSG, "'degC'"),
    ],
)  # fmt: skip
def test_wrong_files_are_named_with_what_is_wrong(tmp_path, harm, name, says):
    write(tmp_path)
    assert len(read(tmp_path).stages) == 36
    harm(tmp_path)
    with pytest.raises(DataError, match=says) as caught:
        read(tmp_path)
    assert str(caught.value).startswith(name) and "to do:" in str(caught.value)


def test_a_recording_of_unknown_length_is_as_long_as_its_file(tmp_path):
    write(tmp_path)
    put(tmp_path / PSG, 236, "-1      ")
    assert sleepedf_files.read_header(tmp_path / PSG).duration_s == 1200


def test_wake_and_what_is_not_scored_may_go_on_after_the_recording(tmp_path):
    write(tmp_path, spans=[*spans_of()[:-2], (1110, 900, "Sleep stage W"), (2010, 3000, "Sleep stage ?")])
    assert read(tmp_path).epoch[-1] == 39


# ---- which files belong together ---------------------------------------------------------------------------


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")


def test_names_are_looked_up_and_never_built(tmp_path, caplog):
    place = tmp_path / "sleep-cassette"
    touch(place, "SC4362FC-Hypnogram.edf", "SC4362F0-PSG.edf", "SC4021E0-PSG.edf", "SC4021EJ-Hypnogram.edf",
          "SC4012E0-PSG.edf", "SC4002EC-Hypnogram.edf", "ST7011J0-PSG.edf", "notes.txt")  # fmt: skip
    for folder in (tmp_path, place):
        found = sleepedf.night_files(folder)
        assert [(f.night, f.subject, f.psg.name, f.hypnogram.name) for f in found] == [
            ("SC4021", "SC402", "SC4021E0-PSG.edf", "SC4021EJ-Hypnogram.edf"),
            ("SC4362", "SC436", "SC4362F0-PSG.edf", "SC4362FC-Hypnogram.edf"),
        ]
    assert "SC4012E0-PSG.edf" in caplog.text and "SC4002EC-Hypnogram.edf" in caplog.text
    (tmp_path / "RECORDS").write_text("sleep-cassette/SC4362F0-PSG.edf\nsleep-cassette/SC4999E0-PSG.edf\n")
    assert [f.night for f in sleepedf.night_files(tmp_path)] == ["SC4362"]
    touch(place, "SC4362FM-Hypnogram.edf")
    with pytest.raises(DataError, match=r"SC4362FC-Hypnogram\.edf and SC4362FM-Hypnogram\.edf"):
        sleepedf.night_files(tmp_path)


def test_no_nights_says_what_to_do(tmp_path):
    touch(tmp_path / "alone", HYPNOGRAM)
    for folder, says in ((tmp_path / "nowhere", "got 0 files"), (tmp_path / "alone", HYPNOGRAM)):
        with pytest.raises(FileNotFoundError, match=rf"{says}.*data_fetch\.py sleep"):
            sleepedf.night_files(folder)


def test_a_file_of_a_night_alone_is_refused_when_fetched(tmp_path):
    write(tmp_path)
    sleepedf.check_files({path.name: path for path in tmp_path.iterdir()})
    with pytest.raises(DataError, match="1 files of night SC4001"):
        sleepedf.check_files({PSG: tmp_path / PSG})
    cut(tmp_path / PSG, 100_000)
    with pytest.raises(DataError, match=PSG):
        sleepedf.check_files({path.name: path for path in tmp_path.iterdir()})


# ---- real hypnograms, with PSG files written here ----------------------------------------------------------


@real
@pytest.mark.real
def test_real_hypnograms_give_the_published_stages(tmp_path):
    checked = 0
    for path in sorted(CASSETTE.glob("*-Hypnogram.edf")):
        header = sleepedf_files.read_header(path)
        assert not header.simulated
        start_s, stop_s, stages = sleepedf_files.read_stages(path)
        ends = 30 * int(stop_s[stages >= 0].max() // 30)
        x = 20 * np.random.default_rng(0).standard_normal(ends)  # a PSG at 1 Hz: here stages matter, no signal
        psg = tmp_path / f"{path.name[:7]}0-PSG.edf"
        sim.write_psg(psg, {FPZ: x}, start=header.start, fs=1.0, simulated=False)
        night = sleepedf.read_night(psg, path, to_fs=1.0, band_hz=None)
        assert night.night == path.name[:6] and not night.simulated
        assert (night.stages > 0).mean() > 0.5 and set(night.stages) >= {0, 1, 2, 4}
        kept = REAL / "sleep_edf20_first5s" / f"{path.name[:6]}E0.npz"
        if kept.is_file():  # stages of the same nights, as others have prepared them
            with np.load(kept) as arrays:
                assert np.array_equal(night.stages, arrays["y"]), path.name
            checked += 1
    assert checked in (0, 12)


@real
@pytest.mark.real
def test_a_recording_of_22_hours_is_read_in_part(tmp_path):
    path = CASSETTE / "SC4001EC-Hypnogram.edf"
    x = np.tile(tones(750), 106)
    sim.write_psg(tmp_path / PSG, {FPZ: x, "EEG Pz-Oz": x}, start=sleepedf_files.read_header(path).start)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    night = sleepedf.read_night(tmp_path / PSG, path)
    assert night.epochs.shape == (841, 3000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 250_000  # kB, of 2 channels of 64 MB each


def test_edfio_reads_what_the_tests_write(tmp_path):
    """The files of these tests are EDF+ for others as well."""
    x = write(tmp_path)
    edf = edfio.read_edf(tmp_path / PSG)
    assert edf.reserved == "EDF+C" and edf.patient.name == "SIMULATED"
    assert np.abs(edf.get_signal(FPZ).data - x).max() < 0.1
    assert [a.text for a in edfio.read_edf(tmp_path / HYPNOGRAM).annotations][:2] == ["Sleep stage W", "Sleep stage 1"]
