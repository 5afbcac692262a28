"""The examiner: runs locked cells and test cells, in a process that no line of a student's code ever enters.

`python -m autograder.examiner` is started once by each worker, confined like the student (no network, a read-only
system) but with the hidden recordings in sight. It imports what test cells need and forks for every submission. Orders
come and answers go as length and JSON on its standard input and output; calls to the student's work go over a Unix
socket on which the copies of the student's kernel wait (`autograder.proxy`, `autograder.student`).

Only what this process says about a test cell gives points.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import hashlib
import importlib
import io
import json
import math
import os
import signal
import socket
import struct
import sys
import time
from typing import Any, BinaryIO

from autograder import wire
from autograder.proxy import Line, deadline_in
from autograder.student import set_limits

LENGTH = struct.Struct("!I")
MAX_SHOWN = 200_000  # characters that a test cell may print
HELLO_S = 5.0  # a copy says which cell it stands for as soon as it is connected
LIVE_S = 20.0  # the live kernel may need that long to come to the next cell


LOST = {  # how a line was lost -> status of the cell, and why a person should look
    "timeout": ("timeout", "ran too long"),
    "died": ("died", "found the student's process ended"),
    "broken": ("error", "got an answer that is no data"),
}


class OutOfTime(BaseException):
    """The time of a test cell is spent; not an Exception, so that no check of the cell takes it for the student's."""


# --- orders and answers ---


