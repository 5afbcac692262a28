"""Projects of PhysioNet: what a server, a mirror, a disk or an earlier run can do wrong, on a server of our own."""

import errno
import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import fake_zenodo
import numpy as np
import pytest
from fake_zenodo import Fault
from typer.testing import CliRunner

import data_fetch
from physiodl import data, download, mitdb, physionet, registry, transfer, zenodo
from physiodl.afdata import DataError
from physiodl.simulate import mitdb as sim
from physiodl.zenodo import FetchError

NOWHERE = "http://127.0.0.1:9/files"  # nobody listens at port 9: no network
MITDB = registry.DATASETS["mitdb"]
AT = "/files/mitdb/1.0.0/"
NAMES = ("100", "114", "201")
WANTED = tuple(name + suffix for name in NAMES for suffix in (".hea", ".dat", ".atr"))
DAT = "100.dat"


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> dict[str, bytes]:
    """Three small records as PhysioNet would have them, and files of the project that the course does not use."""
    folder = tmp_path_factory.mktemp("project")
    for k, name in enumerate(NAMES):
        time_s = np.arange(200_000) / 360
        x = np.exp(-0.5 * ((time_s % 0.8 - 0.4) / 0.02) ** 2) * np.array([[1.0], [0.4]])
        x += 0.02 * np.random.default_rng(k).standard_normal(x.shape)
        rhythms = [(77, "(N"), (100_000, "(AFIB")]
        sim.write_record(folder, name, x, beats=([144], ["N"]), rhythms=rhythms, comments=["68 M"])
    (folder / "RECORDS").write_text("\n".join(NAMES) + "\n")
    for other in ("100.xws", "102-0.atr", "ANNOTATORS"):
        (folder / other).write_bytes(b"not used")
    sim.write_sums(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def waits(monkeypatch) -> list[float]:
    """The waits that were asked for, in seconds; nobody waits in a test."""
    asked: list[float] = []
    monkeypatch.setattr(zenodo, "sleep", asked.append)
    for name in ("PHYSIODL_DATA", "PHYSIODL_PHYSIONET", "PHYSIODL_REAL_DATA"):
        monkeypatch.delenv(name, raising=False)
    return asked


@pytest.fixture
def server(published):
    with fake_zenodo.serve({}) as running:
        put(running, published)
        yield running


def put(server, files, at=AT):
    server.plain |= {at + name: ("application/octet-stream", body) for name, body in files.items()}


def fetch(root, server=None, **options) -> Path:
    base = f"{server.base}/files" if server else NOWHERE
    return physionet.fetch("mitdb", root=root, base=base, progress=False, **options)


def holds(folder, files, names=WANTED) -> bool:
    """The wanted files, a true provenance, and nothing left over."""
    there = {path.name for path in folder.iterdir()} - {".lock"}
    wanted = {*names, "RECORDS", "SHA256SUMS.txt"}
    return there == wanted | {"provenance.json"} and all(
        (folder / name).read_bytes() == files[name] for name in wanted - {"RECORDS"}
    )


def copy_of(folder, files, names=None):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or files:
        (folder / name).write_bytes(files[name])
    return folder


# ---- fetching ----------------------------------------------------------------------------------------------


def test_checksums_come_first_and_each_wanted_file_once(tmp_path, server, published):
    folder = fetch(tmp_path, server)
    assert folder == tmp_path / "physionet" / "mitdb" / "1.0.0" and holds(folder, published)
    asked = [seen.path.removeprefix(AT) for seen in server.seen]
    assert asked[:2] == ["SHA256SUMS.txt", "RECORDS"] and sorted(asked[2:]) == sorted(WANTED)
    assert {seen.headers["User-Agent"] for seen in server.seen} == {"PhysioDL/0.1 (+course data fetch)"}
    facts = json.loads((folder / "provenance.json").read_text())
    assert facts["source"] == "real" and facts["licence"] == "ODC-By 1.0" and "Moody" in facts["citation"]
    assert set(facts["files"]) == {*WANTED, "RECORDS", "SHA256SUMS.txt"}
    assert mitdb.record_names(folder) == list(NAMES)


def test_reuse_is_verified_and_asks_nobody(tmp_path, server):
    folder = fetch(tmp_path, server)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    asked = len(server.seen)
    assert fetch(tmp_path) == folder == fetch(tmp_path, server) and len(server.seen) == asked
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert registry.states(MITDB, tmp_path)[0].good


@pytest.mark.parametrize(
    "harm",
    [
        lambda body: body[:1000],  # cut short: never appended to
        lambda body: body[:-1] + bytes([body[-1] ^ 1]),
        lambda body: body + b"twice",
        lambda body: b"",
    ],
)
def test_a_damaged_file_is_kept_aside_and_fetched_again(tmp_path, server, published, harm, caplog):
    folder = fetch(tmp_path, server)
    (folder / DAT).write_bytes(harm(published[DAT]))
    assert registry.verify(MITDB, folder).damaged == (DAT,)
    fetch(tmp_path, server)
    kept = folder / f"{DAT}.damaged"
    assert kept.read_bytes() == harm(published[DAT]) and f"{DAT} is damaged" in caplog.text
    kept.unlink()
    assert holds(folder, published) and len(server.requests("114.dat")) == 1


def test_damage_is_found_even_where_the_provenance_agrees_with_it(tmp_path, server, published):
    folder = fetch(tmp_path, server)
    (folder / DAT).write_bytes(b"other samples")
    facts = registry.read_provenance(folder)
    digits = hashlib.md5(b"other samples").hexdigest()
    facts["files"][DAT] = {"size": 13, "md5": digits}
    registry.write_provenance(folder, facts)
    assert registry.verify(MITDB, folder).damaged == (DAT,)


@pytest.mark.parametrize("name", ["SHA256SUMS.txt", "RECORDS"])
def test_an_altered_list_is_noticed(tmp_path, server, published, name):
    folder = fetch(tmp_path, server)
    with (folder / name).open("a") as file:
        file.write("999\n")
    assert not registry.verify(MITDB, folder).good
    fetch(tmp_path, server)
    assert holds(folder, published) and len(server.requests(DAT)) == 1


def test_a_missing_file_is_fetched_alone(tmp_path, server, published):
    folder = fetch(tmp_path, server)
    (folder / "201.atr").unlink()
    assert registry.verify(MITDB, folder).missing == ("201.atr",)
    fetch(tmp_path, server)
    assert holds(folder, published) and [len(server.requests(n)) for n in ("201.atr", "201.dat")] == [2, 1]


def test_a_cut_connection_is_resumed_where_it_broke(tmp_path, server, published):
    server.faults[AT + DAT] += [Fault(cut_after=200_000), Fault(cut_after=100_000, reset=True)]
    assert holds(fetch(tmp_path, server), published)
    first, *later = server.requests(DAT)
    assert "Range" not in first.headers and {seen.status for seen in later} == {206}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(short_by=50_000),  # an answer that calls itself complete
        Fault(body=b"x" * 600_000),
        Fault(cut_after=200_000, headers={"ETag": "no tag"}),
    ],
)
def test_a_bad_answer_is_asked_for_once_more(tmp_path, server, published, fault):
    server.faults[AT + DAT].append(fault)
    assert holds(fetch(tmp_path, server), published) and len(server.requests(DAT)) == 2


