"""Mirrors, zips, simulated data and the command line of data_fetch.py."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import fake_zenodo
import numpy as np
import pytest
from fake_zenodo import FEATURES, LABELS, NOWHERE, Fault, arrays, fetch, holds, published
from typer.testing import CliRunner

import data_fetch
from physiodl import download, registry, transfer, zenodo
from physiodl.zenodo import FetchError

AF = registry.DATASETS["af"]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return published()


@pytest.fixture(autouse=True)
def bare(monkeypatch) -> None:
    """No waiting, and nothing of this machine's own settings."""
    monkeypatch.setattr(zenodo, "sleep", lambda seconds: None)
    monkeypatch.delenv("PHYSIODL_DATA", raising=False)
    monkeypatch.delenv("PHYSIODL_ZENODO_API", raising=False)


@pytest.fixture
def server(files):
    with fake_zenodo.serve(files) as zenodo_:
        yield zenodo_


@pytest.mark.parametrize("inside", ["", "AF data/v1/"])
def test_record_that_holds_a_zip(tmp_path, files, inside):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "hello")
        for name in files:
            archive.writestr(f"__MACOSX/{name}", "shadow")
        archive.writestr("../../escaped.txt", "out")
        for name, body in files.items():
            archive.writestr(inside + name, body)
    with fake_zenodo.serve({"readme.md": b"x", "Data.zip": buffer.getvalue()}) as server:
        server.faults["Data.zip"].append(Fault(cut_after=400_000))
        folder = fetch(tmp_path, server)
        assert holds(folder, files)
        assert registry.read_provenance(folder)["archive"]["md5"] == server.announced["Data.zip"]
        asked = len(server.seen)
        fetch(tmp_path, server)
        assert len(server.seen) == asked
    assert not list(tmp_path.parent.rglob("escaped.txt"))


def test_zip_without_the_files_or_with_two_sets(tmp_path, files):
    for members, said in (
        ({"a.npy": b"x"}, "zip files without them"),
        ({f"{part}/{n}": b for part in ("train", "test") for n, b in files.items()}, "two folders"),
    ):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, body in members.items():
                archive.writestr(name, body)
        with fake_zenodo.serve({"data.zip": buffer.getvalue()}) as server:
            with pytest.raises(FetchError, match=said):
                fetch(tmp_path / said, server)


@pytest.mark.parametrize("layout", ["", "af", "af/real", f"records/{fake_zenodo.RECORD}/files"])
def test_mirror_folder(tmp_path, files, layout, caplog):
    place = tmp_path / "copy" / layout
    place.mkdir(parents=True)
    for name, body in files.items():
        (place / name).write_bytes(body)
    folder = fetch(tmp_path / "data", mirror=tmp_path / "copy")
    assert holds(folder, files)
    state = registry.verify(AF, folder)
    assert state.source == "mirror" and state.good and "never compared" in str(state)
    assert caplog.text.count("not verified") == 1


@pytest.mark.parametrize("origin", ["provenance.json", "record.json", "md5sums.txt"])
def test_mirror_with_checksums_is_verified(tmp_path, server, files, origin):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, body in files.items():
        (copy / name).write_bytes(body)
    if origin == "provenance.json":
        shutil.copy(fetch(tmp_path / "first", server) / origin, copy)
    elif origin == "record.json":
        (copy / origin).write_bytes(server.record())
    else:
        (copy / origin).write_text("".join(f"{md5}  {name}\n" for name, md5 in server.announced.items()))
    folder = fetch(tmp_path / "data", mirror=copy)
    assert origin in registry.read_provenance(folder)["checked"]
    (copy / FEATURES).write_bytes(published(seed=1)[FEATURES])
    with pytest.raises(FetchError, match="not the announced file"):
        fetch(tmp_path / "other", mirror=copy)
    assert not (tmp_path / "other/af/real" / FEATURES).exists()


def test_mirror_address(tmp_path, server, files):
    kind = "application/octet-stream"
    server.plain = {f"/copy/af/{name}": (kind, body) for name, body in files.items()}
    server.plain |= {f"/copy/{name}": ("text/html", b"<html>not found</html>") for name in files}
    server.faults[f"/copy/af/{FEATURES}"] += [Fault(), Fault(cut_after=300_000)]
    folder = fetch(tmp_path, mirror=f"{server.base}/copy/")
    assert holds(folder, files) and registry.verify(AF, folder).source == "mirror"
    assert server.requests(FEATURES)[-1].status == 206
    assert not server.requests("/api/")
    assert fetch(tmp_path, mirror=f"{server.base}/copy/") == folder


