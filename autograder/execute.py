"""Stage 2 of grading: run rebuilt notebooks in worker processes, each with its own kernel and within limits.

A worker is `python -m autograder.execute`. It gets one JSON line per notebook on its standard input and
answers with JSON lines on its standard output; so nothing but text crosses between processes. It knows
neither gradebook nor class. When the grader ends, however it ends, the worker's input closes, and the worker
takes its kernel and folder with it.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

PROJECT = Path(__file__).resolve().parents[1]
ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    )
}
GRACE_S = 180.0  # for starting the kernel and for tidying up; after that a worker is killed
MAX_TEXT = 200_000  # characters of text output kept of one cell
MAX_RICH = 5_000_000  # characters of pictures and other rich output kept of one cell


@dataclass(frozen=True)
class Job:
    """One notebook to run. `name` is for the caller; `environment` is added to the kernel's."""

    name: Any
    notebook: NotebookNode = field(repr=False)
    cell_timeout_s: float = 300.0
    total_timeout_s: float = 1200.0
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Executed:
    """A notebook after its run.

    `runs` has one dict per cell: {"status": "ok" | "error" | "timeout" | "died" | "not run", "seconds":
    float}; `ended` says why the run broke off, if it did; `broken` why there was no run at all (the grader's
    fault, not the student's), and then `notebook` is None.
    """

    notebook: NotebookNode | None = field(repr=False)
    runs: list[dict[str, Any]] = field(default_factory=list, repr=False)
    ended: str = ""
    broken: str = ""
    seconds: float = 0.0


# --- the grader's side ---


def execute_all(
    jobs: Iterable[Job], *, workers: int = 1, progress: Callable[[str, Any], None] | None = None
) -> Iterator[tuple[Job, Executed]]:
    """Run notebooks in up to `workers` processes at a time; yields each when it is done, in any order.

    `jobs` is drawn from as workers get free. `progress("started", job.name)` is called when a notebook
    starts. A worker that dies or overruns its time is replaced, and its notebook comes back `broken`.
    """
    jobs, events, crew = iter(jobs), queue.Queue(), []
    try:
        while True:
            for worker in [*crew, *([None] if len(crew) < max(1, workers) else [])]:
                while worker is None or worker.job is None:
                    job = next(jobs, None)
                    if job is None:
                        break
                    if worker is None:
                        worker = _Worker(events)
                        crew.append(worker)
                    worker.start(job)
                    if progress:
                        progress("started", job.name)
            busy = [w for w in crew if w.job is not None]
            if not busy:
                return
            try:
                worker, event = events.get(timeout=0.5)
            except queue.Empty:
                worker, event = None, {}
            if worker is not None and worker.job is not None:
                if event is None:
                    crew.remove(worker)
                    job, why = worker.job, f"the worker process died ({worker.last_words()})"
                    worker.stop()
                    yield job, Executed(None, broken=why, seconds=time.monotonic() - worker.started)
                elif event["event"] == "kernel":
                    worker.kernel = event["kernel"]
                elif event["event"] == "folder":
                    worker.folder = event["folder"]
                elif event["event"] == "done":
                    yield worker.finish(event)
            for worker in [w for w in crew if w.job is not None and time.monotonic() > w.deadline]:
                crew.remove(worker)
                job = worker.job
                worker.stop()
                yield (
                    job,
                    Executed(
                        None,
                        broken="the worker process did not end in time and was killed",
                        seconds=time.monotonic() - worker.started,
                    ),
                )
    finally:
        for worker in crew:
            worker.stop()


