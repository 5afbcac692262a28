"""The pupil from an eye tracker's table to millimetres above baseline on the clock of the EEG.

`read_table` reads and checks a table. Then, in this order: `unusable` finds blinks and what stands at their edges,
`upright` takes out how a turned eye looks to the camera, `interpolated` (or, while recording, `held`) fills short gaps,
`physiodl.clocks` moves everything onto the EEG's clock, `without_light` takes out the light reflex and
`baseline` is what the rest is measured from. `clean` does all of it. The steps and their order follow Kret and
Sjak-Shie 2019 (Behav Res Methods 51:1336); subtracting a baseline rather than dividing by it follows Mathot et al. 2018
(Behav Res Methods 50:94).

**Form of the table.** A text file: lines that begin with ``#`` (who made it), then CSV with the columns ``time_s``
(seconds on the tracker's own clock, ascending), ``diameter_mm`` (empty where no pupil was seen), ``gaze_x_deg``,
``gaze_y_deg`` (right and up are positive; empty where unknown), ``luminance_cd_m2`` (of the screen) and ``sync`` (1 on
the sample at which a pulse came that the EEG amplifier was sent too, else 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from physiodl.afdata import DataError
from physiodl.clocks import fit_clock, on_grid

COLUMNS = ("time_s", "diameter_mm", "gaze_x_deg", "gaze_y_deg", "luminance_cd_m2", "sync")
PLAUSIBLE_MM = (1.5, 9.0)  # pupils of people are 2 to 8 mm wide (Hayes and Petrov 2016, Behav Res Methods 48:510)
MARGIN_S = 0.15  # on both sides of a gap: the lid covers part of the pupil; 0.1 to 0.2 s are usual
SPEED_MADS = 16.0  # samples whose change is so many median absolute deviations off are artefacts; design value
LONGEST_S = 1.0  # a gap that may be filled; blinks last 0.08 to 0.9 s, longer ones hide what the pupil did
CAMERA_DEG = (0.0, -15.0)  # where the camera is as seen from the eye: below the screen; design value
LIGHT_DELAY_S, LIGHT_TAU_S = 0.25, 0.6  # the reflex begins after about a quarter of a second; design values


@dataclass(frozen=True)
class Table:
    """An eye tracker's recording, all arrays (samples,).

    Attributes:
        time_s: seconds on the tracker's clock.
        diameter_mm: NaN where no pupil was seen.
        gaze_deg: (samples, 2) degrees to the right and up; NaN where unknown.
        luminance: of the screen in cd/m2.
        sync_s: (k,) times of the pulses, on the tracker's clock.
        simulated: whether nobody was recorded.
    """

    time_s: np.ndarray
    diameter_mm: np.ndarray
    gaze_deg: np.ndarray
    luminance: np.ndarray
    sync_s: np.ndarray
    simulated: bool

    @property
    def fs(self) -> float:
        """Sampling rate in Hz by the tracker's clock: from the median step, which lost samples do not move."""
        return float(1 / np.median(np.diff(self.time_s)))


def read_table(path: str | Path) -> Table:
    """Read a table of the form above.

    Raises:
        FileNotFoundError: no such file.
        DataError: other columns, no numbers, times that do not ascend, no luminance.
    """
    path = Path(path)
    with path.open(encoding="utf-8") as file:
        above = 0
        comments = ""
        while (line := file.readline()).startswith("#"):
            above, comments = above + 1, comments + line
    named = tuple(line.strip().split(","))
    if named != COLUMNS:
        raise _damaged(path, got=f"columns {', '.join(named)[:80]}", expected=", ".join(COLUMNS))
    try:
        rows = np.genfromtxt(path, delimiter=",", skip_header=above + 1, dtype=float, ndmin=2)
    except ValueError as error:
        raise _damaged(path, got=f"rows of different lengths: {error}"[:300], expected="six values a row") from error
    if len(rows) < 10 or rows.shape[1] != len(COLUMNS):
        raise _damaged(path, got=f"{rows.shape[0]} rows of {rows.shape[1]} values", expected="10 rows of six or more")
    time_s, diameter, light, sync = rows[:, 0], rows[:, 1], rows[:, 4], rows[:, 5]
    late = np.flatnonzero(~(np.diff(time_s) > 0))
    if len(late) or not np.isfinite(time_s).all():
        row = int(late[0]) + 2 if len(late) else 1
        raise _damaged(path, got=f"a time that does not ascend in row {row}", expected="seconds, ascending",
                       cause="samples in the order of their arrival, or a clock that was set meanwhile")  # fmt: skip
    if not (np.isfinite(light).all() and (light > 0).all()):
        raise _damaged(path, got="luminances that are no positive numbers", expected="cd/m2 of every sample")
    return Table(time_s, diameter, rows[:, 2:4], light, time_s[sync == 1], "SIMULATED" in comments)


