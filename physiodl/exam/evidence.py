"""Signs that a task was done: what an answer that only looks like one cannot show.

Many properties of sound work hold of zeros, of a constant and of the input itself too. What is here tells those apart.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import signal

from physiodl.ecg import true_lengths
from physiodl.exam.checks import numbers


def plain_examples(*, n: int, seed: int, seconds: float = 30.0, fs: float = 300.0) -> tuple[np.ndarray, np.ndarray]:
    """Recordings in which AF is so plain that a network learns it from fifty in a few steps.

    P waves and a regular rhythm, or f waves and an irregular one, in noise: simpler than any ECG.

    Returns:
        signals (n, 1, samples) float32 at ``fs`` Hz, labels (n,) int64, half of them 1, in random order.
    """
    rng = np.random.default_rng((seed, 0x9A1))
    labels = rng.permutation(np.arange(n) % 2)
    t = np.arange(round(seconds * fs)) / fs
    out = 0.3 * rng.standard_normal((n, len(t)))
    for row, af_here in zip(out, labels, strict=True):
        rr = rng.uniform(0.7, 0.9) * np.where(af_here, rng.uniform(0.6, 1.5, int(2.2 * seconds)), 1.0)
        beats = np.cumsum(rr) - rng.uniform(0, 1)
        x = np.zeros(len(t))
        for beat in beats[(beats > -0.5) & (beats < seconds + 0.5)]:
            near = slice(max(0, round((beat - 0.4) * fs)), round((beat + 0.4) * fs))
            x[near] += rng.uniform(0.9, 1.1) * np.exp(-0.5 * ((t[near] - beat) / 0.02) ** 2)
            if not af_here:
                x[near] += 0.3 * np.exp(-0.5 * ((t[near] - beat + 0.16) / 0.03) ** 2)
        if af_here:
            x += 0.3 * np.sin(2 * np.pi * rng.uniform(5, 8) * t + rng.uniform(0, 6))
        row += rng.uniform(0.5, 1.5) * x
    return out[:, None].astype(np.float32), labels.astype(np.int64)


def resemblance(windows: np.ndarray, signals: np.ndarray, fs: float) -> np.ndarray:
    """How far windows at 100 Hz are the course of their recordings, (n,): the highest correlation at any shift.

    Both are taken at 0.5 to 40 Hz, so that gain, offset, wander and where a short recording was put do not matter.

    Args:
        windows: (n, 1, steps) at 100 Hz.
        signals: (n, 1, samples) at ``fs`` Hz, zero-padded at the end.
    """
    found = []
    for window, row, length in zip(windows[:, 0], signals[:, 0], true_lengths(signals), strict=True):
        pair = []
        for x, rate in ((window, 100.0), (row[:length], fs)):
            sos = signal.butter(2, (0.5, 40.0), "bandpass", fs=rate, output="sos")
            x = signal.sosfiltfilt(sos, np.asarray(x, float) - np.median(x))
            pair.append(x if rate == 100.0 else signal.resample_poly(x, 100, round(rate))[: windows.shape[2]])
        size = float(np.sqrt(np.sum(pair[0] ** 2) * np.sum(pair[1] ** 2)))
        found.append(signal.correlate(*pair, method="fft").max() / size if size > 0 else 0.0)
    return np.array(found)


def superposed(
    function: Callable[[np.ndarray], np.ndarray], *, shape: tuple[int, ...], seed: int, pairs: int = 6
) -> float:
    """How far a function is from a straight line: the part of its answers to sums that is not the sum of its answers.

    Args:
        function: from (n, *shape) float32 to an array whose first axis is n.
        shape: of one input. seed: of the random inputs. pairs: how many sums.

    Returns:
        |f(a + b) + f(0) - f(a) - f(b)| over |f(a + b) - f(0)|: about 1e-7 for anything linear, any offset aside; 0 for
        a function that answers the same to all.
    """
    a, b = np.random.default_rng((seed, 0x50B)).standard_normal((2, pairs, *shape)).astype(np.float32)
    told = numbers(function(np.concatenate([np.zeros_like(a[:1]), a + b, a, b])), what="answers to random windows")
    change = told[1:] - told[:1]
    whole, first, second = change[:pairs], change[pairs : 2 * pairs], change[2 * pairs :]
    size = float(np.sqrt(np.sum(whole**2)))
    return float(np.sqrt(np.sum((whole - first - second) ** 2))) / size if size > 0 else 0.0
