"""Checks, scores and probes of the examination: each catches its defect and lets sound work pass."""

import json
import linecache
import pickle

import numpy as np
import pytest

from physiodl import exam
from physiodl.simulate import af


@pytest.fixture
def small_exam(tmp_path, monkeypatch):
    folder = tmp_path / "af_detection"
    af.write_af(folder, n=40, seed=8, copies=0.0)
    monkeypatch.setenv("PHYSIODL_EXAM", str(tmp_path))
    exam.begin("03_af_detection", seed=0)
    return np.load(folder / "features.npy"), np.load(folder / "labels.npy")


def test_hidden_cohort_is_read_and_shuffled(small_exam):
    features, _ = small_exam
    cohort = exam.cohort("af_detection")
    assert cohort.hidden and cohort.signals.shape == (40, 1, 18_170)
    assert not np.array_equal(cohort.signals[:, 0], features)
    assert {row.tobytes() for row in cohort.signals[:, 0]} == {row.tobytes() for row in features}


def test_missing_hidden_cohort_never_falls_back(tmp_path, monkeypatch):
    monkeypatch.setenv("PHYSIODL_EXAM", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="autograder init"):
        exam.cohort("af_detection")


@pytest.mark.parametrize(
    "read",
    [np.asarray, list, pickle.dumps, lambda s: s[0], lambda s: s == 1, json.dumps, lambda s: s + 1, hash],
)
def test_hidden_labels_cannot_be_read(small_exam, read):
    sealed = exam.cohort("af_detection").labels
    with pytest.raises(TypeError):
        read(sealed)
    assert repr(sealed) == "<40 hidden labels>"


def test_score_follows_the_shuffled_order(small_exam):
    features, labels = small_exam
    cohort = exam.cohort("af_detection")
    known = {row.tobytes(): float(y) for row, y in zip(features, labels, strict=True)}
    perfect = np.array([known[row.tobytes()] for row in cohort.signals[:, 0]])
    best = exam.score("roc_auc", cohort, perfect)
    assert best.value == 1.0 and best.n == 40 and "ROC AUC 1.000" in str(best)
    assert exam.score("accuracy", cohort, 1 - perfect).value == 0.0
    assert exam.score("accuracy", cohort, np.ones(40)).value == 0.5
    interval = exam.score("roc_auc", cohort, np.random.default_rng(0).random(40))
    assert interval.low < interval.value < interval.high


@pytest.mark.parametrize(
    ("metric", "predictions", "says"),
    [
        ("roc_auc", np.full(39, 0.5), "shape"),
        ("roc_auc", np.full((40, 2), 0.5), "shape"),
        ("roc_auc", np.full(40, np.nan), "NaN"),
        ("roc_auc", np.linspace(-3, 3, 40), "sigmoid"),
        ("accuracy", np.full(40, 0.5), "threshold"),
        ("roc_auc", ["AF"] * 40, "of texts"),
        ("roc_auc", np.full(40, 0.5 + 0.1j), "complex numbers"),
    ],
)
def test_score_refuses_what_is_no_prediction(small_exam, metric, predictions, says):
    with pytest.raises(exam.ExamError, match=says):
        exam.score(metric, exam.cohort("af_detection"), predictions)


def test_credit_is_a_line_and_fails_closed():
    def give(value):
        return exam.credit(value, floor=0.9, full=0.95, points=10)

    assert [give(v) for v in (0.2, 0.9, 0.925, 0.95, 1.0)] == pytest.approx([0, 0, 5, 10, 10])
    assert [give(v) for v in (np.nan, np.inf, -np.inf)] == [0, 0, 0]
    assert type(give(np.float64(0.93))) is float
    with pytest.raises(ValueError, match="floor"):
        exam.credit(0.5, floor=0.9, full=0.9, points=1)


def test_a_failing_check_costs_its_own_points(capsys):
    task = exam.task("demo", points=10)
    with task.check("good", 4):
        exam.same([1.0, 2.0], [1.0, 2.0 + 1e-9])
    with task.check("wrong value", 3, cause="off by one"):
        exam.same([1.0, 2.5], [1.0, 2.0], what="x")
    with task.check("stops", 2):
        [].pop()
    with task.check("not written", 1):
        raise NotImplementedError
    total = task.points()
    assert total == 4.0 and type(total) is float
    said = capsys.readouterr().out
    assert "got x = 2.5 at position 1, expected 2. Likely cause: off by one" in said
    assert "your code stopped with IndexError" in said and "placeholder" in said
    assert "demo: 4 of 10 points" in said


