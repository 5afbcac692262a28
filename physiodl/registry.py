"""Which datasets the course knows, where they lie on this disk, and whether they are still as placed.

Every folder of data carries a ``provenance.json``: where the files came from, and the size and md5 of each.
That is what makes reuse verifiable with no network. The checksums are never written here: they come from
the publisher's record at the moment of fetching (`physiodl.zenodo`). Projects of PhysioNet publish theirs in
``SHA256SUMS.txt``, which is kept beside the files and compared with them (`physiodl.physionet`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pooch

from physiodl import afdata

VERSION = "0.1"
PROVENANCE = "provenance.json"
SUMS, RECORDS = "SHA256SUMS.txt", "RECORDS"  # of a project of PhysioNet
PARTIAL = "incoming"  # beside the files: what is still being fetched, or is not yet checked
UNVERIFIED = "never compared with published checksums"
SOURCES = ("real", "mirror", "simulated")


@dataclass(frozen=True)
class Dataset:
    """One entry of the registry.

    Attributes:
        name: as the command line and `physiodl.data.load` know it.
        title: one line for people.
        files: the file names as published.
        record: number of the Zenodo record.
        homepage, citation, licence: shown until the record itself has been read.
        check: raises `DataError` unless the files, given as {name: path}, hold what they must.
        aliases: other names that are understood.
        project: name and version at PhysioNet, such as ``"mitdb/1.0.0"``; "" for a Zenodo record.
        wanted: of a project, a regular expression of the files that the course uses. What its group ``record``
            matches, if it has one, must be listed in RECORDS: as it stands, or within a name that matches itself. A
            file that matches without the group is wanted whatever RECORDS lists.
        module: of a project, the module of `physiodl` that reads it and the one of `physiodl.simulate` that writes it.
        simulated_n: how many recordings (of a project: subjects) are simulated unless a number is given.
    """

    name: str
    title: str
    files: tuple[str, ...]
    record: str
    homepage: str
    citation: str
    licence: str
    check: Callable[[dict[str, Path]], Any] = field(repr=False)
    aliases: tuple[str, ...] = ()
    project: str = ""
    wanted: str = ""
    module: str = ""
    simulated_n: int = 1000


def _check_wfdb(paths: dict[str, Path]) -> None:
    from physiodl import mitdb  # only here: it needs SciPy and WFDB, and it needs this module

    mitdb.check_files(paths)


def _check_nights(paths: dict[str, Path]) -> None:
    from physiodl import sleepedf_files

    sleepedf_files.check_files(paths)


def _check_tasks(paths: dict[str, Path]) -> None:
    from physiodl import eegmat_files

    eegmat_files.check_files(paths)


DATASETS: dict[str, Dataset] = {
    "af": Dataset(
        name="af",
        title="Atrial fibrillation or normal rhythm, one-lead ECG, 300 Hz",
        files=(afdata.FEATURES_NAME, afdata.LABELS_NAME),
        record="15302489",
        homepage="https://zenodo.org/records/15302489",
        citation="Zenodo record 15302489, https://doi.org/10.5281/zenodo.15302489",
        licence="as stated at https://zenodo.org/records/15302489",
        check=afdata.read_af_files,
        aliases=("af_detection",),
    ),
    "mitdb": Dataset(
        name="mitdb",
        title="MIT-BIH Arrhythmia Database: beats and rhythms, two-lead ECG, 360 Hz",
        files=(RECORDS, SUMS),
        record="",
        homepage="https://physionet.org/content/mitdb/1.0.0/",
        citation="Moody and Mark 2001, https://doi.org/10.1109/51.932724; PhysioNet, https://doi.org/10.13026/C2F305",
        licence="ODC-By 1.0",
        check=_check_wfdb,
        aliases=("arrhythmia",),
        project="mitdb/1.0.0",
        wanted=r"(?P<record>\d{3})\.(hea|dat|atr)",
        module="mitdb",
        simulated_n=20,
    ),
    "sleep": Dataset(
        name="sleep",
        title="Sleep-EDF Expanded, sleep cassette: whole nights with stages, EEG Fpz-Cz, 100 Hz",
        files=(RECORDS, SUMS),
        record="",
        homepage="https://physionet.org/content/sleep-edfx/1.0.0/",
        citation="Kemp et al. 2000, https://doi.org/10.1109/10.867928; PhysioNet, https://doi.org/10.13026/C2X676",
        licence="ODC-By 1.0",
        check=_check_nights,
        aliases=("sleep_staging", "sleepedf"),
        project="sleep-edfx/1.0.0",
        wanted=r"sleep-cassette/(?P<record>SC4\d{3})[A-Z0-9]{2}-(PSG|Hypnogram)\.edf",
        module="sleepedf",
        simulated_n=20,
    ),
    "workload": Dataset(
        name="workload",
        title="EEG During Mental Arithmetic Tasks: rest and arithmetic, 19 electrodes, 500 Hz",
        files=(RECORDS, SUMS),
        record="",
        homepage="https://physionet.org/content/eegmat/1.0.0/",
        citation="Zyma et al. 2019, https://doi.org/10.3390/data4010014; PhysioNet, https://doi.org/10.13026/C2JQ1P",
        licence="ODC-By 1.0",
        check=_check_tasks,
        aliases=("mental_workload", "eegmat"),
        project="eegmat/1.0.0",
        wanted=r"(?P<record>Subject\d{2})_[12]\.edf|subject-info\.csv",
        module="eegmat",
        simulated_n=20,
    ),
}


class UnknownDataset(KeyError):
    """A name that the registry does not have; the message names those it has."""

    def __str__(self) -> str:
        return str(self.args[0])


def find(name: str) -> Dataset:
    """The dataset of that name or alias, in any case of letters; `UnknownDataset` names the known ones."""
    wanted = name.strip().lower().replace("-", "_")
    for dataset in DATASETS.values():
        if wanted in (dataset.name, *dataset.aliases):
            return dataset
    raise UnknownDataset(
        f"got dataset {name!r}, expected one of: {', '.join(DATASETS)} "
        "(python data_fetch.py --list describes them)"
    )


def data_root() -> Path:
    """The folder of all data: $PHYSIODL_DATA, else ``data`` of the cloned course, else the user's cache."""
    chosen = os.environ.get("PHYSIODL_DATA", "").strip()
    if chosen:
        return Path(chosen).expanduser().absolute()
    project = Path(__file__).resolve().parent.parent
    if (project / "data_fetch.py").is_file():
        return project / "data"
    return Path(pooch.os_cache("physiodl"))


