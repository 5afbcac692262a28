"""When the machine itself runs out of memory, no submission is blamed: what was stopped is run again, by itself."""

import subprocess
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from autograder import examination, execute, processes
from autograder.examiner_process import NoMemoryLeft

NOTEBOOK = nbformat.v4.new_notebook(cells=[new_code_cell("import time; time.sleep(0.2)") for _ in range(4)])


class Worker:
    """A worker that answers at once: each notebook in `starved` finds no memory that many times, the others do well."""

    def __init__(self, events):
        self.events, self.job, self.alone, self.deadline, self.stopped = events, None, False, 1e18, False
        Worker.made.append(self)

    def start(self, job, *, alone=False):
        self.job, self.alone = job, alone
        Worker.log.append((job.name, sum(w.job is not None for w in Worker.made)))
        Worker.starved[job.name] = left = Worker.starved.get(job.name, 0) - 1
        self.events.put((self, {"event": "done", "starved": left >= 0, "broken": "no memory" if left >= 0 else ""}))

    def finish(self, event):
        job, self.job = self.job, None
        return job, execute.Executed(None, broken=event["broken"])

    def stop(self):
        self.stopped = True


@pytest.mark.parametrize("times, why", [(1, ""), (2, "no memory")])
def test_what_found_no_memory_is_run_once_more_by_itself(monkeypatch, times, why):
    Worker.made, Worker.log, Worker.starved = [], [], {"b": times}
    monkeypatch.setattr(execute, "_Worker", Worker)
    jobs = [execute.Job(name, NOTEBOOK) for name in "abcd"]
    begun = []
    done = {job.name: run.broken for job, run in execute.execute_all(
        jobs, workers=3, progress=lambda event, name: begun.append(name))}  # fmt: skip
    assert done == {"a": "", "b": why, "c": "", "d": ""}
    assert begun == [name for name, _ in Worker.log] and sorted(begun) == ["a", "b", "b", "c", "d"]
    assert Worker.log[-1] == ("b", 1), "after all others, and alone"
    assert all(worker.stopped for worker in Worker.made)


@pytest.fixture
def rooms():
    made = execute.Rooms()
    yield made
    made.close()


def run(rooms):
    return rooms.run(NOTEBOOK, cell_timeout_s=30, total_timeout_s=30, sandboxed=False)


def test_one_sandbox_at_a_time_goes_for_the_machines_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "turn_file", lambda: str(tmp_path / "turn"))
    monkeypatch.setattr(processes, "TURN_S", 0.5)
    assert [processes.may_go() for _ in range(3)] == [True, False, False]
    time.sleep(0.6)
    assert [processes.may_go() for _ in range(2)] == [True, False]


ALONE = """
import os, sys, nbformat
from nbformat.v4 import new_code_cell
from autograder import execute, processes
processes.turn_file = lambda: sys.argv[1]
processes.LEAST_FREE_MB = 10**9
processes.sandboxes = list  # of other tests, which may be larger and would go first
notebook = nbformat.v4.new_notebook(cells=[new_code_cell("import time; time.sleep(25)")])  # until it is stopped
rooms = execute.Rooms()
try:
    rooms.run(notebook, cell_timeout_s=30, total_timeout_s=30, sandboxed=False)
except Exception as error:
    print(type(error).__name__, error, flush=True)
rooms.close()
os._exit(0)
"""


def test_a_machine_without_memory_is_not_the_submissions_fault(tmp_path):
    # In a process of its own: a thread reads these values for as long as its kernel is there.
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path / "turn")], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.startswith("NoMemoryLeft") and "the machine had no memory left" in done.stdout, done.stderr


def test_processes_that_the_system_killed_are_asked_about_only_where_something_is_lost(rooms, monkeypatch):
    monkeypatch.setattr(examination, "MAX_RESTARTS", 0)
    kills = iter(range(100))
    monkeypatch.setattr(processes, "oom_kills", lambda: next(kills))
    assert {r["status"] for r in run(rooms).runs} == {"ok"}, "it was another program's"
    dying = nbformat.v4.new_notebook(cells=[new_code_cell("import os; os.kill(os.getpid(), 9)")])
    with pytest.raises(NoMemoryLeft, match="for want of memory"):
        rooms.run(dying, cell_timeout_s=30, total_timeout_s=30, sandboxed=False)
    monkeypatch.setattr(processes, "oom_kills", lambda: 7)
    done = rooms.run(dying, cell_timeout_s=30, total_timeout_s=30, sandboxed=False)
    assert [r["status"] for r in done.runs] == ["died"], "a kernel that ends itself is nobody else's fault"
