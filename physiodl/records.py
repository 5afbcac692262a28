"""WFDB records: three files per recording, read, checked and put into one order.

``.hea`` is text: sampling rate, length, leads, gain, comments. ``.dat`` holds the samples, ``.atr`` the annotations:
beats, and changes of rhythm that hold until the next one. `physiodl.mitdb` makes windows of them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from physiodl.afdata import DataError

log = logging.getLogger("physiodl")

# One person, as PhysioNet's description of MIT-BIH says. A simulated record names its subject in its header.
SUBJECT_OF: Mapping[str, str] = {"202": "201"}
# Beats that the annotators mark: normal, bundle branch blocks, ectopic, fused, paced, escape, unknown. The other marks
# are changes of rhythm, of signal quality, and comments. (PhysioNet's list of annotation codes.)
BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")
# MLII sees the heart from below left; of the chest leads V5 sees it most nearly so, V1 from the opposite side.
LEAD_ORDER = ("MLII", "II", "V5", "V6", "V4", "V3", "V2", "V1")
FILES = (".hea", ".dat", ".atr")
_MV = {"mV": 1.0, "uV": 1e-3, "V": 1e3}
_BYTES = {"80": 1, "212": 1.5, "16": 2, "61": 2, "160": 2, "24": 3, "32": 4}  # per sample, in the formats of WFDB


@dataclass(frozen=True)
class Record:
    """One recording of one person.

    Attributes:
        name: of the record, such as ``"201"``.
        subject: who was recorded; two records can have one subject.
        signals: (leads, samples) float32 mV; NaN where the file marks a sample as not recorded.
        leads: name of each row of ``signals``, in the order of `LEAD_ORDER`, whatever the order in the file.
        fs: sampling rate in Hz.
        beats: sample numbers (k,) and symbols (k,) of the annotated beats.
        rhythms: (start, stop, label) in samples, stop excluded, label as in the file, such as ``"(AFIB"``. Samples
            before the first entry belong to no rhythm.
        paced: whether a pacemaker drives some of the beats.
        comments: lines of the header: age, sex, medication, remarks.
    """

    name: str
    subject: str
    signals: np.ndarray
    leads: tuple[str, ...]
    fs: float
    beats: tuple[np.ndarray, np.ndarray]
    rhythms: list[tuple[int, int, str]]
    paced: bool
    comments: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether the header says that nobody was recorded."""
        return any("SIMULATED" in line for line in self.comments)


def record_names(folder: str | Path) -> list[str]:
    """Names of the records of a folder whose three files are there, in the order of RECORDS (of names without one).

    A record of which only some files are there is left out and named in a warning; `read_record` says what is missing.

    Raises:
        FileNotFoundError: no folder, or no complete record in it.
    """
    folder = Path(folder)
    listed = folder / "RECORDS"
    names = listed.read_text().split() if listed.is_file() else sorted(path.stem for path in folder.glob("*.hea"))
    there = {name: [(folder / (name + suffix)).is_file() for suffix in FILES] for name in dict.fromkeys(names)}
    parts = [name for name, files in there.items() if any(files) and not all(files)]
    if parts:
        log.warning("%s: incomplete records are left out: %s", folder, ", ".join(parts))
    whole = [name for name, files in there.items() if all(files)]
    if not whole:
        raise FileNotFoundError(
            f"no WFDB records in {folder}: got {len(names)} names, none with its files {', '.join(FILES)}; "
            "expected the folder in which RECORDS lies (run `python data_fetch.py mitdb`, or add --simulate)"
        )
    return whole


def read_record(folder: str | Path, name: str) -> Record:
    """Read one record and check that its files fit together.

    Checked are the presence and length of the files, the checksum of each lead (WFDB headers carry one), the order and
    end of the annotations. Leads are put into one order by name: record 114 has its two the other way round, 102 and
    104 have no MLII, so that a row number alone says nothing.

    Args:
        folder: where the files lie.
        name: of the record.

    Raises:
        DataError: a file is missing, cut short or altered; the message says which and how.
    """
    import wfdb  # takes a second, with pandas: only who reads records waits for it

    folder = Path(folder)
    path = folder / name
    missing = [name + suffix for suffix in FILES if not (folder / (name + suffix)).is_file()]
    if missing:
        raise damaged(path, got=f"no {', '.join(missing)}", expected="three files, .hea, .dat and .atr")
    header = _header(path)
    try:
        record = wfdb.rdrecord(str(path), physical=False)
    except Exception as error:  # wfdb raises what its parsing happens to meet, of many types
        raise damaged(path, got="samples that cannot be read", expected="a WFDB signal file", error=error) from error
    sums = record.calc_checksum()
    wrong = [
        lead
        for lead, announced, found in zip(header.sig_name, header.checksum, sums, strict=True)
        if announced is not None and (announced - found) % 65_536
    ]
    if wrong:
        raise damaged(path, got=f"samples of {', '.join(wrong)} with another checksum", expected="that of the header")
    millivolts = record.dac(return_res=32)  # NaN where the file has its mark for "not recorded"
    millivolts *= np.asarray([_MV[unit] for unit in header.units], np.float32)
    leads = tuple(header.sig_name)
    order = [k for k in range(len(leads)) if not np.isnan(millivolts[:, k]).all()]
    order.sort(key=lambda k: lead_rank(leads[k]))
    if len(order) < len(leads):
        log.warning("%s: a lead without any sample is left out", path)
    if not order:
        raise damaged(path, got="no sample in any lead", expected="a recording")
    marks = _annotations(path, header.fs, header.sig_len)
    at, symbols, notes = marks
    is_beat = np.isin(symbols, list(BEAT_SYMBOLS))
    starts = [(int(a), n) for a, s, n in zip(at, symbols, notes, strict=True) if s == "+" and n.startswith("(")]
    stops = [*(start for start, _ in starts), header.sig_len][1:]  # a rhythm holds until the next, or the end
    comments = tuple(header.comments)
    return Record(
        name=name,
        subject=_subject(name, comments),
        signals=np.ascontiguousarray(millivolts[:, order].T),
        leads=tuple(leads[k] for k in order),
        fs=float(header.fs),
        beats=(at[is_beat], symbols[is_beat]),
        rhythms=[(start, stop, label) for (start, label), stop in zip(starts, stops, strict=True) if stop > start],
        paced=bool(np.isin(symbols, ["/", "f"]).any()) or any(n == "(P" for n in notes) or _says_paced(comments),
        comments=comments,
    )


