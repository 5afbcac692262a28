"""A simulated night of EEG between Fpz and Cz, in microvolts, with its hypnogram.

The spectrum changes every two seconds: a 1/f background and bumps of theta, alpha, sigma, beta and slow waves, whose
heights depend on the stage, on the sleeper, and drift within the night. Onto it come what stages are scored by: bursts
of alpha, spindles, K-complexes, slow waves, eye movements that leak in, muscle, and artefacts that belong to no stage.
N1 is in turn a little of wakefulness, of itself and of N2. What tells the stages apart is what the manuals of scoring
name (Rechtschaffen and Kales 1968; Berry et al. 2012, AASM); heights and rates are design values within the ranges that
they and the reviews give. They are chosen so that networks, and band powers, do about as well as on people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter
from scipy.special import expit

from physiodl.simulate import eeg
from physiodl.simulate.hypnogram import EPOCH_S, N1, REM, W, score, simulate_hypnogram

FRAME_S = 2.0  # how often the spectrum may change; frames are twice as long and overlap
FLATTEN_HZ = 0.5  # below, the 1/f background is flat, as behind an amplifier's high-pass
# Per stage (rows W, N1, N2, N3, REM): exponent of the background, and uV (root mean square) of background and bumps.
# Together with the waves below they give each stage the typical power per band of Fpz-Cz in 14 people of Sleep-EDF.
EXPONENT = np.array([1.3, 1.5, 1.7, 2.0, 1.5])
PARTS = ("background", "delta", "theta", "alpha", "sigma", "beta", "slow")
HEIGHTS_UV = np.array(
    [
        [8.8, 3.0, 3.0, 2.7, 0.6, 2.5, 5.5],
        [6.2, 0.8, 2.2, 1.0, 0.3, 1.0, 1.2],
        [7.2, 4.9, 3.2, 1.3, 1.5, 0.5, 2.5],
        [8.5, 9.8, 4.6, 1.6, 1.5, 0.5, 8.5],
        [6.6, 2.8, 2.5, 1.0, 0.4, 0.7, 1.3],
    ]
)
BUMPS_HZ = {  # centre and width
    "delta": (2.7, 0.9),
    "theta": (5.8, 1.2),
    "sigma": (13.0, 1.4),
    "beta": (22.0, 6.0),
    "slow": (0.9, 0.6),
}
DRIFT = {1.0: 0.24, 8.0: 0.20}  # minutes over which heights drift, and by how much (standard deviation of the log)
SPINDLES_PER_MIN = np.array([0.0, 0.15, 3.2, 1.2, 0.05])
K_PER_MIN = np.array([0.0, 0.05, 1.1, 0.5, 0.0])
SLOW_SHARE = np.array([0.0, 0.0, 0.07, 0.48, 0.0])  # of the time, with trains of slow waves
REM_PER_MIN = 6.0  # bursts of rapid eye movements
BLINKS_PER_MIN = 12.0
SLOW_EYE_PER_MIN = np.array([0.6, 4.0, 0.1, 0.0, 0.1])
AROUSALS_PER_HOUR = np.array([0.0, 12.0, 10.0, 3.0, 12.0])  # 3 to 12 s of alpha and muscle within sleep
ARTEFACTS_PER_HOUR = 5.0  # of motion, in any stage; three times as many in wakefulness


@dataclass(frozen=True)
class Sleeper:
    """What stays the same in all nights of one person."""

    gain: float
    heights: np.ndarray  # (7,) factors of `PARTS`
    tilt: float  # added to the exponent
    alpha_hz: float
    spindle_hz: float
    spindle_uv: float
    spindles: float  # factors of rates
    k_complexes: float
    k_uv: float
    slow_uv: float
    slow_share: float
    eye_uv: float
    eyes: float
    noise_uv: float


def draw_sleeper(seed: int | np.random.Generator) -> Sleeper:
    """A person: gain, rhythms, rates."""
    rng = np.random.default_rng(seed)

    def factor(spread: float) -> float:
        return float(np.exp(spread * np.clip(rng.standard_normal(), -2, 2)))

    return Sleeper(
        gain=factor(0.25),
        heights=np.array([factor(spread) for spread in (0.12, 0.2, 0.25, 0.4, 0.25, 0.4, 0.25)]),
        tilt=0.12 * float(np.clip(rng.standard_normal(), -2, 2)),
        alpha_hz=float(np.clip(rng.normal(10.0, 0.8), 8.5, 11.8)),
        spindle_hz=float(np.clip(rng.normal(13.0, 0.5), 11.8, 14.3)),
        spindle_uv=16.0 * factor(0.25),
        spindles=factor(0.35),
        k_complexes=factor(0.4),
        k_uv=85.0 * factor(0.2),
        slow_uv=46.0 * factor(0.2),
        slow_share=factor(0.2),
        eye_uv=26.0 * factor(0.35),
        eyes=factor(0.4),
        noise_uv=float(rng.uniform(0.4, 0.9)),
    )


def simulate_night(
    seed: int, *, hours: float = 8.0, subject_seed: int | None = None, fs: float = 100.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One night of one person.

    Args:
        seed: of the night.
        hours: of the recording, at least 1.
        subject_seed: of the person; two nights with the same are of one person. ``seed`` when None.
        fs: sampling rate in Hz, at least 80.

    Returns:
        eeg_uv (samples,) float64, Fpz-Cz in uV; true_stages (n,) and scored_stages (n,) int64, of epochs of 30 s: what
        the signal was made from, and what a scorer wrote down. 0 W, 1 N1, 2 N2, 3 N3, 4 REM.

    Raises:
        ValueError: shorter, or a lower rate.
    """
    if not fs >= 80:
        raise ValueError(f"got fs={fs} Hz, expected at least 80: sleep is scored up to 35 Hz")
    person = draw_sleeper(np.random.default_rng([seed if subject_seed is None else subject_seed, 505]))
    rng = np.random.default_rng([seed, 506])
    stages = simulate_hypnogram(rng, hours=hours)
    return simulate_eeg(stages, person, rng, fs=fs), stages, score(stages, rng)


