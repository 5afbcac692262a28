"""What travels between examiner and student: numbers, strings, arrays, and lists and dicts of these. Nothing else.

A frame is two lengths, a JSON header and the raw bytes of the arrays in it. There is no pickle on any path. The
reader trusts nothing: lengths are capped before anything is allocated, types, shapes and nesting are checked, and one
deadline holds for the whole frame, so that bytes that drip in one by one do not stretch it.
"""

from __future__ import annotations

import json
import math
import re
import socket
import struct
import time
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

MAX_HEADER = 16_000_000  # bytes of JSON
MAX_BYTES = 256_000_000  # bytes of all arrays of a frame
MAX_DEPTH = 24
MAX_NODES = 400_000
MAX_TEXT = 1_000_000  # characters of one string
MAX_INT = 2**63
LONG = 100  # numbers in a list from which on they travel as an array
DTYPE = re.compile(r"[<|][biufc](1|2|4|8|16)")
LENGTHS = struct.Struct("!IQ")
NUMBERS = "biufc"  # numpy kinds that are data


class WireError(ValueError):
    """What came is not data in the agreed form, or too much of it."""


class Refused(TypeError):
    """A value on our own side that must not, or cannot, be sent."""


class Closed(ConnectionError):
    """The other side has gone."""


class Late(TimeoutError):
    """The other side did not answer in time."""


class Opaque:
    """Stands for a value that is no data, such as a generator or a module; only its type's name came over."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, which is no data>"


def opaque(name: str) -> Opaque:
    """An `Opaque` whose type carries the name of the student's type, so that messages can say it."""
    clean = "".join(c for c in str(name)[:60] if c.isalnum() or c in "_.")
    return type(clean or "object", (Opaque,), {})()


# --- values ---


def pack(
    value: Any, *, lenient: bool = False, reference: Callable[[Any], list[Any] | None] | None = None
) -> tuple[Any, list[bytes]]:
    """A value as a JSON tree and the bytes of its arrays.

    What is no data raises `Refused`; with ``lenient`` it is replaced by the name of its type, which is what the
    student's side does with a return value. ``reference`` may give the path of an object that lives on the other
    side, which then stands for it.
    """
    blobs: list[bytes] = []
    count = 0

    def walk(value: Any, depth: int) -> Any:
        nonlocal count
        count += 1
        if depth > MAX_DEPTH or count > MAX_NODES:
            raise Refused("the value is nested too deeply or has too many parts")
        if reference and (path := reference(value)) is not None:
            return {"r": path}
        value = _as_usual(value) if lenient else value
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            if len(value) > MAX_TEXT:
                raise Refused(f"a text of {len(value)} characters is too long")
            return {"s": value}
        if kind is int and abs(value) < MAX_INT:
            return value
        if kind is float:
            return value if math.isfinite(value) else {"f": repr(value)}
        if kind is complex:
            return {"c": [walk(value.real, depth + 1), walk(value.imag, depth + 1)]}
        if kind in (list, tuple) and (array := _column(value)) is not None:
            blobs.append(array.tobytes())
            return {"m": ["l" if kind is list else "t", array.dtype.str, len(value)]}
        if kind in (list, tuple, set, frozenset, range):
            form = {list: "l", range: "l", tuple: "t"}.get(kind, "u")
            return {form: [walk(part, depth + 1) for part in value]}
        if kind is dict:
            return {"d": [[walk(key, depth + 1), walk(part, depth + 1)] for key, part in value.items()]}
        array = _array_of(value)
        if array is not None:
            array = np.asarray(array, order="C")
            if array.dtype.byteorder == ">" or array.dtype.str[0] == ">":
                array = array.astype(array.dtype.newbyteorder("<"))
            if array.nbytes > MAX_BYTES:
                raise Refused(f"an array of {array.nbytes / 1e6:.0f} MB is too large")
            blobs.append(array.tobytes())
            return {"n" if isinstance(value, np.generic) else "a": [array.dtype.str, list(array.shape)]}
        if lenient:
            return {"o": kind.__name__}
        raise Refused(f"a {kind.__name__} cannot be sent: only numbers, strings, arrays, lists and dicts travel")

    return walk(value, 0), blobs


