"""Hostile submissions: what they hand in (`cases_*`), the class they attack (`arena`) and what is seen to have
happened (`watch`). The same cases run against the project's grader in the tests and against plain nbgrader in the
benchmark.
"""

from __future__ import annotations


def all_attacks() -> list:
    """Every attack: those of the catalogue by number, then the others by family."""
    from attacks import (
        cases_ending,
        cases_files,
        cases_forging,
        cases_lasting,
        cases_notebook,
        cases_reading,
        cases_resources,
        cases_wire,
    )

    families = (cases_reading, cases_forging, cases_ending, cases_resources, cases_notebook, cases_files, cases_lasting)
    found = [attack for family in (*families, cases_wire) for attack in family.ATTACKS]
    names = [attack.name for attack in found]
    assert len(set(names)) == len(names), "two attacks of one name"
    return sorted(found, key=lambda attack: attack.number or 99)
