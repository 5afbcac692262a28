"""The codec between examiner and student: all that is data comes through unchanged, and nothing else comes through."""

import json
import math
import random
import socket
import struct
import threading
import time
import tracemalloc
from collections import Counter, OrderedDict, defaultdict, namedtuple
from contextlib import contextmanager
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch

from autograder import wire
from physiodl.exam import HiddenLabels

SOON = 5.0  # seconds; enough on a loaded machine for what takes no time
DTYPES = "? b B h H i I l L q Q e f d g F D >f8 >i4 >c8".split()


def later(seconds=SOON):
    return time.monotonic() + seconds


def there_and_back(value, **options):
    """A value through pack, JSON and unpack, as it goes through a frame."""
    tree, blobs = wire.pack(value, **options)
    return wire.unpack(json.loads(json.dumps(tree, allow_nan=False)), bytearray(b"".join(blobs)))


def alike(one, other):
    """Equal in type, in value and, for arrays, in dtype and shape; NaN equals NaN."""
    if isinstance(one, np.ndarray | np.generic) and isinstance(one, np.ndarray) == isinstance(other, np.ndarray):
        same_kind = one.dtype.newbyteorder("<") == other.dtype and one.shape == other.shape
        return same_kind and np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    return one == other if isinstance(one, set) else repr(one) == repr(other)  # -0.0, NaN


def some_value(rng, depth=0):
    """A random value of those that travel."""
    kind = rng.integers(0, 13 if depth < 4 else 7)
    if kind == 0:
        return [None, True, False][rng.integers(3)]
    if kind == 1:
        return int(rng.integers(-(2**62), 2**62)) >> int(rng.integers(0, 62))
    if kind == 2:
        return [float(rng.standard_normal()), math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308][rng.integers(7)]
    if kind == 3:
        return "".join(chr(c) for c in rng.integers(0, 0x10FFFF, rng.integers(0, 9)))
    if kind == 4:
        return complex(float(rng.standard_normal()), math.inf)
    if kind in (5, 6):
        shape = tuple(rng.integers(0, 4, rng.integers(0, 4)))
        array = (rng.standard_normal(shape) * 100).astype(DTYPES[rng.integers(len(DTYPES))])
        forms = [array, np.asfortranarray(array), array[..., ::-1] if array.ndim else array]
        return array[()] if not shape else forms[rng.integers(3)]
    if kind == 7:
        return [int(n) for n in rng.integers(-9, 9, rng.integers(0, 300))]
    if kind == 8:
        return tuple(float(x) for x in rng.standard_normal(rng.integers(0, 300)))
    parts = [some_value(rng, depth + 1) for _ in range(rng.integers(0, 5))]
    if kind == 9:
        return {k if k % 2 else f"key {k}": part for k, part in enumerate(parts)}
    if kind == 10:
        return {("a", 1, (2.5, None)): parts, True: {1, "two", (3, 4)}}
    return parts if kind == 11 else tuple(parts)


def test_what_is_data_comes_back_as_it_was():
    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        for k in range(1500):
            value = some_value(rng)
            assert alike(value, there_and_back(value)), (k, value)


def test_arrays_come_back_writable_and_in_native_order():
    back = there_and_back([np.arange(6.0).reshape(2, 3).T, np.arange(3, dtype=">i4")])
    back[0][:] = 7
    assert back[0].flags.c_contiguous and back[1].dtype.isnative


Point = namedtuple("Point", "x y")
Grade = IntEnum("Grade", "good bad")
Colour = Enum("Colour", "red")
AS_USUAL = [
    (OrderedDict(a=1), {"a": 1}),
    (defaultdict(list, a=[1]), {"a": [1]}),
    (Counter("aab"), {"a": 2, "b": 1}),
    (Point(1, 2.0), (1, 2.0)),
    (torch.zeros(2, 3).shape, (2, 3)),
    (np.str_("mV"), "mV"),
    (np.array(["a", "b"]), ["a", "b"]),
    (Grade.bad, 2),
    (Fraction(1, 2), 0.5),
    (Decimal("0.25"), 0.25),
    (type("Own", (float,), {"__float__": lambda self: 9.0})(1.5), 1.5),
    (pd.Series([1.0, 2.0]), np.array([1.0, 2.0])),
    (torch.arange(3), np.arange(3)),
    (np.ma.masked_invalid([1.0]), np.array([1.0])),
    ({np.int64(3): 1, np.bool_(True): 2, np.str_("a"): 3, (np.int64(1), 2): 4}, {3: 1, True: 2, "a": 3, (1, 2): 4}),
    ({frozenset([1, 2]), (np.int8(1), "a")}, {frozenset([1, 2]), (1, "a")}),
    (range(3), [0, 1, 2]),
]


