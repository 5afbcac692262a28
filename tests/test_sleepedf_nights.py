"""`physiodl.sleepedf.nights`: a folder as a cohort, kept on disk night by night; fetched from PhysioNet; loaded."""

import gc
import logging
import shutil
import weakref

import fake_zenodo
import numpy as np
import pytest
from typer.testing import CliRunner

import data_fetch
from physiodl import data, download, physionet, registry, sleepedf, window_cache, zenodo
from physiodl.afdata import DataError
from physiodl.simulate import sleepedf as sim
from physiodl.zenodo import FetchError

SLEEP = registry.DATASETS["sleep"]
PROJECT = "sleep-edfx/1.0.0"
NIGHTS = ("SC4001", "SC4002", "SC4362")
SPANS = [(0, 240, "Sleep stage W"), (240, 60, "Sleep stage 1"), (300, 150, "Sleep stage 2"), (450, 30, "Movement time"),
         (480, 60, "Sleep stage 4"), (540, 60, "Sleep stage R"), (600, 900, "Sleep stage ?")]  # fmt: skip
PER_NIGHT = 19


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    monkeypatch.setattr(zenodo, "sleep", lambda seconds: None)
    for name in ("PHYSIODL_DATA", "PHYSIODL_PHYSIONET", "PHYSIODL_REAL_DATA"):
        monkeypatch.delenv(name, raising=False)


def write_project(folder, *, simulated=False):
    """Three short nights of two subjects, as PhysioNet would have them: RECORDS names the PSG files alone."""
    place = folder / "sleep-cassette"
    place.mkdir(parents=True)
    for k, night in enumerate(NIGHTS):
        letter = "F" if night == "SC4362" else "E"
        x = (8 + 10 * k) * np.random.default_rng(k).standard_normal(60_000)
        sim.write_psg(place / f"{night}{letter}0-PSG.edf", {"EEG Fpz-Cz": x}, simulated=simulated,
                      record_s=60.0 if letter == "F" else 30.0)  # fmt: skip
        sim.write_hypnogram(place / f"{night}{letter}{'CHJ'[k]}-Hypnogram.edf", SPANS, simulated=simulated)
    (folder / "sleep-telemetry").mkdir()
    (folder / "sleep-telemetry" / "ST7011J0-PSG.edf").write_bytes(b"not used")
    psgs = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*-PSG.edf"))
    (folder / "RECORDS").write_text("\n".join(psgs) + "\n")
    sim.write_sums(folder)
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("project"))


def same(one, other):
    return all(np.array_equal(one.columns[k], other.columns[k]) for k in one.columns) and all(
        np.array_equal(getattr(one, k), getattr(other, k)) for k in ("signals", "labels", "subjects")
    )


# ---- a folder as a cohort ----------------------------------------------------------------------------------


def test_nights_follow_one_another_and_each_has_its_own_scale(published):
    cohort = sleepedf.nights(published, cache=False)
    assert cohort.name == "sleep" and cohort.source == "real" and "Kemp" in cohort.citation
    assert cohort.signals.shape == (3 * PER_NIGHT, 1, 3000) and cohort.signals.dtype == np.float32
    assert cohort.classes == ("W", "N1", "N2", "N3", "REM") and cohort.channels == ("EEG Fpz-Cz",)
    assert cohort.columns["night"].tolist() == np.repeat(NIGHTS, PER_NIGHT).tolist()
    assert cohort.subjects.tolist() == np.repeat(["SC400", "SC400", "SC436"], PER_NIGHT).tolist()
    assert cohort.columns["epoch"].tolist() == [*range(15), *range(16, 20)] * 3
    for k, files in enumerate(sleepedf.night_files(published)):
        night = sleepedf.read_night(files.psg, files.hypnogram)
        of = slice(k * PER_NIGHT, (k + 1) * PER_NIGHT)
        assert np.array_equal(cohort.labels[of], night.stages)
        assert (cohort.columns["scale_uv"][of] == night.scale_uv).all()
        assert np.allclose(cohort.signals[of, 0] * night.scale_uv, night.epochs, atol=1e-3)
    spread = [cohort.signals[cohort.columns["night"] == name].std() for name in NIGHTS]
    assert max(spread) / min(spread) < 1.05  # 8, 18 and 28 uV in the files


def test_one_night_is_in_memory_at_a_time(published, tmp_path, monkeypatch):
    alive, read = [], sleepedf.read_night

    def watched(*args, **options):
        gc.collect()
        assert sum(ref() is not None for ref in alive) <= 1  # the one before, until this one has its name
        night = read(*args, **options)
        alive.append(weakref.ref(night))
        return night

    monkeypatch.setattr(sleepedf, "read_night", watched)
    sleepedf.nights(published, cache=tmp_path)
    assert len(alive) == 3


