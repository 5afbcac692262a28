"""Runs a grader so that nothing it starts can hide: `python launcher.py ORDER.json` puts its report into that file.

The launcher is the one to whom orphans of its family are given (child subreaper), so that a daemon that forked twice
and left its session is still found among its descendants when the grader has ended. It also puts a key into a session
keyring of its own, which processes inherit unless somebody sees to it. It uses the standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

SUBREAPER, KEYCTL_JOIN = 36, 1
CALLS = {"x86_64": (248, 250), "aarch64": (217, 219)}  # add_key, keyctl


def descendants() -> dict[int, str]:
    """pid -> command line of every living process below this one."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                names[int(folder.name)] = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                )
            parents[int(folder.name)] = int(parent)
        except (OSError, ValueError):
            continue
    found: set[int] = set()
    grown = {os.getpid()}
    while grown:
        grown = {pid for pid, parent in parents.items() if parent in grown and pid not in found}
        found |= grown
    return {pid: names[pid].strip()[:200] for pid in found if pid in names}


def peak_gb() -> float:
    """The most memory that a process of the grader itself has taken so far, students' kernels aside."""
    most = 0
    for pid, name in descendants().items():
        if re.search(r"nbgrader|autograder\.(cli|execute|examiner)", name) and "bwrap" not in name:
            try:
                found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
            except OSError:
                continue
            most = max(most, int(found[1]) if found else 0)
    return most / 1e6


def reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def prepared(name: str, text: str) -> bool:
    """Become the one to whom orphans are given, and put a key into the keyring; returns whether it is there."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(SUBREAPER, 1, 0, 0, 0)
    add_key, keyctl = CALLS.get(os.uname().machine, (0, 0))
    if not add_key or libc.syscall(keyctl, KEYCTL_JOIN, None) < 0:
        return False
    return libc.syscall(add_key, b"user", name.encode(), text.encode(), len(text.encode()), -3) >= 0


def main(order: dict) -> dict:
    keyring = prepared(*order["key"]) if sys.platform.startswith("linux") else False
    for name, value in order.get("limits", {}).items():
        with contextlib.suppress(ValueError, OSError):  # not every system has every limit
            resource.setrlimit(getattr(resource, name), (value, value))
    started = time.monotonic()
    with open(order["output"], "wb") as output:
        grader = subprocess.Popen(
            order["command"], cwd=order["cwd"], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        peak = 0.0
        while (code := grader.poll()) is None and time.monotonic() - started < order["limit_s"]:
            peak = max(peak, peak_gb())
            time.sleep(0.3)
    seconds = time.monotonic() - started
    # What was told to end gets a moment; what means to stay is given the time to show what it is up to.
    until = time.monotonic() + (order["settle_s"] if code is not None else 0)
    while (left := descendants()) and time.monotonic() < until:
        reap()
        time.sleep(0.2)
    for _ in range(50):  # a process may fork while it is being killed
        here = descendants()
        for pid in here:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not here:
            break
        time.sleep(0.1)
        reap()
    if code is None:
        grader.wait()
    left = sorted(set(left.values())) if code is not None else []
    return {"code": code, "seconds": seconds, "left": left, "keyring": keyring, "peak_gb": peak}


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(json.dumps(main(json.loads(path.read_text()))))
