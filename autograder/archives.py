"""Zip and tar files from outside: listed and read without ever being unpacked to the disk.

Sizes in headers are believed only where they speak against a file; what counts is what really comes out. Not even the
list of members is read where it is too long, and no member can make the others unreadable.
"""

from __future__ import annotations

import os
import struct
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from gzip import GzipFile
from pathlib import Path
from typing import Any, BinaryIO

from autograder.entries import (
    MAX_MEMBERS,
    MAX_TOTAL,
    Budget,
    Entry,
    Refused,
    folder_entries,
    listed,
    open_regular,
    read_file,
    reason,
    too_large,
)

MAX_DIRECTORY = 4_000_000  # bytes of a zip's list of members: 20 000 of them with 200 bytes each
MAX_RATIO, FREE = 250, 1_000_000  # text shrinks 5 to 50 times, a bomb 1000 times; so much comes out before it counts
MAX_TAR_HEADER = 16_384  # bytes: Python before 3.11.10 takes time that grows with their square (CVE-2024-6232)
STEP = 65_536


@contextmanager
def opened(path: Path) -> Iterator[list[Entry]]:
    """The files in a folder, a zip, a tar (plain or gz), or the file itself; read them before the context ends.

    Raises `Refused` where nothing of it can be read.
    """
    if path.is_dir():
        yield list(folder_entries(path))
        return
    try:
        handle = open_regular(path)
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") as file:
        start = file.read(512)
        file.seek(0)
        if start.startswith((b"PK\3\4", b"PK\5\6")):
            yield zip_entries(file, Budget(MAX_TOTAL))
        elif start.startswith(b"\x1f\x8b"):
            with GzipFile(fileobj=file) as inner:
                yield _tar_entries(inner, os.fstat(handle).st_size)
        elif start[257:262] == b"ustar":
            yield _tar_entries(file, os.fstat(handle).st_size)
        else:
            yield [Entry(path.name, (path.name,), reader=partial(read_file, path))]


# --- zip ---


def zip_entries(file: BinaryIO, budget: Budget) -> list[Entry]:
    """The files of a zip; raises `Refused` where its list of members cannot be read."""
    sparing = _Sparing(file)
    try:
        archive = zipfile.ZipFile(sparing)
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"it is not a whole zip file: {reason(error)}. Download it again.") from None
    sparing.listing = False
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise Refused(f"it holds {len(infos)} files; at most {MAX_MEMBERS} are read")
    faults, copies = _overlapping(sparing, infos, archive.start_dir), Counter(info.orig_filename for info in infos)
    found = []
    for k, info in enumerate(infos):
        name, note = _zip_name(info)
        fault = faults.get(k, "")
        if copies[info.orig_filename] > 1:
            fault = f"{copies[info.orig_filename]} files of the archive have this name"
        elif info.flag_bits & 0x2041:
            fault = "it is encrypted"
        elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            fault = f"it is compressed with method {info.compress_type}; only store and deflate are read"
        entry = listed(
            name,
            info.external_attr >> 16,
            info.orig_filename.endswith("/"),
            time=_zip_time(info),
            why=fault,
            note=note,
            budget=budget,
            reader=partial(_read_zip, archive, info, budget),
        )
        found += [entry] if entry else []
    return found


def _read_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget, most: int) -> bytes:
    if info.file_size > most:
        raise Refused(too_large(info.file_size, most))
    data = bytearray()
    with archive.open(info) as stream:
        while chunk := stream.read(STEP):
            budget.take(len(chunk))
            data += chunk
            if len(data) > max(FREE, MAX_RATIO * info.compress_size):
                raise Refused(f"it grows more than {MAX_RATIO} times when it is unpacked: a zip bomb")
    if len(data) != info.file_size:
        raise Refused(f"it is damaged: {len(data)} bytes come out of it, {info.file_size} were put in")
    return bytes(data)


