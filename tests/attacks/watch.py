"""A class with canaries all around it, and what is seen to have happened there.

The same eyes look at every grader: points in the gradebook, texts that turn up where they must not, files that
changed, connections that were made, processes that were left. `Scene.harm` lists what an attack has done; each item
is a kind and a sentence.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from attacks import arena
from attacks.attack import GOT_IN, Attack
from attacks.doors import Doors
from autograder.klass import PROJECT, open_gradebook

LAUNCHER = Path(__file__).with_name("launcher.py")
OTHERS = {"gradebook", "loopback", "home", "environment", "memory", "keyring", "shared memory", "shared file"}
KINDS = ("points", "victim", "leak", "reach", "network", "others", "batch", "files", "machine", "page", "limits")
WRITTEN = {"autograded", "feedback", "reports", "scores", "journal.jsonl", "gradebook.db"}  # by graders, and .files
MOST_READ = 60_000_000  # bytes of one file that are searched
MOST_MEMORY_GB = 2.0  # of the grader itself; without attacks it takes a tenth
LARGEST_RESULT_MB = 100  # of what is kept of one submission
LARGEST_PAGE = 20_000_000  # bytes; no browser is glad of more
ACTIVE = re.compile(r"<script[^>]*>[^<]{0,200}attack-page|<[a-z][^<>]{0,300}attack-page", re.I)


@dataclass
class Run:
    """How a grader ended: exit code (None: it had to be killed), seconds, what it printed, processes it left."""

    code: int | None
    seconds: float
    text: str
    left: list[str] = field(default_factory=list)
    keyring: bool = False
    peak_gb: float = 0.0  # of the largest process of the grader itself


Marks = dict[str, dict[str, float | None]]


class Scene:
    """A class in a throw-away folder, with a home, a temporary folder, a process and open doors beside it."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="arena-"))
        self.token = self.root.name.removeprefix("arena-")
        self.course = arena.make_class(self.root / "class")
        self.home, self.tmp = self.root / "home", self.root / "t"
        self.tmp.mkdir()
        self.canaries = {name: f"canary-{name.replace(' ', '-')}-{self.token}" for name in OTHERS}
        self.canaries |= {
            "hidden test": arena.HIDDEN_TEST,
            "hidden input": arena.HIDDEN_INPUT,
            "hidden recording": str(arena.CALIBRATION),
            "solution": arena.SOLUTION,
            "neighbour": arena.NEIGHBOUR,
            "class key": self.course.key.read_text().strip(),
        }
        self.canaries |= {f"hidden labels {k}": text for k, text in enumerate(arena.label_texts())}
        (self.home / ".ssh").mkdir(parents=True)
        (self.home / ".ssh" / "id_ed25519").write_text(self.canaries["home"])
        (self.home / ".cache").mkdir()  # IPython and matplotlib would make it
        self.shared = Path("/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()) / f"arena-{self.token}"
        self.shared.write_text(self.canaries["shared file"])
        with open_gradebook(self.course) as book:
            book.add_student("ghost", last_name=self.canaries["gradebook"])
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON", "PYTEST"))
        } | {
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "PHYSIODL_TOKEN": self.canaries["environment"],
            "PHYSIODL_EXAM": str(self.course.hidden),  # plain nbgrader needs it; ours sets its own
            "OMP_NUM_THREADS": "1",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        }
        # It ends with its standard input, so also when whoever made the scene is killed.
        keep = f"import sys; secret = {self.canaries['memory']!r}; print(id(secret), flush=True); sys.stdin.read()"
        pipe = subprocess.PIPE
        self.witness = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", keep], stdin=pipe, stdout=pipe, env=self.environment, text=True
        )
        address = self.witness.stdout.readline().strip()
        self.memory = _SharedMemory(self.canaries["shared memory"])
        self.doors = Doors(self.root / "door", self.canaries["loopback"], self.token)
        self.places = {
            "CLASS": str(self.course.root),
            "HOME": str(self.home),
            "TMP": str(self.tmp),
            "PROJECT": str(PROJECT),
            "SHARED": str(self.shared),
            "WITNESS": str(self.witness.pid),
            "ADDRESS": address,
            "TOKEN": self.token,
            **self.doors.places,
        }
        self.attacks: dict[str, Attack] = {}
        self.before: dict[str, str] = {}
        self.mounts = _mounts()

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.doors.close()
        self.memory.close()
        self.witness.kill()
        self.witness.wait()
        self.witness.stdin.close()
        self.witness.stdout.close()
        self.shared.unlink(missing_ok=True)
        subprocess.run(["chmod", "-R", "u+rwX", str(self.root)], capture_output=True, check=False)
        shutil.rmtree(self.root, ignore_errors=True)
        for path in self._marked():
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def hand_in(self, attack: Attack) -> None:
        """Put an attack among the submissions."""
        content = attack.notebook(self.places | {"NAME": attack.name})
        path = arena.hand_in(self.course, attack.name, content)
        if attack.beside:
            attack.beside(path.parent, self)
        self.attacks[attack.name] = attack

    # --- running a grader ---

    def run(
        self, command: Sequence[str], *, limit_s: float, settle_s: float = 2.0, limits: dict[str, int] | None = None
    ) -> Run:
        """Run a grader in the class's folder; after `limit_s` it is killed with all it started.

        What it leaves behind is watched for `settle_s` and then killed too. `limits` are RLIMIT_ names and values for
        graders that have none of their own.
        """
        if not self.before:
            self.before = self._files()
        order, output = self.root / "order.json", self.root / "output"
        facts = {"command": list(command), "cwd": str(self.course.root), "limit_s": limit_s, "settle_s": settle_s}
        key = [f"arena-{self.token}", self.canaries["keyring"]]
        order.write_text(json.dumps(facts | {"output": str(output), "key": key, "limits": limits or {}}))
        subprocess.run([sys.executable, "-I", "-S", str(LAUNCHER), str(order)], env=self.environment, check=True)
        report = json.loads(order.read_text())
        text = output.read_bytes()[:MOST_READ].decode("utf-8", "replace")
        return Run(report["code"], report["seconds"], text, report["left"], report["keyring"], report["peak_gb"])

    def marks(self) -> Marks:
        """student -> task -> points as they stand in the gradebook, None where there are none."""
        found: Marks = {}
        with open_gradebook(self.course) as book:
            for submission in book.assignment_submissions(arena.NAME):
                for notebook in submission.notebooks:
                    found[submission.student.id] = {
                        g.name.removesuffix("-test"): None
                        if g.auto_score is None and g.manual_score is None
                        else g.score
                        for g in notebook.grades
                    }
        return found

    # --- what happened ---

    def harm(
        self, attack: Attack, run: Run, marks: Marks, *, by_design: Iterable[str] = (), seconds: float | None = None
    ) -> list[tuple[str, str]]:
        """What one attack did to points, secrets and pages.

        `by_design` names canaries that this grader shows to everybody; `seconds` is what the submission took.
        """
        found = []
        mine = marks.get(attack.name, {})
        for task in arena.POSSIBLE:
            got = mine.get(task) or 0.0
            if got > attack.may_earn(task) + 0.005:
                found.append(("points", f"{task}: {got:g} points, earned {attack.may_earn(task):g}"))
            if got < attack.must_earn(task) - 0.005:
                found.append(("victim", f"{task}: {got:g} points, earned {attack.must_earn(task):g}"))
        for name in self.leaks(self.texts(attack.name)):
            if name not in by_design:
                found.append(("leak", f"{name} can be read"))
        for line in self.successes(attack.name):
            found.append(("reach", line))
        found += [("network", f"reached {door}") for door in self.doors.reached_by(attack.name)]
        found += [("page", what) for what in self.live_pages(attack.name)]
        kept = sum(path.stat().st_size for path in _files_below(self.course.root / "autograded" / attack.name)) / 1e6
        if kept > LARGEST_RESULT_MB:
            found.append(("limits", f"{kept:.0f} MB are kept of it"))
        if seconds is not None and seconds > arena.TOTAL_S + 15:
            found.append(("limits", f"took {seconds:.0f} s of {arena.TOTAL_S}"))
        return found

    def harm_to_all(
        self, run: Run, marks: Marks, expected: Marks, *, by_design: Iterable[str] = ()
    ) -> list[tuple[str, str]]:
        """What happened to others, to the batch and to the machine. `expected`: the marks of the honest alone."""
        found = []
        if run.code is None:
            found.append(("batch", f"the grader had to be killed after {run.seconds:.0f} s"))
        if run.peak_gb > MOST_MEMORY_GB:
            found.append(("limits", f"the grader itself took {run.peak_gb:.1f} GB of memory"))
        for student, wanted in expected.items():
            got = marks.get(student)
            if got is None or all(value is None for value in got.values()):
                found.append(("batch", f"{student} was not graded"))
            elif {t: round(v or 0, 2) for t, v in got.items()} != {t: round(v or 0, 2) for t, v in wanted.items()}:
                found.append(("others", f"the marks of {student} changed"))
        found += [("files", what) for what in self.changed()]
        found += [("machine", f"left running: {name[:80]}") for name in run.left]
        found += [("machine", f"left behind: {name}") for name in self.left_behind()]
        if self.witness.poll() is not None:
            found.append(("machine", "a process of the user was killed"))
        found += [("network", f"a stranger called at {door}") for door in self.doors.strangers(self.attacks)]
        printed = [name for name in self.leaks([run.text]) if name not in by_design]
        found += [("leak", f"{name} in what the grader printed") for name in printed]
        return found

    def texts(self, student: str) -> list[str]:
        """All that a submission could have put somewhere: outputs, files, pages, its lines in the journal."""
        found = []
        for path in _files_below(self.course.root / "autograded" / student):
            found.append(_outputs(path) if path.name == f"{arena.NAME}.ipynb" else _read(path))
        for folder in (self.course.root / "feedback" / student, self.course.root / "scores" / student):
            found += [_read(path) for path in _files_below(folder)]
        found += [_read(path) for path in _files_below(self.course.root / "reports")]
        if self.course.journal.exists():
            lines = _read(self.course.journal).splitlines()
            found += [line for line in lines if json.dumps(student) in line]
        return found

    def leaks(self, texts: Iterable[str]) -> list[str]:
        """Names of the canaries that can be read in some of the texts, also in hex, in base64 or backwards."""
        texts = list(texts)
        return [
            name
            for name, secret in self.canaries.items()
            if any(form in text for form in _forms(secret) for text in texts)
        ]

    def successes(self, student: str) -> list[str]:
        """What the attack told: each line once."""
        lines = re.findall(rf"{GOT_IN}: *([^\n\\]{{0,160}})", "\n".join(self.texts(student)))
        return list(dict.fromkeys(line.strip() for line in lines))

    def live_pages(self, student: str) -> list[str]:
        """Script of the attack, or control characters, in pages that people open."""
        found = []
        for folder in (self.course.root / "feedback" / student, self.course.root / "reports"):
            for path in (p for p in _files_below(folder) if p.suffix == ".html"):
                if path.stat().st_size > LARGEST_PAGE:
                    found.append(f"{path.name} has {path.stat().st_size / 1e6:.0f} MB")
                text = _read(path)
                if ACTIVE.search(text):
                    found.append(f"script of the student in {path.name}")
                if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text):
                    found.append(f"control characters in {path.name}")
        return found

    def _files(self) -> dict[str, str]:
        """path -> what it is, of all files around the class that no grader has to touch."""
        found = {}
        for path in _files_below(self.root):
            name = path.relative_to(self.root)
            if name.parts[0] in ("t", "order.json", "output") or name.parts[:2] == ("home", ".cache"):
                continue
            if name.parts[0] == "class" and (name.parts[1] in WRITTEN or name.parts[1].startswith(".")):
                continue
            found[str(name)] = _identity(path)
        return found

    def changed(self) -> list[str]:
        """Files around the class that are new, gone or different."""
        before, after = self.before, self._files()
        # IPython and Jupyter make folders of their own in the home of whoever runs them; an attack's are named so.
        usual = ("home/.ipython/profile_default/", "home/.local/share/jupyter/", "home/.config/", "home/.jupyter/")
        new = [n for n in sorted(set(after) - set(before)) if not n.startswith(usual) or "arena" in n]
        return (
            [f"new: {n}" for n in new]
            + [f"gone: {n}" for n in sorted(set(before) - set(after))]
            + [f"changed: {n}" for n in sorted(set(before) & set(after)) if before[n] != after[n]]
        )

    def left_behind(self) -> list[str]:
        """What is left in temporary folders, in shared memory and among the mounts."""
        left = [f"TMPDIR/{path.name}" for path in sorted(self.tmp.iterdir())]
        left += [str(path) for path in self._marked()]
        return left + [f"a mount on {place}" for place in sorted(_mounts() - self.mounts) if self.token in place]

    def _marked(self) -> list[Path]:
        """Files that an attack wrote outside of the scene; they carry its token."""
        return [
            p for place in ("/tmp", "/var/tmp", "/dev/shm") for p in sorted(Path(place).glob(f"left-{self.token}*"))
        ]


