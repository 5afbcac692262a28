"""Plain nbgrader under the same attacks: one class per attack, with one honest student beside it."""

from __future__ import annotations

import sys
from functools import cache

from attacks import arena, cases_files
from attacks.attack import Attack
from attacks.watch import Marks, Run, Scene

LIMIT_S = 100
CELL_S = 2 * arena.CELL_S  # imports of the locked cells count here
# Limits of the benchmark, not of nbgrader, which has none: an attack must not take the machine.
LIMITS = {"RLIMIT_AS": 16_000_000_000, "RLIMIT_CORE": 0}
WITNESS = "zoe"
CONTROL = Attack(
    "control", None, "Wrong answers, nothing hostile.",
    {"rms": "def rms(x):\n    return 0.0", "offset": "def offset(x):\n    return 0.0"},
)  # fmt: skip


def grade(attack: Attack, *, by_design: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """Grade the attack and then an honest student with `nbgrader autograde`; returns the harm done.

    `by_design` names canaries that nbgrader shows to whoever fails a test.
    """
    with Scene() as scene:
        scene.hand_in(attack)
        arena.hand_in_honest(scene.course, [WITNESS])
        run, marks = autograde(scene)
        found = scene.harm(attack, run, marks, by_design=by_design, seconds=run.seconds - usual_s())
        # A student who loses own points by an own attack has done no harm.
        found = [(kind, what) for kind, what in found if kind != "victim" or attack.least]
        return found + scene.harm_to_all(run, marks, {WITNESS: arena.EARNED[WITNESS]}, by_design=by_design)


def autograde(scene: Scene) -> tuple[Run, Marks]:
    """`nbgrader autograde` and `generate_feedback` for all that is handed in."""
    nbgrader = [sys.executable, "-m", "nbgrader"]
    # The class's settings mend missing cells; nbgrader's own do not.
    options = [f"--Execute.timeout={CELL_S}", "--OverwriteCells.add_missing_cells=False"]
    run = scene.run([*nbgrader, "autograde", arena.NAME, *options], limit_s=LIMIT_S, settle_s=6, limits=LIMITS)
    marks = scene.marks()
    if run.code is not None:
        pages = scene.run([*nbgrader, "generate_feedback", arena.NAME], limit_s=LIMIT_S, limits=LIMITS)
        run.text += pages.text
        run.code = None if pages.code is None else run.code
        run.peak_gb = max(run.peak_gb, pages.peak_gb)
    return run, marks


@cache
def usual_s() -> float:
    """Seconds that nbgrader takes for a harmless and an honest student."""
    return _control()[0]


@cache
def shown_by_design() -> frozenset[str]:
    """Canaries that nbgrader shows to a student who merely fails a test."""
    return _control()[1]


@cache
def _control() -> tuple[float, frozenset[str]]:
    with Scene() as scene:
        scene.hand_in(CONTROL)
        arena.hand_in_honest(scene.course, [WITNESS])
        run, _ = autograde(scene)
        return run.seconds, frozenset(scene.leaks(scene.texts(CONTROL.name)))


def take_in_archive() -> list[tuple[str, str]]:
    """Number 18: `nbgrader zip_collect` on the evil archive, and on one with nothing but a bomb and links."""
    found = []
    for slips in (True, False):
        with Scene() as scene:
            place = scene.course.root / "downloaded" / arena.NAME / "archive"
            place.mkdir(parents=True)
            arena.hand_in_honest(scene.course, [WITNESS])
            cases_files.evil_archive(place / "download.zip", scene, slips=slips)
            named = r"--FileNameCollectorPlugin.named_regexp=.*/(?P<student_id>\w+)_\d_(?P<file_id>.*)"
            command = [sys.executable, "-m", "nbgrader", "zip_collect", arena.NAME, "--force", named]
            found += cases_files.harm_of_archive(scene, scene.run(command, limit_s=LIMIT_S, limits=LIMITS))
    return found
