"""Labelled heartbeats, normal and ventricular, by subject: what lesson 01 learns from.

A ventricular ectopic beat starts in a ventricle instead of the sinus node: it comes early, spreads slowly through
muscle (a wide QRS of another shape) and is usually followed by a pause. None of that is certain for a single beat:
atrial fibrillation makes every interval irregular, motion widens a normal QRS, and some ectopic beats come late.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from physiodl import examples, mitdb, signals
from physiodl.simulate import ecg, rhythm

log = logging.getLogger("physiodl")

FS = 360.0  # Hz, of MIT-BIH
BEFORE_S, AFTER_S = 0.25, 0.45  # around the R wave: from before the P wave to the end of most T waves
BAND_HZ = (0.5, 40.0)  # monitoring bandwidth: without wander, mains and most of the muscle
QRS_S = (0.12, 0.16)  # before and after the R wave: where a QRS of up to 0.2 s lies, most T waves not; design value
STEEP = 0.2  # share of the steepest slope at which a QRS starts and ends: design value
PER_SUBJECT = 120  # beats of each subject at most, so that nobody counts for too much: design value
FEWEST_NORMAL = 20  # of a subject: "relative to the subject's median" needs normal beats to compare with: design value
# ANSI/AAMI EC57 leaves out the four records with paced beats (any others are known by their annotations).
PACED = frozenset({"102", "104", "107", "217"})
FEATURE_NAMES = ("RR before (relative)", "RR after (relative)", "QRS width (ms)", "R amplitude (relative)")

# Simulated subjects: design values, set so that single features and a small network come out as on real beats
SECONDS = 110.0  # long enough for 120 beats of most people
NONE, FIBRILLATING = 0.25, 0.2  # shares of the subjects without ventricular beats, and in atrial fibrillation
SLOW = 0.3  # share of the subjects whose QRS is wider than usual, short of a bundle branch block
COUPLING = (0.55, 0.94)  # of the interval, when the early beat comes; nearly constant in one person
WIDTH_S = (0.014, 0.031)  # standard deviation of a ventricular beat's main wave; a normal R wave has 0.008 to 0.017


@dataclass(frozen=True)
class Beats:
    """Beats of several subjects.

    Attributes:
        waves: (n, samples) mV around the R wave, which is sample ``round(0.25 * fs)``; 0.5 to 40 Hz, no delay.
        fs: sampling rate in Hz.
        features: (n, k) numbers per beat.
        feature_names: (k,) with units; "relative" is over the subject's median.
        labels: (n,) int64, 0 normal, 1 ventricular.
        subjects: (n,) names.
        source: ``"real"`` or ``"simulated"``.
        citation: whose recordings; for simulated ones, that they are from nobody.
        label: for titles; says SIMULATED where they are.
    """

    waves: np.ndarray
    fs: float
    features: np.ndarray
    feature_names: tuple[str, ...]
    labels: np.ndarray
    subjects: np.ndarray
    source: str
    citation: str
    label: str

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def time_s(self) -> np.ndarray:
        """(samples,) seconds relative to the R wave."""
        return (np.arange(self.waves.shape[1]) - round(BEFORE_S * self.fs)) / self.fs


@dataclass(frozen=True)
class _Heart:
    """One recording: (samples,) mV; (m,) sample numbers of all its beats; which are N or V; which are V."""

    subject: str
    ecg: np.ndarray
    at: np.ndarray
    wanted: np.ndarray
    ventricular: np.ndarray


def load_beats(source: str = "auto", *, seed: int = 0, n_subjects: int = 24) -> Beats:
    """Normal (N) and ventricular (V) beats of several subjects.

    Real ones come from the annotations of the MIT-BIH Arrhythmia Database, lead MLII, of every record present except
    paced ones and those with fewer than 20 normal beats (bundle branch blocks are other labels than N); at most 120
    beats of each record, drawn at random, so that the share of ventricular beats stays that of the record. Simulated
    ones follow: about one beat in eight is ventricular, a quarter of the subjects have none.

    Args:
        source: ``"auto"`` takes real beats where records of at least two subjects with both kinds are; ``"real"`` needs
            them; ``"simulated"``.
        seed: which simulated subjects; which beats are drawn of a record.
        n_subjects: how many simulated subjects, at least 4; real ones are as many as there are.

    Returns:
        `Beats`, ordered by subject, then time; the same arguments and files give the same ones.

    Raises:
        ValueError: unknown source, fewer than 4 subjects.
        FileNotFoundError: ``source="real"`` and no files, or none to learn from.
    """
    if source not in examples.SOURCES:
        raise ValueError(f"got source {source!r}, expected one of {', '.join(examples.SOURCES)}")
    if n_subjects < 4:
        raise ValueError(f"got n_subjects={n_subjects}, expected at least 4: a split by subject needs two a side")
    if source != "simulated":
        parts = _parts(_real_hearts(), seed)
        if sum(0 < labels.mean() < 1 for _, _, labels, _ in parts) >= 2:
            return _joined(parts, "real", examples.CITATIONS["ecg"], "MIT-BIH Arrhythmia Database")
        if source == "real":
            raise examples.missing(examples.MITDB)
        if parts:
            log.warning("fewer than two real subjects with normal and ventricular beats: beats are simulated")
    hearts = _simulated_hearts(n_subjects, np.random.default_rng([seed, 701]))
    citation = "simulated by physiodl, from no person"
    return _joined(_parts(hearts, seed), "simulated", citation, "SIMULATED beats, not from people")


def beat_features(
    waves: np.ndarray, fs: float, *, rr_before_s: np.ndarray, rr_after_s: np.ndarray, median_rr_s: float
) -> np.ndarray:
    """Numbers that describe the beats of one subject.

    Args:
        waves: (n, samples) mV, the R wave at sample ``round(0.25 * fs)``.
        fs: sampling rate in Hz.
        rr_before_s, rr_after_s: (n,) intervals from the beat before and to the next one, in seconds.
        median_rr_s: the subject's median interval.

    Returns:
        (n, 4) in the order of `FEATURE_NAMES`. The QRS is taken to last from the first to the last moment between
        0.12 s before and 0.16 s after the R wave at which the signal, smoothed over 20 ms, is steeper than a fifth of
        its steepest slope there. That is simple, and motion misleads it. Its amplitude is the largest absolute voltage
        in that window.
    """
    middle = round(BEFORE_S * fs)
    window = slice(middle - round(QRS_S[0] * fs), middle + round(QRS_S[1] * fs) + 1)
    slope = uniform_filter1d(np.abs(np.gradient(waves, axis=1)), max(1, round(0.02 * fs)), axis=1)[:, window]
    steep = slope >= STEEP * slope.max(axis=1, keepdims=True)
    first, last = steep.argmax(axis=1), steep.shape[1] - 1 - steep[:, ::-1].argmax(axis=1)
    height = np.abs(waves[:, window]).max(axis=1)
    usual = max(float(np.median(height)), 1e-6)  # not zero where a lead is dead
    width_ms = 1000.0 * (last - first) / fs
    return np.column_stack([rr_before_s / median_rr_s, rr_after_s / median_rr_s, width_ms, height / usual])


def _parts(hearts: list[_Heart], seed: int) -> list[tuple]:
    """Per usable recording: waves, features, labels, subjects of the beats drawn of it."""
    parts = []
    for number, heart in enumerate(hearts):
        rr_s = np.diff(heart.at) / FS
        # the first and the last beat lack a neighbour; and the wave must lie inside the recording
        whole = (heart.at > BEFORE_S * FS + 1) & (heart.at < len(heart.ecg) - AFTER_S * FS - 1)
        keep = np.flatnonzero(whole[1:-1] & heart.wanted[1:-1]) + 1
        ventricular = heart.ventricular[keep]
        if (~ventricular).sum() < FEWEST_NORMAL:
            continue
        clean = signals.filtered(heart.ecg, FS, low=BAND_HZ[0], high=BAND_HZ[1])
        span = np.arange(-round(BEFORE_S * FS), round(AFTER_S * FS) + 1)
        waves = clean[heart.at[keep][:, None] + span]
        table = beat_features(
            waves, FS, rr_before_s=rr_s[keep - 1], rr_after_s=rr_s[keep], median_rr_s=float(np.median(rr_s))
        )
        chosen = np.arange(len(keep))
        if len(keep) > PER_SUBJECT:
            rng = np.random.default_rng([seed, 702, number])
            chosen = np.sort(rng.choice(len(keep), PER_SUBJECT, replace=False))
        labels = ventricular[chosen].astype(np.int64)
        parts.append((waves[chosen], table[chosen], labels, np.full(len(chosen), heart.subject)))
    return parts


def _joined(parts: list[tuple], source: str, citation: str, label: str) -> Beats:
    waves, features, labels, subjects = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Beats(waves, FS, features, FEATURE_NAMES, labels, subjects, source, citation, label)


def _real_hearts() -> list[_Heart]:
    folder = examples.real_folder(examples.MITDB)
    if folder is None:
        return []
    names = [name for name in examples.records(folder) if name not in PACED]
    records = (mitdb.read_record(folder, name) for name in names if (folder / f"{name}.atr").is_file())
    return [_real_heart(record) for record in records if not record.paced]


def _real_heart(record: mitdb.Record) -> _Heart:
    """The first lead: MLII of every record that has it, in whichever place of its file."""
    at, symbol = record.beats
    x = mitdb.bridged(record.signals[0])
    return _Heart(record.subject, x, at, np.isin(symbol, ("N", "V")), symbol == "V")


def _simulated_hearts(n: int, rng: np.random.Generator) -> list[_Heart]:
    """Subjects of the declared kinds and ranges, evenly represented and in random order: cohorts are equally hard."""

    def share(of: float) -> np.ndarray:
        return rng.permutation(np.arange(n) < round(of * n))

    def spread(low: float, high: float) -> np.ndarray:
        return rng.permutation(np.linspace(low, high, n))

    kinds = zip(share(NONE), share(FIBRILLATING), share(SLOW), spread(*COUPLING), spread(*WIDTH_S), strict=True)
    return [_simulated_heart(f"S{k + 1:02d}", rng.spawn(1)[0], *kind) for k, kind in enumerate(kinds)]


def _simulated_heart(subject: str, rng: np.random.Generator, *kind) -> _Heart:
    without, fibrillating, slow, coupling, width_s = kind
    mean_rr = 60 / rng.uniform(62, 100)
    n_beats = int(1.5 * SECONDS / mean_rr)
    if fibrillating:
        rr = rhythm.fibrillation_rr(n_beats, mean_rr, variation=rng.uniform(0.15, 0.26), rng=rng)
    else:
        rr = rhythm.sinus_rr(n_beats, mean_rr, variation=rng.uniform(0.02, 0.10), breathing_hz=0.25, rng=rng)
    share = 0.0 if without else float(np.clip(rng.lognormal(np.log(0.15), 0.5), 0.04, 0.4))
    ventricular = _ventricular_beats(rr, share, coupling, rng)
    beat_s = np.cumsum(rr)
    drawn = ecg.draw_shape(rng)
    factor = rng.uniform(1.2, 1.5) if slow else 1.0
    # a T wave above a third of the R wave, from two hands not rare, is rare in lead II
    flatter = {**drawn.amplitude, "T": min(drawn.amplitude["T"], drawn.amplitude["R"] / 3)}
    slower = {wave: width * (factor if wave in "QRS" else 1.0) for wave, width in drawn.width_s.items()}
    usual = ecg.Shape(flatter, drawn.centre_s, slower)
    x = ecg.ambulatory_noise(round(SECONDS * FS), FS, rng=rng)
    for chosen, shape in ((~ventricular, usual), (ventricular, _ventricular_shape(usual, width_s, rng))):
        if chosen.any():
            x += ecg.beats(
                len(x), FS, beat_s=beat_s[chosen], rr_s=rr[chosen], kind=np.zeros(chosen.sum(), int), shape=shape,
                p_wave=shape is usual and not fibrillating, rng=rng,
            )  # fmt: skip
    inside = beat_s < SECONDS
    at = np.round(beat_s[inside] * FS).astype(int)
    return _Heart(subject, x, at, np.ones(len(at), bool), ventricular[inside])


def _ventricular_beats(rr_s: np.ndarray, share: float, coupling: float, rng: np.random.Generator) -> np.ndarray:
    """Make some beats ventricular: they come early, in place, and most leave a pause. Returns which ones they are."""
    ventricular = np.zeros(len(rr_s), bool)
    for beat in np.flatnonzero(rng.random(len(rr_s) - 1) < share):
        ventricular[beat] = True
        lost = rr_s[beat] * (1 - np.clip(coupling + 0.07 * rng.standard_normal(), 0.45, 1.1))
        rr_s[beat] = max(rr_s[beat] - lost, rhythm.SHORTEST_RR_S)
        # the sinus clock goes on (full compensatory pause), is reset, or (interpolated beats) hardly notices
        rr_s[beat + 1] += lost * rng.choice([1.0, 0.4, -0.2], p=[0.7, 0.2, 0.1])
    return ventricular


def _ventricular_shape(usual: ecg.Shape, width: float, rng: np.random.Generator) -> ecg.Shape:
    """Wide, without P wave, T wave against the QRS; how wide, how high and which way up differs between people."""
    r = usual.amplitude["R"] * rng.uniform(0.5, 1.6) * rng.choice([1.0, -1.0], p=[0.65, 0.35])
    return ecg.Shape(
        amplitude={"P": 0.0, "Q": 0.0, "R": r, "S": -r * rng.uniform(0.1, 0.6), "T": -r * rng.uniform(0.2, 0.6)},
        centre_s={"P": -0.16, "Q": -0.03, "R": 0.0, "S": 2.2 * width, "T": 0.31},
        width_s={"P": 0.02, "Q": 0.01, "R": width, "S": width, "T": 0.075},
    )
