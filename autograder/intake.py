"""Submissions from a download or from folders into a class (`autograder import`).

Everything is read first, one notebook at a time, into a hidden folder of the class; then each is moved to its place
at once. What is not taken is named with the reason and stops nothing else. A notebook that is replaced stays beside
the new one, in older/.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from autograder.entries import Refused, open_regular, shown
from autograder.handins import HandIn, cell_names, parse_stamp, read_source
from autograder.klass import ClassError, Klass, locked, read_journal, registered, write_journal, write_text
from autograder.senders import Roster, file_key, fold, open_roster, safe_student

STATUSES = ("new", "replaced", "unchanged", "refused")
TICK = timedelta(seconds=2)  # zip files keep times to two seconds


@dataclass(frozen=True)
class Arrival:
    """What became of one file. `student` and `assignment` are "" where they could not be told."""

    student: str
    assignment: str
    name: str
    status: str  # one of STATUSES
    why: str = ""


@dataclass
class _Past:
    """What earlier imports wrote down.

    sent    (student, assignment, sha256) -> number of the upload in Canvas, 0 where unknown
    who     student -> senders that were kept under this id without a roster
    bound   sender -> student
    """

    sent: dict[tuple[str, str, str], int] = field(default_factory=dict)
    who: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    bound: dict[str, str] = field(default_factory=dict)

    def add(self, student: str, assignment: str, sha256: str, who: str, upload: int, sure: bool) -> None:
        self.sent[student, assignment, sha256] = max(upload, self.sent.get((student, assignment, sha256), 0))
        if who:
            self.bound[who] = student
            self.who[student] |= set() if sure else {who}


def bring_in(
    klass: Klass,
    paths: Iterable[str | Path],
    *,
    assignment: str | None = None,
    roster: str | Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Arrival]:
    """Take the notebooks in zips, tars, folders and single files into the class; returns one `Arrival` for each.

    assignment  what all of them are for; else it is found from their cells, or from their names
    roster      CSV with the columns student, name, email, lms_id; who is not on it is refused
    progress    hears the name of each file before it is read

    Raises `ClassError` where nothing is done: an unknown assignment, a path that does not exist or lies in the class,
    a roster that cannot be read, a class at which another autograder is at work.
    """
    names = registered(klass)
    if assignment is not None and assignment not in names:
        raise ClassError(f"this class has no assignment {assignment!r}; it has {', '.join(names) or 'none'}.")
    sources = [_source(klass, Path(path)) for path in paths]
    people = open_roster(roster) if roster else None
    options = {"assignment": assignment, "roster": people, "leave": Path(roster).resolve() if roster else None}
    with locked(klass), _staging(klass) as stage:
        cells = cell_names(klass)
        items = [i for path in sources for i in read_source(path, stage, cells, progress=progress, **options)]
        past = _past(klass)
        for item in items:
            _find_student(item, past, people)
        _refuse_clashes(klass, items, past)
        items = _without_weak(items)
        before = dict(past.sent)
        arrivals = {
            id(i): _take(klass, i, past) for i in sorted(items, key=lambda i: i.sender.upload if i.sender else 0)
        }
        arrivals = [arrivals[id(item)] for item in items]
        _write_down(klass, sources, items, arrivals, before)
    return arrivals


def _source(klass: Klass, path: Path) -> Path:
    try:
        found = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise ClassError(f"{path} does not exist. Give the download of the LMS, a folder or a notebook.") from None
    if found.is_relative_to(klass.root) or klass.root.is_relative_to(found):
        raise ClassError(f"{path} holds the class or a part of it. Give a folder outside of {klass.root}.")
    return found


@contextmanager
def _staging(klass: Klass) -> Iterator[Path]:
    """A hidden folder of the class, gone at the end; one that was left when an import was killed goes as well."""
    for left in klass.root.glob(".import-*"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        stage = Path(tempfile.mkdtemp(prefix=".import-", dir=klass.root))
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    except OSError as error:
        raise ClassError(
            f"the import stopped: {error}. What had come in is in its place; import the same again to go on."
        ) from error


# --- whose it is ---


def _find_student(item: HandIn, past: _Past, roster: Roster | None) -> None:
    """Give a file its student's id, or refuse it where that is nobody's."""
    sender = item.sender
    if sender is None or sender.why:
        return
    try:
        label = unicodedata.normalize("NFC", sender.label)
        item.who = f"{sender.form}:{f'{item.assignment}:' if sender.form == 'moodle' else ''}{sender.number or label}"
        if roster:
            item.student, item.sure = roster.find(sender), True
            item.who = item.who if sender.number else ""
            return
        if sender.form == "canvas":
            label = "_".join(filter(None, (label, sender.number)))
        elif item.twin:
            label = f"{label}_{sender.number}"
        item.student = past.bound.get(item.who) or safe_student(label)
        if item.student != label:
            item.notes.append(f"the sender {shown(label)!r} is kept as {item.student!r}")
        elif sender.form == "plain":
            item.who = ""
        if item.twin:
            item.notes.append("several participants have this name; a roster tells them apart in all assignments")
    except Refused as error:
        item.why = item.why or str(error)


def _refuse_clashes(klass: Klass, items: list[HandIn], past: _Past) -> None:
    """Refuse what would mix up two students, and two files of a student of which neither is known to be the newer."""
    folder = klass.root / "submitted"
    there = {fold(p.name): p.name for p in (folder.iterdir() if folder.is_dir() else ()) if not p.name.startswith(".")}
    students, works = defaultdict(list), defaultdict(list)
    for item in (i for i in items if not i.why):
        students[fold(item.student)].append(item)
    for folded, group in students.items():
        spellings = {i.student for i in group} | ({there[folded]} if folded in there else set())
        senders = {i.who for i in group if not i.sure} | past.who.get(group[0].student, set())
        for item in group:
            others = sorted(who for who in senders if not item.sure and _differ(who, item.who))
            if len(spellings) > 1:
                item.why = (
                    f"the students {' and '.join(sorted(map(repr, spellings)))} differ in upper and lower case only. "
                    "Rename one, or give a roster"
                )
            elif others:
                item.why = (
                    f"the student {item.student!r} would be two senders: {shown(item.who)} and {shown(others[0])}. "
                    "Rename one, or give a roster with their lms_id"
                )
            else:
                works[item.student, item.assignment].append(item)
    for (student, assignment), group in works.items():
        uploads = {(i.sender.number, file_key(i.sender.file)) for i in group if i.sender.upload}
        in_order = len(uploads) == 1 and all(i.sender.upload for i in group)
        if len({i.sha256 for i in group}) > 1 and not in_order:
            names = "; ".join(i.name for i in group[:4])
            for item in group:
                item.why = (
                    f"{len(group)} different notebooks of {student!r} are for {assignment}, and nothing says which "
                    f"is the newest ({names}). Import the right one alone"
                )
                if item.sender.form == "plain":
                    item.why += (
                        f". If {student!r} is not a student, name the folder or archive inside it, or give a roster"
                    )


def _differ(one: str, other: str) -> bool:
    """Whether two senders are two people; a participant of Moodle has another number in each assignment."""
    if not one or not other or one == other:
        return False
    a, b = one.split(":", 2), other.split(":", 2)
    return not (a[0] == b[0] == "moodle" and a[1] != b[1])


def _without_weak(items: list[HandIn]) -> list[HandIn]:
    """Leave out what lies beside a notebook; where a sender handed in no notebook at all, one file stands for all."""

    def sender(item: HandIn) -> tuple[str, str]:
        return (item.sender.form, item.sender.number or fold(item.sender.label)) if item.sender else ("", item.name)

    strong = {sender(i) for i in items if not i.weak}
    first: dict[tuple[str, str], HandIn] = {}
    for item in (i for i in items if i.weak):
        first.setdefault(sender(item), item)
    return [i for i in items if not i.weak or (sender(i) not in strong and first[sender(i)] is i)]


# --- into the class ---


def _take(klass: Klass, item: HandIn, past: _Past) -> Arrival:
    facts = (item.student, item.assignment, item.name)
    try:
        if item.why:
            raise Refused(item.why)
        status, why = _place(klass, item, past)
    except Refused as error:
        return Arrival(*facts, "refused", str(error))
    return Arrival(*facts, status, "; ".join(filter(None, (why, *item.notes))))


def _place(klass: Klass, item: HandIn, past: _Past) -> tuple[str, str]:
    """Move a notebook to its place, or find that it need not go there; returns the status and what is to be said.

    The time goes first: killed in between, the next import finds the old notebook and does the rest.
    """
    student, assignment = item.student, item.assignment
    target = klass.notebook("submitted", assignment, student)
    folder, older = target.parent, target.parent / "older"
    for place in (folder.parent.parent, folder.parent, folder, older):
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise Refused(f"{place.relative_to(klass.root)} in the class is a link or a file, not a folder; remove it")
    if target.is_symlink():
        raise Refused(f"{target.relative_to(klass.root)} in the class is a link, and links are not followed; remove it")
    status, why, stamp = "new", "", folder / "timestamp.txt"
    if target.exists():
        there = _sha256(target)
        if there == item.sha256:
            past.add(student, assignment, there, item.who, item.sender.upload, item.sure)
            return "unchanged", "the same notebook is there"
        newer, kept = _is_newer(item, past.sent.get((student, assignment, there), 0), stamp), _kept(older, item.sha256)
        if kept and not newer:
            return "unchanged", "the notebook there is a newer one"
        if newer is False:
            raise Refused(f"it is older than the notebook there. To take it all the same, move {target} away")
        _keep(target, older, there)
        status, why = "replaced", f"the one before is kept in {older.relative_to(klass.root)}"
    folder.mkdir(parents=True, exist_ok=True)
    if item.time:
        write_text(f"{item.time:%Y-%m-%d %H:%M:%S.%f} UTC\n", stamp)
    else:
        stamp.unlink(missing_ok=True)
    os.chmod(item.staged, 0o644)
    os.replace(item.staged, target)
    past.add(student, assignment, item.sha256, item.who, item.sender.upload, item.sure)
    return status, why


def _is_newer(item: HandIn, upload: int, stamp: Path) -> bool | None:
    """Whether a notebook was handed in after the one in the class; None where neither numbers nor times say so."""
    if item.sender.upload and upload and item.sender.upload != upload:
        return item.sender.upload > upload
    if item.time and stamp.is_file() and not stamp.is_symlink():
        there = parse_stamp(stamp.read_text(encoding="utf-8", errors="replace")[:200])
        if there and abs(item.time - there) > TICK:
            return item.time > there
    return None


def _sha256(path: Path) -> str:
    try:
        with os.fdopen(open_regular(path, follow=False), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Refused(f"the notebook that is in the class cannot be read: {error.strerror}") from None


def _kept(older: Path, sha256: str) -> bool:
    return any(older.glob(f"*-{sha256[:16]}.ipynb"))


def _keep(target: Path, older: Path, sha256: str) -> None:
    """Put the notebook that is replaced beside the new one: older/01-<hash>.ipynb, 02-..., once each."""
    if _kept(older, sha256):
        return
    older.mkdir(exist_ok=True)
    place = older / f"{len(list(older.glob('*.ipynb'))) + 1:02d}-{sha256[:16]}.ipynb"
    half = place.with_suffix(".part")
    shutil.copyfile(target, half)
    os.replace(half, place)


# --- the journal ---


def _past(klass: Klass) -> _Past:
    past = _Past()
    for entry in read_journal(klass):
        for one in entry.get("taken", []) if entry.get("event") == "import" else []:
            past.add(*(one[key] for key in ("student", "assignment", "sha256", "who", "upload", "sure")))
    return past


def _write_down(
    klass: Klass,
    sources: list[Path],
    items: list[HandIn],
    arrivals: list[Arrival],
    before: dict[tuple[str, str, str], int],
) -> None:
    """One journal entry for an import that did or refused anything."""
    taken = []
    for item, arrival in zip(items, arrivals, strict=True):
        if arrival.status == "refused":
            continue
        upload = item.sender.upload
        if arrival.status != "unchanged" or before.get((item.student, item.assignment, item.sha256), -1) < upload:
            facts = {
                "who": item.who,
                "sure": item.sure,
                "upload": upload,
                "late": item.sender.late,
                "sha256": item.sha256,
            }
            facts["time"] = item.time.isoformat(timespec="seconds") if item.time else None
            taken.append({k: getattr(arrival, k) for k in ("student", "assignment", "name", "status")} | facts)
    refused = [{"name": a.name, "student": a.student, "why": a.why} for a in arrivals if a.status == "refused"]
    if taken or refused:
        unchanged = sum(a.status == "unchanged" for a in arrivals)
        write_journal(
            klass, "import", files=[shown(str(p)) for p in sources], taken=taken, refused=refused, unchanged=unchanged
        )
