"""Who handed in a file: read from the names that Canvas and Moodle give, or from plain folders and file names.

Students choose the names of their files and, in Canvas, their own name. So a sender is read only from what the learning
system or the instructor put there, from the outside in; a name that could be read in two ways is refused.

Canvas   lastnamefirst[_LATE]_<user>_<upload>_<file>, all in one folder (lib/content_zipper.rb of canvas-lms)
Moodle   First Last_<participant>_assignsubmission_file/<file>, or the same in one name with _ for /
         (mod/assign/classes/downloader.php); a participant has another number in each assignment
plain    <student>/<file>.ipynb, <student>.ipynb, submitted/<student>/<assignment>/<assignment>.ipynb
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.entries import Refused, shown
from autograder.klass import ClassError
from autograder.sheets import Person, read_roster

MAX_STUDENT = 100  # bytes of a student's folder name; file systems take 255, and pages are named after it too
NUMBER = re.compile(r"[1-9][0-9]{0,18}")
MOODLE = re.compile(r"(?P<name>.+?)(?:_(?P<number>[0-9]+))?_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.S)
ANONYMOUS = re.compile(r"(?P<late>LATE_)?(?P<name>anon_[A-Za-z0-9]+)_(?P<upload>[1-9][0-9]*)_(?P<file>.+)", re.S)
NOTEBOOK = re.compile(r"\.ipynb(\.(txt|json))?$", re.I)  # browsers and mail programs add .txt and .json
COPY = re.compile(r"(?:-[0-9]{1,3}|\s?\([0-9]{1,3}\))+$")  # name-1, name (2): added by Canvas and by browsers
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)", re.I)  # names of devices on Windows


@dataclass(frozen=True)
class Sender:
    """Who a file comes from, as far as its path says.

    `label` is the best name for the student and `labels` all that the path holds, from the outside in. `number` is the
    student's in the learning system, `upload` counts Canvas's uploads (a later one has a higher number; 0 if unknown).
    """

    form: str  # "canvas", "moodle" or "plain"
    label: str
    file: str
    labels: tuple[str, ...] = ()
    number: str = ""
    upload: int = 0
    late: bool = False
    why: str = ""


# --- names of students and files ---


def safe_student(label: str) -> str:
    """A name as a folder on any system: no path, no control characters, not hidden, not too long; in NFC.

    A name that is cut ends in eight digits of its hash, so that two long names stay two. Raises `Refused` where nothing
    of the name is left.
    """
    text = unicodedata.normalize("NFC", label)
    text = "".join(c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    text = re.sub(r'[<>:"/\\|?*\[\]]', "_", " ".join(text.split())).strip(" .")
    text = RESERVED.sub(r"\1_", text, count=1) if RESERVED.match(text) else text
    if len(text.encode()) > MAX_STUDENT:
        cut = text.encode()[: MAX_STUDENT - 9].decode(errors="ignore")
        text = f"{cut}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    if not text.strip("_ "):
        raise Refused(f"its sender {shown(label)!r} cannot be the name of a folder")
    return text


def fold(text: str) -> str:
    """What two names share that some file system takes for one: case and Unicode form do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())


def file_key(file: str) -> str:
    """The name of a file without what was added to it when it was handed in again."""
    return fold(COPY.sub("", re.sub(r"\.zip$", "", NOTEBOOK.sub("", file), flags=re.I)))


def named(text: str, assignments: Iterable[str]) -> str:
    """The assignment whose name a file or folder name holds; "" where it holds none, the longest of several."""
    found = [name for name in assignments if f"_{_words(name)}_" in f"_{_words(NOTEBOOK.sub('', text))}_"]
    return max(found, key=len, default="")


def _words(text: str) -> str:
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKC", text).casefold()).strip("_")


# --- the three forms ---


