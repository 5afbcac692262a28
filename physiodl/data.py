"""`load`: the recordings of a dataset as a `Cohort`, real where they were fetched, simulated everywhere else."""

from __future__ import annotations

import errno
import hashlib
import importlib
import logging
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from physiodl import download, duplicates, registry, splits
from physiodl.afdata import DataError, read_af
from physiodl.cohort import Cohort
from physiodl.simulate import af as simulated_af

log = logging.getLogger("physiodl")

SOURCES = ("auto", "real", "simulated")
# Recordings and seed of the two simulated parts: what a class trains on, and what its self-checks examine on.
SIMULATED = {"class": (1000, 2026), "practice": (300, 2027)}
SIMULATED_SUBJECTS = {"class": (20, 2026), "practice": (8, 2027)}  # the same of the arrhythmia database
SIMULATED_SLEEPERS = {"class": (20, 2026), "practice": (6, 2027)}  # the same of the sleep database
SIMULATED_WORKERS = {"class": (20, 2026), "practice": (8, 2027)}  # the same of the workload database
PRACTICE_SHARE = 0.2  # of real recordings, set aside for the self-checks


def load(
    name: str = "af",
    source: str = "auto",
    *,
    part: str = "class",
    n: int | None = None,
    seed: int | None = None,
    hours: float | None = None,
    root: Path | None = None,
) -> Cohort:
    """Load a dataset.

    Args:
        name: ``"af"`` (also ``"af_detection"``); ``"mitdb"`` (also ``"arrhythmia"``): 5 s windows of records;
            ``"sleep"`` (also ``"sleep_staging"``): 30 s epochs of nights; or ``"workload"`` (also
            ``"mental_workload"``): 4 s windows of an arithmetic task.
        source: ``"real"`` needs the fetched files; ``"simulated"`` makes (or finds) simulated ones; ``"auto"`` takes
            real recordings where they are and simulated ones otherwise.
        part: ``"class"`` to learn from; ``"practice"``, other recordings, for the self-checks; ``"all"``, both
            parts of the real recordings (the class's part where they are simulated). Real subjects of ``"mitdb"``,
            ``"sleep"`` and ``"workload"`` are too few to set some aside: there the practice part is always simulated,
            the others are all that is real.
        n, seed: size (of all but ``"af"``: subjects) and seed of a simulated cohort other than the usual.
        hours: of ``"sleep"``, length of each simulated recording other than the usual.
        root: data folder; the usual one when None.

    Returns:
        Cohort. ``"af"``: signals (n, 1, 18170), z-scored by the publisher and zero-padded at the end, at 300 Hz.
        ``"mitdb"``: signals (n, 2, 500) at 100 Hz, see `physiodl.mitdb.windows`. ``"sleep"``: signals (n, 1, 3000) at
        100 Hz, see `physiodl.sleepedf.nights`. ``"workload"``: signals (n, 19, 500) in uV at 125 Hz, three levels where
        they are simulated, rest and arithmetic where they are real, see `physiodl.eegmat.windows`.

    Raises:
        FileNotFoundError: ``source="real"`` and nothing was fetched.
        ValueError: unknown name, source or part; damaged files.
    """
    dataset = registry.find(name)
    if source not in SOURCES:
        raise ValueError(f"got source {source!r}, expected one of {', '.join(SOURCES)}")
    if part not in ("class", "practice", "all"):
        raise ValueError(f"got part {part!r}, expected 'class', 'practice' or 'all'")
    real = find_real(dataset, root)
    present = (real / dataset.files[0]).is_file()
    if dataset.project and part == "practice" and source == "auto":
        source = "simulated"
    if source == "real" and not present:
        raise FileNotFoundError(
            f"no recordings in {real}: run `python data_fetch.py {dataset.name}` (needs a network, or --mirror), "
            "or load with source='simulated'"
        )
    if source == "real" or (source == "auto" and present):
        if dataset.project:
            if part == "practice":
                raise ValueError("got part 'practice' of real recordings of few subjects, expected 'class' or 'all'")
            return _windows(dataset, real, root)
        return _part_of_real(dataset, real, part, root)
    usual_n, usual_seed = _usual(dataset)["practice" if part == "practice" else "class"]
    folder = _simulated(dataset, root, n=n or usual_n, seed=usual_seed if seed is None else seed, hours=hours)
    return _windows(dataset, folder, root) if dataset.project else _cohort(dataset, folder, "simulated")


def find_real(dataset: registry.Dataset, root: str | Path | None = None) -> Path:
    """Where the real recordings lie: in the data folder, else below the folder that $PHYSIODL_REAL_DATA names.

    Only projects of PhysioNet are looked for there (``physionet/mitdb/1.0.0``). Where there are none, the place in the
    data folder to which they would be fetched.
    """
    place = registry.real_folder(dataset, root)
    chosen = os.environ.get("PHYSIODL_REAL_DATA", "").strip()
    elsewhere = Path(chosen).expanduser() / "physionet" / dataset.project
    if dataset.project and chosen and not (place / dataset.files[0]).is_file():
        return elsewhere if (elsewhere / dataset.files[0]).is_file() else place
    return place


