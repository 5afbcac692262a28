"""The walls around a process: what it can see, how much it can take, and that nothing of it is left.

Bubblewrap makes namespaces of its own (mount, process, network, ipc, host name) in which only the system's programs,
this Python and the two packages of the course can be seen, read-only. Inside, `setpriv` takes the process to a user of
its own where the grader runs as root; otherwise bubblewrap's user namespace keeps it the grader's user, without any
right of it. A system-call filter refuses what no notebook needs and what would lead around the limits. Limits on size
and number are set by the process itself before the first line of a student's code (`autograder.student`), and `Watch`
sees to those that only hold for all processes together.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from autograder.klass import ClassError
from autograder.paths import PROJECT

MB = 1_000_000
WORK = "/home/notebook"  # the empty folder a notebook runs in
IN_MEMORY = (WORK, "/tmp", "/dev/shm")  # empty folders that can be written
LOCKS = (".lock", "*/.lock", "*/*/.lock")  # in the folders of data sets and their versions
FIRST_UID, UIDS = 60_200, 900  # below 65,536, so that they exist in containers too
# What a notebook has no use for, and what a way around the walls begins with.
REFUSED_CALLS = (
    "unshare setns mount umount2 pivot_root chroot move_mount open_tree fsopen fsmount fsconfig fspick mount_setattr "
    "ptrace process_vm_readv process_vm_writev kcmp keyctl add_key request_key bpf perf_event_open userfaultfd "
    "io_uring_setup io_uring_enter io_uring_register kexec_load kexec_file_load init_module finit_module delete_module "
    "reboot swapon swapoff acct quotactl name_to_handle_at open_by_handle_at syslog settimeofday clock_settime "
    "memfd_create memfd_secret shmget mq_open "  # memory that no process is seen to hold
    "adjtimex clock_adjtime sethostname setdomainname iopl ioperm lookup_dcookie nfsservctl vhangup"
).split()
SOL_SOCKET, BUFFER_SIZES = 1, (7, 8)  # SO_SNDBUF, SO_RCVBUF: buffers are memory that no process is seen to hold
CLONE_NEW = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET


@dataclass(frozen=True)
class Limits:
    """What one submission may take."""

    memory_mb: int = 4_000  # of all its processes together, and the address space of one on top of that
    disk_mb: int = 500  # of the working folder; /tmp and /dev/shm as much again
    file_mb: int = 200
    processes: int = 200  # threads count
    cpu_s: int = 3_600  # of one process; the wall clock is the kernel's business


@dataclass(frozen=True)
class View:
    """What a confined process sees beside the system: host paths and where they lie inside."""

    readable: dict[Path, str] = field(default_factory=dict)
    writable: dict[Path, str] = field(default_factory=dict)
    scratch: tuple[str, ...] = ()  # small empty folders
    disk_mb: int = 500
    sealed: bool = False  # the examiner's package shows its names alone (`autograder.sealed_exam`)


@dataclass(frozen=True)
class Means:
    """What this machine can give. `way` is "root", "user" or "" where there is no sandbox; `missing` says why."""

    way: str
    bubblewrap: str = ""
    missing: tuple[str, ...] = ()


class NoSandbox(ClassError):
    """This machine gives no sandbox; the message says what is missing and what to do."""


# --- the command ---


def wrap(command: list[str], view: View, *, way: str, uid: int | None = None, environment: dict[str, str]) -> list[str]:
    """The command that runs `command` inside the walls; its first argument is for `subprocess.Popen`.

    Where `way` is "root", ``uid`` is the user that the process becomes: root must not remain root in there.
    """
    if (way == "root") != (uid is not None):
        raise ValueError(f"got way {way!r} with uid {uid}, expected a uid for root and none for others")
    if os.sep in command[0]:  # a path by way of another folder, such as course/../.venv, leads nowhere in there
        command = [os.path.abspath(command[0]), *command[1:]]
    args = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    args += ["--hostname", "notebook", "--die-with-parent", "--new-session", "--clearenv"]
    if way == "user":
        args += ["--unshare-user", "--disable-userns"]
    for name, value in environment.items():
        args += ["--setenv", name, value]
    args += ["--perms", "0755", "--tmpfs", "/", "--proc", "/proc", "--dev", "/dev"]
    args += ["--ro-bind-try", "/proc/sys", "/proc/sys"]  # the machine's, not the sandbox's
    size = str(view.disk_mb * MB)
    for folder in IN_MEMORY:
        args += [*_parents(folder), "--perms", "1777", "--size", size, "--tmpfs", folder]
    for folder in view.scratch:
        args += [*_parents(folder), "--perms", "1777", "--size", str(4 * MB), "--tmpfs", folder]
    args += _system()  # after the empty folders: the project itself may lie below /tmp or /home
    for place in _exam_places() if view.sealed else ():
        args += ["--ro-bind", str(PROJECT / "autograder" / "sealed_exam"), place]
    for bind, places in (("--ro-bind", view.readable), ("--bind", view.writable)):
        for source, place in places.items():
            args += [*_parents(place), bind, str(source), place]
    for source, place in view.readable.items():  # whoever can open a lock can hold it
        for lock in (lock for pattern in LOCKS for lock in sorted(Path(source).glob(pattern))):
            args += ["--ro-bind", "/dev/null", f"{place}/{lock.relative_to(source)}"]
    args += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"]
    if uid is not None:
        become = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]
        bare = ["--inh-caps=-all", "--bounding-set=-all"]
        command = [shutil.which("setpriv") or "setpriv", *become, *bare, *command]
    else:
        args += ["--cap-drop", "ALL"]
    return [shutil.which("bwrap") or "bwrap", *args, "--", *command]


def _system() -> list[str]:
    """Programs and libraries, and of /etc what they need to start."""
    args: list[str] = ["--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        path = Path(name)
        if path.is_symlink():
            args += ["--symlink", os.readlink(path), name]
        elif path.is_dir():
            args += ["--ro-bind", name, name]
    args += ["--perms", "0755", "--dir", "/etc"]
    for name in (
        "ld.so.cache",
        "ld.so.conf",
        "ld.so.conf.d",
        "localtime",
        "timezone",
        "fonts",
        "alternatives",
        "mime.types",
    ):
        args += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for folder in dict.fromkeys(Path(p).resolve() for p in (sys.base_prefix, sys.base_exec_prefix)):
        if not folder.is_relative_to("/usr"):
            args += [*_parents(str(folder)), "--ro-bind", str(folder), str(folder)]
    if sys.prefix != sys.base_prefix:
        prefix = os.path.abspath(sys.prefix)
        args += [*_parents(prefix), "--ro-bind", prefix, prefix]
    for name in ("physiodl", "autograder"):
        args += [*_parents(f"/course/{name}"), "--ro-bind", str(PROJECT / name), f"/course/{name}"]
    return args


def _exam_places() -> list[str]:
    """Where the examiner's package can be seen inside: also where the project is installed among the libraries."""
    exam = PROJECT / "physiodl" / "exam"
    shown = ["/usr", *(os.path.abspath(p) for p in (sys.prefix, sys.base_prefix, sys.base_exec_prefix))]
    return ["/course/physiodl/exam", *([str(exam)] if any(exam.is_relative_to(folder) for folder in shown) else [])]


