"""How long a hop of the stream takes on one core: buffer, filters, network with two branches, decision; and a picture.

Ten minutes of random numbers in the form of EEG (19 channels, 125 Hz) and pupil (60 Hz) come in packets that are late,
lost and doubled; a window of 4 s is read every 250 ms. What the numbers are does not change how long they take, so no
recording and no training is needed.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from physiodl import player, workload
from physiodl.streaming import Decision, Online, Signal, Streams, latency
from physiodl.streaming_filters import Chain, Fill, band, mains
from physiodl.streaming_source import packets

AIM_MS = 20.0  # of the 99th percentile
HOP_S, WINDOW_S = 0.25, 4.0
WARM_UP = 40  # hops left out: the first calls of a network set up what later calls use
LINE = {"packet_s": (0.02, 0.2), "jitter_s": 0.03, "lost": 0.01, "duplicated": 0.01}


def recording(seconds: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """EEG (19, samples) in uV and pupil (samples,) in mm with gaps: noise, no physiology."""
    rng = np.random.default_rng(seed)
    pupil = 4 + 0.1 * rng.standard_normal(round(60 * seconds))
    for blink in range(0, len(pupil), 240):
        pupil[blink : blink + 10] = np.nan
    return 20 * rng.standard_normal((19, round(125 * seconds))), pupil


def signals() -> list[Signal]:
    """What a stream of a workload monitor would have: band-pass and notch, blinks held."""
    eeg = Chain(mains(125.0), band(125.0, low=1.0, high=40.0))
    return [Signal("eeg", 125.0, 19, steps=eeg), Signal("pupil", 60.0, steps=Fill(60.0, after_s=0.1, longest_s=2.0))]


def hop_times(fusion: str, *, seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds of every hop, (hops,), as a clock on the wall tells and as the processor worked.

    The second does not grow when other programs want the processor too.
    """
    eeg, pupil = recording(seconds, seed=seed)
    model = workload.as_model(workload.WorkloadNet(19, fusion=fusion).eval())
    streams = Streams(signals(), window_s=WINDOW_S, hop_s=HOP_S, late_s=0.5)
    online = Online(streams, model, Decision(hop_s=HOP_S))
    sent, at = packets({"eeg": (eeg, 125.0), "pupil": (pupil, 60.0)}, seed=seed, **LINE), 0
    taken, worked = [], []
    for hop in track(range(round(seconds / HOP_S)), description=f"stream, {fusion}", transient=True):
        while at < len(sent) and sent[at].arrival_s <= (hop + 1) * HOP_S:
            online.push(sent[at].name, sent[at].samples, first=sent[at].first)
            at += 1
        began = time.process_time()
        made = online.step()
        taken += [each.ms for each in made]
        worked += [1000 * (time.process_time() - began) / max(len(made), 1)] * len(made)
    return np.array(taken[WARM_UP:]), np.array(worked[WARM_UP:])


def picture_times(*, seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds from one picture of the player to the next, hop, painting and PNG together."""
    eeg, pupil = recording(seconds, seed=seed)
    eeg_steps, pupil_steps = (each.steps for each in signals())
    shown = player.live(
        eeg, pupil, workload.as_model(workload.WorkloadNet(19).eval()), truth=([0.0], [0]), eeg_steps=eeg_steps,
        pupil_steps=pupil_steps, window_s=WINDOW_S, hop_s=HOP_S, source=LINE,
    )  # fmt: skip
    taken, worked = [], []
    for hop in range(1, shown.hops + 1):
        began, cpu = time.perf_counter(), time.process_time()
        shown.png(hop=hop)
        taken.append(1000 * (time.perf_counter() - began))
        worked.append(1000 * (time.process_time() - cpu))
    return np.array(taken[WARM_UP:]), np.array(worked[WARM_UP:])


def run(*, seconds: float = 600.0, seed: int = 0) -> None:
    """Measure with one thread and print one line for each way of joining the branches, and one for the player."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times = {fusion: hop_times(fusion, seconds=seconds, seed=seed) for fusion in workload.FUSIONS}
        times["picture"] = picture_times(seconds=60.0, seed=seed)
    finally:
        torch.set_num_threads(threads)
    table = Table(title=f"stream on one core, ms per hop of {1000 * HOP_S:g} ms (aim: p99 below {AIM_MS:g})")
    columns = ("median", "p95", "p99", "longest", "jitter")
    for name in ("", "hops", *columns, "CPU p99"):
        table.add_column(name, justify="right" if name else "left")
    for name, (ms, cpu_ms) in times.items():
        found, cpu = latency(ms, hop_s=HOP_S), latency(cpu_ms, hop_s=HOP_S)
        numbers = [found[column] for column in columns] + [cpu["p99"]]
        table.add_row(name, str(found["hops"]), *(f"{number:.1f}" for number in numbers))
    Console().print(table)
