"""All processes of a sandbox together: how much memory they hold, their end, and whether one has got away."""

from __future__ import annotations

import contextlib
import getpass
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

MB = 1_000_000
LEAST_FREE_MB = 300  # of the machine's memory; below that the largest sandbox goes, whatever its limit
TURN_S = 3.0  # that the next largest waits for the memory of the one before it
# Bytes that the system keeps and no process is seen to hold: an inode of a tmpfs with its name (1,030 measured on
# Linux 6.18); the buffers of a socket, whose size nobody may change (`sandbox.seccomp_filter`); those of TCP, which
# grow by themselves.
INODE, SOCKET, TCP = 1_300, 250_000, 5_000_000


class Watch(threading.Thread):
    """Kills a sandbox that takes more memory than it may; `why` says so afterwards.

    Counted are its processes, the files in its `folders` (those that lie in memory) and its sockets. Where the machine
    itself runs out of memory the largest of all sandboxes is killed; `fault` says that this was no limit of its own.
    """

    def __init__(
        self, process: subprocess.Popen, *, memory_mb: int, folders: Iterable[str] = (), every_s: float = 0.25
    ):
        super().__init__(daemon=True)
        self.process, self.limit, self.every_s = process, memory_mb * MB, every_s
        self.folders = tuple(folders)
        self.why, self.peak, self.fault = "", 0, False
        self.short_since = 0.0  # when the machine's memory was found to be short
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(self.every_s):
            used = held(self.process.pid, self.folders, enough=self.limit)
            self.peak = max(self.peak, used)
            if used > self.limit:
                self.why = f"it used more than {self.limit / 1e9:g} GB of memory"
            elif psutil.virtual_memory().available >= LEAST_FREE_MB * MB:
                self.short_since = 0.0
            else:
                self.short_since = self.short_since or time.monotonic()
                late = time.monotonic() - self.short_since > 3 * TURN_S  # a larger one has not gone
                others = (pid for pid in sandboxes() if pid != self.process.pid)
                if (late or not any(held(pid, self.folders) > used for pid in others)) and may_go():
                    self.why, self.fault = "the machine had no memory left while it ran", True
            if self.why:
                kill(self.process)
                return

    def stop(self) -> None:
        self.over.set()


def may_go() -> bool:
    """Whether none was stopped for the machine's memory a moment ago: what it held takes time to be free."""
    with contextlib.suppress(OSError, ImportError):
        import fcntl

        handle = os.open(turn_file(), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            facts = os.fstat(handle)
            if facts.st_size and 0 <= time.time() - facts.st_mtime < TURN_S:
                return False
            os.pwrite(handle, b"x", 0)
        finally:
            os.close(handle)
    return True


def turn_file() -> str:
    """The file whose time says when a sandbox last went for the machine's memory; all graders of a user share it."""
    return os.path.join(tempfile.gettempdir(), f"physiodl-memory-{getpass.getuser()}")


def sandboxes() -> list[int]:
    """The first processes of all sandboxes of students on this machine, whichever grader has started them."""
    found = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error, OSError, IndexError):
            if process.info["name"] == "bwrap" and "autograder.student" in " ".join(process.cmdline()):
                status = Path(f"/proc/{process.pid}/status").read_text()
                numbers = status.split("\nNSpid:", 1)[1].split("\n", 1)[0].split()
                if len(numbers) == 1:  # not one that only calls itself so, in a sandbox
                    found.append(process.pid)
    return found


def held(pid: int, folders: Iterable[str], *, enough: int = 0) -> int:
    """Bytes of memory that a sandbox holds: its processes, its files in memory, its sockets."""
    processes = family(pid)  # a look at all processes of the machine
    besides = kernel_memory(processes[1].pid, folders) if processes[1:] else 0
    return besides + memory_of(processes, enough=max(0, enough - besides))


def kernel_memory(pid: int, folders: Iterable[str]) -> int:
    """Bytes that the system holds for the sandbox that `pid` is in: files in its `folders`, buffers of its sockets."""
    root, total = f"/proc/{pid}/root", 0
    for folder in folders:
        with contextlib.suppress(OSError):
            own = os.stat(f"{root}{folder}").st_dev
            if own != os.stat(root).st_dev and not (os.path.exists(folder) and own == os.stat(folder).st_dev):
                disk = os.statvfs(f"{root}{folder}")
                total += (disk.f_blocks - disk.f_bfree) * disk.f_frsize + (disk.f_files - disk.f_ffree) * INODE
    with contextlib.suppress(OSError, IndexError, ValueError):
        words = Path(f"/proc/{pid}/net/sockstat").read_text().split()
        if os.stat(f"/proc/{pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino:
            total += int(words[words.index("used") + 1]) * SOCKET + int(words[words.index("TCP:") + 2]) * TCP
    return total


def memory_of(processes: list[psutil.Process], *, enough: int = 0) -> int:
    """Bytes that processes use together. Shared pages are told apart only when it matters."""
    resident = tables = proportional = 0
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError, ValueError):
            resident += process.memory_info().rss
        with contextlib.suppress(OSError, ValueError, IndexError):
            tables += 1024 * int(Path(f"/proc/{process.pid}/status").read_text().split("\nVmPTE:", 1)[1].split()[0])
    if resident + tables <= enough:
        return resident + tables
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError, ValueError, IndexError):
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            proportional += 1024 * int(text.split("\nPss:", 1)[1].split()[0])
    return (proportional or resident) + tables


def oom_kills() -> int:
    """How many processes the system has killed for want of memory since it was started."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(Path("/proc/vmstat").read_text().split("\noom_kill ", 1)[1].split()[0])
    return 0


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
