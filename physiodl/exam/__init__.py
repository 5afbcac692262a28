"""What the test cells of an assignment use: hidden cohorts, scores with intervals, checks with messages, points.

A test cell calls the names its task asked for, with arrays, numbers and strings, and says what came back:

    task = exam.task("split", points=12)
    with task.check("every recording is used once", 4, cause="indices were drawn with replacement"):
        exam.same(np.sort(index), np.arange(n), what="all indices, sorted")
    task.points()

While a student works, `cohort` gives a practice cohort. When an instructor grades, the environment variable
PHYSIODL_EXAM names the folder of the hidden cohorts, and the same cell meets recordings that nobody has seen.
"""

import lazy_loader

from physiodl.exam.checks import ExamError, Task, alike, credit, expect, given, numbers, same, sound_parts, task
from physiodl.exam.cohorts import ExamCohort, HiddenLabels, Score, ask, begin, cohort, score

# These bring SciPy, scikit-learn and the simulators with them, a second of importing: only who uses them waits for it.
LATER = {
    "evidence": ["plain_examples", "resemblance", "superposed"],
    "hidden": ["write_class_data", "write_hidden"],
    "probes": ["clean_ecg", "cost", "examples", "lowest_cost", "receptive_field", "reference_metrics"],
}
__getattr__, _, _ = lazy_loader.attach(__name__, submod_attrs=LATER)

__all__ = [
    "ExamCohort",
    "ExamError",
    "HiddenLabels",
    "Score",
    "Task",
    "alike",
    "ask",
    "begin",
    "clean_ecg",
    "cohort",
    "cost",
    "credit",
    "examples",
    "expect",
    "given",
    "lowest_cost",
    "numbers",
    "plain_examples",
    "receptive_field",
    "reference_metrics",
    "resemblance",
    "same",
    "score",
    "sound_parts",
    "superposed",
    "task",
    "write_class_data",
    "write_hidden",
]
