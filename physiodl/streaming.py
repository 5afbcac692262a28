"""Several signals with different sampling rates as a stream: a ring buffer that gives overlapping windows, on time.

Devices send packets, each at its own rate; packets come late, twice or not at all. `Streams` puts the samples in
order, gives up those that do not come in time, runs causal filters (`physiodl.streaming_filters`) once over every
sample and hands out windows in which all signals cover the same time. The windows are those that `windows` cuts from
the finished recording, however the samples were cut into packets. What is done with them is in `physiodl.online`:
`Online` runs a model, `Decision` smooths what it says and makes up its mind, `latency` sums up how long that took.

Sample k of a signal lies at ``start_s + k / fs`` on the common clock. Window k begins ``k * hop_s`` after the latest
start of the signals; its first sample of each signal is the first at or after that time, so that rates need not fit
the hop (at 125 Hz a hop of 0.25 s is 31 samples, and every fourth time 32).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from physiodl.online import Decision as Decision  # also found here
from physiodl.online import Estimate as Estimate
from physiodl.online import Online as Online
from physiodl.online import latency as latency
from physiodl.signal_checks import checked, whole_samples


@dataclass(frozen=True)
class Signal:
    """One signal of a stream.

    Attributes:
        name: how packets and windows call it. fs: sampling rate in Hz. channels: number of them.
        start_s: time of its sample 0 on the common clock; a device whose clock is 0.4 s ahead has 0.4 less here.
        steps: causal filter over (channels, n), see `physiodl.streaming_filters`; None leaves the samples as they are.
            A new stream resets it.
    """

    name: str
    fs: float
    channels: int = 1
    start_s: float = 0.0
    steps: Callable[[np.ndarray], np.ndarray] | None = None


class Window(NamedTuple):
    """A piece of every signal: ``values`` (channels, samples) float64 by name, NaN where nothing is known.

    ``valid`` is the share of the samples that came and were numbers, by name; ``start_s`` and ``end_s`` are its ends on
    the common clock.
    """

    number: int
    start_s: float
    end_s: float
    values: dict[str, np.ndarray]
    valid: dict[str, float]


def windows(
    x: np.ndarray, fs: float, *, window_s: float, hop_s: float, start_s: float = 0.0, origin_s: float = 0.0
) -> np.ndarray:
    """The windows of a finished recording: what `Streams` gives, for training and to compare with.

    Args:
        x: (channels, samples) or (samples,) for one channel. NaN is passed on.
        fs: sampling rate in Hz. window_s: length, a whole number of samples. hop_s: from one window to the next.
        start_s: time of sample 0. origin_s: where window 0 begins, not before ``start_s``.

    Returns:
        (n, channels, samples of a window), a copy; n = 0 where not one fits.
    """
    x = np.atleast_2d(checked(x, fs, finite=False))
    length = whole_samples(window_s, fs, "window_s")
    starts, number = [], 0
    while (first := _first(number, fs, hop_s, start_s, origin_s)) + length <= x.shape[1]:
        starts.append(first)
        number += 1
    at = np.array(starts, dtype=int)[:, None] + np.arange(length)
    return np.moveaxis(x[:, at], 1, 0).copy()


class Streams:
    """A ring buffer for several synchronised signals. Push all that has come, then take the windows that are ready.

    Time is what the packets say it is: the latest time of any sample pushed so far. Where samples lack, a window waits
    for them until the time is ``late_s`` past them; then they are given up, for good, since the filters have gone on.
    Every packet counts from its ``first`` sample, so duplicates are known as such and the first copy stays.

    Args:
        signals: what comes. window_s, hop_s: see `windows`.
        late_s: how long to wait for what has not come. It has to cover the longest packet and how far one signal's
            packets may come behind another's; a window is later by that much only if something lacks. None waits for
            ever.
        keep_s: how much the buffer holds; by default a window, ``late_s`` and ten hops.
        full: what to do when nobody takes windows and the buffer is full. ``"wait"``: `push` takes less than it was
            given, and the rest has to be pushed again later. ``"drop"``: the oldest windows are lost, and counted.

    Attributes:
        given, lost: how many windows were handed out, and how many dropped.
    """

    def __init__(
        self,
        signals: Sequence[Signal],
        *,
        window_s: float,
        hop_s: float,
        late_s: float | None = 1.0,
        keep_s: float | None = None,
        full: str = "wait",
    ) -> None:
        wait = 1.0 if late_s is None else late_s
        least = window_s + hop_s + wait
        keep_s = window_s + wait + 10 * hop_s if keep_s is None else keep_s
        if not signals or len({each.name for each in signals}) < len(signals):
            raise ValueError(f"got signals {[each.name for each in signals]}, expected one or more, each name once")
        if not (hop_s > 0 and wait >= 0 and keep_s >= least - 1e-9):
            raise ValueError(
                f"got hop_s={hop_s}, late_s={late_s}, keep_s={keep_s}: expected a positive hop, no negative wait, and "
                f"room for a window, a hop and the wait ({least:g} s)"
            )
        steps = [each.steps for each in signals if hasattr(each.steps, "reset")]
        if len({id(each) for each in steps}) < len(steps):
            raise ValueError("two signals share a filter, expected one for each: it remembers what it has seen")
        for each in steps:
            each.reset()
        if full not in ("wait", "drop"):
            raise ValueError(f"got full={full!r}, expected 'wait' or 'drop'")
        self.window_s, self.hop_s, self.late_s, self.full = float(window_s), float(hop_s), late_s, full
        self.origin_s = max(each.start_s for each in signals)
        self._tracks = {each.name: _Track(each, window_s, keep_s) for each in signals}
        self._now = min(_exact(each.start_s) for each in signals)
        self._over = False
        self.given = self.lost = 0
        self._aim()

    @property
    def now_s(self) -> float:
        """The time up to which the furthest signal has come."""
        return float(self._now)

    def push(self, name: str, samples: np.ndarray, *, first: int | None = None) -> int:
        """Hand over a packet.

        Args:
            name: of the signal. samples: (channels, n), or (n,) for one channel. NaN: the device saw nothing.
            first: number of its first sample, counted by the device from 0; None: it follows the furthest so far.

        Returns:
            How many samples were taken (also those that were known already, or too late). Fewer than n: the buffer is
            full; take windows, then push the rest.
        """
        if name not in self._tracks:
            raise ValueError(f"got a packet of {name!r}, expected one of {', '.join(self._tracks)}")
        track = self._tracks[name]
        x = np.asarray(samples, dtype=float)
        x = x[None] if x.ndim == 1 else x
        if x.ndim != 2 or len(x) != track.signal.channels:
            raise ValueError(
                f"got a packet of {name!r} of shape {np.shape(samples)}, expected ({track.signal.channels}, n): "
                "channels first, samples last"
            )
        first = track.furthest if first is None else int(first)
        if first < 0:
            raise ValueError(f"got first={first}, expected 0 or more: samples are counted from 0")
        done = 0
        while done < x.shape[1]:
            room = track.base + track.capacity - (first + done)
            if room <= 0 and self.full == "wait":
                break
            if room <= 0:
                self._skip()
                continue
            track.store(first + done, x[:, done : done + room])
            done = min(done + room, x.shape[1])
        track.refused += x.shape[1] - done
        # a refused packet tells the time all the same: without that, a hole longer than the buffer would never end
        self._now = max(self._now, track.time(first + done))
        return done

    def ready(self) -> int:
        """How many windows can be taken now."""
        self._settle()
        first = number = self.given + self.lost
        while all(track.settled >= self._start(track, number) + track.length for track in self._tracks.values()):
            number += 1
        return number - first

    def take(self) -> Window | None:
        """The oldest window that is ready, or None."""
        self._settle()
        tracks = self._tracks
        if any(track.settled < track.oldest + track.length for track in tracks.values()):
            return None
        number = self.given + self.lost
        cut = {name: track.cut() for name, track in tracks.items()}
        start = self.origin_s + number * self.hop_s
        self.given += 1
        self._aim()
        values, valid = ({name: pair[i] for name, pair in cut.items()} for i in (0, 1))
        return Window(number, start, start + self.window_s, values, valid)

    def finish(self) -> None:
        """Nothing more will come: holes are given up at once. What was never sent at the end makes no window."""
        self._over = True

    def counts(self) -> dict[str, dict[str, int]]:
        """By signal, samples that did not come in time (``missing``), came after that (``late``; also copies so old
        that the buffer has forgotten the first), came again (``duplicate``), and found the buffer full (``refused``,
        each time they were pushed).
        """
        names = ("missing", "late", "duplicate", "refused")
        return {name: {each: getattr(track, each) for each in names} for name, track in self._tracks.items()}

    def _start(self, track: _Track, number: int) -> int:
        return _first(number, track.signal.fs, self.hop_s, track.signal.start_s, self.origin_s)

    def _aim(self) -> None:
        """Turn to the next window and free what it does not need."""
        for track in self._tracks.values():
            track.oldest = self._start(track, self.given + self.lost)
            track.forget()

    def _settle(self) -> None:
        for track in self._tracks.values():
            limit = track.furthest if self._over else 0
            if self.late_s is not None:
                past = self._now - _exact(self.late_s) - _exact(track.signal.start_s)
                limit = max(limit, math.ceil(past * _exact(track.signal.fs)))
            track.settle(limit)

    def _skip(self) -> None:
        """Lose the oldest window; what only it needed goes through the filters first, so that they miss nothing."""
        for track in self._tracks.values():
            track.settle(self._start(track, self.given + self.lost + 1))
        self.lost += 1
        self._aim()


class _Track:
    """The ring of one signal. Samples keep their numbers; the ring holds those from ``base`` to base + capacity.

    Below ``settled`` they are filtered and will not change, above it raw, with holes. ``oldest`` is where the next
    window begins.
    """

    def __init__(self, signal: Signal, window_s: float, keep_s: float) -> None:
        self.signal = signal
        self.length = whole_samples(window_s, signal.fs, f"window_s ({signal.name})")
        self.capacity = math.ceil(keep_s * signal.fs) + 1
        self.values = np.full((signal.channels, self.capacity), np.nan)
        self.came = np.zeros(self.capacity, dtype=bool)
        self.share = np.zeros(self.capacity)  # of the channels with a number
        self.base = self.oldest = self.settled = self.furthest = 0
        self.missing = self.late = self.duplicate = self.refused = 0

    def time(self, number: int) -> Fraction:
        return _exact(self.signal.start_s) + number / _exact(self.signal.fs)

    def store(self, first: int, x: np.ndarray) -> None:
        number = first + np.arange(x.shape[1])
        slot = number % self.capacity
        again = (number >= self.base) & self.came[slot]
        late = ~again & (number < self.settled)
        new = ~again & ~late
        self.duplicate += int(again.sum())
        self.late += int(late.sum())
        self.values[:, slot[new]] = x[:, new]
        self.came[slot[new]] = True
        self.furthest = max(self.furthest, first + x.shape[1])

    def settle(self, limit: int) -> None:
        """Filter what is complete, and everything below ``limit``, whether it came or not."""
        end = min(max(limit, self.settled), self.base + self.capacity)
        there = self.came[np.arange(end, max(end, self.furthest)) % self.capacity]
        end += len(there) if there.all() else int(np.argmin(there))
        if end == self.settled:
            return
        slot = np.arange(self.settled, end) % self.capacity
        x = np.where(self.came[slot], self.values[:, slot], np.nan)
        self.missing += int((~self.came[slot]).sum())
        self.share[slot] = np.isfinite(x).mean(axis=0)
        if self.signal.steps is not None:
            shape = x.shape
            x = np.asarray(self.signal.steps(x))
            if x.shape != shape:
                raise ValueError(f"steps of {self.signal.name!r} made {x.shape} of {shape}, expected the same shape")
        self.values[:, slot] = x
        self.settled = end
        self.forget()

    def forget(self) -> None:
        """Free what neither the filters nor a window will ask for again."""
        base = min(self.oldest, self.settled)
        self.came[np.arange(self.base, base) % self.capacity] = False
        self.base = base

    def cut(self) -> tuple[np.ndarray, float]:
        slot = np.arange(self.oldest, self.oldest + self.length) % self.capacity
        return self.values[:, slot], float(self.share[slot].mean())


def _exact(number: float) -> Fraction:
    """The fraction that is meant: 0.1 as 1/10, which no float is. Multiples of it do not drift."""
    return number if isinstance(number, Fraction) else Fraction(number).limit_denominator(1_000_000)


def _first(number: int, fs: float, hop_s: float, start_s: float, origin_s: float) -> int:
    """Number of the first sample at or after the beginning of window ``number``."""
    return math.ceil((_exact(origin_s) + number * _exact(hop_s) - _exact(start_s)) * _exact(fs))
