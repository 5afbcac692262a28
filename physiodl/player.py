"""A player for a stream: EEG, pupil, what the model says and the true level, as they come, in a notebook.

A recording is sent in packets, as devices would (`physiodl.streaming_source`), through the buffer, the filters and the
model (`physiodl.streaming`); the figure shows at any moment only what has come by then. In real time or faster, with
controls where somebody sits at the notebook, and as a still picture of the end elsewhere, as `physiodl.panel` does.
"""

from __future__ import annotations

import asyncio
import html
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np

from physiodl.online import Decision
from physiodl.panel import Panel, control
from physiodl.player_board import Board, Session
from physiodl.streaming import Signal, Window

SPEEDS = (1, 2, 5, 10, 20, 50)
MOST_HOPS = 40  # computed between two pictures: beyond that the buttons would not answer any more


class Player(Panel):
    """The figure with its buttons. Show it by naming it in the last line of a cell; see `live`."""

    def __init__(self, session: Session, board: Board) -> None:
        self.session, self.playing, self.speed, self._task = session, False, 1, None
        self.hops = session.hops
        time_of = control("time", range(self.hops + 1), 0, lambda hop: f"{hop * session.hop_s:.2f} s")
        super().__init__(board.figure, board.moving, {"hop": time_of}, board.update, [{"hop": self.hops}])

    def still(self) -> bytes:
        """The picture of the end; what has been played so far is forgotten, so that playing starts live."""
        picture = super().still()
        self.session.restart()
        self.draw(hop=0)
        return picture

    async def run(
        self,
        show: Callable[[], None] = lambda: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Go on at ``speed`` times real time, to the end or until ``playing`` becomes False.

        Pictures that come too late are left out, computations never. Where the machine is too slow for the speed, time
        goes as fast as it can. ``show`` is called after every picture; ``clock`` and ``sleep`` are there for tests.
        """
        self.playing = True
        at = start = began = speed = None
        while self.playing and self.values["hop"] < self.hops:
            if (at, speed) != (self.values["hop"], self.speed):  # begun, moved by hand, or told another speed
                at = start = self.values["hop"]
                began, speed = clock(), self.speed
            pace = self.session.hop_s / speed
            due = start + math.floor((clock() - began) / pace + 1e-9)
            if due > at:
                at = min(due, at + MOST_HOPS, self.hops)
                self.draw(hop=at)
                show()
                if due > at:  # behind: count from here
                    start, began = at, clock()
            # in small steps: buttons are heard meanwhile
            await sleep(min(max(0.01, began + (at + 1 - start) * pace - clock()), 0.05))
        self.playing = False

    def widget(self) -> Any:
        """The player as one ipywidgets box: play, back to the start, speed, time, picture and sentence."""
        import ipywidgets

        button = ipywidgets.ToggleButton(description="play", icon="play", layout={"width": "8em"})
        back = ipywidgets.Button(description="from the start", icon="fast-backward", layout={"width": "10em"})
        speed = ipywidgets.Dropdown(options=[(f"{x} x real time", x) for x in SPEEDS], layout={"width": "11em"})
        slider = ipywidgets.IntSlider(max=self.hops, readout=False, continuous_update=False, layout={"width": "30em"})
        picture = ipywidgets.Image(value=self.png(), format="png", layout={"max_width": "100%"})
        sentence = ipywidgets.HTML(self.says)
        slider.value = self.values["hop"]

        def show() -> None:
            picture.value, sentence.value = self.png(), self.says
            slider.value = self.values["hop"]

        def sought(change: Any) -> None:
            if change["new"] != self.values["hop"]:  # by hand
                self.draw(hop=change["new"])
                show()

        def from_start(_: Any = None) -> None:
            self.session.restart()
            self.draw(hop=0)
            show()

        def ended(task: asyncio.Task) -> None:
            button.value = False
            if not task.cancelled() and task.exception() is not None:
                sentence.value = f"The stream stopped: {html.escape(repr(task.exception()))}"

        def pressed(change: Any) -> None:
            self.playing = change["new"]
            button.icon, button.description = ("pause", "pause") if self.playing else ("play", "play")
            if self.playing and (self._task is None or self._task.done()):
                if self.values["hop"] >= self.hops:
                    from_start()
                self._task = asyncio.get_running_loop().create_task(self.run(show))
                self._task.add_done_callback(ended)

        button.observe(pressed, names="value")
        back.on_click(from_start)
        speed.observe(lambda change: setattr(self, "speed", change["new"]), names="value")
        slider.observe(sought, names="value")
        return ipywidgets.VBox([ipywidgets.HBox([button, back, speed, slider]), picture, sentence])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        text = f"A stream of {self.session.seconds:g} s, played; without a kernel, the picture of its end"
        return {**super()._repr_mimebundle_(include, exclude), "text/plain": text}


def live(
    eeg: np.ndarray,
    pupil: np.ndarray,
    model: Callable[[Window], np.ndarray],
    *,
    truth: tuple[Sequence[float], Sequence[int]],
    eeg_fs: float = 125.0,
    pupil_fs: float = 60.0,
    pupil_start_s: float = 0.0,
    eeg_steps: Callable[[np.ndarray], np.ndarray] | None = None,
    pupil_steps: Callable[[np.ndarray], np.ndarray] | None = None,
    window_s: float = 4.0,
    hop_s: float = 0.25,
    late_s: float = 1.0,
    decision: Decision | None = None,
    source: dict[str, Any] | None = None,
    levels: Sequence[str] = ("low", "medium", "high"),
    channels: Sequence[str] = (),
    show: Sequence[int] | None = None,
    label: str = "",
) -> Player:
    """A player for EEG and pupil.

    Args:
        eeg: (channels, samples) in uV. pupil: (samples,) diameter in mm, NaN where nothing was seen.
        model: `Window` with ``"eeg"`` and ``"pupil"`` to (levels,) probabilities, such as `physiodl.workload.as_model`.
        truth: (k,) seconds at which a level begins and (k,) levels, in order.
        eeg_fs, pupil_fs: rates in Hz. pupil_start_s: time of the pupil's first sample on the clock of the EEG.
        eeg_steps, pupil_steps: causal filters, the same as in training; None: none.
        window_s, hop_s, late_s: see `physiodl.streaming.Streams`.
        decision: smoothing and hysteresis; None: ``Decision(hop_s=hop_s)``.
        source: what happens on the way, see `physiodl.streaming_source.packets`; None: nothing.
        levels: names, from low to high. channels: names of the EEG channels. show: which of them to draw, up to 6.
        label: where the recording is from, for the title.

    Returns:
        A `Player`. ``draw(hop=n)`` goes to n hops after the beginning, ``widget()`` gives the buttons.
    """
    eeg, pupil = np.atleast_2d(np.asarray(eeg, dtype=float)), np.asarray(pupil, dtype=float)
    starts, true = np.asarray(truth[0], dtype=float), np.asarray(truth[1], dtype=int)
    if pupil.ndim != 1:
        raise ValueError(f"got pupil of shape {pupil.shape}, expected (samples,): one eye, or the mean of both")
    known = set(true) <= set(range(len(levels)))
    if starts.shape != true.shape or not len(true) or (np.diff(starts) <= 0).any() or not known:
        raise ValueError(f"got truth={truth}, expected rising seconds and as many levels from 0 to {len(levels) - 1}")
    signals = [
        Signal("eeg", eeg_fs, len(eeg), steps=eeg_steps),
        Signal("pupil", pupil_fs, start_s=pupil_start_s, steps=pupil_steps),
    ]
    session = Session(
        signals, {"eeg": eeg, "pupil": pupil}, model, decision or Decision(hop_s=hop_s),
        window_s=window_s, hop_s=hop_s, late_s=late_s, source=source or {},
    )  # fmt: skip
    show = list(range(0, len(eeg), math.ceil(len(eeg) / 6))) if show is None else list(show)[:6]
    names = [channels[i] if len(channels) > i else f"channel {i + 1}" for i in show]
    board = Board(session, show, names, levels, starts, true, label)
    return Player(session, board)
