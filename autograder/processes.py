"""All processes of a sandbox together: how much memory they hold, their end, and whether one has got away."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path

import psutil

MB = 1_000_000
LEAST_FREE_MB = 300  # of the machine's memory; below that a sandbox goes, whatever it seems to hold


class Watch(threading.Thread):
    """Kills a sandbox whose processes together take more memory than they may; `why` says so afterwards."""

    def __init__(self, process: subprocess.Popen, *, memory_mb: int, every_s: float = 0.25):
        super().__init__(daemon=True)
        self.process, self.limit, self.every_s = process, memory_mb * MB, every_s
        self.why, self.peak = "", 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(self.every_s):
            used = memory_of(self.process.pid, enough=self.limit)
            self.peak = max(self.peak, used)
            if used > self.limit:
                self.why = f"it used more than {self.limit / 1e9:g} GB of memory"
            elif psutil.virtual_memory().available < LEAST_FREE_MB * MB:  # such as the buffers of a thousand sockets
                self.why = "the machine had no memory left while it ran"
            if self.why:
                kill(self.process)
                return

    def stop(self) -> None:
        self.over.set()


def memory_of(pid: int, *, enough: int = 0) -> int:
    """Bytes that a process and all below it use together. Shared pages are told apart only when it matters."""
    resident = proportional = 0
    for process in family(pid):
        with contextlib.suppress(psutil.Error, OSError, ValueError):
            resident += process.memory_info().rss
    if resident <= enough:
        return resident
    for process in family(pid):
        with contextlib.suppress(psutil.Error, OSError, ValueError, IndexError):
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            proportional += 1024 * int(text.split("\nPss:", 1)[1].split()[0])
    return proportional or resident


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it; in a process namespace of its own none can leave that family."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


def kill(process: subprocess.Popen) -> None:
    """Kill a sandbox with all in it, and wait until it is gone."""
    first, *below = family(process.pid) or [None]
    for each in below:  # from inside: bubblewrap then sees its child's end and goes by itself, leaving no zombie
        with contextlib.suppress(psutil.Error):
            each.kill()
    walls = os.path.basename(str(process.args[0])) == "bwrap"
    try:
        process.wait(timeout=5 if below and walls else 0.0)
    except subprocess.TimeoutExpired:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
    deadline = time.monotonic() + 5
    while any(map(alive, below)) and time.monotonic() < deadline:
        time.sleep(0.01)


def alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def left_alive(before: list[psutil.Process], uid: int | None, *, patience_s: float = 5.0) -> list[int]:
    """Processes of a sandbox that outlive it: those once seen in it, and all of its own user.

    What was killed needs a moment to go; what is still there after `patience_s` has got away.
    """
    deadline = time.monotonic() + patience_s
    while True:
        left = {p.pid for p in before if alive(p)}
        if uid is not None:
            left |= {
                p.pid for p in psutil.process_iter(["uids"]) if (u := p.info["uids"]) and u.real == uid and alive(p)
            }
        if not left or time.monotonic() > deadline:
            return sorted(left)
        time.sleep(0.02)
