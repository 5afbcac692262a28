"""Figures with controls for lesson 02: aliasing, the window of an STFT, and filters. `physiodl.panel` shows them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import interpolate
from scipy import signal as sps

from physiodl import signals
from physiodl.panel import DPI, Panel, control
from physiodl.plots import BLUE, ORANGE

GREY = "#9a9a9a"


def aliasing(ecg: np.ndarray, fs: float, *, label: str = "", seconds: float = 3.0, seed: int = 0) -> Panel:
    """What a slow sampling rate makes of an oscillation, alone and on top of an ECG.

    Args:
        ecg: (samples,) mV, at least ``seconds`` long; what lies above 40 Hz is removed first.
        fs: its sampling rate in Hz.
        label: where the ECG is from, for the title.
        seconds: how much of it to show.
        seed: of the phase of the oscillation.

    Returns:
        A ``Panel`` with the controls ``rate_hz`` and ``wave_hz``.
    """
    ecg = _long_enough(ecg, fs, seconds)
    clean = signals.filtered(ecg, fs, high=min(40.0, 0.45 * fs))[: round(seconds * fs)]
    curve = interpolate.CubicSpline(np.arange(len(clean)) / fs, clean - np.median(clean))
    phase = float(np.random.default_rng(seed).uniform(0.3, 1.2))  # not 0: at exactly twice the rate all would be zeros
    half_mv = 0.15
    fine = np.linspace(0, 1, 4001)

    figure = Figure(figsize=(9.6, 5.4), dpi=DPI, layout="constrained")
    top, low = figure.subplots(2, 1, height_ratios=[1, 1.15])
    wave, fold = _side_by_side(figure, top)
    wave.set(xlim=(0, 1), ylim=(-1.45, 1.65), xlabel="time (s)", ylabel="amplitude", title="the oscillation alone")
    fold.set(xlim=(0, 125), ylim=(0, 65), xlabel="true frequency (Hz)", ylabel="after sampling (Hz)", title="folding")
    low.set(xlim=(0, seconds), xlabel="time (s)", ylabel="mV", title=f"with it on an ECG: what is stored  ({label})")
    room = 0.25 + half_mv
    low.set_ylim(curve(curve.x).min() - room, curve(curve.x).max() + room)
    low.plot(curve.x, curve(curve.x), color=GREY, lw=1, label="ECG without it")
    moving = {
        "true": wave.plot([], [], color=GREY, lw=0.8, label="true")[0],
        "seen": wave.plot([], [], color=ORANGE, lw=1.6, label="slowest through the samples")[0],
        "samples": wave.plot([], [], "o", color=BLUE, ms=4, label="samples")[0],
        "zigzag": fold.plot([], [], color=BLUE, lw=1.2)[0],
        "place": fold.plot([], [], "o", color=ORANGE, ms=8)[0],
        "stored": low.plot([], [], ".-", color=BLUE, lw=1, ms=3, label="stored")[0],
    }
    wave.legend(loc="upper right", fontsize=7, ncols=3)
    low.legend(loc="upper right", fontsize=7, ncols=2)

    def update(rate_hz: float, wave_hz: float) -> str:
        seen_hz = wave_hz - rate_hz * np.round(wave_hz / rate_hz)
        t = np.arange(0, 1 + 1e-9, 1 / rate_hz)
        moving["true"].set_data(fine, np.sin(2 * np.pi * wave_hz * fine + phase))
        moving["seen"].set_data(fine, np.sin(2 * np.pi * seen_hz * fine + phase))
        moving["samples"].set_data(t, np.sin(2 * np.pi * wave_hz * t + phase))
        axis = np.arange(0, 125.1, 0.5)
        moving["zigzag"].set_data(axis, np.abs(axis - rate_hz * np.round(axis / rate_hz)))
        moving["place"].set_data([wave_hz], [abs(seen_hz)])
        t = np.arange(0, seconds - 1 / fs, 1 / rate_hz)
        moving["stored"].set_data(t, curve(t) + half_mv * np.sin(2 * np.pi * wave_hz * t + phase))
        kept = wave_hz < rate_hz / 2
        verdict = "it is stored as what it is" if kept else f"it looks like <b>{abs(seen_hz):g} Hz</b>: an alias"
        return f"{wave_hz:g} Hz sampled at {rate_hz:g} Hz (half the rate: {rate_hz / 2:g} Hz): {verdict}."

    rates = (20, 25, 30, 36, 40, 45, 48, 49, 50, 51, 52, 55, 60, 70, 80, 90, 100, 101, 110, 125, 150, 200, 250)
    hertz = "{:g} Hz".format
    controls = {
        "rate_hz": control("sampling rate", rates, 250, hertz),
        "wave_hz": control("oscillation", (1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 100, 120), 50, hertz),
    }
    return Panel(figure, moving, controls, update, [{"rate_hz": 250}, {"rate_hz": 51}])


def stft_window(
    x: np.ndarray, fs: float, *, label: str = "", unit: str = "uV", max_hz: float = 25.0, top: float | None = None
) -> Panel:
    """A recording and its STFT: what the window's length and the overlap do to the tiles of the picture.

    Args:
        x: (samples,) at least 8 s; the first 8 s are shown.
        fs: sampling rate in Hz.
        label: where it is from, for the title.
        unit: of ``x``.
        max_hz: highest frequency to show.
        top: amplitude of the brightest colour; by default the largest at a window of 1 s.

    Returns:
        A ``Panel`` with the controls ``window_s`` and ``overlap``.
    """
    seconds = 8.0
    x = _long_enough(x, fs, seconds)[: round(seconds * fs)]
    time = np.arange(len(x)) / fs
    top = float(signals.stft(x, fs, window_s=1.0)[2].max()) if top is None else top
    figure = Figure(figsize=(9.6, 5.0), dpi=DPI, layout="constrained")
    trace, tiles = figure.subplots(2, 1, height_ratios=[1, 2], sharex=True)
    reach = 1.1 * np.abs(x).max()
    trace.plot(time, x, color=GREY, lw=0.7)
    trace.set(xlim=(0, seconds), ylim=(-reach, reach), ylabel=unit, title=label)
    tiles.set_facecolor("#dcdcdc")  # seen at both ends, where no whole window fits
    tiles.set(ylim=(0, max_hz), xlabel="time (s)", ylabel="frequency (Hz)", autoscale_on=False)
    picture = tiles.imshow(
        np.zeros((2, 2)), aspect="auto", origin="lower", cmap="magma", vmin=0, vmax=top, interpolation="nearest"
    )
    figure.colorbar(picture, ax=tiles, label=f"amplitude ({unit})")
    moving = {
        "picture": picture,
        "tile": tiles.add_patch(Rectangle((0, 0), 1, 1, fill=False, color="white", lw=1.5)),
        "window": trace.plot([], [], color=BLUE, lw=1.6, label="one window")[0],
        "next": trace.plot([], [], color=ORANGE, lw=1.2, ls="--", label="the next")[0],
    }
    trace.legend(loc="upper right", fontsize=7, ncols=2)

    def update(window_s: float, overlap: float) -> str:
        freqs, times, amplitude = signals.stft(x, fs, window_s=window_s, overlap=overlap)
        shown = freqs <= max_hz + 1 / window_s
        df, hop = freqs[1] - freqs[0], times[1] - times[0]
        picture.set_data(amplitude[shown])
        picture.set_extent((times[0] - hop / 2, times[-1] + hop / 2, -df / 2, freqs[shown][-1] + df / 2))
        tiles.set(xlim=(0, seconds), ylim=(0, max_hz))
        # a Hann window is half as high or more over window_s / 2, its spectrum over 2 / window_s
        moving["tile"].set_bounds(2 - window_s / 4, 0.8 * max_hz - 1 / window_s, window_s / 2, 2 / window_s)
        for name, start in (("window", 2.0), ("next", 2.0 + hop)):
            hann = 0.9 * reach * sps.windows.hann(101)
            moving[name].set_data(start + np.linspace(0, window_s, 101), hann)
        return (
            f"Window {window_s:g} s: rhythms closer than about <b>{2 / window_s:.2g} Hz</b> melt together, events "
            f"closer than <b>{window_s / 2:.3g} s</b> too. Overlap {100 * overlap:g} %: a column every {hop:.3g} s."
        )

    lengths = (0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
    controls = {
        "window_s": control("window", lengths, 1.0, "{:g} s".format),
        "overlap": control("overlap", (0.0, 0.25, 0.5, 0.75, 0.875, 0.9375), 0.75, "{:.1%}".format),
    }
    return Panel(figure, moving, controls, update, [{"window_s": 0.25}, {"window_s": 2.0}])


def filter_response(ecg: np.ndarray, fs: float, *, label: str = "", unit: str = "mV", seconds: float = 3.0) -> Panel:
    """A Butterworth filter's gain beside what it does to an ECG.

    Args:
        ecg: (samples,) at least 5 s longer than ``seconds``: the filter runs over all of it, its end is shown.
        fs: sampling rate in Hz.
        label: where it is from, for the title.
        unit: of ``ecg``.
        seconds: how much to show.

    Returns:
        A ``Panel`` with the controls ``kind``, ``cutoff_hz``, ``order`` and ``runs``.
    """
    ecg = _long_enough(ecg, fs, seconds + 5)
    ecg = ecg - np.median(ecg)
    shown = slice(len(ecg) - round((seconds + 1) * fs), len(ecg) - round(fs))
    time = np.arange(round((seconds + 1) * fs) - round(fs)) / fs
    cutoffs = (0.05, 0.1, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0, 100.0)
    cutoffs = tuple(value for value in cutoffs if value < 0.48 * fs)
    hertz = np.union1d(np.geomspace(0.04, 0.49 * fs, 300), cutoffs)
    figure = Figure(figsize=(9.6, 3.8), dpi=DPI, layout="constrained")
    gain, trace = figure.subplots(1, 2, width_ratios=[1, 1.7])
    gain.set(xscale="log", xlim=(hertz[0], hertz[-1]), ylim=(-60, 6), xlabel="frequency (Hz)", ylabel="gain (dB)")
    gain.set_title("response")
    gain.xaxis.set_major_formatter("{x:g}")
    gain.grid(color="#e4e4e4")
    low, high = ecg[shown].min(), ecg[shown].max()
    room = 0.3 * (high - low)
    trace.set(xlim=(0, seconds), ylim=(low - room, high + room), xlabel="time (s)", ylabel=unit, title=label)
    trace.plot(time, ecg[shown], color=GREY, lw=1, label="recorded")
    moving = {
        "gain": gain.plot([], [], color=BLUE, lw=1.6)[0],
        "cutoff": gain.plot([], [], color=ORANGE, lw=1, ls="--")[0],
        "filtered": trace.plot([], [], color=BLUE, lw=1.1, label="filtered")[0],
    }
    trace.legend(loc="upper right", fontsize=7, ncols=2)

    def update(kind: str, cutoff_hz: float, order: int, runs: str) -> str:
        sos = sps.butter(order, cutoff_hz, kind, fs=fs, output="sos")
        response = np.abs(sps.sosfreqz(sos, worN=hertz, fs=fs)[1])
        both = runs == "both ways"
        decibel = 20 * np.log10(np.maximum(response, 1e-6)) * (2 if both else 1)
        passed = (sps.sosfiltfilt(sos, ecg) if both else sps.sosfilt(sos, ecg))[shown]
        moving["gain"].set_data(hertz, decibel)
        moving["cutoff"].set_data([cutoff_hz, cutoff_hz], [-60, 6])
        moving["filtered"].set_data(time, passed)
        height = 100 * np.ptp(passed) / np.ptp(ecg[shown])
        at_cutoff = decibel[np.searchsorted(hertz, cutoff_hz)]
        lag = _lag_ms(ecg[shown], passed, fs)
        return (
            f"{kind}, {cutoff_hz:g} Hz, order {order}, {runs}: <b>{at_cutoff:.0f} dB</b> at the cut-off; "
            f"peak to peak {height:.0f} % of before; waves come <b>{lag:.0f} ms</b> later."
        )

    side = {"lowpass": "below", "highpass": "above"}
    controls = {
        "kind": control("keeps what is", ("lowpass", "highpass"), "lowpass", side.get),
        "cutoff_hz": control("cut-off", cutoffs, 20.0 if 20.0 in cutoffs else cutoffs[-1], "{:g} Hz".format),
        "order": control("order", tuple(range(1, 9)), 4),
        "runs": control("run", ("forwards", "both ways"), "forwards"),
    }
    return Panel(figure, moving, controls, update, [{"runs": "forwards"}, {"runs": "both ways"}])


def _lag_ms(before: np.ndarray, after: np.ndarray, fs: float) -> float:
    """By how many ms ``after`` has to be moved back, at most 0.3 s, to lie best on ``before``."""
    most = round(0.3 * fs)
    match = sps.correlate(after - after.mean(), before - before.mean(), mode="full", method="fft")
    middle = len(before) - 1
    return 1000.0 * (int(np.argmax(match[middle - most : middle + most + 1])) - most) / fs


def _long_enough(x: np.ndarray, fs: float, seconds: float) -> np.ndarray:
    x = np.asarray(x, dtype=float)
    if x.ndim != 1 or len(x) < seconds * fs:
        raise ValueError(f"got an array of shape {x.shape} at {fs:g} Hz, expected one channel, {seconds:g} s or more")
    return x


def _side_by_side(figure: Figure, ax: Any) -> tuple[Any, Any]:
    """Put two axes, a wide and a narrow one, where one was."""
    grid = ax.get_subplotspec().subgridspec(1, 2, width_ratios=[2.6, 1])
    ax.remove()
    return figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
