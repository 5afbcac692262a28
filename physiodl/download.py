"""Getting a dataset onto this disk: from Zenodo (PhysioNet: `physiodl.physionet`), from a mirror, or simulated.

The rule that everything here serves: a final file name only ever holds data that were verified and checked.
So files arrive in ``incoming`` beside their place: as ``.part`` while bytes come in (which is what a later
run goes on from), under their own name once the checksum is right, and they are moved to their place when
`Dataset.check` has accepted the arrays.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import importlib
import itertools
import logging
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from tqdm.auto import tqdm

from physiodl import registry
from physiodl.afdata import DataError
from physiodl.registry import PARTIAL, Dataset
from physiodl.sources import Source, mirror_place, mirror_source, published_source
from physiodl.transfer import matches, need_space, retrieve, size_of, unpack
from physiodl.zenodo import USER_AGENT, FetchError, session

log = logging.getLogger("physiodl")


def fetch(
    name: str = "af",
    *,
    root: str | Path | None = None,
    mirror: str | Path | None = None,
    api: str | None = None,
    force: bool = False,
    progress: bool | None = None,
) -> Path:
    """Have the recordings of a dataset on this disk, verified; return their folder.

    What is there already and matches its provenance is used without any request. A damaged file is set
    aside as ``<name>.damaged`` and fetched again, the others are kept.

    Args:
        name: dataset in the registry, such as "af".
        root: folder of all data; `registry.data_root()` by default.
        mirror: address or folder to take the files from instead of Zenodo or PhysioNet.
        api: base of the record API, https://zenodo.org/api by default; of a project, of the files of PhysioNet.
        force: fetch although good files are there; they stay until the new ones are verified.
        progress: show a progress bar; None shows it on a terminal only.

    Raises:
        FetchError: not reachable, refused, incomplete, damaged, no space.
        DataError: the files arrived and are not what the dataset must be; what was there is left as it was.
    """
    dataset = registry.find(name)
    if dataset.project:
        from physiodl import physionet  # which builds on this module

        return physionet.fetch(name, root=root, mirror=mirror, base=api, force=force, progress=progress)
    folder = registry.real_folder(dataset, root)
    place = mirror_place(mirror) if mirror else ""
    if not force and _usable(dataset, folder, place):
        return folder
    with disk_errors(folder), alone(folder), session() as http:
        if not force and _usable(
            dataset, folder, place
        ):  # another process has fetched it while this one waited
            return folder
        state = registry.verify(dataset, folder)
        for damaged in state.damaged:
            set_aside(folder / damaged, "damaged")
        try:
            source = (
                mirror_source(dataset, mirror, http=http)
                if mirror
                else published_source(dataset, http=http, api=api)
            )
        except FetchError as error:
            if state.unknown:
                error.add_note(
                    f"{', '.join(state.unknown)} in {folder} came without a provenance.json; if you trust "
                    f"them: python data_fetch.py {dataset.name} --mirror {folder}"
                )
            raise
        candidates = _obtain(source, dataset, folder, http=http, progress=progress, force=force)
        _check(source, dataset, candidates, folder)
        _install(dataset, folder, candidates, _provenance(source, candidates))
    log.info("%s: %s in %s", dataset.name, registry.verify(dataset, folder), folder)
    return folder


def simulate(
    name: str = "af",
    *,
    n: int | None = None,
    seed: int = 0,
    hours: float | None = None,
    root: str | Path | None = None,
    force: bool = False,
    progress: bool | None = None,
) -> Path:
    """Have ``n`` recordings simulated from ``seed`` on this disk, in the published form; return their folder.

    Of a project of PhysioNet, ``n`` is the number of subjects. None is the usual number of the dataset. ``hours`` is
    the length of each recording of a sleep database other than the usual. What is there is reused when it is
    undamaged and of the present version of the simulator.
    """
    dataset = registry.find(name)
    n = dataset.simulated_n if n is None else n
    if dataset.project:  # simulators are imported only here: they need SciPy, fetching does not
        simulator = importlib.import_module(f"physiodl.simulate.{dataset.module}")
        write, size = simulator.write_database, {"n_subjects": n} | ({} if hours is None else {"hours": hours})
    else:
        from physiodl.simulate import af as simulator

        write, size = simulator.write_af, {"n": n}
    folder = registry.simulated_folder(dataset, root, n=n, seed=seed, hours=hours)
    version = {"generator version": simulator.VERSION}
    if not force and _usable(dataset, folder, **version):
        return folder
    with disk_errors(folder), alone(folder):
        if not force and _usable(dataset, folder, **version):
            return folder
        incoming = folder / PARTIAL
        shutil.rmtree(incoming, ignore_errors=True)  # a part of a simulation is worth nothing
        incoming.mkdir()
        try:
            hidden = None if progress is None else not progress
            unit = "subject" if dataset.project else "recording"
            with tqdm(total=n, desc="simulating", unit=unit, leave=False, disable=hidden) as bar:
                write(incoming, **size, seed=seed, progress=lambda _row: bar.update())
            there = (path for path in sorted(incoming.rglob("*")) if path.is_file())
            candidates = {path.relative_to(incoming).as_posix(): path for path in there}
            dataset.check(candidates)
            facts = {"source": "simulated", "seed": seed, "n": n, **version, "by": USER_AGENT}
            facts |= {"citation": "simulated by PhysioDL", "licence": "CC0-1.0"}
            _install(dataset, folder, candidates, facts | {"files": _fingerprints(candidates)})
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
    log.info("%s: %s in %s", dataset.name, registry.verify(dataset, folder), folder)
    return folder


def _usable(dataset: Dataset, folder: Path, place: str = "", **wanted: Any) -> bool:
    """Whether the folder is complete, undamaged, and what is wanted.

    Recordings of another mirror than ``place`` are not; published ones are, whichever mirror is named.
    """
    state = registry.verify(dataset, folder)
    if place and state.source == "mirror" and not state.facts.get("where", "").startswith(place):
        return False
    usable = state.good and all(state.facts.get(key) == value for key, value in wanted.items())
    if usable:
        log.info("%s: %s in %s", dataset.name, state, folder)
    return usable


def _obtain(
    source: Source,
    dataset: Dataset,
    folder: Path,
    *,
    http: requests.Session,
    progress: bool | None,
    force: bool,
) -> dict[str, Path]:
    """Verified files by name: those in place that are as announced, the others in ``incoming``."""
    incoming = folder / PARTIAL
    incoming.mkdir(exist_ok=True)
    for archive in source.archives:
        need_space(incoming, (archive.size or 0) - size_of(incoming / "archive.zip.part"))
        packed = retrieve(archive, incoming / "archive.zip", http=http, progress=progress)
        unpacked = unpack(packed, dataset.files, incoming)
        if unpacked:
            source.facts["archive"] = {
                "name": archive.name,
                "size": packed.stat().st_size,
                "md5": registry.fingerprint(packed),
            }
            return unpacked
        packed.unlink()
    if source.archives:
        raise FetchError(
            f"{source.where} does not hold the data",
            got="zip files without them",
            expected=" and ".join(dataset.files),
            cause="the record was published in another form",
        )
    found = {
        name: folder / name
        for name, remote in source.files.items()
        if not force and remote.checksum and matches(folder / name, remote)
    }
    missing = {name: remote for name, remote in source.files.items() if name not in found}
    need_space(
        incoming,
        sum(
            (remote.size or 0) - size_of(incoming / f"{name}.part") - size_of(incoming / name)
            for name, remote in missing.items()
        ),
    )
    for name, remote in missing.items():
        found[name] = retrieve(remote, incoming / name, http=http, progress=progress)
    return found


def _check(source: Source, dataset: Dataset, candidates: dict[str, Path], folder: Path) -> None:
    try:
        dataset.check(candidates)
    except DataError as error:
        for name, path in candidates.items():
            if path.parent != folder and not (name in source.files and source.files[name].checksum):
                path.unlink(missing_ok=True)  # what is verified stays, to be looked at and not fetched twice
        error.add_note(f"The files came from {source.where}. Nothing in {folder} was changed.")
        raise


def _fingerprints(candidates: dict[str, Path]) -> dict[str, dict[str, Any]]:
    return {
        name: {"size": path.stat().st_size, "md5": registry.fingerprint(path)}
        for name, path in candidates.items()
    }


def _provenance(source: Source, candidates: dict[str, Path]) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {
        "source": source.kind,
        "where": source.where,
        **source.facts,
        "fetched": now,
        "by": USER_AGENT,
        "files": _fingerprints(candidates),
    }


def _install(dataset: Dataset, folder: Path, candidates: dict[str, Path], facts: dict[str, Any]) -> None:
    """Move checked files to their place, then say in provenance.json what they are, then tidy up."""
    known = registry.read_provenance(folder).get("files", {})
    for name, path in candidates.items():
        final = folder / name
        if path == final:
            continue
        if (
            final.is_file()
            and name not in known
            and registry.fingerprint(final) != facts["files"][name]["md5"]
        ):
            set_aside(final, "previous")  # somebody put it there by hand: not ours to throw away
        final.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, final)
    registry.write_provenance(folder, facts)
    shutil.rmtree(folder / PARTIAL, ignore_errors=True)


def set_aside(path: Path, why: str) -> None:
    kept = path.with_name(f"{path.name}.{why}")
    os.replace(path, kept)
    log.warning(
        "%s %s: it is kept as %s",
        path,
        "is damaged and is fetched again" if why == "damaged" else "is replaced",
        kept.name,
    )


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder against other processes; wait while one is at work. A dead process holds nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        for waited in itertools.count():
            try:
                _lock(file.fileno())
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                    log.debug("no lock on %s: %s", folder, error)  # some network file systems have none
                    break
            if waited == 0:
                log.info("waiting for another process that is writing %s", folder)
            time.sleep(0.5)
        yield


def _lock(handle: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what a disk can refuse into a `FetchError` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FetchError(
                f"the disk filled up while writing to {folder}",
                got=str(error),
                expected="space for all of it",
                cause="the disk or your share of it is full",
                todo=f"free space and run the same command again: it goes on from what is in "
                f"{folder / PARTIAL} (or delete that); or keep the data elsewhere (--to FOLDER)",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise FetchError(
                f"{folder} cannot be written",
                got=str(error),
                expected="a folder of your own",
                cause="the data folder belongs to somebody else, or is read-only",
                todo="keep the data elsewhere (--to FOLDER)",
            ) from error
        raise
