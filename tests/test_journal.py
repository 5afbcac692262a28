"""The journal: its chain, what `verify` finds, and what it takes to append."""

import json
import os
import time

import pytest
from tiny_class import make_class

from autograder import journal, klass
from autograder.journal import latest_gradings, read_journal, write_journal
from autograder.verify import verify


@pytest.fixture
def course(tmp_path):
    """A class whose journal holds its making (line 1) and five entries about students (lines 2 to 6)."""
    course = make_class(tmp_path / "class")
    for k in range(5):
        write_journal(course, "note", student=f"s{k}", assignment="09_tiny", points={"double": k / 3}, text="ä\u2028b")
    return course


def lines_of(course):
    return course.journal.read_bytes().split(b"\n")


def rewrite(course, lines):
    course.journal.write_bytes(b"\n".join(lines))


def first_fault(course):
    return verify(course).faults[0]


# ---- a whole chain -------------------------------------------------------------------------------------


def test_each_entry_holds_the_hash_of_the_one_before(course):
    entries = read_journal(course)
    assert [e["previous"] for e in entries[1:]] == [e["hash"] for e in entries[:-1]]
    verdict = verify(course)
    assert verdict.faults == [] and verdict.notes == []
    assert (verdict.entries, verdict.unchained, verdict.last) == (6, 0, entries[-1]["hash"])


def test_entries_come_back_as_they_were_written(course):
    odd = {
        "numbers": (1, 2.5, 1e-300),
        "text": 'line\nbreak, "quote", \u2028, \ud800, é',
        "none": None,
        "key": {3: True},
    }
    entry = write_journal(course, "odd", **odd)
    assert read_journal(course)[-1] == entry
    assert entry["text"] == odd["text"] and entry["numbers"] == [1, 2.5, 1e-300] and entry["key"] == {"3": True}
    assert verify(course).faults == []


def test_what_json_cannot_hold_leaves_no_trace(course):
    before = course.journal.read_bytes()
    with pytest.raises(ValueError):
        write_journal(course, "note", points=float("nan"))
    assert course.journal.read_bytes() == before


def test_newest_grading_of_each_submission_counts(course):
    for event, points in (("grade", 1.0), ("regrade", 2.0), ("note", 3.0)):
        write_journal(course, event, student="s0", assignment="09_tiny", points={"double": points})
    assert latest_gradings(course)["s0", "09_tiny"]["points"] == {"double": 2.0}


def test_only_the_owner_reads_the_journal_and_the_key_is_not_in_it(course):
    assert course.journal.stat().st_mode & 0o077 == 0
    assert course.key.read_bytes().strip() not in course.journal.read_bytes()


# ---- tampering -----------------------------------------------------------------------------------------


def changed(lines):
    lines[3] = lines[3].replace(b"0.6666666666666666", b"0.9")
    return lines


def changed_with_a_hash_of_its_own(lines):
    entry = json.loads(lines[3])
    entry["points"] = {"double": 0.9}
    entry["hash"] = "0" * 64
    lines[3] = json.dumps(entry, ensure_ascii=False).encode()
    return lines


def said_twice(lines):
    """The same entry for a program, which takes the last of two values, and another one for a reader."""
    lines[3] = lines[3].replace(b'{"time"', b'{"points": {"double": 4.0}, "time"', 1)
    return lines


def without_hash(lines):
    entry = {name: value for name, value in json.loads(lines[3]).items() if name != "hash"}
    lines[3] = json.dumps(entry, ensure_ascii=False).encode()
    return lines