def _parents(place: str) -> list[str]:
    """Folders above a place that everybody may enter: those that bubblewrap makes by itself are closed to others."""
    args: list[str] = []
    for folder in reversed(Path(place).parents):
        if str(folder) not in ("/", "/tmp", "/dev", "/usr", "/proc"):
            args += ["--perms", "0755", "--dir", str(folder)]
    return args


def seccomp_filter() -> int:
    """The system-call filter in an unlinked file; returns its descriptor, to be handed on as `--seccomp`."""
    import errno

    import pyseccomp

    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in REFUSED_CALLS:
        # A call that this architecture does not have needs no rule.
        with contextlib.suppress(ValueError, OSError):
            rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
    for bit in range(32):
        if CLONE_NEW >> bit & 1:
            flag = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, 1 << bit, 1 << bit)
            rules.add_rule(pyseccomp.ERRNO(errno.EPERM), "clone", flag)
    for option in BUFFER_SIZES:  # taken as if it had been done: libraries ask for it and do without
        which = pyseccomp.Arg(1, pyseccomp.EQ, SOL_SOCKET), pyseccomp.Arg(2, pyseccomp.EQ, option)
        rules.add_rule(pyseccomp.ERRNO(0), "setsockopt", *which)
    rules.add_rule(
        pyseccomp.ERRNO(errno.ENOSYS), "clone3"
    )  # its flags cannot be seen; the C library goes on with clone
    handle, name = tempfile.mkstemp()
    os.unlink(name)
    with os.fdopen(os.dup(handle), "wb") as file:
        rules.export_bpf(file)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def start(command: list[str], *, sandboxed: bool = True, **options) -> subprocess.Popen:
    """Start what `wrap` made, with the filter; `options` are Popen's."""
    if not sandboxed:
        return subprocess.Popen(command, start_new_session=True, **options)
    handle = seccomp_filter()
    try:
        where = command.index("--")
        command = [*command[:where], "--seccomp", str(handle), *command[where:]]
        return subprocess.Popen(command, pass_fds=(handle,), start_new_session=True, **options)
    finally:
        os.close(handle)


