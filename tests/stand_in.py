"""A stand-in for the executor, which says at once what came of a tiny submission, and graders that are killed."""

import os
import random
import re
import signal
import time
import traceback

from tiny_class import cell_of, hand_in, make_class, written

from autograder import klass, run
from autograder.execute import Executed
from autograder.journal import read_journal
from autograder.marks import all_marks


def answer(points):
    """A tiny submission that gets this many points for its second task."""
    return written({"score": f"def score():\n    return {float(points)}"})


def small_class(folder, points):
    """A class in which each student has handed in an answer; `points` maps a student to that answer's points."""
    course = make_class(folder)
    for student, each in points.items():
        hand_in(course, student, answer(each))
    return course


def stand_in(log=None, *, seconds=0.0, most=4.0, seed=None):
    """An `execute_all` that runs nothing. It appends "ran STUDENT" to the file `log` for each notebook, takes up to
    `seconds` for it, and gives `most` points for the first task and what the answer says for the second.
    """
    rng = random.Random(seed)

    def execute_all(jobs, *, workers=1, progress=None):
        for job in jobs:
            if progress:
                progress("started", job.name)
            time.sleep(seconds * rng.random())
            note(log, f"ran {job.name.student}")
            yield job, executed(job.notebook, most)

    return execute_all


def executed(notebook, most=4.0):
    said = float(re.search(r"return ([-\d.]+)", cell_of(notebook, "score").source).group(1))
    runs = []
    for cell in notebook.cells:
        run = {"status": "ok", "seconds": 0.0}
        if cell.metadata.get("nbgrader", {}).get("grade_id") in ("double-test", "score-test"):
            points = most if cell.metadata.nbgrader.grade_id == "double-test" else said
            run["record"] = {"points": points, "flag": "", "scores": []}
        if cell.cell_type == "code":
            cell.outputs = []
        runs.append(run)
    return Executed(notebook, runs, seconds=0.01)


def note(log, line):
    """Append a line such that it is there when this process is killed the moment after."""
    if log is not None:
        with open(log, "a") as file:
            file.write(line + "\n")


def notes(log):
    return log.read_text().split("\n")[:-1] if log.exists() else []


def in_child(work, *, kill_after=None, seen=None):
    """Call `work` in a process of its own and kill that with signal 9 after `kill_after` seconds; returns its exit
    code, -9 where it was killed. `seen` collects the processes that it had started by then.
    """
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        if seen is not None:
            seen += children_of(pid)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def children_of(pid):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(name))
    return found + [each for child in found for each in children_of(child)]


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def end_state(course):
    """What must not depend on how often the grader was interrupted: marks, comments, notebooks, journal."""
    with klass.open_gradebook(course) as book:
        marks = {key: sorted(found) for key, found in all_marks(course, book=book).items()}
        comments = sorted(
            (s.id, c.name, c.auto_comment)
            for s in book.students
            for a in s.submissions
            for n in a.notebooks
            for c in n.comments
        )
        late = sorted((s.id, a.late_submission_penalty, str(a.timestamp)) for s in book.students for a in s.submissions)
    notebooks = {str(p.relative_to(course.root)): p.read_text() for p in course.root.glob("autograded/*/*/*.ipynb")}
    kept = ("submission", "points", "possible", "flags", "mended", "status", "reasons", "failed", "assignment_version")
    last = {e["student"]: {name: e.get(name) for name in kept} for e in read_journal(course) if "student" in e}
    return marks, comments, late, notebooks, last


def use(monkeypatch, *args, **kwargs):
    monkeypatch.setattr(run, "execute_all", stand_in(*args, **kwargs))