def test_the_cache_opens_without_reading_and_is_mapped(published, tmp_path, monkeypatch):
    first = sleepedf.nights(published, cache=tmp_path / "kept")
    monkeypatch.setattr(sleepedf, "read_night", lambda *a, **k: pytest.fail("read again"))
    again = sleepedf.nights(published, cache=tmp_path / "kept")
    assert isinstance(again.signals, np.memmap) and same(first, again)
    again.signals[:] = 0  # nobody else sees that
    assert same(first, sleepedf.nights(published, cache=tmp_path / "kept"))
    monkeypatch.undo()
    assert same(first, sleepedf.nights(published, cache=False))
    other = sleepedf.nights(published, cache=tmp_path / "kept", epoch_s=60.0)
    assert other.signals.shape[2] == 6000 and len(list((tmp_path / "kept").iterdir())) == 2


def test_a_damaged_cache_is_made_anew_and_a_change_of_the_files_too(published, tmp_path, caplog):
    folder = shutil.copytree(published, tmp_path / "project")
    first = sleepedf.nights(folder, cache=tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    body = bytearray((kept / "signals.npy").read_bytes())
    body[5000] ^= 1
    (kept / "signals.npy").write_bytes(body)
    assert same(sleepedf.nights(published, cache=False), sleepedf.nights(folder, cache=tmp_path / "kept"))
    assert "another checksum" in caplog.text
    (folder / "RECORDS").write_text("sleep-cassette/SC4002E0-PSG.edf\n")
    assert len(sleepedf.nights(folder, cache=tmp_path / "kept")) == PER_NIGHT
    assert len(list((tmp_path / "kept").iterdir())) == 1 and len(first) == 3 * PER_NIGHT


def test_a_folder_that_cannot_be_written_costs_memory_only(published, tmp_path):
    (tmp_path / "kept").write_text("a file where the folder should be")
    assert same(sleepedf.nights(published, cache=tmp_path / "kept"), sleepedf.nights(published, cache=False))


def test_a_disk_that_fills_up_leaves_nothing_and_costs_memory_only(published, tmp_path, monkeypatch):
    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(window_cache._Rows, "_header", full)
    assert len(sleepedf.nights(published, cache=tmp_path / "kept")) == 3 * PER_NIGHT
    assert not list((tmp_path / "kept").iterdir())


def test_a_night_that_is_damaged_is_named_and_nothing_is_kept(published, tmp_path):
    folder = shutil.copytree(published, tmp_path / "project")
    path = folder / "sleep-cassette" / "SC4362F0-PSG.edf"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DataError, match=r"(?s)SC4362F0-PSG\.edf.*another checksum"):
        sleepedf.nights(folder, cache=tmp_path / "kept")
    (folder / "SHA256SUMS.txt").unlink()
    with pytest.raises(DataError, match=r"(?s)SC4362F0-PSG\.edf.*data records"):
        sleepedf.nights(folder, cache=tmp_path / "kept")
    assert not list((tmp_path / "kept").iterdir())


def test_simulated_and_real_nights_do_not_mix(published, tmp_path):
    folder = shutil.copytree(published, tmp_path / "project")
    (folder / "SHA256SUMS.txt").unlink()
    x = 10 * np.random.default_rng(0).standard_normal(60_000)
    sim.write_psg(folder / "sleep-cassette" / "SC4002E0-PSG.edf", {"EEG Fpz-Cz": x}, simulated=True)
    with pytest.raises(ValueError, match="simulated and real"):
        sleepedf.nights(folder, cache=False)


def test_pieces_of_one_kind_make_one_file(tmp_path):
    rows = [np.full((k, 2, 3), k, np.float32) for k in (1, 12, 130)]
    make = lambda add: [add(piece) for piece in rows] and {"labels": np.arange(143)}  # noqa: E731
    arrays = window_cache.kept(tmp_path, "x", folder=tmp_path, files=[], code=[], how={}, make_in_pieces=make)
    assert np.array_equal(arrays["signals"], np.concatenate(rows)) and len(arrays["labels"]) == 143
    rows.append(np.zeros((1, 2, 4), np.float32))
    with pytest.raises(ValueError, match="as before"):
        window_cache.kept(tmp_path, "y", folder=tmp_path, files=[], code=[], how={}, make_in_pieces=make)
    assert [path.name[:2] for path in tmp_path.iterdir()] == ["x-"]


# ---- fetched -----------------------------------------------------------------------------------------------


@pytest.fixture
def server(published):
    with fake_zenodo.serve({}) as running:
        for path in published.rglob("*"):
            if path.is_file():
                name = path.relative_to(published).as_posix()
                running.plain[f"/files/{PROJECT}/{name}"] = ("application/octet-stream", path.read_bytes())
        yield running


def test_psg_and_hypnograms_are_fetched_by_looking_them_up(tmp_path, server, published):
    folder = physionet.fetch("sleep", root=tmp_path, base=f"{server.base}/files", progress=False)
    assert folder == tmp_path / "physionet" / PROJECT
    there = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.edf"))
    assert there == sorted(path.relative_to(published).as_posix() for path in published.rglob("SC4*.edf"))
    assert registry.verify(SLEEP, folder).good and registry.read_provenance(folder)["left out"] == 0
    asked = len(server.seen)
    damaged = folder / "sleep-cassette" / "SC4002EH-Hypnogram.edf"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1] + b"x")
    assert registry.verify(SLEEP, folder).damaged == ("sleep-cassette/SC4002EH-Hypnogram.edf",)
    physionet.fetch("sleep", root=tmp_path, base=f"{server.base}/files", progress=False)
    assert damaged.read_bytes() == whole and len(server.seen) == asked + 3  # both lists, and that file
    assert same(data.load("sleep", "real", root=tmp_path), sleepedf.nights(published, cache=False))


