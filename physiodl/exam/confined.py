"""Runs a network file that a student exported, in a process of its own that can compute and nothing else.

A file for ONNX Runtime or LiteRT is a program: its reader can have holes, its shapes can ask for all memory, its loops
need not end. So the examiner hands it to a fresh Python process (`physiodl.exam.confined_process`) that knows no label,
no key and no seed. Before that process reads the file it gives up, by a system-call filter that cannot be taken off
again, everything but computing: it can open no file, no connection and no process, and send no signal. Memory, time and
the length of its answers are bounded. Whatever happens in there ends as an `ExamError` of the task that handed the file
over, and as nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from physiodl.exam.checks import ExamError, expect, veiled

MAX_FILE = 5_000_000  # bytes of a file; the network of the course has 0.2 MB
MAX_HEADER, MAX_ANSWER = 100_000, 4_000_000  # bytes that the other side may answer
START_S = 60.0  # until the runtimes are imported, on a machine that is busy
HEAD = struct.Struct("!II")  # length of the JSON text, length of the bytes behind it
KINDS = ("onnx", "litert")


class Running:
    """A file at work: call it with windows (n, ...) float32; it gives (n,) numbers. ``facts`` says what the file is."""

    def __init__(self, process: subprocess.Popen, what: str, seconds: float):
        self._process, self._what, self._seconds, self._late = process, what, seconds, threading.Event()
        self.facts: dict[str, Any] = {}

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        x = np.ascontiguousarray(windows, np.float32)
        reply, data = self.ask({"shape": list(x.shape)}, x.tobytes())
        if "error" in reply:
            raise self._failed(f"{self._what} did not run on {len(x)} windows of shape {x.shape[1:]}", reply)
        answer = np.frombuffer(data, "<f4").astype(float) if len(data) % 4 == 0 else np.zeros(0)
        expect(
            len(answer) == len(x),
            got=f"{self._what} with {'another number of' if veiled() else len(answer)} outputs for {len(x)} windows",
            expected="one number for each",
            cause="the network has more than one output for a recording, or it does not take several at once",
        )
        return answer

    def ask(self, header: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        """One request and its reply; raises `ExamError` where none comes in time, or none that can be read."""
        timer = threading.Timer(self._seconds, self._stop)
        timer.daemon = True
        timer.start()
        try:
            text = json.dumps(header).encode()
            self._process.stdin.write(HEAD.pack(len(text), len(data)) + text + data)
            self._process.stdin.flush()
            n_text, n_data = HEAD.unpack(self._read(HEAD.size))
            if n_text > MAX_HEADER or n_data > MAX_ANSWER:
                raise ValueError("too much")
            reply = json.loads(self._read(n_text).decode())
            if not isinstance(reply, dict):
                raise ValueError("no dict")
            return reply, self._read(n_data)
        except (OSError, EOFError, ValueError, RecursionError, struct.error):
            self._process.kill()
            if self._late.is_set():
                raise ExamError(
                    f"got {self._what} that ran for more than {self._seconds:.0f} s, expected an answer",
                    "a loop in the network, or a network far too large",
                ) from None
            raise ExamError(
                f"got {self._what} that ended the process which ran it, expected an answer",
                "a damaged file, or one that needs more memory than a small device has",
            ) from None
        finally:
            timer.cancel()

    def _read(self, n: int) -> bytes:
        data = self._process.stdout.read(n)
        if len(data) < n:
            raise EOFError
        return data

    def _stop(self) -> None:
        self._late.set()
        self._process.kill()

    def _failed(self, text: str, reply: dict[str, Any]) -> ExamError:
        said = "" if veiled() else f" ({' '.join(str(reply['error']).split())[:300]})"
        return ExamError(f"got: {text}{said}, expected a file that runs", str(reply.get("cause", ""))[:200])


def file_bytes(value: Any, what: str = "the file") -> bytes:
    """The bytes of a file that came as an array of uint8; raises `ExamError` where it is none, or too large."""
    expect(
        isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 1,
        got=f"{what}: no array of bytes",
        expected="an array (bytes,) uint8",
        cause="hand over the file itself, np.frombuffer(the_bytes, np.uint8), not its path or its network",
    )
    expect(
        40 <= value.size <= MAX_FILE,
        got=f"{what} of {value.size:,} bytes",
        expected=f"40 to {MAX_FILE:,}",
        cause="an empty file, or one that holds more than the network",
    )
    return value.tobytes()


def kind_of(data: bytes) -> str:
    """What a file is: "litert" where it begins as those of LiteRT do, else "onnx": such files have no mark."""
    return "litert" if data[4:8] == b"TFL3" else "onnx"


@contextlib.contextmanager
def running(value: Any, *, kind: str | None = None, what: str = "the file", seconds: float = 20.0) -> Iterator[Running]:
    """Run an exported file in a process that can only compute, as long as the ``with`` block lasts.

    Args:
        value: (bytes,) uint8, the file.
        kind: "onnx" or "litert"; None reads it from the file.
        what: how messages call it.
        seconds: that loading, and each call, may take; its processor time is bounded too.

    Raises:
        ExamError: no file, another kind of file, or one that cannot be loaded.
        RuntimeError: this machine cannot confine a process, and hidden recordings are at stake.
    """
    data = file_bytes(value, what)
    found = kind_of(data)
    expect(
        kind in (None, found),
        got=f"{what} for {'LiteRT' if found == 'litert' else 'ONNX Runtime, or a damaged one'}",
        expected=f"one for {'LiteRT' if kind == 'litert' else 'ONNX Runtime'}",
        cause="the two files exchanged, or a file of another library",
    )
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PHYSIODL_", "JPY_"))}
    environment = keep | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "physiodl.exam.confined_process", str(int(seconds) + 1)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        at_work = Running(process, what, START_S)
        started, _ = at_work.ask({"kind": found}, b"")
        at_work._seconds = seconds
        if os.environ.get("PHYSIODL_EXAM") and not started.get("confined"):
            raise RuntimeError(
                f"files of students are run only where a process can be confined, and here it cannot: {started}. "
                "Grade on Linux with the package pyseccomp; see `autograder doctor`"
            )
        reply, _ = at_work.ask({"load": True}, data)
        if "error" in reply:
            raise at_work._failed(f"{what} that cannot be loaded", reply)
        at_work.facts = {**reply, "bytes": len(data), "kind": found, "confined": bool(started.get("confined"))}
        yield at_work
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        until = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
