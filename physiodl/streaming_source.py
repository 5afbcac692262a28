"""A recording as devices would send it: in packets that come late, out of order, twice or not at all. Simulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Packet(NamedTuple):
    """``samples`` (channels, n) of the signal ``name`` from number ``first`` on, which arrive at ``arrival_s``."""

    arrival_s: float
    name: str
    first: int
    samples: np.ndarray


def packets(
    signals: Mapping[str, tuple[np.ndarray, float]],
    *,
    seed: int,
    packet_s: tuple[float, float] = (0.02, 0.1),
    delay_s: float = 0.0,
    jitter_s: float = 0.0,
    lost: float = 0.0,
    duplicated: float = 0.0,
    dead: Mapping[str, tuple[float, float]] | None = None,
    start_s: Mapping[str, float] | None = None,
) -> list[Packet]:
    """Cut a recording into packets and send them over a line that is not perfect.

    Args:
        signals: name to (samples, fs): (channels, samples) or (samples,), and Hz.
        seed: of lengths, delays and losses.
        packet_s: shortest and longest packet in seconds, drawn evenly; at least one sample.
        delay_s: what every packet takes on its way. jitter_s: mean of what comes on top of it, exponentially
            distributed; above the length of a packet it brings packets out of order.
        lost, duplicated: shares of the packets. A copy takes its own time.
        dead: name to (from, to) in seconds, in which the device sends nothing.
        start_s: name to the time of sample 0, 0 by default.

    Returns:
        Packets in the order of their arrival. A packet leaves when its last sample is over.

    Raises:
        ValueError: shares outside 0 to 1, negative times, packets of no length.
    """
    if not (0 <= lost <= 1 and 0 <= duplicated <= 1 and delay_s >= 0 and jitter_s >= 0):
        raise ValueError(
            f"got lost={lost}, duplicated={duplicated}, delay_s={delay_s}, jitter_s={jitter_s}: expected shares from 0 "
            "to 1 and no negative times"
        )
    if not 0 < packet_s[0] <= packet_s[1]:
        raise ValueError(f"got packet_s={packet_s}, expected (shortest, longest) in seconds, above 0")
    sent = []
    # a generator for each signal: what happens to one must not change with the others
    for (name, (x, fs)), rng in zip(signals.items(), np.random.default_rng(seed).spawn(len(signals)), strict=True):
        x = np.atleast_2d(np.asarray(x))
        start = 0.0 if start_s is None else start_s.get(name, 0.0)
        gone = (np.inf, np.inf) if dead is None else dead.get(name, (np.inf, np.inf))
        first = 0
        while first < x.shape[1]:
            end = min(x.shape[1], first + max(1, round(fs * rng.uniform(*packet_s))))
            chance, again = rng.random(2)
            ways = delay_s + jitter_s * rng.standard_exponential(2)
            over = start + end / fs
            if chance >= lost and not gone[0] <= over < gone[1]:
                piece = x[:, first:end]
                copies = 2 if again < duplicated else 1
                sent += [Packet(float(over + way), name, first, piece) for way in ways[:copies]]
            first = end
    return sorted(sent, key=lambda packet: packet.arrival_s)
