"""The student's side: a kernel for the answer cells, and copies of it that answer the examiner's calls.

`python -m autograder.student SETTINGS` runs inside the sandbox. It sets the limits, imports what the notebook will
import, and forks the kernel; when the kernel dies it forks another on request. At each test cell the kernel is asked to
park: it forks, and the copy waits, with the memory of that moment, until the examiner calls, which happens only after
the last answer cell has run. Where a fork would hang (threads of native code, TensorFlow after an operation), the live
kernel serves the calls at the end instead.

Everything here runs beside the student's code and can be tampered with by it: nothing it says is believed. It only has
to work for those who do not tamper.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import importlib
import inspect
import json
import os
import select
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from typing import Any

from autograder import sealed_exam, wire
from autograder.inside import MAX_ASKED, OPERATIONS, bearable, close_connections, silence

FOREVER = 1e9  # seconds
LONGEST_ERROR = 400  # characters of an error's text that travel
PARK_S = 10.0  # that a copy may need to be connected
ENDING_S = 0.5  # that a thread may need to leave after Python has counted it as ended
PR_SET_DUMPABLE = 4


# --- the supervisor ---


def main() -> None:
    settings = json.loads(sys.argv[1])
    set_limits(settings.get("limits") or {})
    os.umask(0o022)
    prepare_fonts(settings.get("fonts"))
    if settings.get("seal"):
        sealed_exam.seal()
    preload(settings["preload"])
    events = os.dup(1)
    hide(True)  # the student, who is the same user, cannot open this process's files
    kernel, orders = 0, b""
    say(events, "ready")
    while True:
        if kernel and os.waitpid(kernel, os.WNOHANG)[0]:
            kernel = 0
            say(events, "died")
        # a short wait, as the kernel's end does not wake it
        if not select.select([0], [], [], 0.05)[0]:
            continue
        part = os.read(0, 65536)
        if not part:
            os._exit(0)  # the grader has gone, and with this process the whole sandbox goes
        *lines, orders = (orders + part).split(b"\n")
        for line in lines:
            kernel = os.fork()
            if kernel == 0:
                try:
                    run_kernel(json.loads(line), events)
                finally:
                    os._exit(1)


def say(events: int, word: str) -> None:
    with contextlib.suppress(OSError):
        os.write(events, word.encode() + b"\n")


def set_limits(limits: dict[str, int]) -> None:
    """Limits of each process from here on; none of them can be raised again."""
    import resource

    for name in ("AS", "FSIZE", "NPROC", "CPU", "NOFILE"):
        if limits.get(name):
            with contextlib.suppress(OSError, ValueError) if sys.platform == "darwin" else contextlib.nullcontext():
                resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limits[name], limits[name]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def preload(modules: list[str]) -> None:
    """Import what the notebook's locked cells import, so that a kernel that is started again has it at once."""
    for name in ["ipykernel.kernelapp", "ipykernel.ipkernel", "matplotlib_inline.backend_inline", *modules]:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def prepare_fonts(fonts: str | None) -> None:
    """Put matplotlib's list of fonts where it looks for it."""
    with contextlib.suppress(OSError):
        os.makedirs(os.environ["TMPDIR"], exist_ok=True)
        if fonts:
            os.makedirs(os.environ["MPLCONFIGDIR"], exist_ok=True)
            target = os.path.join(os.environ["MPLCONFIGDIR"], os.path.basename(os.path.realpath(fonts)))
            shutil.copyfile(fonts, target)


def hide(yes: bool) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0 if yes else 1, 0, 0, 0)


# --- the kernel ---