@pytest.mark.parametrize("value, expected", AS_USUAL, ids=lambda value: type(value).__name__)
def test_kinds_of_what_is_data_count_as_that(value, expected):
    assert alike(there_and_back(value, lenient=True), expected)


NO_DATA = [object(), print, (n for n in "ab"), torch, torch.ones(2, requires_grad=True), np.array([object()]),
           np.zeros(2, dtype="M8[s]"), np.zeros(2, dtype=[("a", "f8")]), b"bytes", 2**63, -(2**70), Colour.red,
           HiddenLabels(np.array([0, 1]))]  # fmt: skip


@pytest.mark.parametrize("value", NO_DATA, ids=lambda value: type(value).__name__)
def test_what_is_no_data_is_refused_or_told_by_its_type(value):
    for nested in (value, [1, (value,)], {"a": {"b": value}}):
        with pytest.raises(wire.Refused):
            wire.pack(nested)
    told = there_and_back([value], lenient=True)[0]
    assert isinstance(told, wire.Opaque) and type(value).__name__ in repr(told)
    tree, blobs = wire.pack(value, lenient=True)
    assert repr(wire.unpack(tree, b"".join(blobs), nameless=True)) == "<object, which is no data>"


def test_keys_that_are_no_data_cost_nothing_else():
    back = there_and_back({"n": 3, object(): 1, Colour.red: 2}, lenient=True)
    assert back["n"] == 3 and len(back) == 3


def test_long_lists_of_numbers_travel_as_arrays():
    value = {"floats": [[0.5] * 1000 for _ in range(600)], "ints": tuple(range(10**6)), "mixed": [1, 2.0] * 60}
    tree, blobs = wire.pack(value)
    assert len(json.dumps(tree)) < 100_000 and there_and_back(value) == value
    for odd in ([True] * 200, [1] * 199 + [2**63], [1.0] * 199 + ["x"]):
        assert "m" not in wire.pack(odd, lenient=True)[0]


