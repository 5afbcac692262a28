"""The set-up: what it says when something is missing, what it mends, and how the course is opened."""

import ast
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"

sys.path.insert(0, str(TOOLS))
import bootstrap  # noqa: E402
import lab  # noqa: E402
import machine  # noqa: E402

sys.path.remove(str(TOOLS))


# ---- what the set-up says when something is missing ----------------------------------------------------


def test_set_up_is_readable_for_old_pythons():
    for name in ("bootstrap.py", "machine.py", "progress.py"):
        ast.parse((TOOLS / name).read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 10), (3, 14)])
def test_wrong_python(version, monkeypatch):
    monkeypatch.setattr(machine, "pythons_found", lambda: ["python3 3.10.4", "python3.12 (does not run)"])
    with pytest.raises(machine.Missing, match=r"the course needs Python 3\.11 to 3\.13") as error:
        machine.check_python(version)
    assert str(error.value).startswith("No suitable Python")
    assert "python3 3.10.4, python3.12 (does not run)" in str(error.value)
    assert "install Python 3.12" in str(error.value)


def fake_bin(folder, **scripts):
    """A folder for PATH with the named programs, and with the few others that the Makefile calls."""
    folder.mkdir()
    for name in ("sh", "sed", "awk", "make"):
        (folder / name).symlink_to(shutil.which(name))
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def make(*args, path, cwd=ROOT):
    env = {"PATH": str(path), "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(["make", *args], cwd=cwd, env=env, capture_output=True, text=True, timeout=60)


def small_copy(tmp_path, name="the course"):
    """Makefile and tools in a folder with a space in its path, with nothing to install."""
    copy = tmp_path / name
    copy.mkdir()
    shutil.copy(ROOT / "Makefile", copy)
    shutil.copytree(TOOLS, copy / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["torch==2.13.0"]\n')
    return copy


def test_make_without_any_python(tmp_path):
    done = make("lab", path=fake_bin(tmp_path / "bin"), cwd=small_copy(tmp_path))
    assert done.returncode != 0
    assert "No suitable Python: the course needs Python 3.11 to 3.13" in done.stderr


def test_make_passes_over_a_shim_that_does_not_run(tmp_path):
    """A version manager leaves programs called python3.12 that only say that there is no such version."""
    shim = "#!/bin/sh\necho 'no such version' >&2\nexit 127\n"
    real = f'#!/bin/sh\ncase "$1" in -c) exec "{sys.executable}" "$@";; *) echo "set up by $0 $*";; esac\n'
    path = fake_bin(tmp_path / "bin", **{"python3": shim, "python3.13": shim, "python3.12": real})
    done = make("setup", path=path, cwd=small_copy(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "bin/python3.12 tools/bootstrap.py" in done.stdout


def test_no_ensurepip(monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)  # as on a Debian without python3-venv
    with pytest.raises(machine.Missing, match="cannot make virtual environments") as error:
        machine.check_venv_module()
    assert "apt install python3-venv" in str(error.value)


Usage = namedtuple("Usage", "total used free")


def test_no_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: Usage(9e9, 7e9, 2e9))
    with pytest.raises(machine.Missing, match=r"needs 5\.0 GB[^$]*2\.0 GB free at") as error:
        machine.check_disk(str(tmp_path))
    assert str(tmp_path) in str(error.value)


def test_disk_that_an_unfinished_set_up_has_used_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: Usage(9e9, 7e9, 2e9))
    monkeypatch.setattr(machine, "size_gb", lambda _: 3.3)
    machine.check_disk(str(tmp_path))


def test_no_room_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "free_gb", lambda path: 50.0 if path == str(tmp_path) else 0.2)
    with pytest.raises(machine.Missing, match="TMPDIR="):
        machine.check_disk(str(tmp_path))


def test_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def read_only(**_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(machine.tempfile, "TemporaryFile", read_only)
    with pytest.raises(machine.Missing, match="cannot be written to: Read-only file system"):
        machine.check_folder(str(tmp_path))


def test_folder_with_the_separator_of_paths(tmp_path):
    with pytest.raises(machine.Missing, match="separates the entries of PATH"):
        machine.check_folder(f"{tmp_path}{os.pathsep}x")


NOT_FOUND = (
    "ERROR: Could not find a version that satisfies the requirement torch==2.13.0 (from versions: none)\n"
    "ERROR: No matching distribution found for torch==2.13.0\n"
)
PIP_SAYS = {  # what the message begins with: what pip said
    "No compiler: there is no ready-made build of wfdb": "  error: command 'gcc' failed: No such file\n"
    "  ERROR: Failed building wheel for wfdb\nFailed to build wfdb\n",
    "No compiler: there is no ready-made build of h5py": "  error: Microsoft Visual C++ 14.0 is required.\n"
    "  ERROR: Failed building wheel for h5py\n",
    "No network": "WARNING: Retrying after connection broken by 'NewConnectionError(': [Errno -3] Temporary "
    "failure in name resolution')': /simple/torch/\n" + NOT_FOUND,
    "No build of torch==2.13.0 for this Python": NOT_FOUND,
    "The disk is full": "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on\n",
    "pip could not install": "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n",
}


@pytest.mark.parametrize("expected", PIP_SAYS)
def test_what_pip_says_is_explained(expected, tmp_path):
    text = str(machine.explain(PIP_SAYS[expected], str(tmp_path)))
    assert text.startswith(expected), text
    assert "\n  found:  " in text and "\n  do:     " in text


# ---- the environment -----------------------------------------------------------------------------------


def bare_venv(venv):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)


def plain_venv(copy):
    """A finished-looking environment around this very Python, without installing anything."""
    venv = copy / ".venv"
    bare_venv(venv)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stamp = {"fingerprint": bootstrap.fingerprint(str(copy)), "root": str(copy), "python": version}
    bootstrap.write_stamp(str(venv), stamp)
    return venv


@pytest.fixture
def installs(monkeypatch):
    """Record what would be installed, instead of installing it."""
    calls = []
    monkeypatch.setattr(bootstrap, "install", lambda venv, root: calls.append(venv))
    monkeypatch.setattr(bootstrap, "make_venv", bare_venv)
    return calls


def test_second_run_does_nothing_and_takes_no_second(tmp_path):
    copy = small_copy(tmp_path)
    plain_venv(copy)
    start = time.monotonic()
    done = subprocess.run([sys.executable, "tools/bootstrap.py"], cwd=copy, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - start < 3  # alone it takes 0.1 s; tests run side by side


def test_only_what_is_installed_counts_as_a_change(tmp_path, installs, capsys, monkeypatch):
    copy = small_copy(tmp_path)
    plain_venv(copy)
    toml = copy / "pyproject.toml"
    toml.write_text(toml.read_text() + "[tool.ruff]\nline-length = 90\n")
    assert not bootstrap.set_up(str(copy))
    toml.write_text(toml.read_text().replace("2.13.0", "2.13.1"))
    monkeypatch.setattr(bootstrap, "reason_to_rebuild", lambda *_: None)  # which wants a pip there
    assert bootstrap.set_up(str(copy))
    assert "up to date" in capsys.readouterr().out
    assert len(installs) == 1 and not bootstrap.set_up(str(copy))


def test_environment_whose_python_is_gone_is_made_anew(tmp_path, installs, capsys):
    copy = small_copy(tmp_path)
    python = plain_venv(copy) / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")
    assert bootstrap.set_up(str(copy))
    assert "made anew: its Python no longer runs" in capsys.readouterr().out
    assert not bootstrap.set_up(str(copy))


def test_environment_of_another_python_is_made_anew(tmp_path, installs, capsys):
    copy = small_copy(tmp_path)
    config = plain_venv(copy) / "pyvenv.cfg"
    config.write_text(re.sub(r"(?m)^version = .*$", "version = 3.10.2", config.read_text()))
    (copy / ".venv" / ".physiodl-ready").unlink()
    assert bootstrap.set_up(str(copy))
    assert "made for Python 3.10, which has become Python" in capsys.readouterr().out


def test_moved_folder_is_set_up_anew(tmp_path, installs, capsys):
    plain_venv(small_copy(tmp_path))
    moved = tmp_path / "elsewhere"
    (tmp_path / "the course").rename(moved)
    assert bootstrap.set_up(str(moved))
    assert "moved or copied from" in capsys.readouterr().out


def test_a_folder_of_that_name_that_is_something_else_is_left_alone(tmp_path, installs):
    copy = small_copy(tmp_path)
    (copy / ".venv").mkdir()
    (copy / ".venv" / "thesis.txt").write_text("mine")
    with pytest.raises(machine.Missing, match="no Python environment"):
        bootstrap.set_up(str(copy))
    assert (copy / ".venv" / "thesis.txt").read_text() == "mine"


def test_stamp_is_written_last(tmp_path, monkeypatch, installs):
    copy = small_copy(tmp_path)

    def cut_short(venv, root):
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "install", cut_short)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.set_up(str(copy))
    assert not (copy / ".venv" / ".physiodl-ready").exists()


def test_packages_unpacked_by_half_are_found(tmp_path):
    for name, files, record in [
        ("whole", ["whole.py"], "whole.py,sha256=x,1\nwhole-1.dist-info/RECORD,,\n"),
        ("half", [], "half.py,sha256=x,1\nhalf-1.dist-info/RECORD,,\n"),
        ("cut", ["cut.py"], None),
    ]:
        (tmp_path / f"{name}-1.dist-info").mkdir()
        for file in files:
            (tmp_path / file).write_text("")
        if record is not None:
            (tmp_path / f"{name}-1.dist-info" / "RECORD").write_text(record)
    assert bootstrap.damaged(str(tmp_path)) == ["cut-1.dist-info", "half-1.dist-info"]


# ---- opening the course --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "system", "screen"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "linux", False),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "10.0.0.1 5 10.0.0.2 22"}, "linux", False),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "10.0.0.1 5 10.0.0.2 22"}, "darwin", False),
        ({"BROWSER": "firefox"}, "linux", True),
    ],
)
def test_a_browser_opens_where_someone_sees_it(environ, system, screen, monkeypatch):
    monkeypatch.setattr(lab.os.path, "exists", lambda _: False)  # the tests themselves may run in a container
    assert lab.has_screen(environ, system) is screen


