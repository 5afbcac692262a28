"""The bank of assignment 05, graded by the real grader, its hidden sleepers, and what its test cells compare with."""

import json
import os
import re

import numpy as np
import pytest
from bank_class import bank_counts, cases_of, check_slip, graded_bank
from sklearn import metrics as sk

from autograder.bank import check_case
from autograder.examiner import run_cell
from autograder.klass import PROJECT
from autograder.reference import run_reference
from autograder.source import read_source
from physiodl import exam, sleepedf
from physiodl.exam import hidden
from physiodl.exam import sleep as probe

NAME = "05_sleep_staging"
CASES = cases_of(NAME)
TRAINING = ("train", "perform")  # tasks whose test cells train or examine a network
# One slip in the reference answer: task, what stands there, what is put instead, points, what the student reads.
SLIPS = {
    "validation learnt from": (
        "train",
        'for name in ("train", "val"))\n',
        'for name in ("train", "val"))\n    train = np.concatenate([train, val])\n',
        9,
        "trained on val epochs",
    ),
    "filled places in the loss": (
        "train",
        "logits, torch.as_tensor(y[rows[rows >= 0]]),",
        "net(torch.as_tensor(np.asarray(epochs[rows])), present).flatten(0, 1), torch.as_tensor(y[rows.ravel()]),",
        9,
        "filled places took part in the loss",
    ),
    "weights in the validation loss": (
        "train",
        'val_loss.append(float(-np.log(np.maximum(p[np.arange(len(p)), y[fold["val"]]], 1e-12)).mean()))',
        "w = weight.numpy()[y[fold['val']]]\n        val_loss.append(float("
        "np.average(-np.log(np.maximum(p[np.arange(len(p)), y[fold['val']]], 1e-12)), weights=w)))",
        9,
        "class weights in the validation loss",
    ),
    "twenty passes always": ("train", "for _ in range(passes):", "for _ in range(20):", 8, "`passes` is not used"),
    "one answer for a sequence": (
        "networks",
        "return self.out(self.dropout(h))",
        "return self.out(self.dropout(h.sum(1, keepdim=True) / present.sum(1)[:, None, None] + 0 * h))",
        7,
        "the same answer for all epochs of a sequence",
    ),
    "no total_length": ("networks", ", total_length=length)", ")", 6, "give it total_length"),
    "softmax at the end": (
        "networks",
        "return self.out(self.dropout(pooled(self.blocks(x[:, None]))))",
        "return self.out(self.dropout(pooled(self.blocks(x[:, None])))).softmax(1)",
        7,
        "a softmax at the end",
    ),
    "one validation subject": (
        "split",
        "number == (i + 1) % k",
        "who == who[np.flatnonzero(number == (i + 1) % k)[0]]",
        7,
        "one subject",
    ),
    "a table of what occurs": (
        "metrics",
        "table = np.zeros((5, 5), int)",
        "table = np.zeros((max(max(labels), max(called)) + 1,) * 2, int)",
        4,
        "of shape (3, 3)",
    ),
    "nine tenths": ("report", "[0.025, 0.975]", "[0.05, 0.95]", 6, "another percentile than 2.5 and 97.5"),
    "seed not used": ("report", "default_rng(seed)", "default_rng(0)", 6, "`seed` is not used"),
    "one night runs into the next": (
        "report",
        "(night[1:] == night[:-1]) & ",
        "",
        6,
        "the end of one night and the start of another",
    ),
}


def test_bank_covers_what_it_must():
    faulty, alternative, reference = bank_counts(NAME)
    assert faulty >= 15 and alternative >= 3 and reference == 1


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    return graded_bank(tmp_path_factory.mktemp("bank"), NAME)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_gets_its_points_and_messages(graded, case):
    assert os.environ.get("PHYSIODL_EXAM") is None
    assert check_case(graded[case.name], case) == []


def unseen_kappa(result) -> float:
    return float(re.search(r"never seen: kappa ([-\d.]+)", result.messages["perform"])[1])


@pytest.mark.slow
def test_a_sequence_is_worth_more_than_its_epochs(graded):
    constant, alone, sequence = (unseen_kappa(graded[name]) for name in ("always_n2", "epochs_one_by_one", "reference"))
    assert constant == 0 and 0.3 < alone < sequence - 0.02


@pytest.mark.slow
def test_every_task_has_a_wrong_case_that_loses_points_there(graded):
    for task in graded["reference"].possible:
        if task != "explain":
            assert any(c.kind == "wrong" and task in c.says and task in c.expect for c in CASES), task


