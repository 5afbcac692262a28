"""Fetching data: what Zenodo, a network, a disk or a publisher can do wrong, on a server of our own."""

from __future__ import annotations

import errno
import json
import os
import shutil

import fake_zenodo
import numpy as np
import pytest
from fake_zenodo import FEATURES, LABELS, NOWHERE, Fault, arrays, fetch, holds, npy, published

from physiodl import afdata, download, registry, transfer, zenodo
from physiodl.zenodo import FetchError

AF = registry.DATASETS["af"]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return published()


@pytest.fixture(autouse=True)
def waits(monkeypatch) -> list[float]:
    """The waits that were asked for, in seconds; nobody waits in a test."""
    asked: list[float] = []
    monkeypatch.setattr(zenodo, "sleep", asked.append)
    monkeypatch.delenv("PHYSIODL_DATA", raising=False)
    monkeypatch.delenv("PHYSIODL_ZENODO_API", raising=False)
    return asked


@pytest.fixture
def server(files):
    with fake_zenodo.serve(files) as zenodo_:
        yield zenodo_


def test_fetch_places_what_the_record_announces(tmp_path, server, files):
    folder = fetch(tmp_path, server)
    assert folder == tmp_path / "af" / "real" and holds(folder, files)
    facts = json.loads((folder / "provenance.json").read_text())
    assert facts["source"] == "real" and facts["record"] == fake_zenodo.RECORD
    assert facts["files"][FEATURES] == {"size": len(files[FEATURES]), "md5": server.announced[FEATURES]}
    assert facts["licence"] == "cc-by-4.0" and "Doe, Jo (2025)" in facts["citation"]
    assert {seen.headers["User-Agent"] for seen in server.seen} == {"PhysioDL/0.1 (+course data fetch)"}
    assert len(server.seen) == 3  # the record and each file once


def test_inveniordm_form_of_the_record(tmp_path, files):
    with fake_zenodo.serve(files, form="rdm") as server:
        assert holds(fetch(tmp_path, server), files)


def test_reuse_asks_nobody_and_writes_nothing(tmp_path, server):
    folder = fetch(tmp_path, server)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    asked = len(server.seen)
    assert fetch(tmp_path, server) == folder
    assert len(server.seen) == asked
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_damaged_file_is_named_kept_aside_and_fetched_again(tmp_path, server, files, caplog):
    folder = fetch(tmp_path, server)
    damaged = bytearray(files[FEATURES])
    damaged[5000] ^= 1  # one bit, the size stays
    (folder / FEATURES).write_bytes(damaged)
    assert registry.verify(AF, folder).damaged == (FEATURES,)
    fetch(tmp_path, server)
    assert (folder / FEATURES).read_bytes() == files[FEATURES]
    assert (folder / f"{FEATURES}.damaged").read_bytes() == damaged
    assert f"{FEATURES} is damaged" in caplog.text
    assert len(server.requests(LABELS)) == 1  # the good file was not fetched twice


def test_damaged_file_is_not_left_in_place_without_a_network(tmp_path, server):
    folder = fetch(tmp_path, server)
    (folder / LABELS).write_bytes(b"x")
    with pytest.raises(FetchError, match="cannot be reached"):
        download.fetch("af", root=tmp_path, api=NOWHERE)
    assert not (folder / LABELS).exists() and (folder / f"{LABELS}.damaged").exists()


def test_connection_cut_is_resumed_where_it_broke(tmp_path, server, files):
    server.faults[FEATURES] += [Fault(cut_after=400_000), Fault(cut_after=200_000)]
    assert holds(fetch(tmp_path, server), files)
    first, second, third = server.requests(FEATURES)
    assert "Range" not in first.headers and (second.status, third.status) == (206, 206)
    starts = [int(seen.headers["Range"].removeprefix("bytes=").rstrip("-")) for seen in (second, third)]
    assert 400_000 - transfer.PIECE <= starts[0] <= 400_000 < starts[1]
    assert sum(seen.sent for seen in (first, second, third)) < 1.2 * len(files[FEATURES])


def test_reset_connection_is_taken_up_again(tmp_path, server, files):
    server.faults[FEATURES] += [Fault(cut_after=400_000, reset=True), Fault(cut_after=0, reset=True)]
    assert holds(fetch(tmp_path, server), files)


