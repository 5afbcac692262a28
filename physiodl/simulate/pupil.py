"""A simulated pupil during mental work, as an eye tracker of 60 Hz writes it down.

Diameter is a sum: a size of the person, a slow drift, hippus (slow spontaneous waves), dilations that mental steps
evoke (Hoeks and Levelt 1993, Behav Res Methods 25:16: pulses of attention through one kernel) and the light reflex. A
camera sees it from aside (Hayes and Petrov 2016), with noise; lids hide it, and before they do they cover part of it.
The tracker has a clock of its own. Kernel and formula of light are published ones; sizes are design values within what
reviews report (dilations of 0.1 to 0.5 mm on a pupil of 2 to 8 mm): work is a small effect on a large nuisance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from physiodl.cohort import Cohort
from physiodl.pupil import CAMERA_DEG, COLUMNS, Table, clean, foreshortening

FS = 60.0
KERNEL_N, KERNEL_PEAK_S = 10.1, 0.93  # Hoeks and Levelt 1993
STEP_MM = {"low": 0.08, "medium": 0.30, "high": 0.55}  # dilation that one mental step evokes, of a person with gain 1
STEP_S = 1.2  # from one mental step to the next, on average
NO_RESPONSE = 0.15  # share of people whose pupil does not answer to work
DRIFT_MM, DRIFT_TAU_S = 0.15, 45.0
HIPPUS_HZ = (0.05, 0.3)
NOISE_MM = 0.02
LUMINANCE = (8.0, 60.0)  # cd/m2, of what is on the screen
LUMINANCE_S = (12.0, 40.0)  # how long it stays so
GAZE_DEG = (7.0, 4.0)  # spread of where people look, to the sides and up and down
LOST_EVERY_S, LOST_S = 90.0, (0.5, 4.0)  # the tracker loses the eye so often, for so long
EDGE_S = 0.1  # before and after a gap: the lid covers part of the pupil


@dataclass(frozen=True)
class Eye:
    """What stays the same in one person and one tracker."""

    size_mm: float  # at 20 cd/m2
    gain: float  # of dilations; 0: the pupil does not answer to work
    reflex: float  # factor of the effect of light
    hippus_mm: float
    blinks_per_min: float


def draw_eye(seed: int | np.random.Generator) -> Eye:
    """A person's pupil."""
    rng = np.random.default_rng(seed)
    gain = 0.0 if rng.random() < NO_RESPONSE else float(np.exp(0.4 * np.clip(rng.standard_normal(), -2, 2)))
    return Eye(
        size_mm=float(np.clip(rng.normal(4.0, 0.6), 2.8, 5.6)),
        gain=gain,
        reflex=float(rng.uniform(0.6, 1.2)),
        hippus_mm=float(rng.uniform(0.05, 0.15)),
        blinks_per_min=float(np.clip(17 * np.exp(0.4 * rng.standard_normal()), 5, 35)),
    )


def kernel(fs: float, *, n: float = KERNEL_N, peak_s: float = KERNEL_PEAK_S, seconds: float = 4.0) -> np.ndarray:
    """Dilation after one pulse of attention: t ** n * exp(-n t / peak_s), scaled to 1 at its peak at ``peak_s``.

    Hoeks and Levelt 1993 found n = 10.1 and peak_s = 0.93 s to hold over tasks and people.

    Returns:
        (round(seconds * fs),) from the pulse on.
    """
    t = np.arange(round(seconds * fs)) / fs / peak_s
    return (t * np.exp(1 - t)) ** n


def light_size(luminance: np.ndarray) -> np.ndarray:
    """Diameter in mm of a pupil that is used to so many cd/m2: 5 - 3 tanh(0.4 log10 L) (Pokorny and Smith 1997)."""
    return 5.0 - 3.0 * np.tanh(0.4 * np.log10(luminance))