def _as_usual(value: Any) -> Any:
    """A student's value as the built-in type it is a kind of: an OrderedDict is a dict, a text of NumPy's a str."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return value.tolist()
    if isinstance(value, np.generic) and not isinstance(value, np.str_):
        return value
    for base, plain in _PLAIN.items():
        if isinstance(value, base) and type(value) not in (base, bool):
            return plain(value)
    return float(value) if isinstance(value, Decimal | Fraction) else value


_PLAIN = {dict: dict, tuple: tuple, list: list, str: str.__str__, int: int.__index__, float: float.__float__}


def _column(value: list | tuple) -> np.ndarray | None:
    """A long list of nothing but floats, or of integers, as an array: it travels as its bytes."""
    kinds = set(map(type, value)) if len(value) >= LONG else set()
    if kinds == {float}:
        return np.array(value, "<f8")
    if kinds == {int} and -MAX_INT < min(value) and max(value) < MAX_INT:
        return np.array(value, "<i8")
    return None


def _array_of(value: Any) -> np.ndarray | None:
    """The numbers of an array-like value, or None: a tensor that still has a gradient is no data either."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
    elif hasattr(type(value), "__array__") and getattr(value, "requires_grad", False) is not True:
        try:
            array = np.asarray(value)
        except Exception:
            return None
    else:
        return None
    if array.dtype.kind in NUMBERS and DTYPE.fullmatch(array.dtype.newbyteorder("<").str):
        return array
    return None


def unpack(
    tree: Any, data: bytes | bytearray, *, resolve: Callable[[list[Any]], Any] | None = None, nameless: bool = False
) -> Any:
    """The value of a tree and its bytes; raises `WireError` for anything that `pack` would not have made.

    ``resolve`` finds the object a path stands for; without it there are none. With ``nameless`` the type of what is
    no data is not taken over: sixty characters are room for a message.
    """
    place = count = 0

    def walk(tree: Any, depth: int) -> Any:
        nonlocal place, count
        count += 1
        if depth > MAX_DEPTH or count > MAX_NODES:
            raise WireError("nested too deeply or too many parts")
        if tree is None or type(tree) is bool:
            return tree
        if type(tree) is int:
            if abs(tree) >= MAX_INT:
                raise WireError("an integer beyond 64 bits")
            return tree
        if type(tree) is float:
            return tree
        if type(tree) is not dict or len(tree) != 1:
            raise WireError("not a value")
        ((form, body),) = tree.items()
        if form == "s" and type(body) is str and len(body) <= MAX_TEXT:
            return body
        if form == "f" and body in ("nan", "inf", "-inf"):
            return float(body)
        if form == "o" and type(body) is str:
            return opaque("object" if nameless else body)
        if form in ("a", "n"):
            return array(body, scalar=form == "n")
        if type(body) is not list:
            raise WireError("not a value")
        if form == "m" and len(body) == 3 and body[0] in ("l", "t") and body[1] in ("<f8", "<i8"):
            parts = array([body[1], [body[2]]], scalar=False).tolist()
            return parts if body[0] == "l" else tuple(parts)
        if form == "r" and resolve:
            return resolve(body)
        if form == "c" and len(body) == 2:
            real, imag = (walk(part, depth + 1) for part in body)
            return complex(float(real), float(imag))
        if form in ("l", "t", "u"):
            parts = [walk(part, depth + 1) for part in body]
            return parts if form == "l" else tuple(parts) if form == "t" else set(map(_key, parts))
        if form == "d":
            return {_key(walk(key, depth + 1)): walk(part, depth + 1) for key, part in body}
        raise WireError("not a value")

    def array(body: Any, *, scalar: bool) -> Any:
        nonlocal place
        if type(body) is not list or len(body) != 2 or type(body[0]) is not str or not DTYPE.fullmatch(body[0]):
            raise WireError("an array of a type that is not numbers")
        try:
            dtype = np.dtype(body[0])
        except TypeError:
            raise WireError("an array of an unknown type") from None
        shape = body[1]
        if type(shape) is not list or len(shape) > 16 or not all(type(n) is int and 0 <= n < MAX_INT for n in shape):
            raise WireError("an array without a proper shape")
        size = math.prod(shape) * dtype.itemsize
        if size > len(data) - place:
            raise WireError("an array with fewer bytes than its shape announces")
        found = np.frombuffer(data, dtype, count=math.prod(shape), offset=place).reshape(shape)
        place += size
        return found[()] if scalar and not shape else found

    try:
        value = walk(tree, 0)
    except WireError:
        raise
    except (TypeError, ValueError, IndexError, KeyError, OverflowError, RecursionError, AttributeError) as error:
        raise WireError(f"not a value ({type(error).__name__})") from None
    if place != len(data):
        raise WireError("more bytes than the arrays need")
    return value


