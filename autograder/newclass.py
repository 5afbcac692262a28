"""Making a class on disk: key, hidden cohorts, gradebook, assignments. Each step is done once; a second call
goes on where the first was interrupted, and changes nothing in a finished class.
"""

from __future__ import annotations

import copy
import os
import re
import secrets
import shutil
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.journal import write_journal
from autograder.klass import (
    PROJECT,
    ClassError,
    Klass,
    assignment_version,
    configured,
    open_gradebook,
    registered,
    run_preprocessors,
    write_text,
)

STEPS = ("source", "release", "submitted")

NBGRADER_CONFIG = '''\
"""Settings for nbgrader's own commands and for the formgrader, when they are started in this folder.

`autograder` reads this file too: a late-submission plugin or another database set here counts for both.
"""
from pathlib import Path

c = get_config()  # noqa: F821
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.OverwriteCells.add_missing_cells = True
c.ClearMarkScheme.enforce_metadata = False  # mark schemes stand in the cells of written answers
c.Execute.timeout = 300
'''


def init_class(
    folder: str | Path,
    assignments: dict[str, tuple[NotebookNode, NotebookNode]],
    *,
    update: bool = False,
    real: bool = False,
) -> list[str]:
    """Make a class, or finish one whose making was interrupted; returns what was done, one line each.

    `assignments` maps a name to its instructor version and its handout (`built_assignments`). On a finished
    class nothing is done and the list is empty; an assignment whose text has changed since is named, and
    taken over only with `update`. With `real` a new class examines on recordings that were fetched: a share is set
    aside by the class key, changed, and taken out of what the class trains on. Raises `ClassError` where the folder
    cannot become a class.
    """
    root = Path(folder).resolve()
    done = _make_folder(root)
    if _make_key(root / "secret.key"):
        done.append("secret.key: a new class key, readable by you only; keep a copy")
    config = root / "nbgrader_config.py"
    if not config.exists():
        config.write_text(NBGRADER_CONFIG, encoding="utf-8")
        done.append("nbgrader_config.py: nbgrader's commands and the formgrader work in this folder")
    klass = configured(root)
    for step in STEPS:
        (root / step).mkdir(exist_ok=True)
    if _make_gradebook(klass):
        done.append("gradebook.db: nbgrader's gradebook")
    done += _make_hidden(klass, real=real)
    for name, (instructor, handout) in sorted(assignments.items()):
        done += _take_over(klass, name, instructor, handout, update=update)
    if done:
        write_journal(
            klass, "init", done=done, assignments={n: assignment_version(klass, n) for n in registered(klass)}
        )
    return done


def built_assignments(
    folder: Path | None = None, *, parameters: dict[str, object] | None = None
) -> dict[str, tuple[NotebookNode, NotebookNode]]:
    """Instructor version and handout of every assignment text `NN_name.py` in `folder` (default: solutions/).

    `parameters` takes the place of values in the parameters cells, such as {"BUDGET": "ci"} for an example class.
    """
    from autograder import source

    folder = PROJECT / "solutions" if folder is None else Path(folder)
    texts = sorted(folder.glob("[0-9][0-9]_*.py"))
    if not texts:
        raise ClassError(f"no assignment texts NN_name.py in {folder}. Run this from a clone of the course.")
    read = {path.stem: source.read_source(path) for path in texts}
    built = {name: (source.instructor_notebook(text), source.handout(text)) for name, text in read.items()}
    for name, value in (parameters or {}).items():
        for cell in (c for pair in built.values() for notebook in pair for c in notebook.cells):
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = re.sub(rf"^{name} = [^#\n]*?( +#.*)?$", rf"{name} = {value!r}\1", cell.source, flags=re.M)
    return built


