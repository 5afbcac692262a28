"""Assignment 06: slips in networks and evaluation, hidden people at work, and what these test cells compare with."""

import json

import numpy as np
import pytest
from bank_class import check_slip
from sklearn import metrics as sk

from autograder import calibrate
from autograder.klass import PROJECT
from autograder.reference import run_reference
from autograder.source import read_source
from physiodl import exam, multiclass
from physiodl.exam import hidden
from physiodl.exam import workload_networks as nets

NAME = "06_workload"
OTHERS = ("clean", "align", "windows", "stream", "perform")
# One slip in the reference answer: task, what stands there, what is put instead, points, what the student reads.
SLIPS = {
    "a rate written in": (
        "branches",
        "self.mean = nn.AvgPool1d(round(fs / 2), stride=round(fs / 4))",
        "self.mean = nn.AvgPool1d(31, stride=8)",
        9,
        "at other rates",
    ),
    "one step for a window": (
        "branches",
        "self.mean(h.square())",
        "self.mean(h.square()).mean(dim=2, keepdim=True).expand(-1, -1, 4)",
        8,
        "with 4 steps",
    ),
    "the same step again": (
        "branches",
        "power = self.mean(h.square())",
        "power = self.mean(h.square())\n        power = power.mean(dim=2, keepdim=True).expand_as(power)",
        9,
        "each step is about the whole window",
    ),
    "time turned round": (
        "branches",
        "self.layers(both).transpose(1, 2)",
        "self.layers(both).transpose(1, 2).flip(1)",
        9,
        "another order than time",
    ),
    "mean of the window off": (
        "branches",
        "known = torch.isfinite(x)",
        "x = x - x.nanmean(dim=1, keepdim=True)\n        known = torch.isfinite(x)",
        9,
        "the mean of each window, or of its steps, is taken off",
    ),
    "NaN in the convolution": (
        "branches",
        "torch.where(known, x, torch.zeros_like(x))",
        "x",
        7,
        "NaN goes into a convolution",
    ),
    "norm of each window of EEG": (
        "branches",
        "self.norm = nn.BatchNorm1d(filters)",
        "self.norm = nn.InstanceNorm1d(filters)",
        9,
        "nn.InstanceNorm1d",
    ),
    "norm of each window of the pupil": (
        "branches",
        "bias=False), nn.BatchNorm1d(WIDTH)",
        "bias=False), nn.InstanceNorm1d(WIDTH)",
        9,
        "nn.InstanceNorm1d does it",
    ),
    "spread of the pupil off": (
        "branches",
        "        known = torch.isfinite(x)\n",
        "        known = torch.isfinite(x)\n"
        "        x = x / (torch.where(known, x, torch.zeros_like(x)).std(dim=1, keepdim=True) + 1e-6)\n",
        9,
        "divided by its own spread",
    ),
    "mean over the steps off": (
        "branches",
        "return self.layers(both).transpose(1, 2)",
        "h = self.layers(both).transpose(1, 2)\n        return h - h.mean(dim=1, keepdim=True)",
        9,
        "or of its steps, is taken off",
    ),
    "one flag for a window": (
        "branches",
        "torch.zeros_like(x)), known.to(x.dtype)]",
        "torch.zeros_like(x)), known.to(x.dtype).mean(dim=1, keepdim=True).expand_as(x)]",
        8,
        "a value for each sample",
    ),
    "seed of the pupil forgotten": (
        "branches",
        "    torch.manual_seed(seed)\n    branch = PupilBranch",
        "    branch = PupilBranch",
        9,
        "weights are drawn without `seed`",
    ),
    "two widths": ("branches", "nn.Linear(filters, WIDTH)", "nn.Linear(filters, 12)", 9, "the same width for both"),
    "half of the channels": (
        "branches",
        "self.thin(x / 10)",
        "self.thin(x / 10) * (torch.arange(x.shape[1]) < 4)[:, None]",
        9,
        "never looked at",
    ),
    "not divided by the root": ("fusion", " / query.shape[2] ** 0.5", "", 12, "not divided by sqrt(d)"),
    "divided by d": ("fusion", "** 0.5, dim=2", "** 1.0, dim=2", 12, "by d instead of its root"),
    "attention to itself": (
        "fusion",
        "self.key[0](p_at), self.value[0](p))",
        "self.key[0](e_at), self.value[0](e))",
        12,
        "attends to itself",
    ),
    "one gate for both": (
        "fusion",
        "p = torch.where(present[:, 1, None, None], self.pupil(pupil), self.absent[1])",
        "p = torch.where(present[:, :1, None], self.pupil(pupil), self.absent[1])",
        11,
        "missing",
    ),
    "left out for the batch": (
        "fusion",
        "        e, p = self.branches(eeg, pupil, present)\n        return self.out",
        "        every = present.all(0, keepdim=True).expand_as(present)\n"
        "        e, p = self.branches(eeg, pupil, every)\n        return self.out",
        10,
        "the same logits for all windows",
    ),
    "NaN in the gradient": (
        "fusion",
        "        eeg = torch.where(present[:, 0, None, None], eeg, torch.zeros_like(eeg))  "
        "# NaN must not come near a weight\n",
        "",
        13,
        "0 times NaN",
    ),
    "norms made up": (
        "fusion",
        "return {name: float(sum((p.grad**2).sum() for p in own.parameters() if p.grad is not None)) ** 0.5 "
        "for name, own in branches.items()}",
        'return {"eeg": 1.0, "pupil": 1.0}',
        13,
        "nothing to do with the gradient",
    ),
    "norms swapped": (
        "fusion",
        '{"eeg": net.eeg, "pupil": net.pupil}',
        '{"eeg": net.pupil, "pupil": net.eeg}',
        13,
        "the two names swapped",
    ),
    "norm of everything": (
        "fusion",
        '{"eeg": net.eeg, "pupil": net.pupil}',
        '{"eeg": net, "pupil": net}',
        13,
        "another part of the network",
    ),
    "softmax at the end": (
        "fusion",
        "return self.out(summed_up(e, p))",
        "return self.out(summed_up(e, p)).softmax(dim=1)",
        13,
        "a softmax at the end",
    ),
    "validation learnt from": (
        "evaluate",
        ".fit(x[train], levels[train])",
        ".fit(x[np.r_[train, val]], levels[np.r_[train, val]])",
        9,
        "trained on the validation windows too",
    ),
    "mean of people": (
        "evaluate",
        "    auc = auc_by_class(levels, probability)\n    low",
        "    auc = np.mean([auc_by_class(levels[rows], probability[rows]) for rows in own], axis=0)\n    low",
        11,
        "auc (low, medium, high, mean)",
    ),
    "ties won": (
        "evaluate",
        "rank = rankdata(probability[:, c])",
        'rank = rankdata(probability[:, c], "ordinal")',
        10,
        "got auc_by_class",
    ),
    "seed not used": (
        "evaluate",
        "rng, drawn = np.random.default_rng(seed), []",
        "rng, drawn = np.random.default_rng(0), []",
        10,
        "`seed` is not used",
    ),
    "the lowest is chosen": ("evaluate", "np.argmax(scores)", "np.argmin(scores)", 11, "the lowest is taken"),
    "always the first": ("evaluate", "int(np.argmax(scores))", "0", 11, "always the first is taken"),
    "always the last": ("evaluate", "int(np.argmax(scores))", "-1", 11, "always the last is taken"),
    "chosen on training windows": (
        "evaluate",
        "roc_auc_score(levels[val], model.predict_proba(x[val])",
        "roc_auc_score(levels[train], model.predict_proba(x[train])",
        11,
        "chosen on training windows",
    ),
    "chosen by accuracy": (
        "evaluate",
        'roc_auc_score(levels[val], model.predict_proba(x[val]), multi_class="ovr")',
        "(model.predict(x[val]) == levels[val]).mean()",
        11,
        "chosen by accuracy",
    ),
    "the worst level chooses": (
        "evaluate",
        'roc_auc_score(levels[val], model.predict_proba(x[val]), multi_class="ovr")',
        "auc_by_class(levels[val], model.predict_proba(x[val])).min()",
        11,
        "worst of the three levels",
    ),
    "a place is returned": ("evaluate", "chosen.append(strengths[best])", "chosen.append(best)", 11, "strengths[best]"),
    "C turned round": ("evaluate", "C=c,", "C=1 / c,", 10, "C is 1 / strength"),
    "all models answer": (
        "evaluate",
        "models[best].predict_proba(x[test])",
        "np.mean([model.predict_proba(x[test]) for model in models], axis=0)",
        11,
        "the mean over the models",
    ),
    "decisions as answers": (
        "evaluate",
        "models[best].predict_proba(x[test])",
        "np.eye(3)[models[best].predict(x[test])]",
        11,
        "instead of probabilities (predict_proba)",
    ),
    "only the mean off": (
        "evaluate",
        "(features - features[train].mean(axis=0)) / features[train].std(axis=0)",
        "features - features[train].mean(axis=0)",
        10,
        "only the mean is taken off",
    ),
    "AUC of decisions": (
        "evaluate",
        "rankdata(probability[:, c])",
        "rankdata(probability.argmax(axis=1) == c)",
        10,
        "decisions are scored instead of probabilities",
    ),
}