@pytest.fixture(scope="module")
def names():
    return run_reference(NAME, parameters={"SOURCE": "simulated", "BUDGET": "ci", "SEED": 0}, skip=("perform",))


@pytest.fixture(scope="module")
def cells():
    return {(c.role, c.task): c for c in read_source(PROJECT / "solutions" / f"{NAME}.py").cells}


def test_reference_gets_all_points_whatever_the_seed(names, cells):
    for cell in (c for (role, task), c in cells.items() if role == "test" and task not in TRAINING):
        for seed in (100, 101, 2**62 - 1):  # the grader's seeds have up to 62 bits
            assert run_cell(cell.text, cell.task, {**names, "SEED": seed}) == cell.options["points"], (cell.task, seed)


@pytest.mark.parametrize("slip", SLIPS)
def test_one_slip_costs_its_points_and_is_named(slip, names, cells, capsys):
    check_slip(SLIPS[slip], names, cells, capsys, seeds=(3,) if SLIPS[slip][0] in TRAINING else (3, 4))


# --- hidden sleepers ---


def short(seed, n=12, make=hidden.sleepers):
    """Sleepers of an hour and a half each, at most three."""
    return make(seed, n=min(n, 3), hours=1.5)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hidden")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hidden, "sleepers", short)
        for name, key in (("a", b"k1"), ("b", b"k1"), ("c", b"k2")):
            exam.write_hidden(folder / name, key=key, n=20)
    return folder


def test_hidden_sleepers_depend_on_the_key_only(written):
    read = {name: np.load(written / name / "sleep" / "features.npy") for name in "abc"}
    assert np.array_equal(read["a"], read["b"]) and not np.array_equal(read["a"], read["c"])
    about = json.loads((written / "a" / "sleep" / "about.json").read_text())
    assert about["source"] == "simulated" and not about["public"] and about["sleepers"] == 3 and about["fs"] == 100
    labels, who, nights = (
        np.load(written / "a" / "sleep" / f"{name}.npy") for name in ("labels", "subjects", "nights")
    )
    assert read["a"].shape == (about["n"], 1, 3000) and len(labels) == len(who) == len(nights) == about["n"]
    assert set(labels) <= set(range(5)) and set(who) == {0, 1, 2}
    for night in range(3):
        assert (np.diff(nights[nights[:, 0] == night, 1]) > 0).all(), "the epochs of a night are in order"


@pytest.fixture
def unseen(written, monkeypatch):
    monkeypatch.setenv("PHYSIODL_EXAM", str(written / "a"))
    exam.begin(NAME, seed=3)
    return exam.cohort("sleep")


def test_a_function_is_asked_night_by_night_and_scored_by_stage(unseen):
    true = unseen.labels._values  # what no test cell can read
    asked = []

    def knows(epochs, numbers):
        asked.append((len(epochs), numbers.tolist()))
        at = next(k for k in range(len(unseen)) if np.array_equal(unseen.signals[k, 0], epochs[0]))
        assert epochs.shape[1:] == (3000,) and (np.diff(numbers) > 0).all()
        return true[at : at + len(epochs)]

    said = exam.ask(unseen, knows)
    assert np.array_equal(said, true) and len(asked) == 3 + 2 and asked[3:] == asked[:2], "two nights are asked again"
    assert exam.score("kappa", unseen, said).value == 1
    half = np.where(np.arange(len(true)) % 3 > 0, true, (true + 1) % 5)
    score = exam.score("macro_f1", unseen, half)
    assert score.value == pytest.approx(sk.f1_score(true, half, average="macro", labels=range(5), zero_division=0))
    assert (
        score.low <= score.value <= score.high and "of 3 subjects" in str(score) and str(score).startswith("macro-F1")
    )
    assert exam.score("kappa", unseen, half).value == pytest.approx(sk.cohen_kappa_score(true, half))


def test_answers_must_come_from_the_night_itself(unseen):
    calls = []

    def counts(epochs, numbers):
        calls.append(1)
        return np.full(len(epochs), len(calls) % 5)

    with pytest.raises(exam.ExamError, match="asked about again.*carried over"):
        exam.ask(unseen, counts)
    with pytest.raises(exam.ExamError, match="expected shape"):
        exam.ask(unseen, lambda epochs, numbers: np.zeros((len(epochs), 5)))
    with pytest.raises(exam.ExamError, match="stages 0 to 4.*take the stage"):
        exam.score("kappa", unseen, np.full(len(unseen), 0.3))


