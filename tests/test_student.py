"""The student's side: when a copy of the kernel can be made, what answers for a name, and what errors say."""

import builtins
import getpass
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tqdm import tqdm

from autograder import inside, student, wire

ROOT = Path(__file__).resolve().parent.parent


def in_a_process(code, *, cwd=ROOT):
    """What a fresh Python prints; each of its lines is JSON."""
    code = "import json, os, sys, threading\nfrom autograder import inside, student\n" + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- can a copy be made? ---


def usual():
    return student.native_threads(), set(threading.enumerate())


def test_a_copy_can_be_made_while_nothing_else_runs():
    assert student.cannot_fork(*usual()) == ""


def test_threads_of_the_notebook_keep_it_from_being_copied():
    before, go = usual(), threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()
    try:
        assert "threads of the notebook" in student.cannot_fork(*before)
        assert student.cannot_fork(*usual()) == "", "those that were there before count as usual"
    finally:
        go.set()
        thread.join()
    assert student.cannot_fork(*before) == "", "a thread that has ended does not matter"
    with ThreadPoolExecutor(1) as pool:
        list(pool.map(abs, [1]))
        assert "threads of the notebook" in student.cannot_fork(*before)


def test_the_monitor_of_tqdm_is_no_reason():
    before = usual()
    bar = tqdm(total=3, file=open(os.devnull, "w"))
    try:
        assert any(type(t).__name__ == "TMonitor" for t in threading.enumerate())
        assert student.cannot_fork(*before) == ""
    finally:
        bar.close()
        tqdm.monitor.exit()
        tqdm.monitor = None


def test_native_threads_are_seen():
    told = in_a_process("""
        import ctypes
        usual = student.native_threads(), set(threading.enumerate())
        print(json.dumps(student.cannot_fork(*usual)))
        libc, handle = ctypes.CDLL(None), ctypes.c_ulong()
        assert libc.pthread_create(ctypes.byref(handle), None, ctypes.cast(libc.pause, ctypes.c_void_p), None) == 0
        print(json.dumps(student.cannot_fork(*usual)), flush=True)
        os._exit(0)
    """)
    assert told[0] == "" and "native threads" in told[1]


@pytest.mark.slow
def test_a_network_that_computed_on_two_threads_is_not_copied():
    told = in_a_process("""
        import torch
        torch.set_num_threads(1)
        usual = student.native_threads(), set(threading.enumerate())
        layer = torch.nn.Linear(400, 400)
        layer(torch.randn(400, 400)).sum().backward()
        print(json.dumps(student.cannot_fork(*usual)))
        torch.set_num_threads(2)
        layer(torch.randn(400, 400)).sum().backward()
        print(json.dumps(student.cannot_fork(*usual)), flush=True)
        os._exit(0)
    """)
    assert told[0] == "" and "native threads" in told[1]


# --- a copy ---


COPIED = """
import socket, stat, time
from types import SimpleNamespace
from autograder import wire

listener = socket.socket(socket.AF_UNIX)
listener.bind("s")
listener.listen()
connection = socket.socketpair()
file, n = open("kept.txt"), 1

def talk():
    for k in range(5000):
        print("line", k, file=stream)
        print("line", k)
    return input("press enter"), file.read()

def sockets():
    handles = [int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]
    return sum(stat.S_ISSOCK(os.fstat(handle).st_mode) for handle in handles)

def now():
    return n

stream = sys.stdout
shell = SimpleNamespace(user_ns=globals(), display_pub=None)
kernel = SimpleNamespace(shell=shell, raw_input=lambda prompt="": "", asked=0)
assert student.park(kernel, "s", "cell")
n = 2
sock, soon = listener.accept()[0], time.monotonic() + 20
told = [wire.receive(sock, deadline=soon)[0]]
for name in ("now", "talk", "sockets"):
    request = {"id": 1, "do": "call", "path": [name], "arguments": wire.pack([[], {}])[0]}
    wire.send(sock, request, deadline=soon)
    header, data = wire.receive(sock, deadline=soon)
    told.append(header.get("error") or wire.unpack(header["value"], data))
print(json.dumps(told))
"""


def test_a_copy_answers_with_the_memory_of_its_moment(tmp_path):
    """It keeps the notebook's files open, prints nowhere and waits for nobody."""
    (tmp_path / "kept.txt").write_text("kept")
    ((hello, now, talk, sockets),) = in_a_process(COPIED, cwd=tmp_path)
    assert hello == {"hello": "cell"} and now == 1
    assert talk == ["", "kept"] and sockets == 1, "of its sockets only the one to the examiner"


@pytest.fixture
def session():
    """A session that keeps what it sends, as what the other side reads."""
    sent = []
    session = SimpleNamespace(pack=lambda content: json.dumps(content).encode(), sent=sent)
    session.send = lambda stream, message, content=None: sent.append((message, json.loads(session.pack(content))))
    return session


