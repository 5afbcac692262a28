"""The walls: what a confined process sees, what it may take, and that nothing of it is left."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from autograder import doctor, processes, sandbox, student

WAYS = [sandbox.means().way] if sandbox.means().way else []
if WAYS == ["root"] and not sandbox._tried("user"):
    WAYS.append("user")  # as an ordinary user would have it
if not WAYS:
    pytest.skip(f"no sandbox on this machine: {'; '.join(sandbox.means().missing)}", allow_module_level=True)


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


def confined(code, *, way, view=None, limits=None, **options):
    """Run Python code behind the walls, with the limits of a submission; returns the process."""
    begin = f"import sys; sys.path.insert(0, '/course'); from autograder import student; student.set_limits({limits})\n"
    uid = sandbox.own_uid() if way == "root" else None
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    command = [sys.executable, "-c", (begin if limits else "") + code]
    wrapped = sandbox.wrap(command, view or sandbox.View(disk_mb=20), way=way, uid=uid, environment=environment)
    return sandbox.start(wrapped, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def said(code, **options):
    out, err = confined(code, **options).communicate(timeout=60)
    assert out, err.decode()
    return json.loads(out)


LOOK = """
import json, os, socket
def tried(f):
    try: return f() or "done"
    except Exception as e: return type(e).__name__
seen = lambda p: os.path.exists(p)
print(json.dumps({
    "files": [seen(p) for p in %r],
    "environment": sorted(os.environ),
    "pids": [p for p in os.listdir('/proc') if p.isdigit()].__len__(),
    "links": [n for _, n in socket.if_nameindex()],
    "uid": os.getuid(),
    "port": tried(lambda: socket.create_connection(('127.0.0.1', %d), 2)),
    "abstract": tried(lambda: socket.socket(socket.AF_UNIX).connect(%r)),
    "course": tried(lambda: open('/course/physiodl/x', 'w')),
    "usr": tried(lambda: open('/usr/x', 'w')),
    "root": tried(lambda: open('/x', 'w')),
    "dev": tried(lambda: open('/dev/x', 'w')),
    "etc": tried(lambda: open('/etc/shadow').read()),
    "solutions": seen('/course/solutions'),
    "tests": seen('/course/tests'),
    "work": os.listdir(%r),
    "sysctl": tried(lambda: open('/proc/sys/kernel/core_pattern', 'w').write('x')),
}))
"""


def test_what_is_seen(way, tmp_path, monkeypatch):
    canary = tmp_path / "canary.txt"
    canary.write_text("a secret")
    monkeypatch.setenv("CANARY", "a secret")
    name = f"\0physiodl-test-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(name)
        abstract.listen()
        home = os.path.expanduser("~")
        places = [str(canary), str(Path(home) / ".bashrc"), str(sandbox.PROJECT / "README.md"), "/var", "/sys", "/boot"]
        found = said(LOOK % (places, server.getsockname()[1], name, sandbox.WORK), way=way)
    assert found["files"] == [False] * 6
    assert "CANARY" not in found["environment"] and set(found["environment"]) <= {"PATH", "LANG", "PWD", "LC_CTYPE"}
    assert found["pids"] <= 4 and found["links"] == ["lo"]
    assert found["port"] in ("ConnectionRefusedError", "OSError", "TimeoutError")
    assert found["abstract"] in ("ConnectionRefusedError", "FileNotFoundError")
    for place in ("course", "usr", "root", "dev", "sysctl"):
        assert found[place] in ("OSError", "PermissionError"), place
    assert found["etc"] == "FileNotFoundError" and not found["solutions"] and not found["tests"] and found["work"] == []
    assert found["uid"] == (os.getuid() if way == "user" else sandbox.own_uid())


def test_locks_in_folders_that_are_shown_cannot_be_held(way, tmp_path):
    for name in (".lock", "af/real/.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "af" / "real" / "x.npy").write_text("data")
    tmp_path.chmod(0o755)
    code = """