def _make_folder(root: Path) -> list[str]:
    try:
        if root.exists() and not root.is_dir():
            raise ClassError(f"{root} is a file; a class is a folder. Choose another name.")
        found = sorted(p.name for p in root.iterdir()) if root.exists() else []
        if found and "secret.key" not in found:
            raise ClassError(
                f"{root} is not empty and not a class (it holds {', '.join(found[:3])}"
                f"{', ...' if len(found) > 3 else ''}). Choose an empty or a new folder."
            )
        root.mkdir(parents=True, exist_ok=True)
        if not os.access(root, os.W_OK):
            raise PermissionError
    except (PermissionError, NotADirectoryError, FileExistsError):
        raise ClassError(
            f"{root} cannot be written. Choose a folder that belongs to you, or change its owner."
        ) from None
    except OSError as error:
        raise ClassError(f"{root} cannot be made: {error.strerror}. Choose another folder.") from None
    return [] if found else [f"{root}: a new class"]


def _make_key(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32) + "\n")
    return True


def _make_gradebook(klass: Klass) -> bool:
    path = klass.root / "gradebook.db"
    local = klass.db_url.endswith(str(path))
    new = local and not path.exists()
    with open_gradebook(klass):
        pass
    if local:
        os.chmod(path, 0o600)
    return new


def _make_hidden(klass: Klass, *, real: bool) -> list[str]:
    """Write the hidden cohorts beside their place and move them there at once, so that a half-made set is
    never used.
    """
    if klass.hidden.exists():
        return []
    from physiodl import exam

    try:
        key = bytes.fromhex(klass.key.read_text().strip())
    except ValueError:
        raise ClassError(f"{klass.key} holds no class key (64 hex digits). Put your copy of it back.") from None
    half_made = Path(tempfile.mkdtemp(prefix=".hidden-", dir=klass.root))  # mkdtemp gives mode 0700
    try:
        if real:
            exam.write_hidden(half_made, key=key, source="real")
            left = exam.write_class_data(klass.root / "data", hidden=half_made)
        else:
            exam.write_hidden(half_made, key=key)
        os.replace(half_made, klass.hidden)
    except BaseException:
        shutil.rmtree(half_made, ignore_errors=True)
        raise
    names = sorted(p.name for p in klass.hidden.iterdir() if p.is_dir())
    if real:
        return [
            f"data/: {left} real recordings to train on",
            f"hidden/: real recordings set aside ({', '.join(names)}). They are public, so each is changed by the "
            "class key: gain, sign, start, end, order",
        ]
    return [f"hidden/: recordings that no student has seen ({', '.join(names) or 'none'})"]


def _take_over(klass: Klass, name: str, instructor: NotebookNode, handout: NotebookNode, *, update: bool) -> list[str]:
    """Register an assignment's cells in the gradebook and write its two notebooks."""
    source, release = klass.notebook("source", name), klass.notebook("release", name)
    texts = [nbformat.writes(notebook) + "\n" for notebook in (instructor, handout)]
    on_disk = [p.read_text(encoding="utf-8") if p.exists() else None for p in (source, release)]
    if on_disk == texts and name in registered(klass):
        return []
    if None not in on_disk and not update:
        return [
            f"{name}: its text has changed since this class took it over; nothing done. "
            "Take the new version with: autograder init --update"
        ]
    _save_cells(klass, name, copy.deepcopy(instructor))
    write_text(texts[0], source)
    write_text(texts[1], release)
    what = "updated" if None not in on_disk else "instructor version, handout, cells in the gradebook"
    return [f"{name}: {what}"]


def _save_cells(klass: Klass, name: str, instructor: NotebookNode) -> None:
    from nbgrader.preprocessors import (
        CheckCellMetadata,
        ClearOutput,
        ClearSolutions,
        ComputeChecksums,
        LockCells,
        SaveCells,
    )

    with open_gradebook(klass) as book:
        book.update_or_create_assignment(name)
    steps = [LockCells, ClearSolutions, ClearOutput, CheckCellMetadata, ComputeChecksums, SaveCells]
    try:
        run_preprocessors(klass, steps, instructor, assignment=name)
    except RuntimeError as error:
        raise ClassError(
            f"{name} cannot be taken over: {error}. Its cells have other names than those the students "
            "were graded on; make a new class, or keep the old version."
        ) from error
