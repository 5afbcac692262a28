"""A simulated EEG of 19 electrodes during mental arithmetic of three levels of difficulty, in microvolts.

Each electrode has a 1/f background and rhythms (theta at the frontal midline, alpha at the back, beta), each from a few
sources that several electrodes see. Where, how high and at which frequency differs between people: more than anything
that work does, so that a person is known from his windows (in people a linear classifier names 94 % of them among 36).
With the level, theta rises in about half of the people and not in the others, alpha falls in most and rises in some,
and beta rises a little: sizes are those of a meta-analysis (Chikhi et al. 2022, Psychophysiology 59:e14009: theta
g = 0.68, alpha -0.25, beta 0.50) and of paired recordings of rest and arithmetic. Everything drifts over half a minute,
and every stretch of the task has a state of its own, which has nothing to do with its level: windows of one stretch are
alike, as in people. That is what a split at random gets to know. Figures without a source are design values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.signal import lfilter

from physiodl.simulate import eeg
from physiodl.simulate.pupil import pulses

FS = 125.0
ELECTRODES = {  # seen from above, nose up; the ears are at -1 and 1 (10-20 system)
    "Fp1": (-0.31, 0.95), "Fp2": (0.31, 0.95), "F3": (-0.42, 0.52), "F4": (0.42, 0.52), "F7": (-0.81, 0.59),
    "F8": (0.81, 0.59), "T3": (-1.0, 0.0), "T4": (1.0, 0.0), "C3": (-0.5, 0.0), "C4": (0.5, 0.0), "T5": (-0.81, -0.59),
    "T6": (0.81, -0.59), "P3": (-0.42, -0.52), "P4": (0.42, -0.52), "O1": (-0.31, -0.95), "O2": (0.31, -0.95),
    "Fz": (0.0, 0.5), "Cz": (0.0, 0.0), "Pz": (0.0, -0.5),
}  # fmt: skip
PLACES = np.array(list(ELECTRODES.values()))
LEVELS = ("low", "medium", "high")
LOAD = np.array([0.0, 0.5, 1.0])  # share of the effect that each level has
LEAD_S = 20.0  # before the first level: eyes open, looking at a point
BLOCK_S = (22.0, 40.0)  # length of a stretch of one level
PARTS = ("background", "theta", "alpha", "beta")
RMS_UV = np.array([7.0, 2.6, 4.0, 2.2])  # of each part at the electrode that has most of it
REACH = {"theta": ((0.0, 0.5), 0.45), "alpha": ((0.0, -0.85), 0.55), "beta": ((0.0, 0.1), 0.9)}  # centre, width
LAG_S = {"theta": 4.0, "alpha": 2.0, "beta": 2.5}  # theta rises late (Gaertner et al. 2015, Front Behav Neurosci 9:96)
EFFECT_DB = {"theta": (4.2, 1.4), "alpha": (-3.4, 2.4), "beta": (1.8, 1.8)}  # from low to high: mean, spread of people
NO_THETA = 0.5  # share of people whose theta does not answer
PERSON_DB = np.array([1.0, 1.2, 1.6, 1.3])  # spread of each part between people, per electrode
BLOCK_DB = np.array([0.8, 1.35, 1.35, 1.15])  # the same between stretches of one recording
DRIFT_DB, DRIFT_TAU_S = 0.55, 40.0  # and what wanders meanwhile
SMOOTH = 0.15  # how far what electrodes have in common reaches, in radii of the head
CLOSED_DB = (4.0, 9.0)  # alpha with the eyes closed, above that with the eyes open


@dataclass(frozen=True)
class Person:
    """What stays the same in all recordings of one person.

    Attributes:
        offsets_db: (parts, 19) how much more or less of each part an electrode has than usual.
        effect_db: (parts,) change of each part from low to high; 0 of the background.
        hz: (parts,) frequency of each rhythm; of the background, its exponent.
        closed_db: alpha with the eyes closed.
        gain: of all electrodes. places: what the places of sources are drawn from.
        blink_uv, blinks_per_min: of the eyes.
    """

    offsets_db: np.ndarray
    effect_db: np.ndarray
    hz: np.ndarray
    closed_db: float
    gain: float
    places: int
    blink_uv: float
    blinks_per_min: float


@dataclass(frozen=True)
class Session:
    """Two recordings of one person.

    Attributes:
        rest_uv, task_uv: (19, samples) against the ears: at rest with the eyes closed, and the task.
        spans: of the task, (start_s, stop_s, level).
        sync_s: (k,) seconds of pulses in the task. blink_s: (k,) seconds of blinks.
        fs: sampling rate in Hz.
    """

    rest_uv: np.ndarray
    task_uv: np.ndarray
    spans: tuple[tuple[float, float, str], ...]
    sync_s: np.ndarray
    blink_s: np.ndarray
    fs: float


def draw_person(seed: int | np.random.Generator) -> Person:
    """A person: amplitudes, frequencies, and what work does."""
    rng = np.random.default_rng(seed)
    effect = {part: rng.normal(*EFFECT_DB[part]) for part in EFFECT_DB}
    if rng.random() < NO_THETA:
        effect["theta"] = 0.3 * rng.standard_normal()
    smooth = _smooth(SMOOTH)
    offsets = PERSON_DB[:, None] * (0.8 * rng.standard_normal((4, 19)) @ smooth + 0.6 * rng.standard_normal((4, 19)))
    return Person(
        offsets_db=offsets,
        effect_db=np.array([0.0, effect["theta"], effect["alpha"], effect["beta"]]),
        hz=np.array([rng.normal(1.25, 0.15), rng.normal(6.0, 0.5), np.clip(rng.normal(10.0, 0.9), 8.3, 12.0),
                     rng.normal(20.0, 2.0)]),
        closed_db=float(rng.uniform(*CLOSED_DB)),
        gain=float(np.exp(0.2 * np.clip(rng.standard_normal(), -2, 2))),
        places=int(rng.integers(2**31)),
        blink_uv=float(rng.uniform(40, 90)),
        blinks_per_min=float(np.clip(17 * np.exp(0.4 * rng.standard_normal()), 5, 35)),
    )  # fmt: skip


def simulate_levels(seed: int | np.random.Generator, *, task_s: float = 300.0) -> tuple[tuple[float, float, str], ...]:
    """The task: after 20 s of looking at a point, stretches of 22 to 40 s of one level, each level as often.

    Args:
        seed: or a generator.
        task_s: length, at least 100 s.

    Returns:
        (start_s, stop_s, level), without gaps; no two neighbours have the same level.
    """
    if not task_s >= 100:
        raise ValueError(f"got task_s={task_s}, expected at least 100 s: three levels with changes between them")
    rng = np.random.default_rng(seed)
    rounds = max(1, round((task_s - LEAD_S) / (3 * np.mean(BLOCK_S))))
    order: list[int] = []
    for _ in range(rounds):
        three = rng.permutation(3)
        while order and three[0] == order[-1]:
            three = rng.permutation(3)
        order += [int(level) for level in three]
    lengths = rng.uniform(*BLOCK_S, len(order))
    for level in range(3):  # each level as long in all
        mine = np.array(order) == level
        lengths[mine] *= (task_s - LEAD_S) / 3 / lengths[mine].sum()
    edges = LEAD_S + np.concatenate([[0.0], np.cumsum(lengths)])
    edges = np.append(np.round(edges[:-1], 3), task_s)
    return tuple((float(a), float(b), LEVELS[k]) for a, b, k in zip(edges[:-1], edges[1:], order, strict=True))


def simulate_session(
    seed: int, *, subject_seed: int | None = None, task_s: float = 300.0, rest_s: float = 60.0, fs: float = FS
) -> Session:
    """Rest and task of one person.

    Args:
        seed: of the recordings.
        subject_seed: of the person; two sessions with the same are of one person. ``seed`` when None.
        task_s, rest_s: lengths.
        fs: sampling rate in Hz, at least 100.

    Raises:
        ValueError: shorter, or a lower rate.
    """
    if not fs >= 100 or not rest_s >= 10:
        raise ValueError(f"got fs={fs} Hz, rest_s={rest_s}, expected at least 100 Hz and 10 s")
    person = draw_person(np.random.default_rng([seed if subject_seed is None else subject_seed, 601]))
    rng = np.random.default_rng([seed, 602])
    spans = simulate_levels(rng, task_s=task_s)
    rest = simulate_eeg((), person, rng, duration_s=rest_s, fs=fs, closed=True)
    task = simulate_eeg(spans, person, rng, duration_s=task_s, fs=fs)
    n = round(task_s * fs)
    blinks, blink_s = eeg.blinks(n, fs, rng=rng, per_minute=person.blinks_per_min, amplitude_uv=person.blink_uv)
    front = np.exp(-((PLACES[:, 1] - 1.0) ** 2) / 0.1)  # the eyes are near the front electrodes
    return Session(rest, task + front[:, None] * blinks, spans, pulses(rng, task_s), blink_s, fs)


def simulate_eeg(
    spans: tuple[tuple[float, float, str], ...], person: Person, rng: np.random.Generator, *, duration_s: float,
    fs: float = FS, closed: bool = False,
) -> np.ndarray:  # fmt: skip
    """(19, samples) uV of one person; ``closed``: with the eyes closed, which raises alpha."""
    n = round(duration_s * fs)
    frames = int(np.ceil(duration_s)) + 1  # heights change once a second, with lines between
    seconds = np.arange(frames)
    load, state = np.zeros(frames), np.zeros((4, 19, frames))
    smooth = _smooth(SMOOTH)
    for start, stop, level in spans:
        inside = (seconds >= start) & (seconds < stop + 1)
        load[inside] = LOAD[LEVELS.index(level)]
        mood = rng.standard_normal((4, 19)) @ smooth
        state[:, :, inside] = (BLOCK_DB[:, None] * mood)[:, :, None]
    keep = np.exp(-1 / DRIFT_TAU_S)
    steps = rng.standard_normal((4, 19, frames + 100)).swapaxes(1, 2) @ smooth
    drift = lfilter([np.sqrt(1 - keep**2)], [1, -keep], steps, axis=1)[:, 100:].swapaxes(1, 2)
    out, time_s = np.zeros((19, n)), np.arange(n) / fs
    for k, part in enumerate(PARTS):
        db = person.offsets_db[k][:, None] + state[k] + DRIFT_DB * drift[k]
        if part in LAG_S:
            slow = np.exp(-1 / LAG_S[part])
            answer = lfilter([1 - slow], [1, -slow], load, zi=[slow * load[0]])[0]
            near = _near(REACH[part][0], 1.0)
            db = db + person.effect_db[k] * answer * (0.5 + 0.5 * near)[:, None]
        if part == "alpha" and closed:
            db = db + person.closed_db * (0.5 + 0.5 * _near(REACH["alpha"][0], 0.8))[:, None]
        height = RMS_UV[k] * 10 ** (db / 20)
        for row, curve in enumerate(_sources(part, person, rng, n, fs)):
            out[row] += np.interp(time_s, seconds, height[row]) * curve
    return person.gain * out + 0.7 * rng.standard_normal((19, n))


def _sources(part: str, person: Person, rng: np.random.Generator, n: int, fs: float) -> np.ndarray:
    """(19, n) what each electrode sees of a part: sources that several see, and one of its own; variance 1 at most."""
    k = PARTS.index(part)
    own = np.random.default_rng([person.places, k])  # a person's sources stay where they are
    length = fft.next_fast_len(n + round(20 * fs), real=True)  # longer, and cut: such noise repeats itself
    freqs = fft.rfftfreq(length, 1 / fs).astype(np.float32)
    if part == "background":
        shape = np.maximum(freqs, 0.5) ** (-person.hz[0] / 2)
        centres, width, private = own.uniform(-0.8, 0.8, (7, 2)), 0.5, 0.45
        reach = np.ones(19)
    else:
        wide = {"theta": 0.9, "alpha": 0.8, "beta": 4.0}[part]
        shape = np.exp(-0.25 * ((freqs - person.hz[k]) / wide) ** 2)
        centre, width = REACH[part]
        centres, private = np.array(centre) + own.normal(0, 0.22, (3, 2)), 0.3
        reach = 0.25 + 0.75 * _near(centre, 1.3 * width)
    mix = np.exp(-((PLACES[:, None] - centres[None]) ** 2).sum(-1) / (2 * width**2))
    mix = mix * own.choice([-1.0, 1.0], len(centres)) if part == "background" else mix
    mix /= np.sqrt((mix**2).sum(axis=1, keepdims=True)) + 1e-9
    shape[0] = 0.0
    noise = rng.standard_normal((len(centres) + 19, length), dtype=np.float32)
    x = fft.irfft(fft.rfft(noise, axis=1) * shape, length, axis=1)[:, :n]
    x /= x.std(axis=1, keepdims=True)
    seen = np.sqrt(1 - private**2) * mix @ x[: len(centres)] + private * x[len(centres) :]
    return reach[:, None] * seen


def _near(centre: tuple[float, float], width: float) -> np.ndarray:
    """(19,) 1 at a place of the head, less further away."""
    return np.exp(-((PLACES - np.array(centre)) ** 2).sum(axis=1) / (2 * width**2))


def _smooth(width: float) -> np.ndarray:
    """(19, 19) columns of unit length: neighbouring electrodes have something in common."""
    far = ((PLACES[:, None] - PLACES[None]) ** 2).sum(-1)
    near = np.exp(-far / (2 * width**2))
    return near / np.sqrt((near**2).sum(axis=0))