@pytest.fixture(scope="module")
def names():
    return run_reference(NAME, parameters={"SOURCE": "simulated", "BUDGET": "ci", "SEED": 0}, skip=OTHERS)


@pytest.fixture(scope="module")
def cells():
    return {(c.role, c.task): c for c in read_source(PROJECT / "solutions" / f"{NAME}.py").cells}


@pytest.mark.parametrize("slip", SLIPS)
def test_one_slip_costs_its_points_and_is_named(slip, names, cells, capsys):
    check_slip(SLIPS[slip], names, cells, capsys, seeds=(3,) if SLIPS[slip][0] == "evaluate" else (3, 4))


# --- hidden people at work ---


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hidden")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hidden, "TASK_S", 100.0)
        for name, key in (("a", b"k1"), ("b", b"k1"), ("c", b"k2")):
            hidden._write_workload(folder / name / "workload", key, 20)
    return folder


def test_hidden_people_depend_on_the_key_only(written):
    read = {name: np.load(written / name / "workload" / "features.npy") for name in "abc"}
    assert np.array_equal(read["a"], read["b"]) and not np.array_equal(read["a"], read["c"])
    about = json.loads((written / "a" / "workload" / "about.json").read_text())
    assert about["source"] == "simulated" and not about["public"] and about["workers"] == 3 and about["fs"] == 125
    place = written / "a" / "workload"
    pupil, labels, who = (np.load(place / f"{name}.npy") for name in ("pupil", "labels", "subjects"))
    assert read["a"].shape == (about["n"], 19, 500) and pupil.shape == (about["n"], 240)
    assert set(labels) == {0, 1, 2} and set(who) == {0, 1, 2} and len(labels) == len(who) == about["n"]
    assert (np.diff(who) != 0).sum() > 4, "order tells nothing"


