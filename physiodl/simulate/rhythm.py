"""When the heart beats: RR interval series of sinus rhythm and of atrial fibrillation.

Sources of the numbers: sinus rhythm varies with breathing (respiratory sinus arrhythmia, 0.15 to 0.4 Hz) and with
blood pressure (about 0.1 Hz), as in ECGSYN (McSharry et al. 2003: LF 0.1 Hz, HF 0.25 Hz). In atrial fibrillation
the ventricles answer at random: RR intervals of 630 +- 200 ms and 740 +- 100 ms were reported before termination and
in sustained episodes (Alcaraz 2008), right-skewed and almost without memory. The shares of hard cases are
design values.
"""

from __future__ import annotations

import numpy as np

SHORTEST_RR_S = 0.27  # refractory period of the conduction system: no ventricle follows faster for long
LONGEST_RR_S = 2.6


def sinus_rr(
    n_beats: int, mean_rr_s: float, *, variation: float, breathing_hz: float, rng: np.random.Generator
) -> np.ndarray:
    """RR intervals of sinus rhythm.

    Args:
        n_beats: how many intervals.
        mean_rr_s: their mean in seconds.
        variation: coefficient of variation; 0.02 to 0.08 is ordinary, above 0.1 is marked sinus arrhythmia.
        breathing_hz: rate of breathing, where most of the variation sits.
        rng: source of randomness.

    Returns:
        (n_beats,) intervals in seconds.
    """
    time_s = np.arange(n_beats) * mean_rr_s
    breathing = np.sin(2 * np.pi * breathing_hz * time_s + rng.uniform(0, 2 * np.pi) + _walk(n_beats, 0.25, rng))
    pressure = np.sin(2 * np.pi * 0.1 * time_s + rng.uniform(0, 2 * np.pi) + _walk(n_beats, 0.25, rng))
    slow = _walk(n_beats, 0.15, rng)
    wave = breathing + rng.uniform(0.2, 0.8) * pressure + 0.5 * slow + 0.15 * rng.standard_normal(n_beats)
    return _scaled(1.0 + variation * _standard(wave), mean_rr_s)


def fibrillation_rr(n_beats: int, mean_rr_s: float, *, variation: float, rng: np.random.Generator) -> np.ndarray:
    """RR intervals of atrial fibrillation: right-skewed, irregular without pattern.

    A gamma distribution above a floor (the refractory atrioventricular node) with a weak serial correlation.

    Args:
        n_beats: how many intervals.
        mean_rr_s: their mean in seconds.
        variation: coefficient of variation; 0.15 to 0.30 is ordinary, below 0.1 is regularised (slowly conducted).
        rng: source of randomness.

    Returns:
        (n_beats,) intervals in seconds.
    """
    shape = rng.uniform(2.0, 6.0)
    draws = _standard(rng.gamma(shape, size=n_beats + 1))
    memory = rng.uniform(-0.1, 0.2)
    return _scaled(1.0 + variation * _standard(draws[1:] + memory * draws[:-1]), mean_rr_s)


def with_ectopics(
    rr_s: np.ndarray, *, share: float, pattern: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Let some beats come early, followed by a pause.

    Args:
        rr_s: (n,) intervals; ``rr_s[k]`` ends at beat k.
        share: share of the beats that are ectopic, 0 to 0.5.
        pattern: ``"random"`` or ``"regular"`` (every second to fifth beat: bigeminy, trigeminy, ...).
        rng: source of randomness.

    Returns:
        (n,) changed intervals and (n,) kind of each beat: 0 normal, 1 atrial ectopic, 2 ventricular ectopic.
    """
    n = len(rr_s)
    rr_s, kind = rr_s.copy(), np.zeros(n, int)
    if share <= 0 or n < 4:
        return rr_s, kind
    if pattern == "regular":
        chosen = np.arange(rng.integers(1, 4), n - 1, max(2, round(1 / share)))
    else:
        chosen = np.flatnonzero(rng.random(n - 1) < share)
        chosen = chosen[(chosen > 0) & (np.diff(chosen, prepend=-9) > 1)]
    ventricular = rng.random() < 0.5
    early = rng.uniform(0.55, 0.85)
    for beat in chosen:
        lost = rr_s[beat] * (1 - np.clip(early + 0.04 * rng.standard_normal(), 0.45, 0.92))
        kind[beat] = 2 if ventricular else 1
        rr_s[beat] -= lost
        # a ventricular ectopic leaves the sinus clock alone (full compensatory pause); an atrial one resets it
        rr_s[beat + 1] += lost if ventricular else lost * rng.uniform(0.1, 0.6)
    return np.clip(rr_s, SHORTEST_RR_S, LONGEST_RR_S), kind


def _walk(n: int, step: float, rng: np.random.Generator) -> np.ndarray:
    return np.cumsum(step * rng.standard_normal(n))


def _standard(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / (x.std() + 1e-9)


def _scaled(relative: np.ndarray, mean_rr_s: float) -> np.ndarray:
    """Intervals with the wanted mean, whatever the series did, inside what a heart can do."""
    relative = np.clip(relative, 0.35, 3.0)
    return np.clip(relative * (mean_rr_s / relative.mean()), SHORTEST_RR_S, LONGEST_RR_S)
