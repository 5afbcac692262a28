"""Records with a known truth for assignment 04, and how answers to it are measured from outside.

Records are WFDB files made from a seed, with the awkward features of real ones: leads in any order, one lead alone,
lost samples, rhythm annotations that start late. Windows for the tasks that train are simpler than any ECG: what tells
AF from sinus rhythm is plain in them, and so is who the patient is. The numbers are design values.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import signal

from physiodl.exam.checks import ExamError, expect, numbers, sound_parts
from physiodl.handed import BEATS, clean_ecg
from physiodl.handed import record_as_folder as as_folder  # noqa: F401  for answer cells
from physiodl.simulate.mitdb import write_record

WINDOW_S, WINDOW_FS = 5.0, 100.0


# --- records ---


def ecg_rows(seconds: float, fs: float, leads: int, *, seed: int) -> np.ndarray:
    """A clean sinus rhythm seen by several leads, (leads, samples) mV: each another mixture of ECG and its slope."""
    x = clean_ecg(seconds, fs, seed=seed)
    slope = np.gradient(x) * fs / 60  # as high as the ECG itself, roughly
    return np.stack([x, -0.7 * x + 0.5 * slope, 0.4 * x - slope][:leads])


def record_files(
    seconds: float = 30.0,
    *,
    seed: int,
    fs: float = 360.0,
    leads: Sequence[str] = ("MLII", "V1"),
    rhythms: Sequence[tuple[int, str]] = ((50, "(N"),),
    lost: tuple[int, int] | None = None,
    subject: str = "",
    name: str = "100",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The three files of a WFDB record as bytes, and what is in them.

    Args:
        seconds: length. seed: of signals and beats. fs: in Hz. leads: names, in the order of the file.
        rhythms: (sample, label) of each change of rhythm.
        lost: samples from, to that the first lead of the file lacks.
        subject: named in the header where it is not "".
        name: of the record.

    Returns:
        files: {"name": ..., "hea": (bytes,) uint8, "dat": ..., "atr": ...}, for `as_folder`.
        truth: ``signals`` (leads, samples) mV in the order of the file, ``beats`` sample numbers, all as stored.
    """
    rng = np.random.default_rng((seed, 0x04A))
    x = ecg_rows(seconds, fs, len(leads), seed=seed) + rng.uniform(-0.2, 0.2, (len(leads), 1))
    if lost:
        x[0, lost[0] : lost[1]] = np.nan
    n = x.shape[1]
    at = np.sort(rng.choice(np.arange(100, n - 100, 60), 24, replace=False))
    symbols = rng.choice(list("NNNVA/L"), len(at))
    symbols[rng.choice(len(at), 4, replace=False)] = ["~", "|", "~", '"']  # noise, a spike that is no beat, a comment
    comments = ["SIMULATED by PhysioDL, from no person", *([f"subject: {subject}"] if subject else [])]
    with tempfile.TemporaryDirectory() as folder:
        marked = [(at, label + "\0") for at, label in rhythms]  # as MIT-BIH ends its notes
        write_record(folder, name, x, fs=fs, leads=leads, beats=(at, symbols), rhythms=marked, comments=comments)
        files = {kind: np.fromfile(Path(folder) / f"{name}.{kind}", np.uint8) for kind in ("hea", "dat", "atr")}
    truth = {"signals": np.round(x * 200) / 200, "beats": at[np.isin(symbols, list(BEATS))]}  # 200 steps per mV
    return {"name": name, **files}, truth


def entry(found: Any, name: str) -> Any:
    """One entry of a dict that a function of the student's returned."""
    expect(
        isinstance(found, dict) and name in found,
        got=f"a dict without {name!r}" if isinstance(found, dict) else f"a {type(found).__name__}",
        expected=f"a dict with the key {name!r}",
        cause="a key misspelt or left out" if isinstance(found, dict) else "return a dict with the keys of the task",
    )
    return found[name]


