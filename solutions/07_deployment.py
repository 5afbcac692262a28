# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# total: 100
# cell_timeout_s: 300
# total_timeout_s: 1200
# ceiling: {roc_auc: 0.9995}
# ---

# %% [markdown]
# # Assignment 07: the AF network in two frameworks, exported, shrunk and watched
#
# You carry the network of 03 to a device: its weights from PyTorch to Keras, the network to a file that ONNX Runtime runs, its preprocessing into
# that file, the whole to whole numbers of eight bits with LiteRT. You measure what that costs, in bytes, in time and in the quality of its answers,
# and you report what happens on another device than the one it learned from. The lesson `course/07_deployment.ipynb` teaches every step.
#
# **What you need.** The lesson of this number; from 03 the network and its training. PyTorch, Keras, ONNX Runtime and LiteRT as the lesson uses them.
# You may take ideas and lines from the lessons; the point is that you can say why each line is there.
#
# **Time.** About 5 hours of work. One run from top to bottom computes for about two minutes on two CPU cores.
#
# **Data.** One-lead ECG in the form of Zenodo record 15302489, as in 03. Unless you fetched the published recordings
# (`python data_fetch.py af`), they are *simulated*. The training of task 8 says which you have.
#
# | task | points | you define |
# |---|---|---|
# | weights | 10 | `keras_weights` |
# | keras | 12 | `keras_logits` |
# | onnx | 12 | `export_onnx` |
# | whole | 14 | `export_whole` |
# | calibrate | 8 | `choose_calibration` |
# | quantise | 12 | `to_litert` |
# | latency | 6 | `latency_report` |
# | perform | 14 | `deployed` |
# | robust | 12 | a report, read by a person |
#
# **How it works.** Write your answer where the cell says so, run it, then run the test cell below it: it prints a line
# for every check, with the points, and says what it got, what it expected and the likely cause. Test cells call
# only the functions the task names, so inside you may write whatever you like. When your work is graded, the same cells
# run with other networks and other recordings. Tasks 1, 3, 4, 5 and 7 need no answer of another task. Partial points count: nbgrader's *Validate*
# button calls a cell with partial points failed, the points are yours all the same.
#
# **Files travel as bytes.** Where a task asks for a file, return its bytes as an array: `np.frombuffer(the_bytes, np.uint8)`, at most 5 MB. The test
# cell runs the file itself, in a process that can compute and nothing else: it opens no other file and no connection, and it has 1 GB of memory and
# 20 s for each call. So all weights must be in the file, and only operations that the runtime itself brings.

# %% tags=["parameters"]
SOURCE = "auto"  # "auto": real recordings if you fetched them, else simulated; or "real", "simulated"
BUDGET = "default"  # "ci" is quicker, "full" trains longer
SEED = 0

# %% role="locked"
import io

import numpy as np
import torch
from torch import nn

from physiodl import data, deploy, exam
from physiodl.exam import deployment as probe

torch.set_num_threads(min(2, torch.get_num_threads()))  # more threads make a network this small slower, not faster
exam.begin("07_deployment", source=SOURCE, seed=SEED)

# %% [markdown]
# ## The network
#
# `deploy.reference_network(seed)` is the network of 03 in PyTorch, from windows (n, 1, samples) to logits (n, 1). A **state** below is what its
# `state_dict()` holds, as a dict of NumPy arrays: for each block k = 0, 1, 2, 3
#
# - `"blocks.k.0.weight"`: kernels of the convolution (channels out, channels in, 7), no bias; padding 3 on either side; stride 2 in blocks 0 and 1;
# - `"blocks.k.1.weight"`, `"blocks.k.1.bias"`, `"blocks.k.1.running_mean"`, `"blocks.k.1.running_var"`: batch normalisation, with 1e-5 beside the variance
#   (`"blocks.k.1.num_batches_tracked"` is a counter and plays no part);
# - then ReLU and the maximum of every two steps;
#
# and at the end `"out.weight"` (1, 128) and `"out.bias"` (1,): a dense layer over the mean and the maximum over time of the 64 channels, the means first.
# To try your functions: `state = {k: v.numpy() for k, v in deploy.reference_network(0).state_dict().items()}`.

# %% [markdown]
# ## Task 1: weights from PyTorch to Keras (10 points)
#
# Write `keras_weights(state)`: a **list of arrays** in the order and layout in which a Keras model of the same layers holds them
# (`model.get_weights()`): for each block the kernel of the convolution, then gamma, beta, moving mean and moving variance of the batch
# normalisation; at the end kernel and bias of the dense layer. 22 arrays for four blocks; a state may have fewer blocks, and other channels.
#
# - Keras keeps the kernels of a one-dimensional convolution as (7, channels in, channels out), those of a dense layer as (in, out).
# - This task needs NumPy alone.
#
# <details><summary>Hint 1: the idea</summary>The same numbers, in another order of axes: nothing is computed. An array of the right shape can still be wrong,
# as <code>reshape</code> leaves the numbers where they are in memory.</details>
# <details><summary>Hint 2: what to use</summary><code>array.transpose(2, 1, 0)</code>; a loop over blocks as long as
# <code>f"blocks.{k}.0.weight" in state</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>rows += [state[f"blocks.{k}.0.weight"].transpose(2, 1, 0)]</code>, then
# <code>state[f"blocks.{k}.1.{name}"]</code> for <code>name</code> of weight, bias, running_mean, running_var; after the loop
# <code>state["out.weight"].T</code> and <code>state["out.bias"]</code>.</details>