def simulate_eeg(stages: np.ndarray, person: Sleeper, rng: np.random.Generator, *, fs: float = 100.0) -> np.ndarray:
    """The EEG of a night with these stages (n,), of epochs of 30 s: (round(n * 30 * fs),) uV."""
    n = round(len(stages) * EPOCH_S * fs)
    moments = _moments(stages, rng)
    x = _spectral(moments, person, rng, n=n, fs=fs)
    spots = _Spots(stages, x, fs, rng)
    _sleep_waves(spots, stages, person, rng, fs)
    _eyes_and_artefacts(spots, stages, person, rng, fs)
    drift = np.interp(np.arange(n) / fs, EPOCH_S * np.arange(len(stages)), np.exp(_drift(len(stages), 60.0, 0.10, rng)))
    return person.gain * drift * x + person.noise_uv * rng.standard_normal(n)


def _moments(stages: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(frames, 5) how much of each stage every two seconds are: sharp stages blurred, N1 a mixture, arousals."""
    per = round(EPOCH_S / FRAME_S)
    of = np.repeat(stages, per)
    # a change of stage lies anywhere in the epochs beside it, not on their edge
    for at in np.flatnonzero(np.diff(of)) + 1:
        moved = int(rng.integers(-per // 2, per // 2 + 1))
        if moved > 0:
            of[at : at + moved] = of[at - 1]
        elif moved < 0:
            of[max(0, at + moved) : at] = of[at]
    weight = np.eye(5)[of]
    drowsy = np.flatnonzero(of == N1)
    if len(drowsy):
        # pieces of 4 to 20 s, each like wakefulness, N1 or N2; how much of each differs from minute to minute
        lean = np.repeat(rng.dirichlet((1.7, 4.6, 0.7), len(stages)), per, axis=0)[drowsy]
        piece = np.cumsum(rng.random(len(drowsy)) < 0.2)
        drawn = rng.random(piece[-1] + 1)[piece]
        like = (drawn[:, None] > np.cumsum(lean, axis=1)[:, :2]).sum(axis=1)
        weight[drowsy] = np.eye(5)[like]
    hours = len(stages) * EPOCH_S / 3600
    for _ in range(rng.poisson(hours * AROUSALS_PER_HOUR.max())):
        at, many = int(rng.integers(len(of))), int(rng.integers(2, 7))
        if rng.random() < AROUSALS_PER_HOUR[of[at]] / AROUSALS_PER_HOUR.max():
            weight[at : at + many] = np.eye(5)[W]
    own = np.clip(0.12 * rng.gamma(1.0, 1.0, len(of)), 0, 0.5)[:, None]  # every moment has a little of its neighbours
    near = np.stack([np.convolve(w, np.ones(5) / 5, mode="same") for w in weight.T], axis=1)
    blur = near @ np.array([[0, 1, 0, 0, 0], [0.3, 0, 0.5, 0, 0.2], [0, 0.4, 0, 0.3, 0.3],
                            [0, 0, 1, 0, 0], [0.2, 0.4, 0.4, 0, 0]])  # fmt: skip
    weight = (1 - own) * (0.6 * weight + 0.4 * near) + own * blur
    return weight / weight.sum(axis=1, keepdims=True)


def _spectral(
    moments: np.ndarray, person: Sleeper, rng: np.random.Generator, *, n: int, fs: float
) -> np.ndarray:
    """(n,) uV Gaussian noise whose spectrum changes from frame to frame, by overlapping frames."""
    hop = round(FRAME_S * fs)
    frames = len(moments) + 2
    moments = np.concatenate([moments[:1], moments, moments[-1:]])
    freqs = np.fft.rfftfreq(2 * hop, 1 / fs)
    inside = (freqs > 0) & (freqs < fs / 2)
    heights = (moments @ HEIGHTS_UV**2) ** 0.5 * person.heights
    for minutes, spread in DRIFT.items():
        steps = max(2, round(minutes * 60 / FRAME_S))
        heights = heights * np.exp(np.stack([_drift(frames, steps, spread, rng) for _ in PARTS], axis=1))
    # alpha comes in bursts, with the eyes closed: half of the time awake there is hardly any
    closed = expit(3.0 * (_drift(frames, 45, 1.0, rng) + 0.6))
    bursts = np.exp(_drift(frames, 2, 0.5, rng))
    alpha = PARTS.index("alpha")
    heights[:, alpha] *= bursts * (1 - moments[:, W] * (1 - closed))
    shape = np.stack([np.exp(-0.5 * ((freqs - c) / w) ** 2) for c, w in _bumps(person)])
    shape[:, ~inside] = 0
    shape /= shape.sum(axis=1, keepdims=True)
    power = heights[:, 1:] ** 2 @ shape
    exponent = moments @ EXPONENT + person.tilt + _drift(frames, 30, 0.08, rng)
    slope = np.zeros((frames, len(freqs)))
    slope[:, inside] = np.maximum(freqs[inside], FLATTEN_HZ) ** -exponent[:, None]
    power += heights[:, :1] ** 2 * slope / slope.sum(axis=1, keepdims=True)
    spectrum = (rng.standard_normal(power.shape) + 1j * rng.standard_normal(power.shape)) * np.sqrt(power) * hop
    pieces = np.fft.irfft(spectrum, 2 * hop, axis=1) * np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop))
    out = np.zeros((frames + 1) * hop)
    out[:-hop] += pieces[:, :hop].ravel()
    out[hop:] += pieces[:, hop:].ravel()
    return out[hop : hop + n]


def _bumps(person: Sleeper) -> list[tuple[float, float]]:
    bumps = {**BUMPS_HZ, "alpha": (person.alpha_hz, 0.7)}
    return [bumps[part] for part in PARTS[1:]]


def _drift(n: int, steps: float, spread: float, rng: np.random.Generator) -> np.ndarray:
    """(n,) a quantity that wanders about 0 and forgets itself over ``steps`` steps."""
    keep = np.exp(-1 / steps)
    start = rng.standard_normal()
    return spread * lfilter([np.sqrt(1 - keep**2)], [1, -keep], rng.standard_normal(n), zi=[keep * start])[0]


class _Spots:
    """Draws times within stages, and adds waves there."""

    def __init__(self, stages: np.ndarray, x: np.ndarray, fs: float, rng: np.random.Generator) -> None:
        self.stages, self.x, self.fs, self.rng = stages, x, fs, rng

    def times(self, per_min: np.ndarray, spread: float = 0.6) -> np.ndarray:
        """Seconds of events whose rate depends on the stage, and by ``spread`` on the epoch."""
        rate = per_min[self.stages] * np.exp(spread * self.rng.standard_normal(len(self.stages)) - spread**2 / 2)
        many = self.rng.poisson(rate * EPOCH_S / 60)
        return (np.repeat(np.arange(len(self.stages)), many) + self.rng.random(many.sum())) * EPOCH_S

    def add(self, at_s: float, wave: np.ndarray) -> None:
        start = round(at_s * self.fs)
        stop = min(len(self.x), start + len(wave))
        if stop > start:
            self.x[start:stop] += wave[: stop - start]


def _sleep_waves(
    spots: _Spots, stages: np.ndarray, person: Sleeper, rng: np.random.Generator, fs: float
) -> None:
    """Spindles, K-complexes, trains of slow waves."""
    for at in spots.times(SPINDLES_PER_MIN * person.spindles):
        height = person.spindle_uv * np.exp(0.35 * rng.standard_normal())
        freq = float(np.clip(rng.normal(person.spindle_hz, 0.4), 11.0, 16.0))
        spots.add(at, eeg.spindle(fs, freq=freq, seconds=float(rng.uniform(0.5, 1.5)), amplitude_uv=height))
    for at in spots.times(K_PER_MIN * person.k_complexes):
        spots.add(at, eeg.k_complex(fs, amplitude_uv=person.k_uv * np.exp(0.25 * rng.standard_normal()), rng=rng))
        if rng.random() < 0.4:
            wave = eeg.spindle(fs, freq=person.spindle_hz, seconds=0.8, amplitude_uv=0.8 * person.spindle_uv)
            spots.add(at + 0.9, wave)
    share = np.clip(SLOW_SHARE * person.slow_share, 0, 0.9)[stages]
    change = 0.35 * rng.standard_normal(len(stages)) + _drift(len(stages), 8, 0.25, rng)
    share = np.clip(share * np.exp(change), 0, 0.95)
    for epoch in np.flatnonzero(share > 0.01):
        at, stop = epoch * EPOCH_S, (epoch + 1) * EPOCH_S
        mean_wave_s = 1.15
        for k in np.flatnonzero(rng.random(int(EPOCH_S / mean_wave_s)) < share[epoch]):
            length = float(np.clip(rng.normal(mean_wave_s, 0.2), 0.7, 1.9))
            time = np.arange(round(length * fs)) / fs / length
            height = person.slow_uv * np.exp(0.3 * rng.standard_normal())
            # one wave: down, then up and a little longer, as cells fall silent and fire again
            wave = -height * np.sin(2 * np.pi * time**0.9) * np.sin(np.pi * time) ** 0.5
            spots.add(min(at + k * mean_wave_s + rng.uniform(-0.2, 0.2), stop), wave)


def _eyes_and_artefacts(
    spots: _Spots, stages: np.ndarray, person: Sleeper, rng: np.random.Generator, fs: float
) -> None:
    """Blinks, slow and rapid eye movements as Fpz sees them; muscle, motion, sweat."""
    for at in spots.times(np.eye(5)[W] * BLINKS_PER_MIN * person.eyes, spread=0.9):
        spots.add(at, 2.2 * person.eye_uv * np.exp(0.3 * rng.standard_normal()) * np.hanning(round(0.32 * fs)))
    for at in spots.times(SLOW_EYE_PER_MIN * person.eyes):
        seconds = rng.uniform(1.5, 4.0)
        wave = np.sin(2 * np.pi * np.linspace(0, 1, round(seconds * fs))) * np.hanning(round(seconds * fs)) ** 0.5
        spots.add(at, rng.choice([-1, 1]) * person.eye_uv * np.exp(0.3 * rng.standard_normal()) * wave)
    rates = np.eye(5)[REM] * REM_PER_MIN * person.eyes
    for at in spots.times(rates, spread=1.2):
        for _ in range(int(rng.integers(1, 5))):
            seconds = rng.uniform(0.4, 1.0)
            time = np.arange(round(seconds * fs)) / fs
            jump = expit((time - 0.08) / 0.015) * np.exp(-np.maximum(time - 0.08, 0) / 0.25)
            spots.add(at, rng.choice([-1, 1]) * person.eye_uv * np.exp(0.4 * rng.standard_normal()) * jump)
            at += rng.uniform(0.25, 0.9)
        if rng.random() < 0.3:  # sawtooth waves before a burst
            many = int(rng.integers(4, 9))
            saw = np.tile(np.linspace(1, -1, round(fs / rng.uniform(2.5, 4.5))), many)
            spots.add(at - 3.0, 0.35 * person.eye_uv * saw * np.hanning(len(saw)))
    motion = ARTEFACTS_PER_HOUR / 60 * np.array([3.0, 1.5, 0.7, 0.4, 1.0])
    for at in spots.times(motion):
        n = round(rng.uniform(1.0, 8.0) * fs)
        wave = np.cumsum(rng.standard_normal(n)) * np.hanning(n) / np.sqrt(fs)
        spots.add(at, rng.uniform(30, 90) * wave + rng.uniform(5, 20) * rng.standard_normal(n) * np.hanning(n))
    n = len(spots.x)
    sweat = np.interp(
        np.arange(n) / fs, EPOCH_S * np.arange(len(stages)), np.maximum(_drift(len(stages), 30, 1.0, rng) - 0.6, 0)
    )
    spots.x += 12.0 * sweat * _slow_noise(n, fs, rng)


def _slow_noise(n: int, fs: float, rng: np.random.Generator) -> np.ndarray:
    """(n,) noise of 0.2 to 0.6 Hz with standard deviation 1."""
    coarse = rng.standard_normal(int(n / fs * 1.2) + 3)
    return 1.2 * np.interp(np.arange(n) / fs * 1.2, np.arange(len(coarse)), coarse)
