"""The path of the course: what is there, what comes, and how far this copy has been worked through."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Stop:
    """One number of the path."""

    number: str
    name: str
    title: str


STOPS = (
    Stop("01", "foundations", "Classes, a neuron, backpropagation, convolution, splits and metrics by hand"),
    Stop("02", "spectra", "Fourier, STFT, wavelets, filters and artefacts in ECG, EEG, PPG and EMG"),
    Stop("03", "af_detection", "Atrial fibrillation in a one-lead ECG with a 1D-CNN"),
    Stop("04", "arrhythmia", "MIT-BIH read with wfdb, split by patient, and what a leak is worth"),
    Stop("05", "sleep_staging", "Five sleep stages from one EEG channel with CNN and LSTM"),
    Stop("06", "workload", "Mental workload from EEG and pupil, as a stream"),
    Stop("07", "deployment", "The AF network in Keras, ONNX and TFLite: smaller, faster, watched"),
)
LATER = "Later: transformers, interpretability, self-supervision, active learning for epilepsy, medical imaging."


def state(stop: Stop, project: Path = PROJECT) -> tuple[str | None, str | None, int, int]:
    """Lesson and assignment of a stop (below the project, None where not there yet), answers written and asked."""
    file = f"{stop.number}_{stop.name}"
    lesson, assignment = f"course/{file}.ipynb", f"assignments/{file}/{file}.ipynb"
    here = project / assignment
    written, asked = _answers(here) if here.is_file() else (0, 0)
    return (
        lesson if (project / lesson).is_file() else None,
        assignment if here.is_file() else None,
        written,
        asked,
    )


def _answers(notebook: Path) -> tuple[int, int]:
    """Answer cells without nbgrader's placeholder, and all answer cells."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0
    texts = ["".join(c["source"]) for c in cells if c.get("metadata", {}).get("nbgrader", {}).get("solution")]
    return sum("NotImplementedError" not in t and "YOUR ANSWER HERE" not in t for t in texts), len(texts)


def show(project: Path = PROJECT) -> None:
    """Show the path as a table with links in a notebook, as text elsewhere."""
    from IPython.display import HTML, display

    rows = []
    for stop in STOPS:
        lesson, assignment, written, asked = state(stop, project)
        # notebooks in course/ link to files beside them and one folder up
        lesson_link = f'<a href="{escape(Path(lesson).name)}">lesson</a>' if lesson else "to come"
        task_link = f'<a href="../{escape(assignment)}">assignment</a>' if assignment else "to come"
        bar = (
            f'<progress value="{written}" max="{asked}"></progress> {written} of {asked} answers written'
            if asked
            else ""
        )
        rows.append(
            f'<tr><td>{stop.number}</td><td style="text-align:left">{escape(stop.title)}</td>'
            f"<td>{lesson_link}</td><td>{task_link}</td><td>{bar}</td></tr>"
        )
    head = '<tr><th></th><th style="text-align:left">what</th><th>learn</th><th>do</th><th>your progress</th></tr>'
    display(HTML(f"<table>{head}{''.join(rows)}</table><p>{escape(LATER)}</p>"))
