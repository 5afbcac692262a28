"""Files of a PhysioNet project on this disk: fetched, resumed, and verified against the project's SHA256SUMS.txt.

PhysioNet serves ``https://physionet.org/files/<project>/<version>/``. `wfdb.dl_database` would fetch from there too,
but compares nothing with the checksums, and appends to a file that is too short, whatever its beginning holds. Here
SHA256SUMS.txt comes first; every file must match it before it gets its name, and again whenever it is reused.

A project is one entry of `physiodl.registry.DATASETS` with ``project`` and ``wanted``. Files are placed one by one as
they come, RECORDS last: where RECORDS is, everything is.
"""

from __future__ import annotations

import datetime
import logging
import os
import re
import shutil
from pathlib import Path
from urllib.parse import quote

import requests
from tqdm.auto import tqdm

from physiodl import registry
from physiodl.afdata import DataError
from physiodl.download import alone, disk_errors, set_aside
from physiodl.registry import PARTIAL, RECORDS, SUMS, Dataset
from physiodl.sources import mirror_place
from physiodl.transfer import matches, need_space, retrieve
from physiodl.zenodo import ELSEWHERE, USER_AGENT, FetchError, RemoteFile, StatusError, ask, session

log = logging.getLogger("physiodl")
BASE = "https://physionet.org/files"


def fetch(
    name: str,
    *,
    root: str | Path | None = None,
    mirror: str | Path | None = None,
    base: str | None = None,
    force: bool = False,
    progress: bool | None = None,
) -> Path:
    """Have the files of a project on this disk, verified; return their folder.

    What is there and matches SHA256SUMS.txt is used without any request. A damaged file is set aside as
    ``<name>.damaged`` and fetched again; files that are right are kept, also those of a run that was broken off.

    Args:
        name: dataset in the registry that is a project of PhysioNet, such as ``"mitdb"``.
        root: folder of all data; `registry.data_root()` by default.
        mirror: address or folder with a copy. It may hold some of the records only: those that its RECORDS lists.
        base: address below which projects lie; that of PhysioNet, or $PHYSIODL_PHYSIONET.
        force: fetch everything anew; what is there stays until the new file is verified.
        progress: show a progress bar; None shows it on a terminal only.

    Raises:
        FetchError: not reachable, refused, incomplete, damaged, no space.
        DataError: the files arrived and are not what the dataset must be.
    """
    dataset = registry.find(name)
    if not dataset.project:
        raise ValueError(f"got dataset {name!r}, expected one of PhysioNet: {dataset.name} is at Zenodo")
    folder = registry.real_folder(dataset, root)
    if not force and _usable(dataset, folder, mirror):
        return folder
    with disk_errors(folder), alone(folder), session() as http:
        if not force and _usable(dataset, folder, mirror):  # another process has fetched it in the meantime
            return folder
        if mirror:
            place = _mirror(dataset, mirror, http)
        else:
            base = base or os.environ.get("PHYSIODL_PHYSIONET", "").strip() or BASE
            place = f"{base.rstrip('/')}/{dataset.project}"
        _bring(dataset, place, folder, http=http, force=force, progress=progress, partly=bool(mirror))
    log.info("%s: %s in %s", dataset.name, registry.verify(dataset, folder), folder)
    return folder


def wanted_names(dataset: Dataset, sums: dict[str, str], records: list[str]) -> list[str]:
    """Which files of a project the course uses, in the order of its SHA256SUMS.txt."""
    found = [(name, re.fullmatch(dataset.wanted, name)) for name in sums]
    of = re.compile(dataset.wanted).groupindex
    if "record" in of:  # RECORDS may name files, as that of Sleep-EDF does: its PSG files, and not their hypnograms
        within = (re.fullmatch(dataset.wanted, record) for record in records)
        records = [*records, *(match["record"] for match in within if match and match["record"])]
    # a file of the project that is of no record, such as a table of subjects, matches without that group
    return [name for name, match in found if match and ("record" not in of or match["record"] in (None, *records))]


def _usable(dataset: Dataset, folder: Path, mirror: str | Path | None) -> bool:
    state = registry.verify(dataset, folder)
    if state.facts.get("left out") and not mirror:  # a part, from a mirror: PhysioNet has the rest
        return False
    if mirror and state.source == "mirror" and not str(state.facts.get("where")).startswith(mirror_place(mirror)):
        return False
    if state.good:
        log.info("%s: %s in %s", dataset.name, state, folder)
    return state.good


