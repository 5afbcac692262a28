"""Windows of EEG and pupil for assignment 06, and how branches, fusions and evaluations are measured from outside.

Nothing here trains a network of the student's: what an answer depends on can be seen with fresh weights. Windows are
made from a seed and mean nothing; the numbers of subjects and the sizes of effects are design values.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from physiodl.exam.arrhythmia import entry, folds_of
from physiodl.exam.arrhythmia import on_two_sides as shared
from physiodl.exam.checks import expect, numbers

STEPS_PER_S = (3.0, 5.0)
NEAR_S = 0.9  # how far from a change the step may be that it moves most: kernels of a second, pooling of a half
SAME_ANSWER = 0.03  # solvers of logistic regression stop up to 0.01 apart, mistakes are 0.1 and more away

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


def level_kept(found: Any, before: np.ndarray, *, what: str, cause: str) -> None:
    """Check that a change of a whole window is seen in the mean of its steps, measured against how far steps spread.

    Fresh branches, six seeds: convolutions, dilated or recurrent ones move by 0.3 of the spread and more; 0.15 is left
    where a layer normalises each window, because of the small number in its denominator and of the window's edges.
    """
    found = numbers(found, shape=before.shape, what="steps")
    moved = np.sqrt(np.mean((found.mean(axis=1) - before.mean(axis=1)) ** 2))
    share = moved / np.sqrt(np.mean(before.std(axis=(0, 1)) ** 2))
    expect(
        share > 0.22,
        got=f"steps that hardly notice {what}: their mean moves by {share:.3f} of their spread",
        expected="more than 0.22",
        cause=cause,
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


def as_scored(found: Any, levels: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The probabilities as somebody reads them whose three AUCs are ``found``: a later check need not blame that again.

    As given where nothing is known of how they were read.
    """
    found = np.asarray(found, float)
    for read in (np.eye(3)[probability.argmax(axis=1)], probability[:, ::-1]):
        if found.shape == (3,) and np.allclose(found, aucs(levels, read), atol=1e-6):
            return read
    return probability


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
    turn = np.linalg.qr(rng.standard_normal((40, 40)))[0]  # else whoever knows the two columns needs no training
    return {
        "features": features[order] @ turn,
        "levels": levels[order],
        "subjects": [f"Subject{k:02d}" for k in who[order]],
    }


def strained(n_subjects: int, *, seed: int, faint: bool) -> dict[str, Any]:
    """Sixty numbers per window for which the strength of a model matters, each with a scale of its own.

    Half of the windows are low, an eighth medium: a model that always says low is often right and tells nothing.
    Levels show a little in many columns, where a strong penalty (small C) is best; with ``faint`` in the small
    difference of two columns that go up and down together, which a strong penalty never finds. The last eight columns
    are noise, louder in some people than in others.

    Returns:
        features (n, 60), levels (n,), subjects: n names.
    """
    rng = np.random.default_rng((seed, 0x6F7))
    who = np.repeat(np.arange(n_subjects), 24)
    levels = rng.permuted(np.tile(np.repeat([0, 1, 2], [12, 3, 9]), (n_subjects, 1)), axis=1).ravel()
    features = rng.standard_normal((len(who), 60))
    told = levels - 1.0 if faint else (levels == 1) * 0.85
    together = 3 * rng.standard_normal((len(who), 1))
    features[:, :2] = together + 0.38 * np.stack([told, -told], axis=1) + 0.35 * rng.standard_normal((len(who), 2))
    features[:, 2:52] += 0 if faint else 0.17 * (levels[:, None] - 1)
    features[:, 52:] *= np.exp(rng.standard_normal((n_subjects, 8)))[who]
    features = features * 10 ** rng.uniform(-2, 3, 60)
    order = rng.permutation(len(levels))
    return {
        "features": features[order],
        "levels": levels[order],
        "subjects": [f"Subject{k:02d}" for k in who[order]],
    }


SCALINGS = {
    "": lambda x, f: (x[f["train"]].mean(axis=0), x[f["train"]].std(axis=0)),
    "columns are not scaled": lambda x, f: (0.0, 1.0),
    "only the mean is taken off: divide by the standard deviation too": lambda x, f: (x[f["train"]].mean(axis=0), 1.0),
    "means and spreads over training and validation windows": lambda x, f: _moments(x[np.r_[f["train"], f["val"]]]),
    "means and spreads over all windows instead of the training windows": lambda x, f: _moments(x),
    "means and spreads over the test windows": lambda x, f: _moments(x[f["test"]]),
}


