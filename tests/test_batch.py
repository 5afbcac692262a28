"""Sixty submissions at midnight, half of them hostile, and a grader that is killed ten times on the way."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing

import psutil
import pytest
from attacks import all_attacks, arena, ours
from attacks.watch import Scene

from autograder import journal, results

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why := ours.lacking()), reason=f"attacks need the sandbox: {why}"),
]
HONEST = [f"honest_{k:02d}" for k in range(30)]
HOSTILE = 30
KILLS = 10
SEED = 20261121
# Those that take a submission's whole time have their place in test_attacks; here they would only make waiting longer.
SLOW = tuple(
    """loops waits many_ replaces_handlers uncounted_fields stops_the_kernel stops_itself prints_without one_large
    rich_output threads_without just_in_time sparse walks forks_in drips endless_header announces unasked traces floods
    memory_ fills asks_for_input system_exit terminal_codes""".split()
)


def grader(scene):
    limits = ["--cell-timeout", str(arena.CELL_S), "--total-timeout", str(arena.TOTAL_S), "--jobs", "2"]
    return subprocess.Popen(
        [*ours.AUTOGRADER, "grade", str(scene.course.root), *limits],
        env=scene.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def left_over(course):
    """Processes that still belong to a killed grader: its workers, their sandboxes."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "status", "ppid"])
        if "autograder.execute" in (process.info["cmdline"] or [])
        and process.info["status"] != psutil.STATUS_ZOMBIE
        and process.info["ppid"] == 1
    ]


@pytest.fixture(scope="module")
def graded():
    """The class after ten kill -9 at random moments and one grading to the end."""
    rng = random.Random(SEED)
    with closing(Scene()) as scene:
        course = scene.course
        for student in HONEST:
            arena.hand_in(course, student, arena.notebook(arena.HONEST))
        hostile = rng.sample([a for a in all_attacks() if not a.name.startswith(SLOW)], HOSTILE)
        for attack in hostile:
            scene.hand_in(attack)
        recorded, first_s = [], None
        for _ in range(KILLS):
            begun, process = time.monotonic(), grader(scene)
            if first_s is None:  # how long a submission takes on this machine, as busy as it is
                while not journal.latest_gradings(course) and time.monotonic() - begun < 300 and process.poll() is None:
                    time.sleep(0.1)
                first_s = time.monotonic() - begun
                time.sleep(rng.uniform(0, 0.5) * first_s)
            else:
                time.sleep(rng.uniform(0.1, 1.6) * first_s)
            alive = process.poll() is None
            if alive:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
            recorded.append((alive, len(journal.latest_gradings(course))))
        deadline = time.monotonic() + 30
        while left_over(course) and time.monotonic() < deadline:
            time.sleep(0.2)
        left = left_over(course)
        last = grader(scene)
        told, _ = last.communicate(timeout=900)
        yield course, recorded, left, last.returncode, told, {attack.name for attack in hostile}


def test_every_killed_grader_took_its_workers_along(graded):
    _, recorded, left, *_ = graded
    assert left == []
    assert sum(alive for alive, _ in recorded) >= 5, "most kills met a grader at work"


def test_what_was_recorded_stayed_recorded(graded):
    _, recorded, _, code, told, _ = graded
    counts = [count for _, count in recorded]
    assert counts == sorted(counts) and counts[-1] > 0
    assert code == 0, told[-2000:]


def test_all_honest_ones_have_full_marks(graded):
    course, *_, told, hostile = graded
    found = {r.student: r for r in results.results(course)}
    nowhere = {*HONEST, *hostile} - {name for name in found}
    assert all(f"{name}: " in told for name in nowhere), f"nobody is told of {nowhere}"
    assert not nowhere & {*HONEST}
    wrong = {name: (found[name].points, found[name].reasons) for name in HONEST if found[name].points != arena.POSSIBLE}
    assert not wrong


def test_nothing_is_graded_twice(graded):
    entries = [e for e in journal.read_journal(graded[0]) if e["event"] == "grade" and not e.get("retry")]
    students = [e["student"] for e in entries]
    assert sorted(set(students)) == sorted(students), "one record for each"
    assert not [e for e in journal.read_journal(graded[0]) if e.get("retry")], "no submission brought the grader down"


def test_the_journal_is_whole(graded):
    done = subprocess.run(
        [sys.executable, "-m", "autograder.cli", "verify", str(graded[0].root)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