class _Worker:
    """A worker process and the thread that reads its answers."""

    def __init__(self, events: queue.Queue):
        environment = os.environ | ONE_THREAD
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(PROJECT), *filter(None, [environment.get("PYTHONPATH")])]
        )
        self.errors = tempfile.TemporaryFile()
        # In a session of its own, so that Ctrl-C in the terminal reaches the grader only.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "autograder.execute"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment,
            start_new_session=True,
        )
        self.job: Job | None = None
        self.kernel, self.folder, self.started, self.deadline = 0, "", 0.0, 0.0
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()

    def _listen(self, events: queue.Queue) -> None:
        for line in self.process.stdout:
            try:
                events.put((self, json.loads(line)))
            except ValueError:
                break
        events.put((self, None))

    def start(self, job: Job) -> None:
        self.job, self.kernel, self.folder, self.started = job, 0, "", time.monotonic()
        self.deadline = self.started + job.total_timeout_s + GRACE_S
        order = {
            "notebook": nbformat.writes(job.notebook),
            "cell_timeout_s": job.cell_timeout_s,
            "total_timeout_s": job.total_timeout_s,
            "environment": job.environment,
        }
        try:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it has died; its end of file is on the way through the queue

    def finish(self, event: dict[str, Any]) -> tuple[Job, Executed]:
        job, self.job, self.kernel, self.folder = self.job, None, 0, ""
        notebook = nbformat.reads(event["notebook"], as_version=4) if event.get("notebook") else None
        return job, Executed(
            notebook,
            event.get("runs", []),
            event.get("ended", ""),
            event.get("broken", ""),
            event.get("seconds", 0.0),
        )

    def last_words(self) -> str:
        self.errors.seek(max(0, self.errors.seek(0, os.SEEK_END) - 500))
        lines = self.errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:200] if lines else f"exit code {self.process.poll()}"

    def stop(self) -> None:
        """Kill kernel and worker; a worker that is left waiting is told to go by closing its input."""
        self.job = None
        try:
            self.process.stdin.close()
            self.process.wait(timeout=3)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        if self.kernel:
            kill_group(self.kernel)
        if self.folder:  # a worker that was killed could not remove it
            shutil.rmtree(self.folder, ignore_errors=True)
        self.errors.close()


def kill_group(pid: int) -> None:
    """Kill a kernel with everything in its process group."""
    try:
        os.killpg(pid, signal.SIGKILL) if hasattr(os, "killpg") else os.kill(pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError, OSError):
        pass


# --- the worker's side ---


def _worker() -> None:
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever prints in this process must not mix with the answers
    orders: queue.Queue = queue.Queue()
    running: dict[str, Any] = {}

    def listen() -> None:
        for line in sys.stdin.buffer:
            orders.put(json.loads(line))
        if running.get("kernel"):  # the grader has gone
            kill_group(running["kernel"])
        if running.get("folder"):
            shutil.rmtree(running["folder"], ignore_errors=True)
        os._exit(0)

    def answer(event: str, **facts: Any) -> None:
        running.update({name: facts[name] for name in ("folder", "kernel") if name in facts})
        answers.write(json.dumps({"event": event, **facts}).encode() + b"\n")

    threading.Thread(target=listen, daemon=True).start()
    logging.disable(logging.CRITICAL)
    while True:
        order = orders.get()
        started = time.monotonic()
        notebook = nbformat.reads(order.pop("notebook"), as_version=4)
        try:
            done = run_notebook(notebook, **order, tell=answer)
            facts = {"notebook": nbformat.writes(done.notebook), "runs": done.runs, "ended": done.ended}
        except Exception as error:
            facts = {"broken": f"the notebook could not be run: {type(error).__name__}: {str(error)[:200]}"}
        running.clear()
        answer("done", seconds=time.monotonic() - started, **facts)


def run_notebook(
    notebook: NotebookNode,
    *,
    cell_timeout_s: float,
    total_timeout_s: float,
    environment: dict[str, str] | None = None,
    tell: Callable[..., None] | None = None,
) -> Executed:
    """Run a notebook in a fresh kernel, in an empty folder that is removed afterwards.

    The kernel computes on one thread. A cell that overruns its time is interrupted and the next one runs;
    when the total is spent, or the kernel dies or cannot be interrupted, the remaining cells are "not run".
    """
    from autograder.kernel import LimitedExecute  # imports nbgrader and nbconvert, which take a second

    tell = tell or (lambda *a, **k: None)
    folder = Path(tempfile.mkdtemp(prefix="physiodl-"))
    try:
        for name in ("work", "ipython", "run"):
            (folder / name).mkdir()
        tell("folder", folder=str(folder))
        execute = LimitedExecute(
            folder=folder,
            cell_timeout_s=cell_timeout_s,
            total_timeout_s=total_timeout_s,
            kernel_environment=ONE_THREAD | (environment or {}),
            tell=tell,
        )
        started = time.monotonic()
        notebook, _ = execute.preprocess(notebook, {"metadata": {"path": str(folder / "work")}})
        return Executed(notebook, execute.runs, execute.ended, seconds=time.monotonic() - started)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _worker()
