"""Networks with known answers for assignment 07, and how exported files and reports are measured from outside.

Networks are drawn from a seed, as dicts of arrays under the names that PyTorch gives them, with batch-norm statistics
that differ from those of a fresh network. What they answer is computed here with PyTorch's functions; the exported
files run in a process of their own (`physiodl.exam.confined`). The numbers are design values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from physiodl.exam.arrhythmia import entry
from physiodl.exam.checks import expect, numbers
from physiodl.exam.confined import file_bytes, running

WIDTHS = (16, 32, 48, 64)
STRIDES = (2, 2, 1, 1)
OF_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")

__all__ = ["entry", "file_bytes", "running"]  # handed on, for test cells


# --- networks ---


def weights(
    seed: int, *, widths: tuple[int, ...] = WIDTHS, variance: tuple[float, float] = (0.5, 2.0)
) -> dict[str, np.ndarray]:
    """State of the course's AF network with these channels, drawn from ``seed``: name in PyTorch -> array.

    ``variance`` is the range of the batch-norm variances: with small ones the constant beside them matters.
    """
    rng = np.random.default_rng((seed, 0xDE91))
    state: dict[str, np.ndarray] = {}
    for k, (n_in, n_out) in enumerate(zip((1, *widths[:-1]), widths, strict=True)):
        spread = np.sqrt(variance[0] * 2 / (7 * n_in))
        state[f"blocks.{k}.0.weight"] = spread * rng.standard_normal((n_out, n_in, 7))
        values = (
            rng.uniform(0.7, 1.3, n_out),
            0.2 * rng.standard_normal(n_out),
            0.3 * np.sqrt(variance[0]) * rng.standard_normal(n_out),
            rng.uniform(*variance, n_out),
        )
        state |= {f"blocks.{k}.1.{name}": v for name, v in zip(OF_BATCH_NORM, values, strict=True)}
    state["out.weight"] = rng.standard_normal((1, 2 * widths[-1])) / np.sqrt(widths[-1])
    state["out.bias"] = rng.standard_normal(1)
    state = {name: value.astype(np.float32) for name, value in state.items()}
    count = {f"blocks.{k}.1.num_batches_tracked": np.array(630, np.int64) for k in range(len(widths))}
    return state | count


def true_logits(state: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Logits (n,) of the network of a state for windows (n, 1, samples), in evaluation mode."""
    import torch  # only who examines a network waits for it
    from torch.nn import functional as f

    part = {name: torch.as_tensor(np.asarray(value)) for name, value in state.items()}
    with torch.no_grad():
        h = torch.as_tensor(np.asarray(x, np.float32))
        for k, stride in enumerate(STRIDES):
            gamma, beta, mean, var = (part[f"blocks.{k}.1.{name}"] for name in OF_BATCH_NORM)
            h = f.conv1d(h, part[f"blocks.{k}.0.weight"], stride=stride, padding=3)
            h = f.max_pool1d(f.relu(f.batch_norm(h, mean, var, gamma, beta, eps=1e-5)), 2)
        pooled = torch.cat([h.mean(dim=-1), h.amax(dim=-1)], dim=1)
        return f.linear(pooled, part["out.weight"], part["out.bias"])[:, 0].numpy().astype(float)


