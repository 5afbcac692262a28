"""Open the course in JupyterLab: `make lab`, or the environment's Python with this file.

A browser opens where there is a screen; elsewhere (a server, a container, a connection by SSH) the address is
printed and served. Standard library only, but for one question to `physiodl`: which data are there.
"""

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST_PAGE = "course/00_start_here.ipynb"
# What JupyterLab would ask a newcomer before anything else: whether to fetch news, and whether to update.
OVERRIDES = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


def has_screen(environ=os.environ, platform=sys.platform):
    """Whether a browser opened here would be seen by the person who typed the command."""
    if environ.get("BROWSER"):
        return True
    if any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "CODESPACES", "CI")):
        return False
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return False
    if platform in ("darwin", "win32"):
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def free_port(first, ip="127.0.0.1", tries=50):
    """The first port from `first` on that nobody listens on; another copy of the course may hold it."""
    for port in range(first, first + tries):
        with socket.socket() as probe:
            if os.name == "posix":  # elsewhere the option would let two servers share the port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ip, port))
                return port
            except OSError:
                continue
    raise SystemExit(f"No free port from {first} to {first + tries - 1}. Others: make lab ARGS='--port 9000'")


def quiet_start(prefix=sys.prefix):
    """Write JupyterLab's default settings into the environment (not into the user's own settings)."""
    file = Path(prefix, "share", "jupyter", "lab", "settings", "overrides.json")
    text = json.dumps(OVERRIDES, indent=2)
    try:
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError:
        pass  # the environment belongs to someone else: JupyterLab asks its question, nothing worse


def network(host="zenodo.org", port=443, timeout_s=2.0):
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
        return True
    except OSError:
        return False


def data_line(root=None, online=network):
    """One line for the student: which recordings the course will use."""
    try:
        if root is None:
            from physiodl.registry import data_root

            root = data_root()
        if all((Path(root) / "af" / "real" / name).is_file() for name in ("features.npy", "labels.npy")):
            return f"The course uses the published recordings in {root}."
    except Exception as error:  # the course must open even then: its first page checks the set-up
        print(f"physiodl cannot tell which data are there: {error}", file=sys.stderr)
    if not online():
        return "No network: the course uses simulated recordings."
    return "The course uses simulated recordings; python data_fetch.py af fetches the published ones."


def command(port, ip="127.0.0.1", extra=()):
    """(command line of the server, page it opens on). The token goes by the environment, unseen by `ps`."""
    page = "/lab/tree/" + FIRST_PAGE if (ROOT / FIRST_PAGE).exists() else "/lab"
    line = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--Application.log_level=ERROR",  # the address must not drown in what the extensions tell
        f"--ServerApp.root_dir={ROOT}",
        f"--ServerApp.ip={ip}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--LabApp.default_url={page}",
        *extra,
    ]
    if hasattr(os, "getuid") and os.getuid() == 0:
        line.append("--allow-root")
    return line, page


def wait_until_ready(port, token, server, timeout_s=60.0):
    """True once the server answers, False when it ended or does not answer within `timeout_s`."""
    question = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/status", headers={"Authorization": f"token {token}"}
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy knows no 127.0.0.1
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and server.poll() is None:
        try:
            with direct.open(question, timeout=2):
                return True
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    return False


def end(server):
    """Ask the server to end, kernels included; it does so within seconds or is ended."""
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def stop(*_):
    raise KeyboardInterrupt


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=8888, help="the first port to try")
    parser.add_argument("--ip", default="127.0.0.1", help="0.0.0.0 lets other machines in (from a container)")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    args, extra = parser.parse_known_args(argv)

    quiet_start()
    port, token = free_port(args.port, args.ip), secrets.token_hex(24)
    line, page = command(port, args.ip, extra)
    # In a session of its own: Ctrl-C reaches this program alone, which ends the server without asking.
    server = subprocess.Popen(
        line, cwd=ROOT, env=dict(os.environ, JUPYTER_TOKEN=token), start_new_session=os.name == "posix"
    )
    # SIGHUP: the terminal was closed. SIGINT: a shell without a terminal starts what is in its background deaf to it.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    try:
        print(data_line(), flush=True)
        if not wait_until_ready(port, token, server):
            print("JupyterLab did not start; what it said stands above.", file=sys.stderr)
            return 1
        url = f"http://localhost:{port}{page}?token={token}"
        screen = has_screen() and not args.no_browser
        print(f"\nThe course is open at\n\n    {url}\n", flush=True)
        if not (screen and webbrowser.open(url)):
            if os.environ.get("SSH_CONNECTION"):
                print(f"From your machine: ssh -L {port}:localhost:{port} THIS_MACHINE, then that address.")
            else:
                print("Copy that address into a browser.")
        print("Ctrl-C ends it.", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        print("\nThe course is closed; your notebooks are saved where you saved them.")
        return 0
    finally:
        end(server)


if __name__ == "__main__":
    sys.exit(main())
