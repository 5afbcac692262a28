"""The project's grader under the attacks: one class with all of them, graded once by the command that people use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec

from attacks import arena
from attacks.attack import Attack
from attacks.watch import Marks, Run, Scene
from autograder.klass import latest_gradings

AUTOGRADER = [sys.executable, "-m", "autograder.cli"]


def lacking() -> str:
    """Why attacks cannot be graded here, "" where they can."""
    if find_spec("autograder.sandbox") is None:
        return "the grader has no sandbox yet"
    done = subprocess.run([*AUTOGRADER, "doctor"], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"this machine gives no sandbox: {' '.join(done.stdout.split())[:300]}"


def grade(scene: Scene, attacks: Iterable[Attack], *, jobs: int = 2, limit_s: float = 1200) -> tuple[Run, Marks]:
    """Hand in attacks and honest work, grade it all, write pages; what has happened then, the scene can say."""
    for attack in attacks:
        scene.hand_in(attack)
    arena.hand_in_honest(scene.course)
    course = str(scene.course.root)
    limits = ["--cell-timeout", str(arena.CELL_S), "--total-timeout", str(arena.TOTAL_S)]
    run = scene.run([*AUTOGRADER, "grade", course, "--jobs", str(jobs), *limits], limit_s=limit_s, settle_s=10)
    pages = scene.run([*AUTOGRADER, "report", course], limit_s=300)
    run.text += pages.text
    if pages.code != 0:
        run.code = run.code or pages.code
    return run, scene.marks()


def entries(scene: Scene) -> dict[str, dict]:
    """student -> the newest entry of the journal."""
    return {student: entry for (student, _), entry in latest_gradings(scene.course).items()}