def test_mirror_that_changes_in_the_middle_is_read_anew(tmp_path, server, files, monkeypatch):
    new, path = published(seed=1), f"/copy/{FEATURES}"
    server.plain = {f"/copy/{name}": ("application/octet-stream", body) for name, body in files.items()}
    server.tags[path] = '"old"'
    server.faults[path] += [Fault(), Fault(cut_after=500_000)]

    def publish_anew(seconds: float) -> None:
        server.tags[path], server.plain[path] = '"new"', ("application/octet-stream", new[FEATURES])

    monkeypatch.setattr(zenodo, "sleep", publish_anew)
    folder = fetch(tmp_path, mirror=f"{server.base}/copy")  # without checksums only the tag can tell
    assert (folder / FEATURES).read_bytes() == new[FEATURES]


def test_mirror_without_checksums_builds_on_nothing_old(tmp_path, server, files):
    incoming, old = tmp_path / "af/real/incoming", published(seed=1)
    incoming.mkdir(parents=True)
    (incoming / f"{FEATURES}.part").write_bytes(old[FEATURES][:300_000])
    (incoming / LABELS).write_bytes(old[LABELS] + b"x")
    server.plain = {f"/copy/{name}": ("application/octet-stream", body) for name, body in files.items()}
    assert holds(fetch(tmp_path, mirror=f"{server.base}/copy"), files)


def test_another_mirror_replaces_a_mirror(tmp_path, files):
    other = published(seed=1)
    for place, content in (("one", files), ("two", other)):
        (tmp_path / place).mkdir()
        for name, body in content.items():
            (tmp_path / place / name).write_bytes(body)
        assert holds(fetch(tmp_path / "data", mirror=tmp_path / place), content)


def test_mirror_that_is_none_or_simulated(tmp_path, files):
    with pytest.raises(FetchError, match="does not hold the data"):
        fetch(tmp_path / "data", mirror=tmp_path / "nowhere")
    for name, body in files.items():
        (tmp_path / name).write_bytes(body)
    registry.write_provenance(tmp_path, {"source": "simulated", "files": {}})
    with pytest.raises(FetchError, match="--simulate"):
        fetch(tmp_path / "data", mirror=tmp_path)


def test_files_put_there_by_hand_are_not_lost(tmp_path, server, files):
    folder = tmp_path / "af/real"
    folder.mkdir(parents=True)
    own = published(seed=3)
    for name, body in own.items():
        (folder / name).write_bytes(body)
    assert registry.verify(AF, folder).unknown == AF.files
    with pytest.raises(FetchError) as caught:
        download.fetch("af", root=tmp_path, api=NOWHERE)
    assert f"--mirror {folder}" in "".join(caught.value.__notes__)
    fetch(tmp_path, server)
    assert (folder / f"{FEATURES}.previous").read_bytes() == own[FEATURES]
    assert (folder / FEATURES).read_bytes() == files[FEATURES]


def test_folder_adopts_its_own_files_as_a_mirror(tmp_path, files):
    folder = tmp_path / "af/real"
    folder.mkdir(parents=True)
    for name, body in files.items():
        (folder / name).write_bytes(body)
    assert holds(fetch(tmp_path, mirror=folder), files)


def simulator(monkeypatch) -> list[tuple[int, int]]:
    """A stand-in for the simulator; returns the list of its calls."""
    from physiodl.simulate import af

    calls = []

    def write_af(folder: Path, *, n: int, seed: int, progress) -> None:
        calls.append((n, seed))
        features, labels = arrays(n, seed)
        np.save(folder / FEATURES, features)
        np.save(folder / LABELS, labels)

    monkeypatch.setattr(af, "write_af", write_af)
    return calls


