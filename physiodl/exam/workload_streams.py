"""Streams for assignment 06: filters in chunks, packets out of order, decisions, and how a student's steps are driven.

A step is a plain function that takes what is new and a state, and gives an answer and the new state. The test cell
keeps the state and hands it back, so that no answer can know what has not come yet. Numbers are design values.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from physiodl.exam.checks import expect
from physiodl.exam.workload_signals import gappy, same_course

BAND_HZ = (1.0, 40.0)


def filtered(x: np.ndarray, fs: float, *, forwards: bool = True, from_zero: bool = False) -> np.ndarray:
    """The band-pass of task 7 over (channels, samples) without missing samples: forwards only, or without delay."""
    from scipy import signal

    sos = signal.butter(4, BAND_HZ, "bandpass", fs=fs, output="sos")
    if not forwards:
        return signal.sosfiltfilt(sos, x, axis=1)
    zi = signal.sosfilt_zi(sos)[:, None] * x[:, :1] * (not from_zero)
    return signal.sosfilt(sos, x, axis=1, zi=zi)[0]


def passes_band(found: np.ndarray, x: np.ndarray, fs: float) -> None:
    """Check that what came out of a filter is, after its first two seconds, roughly the band asked for, or ahead of it.

    Handed on as it is, an EEG is the same in chunks and in one piece: that tells nothing of a filter.
    """
    late = slice(round(2 * fs), None)
    forms = [filtered(x, fs, forwards=forwards)[:, late] for forwards in (True, False)]
    like = [
        np.corrcoef(found[:, late].ravel(), form.ravel())[0, 1] if np.std(found[:, late]) > 0 else 0 for form in forms
    ]
    as_it_is = np.std(found - x - (found - x).mean(axis=1, keepdims=True)) < 1e-6 * max(np.std(x), 1.0)
    expect(
        max(like) > 0.5,
        got="another band than the one asked for",
        expected="1 to 40 Hz",
        cause="the EEG is handed on as it is"
        if as_it_is
        else "other edges than 1 and 40 Hz, or another rate than `fs`",
    )


def filter_mistake(found: np.ndarray, x: np.ndarray, fs: float) -> str:
    """What the answer looks like, where it is not the filter of task 7."""
    known = {
        "it starts from zero, so that the offset of the EEG rings: begin with sosfilt_zi times the first sample": (
            filtered(x, fs, from_zero=True)
        ),
        "forwards and backwards: that filter looks ahead": filtered(x, fs, forwards=False),
    }
    known |= {f"another rate than fs is written in ({rate:g} Hz)": filtered(x, rate) for rate in (125.0, 250.0, 500.0)}
    for cause, answer in known.items():
        if found.shape == answer.shape and np.allclose(found, answer, atol=1e-3):
            return cause
    late = slice(round(2 * fs), -round(2 * fs))
    both_ways = filtered(x, fs, forwards=False)[:, late]
    if found.shape == x.shape and np.std(found[:, late] - both_ways) < 0.05 * np.std(x[:, late]):
        return "forwards and backwards: that filter looks ahead"
    return "another band, another order, another start, a filter that looks ahead (sosfiltfilt), or the wrong axis"


def cuts(n: int, *, seed: int, longest: int = 60) -> list[slice]:
    """Slices of random lengths, some of them empty or of one sample, that cover n samples."""
    rng = np.random.default_rng((seed, 0x6F6))
    sizes = rng.choice([0, 1, 2, 7, 31, longest], 4 * n)
    ends = np.minimum(np.concatenate([[0], np.cumsum(sizes)]), n)
    last = int(np.argmax(ends == n))
    return [slice(int(a), int(b)) for a, b in zip(ends[:last], ends[1 : last + 1], strict=True)]


def stepped(found: Any, what: str) -> tuple[Any, Any]:
    """What a step returned: its answer and the state, which must be something that can be written down."""
    expect(
        isinstance(found, tuple | list) and len(found) == 2,
        got=f"a {type(found).__name__}" + (f" of {len(found)} values" if isinstance(found, tuple | list) else ""),
        expected=f"two values from {what}, the answer and the new state",
        cause="return answer, state",
    )
    _plain(found[1], what)
    return found[0], copy.deepcopy(found[1])


def run_filter(
    step: Callable, x: np.ndarray, fs: float, parts: Sequence[slice], state: Any = None
) -> tuple[np.ndarray, Any]:
    """A recording (channels, samples) through ``filter_step`` in chunks: what came out, and the state after it."""
    rows = [np.zeros((len(x), 0))]
    for part in parts:
        out, state = stepped(step(x[:, part].copy(), copy.deepcopy(state), fs), "filter_step")
        rows.append(gappy(out, shape=x[:, part].shape, what=f"a filtered chunk of shape {x[:, part].shape}"))
    return np.concatenate(rows, axis=1), state


def packets(n: int, *, seed: int, late: int, swapped: float = 0.3, lost: float = 0.1) -> list[tuple[int, int]]:
    """First sample and length of packets that cover n samples, in the order of their arrival.

    Some come after the next one, some not at all, one long after it was given up, one twice. None is longer than half
    of ``late``, so that a packet which comes after the next is in time.
    """
    rng = np.random.default_rng((seed, 0x707))
    ends = np.cumsum(rng.integers(1, max(2, late // 2), 2 * n))
    ends = np.append(ends[ends < n], n)
    rows = [(int(a), int(b - a)) for a, b in zip(np.append(0, ends[:-1]), ends, strict=True)]
    gone = set(np.flatnonzero(rng.random(len(rows)) < lost).tolist()) - {0, len(rows) - 1}
    order = [k for k in range(len(rows)) if k not in gone]
    for k in range(1, len(order) - 2, 2):
        if rng.random() < swapped:
            order[k], order[k + 1] = order[k + 1], order[k]
    again = [*order[:-3], order[2], *sorted(gone)[:1], *order[-3:]]
    return [rows[k] for k in again]


def reorder(rows: Sequence[tuple[int, np.ndarray]], late: int) -> list[np.ndarray]:
    """What task 7 asks of ``order_step``: the samples that each packet makes ready."""
    start, newest, waiting, ready = 0, 0, {}, []
    for first, samples in rows:
        waiting |= {first + k: v for k, v in enumerate(samples) if first + k >= start}
        newest = max(newest, first + len(samples))
        out = []
        while start in waiting or start < newest - late:
            out.append(waiting.pop(start, np.nan))
            start += 1
        ready.append(np.array(out))
    return ready


def run_order(
    step: Callable, rows: Sequence[tuple[int, np.ndarray]], late: int, *, keep: bool = False
) -> list[np.ndarray] | tuple[list[np.ndarray], Any]:
    """Packets through ``order_step``: what each made ready, and with ``keep`` the state after the last one too."""
    state, ready = None, []
    for first, samples in rows:
        out, state = stepped(step(first, samples.copy(), copy.deepcopy(state), late), "order_step")
        ready.append(gappy(out, shape=(None,), what="the samples that are ready"))
    return (ready, state) if keep else ready


def take_turns(step: Callable, streams: Sequence[Sequence[tuple[int, np.ndarray]]], late: int) -> None:
    """Check ``order_step`` where a packet of one stream follows a packet of another, each with its own state.

    Every packet is handed over twice, with the same state: what is kept elsewhere has moved on.
    """
    cause = "something is kept outside of the state of order_step, in a global variable or an attribute"
    states, wanted = [None] * len(streams), [reorder(rows, late) for rows in streams]
    for k in range(max(map(len, streams))):
        for which, rows in enumerate(streams):
            if k < len(rows):
                first, samples = rows[k]
                for _ in range(2):
                    before = copy.deepcopy(states[which])
                    out, after = stepped(step(first, samples.copy(), before, late), "order_step")
                    expect(
                        np.size(out) == len(wanted[which][k]),
                        got=f"{np.size(out)} samples after packet {k} of one of two streams that take turns",
                        expected=str(len(wanted[which][k])),
                        cause=cause,
                    )
                    same_course(
                        out, wanted[which][k], what="what is ready of one of two streams", cause=cause, gaps=cause
                    )
                states[which] = after


def same_stream(found: Sequence[np.ndarray], true: Sequence[np.ndarray], cause: str = "") -> None:
    """Check what each packet made ready against what it should have."""
    for k, (mine, wanted) in enumerate(zip(found, true, strict=True)):
        expect(
            len(mine) == len(wanted),
            got=f"{len(mine)} samples after packet {k}",
            expected=str(len(wanted)),
            cause=cause,
        )
        same_course(mine, wanted, what=f"what packet {k} made ready", cause=cause, gaps=cause)


def undecided(hops: int, *, seed: int) -> np.ndarray:
    """Probabilities (hops, 3) that flicker around levels which change now and then."""
    rng = np.random.default_rng((seed, 0x818))
    level = np.repeat(rng.permuted(np.tile([0, 1, 2], hops // 60 + 1)), 20)[:hops]
    logits = 1.1 * np.eye(3)[level] + rng.standard_normal((hops, 3))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def decided(p: np.ndarray, pace: float, margin: float) -> np.ndarray:
    """What task 7 asks of ``decide``: levels (hops,), -1 before anything is known."""
    smooth, level, out = None, -1, []
    for row in p:
        if np.isfinite(row).all():
            smooth = row if smooth is None else smooth + pace * (row - smooth)
            best = int(np.argmax(smooth))
            if level < 0 or smooth[best] - smooth[level] >= margin:
                level = best
        out.append(level)
    return np.array(out)


def size(state: Any) -> int:
    """How many numbers and characters a state holds."""
    if isinstance(state, dict):
        return sum(size(part) for part in (*state.keys(), *state.values()))
    if isinstance(state, list | tuple):
        return sum(size(part) for part in state)
    return len(state) if isinstance(state, str) else np.size(state)


def lasts(early: Any, late: Any, *, at_least: int, what: str) -> None:
    """Check that a state holds enough numbers for what must be remembered, and no more of them later than early on."""
    expect(
        size(early) >= at_least,
        got=f"a state of {size(early)} numbers",
        expected=f"at least {at_least}",
        cause=f"what {what} remembers is kept elsewhere",
    )
    expect(
        size(late) <= 2 * size(early),
        got=f"a state that grows from {size(early)} to {size(late)} numbers while the stream runs",
        expected="one that stays about as large as it is",
        cause="all that has come so far is kept, and worked through again: it becomes slower and larger without end",
    )


def _plain(state: Any, what: str) -> None:
    if isinstance(state, dict):
        for part in (*state.keys(), *state.values()):
            _plain(part, what)
    elif isinstance(state, list | tuple):
        for part in state:
            _plain(part, what)
    else:
        expect(
            state is None or isinstance(state, bool | int | float | str | np.ndarray | np.generic),
            got=f"a state that holds a {type(state).__name__}",
            expected="arrays, numbers, strings, lists and dicts",
            cause=f"an object in the state of {what}: keep what it knows, such as the zi of a filter",
        )
