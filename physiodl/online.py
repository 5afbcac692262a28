"""What is done with the windows of a stream: a model says what it makes of each, and out of that comes a decision."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from physiodl.streaming import Streams, Window


class Estimate(NamedTuple):
    """What is known at the end of a window: probabilities as the model gave them, smoothed, and the level decided.

    ``ms`` is what filters, model and decision took; ``valid`` as in `Window`.
    """

    time_s: float
    probabilities: np.ndarray
    smoothed: np.ndarray
    level: int
    ms: float
    valid: dict[str, float]


class Decision:
    """Smoothing, then hysteresis: from probabilities that flicker to a level that stays until there is reason to go.

    Smoothing is exponential: after a step it has gone 63 % of the way in ``tau_s`` (0: none). Hysteresis: the level
    changes when the same other level has been ahead of it by ``margin`` or more for ``hops`` hops in succession. With
    two levels that is a threshold of 0.5 + margin / 2 on the way up and 0.5 - margin / 2 on the way down.
    """

    def __init__(self, *, hop_s: float, tau_s: float = 1.0, margin: float = 0.1, hops: int = 1) -> None:
        if not (hop_s > 0 and tau_s >= 0 and 0 <= margin < 1 and hops >= 1):
            raise ValueError(
                f"got hop_s={hop_s}, tau_s={tau_s}, margin={margin}, hops={hops}: expected a positive hop, no negative "
                "tau_s, a margin from 0 to below 1 and at least 1 hop"
            )
        self.pace = 1.0 if tau_s == 0 else 1.0 - math.exp(-hop_s / tau_s)
        self.margin, self.hops = margin, int(hops)
        self.reset()

    def reset(self) -> None:
        self._smooth, self._level, self._rival, self._since = None, -1, -1, 0

    def __call__(self, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, levels) of the next n hops to them smoothed, (n, levels), and to levels decided, (n,) int.

        Where a row holds NaN, nothing new is known: what was before stays. Before anything is known, the level is -1.
        """
        p = np.asarray(probabilities, dtype=float)
        if p.ndim != 2:
            raise ValueError(f"got probabilities of shape {p.shape}, expected (hops, levels)")
        smooth, level = np.full(p.shape, np.nan), np.full(len(p), -1)
        for i, row in enumerate(p):
            if np.isfinite(row).all():
                self._smooth = row if self._smooth is None else self._smooth + self.pace * (row - self._smooth)
                self._weigh()
            if self._smooth is not None:
                smooth[i], level[i] = self._smooth, self._level
        return smooth, level

    def _weigh(self) -> None:
        best = int(np.argmax(self._smooth))
        if self._level < 0:
            self._level = best
        ahead = best != self._level and self._smooth[best] - self._smooth[self._level] >= self.margin - 1e-12
        self._since = (self._since + 1 if best == self._rival else 1) if ahead else 0
        self._rival = best if ahead else -1
        if self._since >= self.hops:
            self._level, self._rival, self._since = best, -1, 0


class Online:
    """A model at the end of a stream: `step` takes every window that is ready and says what it makes of it.

    Args:
        streams: where windows come from. decision: what smooths and decides.
        model: `Window` to (levels,) probabilities; NaN where it cannot say.
        clock: seconds, for the measurement.
    """

    def __init__(
        self,
        streams: Streams,
        model: Callable[[Window], np.ndarray],
        decision: Decision,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.streams, self.model, self.decision, self.clock = streams, model, decision, clock

    def push(self, name: str, samples: np.ndarray, *, first: int | None = None) -> list[Estimate]:
        """Hand over a packet, see `Streams.push`; where the buffer is full, windows are worked off until it fits.

        Returns:
            What was made of those windows: nothing, most of the time.

        Raises:
            ValueError: the buffer is full and no window is ready: it waits for ever for a signal that has stopped.
        """
        x, made, done = np.atleast_2d(np.asarray(samples)), [], 0
        while True:
            done += self.streams.push(name, x[:, done:], first=None if first is None else first + done)
            if done >= x.shape[1]:
                return made
            more = self.step()
            made += more
            if not more:
                raise ValueError(
                    "the buffer is full and no window is ready: a signal has stopped and late_s=None waits for it for "
                    "ever. Give late_s, in seconds"
                )

    def step(self) -> list[Estimate]:
        """One `Estimate` for each window that is ready, in order."""
        made = []
        began = self.clock()
        while (window := self.streams.take()) is not None:
            p = np.asarray(self.model(window), dtype=float)
            smooth, level = self.decision(p[None])
            now = self.clock()
            made.append(Estimate(window.end_s, p, smooth[0], int(level[0]), 1000 * (now - began), window.valid))
            began = now
        return made


def latency(ms: Sequence[float], *, hop_s: float) -> dict[str, float]:
    """How long hops took, in ms: ``median``, ``p95``, ``p99``, ``longest``; ``jitter``, the mean change from one hop to
    the next; ``overrun``, the share of hops that took longer than a hop lasts; ``hops``, how many there were.
    """
    ms = np.asarray(ms, dtype=float)
    if not len(ms):
        raise ValueError("got no hops, expected at least one")
    median, p95, p99 = np.percentile(ms, (50, 95, 99))
    jitter = np.abs(np.diff(ms)).mean() if len(ms) > 1 else 0.0
    found = {"median": median, "p95": p95, "p99": p99, "longest": ms.max(), "jitter": jitter}
    return {**{k: float(v) for k, v in found.items()}, "overrun": float((ms > 1000 * hop_s).mean()), "hops": len(ms)}