def answers(
    people: dict[str, Any], fold: dict[str, np.ndarray], strength: float, *, scaling: str = "", rows: str = "train"
) -> np.ndarray:
    """(n, 3) what logistic regression trained on ``rows`` of a fold says of all windows; ``scaling``: of `SCALINGS`."""
    from sklearn.linear_model import LogisticRegression  # only who scores waits for it

    x, levels = people["features"], people["levels"]
    mean, spread = SCALINGS[scaling](x, fold)
    x, at = (x - mean) / spread, np.concatenate([fold[name] for name in rows.split("+")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where nothing is scaled, it does not converge
        return LogisticRegression(C=strength, max_iter=500).fit(x[at], levels[at]).predict_proba(x)


def strengths_of(chosen: Any, strengths: list[float], k: int) -> np.ndarray:
    """(k,) the strengths that were chosen, once they are elements of ``strengths``."""
    chosen = numbers(chosen, shape=(k,), what="chosen")
    places = not np.isin(chosen, strengths).all() and np.isin(chosen, range(len(strengths))).all()
    expect(
        np.isclose(chosen[:, None], strengths, rtol=1e-6, atol=0).any(axis=1).all(),
        got=f"chosen {chosen[:6].tolist()}",
        expected=f"{k} of {strengths}",
        cause="positions in the list instead of the strengths themselves: strengths[best]"
        if places
        else "the strength itself is asked, an element of `strengths`",
    )
    return chosen


def well_chosen(asked: list[tuple[Any, dict, list[dict], list[float]]]) -> None:
    """Check that the strength of each fold is the one with the highest macro-AUC on its validation windows.

    Args:
        asked: for each set of people what was returned, the people, their folds and the strengths to choose from.
    """
    cases = []  # chosen place, fold, people, strengths
    for found, people, folds, strengths in asked:
        chosen = strengths_of(entry(found, "chosen"), strengths, len(folds))
        place = np.abs(chosen[:, None] - strengths).argmin(axis=1)
        cases += [(int(j), fold, people, strengths) for j, fold in zip(place, folds, strict=True)]
    value = [_judged(*case[1:]) for case in cases]
    lost = [own.max() - own[case[0]] for own, case in zip(value, cases, strict=True)]
    if max(lost) < 0.003:
        return
    j, fold, people, strengths = cases[worst := int(np.argmax(lost))]
    others = {
        "always the first is taken": lambda *case: -np.arange(len(case[2])),
        "always the last is taken": lambda *case: np.arange(len(case[2])),
        "the lowest is taken instead of the highest": lambda *case: -_judged(*case),
        "chosen on training windows": lambda *case: _judged(*case, part="train"),
        "chosen on training and validation windows together": lambda *case: _judged(*case, part="train+val"),
        "trained on the validation windows too": lambda *case: _judged(*case, rows="train+val"),
        "chosen on test windows": lambda *case: _judged(*case, part="test"),
        "chosen by accuracy, which a model reaches that always says the most frequent level": lambda *case: _judged(
            *case, by=lambda levels, p: float((p.argmax(axis=1) == levels).mean())
        ),
        "chosen by the worst of the three levels instead of their mean": lambda *case: _judged(
            *case, by=lambda levels, p: aucs(levels, p).min()
        ),
        "C is 1 / strength": lambda f, d, each: _judged(f, d, [1 / c for c in each]),
        **{name: lambda *case, name=name: _judged(*case, scaling=name) for name in SCALINGS if name},
    }
    picked = [case[0] for case in cases]
    causes = [name for name, made in others.items() if [int(np.argmax(made(*case[1:]))) for case in cases] == picked]
    expect(
        False,
        got=f"strength {strengths[j]:g} in a fold, a macro-AUC of {value[worst][j]:.3f} on its validation windows",
        expected=f"{strengths[value[worst].argmax()]:g}, which reaches {value[worst].max():.3f}",
        cause="; or ".join(causes[:2]) or "chosen by something else than macro-AUC on validation windows",
    )


def well_answered(found: Any, people: dict, folds: list[dict], strengths: list[float]) -> None:
    """Check that test windows got the answers of the model that was chosen, trained and scaled by training windows."""
    p = numbers(entry(found, "probability"), shape=(len(people["levels"]), 3), what="probability")
    chosen = numbers(entry(found, "chosen"), shape=(len(folds),), what="chosen")
    if not np.isin(chosen, strengths).all() and np.isin(chosen, range(len(strengths))).all():
        chosen = np.array(strengths)[chosen.astype(int)]  # positions: that is said elsewhere
    chosen = strengths_of(chosen, strengths, len(folds))

    def off(made: Callable[[dict, float], np.ndarray]) -> float:
        return max(np.abs(made(f, c)[f["test"]] - p[f["test"]]).max() for f, c in zip(folds, chosen, strict=True))

    right = off(lambda f, c: answers(people, f, c))
    if right < SAME_ANSWER:
        return
    others = {
        **{name: lambda f, c, name=name: answers(people, f, c, scaling=name) for name in SCALINGS if name},
        "trained on the validation windows too": lambda f, c: answers(people, f, c, rows="train+val"),
        "C is 1 / strength": lambda f, c: answers(people, f, 1 / c),
        "the mean over the models of all strengths": lambda f, c: np.mean(
            [answers(people, f, each) for each in strengths], axis=0
        ),
        "decisions (predict) instead of probabilities (predict_proba)": lambda f, c: np.eye(3)[
            answers(people, f, c).argmax(axis=1)
        ],
        "the model trained last answers instead of the chosen one": lambda f, c: answers(people, f, strengths[-1]),
    }
    expect(
        False,
        got=f"answers that differ by up to {right:.2f} from those of the chosen model",
        expected="its probabilities",
        cause=next((name for name, made in others.items() if off(made) < SAME_ANSWER), "")
        or "another scaling, training or model than the task says, or rows that are not put back in their place",
    )


def _judged(
    fold: dict,
    people: dict,
    strengths: list[float],
    *,
    part: str = "val",
    by: Callable | None = None,
    **made: str,
) -> np.ndarray:
    """How good models of all strengths are on a part of a fold: macro-AUC, unless ``by``; ``made`` as in `answers`."""
    rows, levels = np.concatenate([fold[name] for name in part.split("+")]), people["levels"]
    by = by or (lambda levels, p: aucs(levels, p).mean())
    return np.array([by(levels[rows], answers(people, fold, c, **made)[rows]) for c in strengths])


def _auc(positive: np.ndarray, score: np.ndarray, *, tie: float = 0.5) -> float:
    gap = np.asarray(score, float)[positive][:, None] - np.asarray(score, float)[~positive][None]
    return float((gap > 0).mean() + tie * (gap == 0).mean())


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x.mean(axis=0), x.std(axis=0)
