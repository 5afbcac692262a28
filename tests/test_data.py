"""`data.load`: the right recordings from the right place, kept, verified, and never mixed up."""

import json

import numpy as np
import pytest

from physiodl import data, download
from physiodl.afdata import DataError
from physiodl.simulate import af


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    """Sixty recordings in the published form, ten of them near-duplicates, to stand for fetched ones."""
    folder = tmp_path_factory.mktemp("mirror")
    af.write_af(folder, n=60, seed=4, copies=0.2)
    return folder


@pytest.fixture
def fetched(mirror, tmp_path):
    download.fetch("af", root=tmp_path, mirror=mirror, progress=False)
    return tmp_path


def test_simulated_recordings_are_made_once_and_labelled(tmp_path):
    one = data.load("af", n=8, seed=3, root=tmp_path)
    stamp = next((tmp_path / "af").glob("simulated*/features.npy")).stat().st_mtime_ns
    again = data.load("af_detection", "simulated", n=8, seed=3, root=tmp_path)
    assert next((tmp_path / "af").glob("simulated*/features.npy")).stat().st_mtime_ns == stamp
    assert np.array_equal(one.signals, again.signals) and one.signals.shape == (8, 1, 18_170)
    assert one.source == "simulated" and "simulated" in one.citation and one.fs == 300


def test_class_and_practice_are_other_recordings(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "SIMULATED", {"class": (12, 1), "practice": (6, 2)})
    one, other = (data.load("af", part=part, root=tmp_path) for part in ("class", "practice"))
    assert len(one) == 12 and len(other) == 6
    assert not {row.tobytes() for row in one.signals} & {row.tobytes() for row in other.signals}


def test_auto_prefers_what_was_fetched(fetched):
    assert data.load("af", root=fetched, part="all").source == "mirror"
    assert data.load("af", "simulated", root=fetched, n=4).source == "simulated"


def test_parts_of_fetched_recordings_share_no_group(fetched):
    whole, one, other = (data.load("af", root=fetched, part=p) for p in ("all", "class", "practice"))
    assert len(one) + len(other) == len(whole) == 60
    assert 0.1 <= len(other) / 60 <= 0.3
    group = {row.tobytes(): g for row, g in zip(whole.signals, data.groups(whole, root=fetched), strict=True)}
    sides = [{group[row.tobytes()] for row in part.signals} for part in (one, other)]
    assert not sides[0] & sides[1]
    assert len(set(group.values())) < 60


def test_groups_are_kept_and_belong_to_their_recordings(fetched, monkeypatch):
    whole = data.load("af", root=fetched, part="all")
    first = data.groups(whole, root=fetched)
    monkeypatch.setattr(data.duplicates, "find_groups", lambda *a, **k: pytest.fail("computed again"))
    assert np.array_equal(data.groups(whole, root=fetched), first)
    with pytest.raises(pytest.fail.Exception):
        data.groups(whole.subset(np.arange(30)), root=fetched)


def test_damaged_recordings_are_named(fetched):
    path = fetched / "af" / "real" / "features.npy"
    raw = bytearray(path.read_bytes())
    raw[5000] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DataError, match="features.npy"):
        data.load("af", root=fetched)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"source": "real"}, FileNotFoundError, "data_fetch.py af"),
        ({"source": "imaginary"}, ValueError, "auto, real, simulated"),
        ({"part": "half"}, ValueError, "practice"),
        ({"name": "nothing"}, KeyError, "expected one of"),
    ],
)
def test_wrong_requests_say_what_is_possible(tmp_path, arguments, error, says):
    with pytest.raises(error, match=says):
        data.load(root=tmp_path, **arguments)


def test_subset_keeps_recordings_and_labels_together(tmp_path):
    cohort = data.load("af", n=10, seed=1, root=tmp_path)
    part = cohort.subset(cohort.labels == 1)
    assert (part.labels == 1).all() and len(part) == 5
    assert np.array_equal(part.signals, cohort.signals[cohort.labels == 1])


def test_simulated_provenance_names_seed_and_generator(tmp_path):
    data.load("af", n=4, seed=9, root=tmp_path)
    facts = json.loads(next((tmp_path / "af").glob("simulated*/provenance.json")).read_text())
    assert facts["source"] == "simulated" and facts["seed"] == 9 and facts["generator version"] == af.VERSION


def test_the_folder_of_the_records_is_the_one_that_load_reads(tmp_path, monkeypatch):
    monkeypatch.delenv("PHYSIODL_REAL_DATA", raising=False)
    made = tmp_path / "made"
    monkeypatch.setattr(data, "_simulated", lambda dataset, root, *, n, seed: made / f"{dataset.name}-{n}-{seed}")
    n, seed = data.SIMULATED_SUBJECTS["class"]
    assert data.records_folder(root=tmp_path) == made / f"mitdb-{n}-{seed}"
    with pytest.raises(FileNotFoundError, match="data_fetch.py mitdb"):
        data.records_folder(source="real", root=tmp_path)
    with pytest.raises(ValueError, match="source 'reel'"):
        data.records_folder(source="reel", root=tmp_path)
    real = tmp_path / "physionet" / "mitdb" / "1.0.0"
    real.mkdir(parents=True)
    (real / "RECORDS").write_text("100\n")
    assert data.records_folder(root=tmp_path) == data.records_folder(source="real", root=tmp_path) == real
    assert data.records_folder(source="simulated", root=tmp_path) == made / f"mitdb-{n}-{seed}"
