"""Filters for a stream: what they give does not depend on how the samples were cut into chunks, nor on what follows.

Each is an object that is called with the next samples, (channels, n) or (n,) for one channel, and gives as many. It
keeps what it needs of the past; ``reset()`` forgets it. A value that is not finite is a missing sample. Called once
with a whole recording, each is its own offline version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import signal as sps

from physiodl.signal_checks import check_frequency

Step = Callable[[np.ndarray], np.ndarray]


class Chain:
    """Several steps, one after the other. A step is any function of (channels, n) that gives the same shape."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x, shape = _rows(x, None)
        for step in self.steps:
            x = step(x)
        return np.reshape(x, shape)

    def reset(self) -> None:
        for step in self.steps:
            if hasattr(step, "reset"):
                step.reset()


class CausalFilter:
    """A recursive filter that remembers its state: `scipy.signal.sosfilt`, chunk by chunk.

    It starts as if the first sample had lasted for ever, so that an offset makes no transient, and gives NaN before
    that sample. A missing sample later on is taken to be the last one that came: its state would be lost to NaN.

    Args:
        sos: (sections, 6) second-order sections, see `band` and `mains`.
    """

    def __init__(self, sos: np.ndarray) -> None:
        self.sos = np.asarray(sos, dtype=float)
        self._rest = sps.sosfilt_zi(self.sos)  # the state that a constant 1 leaves behind
        self.reset()

    def reset(self) -> None:
        self._last = self._state = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x, shape = _rows(x, None if self._last is None else len(self._last))
        if self._last is None:
            self._last = np.full(len(x), np.nan)
            self._state = np.zeros((len(self.sos), len(x), 2))
        if not x.size:
            return x.reshape(shape)
        going = np.isfinite(self._last)
        x = held(x, self._last)
        out = np.full(x.shape, np.nan)
        for row in np.flatnonzero(~going & np.isfinite(x[:, -1])):  # channels whose first sample is in this chunk
            first = int(np.argmax(np.isfinite(x[row])))
            start = self._rest * x[row, first]
            out[row, first:], self._state[:, row] = sps.sosfilt(self.sos, x[row, first:], zi=start)
        if going.any():
            out[going], self._state[:, going] = sps.sosfilt(self.sos, x[going], axis=-1, zi=self._state[:, going])
        self._last = x[:, -1].copy()
        return out.reshape(shape)

    def delay_s(self, hertz: Sequence[float], fs: float) -> np.ndarray:
        """Group delay in seconds at some frequencies: by how much what is there at this frequency comes later."""
        at = np.atleast_1d(np.asarray(hertz, dtype=float))
        samples = [sps.group_delay((section[:3], section[3:]), w=at, fs=fs)[1] for section in self.sos]
        return np.sum(samples, axis=0) / fs


def band(fs: float, *, low: float | None = None, high: float | None = None, order: int = 4) -> CausalFilter:
    """A Butterworth filter for a stream, the same as `physiodl.signals.filtered` with ``zero_phase=False``.

    Args:
        fs: sampling rate in Hz.
        low, high: cut-off frequencies in Hz (-3 dB); ``low`` alone is a high-pass, ``high`` alone a low-pass.
        order: of each slope.

    Raises:
        ValueError: no cut-off, one outside 0 to fs/2, or low >= high.
    """
    cuts = [cut for cut in (low, high) if cut is not None]
    if not cuts:
        raise ValueError("got neither low nor high, expected at least one cut-off in Hz: low alone makes a high-pass")
    for cut in cuts:
        check_frequency(cut, fs, "cut-off")
    if len(cuts) == 2 and low >= high:
        raise ValueError(f"got low={low:g} Hz and high={high:g} Hz, expected low < high: probably exchanged")
    kind = "bandpass" if len(cuts) == 2 else ("highpass" if high is None else "lowpass")
    return CausalFilter(sps.butter(order, cuts if len(cuts) == 2 else cuts[0], kind, fs=fs, output="sos"))


def mains(fs: float, *, freq: float = 50.0, q: float = 30.0) -> CausalFilter:
    """A notch for a stream, the same as `physiodl.signals.notch` with ``zero_phase=False``; ``freq`` in Hz."""
    check_frequency(freq, fs, "notch")
    return CausalFilter(sps.tf2sos(*sps.iirnotch(freq, q, fs=fs)))