def _overlapping(file: _Sparing, infos: list[zipfile.ZipInfo], end: int) -> dict[int, str]:
    """What is wrong with where members lie: number of the member -> reason.

    Members that share bytes make a small archive come out huge (D. Fifield, "A better zip bomb", 2019). A member is
    at fault where it reaches over the beginning of the next one; those that begin at the same place all are.
    """
    faults, headers = {}, {}
    for k, info in enumerate(infos):
        header = b""
        if 0 <= info.header_offset < end:
            file.seek(info.header_offset)
            header = file.read(30)
        if len(header) == 30 and header.startswith(b"PK\3\4"):
            headers[k] = struct.unpack("<6xH18xHH", header)
        else:
            faults[k] = "it is damaged: nothing begins where the list of members says"
    starts = Counter(infos[k].header_offset for k in headers)
    order = sorted(headers, key=lambda k: infos[k].header_offset)
    for n, k in enumerate(order):
        (flags, name, extra), start = headers[k], infos[k].header_offset
        limit = infos[order[n + 1]].header_offset if n + 1 < len(order) else end
        if starts[start] > 1 or start + 30 + name + extra + infos[k].compress_size > limit:
            faults[k] = "it shares its bytes with another member of the archive, as in a zip bomb"
        elif flags & 0x800 and not infos[k].flag_bits & 0x800:  # taken away by `_readable`
            faults[k] = "its name is not valid UTF-8"
    return faults


def _zip_name(info: zipfile.ZipInfo) -> tuple[str, str]:
    """A member's name and what a person should know about it.

    Names without the mark for UTF-8 are UTF-8 all the same where a Mac packed them; else the format says code page 437.
    """
    name = info.orig_filename
    if info.flag_bits & 0x800 or name.isascii():
        return name, ""
    try:
        return name.encode("cp437").decode("utf-8"), ""
    except UnicodeDecodeError:
        return name, "the archive does not say how its name is encoded; read as code page 437"


def _zip_time(info: zipfile.ZipInfo) -> datetime | None:
    """When a member was changed: UTC from the extended time stamp, else local time as the format has it."""
    extra = info.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == 0x5455 and length >= 5 and len(extra) >= 9 and extra[4] & 1:
            return _sensible(struct.unpack_from("<l", extra, 5)[0])
        extra = extra[4 + length :]
    try:
        return _sensible(datetime(*info.date_time).timestamp())
    except (ValueError, OverflowError, OSError):
        return None


def _sensible(seconds: float) -> datetime | None:
    """A time stamp in UTC; None where it is the beginning of an era or lies in the future."""
    try:
        time = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return time if datetime(1980, 1, 3, tzinfo=UTC) < time < datetime.now(UTC) + timedelta(days=1) else None


class _Sparing:
    """A file for `zipfile` that never reads more at once than a list of members may be long."""

    def __init__(self, file: BinaryIO):
        self.file, self.listing = file, True
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self.size = file.seek(0, os.SEEK_END)

    def read(self, n: int = -1) -> bytes:
        n = min(n, self.size) if n >= 0 else self.size - self.tell()
        if n > MAX_DIRECTORY:
            raise Refused(f"its list of members is {n / 1e6:.0f} MB long; at most {MAX_DIRECTORY / 1e6:g} MB are read")
        data = self.file.read(n)
        return _readable(data) if self.listing and data.startswith(b"PK\1\2") else data


def _readable(directory: bytes) -> bytes:
    """A zip's list of members in which no entry makes `zipfile` give up the whole archive.

    It raises for a name that is marked as UTF-8 and is not, for an unknown version, and for a broken extra field.
    """
    data, at = bytearray(directory), 0
    while data[at : at + 4] == b"PK\1\2" and at + 46 <= len(data):
        flags, name, extra, comment = struct.unpack_from("<8xH18xHHH", data, at)
        try:
            data[at + 46 : at + 46 + name].decode("utf-8")
        except UnicodeDecodeError:
            struct.pack_into("<H", data, at + 8, flags & ~0x800)
        data[at + 6] = min(data[at + 6], zipfile.MAX_EXTRACT_VERSION)
        sizes = struct.unpack_from("<20xLL14xL", data, at)
        at += 46 + name
        _tame_extra(data, at, min(at + extra, len(data)), 8 * sum(size == 0xFFFFFFFF for size in sizes))
        at += extra + comment
    return bytes(data)