def in_cells(*cells):
    """Run texts as the cells of one notebook, each with a file name and lines of its own; the last is a test cell."""
    names = {"exam": exam}
    for number, text in enumerate(cells):
        name = f"<cell {number} of {abs(hash(cells))}>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), names)


def test_a_name_missing_inside_the_answer_is_told_from_a_missing_answer(capsys):
    test_cell = "task = exam.task('t', points=1)\nwith task.check('c', 1):\n    Layer(3).forward()\n"
    answer = (
        "class Layer:\n    def __init__(self, w):\n        self.w = w\n    def forward(self):\n        return w * 2\n"
    )
    in_cells(answer, test_cell)
    said = capsys.readouterr().out
    assert "in your line `return w * 2`" in said and "(self.w)" in said and "the answer cell" not in said
    in_cells(answer.replace("w * 2", "sum(helper(self.w))"), test_cell)
    said = capsys.readouterr().out
    assert "Likely cause: a slip in the name" in said and "self.helper" not in said
    in_cells("pass", test_cell)
    said = capsys.readouterr().out
    assert "'Layer' is not defined. Likely cause: the answer cell was not run" in said and "your line" not in said
    in_cells(answer.replace("w * 2", "EPOCHS * 2"), test_cell)
    assert "Likely cause: the cells above were not run" in capsys.readouterr().out


def test_no_line_of_the_test_cell_is_quoted_as_the_students(capsys):
    test_cell = "task = exam.task('t', points=1)\nwith task.check('c', 1):\n    give()['loss']\n"
    in_cells("def give():\n    return (1, 2)\n", test_cell)
    said = capsys.readouterr().out
    assert "TypeError" in said and "in the line" not in said


def test_credit_inside_a_task_reports_and_survives_errors(capsys):
    task = exam.task("perform", points=10)
    task.credit("half way", lambda: 0.925, floor=0.9, full=0.95, points=5)
    task.credit("broken", lambda: [][1], floor=0.9, full=0.95, points=5)
    assert task.points() == pytest.approx(2.5)
    assert "IndexError" in capsys.readouterr().out


def test_upside_down_probabilities_are_named(small_exam, capsys):
    features, labels = small_exam
    cohort = exam.cohort("af_detection")
    known = {row.tobytes(): 1.0 - y for row, y in zip(features, labels, strict=True)}
    task = exam.task("perform", points=5)
    task.credit(
        "unseen",
        lambda: exam.score("roc_auc", cohort, [known[r.tobytes()] for r in cohort.signals[:, 0]]),
        floor=0.9,
        full=0.95,
        points=5,
    )
    assert task.points() == 0.0 and "probability of normal rhythm" in capsys.readouterr().out


def test_points_that_do_not_add_up_are_the_authors_mistake():
    task = exam.task("demo", points=10)
    with task.check("only", 4):
        pass
    with pytest.raises(RuntimeError, match="announces 10"):
        task.points()


def test_numbers_names_what_is_wrong():
    with pytest.raises(exam.ExamError, match=r"shape \(3,\), expected shape \(any, 2\)"):
        exam.numbers([1, 2, 3], shape=(None, 2))
    with pytest.raises(exam.ExamError, match="2 values that are NaN or infinite"):
        exam.numbers([1, np.nan, np.inf])
    with pytest.raises(exam.ExamError, match="array of numbers"):
        exam.numbers([[1, 2], [3]])


def test_numbers_refuses_what_numpy_would_make_numbers_of():
    for value in (np.array([1 + 2j, 3]), 1j, [1.0, 2 + 0j], np.array([1j, 2], object)):
        with pytest.raises(exam.ExamError, match="complex numbers.*np.abs"):
            exam.numbers(value)
    for value in (["0.5", "1.5"], "3", [1.0, "2"], np.array(["1", 2.0], object), np.array([b"1"])):
        with pytest.raises(exam.ExamError, match="of texts.*quotes"):
            exam.numbers(value)
    with pytest.raises(exam.ExamError, match="result = None.*return"):
        exam.numbers(None)
    with pytest.raises(exam.ExamError, match="1 value that is NaN"):
        exam.numbers([0.0, np.nan])
    for value in (3, [True, False], np.float32(2), [[1, 2]], []):
        assert exam.numbers(value).dtype == float