def test_truncated_body_is_completed(tmp_path, server, files):
    server.faults[FEATURES].append(Fault(short_by=300_000))  # an answer that calls itself complete
    assert holds(fetch(tmp_path, server), files)
    assert server.requests(FEATURES)[1].status == 206


def test_body_that_stays_truncated_is_an_error(tmp_path, server):
    server.files[FEATURES] = server.files[FEATURES][:-1000]
    server.record_answer = server.record().replace(
        str(len(server.files[FEATURES])).encode(), str(len(server.files[FEATURES]) + 1000).encode()
    )
    with pytest.raises(FetchError):
        fetch(tmp_path, server)
    assert not (tmp_path / "af/real" / FEATURES).exists()


def test_resume_across_runs(tmp_path, server, files, monkeypatch):
    monkeypatch.setattr(zenodo, "TRIES", 1)
    server.faults[FEATURES].append(Fault(cut_after=500_000))
    with pytest.raises(FetchError, match="broke off"):
        fetch(tmp_path, server)
    part = tmp_path / "af/real/incoming" / f"{FEATURES}.part"
    assert 500_000 - transfer.PIECE <= part.stat().st_size <= 500_000
    assert "fetched so far" in str(registry.states(AF, tmp_path)[0])
    assert holds(fetch(tmp_path, server), files)
    assert server.requests(FEATURES)[-1].sent < len(files[FEATURES]) - 400_000


def test_stale_part_of_another_version_is_thrown_away(tmp_path, server, files):
    incoming = tmp_path / "af/real/incoming"
    incoming.mkdir(parents=True)
    (incoming / f"{FEATURES}.part").write_bytes(published(seed=1)[FEATURES][:300_000])
    assert holds(fetch(tmp_path, server), files)
    assert [seen.status for seen in server.requests(FEATURES)] == [206, 200]


def test_part_longer_than_the_file_is_thrown_away(tmp_path, server, files):
    incoming = tmp_path / "af/real/incoming"
    incoming.mkdir(parents=True)
    (incoming / f"{LABELS}.part").write_bytes(b"x" * 10_000)
    assert holds(fetch(tmp_path, server), files)
    assert [seen.status for seen in server.requests(LABELS)] == [200]


def test_server_without_ranges_is_read_from_the_beginning(tmp_path, server, files):
    server.faults[FEATURES] += [Fault(cut_after=400_000), Fault(no_ranges=True)]
    assert holds(fetch(tmp_path, server), files)
    _, again = server.requests(FEATURES)
    assert "Range" in again.headers and again.status == 200


def test_range_that_begins_elsewhere_is_not_appended(tmp_path, server, files):
    server.faults[FEATURES] += [Fault(cut_after=400_000), Fault(wrong_start=-100)]
    assert holds(fetch(tmp_path, server), files)
    assert [seen.status for seen in server.requests(FEATURES)] == [200, 206, 200]


def test_busy_server_is_waited_for_as_long_as_it_asks(tmp_path, server, files, waits):
    server.faults["record"].append(Fault(status=429, headers={"Retry-After": "7"}))
    server.faults[FEATURES] += [Fault(status=503), Fault(status=503), Fault(status=503)]
    assert holds(fetch(tmp_path, server), files)
    assert waits[0] == 7
    assert waits[1:] == [0, 2, 4]  # growing, where the server names no time


def test_zenodos_own_limit_header(tmp_path, server, files, waits, monkeypatch):
    monkeypatch.setattr(zenodo.time, "time", lambda: 1000.0)
    server.faults["record"].append(Fault(status=429, headers={"X-RateLimit-Reset": "1042"}))
    assert holds(fetch(tmp_path, server), files)
    assert waits == [42]