def check_files(paths: Mapping[str, Path]) -> None:
    """Raise `DataError` unless every record of one folder can be read; ``paths`` gives the place of its files."""
    folders = {path.parent for path in paths.values()}
    for folder in folders:
        for name in sorted({Path(name).stem for name in paths if name.endswith(".hea")}):
            read_record(folder, name)


def bridged(x: np.ndarray) -> np.ndarray:
    """A lead with its gaps filled by straight lines; zeros where nothing was recorded at all."""
    x = np.asarray(x, dtype=float)
    lost = ~np.isfinite(x)
    if lost.all():
        return np.zeros(len(x))
    if lost.any():
        x = x.copy()
        x[lost] = np.interp(np.flatnonzero(lost), np.flatnonzero(~lost), x[~lost])
    return x


def lead_rank(lead: str) -> tuple[int, str]:
    """Key that sorts leads into `LEAD_ORDER`; others follow by name."""
    return (LEAD_ORDER.index(lead) if lead in LEAD_ORDER else len(LEAD_ORDER), lead)


def _subject(name: str, comments: tuple[str, ...]) -> str:
    said = [match[1] for line in comments if (match := re.match(r"\s*subject:\s*(\S+)", line))]
    return said[0] if said else SUBJECT_OF.get(name, name)


def _says_paced(comments: tuple[str, ...]) -> bool:
    """Whether the remarks speak of paced beats; a "wandering atrial pacemaker" is the heart's own."""
    return re.search(r"\bpaced\b|\b(demand|artificial|implanted) pacemaker\b", " ".join(comments)) is not None


def damaged(path: Path, *, got: str, expected: str, error: Exception | None = None) -> DataError:
    """The error for a record, named by its path without a suffix, whose files are not what they must be."""
    return DataError(
        f"record {path.name} in {path.parent} cannot be used",
        got=got + (f" ({type(error).__name__}: {error})" if error else ""),
        expected=expected,
        cause="the download was cut short, or a file was changed afterwards",
        todo="run `python data_fetch.py mitdb`: it fetches damaged files again (simulated ones: add --simulate)",
    )


def _header(path: Path) -> Any:
    """The `wfdb.Record` of the header, once the sample files are as long as it says."""
    import wfdb

    try:
        header = wfdb.rdheader(str(path))
        bytes_of = {}
        for file, fmt, per_frame in zip(header.file_name, header.fmt, header.samps_per_frame, strict=True):
            bytes_of.setdefault(file, []).append(_BYTES[fmt] * per_frame if fmt in _BYTES else None)
        units = [unit for unit in header.units if unit not in _MV]
    except Exception as error:  # as in read_record
        raise damaged(path, got="a header that cannot be read", expected="a WFDB header", error=error) from error
    if units:
        raise damaged(path, got=f"signals in {', '.join(units)}", expected="an ECG in mV, uV or V")
    if not header.sig_len:
        raise damaged(path, got="a header without a length", expected="the number of samples")
    for file, sizes in bytes_of.items():
        if not (path.parent / file).is_file():
            raise damaged(path, got=f"no {file}", expected="the file that the header names")
        found = (path.parent / file).stat().st_size - (header.byte_offset[header.file_name.index(file)] or 0)
        if None not in sizes and found != int(np.ceil(header.sig_len * sum(sizes))):
            held = found / sum(sizes)
            raise damaged(
                path,
                got=f"{file} with {held:g} samples per lead ({held / header.fs:.1f} s)",
                expected=f"{header.sig_len} samples ({header.sig_len / header.fs:.1f} s), which the header announces",
            )
    return header


def _annotations(path: Path, fs: float, n: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Sample numbers, symbols and notes of the ``.atr`` file, checked."""
    import wfdb

    if path.with_name(path.name + ".atr").read_bytes()[-2:] != b"\0\0":  # the format ends with a word of zero
        raise damaged(path, got=f"{path.name}.atr without its end mark", expected="a whole annotation file")
    try:
        marks = wfdb.rdann(str(path), "atr")
    except Exception as error:  # as in read_record
        raise damaged(path, got="annotations that cannot be read", expected="a .atr file", error=error) from error
    at = np.asarray(marks.sample, dtype=np.int64)
    if marks.fs and marks.fs != fs:  # annotations may count in ticks of their own
        at = np.round(at * (fs / marks.fs)).astype(np.int64)
    if len(at) and (at.min() < 0 or at.max() >= n or (np.diff(at) < 0).any()):
        raise damaged(
            path,
            got=f"annotations from sample {at.min()} to {at.max()}, ordered or not",
            expected=f"ascending ones within the {n} samples of the recording",
        )
    return at, np.asarray(marks.symbol, dtype="U1"), [note.rstrip("\0").strip() for note in marks.aux_note]