def read_message(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message, None at the end of the stream."""
    head = _read(stream, LENGTH.size)
    body = _read(stream, LENGTH.unpack(head)[0]) if head else b""
    return json.loads(body) if body else None


def _read(stream: BinaryIO, n: int) -> bytes:
    # Unbuffered: the process that is forked for a submission reads on from where this one stopped.
    data = b""
    while len(data) < n:
        part = stream.read(n - len(data))
        if not part:
            return b""
        data += part
    return data


def write_message(stream: BinaryIO, **facts: Any) -> None:
    body = json.dumps(facts).encode()
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


def main() -> None:
    orders = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    settings = json.loads(sys.argv[1])
    set_limits(settings.get("limits") or {})
    # once for all submissions: what the test cells of an assignment use most
    preload(["numpy", "physiodl.exam", "physiodl.exam.hidden", "physiodl.exam.probes", "physiodl.multiclass"])
    write_message(answers, event="up")
    while order := read_message(orders):
        preload(order["preload"])
        child = os.fork()
        if child == 0:
            try:
                examine(order, orders, answers)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        write_message(answers, event="gone")


def preload(modules: list[str]) -> None:
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


# --- one submission ---


def examine(order: dict[str, Any], orders: BinaryIO, answers: BinaryIO) -> None:
    """Run locked cells as they come, remember test cells, and examine them when told that the answer cells have run."""
    os.environ.update(order["environment"])
    os.environ["MPLBACKEND"] = "agg"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(order["socket"])
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(order["socket"])
    os.chmod(order["socket"], 0o666)
    listener.listen(64)
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins, "display": print}
    tests: dict[str, dict[str, Any]] = {}
    write_message(answers, event="listening")
    while message := read_message(orders):
        if message["do"] == "locked":
            error = run_locked(message, names, seed=order["seed"])
            write_message(answers, event="locked", cell=message["cell"], error=error)
        elif message["do"] == "test":
            tests[message["cell"]] = {**message, "names": dict(names)}
        elif message["do"] == "examine":
            copies = waiting_copies(listener)
            for cell in message["parked"]:
                write_message(answers, event="test", cell=cell, **run_test(tests[cell], copies.get(cell)))
            patience_s = LIVE_S
            for cell in message["live"]:
                sock = copies.get(cell) or next_copy(listener, cell, patience_s)
                if sock is None:  # who did not come for one cell will not come for the next
                    patience_s = 0.5
                write_message(answers, event="test", cell=cell, **run_test(tests[cell], sock))
            write_message(answers, event="done")
        else:
            return


def run_locked(cell: dict[str, Any], names: dict[str, Any], *, seed: int) -> str:
    """Run a cell of the handout; the examiner's SEED is its own, so that test cells draw what nobody has seen."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(cell["source"], f"<{cell['cell']}>", "exec"), names)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:400]
    if "parameters" in cell["tags"] and "SEED" in names:
        names["SEED"] = seed
    return ""


def seed_of_cell(seed: int, cell: str) -> int:
    """The SEED of one test cell, 62 bits: that of another does not follow from it."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{cell}".encode()).digest()[:8], "big") >> 2


def waiting_copies(listener: socket.socket) -> dict[str, socket.socket]:
    """The connections that wait, by the cell each says it stands for; the first of a cell counts."""
    listener.setblocking(False)
    found: dict[str, socket.socket] = {}
    deadline = deadline_in(HELLO_S)
    with contextlib.suppress(BlockingIOError):
        for _ in range(1024):
            sock = listener.accept()[0]
            name = hello(sock, deadline)
            if name and name not in found:
                found[name] = sock
            else:
                sock.close()
    listener.setblocking(True)
    return found


def next_copy(listener: socket.socket, cell: str, patience_s: float) -> socket.socket | None:
    """The live kernel's connection for a cell; None when it does not come in time."""
    deadline = deadline_in(patience_s)
    with contextlib.suppress(TimeoutError, OSError):
        while (left := deadline - time.monotonic()) > 0:
            listener.settimeout(left)
            sock = listener.accept()[0]
            if hello(sock, min(deadline, deadline_in(HELLO_S))) == cell:
                return sock
            sock.close()
    return None


def hello(sock: socket.socket, deadline: float) -> str | None:
    try:
        header, _ = wire.receive(sock, deadline=deadline)
    except (wire.WireError, wire.Closed, wire.Late):
        return None
    return header.get("hello") if isinstance(header.get("hello"), str) else None


# --- one test cell ---


def run_test(cell: dict[str, Any], sock: socket.socket | None) -> dict[str, Any]:
    """Run a test cell against the student's work.

    Returns status ("ok", "error", "timeout", "died"), points (None where it gave none), flag (why a person should
    look, or ""), error ("Type: text" or ""), text (what it printed), scores and seconds.
    """
    from physiodl.exam import cohorts

    cohorts.begin_cell()
    started = time.monotonic()
    secret = Secret(cell["cell"], cell["source"])
    line = Line(sock, deadline=started + cell["timeout_s"], hidden=lambda: cohorts.hidden_in_use() or secret.in_use())
    shown, points, error, status = Shown(), None, "", "ok"
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.setitimer(signal.ITIMER_REAL, cell["timeout_s"] + 1.0)  # calls end before it; this one is for the cell's own
    try:
        names = dict(cell["names"])
        if type(names.get("SEED")) is int:
            names["SEED"] = seed_of_cell(names["SEED"], cell["cell"])
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            for name in cell["asks"]:
                names[name] = line.name(name)
            value = run_cell(cell["source"], cell["cell"], names)
        points, flag = points_of(value, cell["points"])
    except OutOfTime:
        status, flag, error = "timeout", "ran too long", "TooSlow: the test cell was stopped"
    except BaseException as caught:
        status, flag = "error", f"stopped with an error ({student_type(caught)})"
        error = f"{student_type(caught)}: {' '.join(str(caught).split())[:400]}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        line.close()
    if line.lost:
        status, flag = LOST[line.lost]
    return {
        "status": status,
        "points": points,
        "flag": flag,
        "error": error,
        "text": shown.getvalue(),
        "scores": cohorts.scores_of_cell(),
        "calls": line.calls,
        "seconds": round(time.monotonic() - started, 3),
    }


class Secret:
    """Whether a test cell has come to its hidden tests; from then on nothing the student's side says is shown.

    It stays so for all cells after it: what one call has seen, another could tell.
    """

    seen = False

    def __init__(self, cell: str, source: str):
        self.name, self.lines, inside = f"<{cell}>", set(), False
        for number, text in enumerate(source.split("\n"), 1):
            inside = (inside or "BEGIN HIDDEN TESTS" in text) and "END HIDDEN TESTS" not in text
            if inside:
                self.lines.add(number)

    def in_use(self) -> bool:
        frame = sys._getframe() if self.lines and not Secret.seen else None
        while frame is not None:
            if frame.f_code.co_filename == self.name and frame.f_lineno in self.lines:
                Secret.seen = True
            frame = frame.f_back
        return Secret.seen


def student_type(error: BaseException) -> str:
    return getattr(error, "student_type", type(error).__name__)


def _out_of_time(*_: Any) -> None:
    raise OutOfTime


def run_cell(source: str, name: str, names: dict[str, Any]) -> Any:
    """Run a cell; returns the value of its last line."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, f"<{name}>", "exec"), names)
    return eval(compile(ast.Expression(last.value), f"<{name}>", "eval"), names) if last is not None else None


def points_of(value: Any, most: float) -> tuple[float | None, str]:
    """The points that a test cell's last value stands for, and what is wrong with it ("" if nothing).

    Fails closed: what is not a plain number within 0 and the cell's points gives none.
    """
    import numpy as np

    if isinstance(value, np.floating | np.integer):
        value = value.item()
    if value is None:
        return None, "gave no points"
    if type(value) not in (int, float):
        return None, f"gave {repr(value)[:40]}, which is no number"
    if not math.isfinite(value) or not -1e-9 <= value <= most + 1e-9:
        return None, f"gave {value!r:.40}, which is not within 0 and {most:g}"
    return float(min(max(value, 0.0), most)), ""


class Shown(io.StringIO):
    """What a test cell prints, up to a length."""

    def write(self, text: str) -> int:
        if self.tell() < MAX_SHOWN:
            super().write(text[: MAX_SHOWN - self.tell()])
        return len(text)


if __name__ == "__main__":
    main()
