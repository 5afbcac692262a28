"""The bank of assignment 04, graded by the real grader, its hidden patients, and what its test cells compare with."""

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
from physiodl import exam
from physiodl.exam import arrhythmia as probe
from physiodl.exam import hidden

NAME = "04_arrhythmia"
CASES = cases_of(NAME)
TRAINING = ("train", "perform", "leak")  # tasks whose test cells train or examine a network
# One slip in the reference answer: task, what stands there, what is put instead, points, what the student reads.
SLIPS = {
    "more than the first minute": (
        "filter",
        "y[: min(len(y), 6000) //",
        "y[: len(y) //",
        10,
        "more than the first 60 s",
    ),
    "half of the first minute": ("filter", "min(len(y), 6000)", "min(len(y), 3000)", 10, "less than the first 60 s"),
    "flat pieces counted": (
        "filter",
        "minute[minute > tiny]",
        "minute if minute.max() > tiny else minute[:0]",
        10,
        "flat pieces are counted",
    ),
    "360 Hz in the filter alone": (
        "filter",
        "filtered(row, fs,",
        "filtered(row, 360.0,",
        11,
        "its limits then lie elsewhere",
    ),
    "normal beats only": ("read", "list(probe.BEATS)", "['N']", 9, "beats other than N left out"),
    "a blank before the name": ("read", '.split(":")[1].strip()', '.split(":")[1]', 9, "a blank or the word"),
    "rate under another key": ("read", '"fs": float', '"rate": float', 7, "a key misspelt or left out"),
    "start in samples": ("windows", "5.0 * np.array", "500.0 * np.array", 10, "samples instead of seconds"),
    "purity never reached": ("windows", ">= purity", "> purity", 10, "> where >= is asked"),
    "the last stretch only": (
        "windows",
        "in rhythms if label == name]",
        "in rhythms if label == name][-1:]",
        4,
        "not only its last one",
    ),
    "masks for positions": (
        "split",
        "np.flatnonzero(~test & ~val)",
        "~test & ~val",
        1,
        "np.flatnonzero(...) makes positions",
    ),
    "an empty part": ("split", '"val": np.flatnonzero(val)', '"val": []', 1, "a part was left empty"),
    "texts are numbers": (
        "split",
        "np.asarray(patients)\n",
        "np.asarray(patients).astype(int)\n",
        11,
        "7 and 07 become one",
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


def unseen_auc(result) -> float:
    return float(re.search(r"never seen: ROC AUC ([\d.]+)", result.messages["perform"])[1])


@pytest.mark.slow
def test_the_network_sees_more_than_rhythm_and_rhythm_more_than_rate(graded):
    rate, rhythm, network = (unseen_auc(graded[name]) for name in ("heart_rate_only", "rhythm_only", "reference"))
    assert rate < rhythm < network - 0.05


@pytest.mark.slow
def test_every_task_has_a_wrong_case_that_loses_points_there(graded):
    for task in graded["reference"].possible:
        if task != "explain":
            assert any(c.kind == "wrong" and task in c.says and task in c.expect for c in CASES), task


@pytest.fixture(scope="module")
def names():
    return run_reference(NAME, parameters={"SOURCE": "simulated", "BUDGET": "ci", "SEED": 0}, skip=TRAINING)


@pytest.fixture(scope="module")
def cells():
    return {(c.role, c.task): c for c in read_source(PROJECT / "solutions" / f"{NAME}.py").cells}


def test_reference_gets_all_points_whatever_the_seed(names, cells):
    for cell in (c for (role, task), c in cells.items() if role == "test" and task not in TRAINING):
        for seed in (100, 101, 2**62 - 1):  # the grader's seeds have up to 62 bits
            assert run_cell(cell.text, cell.task, {**names, "SEED": seed}) == cell.options["points"], (cell.task, seed)


@pytest.mark.parametrize("slip", SLIPS)
def test_one_slip_costs_its_points_and_is_named(slip, names, cells, capsys):
    check_slip(SLIPS[slip], names, cells, capsys, seeds=(3, 4))


# --- hidden patients ---


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hidden")
    for name, key in (("a", b"k1"), ("b", b"k1"), ("c", b"k2")):
        exam.write_hidden(folder / name, key=key, n=20)
    return folder


def test_hidden_patients_depend_on_the_key_only(written):
    read = {name: np.load(written / name / "arrhythmia" / "features.npy") for name in "abc"}
    assert np.array_equal(read["a"], read["b"]) and not np.array_equal(read["a"], read["c"])
    about = json.loads((written / "a" / "arrhythmia" / "about.json").read_text())
    assert about["source"] == "simulated" and not about["public"] and about["patients"] == 7 and about["fs"] == 100
    labels, who = (np.load(written / "a" / "arrhythmia" / f"{name}.npy") for name in ("labels", "subjects"))
    assert read["a"].shape == (about["n"], 2, 500) and len(labels) == len(who) == about["n"]
    assert 0 < labels.sum() == about["af"] < about["n"] and len(np.unique(who)) <= 7


def test_score_draws_patients_for_its_interval(written, monkeypatch):
    monkeypatch.setenv("PHYSIODL_EXAM", str(written / "a"))
    exam.begin(NAME, seed=3)
    cohort = exam.cohort("arrhythmia")
    assert cohort.hidden and cohort.fs == 100 and len(cohort.subjects) == len(cohort)
    labels = np.load(written / "a" / "arrhythmia" / "labels.npy")
    rows = {x.tobytes(): y for x, y in zip(np.load(written / "a" / "arrhythmia" / "features.npy"), labels, strict=True)}
    true = np.array([rows[x.tobytes()] for x in cohort.signals])
    said = np.where(np.isin(cohort.subjects, np.unique(cohort.subjects)[::2]), true, 1 - true)  # right in half of them
    score = exam.score("f1", cohort, said)
    assert score.value == pytest.approx(sk.f1_score(true, said)) and score.patients == len(np.unique(cohort.subjects))
    assert f"of {score.patients} patients" in str(score) and str(score).startswith("F1 ")
    alone = exam.ExamCohort(cohort.signals, exam.HiddenLabels(true), 100.0, "simulated", True)
    by_window = exam.score("f1", alone, said)
    assert score.high - score.low > 1.5 * (by_window.high - by_window.low) and "patients" not in str(by_window)


def test_practice_patients_are_simulated_whatever_the_source(monkeypatch):
    monkeypatch.delenv("PHYSIODL_EXAM", raising=False)
    monkeypatch.setattr(hidden, "arrhythmia_patients", lambda seed, _make=hidden.arrhythmia_patients: _make(seed, n=6))
    exam.begin(NAME, source="real", seed=0)
    cohort = exam.cohort("arrhythmia")
    assert cohort.source == "simulated" and not cohort.hidden and cohort.signals.shape[1:] == (2, 500)


# --- what the test cells compare with ---


def test_record_files_come_back_through_wfdb():
    import wfdb

    files, truth = probe.record_files(seed=5, leads=("V1", "MLII"), fs=250.0, lost=(300, 400), subject="S3", name="s3a")
    with probe.as_folder(files) as (folder, name):
        record = wfdb.rdrecord(f"{folder}/{name}")
        marks = wfdb.rdann(f"{folder}/{name}", "atr")
    assert np.allclose(record.p_signal.T, truth["signals"], atol=1e-9, equal_nan=True)
    assert record.fs == 250 and record.sig_name == ["V1", "MLII"] and "subject: S3" in record.comments
    assert set(truth["beats"]) < set(marks.sample) and np.isnan(record.p_signal[:, 0]).sum() == 100
    assert "(N\x00" in marks.aux_note, "notes end as those of MIT-BIH do"


@pytest.mark.parametrize("seed", range(4))
def test_references_agree_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    labels, who = probe.patients(4, 3, 2, seed=seed)
    said, p = rng.integers(0, 2, len(labels)), np.round(rng.random(len(labels)), 2)
    assert probe.f1_of(labels, said) == pytest.approx(sk.f1_score(labels, said))
    assert probe.best_f1(labels, p) == pytest.approx(max(sk.f1_score(labels, p >= t) for t in np.unique(p)))
    found = probe.by_patient(labels, said, who)
    for k, patient in enumerate(np.unique(who[labels == 1])):
        y, z = labels[who == patient], said[who == patient]
        assert found["ppv"][k] == pytest.approx(sk.precision_score(y, z, zero_division=0))
        assert found["sensitivity"][k] == pytest.approx(sk.recall_score(y, z))
    assert probe.focal(3 * p - 1, labels, np.ones(2), 0.0) == pytest.approx(
        sk.log_loss(labels, 1 / (1 + np.exp(1 - 3 * p)))
    )


def test_patients_hold_ties_single_classes_and_confusable_names():
    labels, who = probe.patients(5, 4, 3, seed=2, names="texts")
    of = {name: labels[np.array(who) == name] for name in set(who)}
    assert {"0", "00", "1", "01"} <= set(of) and len(of) == 12
    assert sum(y.max() == 0 for y in of.values()) == 4 and sum(y.min() == 1 for y in of.values()) == 3
    assert len({len(y) for y in of.values()}) < len(of), "some have as many windows as others"


def test_windows_of_other_patients_show_what_decisions_come_from():
    _, labels, who = probe.fingerprints(24, 15, seed=2)
    source, rng = probe.misfiled(labels, who, 10, seed=2), np.random.default_rng(0)
    moved = np.flatnonzero(source != np.arange(len(source)))
    assert len(moved) == 20 and np.all(labels[source[moved]] == 1 - labels[moved])
    assert max(np.bincount(who[moved])) <= 2 and np.array_equal(np.sort(source), np.arange(len(source)))
    for fold in (rng.integers(0, 3, len(who)), who % 3):
        share = [probe.by_signal(said, fold, labels, who, source) for said in (labels[source], labels, 0 * labels)]
        assert share == [1.0, 0.0, 0.5]  # of who hears the signal, who reads the labels, and who always says the same


def test_fingerprints_tell_the_patient_and_nothing_else():
    x, labels, who = probe.fingerprints(24, 15, seed=1)
    spectrum = np.abs(np.fft.rfft(x, axis=2))[:, :, 10:90].reshape(len(x), -1)
    centre = {w: spectrum[who == w][:8].mean(axis=0) for w in np.unique(who)}
    named = [min(centre, key=lambda w: np.linalg.norm(row - centre[w])) for row in spectrum]
    assert np.mean(np.array(named) == who) > 0.97
    assert all(len(set(labels[who == w])) == 1 for w in centre) and len(set(labels)) == 2
