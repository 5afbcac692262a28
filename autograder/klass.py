"""A class on disk: its paths, its lock, nbgrader's gradebook and preprocessors.

secret.key                                      from which the hidden cohorts are made (mode 0600)
gradebook.db                                    nbgrader's gradebook (another database: set
                                                `c.CourseDirectory.db_url` in nbgrader_config.py)
hidden/<cohort>/                                recordings that no student has seen (mode 0700)
source/<a>/<a>.ipynb, release/<a>/<a>.ipynb     instructor version and handout of each assignment
submitted/<student>/<a>/<a>.ipynb               what students hand in
autograded/<student>/<a>/<a>.ipynb              the same, rebuilt, run and marked (as nbgrader writes it)
feedback/, reports/                             pages for people
journal.jsonl                                   append-only record (`autograder.journal`)
.spool/                                         runs that wait to be recorded, and the last ones that were
                                                (`autograder.spool`)
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from sqlalchemy.exc import SAWarning
from traitlets.config import Config, PyFileConfigLoader

from autograder.journal import latest_gradings, read_journal, write_journal  # noqa: F401
from autograder.paths import PROJECT  # noqa: F401
from physiodl.registry import data_root


class ClassError(Exception):
    """The class on disk cannot be used; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Klass:
    """A class folder; `config` is what its nbgrader_config.py says."""

    root: Path
    config: Config = field(default_factory=Config, repr=False, compare=False)

    @property
    def db_url(self) -> str:
        url = self.config.CourseDirectory.get("db_url")
        return url if isinstance(url, str) and url else f"sqlite:///{self.root / 'gradebook.db'}"

    @property
    def key(self) -> Path:
        return self.root / "secret.key"

    @property
    def hidden(self) -> Path:
        return self.root / "hidden"

    @property
    def data(self) -> Path:
        """The recordings that the class trains on: its own, or those of the course."""
        own = self.root / "data"
        return own if own.is_dir() else data_root()

    @property
    def journal(self) -> Path:
        return self.root / "journal.jsonl"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    def notebook(self, step: str, assignment: str, student: str = ".") -> Path:
        """Where nbgrader keeps the notebook of one step (source, release, submitted, autograded)."""
        return self.root / step / student / assignment / f"{assignment}.ipynb"

    def feedback(self, student: str, assignment: str) -> Path:
        return self.root / "feedback" / student / f"{assignment}.html"


def open_class(folder: str | Path) -> Klass:
    """The class in `folder`, ready for grading.

    Raises `ClassError` where there is none, or where its making was interrupted.
    """
    root = Path(folder).resolve()
    if not (root / "secret.key").is_file():
        raise ClassError(f"{root} is not a class: it holds no secret.key. Make one with: autograder init {folder}")
    klass = configured(root)
    missing = [p.name for p in (klass.hidden, klass.root / "nbgrader_config.py") if not p.exists()]
    if missing:
        raise ClassError(
            f"the class in {root} is unfinished, it lacks {', '.join(missing)}. "
            f"Finish it with: autograder init {folder}"
        )
    return klass


def registered(klass: Klass) -> list[str]:
    """Names of the assignments that the gradebook knows and whose handout lies in release/."""
    with open_gradebook(klass) as book:
        names = sorted(a.name for a in book.assignments)
    return [name for name in names if klass.notebook("release", name).is_file()]


def assignment_version(klass: Klass, name: str) -> str:
    """Twelve hex digits that change whenever a cell the student was given, a hidden test or a mark
    changes.
    """
    digest = hashlib.sha256(klass.notebook("release", name).read_bytes())
    with open_gradebook(klass) as book:
        notebook = book.find_notebook(name, name)
        points = {cell.name: cell.max_score for cell in (*notebook.grade_cells, *notebook.task_cells)}
        cells = sorted(
            (c.name, c.cell_type, bool(c.locked), c.source, points.get(c.name)) for c in notebook.source_cells
        )
    digest.update(json.dumps(cells).encode())
    return digest.hexdigest()[:12]


@contextmanager
def locked(klass: Klass) -> Iterator[None]:
    """Hold the class for writing; a second grader on the same class gets a clear error instead of mixed
    grades.
    """
    try:
        import fcntl
    except ImportError:  # Windows: no lock, as before
        yield
        return
    with open(klass.root / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ClassError(f"another autograder is at work on {klass.root}. Wait until it has ended.") from None
        yield


# --- nbgrader ---


def open_gradebook(klass: Klass):
    """nbgrader's `Gradebook` of the class, as a context manager."""
    _prepare_nbgrader()
    from nbgrader.api import Gradebook

    return Gradebook(klass.db_url)


def run_preprocessors(
    klass: Klass,
    classes: list[type],
    notebook: NotebookNode,
    *,
    assignment: str,
    student: str = ".",
    **facts: Any,
) -> tuple[NotebookNode, dict[str, Any]]:
    """Send a notebook through nbgrader preprocessors in this process; `facts` go in as
    resources["autograder"].

    The class's nbgrader_config.py counts. What the preprocessors log goes to the logger
    "autograder.nbgrader".
    """
    _prepare_nbgrader()
    names = {"student": student, "assignment": assignment, "notebook": assignment, "db_url": klass.db_url}
    resources: dict[str, Any] = {"nbgrader": names, "unique_key": assignment, "autograder": facts}
    log = logging.getLogger("autograder.nbgrader")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
        log.propagate = False
    for cls in classes:
        preprocessor = cls(config=klass.config, log=log)
        notebook, resources = preprocessor.preprocess(notebook, resources)
    return notebook, resources


def write_notebook(notebook: NotebookNode, path: Path, *, mode: int = 0o644) -> None:
    """Write a notebook so that a reader sees the old one or the new one, never half of it."""
    write_text(nbformat.writes(notebook) + "\n", path, mode=mode)


def write_text(text: str, path: Path, *, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _prepare_nbgrader() -> None:
    """What nbgrader needs of us before it opens a gradebook.

    It calls the `alembic` command to make a database, which lies beside our Python and may not be on PATH.
    And its models make SQLAlchemy 2 warn at every new submission; nobody can act on that.
    """
    if shutil.which("alembic") is None:
        folders = [str(Path(sys.executable).parent), sysconfig.get_path("scripts")]
        os.environ["PATH"] = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)])
    warnings.filterwarnings("ignore", message="Object of type <Submitted", category=SAWarning)


def configured(root: Path) -> Klass:
    path = root / "nbgrader_config.py"
    if not path.exists():
        return Klass(root)
    try:
        return Klass(root, PyFileConfigLoader(path.name, path=str(root)).load_config())
    except Exception as error:
        raise ClassError(
            f"{path} cannot be read: {type(error).__name__}: {error}. Mend it, or delete it and run "
            f"autograder init {root}"
        ) from error