class Fill:
    """The last good value in place of samples that are missing or cannot be believed: what a blink leaves in a pupil.

    Offline one interpolates over a blink. A stream cannot: the other end of the gap has not come yet.

    Args:
        fs: sampling rate in Hz.
        limits: lowest and highest value to believe, in the unit of the signal.
        fastest: largest change to believe, in units per second. An eyelid that closes takes the measured diameter
            along faster than any pupil moves.
        after_s: how long after something bad the samples are still not believed.
        longest_s: a gap longer than that stays NaN from there on: an old value says nothing any more.
    """

    def __init__(
        self,
        fs: float,
        *,
        limits: tuple[float, float] = (-np.inf, np.inf),
        fastest: float = np.inf,
        after_s: float = 0.0,
        longest_s: float = np.inf,
    ) -> None:
        if not limits[0] < limits[1]:
            raise ValueError(f"got limits={limits}, expected (lowest, highest)")
        if not (after_s >= 0 and longest_s >= 0):
            raise ValueError(f"got after_s={after_s}, longest_s={longest_s}: expected no negative durations")
        self.fs, self.limits, self.fastest = float(fs), limits, float(fastest)
        self._after = round(after_s * fs)
        self._longest = longest_s * fs
        self.reset()

    def reset(self) -> None:
        self._raw = self._good = self._since_bad = self._since_good = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x, shape = _rows(x, None if self._raw is None else len(self._raw))
        if self._raw is None:
            self._raw = self._good = np.full(len(x), np.nan)
            self._since_bad = self._since_good = np.full(len(x), np.inf)
        if not x.size:
            return x.reshape(shape)
        low, high = self.limits
        before = np.concatenate([self._raw[:, None], x[:, :-1]], axis=1)
        with np.errstate(invalid="ignore"):  # infinity less infinity
            fast = np.abs(x - before) * self.fs > self.fastest
            bad = ~np.isfinite(x) | (x < low) | (x > high) | fast
        since = _since(bad, self._since_bad)
        self._since_bad = since[:, -1]
        trusted = np.where(since > self._after, x, np.nan)  # at something bad itself it is 0
        age = _since(np.isfinite(trusted), self._since_good)
        self._since_good = age[:, -1]
        out = held(trusted, self._good)
        self._raw, self._good = x[:, -1].copy(), out[:, -1].copy()
        return np.where(age <= self._longest, out, np.nan).reshape(shape)


class RunningScale:
    """Less the mean and over the spread of what has come so far, the recent past counting most.

    Mean and variance are weighted by exp(-age / tau_s). The mean and spread of the whole recording would be no use to a
    stream: they know the future. Until about ``tau_s`` has passed, both are rough.

    Args:
        fs: sampling rate in Hz.
        tau_s: how far back it remembers, in seconds.
        least: smallest spread to divide by, in the unit of the signal: keeps a dead channel from being blown up.
    """

    def __init__(self, fs: float, *, tau_s: float, least: float) -> None:
        if not (tau_s * fs > 1 and least > 0):
            raise ValueError(
                f"got tau_s={tau_s} s at fs={fs:g} Hz and least={least}, expected longer than a sample and above 0"
            )
        self.least = float(least)
        self._keep = float(np.exp(-1.0 / (tau_s * fs)))
        self.reset()

    def reset(self) -> None:
        self._state = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x, shape = _rows(x, None if self._state is None else self._state.shape[1])
        known = np.isfinite(x)
        value = np.where(known, x, 0.0)
        sums = np.stack([known.astype(float), value, value**2])  # weight, first and second moment
        if self._state is None:
            self._state = np.zeros((3, len(x), 1))
        if not x.size:
            return x.reshape(shape)
        sums, self._state = sps.lfilter([1.0 - self._keep], [1.0, -self._keep], sums, axis=-1, zi=self._state)
        weight = np.where(known, sums[0], 1.0)
        mean = sums[1] / weight
        spread = np.sqrt(np.maximum(sums[2] / weight - mean**2, 0.0))
        return np.where(known, (x - mean) / np.maximum(spread, self.least), np.nan).reshape(shape)


def held(x: np.ndarray, last: np.ndarray) -> np.ndarray:
    """(channels, n) with the last finite value in place of each that is not; ``last`` (channels,) is what came before.

    NaN stays where nothing finite has come yet.
    """
    at = np.maximum.accumulate(np.where(np.isfinite(x), np.arange(x.shape[1]), -1), axis=1)
    return np.where(at >= 0, np.take_along_axis(x, np.maximum(at, 0), axis=1), last[:, None])


def _since(event: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Samples since the last event, 0 at an event; ``before`` (channels,) is what it was at the sample before."""
    count = np.arange(event.shape[1])
    at = np.maximum.accumulate(np.where(event, count, -1), axis=1)
    return np.where(at >= 0, count - at, before[:, None] + count + 1.0)


def _rows(x: np.ndarray, channels: int | None) -> tuple[np.ndarray, tuple[int, ...]]:
    """The chunk as (channels, n) float64 and the shape to give it back in."""
    x = np.asarray(x, dtype=float)
    if x.ndim not in (1, 2) or (channels is not None and len(np.atleast_2d(x)) != channels):
        expected = "(n,) or (channels, n)" if channels is None else f"{channels} channels, as in the chunks before"
        raise ValueError(f"got a chunk of shape {x.shape}, expected {expected}; reset() before another recording")
    return np.atleast_2d(x), x.shape