def test_no_browser_inside_a_container(monkeypatch):
    monkeypatch.setattr(lab.os.path, "exists", lambda path: path == "/.dockerenv")
    assert not lab.has_screen({"DISPLAY": ":0"}, "linux")


def test_a_port_in_use_is_passed_over():
    with lab.socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < lab.free_port(port) < port + 50


def test_the_line_about_data(tmp_path):
    assert lab.data_line(tmp_path, lambda: False) == "No network: the course uses simulated recordings."
    assert "python data_fetch.py af fetches" in lab.data_line(tmp_path, lambda: True)
    real = tmp_path / "af" / "real"
    real.mkdir(parents=True)
    (real / "features.npy").write_bytes(b"")
    assert "simulated" in lab.data_line(tmp_path, lambda: False)  # by half fetched is not there
    (real / "labels.npy").write_bytes(b"")
    assert "published recordings" in lab.data_line(tmp_path, lambda: False)


def test_news_are_not_asked_for(tmp_path):
    lab.quiet_start(tmp_path)
    file = tmp_path / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    settings = json.loads(file.read_text())
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_the_secret_is_not_on_the_command_line(monkeypatch):
    monkeypatch.setattr(lab.os, "getuid", lambda: 0, raising=False)
    line, _ = lab.command(8899)
    assert "--allow-root" in line and not [part for part in line if "token" in part.lower()]
    monkeypatch.setattr(lab.os, "getuid", lambda: 1000, raising=False)
    assert "--allow-root" not in lab.command(8899)[0]


def test_lab_serves_without_a_screen_and_ends_with_ctrl_c(tmp_path):
    """The whole way: the address is printed, the server answers at it, Ctrl-C leaves no server behind."""
    env = dict(os.environ, JUPYTER_CONFIG_DIR=str(tmp_path), JUPYTER_RUNTIME_DIR=str(tmp_path))
    port = lab.free_port(18888)
    process = subprocess.Popen(
        [sys.executable, str(TOOLS / "lab.py"), "--no-browser", "--port", str(port)],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        lines = iter(process.stdout.readline, "")
        url = next(line.strip() for line in lines if line.strip().startswith("http://localhost:"))
        direct = lab.urllib.request.build_opener(lab.urllib.request.ProxyHandler({}))
        with direct.open(url, timeout=30) as answer:
            assert answer.status == 200 and b"jupyter" in answer.read().lower()
        with pytest.raises(lab.urllib.error.HTTPError):  # and not without its token
            direct.open(f"http://localhost:{port}/api/contents", timeout=30)
    finally:
        process.send_signal(lab.signal.SIGINT)
        rest = process.communicate(timeout=30)[0]
    assert process.returncode == 0 and "The course is closed" in rest
    with lab.socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