def test_a_file_that_stays_wrong_is_refused_and_the_others_are_kept(tmp_path, server, published):
    body = published[DAT]
    put(server, {DAT: body[:-1] + b"!"})
    with pytest.raises(FetchError, match="not the announced file"):
        fetch(tmp_path, server)
    folder = tmp_path / "physionet/mitdb/1.0.0"
    assert not (folder / DAT).exists() and not (folder / "RECORDS").exists()
    assert len(server.requests(DAT)) == 2
    put(server, {DAT: body})
    before = len(server.seen)
    assert holds(fetch(tmp_path, server), published)
    again = [seen.path.removeprefix(AT) for seen in server.seen[before:]]
    assert DAT in again and "100.atr" not in again  # what was right is not fetched twice


def test_the_beginning_of_an_old_run_is_gone_on_with_or_thrown_away(tmp_path, server, published):
    incoming = tmp_path / "physionet/mitdb/1.0.0/incoming"
    copy_of(incoming, {f"{DAT}.part": published[DAT][:100_000], "114.dat.part": b"y" * 100_000})
    assert holds(fetch(tmp_path, server), published)
    assert [seen.status for seen in server.requests(DAT)] == [206]
    assert [seen.status for seen in server.requests("114.dat")] == [206, 200]  # what wfdb would have appended to


def test_short_files_of_another_program_are_replaced(tmp_path, server, published):
    """Such as wfdb.dl_database leaves when it is interrupted."""
    folder = copy_of(tmp_path / "physionet/mitdb/1.0.0", {DAT: published[DAT][:777], "100.hea": published["100.hea"]})
    fetch(tmp_path, server)
    (folder / f"{DAT}.damaged").unlink()
    assert holds(folder, published) and not server.requests("100.hea")


