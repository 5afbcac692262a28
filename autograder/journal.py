"""The journal of a class: one line of JSON per event, only ever added to, each entry chained to the one before.

An entry holds in `previous` the hash of the entry before it and in `hash` its own: HMAC-SHA256 (RFC 2104) over the
entry as canonical JSON, under a key made from the class key. The first entry of the chain holds in `previous` the
SHA-256 of all bytes above it, so that lines from before there was a chain cannot be changed either.

What this proves: without secret.key nobody changes, inserts, removes or reorders an entry unnoticed. What it does not:
who has the key (the instructor, or a program with the instructor's rights, such as a submission that runs without a
sandbox) can write another journal; and a chain cut off at its end is still a chain. `verify` therefore looks whether
the gradebook knows more than the journal, and gives the last hash, which can be noted down elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.klass import Klass

GRADINGS = ("grade", "regrade")  # events that give a submission its marks
BLOCK = 1 << 16  # bytes read at a time from the end of the journal


# --- writing ---


def write_journal(klass: Klass, event: str, /, **facts: Any) -> dict[str, Any]:
    """Append one entry and wait until it is on disk; returns the entry, as it will be read back.

    Reads no more of the journal than its last entry. A line that was cut off when its writer was killed stays, and the
    new entry names it in `torn`.
    """
    entry = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **facts}
    with open(klass.journal, "ab+", opener=lambda path, flags: os.open(path, flags, 0o600)) as file, _held(file):
        previous, torn, whole = _end_of(file)
        if not whole:
            file.write(b"\n")
            file.flush()
        if torn:
            entry["torn"] = torn_hash(torn)
        entry["previous"] = previous or _digest_of(file)
        entry = json.loads(json.dumps(entry, allow_nan=False))  # as it will be read back, tuples as lists
        entry["hash"] = seal(klass, _canonical(entry))
        file.write(_line(entry))
        file.flush()
        os.fsync(file.fileno())
    return entry


def seal(klass: Klass, data: bytes) -> str:
    """HMAC-SHA256 of `data` in hex digits, under a key that is made from the class key and used for nothing else."""
    key = hmac.digest(klass.key.read_bytes().strip(), b"autograder journal", "sha256")
    return hmac.new(key, data, "sha256").hexdigest()


def is_whole(klass: Klass, line: bytes, entry: dict[str, Any]) -> bool:
    """Whether a chained entry, read from `line`, is as it was written with the key of this class."""
    return entry["hash"] == seal(klass, _canonical(entry)) and _line(entry) == line + b"\n"


def torn_hash(lines: list[bytes]) -> str:
    """What an entry says of lines above it that were cut off when their writers were killed."""
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def parsed(line: bytes) -> dict[str, Any] | None:
    """The entry on a line of the journal, or None where there is no whole one."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _canonical(entry: dict[str, Any]) -> bytes:
    entry = {name: value for name, value in entry.items() if name != "hash"}
    return json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()


def _line(entry: dict[str, Any]) -> bytes:
    # Half of a surrogate pair, which only a JSON escape can hold, is written as that escape.
    return json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _end_of(file: IO[bytes]) -> tuple[str, list[bytes], bool]:
    """The hash of the last chained entry ("" if there is none), the lines after it that are no entries, and whether
    the file ends with the end of a line.
    """
    start, data = file.seek(0, os.SEEK_END), b""
    while True:
        step = min(BLOCK, start)
        start -= step
        file.seek(start)
        data = file.read(step) + data
        lines = data.split(b"\n")
        torn: list[bytes] = []
        for line in reversed(lines if start == 0 else lines[1:]):
            entry = parsed(line)
            if entry and "hash" in entry:
                return str(entry["hash"]), torn[::-1], not lines[-1]
            if entry is None and line:
                torn.append(line)
        if start == 0:
            return "", [], not lines[-1]


def _digest_of(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _held(file: IO[bytes]) -> Iterator[None]:
    """One writer at a time, also where two programs have come past the lock of the class."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)  # let go when the file is closed
    yield


# --- reading ---


def read_journal(klass: Klass) -> list[dict[str, Any]]:
    """All entries, oldest first; a line that was cut off when its writer was killed is left out."""
    if not klass.journal.exists():
        return []
    # Not splitlines(): a name may hold a character that Python, but not JSON, takes for the end of a line.
    return [entry for line in klass.journal.read_bytes().split(b"\n") if (entry := parsed(line)) is not None]


def latest_gradings(klass: Klass) -> dict[tuple[str, str], dict[str, Any]]:
    """(student, assignment) -> the newest journal entry of its grading or regrading."""
    return {(e["student"], e["assignment"]): e for e in read_journal(klass) if e.get("event") in GRADINGS}