# %% role="answer" task="weights"
def keras_weights(state):
    """The weights of a state as the list of arrays that Keras keeps."""
    ### BEGIN SOLUTION
    rows, k = [], 0
    while f"blocks.{k}.0.weight" in state:
        rows.append(state[f"blocks.{k}.0.weight"].transpose(2, 1, 0))
        rows += [state[f"blocks.{k}.1.{name}"] for name in ("weight", "bias", "running_mean", "running_var")]
        k += 1
    return [*rows, state["out.weight"].T, state["out.bias"]]
    ### END SOLUTION


# %% role="test" task="weights" points=10
# asks: keras_weights
task = exam.task("weights", points=10)
_state = probe.weights(SEED + 11)
_true = probe.true_keras(_state)


def _rows(_found, _like):
    """The list, once it has as many arrays as asked, each of its shape."""
    exam.expect(isinstance(_found, (list, tuple)) and len(_found) == len(_like),
                got=f"{len(_found)} arrays" if isinstance(_found, (list, tuple)) else "no list", expected=f"a list of {len(_like)} arrays",
                cause="num_batches_tracked is no weight in Keras, or an array of a layer is left out")
    return [exam.numbers(_a, shape=_b.shape, what=f"array {_k}") for _k, (_a, _b) in enumerate(zip(_found, _like, strict=True))]


_all = None
with task.check("as many arrays as Keras has, each of its shape", 2, cause="the axes stand as in PyTorch: Keras has (7, channels in, channels out)"):
    _all = _rows(keras_weights(probe.weights(SEED + 11)), _true)
with task.check("kernels of the convolutions", 3, cause="reshape instead of transpose: the shape is right, the numbers are not where they belong"):
    for _k in (0, 5, 10, 15):
        exam.same(exam.given(_all)[_k], _true[_k], what=f"kernel of block {_k // 5}",
                  cause="reshape instead of transpose, or the kernel is turned round in time: neither framework does that")
with task.check("four arrays of each batch normalisation, in their order", 2, cause="gamma, beta, moving mean, moving variance: in that order"):
    for _k in range(4):
        for _j, _name in enumerate(("gamma", "beta", "moving mean", "moving variance"), 1):
            exam.same(exam.given(_all)[5 * _k + _j], _true[5 * _k + _j], what=f"{_name} of block {_k}",
                      cause="the statistics are forgotten or stand in another order; the variance is no standard deviation")
with task.check("the dense layer", 1):
    exam.same(exam.given(_all)[-2], _true[-2], what="kernel of the dense layer")
    exam.same(exam.given(_all)[-1], _true[-1], what="bias of the dense layer")
with task.check("another number of blocks and of channels", 2, cause="four blocks, or their channels, are written into the function"):
    _small = probe.weights(SEED + 12, widths=(5, 7, 3))
    for _a, _b in zip(_rows(keras_weights(_small), probe.true_keras(_small)), probe.true_keras(_small), strict=True):
        exam.same(_a, _b, what="an array of a network of three blocks")
task.points()

# %% [markdown]
# ## Task 2: the same network in Keras (12 points)
#
# Write `keras_logits(state, windows)`: build the network in Keras, give it the weights of a state, and return the logits (n,) for `windows`
# (n, 1, samples) float32, as they are in PyTorch, of any length from 1,500 samples. Keras wants its channels last: (n, samples, 1).
#
# What comes out must equal what PyTorch computes **to 1e-5** of its spread. What differs between the two: which axis holds the channels; what is added to
# the variance in a batch normalisation, unless you say (Keras 1e-3, PyTorch 1e-5); how padding is dealt out where a stride is 2 (`"same"` may put more on
# one side); whether a layer knows that nobody trains.
#
# `keras = deploy.tensorflow().keras` brings Keras without its start-up messages. Call it inside your function, and nobody waits who does not call that.
#
# <details><summary>Hint 1: the idea</summary>Compare layer by layer: run both on one window and find the first layer whose output differs.</details>
# <details><summary>Hint 2: what to use</summary><code>keras.layers.ZeroPadding1D(3)</code> before <code>Conv1D(..., strides=..., use_bias=False)</code>;
# <code>BatchNormalization(epsilon=1e-5)</code>; <code>MaxPooling1D(2)</code>; <code>GlobalAveragePooling1D</code>, <code>GlobalMaxPooling1D</code>,
# <code>Concatenate</code>; <code>model.set_weights(...)</code>; <code>model(x, training=False)</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>h = x = keras.Input((None, 1))</code>; for each block
# <code>h = layers.ZeroPadding1D(3)(h)</code>, <code>h = layers.Conv1D(n_out, 7, strides=s, use_bias=False)(h)</code> and so on;
# <code>model = keras.Model(x, layers.Dense(1)(pooled))</code>; <code>model(windows.transpose(0, 2, 1), training=False).numpy()[:, 0]</code>.</details>

# %% role="answer" task="keras"
def keras_network(state, samples=None):
    """The network of a state in Keras, from (n, samples, 1) to (n, 1). A helper of your own, if you like; task 6 needs one too."""
    ### BEGIN SOLUTION
    keras = deploy.tensorflow().keras
    layers = keras.layers
    rows, k = [], 0
    h = x = keras.Input((samples, 1))
    for k, stride in enumerate((2, 2, 1, 1)):
        kernel = np.asarray(state[f"blocks.{k}.0.weight"])
        h = layers.ZeroPadding1D(3)(h)
        h = layers.Conv1D(kernel.shape[0], 7, strides=stride, use_bias=False)(h)
        h = layers.BatchNormalization(epsilon=1e-5)(h)
        h = layers.MaxPooling1D(2)(layers.ReLU()(h))
        rows.append(kernel.transpose(2, 1, 0))
        rows += [np.asarray(state[f"blocks.{k}.1.{name}"]) for name in ("weight", "bias", "running_mean", "running_var")]
    pooled = layers.Concatenate()([layers.GlobalAveragePooling1D()(h), layers.GlobalMaxPooling1D()(h)])
    net = keras.Model(x, layers.Dense(1)(pooled))
    net.set_weights([*rows, np.asarray(state["out.weight"]).T, np.asarray(state["out.bias"])])
    return net
    ### END SOLUTION