def real_folder(dataset: Dataset, root: str | Path | None = None) -> Path:
    """Where the published recordings (or those of a mirror) lie or will lie."""
    if dataset.project:
        return _root(root) / "physionet" / dataset.project
    return _root(root) / dataset.name / "real"


def simulated_folder(
    dataset: Dataset, root: str | Path | None = None, *, n: int, seed: int, hours: float | None = None
) -> Path:
    """Where ``n`` recordings simulated from ``seed`` lie or will lie; ``hours`` of each, if not the usual."""
    return _root(root) / dataset.name / (f"simulated-{n}-{seed}" + ("" if hours is None else f"-{hours:g}h"))


def _root(root: str | Path | None) -> Path:
    return data_root() if root is None else Path(root).expanduser().absolute()


def read_provenance(folder: Path) -> dict[str, Any]:
    """What ``provenance.json`` says, or {} where there is none that can be read."""
    try:
        facts = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    usable = (
        isinstance(facts, dict) and isinstance(facts.get("files"), dict) and facts.get("source") in SOURCES
    )
    return facts if usable else {}


def write_provenance(folder: Path, facts: dict[str, Any]) -> None:
    """Write ``provenance.json`` in one step: a reader sees the old file or the new one, never a part."""
    draft = folder / (PROVENANCE + ".new")
    draft.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(draft, folder / PROVENANCE)