def test_a_busy_server_is_waited_for(tmp_path, server, published, waits):
    server.faults[AT + "SHA256SUMS.txt"].append(Fault(status=429, headers={"Retry-After": "7"}))
    server.faults[AT + DAT] += [Fault(status=503), Fault(status=502)]
    assert holds(fetch(tmp_path, server), published)
    assert waits == [7, 0, 2]


@pytest.mark.parametrize(
    ("name", "fault", "says"),
    [
        ("SHA256SUMS.txt", Fault(status=403), "blocked"),
        ("SHA256SUMS.txt", Fault(status=404), "status 404"),
        ("SHA256SUMS.txt", Fault(body=b"<html>log in</html>", content_type="text/html"), "web page"),
        ("SHA256SUMS.txt", Fault(body=b"please log in"), "no list of checksums"),
        ("SHA256SUMS.txt", Fault(body=b""), "no list of checksums"),
        ("SHA256SUMS.txt", Fault(body=b"0" * 64 + b" a.dat\n"), "not the announced file"),
        ("SHA256SUMS.txt", Fault(status=429, headers={"Retry-After": "7200"}), "120 min"),
        ("RECORDS", Fault(body=b"100\n"), "not the announced file"),
        (DAT, Fault(status=403), "status 403"),
        (DAT, Fault(status=404), f"{DAT} is missing"),
        (DAT, Fault(body=b"<html>log in</html>", content_type="text/html"), "web page"),
    ],
)
def test_what_no_waiting_mends_is_told(tmp_path, server, name, fault, says):
    server.faults[AT + name] += [fault] * 3
    with pytest.raises(FetchError, match=says) as caught:
        fetch(tmp_path, server)
    assert "--mirror" in str(caught.value) or "mirror" in str(caught.value)
    assert not (tmp_path / "physionet/mitdb/1.0.0/RECORDS").exists()


def test_no_network_names_the_ways_out(tmp_path):
    with pytest.raises(FetchError, match="cannot be reached") as caught:
        fetch(tmp_path)
    assert "--simulate" in str(caught.value)


def test_a_full_disk_leaves_what_can_be_gone_on_with(tmp_path, server, published, monkeypatch):
    def fill(file, piece):
        if file.tell() > 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file.write(piece)

    with monkeypatch.context() as disk:
        disk.setattr(transfer, "write", fill)
        with pytest.raises(FetchError, match="disk filled up"):
            fetch(tmp_path, server)
    assert holds(fetch(tmp_path, server), published)


def test_files_that_are_as_published_and_no_records_are_refused(tmp_path, published):
    files = dict(published) | {"100.hea": b"100 2 360 5\n"}
    lines = [f"{hashlib.sha256(body).hexdigest()} {n}" for n, body in files.items() if n != "SHA256SUMS.txt"]
    files["SHA256SUMS.txt"] = "\n".join(lines).encode()
    with fake_zenodo.serve({}) as server:
        put(server, files)
        with pytest.raises(DataError, match="record 100"):
            fetch(tmp_path, server)
    assert not (tmp_path / "physionet/mitdb/1.0.0/RECORDS").exists()


def test_force_fetches_all_and_keeps_the_good_files_when_it_fails(tmp_path, server, published):
    folder = fetch(tmp_path, server)
    fetch(tmp_path, server, force=True)
    assert holds(folder, published) and len(server.requests(DAT)) == 2
    with pytest.raises(FetchError):
        fetch(tmp_path, force=True)
    assert registry.verify(MITDB, folder).good


# ---- mirrors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["", "mitdb/1.0.0", "files/mitdb/1.0.0", "physionet/mitdb/1.0.0"])
def test_a_folder_is_a_mirror_wherever_in_it_the_files_lie(tmp_path, published, below):
    copy_of(tmp_path / "copy" / below, published)
    folder = fetch(tmp_path / "root", mirror=tmp_path / "copy")
    assert holds(folder, published) and registry.read_provenance(folder)["source"] == "mirror"


def test_an_address_is_a_mirror(tmp_path, server, published):
    folder = fetch(tmp_path, mirror=f"{server.base}/files/")
    assert holds(folder, published)
    facts = registry.read_provenance(folder)
    assert facts["source"] == "mirror" and facts["where"].endswith("/files/mitdb/1.0.0")


