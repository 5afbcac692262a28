"""Arrays that take seconds to make and open at once: kept on disk, memory-mapped, made anew when they must be.

One folder per result, written aside and renamed into place, so that a reader sees all of it or nothing. Its name has
the state of every input in it: size and time of each data file, the source code, the versions of the libraries, the
parameters. A change of any of them is another name, and what was there before is removed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from physiodl import registry

log = logging.getLogger("physiodl")
CONTENT = "content.json"
MAPPED = "signals"  # the one array that is large
VERSIONS = (np.__version__, scipy.__version__, version("wfdb"))


def kept(
    root: Path | None,
    name: str,
    *,
    folder: Path,
    files: Iterable[Path],
    code: Iterable[str],
    how: dict[str, Any],
    make: Callable[[], dict[str, np.ndarray]],
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
    arrays = make()
    try:
        _write(final, arrays)
    except OSError as error:  # a read-only or full data folder costs time, not the result
        log.info("could not keep the windows in %s: %s", final, error)
        return arrays
    for other in root.glob(f"{place}-*"):
        if other != final:
            shutil.rmtree(other, ignore_errors=True)
    return _opened(final) or arrays


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


def _write(final: Path, arrays: dict[str, np.ndarray]) -> None:
    final.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".new-", dir=final.parent))
    try:
        content = {}
        for name, array in arrays.items():
            np.save(draft / f"{name}.npy", array, allow_pickle=False)
            content[name] = _crc(draft / f"{name}.npy")
        (draft / CONTENT).write_text(json.dumps(content), encoding="utf-8")
        draft.chmod(0o755)  # as other data folders: who may read those may read this
        shutil.rmtree(final, ignore_errors=True)  # only there when damaged
        os.replace(draft, final)
    except OSError:
        if _opened(final) is None:  # else another process was faster, with the same result
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _crc(path: Path) -> int:
    """CRC-32: finds damage, and reads 60 MB in a few hundredths of a second."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            crc = zlib.crc32(block, crc)
    return crc
