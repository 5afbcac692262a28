"""Set up the course: make `.venv` and install everything into it, with the pins of pyproject.toml.

`make` runs this before anything is installed: standard library only, and no syntax or import at the top
that Python 3.6 lacks, so that an old Python can tell its owner to get a newer one. Run again, it finds the
stamp it wrote last and returns at once; after an interruption it goes on where it stopped. Nothing outside
the project folder is changed (pip keeps its cache of downloads, as always).
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time

from machine import (
    FULL,
    NEWEST,
    OLDEST,
    RANGE,
    Missing,
    check_disk,
    check_folder,
    check_python,
    check_venv_module,
    disk_full,
    explain,
    no_venv,
)
from progress import Progress, pip, venv_python

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# A torch with CUDA, which is what the ordinary index gives on Linux, brings several GB more.
NEED_CUDA_GB = 12.0
# The pip that comes with Python 3.11 takes nearly three times as long over the same packages (118 s to 43 s).
PIP = "pip==26.3"
# Importing these once shows that they run here, and leaves the bytecode of what the course uses: to compile
# all that is installed takes 115 s of computing, this takes 40.
PROOFS = (
    "torch, torch._dynamo, sklearn.linear_model, sklearn.metrics, scipy.signal, scipy.stats, wfdb, "
    "matplotlib.pyplot",
    "tensorflow, keras, ai_edge_litert.interpreter",
    "onnxscript, onnxruntime",
    "jupyterlab.labapp, notebook.app, jupyter_lsp, jupytext.cli, papermill.cli, nbconvert.exporters, "
    "nbgrader.apps, nbgrader.server_extensions, ipykernel.kernelapp, ipywidgets, pooch, rich.console, typer, "
    "tqdm.auto, pytest, httpx, jupyter_server_terminals, notebook_shim",
)
# jsonschema, and with it all that reads a notebook, builds a grammar of web addresses (rfc3987_syntax) in
# each new process: 3 s of computing, for a check no notebook asks for. A module that is None in sys.modules
# counts as not installed, which jsonschema is ready for.
QUICK_START = "import sys; sys.modules.setdefault('rfc3987_syntax', None)\n"
VERSION = "import sys; print('{}.{}'.format(*sys.version_info))"


def say(text):
    print(text, flush=True)


# ---- the environment ---------------------------------------------------------------------------------


def ask(venv, code):
    """What the environment's Python prints for `code`, or None where it does not run."""
    try:
        out = subprocess.check_output([venv_python(venv), "-c", code], stderr=subprocess.DEVNULL, timeout=60)
        return out.decode().strip()
    except (OSError, subprocess.SubprocessError):
        return None


def site_packages(venv):
    return ask(venv, "import sysconfig; print(sysconfig.get_paths()['purelib'])")


def stamp_file(venv):
    return os.path.join(venv, ".physiodl-ready")


def read_stamp(venv):
    try:
        with open(stamp_file(venv), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def write_stamp(venv, stamp):
    with open(stamp_file(venv) + ".new", "w", encoding="utf-8") as file:
        json.dump(stamp, file)
    os.replace(stamp_file(venv) + ".new", stamp_file(venv))


def fingerprint(root):
    """A hash of what decides what is installed; a changed option of the linter installs nothing."""
    import tomllib

    with open(os.path.join(root, "pyproject.toml"), "rb") as file:
        text = tomllib.load(file)
    parts = [text.get("build-system"), text.get("project"), text.get("tool", {}).get("setuptools"), PIP]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def reason_to_rebuild(venv, root, exact=None):
    """Why the environment that is there cannot be used (part of a sentence), or None."""
    version = ask(venv, VERSION)
    if version is None:
        return "its Python no longer runs"
    try:
        with open(os.path.join(venv, "pyvenv.cfg"), encoding="utf-8") as file:
            made = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+)", file.read(), re.MULTILINE)
    except OSError:
        return "it was never finished"
    if made and made.group(1) != version:
        return f"it was made for Python {made.group(1)}, which has become Python {version}"
    if not OLDEST <= tuple(map(int, version.split("."))) <= NEWEST:
        return f"it is for Python {version}, and the course needs {RANGE}"
    if exact and version != exact:
        return f"it is for Python {version}, and Python {exact} was asked for"
    home = read_stamp(venv).get("root", root)
    if home != root:
        return f"the folder was moved or copied from {home}"
    if ask(venv, "import pip") is None:
        return "it has no pip"
    return None