def test_too_much_is_refused_before_it_is_sent():
    deep = []
    for _ in range(30):
        deep = [deep]
    around = []
    around.append(around)
    for value in (deep, around, ["x"] * 400_001, "x" * 1_000_001, np.zeros(wire.MAX_BYTES // 8 + 1)):
        with pytest.raises(wire.Refused):
            wire.pack(value)
    one, other = socket.socketpair()
    with one, other, pytest.raises(wire.Refused, match="MB"):
        wire.send(one, {}, [bytes(wire.MAX_BYTES // 2 + 1)] * 2, deadline=later())


def test_paths_of_objects_are_resolved_only_where_there_are_any():
    tree, _ = wire.pack([1, {"f": print}], reference=lambda value: ["f", 3] if value is print else None)
    assert wire.unpack(tree, b"", resolve=lambda path: path) == [1, {"f": ["f", 3]}]
    with pytest.raises(wire.WireError):
        wire.unpack(tree, b"")


# --- hostile values ---


def deep(form, n):
    tree = 1
    for _ in range(n):
        tree = {form: [tree]} if form != "d" else {"d": [[1, tree]]}
    return tree


A = {"a": ["<f8", [2]]}
HOSTILE = [
    *[{"a": [dtype, [1]]} for dtype in (
        "O", "|O8", "<O8", "<M8", "<m8", "<U4", "|S8", "|V8", "V8", ">f8", "=f8", "f8", "<f3", "<i16", "<b8", "|c1",
        "<c4", "<f8\n", "", " <f8", "<f8,<f8", "{}", 8, None, ["<f8"], {"a": "<f8"})],
    *[{"a": ["<f8", shape]} for shape in (
        [3], [1], [2**62, 4], [2**40, 2**40], [-1], [-2, -1], [1.0], [True], ["1"], [None], None, 1, "1", {}, [[1]],
        [2**63], [2**64], [0, 2**62], [1] * 17, [2**31, 2**31, 2**2])],
    {"a": ["<f8", [2], 0]}, {"a": ["<f8"]}, {"a": []}, {"a": "<f8"}, {"n": ["<f8", [3]]}, [A], A | {"l": []}, {},
    {"l": [A, A]}, {"x": 1}, {"o": 1}, {"s": 1}, {"s": "x" * 1_000_001}, {"f": "1"}, {"f": "Infinity"}, {"f": []},
    {"r": ["f"]}, {"c": [1]}, {"c": [1, 2, 3]}, {"c": ["1", "2"]}, {"c": [A, A]}, {"l": {}}, {"l": "ab"}, {"t": 1},
    {"d": [[1]]}, {"d": [[1, 2, 3]]}, {"d": [1]}, {"d": {"a": 1}}, {"d": [[{"l": [1]}, 2]]}, {"d": [[{"d": []}, 2]]},
    {"d": [[A, 1]]}, {"u": [A]}, {"u": [{"l": []}]}, {"u": [{"d": []}]}, {"m": ["l", "<f8", 2**61]},
    {"m": ["l", "<f8", -2]}, {"m": ["l", "|i1", 16]}, {"m": ["x", "<f8", 2]}, {"m": ["l", "<f8", "2"]},
    {"m": ["l", "<f8", [2]]}, {"m": ["l"]}, 2**63, -(2**63), "text", b"x", {1: 2}, (1,), object(),
    deep("l", 25), deep("t", 25), deep("d", 25), deep("c", 3), {"l": [1] * 400_000},
]  # fmt: skip


@pytest.mark.parametrize("tree", HOSTILE, ids=lambda tree: repr(tree)[:40].split(" at 0x")[0])
def test_hostile_trees_are_not_values(tree):
    with pytest.raises(wire.WireError):
        wire.unpack(tree, bytearray(16))


def test_bytes_must_be_used_up_exactly():
    assert list(wire.unpack(A, bytearray(16))) == [0, 0]
    for n in (0, 8, 15, 17, 32):
        with pytest.raises(wire.WireError):
            wire.unpack(A, bytearray(n))


def mutated(tree, rng):
    """A tree with one part of it exchanged for something else."""
    if isinstance(tree, list) and tree and rng.random() < 0.8:
        k = rng.randrange(len(tree))
        return [*tree[:k], mutated(tree[k], rng), *tree[k + 1 :]]
    if isinstance(tree, dict) and tree and rng.random() < 0.8:
        key = rng.choice(list(tree))
        return {**tree, key: mutated(tree[key], rng)}
    return rng.choice([
        None, True, -1, 0, 1.5, 2**62, 2**63, "a", "<f8", "|O8", "|b1", [], {}, [[]], {"a": tree}, {"l": tree}, [tree],
        {"d": [[tree, 1]]}, {"u": [tree]}, {"o": "x"}, {"r": [0, "__class__"]}, {"m": ["l", "<i8", 3]}, {"n": tree},
    ])  # fmt: skip


def test_20000_hostile_trees_give_a_value_or_a_wire_error():
    rng, numbers, refused = random.Random(0), np.random.default_rng(1), 0
    seeds = [wire.pack(some_value(numbers)) for _ in range(200)]
    for _ in range(20_000):
        tree, blobs = rng.choice(seeds)
        for _ in range(rng.randrange(1, 4)):
            tree = mutated(tree, rng)
        data = bytearray(b"".join(blobs))[: None if rng.random() < 0.7 else rng.randrange(9)]
        try:
            wire.unpack(tree, data)
        except wire.WireError:
            refused += 1
    assert refused > 5_000, "hardly one of them was hostile"


# --- frames ---


@contextmanager
def heard(*parts, pause=0.0, close=True):
    """A socket on which the parts arrive, one after the other."""
    one, other = socket.socketpair()

    def speak():
        try:
            for part in parts:
                one.sendall(part)
                time.sleep(pause)
        except OSError:
            pass
        if close:
            one.close()

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield other
    finally:
        other.close()
        thread.join()
        one.close()


def frame(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return wire.LENGTHS.pack(len(text), len(data)) + text + data


def test_frames_arrive_whole_and_one_by_one():
    one, other = socket.socketpair()
    big = np.arange(3_000_000.0)
    tree, blobs = wire.pack({"big": big, "text": "µ"})

    def speak():
        wire.send(one, {"value": tree, "id": 1}, blobs, deadline=later(30))
        wire.send(one, {"id": 2}, deadline=later(30))

    with one, other:
        thread = threading.Thread(target=speak)
        thread.start()
        header, data = wire.receive(other, deadline=later(30))
        assert header["id"] == 1 and np.array_equal(wire.unpack(header["value"], data)["big"], big)
        assert wire.receive(other, deadline=later(30)) == ({"id": 2}, b"")
        thread.join()


@pytest.mark.parametrize("bytes_sent", [
    frame(b"[" * 100_000), frame(b"[" * 100_000 + b"]" * 100_000), frame(b"[1]"), frame(b"1"), frame(b"null"),
    frame(b""), frame(b"{"), frame(b'{"a": NaN}'), frame(b'{"a": Infinity}'), frame(b'{"a": "\xff"}'),
    frame(b"\x00" * 8), frame(b'{"a": ' + b"9" * 5000 + b"}"), wire.LENGTHS.pack(wire.MAX_HEADER + 1, 0), b"\xff" * 12,
    wire.LENGTHS.pack(2, wire.MAX_BYTES + 1) + b"{}", b"GET / HTTP/1.1\r\n\r\n",
])  # fmt: skip
def test_hostile_frames_are_wire_errors(bytes_sent):
    with heard(bytes_sent) as sock, pytest.raises(wire.WireError):
        wire.receive(sock, deadline=later())


def test_a_thousand_broken_frames_never_do_worse():
    rng, good = random.Random(2), frame({"id": "a", "value": {"a": ["<f8", [2]]}}, bytes(16))
    seen = Counter()
    for _ in range(1000):
        broken = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        broken = broken[: rng.randrange(len(broken) + 1)] if rng.random() < 0.3 else broken
        one, other = socket.socketpair()
        with one, other:
            one.sendall(broken)
            one.close()
            try:
                header, data = wire.receive(other, deadline=later())
                wire.unpack(header.get("value"), data)
                seen["read"] += 1
            except (wire.WireError, wire.Closed) as error:
                seen[type(error).__name__] += 1
    assert seen["WireError"] > 100 and seen["Closed"] > 100


def test_sizes_that_are_only_announced_take_no_memory():
    tracemalloc.start()
    try:
        for start in (
            wire.LENGTHS.pack(wire.MAX_HEADER, wire.MAX_BYTES),
            wire.LENGTHS.pack(2, wire.MAX_BYTES) + b"{}x",
        ):
            with heard(start) as sock, pytest.raises(wire.Closed):
                wire.receive(sock, deadline=later())
        with pytest.raises(wire.WireError):
            wire.unpack({"l": [{"a": ["<f8", [2**40]]}, {"m": ["l", "<f8", 2**40]}]}, bytearray(16))
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_one_deadline_holds_for_all_of_a_frame():
    drip = [bytes([byte]) for byte in frame({"id": 1}, bytes(200))]
    started = time.monotonic()
    with heard(*drip, pause=0.02) as sock, pytest.raises(wire.Late):
        wire.receive(sock, deadline=later(0.4))
        assert time.monotonic() - started < 2
    with heard(b"", close=False, pause=0.3) as sock, pytest.raises(wire.Late):
        wire.receive(sock, deadline=later(0.1))
    with heard(frame({"id": 1})) as sock, pytest.raises(wire.Late):
        wire.receive(sock, deadline=time.monotonic() - 1)


def test_one_who_does_not_read_is_late_and_one_who_is_gone_is_gone():
    one, other = socket.socketpair()
    with one, other:
        with pytest.raises(wire.Late):
            wire.send(one, {}, [bytes(20_000_000)], deadline=later(0.3))
        other.close()
        with pytest.raises(wire.Closed):
            wire.send(one, {}, deadline=later())
    with heard(struct.pack("!I", 3)) as sock, pytest.raises(wire.Closed):
        wire.receive(sock, deadline=later())
