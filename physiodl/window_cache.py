"""Arrays that take seconds to make and open at once: kept on disk, memory-mapped, made anew when they must be.

One folder per result, written aside and renamed into place, so that a reader sees all of it or nothing. Its name has
the state of every input in it: size and time of each data file, the source code, the versions of the libraries, the
parameters. A change of any of them is another name, and what was there before is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import scipy

from physiodl import registry

log = logging.getLogger("physiodl")
CONTENT = "content.json"
MAPPED = "signals"  # the one array that is large
VERSIONS = (np.__version__, scipy.__version__, version("wfdb"), version("mne"))
Add = Callable[[np.ndarray], object]


def kept(
    root: Path | None,
    name: str,
    *,
    folder: Path,
    files: Iterable[Path],
    code: Iterable[str],
    how: dict[str, Any],
    make: Callable[[], dict[str, np.ndarray]] | None = None,
    make_in_pieces: Callable[[Add], dict[str, np.ndarray]] | None = None,
) -> dict[str, np.ndarray]:
    """The arrays that ``make`` returns, from disk while nothing has changed.

    Args:
        root: where results are kept; ``windows`` below the data folder when None.
        name: of the kind of result.
        folder: of the data; results of two folders do not replace each other.
        files: data files, whose names, sizes and times of change count.
        code: source files whose content counts, besides this one.
        how: parameters.
        make: makes the arrays; called with nothing.
        make_in_pieces: instead of ``make``, where "signals" is too large for memory: called with a function to which it
            gives the rows of "signals" piece by piece, (k, ...) of one type; returns the other arrays.

    Returns:
        {name: array}. The one called "signals" is memory-mapped, copy on write: changing it changes no file. As made
        where nothing can be written.
    """
    root = registry.data_root() / "windows" if root is None else Path(root)
    stats = [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    sources = [hashlib.sha256(Path(source).read_bytes()).hexdigest() for source in (*code, __file__)]
    place = f"{name}-{_digest(str(folder.resolve()), how)[:8]}"
    key = _digest(stats, sources, VERSIONS)[:16]
    final = root / f"{place}-{key}"
    found = _opened(final)
    if found is not None:
        return found
    arrays = make() if make else {}
    try:
        _write(final, arrays, make_in_pieces)
    except _NotKept as error:  # a read-only or full data folder costs time (or memory), not the result
        log.info("could not keep the windows in %s: %s", final, error.__cause__)
        return in_memory(make_in_pieces) if make_in_pieces else arrays
    for other in root.glob(f"{place}-*"):
        if other != final:
            shutil.rmtree(other, ignore_errors=True)
    return _opened(final) or (in_memory(make_in_pieces) if make_in_pieces else arrays)


def in_memory(make_in_pieces: Callable[[Add], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """All arrays, "signals" too, where nothing is to be kept; see `kept`."""
    pieces: list[np.ndarray] = []
    arrays = make_in_pieces(pieces.append)
    return {MAPPED: np.concatenate(pieces), **arrays}


def _digest(*facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _opened(final: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a result that is whole and undamaged, else None."""
    try:
        content = json.loads((final / CONTENT).read_text(encoding="utf-8"))
        if not content:
            raise ValueError(f"{CONTENT} names no arrays")
        for name, crc in content.items():
            if _crc(final / f"{name}.npy") != crc:
                raise ValueError(f"{name}.npy has another checksum")
        return {
            name: np.load(final / f"{name}.npy", mmap_mode="c" if name == MAPPED else None, allow_pickle=False)
            for name in content
        }
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError) as error:
        log.warning("%s is damaged (%s): made anew", final, error)
        return None


class _NotKept(Exception):
    """The folder of results could not be written; its cause says why."""


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    """What the disk refuses, told apart from what making the arrays raises."""
    try:
        yield
    except OSError as error:
        raise _NotKept from error


def _write(
    final: Path, arrays: dict[str, np.ndarray], make_in_pieces: Callable[[Add], dict[str, np.ndarray]] | None
) -> None:
    with _disk():
        final.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".new-", dir=final.parent))
    try:
        names = list(arrays)
        if make_in_pieces:
            with (draft / f"{MAPPED}.npy").open("w+b") as file:
                rows = _Rows(file)
                arrays = make_in_pieces(rows.add)
                rows.finish()
            names = [MAPPED, *arrays]
        with _disk():
            for name, array in arrays.items():
                np.save(draft / f"{name}.npy", array, allow_pickle=False)
            content = {name: _crc(draft / f"{name}.npy") for name in names}
            (draft / CONTENT).write_text(json.dumps(content), encoding="utf-8")
            draft.chmod(0o755)  # as other data folders: who may read those may read this
            shutil.rmtree(final, ignore_errors=True)  # only there when damaged
            try:
                os.replace(draft, final)
            except OSError:
                if _opened(final) is None:  # else another process was faster, with the same result
                    raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


class _Rows:
    """An ``.npy`` file that grows: NumPy leaves room in its header for a longer first axis."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.rows, self.kind = file, 0, None

    def add(self, piece: np.ndarray) -> None:
        piece = np.ascontiguousarray(piece)
        kind = (piece.shape[1:], piece.dtype)
        if self.kind not in (None, kind):
            raise ValueError(f"got a piece of {kind}, expected {self.kind} as before")
        with _disk():
            if self.kind is None:
                self.kind = kind
                self._header()
            self.file.write(piece.data)
        self.rows += len(piece)

    def finish(self) -> None:
        """Say in the header how many rows there are; the header keeps its length."""
        if self.kind is None:
            raise ValueError("got no piece, expected at least one")
        with _disk():
            end = self.file.tell()
            self.file.seek(0)
            self._header()
            self.file.seek(end)
            self.file.flush()  # a full disk may show only now

    def _header(self) -> None:
        shape, dtype = self.kind
        facts = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (self.rows, *shape)}
        np.lib.format.write_array_header_1_0(self.file, facts)


def _crc(path: Path) -> int:
    """CRC-32: finds damage, and reads 60 MB in a few hundredths of a second."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            crc = zlib.crc32(block, crc)
    return crc