def keras_logits(state, windows):
    """Logits (n,) that the network of a state gives in Keras."""
    ### BEGIN SOLUTION
    return keras_network(state)(np.asarray(windows).transpose(0, 2, 1), training=False).numpy()[:, 0]
    ### END SOLUTION


# %% role="test" task="keras" points=12
# asks: keras_logits
task = exam.task("keras", points=12)
_state, _x = probe.weights(SEED + 21), probe.ecg(6, seed=SEED + 22)
_true = probe.true_logits(_state, _x)
_z = None
with task.check("the logits of the network, roughly", 3, cause="weights in the wrong place, or channels first in layers that have them last"):
    _found = exam.numbers(keras_logits(_state, _x.copy()), shape=(6,), what="logits")
    probe.within(_found, _true, most=0.1, cause="padding \"same\" where a stride is 2, a layer too many or too few, or statistics of batch norm forgotten")
    _z = _found
with task.check("equal to 1e-5", 3, cause="1e-3 beside the variance, as Keras has it unless it is told"):
    probe.within(exam.given(_z), _true, most=1e-5, cause="1e-3 beside the variance, as Keras has it unless it is told: epsilon=1e-5")
with task.check("channels whose variance is small", 2, cause="1e-3 beside the variance, as Keras has it unless it is told"):
    _thin = probe.weights(SEED + 23, variance=(5e-4, 5e-3))
    probe.within(keras_logits(_thin, _x.copy()), probe.true_logits(_thin, _x), most=1e-3, cause="1e-3 beside the variance: epsilon=1e-5")
with task.check("windows of another length", 2, cause="3,000 samples are written into the network, or padding depends on the length"):
    _odd = np.ascontiguousarray(_x[:3, :, :2001])
    probe.within(keras_logits(_state, _odd), probe.true_logits(_state, _odd), most=1e-4,
                 cause="padding \"same\" deals out zeros by the length of the window: ZeroPadding1D(3) does not")
with task.check("a window alone and in company", 2, cause="training=False is missing: the batch's own statistics are used"):
    _loud = np.concatenate([_x[:1], 5 * _x[1:3]])
    probe.within(np.asarray(keras_logits(_state, _loud)), probe.true_logits(_state, _loud), most=1e-4,
                 cause="training=False is missing: the statistics of the batch are used instead of those carried across")
task.points()

# %% [markdown]
# ## Task 3: a file for ONNX Runtime (12 points)
#
# Write `export_onnx(state)`: the network of a state as an ONNX file, an array (bytes,) uint8. One input, float32 windows (n, 1, 3000), **n free**; one output,
# the logits, (n,) or (n, 1). All weights in the file, once: it has about four bytes for each.
#
# <details><summary>Hint 1: the idea</summary>An exporter runs the network once and writes down which operations it sees. What depends on the example stays
# as it was then, unless you say which axis is free.</details>
# <details><summary>Hint 2: what to use</summary><code>net.load_state_dict({k: torch.as_tensor(v) ...})</code>, <code>net.eval()</code>,
# <code>torch.onnx.export(net, (example,), buffer, ...)</code> with an <code>io.BytesIO()</code>; <code>dynamic_axes</code> (or
# <code>dynamic_shapes</code> with <code>dynamo=True</code>) names the free axis; <code>deploy.quiet()</code> keeps the exporter's messages away.</details>
# <details><summary>Hint 3: almost the code</summary><code>torch.onnx.export(net, (torch.zeros(2, 1, 3000),), buffer, dynamo=False, input_names=["x"],
# output_names=["logit"], dynamic_axes={"x": {0: "n"}, "logit": {0: "n"}})</code>, then
# <code>np.frombuffer(buffer.getvalue(), np.uint8)</code>.</details>

# %% role="answer" task="onnx"
### BEGIN SOLUTION
def network_of(state):
    """The network of a state in PyTorch, in evaluation mode."""
    net = deploy.reference_network(0)
    net.load_state_dict({name: torch.as_tensor(np.array(value)) for name, value in state.items()})
    return net.eval()


def onnx_file(net, samples):
    """The bytes of a network for windows (n, 1, samples), n free."""
    buffer = io.BytesIO()
    free = {"x": {0: "n"}, "y": {0: "n"}}
    with deploy.quiet():
        torch.onnx.export(net, (torch.zeros(2, 1, samples),), buffer, dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes=free)
    return np.frombuffer(buffer.getvalue(), np.uint8)
### END SOLUTION


def export_onnx(state):
    """The network of a state as an ONNX file, (bytes,) uint8."""
    ### BEGIN SOLUTION
    return onnx_file(network_of(state), 3000)
    ### END SOLUTION


# %% role="test" task="onnx" points=12
# asks: export_onnx
task = exam.task("onnx", points=12)
_state, _x = probe.weights(SEED + 31), probe.ecg(17, seed=SEED + 32)
_true = probe.true_logits(_state, _x)
_file = None
with task.check("ONNX Runtime runs the file, and it is this network", 5, cause="a fresh network was exported: load the state first"):
    _made = export_onnx(probe.weights(SEED + 31))
    with probe.running(_made, kind="onnx", what="the file of export_onnx") as _run:
        _found = np.concatenate([_run(_x[_k : _k + 1]) for _k in range(len(_x))])
    probe.within(_found, _true, most=1e-4, what="logits of the file",
                 cause="a sigmoid at its end, a fresh network instead of the state's, or batch normalisation that still trains")
    _file = _made
