"""Windows of EEG and pupil for assignment 06, and how branches, fusions and evaluations are measured from outside.

Nothing here trains a network of the student's: what an answer depends on can be seen with fresh weights. Windows are
made from a seed and mean nothing; the numbers of subjects and the sizes of effects are design values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from physiodl.exam.arrhythmia import entry, folds_of
from physiodl.exam.arrhythmia import on_two_sides as shared
from physiodl.exam.checks import expect, numbers

STEPS_PER_S = (3.0, 5.0)
NEAR_S = 0.9  # how far from a change the step may be that it moves most: kernels of a second, pooling of a half

__all__ = ["entry", "folds_of", "shared"]  # handed on, for test cells


# --- branches and fusion ---


def pairs(
    n: int, *, seed: int, channels: int = 5, seconds: float = 4.0, eeg_fs: float = 125.0, pupil_fs: float = 60.0
) -> tuple[np.ndarray, np.ndarray]:
    """Windows of both signals over the same seconds.

    Returns:
        eeg (n, channels, samples) float32 uV, rhythms of 4 to 20 Hz in noise; pupil (n, samples) float32 mm above the
        baseline, slow and without a gap.
    """
    rng = np.random.default_rng((seed, 0x2B7))
    time_s = np.arange(round(seconds * eeg_fs)) / eeg_fs
    hz, phase = rng.uniform(4, 20, (2, n, channels, 1)), rng.uniform(0, 2 * np.pi, (2, n, channels, 1))
    eeg = 7 * np.sin(2 * np.pi * hz * time_s + phase).sum(axis=0) + 3 * rng.standard_normal((n, channels, len(time_s)))
    time_s = np.arange(round(seconds * pupil_fs)) / pupil_fs
    hz, phase = rng.uniform(0.1, 0.8, (3, n, 1)), rng.uniform(0, 2 * np.pi, (3, n, 1))
    pupil = rng.normal(0.1, 0.2, (n, 1)) + 0.12 * np.sin(2 * np.pi * hz * time_s + phase).sum(axis=0)
    return eeg.astype(np.float32), pupil.astype(np.float32)


def louder(eeg: np.ndarray, fs: float, *, channel: int, at_s: float) -> np.ndarray:
    """The same windows with one channel three times as high within 0.2 s of a time."""
    out = eeg.copy()
    near = np.abs(np.arange(eeg.shape[2]) / fs - at_s) < 0.2
    out[:, channel, near] *= 3
    return out


def steps_of(found: Any, *, n: int, seconds: float, what: str) -> np.ndarray:
    """What a branch returned, once it is (n, steps, width) with three to five steps per second."""
    steps = numbers(found, shape=(n, None, None), what=what)
    low, high = (round(rate * seconds) for rate in STEPS_PER_S)
    expect(
        low - 1 <= steps.shape[1] <= high + 1,
        got=f"{what} with {steps.shape[1]} steps",
        expected=f"{low} to {high} in {seconds:g} s",
        cause="strides counted in samples instead of seconds, or the axes are (n, width, steps)",
    )
    expect(steps.shape[2] >= 8, got=f"a width of {steps.shape[2]}", expected="at least 8")
    return steps


def alike(a: Any, b: Any) -> bool:
    """Whether two answers are the same but for rounding, in every window."""
    a, b = numbers(a), numbers(b)
    return a.shape == b.shape and bool(np.abs(a - b).max() < 1e-5 * (1 + np.abs(b).max()))


def differ(found: Any, what: str) -> None:
    """Check that the windows did not all get one answer: then they were not looked at."""
    found = numbers(found)
    expect(
        np.ptp(found, axis=0).max() > 1e-6,
        got=f"the same {what} for all windows",
        expected="one of its own for each",
        cause="the signals are not looked at",
    )


def moved_at(found: Any, before: np.ndarray, *, at_s: float, seconds: float, what: str) -> None:
    """Check that a change at a time moves the steps around it, and these most."""
    moved = np.abs(numbers(found, shape=before.shape, what="steps") - before).mean(axis=(0, 2))
    expect(
        moved.max() > 1e-6,
        got=f"the same steps after {what} was changed",
        expected="others",
        cause="part of the window or some channels are never looked at",
    )
    place = (np.average(np.arange(len(moved)), weights=moved**2) + 0.5) * seconds / len(moved)
    expect(
        abs(place - at_s) < NEAR_S,
        got=f"{what} was changed and moved the steps around {place:.1f} s",
        expected=f"those around {at_s:g} s",
        cause="steps in another order than time, or each step is about the whole window",
    )


def attention(query: np.ndarray, key: np.ndarray, value: np.ndarray, *, over: int = 2) -> np.ndarray:
    """(n, s, e) scaled dot-product attention (Vaswani et al. 2017); the softmax runs over axis ``over``."""
    scores = np.einsum("nsd,ntd->nst", query, key) / np.sqrt(query.shape[2])
    weight = np.exp(scores - scores.max(axis=over, keepdims=True))
    return np.einsum("nst,nte->nse", weight / weight.sum(axis=over, keepdims=True), value)


def attention_mistake(found: Any, query: np.ndarray, key: np.ndarray, value: np.ndarray) -> str:
    """What the answer looks like, where it is none of attention: the likely cause in words."""
    found = np.asarray(found, float)
    known = {
        "the softmax runs over the steps that ask instead of those that are looked at": attention(
            query, key, value, over=1
        ),
        "the softmax runs over the windows of the batch": attention(query, key, value, over=0),
        "scores are not divided by sqrt(d)": attention(query * np.sqrt(query.shape[2]), key, value),
        "scores are divided by d instead of its root": attention(query / np.sqrt(query.shape[2]), key, value),
    }
    for cause, answer in known.items():
        if found.shape == answer.shape and np.allclose(found, answer, rtol=1e-3, atol=1e-4):
            return cause
    return "the softmax runs over another axis than the steps that are looked at, or windows are mixed"


# --- evaluation ---


def workers(n_subjects: int, *, seed: int) -> list[str]:
    """A name for each of many windows, shuffled: some subjects have more than others."""
    rng = np.random.default_rng((seed, 0x3C4))
    names = [f"Subject{k:02d}" for k in rng.permutation(60)[:n_subjects]]
    return rng.permutation(np.repeat(names, rng.choice([8, 12, 20], n_subjects))).tolist()


def scored(n_subjects: int, *, seed: int, ties: bool = False) -> dict[str, np.ndarray]:
    """Levels, somebody's probabilities and whose windows they are; better for some people than for others.

    With ``ties`` probabilities are rounded to one digit, so that many are equal. Who calls the levels leans to high, so
    that decisions tell little.
    """
    rng = np.random.default_rng((seed, 0x4D5))
    who = np.repeat(np.arange(n_subjects), 21)
    levels = rng.permuted(np.tile(np.repeat([0, 1, 2], 7), (n_subjects, 1)), axis=1).ravel()
    skill = np.clip(rng.normal(1.0, 0.9, n_subjects), -0.6, 2.6)[who]
    logits = skill[:, None] * np.array([[1.0, 0.2, -1.0], [0.0, 0.6, 0.0], [-1.0, 0.2, 1.0]])[levels]
    logits = logits + np.array([0.0, 0.2, 0.9]) + 0.7 * rng.standard_normal(logits.shape)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if ties:
        p = np.round(p, 1)
    order = rng.permutation(len(levels))
    return {"levels": levels[order], "probability": p[order], "subjects": 10 + who[order]}


def aucs(levels: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """(3,) ROC AUC of each level against the others, from ranks (Mann and Whitney 1947), ties half."""
    return np.array([_auc(levels == k, probability[:, k]) for k in range(3)])


def auc_mistake(found: Any, levels: np.ndarray, probability: np.ndarray) -> str:
    """What three wrong AUCs look like, in words."""
    found = np.asarray(found, float)
    hard = np.eye(3)[probability.argmax(axis=1)]
    pair = [levels != (k + 2) % 3 for k in range(3)]
    against_next = [_auc(levels[two] == k, probability[two, k]) for k, two in enumerate(pair)]
    known = {
        "decisions are scored instead of probabilities: of a ranking only two steps are left": aucs(levels, hard),
        "one level against one other instead of against both": np.array(against_next),
        "the columns are taken in another order": aucs(levels, probability[:, ::-1]),
        "ties count as lost": np.array([_auc(levels == k, probability[:, k], tie=0.0) for k in range(3)]),
        "ties count as won": np.array([_auc(levels == k, probability[:, k], tie=1.0) for k in range(3)]),
    }
    for cause, answer in known.items():
        if found.shape == (3,) and np.allclose(found, answer, atol=1e-6):
            return cause
    return "decisions instead of probabilities, another column, or pairs of levels instead of one against the rest"


def interval(
    levels: np.ndarray, probability: np.ndarray, who: np.ndarray, *, draws: int = 4000
) -> tuple[np.ndarray, np.ndarray]:
    """(4,) low and high ends of the 95 % percentile bootstrap interval (Efron 1979) over subjects: levels, mean."""
    from physiodl.multiclass import auc_intervals  # takes a second: only who scores waits for it

    return auc_intervals(levels, probability, groups=who, n_boot=draws, seed=0)[1:]


def measured(n_subjects: int, *, seed: int, common: float = 1.0, each: int = 4) -> dict[str, Any]:
    """A few numbers per window, in which each person has a place of his own and each of his levels too.

    Only what is the same in all people (``common``) tells the level of somebody new; windows of a person are so alike
    that whoever has met him knows the rest. ``each``: windows of each level of a person.

    Returns:
        features (n, 40), levels (n,), subjects: n names.
    """
    rng = np.random.default_rng((seed, 0x5E6))
    who = np.repeat(np.arange(n_subjects), 3 * each)
    levels = np.tile(np.repeat([0, 1, 2], each), n_subjects)
    places = rng.standard_normal((n_subjects, 3, 40))  # of each level of each person
    features = places[who, levels] + 0.3 * rng.standard_normal((len(who), 40))
    features[:, :2] += 6.5 * common * np.stack([levels - 1.0, np.abs(levels - 1.0)], axis=1)
    order = rng.permutation(len(who))
    return {
        "features": features[order],
        "levels": levels[order],
        "subjects": [f"Subject{k:02d}" for k in who[order]],
    }


def _auc(positive: np.ndarray, score: np.ndarray, *, tie: float = 0.5) -> float:
    gap = np.asarray(score, float)[positive][:, None] - np.asarray(score, float)[~positive][None]
    return float((gap > 0).mean() + tie * (gap == 0).mean())