# --- what this machine can give ---


@cache
def means() -> Means:
    """Try the walls, from the strongest kind on; a second or less, once per process."""
    if not sys.platform.startswith("linux"):
        return Means(
            "", missing=("bubblewrap exists for Linux only: grade in a Linux container, in WSL or on a server",)
        )
    missing, version = [], ""
    found = shutil.which("bwrap")
    if found:
        version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout.split()[-1]
    else:
        missing.append("bubblewrap: apt install bubblewrap   (Fedora: dnf install bubblewrap)")
    try:
        os.close(seccomp_filter())
    except ModuleNotFoundError:
        missing.append("the package pyseccomp, for the system-call filter: pip install pyseccomp")
    except (ImportError, RuntimeError, OSError):
        missing.append("the library behind the system-call filter: apt install libseccomp2")
    ways = ["root"] if os.geteuid() == 0 else ["user"]
    if ways == ["root"] and not shutil.which("setpriv"):
        missing.append("setpriv: apt install util-linux")
    if missing:
        return Means("", version, tuple(missing))
    why = ""
    for way in ways:
        why = _tried(way)
        if not why:
            return Means(way, version)
    hints = {
        "root": "this container may not make namespaces: start it with --cap-add SYS_ADMIN and "
        "--security-opt seccomp=unconfined --security-opt apparmor=unconfined, or grade outside of it",
        "user": "users may not make namespaces here: "
        "sudo sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0 "
        "(whichever exists), or grade as root",
    }
    return Means("", version, (f"{hints[ways[-1]]} (bubblewrap said: {why})",))


def _tried(way: str) -> str:
    """What went wrong when a process was confined that way, "" if nothing."""
    canary = tempfile.NamedTemporaryFile()
    checks = (
        "import os, socket, sys\n"
        "assert len([p for p in os.listdir('/proc') if p.isdigit()]) < 6, 'other processes can be seen'\n"
        f"assert not os.path.exists({canary.name!r}), 'files of others can be seen'\n"
        "assert [n for _, n in socket.if_nameindex()] == ['lo'], 'there is a network'\n"
        f"assert {way == 'user'} or os.getuid() == {FIRST_UID}, 'still root'\n"
        f"open('{WORK}/x', 'w').close()\n"
        "print('confined')\n"
    )
    uid = FIRST_UID if way == "root" else None
    command = wrap(
        [sys.executable, "-I", "-c", checks], View(disk_mb=10), way=way, uid=uid, environment={"PATH": "/usr/bin"}
    )
    try:
        process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = process.communicate(timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (
        "" if out.strip() == "confined" else (err.strip().splitlines() or [f"exit code {process.returncode}"])[-1][:300]
    )


def require() -> Means:
    """`means`, or `NoSandbox` with what is missing."""
    found = means()
    if not found.way:
        raise NoSandbox(
            "this machine gives no sandbox, so submissions could read and change what they like. Missing:\n  "
            + "\n  ".join(found.missing)
            + "\n  See `autograder doctor`. To grade without one all the same: --no-sandbox (every grade is marked)."
        )
    return found


def own_uid(*, examiner: bool = False) -> int:
    """A user id for the submissions that this process runs, one after another, or for its examiner.

    No two processes at work have the same: each holds the number's name among the machine's abstract sockets, which is
    free again when the process has ended, however it ends.
    """
    first = FIRST_UID + 1 + (UIDS if examiner else 0)
    if (os.getpid(), examiner) not in _held:
        for k in range(UIDS - 1):
            uid, name = first + (os.getpid() + k) % (UIDS - 1), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                name.bind(f"\0physiodl-uid-{uid}")
            except OSError:
                name.close()
                continue
            _held[os.getpid(), examiner] = uid, name
            break
        else:
            raise NoSandbox(f"all {UIDS - 1} user ids for submissions are in use: wait until other graders have ended")
    return _held[os.getpid(), examiner][0]


_held: dict[tuple[int, bool], tuple[int, socket.socket]] = {}  # (process, examiner) -> its number and the name