def clear(venv):
    """Empty the environment's folder; the folder stays, for it may be a link to a larger disk."""
    for name in os.listdir(venv):
        path = os.path.join(venv, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.remove(path)


def make_venv(venv):
    os.makedirs(venv, exist_ok=True)
    with open(os.path.join(venv, ".physiodl-begun"), "w"):
        pass  # if this is cut short, the next run knows that the folder is ours to clear
    command = [sys.executable, "-m", "venv", venv]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise no_venv("ensurepip failed") if "ensurepip" in output else explain(output, venv)


def damaged(site):
    """The `.dist-info` folders in `site` whose package an interruption left incomplete.

    pip takes a package for installed once its metadata are there, so one unpacked by half would stay so.
    """
    bad = []
    for name in sorted(name for name in os.listdir(site) if name.endswith(".dist-info")):
        try:
            with open(os.path.join(site, name, "RECORD"), encoding="utf-8") as file:
                paths = [line.rsplit(",", 2)[0].strip('"') for line in file if line.strip()]
        except OSError:
            paths = ["RECORD"]
        if not all(path.endswith(".pyc") or os.path.exists(os.path.join(site, path)) for path in paths):
            bad.append(name)
    return bad


def repair(venv):
    """Forget packages unpacked by half, so that pip installs them anew; returns what was removed."""
    site = site_packages(venv)
    aside = [name for name in os.listdir(site) if name.startswith("~")]  # what pip was about to replace
    names = damaged(site) + aside
    for name in names:
        shutil.rmtree(os.path.join(site, name), ignore_errors=True)
    return names


# ---- what goes into it ------------------------------------------------------------------------------


def install_torch(venv, root, *, progress):
    """On Linux the ordinary index gives a torch with CUDA, several GB: take the CPU build where possible.

    TORCH_INDEX names another index than PyTorch's own; set but empty it means the ordinary one.
    """
    index = os.environ.get("TORCH_INDEX", CPU_INDEX)
    if not sys.platform.startswith("linux") or not index:
        return
    with open(os.path.join(root, "pyproject.toml"), encoding="utf-8") as file:
        pin = re.search(r'"(torch==[\w.]+)"', file.read()).group(1)
    progress.text = "fetching the CPU build of torch (about 200 MB)"
    briefly = ["--retries", "0", "--timeout", "5"]
    status, _ = pip(venv, "--no-deps", pin, "--index-url", index, *briefly, progress=progress)
    if status != 0:
        check_disk(root, NEED_CUDA_GB)
        say(f"No CPU build of torch from {index}: asking for the ordinary one (several GB more).")


def install(venv, root):
    """Everything pyproject.toml names, the tools of the tests included."""
    with Progress(sys.stdout) as progress:
        progress.text = "bringing pip up to date"
        pip(venv, PIP, "--retries", "1", progress=progress)  # should it fail, the older one only takes longer
        install_torch(venv, root, progress=progress)
        progress.text = "finding out which packages are needed"
        status, output = pip(venv, "--prefer-binary", "-e", root + "[test]", progress=progress)
        if status != 0:
            raise explain(output, root)
        with open(os.path.join(site_packages(venv), "physiodl_quick_start.pth"), "w") as file:
            file.write(QUICK_START)
        progress.text = "first start of everything that was installed"
        prove(venv)


def prove(venv):
    """Import what the course uses, a few processes side by side; raise `Missing` when one does not start."""
    env = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", OMP_NUM_THREADS="1")
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"):
        env.pop(name, None)
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
    running = [subprocess.Popen([venv_python(venv), "-c", "import " + names], **pipes) for names in PROOFS]
    for process, names in zip(running, PROOFS, strict=True):
        output = process.communicate()[0].decode(errors="replace").strip()
        if process.returncode != 0:
            raise Missing(
                f"Installed, but one of these does not start: {names}.",
                output.splitlines()[-1][:300] if output else f"ended with status {process.returncode}",
                "make clean, then make again. Status -4 means a processor without AVX, -9 too little memory",
            )


# ---- the whole ---------------------------------------------------------------------------------------


def wait_for_turn(root):
    """Let a second `make` wait for the first. The lock lies on pyproject.toml and leaves no file behind."""
    file = open(os.path.join(root, "pyproject.toml"), encoding="utf-8")
    try:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up is at work in this folder; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
    except (ImportError, OSError):
        pass  # Windows, or a file system without locks
    return file


def set_up(root, *, exact=None):
    """Make or mend `.venv` below `root`; returns True when there was something to do.

    `exact` is a version ("3.12") the environment must have; without it any that the course runs on is kept.
    """
    venv = os.path.join(root, ".venv")
    stamp = {"fingerprint": fingerprint(root), "root": root, "python": ask(venv, VERSION)}
    if stamp["python"] == (exact or stamp["python"]) and read_stamp(venv) == stamp:
        return False
    start = time.time()
    check_folder(root)
    check_venv_module()
    check_disk(root)
    if os.path.lexists(venv) and not os.path.isdir(venv):
        raise Missing("`.venv` is no folder, or a link to nothing.", venv, "remove it, then run make again")
    there = os.listdir(venv) if os.path.isdir(venv) else []
    if there and "pyvenv.cfg" not in there and ".physiodl-begun" not in there:
        raise Missing("`.venv` is no Python environment.", venv, "move it away, then run make again")
    reason = reason_to_rebuild(venv, root, exact) if there else None
    if reason:
        say(f"The environment in .venv is made anew: {reason}.")
        clear(venv)
    if reason or not there:
        version = platform.python_version()
        say(f"Setting up the course in .venv, once: a few minutes, 3.4 GB. Python {version}.")
        make_venv(venv)
    elif os.path.exists(stamp_file(venv)):
        say("Bringing the environment in .venv up to date with pyproject.toml.")
        os.remove(stamp_file(venv))
    else:
        say("Going on with an unfinished set-up in .venv.")
        repair(venv)
    install(venv, root)
    write_stamp(venv, dict(stamp, python=ask(venv, VERSION)))
    say(f"Set up in {time.time() - start:.0f} s.")
    return True


def stop(*_):
    raise KeyboardInterrupt


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--exact", action="store_true", help="make .venv anew unless it is for this Python")
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    args = parser.parse_args(argv)
    root = os.path.realpath(args.root)
    signal.signal(signal.SIGTERM, stop)
    try:
        check_python()
        with wait_for_turn(root):
            set_up(root, exact="{}.{}".format(*sys.version_info) if args.exact else None)
        return 0
    except Missing as missing:
        sys.stderr.write(f"\n{missing}\n")
        return 1
    except OSError as error:
        if error.errno not in FULL:
            raise
        sys.stderr.write(f"\n{disk_full(root)}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Run make again: it goes on where it stopped.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
