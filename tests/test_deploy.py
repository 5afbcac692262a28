"""From a network to a device: files run as they should, are measured as they should, and nobody waits for what he does
not use.
"""

import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from scipy import signal

from physiodl import cohort, data, deploy, ecg, exam

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("tensorflow", "keras", "onnx", "onnxruntime", "onnxscript", "ai_edge_litert")


def in_new_process(code, *args, **env):
    done = subprocess.run(
        [sys.executable, "-c", code, *args], cwd=ROOT, env=dict(os.environ, **env), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done


# ---- who waits for TensorFlow, and who reads what it prints ----------------------------------------------


def test_no_module_of_the_package_imports_a_framework_for_devices():
    names = sorted(path.stem for path in (ROOT / "physiodl").glob("*.py") if path.stem != "__init__")
    code = "import importlib, json, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
    code += f"print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    modules = ["physiodl", "physiodl.exam", *(f"physiodl.{name}" for name in names)]
    assert json.loads(in_new_process(code, *modules).stdout.splitlines()[-1]) == []


MAKE_FILES = """
import sys
import numpy as np
import physiodl            # as every notebook does first
import tensorflow as tf    # as a student may, without deploy
from physiodl import deploy

assert deploy.tensorflow() is tf
tf.keras.utils.set_random_seed(1)
x = h = tf.keras.Input((40, 2))
h = tf.keras.layers.Conv1D(4, 5)(h)
model = tf.keras.Model(x, tf.keras.layers.Dense(1)(tf.keras.layers.GlobalAveragePooling1D()(h)))
batch = np.random.default_rng(0).standard_normal((70, 40, 2)).astype(np.float32)
out = {"x": batch, "y": model(batch, training=False).numpy()}
for kind in ("float32", "int8"):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind == "int8":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([row[None]] for row in batch)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with deploy.quiet():
        out[kind] = np.frombuffer(converter.convert(), np.uint8)
deploy.run_litert(out["float32"].tobytes(), batch[:2])
np.savez(sys.argv[1], **out)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small Keras model as LiteRT files, and all that was printed while it was made; in a process of its own, as
    one that has used TensorFlow cannot be forked any more.
    """
    path = tmp_path_factory.mktemp("lite") / "made.npz"
    done = in_new_process(MAKE_FILES, str(path), OMP_NUM_THREADS="1")
    with np.load(path) as files:
        return {**files, "printed": done.stdout + done.stderr}


def test_nothing_that_tensorflow_prints_reaches_the_reader(made):
    assert made["printed"] == ""


def test_quiet_is_quiet_for_all_and_ends(capfd, caplog):
    with deploy.quiet():
        print("python")
        os.write(1, b"native out\n")
        os.write(2, b"native err\n")
        warnings.warn("a warning", stacklevel=1)
        logging.getLogger("absl").warning("a record")
    with pytest.raises(ZeroDivisionError), deploy.quiet():
        1 / 0  # noqa: B018
    print("after")
    os.write(2, b"after\n")
    assert capfd.readouterr() == ("after\n", "after\n")
    assert not caplog.records
    logging.getLogger("absl").warning("heard again")
    assert [record.message for record in caplog.records] == ["heard again"]


# ---- running files -------------------------------------------------------------------------------------


def onnx_file(batch):
    """y = mean over time of x, for (batch, 1, 5)."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 1, 5])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 1])
    node = helper.make_node("ReduceMean", ["x"], ["y"], axes=[2], keepdims=0)
    graph = helper.make_graph([node], "mean", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.mark.parametrize("batch", ["n", 1, 7])
def test_onnx_files_of_any_batch_answer_in_order(batch):
    x = np.random.default_rng(0).standard_normal((140, 1, 5))
    answer = deploy.run_onnx(onnx_file(batch), x)
    assert answer.shape == (140, 1) and answer.dtype == np.float32
    assert np.allclose(answer, x.mean(axis=2), atol=1e-6)


def test_a_fixed_batch_that_does_not_fit_is_explained():
    with pytest.raises(ValueError, match=r"got 8 recordings, expected a multiple of 7.*fixed batch"):
        deploy.run_onnx(onnx_file(7), np.zeros((8, 1, 5)))


def test_litert_file_answers_as_the_model_it_came_from(made):
    answer = deploy.run_litert(made["float32"].tobytes(), made["x"])
    assert answer.shape == (70, 1) and np.abs(answer - made["y"]).max() < 1e-5


def test_runner_takes_batches_of_changing_size(made):
    call = deploy.litert_runner(made["float32"])  # bytes that travelled as an array are welcome
    for n in (1, 5, 1, 70):
        assert np.abs(call(made["x"][:n]) - made["y"][:n]).max() < 1e-5


def test_integers_are_scaled_by_the_file_s_own_numbers(made):
    """256 steps over the range of the outputs: an error of a few steps, where unscaled integers are off by 100."""
    answer = deploy.run_litert(made["int8"].tobytes(), made["x"])
    step = np.ptp(made["y"]) / 255
    assert answer.dtype == np.float32 and np.abs(answer - made["y"]).max() < 10 * step
    assert np.corrcoef(answer[:, 0], made["y"][:, 0])[0, 1] > 0.99
    far, further = (deploy.run_litert(made["int8"].tobytes(), size * np.sign(made["x"])) for size in (1e3, 1e4))
    assert np.array_equal(far, further)  # cut off at the ends of the range, not wrapped around


def test_input_of_another_shape_is_explained(made):
    with pytest.raises(ValueError, match=r"got an input of shape \(70, 2, 40\), expected \(any, 40, 2\).*transpose"):
        deploy.run_litert(made["float32"].tobytes(), made["x"].transpose(0, 2, 1))
    with pytest.raises(ValueError, match=r"expected \(any, 1, 5\) by the ONNX model; likely windows of another length"):
        deploy.run_onnx(onnx_file("n"), np.zeros((2, 1, 6)))
    with pytest.raises(ValueError, match="no batch axis"):
        deploy.run_onnx(onnx_file("n"), np.zeros((1, 5)))


@pytest.mark.parametrize("run", [deploy.run_onnx, deploy.run_litert])
def test_what_is_no_model_is_explained(run, made, capfd):
    x = np.zeros((1, 1, 5), np.float32)
    wrong = made["float32"].tobytes() if run is deploy.run_onnx else onnx_file("n")
    with pytest.raises(ValueError, match="likely a file of another format"):
        run(wrong, x)
    with pytest.raises(ValueError, match="the runtime says"):
        run((onnx_file("n") if run is deploy.run_onnx else made["float32"].tobytes())[:60], x)
    with pytest.raises(ValueError, match=r"got a str, expected a file in \w+ form, as bytes; likely a path"):
        run("model.onnx", x)
    with pytest.raises(ValueError, match="got 0 bytes"):
        run(b"", x)
    assert capfd.readouterr() == ("", "")


# ---- measuring -----------------------------------------------------------------------------------------


def test_latency_leaves_the_first_calls_out_and_gives_percentiles():
    now, calls = [0.0], []

    def call(x):
        calls.append(x)
        now[0] += 5.0 if len(calls) <= 3 else 0.001 * (len(calls) - 3)  # three slow ones, then 1, 2, ... 100 ms

    took = deploy.latency(call, "x", repeats=100, warm_up=3, clock=lambda: now[0])
    assert calls == ["x"] * 103
    assert took["median_ms"] == pytest.approx(50.5) and took["n"] == 100
    assert took["p95_ms"] == pytest.approx(95.05) and took["p99_ms"] == pytest.approx(99.01)
    with pytest.raises(ValueError, match="expected at least 1"):
        deploy.latency(call, "x", repeats=0)


def test_operations_are_counted_as_by_hand():
    net = torch.nn.Sequential(
        torch.nn.Conv1d(2, 6, 5, stride=2, groups=2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(6 * 8, 3)
    )
    net.train()
    assert deploy.macs(net, (2, 20)) == 6 * 8 * 5 * 1 + 48 * 3  # channels out, steps, kernel, channels in per group
    assert net.training


# ---- other devices -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def heart():
    """Plain beats for 20 s at 300 Hz with 5 s of padding, (1, 1, 7500): P, QRS and T as bells."""
    t, row = np.arange(6000) / 300, np.zeros((1, 1, 7500), np.float32)
    row[0, 0, :6000] = 0.01  # nothing of the recording is zero, and all of the padding
    for beat in np.cumsum(np.random.default_rng(3).uniform(0.7, 1.0, 22)):
        for height, after_s, width_s in ((0.12, -0.16, 0.02), (1.0, 0.0, 0.012), (0.25, 0.28, 0.05)):
            row[0, 0, :6000] += height * np.exp(-0.5 * ((t - beat - after_s) / width_s) ** 2)
    return row


def beats(x):
    return signal.find_peaks(np.abs(x), height=0.6 * np.abs(x).max(), distance=90)[0]


def changed(heart, kind, amount, seed=0):
    return deploy.shift(heart, kind=kind, amount=amount, fs=300.0, seed=seed)


@pytest.mark.parametrize("kind", [kind for kind in deploy.SHIFTS if kind != "rate"])
def test_padding_stays_padding_and_the_seed_decides(heart, kind):
    one = changed(heart, kind, 0.5)
    assert one.shape == heart.shape and one.dtype == np.float32 and not one[..., 6000:].any()
    assert np.array_equal(one, changed(heart, kind, 0.5)) and not np.allclose(one, heart)
    if kind in ("mains", "wander", "noise"):
        assert not np.allclose(one, changed(heart, kind, 0.5, seed=1))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("kind", "low", "high"), [("mains", 45, 155), ("wander", 0.05, 0.6), ("noise", 10, 150)])
def test_what_is_added_has_its_size_and_its_band(heart, kind, low, high, seed):
    added = (changed(heart, kind, 0.5, seed) - heart)[0, 0, :6000]
    assert added.std() == pytest.approx(0.5 * heart[0, 0, :6000].std(), rel=0.02)
    power, hz = np.abs(np.fft.rfft(added - added.mean())) ** 2, np.fft.rfftfreq(6000, 1 / 300)
    assert power[(hz >= low) & (hz <= high)].sum() > 0.95 * power.sum()


def test_gain_and_a_lead_upside_down(heart):
    assert np.allclose(changed(heart, "gain", 3.0), 3 * heart, atol=1e-6)
    assert np.allclose(changed(heart, "lead", 180.0), -heart, atol=1e-5)
    assert np.allclose(changed(heart, "lead", 0.0), heart, atol=1e-6)


def test_a_turned_lead_keeps_the_rhythm_and_not_the_form(heart):
    turned = changed(heart, "lead", 60.0)
    before, after = (beats(x[0, 0, :6000]) for x in (heart, turned))
    assert len(before) == len(after) and np.abs(np.diff(before) - np.diff(after)).max() <= 0.04 * 300
    assert np.corrcoef(heart[0, 0, :6000], turned[0, 0, :6000])[0, 1] < 0.8


def test_a_wrong_rate_changes_the_heart_rate_by_its_share(heart):
    for rate in (250.0, 360.0):
        row = changed(heart, "rate", rate)
        assert ecg.true_lengths(row)[0] == pytest.approx(min(7500, 6000 * rate / 300), abs=2)
        before, after = (np.diff(beats(x[0, 0, :5000])).mean() for x in (heart, row))
        assert after == pytest.approx(before * rate / 300, rel=0.03)


def test_unknown_shifts_are_explained(heart):
    with pytest.raises(ValueError, match="got kind 'colour', expected one of gain, rate"):
        changed(heart, "colour", 1.0)
    with pytest.raises(ValueError, match="above 0 Hz"):
        changed(heart, "rate", 0.0)
    with pytest.raises(ValueError, match=r"expected \(n, 1, samples\)"):
        changed(heart[0], "gain", 1.0)


# ---- the reference network -----------------------------------------------------------------------------


def test_windows_do_not_know_the_gain_nor_the_neighbours():
    x, _ = exam.examples("af_detection", n=4, seed=1)
    one = deploy.prepare(x, 300.0)
    assert one.shape == (4, 1, 3000) and one.dtype == np.float32 and np.abs(one).max() <= 6
    assert np.allclose(deploy.prepare(40 * x[2:3], 300.0)[0], one[2], atol=1e-3)
    assert not deploy.prepare(np.zeros((1, 1, 9000)), 300.0).any()


def test_the_seed_draws_the_weights_and_the_global_generator_stays():
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    one, same, other = (deploy.reference_network(seed).out.weight for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert deploy.reference_network(0)(torch.zeros(3, 1, 1500)).shape == (3, 1)


def plain_cohort(n):
    """Recordings in which AF is plain."""
    x, y = exam.plain_examples(n=n, seed=4)
    return cohort.Cohort("plain", x, y, None, 300.0, ("normal", "AF"), ("lead I",), "simulated", "", "")


def test_training_learns_and_leaves_the_global_generator_alone():
    plain = plain_cohort(60)
    state = torch.random.get_rng_state()
    windows = deploy.prepare(plain.signals, 300.0)
    net, split = deploy.train_reference(plain, seed=0, budget="default", prepared=windows, progress=False)
    assert torch.equal(state, torch.random.get_rng_state())
    logits, y = deploy.logits_of(net, windows)[split["test"]], plain.labels[split["test"]]
    assert np.mean(logits[y == 1][:, None] > logits[y == 0]) > 0.9
    assert sorted(np.concatenate(list(split.values()))) == list(range(60)) and not net.training


@pytest.fixture
def pairs(monkeypatch):
    """Recordings in pairs of near-duplicates, as a cohort, and short windows of noise for them."""
    groups = np.arange(60) // 2
    monkeypatch.setattr(data, "groups", lambda _: groups)
    signals = np.zeros((60, 1, 10), np.float32)
    made = cohort.Cohort("pairs", signals, groups % 2, None, 300.0, ("normal", "AF"), ("I",), "simulated", "", "")
    return made, groups, np.random.default_rng(0).standard_normal((60, 1, 200)).astype(np.float32)


def test_near_duplicates_are_kept_together_and_the_seed_alone_decides(pairs):
    made, groups, windows = pairs
    runs = []
    for seed, state in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(state)
        net, split = deploy.train_reference(made, seed=seed, budget="ci", prepared=windows, progress=False)
        runs.append(deploy.logits_of(net, windows))
        sides = [set(groups[index]) for index in split.values()]
        assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    assert np.array_equal(runs[0], runs[1]) and not np.allclose(runs[0], runs[2])


def test_training_can_go_on_from_a_network_and_leaves_it_as_it_is(pairs):
    made, _, windows = pairs
    start = deploy.reference_network(3)
    before, given = deploy.logits_of(start, windows), []
    other, _ = deploy.train_reference(
        made, seed=0, prepared=windows, start=start, epochs=1, augment=lambda x, g: given.append(x) or x, progress=False
    )
    assert np.array_equal(before, deploy.logits_of(start, windows))
    assert 0 < np.abs(deploy.logits_of(other, windows) - before).max()
    assert sum(map(len, given)) == 36


def test_an_unknown_budget_is_explained(pairs):
    with pytest.raises(ValueError, match="got budget 'much', expected one of ci, default, full"):
        deploy.train_reference(pairs[0], seed=0, budget="much")