@pytest.fixture
def unseen(written, monkeypatch):
    monkeypatch.setenv("PHYSIODL_EXAM", str(written / "a"))
    exam.begin(NAME, seed=3)
    return exam.cohort("workload")


def test_a_function_is_asked_with_both_signals_and_scored_by_level(unseen):
    true, known = unseen.labels._values, {}  # what no test cell can read
    for x, level in zip(unseen.signals, true, strict=True):
        known[x[0, 0].tobytes()] = level

    def knows(eeg, pupil):
        assert eeg.shape[1:] == (19, 500) and pupil.shape == (len(eeg), 240)
        return 0.8 * np.eye(3)[[known[x[0, 0].tobytes()] for x in eeg]] + 0.2 / 3

    p = exam.ask(unseen, knows)
    assert all(exam.score(f"auc_{name}", unseen, p).value == 1 for name in ("low", "medium", "high"))
    score = exam.score("macro_auc", unseen, p)
    assert score.value == score.low == score.high == 1 and str(score).startswith("macro-AUC 1.000")
    assert "of 3 subjects" in str(score)
    for wrong in (np.log(p), p / p.sum(axis=0), np.full_like(p, 0.5)):
        with pytest.raises(exam.ExamError, match="three probabilities for each window.*softmax"):
            exam.score("macro_auc", unseen, wrong)
    with pytest.raises(exam.ExamError, match="in other company"):
        exam.ask(unseen, lambda eeg, pupil: np.tile(1 / (1 + len(eeg)), (len(eeg), 3)))