def test_a_mirror_may_hold_some_nights(tmp_path, published):
    copy = shutil.copytree(published, tmp_path / "copy" / "physionet" / PROJECT)
    (copy / "RECORDS").write_text("sleep-cassette/SC4001E0-PSG.edf\nsleep-telemetry/ST7011J0-PSG.edf\n")
    asked = ["sleep", "--mirror", str(tmp_path / "copy"), "--to", str(tmp_path / "to")]
    done = CliRunner().invoke(data_fetch.app, asked)
    assert done.exit_code == 0, done.output
    cohort = data.load("sleep", root=tmp_path / "to")
    assert cohort.source == "mirror" and set(cohort.columns["night"]) == {"SC4001"}
    assert registry.read_provenance(tmp_path / "to" / "physionet" / PROJECT)["left out"] == 4


def test_a_mirror_without_a_hypnogram_or_with_simulated_nights_is_refused(tmp_path, published):
    copy = shutil.copytree(published, tmp_path / "copy")
    (copy / "sleep-cassette" / "SC4002EH-Hypnogram.edf").unlink()
    with pytest.raises(FetchError, match=r"SC4002EH-Hypnogram\.edf is missing"):
        physionet.fetch("sleep", root=tmp_path, mirror=copy, progress=False)
    made = write_project(tmp_path / "made", simulated=True)
    with pytest.raises(DataError, match="holds simulated recordings"):
        physionet.fetch("sleep", root=tmp_path / "other", mirror=made, progress=False)


# ---- loaded ------------------------------------------------------------------------------------------------


def test_load_takes_what_is_there_and_says_what_it_is(tmp_path, published, monkeypatch):
    monkeypatch.setattr(data, "SIMULATED_SLEEPERS", {"class": (2, 1), "practice": (1, 2)})
    monkeypatch.setattr(sim.write_database, "__kwdefaults__", {**sim.write_database.__kwdefaults__, "hours": 1.0})
    one = data.load("sleep", root=tmp_path)
    assert one.source == "simulated" and one.signals.shape[1:] == (1, 3000) and set(one.subjects) == {"SC400", "SC401"}
    other = data.load("sleep_staging", part="practice", root=tmp_path)
    assert set(other.subjects) == {"SC400"} and not np.array_equal(other.signals[0], one.signals[0])
    longer = data.load("sleep", "simulated", n=1, seed=2, hours=1.5, root=tmp_path)
    assert 120 < len(longer) <= 180 and (tmp_path / "sleep" / "simulated-1-2-1.5h" / "RECORDS").is_file()
    assert data.records_folder("sleep", root=tmp_path) == tmp_path / "sleep" / "simulated-2-1"
    shutil.copytree(published, tmp_path / "elsewhere" / "physionet" / PROJECT)
    monkeypatch.setenv("PHYSIODL_REAL_DATA", str(tmp_path / "elsewhere"))
    found = data.load("sleep", root=tmp_path)
    assert found.source == "real" and len(found) == 3 * PER_NIGHT
    assert data.load("sleep", part="practice", root=tmp_path).source == "simulated"
    with pytest.raises(ValueError, match="practice"):
        data.load("sleep", "real", part="practice", root=tmp_path)


def test_hypnograms_alone_are_no_recordings(tmp_path, published, monkeypatch):
    """A folder with some files and no RECORDS, such as one that a download left, is not taken for the database."""
    place = tmp_path / "elsewhere" / "physionet" / PROJECT / "sleep-cassette"
    place.mkdir(parents=True)
    shutil.copy(published / "sleep-cassette" / "SC4001EC-Hypnogram.edf", place)
    monkeypatch.setenv("PHYSIODL_REAL_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(FileNotFoundError, match=r"data_fetch\.py sleep"):
        data.load("sleep", "real", root=tmp_path)


def test_simulated_nights_are_made_once_and_again_when_damaged(tmp_path, caplog):
    caplog.set_level(logging.INFO, "physiodl")
    folder = download.simulate("sleep", n=2, seed=5, hours=1.0, root=tmp_path, progress=False)
    psg = next(folder.rglob("*-PSG.edf"))
    stamp, body = psg.stat().st_mtime_ns, psg.read_bytes()
    assert download.simulate("sleep", n=2, seed=5, hours=1.0, root=tmp_path, progress=False) == folder
    assert psg.stat().st_mtime_ns == stamp
    psg.write_bytes(body[:-3])
    download.simulate("sleep", n=2, seed=5, hours=1.0, root=tmp_path, progress=False)
    assert psg.read_bytes() == body and not (folder / "incoming").exists()
