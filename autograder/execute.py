"""Stage 2 of grading: run rebuilt notebooks in worker processes, each with its own kernel and within limits.

A worker is `python -m autograder.execute`. It gets one JSON line per notebook on its standard input and
answers with JSON lines on its standard output; so nothing but text crosses between processes. It knows
neither gradebook nor class. When the grader ends, however it ends, the worker's input closes, and the worker
takes its kernel and folder with it.
"""

from __future__ import annotations

import contextlib
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
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.paths import ONE_THREAD, PROJECT

GRACE_S = 180.0  # for starting the kernel and for tidying up; after that a worker is killed


@dataclass(frozen=True)
class Job:
    """One notebook to run. `name` is for the caller.

    `hidden` and `data` are the folders of the hidden recordings (for the examiner only) and of those the class
    trains on; `seed` is what test cells draw from; `limits` are fields of `sandbox.Limits`.
    """

    name: Any
    notebook: NotebookNode = field(repr=False)
    cell_timeout_s: float = 300.0
    total_timeout_s: float = 1200.0
    hidden: str = ""
    data: str = ""
    seed: int = 0
    sandboxed: bool = True
    limits: dict[str, int] = field(default_factory=dict)


@dataclass
class Executed:
    """A notebook after its run.

    `runs` has one dict per cell: {"status": "ok" | "error" | "timeout" | "died" | "not run", "seconds":
    float} and, for a test cell, "record": {"points": float | None, "flag": str, "scores": [...]}, the
    examiner's word on it; `ended` says why the run broke off, if it did; `broken` why there was no run at all
    (the grader's fault, not the student's), and then `notebook` is None.
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
    starts. A worker that dies or overruns its time is replaced, and its notebook comes back `broken`. A notebook for
    which the machine's memory did not suffice is run once more after the others, by itself.
    """
    jobs, events, crew, again = iter(jobs), queue.Queue(), [], []
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
            if again and all(w.job is None for w in crew):
                crew = crew or [_Worker(events)]
                crew[0].start(again.pop(0), alone=True)
                if progress:
                    progress("started", crew[0].job.name)
            if all(w.job is None for w in crew):
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
                elif event["event"] == "process":
                    worker.processes.append(event["pid"])
                elif event["event"] == "folder":
                    worker.folders.append(event["folder"])
                elif event["event"] == "gone":  # its number may soon be another process's
                    worker.processes.remove(event["pid"])
                elif event["event"] == "done" and event.get("starved") and not worker.alone:
                    again.append(worker.job)
                    worker.job = None
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
        environment["PYTHONPATH"] = os.pathsep.join([str(PROJECT), *filter(None, [environment.get("PYTHONPATH")])])
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
        self.processes: list[int] = []
        self.folders: list[str] = []
        self.started, self.deadline, self.alone = 0.0, 0.0, False
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()

    def _listen(self, events: queue.Queue) -> None:
        for line in self.process.stdout:
            try:
                events.put((self, json.loads(line)))
            except ValueError:
                break
        events.put((self, None))

    def start(self, job: Job, *, alone: bool = False) -> None:
        self.job, self.started, self.alone = job, time.monotonic(), alone
        self.deadline = self.started + 3 * job.total_timeout_s + GRACE_S  # cells, then calls
        order = {f.name: getattr(job, f.name) for f in fields(job) if f.name != "name"}
        order["notebook"] = nbformat.writes(job.notebook)
        try:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it has died; its end of file is on the way through the queue

    def finish(self, event: dict[str, Any]) -> tuple[Job, Executed]:
        job, self.job = self.job, None
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
        for pid in self.processes:
            kill_group(pid)
        for folder in self.folders:  # a worker that was killed could not remove them
            shutil.rmtree(folder, ignore_errors=True)
        self.errors.close()