def _bring(
    dataset: Dataset,
    place: str,
    folder: Path,
    *,
    http: requests.Session,
    force: bool,
    progress: bool | None,
    partly: bool,
) -> None:
    """Fetch what is missing or wrong, check all of it, and say in provenance.json what it is."""
    incoming = folder / PARTIAL
    incoming.mkdir(exist_ok=True)
    for name in (SUMS, RECORDS):  # small, and fetched anew every time: they say what the rest must be
        retrieve(_remote(place, name), incoming / name, http=http, progress=False)
    sums = registry.read_sums(incoming / SUMS)
    if not sums:
        raise FetchError(
            f"{place}/{SUMS} is no list of checksums",
            got=repr((incoming / SUMS).read_bytes()[:60]),
            expected="lines of 64 hexadecimal digits and a file name",
            cause="a log-in page of this network, or not the folder of the project",
        )
    listed = registry.fingerprint(incoming / RECORDS, "sha256") == sums.get(RECORDS, "")
    if not listed and not partly:
        raise _altered(f"{place}/{RECORDS}", SUMS)
    records = (incoming / RECORDS).read_text(encoding="utf-8").split()
    names = wanted_names(dataset, sums, records)
    everything = [name for name in sums if re.fullmatch(dataset.wanted, name)]
    if not names:
        raise FetchError(
            f"{place} does not hold the data",
            got=f"{len(sums)} files, none of them wanted",
            expected=f"files of {dataset.project}",
            cause="the folder of another project, or of simulated recordings (for those use --simulate)",
        )
    if "://" not in place and Path(place).resolve() == folder.resolve():
        force = False  # the mirror is this folder itself: there is nothing to fetch, only to verify
    remotes = {name: _remote(place, name, sums[name]) for name in names}
    missing = [name for name in names if force or not matches(folder / name, remotes[name])]
    if "://" not in place:
        need_space(incoming, sum(os.path.getsize(f"{place}/{name}") for name in missing if Path(place, name).is_file()))
    hidden = None if progress is None else not progress
    with tqdm(missing, desc=dataset.name, unit="file", leave=False, disable=hidden) as bar:
        for name in bar:
            (incoming / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                found = retrieve(remotes[name], incoming / name, http=http, progress=False)
            except FileNotFoundError as error:
                raise _absent(place, name, "no such file") from error
            except StatusError as error:
                if error.status == 404:
                    raise _absent(place, name, "status 404") from error
                raise
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if (folder / name).is_file() and not matches(folder / name, remotes[name]):
                set_aside(folder / name, "damaged")
            os.replace(found, folder / name)
    dataset.check({name: folder / name for name in names})
    _refuse_simulated(place, [folder / name for name in names])
    os.replace(incoming / SUMS, folder / SUMS)
    os.replace(incoming / RECORDS, folder / RECORDS)
    facts = {
        "source": "mirror" if partly else "real",
        "where": place,
        "project": dataset.project,
        "title": dataset.title,
        "citation": dataset.citation,
        "licence": dataset.licence,
        "checked": f"{SUMS} of the project",
        "left out": len(everything) - len(names),
        "fetched": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "by": USER_AGENT,
        "files": {
            name: {"size": (folder / name).stat().st_size, "md5": registry.fingerprint(folder / name)}
            for name in (*names, SUMS, RECORDS)
        },
    }
    if facts["left out"]:
        log.warning("%s holds %d of %d files of %s", place, len(names), len(everything), dataset.project)
    registry.write_provenance(folder, facts)
    shutil.rmtree(incoming, ignore_errors=True)


def _mirror(dataset: Dataset, mirror: str | Path, http: requests.Session) -> str:
    """The folder of the project at a mirror: the place itself, or below it where PhysioNet and this project have it."""
    place = mirror_place(mirror)
    below = ("", f"/{dataset.project}", f"/files/{dataset.project}", f"/physionet/{dataset.project}")
    for folder in (place + each for each in below):
        if _is_there(f"{folder}/{SUMS}", http) and _is_there(f"{folder}/{RECORDS}", http):
            return folder
    raise FetchError(
        f"the mirror {mirror} does not hold the data",
        got=f"no {SUMS} and {RECORDS} in it, nor in " + ", ".join(each[1:] + "/" for each in below[1:]),
        expected=f"the files of {dataset.project} with its {SUMS}, without which nothing can be verified",
        cause="a typing error, a folder above or below the right one, or a copy without its checksums",
        todo="name the folder or address in which the files lie",
    )


def _is_there(url: str, http: requests.Session) -> bool:
    if "://" not in url:
        return Path(url).is_file()
    try:
        with ask(http, url, headers={"Accept-Encoding": "identity"}, stream=True) as response:
            return "html" not in response.headers.get("Content-Type", "")  # a web page is a way to say "not found"
    except StatusError:
        return False


def _remote(place: str, name: str, sha256: str | None = None) -> RemoteFile:
    url = f"{place}/{quote(name)}" if "://" in place else f"{place}/{name}"
    return RemoteFile(name, url, None, f"sha256:{sha256}" if sha256 else None)


def _refuse_simulated(place: str, files: list[Path]) -> None:
    for path in files:
        with path.open("rb") as file:  # the comments of a .hea, the first fields of an EDF
            begin = file.read(-1 if path.suffix == ".hea" else 256)
        if path.suffix in (".hea", ".edf") and b"SIMULATED" in begin:
            raise DataError(
                f"the mirror {place} holds simulated recordings",
                got=f"SIMULATED in {path.name}",
                expected="recordings of people",
                cause="a folder of the wrong name",
                todo="for simulated data use --simulate, so that they are labelled as such",
            )


def _altered(url: str, sums: str) -> FetchError:
    return FetchError(
        f"{url} is not the announced file",
        got="another checksum",
        expected=f"that of {sums}",
        cause="the file was altered on its way, on the server or on this disk",
        todo="try another network, " + ELSEWHERE,
    )


def _absent(place: str, name: str, got: str) -> FetchError:
    return FetchError(
        f"{place}/{name} is missing",
        got=got,
        expected=f"a file that {SUMS} and {RECORDS} announce",
        cause="an incomplete copy",
        todo="complete the mirror (or take the record out of its RECORDS), or use another one",
    )