def rhythms_of(found: Any) -> list[tuple[float, float, str]]:
    """(start, stop, label) of each rhythm that a student's record has."""
    rows = entry(found, "rhythms")
    expect(
        isinstance(rows, list | tuple) and all(isinstance(row, list | tuple) and len(row) == 3 for row in rows),
        got=f"rhythms {str(rows)[:80]}",
        expected="a list of (start, stop, label)",
    )
    return [(float(start), float(stop), str(label)) for start, stop, label in rows]


def beats_of(found: Any, wanted: np.ndarray) -> np.ndarray:
    """Beats of a student's record, which must be ``wanted``: says whether some are missing or too many, and why."""
    beats = numbers(entry(found, "beats"), shape=(None,), what="beats")
    extra, lost = len(set(beats.tolist()) - set(wanted.tolist())), len(set(wanted.tolist()) - set(beats.tolist()))
    expect(
        not lost,
        got=f"{len(beats)} beats: {lost} of {len(wanted)} are missing",
        expected="all beats",
        cause="beats other than N left out: probe.BEATS has the symbol of every kind",
    )
    expect(
        not extra and len(beats) == len(wanted),
        got=f"{len(beats)} beats: {len(beats) - len(wanted)} too many",
        expected=f"{len(wanted)}",
        cause="changes of rhythm, marks of noise and comments counted as beats",
    )
    return beats


# --- filter and windows ---


def at_100_hz(x: np.ndarray, fs: float) -> np.ndarray:
    """A clean signal at 100 Hz, without anything else done to it."""
    return signal.resample_poly(x, 100, round(fs), axis=-1, padtype="line")


def band(x: np.ndarray, fs: float) -> np.ndarray:
    """0.5 to 40 Hz without delay: Butterworth of order 4, forwards and backwards."""
    sos = signal.butter(4, (0.5, 40.0), "bandpass", fs=fs, output="sos")
    return signal.sosfiltfilt(sos, x, axis=-1)


def scale_of(found: np.ndarray, clean: np.ndarray) -> float:
    """The factor between two signals of the same course, by least squares."""
    return float(np.sum(found * clean) / np.sum(clean * clean))


def tone_of(found: np.ndarray, clean: np.ndarray, hz: float) -> float:
    """Amplitude of a tone in a prepared signal, relative to ``clean``, the same prepared without it (100 Hz)."""
    angle = 2 * np.pi * hz * np.arange(found.size) / WINDOW_FS
    basis = np.stack([np.asarray(clean, float), np.sin(angle), np.cos(angle)], axis=1)
    gain, a, b = np.linalg.lstsq(basis, np.asarray(found, float), rcond=None)[0]
    return float(np.hypot(a, b) / max(abs(gain), 1e-12))