import fcntl, json
def held(name):
    try:
        fcntl.flock(kept.append(open("/data/" + name)) or kept[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        return "held"
    except OSError as error:
        return type(error).__name__
kept = []
print(json.dumps([held(".lock"), held("af/real/.lock"), open("/data/af/real/x.npy").read()]))
"""
    view = sandbox.View({tmp_path: "/data"}, disk_mb=20)
    assert said(code, way=way, view=view) == ["PermissionError", "PermissionError", "data"]


def test_no_two_processes_at_work_have_the_same_user(monkeypatch):
    code = "import sys; from autograder import sandbox; sandbox.os.getpid = lambda: int(sys.argv[1])\n"
    code += "print(sandbox.own_uid(), sandbox.own_uid(), sandbox.own_uid(examiner=True), flush=True); input()"
    begun = [
        subprocess.Popen([sys.executable, "-c", code, str(pid)], cwd=sandbox.PROJECT, text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for pid in range(777, 777 + 3 * (sandbox.UIDS - 1), sandbox.UIDS - 1)
    ]  # fmt: skip
    found = [tuple(map(int, process.stdout.readline().split())) for process in begun]
    assert all(one == two for one, two, _ in found), "one for all submissions of a process"
    assert len({uid for row in found for uid in row}) == 6, "numbers of processes that lie 899 apart"
    assert all(sandbox.FIRST_UID < uid < sandbox.FIRST_UID + 2 * sandbox.UIDS < 65_536 for row in found for uid in row)
    for process in begun:
        process.communicate("\n", timeout=20)
    again = subprocess.run([sys.executable, "-c", code, "777"], cwd=sandbox.PROJECT, text=True, input="\n",
                           capture_output=True)  # fmt: skip
    assert int(again.stdout.split()[0]) in {row[0] for row in found}, "what has ended holds nothing"


def test_no_way_around_by_system_calls(way):
    code = """
import ctypes, json, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*args)
    return result, ctypes.get_errno()
found = {
    "unshare": call("unshare", 0x10000000),
    "mount": call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "chroot": call("chroot", b"/tmp"),
    "ptrace": call("ptrace", 16, 1, 0, 0),
    "setuid": call("setuid", 0) if os.getuid() else (-1, 1),
    "keyctl": call("syscall", 250, 0, -3, 0),
    "memfd_create": call("memfd_create", b"x", 0),
    "shmget": call("shmget", 0, 10_000, 0o1600),
}
print(json.dumps(found))
"""
    for name, (result, error) in said(code, way=way).items():
        assert result == -1 and error in (1, 22, 38), name


def test_threads_and_forks_still_work(way):
    code = """
import concurrent.futures, json, multiprocessing, os, subprocess, threading
with multiprocessing.get_context("fork").Pool(2) as pool:
    squares = pool.map(abs, [-1, -2])
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    threads = list(pool.map(abs, [-3]))
print(json.dumps([squares, threads, subprocess.run(["ls", "-d", "/usr"], capture_output=True, text=True).stdout]))
"""
    assert said(code, way=way) == [[1, 2], [3], "/usr\n"]


def test_limits_of_each_process(way):
    limits = {"AS": 800 * sandbox.MB, "FSIZE": 5 * sandbox.MB, "NPROC": 40, "NOFILE": 200}
    code = f"""
import json, os, signal, threading, time
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def tried(f):
    try: return f() or "done"
    except BaseException as e: return type(e).__name__
def forks():
    n = 0
    try:
        while n < 400:
            if os.fork() == 0:
                time.sleep(3); os._exit(0)
            n += 1
    except BlockingIOError:
        return n
def fill():
    for k in range(100):
        with open(f"{sandbox.WORK}/{{k}}", "wb") as f: f.write(bytes(4_000_000))
print(json.dumps({{
    "memory": tried(lambda: len(bytearray(2_000_000_000))),
    "file": tried(lambda: open("{sandbox.WORK}/big", "wb").write(bytes(20_000_000))),
    "disk": tried(fill),
    "files": tried(lambda: [open("/dev/null") for _ in range(400)] and None),
    "forks": tried(forks),
}}))
"""
    found = said(code, way=way, limits=limits)
    assert found["memory"] == "MemoryError"
    assert found["file"] == "OSError" and found["disk"] == "OSError" and found["files"] == "OSError"
    if way == "root" or os.getuid():  # root in a user namespace of its own is still root to this limit
        assert found["forks"] <= 40


@pytest.mark.parametrize("code", [
    "x = [bytearray(50_000_000) for _ in range(40)]",
    "import os\nfor _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(b'x' * 250_000_000); time.sleep(60)",
    "import mmap\nm = mmap.mmap(-1, 1_500_000_000)\nfor k in range(0, len(m), 4096): m[k] = 1",
])  # fmt: skip
def test_memory_of_all_processes_together(way, code):
    watch = watched(code, way=way, memory_mb=600)
    assert "more than 0.6 GB" in watch.why and not watch.fault


def watched(code, *, way, memory_mb, wait=30.0, **options):
    """What a watch says of a process that takes memory and then ends, where it is not killed."""
    process = confined(f"import os, time\n{code}\ntime.sleep({wait})", way=way, **options)
    watch = processes.Watch(process, memory_mb=memory_mb, folders=sandbox.IN_MEMORY, every_s=0.05)
    watch.start()
    try:
        process.wait(timeout=40)
    finally:
        watch.stop()
        processes.kill(process)
    return watch


FILES = "os.mkdir('/dev/shm/a')\nfor k in range(%d): os.close(os.open(f'/dev/shm/a/{k}', os.O_CREAT))"
BLOCKS = "for p in ('/tmp', '/dev/shm', '.'):\n    with open(p + '/x', 'wb') as file:\n        file.write(bytes(%d))"
SOCKETS = "import socket\nkept = [socket.socketpair() for _ in range(%d)]"


@pytest.mark.parametrize("code, much, little", [
    (FILES, 85_000, 3_000), (f"os.chdir('{sandbox.WORK}')\n{BLOCKS}", 45_000_000, 4_000_000), (SOCKETS, 250, 10),
])  # fmt: skip
def test_memory_that_the_system_holds_for_a_sandbox(way, code, much, little):
    """Empty files, files in memory and sockets count as the sandbox's own; honest work's few of them end nothing."""
    view = sandbox.View(disk_mb=50)
    assert "more than 0.1 GB" in watched(code % much, way=way, memory_mb=100, view=view).why
    assert watched(code % little, way=way, memory_mb=100, wait=0.5, view=view).why == ""


def test_buffers_of_sockets_cannot_be_made_larger(way):
    code = """
import json, socket
a, b = socket.socketpair()
before = a.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10_000_000)
a.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
print(json.dumps([before, a.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
                  a.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)]))