def fingerprint(path: Path, algorithm: str = "md5") -> str:
    """Checksum of a file in hexadecimal digits; md5, as Zenodo has it, tells damage and proves no author."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@dataclass(frozen=True)
class State:
    """What lies in one folder, compared with its provenance; see `verify`."""

    folder: Path
    source: str | None  # "real", "mirror", "simulated"; None without a readable provenance.json
    missing: tuple[str, ...]
    damaged: tuple[str, ...]  # present, and other than what was placed there
    unknown: tuple[str, ...]  # present, and nothing says what they should be
    partial_bytes: int  # fetched so far of what is still incomplete
    facts: dict[str, Any] = field(repr=False)

    @property
    def good(self) -> bool:
        """Every file is there and has the size and md5 that it was placed with."""
        return not (self.missing or self.damaged or self.unknown)

    @property
    def size(self) -> int | None:
        """Bytes of all files as placed, None where unknown."""
        sizes = [
            entry.get("size") for entry in self.facts.get("files", {}).values() if isinstance(entry, dict)
        ]
        return sum(sizes) if sizes and all(isinstance(size, int) for size in sizes) else None

    def __str__(self) -> str:
        if self.good:
            never = str(self.facts.get("checked", "")).startswith(UNVERIFIED)
            return f"{self.source}, complete, undamaged" + (f" ({UNVERIFIED})" if never else "")
        parts = []
        if self.damaged:
            parts.append("damaged: " + ", ".join(self.damaged))
        if self.unknown:
            parts.append("cannot be verified: " + ", ".join(self.unknown))
        if self.missing and (parts or self.source):
            parts.append("missing: " + ", ".join(self.missing))
        if self.partial_bytes:
            parts.append(f"{readable_bytes(self.partial_bytes)} fetched so far, not complete")
        return "; ".join(parts) or "not fetched"


def read_sums(path: Path) -> dict[str, str]:
    """{file name: sha256} of a SHA256SUMS.txt; {} where there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {name: digits.lower() for digits, name in re.findall(r"(?m)^([0-9a-fA-F]{64}) [ *]?(\S.*?)\s*$", text)}


def against_sums(folder: Path, names: Iterable[str]) -> list[str]:
    """Which of these files, where they are, are other than SHA256SUMS.txt of their folder says; [] without one."""
    sums = read_sums(folder / SUMS)
    known = (name for name in names if name in sums and (folder / name).is_file())
    return [name for name in known if fingerprint(folder / name, "sha256") != sums[name]]


def verify(dataset: Dataset, folder: Path) -> State:
    """Compare every file with the size and md5 in the provenance; writes nothing, asks no network.

    The recordings of a project are compared with its SHA256SUMS.txt as well, so that a provenance is not believed more
    than the publisher.
    """
    facts = read_provenance(folder)
    missing, damaged, unknown = [], [], []
    names = dataset.files
    if dataset.project:
        names = tuple(dict.fromkeys([*names, *facts.get("files", {})]))
        damaged = against_sums(folder, (name for name in names if name != RECORDS))  # a mirror's may list fewer
        names = tuple(name for name in names if name not in damaged)
    for name in names:
        path, known = folder / name, facts.get("files", {}).get(name)
        if not path.is_file():
            missing.append(name)
        elif not isinstance(known, dict) or not known.get("md5"):
            unknown.append(name)
        elif path.stat().st_size != known.get("size") or fingerprint(path) != known["md5"]:
            damaged.append(name)
    incoming = folder / PARTIAL
    partial = sum(p.stat().st_size for p in incoming.rglob("*") if p.is_file()) if incoming.is_dir() else 0
    return State(folder, facts.get("source"), tuple(missing), tuple(damaged), tuple(unknown), partial, facts)


def states(dataset: Dataset, root: str | Path | None = None) -> list[State]:
    """The state of the real folder, and of every simulated one that exists."""
    simulated = sorted((_root(root) / dataset.name).glob("simulated-*-*"))
    return [verify(dataset, folder) for folder in (real_folder(dataset, root), *simulated)]


def readable_bytes(count: int) -> str:
    """Bytes for people, in decimal units as Zenodo's pages show them."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"