def test_a_mirror_may_hold_some_records_and_the_publisher_completes_them(tmp_path, server, published, caplog):
    copy = copy_of(tmp_path / "copy", published)
    for suffix in mitdb.FILES:
        (copy / f"114{suffix}").unlink()
    (copy / "RECORDS").write_text("100\n201\n")
    folder = fetch(tmp_path / "root", mirror=copy)
    some = [name for name in WANTED if not name.startswith("114")]
    assert holds(folder, published, some) and mitdb.record_names(folder) == ["100", "201"]
    assert "6 of 9 files" in caplog.text and fetch(tmp_path / "root", mirror=copy) == folder
    fetch(tmp_path / "root", server)
    assert holds(folder, published) and mitdb.record_names(folder) == list(NAMES) and not server.requests(DAT)


@pytest.mark.parametrize(
    ("harm", "error", "says"),
    [
        (lambda copy: (copy / "SHA256SUMS.txt").unlink(), FetchError, "nothing can be verified"),
        (lambda copy: (copy / "114.atr").unlink(), FetchError, "114.atr is missing"),
        (lambda copy: (copy / DAT).write_bytes(b"other"), FetchError, "not the announced file"),
        (lambda copy: shutil.rmtree(copy), FetchError, "does not hold the data"),
    ],
)
def test_a_mirror_that_cannot_be_believed_is_refused(tmp_path, published, harm, error, says):
    harm(copy_of(tmp_path / "copy", published))
    with pytest.raises(error, match=says):
        fetch(tmp_path / "root", mirror=tmp_path / "copy")
    assert not (tmp_path / "root/physionet/mitdb/1.0.0/RECORDS").exists()


def test_simulated_recordings_do_not_pass_for_real_ones(tmp_path, published):
    sim.write_database(tmp_path / "sim", n_subjects=2, minutes=1, seed=1)
    with pytest.raises(FetchError, match="--simulate"):
        fetch(tmp_path, mirror=tmp_path / "sim")
    copy = copy_of(tmp_path / "copy", published)
    sim.write_record(copy, "100", np.zeros((2, 4000)), beats=([500], ["N"]))
    sim.write_sums(copy)
    with pytest.raises(DataError, match="simulated"):
        fetch(tmp_path, mirror=copy)


def test_files_put_there_by_hand_are_verified_in_place(tmp_path, published):
    folder = copy_of(tmp_path / "physionet/mitdb/1.0.0", published, [*WANTED, "RECORDS", "SHA256SUMS.txt"])
    assert "cannot be verified" in str(registry.states(MITDB, tmp_path)[0])
    fetch(tmp_path, mirror=folder, force=True)
    assert holds(folder, published)
    (folder / DAT).write_bytes(b"x")
    with pytest.raises(FetchError):
        fetch(tmp_path, mirror=folder)


# ---- other projects, the command line, data.load ---------------------------------------------------------


def test_another_project_is_one_entry(tmp_path, monkeypatch):
    """Recordings in folders, some of which RECORDS does not list, as in Sleep-EDF."""
    entry = replace(
        MITDB,
        name="sleep",
        aliases=(),
        project="sleep-edfx/1.0.0",
        wanted=r"sleep-cassette/SC4\d+\w*-(PSG|Hypnogram)\.edf",
        check=lambda paths: [path.read_bytes() for path in paths.values()],
    )
    monkeypatch.setitem(registry.DATASETS, "sleep", entry)
    files = {f"sleep-cassette/{n}.edf": n.encode() for n in ("SC4001E0-PSG", "SC4001EC-Hypnogram")}
    files |= {"sleep-telemetry/ST7011J0-PSG.edf": b"", "RECORDS": b"sleep-cassette/SC4001E0-PSG.edf\n"}
    sums = "".join(f"{hashlib.sha256(body).hexdigest()} {name}\n" for name, body in files.items())
    with fake_zenodo.serve({}) as server:
        put(server, files | {"SHA256SUMS.txt": sums.encode()}, at="/files/sleep-edfx/1.0.0/")
        folder = physionet.fetch("sleep", root=tmp_path, base=f"{server.base}/files", progress=False)
    assert folder == tmp_path / "physionet/sleep-edfx/1.0.0" and registry.verify(entry, folder).good
    assert sorted(p.name for p in folder.rglob("*.edf")) == ["SC4001E0-PSG.edf", "SC4001EC-Hypnogram.edf"]


def test_a_zenodo_dataset_is_not_looked_for_at_physionet(tmp_path):
    with pytest.raises(ValueError, match="Zenodo"):
        physionet.fetch("af", root=tmp_path)


