"""The student's kernel as the worker sees it: a process behind walls, spoken to over Jupyter's protocol.

It looks to nbclient like a kernel manager. Sockets are files in a folder of this submission's own, so there is no
network anywhere. What comes from the kernel is the student's word: messages are limited in size and number.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import shutil
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client import AsyncKernelClient

from autograder import processes, sandbox
from autograder.paths import ONE_THREAD, PROJECT

MAX_MESSAGE = 64_000_000  # bytes of one message; a large figure has some MB
MAX_WAITING = 60  # messages that wait to be read
# A day before a connection is tried again. Not -1, libzmq's own word for never: with it libzmq 4.3.5 takes the
# connection away between two parts of a message where the peer dies, and ends the process ("!_more", fq.cpp).
NEVER_MS = 100_000_000
KERNEL_PLACE = "/run/kernel"  # where the kernel's sockets are, inside
START_S = 60.0  # a loaded machine needs long for the first import


class Client(AsyncKernelClient):
    """A client that asks the walls, not the heartbeat, whether the kernel is alive.

    So there is no heartbeat, whose thread would go on asking a kernel that died.
    """

    kernel: Any = None

    async def _async_is_alive(self) -> bool:
        return self.kernel.alive()

    is_alive = _async_is_alive

    def start_channels(self, *, hb: bool = False, **channels: bool) -> None:
        super().start_channels(hb=hb, **channels)

    def close(self) -> None:
        """Close all sockets now and in this thread: left to the garbage collector, any thread might do it."""
        with contextlib.suppress(zmq.ZMQError):
            self.stop_channels()
            self.context.destroy(linger=0)


def limited(context: zmq.Context) -> zmq.Context:
    """The context with limits on what may come in, and no second connection: a link in the student's folder could
    turn it elsewhere.
    """
    for option, value in (
        (zmq.MAXMSGSIZE, MAX_MESSAGE), (zmq.RCVHWM, MAX_WAITING), (zmq.RECONNECT_IVL, NEVER_MS), (zmq.LINGER, 0),
        (zmq.SNDTIMEO, 5_000),  # to a kernel that has gone a message would wait for ever
    ):  # fmt: skip
        context.setsockopt(option, value)
    return context


class ConfinedKernel:
    """Starts, restarts and ends the student's side; `ended` says why it is no more, "" while it is.

    Args:
        folder: an empty folder of this submission's own, outside.
        socket: the examiner's socket, outside; its folder is shown to the student read-only.
        data: folder of the recordings that the class trains on, or None.
        preload: modules to import before the kernel starts.
        limits: what the submission may take.
        sandboxed: with walls, or without (which marks the grade).
        tell: hears ("process", pid) for every process that must not outlive the worker.
    """

    ipykernel = True
    kernel_id = "student"

    def __init__(
        self,
        *,
        folder: Path,
        socket: Path,
        data: Path | None,
        preload: list[str],
        limits: sandbox.Limits,
        sandboxed: bool,
        tell: Callable[..., None],
    ):
        self.folder, self.sandboxed, self.limits = folder, sandboxed, limits
        self.process: Any = None
        self.kc: Client | None = None
        self.ended, self.started = "", 0
        self.watch: processes.Watch | None = None
        self.oom_kills = processes.oom_kills()
        self.events: queue.Queue[str] = queue.Queue()
        self.words: list[str] = []
        self.tell = tell
        self.uid = sandbox.own_uid() if sandboxed and sandbox.means().way == "root" else None
        for name in () if sandboxed else ("kernel", "work", "scratch"):
            (folder / name).mkdir()
        # Inside, every place has the same name on every machine. Nothing outside can be written.
        self.places = {socket.parent: "/exam", **({data: "/data"} if data else {})}
        self.socket = f"/exam/{socket.name}" if sandboxed else str(socket)
        self.settings = {
            "preload": preload,
            "seal": not sandboxed,
            "limits": {
                "AS": (limits.memory_mb + 2_000) * sandbox.MB,
                "FSIZE": limits.file_mb * sandbox.MB,
                "NPROC": limits.processes if sandboxed else 0,  # it counts all of a user's; ours has one of its own
                "CPU": limits.cpu_s,
                "NOFILE": 1024,
            },
        }

    # --- what nbclient calls ---

    @property
    def has_kernel(self) -> bool:
        return self.process is not None

    def start_kernel(self, **_: Any) -> None:
        environment = student_environment(self)
        fonts = _font_list()
        readable = dict(self.places) | ({fonts: "/run/fonts.json"} if fonts else {})
        self.settings["fonts"] = ("/run/fonts.json" if self.sandboxed else str(fonts)) if fonts else ""
        command = [sys.executable, "-m", "autograder.student", json.dumps(self.settings)]
        if self.sandboxed:
            view = sandbox.View(readable, scratch=(KERNEL_PLACE,), disk_mb=self.limits.disk_mb, sealed=True)
            command = sandbox.wrap(command, view, way=sandbox.means().way, uid=self.uid, environment=environment)
        pipe = sandbox.subprocess.PIPE
        self.process = sandbox.start(
            command,
            sandboxed=self.sandboxed,
            stdin=pipe,
            stdout=pipe,
            stderr=sandbox.subprocess.STDOUT,
            env=environment,
            cwd=self.folder,
        )
        self.tell("process", pid=self.process.pid)
        threading.Thread(target=self._listen, daemon=True).start()
        folders = (*sandbox.IN_MEMORY, KERNEL_PLACE) if self.sandboxed else ()
        self.watch = processes.Watch(self.process, memory_mb=self.limits.memory_mb, folders=folders)
        self.watch.start()
        self._await_event("ready")
        self.restart()

    def restart(self) -> None:
        """Have a fresh kernel forked: the first one, or another after the last one died."""
        self.ended = ""
        self.started += 1
        facts = {
            "transport": "ipc",
            "key": secrets.token_hex(16),
            "signature_scheme": "hmac-sha256",
            **{f"{channel}_port": k for k, channel in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1)},
        }
        inside = f"{KERNEL_PLACE if self.sandboxed else self.folder / 'kernel'}/k{secrets.token_hex(8)}"
        order = {
            "connection": {**facts, "ip": inside},
            "socket": self.socket,
            "folder": sandbox.WORK if self.sandboxed else str(self.folder / "work"),
        }
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
        self._await_event("listening")
        # Its files are within the walls, where their size is limited; this is the way to them from outside.
        root = f"/proc/{processes.family(self.process.pid)[1].pid}/root" if self.sandboxed else ""
        self.connection = {**facts, "ip": f"{root}{inside}"}
        for port in range(1, 6):  # a link would lead to a socket outside
            if not stat.S_ISSOCK(os.lstat(f"{root}{inside}-{port}").st_mode):
                raise RuntimeError("the student's kernel did not start: its sockets were replaced")

    def client(self) -> AsyncKernelClient:
        """A client of the kernel that runs now; that of the one before it is closed."""
        self._close_client()
        client = Client(context=limited(zmq.asyncio.Context()))
        client.kernel = self
        client.load_connection_info(self.connection)
        self.kc = client
        return client

    async def is_alive(self) -> bool:
        return self.alive()

    def alive(self) -> bool:
        while not self.events.empty():
            if self.events.get() == "died":
                self.ended = self.ended or "the kernel died (an exit, a crash, or not enough memory)"
        if self.process is not None and self.process.poll() is not None:
            self.ended = self.ended or "the kernel died (an exit, a crash, or not enough memory)"
        if self.watch.why:
            self.ended = f"the notebook was stopped: {self.watch.why}"
        return self.process is not None and not self.ended

    @property
    def can_restart(self) -> bool:
        return self.process.poll() is None and not self.watch.why

    def starved(self, *, lost: bool = True) -> str:
        """Why this run says nothing of the submission, "" if it does: the machine ran out of memory meanwhile, and this
        side was stopped for it, or, where something of it was `lost`, may have been.
        """
        if self.watch is not None and self.watch.fault:
            return self.watch.why
        killed = lost and processes.oom_kills() > self.oom_kills
        return "the system killed processes for want of memory while it ran" if killed else ""

    def interrupt_kernel(self) -> None:
        with contextlib.suppress(Exception):
            self.kc.control_channel.send(self.kc.session.msg("interrupt_request", {}))

    def shutdown_kernel(self, **_: Any) -> None:
        """Kill everything behind the walls."""
        self._close_client()
        if self.process is not None:
            self.watch.stop()
            processes.kill(self.process)
            self.watch.join(timeout=2)

    def _close_client(self) -> None:
        if self.kc is not None:
            self.kc.close()
            self.kc = None

    def cleanup_resources(self, **_: Any) -> None:
        pass

    # --- beginning and end ---

    def _listen(self) -> None:
        for line in self.process.stdout:
            word = line[:300].decode("utf-8", "replace").strip()
            if word in ("ready", "listening", "died"):
                self.events.put(word)
            else:
                self.words = [*self.words[-20:], word]

    def _await_event(self, wanted: str) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                word = self.events.get(timeout=0.2)
                if word == wanted:
                    return
                if word == "died" and wanted == "listening":
                    break
            if self.process.poll() is not None:
                break
        raise RuntimeError(f"the student's kernel did not start: {self.last_words()}")

    def last_words(self) -> str:
        time.sleep(0.1)
        return (self.words or [f"exit code {self.process.poll()}"])[-1]


def student_environment(kernel: ConfinedKernel) -> dict[str, str]:
    """The environment variables of the student's side: what libraries need, and nothing of the grader's own."""
    inside = kernel.sandboxed
    home = sandbox.WORK if inside else str(kernel.folder / "work")
    scratch = "/tmp" if inside else str(kernel.folder / "scratch")
    data = next((place if inside else str(path) for path, place in kernel.places.items() if place == "/data"), "")
    return ONE_THREAD | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "LOKY_MAX_CPU_COUNT": "2",  # n_jobs=-1 on many cores would pass the limits on memory and processes
        "HOME": home,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "TMPDIR": scratch,
        "PYTHONPATH": "/course" if inside else str(PROJECT),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": f"{scratch}/ipython",
        "JUPYTER_CONFIG_DIR": f"{scratch}/jupyter",
        "MPLCONFIGDIR": f"{scratch}/matplotlib",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PHYSIODL_DATA": data,
    }


def _font_list() -> Path | None:
    """matplotlib's list of fonts, which takes a second to make: one for all kernels."""
    import matplotlib

    found = sorted(Path(matplotlib.get_cachedir()).glob("fontlist-*.json"))
    if not found and shutil.which("fc-list") is None:
        return None
    if not found:
        import matplotlib.font_manager  # noqa: F401  writes the list

        found = sorted(Path(matplotlib.get_cachedir()).glob("fontlist-*.json"))
    return found[-1] if found else None