"""
    before, after, other = said(code, way=way)
    assert before == after < 300_000 and other == 1


def test_only_the_largest_goes_when_the_machine_has_no_memory_left(way, monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "turn_file", lambda: str(tmp_path / "turn"))
    monkeypatch.setattr(processes, "TURN_S", 30.0)  # longer than a busy machine needs to stop the first
    monkeypatch.setattr(processes, "LEAST_FREE_MB", 10**9)  # as if it were so
    name = "# autograder.student\n"  # by which sandboxes of students are known
    begun = [confined(f"{name}import time\nx = bytearray(b'x' * {size})\nprint(1, flush=True)\ntime.sleep(30)", way=way)
             for size in (150_000_000, 10_000_000)]  # fmt: skip
    try:
        for process in begun:
            process.stdout.readline()
        assert set(processes.sandboxes()) >= {process.pid for process in begun}
        # Those of other tests beside this one may be larger and would go first.
        monkeypatch.setattr(processes, "sandboxes", lambda: [process.pid for process in begun])
        watches = [processes.Watch(process, memory_mb=1_000, every_s=0.05) for process in begun]
        for watch in watches:
            watch.start()
        watches[0].join(timeout=20)
        monkeypatch.setattr(processes, "LEAST_FREE_MB", 300)  # its memory is free again
        time.sleep(0.5)
        assert [watch.fault for watch in watches] == [True, False] and watches[1].is_alive()
        assert "the machine had no memory left" in watches[0].why
    finally:
        for process in begun:
            processes.kill(process)


def test_shared_pages_count_once(way):
    code = """
import os, time
x = bytearray(os.urandom(1) * 200_000_000)
for _ in range(6):
    if os.fork() == 0:
        time.sleep(4)
        os._exit(0)
print("up", flush=True)
time.sleep(4)
"""
    process = confined(code, way=way)
    process.stdout.readline()
    used = processes.held(process.pid, (), enough=500 * sandbox.MB)
    processes.kill(process)
    assert used < 400 * sandbox.MB, "seven copies of 200 MB that nobody has written to"


def test_nothing_is_left(way):
    code = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()
print("up", flush=True)
time.sleep(600)
"""
    process = confined(code, way=way)
    process.stdout.readline()
    below = processes.family(process.pid)
    assert len(below) >= 4, "the daemon is in the family"
    started = time.monotonic()
    processes.kill(process)
    assert not any(map(processes.alive, below)) and time.monotonic() - started < 5
    assert processes.left_alive(below, sandbox.own_uid() if way == "root" else None) == []


def test_what_outlives_is_found():
    other = subprocess.Popen(["sleep", "30"])
    try:
        assert processes.left_alive([psutil.Process(other.pid)], None, patience_s=0.1) == [other.pid]
    finally:
        other.kill()
        other.wait()


def test_the_sandbox_goes_with_the_process_that_made_it(way):
    code = (
        "import sys, time; sys.path.insert(0, 'tests'); import test_sandbox as t\n"
        f"p = t.confined('import time; print(1, flush=True); time.sleep(600)', way={way!r}); p.stdout.readline()\n"
        "print(*[c.pid for c in t.processes.family(p.pid)], flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=sandbox.PROJECT, stdout=subprocess.PIPE)
    pids = [int(word) for word in holder.stdout.readline().split()]
    assert len(pids) >= 3
    holder.kill()
    holder.wait()
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in pids)


def _alive(pid):
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_doctor_finds_all_good_here():
    found = {f.what: f for f in doctor.examine_machine()}
    assert {f.state for f in found.values()} <= {"good", "poor"}
    assert found["sandbox"].state == "good" and "bubblewrap" in found["sandbox"].told


def test_without_bubblewrap_grading_is_refused(monkeypatch):
    empty = tempfile.mkdtemp()
    monkeypatch.setenv("PATH", empty)
    sandbox.means.cache_clear()
    try:
        assert "apt install bubblewrap" in "".join(sandbox.means().missing)
        with pytest.raises(sandbox.NoSandbox, match="(?s)bubblewrap.*--no-sandbox"):
            sandbox.require()
        states = {f.what: f for f in doctor.examine_machine()}
        assert states["sandbox"].state == "missing" and "apt install" in states["sandbox"].todo
    finally:
        monkeypatch.undo()
        sandbox.means.cache_clear()


def test_limits_of_a_process_that_asks_for_none():
    student.set_limits({})  # nothing but no core files
