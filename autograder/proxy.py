"""The examiner's side of a call: names of the student's work as proxies that look like the real thing to a test cell.

A function is a proxy that can be called; numbers, texts and arrays are fetched when the cell begins; an instance of a
class that the notebook defines stays over there, and its methods, attributes and operators are asked for one by one.
Errors come back as text and are raised as an error that is also of the same built-in type.
"""

from __future__ import annotations

import builtins
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any

from autograder import wire
from autograder.inside import ARITHMETIC, READING

HIDDEN_TEXT = "its message is not shown, as it could hold the hidden recordings"


class StudentError(Exception):
    """An error in the student's code. `student_type`, `own_line`: what `physiodl.exam` says in its message."""

    student_type = "error"
    own_line = ""


class CallLost(Exception):
    """No answer came from the student's work: too slow, gone, or not in the agreed form."""


class Line:
    """The connection of one test cell to the student's work, with one deadline for all its calls.

    After the first failure it stays closed: what came late must not be taken for the answer to something else.
    `lost` says how it failed ("", "timeout", "died" or "broken").
    """

    def __init__(self, sock: socket.socket | None, *, deadline: float, hidden: Callable[[], bool] = lambda: False):
        self.sock, self.deadline, self.hidden = sock, deadline, hidden
        self.lost = self.why = ""
        if sock is None:
            self.lost, self.why = "died", "the notebook's process had ended before this task was tested"
        self.calls = 0

    def ask(self, do: str, **facts: Any) -> tuple[dict[str, Any], Any]:
        """One request; returns the reply's header and its value."""
        if self.lost:
            raise CallLost(self.why)
        # A value on our side that cannot be sent is a fault of the test cell and leaves the line open.
        arguments, blobs = wire.pack(facts.pop("arguments", [[], {}]), reference=_path_of)
        number = secrets.token_hex(8)
        self.calls += 1
        try:
            wire.send(
                self.sock, {"id": number, "do": do, "arguments": arguments, **facts}, blobs, deadline=self.deadline
            )
            header, data = wire.receive(self.sock, deadline=self.deadline)
            if header.get("id") != number:
                raise wire.WireError("an answer to another question")
            if not {"error", "object", "kind", "value"} & header.keys():
                raise wire.WireError("an answer without a value")
            value = wire.unpack(header["value"], data, nameless=self.hidden()) if "value" in header else None
        except wire.Late:
            raise self._lose("timeout", "your code did not answer in time") from None
        except wire.Closed:
            why = "the process of your notebook ended during the call (an exit, a crash, or not enough memory)"
            raise self._lose("died", why) from None
        except (wire.WireError, MemoryError) as error:
            raise self._lose("broken", f"the answer is no data that can be read: {error}") from None
        if "error" in header:
            raise _student_error(header["error"], hidden=self.hidden())
        return header, value

    def _lose(self, how: str, why: str) -> CallLost:
        self.lost, self.why = how, why
        self.close()
        return CallLost(why)

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()

    def name(self, name: str) -> Any:
        """What a test cell gets for a name that it asks for."""
        try:
            header, _ = self.ask("look", name=name)
            if header.get("kind") == "callable":
                return Proxy(self, [name])
            if header.get("kind") != "value":
                return Missing(name)
            return self.value([name])
        except CallLost:
            return Proxy(self, [name])  # each use says why there is no answer

    def value(self, path: list[Any]) -> Any:
        header, value = self.ask("get", path=path)
        return self._made(header, value, path)

    def call(self, path: list[Any], args: tuple, kwargs: dict[str, Any]) -> Any:
        header, value = self.ask("call", path=path, arguments=[list(args), kwargs])
        return self._made(header, value, path)

    def _made(self, header: dict[str, Any], value: Any, path: list[Any]) -> Any:
        if "object" not in header:
            return value
        number, name = header["object"], header.get("type")
        if type(number) is not int or type(name) is not str:
            raise self._lose("broken", "the answer is no data that can be read: an object without a number")
        # Made by a class that the task asked for (a name with a capital), or by an operator of such an object.
        of_a_class = path[-1] in ARITHMETIC or (len(path) == 1 and str(path[0])[:1].isupper())
        return remote(self, [number], "object" if self.hidden() else name, Instance if of_a_class else Remote)