def kept_windows(cut: Any, x: np.ndarray) -> np.ndarray:
    """Which windows of the record ``x`` a student kept, by number: read from the windows, so that other slips in the
    dict cost their own points only; from ``start_s`` where the windows are no pieces of the record.
    """
    made = numbers(entry(cut, "windows"), shape=(None, len(x), 500), what="windows")
    starts = {float(value): k for k, value in enumerate(x[0, : x.shape[1] // 500 * 500 : 500])}
    found = [starts.get(float(np.float32(window[0, 0])), -1) for window in made]
    if -1 in found:
        return np.round(numbers(entry(cut, "start_s"), shape=(len(made),), what="start_s") / WINDOW_S).astype(int)
    return np.array(found, int)


def same_windows(found: np.ndarray, wanted: np.ndarray, *, what: str, cause: str, lost: str = "") -> None:
    """Check which windows were kept, by number. ``lost``: why some may be missing, where that is another cause."""
    extra, missing = np.setdiff1d(found, wanted), np.setdiff1d(wanted, found)
    first = [(5 * k[0], how) for k, how in ((missing, "lost"), (extra, "kept")) if len(k)]
    words = [f"the one from {start} to {start + 5} s {how}" for start, how in first]
    expect(
        not words and len(found) == len(wanted),
        got=f"{len(found)} windows{''.join(f', {word}' for word in words)} ({what})",
        expected=f"{len(wanted)}",
        cause=lost if lost and len(missing) and not len(extra) else cause,
    )


def labelled(
    n_samples: int, fs: float, rhythms: Sequence[tuple[int, int, str]], *, purity: float
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the whole 5 s windows that have a label, and their labels (0 sinus rhythm, 1 AF).

    Counted sample by sample at the rate of the annotations.
    """
    code = np.zeros(n_samples, int)
    for start, stop, label in rhythms:
        code[start:stop] = {"(N": 1, "(AFIB": 2}.get(label, 0)
    kept, labels = [], []
    for k in range(int(n_samples / fs / WINDOW_S + 1e-9)):
        part = code[round(k * WINDOW_S * fs) : round((k + 1) * WINDOW_S * fs)]
        for label in (0, 1):
            if np.mean(part == label + 1) >= purity:
                kept.append(k)
                labels.append(label)
    return np.array(kept, int), np.array(labels, int)


# --- patients ---


def patients(
    n_mixed: int, n_normal: int, n_af: int, *, seed: int, names: str = "numbers"
) -> tuple[np.ndarray, np.ndarray | list[str]]:
    """Labels and patient of windows in random order: patients with both rhythms, with sinus rhythm only, with AF only.

    Many patients have equal numbers of windows. ``names``: "numbers", or "texts" such as "7" and "07", two people.
    """
    rng = np.random.default_rng((seed, 0x9A7))
    labels, who = [], []
    for k in range(n_mixed + n_normal + n_af):
        count = int(rng.choice([6, 6, 6, 12, 40]))
        share = 0.5 if k < n_mixed else (0.0 if k < n_mixed + n_normal else 1.0)
        own = (np.arange(count) < round(share * count)).astype(int)
        labels.append(own)
        who += [k] * count
    order = rng.permutation(len(who))
    number = rng.permutation(900)[: n_mixed + n_normal + n_af] + 100
    ids = np.array(who)[order]
    if names == "numbers":
        return np.concatenate(labels)[order], number[ids]
    texts = [f"0{k // 2}" if k % 2 else str(k // 2) for k in range(n_mixed + n_normal + n_af)]
    return np.concatenate(labels)[order], [texts[k] for k in ids]


def folds_of(found: Any, *, n: int, k: int, who: Sequence | None = None) -> list[dict[str, np.ndarray]]:
    """Folds as dicts of arrays of positions, "train", "val" and "test"; raises `ExamError` where they are none.

    Whatever a check asks of folds, these are first a split: three parts that are not empty, each window in one of them
    and in the test part of one fold; with ``who``, no patient in two parts.
    """
    expect(
        isinstance(found, list | tuple) and len(found) == k and all(isinstance(fold, dict) for fold in found),
        got=f"{len(found)} entries" if isinstance(found, list | tuple) else f"a {type(found).__name__}",
        expected=f"a list of {k} dicts",
        cause="return a list with one dict per fold",
    )
    cause = "windows left out, drawn twice, or in two parts at once"
    folds = [
        sound_parts({name: entry(fold, name) for name in ("train", "val", "test")}, n=n, what=f"fold {i}", cause=cause)
        for i, fold in enumerate(found)
    ]
    tests = {f"test of fold {i}": fold["test"] for i, fold in enumerate(folds)}
    sound_parts(tests, n=n, what="the test parts", cause="windows that no fold tests, or that two folds test")
    if who is not None:
        shared = on_two_sides(folds, who)
        expect(
            shared == 0,
            got=f"{shared} times a patient in two parts of a fold",
            expected="never",
            cause="windows are dealt out instead of patients: each patient is then known before the test",
        )
    return folds


def on_two_sides(folds: Sequence[Mapping[str, np.ndarray]], who: Sequence) -> int:
    """Over all folds, how many patients have windows in more than one of the three parts."""
    who = np.asarray(who)
    shared = 0
    for fold in folds:
        sides = [set(who[fold[name]].tolist()) for name in ("train", "val", "test")]
        shared += len((sides[0] & sides[1]) | (sides[0] & sides[2]) | (sides[1] & sides[2]))
    return shared


# --- windows to learn from ---


def easy_windows(
    n_patients: int, per_patient: int, *, seed: int, share: float = 1 / 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows in which AF is plain to see, whoever the patient is: a ``share`` of each patient's, in random order.

    Returns:
        windows (n, 2, 500) float32 at 100 Hz, labels (n,), patients (n,).
    """
    rng = np.random.default_rng((seed, 0xEA5))
    n = n_patients * per_patient
    labels = (rng.random(n) < share).astype(int)
    who = np.repeat(np.arange(n_patients), per_patient)
    time_s = np.arange(500) / WINDOW_FS
    out = 0.15 * rng.standard_normal((n, 2, 500))
    height, width = rng.uniform(2, 5, n_patients), rng.uniform(0.015, 0.03, n_patients)
    rate_hz, lead = rng.uniform(5, 8, n), rng.uniform(0.5, 1.0, (n, 2, 1))
    for k in range(n):
        rr = rng.uniform(0.7, 0.9) * np.where(labels[k], rng.uniform(0.6, 1.5, 14), 1.0)
        beats = np.cumsum(rr) - rng.uniform(0, 1)
        x = height[who[k]] * np.exp(-0.5 * ((time_s[:, None] - beats) / width[who[k]]) ** 2).sum(axis=1)
        if labels[k]:
            x += 0.8 * np.sin(2 * np.pi * rate_hz[k] * time_s + rng.uniform(0, 6))
        else:
            x += 0.8 * np.exp(-0.5 * ((time_s[:, None] - beats + 0.16) / 0.03) ** 2).sum(axis=1)
        out[k] += lead[k] * x
    order = rng.permutation(n)
    return out[order].astype(np.float32), labels[order], 100 + who[order]


def fingerprints(n_patients: int, per_patient: int, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows that say who the patient is and nothing else; a third of the patients are called AF.

    Each patient has two rhythms of his own, as a tune of two notes. Who has learned the patients knows the labels. The
    tunes are points of a grid, and AF lies in it such that no two patients with AF are neighbours: what was learned of
    the patients most like a new one says rather the wrong thing of him.

    Returns:
        windows (n, 2, 500) float32 at 100 Hz, labels (n,), patients (n,), in random order.
    """
    rng = np.random.default_rng((seed, 0xF1E))
    who = np.repeat(np.arange(n_patients), per_patient)
    side = int(np.ceil(np.sqrt(n_patients)))
    tune = rng.permutation(side * side)[:n_patients]
    af = (tune % side + tune // side) % 3 == 0
    hz = np.stack([3 + 13 * (tune % side) / (side - 1), 3 + 13 * (tune // side) / (side - 1)], axis=1)
    time_s = np.arange(500) / WINDOW_FS
    phase = rng.uniform(0, 2 * np.pi, (len(who), 2, 1))
    out = 1.4 * np.sin(2 * np.pi * hz[who][:, :, None] * time_s + phase) + 0.1 * rng.standard_normal((len(who), 2, 500))
    order = rng.permutation(len(who))
    return out[order].astype(np.float32), af[who][order].astype(int), 100 + who[order]


def misfiled(labels: np.ndarray, who: np.ndarray, n: int, *, seed: int) -> np.ndarray:
    """Whose signal each window gets when ``n`` windows of patients with AF change places with ``n`` of the others.

    Returns:
        (windows,) positions: signal ``k`` of the new set is that of position ``[k]``. Labels and names stay, so what is
        read from them is wrong about these windows, and what is read from the signal is not. No patient gives or
        takes more than two.
    """
    rng = np.random.default_rng((seed, 0x317))
    source = np.arange(len(labels))
    order = rng.permutation(len(labels))
    taken: dict[int, list[int]] = {0: [], 1: []}
    for at in order:
        mine = taken[int(labels[at])]
        if len(mine) < n and sum(who[k] == who[at] for k in mine) < 2:
            mine.append(int(at))
    a, b = np.array(taken[0]), np.array(taken[1])
    source[a], source[b] = b, a
    return source


def by_signal(called: np.ndarray, fold: np.ndarray, labels: np.ndarray, who: np.ndarray, source: np.ndarray) -> float:
    """Of the windows from `misfiled` whose signal is of a patient with windows in training: the share called as he is.

    Balanced over the two kinds of signal, so that a constant answer gives 0.5. ``fold``: (n,) fold of each window.
    """
    right: dict[int, list[bool]] = {0: [], 1: []}
    for k in np.flatnonzero(source != np.arange(len(source))):
        owner = who[source[k]]
        if np.mean(fold[(who == owner)] != fold[k]) > 0.3:  # enough of his own windows were learned from
            right[int(labels[source[k]])].append(bool(called[k] == labels[source[k]]))
    return float(np.mean([np.mean(values) if values else 0.5 for values in right.values()]))


# --- results ---


def f1_of(labels: np.ndarray, called: np.ndarray) -> float:
    """F1 of AF; 0 where nothing is found."""
    labels, called = np.asarray(labels), np.asarray(called)
    hits = np.sum((called == 1) & (labels == 1))
    return float(2 * hits / max(1, np.sum(called == 1) + np.sum(labels == 1)))


def best_f1(labels: np.ndarray, probability: np.ndarray) -> float:
    """The highest F1 that any threshold reaches."""
    return max(f1_of(labels, probability >= candidate) for candidate in np.unique(probability))


def by_patient(labels: np.ndarray, called: np.ndarray, who: Sequence) -> dict[str, np.ndarray]:
    """F1, sensitivity and PPV of each patient who has AF, patients in ascending order; a share of nothing is 0."""
    who = np.asarray(who)
    found: dict[str, list[float]] = {"f1": [], "sensitivity": [], "ppv": []}
    for patient in np.unique(who[labels == 1]):
        y, said = labels[who == patient], called[who == patient]
        hits = np.sum((y == 1) & (said == 1))
        found["f1"].append(f1_of(y, said))
        found["sensitivity"].append(hits / np.sum(y == 1))
        found["ppv"].append(hits / max(1, np.sum(said == 1)))
    return {name: np.array(values) for name, values in found.items()}


def interval(values: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a mean (Efron 1979), from 20,000 resamples."""
    rng = np.random.default_rng(seed)
    means = rng.choice(values, (20_000, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """ROC AUC, ties half."""
    from physiodl.metrics import roc_auc

    return roc_auc(labels, scores)


def decisions(value: Any, n: int, what: str) -> np.ndarray:
    """(n,) decisions 0 and 1, or an `ExamError`."""
    found = numbers(value, shape=(n,), what=what)
    if not np.isin(found, (0, 1)).all():
        raise ExamError(f"got {what} with values such as {np.unique(found)[:3].tolist()}, expected 0 and 1")
    return found.astype(int)


def refuses(function: Any, *arguments: Any) -> bool:
    """Whether ``function(*arguments)`` ends in a ValueError; other errors go on."""
    try:
        function(*arguments)
    except ValueError:
        return True
    return False


def focal(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray, gamma: float) -> float:
    """Mean weighted focal loss (Lin et al. 2017), from the probabilities themselves: for moderate logits."""
    p = 1 / (1 + np.exp(-np.asarray(logits, float)))
    right = np.where(labels == 1, p, 1 - p)
    return float(np.mean(np.where(labels == 1, weights[1], weights[0]) * (1 - right) ** gamma * -np.log(right)))
