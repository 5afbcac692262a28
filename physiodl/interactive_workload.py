"""Figures with controls for lesson 06: gaps of a pupil, two clocks, and from probabilities to a decision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from physiodl import pupil
from physiodl.online import Decision
from physiodl.panel import DPI, Panel, control
from physiodl.plots import BLUE, ORANGE

GREY = "#9a9a9a"
PAIR_S = 0.05  # pulses closer than this count as one event
MARGINS_S = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
LONGEST_S = (0.2, 0.5, 1.0, 2.0, 5.0)
OFFSETS_S = tuple(float(value) for value in np.round(np.arange(-4.0, 4.001, 0.02), 2))
DRIFTS_PPM = tuple(range(-300, 301, 20))
TAUS_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
LEADS = (0.0, 0.05, 0.1, 0.2, 0.3)


def gaps_filled(
    diameter_mm: np.ndarray, true_mm: np.ndarray, fs: float, *, start_s: float, seconds: float = 12.0, label: str = ""
) -> Panel:
    """A pupil with blinks: how wide a margin around gaps is thrown away, and up to what length they are filled.

    Args:
        diameter_mm: (samples,) as the tracker saw it, NaN in gaps.
        true_mm: (samples,) the diameter that a perfect tracker would have seen; to be had of simulated pupils only.
        fs: sampling rate in Hz.
        start_s, seconds: the piece that is drawn; the numbers are those of the whole recording.
        label: where it is from, for the title.

    Returns:
        A ``Panel`` with the controls ``margin_s`` and ``longest_s``.
    """
    if np.shape(diameter_mm) != np.shape(true_mm):
        raise ValueError(f"got {np.shape(diameter_mm)} and {np.shape(true_mm)}, expected two courses of equal length")
    gone = ~np.isfinite(diameter_mm)
    time_s = np.arange(len(true_mm)) / fs
    piece = slice(round(start_s * fs), round((start_s + seconds) * fs))
    figure = Figure(figsize=(9.6, 4.2), dpi=DPI, layout="constrained")
    ax = figure.subplots()
    low, high = np.nanpercentile(true_mm[piece], (0, 100))
    ax.set(xlim=(start_s, start_s + seconds), ylim=(low - 1.2, high + 0.3), xlabel="time (s)", ylabel="diameter (mm)")
    ax.set_title(f"what is made of gaps ({label})", fontsize=10)
    ax.plot(time_s[piece], true_mm[piece], color=GREY, lw=4, alpha=0.5, label="true (known, since simulated)")
    ax.plot(time_s[piece], diameter_mm[piece], color="#555555", lw=0.8, label="as the tracker saw it")
    moving = {
        "kept": ax.plot([], [], color=BLUE, lw=1.4, label="kept")[0],
        "filled": ax.plot([], [], color=ORANGE, lw=2, label="filled")[0],
    }
    ax.legend(loc="lower right", fontsize=8, ncols=4)

    def update(margin_s: float, longest_s: float) -> str:
        bad = gone.copy()
        for a, b in pupil.gaps(gone, fs):
            bad[max(0, a - round(margin_s * fs)) : b + round(margin_s * fs)] = True
        whole = pupil.interpolated(diameter_mm, bad, fs, longest_s=longest_s)
        moving["kept"].set_data(time_s[piece], np.where(bad, np.nan, whole)[piece])
        beside = bad | np.roll(bad, 1) | np.roll(bad, -1)
        moving["filled"].set_data(time_s[piece], np.where(beside, whole, np.nan)[piece])
        error = whole - true_mm
        worst = np.nanmax(np.abs(np.where(bad, np.nan, error)))
        filled = bad & np.isfinite(error)
        wrong = np.sqrt(np.mean(error[filled] ** 2)) if filled.any() else np.nan
        return (
            f"thrown away: {100 * bad.mean():.0f} % of the recording, of which {100 * filled.sum() / bad.sum():.0f} % "
            f"filled, with an error of <b>{wrong:.2f} mm</b> (RMS). "
            f"The worst sample kept is off by <b>{worst:.2f} mm</b>."
        )

    controls = {
        "margin_s": control("margin on both sides", MARGINS_S, 0.0, "{:g} s".format),
        "longest_s": control("longest gap to fill", LONGEST_S, 1.0, "{:g} s".format),
    }
    return Panel(figure, moving, controls, update, [{"margin_s": 0.0}, {"margin_s": 0.15}])


def two_clocks(theirs_s: np.ndarray, ours_s: np.ndarray, *, label: str = "") -> Panel:
    """Pulses that two devices wrote down, each by its clock: move and stretch one until they fit.

    Args:
        theirs_s: (j,) times on the clock to be moved. ours_s: (k,) times on the other.
        label: where they are from, for the title.

    Returns:
        A ``Panel`` with the controls ``offset_s`` and ``drift_ppm``: theirs becomes (1 + drift) * theirs + offset.
    """
    theirs, ours = np.sort(np.asarray(theirs_s, float)), np.sort(np.asarray(ours_s, float))
    if not len(theirs) or not len(ours):
        raise ValueError(f"got {len(theirs)} and {len(ours)} pulses, expected some of each")
    figure = Figure(figsize=(9.6, 4.0), dpi=DPI, layout="constrained")
    rows, misses = figure.subplots(2, 1, height_ratios=[1, 1.4], sharex=True)
    end = max(theirs[-1], ours[-1])
    rows.set(xlim=(-7, end + 7), ylim=(-0.6, 1.6))
    rows.set_yticks([0, 1], ["tracker, moved", "EEG"])
    rows.set_title(f"pulses that both received, or missed ({label})", fontsize=10)
    rows.vlines(ours, 0.6, 1.4, color=BLUE, lw=1.5)
    misses.axhspan(-1000 * PAIR_S, 1000 * PAIR_S, color=BLUE, alpha=0.12, lw=0)
    misses.axhline(0, color=GREY, lw=0.8)
    misses.set(ylim=(-200, 200), xlabel="time on the EEG's clock (s)", ylabel="distance to the\nnearest (ms)")
    moving = {
        "theirs": rows.plot([], [], color=ORANGE, lw=1.5)[0],
        "miss": misses.plot([], [], "o", color=ORANGE, ms=5)[0],
    }

    def update(offset_s: float, drift_ppm: int) -> str:
        moved = (1 + 1e-6 * drift_ppm) * theirs + offset_s
        moving["theirs"].set_data(np.repeat(moved, 3), np.tile([-0.4, 0.4, np.nan], len(moved)))
        nearest = ours[np.abs(ours[None] - moved[:, None]).argmin(axis=1)]
        miss = moved - nearest
        moving["miss"].set_data(moved, 1000 * miss)
        pairs = np.abs(miss) <= PAIR_S
        spread = f", {1000 * np.sqrt(np.mean(miss[pairs] ** 2)):.0f} ms apart (RMS)" if pairs.any() else ""
        return (
            f"moved by {offset_s:g} s, stretched by {drift_ppm} parts per million: <b>{pairs.sum()}</b> of "
            f"{len(theirs)} pulses find a partner within {1000 * PAIR_S:g} ms{spread}."
        )

    controls = {
        "offset_s": control("offset", OFFSETS_S, 0.0, "{:+.2f} s".format),
        "drift_ppm": control("drift", DRIFTS_PPM, 0, "{:+d} ppm".format),
    }
    best = max(OFFSETS_S, key=lambda value: _close(theirs + value, ours))
    both = max(
        ((offset, drift) for offset in OFFSETS_S if abs(offset - best) < 0.2 for drift in DRIFTS_PPM),
        key=lambda each: _close((1 + 1e-6 * each[1]) * theirs + each[0], ours),
    )
    settings = [{"offset_s": 0.0}, {"offset_s": best}, {"offset_s": both[0], "drift_ppm": both[1]}]
    return Panel(figure, moving, controls, update, settings)


def decided(
    probabilities: np.ndarray, true: np.ndarray, *, hop_s: float, levels: Sequence[str], start_s: float = 0.0,
    label: str = "",
) -> Panel:  # fmt: skip
    """Probabilities as a stream gives them: what smoothing and hysteresis make of them.

    Args:
        probabilities: (hops, levels); true: (hops,) level of each, -1 where there is none.
        hop_s: from one to the next. levels: their names.
        start_s: time of the first, for the axis.
        label: where they are from, for the title.

    Returns:
        A ``Panel`` with the controls ``tau_s`` and ``margin``.
    """
    p, true = np.asarray(probabilities, float), np.asarray(true)
    if p.ndim != 2 or true.shape != (len(p),) or p.shape[1] != len(levels):
        raise ValueError(
            f"got probabilities {p.shape} and levels {true.shape}, expected (hops, {len(levels)}) and (hops,)"
        )
    time_s = start_s + hop_s * np.arange(len(p))
    figure = Figure(figsize=(9.6, 4.6), dpi=DPI, layout="constrained")
    said, chosen = figure.subplots(2, 1, sharex=True, height_ratios=[1.4, 1])
    said.set(ylim=(-0.03, 1.03), ylabel=f"probability of {levels[-1]}", xlim=(time_s[0], time_s[-1]))
    said.set_title(f"from probabilities to a decision ({label})", fontsize=10)
    said.plot(time_s, p[:, -1], color=GREY, lw=0.7, label="as the network says it")
    chosen.set(ylim=(-0.5, len(levels) - 0.5), xlabel="time (s)", ylabel="level")
    chosen.set_yticks(range(len(levels)), levels)
    chosen.plot(time_s, np.where(true >= 0, true, np.nan), color=GREY, lw=6, alpha=0.6, label="true")
    moving = {
        "smooth": said.plot([], [], color=BLUE, lw=1.8, label="smoothed")[0],
        "level": chosen.plot([], [], color=ORANGE, lw=1.5, label="decided")[0],
    }
    for ax in (said, chosen):
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8, frameon=False)
    changes = np.flatnonzero((np.diff(true) != 0) & (true[:-1] >= 0) & (true[1:] >= 0)) + 1

    def update(tau_s: float, margin: float) -> str:
        smooth, level = Decision(hop_s=hop_s, tau_s=tau_s, margin=margin)(p)
        moving["smooth"].set_data(time_s, smooth[:, -1])
        moving["level"].set_data(time_s, np.where(level >= 0, level, np.nan))
        known = (true >= 0) & (level >= 0)
        jumps = int(np.sum(np.diff(level[known]) != 0))
        minutes = max(known.sum(), 1) * hop_s / 60
        ends = np.append(changes[1:], len(true))[: len(changes)]
        late = [_first_right(level[a:b], true[a]) for a, b in zip(changes, ends, strict=True)]
        late = [hop_s * value for value in late if value is not None]
        delay = f"{np.median(late):.1f} s" if late else "never"
        return (
            f"right <b>{100 * np.mean(level[known] == true[known]):.0f} %</b> of the time; "
            f"<b>{jumps / minutes:.1f}</b> changes per minute (truth: {len(changes) / minutes:.1f}); "
            f"a new level is found after <b>{delay}</b> (median; found {len(late)} of {len(changes)} times)."
        )

    controls = {
        "tau_s": control("smoothing", TAUS_S, 0.0, "{:g} s".format),
        "margin": control("margin to change", LEADS, 0.0, "{:g}".format),
    }
    return Panel(figure, moving, controls, update, [{"tau_s": 0.0, "margin": 0.0}, {"tau_s": 2.0, "margin": 0.1}])


def _close(a: np.ndarray, b: np.ndarray) -> float:
    """How well the times ``a`` find partners in ``b``: more is better."""
    miss = np.abs(b[None] - a[:, None]).min(axis=1)
    return float(np.sum(np.exp(-((miss / 0.03) ** 2))))


def _first_right(level: np.ndarray, true: int) -> int | None:
    found = np.flatnonzero(level == true)
    return int(found[0]) if len(found) else None
