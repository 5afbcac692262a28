"""Honest work is never harmed: every habit of `quirks` and `quirks_form` gets full marks from the real grader."""

import pytest
import quirks_form  # noqa: F401  adds its cases to those of quirks
from quirk_class import NAME, POSSIBLE, hand_in, make_class, together
from quirks import CASES

from autograder.grade import grade_class

GROUPS = {f"s{k:02}": group for k, group in enumerate(together(CASES))}
STUDENT = {quirk.name: student for student, group in GROUPS.items() for quirk in group}
# What a grader must bear at the least; the others were found while this one was made.
NAMED = """
prints tqdm warnings plots time shell thread input_at_the_top figure_of_30_MB helper_classes type_hints async_cells
run_out_of_order extra_cell markdown_added restarted_half_way saved_outputs other_kernel windows_line_ends emoji
5000_lines""".split()


def test_the_named_habits_are_all_there():
    assert not set(NAMED) - set(STUDENT) and len(CASES) >= 2 * len(NAMED)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    course = make_class(tmp_path_factory.mktemp("quirks") / "class")
    for student, group in GROUPS.items():
        hand_in(course, student, group)
    return {result.student: result for result in grade_class(course, NAME, jobs=2)}


@pytest.mark.slow
@pytest.mark.parametrize("quirk", CASES, ids=lambda quirk: quirk.name)
def test_full_marks(graded, quirk):
    result = graded[STUDENT[quirk.name]]
    beside = [other.name for other in GROUPS[result.student] if other is not quirk]
    lost = {task: result.messages.get(task) for task, most in POSSIBLE.items() if result.points[task] != most}
    assert not lost, f"handed in with {beside}: {lost}; {result.reasons}"
    if quirk.person:
        assert result.status == "needs a person" and quirk.person in "; ".join(result.reasons)
    else:
        assert result.status == "graded", f"handed in with {beside}: {result.reasons}"