def unusable(
    diameter_mm: np.ndarray, fs: float, *, margin_s: float = MARGIN_S, mads: float = SPEED_MADS,
    plausible_mm: tuple[float, float] = PLAUSIBLE_MM,
) -> np.ndarray:  # fmt: skip
    """Which samples show no pupil, or half of one: gaps, impossible sizes, jumps, and what lies close to gaps.

    Args:
        diameter_mm: (samples,), NaN where no pupil was seen.
        fs: sampling rate in Hz.
        margin_s: so much on both sides of every gap is unusable too.
        mads: a sample that changes faster than the median by so many median absolute deviations is a jump.
        plausible_mm: smallest and largest pupil.

    Returns:
        (samples,) bool, True where the sample must not be used. It looks ahead by ``margin_s`` and at the speeds of
        the whole recording: for recordings that are complete.

    Raises:
        ValueError: another shape, a rate that is no positive number.
    """
    d = _samples(diameter_mm, fs)
    bad = ~np.isfinite(d)
    with np.errstate(invalid="ignore"):
        bad |= (d < plausible_mm[0]) | (d > plausible_mm[1])
    gone = np.where(bad, np.nan, d)
    step = np.abs(np.diff(gone))
    before, after = np.append(np.nan, step), np.append(step, np.nan)
    speed = np.fmax(before, after) * fs  # of the faster side
    known = speed[np.isfinite(speed)]
    if len(known):
        middle = np.median(known)
        limit = middle + mads * max(np.median(np.abs(known - middle)), 1e-3 * fs / 60)
        with np.errstate(invalid="ignore"):
            jumps = speed > limit
    else:
        jumps = np.zeros(len(d), bool)
    # the margin belongs to gaps; a jump of one sample within a good stretch takes its neighbours with it and no more
    return _wider(bad, round(margin_s * fs)) | _wider(jumps, 1)


