"""What the set-up asks of a machine, and what it says when something is missing.

Standard library only, and written for old Pythons too (3.6): the message that asks for a newer Python comes
from here. Every message has three parts: what is missing, what was found, what to do.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

OLDEST, NEWEST = (3, 11), (3, 13)
RANGE = "{}.{} to {}.{}".format(*OLDEST, *NEWEST)
CANDIDATES = ("python3", "python3.13", "python3.12", "python3.11", "python")
# Measured on Linux, Python 3.11: the environment takes 3.4 GB; pip's cache of downloads comes on top.
NEED_GB, NEED_TMP_GB = 5.0, 1.0
FULL = (28, 122)  # errno of a full disk and of a used-up quota

NO_SPACE = r"no space left on device|errno 28\b|disk quota exceeded|errno 122\b"
NO_COMPILER = (
    r"command '?[^'\n]*(gcc|cc|clang|g\+\+|cl\.exe)'? failed"
    r"|unable to (find|execute)[^\n]*(gcc|cc\b|compiler)|no acceptable C compiler"
    r"|unknown compiler|Microsoft Visual C\+\+ 14|xcrun: error|No CMAKE_C_COMPILER"
)
NO_NETWORK = (
    r"NewConnectionError|NameResolutionError|name resolution|Name or service not known|nodename nor serv"
    r"|Connection (refused|aborted)|Network is unreachable|Max retries exceeded|ReadTimeout|ProxyError"
    r"|Tunnel connection failed|CERTIFICATE_VERIFY_FAILED|Could not fetch URL"
)
NOT_BUILT = r"(?:Failed to build|Failed building wheel for)\s+'?([\w.-]+)"
NOT_FOUND = r"No matching distribution found for ([^\s;]+)"


class Missing(Exception):
    """The set-up lacks something; the text says what, what was found instead, and what to do."""

    def __init__(self, what, found, do):
        super().__init__(f"{what}\n  found:  {found}\n  do:     {do}")


def pythons_found():
    """Every Python on PATH as 'name version'; a version manager's shim may be there and not run."""
    found = []
    for name in filter(shutil.which, CANDIDATES):
        code = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
        try:
            out = subprocess.check_output([name, "-c", code], stderr=subprocess.DEVNULL, timeout=20)
            found.append(f"{name} {out.decode().strip()}")
        except (OSError, subprocess.SubprocessError):
            found.append(f"{name} (does not run)")
    return found


def check_python(version=None):
    """Raise `Missing` unless `version` (major, minor; default: this Python) is one the course runs on."""
    if OLDEST <= tuple(version or sys.version_info[:2]) <= NEWEST:
        return
    raise Missing(
        f"No suitable Python: the course needs Python {RANGE}.",
        ", ".join(pythons_found()) or "none",
        "install Python 3.12 (python.org; Debian and Ubuntu: apt install python3 python3-venv;\n"
        "          macOS: brew install python@3.12), then run make again.\n"
        "          One that is not on PATH: make setup PYTHON=/path/to/python3.12",
    )


def check_venv_module():
    """Debian and Ubuntu ship `venv` without the part that puts pip into an environment."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        raise no_venv(error) from None


def no_venv(why):
    package = "python{}.{}-venv".format(*sys.version_info)
    return Missing(
        f"This Python cannot make virtual environments: {why}.",
        f"{sys.executable}, Python {platform.python_version()}",
        f"Debian and Ubuntu: sudo apt install python3-venv (or {package}), then run make again",
    )


def check_folder(root):
    """Raise `Missing` when an environment cannot be made below `root`, or would not work there."""
    if os.pathsep in root:
        raise Missing(
            f"The folder's path contains '{os.pathsep}', which separates the entries of PATH.",
            root,
            "rename or move the folder (spaces are fine), then run make again",
        )
    try:
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        if error.errno not in FULL:  # a full disk is check_disk's to tell
            raise Missing(
                f"The project folder cannot be written to: {error.strerror}.",
                root,
                "copy or clone the course into a folder of your own, then run make there",
            ) from None


def free_gb(path):
    return shutil.disk_usage(path).free / 1e9


def size_gb(folder):
    files = (os.path.join(where, name) for where, _, names in os.walk(folder) for name in names)
    return sum(os.lstat(path).st_size for path in files if os.path.lexists(path)) / 1e9


def check_disk(root, need=NEED_GB):
    """Raise `Missing` when less than `need` GB are free at `root`, or too little for temporary files."""
    if free_gb(root) < need:
        # What an interrupted set-up has put there already need not come again.
        need = max(1.0, need - size_gb(os.path.join(root, ".venv")))
    if free_gb(root) < need:
        raise Missing(
            f"Not enough disk: the set-up needs {need:.1f} GB.",
            f"{free_gb(root):.1f} GB free at {root}",
            "free some space, or put the course on another disk, then run make again",
        )
    tmp = tempfile.gettempdir()
    if free_gb(tmp) < NEED_TMP_GB:
        raise Missing(
            f"Not enough disk for temporary files: pip needs {NEED_TMP_GB:.1f} GB for them.",
            f"{free_gb(tmp):.1f} GB free at {tmp}",
            "free some space there, or name a folder that has it: TMPDIR=/path make setup",
        )


def disk_full(root):
    places = sorted({os.path.abspath(root), tempfile.gettempdir(), os.path.expanduser("~")})
    return Missing(
        "The disk is full.",
        ", ".join(f"{free_gb(place):.1f} GB free at {place}" for place in places),
        f"free some space ({NEED_GB:.0f} GB in all; `pip cache purge` helps), then run make again",
    )


def error_lines(output, count=2):
    """The last lines of `output` that speak of an error, for a message."""
    lines = [line.strip()[:200] for line in output.splitlines() if "error" in line.lower()]
    return "\n          ".join(lines[-count:])


def explain(output, root="."):
    """The `Missing` that pip's `output` amounts to."""
    here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"

    def says(pattern):
        return re.search(pattern, output, re.IGNORECASE)

    if says(NO_SPACE):
        return disk_full(root)
    if says(NO_COMPILER):
        package = says(NOT_BUILT).group(1) if says(NOT_BUILT) else "a package"
        return Missing(
            f"No compiler: there is no ready-made build of {package} for this Python and machine,\n"
            "and it could not be compiled here.",
            f"{here}; {says(NO_COMPILER).group(0)}",
            "use Python 3.12 (every package has a ready-made build for it), or install a compiler:\n"
            "          Debian and Ubuntu: sudo apt install build-essential; macOS: xcode-select --install",
        )
    if says(NO_NETWORK):
        return Missing(
            "No network: the package registry could not be reached.",
            next(line.strip()[:200] for line in output.splitlines() if re.search(NO_NETWORK, line, re.I)),
            "check the connection (behind a proxy, set https_proxy), then run make again: it goes on\n"
            "          where it stopped. Only the set-up needs the network; the course works without",
        )
    if says(NOT_FOUND):
        return Missing(
            f"No build of {says(NOT_FOUND).group(1)} for this Python and machine.",
            here,
            "use a 64-bit Python 3.12 on Linux (glibc), Windows or a Mac with an M processor;\n"
            "          elsewhere (a Mac with an Intel processor, Alpine) open the course on Binder or in a\n"
            "          Debian container",
        )
    return Missing(
        "pip could not install the packages.",
        error_lines(output) or output.strip()[-300:] or "no output",
        "run make again; if that does not help: make clean, then make once more",
    )