def test_order_of_nights_changes_with_the_seed_and_their_epochs_stay_together(unseen):
    orders = set()
    for seed in range(8):
        night = unseen.shuffled(seed).nights[:, 0]
        orders.add(tuple(dict.fromkeys(night.tolist())))
        assert (np.diff(night) != 0).sum() == 2
    assert len(orders) > 1


def test_practice_sleepers_are_simulated_whatever_the_source(monkeypatch, tmp_path):
    monkeypatch.delenv("PHYSIODL_EXAM", raising=False)
    monkeypatch.setenv("PHYSIODL_DATA", str(tmp_path))
    monkeypatch.setattr(hidden, "HIDDEN_SLEEPERS", 2)
    monkeypatch.setattr(hidden, "NIGHT_HOURS", 1.0)
    exam.begin(NAME, source="real", seed=0)
    cohort = exam.cohort("sleep")
    assert cohort.source == "simulated" and not cohort.hidden and cohort.signals.shape[1:] == (1, 3000)
    assert len(cohort.night_names) == 2 and len(np.unique(cohort.subjects)) == 2


# --- what the test cells compare with ---


@pytest.mark.parametrize(("unit", "channel", "fs"), [("uV", probe.CHANNEL, 100.0), ("V", probe.TURNED, 128.0)])
def test_night_files_come_back_through_the_reader_of_the_package(unit, channel, fs):
    rows = probe.hypnogram(("W", 2), ("1", 2), ("3", 2), ("4", 1), ("M", 1), ("R", 2))
    others = (("EMG", 256.0), ("Temp rectal", 1.0))
    files, x = probe.night_files(rows, seed=4, unit=unit, channel=channel, fs=fs, others=others, name="SC4072")
    with probe.as_folder(files) as paths:
        night = sleepedf.read_night(*paths, channel=channel, band_hz=None, to_fs=fs)
    assert night.night == "SC4072" and night.subject == "SC407"
    number, stages = probe.staged(rows, seconds=300, epoch_s=30)
    assert np.array_equal(night.stages, stages) and np.array_equal(night.epoch, number)
    size = round(30 * fs)
    wanted = (x if channel == probe.CHANNEL else -x)[: 10 * size].reshape(10, size)[number]
    assert np.abs(night.epochs - wanted).max() < 0.02


def test_staged_epochs_are_trimmed_merged_and_without_movement():
    number, stages = probe.staged(
        probe.hypnogram(("W", 70), ("4", 2), ("M", 1), ("R", 1), ("W", 90)), seconds=4920, epoch_s=30
    )
    assert number[0] == 10 and number[-1] == 73 + 60 and 72 not in number
    assert stages[number == 70] == 3 and stages[number == 73] == 4 and (stages[number < 70] == 0).all()
    number, _ = probe.staged(probe.hypnogram(("W", 9)), seconds=300, epoch_s=30)
    assert len(number) == 0


@pytest.mark.parametrize("seed", range(4))
def test_easy_nights_need_their_neighbours(seed):
    d = probe.easy_nights(12, 40, seed=seed)
    power = np.abs(np.fft.rfft(d["epochs"], axis=1))[:, 10:160]
    hz = 1 + power.argmax(axis=1) / 10
    twins, others = np.isin(d["stages"], (1, 4)), ~np.isin(d["stages"], (1, 4))
    assert np.abs(hz[twins] - 6).max() < 1.5, "N1 and REM have the same tone"
    assert np.mean(np.abs(hz[others] - np.array([11, 0, 14, 1.5])[d["stages"][others]]) < 1) > 0.9
    for night in np.unique(d["nights"]):
        step = np.diff(d["numbers"][d["nights"] == night])
        assert sorted(step)[-1] == 4 and (step > 0).all() and np.sum(step > 1) == 1, "each night has one gap"
    inner = [k for k in np.flatnonzero(d["stages"] == 4) if k and d["nights"][k - 1] == d["nights"][k]]
    before = [d["stages"][k - 1] for k in inner]
    assert set(before) <= {2, 4}, "REM follows N2"


@pytest.mark.parametrize("seed", range(4))
def test_errors_of_scored_nights_crowd_at_changes(seed):
    d = probe.scored_nights(14, seed=seed)
    beside = probe.at_transition(d["labels"], d["nights"], d["numbers"])
    wrong = d["labels"] != d["called"]
    assert wrong[beside].mean() > wrong[~beside].mean() + 0.1
    low, high = probe.interval(d["labels"], d["called"], d["subjects"])
    assert low < sk.cohen_kappa_score(d["labels"], d["called"]) < high