def _tame_extra(data: bytearray, at: int, end: int, needed: int) -> None:
    """Rename the parts of an extra field that `zipfile` stumbles over: cut off, or without the `needed` zip64 bytes.

    So are other names for the file (0x7075), which later versions of `zipfile` read: one name is enough.
    """
    while end - at >= 4:
        kind, length = struct.unpack_from("<HH", data, at)
        if at + 4 + length > end:
            struct.pack_into("<HH", data, at, 0xFFFF, end - at - 4)
        elif kind == 0x7075 or (kind == 1 and length < needed):
            struct.pack_into("<H", data, at, 0xFFFF)
        at += 4 + length


# --- tar ---


def _tar_entries(stream: Any, size: int) -> list[Entry]:
    """The files of a tar; where it is damaged, those before the damage and one refused entry that says so."""
    meter = _Meter(stream, size)
    found, names, problem = [], Counter(), ""
    try:
        tar = tarfile.open(fileobj=meter, mode="r:")
        for n, info in enumerate(tar):
            if n >= MAX_MEMBERS:
                raise Refused(f"it holds more than {MAX_MEMBERS} files")
            names[info.name] += 1
            entry = listed(
                info.name,
                0,
                info.isdir(),
                time=_sensible(info.mtime),
                why=_tar_fault(info),
                budget=meter.budget,
                reader=partial(_read_tar, tar, info),
            )
            found += [(info.name, entry)] if entry else []
        if meter.last.strip(b"\0"):  # `tarfile` ends without a word at a header that is none
            problem = "no file begins where one should"
    except Exception as error:
        problem = str(error) if isinstance(error, Refused) else reason(error)
    if problem and not found:
        raise Refused(f"it is not a whole tar file: {problem}")
    meter.listing = False
    why = "{} files of the archive have this name"
    entries = [Entry(e.name, e.parts, why=why.format(names[n])) if names[n] > 1 else e for n, e in found]
    if problem:
        entries.append(Entry("", why=f"it is not a whole tar file; what follows here is not read: {problem}"))
    return entries


def _tar_fault(info: tarfile.TarInfo) -> str:
    if info.islnk() or info.issym():
        return f"it is {'a hard link' if info.islnk() else 'a link'}, not a file; links are never followed"
    if not (info.isreg() or info.isdir()) or info.issparse() or info.size < 0:
        return "it is a device or another special file; those are never opened"
    return ""


def _read_tar(tar: tarfile.TarFile, info: tarfile.TarInfo, most: int) -> bytes:
    if info.size > most:
        raise Refused(too_large(info.size, most))
    data = bytearray()
    with tar.extractfile(info) as stream:
        while chunk := stream.read(STEP):
            data += chunk
    return bytes(data)


class _Meter:
    """A file for `tarfile` that counts what comes out of it and goes forward only while members are listed.

    A tar with a negative size would be listed for ever (CVE-2025-8194), and one long header takes hours.
    """

    def __init__(self, file: Any, size: int):
        self.file, self.size, self.listing = file, size, True
        self.budget, self.tell, self.furthest, self.last = Budget(MAX_TOTAL), file.tell, 0, b""

    def read(self, n: int = -1) -> bytes:
        if not 0 <= n <= (MAX_TAR_HEADER if self.listing else MAX_DIRECTORY):
            raise Refused("one of its headers is too long")
        data = self.last = self.file.read(n)
        new = max(0, self.tell() - self.furthest)
        self.furthest += new
        self.budget.take(new)
        if self.furthest > max(FREE * 10, MAX_RATIO * self.size):
            raise Refused(f"it grows more than {MAX_RATIO} times when it is unpacked: a bomb")
        return data

    def seek(self, place: int, whence: int = 0) -> int:
        if self.listing and (whence or place < self.tell()):
            raise Refused("its headers lead back to where they came from")
        if not self.listing and place <= self.furthest:
            return self.file.seek(place)
        while self.tell() < place and self.read(min(MAX_TAR_HEADER, place - self.tell())):
            pass
        return self.tell()