def run(*args):
    return CliRunner().invoke(data_fetch.app, list(args))


def test_command_line(tmp_path, server, monkeypatch):
    monkeypatch.setenv("PHYSIODL_PHYSIONET", f"{server.base}/files")
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "physionet/mitdb/1.0.0"
    done = run("mitdb", "--to", str(tmp_path))
    assert done.exit_code == 0 and done.stdout.strip() == str(folder)
    made = run("arrhythmia", "--simulate", "--n", "2", "--to", str(tmp_path))
    assert made.exit_code == 0 and made.stdout.strip() == str(tmp_path / "mitdb/simulated-2-0")
    assert run("mitdb", "--mirror", str(folder), "--to", str(tmp_path / "other")).exit_code == 0
    listed = run("--list", "--to", str(tmp_path)).stdout
    for word in ("mitdb/1.0.0 at PhysioNet", "real, complete", "simulated-2-0", "1.8 MB", "ODC-By 1.0"):
        assert word in listed, word
    monkeypatch.setenv("PHYSIODL_PHYSIONET", NOWHERE)
    failed = run("mitdb", "--to", str(tmp_path / "third"))
    assert failed.exit_code == 1 and "to do:" in failed.stderr and "Traceback" not in failed.output


def test_simulated_databases_are_made_once_verified_and_made_anew(tmp_path, monkeypatch):
    folder = download.simulate("mitdb", n=2, seed=5, root=tmp_path, progress=False)
    dat = next(folder.glob("*.dat"))
    before, body = dat.stat().st_mtime_ns, dat.read_bytes()
    assert download.simulate("mitdb", n=2, seed=5, root=tmp_path, progress=False) == folder
    assert dat.stat().st_mtime_ns == before
    dat.write_bytes(body[:-3])
    download.simulate("mitdb", n=2, seed=5, root=tmp_path, progress=False)
    assert dat.read_bytes() == body
    stamp = dat.stat().st_mtime_ns
    monkeypatch.setattr(sim, "VERSION", 99)
    download.simulate("mitdb", n=2, seed=5, root=tmp_path, progress=False)
    assert dat.stat().st_mtime_ns != stamp


def test_load_takes_what_is_there_and_says_what_it_is(tmp_path, server, published, monkeypatch):
    monkeypatch.setattr(data, "SIMULATED_SUBJECTS", {"class": (2, 1), "practice": (3, 2)})
    simulated = data.load("mitdb", root=tmp_path)
    assert simulated.source == "simulated" and simulated.name == "mitdb" and simulated.signals.shape[1:] == (2, 500)
    with pytest.raises(FileNotFoundError, match=r"data_fetch\.py mitdb"):
        data.load("mitdb", "real", root=tmp_path)
    copy_of(tmp_path / "elsewhere/physionet/mitdb/1.0.0", published)
    monkeypatch.setenv("PHYSIODL_REAL_DATA", str(tmp_path / "elsewhere"))
    found = data.load("arrhythmia", root=tmp_path)
    assert found.source == "real" and set(found.subjects) == set(NAMES) and found.licence == "ODC-By 1.0"
    fetch(tmp_path, server)
    assert data.load("mitdb", "real", part="all", root=tmp_path).source == "real"
    assert data.load("mitdb", "simulated", root=tmp_path, n=2, seed=7).source == "simulated"
    practice = data.load("mitdb", part="practice", root=tmp_path)
    assert practice.source == "simulated" and len(set(practice.subjects)) == 3
    with pytest.raises(ValueError, match="practice"):
        data.load("mitdb", "real", part="practice", root=tmp_path)


def test_load_does_not_take_a_download_that_was_broken_off(tmp_path, server, monkeypatch):
    monkeypatch.setattr(data, "SIMULATED_SUBJECTS", {"class": (2, 1), "practice": (3, 2)})
    server.faults[AT + "201.dat"] += [Fault(status=403)]
    with pytest.raises(FetchError):
        fetch(tmp_path, server)
    assert (tmp_path / "physionet/mitdb/1.0.0" / DAT).is_file()
    assert data.load("mitdb", root=tmp_path).source == "simulated"


def test_load_refuses_a_record_that_was_changed(tmp_path, server, published):
    folder = fetch(tmp_path, server)
    (folder / "114.atr").write_bytes(published["201.atr"][:-2] + b"\x01\x04\0\0")
    with pytest.raises(DataError, match=r"114\.atr"):
        data.load("mitdb", root=tmp_path)
