"""Checking a class's journal: its chain, entry by entry, and its newest gradings against the gradebook."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from autograder import spool
from autograder.journal import GRADINGS, is_whole, parsed, torn_hash
from autograder.klass import Klass
from autograder.marks import all_marks, auto_points

Entry = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """Something wrong with the journal. `line` counts from 1 and is 0 where the fault is in no one line."""

    line: int
    time: str
    student: str
    what: str

    def __str__(self) -> str:
        where = [self.line and f"line {self.line}", self.time, self.student and f"student {self.student}"]
        return f"{', '.join(filter(None, where))}: {self.what}"


@dataclass
class Verdict:
    """What `verify` found: chained entries, entries from before the chain, faults, notes, the last entry's hash."""

    entries: int = 0
    unchained: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last: str = ""


def verify(klass: Klass, *, noted: str = "") -> Verdict:
    """Check the chain from its first entry to its last, then the newest gradings against the gradebook.

    `faults[0]` names the first entry that was changed, removed, inserted or reordered. `noted` is a last hash (or its
    beginning) that was noted down earlier: where its entry is no longer there, the end was cut off. Writes nothing. To
    be called while nobody grades (within `klass.locked`).
    """
    data = klass.journal.read_bytes() if klass.journal.exists() else b""
    lines = data.split(b"\n")
    entries = [parsed(line) for line in lines]
    verdict = Verdict()
    _check_chain(klass, lines, entries, verdict)
    if noted and not any(e and str(e.get("hash", "")).startswith(noted) for e in entries):
        what = f"no entry has the hash {noted}, which was noted down as the last: it and all after it were cut off"
        verdict.faults.append(Fault(0, "", "", what))
    if not verdict.faults:
        _compare_with_gradebook(klass, entries, verdict)
    return verdict


# --- the chain ---


def _check_chain(klass: Klass, lines: list[bytes], entries: list[Entry | None], verdict: Verdict) -> None:
    chained = [k for k, e in enumerate(entries) if e and "hash" in e]
    begin = chained[0] if chained else len(lines)
    verdict.unchained = sum(e is not None for e in entries[:begin])
    if not chained:
        verdict.notes.append("no entry is chained yet; the next one begins the chain")
        return
    whole = {k: is_whole(klass, lines[k], entries[k]) for k in chained}
    if not any(whole.values()):
        what = "no entry fits secret.key: it is not the key that this journal was written with"
        verdict.faults.append(_fault(begin, entries[begin], what))
        return
    place: dict[str, int] = {}  # hash -> where its entry first stands
    for k in chained:
        if whole[k]:
            place.setdefault(entries[k]["hash"], k)
    following = dict(zip(chained, chained[1:], strict=False))
    expected = hashlib.sha256(b"".join(line + b"\n" for line in lines[:begin])).hexdigest()
    cut: list[int] = []  # lines since the last chained entry that are no entries
    for k in range(begin, len(lines)):
        entry = entries[k]
        if entry is None:
            cut += [k] if lines[k] else []
            continue
        if "hash" not in entry:
            verdict.faults.append(_fault(k, entry, "was inserted: it has no hash, and entries above it have one"))
            continue
        verdict.entries += 1
        _check_torn(lines, cut, k, entry, verdict)
        cut = []
        if not whole[k]:
            after = entries[following[k]].get("previous") if k in following else None
            inserted = after == expected and after is not None
            what = "was inserted" if inserted else "was changed" if after else "was changed or inserted"
            verdict.faults.append(_fault(k, entry, f"{what}: it does not fit its hash under this class's key"))
            expected = expected if inserted else after
            continue
        if expected is not None and entry["previous"] != expected:
            verdict.faults.append(_fault(k, entry, _why_broken(entry, k, place, lines, first=k == begin)))
        expected = entry["hash"]
    if cut and not lines[-1]:
        verdict.faults.append(Fault(cut[0] + 1, "", "", "is no entry: it was changed, inserted or cut off"))
    elif cut:
        verdict.notes.append(f"line {cut[0] + 1} was cut off when its writer was killed; the next entry will say so")
    verdict.faults.sort(key=lambda fault: fault.line)
    verdict.last = str(entries[chained[-1]]["hash"])


def _check_torn(lines: list[bytes], cut: list[int], k: int, entry: Entry, verdict: Verdict) -> None:
    """Lines that are no entries are right where the entry below them says that they were cut off."""
    said = entry.get("torn", "")
    if cut and said == torn_hash([lines[n] for n in cut]):
        verdict.notes.append(f"line {cut[0] + 1} was cut off when its writer was killed; line {k + 1} says so")
    elif cut:
        verdict.faults.append(Fault(cut[0] + 1, "", "", "is no entry: it was changed, or inserted"))
    elif said:
        verdict.faults.append(_fault(k, entry, "names a cut-off line above it, which was removed"))


def _why_broken(entry: Entry, k: int, place: dict[str, int], lines: list[bytes], *, first: bool) -> str:
    """Why an entry that is whole does not follow the one above it."""
    before = place.get(entry["previous"])
    if place[entry["hash"]] != k:
        return f"was inserted: it is a copy of line {place[entry['hash']] + 1}"
    if before is not None and before > k:
        return f"was reordered: it follows the entry that now stands in line {before + 1}"
    if before is not None:
        return f"does not follow the entry above it but line {before + 1}: entries between were inserted or reordered"
    if first and k:
        return "lines above it, from before the chain, were changed, or the first entries of the chain removed"
    return "one or more entries just above it were removed"


def _fault(index: int, entry: Entry, what: str) -> Fault:
    return Fault(index + 1, str(entry.get("time", "")), str(entry.get("student", "")), what)


# --- the gradebook ---


def _compare_with_gradebook(klass: Klass, entries: list[Entry | None], verdict: Verdict) -> None:
    """Where the gradebook knows more than the journal, its end was cut off, or marks came in another way.

    Only points that tests gave are compared: marks by hand are given in the gradebook and nowhere else.
    """
    latest = {
        (e["student"], e["assignment"]): (k, e) for k, e in enumerate(entries) if e and e.get("event") in GRADINGS
    }
    unfinished = set(spool.waiting(klass))
    book = all_marks(klass)
    for key in sorted({*latest, *book}):
        student, assignment = key
        if key in unfinished:
            verdict.notes.append(f"{student}, {assignment}: its recording was interrupted; autograder grade ends it")
            continue
        now = auto_points(book.get(key, []))
        if key not in latest:
            if any(points is not None for points in now.values()):
                what = (
                    f"the gradebook has points for {assignment} of which the journal knows nothing: its end was cut "
                    "off, or nbgrader's own autograde gave them"
                )
                verdict.faults.append(Fault(0, "", student, what))
            continue
        k, entry = latest[key]
        if "hash" not in entry:
            continue  # from before the chain, when marks by hand were not told apart
        then = {**entry["points"], **entry.get("auto", {})}
        other = [
            f"{task}: {_number(then[task])} here, {_number(now[task])} there"
            for task in then
            if task in now and not _same(then[task], now[task])
        ]
        if not now:
            other = ["which has none"]
        if other:
            what = (
                f"this is the last entry for {assignment}, but the gradebook has other points ({'; '.join(other)}): "
                "later entries were cut off, or another program changed the gradebook"
            )
            verdict.faults.append(_fault(k, entry, what))


def _same(one: float | None, other: float | None) -> bool:
    return one is other or (one is not None and other is not None and abs(one - other) < 1e-9)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"
