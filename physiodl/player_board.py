"""What the player plays and what it looks like: a recording on its way through a stream, and the figure of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from physiodl.online import Decision, Estimate, Online, latency
from physiodl.panel import DPI
from physiodl.plots import BLUE, ORANGE
from physiodl.streaming import Signal, Streams, Window
from physiodl.streaming_source import packets

GREY, GREEN, DARK = "#9a9a9a", "#4a8f4a", "#333333"
COLOURS = (BLUE, GREEN, ORANGE, "#8a5aa8")  # of the levels, from low to high
EEG_S, PUPIL_S = 6.0, 12.0  # how much of each is seen: a pupil answers over seconds


class Session:
    """A recording on its way through a stream: `until` sends what arrives by then and collects what is made of it.

    Args:
        signals: what the model is given, with their filters. arrays: name to (channels, samples).
        model, decision: see `physiodl.online.Online`. window_s, hop_s, late_s: see `physiodl.streaming.Streams`.
        source: further arguments of `physiodl.streaming_source.packets`, such as ``lost`` or ``jitter_s``.

    Attributes:
        estimates, made: one `Estimate` for each window so far, and the hop at which it was made. hops: to the end.
        arrived: name to (channels, samples), NaN where nothing has come.
    """

    def __init__(
        self,
        signals: Sequence[Signal],
        arrays: dict[str, np.ndarray],
        model: Callable[[Window], np.ndarray],
        decision: Decision,
        *,
        window_s: float,
        hop_s: float,
        late_s: float,
        source: dict[str, Any],
    ) -> None:
        self.signals, self.window_s, self.hop_s, self._late_s = list(signals), window_s, hop_s, late_s
        self.arrays = {name: np.atleast_2d(np.asarray(x, dtype=float)) for name, x in arrays.items()}
        self._model, self._decision = model, decision
        starts = {each.name: each.start_s for each in signals}
        sent = {each.name: (self.arrays[each.name], each.fs) for each in signals}
        self._packets = packets(sent, start_s=starts, **{"seed": 0, **source})
        self.seconds = max(each.start_s + self.arrays[each.name].shape[1] / each.fs for each in signals)
        self.hops = math.floor(self.seconds / hop_s + 1e-9)
        self.restart()

    def restart(self) -> None:
        """Forget all that has come."""
        self._decision.reset()
        self.streams = Streams(self.signals, window_s=self.window_s, hop_s=self.hop_s, late_s=self._late_s)
        self._online = Online(self.streams, self._model, self._decision)
        self.arrived = {name: np.full_like(x, np.nan) for name, x in self.arrays.items()}
        self.estimates: list[Estimate] = []
        self.made: list[int] = []  # the hop at which each of them was made
        self.hop, self._next = 0, 0

    def until(self, hop: int, *, progress: bool = False) -> None:
        """Go on to ``hop`` hops of time since the beginning; nothing happens if it has been there already."""
        ahead = tqdm(range(self.hop, hop), desc="stream", disable=None if progress else True, delay=2, leave=False)
        for _ in ahead:
            self.hop += 1
            now = self.hop * self.hop_s
            while self._next < len(self._packets) and self._packets[self._next].arrival_s <= now:
                packet = self._packets[self._next]
                self._next += 1
                piece = slice(packet.first, packet.first + packet.samples.shape[1])
                self.arrived[packet.name][:, piece] = packet.samples
                self.estimates += self._online.push(packet.name, packet.samples, first=packet.first)
            self.estimates += self._online.step()
            self.made += [self.hop] * (len(self.estimates) - len(self.made))


class Board:
    """The figure: EEG and pupil up to now, probabilities and levels over the whole session.

    ``update`` moves the artists in ``moving`` to a time and gives the sentence below.
    """

    def __init__(
        self,
        session: Session,
        show: Sequence[int],
        names: Sequence[str],
        levels: Sequence[str],
        starts: np.ndarray,
        true: np.ndarray,
        label: str,
    ) -> None:
        self.session, self.show, self.levels, self.starts, self.true = session, list(show), list(levels), starts, true
        self.clock = {each.name: (each.fs, each.start_s) for each in session.signals}
        eeg, pupil = session.arrays["eeg"][self.show], session.arrays["pupil"]
        centred = eeg - np.nanmedian(eeg, axis=1, keepdims=True)
        self.step_uv = max(4 * float(np.nanmedian(np.abs(centred))), 1e-3)  # from one trace to the next
        self.figure = Figure(figsize=(9.6, 6.2), dpi=DPI, layout="constrained")
        grid = self.figure.add_gridspec(3, 2, height_ratios=[2.2, 1.6, 0.9], width_ratios=[1.5, 1])
        traces, eye = self.figure.add_subplot(grid[0, 0]), self.figure.add_subplot(grid[0, 1])
        said = self.figure.add_subplot(grid[1, :])
        chosen = self.figure.add_subplot(grid[2, :], sharex=said)
        rows = len(self.show)
        traces.set(xlim=(-EEG_S, 0), ylim=(-rows, 0.9), xlabel="time before now (s); bar: last window read")
        traces.set_title(f"EEG ({label})" if label else "EEG")
        traces.set_yticks(-np.arange(rows), names)
        traces.set_ylabel(f"traces {self.step_uv:.0f} uV apart")
        low, high = np.nanpercentile(pupil, (0.5, 99.5)) if np.isfinite(pupil).any() else (2.0, 8.0)
        room = 0.15 * max(high - low, 0.2)
        eye.set(xlim=(-PUPIL_S, 0), ylim=(low - room, high + room), xlabel="time before now (s)")
        eye.set(ylabel="diameter (mm)", title="pupil")
        said.set(xlim=(0, session.seconds), ylim=(-0.03, 1.03), ylabel="probability")
        said.tick_params(labelbottom=False)
        chosen.set(ylim=(-0.5, len(levels) - 0.5), xlabel="time (s)", ylabel="level")
        chosen.set_yticks(range(len(levels)), levels)
        self.moving: dict[str, Any] = {f"eeg {i}": traces.plot([], [], color=DARK, lw=0.6)[0] for i in range(rows)}
        self.moving["window"] = traces.plot([], [], color=ORANGE, lw=4, solid_capstyle="butt")[0]
        self.moving["pupil"] = eye.plot([], [], color=DARK, lw=1.2)[0]
        for i, name in enumerate(levels):
            colour = COLOURS[i % len(COLOURS)]
            self.moving[f"raw {i}"] = said.plot([], [], color=colour, lw=0.7, alpha=0.45)[0]
            self.moving[f"smooth {i}"] = said.plot([], [], color=colour, lw=1.8, label=name)[0]
        self.moving["true"] = chosen.plot([], [], color=GREY, lw=5, alpha=0.7, label="true")[0]
        self.moving["decided"] = chosen.plot([], [], color=ORANGE, lw=1.6, label="decided")[0]
        for name, ax in (("now", said), ("now, below", chosen)):
            self.moving[name] = ax.plot([], [], color=GREY, lw=0.8, ls=":")[0]
            ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)

    def update(self, hop: int) -> str:
        session = self.session
        session.until(hop, progress=True)
        now = hop * session.hop_s
        known = session.estimates[: int(np.searchsorted(session.made, hop, side="right"))]
        for i, row in enumerate(self.show):
            t, x = self._arrived("eeg", now, EEG_S, row)
            middle = np.nanmedian(x) if np.isfinite(x).any() else 0.0
            self.moving[f"eeg {i}"].set_data(t, np.clip((x - middle) / self.step_uv, -0.9, 0.9) - i)
        self.moving["pupil"].set_data(*self._arrived("pupil", now, PUPIL_S, 0))
        end = known[-1].time_s - now if known else -EEG_S
        self.moving["window"].set_data([max(end - session.window_s, -EEG_S), end], [0.8, 0.8])
        at = np.array([each.time_s for each in known])
        for i in range(len(self.levels)):
            self.moving[f"raw {i}"].set_data(at, [each.probabilities[i] for each in known])
            self.moving[f"smooth {i}"].set_data(at, [each.smoothed[i] for each in known])
        edges = np.append(self.starts[self.starts < now], now)
        true = self.true[: len(edges) - 1]
        self.moving["true"].set_data(np.repeat(edges, 2)[1:-1], np.repeat(true, 2))
        level = np.array([each.level if each.level >= 0 else np.nan for each in known])
        self.moving["decided"].set_data(at, level)
        self.moving["now"].set_data([now, now], [0, 1])
        self.moving["now, below"].set_data([now, now], [-0.5, len(self.levels) - 0.5])
        return self._sentence(now, known)

    def _arrived(self, name: str, now: float, seconds: float, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Times before now and values of what has come of the last seconds, NaN where it has not."""
        (fs, start), x = self.clock[name], self.session.arrived[name][row]
        first, end = (math.ceil((each - start) * fs) for each in (now - seconds, now))
        number = np.arange(max(0, first), min(len(x), end))
        return start + number / fs - now, x[number]

    def true_at(self, time_s: np.ndarray) -> np.ndarray:
        """The true level at some times, -1 before the first begins."""
        place = np.searchsorted(self.starts, time_s, side="right") - 1
        return np.where(place >= 0, self.true[np.maximum(place, 0)], -1)

    def _sentence(self, now: float, known: list[Estimate]) -> str:
        if not known:
            return f"{now:.2f} s: no whole window of {self.session.window_s:g} s yet."
        last = known[-1]
        ends = np.array([each.time_s for each in known])
        right = np.mean(self.true_at(ends) == [each.level for each in known])
        speed = latency([each.ms for each in known], hop_s=self.session.hop_s)
        decided = self.levels[last.level] if last.level >= 0 else "nothing"
        true = int(self.true_at(np.array([last.time_s]))[0])
        lacking = ", ".join(f"{name} {100 * (1 - share):.0f} %" for name, share in last.valid.items() if share < 0.995)
        lacking = f"Lacking now: {lacking}. " if lacking else ""
        return (
            f"{now:.2f} s: true <b>{self.levels[true] if true >= 0 else 'unknown'}</b>, decided <b>{decided}</b>, "
            f"right {100 * right:.0f} % of the time. {lacking}"
            f"A hop took {speed['median']:.1f} ms (p99 {speed['p99']:.1f})."
        )
