"""Hypnograms: the stages of a simulated night, and what a scorer makes of them.

Semi-Markov: a stage lasts for a bout whose length has a distribution of its own (bouts are not geometric: Yang and
Hursch 1973), then another follows, drawn by where in the cycle of about 90 minutes the night is and how many cycles are
over: N3 belongs to the first ones, REM to the end of each and to the last ones. Figures are design values, chosen so
that scored nights resemble 27 nights of Sleep-EDF (shares of the stages, lengths of bouts, transitions).
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter
from scipy.special import ndtr

EPOCH_S = 30.0
W, N1, N2, N3, REM = range(5)
CYCLE_MIN = (95.0, 12.0)  # mean and standard deviation of the length of a cycle
REM_SHARE = (0.10, 0.26, 0.30, 0.36, 0.40)  # of each cycle, at its end; later ones as the last
N3_CHANCE = (0.90, 0.65, 0.35, 0.15, 0.08)  # that N2 goes over into N3 in the middle of each cycle
# Lengths of bouts in epochs are lognormal: median, and standard deviation of the logarithm.
BOUTS = {W: (2.0, 1.2), N1: (2.5, 0.75), N2: (13.0, 1.0), N3: (14.0, 0.9), REM: (26.0, 0.8)}
# What a scorer writes instead of the stage, in epochs that are as ambiguous as their transitions.
CONFUSED = {
    W: ((N1, 0.055),),
    N1: ((W, 0.10), (N2, 0.13)),
    N2: ((N1, 0.025), (N3, 0.045)),
    N3: ((N2, 0.13),),
    REM: ((N1, 0.04), (N2, 0.04)),
}
RUN = 0.88  # correlation of the judgement from one epoch to the next
MOVED = 0.22  # share of the transitions that a scorer sees an epoch early or late


def simulate_hypnogram(seed: int | np.random.Generator, *, hours: float = 8.0) -> np.ndarray:
    """The stages of one night: awake at both ends, in between cycles of sleep.

    Args:
        seed: or a generator.
        hours: of the recording, at least 1.

    Returns:
        (n,) int64 stages of epochs of 30 s: 0 W, 1 N1, 2 N2, 3 N3, 4 REM; n = hours * 120, rounded.

    Raises:
        ValueError: shorter than an hour.
    """
    if not hours >= 1:
        raise ValueError(f"got hours={hours}, expected at least 1: sleep comes in cycles of 90 minutes")
    rng = np.random.default_rng(seed)
    n = round(hours * 3600 / EPOCH_S)
    edge = min(1.0, hours / 6)  # a short recording has short ends
    before, after = (round(edge * rng.uniform(*minutes) * 2) for minutes in ((15, 45), (10, 35)))
    stages = np.zeros(n, np.int64)
    at, stop = before, n - after
    cycle, begin, length = 0, before, _cycle(rng)
    stage = N1
    while at < stop:
        if at >= begin + length:
            cycle, begin, length = cycle + 1, begin + length, _cycle(rng)
        which = min(cycle, len(REM_SHARE) - 1)
        dreams_from = begin + length * (1 - REM_SHARE[which])
        bout = _bout(stage, rng)
        if stage == N3:
            bout = min(round(bout * (1.6 if cycle == 0 else 1.0)), max(1, int(dreams_from - at)))
        elif stage == REM:
            bout = min(bout, max(2, int(begin + length - at) + rng.integers(0, 6)))
        elif stage == N2 and at < dreams_from:
            bout = min(bout, max(2, int(dreams_from - at) + rng.integers(0, 8)))
        bout = min(bout, stop - at)
        stages[at : at + bout] = stage
        at += bout
        middle = begin + 0.12 * length < at < dreams_from - 0.08 * length
        stage = _next(stage, N3_CHANCE[which] if middle else 0.0, at >= dreams_from, rng)
    return stages


def score(stages: np.ndarray, seed: int | np.random.Generator) -> np.ndarray:
    """What one scorer writes down for a night: most transitions where they are, and ambiguous epochs by judgement.

    Two scorers of the same night agree about as well as people do (kappa 0.76 over all stages, 0.24 for N1: Lee et al.
    2022, a meta-analysis), and no classifier can agree better with a scorer than the stages themselves do.

    Args:
        stages: (n,) of `simulate_hypnogram`.
        seed: of the scorer, or a generator.

    Returns:
        (n,) int64 stages as scored.
    """
    rng = np.random.default_rng(seed)
    seen = np.array(stages, dtype=np.int64)
    for at in np.flatnonzero(np.diff(stages)) + 1:
        if rng.random() < MOVED:
            if rng.random() < 0.5:
                seen[at - 1] = stages[at]
            else:
                seen[at] = stages[at - 1]
    out = seen.copy()
    # judgement comes in runs: what looked like N3 to a scorer a minute ago still does
    noise = rng.standard_normal((len(CONFUSED), len(seen) + 100))
    judgement = ndtr(lfilter([np.sqrt(1 - RUN**2)], [1, -RUN], noise)[:, 100:])
    for stage, others in CONFUSED.items():
        low, high = judgement[stage], 1 - judgement[stage]  # opposite ends, so that N1 and N3 are not side by side
        for (other, chance), ambiguous in zip(others, (low, high), strict=False):
            out[(seen == stage) & (ambiguous < chance)] = other
    asleep = np.flatnonzero(stages > 0)
    if len(asleep):  # nobody sees sleep in the evening before there is any
        out[: asleep[0]] = W
        out[asleep[-1] + 1 :] = W
    return out


def _cycle(rng: np.random.Generator) -> float:
    mean, spread = CYCLE_MIN
    return 2 * float(np.clip(rng.normal(mean, spread), mean - 2 * spread, mean + 2 * spread))


def _bout(stage: int, rng: np.random.Generator) -> int:
    median, spread = BOUTS[stage]
    return max(1, round(median * float(np.exp(spread * rng.standard_normal()))))


def _next(stage: int, deep: float, dreams: bool, rng: np.random.Generator) -> int:
    """The stage after a bout; ``deep`` is the chance of N3 after N2, ``dreams`` whether REM is due."""
    if stage == W:
        chances = {N1: 0.80, N2: 0.10, REM: 0.10} if dreams else {N1: 0.88, N2: 0.12}
    elif stage == N1:
        chances = {REM: 0.40, N2: 0.40, W: 0.20} if dreams else {N2: 0.82, W: 0.18}
    elif stage == N2:
        rest = 1 - deep
        chances = {REM: 0.62, N1: 0.22, W: 0.16} if dreams else {N3: deep, N1: 0.58 * rest, W: 0.42 * rest}
    elif stage == N3:
        chances = {N2: 0.92, W: 0.05, N1: 0.03}
    else:
        chances = {N1: 0.42, N2: 0.32, W: 0.26}
    return int(rng.choice(list(chances), p=list(chances.values())))
