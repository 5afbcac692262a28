"""The hidden cohorts of a class: recordings nobody has seen, or public ones so changed that looking up does not pay.

Everything is drawn from the class's secret key and nothing else. Simulated cohorts are made new. Of real recordings a
share is set aside, with all near-duplicates, and taken out of what the class trains on; as everybody can download
them, each is changed by key in ways that physiology and recorders produce too: gain, sign (electrodes exchanged), a
later start, an earlier end, another order. The patients of the arrhythmia cohort, the sleepers of the sleep cohort and
those who work in the workload cohort are always simulated: those of the published databases are few, and known to
everybody.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from physiodl import data, ecg, registry, splits
from physiodl.afdata import FEATURES_NAME, LABELS_NAME, WIDTH
from physiodl.cohort import Cohort
from physiodl.simulate import af

HIDDEN_RECORDINGS = 300  # gives a 95 % interval of about +-0.02 on an AUC of 0.97
HIDDEN_PATIENTS, PATIENT_MINUTES = 100, 1.0  # patients differ more than one's windows do: many, each for a short time
HIDDEN_SLEEPERS, NIGHT_HOURS = 12, 4.0  # half a night holds all stages
HIDDEN_WORKERS, TASK_S, REST_S = 20, 200.0, 10.0  # many people, each for a short time
SUBJECTS_NAME, NIGHTS_NAME, PUPIL_NAME = "subjects.npy", "nights.npy", "pupil.npy"
AF_SHARE = (0.4, 0.6)  # of a hidden cohort; drawn, so that counting one's answers tells nothing
REAL_SHARE = 0.2  # of real recordings set aside
SHORTEST_S = 9.0  # the shortest published recording; cropping goes no further
MOST_CROPPED_S = 3.0  # at either end
UPSIDE_DOWN = 0.3  # share of recordings with exchanged electrodes


def write_hidden(
    folder: str | Path, *, key: bytes, n: int = HIDDEN_RECORDINGS, source: str = "simulated", root: Path | None = None
) -> dict[str, dict[str, Any]]:
    """Make the hidden cohorts of a class.

    Args:
        folder: where `<cohort>/features.npy`, `labels.npy` and `about.json` go; `subjects.npy` where they are known,
            `nights.npy` (night and number of each epoch) where the recordings are epochs of nights, and `pupil.npy`
            where a pupil was seen too.
        key: the class's secret key.
        n: recordings of a simulated cohort; the patients of the arrhythmia cohort are a third as many, at least 6, the
            sleepers a twenty-fifth and those who work a fifteenth, at least 3.
        source: ``"simulated"``, or ``"real"`` for recordings that were fetched (all cohorts but that of AF stay
            simulated).
        root: data folder with the real recordings; the usual one when None.

    Returns:
        For each cohort what `about.json` says: source, n, public (whether anybody can download the recordings), and
        for real ones the positions that were set aside.
    """
    rng = _drawn_from(key, "af_detection")
    if source == "simulated":
        features, labels = _simulated(rng, n)
        about: dict[str, Any] = {"source": "simulated", "public": False}
    elif source == "real":
        features, labels, index = _real(rng, root)
        about = {
            "source": "real",
            "public": True,
            "changed": "gain, sign, start, end and order, by the class key",
            "set_aside": index.tolist(),
        }
    else:
        raise ValueError(f"got source {source!r}, expected 'simulated' or 'real'")
    about |= {"n": len(labels), "af": int(labels.sum())}
    place = Path(folder) / "af_detection"
    place.mkdir(parents=True, exist_ok=True)
    np.save(place / FEATURES_NAME, features)
    np.save(place / LABELS_NAME, labels)
    (place / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return {
        "af_detection": about,
        "arrhythmia": _write_arrhythmia(Path(folder) / "arrhythmia", key, n),
        "sleep": _write_sleep(Path(folder) / "sleep", key, n),
        "workload": _write_workload(Path(folder) / "workload", key, n),
    }


def write_class_data(folder: str | Path, *, hidden: str | Path, root: Path | None = None) -> int:
    """Write the real recordings that a class trains on: all but those set aside in ``hidden``; returns how many."""
    about = json.loads((Path(hidden) / "af_detection" / "about.json").read_text(encoding="utf-8"))
    dataset = registry.find("af_detection")
    cohort = data.load("af_detection", "real", part="all", root=root)
    rest = np.setdiff1d(np.arange(len(cohort)), about["set_aside"])
    place = registry.real_folder(dataset, Path(folder))
    place.mkdir(parents=True, exist_ok=True)
    np.save(place / FEATURES_NAME, cohort.signals[rest, 0])
    np.save(place / LABELS_NAME, cohort.labels[rest])
    facts = registry.read_provenance(registry.real_folder(dataset, root))
    files = {
        name: {"size": (place / name).stat().st_size, "md5": registry.fingerprint(place / name)}
        for name in (FEATURES_NAME, LABELS_NAME)
    }
    registry.write_provenance(place, {**facts, "source": facts.get("source", "real"), "files": files})
    for name in dataset.files:  # a dataset may have more files than the two arrays
        extra = registry.real_folder(dataset, root) / name
        if name not in files and extra.is_file():
            shutil.copyfile(extra, place / name)
    return len(rest)


def perturbed(row: np.ndarray, fs: float, *, rng: np.random.Generator) -> np.ndarray:
    """A recording as another recorder could have stored it.

    Args:
        row: (samples,), zero-padded at the end; fs: in Hz.
        rng: where gain, sign, start and end come from.

    Returns:
        (samples,) float32: shifted and cropped by up to 3 s at either end, but never below 9 s, with another gain and
        perhaps upside down, z-scored over its own samples as the published ones are, zero-padded.
    """
    length = int(ecg.true_lengths(row[None, None])[0])
    spare = max(0, length - round(SHORTEST_S * fs))
    most = min(round(MOST_CROPPED_S * fs), spare // 2)
    start, stop = (int(cut) for cut in rng.integers(0, most + 1, 2))
    sign = -1.0 if rng.random() < UPSIDE_DOWN else 1.0
    x = sign * np.asarray(row[start : length - stop], dtype=float)
    # z-scoring takes a plain gain away again; this one drifts, as a drying electrode's does
    x = x * np.linspace(*rng.uniform(0.85, 1.15, 2), max(1, len(x)))
    out = np.zeros(len(row), np.float32)
    if len(x):
        out[: len(x)] = (x - x.mean()) / (x.std() + 1e-9)
    return out


def arrhythmia_patients(seed: int, *, n: int = HIDDEN_PATIENTS, minutes: float = PATIENT_MINUTES) -> Cohort:
    """Windows of ``n`` simulated patients, made from ``seed`` as records of WFDB and read and cut as all others are."""
    from physiodl import mitdb  # takes half a second: only who asks for records waits for it
    from physiodl.simulate import mitdb as simulator

    with tempfile.TemporaryDirectory() as folder:
        simulator.write_database(folder, n_subjects=n, minutes=minutes, seed=seed)
        return mitdb.windows(folder, cache=False)


def _write_arrhythmia(place: Path, key: bytes, n: int) -> dict[str, Any]:
    rng = _drawn_from(key, "arrhythmia")
    patients = max(6, round(n * HIDDEN_PATIENTS / HIDDEN_RECORDINGS))
    cohort = arrhythmia_patients(int(rng.integers(2**63)), n=patients)
    order = rng.permutation(len(cohort))
    place.mkdir(parents=True, exist_ok=True)
    np.save(place / FEATURES_NAME, cohort.signals[order])
    np.save(place / LABELS_NAME, cohort.labels[order])
    np.save(place / SUBJECTS_NAME, np.unique(cohort.subjects, return_inverse=True)[1][order])
    about = {"source": "simulated", "public": False, "fs": cohort.fs, "patients": patients}
    about |= {"n": len(order), "af": int(cohort.labels.sum())}
    (place / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return about


def sleepers(seed: int, *, n: int = HIDDEN_SLEEPERS, hours: float = NIGHT_HOURS) -> Cohort:
    """One night of each of ``n`` simulated sleepers, made from ``seed`` as EDF+ and read and cut as all others are."""
    from physiodl import sleepedf
    from physiodl.simulate import sleepedf as simulator

    with tempfile.TemporaryDirectory() as folder:
        simulator.write_database(folder, n_subjects=n, hours=hours, seed=seed)
        return sleepedf.nights(folder, cache=False)


def _write_sleep(place: Path, key: bytes, n: int) -> dict[str, Any]:
    rng = _drawn_from(key, "sleep")
    people = max(3, round(n * HIDDEN_SLEEPERS / HIDDEN_RECORDINGS))
    cohort = sleepers(int(rng.integers(2**40)), n=people)
    who = rng.permutation(people)[np.unique(cohort.subjects, return_inverse=True)[1]]
    order = np.lexsort((cohort.columns["epoch"], who))
    place.mkdir(parents=True, exist_ok=True)
    np.save(place / FEATURES_NAME, cohort.signals[order].astype(np.float16))  # three digits, as many as 12 bits give
    np.save(place / LABELS_NAME, cohort.labels[order])
    np.save(place / SUBJECTS_NAME, who[order])
    np.save(place / NIGHTS_NAME, np.stack([who, cohort.columns["epoch"]], axis=1)[order])
    about = {"source": "simulated", "public": False, "fs": cohort.fs, "sleepers": people, "n": len(order)}
    (place / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return about


def workers(seed: int, *, n: int = HIDDEN_WORKERS) -> Cohort:
    """One task of each of ``n`` simulated people, from ``seed``; made as files, read and cut as all others are."""
    from physiodl import eegmat
    from physiodl.simulate import eegmat as simulator

    with tempfile.TemporaryDirectory() as folder:
        simulator.write_database(folder, n_subjects=n, seed=seed, task_s=TASK_S, rest_s=REST_S)
        return thinned(eegmat.windows(folder, cache=False))


def thinned(cohort: Cohort) -> Cohort:
    """Every other window: neighbours tell little that is new."""
    return cohort.subset(np.arange(0, len(cohort), 2))


def _write_workload(place: Path, key: bytes, n: int) -> dict[str, Any]:
    rng = _drawn_from(key, "workload")
    people = max(3, round(n * HIDDEN_WORKERS / HIDDEN_RECORDINGS))
    cohort = workers(int(rng.integers(2**40)), n=people)
    order = rng.permutation(len(cohort))
    place.mkdir(parents=True, exist_ok=True)
    np.save(place / FEATURES_NAME, cohort.signals[order].astype(np.float16))  # three digits: noise of 0.7 uV hides more
    np.save(place / PUPIL_NAME, cohort.columns["pupil"][order])
    np.save(place / LABELS_NAME, cohort.labels[order])
    np.save(place / SUBJECTS_NAME, np.unique(cohort.subjects, return_inverse=True)[1][order])
    about = {"source": "simulated", "public": False, "fs": cohort.fs, "workers": people, "n": len(order)}
    (place / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return about


def _drawn_from(key: bytes, cohort: str) -> np.random.Generator:
    digest = hashlib.sha256(cohort.encode() + key).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def _simulated(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    most = int(np.ceil(AF_SHARE[1] * n))
    features, labels = af.cohort_arrays(2 * most, seed=int(rng.integers(2**63)))
    n_af = int(rng.integers(int(AF_SHARE[0] * n), most + 1))
    chosen = np.concatenate([np.flatnonzero(labels == 1)[:n_af], np.flatnonzero(labels == 0)[: n - n_af]])
    chosen = rng.permutation(chosen)
    return features[chosen], labels[chosen]


def _real(rng: np.random.Generator, root: Path | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cohort = data.load("af_detection", "real", part="all", root=root)
    groups = data.groups(cohort, root=root)
    shares = {"class": 1 - REAL_SHARE, "hidden": REAL_SHARE}
    index = splits.group_split(cohort.labels, groups, fractions=shares, seed=int(rng.integers(2**31)))["hidden"]
    # One of each group: a near-duplicate would count twice.
    _, first = np.unique(groups[index], return_index=True)
    chosen = rng.permutation(index[first])[: 4 * HIDDEN_RECORDINGS]
    features = np.zeros((len(chosen), WIDTH), np.float32)
    for k, row in enumerate(chosen):
        features[k] = perturbed(cohort.signals[row, 0], cohort.fs, rng=rng)
    return features, cohort.labels[chosen], np.sort(index)
