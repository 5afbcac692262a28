"""Drawings of explanations: what they show, not how it looks."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from physiodl import diagrams


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def words(ax) -> str:
    return " ".join(text.get_text() for text in ax.texts)


def test_decision_map_shades_probabilities_and_draws_the_border_only_where_there_is_one():
    points, labels = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    for probability, borders in ((lambda q: (q[:, 0] > 0) * 1.0, 1), (lambda q: np.full(len(q), 0.2), 0)):
        _, ax = plt.subplots()
        shade = diagrams.decision_map(ax, probability, points, labels, xlim=(-2, 2), ylim=(-1, 3))
        assert shade.get_clim() == (0, 1) and ax.get_xlim() == (-2, 2) and ax.get_ylim() == (-1, 3)
        contours = [c for c in ax.collections if type(c).__name__ == "QuadContourSet"]
        assert len(contours) == borders
        assert [line.get_xydata().tolist() for line in ax.lines] == [[[0.0, 0.0]], [[1.0, 1.0]]]


def test_network_walk_writes_each_number_once():
    places = {"x": (0, 0, "in", "0.5"), "z": (1, 0, "sum", "-1")}
    said = words(diagrams.network_walk(places, [("x", "z", "weight 3")]))
    assert all(said.count(word) == 1 for word in ("in", "sum", "weight 3", "= 0.5", "= -1"))


def test_folds_have_a_stripe_per_way_and_a_line_between_subjects():
    subjects = np.repeat(["a", "b", "c"], 4)
    axes = diagrams.folds({"one": np.arange(12) % 3, "two": np.repeat([0, 1, 2], 4)}, subjects)
    assert [ax.get_title() for ax in axes] == ["one", "two"]
    assert [[line.get_xdata()[0] for line in ax.lines] for ax in axes] == [[3.5, 7.5]] * 2


def test_receptive_fields_are_in_milliseconds():
    _, ax = plt.subplots()
    diagrams.receptive_fields(ax, np.sin(np.arange(100.0)), 200.0, [7, 19], centre=50)
    assert [bar.get_width() for bar in ax.patches] == [35.0, 95.0]
    assert ax.get_xlabel().endswith("(ms)") and "19 samples, 95 ms" in words(ax)


def test_four_counts_stand_in_their_places():
    _, ax = plt.subplots()
    diagrams.four_counts(ax, np.array([[90, 4], [2, 8]]), ("normal", "AF"))
    at = {tuple(text.get_position()): text.get_text() for text in ax.texts}
    assert at[1, 0].startswith("false positive") and at[1, 0].endswith("4")  # column, row
    assert at[0, 1].startswith("false negative") and at[0, 1].endswith("2")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["is normal", "is AF"]