class _SharedMemory:
    """A System V segment with a canary in it, for attacks that look through those of the machine.

    It is marked to be destroyed at once: it stays as long as this process is attached to it, and no longer.
    """

    def __init__(self, text: str):
        self.address = None
        if not sys.platform.startswith("linux"):
            return
        self.libc = ctypes.CDLL(None)
        self.libc.shmat.restype = ctypes.c_void_p
        number = self.libc.shmget(0, 4096, 0o1600)
        if number >= 0:
            self.address = ctypes.c_void_p(self.libc.shmat(number, None, 0))
            ctypes.memmove(self.address, text.encode(), len(text))
            self.libc.shmctl(number, 0, None)  # IPC_RMID

    def close(self) -> None:
        if self.address is not None:
            self.libc.shmdt(self.address)


def _forms(secret: str) -> list[str]:
    data = secret.encode()
    cut = [base64.b64encode(data[k:])[:-4].decode() for k in range(3)] if len(data) > 12 else []
    return [secret, secret[::-1], data.hex(), *cut]


def _outputs(path: Path) -> str:
    """Outputs and file-level metadata of a notebook: what is in the sources, the grader or the student put there."""
    try:
        content = json.loads(path.read_bytes())
        outputs = [cell.get("outputs", []) for cell in content["cells"]]
    except (ValueError, KeyError, TypeError):
        return _read(path)
    return json.dumps([outputs, content.get("metadata")], ensure_ascii=False)


def _read(path: Path) -> str:
    with open(path, "rb") as file:
        return file.read(MOST_READ).decode("utf-8", "replace")


def _files_below(folder: Path) -> list[Path]:
    """Regular files in a folder; links are not followed."""
    found = []
    for place, _, names in os.walk(folder):
        found += [Path(place) / name for name in names]
    return sorted(p for p in found if p.is_file() and not p.is_symlink())


def _identity(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _mounts() -> set[str]:
    path = Path("/proc/self/mounts")
    return {line.split()[1] for line in path.read_text().splitlines()} if path.exists() else set()