def true_keras(state: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The same weights in the order and layout of Keras."""
    n = sum(name.endswith(".0.weight") for name in state)
    rows = []
    for k in range(n):
        rows.append(state[f"blocks.{k}.0.weight"].transpose(2, 1, 0))
        rows += [state[f"blocks.{k}.1.{name}"] for name in OF_BATCH_NORM]
    return [*rows, state["out.weight"].T, state["out.bias"]]


def learned(state: Mapping[str, np.ndarray]) -> int:
    """How many numbers a network has that a file of it must hold, batch-norm statistics included."""
    return sum(value.size for name, value in state.items() if not name.endswith("num_batches_tracked"))


def ecg(n: int, *, seed: int, louder: float = 1.0) -> np.ndarray:
    """Windows (n, 1, 3000) float32 of simulated recordings at 100 Hz, ``louder`` times as large as usual."""
    from physiodl.deploy_reference import prepare
    from physiodl.exam.probes import examples

    x, _ = examples("af_detection", n=n + n % 2, seed=seed)
    return louder * prepare(x[:n], 300.0)


def raw_ecg(n: int, *, seed: int) -> np.ndarray:
    """Recordings (n, 1, 9000) float32 in mV at 300 Hz, 30 s long, without padding."""
    from physiodl.handed import clean_ecg

    rng = np.random.default_rng((seed, 0x4A3))
    rows = [clean_ecg(30.0, 300.0, seed=int(s)) for s in rng.integers(0, 2**31, n)]
    t = np.arange(9000) / 300
    wander = [rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * rng.uniform(0.1, 0.3) * t + rng.uniform(0, 6)) for _ in rows]
    noise = rng.uniform(0.02, 0.08, (n, 1)) * rng.standard_normal((n, 9000))
    return (np.stack(rows) + np.stack(wander) + noise)[:, None].astype(np.float32)


def taps(seed: int) -> np.ndarray:
    """Taps (n,) float32 of a symmetric FIR band-pass at 300 Hz; their number, odd, and the band come from ``seed``."""
    from scipy import signal

    rng = np.random.default_rng((seed, 0x7A9))
    n, high = 2 * int(rng.integers(60, 120)) + 1, rng.uniform(30, 40)
    return signal.firwin(n, (1.0, high), pass_zero=False, fs=300.0).astype(np.float32)


def prepared(raw: np.ndarray, h: np.ndarray) -> np.ndarray:
    """What task 4 asks of the front of a file: mean off, filtered, every third sample, divided by its own spread."""
    x = np.asarray(raw, float)
    x = x - x.mean(axis=-1, keepdims=True)
    y = np.stack([np.convolve(row[0], h, mode="same")[::3] for row in x])[:, None]
    return (y / (y.std(axis=-1, keepdims=True) + 1e-6)).astype(np.float32)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(z, float)))


# --- how answers are measured ---


def error(found: Any, true: np.ndarray, what: str = "logits") -> float:
    """The largest difference, as a share of the spread of the true values."""
    got = numbers(found, shape=np.shape(true), what=what)
    return float(np.abs(got - true).max() / np.std(true))


def follows(found: Any, true: np.ndarray, *, at_least: float = 0.5, what: str = "logits", cause: str = "") -> None:
    """Raise `ExamError` unless the values are those of this network, if not to the last digit."""
    got = numbers(found, shape=np.shape(true), what=what)
    r = float(np.corrcoef(got, true)[0, 1]) if np.std(got) > 0 else 0.0
    expect(
        r >= at_least,
        got=f"{what} that follow those of the network with a correlation of {r:.2f}",
        expected=f"at least {at_least}",
        cause=cause or "the weights are not carried across, or land in the wrong place",
    )


def within(found: Any, true: np.ndarray, *, most: float, what: str = "logits", cause: str = "") -> None:
    """Raise `ExamError` unless the largest difference is at most this share of the spread of the true values."""
    off = error(found, true, what)
    expect(
        off <= most,
        got=f"{what} that differ by up to {off:.2g} of their spread from the network's",
        expected=f"at most {most:g}",
        cause=cause,
    )


def calls(n: int, *, seed: int, warm_up: int) -> np.ndarray:
    """Durations (n,) ms of calls, the first ``warm_up`` of them slow; a few later ones are slow as well, as in life."""
    rng = np.random.default_rng((seed, 0x7E5))
    ms = rng.gamma(20, 0.1, n) + rng.uniform(1, 3)
    ms[rng.random(n) < 0.03] *= rng.uniform(3, 5)
    ms[:warm_up] *= rng.uniform(20, 60, warm_up)
    return ms


def flat_and_sound(n: int, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows (n, 1, 300) of which a fifth is flat, labels (n,) of which a quarter is 1, and training positions."""
    rng = np.random.default_rng((seed, 0xCA7))
    x = rng.standard_normal((n, 1, 300)).astype(np.float32)
    x[rng.random(n) < 0.2] = 0
    labels = (rng.random(n) < 0.25).astype(int)
    return x, labels, np.sort(rng.permutation(n)[: round(0.6 * n)])
