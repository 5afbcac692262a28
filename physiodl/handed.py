"""What assignments hand to those who solve them: files to read, recordings to look at.

Notebooks reach these through `physiodl.exam`, beside what belongs to the examiner. While a notebook is graded, that
package is sealed on the student's side (`autograder.sealed_exam`), and what stands here goes on working there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

# Beats, as PhysioNet's list of annotation codes names them; other symbols are changes of rhythm, quality, comments.
BEATS = "NLRBAaJSVrFejnE/fQ?"
# How much of a blink each EEG channel sees, relative to the EOG: much above the eyes, little at the back of the head
# (the order of Gratton, Coles and Donchin 1983; design values).
BLINK_SHARE = {"Fp1": 0.40, "F3": 0.16, "C3": 0.06, "O1": 0.02}

# --- files ---


@contextmanager
def record_as_folder(files: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Folder and name of a record that came as bytes; the folder is there as long as the ``with`` block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("hea", "dat", "atr"):
            (Path(folder) / f"{files['name']}.{kind}").write_bytes(np.asarray(files[kind], np.uint8).tobytes())
        yield folder, str(files["name"])


@contextmanager
def night_as_folder(files: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Paths of the two files of a night that came as bytes; they are there as long as the ``with`` block lasts.

    Named as those of Sleep-EDF are: the last letter of each name says who recorded and who scored, and tells nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        psg, hypnogram = (Path(folder) / f"{files['name']}{end}.edf" for end in ("E0-PSG", "EC-Hypnogram"))
        for path, kind in ((psg, "psg"), (hypnogram, "hypnogram")):
            path.write_bytes(np.asarray(files[kind], np.uint8).tobytes())
        yield str(psg), str(hypnogram)


# --- recordings ---


def clean_ecg(seconds: float, fs: float, *, seed: int) -> np.ndarray:
    """A sinus rhythm without noise, (samples,) in mV: what a filter must leave as it is."""
    from physiodl.simulate import ecg, rhythm  # only who simulates waits for it

    rng = np.random.default_rng((seed, 0xC1EA))
    n_beats = int(2 * seconds) + 8
    rr = rhythm.sinus_rr(n_beats, 0.85, variation=0.03, breathing_hz=0.25, rng=rng)
    beat_s = np.cumsum(rr) - rr[:3].sum()
    kind = np.zeros(n_beats, int)
    return ecg.beats(
        round(seconds * fs), fs, beat_s=beat_s, rr_s=rr, kind=kind, shape=ecg.draw_shape(rng), p_wave=True, rng=rng
    )


def noisy_ecg(seconds: float, fs: float, mains: float, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A sinus rhythm with wander (0.1 and 0.2 Hz, about 1 mV) and mains (0.2 mV).

    Returns:
        noisy (samples,) mV, clean (samples,) mV, R waves as sample numbers.
    """
    from scipy import signal

    clean = clean_ecg(seconds, fs, seed=seed)
    rng = np.random.default_rng((seed, 0x3A11))
    t = np.arange(len(clean)) / fs
    a, b, c = rng.uniform(0, 2 * np.pi, 3)
    wander = 0.7 * np.sin(2 * np.pi * 0.1 * t + a) + 0.5 * np.sin(2 * np.pi * 0.2 * t + b)
    noisy = clean + wander + 0.2 * np.sin(2 * np.pi * mains * t + c)
    r_waves, _ = signal.find_peaks(clean, height=0.6 * clean.max(), distance=round(0.3 * fs))
    return noisy, clean, r_waves


def noise(n: int, fs: float, *, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Random noise whose power falls as 1/f^exponent above 0.5 Hz, (n,) with standard deviation 1.

    The background of the EEG falls like that, with exponents of 1 to 2 (He 2014).
    """
    spectrum = np.fft.rfft(rng.standard_normal(n))
    freqs = np.fft.rfftfreq(n, 1 / fs)
    shaped = np.fft.irfft(spectrum / np.maximum(freqs, 0.5) ** (exponent / 2), n)
    return (shaped - shaped.mean()) / shaped.std()


def blink_recording(fs: float, *, seed: int, seconds: float = 40.0, blinking: bool = True) -> dict[str, np.ndarray]:
    """Four EEG channels and an EOG with blinks, and the EEG as it would be without them. Simulated.

    Fifteen to twenty blinks a minute, each about 0.3 s, closing faster than opening, of 200 to 400 uV in the EOG; in
    the EEG they are smaller by `BLINK_SHARE`. The EOG also holds a third of the frontal EEG: whoever subtracts it as
    it is takes brain activity away with the blinks (Croft and Barry 2000).

    Returns:
        A dict: ``eeg`` and ``truth`` (4, samples) uV, ``eog`` (samples,) uV, ``blink_s`` their peaks in seconds,
        ``near`` (samples,) True within 0.35 s of a peak.
    """
    rng = np.random.default_rng((seed, 0xB11))
    n = round(seconds * fs)
    t = np.arange(n) / fs
    common = noise(n, fs, exponent=1.2, rng=rng)
    alpha = np.sin(2 * np.pi * rng.uniform(9, 11) * t) * (1 + 0.6 * noise(n, fs, exponent=2.0, rng=rng))
    theta = np.sin(2 * np.pi * rng.uniform(5, 7) * t) * (1 + 0.6 * noise(n, fs, exponent=2.0, rng=rng))
    rows = []
    for alpha_uv, theta_uv in ((4, 8), (5, 7), (8, 5), (16, 2)):  # alpha is strongest at the back, theta in front
        own = noise(n, fs, exponent=1.2, rng=rng)
        rows.append(6 * common + 7 * own + alpha_uv * alpha + theta_uv * theta)
    truth = np.stack(rows)
    blink_s = np.zeros(0)
    if blinking:
        gaps = rng.uniform(2.2, 4.8, int(seconds))
        blink_s = rng.uniform(0.8, 2.0) + np.concatenate([[0.0], np.cumsum(gaps)])
        blink_s = blink_s[blink_s < seconds - 0.8]
    blinks = np.zeros(n)
    for centre in blink_s:
        rise, fall = rng.uniform(0.045, 0.06), rng.uniform(0.07, 0.10)
        width = np.where(t < centre, rise, fall)
        blinks += rng.uniform(200, 400) * np.exp(-0.5 * ((t - centre) / width) ** 2)
    eog = blinks + 0.3 * truth[0] + 4 * noise(n, fs, exponent=1.0, rng=rng)
    share = np.array(list(BLINK_SHARE.values())) * rng.uniform(0.8, 1.25)
    near = np.zeros(n, bool)
    for centre in blink_s:
        near |= np.abs(t - centre) <= 0.35
    return {"eeg": truth + share[:, None] * blinks, "truth": truth, "eog": eog, "blink_s": blink_s, "near": near}