def test_a_dead_sensor_gives_nan_and_the_labels_stay(unseen):
    blind, deaf = unseen.without("pupil"), unseen.without("eeg")
    assert np.isnan(blind.pupil).all() and np.isfinite(blind.signals).all()
    assert np.isnan(deaf.signals).all() and np.array_equal(deaf.pupil, unseen.pupil, equal_nan=True)
    assert deaf.signals.shape == unseen.signals.shape and blind.labels is unseen.labels


def test_calibration_finds_the_lines_of_dead_sensors_too():
    lines = calibrate.thresholds(NAME)
    each = {"auc_low", "auc_medium", "auc_high"}
    assert each | {"macro_auc", "macro_auc without pupil", "macro_auc without eeg"} == {*lines}
    assert sum(points for *_, points in lines.values()) == 10


# --- what the test cells compare with ---


@pytest.mark.parametrize("seed", range(3))
def test_aucs_and_their_intervals_are_those_of_scikit_learn(seed):
    d = nets.scored(8, seed=seed, ties=seed == 1)
    wanted = [sk.roc_auc_score(d["levels"] == k, d["probability"][:, k]) for k in range(3)]
    assert np.allclose(nets.aucs(d["levels"], d["probability"]), wanted)
    assert np.allclose(multiclass.auc_per_class(d["levels"], d["probability"]), wanted)
    value, low, high = multiclass.auc_intervals(d["levels"], d["probability"], groups=d["subjects"], n_boot=200)
    assert np.allclose(value, [*wanted, np.mean(wanted)]) and (low < value).all() and (value < high).all()
    rng, drawn = np.random.default_rng(1), []
    for _ in range(80):
        rows = np.concatenate([np.flatnonzero(d["subjects"] == 10 + k) for k in rng.integers(8, size=8)])
        drawn.append([sk.roc_auc_score(d["levels"][rows] == k, d["probability"][rows, k]) for k in range(3)])
    drawn = np.column_stack([drawn, np.mean(drawn, axis=1)])
    for ours, theirs in zip((low, high), np.quantile(drawn, [0.025, 0.975], axis=0), strict=True):
        assert (np.abs(ours - theirs) < 0.35 * (high - low)).all()
    with pytest.raises(ValueError, match="every class"):
        multiclass.auc_per_class(np.zeros(5, int), np.ones((5, 3)))


def test_mistakes_of_auc_and_attention_are_told_apart():
    d = nets.scored(8, seed=5, ties=True)
    hard = nets.aucs(d["levels"], np.eye(3)[d["probability"].argmax(axis=1)])
    assert "decisions" in nets.auc_mistake(hard, d["levels"], d["probability"])
    rng = np.random.default_rng(2)
    q, k, v = rng.standard_normal((3, 4, 8)), rng.standard_normal((3, 5, 8)), rng.standard_normal((3, 5, 6))
    assert nets.attention(q, k, v).shape == (3, 4, 6)
    assert np.allclose(nets.attention(q, k, np.ones((3, 5, 6))), 1), "weights add up to 1"
    for over, said in ((0, "windows of the batch"), (1, "the steps that ask")):
        assert said in nets.attention_mistake(nets.attention(q, k, v, over=over), q, k, v)


@pytest.mark.parametrize("seed", range(4))
def test_measured_people_are_known_by_heart_unless_split_by_subject(seed):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, KFold, cross_val_predict

    d = nets.measured(12, seed=seed, common=0.0, each=6)
    reached = {}
    for name, folds in (("subject", GroupKFold(4)), ("window", KFold(4))):
        whose = d["subjects"] if name == "subject" else None
        p = cross_val_predict(LogisticRegression(max_iter=500), d["features"], d["levels"], groups=whose,
                              cv=folds, method="predict_proba")  # fmt: skip
        reached[name] = nets.aucs(d["levels"], p).mean()
    assert reached["subject"] < 0.75 and reached["window"] > 0.9, reached