def gaps(bad: np.ndarray, fs: float, *, shortest_s: float = 0.0, longest_s: float = np.inf) -> np.ndarray:
    """Runs of True in ``bad`` (samples,) that last so long: (k, 2) int64, first sample and the one after the last.

    With 0.08 and 0.9 s, of the samples in which no pupil was seen: blinks.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.asarray(bad, bool), [False]])))
    spans = edges.reshape(-1, 2)
    long = (spans[:, 1] - spans[:, 0]) / fs
    return spans[(long >= shortest_s - 1e-9) & (long <= longest_s + 1e-9)].astype(np.int64)


def interpolated(x: np.ndarray, bad: np.ndarray, fs: float, *, longest_s: float = LONGEST_S) -> np.ndarray:
    """Fill short gaps by straight lines between the samples on their two sides: this looks into the future.

    Args:
        x: (samples,).
        bad: (samples,) bool, which of them to replace.
        fs: sampling rate in Hz.
        longest_s: longer gaps, and those at the ends, which have one side only, become NaN.

    Returns:
        (samples,).
    """
    x, bad = _samples(x, fs), _mask(x, bad)
    out = np.where(bad, np.nan, x)
    good = np.flatnonzero(~bad)
    for a, b in gaps(bad, fs, longest_s=longest_s):
        if a > 0 and b < len(x):
            out[a:b] = np.interp(np.arange(a, b), [a - 1, b], [x[a - 1], x[b]])
    return out if len(good) else np.full(len(x), np.nan)


def held(x: np.ndarray, bad: np.ndarray, fs: float, *, longest_s: float = LONGEST_S) -> np.ndarray:
    """Fill gaps with the last good value, for as long as ``longest_s``, then NaN: looks at the past only.

    Args and result as in `interpolated`; the first ``longest_s`` of a longer gap are filled, since nobody knows yet
    how long it will be.
    """
    x, bad = _samples(x, fs), _mask(x, bad)
    index = np.where(bad, -1, np.arange(len(x)))
    last = np.maximum.accumulate(index)
    old = np.arange(len(x)) - last > longest_s * fs
    return np.where((last < 0) | old, np.nan, x[np.maximum(last, 0)])


def foreshortening(gaze_deg: np.ndarray, *, camera_deg: tuple[float, float] = CAMERA_DEG) -> np.ndarray:
    """By what factor a turned eye's pupil looks smaller to a camera.

    Seen from the side a disc is an ellipse whose area is cos(angle) of the disc's (Hayes and Petrov 2016); a tracker
    that takes the diameter from the area shows its square root. The eye's own optics bend this a little at large
    angles, which is neglected.

    Args:
        gaze_deg: (samples, 2) degrees to the right and up.
        camera_deg: direction of the camera in the same angles.

    Returns:
        (samples,) factors up to 1, of diameter; NaN where the gaze is not known.
    """
    gaze = np.asarray(gaze_deg, float)
    if gaze.ndim != 2 or gaze.shape[1] != 2:
        raise ValueError(f"got gaze of shape {gaze.shape}, expected (samples, 2): degrees to the right and up")
    return np.sqrt(np.clip(_direction(gaze) @ _direction(np.array([camera_deg], float))[0], 0.05, 1.0))


def upright(
    diameter_mm: np.ndarray, gaze_deg: np.ndarray, *, camera_deg: tuple[float, float] = CAMERA_DEG
) -> np.ndarray:
    """The diameter (samples,) that the pupil has, from the one that the camera sees; see `foreshortening`.

    Where the gaze is not known, the typical factor of the recording is taken.
    """
    factor = foreshortening(gaze_deg, camera_deg=camera_deg)
    known = np.isfinite(factor)
    usual = float(np.median(factor[known])) if known.any() else 1.0
    return np.asarray(diameter_mm, float) / np.where(known, factor, usual)


def light_course(
    luminance: np.ndarray, fs: float, *, delay_s: float = LIGHT_DELAY_S, tau_s: float = LIGHT_TAU_S
) -> np.ndarray:
    """What the light makes a pupil do, up to its size: log10 of the luminance, delayed and smoothed.

    The reflex begins after a delay and then follows exponentially (a first-order lag). Looks at the past only.

    Args:
        luminance: (samples,) cd/m2, positive.
        fs: sampling rate in Hz.
        delay_s, tau_s: delay and time constant in seconds.

    Returns:
        (samples,) in decades; a pupil becomes smaller as this grows.
    """
    light = np.log10(_samples(luminance, fs))
    delay = round(delay_s * fs)
    late = np.concatenate([np.full(min(delay, len(light)), light[0]), light[: max(0, len(light) - delay)]])
    keep = np.exp(-1 / (tau_s * fs))
    return lfilter([1 - keep], [1, -keep], late, zi=[keep * late[0]])[0]


def without_light(
    diameter_mm: np.ndarray, luminance: np.ndarray, fs: float, *, drift_s: float = 20.0
) -> tuple[np.ndarray, float]:
    """Take the light reflex out: what `light_course` explains, with the strength that this recording shows.

    The strength is a least-squares fit to how diameter and light change over ``drift_s`` and less, so that slow drifts
    of the one do not pass for an effect of the other. It knows nothing of workload; it does use the whole recording.

    Args:
        diameter_mm: (samples,), NaN where unknown.
        luminance: (samples,) cd/m2.
        fs: sampling rate in Hz.
        drift_s: changes slower than this are left out of the fit.

    Returns:
        diameter (samples,) as it would have been at the recording's mean light; strength in mm per decade, negative
        where more light makes the pupil smaller, 0 where the light does not change.
    """
    d = np.asarray(diameter_mm, float)
    course = light_course(luminance, fs)
    lag = max(1, round(drift_s / 4 * fs))
    if len(d) <= lag:
        return d.copy(), 0.0
    change, light = d[lag:] - d[:-lag], course[lag:] - course[:-lag]
    ok = np.isfinite(change)
    if ok.sum() < 10 or np.std(light[ok]) < 1e-6:
        return d.copy(), 0.0
    strength = float(np.polyfit(light[ok], change[ok], 1)[0])
    return d - strength * (course - course.mean()), strength


def baseline(diameter_mm: np.ndarray, fs: float, *, start_s: float, stop_s: float) -> float:
    """Median diameter between two times, to be subtracted.

    Raises:
        ValueError: less than half a second of pupil there.
    """
    part = np.asarray(diameter_mm, float)[max(0, round(start_s * fs)) : round(stop_s * fs)]
    part = part[np.isfinite(part)]
    if len(part) < 0.5 * fs:
        raise ValueError(
            f"got {len(part) / fs:.2f} s of pupil between {start_s:g} and {stop_s:g} s, expected half a second or more "
            "for a baseline: the eyes were closed, or the clocks are not aligned"
        )
    return float(np.median(part))


def clean(
    table: Table,
    sync_s: np.ndarray,
    *,
    duration_s: float,
    fs: float = 60.0,
    baseline_s: tuple[float, float] | None = None,
    camera_deg: tuple[float, float] = CAMERA_DEG,
) -> tuple[np.ndarray, np.ndarray]:
    """All steps: a table to millimetres on the EEG's clock.

    Args:
        table: from `read_table`.
        sync_s: (k,) times of the pulses on the EEG's clock.
        duration_s: length of the EEG recording.
        fs: sampling rate of the result in Hz.
        baseline_s: start and end (on the EEG's clock) of the stretch whose median is subtracted; None keeps it.
        camera_deg: see `foreshortening`.

    Returns:
        diameter (samples,) mm, NaN where nothing is known; seen (samples,) bool, True where it was measured rather than
        filled in.

    Raises:
        ValueError: clocks that cannot be aligned, no pupil in the baseline.
    """
    own = table.fs
    bad = unusable(table.diameter_mm, own)
    d = interpolated(upright(table.diameter_mm, table.gaze_deg, camera_deg=camera_deg), bad, own)
    rate, offset, _ = fit_clock(table.sync_s, sync_s)
    time_s = rate * table.time_s + offset
    d, _ = without_light(d, table.luminance, own)
    out = on_grid(time_s, d, duration_s=duration_s, fs=fs)
    seen = on_grid(time_s, np.where(bad, np.nan, 1.0), duration_s=duration_s, fs=fs) == 1.0
    if baseline_s is not None:
        out = out - baseline(out, fs, start_s=baseline_s[0], stop_s=baseline_s[1])
    return out, seen


def _direction(deg: np.ndarray) -> np.ndarray:
    """(n, 3) unit vectors of (n, 2) degrees to the right and up."""
    side, up = np.radians(deg).T
    return np.stack([np.sin(side) * np.cos(up), np.sin(up), np.cos(side) * np.cos(up)], axis=1)


def _wider(mask: np.ndarray, by: int) -> np.ndarray:
    """True also within ``by`` samples of what is True."""
    return np.convolve(mask, np.ones(2 * by + 1), mode="same") > 0.5 if mask.any() else mask.copy()


def _samples(x: np.ndarray, fs: float) -> np.ndarray:
    x = np.asarray(x, float)
    if x.ndim != 1 or not len(x):
        raise ValueError(f"got an array of shape {x.shape}, expected (samples,): one eye at a time")
    if not (np.isscalar(fs) and np.isfinite(fs) and fs > 0):
        raise ValueError(f"got fs={fs!r}, expected one positive number: the sampling rate in Hz")
    return x


def _mask(x: np.ndarray, bad: np.ndarray) -> np.ndarray:
    bad = np.asarray(bad, bool)
    if bad.shape != x.shape:
        raise ValueError(f"got {len(x)} samples and a mask of shape {bad.shape}, expected one value per sample")
    return bad | ~np.isfinite(x)


def _damaged(path: Path, *, got: str, expected: str, cause: str = "") -> DataError:
    return DataError(
        f"{path.name} in {path.parent} is no table of the pupil",
        got=got,
        expected=expected,
        cause=cause or "a table of another tracker, or a file that was changed",
        todo="write it in the form that the documentation of physiodl.pupil gives",
    )
