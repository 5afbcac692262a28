"""Nights with a known truth for assignment 05, and how answers to them are measured from outside.

Nights are EDF+ files made from a seed, with the awkward features of real ones: other channels at other rates, units
that the header tells, a channel written the other way round, a hypnogram with stages of the rules of Rechtschaffen and
Kales. Epochs for the task that trains are simpler than any EEG: one tone tells most stages, and two of them can only be
told by what surrounds them. The numbers are design values.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from physiodl.exam.arrhythmia import entry
from physiodl.exam.checks import expect, numbers
from physiodl.handed import night_as_folder as as_folder  # noqa: F401  for answer cells

STAGES = ("W", "N1", "N2", "N3", "REM")
CODES = {f"Sleep stage {name}": code for name, code in zip("W1234R", (0, 1, 2, 3, 3, 4), strict=True)}
CHANNEL, TURNED = "EEG Fpz-Cz", "EEG Cz-Fpz"
FS = 100.0
PER_UV = {"uV": 1.0, "mV": 1e-3, "V": 1e-6}
AROUND_S = 1800  # seconds of waking that are kept before and after sleep

__all__ = ["entry"]  # handed on, for test cells


# --- nights as files ---


def eeg(seconds: float, fs: float, *, seed: int) -> np.ndarray:
    """Clean tones of 1 to 20 Hz and one of 0.6 Hz, (samples,) uV: the same course at whatever rate it is sampled."""
    rng = np.random.default_rng((seed, 0x51E))
    hz, phase = rng.uniform(1, 20, 40), rng.uniform(0, 2 * np.pi, 40)
    time_s = np.arange(round(seconds * fs)) / fs
    slow = 15 * np.sin(2 * np.pi * 0.6 * time_s + phase[0])  # a high-pass that is set too high takes it away
    return slow + 6 * sum(np.sin(2 * np.pi * f * time_s + p) for f, p in zip(hz, phase, strict=True))


def night_files(
    stages: Sequence[tuple[float, float, str]],
    *,
    seed: int,
    seconds: float = 300.0,
    fs: float = 100.0,
    unit: str = "uV",
    channel: str | None = CHANNEL,
    others: Sequence[tuple[str, float]] = (("EEG Pz-Oz", 100.0), ("Temp rectal", 1.0)),
    name: str = "SC4001",
) -> tuple[dict[str, Any], np.ndarray]:
    """The two files of a night as bytes, and the EEG that is in them.

    Args:
        stages: (onset in s, duration in s, text) of each annotation of the hypnogram.
        seed: of the signals. seconds: length of the recording, whole. fs: of the EEG in Hz.
        unit: in which the file stores the EEG: "uV", "mV" or "V".
        channel: its name in the file; None leaves it out.
        others: (name, rate in Hz) of channels that come before it.
        name: subject and night, six characters.

    Returns:
        files: {"name": ..., "psg": (bytes,) uint8, "hypnogram": (bytes,) uint8}, for `as_folder`.
        x: (samples,) uV of Fpz against Cz, as stored.
    """
    import edfio  # only who makes nights waits for it

    rng = np.random.default_rng((seed, 0x05E))
    rows = [
        edfio.EdfSignal(30 * rng.standard_normal(round(seconds * rate)), rate, label=label, physical_dimension="uV")
        for label, rate in others
    ]
    x = eeg(seconds, fs, seed=seed)
    if channel is not None:
        limit = 200.0  # uV
        stored = edfio.EdfSignal(
            (-x if channel == TURNED else x) * PER_UV[unit],
            fs,
            label=channel,
            physical_dimension=unit,
            physical_range=(-limit * PER_UV[unit], limit * PER_UV[unit]),
        )
        rows.append(stored)
    psg = edfio.Edf(rows, data_record_duration=1.0)
    notes = [edfio.EdfAnnotation(onset, duration, text) for onset, duration, text in stages]
    hypnogram = edfio.Edf([], annotations=notes)
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, Any] = {"name": name}
        for kind, edf in (("psg", psg), ("hypnogram", hypnogram)):
            path = Path(folder) / f"{kind}.edf"
            edf.write(path)
            files[kind] = np.fromfile(path, np.uint8)
    return files, x


def stages_of(found: Any) -> list[tuple[float, float, str]]:
    """(onset, duration, text) of each annotation that a student's night has."""
    rows = entry(found, "stages")
    expect(
        isinstance(rows, list | tuple) and all(isinstance(row, list | tuple) and len(row) == 3 for row in rows),
        got=f"stages {str(rows)[:80]}",
        expected="a list of (onset, duration, text)",
    )
    return [(float(onset), float(duration), str(text)) for onset, duration, text in rows]


def refuses(function, *arguments) -> str:
    """The message of the ValueError that a call raises; empty where it returns something."""
    try:
        function(*arguments)
    except ValueError as error:
        return str(error) or "ValueError"
    return ""


# --- filter and epochs ---


