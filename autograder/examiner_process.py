"""The examiner's process as a worker sees it: started once, used for one submission after another."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder import examiner, processes, sandbox
from autograder.paths import ONE_THREAD, PROJECT


class GraderFault(RuntimeError):
    """Something of ours did not work; the submission is not to blame and is tried again."""


class NoMemoryLeft(GraderFault):
    """The machine ran out of memory; the submission is run again when nothing else runs."""


class Examiner:
    """The examiner's process: started once by a worker, used for one submission after another."""

    def __init__(self, *, hidden: Path | None, data: Path | None, sandboxed: bool, tell: Callable[..., None]):
        self.sandboxed = sandboxed
        self.folder = Path(tempfile.mkdtemp(prefix="physiodl-examiner-"))
        tell("folder", folder=str(self.folder))
        (self.folder / "sockets").mkdir()
        self.uid = sandbox.own_uid(examiner=True) if sandboxed and sandbox.means().way == "root" else None
        if self.uid is not None:  # it is no longer root, and reads a copy of its own
            if hidden and hidden.exists():
                hidden = Path(shutil.copytree(hidden, self.folder / "hidden"))
            for path in [*self.folder.rglob("*")]:
                os.chown(path, self.uid, self.uid)
        self.events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        places = {path: name for path, name in ((hidden, "/hidden"), (data, "/data")) if path and path.exists()}
        environment = ONE_THREAD | {
            "PATH": "/usr/bin:/bin",
            "HOME": "/tmp" if sandboxed else str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": "/course" if sandboxed else str(PROJECT),
            "PYTHONHASHSEED": "0",
            "MPLCONFIGDIR": "/tmp/matplotlib" if sandboxed else str(self.folder / "matplotlib"),
            "NBGRADER_EXECUTION": "autograde",
        }
        for path, variable in ((hidden, "PHYSIODL_EXAM"), (data, "PHYSIODL_DATA")):
            if path in places:
                environment[variable] = places[path] if sandboxed else str(path)
        limits = {"AS": 12_000 * sandbox.MB, "FSIZE": 200 * sandbox.MB, "NOFILE": 2048}
        command = [sys.executable, "-m", "autograder.examiner", json.dumps({"limits": limits})]
        if sandboxed:
            view = sandbox.View(places, {self.folder / "sockets": "/run/exam"}, disk_mb=200)
            command = sandbox.wrap(command, view, way=sandbox.means().way, uid=self.uid, environment=environment)
        pipe = subprocess.PIPE
        self.errors = tempfile.TemporaryFile()
        self.process = sandbox.start(
            command, sandboxed=sandboxed, stdin=pipe, stdout=pipe, stderr=self.errors, env=environment
        )
        tell("process", pid=self.process.pid)
        threading.Thread(target=self._listen, daemon=True).start()
        self.count = 0
        self.await_event("up", 60)

    def _listen(self) -> None:
        while (message := examiner.read_message(self.process.stdout)) is not None:
            self.events.put(message)
        self.events.put(None)

    def begin(self, *, seed: int, preload: list[str]) -> Path:
        """Have a fresh process forked for one submission; returns the socket it listens on."""
        self.count += 1
        folder = self.folder / "sockets" / str(self.count)
        folder.mkdir()
        if self.uid is not None:
            os.chown(folder, self.uid, self.uid)
        place = f"/run/exam/{self.count}/s" if self.sandboxed else str(folder / "s")
        self.tell(do="begin", socket=place, seed=seed, preload=preload, environment={})
        return folder / "s"

    def tell(self, **message: Any) -> None:
        try:
            examiner.write_message(self.process.stdin, **message)
        except OSError:
            raise GraderFault(f"the examiner's process ended: {self.last_words()}") from None

    def await_event(self, *names: str | float) -> dict[str, Any]:
        """The next event, which must be one of `names`; the last argument is the time to wait in seconds."""
        *wanted, seconds = names
        try:
            message = self.events.get(timeout=seconds)
        except queue.Empty:
            raise GraderFault(f"the examiner did not answer within {seconds:.0f} s") from None
        if message is None:
            raise GraderFault(f"the examiner's process ended: {self.last_words()}")
        if message["event"] not in wanted:
            raise GraderFault(f"the examiner said {message['event']!r}, expected {' or '.join(map(str, wanted))}")
        return message

    def last_words(self) -> str:
        self.errors.seek(max(0, self.errors.seek(0, 2) - 500))
        return (self.errors.read().decode("utf-8", "replace").strip().splitlines() or ["no word"])[-1][:200]

    def end(self) -> None:
        processes.kill(self.process)
        self.errors.close()