def _key(key: Any) -> Any:
    """What can be a key or a member of a set; a number of NumPy's is the same key as Python's."""
    if isinstance(key, np.generic):
        return key.item()
    if type(key) is tuple:
        return tuple(map(_key, key))
    if type(key) is set:
        return frozenset(key)
    if key is None or type(key) in (str, int, float, bool, complex) or isinstance(key, Opaque):
        return key
    raise WireError("a dict with keys that are neither text nor numbers")


# --- frames ---


def send(sock: socket.socket, header: dict[str, Any], blobs: list[bytes] = (), *, deadline: float) -> None:
    """Send one frame; raises `Refused` where it is too large, `Late` and `Closed` as `receive` does."""
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
    size = sum(map(len, blobs))
    if len(text) > MAX_HEADER or size > MAX_BYTES:
        raise Refused(f"{(len(text) + size) / 1e6:.0f} MB are too much for one message")
    try:
        for part in (LENGTHS.pack(len(text), size) + text, *blobs):
            view = memoryview(part)
            while view:
                sock.settimeout(_left(deadline))
                view = view[sock.send(view[: 1 << 20]) :]
    except TimeoutError:
        raise Late("the message was not taken in time") from None
    except OSError:
        raise Closed("the connection was closed") from None


def receive(sock: socket.socket, *, deadline: float) -> tuple[dict[str, Any], bytearray]:
    """The next frame's header and bytes; raises `WireError`, `Closed` or `Late` (`deadline`: time.monotonic())."""
    n_text, n_bytes = LENGTHS.unpack(_exactly(sock, LENGTHS.size, deadline))
    if n_text > MAX_HEADER or n_bytes > MAX_BYTES:
        raise WireError(f"a message of {(n_text + n_bytes) / 1e6:.0f} MB is announced, which is too much")
    text = _exactly(sock, n_text, deadline)
    data = _exactly(sock, n_bytes, deadline)
    try:
        header = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise WireError("a message that is not JSON") from None
    if type(header) is not dict:
        raise WireError("a message without a header")
    return header, data


def _exactly(sock: socket.socket, n: int, deadline: float) -> bytearray:
    # Grows with what really comes: an announcement alone allocates nothing.
    data = bytearray()
    try:
        while len(data) < n:
            sock.settimeout(_left(deadline))
            part = sock.recv(min(n - len(data), 1 << 20))
            if not part:
                raise Closed("the connection was closed")
            data += part
    except TimeoutError:
        raise Late("no complete answer in time") from None
    except Closed:
        raise
    except OSError:
        raise Closed("the connection was closed") from None
    return data


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _no_constant(name: str) -> Any:
    raise ValueError(name)