def senders(
    paths: list[tuple[str, ...]],
    where: str,
    assignments: list[str],
    *,
    layout: list[tuple[str, ...]] | None = None,
    roster: Roster | None = None,
) -> list[Sender]:
    """The sender of each path (parts, the file last) of one download; `where` is the name of what they lie in.

    Which folders name students is seen from the paths in `layout` (those of notebooks, say); from all where left out.
    """
    plain = [path for path in (paths if layout is None else layout) if not MOODLE.fullmatch(path[0])]
    cut, unsure = _common([_folders(path, assignments) for path in plain])
    found = []
    for path in paths:
        sender = _moodle(path) or (_canvas(path[0], roster) if len(path) == 1 else None)
        found.append(sender or _plain(path, where, assignments, cut, unsure))
    return found


def _moodle(path: tuple[str, ...]) -> Sender | None:
    match = MOODLE.fullmatch(path[0])
    if not match:
        return None
    file = path[-1] if len(path) > 1 else match["file"] or path[0]
    return Sender("moodle", match["name"], file, (match["name"],), match["number"] or "")


def _canvas(name: str, roster: Roster | None) -> Sender | None:
    """The reading of a name that Canvas made.

    A student who takes the name "Smith_12345", or calls the file "2_01_foundations.ipynb", makes it read in two ways,
    as one of another user. Both are the student's words, so only the roster decides: one of the users has to be on it,
    and the other not.
    """
    pieces, readings = name.split("_"), []
    for k in range(1, len(pieces) - 2):
        if NUMBER.fullmatch(pieces[k]) and NUMBER.fullmatch(pieces[k + 1]):
            late = pieces[k - 1] == "LATE"
            person, file = "_".join(pieces[: k - late]), "_".join(pieces[k + 2 :])
            if not re.search("_[0-9]+_", person):  # Canvas takes such numbers out of names
                sender = Sender("canvas", person, file, (person,), pieces[k], int(pieces[k + 1]), late)
                readings.append(sender)
    if match := ANONYMOUS.fullmatch(name):
        person = match["name"]
        readings.append(
            Sender("canvas", person, match["file"], (person,), "", int(match["upload"]), bool(match["late"]))
        )
    if len(readings) < 2:
        return readings[0] if readings else None
    fitting = [r for r in readings if r.number in roster.numbers] if roster else []
    if len(fitting) == 1:
        return fitting[0]
    users = " or ".join(r.number or r.label for r in readings)
    return Sender(
        "canvas",
        "",
        readings[-1].file,
        why=f"its name can be read in {len(readings)} ways, as one of user {users}. Give a --roster with "
        "their numbers, or look the file up in Canvas, rename it to <student>.ipynb and import that",
    )


def _plain(path: tuple[str, ...], where: str, assignments: list[str], cut: int, unsure: bool) -> Sender:
    file, folders = path[-1], _folders(path, assignments)
    stem = NOTEBOOK.sub("", file)
    stem = COPY.sub("", stem if stem != file else re.sub(r"\.[A-Za-z0-9]{1,5}$", "", file))
    if name := named(stem, assignments):
        pattern = r"[\W_]*".join(map(re.escape, _words(name).split("_")))
        stem = re.sub(pattern, "", unicodedata.normalize("NFC", stem), count=1, flags=re.I).strip(" _-.,")
    inside = folders[cut] if cut < len(folders) else stem or where
    labels = tuple(dict.fromkeys(filter(None, (*folders, stem, where))))
    why = ""
    if any(map(MOODLE.fullmatch, path[1:])) or (unsure and len(path) == 2 and _canvas(file, None)):
        why = (
            f"it looks like a download of an LMS inside the folder {shown(path[0])!r}. Import the download as it came, "
            "or give that folder itself"
        )
    elif unsure and len(folders) > 1:
        why = (
            f"whose it is cannot be told: is it {' or '.join(map(shown, folders))}? Put it into one folder that is "
            "named after the student, or give a roster"
        )
    return Sender("plain", inside, file, labels, why=why)


def _folders(path: tuple[str, ...], assignments: list[str]) -> list[str]:
    """The folders of a path without those that are named after an assignment, and without nbgrader's "submitted"."""
    known = {_words(name) for name in assignments}
    folders = [folder for folder in path[:-1] if _words(folder) not in known]
    return folders[1:] if folders and folders[0].casefold() == "submitted" else folders


