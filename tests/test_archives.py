"""Hostile downloads: each bad file is refused by name, the honest files beside it go in, nothing else is written."""

import hashlib
import json
import os
import re
import socket
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from lms import book, fifield, member, pack, packed, raw_zip, special, tarred
from tiny_class import make_class

from autograder import archives, entries
from autograder.intake import bring_in

HONEST = {f"honest{k}_{k}_10{k}_09_tiny.ipynb": book(k) for k in (1, 2, 3)}


@pytest.fixture
def course(tmp_path):
    """A class, and beside it files that must stay as they are."""
    course = make_class(tmp_path / "class")
    (tmp_path / "canary.ipynb").write_bytes(book(9))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "canary").write_text("untouched")
    return course


def tree(folder, leave=()):
    """Every file below a folder -> hash of its content, links by where they lead."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not name.startswith(tuple(leave)) and (path.is_symlink() or path.is_file()):
            found[name] = os.readlink(path) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def check(course, path, refused, *, honest=3):
    """Import: honest work goes in, and exactly `refused` is (part of the name -> part of the reason)."""
    before = tree(course.root.parent, leave=["class/submitted", "class/journal", "class/.lock"])
    arrivals = bring_in(course, [path])
    taken = [a for a in arrivals if a.status == "new"]
    assert {a.student for a in taken} == {f"honest{k}_{k}" for k in range(1, honest + 1)}
    written = {n: sha for n, sha in tree(course.root / "submitted").items() if not n.endswith("timestamp.txt")}
    assert set(written) == {f"{a.student}/09_tiny/09_tiny.ipynb" for a in taken}
    for k in range(1, honest + 1):
        assert written[f"honest{k}_{k}/09_tiny/09_tiny.ipynb"] == hashlib.sha256(book(k)).hexdigest()
    others = [a for a in arrivals if a.status != "new"]
    assert all(a.status == "refused" for a in others)
    for name, why in refused.items():
        assert [a for a in others if name in a.name and why in a.why], (name, why, [(a.name, a.why) for a in others])
    assert len(others) == len(refused), [(a.name, a.why) for a in others]
    assert all(a.why and a.name.isprintable() for a in others)
    assert tree(course.root.parent, leave=["class/submitted", "class/journal", "class/.lock"]) == before
    return arrivals


def evil(name="evil_7_8_x.ipynb", **lies):
    return member(name, book(7), **lies)


ZIP64_HUGE = struct.pack("<HHQQ", 1, 16, 1 << 62, 1 << 61)
DEEP_TAGS = json.loads(book(7))
DEEP_TAGS["cells"][0]["metadata"]["tags"] = "deep"
DEEP_TAGS = json.dumps(DEEP_TAGS).replace('"deep"', "[" * 900 + "]" * 900).encode()
HOSTILE = {
    "dots": (evil("../../evil.ipynb"), "..", "leads outside"),
    "dots inside": (evil("a/b/../../../evil.ipynb"), "..", "leads outside"),
    "absolute": (evil("/tmp/evil.ipynb"), "/tmp/evil", "absolute"),
    "drive": (evil("C:/evil.ipynb"), "C:", "absolute"),
    "drive of here": (evil("c:evil_1_2_x.ipynb"), "c:evil", "absolute"),
    "backslashes": (evil("..\\..\\evil.ipynb"), "evil", "backslashes"),
    "share": (evil("\\\\server\\share\\evil.ipynb"), "evil", "backslashes"),
    "zero byte": (evil("evil_7_8_x.ipynb\0.txt"), "evil", "control"),
    "control": (evil("evil\x1b[2J_7_8_x.ipynb"), "evil", "control"),
    "nameless": (evil(""), "download.zip", "no name"),
    "very long": (evil("x" * 2000 + "_7_8_x.ipynb"), "xxx", "longer"),
    "very deep": (evil("d/" * 40 + "x.ipynb"), "d/d", "longer"),
    "bad UTF-8": (evil(b"evil\xff\xfe_7_8_x.ipynb"), "evil", "UTF-8"),
    "symlink": (member("evil_7_8_x.ipynb", b"/etc/passwd", mode=0o120777), "evil", "a link"),
    "symlink to folder": (member("evil_7_8/", b"/etc", mode=0o120777), "evil", "a link"),
    "pipe": (evil(mode=0o010644), "evil", "a pipe"),
    "device": (evil(mode=0o060644), "evil", "device"),
    "encrypted": (evil(flags=0x801), "evil", "encrypted"),
    "strongly encrypted": (evil(flags=0x840), "evil", "encrypted"),
    "wrong checksum": (evil(crc=1), "evil", "checksum"),
    "cut data": (evil(inside=b"\x4b", packed_size=1), "evil", "damaged"),
    "no deflate": (evil(inside=b"\xff" * 99, packed_size=99), "evil", "damaged"),
    "size too small": (evil(size=10), "evil", "checksum"),
    "size too large": (evil(size=len(book(7)) + 1), "evil", "damaged"),
    "says to be huge": (evil(size=1 << 31), "evil", "MB large"),
    "zip64: huge": (evil(size=0xFFFFFFFF, packed_size=0xFFFFFFFF, extra=ZIP64_HUGE), "evil", "shares its bytes"),
    "zip64: without sizes": (evil(size=0xFFFFFFFF, extra=struct.pack("<HH", 1, 0)), "evil", "MB large"),
    "extra field cut": (evil(extra=struct.pack("<HH", 0x7075, 900) + b"x"), None, None),
    "another name in extra": (evil(extra=struct.pack("<HHBL", 0x7075, 6, 1, 0) + b"\xff"), None, None),
    "version of tomorrow": (evil(version=99), None, None),
    "other name inside": (evil(local_name=b"honest1_1_101_x.ipynb"), "evil", "damaged"),
    "no header there": (evil(shift=5), "evil", "nothing begins"),
    "behind the end": (evil(offset=1 << 31), "evil", "nothing begins"),
    "lzma": (evil(method=14), "evil", "method 14"),
    "packed size reaches on": (evil(packed_size=10**6), "evil", "shares its bytes"),
    "grows": (member("evil_7_8_x.ipynb", b" " * 40_000_000), "evil", "zip bomb"),
    "200 MB": (member("evil_7_8_x.ipynb", b"", size=200_000_000), "evil", "200 MB"),
    "not a notebook": (member("evil_7_8_x.ipynb", b"{}"), "evil", "no list of cells"),
    "not text": (member("evil_7_8_x.ipynb", os.urandom(999)), "evil", "not text"),
    "a zip by the name of a notebook": (member("evil_7_8_x.ipynb", packed(HONEST)), "evil", "not text"),
    "deep JSON": (member("evil_7_8_x.ipynb", b"[" * 90_000), "evil", "nested too deeply"),
    "deep tags": (member("evil_7_8_x.ipynb", DEEP_TAGS), "evil", "nested too deeply"),
    "a program": (member("evil_7_8_x.exe", b"MZ"), "evil", "not a notebook"),
    "rar": (member("evil_7_8_x.rar", b"Rar!"), "evil", "not opened"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_member_is_refused_by_name_and_the_others_go_in(course, tmp_path, case):
    hostile, name, why = HOSTILE[case]
    ahead, behind = list(HONEST.items())[:2], list(HONEST.items())[2:]
    path = raw_zip(
        tmp_path / "download.zip", *(member(n, d) for n, d in ahead), hostile, *(member(n, d) for n, d in behind)
    )
    if name is None:  # odd, but no fault of the notebook: it goes in with the others
        arrivals = bring_in(course, [path])
        assert [a.status for a in arrivals] == ["new"] * 4
        assert course.notebook("submitted", "09_tiny", "evil_7").read_bytes() == book(7)
    else:
        check(course, path, {name: why})


def test_names_that_occur_twice_are_refused_both(course, tmp_path):
    again = member(evil()["name"], book(8))
    path = raw_zip(tmp_path / "d.zip", evil(), *(member(n, d) for n, d in HONEST.items()), again)
    why = "2 files of the archive have this name"
    check(course, path, {"evil_7_8_x.ipynb": why, "evil_7_8": why})


def test_a_bomb_of_members_inside_members_stays_small(course, tmp_path):
    path = raw_zip(tmp_path / "d.zip", *fifield(60, 900_000), *(member(n, d) for n, d in HONEST.items()))
    with zipfile.ZipFile(path) as archive:
        assert sum(i.file_size for i in archive.infolist()) > 1000 * path.stat().st_size
    arrivals = bring_in(course, [path])
    bombs = [a for a in arrivals if a.name.split(": ")[1].startswith("bomb")]
    assert len(bombs) == 60 and {a.status for a in bombs} == {"refused"}
    assert sum("shares its bytes" in a.why for a in bombs) == 59  # the innermost is an ordinary file of blanks
    assert [a.status for a in arrivals if a not in bombs] == ["new"] * 3


def test_many_names_for_one_place_are_all_refused(course, tmp_path):
    first = member("bomb_7_8_x.ipynb", b" " * 900_000)
    again = [{**first, "name": f"bomb_7_{k}_x.ipynb".encode(), "offset": 0} for k in range(9, 30)]
    path = raw_zip(tmp_path / "d.zip", first, *again, *(member(n, d) for n, d in HONEST.items()))
    arrivals = bring_in(course, [path])
    assert sorted(a.status for a in arrivals) == ["new"] * 3 + ["refused"] * 22
    assert all("shares its bytes" in a.why for a in arrivals if a.status == "refused")


def test_junk_of_operating_systems_is_passed_over_without_a_word(course, tmp_path):
    junk = ("__MACOSX/._honest1_1_101_x.ipynb", ".DS_Store", ".ipynb_checkpoints/honest1-checkpoint.ipynb", "Thumbs.db")
    check(course, pack(tmp_path / "d.zip", {**HONEST, **dict.fromkeys(junk, b"\0\5")}), {})


def test_names_as_a_mac_packs_them_are_read_as_utf8(course, tmp_path):
    path = raw_zip(tmp_path / "d.zip", member("José 李.ipynb".encode(), book(1), flags=0))
    (arrival,) = bring_in(course, [path])
    assert (arrival.status, arrival.student) == ("new", "José 李")


def test_a_name_in_an_old_code_page_goes_in_and_is_pointed_out(course, tmp_path):
    (arrival,) = bring_in(course, [raw_zip(tmp_path / "d.zip", member(b"Jos\x82.ipynb", book(1), flags=0))])
    assert (arrival.status, arrival.student) == ("new", "José") and "code page 437" in arrival.why


# --- what is bounded ---


def written_bytes():
    """How much this process has written to files until now."""
    try:
        return int(re.search(r"wchar: (\d+)", Path("/proc/self/io").read_text())[1])
    except OSError:
        pytest.skip("this system does not count what a process writes")


def test_bombs_cost_neither_memory_nor_disk(course, tmp_path, monkeypatch):
    bomb = member("x", b" " * 49_000_000)
    bombs = [{**bomb, "name": n, "local_name": n} for n in (b"bomb%d_%d_9_x.ipynb" % (k, k) for k in range(11, 23))]
    path = raw_zip(tmp_path / "d.zip", *bombs, *(member(n, d) for n, d in HONEST.items()))
    assert path.stat().st_size < 700_000  # 590 MB come out of it
    drawn, take = [], entries.Budget.take
    monkeypatch.setattr(entries.Budget, "take", lambda self, n: (drawn.append(n), take(self, n)))
    before = written_bytes()
    tracemalloc.start()
    check(course, path, {f"bomb{k}": "zip bomb" for k in range(11, 23)})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000
    assert sum(drawn) < 12 * 13_000_000
    assert written_bytes() - before < 200_000


def test_an_archive_out_of_which_too_much_comes_is_not_read_further(course, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_TOTAL", len(book(1)) + len(book(2)) + 10)
    arrivals = bring_in(course, [pack(tmp_path / "d.zip", HONEST)])
    assert [a.status for a in arrivals] == ["new", "new", "refused"] and "come out of this archive" in arrivals[2].why


def test_a_list_of_members_that_is_too_long_is_not_even_read(course, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_DIRECTORY", 100_000)
    path = pack(tmp_path / "d.zip", {f"{k:0200d}.txt": b"" for k in range(500)})
    (arrival,) = bring_in(course, [path])
    assert arrival.status == "refused" and "list of members" in arrival.why and arrival.name == "d.zip"


def test_too_many_members(course, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 50)
    many = {f"{k}.txt": b"" for k in range(60)}
    found = bring_in(course, [pack(tmp_path / "d.zip", many), tarred(tmp_path / "d.tar", *many.items(), mode="w")])
    assert all("more than 50" in a.why or "at most 50" in a.why for a in found if a.name in ("d.zip", "d.tar"))
    assert {a.name for a in found} >= {"d.zip", "d.tar"}


@pytest.mark.parametrize("data", [b"PK\3\4", packed(HONEST)[:-400], b"PK\5\6" + bytes(17), b"\x1f\x8b\\8", bytes(9)])
def test_a_file_that_is_no_whole_archive_is_refused_and_the_next_goes_in(course, tmp_path, data):
    (tmp_path / "broken.zip").write_bytes(data)
    arrivals = bring_in(course, [tmp_path / "broken.zip", pack(tmp_path / "d.zip", HONEST)])
    assert [(a.name, a.status) for a in arrivals][0] == ("broken.zip", "refused")
    assert [a.status for a in arrivals[1:]] == ["new"] * 3


# --- a zip in a download ---


def nested(inner):
    return {**HONEST, "evil_7_8_work.zip": inner}


def test_a_zip_with_one_notebook_is_taken_for_the_notebook(course, tmp_path):
    inner = packed({"my work/final.ipynb": book(7), "my work/data.csv": b"1", "__MACOSX/._final.ipynb": b"\0"})
    arrivals = bring_in(course, [pack(tmp_path / "d.zip", nested(inner))])
    assert [a.status for a in arrivals] == ["new"] * 4
    assert course.notebook("submitted", "09_tiny", "evil_7").read_bytes() == book(7)


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        (packed({"a.ipynb": book(7), "b.ipynb": book(8)}), "holds 2 notebooks"),
        (packed({"deeper.zip": packed({"a.ipynb": book(7)})}), "holds 0 notebooks"),
        (packed({"../a.ipynb": book(7)}), "leads outside"),
        (packed({"a.ipynb": book(7), "../../etc/x": b""}), "leads outside"),
        (packed({"a.ipynb": b" " * 40_000_000}), "zip bomb"),
        (b"PK nothing", "not a whole zip"),
    ],
)
def test_a_zip_in_a_download_keeps_the_same_rules(course, tmp_path, inner, why):
    check(course, pack(tmp_path / "d.zip", nested(inner)), {"evil_7_8_work.zip": why})


# --- tar ---


def tar_files():
    return [(f"./honest{k}_{k}/09_tiny.ipynb", book(k)) for k in (1, 2, 3)]


def sized(name, size):
    """A tar header with a size that no program writes."""
    header = bytearray(tarfile.TarInfo(name).tobuf())
    header[124:136] = b"\xff" * 4 + struct.pack(">q", size) if size < 0 else b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def test_a_tar_is_read_like_a_zip_and_hostile_members_are_refused(course, tmp_path):
    evils = [
        special("evil1/09_tiny.ipynb", tarfile.SYMTYPE, "/etc/passwd"),
        special("evil2/09_tiny.ipynb", tarfile.LNKTYPE, "./honest1_1/09_tiny.ipynb"),
        special("evil3/09_tiny.ipynb", tarfile.FIFOTYPE),
        special("evil4/09_tiny.ipynb", tarfile.CHRTYPE),
        ("../evil5/09_tiny.ipynb", book(5)),
        ("/evil6/09_tiny.ipynb", book(6)),
        ("evil7/09_tiny.ipynb", b"{}"),
    ]
    refused = {"evil1": "a link", "evil2": "hard link", "evil3": "special", "evil4": "special"}
    refused |= {"evil5": "outside", "evil6": "absolute", "evil7": "not a notebook"}
    check(course, tarred(tmp_path / "d.tar.gz", *evils, *tar_files()), refused)
    times = {p.read_text() for p in (course.root / "submitted").glob("*/*/timestamp.txt")}
    assert times == {"2023-11-14 22:13:20.000000 UTC\n"}


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        (sized("evil.ipynb", -1024), "lead back"),
        (tarfile.TarInfo("x" * 40_000).tobuf(tarfile.PAX_FORMAT), "too long"),
        (b"\1" * 512, "no file begins"),
        (sized("evil.ipynb", 1 << 30) + bytes(512), None),
    ],
)
def test_a_tar_that_goes_wrong_keeps_what_came_before(course, tmp_path, tail, why):
    plain = tarred(tmp_path / "good.tar", *tar_files(), mode="w").read_bytes()
    end = 3 * (512 + -(-len(book(1)) // 512) * 512)
    (tmp_path / "d.tar").write_bytes(plain[:end] + tail)
    arrivals = bring_in(course, [tmp_path / "d.tar"])
    assert [a.status for a in arrivals if "honest" in a.name] == ["new"] * 3
    bad = [a for a in arrivals if "honest" not in a.name]
    assert bad and {a.status for a in bad} == {"refused"}
    assert why is None or any(why in a.why for a in bad), bad


def test_a_tar_that_grows_is_left(course, tmp_path):
    path = tarred(tmp_path / "d.tar.gz", ("anna/data.bin", bytes(60_000_000)), ("anna/09_tiny.ipynb", book(1)))
    assert path.stat().st_size < 100_000
    (arrival, *_) = bring_in(course, [path])
    assert arrival.status == "refused" and "bomb" in arrival.why


# --- folders ---


def test_in_folders_links_pipes_and_sockets_are_named_and_never_opened(course, tmp_path):
    folder = tmp_path / "work"
    for name, data in tar_files():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(data)
    for k in range(1, 6):
        (folder / f"evil{k}").mkdir()
    (folder / "evil1" / "09_tiny.ipynb").symlink_to(tmp_path / "canary.ipynb")
    os.mkfifo(folder / "evil2" / "09_tiny.ipynb")  # opened for reading, it would wait for ever
    (folder / "evil3" / "link").symlink_to(tmp_path / "outside", target_is_directory=True)
    (folder / "evil4" / "09_tiny.ipynb").write_bytes(b" " * 60_000_000)
    (folder / "evil5" / "09\x1b_tiny.ipynb").write_bytes(book(5))
    (folder / "evil6").symlink_to(folder / "evil1", target_is_directory=True)
    refused = {"evil1/": "a link", "evil2/": "a pipe", "evil3/": "a link", "evil4/": "60 MB", "evil5/": "control"}
    check(course, folder, refused | {"evil6": "a link"})


def test_a_socket_and_a_folder_in_circles(course, tmp_path, monkeypatch):
    folder = tmp_path / "work"
    (folder / "anna").mkdir(parents=True)
    (folder / "anna" / "09_tiny.ipynb").write_bytes(book(1))
    (folder / "anna" / "round").symlink_to(folder, target_is_directory=True)
    monkeypatch.chdir(folder)  # the path of a socket may not be long
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.ipynb")
        arrivals = bring_in(course, [folder])
    assert sorted((a.status, a.name.split(": ")[1]) for a in arrivals) == [
        ("new", "anna/09_tiny.ipynb"),
        ("refused", "anna/round"),
        ("refused", "socket.ipynb"),
    ]


def test_links_in_the_class_lead_nothing_outside(course, tmp_path):
    submitted = course.root / "submitted"
    (submitted / "honest1_1").symlink_to(tmp_path / "outside", target_is_directory=True)
    (submitted / "honest2_2" / "09_tiny").mkdir(parents=True)
    (submitted / "honest2_2" / "09_tiny" / "09_tiny.ipynb").symlink_to(tmp_path / "canary.ipynb")
    before = tree(tmp_path, leave=["class/journal", "class/.lock", "class/submitted/honest3"])
    arrivals = bring_in(course, [pack(tmp_path / "d.zip", HONEST)])
    assert [a.status for a in arrivals] == ["refused", "refused", "new"]
    assert all("in the class is a link" in a.why for a in arrivals[:2])
    after = tree(tmp_path, leave=["class/journal", "class/.lock", "class/submitted/honest3", "d.zip"])
    assert after == before