with task.check("any number of windows at a time", 4, cause="the batch is fixed to that of the example: name axis 0 as dynamic"):
    with probe.running(exam.given(_file), kind="onnx", what="the file of export_onnx") as _run:
        for _n in (1, 3, 17):
            probe.within(np.concatenate([_run(_x[:_n]), _true[_n:]]), _true, most=1e-4, what=f"logits of {_n} windows",
                         cause="the batch is fixed to that of the example: name axis 0 as dynamic")
with task.check("no larger than it must be", 3, cause="weights stored twice, or as float64"):
    _most = 4 * probe.learned(_state) + 40_000
    _bytes = exam.given(_file).size
    exam.expect(_bytes <= _most, got=f"{_bytes:,} bytes", expected=f"at most {_most:,}, four for each number and some for the graph",
                cause="weights stored twice or as float64, or things in the file that the network does not need")
task.points()

# %% [markdown]
# ## Task 4: preprocessing inside the file (14 points)
#
# Who runs your file on a device writes the preprocessing anew, in another language, and one small difference ruins the network. So put it
# into the file. Write `export_whole(state, taps)`: an ONNX file, (bytes,) uint8, that takes **raw ECG** (n, 1, 9000) float32, 30 s at 300 Hz in any unit and
# with any offset, n free, and gives the **probability** of AF, (n,) or (n, 1). Inside, for each recording on its own:
#
# 1. subtract its mean;
# 2. filter with `taps` (k,), k odd, a symmetric FIR filter: zeros at both ends, so that sample i of the result sees samples i - (k - 1) / 2 to i + (k - 1) / 2;
# 3. keep every third sample, the first one included: 3,000 at 100 Hz;
# 4. divide by the standard deviation of what is left (over all 3,000, `correction=0`) plus 1e-6;
# 5. the network of the state, and one sigmoid.
#
# <details><summary>Hint 1: the idea</summary>A FIR filter that keeps every third sample is a convolution with stride 3, and PyTorch has that. Make
# a module whose <code>forward</code> does steps 1 to 5 and export it like the network.</details>
# <details><summary>Hint 2: what to use</summary><code>x.mean(dim=-1, keepdim=True)</code>; <code>nn.functional.conv1d(x, taps, stride=3, padding=...)</code> with
# the taps as a buffer of shape (1, 1, k); <code>(y * y).mean(...)</code> for the variance; <code>torch.sigmoid</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>x = x - x.mean(dim=-1, keepdim=True)</code>; <code>y = conv1d(x, self.taps, stride=3, padding=k // 2)</code>;
# <code>y = y / (((y - y.mean(dim=-1, keepdim=True)) ** 2).mean(dim=-1, keepdim=True).sqrt() + 1e-6)</code>;
# <code>return torch.sigmoid(self.net(y))</code>. To try it: <code>signal.firwin(301, (0.5, 40), pass_zero=False, fs=300)</code>.</details>

