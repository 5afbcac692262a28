"""Every lesson runs top to bottom under papermill, at the budget of continuous integration; so do solutions on real
recordings. Solutions on simulated ones: `test_both_ways`.
"""

import os
from pathlib import Path

import nbformat
import papermill
import pytest

from autograder.source import instructor_notebook, lesson, read_source

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "course" / "source").glob("*.py"))


def execute(notebook, folder, *, source="simulated", cwd):
    """Run a notebook as papermill does for an author; returns it with its outputs."""
    path, out = folder / "in.ipynb", folder / "out.ipynb"
    nbformat.write(notebook, path)
    return papermill.execute_notebook(
        str(path), str(out), parameters={"SOURCE": source, "BUDGET": "ci", "SEED": 0}, cwd=str(cwd),
        progress_bar=False, kernel_name="python3", execution_timeout=600,
    )  # fmt: skip


def printed(notebook) -> str:
    return "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []) if o.output_type == "stream")


@pytest.mark.slow
@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_lesson_runs(path, tmp_path):
    done = execute(lesson(read_source(path)), tmp_path, cwd=ROOT / "course")
    if read_source(path).kind != "welcome":
        assert "SIMULATED" in printed(done), "a lesson on simulated recordings must say so"
        figures = sum("image/png" in o.get("data", {}) for c in done.cells for o in c.get("outputs", []))
        assert figures >= 5


def points(notebook) -> dict[str, float]:
    """Points of each test cell: its last value, as nbgrader reads it."""
    found = {}
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and about.get("grade"):
            values = [o["data"]["text/plain"] for o in cell.outputs if o.output_type == "execute_result"]
            assert len(values) == 1, f"{about['grade_id']} has {len(values)} values"
            found[about["grade_id"]] = (float(values[0]), about["points"])
    return found


def solution(name):
    return instructor_notebook(read_source(ROOT / "solutions" / f"{name}.py"))


needs_real = pytest.mark.skipif(not os.environ.get("PHYSIODL_REAL_DATA"), reason="PHYSIODL_REAL_DATA is not set")


@pytest.mark.slow
@pytest.mark.real
@needs_real
@pytest.mark.parametrize("name", ["01_foundations", "02_spectra"])
def test_lesson_shows_real_recordings_where_they_are(name, tmp_path):
    source = read_source(ROOT / "course" / "source" / f"{name}.py")
    told = printed(execute(lesson(source), tmp_path, source="auto", cwd=ROOT / "course"))
    assert "MIT-BIH" in told and "SIMULATED beats" not in told and "SIMULATED ECG" not in told


@pytest.mark.slow
@pytest.mark.real
@needs_real
def test_beats_of_people_can_be_solved_too(tmp_path):
    done = execute(solution("01_foundations"), tmp_path, source="auto", cwd=tmp_path)
    assert "SIMULATED" not in printed(done)
    assert all(value == possible for value, possible in points(done).values()), points(done)


@pytest.mark.slow
@pytest.mark.real
@needs_real
def test_solution_runs_unchanged_on_real_recordings(tmp_path, monkeypatch):
    """The same notebook, on real recordings that came through the mirror."""
    import numpy as np

    from bench.af import from_challenge
    from physiodl import download

    cohort = from_challenge(Path(os.environ["PHYSIODL_REAL_DATA"]) / "cinc2017" / "normal_vs_af.npz")
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    keep = np.sort(np.random.default_rng(0).permutation(len(cohort))[:500])
    np.save(mirror / "features.npy", cohort.signals[keep, 0])
    np.save(mirror / "labels.npy", cohort.labels[keep])
    download.fetch("af", root=tmp_path / "data", mirror=mirror, progress=False)
    monkeypatch.setenv("PHYSIODL_DATA", str(tmp_path / "data"))
    done = execute(solution("03_af_detection"), tmp_path, source="auto", cwd=tmp_path)
    assert "SIMULATED" not in printed(done)
    got = points(done)
    assert all(value == possible for cell, (value, possible) in got.items() if cell != "perform-test"), got
    assert got["perform-test"][0] > 0