def _common(folders: list[list[str]]) -> tuple[int, bool]:
    """How many outer folders all files share, so that the next ones name students; and whether that is unsure.

    It is unsure where all files lie in the same folder: it or one around it could be named after the student.
    """
    folders = [f for f in folders if f]
    if not folders:
        return 0, False
    cut = 0
    while all(len(f) > cut + 1 for f in folders) and len({f[cut] for f in folders}) == 1:
        cut += 1
    return (cut, False) if len({f[cut] for f in folders}) > 1 else (0, True)


# --- roster ---


class Roster:
    """The students of a class and what the learning system calls them (see `sheets.read_roster` for the file)."""

    def __init__(self, people: dict[str, Person], source: str = "the roster"):
        self.people, self.source = people, source
        self.numbers: dict[str, str] = {}
        spellings: dict[str, str] = {}
        for student, person in people.items():
            if safe_student(student) != student:
                raise ClassError(
                    f"{source} has the student {student!r}, which cannot be the name of a folder; "
                    f"expected for example {safe_student(student)!r}. Change it there."
                )
            other = spellings.setdefault(fold(student), student)
            if other != student:
                raise ClassError(
                    f"{source} has the students {other!r} and {student!r}: only upper and lower case differ."
                )
            number = re.sub(r"^\D+(?=[0-9]+$)", "", person.lms_id)  # Moodle's worksheet says "Participant 123"
            if number and self.numbers.setdefault(number, student) != student:
                raise ClassError(f"{source} gives {self.numbers[number]!r} and {student!r} the same lms_id {number}.")
        self.students = spellings

    def find(self, sender: Sender) -> str:
        """The student that a file comes from; raises `Refused` where that is nobody, or could be several."""
        if sender.form == "canvas":
            if sender.number in self.numbers:
                return self.numbers[sender.number]
            return self._only([s for s in self._called(sender.label) if not self.people[s].lms_id], sender)
        if sender.form == "moodle":
            called = self._called(sender.label)
            by_number = self.numbers.get(sender.number)
            if len(called) > 1 and by_number in called:
                return by_number
            if not called and by_number and not self.people[by_number].name.strip():
                return by_number
            return self._only(called, sender)
        for label in sender.labels:
            called = [self.students[fold(label)]] if fold(label) in self.students else []
            called = called or [s for s, p in self.people.items() if fold(label) in _addresses(p)]
            called = called or self._called(label) or [self.numbers[n] for n in (label,) if n in self.numbers]
            if called:
                return self._only(called, sender)
        return self._only([], sender)

    def _called(self, name: str) -> list[str]:
        """Students of this name, whichever part of it comes first."""
        wanted = _letters(name)
        return [s for s, p in self.people.items() if wanted and wanted in _orders(p.name)]

    def _only(self, students: list[str], sender: Sender) -> str:
        if len(students) == 1:
            return students[0]
        who = shown(" ".join(filter(None, (sender.label, sender.number))))
        if students:
            raise Refused(
                f"{who!r} could be {', '.join(sorted(students)[:4])} on {self.source}; an lms_id tells them apart"
            )
        raise Refused(f"{who!r} is not on {self.source}")


def open_roster(path: str | Path) -> Roster:
    """The roster in a CSV file (columns student and, where known, name, email, lms_id); raises `ClassError`."""
    return Roster(read_roster(Path(path)), Path(path).name)


def _addresses(person: Person) -> set[str]:
    address = fold(person.email)
    return {address, address.split("@")[0]} - {""}


def _orders(name: str) -> set[str]:
    """A name as Canvas squeezes it, beginning with each of its words: "Ann Lee" gives annlee and leeann."""
    words = name.replace(",", " ").split()
    return {_letters("".join(words[k:] + words[:k])) for k in range(len(words))}


def _letters(text: str) -> str:
    return "".join(c for c in fold(text) if unicodedata.category(c)[0] in "LMN")


def by_number(found: Iterable[Sender]) -> dict[str, set[str]]:
    """Folded name -> the numbers of those in a Moodle download who are called so."""
    numbers: dict[str, set[str]] = defaultdict(set)
    for sender in found:
        if sender.form == "moodle":
            numbers[fold(sender.label)].add(sender.number)
    return numbers