def test_messages_of_a_bearable_size(session, monkeypatch):
    monkeypatch.setattr(inside, "MAX_SENT", 10_000)
    monkeypatch.setattr(inside, "LONGEST_TEXT", 500)
    inside.bearable(session)
    for kind, content in (
        ("stream", {"name": "stdout", "text": "x" * 9_000}),
        ("stream", {"name": "stdout", "text": "x" * 90_000}),
        ("display_data", {"data": {"text/html": "x" * 90_000}, "metadata": {"a": 1}, "transient": {}}),
        ("error", {"status": "error", "evalue": "x" * 90_000, "traceback": ["y" * 90_000] * 3, "n": 1}),
    ):
        session.send(None, kind, content)
    small, cut, shown, error = (content for _, content in session.sent)
    assert len(small["text"]) == 9_000 and cut == {"name": "stdout", "text": "x" * 500}
    assert "too large" in shown["data"]["text/plain"] and shown["metadata"] == {} and "transient" in shown
    assert error["status"] == "error" and error["n"] == 1
    assert len(error["evalue"]) == 500 and list(map(len, error["traceback"])) == [500] * 3


def test_a_number_of_messages_that_is_bearable(session, monkeypatch):
    monkeypatch.setattr(inside, "MAX_SHOWN", 10)
    begin = inside.bearable(session)
    for _ in range(50):
        session.send(None, "stream", {})
        session.send(None, {"msg_type": "display_data"}, {})
        session.send(None, "comm_msg", {})
    session.send(None, "status", {"execution_state": "idle"})
    session.send(None, {"msg_type": "execute_result"}, {})
    assert len(session.sent) == 12, "what says that a cell has ended, or gives its value, always goes out"
    begin()
    session.send(None, "stream", {})
    assert len(session.sent) == 13, "each cell has its own number"


# --- answers ---


def own(code):
    """Names as the cells of a notebook define them."""
    names = {"__name__": "__main__"}
    exec(compile(textwrap.dedent(code), "<ipython-input-1>", "exec"), names)
    return names


def call(names, *path, objects=None):
    return student.answer(names, [] if objects is None else objects, request(*path), b"")[0]


def request(*path, do="call"):
    return {"do": do, "path": list(path), "arguments": {"l": [{"l": []}, {"d": []}]}}


def test_what_stands_behind_a_name():
    names = own("n = 3\ndef f(): pass\nclass C: pass\nmade = C()")
    kinds = {name: student.kind_of(names, name) for name in ("n", "f", "C", "made", "nothing", "print")}
    assert kinds == {
        "n": "value",
        "f": "callable",
        "C": "callable",
        "made": "value",
        "nothing": "missing",
        "print": "missing",
    }


def test_names_are_looked_up_as_python_does():
    assert call({"print": lambda: 3}, "print") == {"value": 3}
    assert call({}, "dict") == {"value": {"d": []}}
    assert call({}, "nothing")["error"]["type"] == "NameError"
    assert call({"n": 3}, "n", "real")["error"]["type"] == "TypeError"


EVIL = """
class Evil(Exception):
    def __str__(self):
        raise KeyboardInterrupt
class Loud(Exception):
    def __str__(self):
        return "x" * 10**7
class Silent(Exception):
    def __str__(self):
        return 3
def evil(): raise Evil
def loud(): raise Loud
def silent(): raise Silent
def leaves(): raise SystemExit(3)
def interrupted(): raise KeyboardInterrupt
def closed(): raise GeneratorExit
def deep(): return deep()
def group(): raise ExceptionGroup("several", [ValueError("one")])
def empty(): raise Exception
def named(): raise type("N" * 1000, (Exception,), {})
def not_an_error(): raise 3
"""


@pytest.mark.parametrize("name, kind", [
    ("evil", "Evil"), ("loud", "Loud"), ("silent", "Silent"), ("leaves", "SystemExit"), ("deep", "RecursionError"),
    ("interrupted", "KeyboardInterrupt"), ("closed", "GeneratorExit"), ("group", "ExceptionGroup"),
    ("empty", "Exception"), ("named", "N" * 60), ("not_an_error", "TypeError")])  # fmt: skip
def test_whatever_is_raised_is_told_as_text(name, kind):
    told = call(own(EVIL), name)["error"]
    assert told["type"] == kind and set(told) == {"type", "text", "line"}
    assert type(told["text"]) is str and len(told["text"]) <= student.LONGEST_ERROR
    assert wire.pack(told), "it can be sent"