def run_kernel(order: dict[str, Any], events: int) -> None:
    """Be a kernel, and say so when it listens: the last word that this side says before the student's code runs."""
    import zmq
    from ipykernel.kernelapp import IPKernelApp

    class App(IPKernelApp):
        def init_iopub(self, context: zmq.Context) -> None:
            context.setsockopt(zmq.SNDHWM, 0)  # what a full queue drops may be the word that a cell has ended
            super().init_iopub(context)

    hide(False)
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nothing, handle)
    os.chdir(order["folder"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    file = order["connection"]["ip"] + ".json"  # Jupyter wants a file
    with open(file, "w") as connection:
        json.dump(order["connection"], connection)
    app = App.instance(kernel_class=student_kernel(order["socket"]))
    app.initialize(["-f", file, "--HistoryManager.enabled=False"])
    say(events, "listening")
    os.close(events)
    app.start()


def student_kernel(socket_path: str) -> type:
    """A kernel that also understands `park_request` and `serve_request`.

    Both arrive as messages of their own, not as code: a variable called `exec`, or an input transformer, of the
    student's has no part in them.
    """
    from ipykernel.ipkernel import IPythonKernel

    class StudentKernel(IPythonKernel):
        msg_types = [*IPythonKernel.msg_types, "park_request", "serve_request"]

        def __init__(self, **kwargs: Any):
            super().__init__(**kwargs)
            self.usual: tuple[int, set[threading.Thread]] | None = None  # native threads, Python's threads
            self.names_at: dict[str, dict[str, Any]] = {}  # test cell -> the notebook's names at that place
            self.asked = 0
            self.cell_begins = bearable(self.session)
            self.shell.ask_exit = lambda: None  # an `exit()` that was left in ends nothing

        def raw_input(self, prompt: Any = "") -> str:
            """Nobody is there to answer an `input()` that was left in: an empty line, but not without end."""
            self.asked += 1
            if self.asked > MAX_ASKED:
                raise EOFError("nobody answers while a notebook is graded")
            print(f"{prompt}(nobody answers while a notebook is graded: an empty line)")
            return ""

        getpass = raw_input

        async def execute_request(self, stream, ident, parent):
            if self.usual is None:
                self.usual = native_threads(), set(threading.enumerate())
            self.cell_begins()
            await super().execute_request(stream, ident, parent)

        async def park_request(self, stream, ident, parent):
            reply = {
                "status": "ok",
                "parked": False,
                "why": cannot_fork(*(self.usual or (0, set(threading.enumerate())))),
            }
            if not reply["why"]:
                reply["parked"] = park(self, socket_path, parent["content"]["cell"])
            if not reply["parked"]:
                self.names_at[parent["content"]["cell"]] = dict(self.shell.user_ns)
            self.session.send(stream, "park_reply", reply, parent, ident=ident)

        async def serve_request(self, stream, ident, parent):
            self.session.send(stream, "serve_reply", {"status": "ok"}, parent, ident=ident)
            silence(self)
            for cell in parent["content"]["cells"]:
                names, then = self.shell.user_ns, self.names_at.get(cell, {})
                for name in names.keys() - then.keys():
                    del names[name]
                names.update(then)
                # An interrupt ends the call that hangs, and the next cell's calls are served.
                with contextlib.suppress(BaseException):
                    serve(self.shell.user_ns, socket_path, cell)

    return StudentKernel


def native_threads() -> int:
    """Threads of this process that Python does not know of, such as a pool of OpenMP."""
    import psutil

    return psutil.Process().num_threads() - len(sys._current_frames())


def cannot_fork(usual_native: int, usual: set[threading.Thread]) -> str:
    """Why a copy of this process would hang or be incomplete; "" where it is safe."""
    if not hasattr(os, "fork"):
        return "this system cannot fork"
    # A thread that was joined a moment ago is no longer Python's and may still be the system's.
    until = time.monotonic() + ENDING_S
    while native_threads() > usual_native:
        if time.monotonic() > until:
            return "native threads are at work (several threads compute, or TensorFlow does)"
        time.sleep(0.01)
    # tqdm's monitor only looks after bars; every other thread may hold what a function needs.
    own = [t for t in threading.enumerate() if t not in usual and type(t).__name__ != "TMonitor"]
    return "threads of the notebook are at work" if own else ""


def park(kernel: Any, socket_path: str, cell: str) -> bool:
    """Leave a copy of this process behind that answers for a cell; returns whether it is connected."""
    heard, tell = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 warns of threads, and a notebook may turn warnings into errors
        copy = os.fork()
    if copy == 0:
        try:
            close_connections(keep=tell)
            silence(kernel)
            serve(kernel.shell.user_ns, socket_path, cell, connected=tell)
        finally:
            os._exit(0)
    os.close(tell)
    try:
        return bool(select.select([heard], [], [], PARK_S)[0] and os.read(heard, 1))
    finally:
        os.close(heard)


# --- answering ---


def serve(names: dict[str, Any], socket_path: str, cell: str, *, connected: int | None = None) -> None:
    """Answer the examiner's requests for one test cell until it closes the connection; `connected` hears when it is."""
    never = time.monotonic() + FOREVER
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(socket_path)
        wire.send(sock, {"hello": cell}, deadline=never)
        if connected is not None:
            os.write(connected, b"1")
            os.close(connected)
        objects: list[Any] = []
        while True:
            try:
                header, data = wire.receive(sock, deadline=never)
            except (wire.Closed, wire.WireError):
                return
            tree, blobs = answer(names, objects, header, data)
            try:
                wire.send(sock, {"id": header["id"], **tree}, blobs, deadline=never)
            except wire.Refused as error:
                wire.send(sock, {"id": header["id"], "error": told(error)}, deadline=never)


def answer(
    names: dict[str, Any], objects: list[Any], header: dict[str, Any], data: bytes
) -> tuple[dict[str, Any], list[bytes]]:
    """The reply to one request: {"kind"} for a look, else {"value"} with its arrays, or {"error"}."""
    try:

        def find(path: list[Any]) -> Any:
            first, *rest = path
            if isinstance(first, int):
                found = objects[first]
            elif first in names or hasattr(builtins, first):
                found = names[first] if first in names else getattr(builtins, first)
            else:
                raise NameError(f"name {first!r} is not defined")
            for name in rest:
                found = getattr(found, name)
            return found

        if header["do"] == "look":
            return {"kind": kind_of(names, header["name"])}, []
        *owner, name = header["path"]
        operation = OPERATIONS.get(name) if owner and header["do"] == "call" else None
        target = operation or find(header["path"])
        if header["do"] == "call":
            args, kwargs = wire.unpack(header["arguments"], data, resolve=find)
            value = operation(find(owner), *args) if operation else target(*args, **kwargs)
            if inspect.iscoroutine(value):
                value.close()
                raise TypeError("an async function was defined; it is called as an ordinary one here")
        else:
            value = target
        tree, blobs = wire.pack(value, lenient=True)
        if keep_as_object(tree, value, target):
            objects.append(value)
            return {"object": len(objects) - 1, "type": type(value).__name__, "callable": callable(value)}, []
        return {"value": tree}, blobs
    except BaseException as error:  # whatever the student's code raises
        return {"error": told(error)}, []


def kind_of(names: dict[str, Any], name: str) -> str:
    if name not in names:
        return "missing"
    value = names[name]
    return "callable" if callable(value) else "value"


def keep_as_object(tree: Any, value: Any, target: Any) -> bool:
    """Whether the examiner may go on with this value: an instance of a class that the notebook defines or asked for."""
    own = type(value).__module__ == "__main__"
    if own and isinstance(target, type):  # what a class makes, also where it is a kind of tuple or dict
        return not (isinstance(tree, dict) and "a" in tree)
    no_data = isinstance(tree, dict) and "o" in tree
    return no_data and (own or isinstance(target, type) or callable(value))


def told(error: BaseException) -> dict[str, Any]:
    """Type, text and line of an error, as text."""
    text = ""
    with contextlib.suppress(BaseException):
        text = str(error)[:LONGEST_ERROR]
    line = ""
    with contextlib.suppress(BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        own = [f.line for f in frames if f.line and ("ipykernel" in f.filename or f.filename.startswith("<"))]
        line = own[-1].strip()[:120] if own else ""
    return {"type": type(error).__name__[:60], "text": text, "line": line}


if __name__ == "__main__":
    # Run as a module, not as __main__: the classes that a notebook defines live in __main__.
    from autograder.student import main as run

    run()
