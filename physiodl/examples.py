"""Recordings to look at: ECG, EEG, sleep EEG, EMG, PPG; real where files are present, simulated everywhere else.

Real ones are records of the MIT-BIH Arrhythmia Database and EDF files of EEG During Mental Arithmetic Tasks
(PhysioNet), found as ``physionet/mitdb/1.0.0`` and ``physionet/eegmat/1.0.0`` below the folder that the environment
variable PHYSIODL_REAL_DATA names, or below the data folder of the course.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from physiodl import mitdb, registry
from physiodl.simulate import ecg, eeg, emg, ppg, rhythm

SOURCES = ("auto", "real", "simulated")
KINDS = ("ecg", "eeg", "sleep_eeg", "emg", "ppg")
MITDB, EEGMAT = "physionet/mitdb/1.0.0", "physionet/eegmat/1.0.0"
CITATIONS = {
    "ecg": "MIT-BIH Arrhythmia Database (Moody and Mark 2001; PhysioNet, Goldberger et al. 2000)",
    "eeg": "EEG During Mental Arithmetic Tasks (Zyma et al. 2019; PhysioNet, Goldberger et al. 2000)",
}


@dataclass(frozen=True)
class Recording:
    """One recording with its units, its events and where it comes from.

    Attributes:
        signal: (channels, samples) float64 in ``unit``.
        fs: sampling rate in Hz.
        channels: a name for each channel.
        unit: ``"mV"`` (ECG), ``"uV"`` (EEG, EMG) or ``"a.u."`` (PPG).
        source: ``"real"`` or ``"simulated"``.
        citation: whose recording it is; for simulated ones, that it is from nobody.
        events: name to times in seconds (k,); intervals, such as ``"eyes closed"``, are (k, 2) starts and ends.
        label: for titles; says SIMULATED where it is.
    """

    signal: np.ndarray
    fs: float
    channels: tuple[str, ...]
    unit: str
    source: str
    citation: str
    events: dict[str, np.ndarray] = field(default_factory=dict)
    label: str = ""

    def channel(self, name: str) -> np.ndarray:
        """The samples of one channel by its name: (samples,)."""
        if name not in self.channels:
            raise KeyError(f"got channel {name!r}, expected one of {', '.join(self.channels)}")
        return self.signal[self.channels.index(name)]

    @property
    def time_s(self) -> np.ndarray:
        """(samples,) seconds since the start."""
        return np.arange(self.signal.shape[-1]) / self.fs


def recording(kind: str, *, source: str = "auto", seconds: float = 30.0, seed: int = 0) -> Recording:
    """A recording to look at.

    Args:
        kind: ``"ecg"`` (two leads, mV, 360 Hz; event R), ``"eeg"`` (uV, 500 Hz, ear reference; real: at rest, eyes
            closed, cleaned by its publishers, no events; simulated: eyes open in the first half, events blink and
            eyes closed), ``"sleep_eeg"`` (stage N2, uV, 100 Hz; events K-complex at the negative peak, spindle in its
            middle), ``"emg"`` (uV, 1000 Hz; event contraction, (k, 2)), ``"ppg"`` (a.u., 100 Hz, with the
            acceleration of the wrist; events R and walking, (k, 2)).
        source: ``"auto"`` takes a real recording where there is one; ``"real"`` needs it; ``"simulated"``. Sleep EEG,
            EMG and PPG are always simulated: ``"real"`` is refused for them.
        seconds: length, from the start of the recording; at least 4.
        seed: which simulated recording; for real ones, which of those present (0 is the first in RECORDS).

    Returns:
        A `Recording`; the same arguments give the same one.

    Raises:
        ValueError: unknown kind or source; no real recordings of this kind exist here; longer than the real one.
        FileNotFoundError: ``source="real"`` and no files.
    """
    if kind not in KINDS:
        raise ValueError(f"got kind {kind!r}, expected one of {', '.join(KINDS)}")
    if source not in SOURCES:
        raise ValueError(f"got source {source!r}, expected one of {', '.join(SOURCES)}")
    if not seconds >= 4:
        raise ValueError(f"got seconds={seconds}, expected at least 4 s: shorter ones hold hardly a beat or a rhythm")
    reader = {"ecg": (MITDB, _real_ecg), "eeg": (EEGMAT, _real_eeg)}.get(kind)
    if source == "real" and reader is None:
        raise ValueError(
            f"got source 'real' for {kind!r}, expected 'auto' or 'simulated': the course has no real {kind} recordings"
        )
    if reader is not None and source != "simulated":
        folder = real_folder(reader[0])
        if folder is not None:
            return reader[1](folder, seconds, seed)
        if source == "real":
            raise missing(reader[0])
    return SIMULATORS[kind](seconds, np.random.default_rng([seed, KINDS.index(kind)]))


def real_folder(path: str) -> Path | None:
    """The folder of a PhysioNet database that is present, such as ``physionet/mitdb/1.0.0``; None where it is not."""
    chosen = os.environ.get("PHYSIODL_REAL_DATA", "").strip()
    roots = ([Path(chosen).expanduser()] if chosen else []) + [registry.data_root()]
    return next((root / path for root in roots if records(root / path)), None)


def records(folder: Path) -> list[str]:
    """Names of the records in a PhysioNet folder whose files are there, in the order of RECORDS."""
    if not folder.is_dir():
        return []
    listed = folder / "RECORDS"
    names = listed.read_text().split() if listed.is_file() else sorted(p.stem for p in folder.glob("*.hea"))
    names = names or sorted(p.name for p in folder.glob("*.edf"))
    return [name for name in names if (folder / name).is_file() or (folder / f"{name}.dat").is_file()]


def missing(path: str) -> FileNotFoundError:
    """The error for real recordings that are not there."""
    return FileNotFoundError(
        f"no recordings in {registry.data_root() / path}: put files of https://physionet.org/files{path[9:]}/ there, "
        f"or name the folder that holds {path} in PHYSIODL_REAL_DATA, or use source='simulated'"
    )


def _real_ecg(folder: Path, seconds: float, seed: int) -> Recording:
    import wfdb

    names = records(folder)
    path = folder / names[seed % len(names)]
    header = wfdb.rdheader(str(path))
    n = _needed(seconds, header.fs, header.sig_len, path)
    record = wfdb.rdrecord(str(path), sampto=n)
    events = {}
    if path.with_suffix(".atr").is_file():
        marks = wfdb.rdann(str(path), "atr", sampto=n)
        beats = [s in mitdb.BEAT_SYMBOLS for s in marks.symbol]
        events["R"] = marks.sample[beats] / record.fs
    return Recording(
        signal=np.ascontiguousarray(record.p_signal.T, dtype=float),
        fs=float(record.fs),
        channels=tuple(record.sig_name),
        unit="mV",
        source="real",
        citation=CITATIONS["ecg"],
        events=events,
        label=f"MIT-BIH Arrhythmia Database, record {path.name}",
    )


def _real_eeg(folder: Path, seconds: float, seed: int) -> Recording:
    import mne  # takes a second: only who asks for EEG waits for it

    names = [name for name in records(folder) if name.endswith("_1.edf")] or records(folder)  # _1 is rest, _2 the task
    path = folder / names[seed % len(names)]
    raw = mne.io.read_raw_edf(path, verbose="error")
    n = _needed(seconds, raw.info["sfreq"], raw.n_times, path)
    picks = [name for name in raw.ch_names if name.startswith("EEG ") and "A2-A1" not in name]
    return Recording(
        signal=1e6 * raw.get_data(picks=picks or None, stop=n),  # MNE gives volts
        fs=float(raw.info["sfreq"]),
        channels=tuple(name.removeprefix("EEG ") for name in (picks or raw.ch_names)),
        unit="uV",
        source="real",
        citation=CITATIONS["eeg"],
        events={},
        label=f"EEG During Mental Arithmetic Tasks, {path.stem}, {'rest' if path.stem.endswith('_1') else 'task'}",
    )


def _needed(seconds: float, fs: float, available: int, path: Path) -> int:
    n = round(seconds * fs)
    if n > available:
        raise ValueError(f"got seconds={seconds:g}, expected at most {available / fs:g} s: {path.name} is no longer")
    return n


def _simulated(signal, fs, channels, unit, name, events) -> Recording:
    return Recording(
        signal=np.atleast_2d(signal),
        fs=fs,
        channels=channels,
        unit=unit,
        source="simulated",
        citation="simulated by physiodl, from no person",
        events=events,
        label=f"SIMULATED {name}, not from people",
    )


def _heart(seconds: float, rng: np.random.Generator, *, bpm: float) -> tuple[np.ndarray, np.ndarray]:
    """Times of the R waves from 3 s before the recording to 2 s after it, and the interval before each."""
    n_beats = int((seconds + 5) * bpm / 60 * 1.3) + 5
    rr = rhythm.sinus_rr(n_beats, 60 / bpm, variation=0.04, breathing_hz=0.25, rng=rng)
    beat_s = np.cumsum(rr) - 3.0
    keep = beat_s < seconds + 2
    return beat_s[keep], rr[keep]


def _simulated_ecg(seconds: float, rng: np.random.Generator) -> Recording:
    fs = 360.0
    n = round(seconds * fs)
    beat_s, rr = _heart(seconds, rng, bpm=rng.uniform(60, 85))
    kind = np.zeros(len(rr), int)
    shape = ecg.draw_shape(rng)
    signal = np.stack([ecg.ambulatory_noise(n, fs, rng=rng) for _ in range(2)])
    for row, seen in zip(signal, (shape, _over_the_right_ventricle(shape, rng)), strict=True):
        row += ecg.beats(n, fs, beat_s=beat_s, rr_s=rr, kind=kind, shape=seen, p_wave=True, rng=rng)
    inside = (beat_s >= 0) & (beat_s < seconds)
    return _simulated(signal, fs, ("MLII", "V1"), "mV", "ECG", {"R": beat_s[inside]})


def _over_the_right_ventricle(shape: ecg.Shape, rng: np.random.Generator) -> ecg.Shape:
    """The same heart in V1: a small r and a deep S, since most muscle lies on the other side; design values."""
    r = shape.amplitude["R"]
    amplitude = {"P": 0.5 * shape.amplitude["P"], "Q": 0.0, "R": 0.25 * r, "S": -r * rng.uniform(0.7, 1.0)}
    amplitude["T"] = rng.uniform(-0.1, 0.15)
    return ecg.Shape(amplitude, shape.centre_s, {**shape.width_s, "S": 1.3 * shape.width_s["S"]})


# How strongly each electrode sees the blinks (falling from the eyes backwards) and alpha (occipital): design values.
EEG_CHANNELS = {
    "Fp1": (1.0, 0.15), "Fp2": (0.97, 0.15), "F3": (0.38, 0.2), "F4": (0.36, 0.2), "C3": (0.14, 0.35),
    "C4": (0.13, 0.35), "P3": (0.06, 0.75), "P4": (0.06, 0.75), "O1": (0.03, 1.0), "O2": (0.03, 1.0),
}  # fmt: skip


def _simulated_eeg(seconds: float, rng: np.random.Generator) -> Recording:
    fs = 500.0
    n = round(seconds * fs)
    half = n // 2
    blink, blink_s = eeg.blinks(half, fs, rng=rng)
    blink = np.concatenate([blink, np.zeros(n - half)])
    # alpha fades in within a second of closing the eyes; open, a tenth of it stays
    closed = np.clip((np.arange(n) / fs - half / fs) / 0.8, 0.1, 1.0)
    freq, height = rng.uniform(9.5, 10.8), rng.uniform(28, 42)
    both, left, right = (eeg.rhythm(n, fs, freq=freq, amplitude_uv=height, rng=rng) * closed for _ in range(3))
    shared = eeg.background(n, fs, rng=rng, rms_uv=7.0)
    shared += 1.5 * np.sin(2 * np.pi * 50.0 * np.arange(n) / fs + rng.uniform(0, 2 * np.pi))  # mains
    rows = []
    for name, (seen, gain) in EEG_CHANNELS.items():
        # the two hemispheres share most of their alpha, not all: 0.85^2 + 0.53^2 = 1
        alpha = 0.85 * both + 0.53 * (left if name[-1] in "13" else right)
        rows.append(shared + eeg.background(n, fs, rng=rng, rms_uv=6.0) + seen * blink + gain * alpha)
    events = {"blink": blink_s, "eyes closed": np.array([[half / fs, n / fs]])}
    return _simulated(np.stack(rows), fs, tuple(EEG_CHANNELS), "uV", "EEG", events)


def _simulated_sleep(seconds: float, rng: np.random.Generator) -> Recording:
    fs = 100.0
    n = round(seconds * fs)
    # theta and slow waves of low voltage; K-complexes largest at the front, fast spindles further back (AASM)
    shared = eeg.background(n, fs, rng=rng, exponent=1.6, rms_uv=8.0)
    shared += eeg.rhythm(n, fs, freq=rng.uniform(4.8, 6.2), amplitude_uv=5.0, rng=rng)
    front, back = (shared + eeg.background(n, fs, rng=rng, exponent=1.5, rms_uv=5.0) for _ in range(2))
    k_s, spindle_s = [], []
    at = rng.uniform(0.3, 1.5)
    while at + 2.6 < seconds:
        wave = eeg.k_complex(fs, amplitude_uv=rng.uniform(95, 160), rng=rng)
        alone = rng.random() < 0.4 and len(k_s) > 0
        start = round(at * fs)
        if not alone:
            front[start : start + len(wave)] += wave
            back[start : start + len(wave)] += 0.55 * wave
            k_s.append((start + int(wave.argmin())) / fs)
        if alone or rng.random() < 0.6 or not spindle_s:  # spindles often ride on the end of a K-complex
            burst = eeg.spindle(
                fs, freq=rng.uniform(12.2, 14.2), seconds=rng.uniform(0.6, 1.3), amplitude_uv=rng.uniform(24, 40)
            )
            first = start + round(rng.uniform(0.95, 1.2) * fs)
            front[first : first + len(burst)] += 0.7 * burst[: n - first]
            back[first : first + len(burst)] += burst[: n - first]
            spindle_s.append((first + len(burst) / 2) / fs)
        at += rng.uniform(3.5, 8.0)
    events = {"K-complex": np.array(k_s), "spindle": np.array(spindle_s)}
    return _simulated(np.stack([front, back]), fs, ("Fpz-Cz", "Pz-Oz"), "uV", "sleep EEG, stage N2", events)


def _simulated_emg(seconds: float, rng: np.random.Generator) -> Recording:
    fs = 1000.0
    spans, at = [], rng.uniform(0.6, 1.4)
    while at + 0.6 < seconds:
        stop = min(at + rng.uniform(0.6, 1.8), seconds)
        spans.append((at, stop))
        at = stop + rng.uniform(0.8, 2.2)
    signal = emg.bursts(round(seconds * fs), fs, on_s=np.array(spans), rng=rng)
    return _simulated(signal, fs, ("biceps",), "uV", "EMG", {"contraction": np.array(spans)})


def _simulated_ppg(seconds: float, rng: np.random.Generator) -> Recording:
    fs = 100.0
    n = round(seconds * fs)
    bpm = rng.uniform(65, 95)
    beat_s, _ = _heart(seconds, rng, bpm=bpm)
    clean = ppg.pulses(n, fs, beat_s=beat_s, rng=rng)
    # half the time somebody walks near the heart rate, where the spectrum alone cannot tell the two
    cadence = rng.choice([bpm / 60 * rng.uniform(1.1, 1.3), rng.uniform(1.7, 2.1)])
    artefact, acceleration = ppg.walking(n, fs, rng=rng, cadence_hz=float(cadence))
    start, stop = seconds / 3, 2 * seconds / 3
    t = np.arange(n) / fs
    walks = np.clip(np.minimum(t - start, stop - t) / 0.5, 0, 1)
    signal = np.stack([clean + 0.7 * walks * artefact, walks * acceleration + 0.03 * rng.standard_normal(n)])
    events = {"R": beat_s[(beat_s >= 0) & (beat_s < seconds)], "walking": np.array([[start, stop]])}
    return _simulated(signal, fs, ("PPG", "acceleration"), "a.u.", "PPG", events)


SIMULATORS: dict[str, Callable[[float, np.random.Generator], Recording]] = {
    "ecg": _simulated_ecg,
    "eeg": _simulated_eeg,
    "sleep_eeg": _simulated_sleep,
    "emg": _simulated_emg,
    "ppg": _simulated_ppg,
}