def test_hour_long_wait_is_told_not_slept(tmp_path, server, waits):
    server.faults["record"].append(Fault(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(FetchError, match="again in 60 min"):
        fetch(tmp_path, server)
    assert waits == []


def test_server_that_stays_busy_is_given_up(tmp_path, server):
    server.faults["record"] += [Fault(status=503)] * 50
    with pytest.raises(FetchError, match="HTTP status 503"):
        fetch(tmp_path, server)
    assert len(server.seen) == zenodo.TRIES


def test_wrong_checksum_is_tried_twice_then_refused(tmp_path, server, files):
    server.files[FEATURES] = published(seed=1)[FEATURES]  # same size, other content
    with pytest.raises(FetchError, match="not the announced file") as caught:
        fetch(tmp_path, server)
    assert server.announced[FEATURES] in str(caught.value)
    assert len(server.requests(FEATURES)) == 2
    folder = tmp_path / "af/real"
    assert not (folder / FEATURES).exists() and not list(folder.glob(f"incoming/{FEATURES}*"))


def test_failed_force_leaves_the_good_files(tmp_path, server, files):
    folder = fetch(tmp_path, server)
    server.files[LABELS] = npy(1 - arrays()[1])
    with pytest.raises(FetchError):
        fetch(tmp_path, server, force=True)
    assert all((folder / name).read_bytes() == files[name] for name in AF.files)
    assert registry.verify(AF, folder).good


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(body=b"<html>log in</html>", content_type="text/html"), "log-in page"),
        (Fault(body=b"[1, 2]", content_type="application/json"), "not a Zenodo record"),
        (Fault(body=b'{"metadata": {}, "files": []}'), "restricted"),
        (Fault(body=b'{"metadata": {}, "files": [{"key": "features.npy"}]}'), "changed its form"),
        (Fault(body=b'{"files": [{"key": "a.csv", "size": 1, "checksum": "md5:0"}]}'), "a.csv"),
        (Fault(status=404), "status 404"),
        (Fault(status=410), "withdrawn"),
        (Fault(status=403), "restricted"),
    ],
)
def test_record_that_is_none(tmp_path, server, fault, said):
    server.faults["record"].append(fault)
    with pytest.raises(FetchError, match=said) as caught:
        fetch(tmp_path, server)
    assert all(word in str(caught.value) for word in ("got:", "expected:", "--mirror", "--simulate"))
    assert len(server.seen) == 1  # waiting does not mend these


def test_web_page_in_place_of_a_file(tmp_path, server):
    server.faults[FEATURES].append(Fault(body=b"<html>pay here</html>", content_type="text/html"))
    with pytest.raises(FetchError, match="web page"):
        fetch(tmp_path, server)
    assert not list((tmp_path / "af/real").rglob(f"{FEATURES}*"))


def test_no_network_fails_soon_and_names_the_ways_out(tmp_path, waits):
    with pytest.raises(FetchError, match="cannot be reached") as caught:
        download.fetch("af", root=tmp_path, api=NOWHERE)
    assert "no network" in str(caught.value) and "--simulate" in str(caught.value)
    assert len(waits) < zenodo.TRIES_UNREACHED


def test_full_disk_is_seen_before_anything_is_fetched(tmp_path, server, monkeypatch):
    full = shutil.disk_usage(tmp_path)._replace(free=transfer.MARGIN + 1000)
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda path: full)
    with pytest.raises(FetchError, match="not enough space") as caught:
        fetch(tmp_path, server)
    assert "--to" in str(caught.value) and not server.requests(FEATURES)


def test_disk_that_fills_up_leaves_a_resumable_part(tmp_path, server, files, monkeypatch):
    room = 300_000

    def fill(file, piece):
        if file.tell() + len(piece) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file.write(piece)

    with monkeypatch.context() as disk:
        disk.setattr(transfer, "write", fill)
        with pytest.raises(FetchError, match="disk filled up"):
            fetch(tmp_path, server)
    folder = tmp_path / "af/real"
    assert not (folder / FEATURES).exists()
    assert 0 < (folder / "incoming" / f"{FEATURES}.part").stat().st_size <= room
    assert holds(fetch(tmp_path, server), files)
    assert server.requests(FEATURES)[-1].status == 206


def test_bad_arrays_do_not_replace_good_ones(tmp_path, server, files):
    folder = fetch(tmp_path, server)
    features, labels = arrays()
    features[7, 3] = np.nan
    with fake_zenodo.serve({FEATURES: npy(features), LABELS: npy(labels)}) as other:
        with pytest.raises(afdata.DataError, match="first in row 7") as caught:
            fetch(tmp_path, other, force=True)
    assert "Nothing in" in "".join(caught.value.__notes__)
    assert all((folder / name).read_bytes() == files[name] for name in AF.files)
    assert registry.verify(AF, folder).good
