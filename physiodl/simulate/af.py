"""Simulated recordings in the form of Zenodo record 15302489: one lead, normal rhythm or atrial fibrillation.

The classes differ in what defines them and in nothing else: P waves before every beat against none and fibrillatory
waves, and the pattern of the RR intervals. Heart rate, gain, noise, wander, polarity and length are drawn from
the same distributions for both. Hard cases sit in both classes: fibrillation with slow, almost regular conduction;
sinus arrhythmia and frequent ectopic beats; motion.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from physiodl.simulate import ecg, rhythm

FS = 300.0  # Hz, of the recorder that the published recordings probably come from (PhysioNet/CinC Challenge 2017)
LENGTH = 18_170  # samples per row of the published file
VERSION = 1  # raised when the same seed would give other recordings
NORMAL, AF = 0, 1

# Shares of hard cases: design values, set so that RR irregularity alone lands at AUC 0.90 to 0.98
REGULAR_AF, ARRHYTHMIC_SINUS, FREQUENT_ECTOPICS = 0.13, 0.10, 0.09


def recording(label: int, *, rng: np.random.Generator) -> np.ndarray:
    """One recording in mV, (samples,) at 300 Hz, 9 to 60.5 s long, of class ``label`` (0 normal, 1 AF)."""
    length_s = _draw_length(rng)
    n = int(length_s * FS)
    mean_rr = 60.0 / float(np.clip(rng.lognormal(np.log(76), 0.21), 45, 135))
    n_beats = int(1.6 * length_s / mean_rr) + 12
    hard = rng.random()
    if label == AF:
        regular = hard < REGULAR_AF
        variation = rng.uniform(0.035, 0.09) if regular else float(np.clip(rng.normal(0.21, 0.055), 0.10, 0.36))
        rr = rhythm.fibrillation_rr(n_beats, mean_rr, variation=variation, rng=rng)
        rr, kind = rhythm.with_ectopics(rr, share=_rare_ectopics(rng), pattern="random", rng=rng)
        kind[kind == 1] = 0  # fibrillating atria have no premature beats of their own
    else:
        arrhythmic = hard < ARRHYTHMIC_SINUS
        ectopic = ARRHYTHMIC_SINUS <= hard < ARRHYTHMIC_SINUS + FREQUENT_ECTOPICS
        variation = (
            rng.uniform(0.09, 0.20) if arrhythmic else float(np.clip(rng.lognormal(np.log(0.04), 0.45), 0.01, 0.1))
        )
        rr = rhythm.sinus_rr(n_beats, mean_rr, variation=variation, breathing_hz=rng.uniform(0.15, 0.4), rng=rng)
        share = rng.uniform(0.08, 0.35) if ectopic else _rare_ectopics(rng)
        rr, kind = rhythm.with_ectopics(rr, share=share, pattern=rng.choice(["random", "regular"]), rng=rng)
    beat_s = np.cumsum(rr) - rr[:3].sum() - rng.uniform(0, 1) * rr[3]
    shape = ecg.draw_shape(rng)
    x = ecg.beats(n, FS, beat_s=beat_s, rr_s=rr, kind=kind, shape=shape, p_wave=label == NORMAL, rng=rng)
    # both classes draw the f-wave numbers, so that a seed's later draws do not depend on the class
    amplitude, frequency = float(np.clip(rng.lognormal(np.log(0.032), 0.5), 0.008, 0.12)), rng.uniform(4.0, 9.0)
    waves = ecg.fibrillatory_waves(n, FS, amplitude_mv=amplitude, frequency_hz=frequency, rng=rng)
    if label == AF:
        x = x + waves
    x = ecg.recorder(x + ecg.noise(n, FS, rng=rng), FS)
    gain = rng.lognormal(0.0, 0.35) * (-1 if rng.random() < 0.15 else 1)  # hands swapped: the lead is upside down
    return gain * x


def cohort_arrays(n: int, *, seed, copies: float = 0.0, progress=None) -> tuple[np.ndarray, np.ndarray]:
    """Many recordings in the published form.

    Args:
        n: how many recordings; half of them AF, in random order.
        seed: seed or sequence of seeds; the same seed gives the same arrays.
        copies: share of the rows that are augmented copies of other rows, as in the published data: shifted in time,
            scaled and with added noise. They keep the label of their original.
        progress: called with the number of every finished recording, for a progress bar.

    Returns:
        features (n, 18170) float32, each recording z-scored over its own samples and zero-padded at the end, and
        labels (n,) int64.
    """
    if n < 2:
        raise ValueError(f"got n={n}, expected at least 2 recordings: one of each class")
    if not 0 <= copies <= 0.5:
        raise ValueError(f"got copies={copies}, expected a share between 0 and 0.5")
    root = np.random.SeedSequence(seed)
    order_seed, *seeds = root.spawn(n + 1)
    n_copies = int(copies * n)
    originals = n - n_copies
    labels = np.arange(n) % 2
    made: list[np.ndarray] = []
    for row, child in enumerate(seeds):
        rng = np.random.default_rng(child)
        if row < originals:
            made.append(recording(int(labels[row]), rng=rng))
        else:
            of = int(rng.integers(0, originals // 2)) * 2 + int(labels[row])  # an original of the same class
            made.append(augmented(made[of], rng=rng))
        if progress is not None:
            progress(row)
    features = np.zeros((n, LENGTH), np.float32)
    order = np.random.default_rng(order_seed).permutation(n)
    for row, k in enumerate(order):
        x = made[k][:LENGTH]
        features[row, : len(x)] = (x - x.mean()) / (x.std() + 1e-9)
    return features, labels[order].astype(np.int64)


def augmented(x: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """A near-duplicate of a recording in mV: up to 3 s cut off at either end, scaled, with a little noise."""
    start, stop = rng.integers(0, int(3 * FS), 2)
    piece = x[start : max(len(x) - stop, start + int(6 * FS))]
    return rng.uniform(0.8, 1.25) * (piece + rng.uniform(0.05, 0.2) * x.std() * rng.standard_normal(len(piece)))


def write_af(folder: Path, *, n: int = 1000, seed: int = 0, copies: float = 0.1, progress=None) -> None:
    """Write ``features.npy`` and ``labels.npy`` into ``folder``, as the publisher's files are."""
    features, labels = cohort_arrays(n, seed=seed, copies=copies, progress=progress)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "features.npy", features)
    np.save(folder / "labels.npy", labels)


def _draw_length(rng: np.random.Generator) -> float:
    """Seconds: most recordings last 30 s, some 9 to 60, as in the Challenge's data."""
    kind = rng.random()
    if kind < 0.68:
        return 30.0
    return float(rng.uniform(9.0, 30.0) if kind < 0.86 else rng.uniform(30.0, 60.5))


def _rare_ectopics(rng: np.random.Generator) -> float:
    return float(rng.choice([0.0, 0.0, 0.0, rng.uniform(0.01, 0.06)]))