def band(x: np.ndarray, fs: float) -> np.ndarray:
    """0.3 to 35 Hz without delay: Butterworth of order 4, forwards and backwards."""
    from scipy import signal

    return signal.sosfiltfilt(signal.butter(4, (0.3, 35.0), "bandpass", fs=fs, output="sos"), x)


def factor(found: np.ndarray, clean: np.ndarray) -> float:
    """How many times as large a signal is as another of the same course, by least squares."""
    return float(np.sum(found * clean) / np.sum(clean * clean))


def hypnogram(*bouts: tuple[str, int], epoch_s: float = 30.0) -> list[tuple[float, float, str]]:
    """Annotations one after the other, from (letter, number of epochs): W, 1 to 4, R, M for movement, ? for none."""
    rows, at = [], 0.0
    for letter, count in bouts:
        text = "Movement time" if letter == "M" else f"Sleep stage {letter}"
        rows.append((at, count * epoch_s, text))
        at += count * epoch_s
    return rows


def staged(
    stages: Sequence[tuple[float, float, str]], *, seconds: float, epoch_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers in the night of the epochs that are kept, and their stages; worked out second by second."""
    whole = int(seconds // epoch_s)
    code = np.full(round(whole * epoch_s), -1)
    for onset, duration, text in stages:
        code[round(onset) : round(onset + duration)] = CODES.get(text, -1)
    code = code[:: round(epoch_s)][:whole]
    asleep = np.flatnonzero(code > 0)
    if not len(asleep):
        return np.zeros(0, int), np.zeros(0, int)
    room = int(AROUND_S // epoch_s)
    kept = np.arange(max(0, asleep[0] - room), min(whole, asleep[-1] + room + 1))
    kept = kept[code[kept] >= 0]
    return kept, code[kept]


# --- subjects, folds, sequences ---


def sleepers(n_subjects: int, *, seed: int) -> list[str]:
    """A name for each of many epochs, shuffled: subjects with one night or two, some longer than others."""
    rng = np.random.default_rng((seed, 0x5B7))
    names = [f"SC4{k:02d}" for k in rng.permutation(83)[:n_subjects]]
    who = np.repeat(names, rng.choice([12, 25, 25, 50], n_subjects))
    return rng.permutation(who).tolist()


def folds_of(found: Any, *, n: int, k: int) -> list[dict[str, np.ndarray]]:
    """Folds as dicts of arrays of positions, "train", "val" and "test"; raises `ExamError` where they are none."""
    from physiodl.exam.arrhythmia import folds_of as checked

    return checked(found, n=n, k=k)


def shared(folds: Sequence[Mapping[str, np.ndarray]], who: Sequence) -> int:
    """Over all folds, how many subjects have epochs in more than one of the three parts."""
    from physiodl.exam.arrhythmia import on_two_sides

    return on_two_sides(folds, who)


def runs(*nights: Sequence[int]) -> tuple[list[str], np.ndarray]:
    """Night and number of each epoch, from the numbers that each night has: SC4001, SC4002, SC4011 and so on."""
    names = [f"SC4{k // 2:02d}{k % 2 + 1}" for k in range(len(nights))]
    night = [name for name, own in zip(names, nights, strict=True) for _ in own]
    return night, np.concatenate([np.asarray(own, int) for own in nights])


def sequences_of(found: Any, *, n: int, length: int) -> np.ndarray:
    """Sequences as (m, length) whole numbers from -1 to n - 1; raises `ExamError` where they are none."""
    rows = numbers(found, shape=(None, length), what="sequences")
    expect(
        np.all(rows == np.round(rows)) and rows.min(initial=0) >= -1 and rows.max(initial=0) < n,
        got=f"values from {rows.min(initial=0):g} to {rows.max(initial=0):g}",
        expected=f"positions of epochs, 0 to {n - 1}, and -1 where a sequence is filled up",
    )
    return rows.astype(int)


# --- epochs to learn from ---


def easy_nights(n_subjects: int, per_night: int, *, seed: int, samples: int = 1000) -> dict[str, np.ndarray]:
    """Epochs that a small network learns in seconds, of subjects with one night each.

    Stages W, N2 and N3 have a tone of their own. N1 and REM share one: only what comes before tells them apart, as N1
    follows W and REM follows N2 or N3.

    Returns:
        epochs (n, samples) float32 at 100 Hz; stages (n,); nights and subjects (n,) whole numbers; numbers (n,) of the
        epochs in their night, with a gap in every night.
    """
    rng = np.random.default_rng((seed, 0xEA5))
    stages, nights, order = [], [], []
    for night in range(n_subjects):
        own: list[int] = []
        while len(own) < per_night:
            for stage in (0, 1, 2, 3, 2, 4):
                own += [stage] * int(rng.integers(2, 6))
        shift = int(rng.integers(0, 12))
        stages += own[shift : shift + per_night]
        nights += [night] * len(own[shift : shift + per_night])
        n = len(own[shift : shift + per_night])
        place = np.arange(n) + int(rng.integers(0, 50))
        place[n // 2 :] += 3  # three epochs are missing
        order.append(place)
    y, night = np.array(stages), np.array(nights)
    hz = np.array([11.0, 6.0, 14.0, 1.5, 6.0])[y]
    height = np.array([1.0, 1.0, 1.0, 1.4, 1.0])[y] * rng.uniform(0.8, 1.2, n_subjects)[night]
    time_s = np.arange(samples) / FS
    wave = np.sin(
        2 * np.pi * (hz + rng.uniform(-0.4, 0.4, len(y)))[:, None] * time_s + rng.uniform(0, 6.3, (len(y), 1))
    )
    x = height[:, None] * wave + 0.7 * rng.standard_normal((len(y), samples))
    return {
        "epochs": x.astype(np.float32),
        "stages": y,
        "nights": night,
        "subjects": night.copy(),
        "numbers": np.concatenate(order),
    }


# --- results ---


def kappa(labels: np.ndarray, called: np.ndarray) -> float:
    """Cohen's kappa of five stages."""
    from sklearn import metrics as sk  # takes a second: only who scores waits for it

    return float(sk.cohen_kappa_score(labels, called, labels=range(5)))


def stage_f1(labels: np.ndarray, called: np.ndarray) -> np.ndarray:
    """(5,) F1 of each stage; 0 for one that neither occurs nor is called."""
    from sklearn import metrics as sk

    return sk.f1_score(labels, called, labels=range(5), average=None, zero_division=0)


def cross_entropy(probability: np.ndarray, stages: np.ndarray) -> float:
    """Mean of minus the logarithm of the probability that the right stage got, in nats."""
    return float(-np.log(np.maximum(probability[np.arange(len(stages)), stages], 1e-12)).mean())


def decisions(found: Any, n: int, what: str = "stages") -> np.ndarray:
    """(n,) stages 0 to 4 that a student's function returned."""
    called = numbers(found, shape=(n,), what=what)
    expect(
        np.isin(called, range(5)).all(),
        got=f"values such as {', '.join(f'{v:.3g}' for v in np.unique(called)[:6])} in {what}",
        expected="stages 0 to 4",
    )
    return called.astype(int)


def scored_nights(n_subjects: int, *, seed: int, skill: float = 0.8) -> dict[str, np.ndarray]:
    """Stages of simulated hypnograms, what somebody called them, and whose they are; some subjects have two nights.

    Who calls them is the worse the nearer a change of stage, and worse in some subjects than in others.
    """
    rng = np.random.default_rng((seed, 0xCA1))
    stages, who, nights, place = [], [], [], []
    for subject in range(n_subjects):
        for second in range(int(rng.integers(1, 3))):
            own: list[int] = [0] * int(rng.integers(2, 12))
            while len(own) < 90:
                own += [int(rng.choice([1, 2, 2, 3, 4, 0]))] * int(rng.integers(1, 9))
            numbers_ = np.arange(len(own)) + int(rng.integers(0, 30))
            numbers_[len(own) // 3 :] += int(rng.integers(1, 4))
            stages += own
            who += [subject] * len(own)
            nights += [2 * subject + second] * len(own)
            place.append(numbers_)
    y, who_, night, number = np.array(stages), np.array(who), np.array(nights), np.concatenate(place)
    right = np.clip(skill + rng.normal(0, 0.12, n_subjects), 0.3, 0.97)[who_]
    right = np.where(at_transition(y, night, number), right - 0.3, right)
    called = np.where(rng.random(len(y)) < right, y, rng.integers(0, 5, len(y)))
    return {"labels": y, "called": called, "subjects": 40 + who_, "nights": night, "numbers": number}


def at_transition(stages: np.ndarray, nights: np.ndarray, order: np.ndarray) -> np.ndarray:
    """(n,) whether the epoch before or after, of the same night and without a gap, has another stage."""
    stage = {(n, k): s for n, k, s in zip(nights.tolist(), order.tolist(), stages.tolist(), strict=True)}
    return np.array(
        [
            any(stage.get((n, k + step), s) != s for step in (-1, 1))
            for n, k, s in zip(nights.tolist(), order.tolist(), stages.tolist(), strict=True)
        ]
    )


def interval(labels: np.ndarray, called: np.ndarray, who: np.ndarray, *, draws: int = 20_000) -> tuple[float, float]:
    """95 % percentile bootstrap interval (Efron 1979) of the pooled kappa, subjects drawn with replacement."""
    from sklearn import metrics as sk

    tables = np.stack(
        [sk.confusion_matrix(labels[who == w], called[who == w], labels=range(5)) for w in np.unique(who)]
    )
    rng = np.random.default_rng(0)
    drawn = tables[rng.integers(len(tables), size=(draws, len(tables)))].sum(axis=1)
    total = drawn.sum(axis=(1, 2))
    agreed = np.trace(drawn, axis1=1, axis2=2) / total
    chance = (drawn.sum(axis=1) * drawn.sum(axis=2)).sum(axis=1) / total**2
    low, high = np.quantile((agreed - chance) / (1 - chance), [0.025, 0.975])
    return float(low), float(high)