def records_folder(name: str = "mitdb", source: str = "auto", *, root: Path | None = None) -> Path:
    """The folder with the files that `load` reads for the same arguments (its part ``"class"``).

    For what a `Cohort` does not hold: headers, annotations, the signal before it was filtered and cut.

    Raises:
        FileNotFoundError: ``source="real"`` and nothing was fetched.
        ValueError: unknown name or source.
    """
    dataset = registry.find(name)
    if source not in SOURCES:
        raise ValueError(f"got source {source!r}, expected one of {', '.join(SOURCES)}")
    real = find_real(dataset, root)
    if source != "simulated" and (real / dataset.files[0]).is_file():
        return real
    if source == "real":
        raise FileNotFoundError(f"no recordings in {real}: run `python data_fetch.py {dataset.name}`")
    n, seed = _usual(dataset)["class"]
    return _simulated(dataset, root, n=n, seed=seed)


def groups(cohort: Cohort, *, root: Path | None = None) -> np.ndarray:
    """Group number of each recording: near-duplicates share one. Computed once, then kept beside the data.

    Args:
        cohort: recordings from `load`.
        root: data folder; the usual one when None.

    Returns:
        (n,) integers for `physiodl.splits.group_split`.
    """
    rows = cohort.signals[:, 0, :]
    sample = np.ascontiguousarray(rows[:, :: max(1, rows.shape[1] // 64)])
    code = hashlib.sha256(Path(duplicates.__file__).read_bytes() + sample.tobytes()).hexdigest()[:16]
    kept = (registry.data_root() if root is None else Path(root)) / cohort.name / "groups" / f"{code}.npy"
    if kept.is_file():
        found = np.load(kept, allow_pickle=False)
        if found.shape == (len(cohort),):
            return found
    found = duplicates.find_groups(rows, cohort.fs, progress=True)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, suffix=".tmp", delete=False) as part:
            np.save(part, found)
        os.chmod(part.name, 0o644)  # as other data files: who may read those may read this
        os.replace(part.name, kept)
    except OSError as error:  # a read-only data folder costs time, not the result
        log.info("could not keep the groups in %s: %s", kept, error)
    return found


def _usual(dataset: registry.Dataset) -> dict[str, tuple[int, int]]:
    """Size and seed of the simulated parts, looked up when asked: tests make them small."""
    usual = {"mitdb": SIMULATED_SUBJECTS, "sleep": SIMULATED_SLEEPERS, "workload": SIMULATED_WORKERS}
    return usual.get(dataset.name, SIMULATED)


def _cohort(dataset: registry.Dataset, folder: Path, source: str) -> Cohort:
    features, labels = read_af(folder)
    facts = registry.read_provenance(folder)
    return Cohort(
        name=dataset.name,
        signals=np.asarray(features, dtype=np.float32)[:, None, :],
        labels=np.asarray(labels).astype(np.int64),
        subjects=None,
        fs=simulated_af.FS,
        classes=("normal", "AF"),
        channels=("lead I",),
        source=facts.get("source", source),
        citation=str(facts.get("citation", dataset.citation)),
        licence=str(facts.get("licence", dataset.licence)),
    )


def _windows(dataset: registry.Dataset, folder: Path, root: Path | None) -> Cohort:
    """The windows or epochs of a folder of records; these are verified whenever the windows are made anew."""
    reader = importlib.import_module(f"physiodl.{dataset.module}")  # only who asks for records waits for it
    read = reader.nights if dataset.name == "sleep" else reader.windows
    cohort = read(folder, cache=True if root is None else Path(root) / "windows")
    return replace(cohort, source=registry.read_provenance(folder).get("source", cohort.source))


def _part_of_real(dataset: registry.Dataset, folder: Path, part: str, root: Path | None) -> Cohort:
    """All real recordings, or one side of a fixed split that keeps near-duplicates together."""
    damaged = registry.verify(dataset, folder).damaged
    if damaged:
        raise DataError(
            str(folder),
            got=f"{', '.join(damaged)} with another size or checksum",
            expected="the files as they were fetched",
            cause="the file was changed, or the disk damaged it",
            todo=f"run `python data_fetch.py {dataset.name}` again; it keeps the damaged file aside",
        )
    cohort = _cohort(dataset, folder, "real")
    if part == "all":
        return cohort
    shares = {"class": 1 - PRACTICE_SHARE, "practice": PRACTICE_SHARE}
    split = splits.group_split(cohort.labels, groups(cohort, root=root), fractions=shares, seed=0)
    return cohort.subset(np.sort(split[part]))


def _simulated(
    dataset: registry.Dataset, root: Path | None, *, n: int, seed: int, hours: float | None = None
) -> Path:
    """Folder of a simulated cohort, made on first use; in a temporary folder where the data folder is read-only."""
    try:
        return download.simulate(dataset.name, n=n, seed=seed, hours=hours, root=root)
    except (OSError, download.FetchError) as error:
        refused = error if isinstance(error, OSError) else error.__cause__
        if getattr(refused, "errno", None) not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        temporary = tempfile.mkdtemp(prefix="physiodl-")
        log.warning("%s cannot be written: simulated recordings go to %s", root or registry.data_root(), temporary)
        return download.simulate(dataset.name, n=n, seed=seed, hours=hours, root=temporary)