def kill_group(pid: int) -> None:
    """Kill a sandbox: with its first process all others in it go."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


# --- the worker's side ---


def _worker() -> None:
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever prints in this process must not mix with the answers
    orders: queue.Queue = queue.Queue()
    running: dict[str, list[Any]] = {"process": [], "folder": []}

    def listen() -> None:
        for line in sys.stdin.buffer:
            orders.put(json.loads(line))
        for pid in running["process"]:  # the grader has gone
            kill_group(pid)
        for folder in running["folder"]:
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)

    def answer(event: str, **facts: Any) -> None:
        if event in running:
            running[event] += facts.values()
        elif event == "gone":
            running["process"].remove(facts["pid"])
        answers.write(json.dumps({"event": event, **facts}).encode() + b"\n")

    threading.Thread(target=listen, daemon=True).start()
    logging.disable(logging.CRITICAL)
    rooms = Rooms(answer)
    while True:
        order = orders.get()
        started = time.monotonic()
        notebook = nbformat.reads(order.pop("notebook"), as_version=4)
        try:
            done = rooms.run(notebook, **order)
            facts = {"notebook": nbformat.writes(done.notebook), "runs": done.runs, "ended": done.ended}
        except Exception as error:
            facts = {"broken": f"the notebook could not be run: {type(error).__name__}: {str(error)[:300]}"}
            facts["starved"] = type(error).__name__ == "NoMemoryLeft"  # not imported here: nbgrader takes a second
            rooms.close()
        answer("done", seconds=time.monotonic() - started, **facts)


class Rooms:
    """A worker's examiner, which stays, and the students' kernels, which come and go."""

    def __init__(self, tell: Callable[..., None] | None = None):
        self.tell = tell or (lambda *a, **k: None)
        self.examiner: Any = None
        self.kind: tuple[Any, ...] = ()

    def run(
        self,
        notebook: NotebookNode,
        *,
        cell_timeout_s: float,
        total_timeout_s: float,
        hidden: str = "",
        data: str = "",
        seed: int = 0,
        sandboxed: bool = True,
        limits: dict[str, int] | None = None,
    ) -> Executed:
        """Run a notebook: answer cells in a fresh kernel in an empty folder, test cells at the examiner's.

        The kernel computes on one thread. A cell that overruns its time is interrupted and the next one runs.
        Whatever is left of the student's side is killed, and looked for, before this returns.
        """
        # nbgrader and nbconvert take a second to import
        from autograder import processes, sandbox
        from autograder.examination import Examination, imported_modules
        from autograder.examiner_process import Examiner, GraderFault, NoMemoryLeft
        from autograder.kernel import ConfinedKernel

        paths = {"hidden": Path(hidden), "data": Path(data)}
        paths = {name: path if str(path) != "." and path.is_dir() else None for name, path in paths.items()}
        kind = (hidden, data, sandboxed)
        if self.examiner is None or self.kind != kind:
            self.close()
            self.examiner, self.kind = Examiner(**paths, sandboxed=sandboxed, tell=self.tell), kind
        preload = imported_modules(notebook)
        folder = Path(tempfile.mkdtemp(prefix="physiodl-"))
        self.tell("folder", folder=str(folder))
        kernel = None
        try:
            started = time.monotonic()
            socket = self.examiner.begin(seed=seed, preload=preload)
            kernel = ConfinedKernel(
                folder=folder,
                socket=socket,
                data=paths["data"],
                preload=preload,
                limits=sandbox.Limits(**(limits or {})),
                sandboxed=sandboxed,
                tell=self.tell,
            )
            execute = Examination(
                kernel=kernel, examiner=self.examiner, cell_timeout_s=cell_timeout_s, total_timeout_s=total_timeout_s
            )
            notebook, _ = execute.preprocess(notebook, {"metadata": {"path": str(folder)}})
            self.examiner.tell(do="end")
            self.examiner.await_event("gone", 60)
            below = processes.family(kernel.process.pid)
            kernel.shutdown_kernel()
            lost = any(r["status"] == "died" or r.get("record", {"points": 0})["points"] is None for r in execute.runs)
            if why := kernel.starved(lost=lost):
                raise NoMemoryLeft(why)
            if left := processes.left_alive(below, kernel.uid):
                raise GraderFault(f"processes of the submission outlived it: {', '.join(map(str, left))}")
            return Executed(notebook, execute.runs, execute.ended, seconds=time.monotonic() - started)
        except Exception:
            if kernel is not None and (why := kernel.starved()):
                raise NoMemoryLeft(why) from None
            raise
        finally:
            if kernel is not None:
                kernel.shutdown_kernel()
                if kernel.process is not None:
                    self.tell("gone", pid=kernel.process.pid)
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        if self.examiner is not None:
            self.examiner.end()
            self.tell("gone", pid=self.examiner.process.pid)
            shutil.rmtree(self.examiner.folder, ignore_errors=True)
        self.examiner = None


if __name__ == "__main__":
    _worker()
