"""Where the files of a dataset are to be had: in its Zenodo record, at a mirror, in a zip at either.

A `Source` only says what lies where and what its checksums are; `physiodl.transfer` brings it here.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests

from physiodl.registry import PROVENANCE, UNVERIFIED, Dataset
from physiodl.zenodo import FetchError, RemoteFile, StatusError, api_base, ask, get_record, parse_record

log = logging.getLogger("physiodl")
_MD5_LINE = r"(?m)^([0-9a-fA-F]{32}) [ *](?:\./)?(.+?)\r?$"


@dataclass
class Source:
    """Where a dataset comes from: ``files`` has all its files, or one of the zips in ``archives`` should."""

    kind: str  # "real" or "mirror"
    where: str
    files: dict[str, RemoteFile]
    archives: list[RemoteFile] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)  # for provenance.json


def pick(names: Iterable[str], wanted: Iterable[str]) -> dict[str, str] | None:
    """{wanted name: its full name} where one folder of ``names`` holds all that are wanted, else None.

    Letters may differ in case. The shallowest such folder counts; two at the same depth are a `FetchError`,
    for taking either could mean training on somebody's test set.
    """
    folders: dict[PurePosixPath, dict[str, str]] = {}
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if "__MACOSX" not in path.parts:  # the shadow files that macOS adds to a zip
            folders.setdefault(path.parent, {})[path.name.lower()] = name
    full = sorted(
        (f for f, held in folders.items() if all(w.lower() in held for w in wanted)),
        key=lambda folder: len(folder.parts),
    )
    if len(full) > 1 and len(full[0].parts) == len(full[1].parts):
        raise FetchError(
            "two folders hold the data",
            got=" and ".join(map(str, full[:2])),
            expected="one folder with " + " and ".join(wanted),
            cause="the data were published in parts, a form that is not known here",
        )
    return {w: folders[full[0]][w.lower()] for w in wanted} if full else None


def published_source(dataset: Dataset, *, http: requests.Session, api: str | None = None) -> Source:
    """The files of the dataset's Zenodo record, as they are or in a zip."""
    record = get_record(dataset, http=http, api=api)
    where = f"{api_base(api)}/records/{record.number}"
    facts = {
        "record": record.number,
        "title": record.title,
        "citation": record.citation or dataset.citation,
        "licence": record.licence or dataset.licence,
        "checked": "checksums of the record",
    }
    by_name = {file.name: file for file in record.files}
    chosen = pick(by_name, dataset.files)
    if chosen:
        return Source("real", where, {w: by_name[name] for w, name in chosen.items()}, facts=facts)
    archives = [file for file in record.files if file.name.lower().endswith(".zip")]
    if not archives:
        raise FetchError(
            f"{where} does not hold the data",
            got="files " + ", ".join(list(by_name)[:8]),
            expected=" and ".join(dataset.files) + ", or a zip with them",
            cause="the record was published anew in another form, or PHYSIODL_ZENODO_API is wrong",
        )
    return Source("real", where, {}, archives, facts)


def mirror_place(mirror: str | Path) -> str:
    """The address of a mirror without a slash at its end, or its absolute path."""
    text = str(mirror)
    if text.startswith(("http://", "https://")):
        return text.rstrip("/")
    if text.startswith("file:"):
        text = url2pathname(urlsplit(text).path)
    return str(Path(text).expanduser().absolute())


