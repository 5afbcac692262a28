"""Moving bytes: one file from an address or a folder to this disk, resumed and verified; a zip unpacked.

Bytes come in under the name ``<file>.part``, which is what a later run goes on from; a file gets its own
name when its checksum is right.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import pooch
import requests
from tqdm.auto import tqdm

from physiodl.registry import fingerprint, readable_bytes
from physiodl.sources import pick
from physiodl.zenodo import ELSEWHERE, FetchError, Patience, RemoteFile, ask

log = logging.getLogger("physiodl")
PIECE = 1 << 16  # bytes read at a time: a cut loses at most this much
MARGIN = 20_000_000  # bytes to leave free on a disk
ADVANCE = 1 << 20  # bytes won since the last cut that make it worth starting the count of tries anew


def retrieve(
    remote: RemoteFile, target: Path, *, http: requests.Session, progress: bool | None = None
) -> Path:
    """Bring one file to ``target``, verified by its checksum where one is announced.

    pooch verifies, and places in one step; the bytes come through `stream` into ``<target>.part``. A wrong
    checksum is given one second chance from the first byte: the beginning may stem from an older run.
    """
    part = target.with_name(target.name + ".part")
    if not remote.checksum:  # nothing could tell an old beginning from another version of the file
        part.unlink(missing_ok=True)
        target.unlink(missing_ok=True)

    def bring(url: str, output: str, _pooch: Any) -> None:
        if urlsplit(url).scheme in ("http", "https"):
            stream(url, part, size=remote.size, http=http, progress=progress)
        else:
            _copy(Path(url), part, progress=progress)
        os.replace(part, output)

    logger = pooch.get_logger()
    level, last = logger.level, False
    logger.setLevel(logging.WARNING)
    try:
        while True:
            try:
                return Path(
                    pooch.retrieve(
                        remote.url,
                        known_hash=remote.checksum,
                        fname=target.name,
                        path=target.parent,
                        downloader=bring,
                    )
                )
            except ValueError as error:  # pooch's word for a wrong checksum; it keeps no such file
                if last:
                    raise FetchError(
                        f"{remote.url} is not the announced file",
                        got=" ".join(re.findall(r"got '?([0-9a-f]{32,})", str(error))) or "another checksum",
                        expected=f"{remote.checksum}",
                        cause="the file was altered on its way or on the server (twice now)",
                        todo="try another network, " + ELSEWHERE,
                    ) from error
                log.info("%s has a wrong checksum: fetching it once more from the beginning", target.name)
                last = True
    finally:
        logger.setLevel(level)


def stream(
    url: str, part: Path, *, size: int | None, http: requests.Session, progress: bool | None = None
) -> None:
    """Fetch ``url`` into ``part``, going on from what ``part`` holds, until it has ``size`` bytes (if known).

    A connection that breaks is taken up again with a Range request (RFC 9110, section 14), at once and
    after waits that grow; a server that does not know ranges is read again from the beginning.
    """
    patience, tag, furthest = Patience(url), None, size_of(part)
    with tqdm(
        total=size,
        unit="B",
        unit_scale=True,
        desc=part.stem,
        leave=False,
        disable=None if progress is None else not progress,
    ) as bar:
        while True:
            have = size_of(part)
            if size is not None and have > size:
                part.unlink()
                have = 0
            if size is not None and have == size:
                return
            headers = {"Accept-Encoding": "identity"}  # sizes and ranges count the bytes of the file itself
            if have:
                headers |= {"Range": f"bytes={have}-"} | ({"If-Range": tag} if tag else {})
            with ask(http, url, patience=patience, headers=headers, stream=True, also=(416,)) as response:
                start, total = _range(response, have)
                if response.status_code == 416 or start not in (0, have):
                    part.unlink(missing_ok=True)  # what we have is not a beginning of what is there
                    patience.failed(response=response)
                    continue
                if "html" in response.headers.get("Content-Type", "") and (total is None or total != size):
                    raise FetchError(
                        f"{url} gave a web page",
                        got=repr(next(response.iter_content(60), b"")),
                        expected="the file",
                        cause="a log-in page of this network, or an error page",
                    )
                if size is not None and total is not None and total > size:
                    raise _too_long(url, f"{total} bytes", size)
                tag = response.headers.get("ETag") if '"' == response.headers.get("ETag", "")[:1] else None
                bar.total, bar.n = size or total, start
                bar.refresh()
                broken = _receive(response, part, start=start, limit=size, bar=bar)
            have, total = size_of(part), size or total
            if broken is None and (total is None or have == total):
                return
            if have > furthest + ADVANCE:
                patience.renew()
                furthest = have
            patience.failed(error=broken or OSError(f"the answer ended after {have} of {total} bytes"))


def _receive(
    response: requests.Response, part: Path, *, start: int, limit: int | None, bar: tqdm
) -> Exception | None:
    """Write a body to ``part`` from byte ``start`` on; returns the error that broke it off, or None."""
    with part.open("ab" if start else "wb") as file:
        try:
            for piece in response.iter_content(PIECE):
                if limit is not None and start + len(piece) > limit:
                    raise _too_long(response.url, f"more than {limit} bytes", limit)
                write(file, piece)
                start += len(piece)
                bar.update(len(piece))
        except requests.RequestException as error:
            return error
    return None


def write(file: IO[bytes], piece: bytes) -> None:
    """The only place where received bytes meet the disk; tests fill the disk here."""
    file.write(piece)


def _range(response: requests.Response, have: int) -> tuple[int, int | None]:
    """At which byte the body starts, and how long the whole file is (None if the server does not say)."""
    if response.status_code == 206:
        match = re.match(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not match:
            return -1, None
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() and "Content-Encoding" not in response.headers else None


def _too_long(url: str, got: str, size: int) -> FetchError:
    return FetchError(
        f"{url} is not the announced file",
        got=got,
        expected=f"{size} bytes",
        cause="a page of this network in its place, or a server that mixes up its files",
    )


def _copy(source: Path, part: Path, *, progress: bool | None) -> None:
    with (
        source.open("rb") as read,
        part.open("wb") as file,
        tqdm(
            total=source.stat().st_size,
            unit="B",
            unit_scale=True,
            desc=part.stem,
            leave=False,
            disable=None if progress is None else not progress,
        ) as bar,
    ):
        while piece := read.read(PIECE):
            write(file, piece)
            bar.update(len(piece))


def unpack(packed: Path, wanted: tuple[str, ...], folder: Path) -> dict[str, Path]:
    """Unpack the wanted files of a zip, wherever in it they lie, under exactly these names; {} if it lacks
    them.

    No path of the zip is ever used for writing, so a zip cannot reach outside ``folder``. Each file is
    complete (length and CRC-32 of the zip) before it gets its name.
    """
    unpacked = {}
    try:
        with zipfile.ZipFile(packed) as archive:
            members = pick((info.filename for info in archive.infolist() if not info.is_dir()), wanted)
            if members is None:
                return {}
            need_space(folder, sum(archive.getinfo(member).file_size for member in members.values()))
            for name, member in members.items():
                part = folder / (name + ".part")
                with archive.open(member) as read, part.open("wb") as file:
                    while piece := read.read(PIECE):
                        write(file, piece)
                unpacked[name] = part.replace(folder / name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, FetchError):
            raise
        raise FetchError(
            f"{packed} cannot be unpacked",
            got=f"{type(error).__name__}: {error}",
            expected="a zip file that is whole and not encrypted",
            cause="packed wrongly by its publisher, or another kind of file",
        ) from error
    return unpacked


def need_space(folder: Path, count: int) -> None:
    """`FetchError` unless ``count`` bytes fit on the disk of ``folder``, and a little more."""
    free = shutil.disk_usage(folder).free
    if free < count + MARGIN:
        raise FetchError(
            f"not enough space for the data in {folder}",
            got=f"{readable_bytes(free)} free",
            expected=f"{readable_bytes(count)}, and {readable_bytes(MARGIN)} to spare",
            cause="the disk is full",
            todo="free space, or keep the data elsewhere (--to FOLDER)",
        )


def matches(path: Path, remote: RemoteFile) -> bool:
    """Whether ``path`` is the file that was announced with a checksum."""
    if not remote.checksum or not path.is_file() or remote.size not in (None, path.stat().st_size):
        return False
    algorithm, _, digits = remote.checksum.partition(":")
    return fingerprint(path, algorithm) == digits.lower()


def size_of(path: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0