# %% role="answer" task="whole"
### BEGIN SOLUTION
class Whole(nn.Module):
    """From raw ECG (n, 1, 9000) at 300 Hz to the probability of AF (n, 1)."""

    def __init__(self, net, taps):
        super().__init__()
        self.net = net
        self.register_buffer("taps", torch.as_tensor(np.asarray(taps, np.float32))[None, None])

    def forward(self, x):
        x = x - x.mean(dim=-1, keepdim=True)
        y = nn.functional.conv1d(x, self.taps, stride=3, padding=self.taps.shape[-1] // 2)
        centred = y - y.mean(dim=-1, keepdim=True)
        y = y / ((centred * centred).mean(dim=-1, keepdim=True).sqrt() + 1e-6)
        return torch.sigmoid(self.net(y))
### END SOLUTION


def export_whole(state, taps):
    """An ONNX file (bytes,) uint8 from raw ECG to the probability of AF, preprocessing inside."""
    ### BEGIN SOLUTION
    net = deploy.reference_network(0)
    net.load_state_dict({name: torch.as_tensor(np.array(value)) for name, value in state.items()})
    buffer = io.BytesIO()
    free = {"x": {0: "n"}, "p": {0: "n"}}
    with deploy.quiet():
        torch.onnx.export(Whole(net, taps).eval(), (torch.zeros(2, 1, 9000),), buffer, dynamo=False, input_names=["x"], output_names=["p"], dynamic_axes=free)
    return np.frombuffer(buffer.getvalue(), np.uint8)
    ### END SOLUTION


# %% role="test" task="whole" points=14
# asks: export_whole
task = exam.task("whole", points=14)
_state, _taps, _raw = probe.weights(SEED + 41), probe.taps(SEED + 42), probe.raw_ecg(6, seed=SEED + 43)
_logits = probe.true_logits(_state, probe.prepared(_raw, _taps))
_true = probe.sigmoid(_logits)
_file = None
with task.check("the file takes raw ECG and says what the network says", 4, cause="preprocessing left outside of the file"):
    _made = export_whole(probe.weights(SEED + 41), _taps.copy())
    with probe.running(_made, kind="onnx", what="the file of export_whole") as _run:
        probe.follows(_run(_raw), _true, at_least=0.9, what="probabilities of the file",
                      cause="preprocessing left outside, a spread that is missing or taken over all recordings of a call, or not the state's network")
    _file = _made
with task.check("the probabilities themselves", 4, cause="another order of steps, the taps' own offset, or a sigmoid twice or not at all"):
    with probe.running(exam.given(_file), kind="onnx", what="the file of export_whole") as _run:
        _p = _run(_raw)
    exam.expect(_p.min() >= 0 and _p.max() <= 1, got=f"values from {_p.min():.2f} to {_p.max():.2f}", expected="probabilities",
                cause="the sigmoid is missing: logits come out")
    probe.within(_p, _true, most=1e-2, what="probabilities of the file",
                 cause="a sigmoid twice, another order of steps, or samples 1, 4, 7 kept instead of 0, 3, 6")
with task.check("any unit and any offset", 3, cause="the mean stays in, or the spread is that of the example"):
    with probe.running(exam.given(_file), kind="onnx", what="the file of export_whole") as _run:
        for _gain, _offset in ((1000.0, 0.0), (1.0, 3.0), (0.2, -0.4)):
            probe.within(_run((_gain * _raw + _offset).astype(np.float32)), _true, most=2e-2, what="probabilities at another gain and offset",
                         cause="the mean is not subtracted before the filter, or the recording is not divided by its own spread")
with task.check("each recording on its own, any number at a time", 3, cause="mean or spread over the whole batch, or a fixed batch"):
    _louder = np.concatenate([_raw[:1], 50 * _raw[1:3]]).astype(np.float32)
    with probe.running(exam.given(_file), kind="onnx", what="the file of export_whole") as _run:
        for _n in (1, 3):
            probe.within(np.concatenate([_run(_louder[:_n]), _true[_n:]]), _true, most=2e-2, what="probabilities beside louder recordings",
                         cause="mean or spread taken over all recordings of a call: dim=-1 is missing")
task.points()

# %% [markdown]
# ## Task 5: choose what to calibrate with (8 points)
#
# Full quantisation needs to know how large the numbers in the network get. It finds out by running some windows: the calibration set. Write
# `choose_calibration(windows, labels, train, n, seed)`: **n positions** of windows to calibrate with.
#
# - `windows` (m, 1, samples), some of them **flat** (an electrode fell off): these must not be chosen. `labels` (m,) 0 or 1; `train`: positions of the
#   training windows: **only** these may be chosen, since what is chosen shapes the network. `n` is even.
# - **Half** of them of each class, though one class is rarer. No window twice. `seed` draws them: the same seed gives the same ones, another seed others.
#
# <details><summary>Hint 1: the idea</summary>A calibration set is a small sample of what the device will see. Too narrow, and what is larger is cut off; with
# something in it that never comes, and the few steps of eight bits are spread too thin.</details>
# <details><summary>Hint 2: what to use</summary><code>np.ptp(windows, axis=(1, 2)) &gt; 0</code>; <code>rng.choice(those, n // 2, replace=False)</code> with
# <code>rng = np.random.default_rng(seed)</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>sound = train[np.ptp(windows[train], axis=(1, 2)) &gt; 0]</code>; for each class
# <code>rng.choice(sound[labels[sound] == c], n // 2, replace=False)</code>; concatenate.</details>

# %% role="answer" task="calibrate"
def choose_calibration(windows, labels, train, n, seed):
    """Positions (n,) of windows to calibrate with."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    train = np.asarray(train)
    sound = train[np.ptp(np.asarray(windows)[train], axis=(1, 2)) > 0]
    of = np.asarray(labels)[sound]
    return np.concatenate([rng.choice(sound[of == c], n // 2, replace=False) for c in (0, 1)])
    ### END SOLUTION


# %% role="test" task="calibrate" points=8
# asks: choose_calibration
task = exam.task("calibrate", points=8)
_x, _y, _train = probe.flat_and_sound(300, seed=SEED + 51)
_some = None
with task.check("positions of n windows, none twice", 1, cause="a mask or the windows themselves instead of positions, or drawn with replacement"):
    _found = exam.numbers(choose_calibration(_x.copy(), _y.copy(), _train.copy(), 40, SEED % 1000), shape=(40,), what="positions")
    exam.expect(np.isin(_found, np.arange(300)).all() and len(np.unique(_found)) == 40, got="positions that stand twice, or none of windows",
                expected="40 different ones from 0 to 299")
    _some = _found.astype(int)
with task.check("training windows only", 2, cause="drawn from all windows: validation and test leak into the network"):
    _out = int(np.sum(~np.isin(exam.given(_some), _train)))
    exam.expect(not _out, got=f"{_out} windows that are not for training", expected="none", cause="positions within `train` instead of those in it, or drawn from all")
with task.check("half of each class", 2, cause="drawn without looking at the labels: the rarer class hardly comes"):
    exam.same(_y[exam.given(_some)].sum(), 20, what="windows with label 1 among 40")
with task.check("no flat window", 1, cause="a flat window says nothing of how large the numbers get"):
    exam.expect((np.ptp(_x[exam.given(_some)], axis=(1, 2)) > 0).all(), got="flat windows", expected="none")
with task.check("the seed draws them", 2, cause="the first ones of the list, or the global generator"):
    _again, _other = (exam.numbers(choose_calibration(_x.copy(), _y.copy(), _train.copy(), 40, SEED % 1000 + _d), shape=(40,), what="positions") for _d in (0, 1))
    exam.same(np.sort(_again), np.sort(exam.given(_some)), what="positions, the same seed twice", cause="the global generator is used instead of `seed`")
    exam.expect(set(_other.tolist()) != set(_again.tolist()), got="the same windows for two seeds", expected="others", cause="`seed` is not used")
    exam.expect(len(np.unique(_other)) == 40 and np.isin(_other, _train).all(), got="other than training windows", expected="40 of those")
task.points()

# %% [markdown]
# ## Task 6: eight bits (12 points)
#
# Write `to_litert(state, calibration)`: a dict of two LiteRT files, each an array (bytes,) uint8, from the network in Keras, for windows (1, 3000, 1):
#
# - `"float32"`: the network as it is;
# - `"int8"`: **weights and activations** in whole numbers of eight bits, calibrated with `calibration`, windows (k, 1, 3000) as in PyTorch. Input and
#   output may be float32 or int8: the file says which, and whoever runs it scales accordingly.
#
# Converting only the weights (dynamic range) is not full quantisation: activations stay float32, and a processor without floating point
# cannot run it.
#
# <details><summary>Hint 1: the idea</summary>The converter runs every calibration window and notes the smallest and the largest number behind each layer. What
# you give it must be what the device will see, on the scale on which it will see it.</details>
# <details><summary>Hint 2: what to use</summary><code>tf.lite.TFLiteConverter.from_keras_model</code>; <code>converter.optimizations =
# [tf.lite.Optimize.DEFAULT]</code>, <code>representative_dataset</code> (a function that yields lists of one array),
# <code>target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]</code>; <code>deploy.quiet()</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>def examples(): yield from ([w.T[None]] for w in calibration)</code> with
# <code>w.T[None]</code> of shape (1, 3000, 1); <code>converter.representative_dataset = examples</code>;
# <code>np.frombuffer(converter.convert(), np.uint8)</code>.</details>

# %% role="answer" task="quantise"
def to_litert(state, calibration):
    """The network of a state as two LiteRT files: dict of "float32" and "int8", each (bytes,) uint8."""
    ### BEGIN SOLUTION
    lite, net = deploy.tensorflow().lite, keras_network(state, 3000)

    def examples():
        for window in calibration:
            yield [np.ascontiguousarray(window.T[None], np.float32)]

    files = {}
    with deploy.quiet():
        for name in ("float32", "int8"):
            converter = lite.TFLiteConverter.from_keras_model(net)
            if name == "int8":
                converter.optimizations = [lite.Optimize.DEFAULT]
                converter.representative_dataset = examples
                converter.target_spec.supported_ops = [lite.OpsSet.TFLITE_BUILTINS_INT8]
            files[name] = np.frombuffer(converter.convert(), np.uint8)
    return files
    ### END SOLUTION


# %% role="test" task="quantise" points=12
# asks: to_litert
task = exam.task("quantise", points=12)
_state, _x = probe.weights(SEED + 61), probe.ecg(40, seed=SEED + 62, louder=6.0)
_true = probe.true_logits(_state, _x)
_told = _whole = _small = _right = None
with task.check("LiteRT runs the float32 file, and it is this network", 3, cause="another network, or an output that is not the logit"):
    _told = to_litert(probe.weights(SEED + 61), _x.copy())
    with probe.running(probe.entry(_told, "float32"), kind="litert", what='the file "float32"') as _run:
        probe.within(_run(_x), _true, most=1e-3, what='logits of the file "float32"', cause="weights or padding are not those of PyTorch: see task 2")
    _whole = probe.entry(_told, "float32").size
with task.check("weights and activations in eight bits", 3, cause="only the weights are quantised: give the converter a representative_dataset"):
    exam.given(_whole)
    with probe.running(probe.entry(exam.given(_told), "int8"), kind="litert", what='the file "int8"') as _run:
        _z = _run(_x)
    exam.expect(_run.facts["int8"] >= 12 and _run.facts["float"] <= 4,
                got=f'{_run.facts["int8"]} arrays of int8 and {_run.facts["float"]} of floats in the file "int8"', expected="int8 all through, but for input and output",
                cause="only the weights are quantised, or nothing is: optimizations, representative_dataset and supported_ops")
    _small = _z
with task.check("calibrated with what it will see", 4, cause="calibrated with noise or zeros, or on another scale than the windows"):
    # over 12 seeds: 0.05 to 0.10 calibrated with these windows, 1.1 to 6.3 with noise
    _off = float(np.sqrt(np.mean((exam.given(_small) - _true) ** 2)) / np.std(_true))
    exam.expect(_off <= 0.4, got=f"logits that differ by {_off:.2f} of their spread", expected="at most 0.4",
                cause="calibrated with noise, zeros or scaled windows: what is larger than they are is cut off")
    _right = True
with task.check("less than half of the size", 2, cause="weights still in four bytes"):
    exam.given(_right)
    _bytes = probe.entry(_told, "int8").size
    exam.expect(_bytes <= 0.45 * exam.given(_whole), got=f"{_bytes:,} bytes of {_whole:,}", expected="at most 45 %", cause="weights still in four bytes")
task.points()

# %% [markdown]
# ## Task 7: how long it takes (6 points)
#
# A device has a budget for each window. Write `latency_report(ms, warm_up, budget_ms)`: `ms` (n,) durations of n calls in ms, in the order in which they were
# made; the first `warm_up` of them are not to be counted. Return a dict: `"median"`, `"p95"`, `"p99"` in ms (percentiles with linear interpolation, as
# NumPy has them), `"n"`, the number of calls counted, and `"meets"`, True where 99 of 100 calls stay within the budget: p99 at most `budget_ms`.
#
# A `ValueError` where nothing is left to count.
#
# <details><summary>Hint 1: the idea</summary>The first calls fetch memory and choose how to compute. A mean is pulled up by few slow calls and hides them
# too; a patient waits for the slow ones.</details>
# <details><summary>Hint 2: what to use</summary><code>np.percentile(x, (50, 95, 99))</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>x = np.asarray(ms)[warm_up:]</code>; <code>raise ValueError(...)</code> if it is empty;
# <code>bool(p99 &lt;= budget_ms)</code>.</details>

# %% role="answer" task="latency"
def latency_report(ms, warm_up, budget_ms):
    """Dict of median, p95, p99 (ms), n and meets."""
    ### BEGIN SOLUTION
    x = np.asarray(ms, float)[warm_up:]
    if not len(x):
        raise ValueError(f"got {len(ms)} calls of which {warm_up} are warm-up, expected at least one more")
    median, p95, p99 = (float(v) for v in np.percentile(x, (50, 95, 99)))
    return {"median": median, "p95": p95, "p99": p99, "n": len(x), "meets": bool(p99 <= budget_ms)}
    ### END SOLUTION


# %% role="test" task="latency" points=6
# asks: latency_report
task = exam.task("latency", points=6)
_ms = probe.calls(400, seed=SEED + 71, warm_up=20)
_p = np.percentile(_ms[20:], (50, 95, 99))
_told = None
with task.check("median, p95 and p99 without the warm-up", 3, cause="the first calls are counted, or left out after sorting"):
    _found = latency_report(_ms.copy(), 20, 5.0)
    for _name, _value in zip(("median", "p95", "p99"), _p, strict=True):
        exam.same(probe.entry(_found, _name), _value, what=_name, cause="the first calls are counted, a mean, or calls left out after sorting")
    exam.same(probe.entry(_found, "n"), 380, what="n")
    _told = _found
with task.check("whether p99 stays within the budget", 2, cause="median or p95 compared with the budget: every twentieth call may be late"):
    exam.given(_told)
    for _budget, _fits in ((float(_p[2]) + 0.01, 1), (float(_p[2]) - 0.01, 0), (float(_p[1] + _p[2]) / 2, 0), (100.0, 1)):
        exam.same(probe.entry(latency_report(_ms.copy(), 20, _budget), "meets"), _fits, what=f"meets at a budget of {_budget:.2f} ms, with p99 {_p[2]:.2f} ms")
with task.check("nothing to count", 1, cause="the percentile of nothing is no number: raise ValueError"):
    exam.given(_told)
    try:
        latency_report(_ms[:10].copy(), 10, 5.0)
        _said = "a report"
    except ValueError:
        _said = "ValueError"
    exam.expect(_said == "ValueError", got=_said, expected="a ValueError")
task.points()

# %% [markdown]
# ## Task 8: two files for a device (14 points)
#
# Train the network on the class's recordings, once, outside of the function; `deploy.train_reference(recordings, seed=SEED)` does it as lesson 03 does, and
# returns the network and the split. Better ideas of your own are welcome. Export it, shrink it, and write `deployed()`: a dict of two files,
# each (bytes,) uint8, for windows that `deploy.prepare` has made, (n, 1, 3000) for ONNX and (1, 3000, 1) for LiteRT, giving logits:
#
# - `"full"`: float32, for ONNX Runtime, at most 300,000 bytes;
# - `"small"`: for LiteRT or ONNX Runtime. Its weights take a quarter of the bytes; scales, names and the graph itself come on top, so that the whole file
#   of a network as small as this one is 2.5 times smaller or a little more.
#
# The test cell runs both files on recordings that you have never seen. Points: the ROC AUC of `"full"` (5; none at 0.92, all at 0.96); how little `"small"` loses
# against it (5; all where it loses 0.01 or less, none at 0.03); how small it is (4).
#
# <details><summary>Hint 1: the idea</summary>All parts are there: tasks 2, 3, 5 and 6. Calibrate with training windows, look at the AUC of both files on
# your own test recordings, and if the small one loses much, look at what it was calibrated with.</details>
# <details><summary>Hint 2: what to use</summary><code>data.load("af", source=SOURCE)</code>, <code>deploy.train_reference</code>,
# <code>net.state_dict()</code>, <code>deploy.run_onnx</code> and <code>deploy.run_litert</code> to try the files yourself.</details>
# <details><summary>Hint 3: almost the code</summary><code>state = {k: v.numpy() for k, v in net.state_dict().items()}</code>;
# <code>files = {"full": export_onnx(state), "small": to_litert(state, windows[chosen])["int8"]}</code>;
# and <code>deployed</code> returns <code>files</code>.</details>

# %% role="answer" task="perform"
# train, export and shrink here, once:
### BEGIN SOLUTION
recordings = data.load("af", source=SOURCE)
print("These recordings are SIMULATED." if recordings.source == "simulated" else recordings.citation)
windows = deploy.prepare(recordings.signals, recordings.fs)
trained, split = deploy.train_reference(recordings, seed=SEED, budget="full" if BUDGET == "full" else "default", prepared=windows, progress=False)
trained_state = {name: value.numpy() for name, value in trained.state_dict().items()}
chosen = choose_calibration(windows, recordings.labels, split["train"], 100, SEED)
files = {"full": export_onnx(trained_state), "small": to_litert(trained_state, windows[chosen])["int8"]}
### END SOLUTION


def deployed():
    """Two files for a device: dict of "full" (ONNX, float32) and "small", each (bytes,) uint8."""
    ### BEGIN SOLUTION
    return files
    ### END SOLUTION


# %% role="test" task="perform" points=14
# asks: deployed
task = exam.task("perform", points=14)
_unseen = exam.cohort("af_detection")
_files, _kept = {}, {}


def _file(_name):
    """One of the two files."""
    if not _files:
        _files.update({_n: probe.entry(_found, _n) for _found in [deployed()] for _n in ("full", "small")})
    return _files[_name]


def _auc(_name):
    """ROC AUC of a file on the recordings, run in batches of all sizes."""
    if _name not in _kept:
        with probe.running(_file(_name), kind="onnx" if _name == "full" else None, what=f'the file "{_name}"') as _run:
            _said = exam.ask(_unseen, lambda _s, _hz: probe.sigmoid(_run(deploy.prepare(_s, _hz))))
        _kept[_name] = exam.score("roc_auc", _unseen, _said)
    return _kept[_name]


def _lost():
    """What the small file loses, as a number below zero; only where the full one is worth keeping."""
    exam.expect(_auc("full").value >= 0.8, got='a file "full" that hardly tells AF', expected="a trained network")
    return round(min(0.0, _auc("small").value - _auc("full").value), 4)


def _shrunk():
    """How many times as large the full file is, where the small one still works."""
    _sizes = {_name: len(probe.file_bytes(_file(_name), f'the file "{_name}"')) for _name in ("full", "small")}
    exam.expect(_sizes["full"] <= 300_000, got="a larger one", expected='a file "full" of at most 300,000 bytes')
    exam.expect(_auc("small").value >= 0.8, got='a file "small" that hardly tells AF', expected="the trained network, shrunk")
    return round(_sizes["full"] / _sizes["small"], 2)


task.credit('"full" on recordings never seen', lambda: _auc("full"), floor=0.92, full=0.96, points=5)
task.credit('"small" against "full", difference of the ROC AUC', _lost, floor=-0.03, full=-0.01, points=5,
            cause="calibrated with something else than the windows that come, or a layer that does not bear eight bits")
task.credit('"full" is this many times as large as "small"', _shrunk, floor=1.5, full=2.4, points=4, cause="weights still in two or four bytes")
task.points()

# %% [markdown]
# ## Task 9: a report on other devices (12 points, read by a person)
#
# Your network has learned from one kind of recorder. Take your own test recordings (`split["test"]`), change them as other devices would
# (`deploy.shift`: gain, sampling rate, mains, lead, wander, noise), run **both files** on them, and write a report of 200 to 350 words for the engineer who
# will build the device:
#
# 1. A table: at least four kinds of shift, two amounts each, ROC AUC of both files beside that without a shift, on how many recordings, simulated or not (4 points).
# 2. Which shifts does the preprocessing take away, which not, and why (3 points)?
# 3. Where does the eight-bit file lose more than the float32 one, or why does it not (2 points)?
# 4. What would you change, and how would the device notice by itself that its signals are no longer those it was tested on (3 points)?
#
# <details><summary>Hint 1: the idea</summary>The shift comes first, the preprocessing after it, as on the device.</details>
# <details><summary>Hint 2: what to use</summary><code>deploy.shift(signals, kind=..., amount=..., fs=300, seed=SEED)</code>, then <code>deploy.prepare</code>, then
# <code>deploy.run_onnx(files["full"], windows)</code> and <code>deploy.run_litert(files["small"], windows.transpose(0, 2, 1))</code>;
# <code>physiodl.metrics.roc_auc</code>.</details>
# <details><summary>Hint 3: almost the code</summary>A loop over <code>[("gain", 0.2), ("gain", 5), ("rate", 250), ("rate", 360), ("mains", 0.5), ("mains", 2),
# ("lead", 90), ("lead", 180)]</code> that prints a line for each.</details>

# %% [markdown] role="written" task="robust" points=12
# ### BEGIN SOLUTION
# 1. ROC AUC on 200 test recordings (SIMULATED: nothing here is true of patients), changed first and prepared afterwards:
#
# | shift | float32 | int8 |
# |---|---|---|
# | none | 0.970 | 0.970 |
# | gain 0.2; 5 | 0.970; 0.970 | 0.970; 0.970 |
# | rate 250; 200 Hz, read as 300 | 0.925; 0.725 | 0.925; 0.727 |
# | mains 0.5; 2 standard deviations | 0.966; 0.796 | 0.966; 0.797 |
# | lead 90; 180 degrees | 0.968; 0.978 | 0.967; 0.978 |
# | wander 1; 3 standard deviations | 0.968; 0.958 | 0.968; 0.958 |
# | noise 0.3; 1 standard deviation | 0.965; 0.918 | 0.966; 0.919 |
#
# Differences of about 0.02 are within what 200 recordings can tell.
# 2. Gain goes, because each recording is divided by its own spread. Wander goes in the high-pass, as long as it does not dominate. Mains lies above the band, but a
# filter of second order leaves part of it, and a strong hum then takes up most of the spread by which the ECG is divided. A wrong sampling rate is not taken away: it
# stretches waves and rhythm alike, and no filter knows. The lead hardly matters, since the network was trained with both signs and
# the rhythm looks the same from every side. Muscle noise shares the band of the beats.
# 3. It loses no more, within 0.002: scaling and clipping stand before the file, so the ranges found in calibration hold on every device. A file that took raw
# millivolts would not be so lucky.
# 4. Resample by the rate that the device states, never by assumption; add a notch at 50 or 60 Hz; train with hum and noise. On the device, without labels: power at
# the mains, share of samples at the clipping limit, heart rate and mean probability per day, each against its range in the test before release. Outside of it the
# device says "no answer, check electrodes", and another recorder is tested before it is used.
# ### END SOLUTION
#
# ### BEGIN MARK SCHEME
# - 1 (4 points): four kinds at two amounts, both files (2); the unshifted AUC, n and the source of the recordings beside it (1); the shift comes before the
#   preprocessing and numbers agree with what the files do (1).
# - 2 (3 points): gain is taken away by the scaling, wander and mains by the filter, as far as the band allows (1); a wrong sampling rate
#   changes rate and form and is not taken away (1); lead or sign: why the network bears it or not (training with both signs, rhythm against P waves) (1).
# - 3 (2 points): a comparison of both files under shift (1); a reason: ranges fixed at calibration, scaling and clipping before the file (1).
# - 4 (3 points): a change that fits what was found: augmentation, resampling by the header's rate, a notch (1); a monitor on the device that needs
#   no labels: share of clipped samples, spread, mains power, heart rate or mean of the outputs against those at release (1); what happens
#   then: no answer instead of a wrong one, a new test before another device is used (1).
# ### END MARK SCHEME

# %% [markdown]
# ## Take away
#
# - The same numbers in another framework are the same network only if axes, constants, padding and mode agree; compare outputs, not intentions.
# - A file is what is deployed: test the file, with the preprocessing inside, on recordings it has never seen.
# - Eight bits cost little where the calibration is what the device sees, and everything where it is not.
# - A device notices drift only if somebody wrote down what its signals looked like when it was tested.
#
# **Where next.** Later numbers of the path: choice of architecture, interpretability and validation, and what to do when domains shift.