def true_diameter(
    spans: Sequence[tuple[float, float, str]],
    luminance: np.ndarray,
    eye: Eye,
    rng: np.random.Generator,
    *,
    fs: float = FS,
) -> np.ndarray:
    """The pupil itself, before a camera sees it: (samples,) mm.

    Args:
        spans: stretches of work, (start_s, stop_s, level); outside of them nothing is evoked.
        luminance: (samples,) cd/m2.
        eye: whose pupil.
        rng: source of randomness.
        fs: sampling rate in Hz.
    """
    n = len(luminance)
    evoked = np.zeros(n)
    for start, stop, level in spans:
        at = start + STEP_S * rng.gamma(2.0) / 2
        while at < stop:
            if round(at * fs) < n:
                evoked[round(at * fs)] += STEP_MM[level] * eye.gain * float(np.exp(0.4 * rng.standard_normal()))
            at += STEP_S * (0.4 + 0.6 * rng.gamma(2.0) / 2)
    evoked = np.convolve(evoked, kernel(fs))[:n]
    keep = np.exp(-1 / (DRIFT_TAU_S * fs))
    drift = lfilter([DRIFT_MM * np.sqrt(1 - keep**2)], [1, -keep], rng.standard_normal(n + round(120 * fs)))[-n:]
    slow = butter(2, HIPPUS_HZ, "bandpass", fs=fs, output="sos")
    hippus = sosfilt(slow, rng.standard_normal(n + round(60 * fs)))[-n:]
    hippus *= eye.hippus_mm / np.std(hippus)
    light = _follows(eye.reflex * (light_size(luminance) - light_size(np.array(20.0))), fs)
    return np.clip(eye.size_mm + drift + hippus + evoked + light, 1.8, 8.5)


def simulate_table(
    spans: Sequence[tuple[float, float, str]],
    *,
    duration_s: float,
    seed: int,
    eye: Eye | None = None,
    blink_s: np.ndarray | None = None,
    sync_s: np.ndarray | None = None,
    fs: float = FS,
    clock: tuple[float, float] | None = None,
) -> tuple[Table, np.ndarray]:
    """What a tracker writes down during a task.

    Args:
        spans: (start_s, stop_s, level) on the EEG's clock.
        duration_s: of the EEG recording.
        seed: of this recording.
        eye: whose pupil; one drawn from ``seed`` when None.
        blink_s: times of blinks on the EEG's clock, such as those that the EEG shows; drawn when None.
        sync_s: times of pulses on the EEG's clock; every 6 to 14 s when None. The tracker misses some.
        fs: sampling rate of the tracker in Hz.
        clock: rate and offset of the tracker's clock: its time is rate * (EEG's time) + offset. Drawn when None: up to
            5 s off, and by up to 100 parts per million too fast or slow.

    Returns:
        table; true diameter (samples,) mm at the same samples, which no tracker knows.
    """
    rng = np.random.default_rng([seed, 611])
    eye = draw_eye(np.random.default_rng([seed, 612])) if eye is None else eye
    rate, offset = clock if clock else (1 + 1e-4 * rng.uniform(-1, 1), float(rng.uniform(-5, 5)))
    lead_s = 2.0  # the tracker runs before and after the EEG does
    own_s = rate * (-lead_s) + offset + np.arange(round((duration_s + 2 * lead_s) * rate * fs)) / fs
    eeg_s = (own_s - offset) / rate
    n = len(own_s)
    luminance = _steps(rng, n, fs, LUMINANCE_S, lambda: np.exp(rng.uniform(*np.log(LUMINANCE))))
    moved = [(a + lead_s, b + lead_s, level) for a, b, level in spans]
    true = true_diameter(moved, luminance, eye, rng, fs=fs)
    looks = [_steps(rng, n, fs, (0.3, 2.5), lambda s=spread: np.clip(s * rng.standard_normal(), -3 * s, 3 * s))
             for spread in GAZE_DEG]  # fmt: skip
    gaze = np.stack(looks, axis=1) + 0.3 * rng.standard_normal((n, 2))
    seen = true * foreshortening(gaze, camera_deg=CAMERA_DEG) + NOISE_MM * rng.standard_normal(n)
    if blink_s is None:
        blink_s = np.sort(rng.uniform(0, duration_s, rng.poisson(eye.blinks_per_min * duration_s / 60)))
    spots = [(float(at) - 0.08, float(rng.uniform(0.1, 0.3))) for at in blink_s]
    lost = rng.poisson(duration_s / LOST_EVERY_S)
    spots += [(float(rng.uniform(0, duration_s)), float(rng.uniform(*LOST_S))) for _ in range(lost)]
    hidden = np.zeros(n, bool)
    for at, length in spots:
        hidden |= (eeg_s >= at) & (eeg_s < at + length)
        for edge, way in ((at, -1), (at + length, 1)):
            far = way * (eeg_s - edge)
            near = (far >= 0) & (far < EDGE_S)
            seen[near] *= 1 - rng.uniform(0.1, 0.35) * (1 - far[near] / EDGE_S)
    seen[hidden], gaze[hidden] = np.nan, np.nan
    sync_s = pulses(rng, duration_s) if sync_s is None else np.asarray(sync_s, float)
    got = sync_s[rng.random(len(sync_s)) >= 0.08]
    got = got if len(got) >= 3 else sync_s
    at = np.searchsorted(own_s, rate * got + offset)
    table = Table(own_s, seen, gaze, luminance, own_s[at[at < n]], True)
    return table, true


