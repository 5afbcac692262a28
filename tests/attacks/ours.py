"""The project's grader under the attacks: one class with all of them, graded once by the command that people use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec

from attacks import arena, cases_files
from attacks.attack import Attack
from attacks.watch import Marks, Run, Scene
from autograder.klass import latest_gradings

# These could stop a batch, so each is graded in a class of its own.
ALONE = ("pipe_for_notebook", "colliding_answer", "turns_grader_elsewhere", "execs_another_program")
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
    if run.code is not None:
        pages = scene.run([*AUTOGRADER, "report", course], limit_s=min(limit_s, 300))
        run.text += pages.text
        run.code = pages.code if pages.code != 0 else run.code
    return run, scene.marks()


def entries(scene: Scene) -> dict[str, dict]:
    """student -> the newest entry of the journal."""
    return {student: entry for (student, _), entry in latest_gradings(scene.course).items()}


def harm_of(attacks: list[Attack]) -> dict[str, list[tuple[str, str]]]:
    """attack -> the harm it did in a class with the honest students; what was done to all counts for each of them."""
    with Scene() as scene:
        run, marks = grade(scene, attacks, limit_s=1800 if len(attacks) > 1 else 300)
        journal = entries(scene)
        to_all = scene.harm_to_all(run, marks, arena.EARNED)
        return {
            attack.name: scene.harm(attack, run, marks, seconds=journal.get(attack.name, {}).get("seconds")) + to_all
            for attack in attacks
        }


def take_in_archive() -> tuple[list[tuple[str, str]], set[str]]:
    """Number 18: `autograder import` on the evil archive; returns the harm and who has a notebook afterwards."""
    with Scene() as scene:
        arena.hand_in_honest(scene.course, ["zoe"])
        path = scene.root / "download.zip"
        cases_files.evil_archive(path, scene)
        command = [*AUTOGRADER, "import", str(scene.course.root), str(path), "--assignment", arena.NAME]
        run = scene.run(command, limit_s=120)
        taken = {p.parent.parent.name for p in (scene.course.root / "submitted").rglob(f"{arena.NAME}.ipynb")}
        return cases_files.harm_of_archive(scene, run), taken