class Proxy:
    """A function, a class, an object or one of its methods on the student's side."""

    def __init__(self, line: Line, path: list[Any]):
        object.__setattr__(self, "_line", line)
        object.__setattr__(self, "_path", path)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._line.call(self._path, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        header, value = self._line.ask("get", path=[*self._path, name])
        if "object" in header and header.get("callable"):
            return Proxy(self._line, [*self._path, name])
        return self._line._made(header, value, [*self._path, name])

    def __repr__(self) -> str:
        return f"<{self._path[-1]} of the submission>"


class Remote(Proxy):
    """An object on the student's side, to be read: by attributes, methods, positions, or as a number."""


class Instance(Remote):
    """An object of a class that the task asked for: one can compute with it too, over there.

    With what a function gives back one cannot: an object whose difference to any number is 0 would be right everywhere.
    """


def _operator(name: str) -> Callable[..., Any]:
    def ask(self: Proxy, *args: Any) -> Any:
        return self._line.call([*self._path, name], args, {})

    return ask


for _kind, _names in ((Remote, READING.keys() - {"__iter__"}), (Instance, ARITHMETIC)):
    for _name in _names:
        setattr(_kind, _name, _operator(_name))
Remote.__iter__ = lambda self: iter(self._line.call([*self._path, "__iter__"], (), {}))
Remote.__bool__ = lambda self: True


def remote(line: Line, path: list[Any], name: str, kind: type[Remote]) -> Remote:
    """A `Remote` whose type carries the name of the student's class, for messages."""
    clean = "".join(c for c in name[:60] if c.isalnum() or c == "_") or "object"
    return type(clean, (kind,), {})(line, path)


class Missing:
    """Stands for a name that the student did not define: whatever is done with it says so."""

    def __init__(self, name: str):
        object.__setattr__(self, "_name", name)

    def _fail(self, *args: Any, **kwargs: Any) -> Any:
        raise _student_error({"type": "NameError", "text": f"name {self._name!r} is not defined"}, hidden=False)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__array"):
            self._fail()
        if name.startswith("__"):
            raise AttributeError(name)
        return self._fail()

    __call__ = __getitem__ = __len__ = __iter__ = __bool__ = __float__ = __int__ = __str__ = __format__ = __array__ = (
        _fail
    )
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __neg__ = _fail
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _fail
    __hash__ = None


def _path_of(value: Any) -> list[Any] | None:
    """The path of a proxy given as an argument: the student's side puts the real thing there."""
    if isinstance(value, Missing):
        value._fail()
    return list(value._path) if isinstance(value, Proxy) else None


def _student_error(facts: Any, *, hidden: bool) -> Exception:
    """The error to raise for what the student's side told; nothing in it is believed, and only text is kept."""
    facts = facts if isinstance(facts, dict) else {}
    told = {key: facts.get(key) if isinstance(facts.get(key), str) else "" for key in ("type", "text", "line")}
    name = "".join(c for c in told["type"][:60] if c.isalnum() or c == "_") or "error"
    base = getattr(builtins, name, None)
    known = isinstance(base, type) and issubclass(base, Exception)
    if hidden:
        name, text, line = (name if known else "an error"), HIDDEN_TEXT, ""
    else:
        text, line = told["text"][:400], told["line"][:120]
    bases: tuple[type, ...] = (StudentError,)
    # Plain types only: those with arguments of their own (UnicodeDecodeError) cannot be made from a text.
    if known and base in _PLAIN:
        bases = (StudentError, base)
    error = type(name, bases, {})(text)
    error.student_type, error.own_line = name, line
    return error


_PLAIN = (
    ValueError, TypeError, KeyError, IndexError, LookupError, ZeroDivisionError, ArithmeticError, OverflowError,
    RuntimeError, NotImplementedError, RecursionError, AssertionError, NameError, AttributeError, FileNotFoundError,
    OSError, MemoryError, StopIteration, EOFError, PermissionError, FloatingPointError, UnboundLocalError,
)  # fmt: skip


def deadline_in(seconds: float) -> float:
    return time.monotonic() + seconds
