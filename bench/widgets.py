"""How long a change of a control takes until the new picture is ready to be sent to the browser.

Every figure of lesson 02 is taken through its controls as a person would: each slider over its whole range, with the
others at their start and then at their last value. The time is that of the kernel: move, compute, paint, PNG.
"""

from __future__ import annotations

import time

import numpy as np
from rich.console import Console
from rich.table import Table

from physiodl import interactive
from physiodl.panel import Panel

AIM_MS = 100.0  # below this a change is felt as immediate (Miller 1968; Card, Robertson and Mackinlay 1991)


def response_times(figure: Panel) -> np.ndarray:
    """Milliseconds per change, with the real sliders of the figure: (changes,)."""
    box = figure.widget()
    *sliders, _picture, _sentence = box.children
    taken = []
    for others in ("start", "last"):
        for slider, each in zip(sliders, figure.controls.values(), strict=True):
            for other, its in zip(sliders, figure.controls.values(), strict=True):
                other.value = its.start if others == "start" else its.values[-1]
            for value in each.values:
                if value != slider.value:
                    began = time.perf_counter()
                    slider.value = value  # the callback runs before this returns
                    taken.append(1000 * (time.perf_counter() - began))
    return np.array(taken)


def figures(*, seed: int = 0) -> dict[str, Panel]:
    """The figures as lesson 02 makes them, on simulated recordings."""
    from physiodl import examples

    ecg = examples.recording("ecg", source="simulated", seconds=30.0, seed=seed)
    eeg = examples.recording("eeg", source="simulated", seconds=30.0, seed=seed)
    return {
        "aliasing": interactive.aliasing(ecg.signal[0], ecg.fs, label=ecg.label),
        "window of the STFT": interactive.stft_window(eeg.signal[0], eeg.fs, label=eeg.label),
        "filter": interactive.filter_response(ecg.signal[0], ecg.fs, label=ecg.label),
    }


def run(*, seed: int = 0) -> None:
    """Measure and print one line for each figure."""
    table = Table(title=f"figures with controls: response to a change (aim: below {AIM_MS:g} ms)")
    for name in ("figure", "changes", "mean (ms)", "95 % (ms)", "longest (ms)"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    for name, figure in figures(seed=seed).items():
        taken = response_times(figure)
        numbers = (taken.mean(), np.percentile(taken, 95), taken.max())
        table.add_row(name, str(len(taken)), *(f"{value:.0f}" for value in numbers))
    Console().print(table)