def test_an_error_names_the_line_of_the_notebook():
    def stopped(names):
        try:
            names["f"]()
        except Exception as error:
            return student.told(error)

    import linecache

    text = "def f():\n    x = 0\n    return 1 / x\n"
    linecache.cache["<ipython-input-7>"] = (len(text), None, text.splitlines(True), "<ipython-input-7>")
    names = {}
    exec(compile(text, "<ipython-input-7>", "exec"), names)
    assert stopped(names)["line"] == "return 1 / x"
    assert stopped({"f": lambda: np.linalg.inv(np.zeros((2, 2)))})["line"] == "", (
        "lines of libraries and of ours are none"
    )


OBJECTS = """
import numpy as np
from collections import OrderedDict, namedtuple
class Plain: pass
class Told(dict): pass
class Pair(namedtuple("Base", "a b")): pass
class Signal(np.ndarray): pass
class ArrayLike:
    def __array__(self, dtype=None, copy=None):
        return np.ones(3)
def plain(): return Plain()
def told(): return Told(a=1)
def pair(): return Pair(1, 2)
def ordered(): return OrderedDict(a=1)
def signal(): return np.ones(3).view(Signal)
def function(): return plain
def generator(): return (n for n in "ab")
def library(): return np.random.default_rng(0)
def many(): return [Plain(), Plain]
make_pair = lambda: Pair(1, 2)
"""


@pytest.mark.parametrize("path, form", [
    (["plain"], "object"), (["Plain"], "object"), (["Told"], "object"), (["told"], "d"), (["pair"], "t"),
    (["ordered"], "d"), (["signal"], "a"), (["ArrayLike"], "a"), (["function"], "object"), (["generator"], "o"),
    (["library"], "o"), (["many"], "l")], ids=lambda value: str(value))  # fmt: skip
def test_what_is_kept_as_an_object(path, form):
    reply = call(own(OBJECTS), *path)
    assert (form in reply) if form == "object" else (form in reply["value"]), reply


def test_an_object_is_found_again_by_its_number():
    names, objects = own("class C:\n    n = 3\n    def f(self):\n        return [self.n]"), []
    number = call(names, "C", objects=objects)["object"]
    assert call(names, number, "f", objects=objects) == {"value": {"l": [3]}}
    assert student.answer(names, objects, request(number, "n", do="get"), b"")[0] == {"value": 3}
    assert student.answer(names, objects, request(number, "f", do="get"), b"")[0]["callable"] is True
    for path in ([7, "f"], [number, "g"]):
        assert "error" in call(names, *path, objects=objects)


def test_operators_are_python_s_own():
    names, objects = (
        own("""
        class C:
            def __add__(self, other):
                return NotImplemented
            def __iter__(self):
                return iter((1, 2))
    """),
        [],
    )
    number = call(names, "C", objects=objects)["object"]

    def do(name, *args):
        tree, _ = wire.pack([list(args), {}])
        return student.answer(names, objects, {"do": "call", "path": [number, name], "arguments": tree}, b"")[0]

    assert do("__add__", 3)["error"]["type"] == "TypeError" and do("__len__")["error"]["type"] == "TypeError"
    assert do("__iter__") == {"value": {"l": [1, 2]}}
    assert inside.OPERATIONS["__rsub__"](2, 7) == 5, "the reflected ones exchange their sides"


def test_what_cannot_be_sent_back_is_an_error_of_the_call():
    names = own("def deep():\n    x = []\n    for _ in range(100):\n        x = [x]\n    return x\n"
                "def large():\n    import numpy as np\n    return np.zeros(10**8)")  # fmt: skip
    for name in ("deep", "large"):
        assert call(names, name)["error"]["type"] == "Refused"


# --- input ---


def test_input_gets_an_empty_line_but_not_for_ever(monkeypatch, capsys):
    pytest.importorskip("ipykernel")
    monkeypatch.setattr(builtins, "input", input)
    monkeypatch.setattr(getpass, "getpass", getpass.getpass)
    kernel_class = student.student_kernel("nowhere")
    kernel = SimpleNamespace(asked=0)
    answers = [kernel_class.raw_input(kernel, "name? ") for _ in range(inside.MAX_ASKED)]
    assert set(answers) == {""} and "name? " in capsys.readouterr().out
    with pytest.raises(EOFError):
        kernel_class.raw_input(kernel)


def test_serving_ends_with_the_connection(tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    thread = threading.Thread(target=student.serve, args=({"n": 3}, str(tmp_path / "s"), "cell"), daemon=True)
    thread.start()
    sock = listener.accept()[0]
    soon = time.monotonic() + 20
    assert wire.receive(sock, deadline=soon)[0] == {"hello": "cell"}
    wire.send(sock, {"id": "a", "do": "look", "name": "n"}, deadline=soon)
    assert wire.receive(sock, deadline=soon)[0] == {"id": "a", "kind": "value"}
    sock.close()
    thread.join(20)
    assert not thread.is_alive()
    listener.close()