TAMPERED = {
    "changed": (changed, 4, "s2", "was changed"),
    "hash made up": (changed_with_a_hash_of_its_own, 4, "s2", "was changed"),
    "said twice": (said_twice, 4, "s2", "was changed"),
    "hash taken out": (without_hash, 4, "s2", "was inserted: it has no hash"),
    "turned into noise": (lambda x: [*x[:3], x[3][:40], *x[4:]], 4, "", "is no entry"),
    "one removed": (lambda x: x[:3] + x[4:], 4, "s3", "just above it were removed"),
    "first removed": (lambda x: x[1:], 1, "s0", "removed"),
    "many removed": (lambda x: x[:2] + x[5:], 3, "s4", "just above it were removed"),
    "copied": (lambda x: [*x[:5], x[2], *x[5:]], 6, "s1", "was inserted: it is a copy of line 3"),
    "written in": (lambda x: [*x[:3], x[2].replace(b"s1", b"s9"), *x[3:]], 4, "s9", "was inserted"),
    "swapped": (lambda x: [*x[:2], x[3], x[2], *x[4:]], 3, "s2", "was reordered: it follows the entry that now"),
    "moved to the end": (lambda x: [*x[:2], *x[3:6], x[2], b""], 3, "s2", "was reordered"),
    "blank and a line of old": (lambda x: [*x[:6], b'{"event": "grade", "student": "s7"}', b""], 7, "s7", "no hash"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_is_named_with_line_and_student(course, name):
    change, line, student, what = TAMPERED[name]
    before = lines_of(course)
    after = change(list(before))
    assert after != before
    rewrite(course, after)
    fault = first_fault(course)
    assert (fault.line, fault.student) == (line, student), str(fault)
    assert what in fault.what
    if student not in ("", "s7"):
        assert fault.time and str(fault).startswith(f"line {line}, {fault.time}, student {student}: ")


def test_another_key_is_told_from_a_changed_journal(course):
    course.key.chmod(0o600)
    course.key.write_text("ab" * 32)
    faults = verify(course).faults
    assert len(faults) == 1 and "not the key" in faults[0].what


def test_who_has_not_the_key_cannot_make_an_entry(course, monkeypatch):
    other = make_class(course.root.parent / "other")
    other.key.chmod(0o600)
    other.key.write_text("cd" * 32)
    other.journal.write_bytes(course.journal.read_bytes())
    write_journal(other, "grade", student="s4", assignment="09_tiny", points={"double": 4.0})
    course.journal.write_bytes(other.journal.read_bytes())
    assert (first_fault(course).line, first_fault(course).student) == (7, "s4")


def test_an_end_that_was_cut_off_is_found_by_a_noted_hash(course):
    last = verify(course).last
    assert verify(course, noted=last[:16]).faults == []
    rewrite(course, [*lines_of(course)[:5], b""])
    assert verify(course).faults == [], "the chain by itself cannot know"
    assert "cut off" in verify(course, noted=last[:16]).faults[0].what


# ---- killed writers, old journals, long journals --------------------------------------------------------


@pytest.mark.parametrize("length", [1, 30, -1])
def test_a_line_that_was_cut_off_stays_and_is_named(course, length):
    whole = course.journal.read_bytes()
    line = lines_of(course)[-2]
    course.journal.write_bytes(whole + line[:length])
    assert verify(course).faults == [] and "line 7 was cut off" in verify(course).notes[0]
    entry = write_journal(course, "note", student="s9")
    assert course.journal.read_bytes().startswith(whole + line[:length] + b"\n"), "nothing is ever taken out"
    assert "torn" in entry and read_journal(course)[-1] == entry and len(read_journal(course)) == 7
    assert verify(course).faults == [] and "line 8 says so" in verify(course).notes[0]
    rewrite(course, [*lines_of(course)[:6], *lines_of(course)[7:]])
    assert "removed" in first_fault(course).what and first_fault(course).student == "s9"


def test_an_entry_that_lacks_only_its_newline_counts(course):
    course.journal.write_bytes(course.journal.read_bytes()[:-1])
    entry = write_journal(course, "note", student="s9")
    assert "torn" not in entry and len(read_journal(course)) == 7
    assert verify(course).faults == [] and verify(course).notes == []


def test_writers_killed_twice_in_a_row(course):
    for cut in (b'{"time": "2026', b'{"ti'):
        with open(course.journal, "ab") as file:
            file.write(cut + b"\n" if cut.endswith(b"6") else cut)
    write_journal(course, "note", student="s9")
    assert verify(course).faults == []


def test_an_old_journal_is_taken_over_and_cannot_be_changed_any_more(course):
    old = [b'{"time": "2025-01-01T00:00:00+00:00", "event": "init"}']
    old += [b'{"event": "grade", "student": "a", "assignment": "09_tiny", "points": {"double": 4.0}}', b'{"event": "gr']
    course.journal.write_bytes(b"\n".join(old))
    assert verify(course).faults == [] and "no entry is chained yet" in verify(course).notes[0]
    write_journal(course, "note", student="s0")
    write_journal(course, "note", student="s1")
    verdict = verify(course)
    assert [str(f) for f in verdict.faults if f.line] == [] and (verdict.entries, verdict.unchained) == (2, 2)
    assert len(read_journal(course)) == 4
    rewrite(course, [lines_of(course)[0], lines_of(course)[1].replace(b"4.0", b"2.0"), *lines_of(course)[2:]])
    assert first_fault(course).line == 4 and "from before the chain" in first_fault(course).what


def test_no_journal_yet(course):
    course.journal.unlink()
    assert read_journal(course) == [] and verify(course).faults == []
    write_journal(course, "note")
    assert verify(course).entries == 1


def test_appending_reads_the_end_only(course, monkeypatch):
    line = lines_of(course)[-2] + b"\n"
    course.journal.write_bytes(course.journal.read_bytes() + line * 100_000)  # 40 MB
    started = time.perf_counter()
    for _ in range(5):
        write_journal(course, "note", student="s9", text="x" * 100_000)
    assert (time.perf_counter() - started) / 5 < 0.1, "to parse 100,000 entries takes seconds"


def test_two_programs_that_append_at_once(course):
    """Eight writers, twenty entries each, none of them lost and the chain whole."""
    children = []
    for who in range(8):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                for _ in range(20):
                    write_journal(course, "note", student=f"w{who}")
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 8
    verdict = verify(course)
    assert verdict.faults == [] and verdict.entries == 6 + 8 * 20


# ---- the gradebook -------------------------------------------------------------------------------------


def give(course, student, double, score):
    """Marks as a grading leaves them, in the gradebook and in the journal."""
    with klass.open_gradebook(course) as book:
        book.update_or_create_student(student)
        book.update_or_create_submission("09_tiny", student)
        for name, points in (("double-test", double), ("score-test", score), ("explain", None)):
            book.find_grade(name, "09_tiny", "09_tiny", student).auto_score = points
        book.db.commit()
    points = {"double": double, "score": score, "explain": None}
    return write_journal(course, "grade", student=student, assignment="09_tiny", points=points)


def test_journal_and_gradebook_that_agree(course):
    give(course, "a", 4.0, 6.0)
    give(course, "b", 0.0, 1 / 3)
    with klass.open_gradebook(course) as book:  # what a person does later is in the gradebook only
        book.update_or_create_student("c")
        book.update_or_create_submission("09_tiny", "c")
        grade = book.find_grade("explain", "09_tiny", "09_tiny", "a")
        grade.manual_score, grade.needs_manual_grade = 3.0, False
        book.find_grade("score-test", "09_tiny", "09_tiny", "a").manual_score = 2.0
        book.db.commit()
    assert verify(course).faults == []


@pytest.mark.parametrize("left, what", [(6, "knows nothing"), (7, "gradebook has other points (score: 5 here, 6")])
def test_a_cut_off_end_is_found_where_the_gradebook_knows_more(course, left, what):
    give(course, "a", 4.0, 5.0)
    give(course, "a", 4.0, 6.0)
    assert verify(course).faults == []
    rewrite(course, [*lines_of(course)[:left], b""])
    (fault,) = verify(course).faults
    assert fault.student == "a" and what in fault.what and fault.line == (7 if left == 7 else 0)


def test_a_changed_gradebook_is_found(course):
    give(course, "a", 4.0, 5.0)
    with klass.open_gradebook(course) as book:
        book.find_grade("double-test", "09_tiny", "09_tiny", "a").auto_score = 0.0
        book.db.commit()
    assert "another program changed the gradebook" in first_fault(course).what


def test_the_seal_has_a_key_of_its_own(course):
    """The class key makes the hidden cohorts; what the journal shows must say nothing about them."""
    import hashlib
    import hmac

    plain = hmac.new(course.key.read_bytes().strip(), b"x", hashlib.sha256).hexdigest()
    assert journal.seal(course, b"x") != plain and journal.seal(course, b"x") == journal.seal(course, b"x")