def mirror_source(dataset: Dataset, mirror: str | Path, *, http: requests.Session) -> Source:
    """The files of a dataset below another address, in a local folder, or in a zip at either.

    They are looked for in the place itself and below it where this project (``af/real``) and Zenodo
    (``records/<number>/files``) keep them. Checksums are taken from a provenance.json, record.json or
    md5sums.txt beside the files; without one of these the mirror cannot be verified, which is said and
    recorded.
    """
    place = mirror_place(mirror)
    remote = "://" in place
    look: Callable[[str], RemoteFile | None] = (lambda url: _look_url(url, http)) if remote else _look_local
    if (urlsplit(place).path if remote else place).lower().endswith(".zip") and (archive := look(place)):
        log.warning("%s has no checksums: not verified", place)
        return Source("mirror", place, {}, [archive], {"checked": f"{UNVERIFIED}: none at the mirror"})
    for below in ("", f"/{dataset.name}", f"/{dataset.name}/real", f"/records/{dataset.record}/files"):
        files = {}
        for name in dataset.files:
            found = look(f"{place}{below}/{name}")
            if found is None:
                break
            files[name] = found
        else:
            return _verifiable(dataset, place + below, files, http=http if remote else None)
    tried = (
        ", ".join(dataset.files) + f" in it, in {dataset.name}/, in {dataset.name}/real/ and in "
        f"records/{dataset.record}/files/"
    )
    raise FetchError(
        f"the mirror {mirror} does not hold the data",
        got=f"none of these places has {tried}",
        expected=" and ".join(dataset.files) + " in one of them, or a .zip with them",
        cause="a typing error, or a folder above or below the right one",
        todo="name the folder or address in which the files lie",
    )


def _look_local(place: str) -> RemoteFile | None:
    path = Path(place)
    return RemoteFile(path.name, str(path), path.stat().st_size) if path.is_file() else None


def _look_url(url: str, http: requests.Session) -> RemoteFile | None:
    try:
        response = ask(http, url, headers={"Accept-Encoding": "identity"}, stream=True)
    except StatusError:
        return None
    with response:  # only the headers are read; a web page here is a server's way of saying "not found"
        if "html" in response.headers.get("Content-Type", ""):
            return None
        length = response.headers.get("Content-Length", "")
        known = length.isdigit() and "Content-Encoding" not in response.headers
        return RemoteFile(PurePosixPath(urlsplit(url).path).name, url, int(length) if known else None)


def _verifiable(
    dataset: Dataset, place: str, files: dict[str, RemoteFile], *, http: requests.Session | None
) -> Source:
    """A mirror with the checksums that lie beside its files, if any do."""

    def read(name: str) -> str:
        try:
            if http is None:
                return (Path(place) / name).read_text(encoding="utf-8", errors="replace")
            return ask(http, f"{place}/{name}").text
        except (OSError, StatusError):
            return ""

    def known(name: str) -> dict[str, Any]:
        try:
            answer = json.loads(read(name))
        except ValueError:
            return {}
        return answer if isinstance(answer, dict) else {}

    facts = known(PROVENANCE)
    if facts.get("source") == "simulated":
        raise FetchError(
            f"the mirror {place} holds simulated recordings",
            got='source "simulated"',
            expected="recordings of people",
            cause="a folder of the wrong name",
            todo="for simulated data use --simulate, so that they are labelled as such",
        )
    origin, sums = PROVENANCE, {}
    if isinstance(facts.get("files"), dict):
        sums = {name: entry.get("md5") for name, entry in facts["files"].items() if isinstance(entry, dict)}
    if not sums and (record := known("record.json")):
        origin = "record.json"
        announced = parse_record(record, url=f"{place}/{origin}", number=dataset.record).files
        sums = {f.name: f.checksum.removeprefix("md5:") for f in announced if f.checksum.startswith("md5:")}
    for name in ("md5sums.txt", "MD5SUMS"):  # lines of the md5sum command: digits, blank, blank or *, name
        if not sums:
            origin, sums = name, {n: md5.lower() for md5, n in re.findall(_MD5_LINE, read(name))}
    checked = {
        name: replace(file, checksum=f"md5:{sums[name]}" if sums.get(name) else None)
        for name, file in files.items()
    }
    about = {key: str(facts[key]) for key in ("record", "title", "citation", "licence") if facts.get(key)}
    if all(file.checksum for file in checked.values()):
        about["checked"] = f"checksums of {origin} at the mirror"
    else:
        about["checked"] = f"{UNVERIFIED}: none at the mirror"
        log.warning("%s has no checksums (provenance.json, record.json, md5sums.txt): not verified", place)
    return Source("mirror", place, checked, facts=about)
