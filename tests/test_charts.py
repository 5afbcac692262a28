"""The parts of the class page: charts, item analysis, scores, and who needs a person."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from fake_class import NASTY, TASKS, curve, fake_class

from autograder import charts, scores
from autograder.attention import KINDS, MOST_GROUPS, matters, only_written
from autograder.items import FEWEST, LEVELS, analyse, discrimination
from autograder.klass import Klass
from autograder.results import Result


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter() if element.tag == "text"]


# --- charts ---


def test_histogram_counts_everybody_once():
    svg = charts.histogram([0, 0, 50, 99.9, 100], 100)
    assert re.findall(r'class="count">(\d+)<', svg) == ["2", "1", "2"]
    assert charts.histogram([], 100).count('class="bar"') == 10
    assert charts.histogram([3, 7], 0).count('class="count"') == 1  # an assignment without points


@pytest.mark.parametrize(
    "svg, names",
    [
        (charts.histogram([1, 2], 4), ("total, points", "submissions")),
        (charts.difficulty([("1", NASTY, 0.5, -0.3)]), ("mean share of the points, %", "discrimination, r")),
        (charts.roc([curve(1.0)["roc"]]), ("false positive rate", "true positive rate")),
        (charts.ranked([(0.9, 0.8, 0.95)], "ROC AUC"), ("submissions, from the lowest", "ROC AUC")),
        (charts.stack_axis("submissions, %"), ("submissions, %",)),
    ],
)
def test_axes_have_names_and_charts_are_whole_svg(svg, names):
    assert ET.fromstring(svg).tag == "svg" and not re.search("nan|inf", svg)
    assert all(any(name in text for text in texts(svg)) for name in names)
    assert "<script" not in svg


def test_stack_tells_every_class_and_leaves_no_gap():
    svg = charts.stack([("none", 3), (NASTY, 0), ("all", 1)], total=4, width=102)
    assert [float(w) for w in re.findall(r'width="([\d.]+)"', svg)] == [75.0, 25.0]
    assert "<script" not in svg and "none 3" in svg
    assert charts.stack([("none", 0)], total=0).count("<rect") == 0


def test_few_curves_are_drawn_and_many_are_summed_up():
    few = charts.roc([curve(1.0, seed=k)["roc"] for k in range(5)], [("reference", "reference", curve(3.0)["roc"])])
    many = charts.roc([curve(1.0, seed=k)["roc"] for k in range(charts.FEW_CURVES + 1)])
    assert few.count('class="curve"') == 5 + 1 and 'class="band"' not in few  # and once in the legend
    assert few.count('class="reference"') == 2
    assert 'class="curve"' not in many and "10th to 90th percentile of 41 submissions" in many


def test_band_holds_eight_of_ten_curves():
    spread = [{"fpr": [0, 0.5, 1], "tpr": [0, 0.5 + k / 200, 1]} for k in range(101)]
    edge = re.search(r'd="M([^"Z]+)Z" class="band"', charts.roc(spread))[1]
    frame = charts.Frame((0, 1), (0, 1), height=400)
    at_half = [float(y) for x, y in (p.split(",") for p in edge.split("L")) if x == f"{frame.px(0.5):.1f}"]
    assert sorted(at_half) == pytest.approx(sorted([frame.py(0.55), frame.py(0.95)]), abs=0.1)


def test_labels_of_tasks_do_not_cover_each_other():
    svg = charts.difficulty([(str(k), "t", 0.5 + 0.01 * k, 0.6) for k in range(4)])
    places = [tuple(map(float, at)) for at in re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="count"', svg)]
    assert len(places) == 4
    assert all(abs(a - c) > 9 or abs(b - d) > 9 for k, (a, b) in enumerate(places) for c, d in places[:k])


def test_ranked_shows_every_score_and_the_lines():
    svg = charts.ranked(
        [(0.7, 0.6, 0.8), (0.9, 0.85, 0.95), (0.5, 0.4, 0.6)], "F1", [("ceiling", "ceiling 0.99", 0.99)]
    )
    heights = [float(y) for y in re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)"', svg)]
    assert len(heights) == 3 and heights == sorted(heights, reverse=True)
    assert "ceiling 0.99" in svg and charts.ranked([], "F1").count("<circle") == 0


# --- items ---


def class_of(points):
    """Points of tasks a, b, c as the item analysis wants them."""
    return [dict(zip("abc", row, strict=True)) for row in points]


def test_discrimination_is_the_correlation_with_all_other_tasks():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(30, 3)) + rng.normal(size=(30, 1))
    r, low, high, why = discrimination("a", class_of(points), dict.fromkeys("abc", 5.0))
    assert r == pytest.approx(np.corrcoef(points[:, 0], points[:, 1] + points[:, 2])[0, 1]) and why == ""
    assert low < r < high and np.arctanh(high) - np.arctanh(low) == pytest.approx(2 * 1.96 / np.sqrt(27))


def test_discrimination_needs_submissions_and_spread():
    possible = dict.fromkeys("abc", 5.0)
    few = class_of([(k, k, k) for k in range(FEWEST - 1)])
    flat = class_of([(1, k, k) for k in range(20)])
    assert discrimination("a", few, possible) == (None, None, None, "fewer than 8 marked")
    assert discrimination("a", flat, possible)[3] == "all the same"
    assert discrimination("a", [{"a": float(k)} for k in range(20)], {"a": 5.0})[3] == "all others the same"
    assert discrimination("b", class_of([(1, k, 2 * k) for k in range(20)]), possible)[0] == pytest.approx(1.0)


def test_tasks_that_wait_for_marks_do_not_blur_the_others():
    points = class_of([(k % 5, k % 5, None if k % 2 else 5.0) for k in range(20)])
    items = {item.task: item for item in analyse(points, dict.fromkeys("abc", 5.0))}
    assert items["a"].r == pytest.approx(1.0)
    assert items["c"].n == 10 and items["c"].share == 1.0 and items["c"].levels == (0, 0, 0, 10, 10)
    assert sum(items["a"].levels) == 20 and len(items["a"].levels) == len(LEVELS)
    assert items["a"].levels[:4] == (4, 8, 8, 0) and items["a"].share == pytest.approx(0.4)
    assert analyse([], {"a": 5.0})[0].share is None


# --- scores ---


def test_files_of_curves_are_read_and_what_is_unsound_is_left_out(tmp_path):
    good = curve(1.5)
    bad = [
        {"fpr": [0, 1], "tpr": [0, 0.5, 1]},
        {"fpr": [0, 2], "tpr": [0, 1]},
        {"fpr": [0, float("nan"), 1], "tpr": [0, 0.5, 1]},
        {"fpr": [0, 0.9, 0.5], "tpr": [0, 0.5, 1]},
        {"fpr": "01", "tpr": "01"},
        {"fpr": [], "tpr": []},
        {"fpr": [[0, 1]], "tpr": [[0, 1]]},
        None,
        [],
    ]
    files = {f"bad{k}": json.dumps({"score": [{**good, "roc": roc}]}) for k, roc in enumerate(bad)}
    files |= {"good": json.dumps({"score": [good]}), "cut": '{"score": [', "list": "[1]", "odd": '{"score": {"a": 1}}'}
    for name, text in files.items():
        (tmp_path / "scores" / name).mkdir(parents=True)
        (tmp_path / "scores" / name / "a.json").write_text(text)
    curves = scores.read_curves(Klass(tmp_path), "a", [*files, "absent"])
    (chart,) = scores.roc_charts(curves, {"score": "Score"})
    assert chart["n"] == 1 and chart["title"] == "ROC curves, Score"
    assert set(curves) == {*files} - {"cut", "list"}


def test_values_are_finite_numbers_and_kept_apart():
    one = {"task": "t", "metric": "roc_auc", "value": 0.9, "low": 0.8, "high": 1}
    odd = [{**one, "value": None}, {**one, "low": float("nan")}, {**one, "high": True}, {"task": "t"}]
    found = scores.values([one, *odd, {**one, "value": 0.7}, {**one, "metric": "f1"}])
    assert [(key.metric, key.k, value.value) for key, value in found.items()] == [
        ("roc_auc", 0, 0.9),
        ("roc_auc", 1, 0.7),
        ("f1", 0, 0.9),
    ]


def test_reference_and_baseline_are_lines_and_no_students():
    rows, curves = fake_class(6)
    own = {row.student: scores.values(row.scores) for row in rows}
    (chart,) = scores.rank_charts(own, curves, {"roc_auc": 0.9995}, {})
    assert chart["n"] == 6 and all(word in chart["svg"] for word in ("ceiling 0.9995", "reference 0.9", "baseline 0."))
    (roc,) = scores.roc_charts(curves, {})
    assert roc["n"] == 6 and "reference, AUC 0.9" in roc["svg"]


# --- who needs a person ---


def needs(*reasons, student="ann", **facts):
    status = facts.pop("status", "needs a person")
    sandbox = facts.pop("sandbox", "bubblewrap")
    return Result(student, "a", status, reasons=list(reasons), possible=dict(TASKS), sandbox=sandbox, **facts)


@pytest.mark.parametrize(
    "reason, kind, detail",
    [
        ("explain: written answer waits for its mark", "written", "explain"),
        ("split: mended: split-test was edited; put back as handed out", "mended", "split"),
        ("train: graded again after a mark by hand; look whether that mark still holds", "again", "train"),
        ("train: somebody asked for a second look", "asked", "train"),
        ("train: test cell ran too long", "test", "train: ran too long"),
        ("train: test cell stopped with an error (Evil: mended)", "test", "train: stopped with an error"),
        ("something new", "other", "something new"),
        ("train: something new", "other", "train: something new"),
    ],
)
def test_reasons_find_their_group(reason, kind, detail):
    (matter,) = matters([needs(reason)])
    assert (matter.kind, matter.detail, matter.students) == (kind, detail, ["ann"])


def test_groups_come_in_the_order_of_what_can_be_done():
    rows = [
        needs("b: written answer waits for its mark", "b: test cell ran too long", student="a1"),
        needs("b: written answer waits for its mark", student="a2", sandbox="none"),
        needs("the file is empty", student="a3", status="failed"),
        needs("worker died", student="a4", status="failed", sandbox=""),
    ]
    found = matters(
        rows, retry=["a4"], too_good=[("a2", "high")], alike=[(["a1", "a2"], "90 %"), (["a5", "a6", "a7"], "60 %")]
    )
    kinds = ["grader", "failed", "ceiling", "alike", "alike", "test", "unboxed", "written"]
    assert [m.kind for m in found] == kinds
    assert [m.students for m in found if m.kind == "alike"] == [["a1", "a2"], ["a5", "a6", "a7"]]
    assert found[-1].students == ["a1", "a2"] and found[6].students == ["a2"]
    assert all(m.title and m.todo for m in found) and set(kinds) <= set(KINDS)


def test_a_student_is_listed_once_and_nobody_is_lost():
    rows = [needs(*(f"t: test cell stopped with an error (E{k})" for k in range(5)))]
    assert [m.students for m in matters(rows)] == [["ann"]]
    many = [needs(f"reason {k}", student=f"s{k}") for k in range(3 * MOST_GROUPS)]
    found = matters(many)
    assert len(found) <= MOST_GROUPS + 1
    assert {name for m in found for name in m.students} == {row.student for row in many}


def test_only_written():
    assert only_written(needs("a: written answer waits for its mark"))
    assert not only_written(needs("a: written answer waits for its mark", "a: test cell ran too long"))
    assert not only_written(needs())