def pulses(rng: np.random.Generator, duration_s: float) -> np.ndarray:
    """Times of pulses for aligning clocks, every 6 to 14 s and never regular."""
    at = np.cumsum(rng.uniform(6.0, 14.0, int(duration_s / 6) + 1))
    return np.round(at[at < duration_s - 1], 3)


def write_table(path, table: Table, *, by: str = "PhysioDL") -> None:
    """Write a table in the form that `physiodl.pupil` documents, labelled as simulated."""
    sync = np.isin(table.time_s, table.sync_s)
    text = [f"# SIMULATED by {by}: a pupil of no person", ",".join(COLUMNS)]
    columns = (table.time_s, table.diameter_mm, *table.gaze_deg.T, table.luminance, sync)
    for t, d, x, y, light, pulse in zip(*columns, strict=True):
        seen = "" if np.isnan(d) else f"{d:.3f}"
        gaze = "," if np.isnan(x) else f"{x:.1f},{y:.1f}"
        text.append(f"{t:.5f},{seen},{gaze},{light:.1f},{int(pulse)}")
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(text) + "\n")


def beside(cohort: Cohort, *, seed: int = 0, levels: Sequence[str] = ("low", "high")) -> Cohort:
    """A made-up pupil beside windows of a measured EEG, where nobody's pupil was recorded.

    For building and trying a program with two inputs. The pupil is made **from the labels**: what it adds to a score
    says nothing about people, and at rest with eyes closed no tracker sees a pupil at all.

    Args:
        cohort: from `physiodl.eegmat.windows`, of rest and arithmetic.
        seed: what it is drawn from; a subject is the same person in all of his recordings.
        levels: of each class.

    Returns:
        The cohort with columns ``pupil`` (n, samples at 60 Hz) mm above the start of the recording, ``pupil_seen`` (n,)
        and ``pupil_source`` (n,), all "simulated"; the citation says so too.
    """
    recording = np.asarray(cohort.columns["recording"])
    length = round(cohort.signals.shape[-1] / cohort.fs * FS)
    mm, seen = np.zeros((len(cohort), length), np.float32), np.zeros(len(cohort))
    for number, who in enumerate(np.unique(cohort.subjects)):
        eye = draw_eye(np.random.default_rng([seed, number, 613]))
        for name in np.unique(recording[cohort.subjects == who]):
            mine = np.flatnonzero(recording == name)
            label = int(cohort.labels[mine[0]])
            start = cohort.columns["start_s"][mine] - cohort.columns["start_s"][mine].min() + 10.0
            stop = float(start.max()) + length / FS + 2.0
            own = int(np.random.default_rng([seed, number, label, 614]).integers(2**31))
            pulse = pulses(np.random.default_rng([own, 615]), stop)
            table, _ = simulate_table([(10.0, stop, levels[label])], duration_s=stop, seed=own, eye=eye, sync_s=pulse)
            d, known = clean(table, pulse, duration_s=stop, fs=FS, baseline_s=(0.0, 10.0))
            rows = np.round(start * FS).astype(int)[:, None] + np.arange(length)
            mm[mine], seen[mine] = d[rows], known[rows].mean(axis=1)
    made = {"pupil": mm, "pupil_seen": seen, "pupil_source": np.full(len(cohort), "simulated")}
    cite = f"EEG: {cohort.citation}. Pupil: simulated by PhysioDL from the labels, of no person"
    return replace(cohort, columns=dict(cohort.columns) | made, citation=cite)


def _follows(target: np.ndarray, fs: float) -> np.ndarray:
    """A pupil on its way to a size: after 0.25 s, three times as fast when it narrows as when it widens."""
    late = np.concatenate([np.full(round(0.25 * fs), target[0]), target])[: len(target)]
    out, now = np.empty(len(late)), late[0]
    narrow, wide = 1 - np.exp(-1 / (0.4 * fs)), 1 - np.exp(-1 / (1.2 * fs))
    for k, goal in enumerate(late.tolist()):
        now += (narrow if goal < now else wide) * (goal - now)
        out[k] = now
    return out


def _steps(rng: np.random.Generator, n: int, fs: float, seconds: tuple[float, float], draw) -> np.ndarray:
    """(n,) a value that stays for some time and then is another."""
    out, at = np.empty(n), 0
    while at < n:
        length = max(1, round(rng.uniform(*seconds) * fs))
        out[at : at + length] = draw()
        at += length
    return out