def test_simulated_data_are_made_once_and_again_when_damaged_or_old(tmp_path, monkeypatch):
    from physiodl.simulate import af

    calls = simulator(monkeypatch)
    folder = download.simulate("af", n=4, seed=5, root=tmp_path)
    assert folder == tmp_path / "af" / "simulated-4-5"
    facts = registry.read_provenance(folder)
    assert (facts["source"], facts["n"], facts["seed"], facts["generator version"]) == (
        "simulated",
        4,
        5,
        af.VERSION,
    )
    download.simulate("af", n=4, seed=5, root=tmp_path)
    assert calls == [(4, 5)]
    (folder / LABELS).write_bytes(b"x")
    download.simulate("af", n=4, seed=5, root=tmp_path)
    monkeypatch.setattr(af, "VERSION", af.VERSION + 1)
    download.simulate("af", n=4, seed=5, root=tmp_path)
    assert len(calls) == 3 and registry.verify(AF, folder).good


def run(*arguments: str):
    return CliRunner().invoke(data_fetch.app, list(arguments))


def test_command_line_fetches_lists_and_says_where(tmp_path, server, monkeypatch):
    monkeypatch.setenv("PHYSIODL_ZENODO_API", server.api)
    before = run("--list", "--to", str(tmp_path))
    assert before.exit_code == 0 and "not" in before.stdout and "15302489" in before.stdout
    done = run("af_detection", "--to", str(tmp_path))
    assert done.exit_code == 0 and done.stdout.strip() == str(tmp_path / "af/real")
    assert "PHYSIODL_DATA" in done.stderr
    simulator(monkeypatch)
    assert run("af", "--simulate", "--n", "4", "--to", str(tmp_path)).exit_code == 0
    monkeypatch.setenv("COLUMNS", "200")
    after = run("--list", "--to", str(tmp_path)).stdout
    for word in (
        "real, complete",
        "simulated-4-0",
        "features.npy",
        "labels.npy",
        "872.5 kB",
        "cc-by-4.0",
        "Doe, Jo",
    ):
        assert word in after


def test_command_line_errors_are_short(tmp_path, monkeypatch):
    monkeypatch.setenv("PHYSIODL_ZENODO_API", NOWHERE)
    unknown = run("eeg")
    assert unknown.exit_code == 2 and "expected one of: af" in unknown.stderr
    failed = run("af", "--to", str(tmp_path))
    assert failed.exit_code == 1 and "to do:" in failed.stderr and "Traceback" not in failed.output
    assert run("af", "--mirror", "x", "--simulate").exit_code == 2


def test_interrupt_leaves_a_part_and_one_line(tmp_path, server, monkeypatch):
    monkeypatch.setenv("PHYSIODL_ZENODO_API", server.api)
    monkeypatch.setattr(transfer, "write", write_then_interrupt(transfer.write))
    stopped = run("af", "--to", str(tmp_path))
    assert stopped.exit_code == 130 and stopped.stderr.strip().splitlines()[-1].startswith("stopped")
    incoming = tmp_path / "af/real/incoming"
    assert [path.name for path in incoming.iterdir()] == [f"{FEATURES}.part"]
    assert (incoming / f"{FEATURES}.part").stat().st_size == 2 * transfer.PIECE


def write_then_interrupt(write):
    def interrupted(file, piece):
        if file.tell() >= 2 * transfer.PIECE:
            raise KeyboardInterrupt
        write(file, piece)

    return interrupted


def test_two_processes_at_once_do_not_disturb_each_other(tmp_path, server, files):
    code = "import sys; from physiodl.download import fetch; fetch('af', root=sys.argv[1], api=sys.argv[2])"
    command = [sys.executable, "-c", code, str(tmp_path), server.api]
    server.faults[FEATURES].append(Fault(status=429, headers={"Retry-After": "2"}))
    project = Path(data_fetch.__file__).parent
    started = [subprocess.Popen(command, cwd=project) for _ in range(2)]
    assert [process.wait(timeout=60) for process in started] == [0, 0]
    assert holds(tmp_path / "af/real", files) and [seen.status for seen in server.requests(FEATURES)] == [
        429,
        200,
    ]


def test_data_root_follows_the_environment(tmp_path, monkeypatch):
    assert registry.data_root() == Path(data_fetch.__file__).parent / "data"
    monkeypatch.setenv("PHYSIODL_DATA", str(tmp_path))
    assert registry.data_root() == tmp_path
    assert registry.real_folder(AF) == tmp_path / "af" / "real"