def test_sound_parts_are_parts_of_all():
    made = exam.sound_parts({"train": [3, 0], "test": np.array([1.0, 2.0])}, n=4)
    assert made["train"].tolist() == [3, 0] and made["test"].dtype == int
    for parts, says in (
        ({"train": [0, 1, 2, 3], "test": []}, "no position in test of fold 2"),
        ({"train": [], "test": []}, "no position in train"),
        ({"train": [0, 1, 2], "test": [2, 3]}, "0 of 4 samples in no part and 1 in more than one"),
        ({"train": [0, 1, 1], "test": [2, 3]}, "1 in more than one place"),
        ({"train": [0, 1], "test": [3]}, "1 of 4 samples in no part"),
        ({"train": [0, 1, 2], "test": [4]}, r"such as \[4.0\] in test.*whole numbers from 0 to 3"),
        ({"train": [0, 1, 2], "test": [2.5]}, "whole numbers"),
        ({"train": [0, 1, 2], "test": [-1]}, "whole numbers"),
        ({"train": np.arange(4) < 3, "test": np.arange(4) == 3}, "True and False in train.*flatnonzero"),
        ({"train": None, "test": [1]}, "None"),
        ({"train": [[0, 1, 2]], "test": [3]}, "shape"),
    ):
        with pytest.raises(exam.ExamError, match=says):
            exam.sound_parts(parts, n=4, what="fold 2")


def test_once_hidden_recordings_are_in_use_messages_hold_nothing_of_the_students(small_exam):
    cohort = exam.cohort("af_detection")
    n = len(cohort)
    secret = np.zeros((0, 433_682, 1_655))
    told = []
    for ask in (
        lambda: exam.numbers(secret, shape=(n,)),
        lambda: exam.numbers([0.0, np.nan, np.nan]),
        lambda: exam.numbers(pytest),
        lambda: exam.same([0.123, 7.77], [0.5, 7.77]),
        lambda: exam.alike(np.zeros(777), np.zeros(5), at_least=0.5),
        lambda: exam.alike([1.0, 2.0, 3.0], [1.0, 0.0, 1.0], at_least=0.777),
        lambda: exam.ask(cohort, lambda signals, fs: secret),
        lambda: exam.ask(cohort, lambda signals, fs: np.random.default_rng(len(signals)).random(len(signals))),
        lambda: exam.score("roc_auc", cohort, np.full(n, 433.682)),
        lambda: exam.score("accuracy", cohort, np.full(n, 0.1655)),
        lambda: exam.sound_parts({"a": [433_682]}, n=2),
    ):
        with pytest.raises(exam.ExamError, match="got .*expected") as caught:
            ask()
        told.append(str(caught.value))
    said = " ".join(told)
    assert not [
        secret for secret in ("433", "1655", "0.123", "7.77 ", "777 samples", "2 values", "module") if secret in said
    ]


def test_names_of_locked_cells_are_known():
    from pathlib import Path

    from autograder.names import bound_names
    from autograder.source import read_source
    from physiodl.exam.checks import GIVEN

    for path in sorted((Path(__file__).parents[1] / "solutions").glob("*.py")):
        locked = [cell.text for cell in read_source(path).cells if cell.role == "locked"]
        assert set().union(*map(bound_names, locked)) <= GIVEN, path.name


def test_alike_forgives_gain_and_offset_only():
    t = np.linspace(0, 6, 200)
    exam.alike(3 * np.sin(t) + 7, np.sin(t), at_least=0.99)
    for other in (np.cos(t), np.zeros(200)):
        with pytest.raises(exam.ExamError, match="correlation"):
            exam.alike(other, np.sin(t), at_least=0.99)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("kernel", "pool", "depth"), [(3, 1, 1), (5, 2, 2), (7, 4, 2), (7, 2, 4)])
