"""The example class: every case of the test bank hands in, under its own name."""

from __future__ import annotations

import shutil
from pathlib import Path

from nbformat import NotebookNode

from autograder.bank import BankError, Case, make_submission, read_bank
from autograder.klass import PROJECT, Klass, write_text


def hand_in_bank(
    klass: Klass, assignments: dict[str, tuple[NotebookNode, NotebookNode]], bank: Path | None = None
) -> list[Case]:
    """Write the submissions of a bank into a class where they differ from what lies there; returns the cases.

    Submissions of cases that are no longer in the bank are taken away. Raises `BankError` for a case of an
    assignment that the course does not have.
    """
    bank = PROJECT / "tests" / "bank" if bank is None else Path(bank)
    if not bank.is_dir():
        raise BankError(f"there is no bank of submissions in {bank}. Run this in a clone of the course, or use --bank.")
    cases = read_bank(bank)
    for case in cases:
        if case.assignment not in assignments:
            raise BankError(f"bank case {case.name} is for {case.assignment}, which the course does not have")
        instructor, handout = assignments[case.assignment]
        path = klass.notebook("submitted", case.assignment, case.name)
        text = make_submission(case, handout, instructor)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(text, path)
    known = {(case.name, case.assignment) for case in cases}
    for folder in (klass.root / "submitted").glob("*/*"):
        if (folder.parent.name, folder.name) not in known:
            shutil.rmtree(folder)
    return cases
