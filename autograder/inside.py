"""What honest notebooks need on the student's side: messages of a bearable size, silence in a copy, Python's operators.

Nothing here protects the grader; it runs beside the student's code.
"""

from __future__ import annotations

import builtins
import contextlib
import getpass
import operator
import os
import stat
import sys
from collections.abc import Callable
from typing import Any

MAX_ASKED = 20  # calls of input() that get an empty line
MAX_SENT = 32_000_000  # bytes of one message to the grader, which reads twice as much
MAX_SHOWN = 2_500  # messages of one cell that show something; the grader keeps 2,000
SHOWING = {"stream", "display_data", "update_display_data", "clear_output", "comm_open", "comm_msg", "comm_close"}
LONGEST_TEXT = 300_000  # characters of a text in a message that is larger than that

# What a test cell does with an object of the student's: done by Python over there, so that an operator that is not
# defined, or that says NotImplemented, means the same as in one process. Comparisons are not among them: whether an
# answer is right is never asked of the student's code.
READING: dict[str, Callable[..., Any]] = {
    "__getitem__": operator.getitem,
    "__len__": len,
    "__iter__": list,
    "__float__": float,
    "__int__": int,
}
_BINARY = "add sub mul truediv floordiv mod pow matmul".split()
ARITHMETIC: dict[str, Callable[..., Any]] = {
    **{f"__{name}__": getattr(operator, name) for name in [*_BINARY, "neg", "pos"]},
    **{f"__r{name}__": lambda own, other, name=name: getattr(operator, name)(other, own) for name in _BINARY},
}
OPERATIONS = READING | ARITHMETIC


def close_connections(*, keep: int) -> None:
    """Let go of the kernel's sockets and pipes; files that the notebook has open stay so."""
    for handle in map(int, os.listdir("/dev/fd")):
        with contextlib.suppress(OSError):
            mode = os.fstat(handle).st_mode
            if handle > 2 and handle != keep and not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):
                os.close(handle)


def silence(kernel: Any) -> None:
    """From here on nothing that is printed or shown goes anywhere; the threads that would send it are gone."""
    for name in ("stdout", "stderr"):
        old = getattr(sys, name)
        with contextlib.suppress(Exception):
            old.write, old.flush = (lambda text: len(text)), (lambda: None)  # for those who kept the stream
        setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    shell = kernel.shell
    for target, method in ((shell.display_pub, "publish"), (shell.display_pub, "clear_output")):
        with contextlib.suppress(Exception):
            setattr(target, method, lambda *a, **k: None)
    kernel.asked = 0
    builtins.input = getpass.getpass = kernel.raw_input


def bearable(session: Any) -> Callable[[], None]:
    """Have a kernel's session send no more than the grader reads; returns what is to be called when a cell begins.

    A message that is too large is cut, for the grader closes the connection on it. Of a cell that prints or shows
    without end only the beginning is sent: with a full queue the message that the cell has ended would be lost too.
    """
    pack, send, count = session.pack, session.send, [0]

    def packed(content: Any) -> bytes:
        made = pack(content)
        if len(made) <= MAX_SENT or not isinstance(content, dict):
            return made
        if "data" in content:
            return pack({**content, "data": {"text/plain": "(output left out: it is too large)"}, "metadata": {}})
        return pack(shortened(content))

    def sent(stream: Any, message: Any, *args: Any, **kwargs: Any) -> Any:
        if (message if isinstance(message, str) else message["msg_type"]) in SHOWING:
            count[0] += 1
            if count[0] > MAX_SHOWN:
                return None
        return send(stream, message, *args, **kwargs)

    session.pack, session.send = packed, sent
    return lambda: count.__setitem__(0, 0)


def shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    if isinstance(value, list):
        return [shortened(part) for part in value[:1000]]
    return {key: shortened(part) for key, part in value.items()} if isinstance(value, dict) else value