def test_receptive_field_is_measured_to_within_a_step(seed, kernel, pool, depth):
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed)
    layers, seen, stride = [], 1, 1
    for k in range(depth):
        layers += [torch.nn.Conv1d(1 if k == 0 else 12, 12, kernel, padding=kernel // 2), torch.nn.ReLU()]
        seen += (kernel - 1) * stride
        if pool > 1:
            layers.append(torch.nn.MaxPool1d(pool))
            seen += (pool - 1) * stride
            stride *= pool
    net = torch.nn.Sequential(*layers)
    with torch.no_grad():
        measured = exam.receptive_field(lambda w: net(torch.as_tensor(w)).numpy(), samples=1024, seed=seed)
    assert abs(measured - seen) <= stride


def test_examples_are_deterministic_and_labelled():
    one, labels = exam.examples("af_detection", n=6, seed=1)
    again, _ = exam.examples("af_detection", n=6, seed=1)
    other, _ = exam.examples("af_detection", n=6, seed=2)
    assert one.shape == (6, 1, 9000) and labels.sum() == 3
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_write_hidden_depends_on_the_key_only(tmp_path):
    for name, key in (("a", b"k1"), ("b", b"k1"), ("c", b"k2")):
        exam.write_hidden(tmp_path / name, key=key, n=8)
    read = {n: np.load(tmp_path / n / "af_detection" / "features.npy") for n in "abc"}
    assert np.array_equal(read["a"], read["b"]) and not np.array_equal(read["a"], read["c"])
    labels = np.load(tmp_path / "a" / "af_detection" / "labels.npy")
    assert len(labels) == 8 and 0 < labels.sum() < 8


def test_counts_of_a_hidden_cohort_tell_nothing(tmp_path):
    found = set()
    for k in range(6):
        about = exam.write_hidden(tmp_path / str(k), key=bytes([k]), n=40)["af_detection"]
        assert about["n"] == 40 and 16 <= about["af"] <= 24 and not about["public"]
        found.add(about["af"])
    assert len(found) > 2


@pytest.fixture
def known(small_exam):
    features, labels = small_exam
    return {row[:300].tobytes(): float(y) for row, y in zip(features, labels, strict=True)}


@pytest.mark.parametrize("seed", range(5))
def test_ask_gives_answers_in_the_cohorts_order(known, seed):
    cohort = exam.cohort("af_detection")
    sizes = []

    def answer(signals, fs):
        sizes.append(len(signals))
        return np.array([known[row[0, :300].tobytes()] for row in signals])

    assert exam.score("roc_auc", cohort, exam.ask(cohort, answer, seed=seed)).value == 1.0
    assert len(set(sizes)) > 2 and 1 in sizes


def test_ask_refuses_what_knows_the_batch(known):
    cohort = exam.cohort("af_detection")
    asked = []

    def ranked(signals, fs):
        spread = signals.std(axis=(1, 2)) + signals[:, 0, 100]
        return np.argsort(np.argsort(spread)) / len(signals)

    def remembers(signals, fs):
        asked.append(len(signals))
        return np.full(len(signals), len(asked) / 100)

    for function, said in (
        (ranked, "other company"),
        (remembers, "other company"),
        (lambda x, fs: np.zeros(len(x) + 1), "answers for"),
        (lambda x, fs: np.zeros(300), "answers for"),
        (lambda x, fs: np.full(len(x), np.nan), "NaN"),
    ):
        with pytest.raises(exam.ExamError, match=said):
            exam.ask(cohort, function)


def test_real_recordings_are_set_aside_and_changed(tmp_path, monkeypatch):
    from physiodl import data, registry

    dataset = registry.find("af_detection")
    place = registry.real_folder(dataset, tmp_path / "all")
    af.write_af(place, n=60, seed=3, copies=0.1)
    files = {n: {"size": (place / n).stat().st_size, "md5": registry.fingerprint(place / n)} for n in dataset.files}
    registry.write_provenance(place, {"source": "real", "files": files})
    root = tmp_path / "all"
    about = exam.write_hidden(tmp_path / "hidden", key=b"k", source="real", root=root)["af_detection"]
    hidden = np.load(tmp_path / "hidden" / "af_detection" / "features.npy")
    whole = data.load("af", "real", part="all", root=root)
    assert about["public"] and len(about["set_aside"]) >= len(hidden) > 5
    left = exam.write_class_data(tmp_path / "class", hidden=tmp_path / "hidden", root=root)
    rest = data.load("af", "real", part="all", root=tmp_path / "class")
    assert left == len(rest) == len(whole) - len(about["set_aside"])
    gone = {row.tobytes() for row in whole.signals[about["set_aside"], 0]}
    assert not gone & {row.tobytes() for row in rest.signals[:, 0]}
    groups = data.groups(whole, root=root)
    assert not set(groups[about["set_aside"]]) & set(np.delete(groups, about["set_aside"])), "near-duplicates go along"
    for row in hidden:
        assert row.tobytes() not in gone, "looking a recording up finds nothing"
        # nor does its beginning under another gain or sign
        start = np.abs([np.corrcoef(row[:600], other[:600])[0, 1] for other in whole.signals[:, 0]])
        assert start.max() < 0.9999 and np.isfinite(row).all()


def test_the_labels_of_changed_recordings_can_still_be_told(tmp_path):
    """Changing a recording must not change what it shows: RR irregularity ranks as well as before."""
    from physiodl import ecg, metrics
    from physiodl.exam.hidden import perturbed

    features, labels = af.cohort_arrays(60, seed=5)
    rng = np.random.default_rng(0)
    changed = np.stack([perturbed(row, 300.0, rng=rng) for row in features])
    before, after = (metrics.roc_auc(labels, _spread(ecg.rr_table(x[:, None], 300.0))) for x in (features, changed))
    assert before > 0.8 and abs(before - after) < 0.06


def _spread(table):
    """RMSSD over the mean RR interval, an AF score between 0 and 1."""
    return 1 / (1 + np.exp(-np.nan_to_num(np.asarray(table)[:, 1])))
