"""Sleep-EDF Expanded, sleep cassette: PSG and hypnogram of a night to 30 s epochs of one EEG channel with stages.

`night_files` looks up what belongs together, `read_night` reads, filters and cuts one night, `nights` does all that for
a folder and keeps the result. One night is in memory at a time.

Source of the data: Kemp et al. 2000 (IEEE Trans Biomed Eng 47:1185); PhysioNet (Goldberger et al. 2000).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from physiodl import registry, sleepedf_files, window_cache
from physiodl import signals as dsp
from physiodl.cohort import Cohort
from physiodl.signal_checks import whole_samples
from physiodl.sleepedf_files import (
    UNITS,
    Header,
    NightFiles,
    check_files,
    damaged,
    night_files,
    read_header,
    read_stages,
)

__all__ = ["CHANNEL", "CLASSES", "Night", "NightFiles", "check_files", "night_files", "nights", "read_night", "staged"]

log = logging.getLogger("physiodl")
CLASSES = ("W", "N1", "N2", "N3", "REM")
CHANNEL = "EEG Fpz-Cz"
BAND_HZ = (0.3, 35.0)  # the band of a sleep EEG in the AASM manual
TRIM_S = 1800.0  # of the wake before and after sleep: 30 minutes, as published results have it (Supratak et al. 2017)
MARGIN_S = 60.0  # read on both sides of what is kept, where there is more: the filter's ends lie outside
PLAUSIBLE_UV = (0.2, 1000.0)  # spread of an EEG of a night; people have 8 to 30 uV, a wrong unit is off by 1000
CITATION = "Sleep-EDF Database Expanded (Kemp et al. 2000; PhysioNet, Goldberger et al. 2000)"
LICENCE = "ODC-By 1.0"
# What epochs are made with: a cache of them is out of date when one of these files has changed.
CODE = (__file__, sleepedf_files.__file__, dsp.__file__)


@dataclass(frozen=True)
class Night:
    """One night of one subject.

    Attributes:
        epochs: (n, samples) float32 uV, filtered.
        stages: (n,) int64, 0 W, 1 N1, 2 N2, 3 N3, 4 REM.
        epoch: (n,) int64, place of each epoch in the night: a step of more than 1 is where epochs were dropped.
        start_s: (n,) seconds from the start of the recording.
        scale_uv: robust spread of the stretch from which the epochs are: interquartile range / 1.349.
        subject, night: such as ``"SC400"`` and ``"SC4001"``; "" where the name of the file says neither.
        fs: sampling rate of the epochs in Hz.
        simulated: whether nobody was recorded.
    """

    epochs: np.ndarray
    stages: np.ndarray
    epoch: np.ndarray
    start_s: np.ndarray
    scale_uv: float
    subject: str
    night: str
    fs: float
    simulated: bool


def staged(
    start_s: np.ndarray, stop_s: np.ndarray, stages: np.ndarray, *, epoch_s: float = 30.0
) -> tuple[np.ndarray, np.ndarray]:
    """One stage per epoch: scored stretches laid on a grid of epochs that begins with the first of them.

    An epoch has the stage that holds during all of it, and none where two meet or where nothing is scored: so a stretch
    that is no multiple of ``epoch_s`` costs an epoch and gives no wrong label.

    Args:
        start_s, stop_s: (k,) seconds, ascending, without overlap.
        stages: (k,) class numbers, -1 for none.
        epoch_s: length of an epoch.

    Returns:
        begin_s (n,) starts of the epochs; stages (n,) int64 with -1 for none.
    """
    many = int(np.floor((stop_s[-1] - start_s[0]) / epoch_s + 1e-6))
    begin = start_s[0] + epoch_s * np.arange(many)
    out = np.full(many, -1, np.int64)
    for stage in np.unique(stages[stages >= 0]):
        of_it = stages == stage
        a, b = start_s[of_it], stop_s[of_it]
        # seconds of this stage up to a time: its difference over an epoch is what the epoch has of it
        edges, total = np.ravel([a, b], "F"), np.repeat(np.cumsum(b - a), 2)
        total[::2] -= b - a
        until = [np.interp(at, edges, total) for at in (begin, begin + epoch_s)]
        out[until[1] - until[0] > epoch_s - 1e-3] = stage
    return begin, out


def read_night(
    psg_path: str | Path,
    hypnogram_path: str | Path,
    *,
    channel: str = CHANNEL,
    to_fs: float = 100.0,
    epoch_s: float = 30.0,
    band_hz: tuple[float, float] | None = BAND_HZ,
    trim_s: float | None = TRIM_S,
) -> Night:
    """Read one night: the stages, and of the one channel what lies around sleep.

    R&K's stages 3 and 4 become N3; movement time and what was not scored are dropped. From 30 minutes before the first
    epoch of sleep to 30 minutes after the last one is kept. That stretch is read (with a minute on both sides),
    filtered without delay, resampled, and then cut, so that epochs have no edges of their own.

    Args:
        psg_path, hypnogram_path: EDF or EDF+ files that begin at the same time.
        channel: label of the signal, in any case of letters.
        to_fs: sampling rate of the epochs in Hz.
        epoch_s: length of an epoch in seconds, a whole number of samples.
        band_hz: cut-offs in Hz of the band-pass (Butterworth of order 4, forwards and backwards); None for none.
        trim_s: how much wake is kept before and after sleep, in seconds; None keeps all of it.

    Raises:
        FileNotFoundError: no such file.
        DataError: damaged files, files of two nights, no such channel, an impossible unit; the message names the file.
        ValueError: arguments that do not fit.
    """
    import mne  # takes a second: only who reads waits for it

    psg_path, hypnogram_path = Path(psg_path), Path(hypnogram_path)
    length = whole_samples(epoch_s, to_fs, "epoch_s")
    header = read_header(psg_path)
    which = _signal(psg_path, header, channel)
    if not header.record_s:
        raise damaged(psg_path, got="data records of 0 s", expected="signals", cause="a file of annotations alone")
    fs = header.samples[which] / header.record_s
    top = band_hz[1] if band_hz else 0.0
    if min(fs, to_fs) / 2 <= top:
        raise ValueError(
            f"got {psg_path.name} with {channel} at {fs:g} Hz and to_fs={to_fs:g} Hz, expected more than "
            f"{2 * top:g} Hz for a band up to {top:g} Hz"
        )
    begin, stages = staged(*_scored(psg_path, hypnogram_path, header), epoch_s=epoch_s)
    stages[begin + epoch_s > header.duration_s + 1e-6] = -1
    asleep = np.flatnonzero(stages > 0)
    if not len(asleep):
        raise damaged(hypnogram_path, got="no epoch of sleep", expected="a night", cause="a recording that was stopped")
    around = len(stages) if trim_s is None else round(trim_s / epoch_s)
    inside = np.arange(max(0, asleep[0] - around), min(len(stages), asleep[-1] + around + 1))
    inside = inside[np.flatnonzero(stages[inside] >= 0)[0] :]
    inside = inside[: np.flatnonzero(stages[inside] >= 0)[-1] + 1]

    # whole samples of the file, and a margin that is a whole number of samples of the result too
    first = max(0.0, begin[inside[0]] - MARGIN_S)
    last = min(header.duration_s, begin[inside[-1]] + epoch_s + MARGIN_S)
    at = round(first * fs)
    try:
        raw = mne.io.read_raw_edf(psg_path, include=[header.labels[which]], preload=False, verbose="ERROR")
        x = raw.get_data(start=at, stop=round(last * fs), verbose="ERROR")[0] * 1e6
    except Exception as error:  # MNE raises what its parsing happens to meet
        raise damaged(psg_path, got="samples that cannot be read", expected="an EDF file", error=error) from error
    if band_hz:
        x = dsp.filtered(x, fs, low=band_hz[0], high=band_hz[1])
    x = dsp.resampled(x, fs, to_fs)
    start = np.round((begin[inside] - at / fs) * to_fs).astype(int)
    stretch = x[start[0] : start[-1] + length]
    low, high = np.percentile(stretch, [25, 75])
    scale = float(high - low) / 1.349
    if not PLAUSIBLE_UV[0] <= scale <= PLAUSIBLE_UV[1]:
        raise damaged(
            psg_path,
            got=f"{header.labels[which]} with a spread of {round(scale, 4):g} uV",
            expected=f"an EEG, {PLAUSIBLE_UV[0]:g} to {PLAUSIBLE_UV[1]:g} uV",
            cause=f"samples in another unit than the header says ({header.units[which]}), or an electrode that was off",
            todo="look at the signal; correct the unit in the header, or leave this night out",
        )
    keep = stages[inside] >= 0
    rows = start[keep][:, None] + np.arange(length)
    match = sleepedf_files.FILE.fullmatch(psg_path.name)
    night = match["night"] if match else ""
    return Night(
        epochs=x[rows].astype(np.float32),
        stages=stages[inside][keep],
        epoch=inside[keep].astype(np.int64),
        start_s=begin[inside][keep],
        scale_uv=scale,
        subject=night[:5],
        night=night,
        fs=float(to_fs),
        simulated=header.simulated,
    )


def nights(
    folder: str | Path,
    *,
    channel: str = CHANNEL,
    to_fs: float = 100.0,
    epoch_s: float = 30.0,
    cache: bool | Path = True,
    progress: bool | None = None,
) -> Cohort:
    """The epochs of all nights of a folder, see `read_night`.

    Each night is divided by its own robust spread (``scale_uv``: interquartile range / 1.349 of its filtered signal,
    all stages together): people and electrodes differ in gain. That looks at the whole night, at no stage and at no
    other night. Signals times ``scale_uv`` are uV again.

    Args:
        folder: of the project or of its files, real or simulated.
        channel, to_fs, epoch_s: see `read_night`.
        cache: keep the result in the data folder and open it from there, memory-mapped, while neither the files nor
            this code have changed; a path is the folder to keep it in. False computes and writes nothing, and needs
            the memory for all of it (16 MB a night).
        progress: show a progress bar; None shows it on a terminal only.

    Returns:
        Cohort ``"sleep"``: signals (n, 1, samples) float32, memory-mapped (changing them changes no file); labels 0 W,
        1 N1, 2 N2, 3 N3, 4 REM; subjects; columns ``night``, ``epoch`` (place in the night: a step of more than 1 is a
        gap), ``start_s`` (seconds) and ``scale_uv``. Nights follow each other, and epochs within them.

    Raises:
        FileNotFoundError: no nights.
        DataError: a damaged one.
    """
    folder = Path(folder)
    found = night_files(folder)
    how = {"channel": channel, "to_fs": to_fs, "epoch_s": epoch_s}

    def make(add: Callable[[np.ndarray], object]) -> dict[str, np.ndarray]:
        return _epochs(folder, found, how, add, progress)

    if cache is False:
        arrays = window_cache.in_memory(make)
    else:
        arrays = window_cache.kept(
            None if cache is True else Path(cache),
            "sleep",
            folder=folder,
            files=[path for night in found for path in (night.psg, night.hypnogram)],
            code=CODE,
            how=how,
            make_in_pieces=make,
        )
    simulated = bool(arrays["simulated"])
    return Cohort(
        name="sleep",
        signals=arrays["signals"],
        labels=arrays["labels"],
        subjects=arrays["subjects"],
        fs=float(to_fs),
        classes=CLASSES,
        channels=(channel,),
        source="simulated" if simulated else "real",
        citation="simulated by PhysioDL, from no person" if simulated else CITATION,
        licence="CC0-1.0" if simulated else LICENCE,
        columns={name: arrays[name] for name in ("night", "epoch", "start_s", "scale_uv")},
    )


def _epochs(
    folder: Path,
    found: list[NightFiles],
    how: dict,
    add: Callable[[np.ndarray], object],
    progress: bool | None,
) -> dict[str, np.ndarray]:
    """Give the signals of one night after the other to ``add``; return the other arrays of `nights`."""
    files = [path for night in found for path in (night.psg, night.hypnogram)]
    altered = registry.against_sums(folder, [path.relative_to(folder).as_posix() for path in files])
    if altered:
        raise damaged(folder / altered[0], got="another checksum", expected=f"that of {registry.SUMS}")
    parts, kinds = [], set()
    hidden = None if progress is None else not progress
    for files_of in tqdm(found, desc="reading nights", unit="night", leave=False, disable=hidden):
        night = read_night(files_of.psg, files_of.hypnogram, **how)
        kinds.add(night.simulated)
        if len(kinds) > 1:
            raise ValueError(f"{folder} holds simulated and real nights: keep them in two folders")
        add((night.epochs / np.float32(night.scale_uv))[:, None])
        n = len(night.stages)
        parts.append(
            {
                "labels": night.stages,
                "subjects": np.full(n, files_of.subject),
                "night": np.full(n, files_of.night),
                "epoch": night.epoch,
                "start_s": night.start_s,
                "scale_uv": np.full(n, night.scale_uv),
            }
        )
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return arrays | {"simulated": np.array(kinds == {True})}


def _signal(path: Path, header: Header, channel: str) -> int:
    """Which signal of a file is the channel."""

    def plain(label: str) -> str:
        return " ".join(label.lower().split())

    which = [k for k, label in enumerate(header.labels) if plain(label) == plain(channel)]
    if len(which) != 1:
        raise damaged(
            path,
            got=f"{len(which) or 'no'} channel {channel!r} among {', '.join(header.labels)}",
            expected="one of that name",
            cause="a recording of another montage, or a name that is spelt in another way",
            todo="say which of them it is (channel=...), or leave this night out",
        )
    if header.units[which[0]] not in UNITS:
        raise damaged(path, got=f"{channel} in {header.units[which[0]]!r}", expected=f"a unit of {', '.join(UNITS)}")
    return which[0]


def _scored(psg: Path, hypnogram: Path, header: Header) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scored stretches of a hypnogram, once it is clear that they are of this recording."""
    begins = read_header(hypnogram).start
    both = "PSG and hypnogram of one night begin together"
    if begins != header.start:
        raise damaged(hypnogram, got=f"start {begins}, while {psg.name} starts {header.start}", expected=both,
                      cause="files of two nights or of two subjects")  # fmt: skip
    start_s, stop_s, stages = read_stages(hypnogram)
    asleep = stages > 0
    if asleep.any() and stop_s[asleep].max() > header.duration_s + 30.0:
        raise damaged(
            hypnogram,
            got=f"sleep until {stop_s[asleep].max():g} s, while {psg.name} ends at {header.duration_s:g} s",
            expected=both,
            cause="files of two nights, or a PSG that was cut short",
        )
    if stages[-1] > 0 and stop_s[-1] < header.duration_s - TRIM_S:
        raise damaged(
            hypnogram,
            got=f"an end in sleep at {stop_s[-1]:g} s, while {psg.name} goes on to {header.duration_s:g} s",
            expected="stages to the end of the recording",
            cause="files of two nights, or a hypnogram that was cut short",
        )
    return start_s, stop_s, stages
