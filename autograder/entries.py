"""Files that came from outside, none of which is trusted: how one is listed, named, refused, read from a folder.

A file is listed by name, and its bytes come from `Entry.read`, which counts what it really gets. What is refused is
refused by name with the reason; the others go on. Links, devices and pipes are neither followed nor opened.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

MAX_MEMBERS = 20_000  # of one archive or folder
MAX_TOTAL = 4_000_000_000  # bytes that come out of one archive: 500 students with 8 MB each
MAX_DEPTH, MAX_PATH = 12, 1_000  # folders in folders, characters of a path
JUNK_FOLDERS = {"__MACOSX", ".ipynb_checkpoints", "__pycache__", ".git", ".AppleDouble", ".Trashes", ".fseventsd"}
JUNK_FILES = {"thumbs.db", "desktop.ini"}
KINDS = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


class Refused(Exception):
    """A file is not taken; the message says why, to be read after its name."""


@dataclass
class Budget:
    """How many bytes may still come out of an archive and what is nested in it."""

    left: int

    def take(self, n: int) -> None:
        self.left -= n
        if self.left < 0:
            raise Refused(f"more than {MAX_TOTAL / 1e9:g} GB come out of this archive; it is not read any further")


@dataclass(frozen=True)
class Entry:
    """A file in an archive or folder. `why` is not empty where it is refused as it stands; `note` is for people.

    `parts` is its path below the archive or folder, `time` when it was last changed where that is known.
    """

    name: str
    parts: tuple[str, ...] = ()
    time: datetime | None = None
    why: str = ""
    note: str = ""
    budget: Budget = field(default_factory=lambda: Budget(MAX_TOTAL), repr=False)
    reader: Callable[[int], bytes] = field(default=lambda most: b"", repr=False)

    def read(self, most: int) -> bytes:
        """The file's bytes; raises `Refused` for more than `most`, for a bomb and for damaged data."""
        if self.why:
            raise Refused(self.why)
        try:
            return self.reader(most)
        except Refused:
            raise
        except Exception as error:  # readers of archives raise anything for data that somebody made up
            raise Refused(f"it is damaged: {reason(error)}") from None


def shown(name: str, *, most: int = 160) -> str:
    """A name as a terminal and a log may show it: what cannot be seen is escaped, what is very long is cut."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in name)
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"


def reason(error: Exception) -> str:
    text = shown(str(error)) or type(error).__name__
    return "its checksum is wrong" if "CRC" in text else text


# --- names ---


def _parts(name: str) -> tuple[str, ...]:
    """A path from an archive as its parts; raises `Refused` where it could lead outside or hide what it is."""
    if any("\ud800" <= c <= "\udfff" for c in name):
        raise Refused("its name is not valid UTF-8")
    if any(unicodedata.category(c) == "Cc" for c in name):
        raise Refused("its name holds control characters")
    if "\\" in name:
        raise Refused("its path is written with backslashes, which can lead outside the archive")
    if name.startswith("/") or re.match("[A-Za-z]:", name):
        raise Refused("its path is absolute; it would lead outside the archive")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise Refused("its path holds '..', which leads outside the archive")
    if not parts and not name.endswith("/"):
        raise Refused("it has no name")
    if len(name) > MAX_PATH or len(parts) > MAX_DEPTH:
        raise Refused(f"its path is longer than {MAX_PATH} characters or {MAX_DEPTH} folders")
    return parts


def _is_junk(parts: tuple[str, ...]) -> bool:
    """What operating systems and editors leave behind."""
    last = parts[-1] if parts else ""
    hidden = last.startswith(".") and not last.lower().endswith(".ipynb")
    return not JUNK_FOLDERS.isdisjoint(parts) or last.startswith("._") or hidden or last.lower() in JUNK_FILES


def listed(name: str, mode: int, is_folder: bool, **facts: Any) -> Entry | None:
    """The entry of a file, refused where its name or its kind is; None for folders and junk."""
    try:
        parts = _parts(name)
    except Refused as error:
        return Entry(shown(name), why=str(error))
    if _is_junk(parts) or (is_folder and stat.S_IFMT(mode) in (0, stat.S_IFDIR)):
        return None
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        kind = KINDS.get(stat.S_IFMT(mode), "a device or another special file")
        return Entry(shown(name), parts, why=f"it is {kind}, not a file; links and special files are never opened")
    return Entry(shown(name), parts, **facts)


# --- folders ---


def folder_entries(root: Path) -> Iterator[Entry]:
    """The files below a folder by path; links, pipes and devices are named and never opened."""
    todo, n = [()], 0
    while todo:
        above = todo.pop()
        try:
            with os.scandir(root.joinpath(*above)) as found:
                inside = sorted(found, key=lambda e: e.name)
        except OSError as error:
            yield Entry(shown("/".join(above)), above, why=f"it cannot be read: {error.strerror}")
            continue
        for item in inside:
            n += 1
            if n > MAX_MEMBERS:
                raise Refused(f"it holds more than {MAX_MEMBERS} files. Give the folder of the submissions only.")
            path = "/".join((*above, item.name))
            try:
                mode = item.stat(follow_symlinks=False).st_mode
            except OSError as error:
                yield Entry(shown(path), (*above, item.name), why=f"it cannot be read: {error.strerror}")
                continue
            is_folder = stat.S_ISDIR(mode)
            entry = listed(path, mode, is_folder, reader=partial(read_file, Path(item.path)))
            if entry:
                yield entry
            elif is_folder and item.name not in JUNK_FOLDERS:
                todo.append((*above, item.name))


def open_regular(path: Path, *, follow: bool = True) -> int:
    """A file descriptor of a plain file; a pipe does not block, and a link is an OSError unless `follow`."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags if follow else flags | getattr(os, "O_NOFOLLOW", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "it is not a plain file")
    return handle


def read_file(path: Path, most: int) -> bytes:
    with os.fdopen(open_regular(path, follow=False), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise Refused(too_large(size, most))
        data = file.read(most + 1)
    if len(data) > most:
        raise Refused(too_large(len(data), most))
    return data


def too_large(size: int, most: int) -> str:
    return (
        f"it is {size / 1e6:.0f} MB large; at most {most / 1e6:.0f} MB are read. "
        "If it is a notebook, its outputs can be cleared."
    )
