# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 07 · Two frameworks and the edge: from a trained network to a device
#
# A network that tells atrial fibrillation from normal rhythm is worth nothing while it lives in a notebook. You will carry
# the one of lesson 03 from PyTorch to Keras without changing a single answer, write it into a file that needs neither of
# them, make the file four times smaller, and measure what that costs: in time, in memory, in AF that is missed. And you
# will see what becomes of it when the recordings come from another device.
#
# **What you will learn**
#
# - the same network in PyTorch and in Keras, side by side, and where they differ in silence;
# - export to ONNX and to LiteRT (TFLite), with a batch of any size, and with the preprocessing inside;
# - quantisation: 16-bit floats, 8-bit weights, 8-bit everything; what calibration is, how it ruins a model, how to notice
#   and how to mend it;
# - measuring size, latency, memory and operations, and a budget for a wearable;
# - drift between devices: gain, sampling rate, mains, lead; what normalisation and augmentation answer, and how to notice
#   drift where there are no labels.
#
# **What you need.** Lesson 03: the network, its windows, ROC AUC. From 02: filters. Keras and TensorFlow are explained here.
#
# **Time.** Reading 2 hours; computing 1 to 2 minutes on one CPU core (about 4 with `BUDGET = "full"`).
#
# **Data.** One-lead ECG in the form of [Zenodo record 15302489](https://zenodo.org/records/15302489), as in lesson 03.
# Unless you have fetched it (`python data_fetch.py af` in a terminal), the recordings are **simulated**: made by formulas,
# not from people. The text holds for both; numbers are those of your run, and times are those of your machine.

# %% tags=["parameters"]
SOURCE = "auto"  # "auto": real recordings if they were fetched, else simulated; or "real", "simulated"
BUDGET = "default"  # "ci": quicker, rougher; "full": longer training, more measurements
SEED = 0

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import display
from scipy import signal
from torch import nn

from physiodl import data, deploy, ecg, metrics, plots

torch.set_num_threads(1)  # so small a network gains nothing from more, and a device has one core to spare
FEW = BUDGET == "ci"
REPEATS = {"ci": 60, "default": 300, "full": 1000}[BUDGET]

recordings = data.load("af", source=SOURCE)
simulated = recordings.source == "simulated"
label = "SIMULATED ECG, not from people" if simulated else recordings.citation
print(recordings)
print(label)

# %% [markdown]
# ## 1 · The network, once more
#
# `deploy.reference_network` builds what lesson 03 built: four blocks of convolution, batch normalisation, ReLU and pooling,
# the mean and the maximum over time, one linear layer. `deploy.prepare` makes its windows (band-pass 0.5 to 40 Hz, 100 Hz,
# 30 s, divided by the standard deviation of the recording, clipped at six of them), and `deploy.train_reference` trains it:
# no weights come with the course. The test recordings stay out of everything until they are needed to judge.

# %%
windows = deploy.prepare(recordings.signals, recordings.fs)  # (n, 1, 3000)
labels = recordings.labels
net, split = deploy.train_reference(recordings, seed=SEED, budget=BUDGET, prepared=windows)
test = split["test"]


def auc(logits, index=test):
    return metrics.roc_auc(labels[index], np.ravel(logits))


torch_logits = deploy.logits_of(net, windows[test])
value, low, high = metrics.bootstrap_interval(metrics.roc_auc, labels[test], torch_logits, seed=SEED)
print(f"test set of {len(test)} recordings: ROC AUC {value:.3f} (95 % interval {low:.3f} to {high:.3f})")
print(f"{sum(p.numel() for p in net.parameters()):,} parameters, {deploy.macs(net, (1, 3000)) / 1e6:.1f} million multiplications per window")

# %% [markdown]
# Keep that interval in mind. With so few recordings nobody can say whether a model that scores 0.005 less is worse. But that
# is not our question. We compare one network with *itself* in another form, recording by recording, and there much
# smaller differences can be seen.
#
# ## 2 · The same network in Keras
#
# Why two frameworks? Because the device decides. Tools for small processors grew around TensorFlow and its Keras, research
# grew around PyTorch, and sooner or later you carry a network across. Here are the two, line by line:
#
# | | PyTorch | Keras |
# |---|---|---|
# | a batch of ECG | (recordings, **channels**, samples) | (recordings, samples, **channels**) |
# | convolution | `nn.Conv1d(16, 32, 7, stride=2, padding=3)` | `layers.ZeroPadding1D(3)`, `layers.Conv1D(32, 7, strides=2)` |
# | its weights | (out, in, kernel) | (kernel, in, out) |
# | batch normalisation | `nn.BatchNorm1d(32)`: epsilon 1e-5, momentum 0.1 | `layers.BatchNormalization()`: epsilon **1e-3**, momentum **0.99** |
# | dense layer | `nn.Linear(128, 1)`: weights (out, in) | `layers.Dense(1)`: weights (in, out) |
# | first weights | uniform, bound $1/\sqrt{n_{in}}$ | uniform (Glorot), bound $\sqrt{6/(n_{in}+n_{out})}$; biases 0 |
# | training or not | `net.train()`, `net.eval()` | `model(x, training=True)`, `model(x, training=False)` |
#
# TensorFlow takes some seconds to import, so it is imported here and nowhere before. `deploy.tensorflow()` is
# `import tensorflow` without the page of messages that comes with it.

# %%
tf = deploy.tensorflow()
keras, layers = tf.keras, tf.keras.layers


def keras_network(padding="as PyTorch", epsilon=1e-5):
    """The four blocks in Keras: (n, 3000, 1) to logits (n, 1)."""
    x = h = keras.Input((3000, 1))
    for filters, stride in ((16, 2), (32, 2), (48, 1), (64, 1)):
        if padding == "as PyTorch":
            h = layers.ZeroPadding1D(3)(h)
        h = layers.Conv1D(filters, 7, strides=stride, padding="valid" if padding == "as PyTorch" else "same", use_bias=False)(h)
        h = layers.BatchNormalization(momentum=0.9, epsilon=epsilon)(h)
        h = layers.ReLU()(h)
        h = layers.MaxPooling1D(2)(h)
    pooled = layers.Concatenate()([layers.GlobalAveragePooling1D()(h), layers.GlobalMaxPooling1D()(h)])
    return keras.Model(x, layers.Dense(1)(layers.Dropout(0.3)(pooled)))


def carry(net, model, statistics=True):
    """Put the weights of the PyTorch network into the Keras model."""
    kind = {name: [each for each in model.layers if isinstance(each, getattr(layers, name))]
            for name in ("Conv1D", "BatchNormalization", "Dense")}
    for block, conv, norm in zip(net.blocks, kind["Conv1D"], kind["BatchNormalization"], strict=True):
        conv.set_weights([block[0].weight.detach().numpy().transpose(2, 1, 0)])  # (out, in, kernel) to (kernel, in, out)
        one = block[1]
        mean, variance = (one.running_mean, one.running_var) if statistics else (torch.zeros(len(one.bias)), torch.ones(len(one.bias)))
        norm.set_weights([each.detach().numpy() for each in (one.weight, one.bias, mean, variance)])
    kind["Dense"][0].set_weights([net.out.weight.detach().numpy().T, net.out.bias.detach().numpy()])
    return model


def channels_last(x):
    return np.ascontiguousarray(np.asarray(x, np.float32).transpose(0, 2, 1))


model = carry(net, keras_network())
keras_logits = model(channels_last(windows[test]), training=False).numpy()[:, 0]
print(f"largest difference between the two in {len(test)} logits: {np.abs(keras_logits - torch_logits).max():.1e}")

# %% [markdown]
# That is what 32-bit arithmetic leaves when numbers are added in another order: **a millionth or a few**. We ask for 1e-5, and
# that is the test of a port; there is no milder one. "AUC is the same" is no test: a port with a mistake in it often has nearly the same AUC
# on the recordings at hand, and another one elsewhere.
#
# ### Where do two networks part company?
#
# When the logits differ, do not stare at the logits. Compare **block by block**: the first block that differs holds
# the mistake. Here are four classics, each of which runs without an error:
#
# - **padding "same"**: with a stride of 2 Keras pads 2 zeros on the left and 3 on the right, PyTorch 3 and 3. The whole
#   network looks at the samples in between;
# - **epsilon**: left at its default, one hundred times larger;
# - **statistics forgotten**: weights were carried over, the mean and variance that batch normalisation remembers were not:
#   they are no "parameters", and whoever loops over `net.parameters()` misses them;
# - **the kernel backwards**: somebody remembered that a convolution flips its kernel. In both frameworks it does not.

# %%
def torch_blocks(net, x):
    """What comes out of each block, and the logit: a list of arrays, channels last."""
    outs, h = [], torch.as_tensor(x)
    with torch.no_grad():
        for one in net.eval().blocks:
            h = one(h)
            outs.append(channels_last(h))
        return [*outs, net(torch.as_tensor(x)).numpy()]


def keras_blocks(model, x):
    taps = [each.output for each in model.layers if isinstance(each, layers.MaxPooling1D)]
    return [each.numpy() for each in keras.Model(model.input, [*taps, model.output])(channels_last(x), training=False)]


flipped = carry(net, keras_network())
for each in flipped.layers:
    if isinstance(each, layers.Conv1D):
        each.set_weights([each.get_weights()[0][::-1]])
ports = {
    "right": model,
    "epsilon 1e-3": carry(net, keras_network(epsilon=1e-3)),
    'padding "same"': carry(net, keras_network(padding="same")),
    "kernel backwards": flipped,
    "statistics forgotten": carry(net, keras_network(), statistics=False),
}
some = windows[test[:16]]
truth = torch_blocks(net, some)
fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
for (name, port), marker in zip(ports.items(), "os^vD", strict=True):
    error = [np.sqrt(np.mean((a - b) ** 2) / np.mean(b**2)) for a, b in zip(keras_blocks(port, some), truth, strict=True)]
    ax.semilogy(range(5), error, marker=marker, label=f"{name}: AUC {auc(port(channels_last(windows[test]), training=False)):.3f}")
ax.axhspan(1e-8, 1e-5, color=plots.BLUE, alpha=0.1)
ax.set_xticks(range(5), ["block 1", "block 2", "block 3", "block 4", "logit"])
ax.set(ylabel="difference to PyTorch\n(RMS, as a share of the output)", ylim=(1e-8, 30))
ax.set_title(f"five ports of one network  ({label})", fontsize=9)
ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# Read the legend: which of the mistakes would you have found by looking at the AUC? And which by looking at the first block?
#
# ### What differs before and during training
#
# A carried network no longer cares how it was initialised. One that you train anew in Keras does, and a recipe that was
# tuned in one framework may fail in the other, for two reasons that no error tells of.
#
# **Momentum** of batch normalisation means opposite things. PyTorch: `new = 0.9 * old + 0.1 * batch` is momentum 0.1. Keras
# calls the same 0.9, and its default is 0.99: after 40 batches the remembered mean has gone a third of its way, and a
# short training ends with a network that is good in training mode and poor in evaluation mode.

# %%
steps = np.arange(0, 201)
fig, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
for momentum, name, colour in ((0.9, "PyTorch's default: 0.9 in Keras' terms", plots.BLUE), (0.99, "Keras' default: 0.99", plots.ORANGE)):
    axes[0].plot(steps, 1 - momentum**steps, color=colour, label=name)
axes[0].set(xlabel="batches seen", ylabel="remembered mean\n(share of the true one)", ylim=(0, 1.05))
axes[0].legend(fontsize=8)
fresh_torch = deploy.reference_network(SEED).blocks[1][0].weight.detach().numpy().ravel()
keras.utils.set_random_seed(SEED)
fresh_keras = np.ravel([each for each in keras_network().layers if isinstance(each, layers.Conv1D)][1].get_weights()[0])
for weights, name, colour in ((fresh_torch, "PyTorch", plots.BLUE), (fresh_keras, "Keras", plots.ORANGE)):
    axes[1].hist(weights, bins=np.linspace(-0.16, 0.16, 41), alpha=0.6, color=colour, label=f"{name}: up to {np.abs(weights).max():.3f}")
axes[1].set(xlabel="first weights of block 2", ylabel="number of weights")
axes[1].legend(fontsize=8)
plt.show()

with torch.no_grad():
    trained_on = copy.deepcopy(net).train()(torch.as_tensor(some)).numpy()[:, 0]
print(f"PyTorch in training mode: the logit differs from evaluation mode by up to {np.abs(trained_on - truth[-1][:, 0]).max():.2f};")
mode_off, mode_on = (carry(net, keras_network())(channels_last(some), training=mode).numpy()[:, 0] for mode in (False, True))
print(f"Keras: by up to {np.abs(mode_on - mode_off).max():.2f}. A forgotten flag raises no error in either.")

# %% [markdown]
# <details><summary>Question: why did the cell run training mode on a <i>copy</i> of the network, although nothing was trained
# and <code>torch.no_grad()</code> stood above it?</summary> A pass in training mode moves the mean and the variance that
# batch normalisation remembers. <code>no_grad</code> stops gradients, not that. One forward pass with the wrong flag, and the
# network is no longer the one you examined.</details>
#
# ## 3 · A file that needs no framework
#
# On the device there is neither Python nor PyTorch. There is a *runtime*: a small program that reads a file with the network
# as a list of operations and their weights. Two forms are common:
#
# - **ONNX**, read by ONNX Runtime (phones, servers, laptops), TensorRT (graphics processors) and many others;
# - **LiteRT**, which was called TensorFlow Lite until 2024, and whose files still end in `.tflite`: phones, single-board
#   computers and, in its version for microcontrollers, chips with some hundred kilobytes of memory.
#
# PyTorch writes ONNX by itself: it runs the network once on an example and notes which operations happen. What depends on the
# example must be said, above all that the **batch** may have any size; otherwise the file may be good for two
# recordings at a time, and for nothing else. Keras models go to LiteRT through a converter. Both exporters print pages;
# `deploy.quiet()` keeps them from the notebook.

# %%
def to_onnx(net, example, dynamic=True):
    """A PyTorch network as the bytes of an ONNX file; `example` holds at least two recordings."""
    free = ({0: torch.export.Dim("batch")},) if dynamic else None
    with deploy.quiet():
        program = torch.onnx.export(net.eval(), (torch.as_tensor(example),), dynamo=True, dynamic_shapes=free,
                                    input_names=["ecg"], output_names=["logit"], verbose=False)
    return program.model_proto.SerializeToString()


def to_litert(model, kind="float32", calibration=None):
    """A Keras model as the bytes of a LiteRT file: "float32", "float16", "dynamic" or "int8" (section 5)."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        converter.representative_dataset = lambda: ([window[None]] for window in calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with deploy.quiet():
        return converter.convert()


onnx_file, lite_file = to_onnx(net, windows[:2]), to_litert(model)
for name, logits in (("ONNX Runtime", deploy.run_onnx(onnx_file, windows[test])),
                     ("LiteRT", deploy.run_litert(lite_file, channels_last(windows[test])))):
    print(f"{name:13s} differs from PyTorch by at most {np.abs(logits[:, 0] - torch_logits).max():.1e}")
print(f"ONNX {deploy.size_kb(onnx_file):.0f} kB, LiteRT {deploy.size_kb(lite_file):.0f} kB, parameters alone "
      f"{4 * sum(p.numel() for p in net.parameters()) / 1000:.0f} kB")

try:
    deploy.run_onnx(to_onnx(net, windows[:2], dynamic=False), windows[:3])
except ValueError as error:
    print("\nexported without a dynamic batch:", error)

# %% [markdown]
# Look into the files. An ONNX file is a list of nodes; here they are, counted, beside the layers that they came from:

# %%
import onnx

graph = onnx.load_from_string(onnx_file).graph
nodes = pd.Series([node.op_type for node in graph.node]).value_counts()
print("layers:", ", ".join(f"{n} {name}" for name, n in pd.Series([type(m).__name__ for m in net.modules() if not list(m.children())]).value_counts().items()))
print("ONNX:  ", ", ".join(f"{n} {name}" for name, n in nodes.items()))
print("input  ", graph.input[0].name, [d.dim_param or d.dim_value for d in graph.input[0].type.tensor_type.shape.dim])

# %% [markdown]
# Batch normalisation and dropout are gone. In evaluation mode batch normalisation multiplies each channel by a number and
# adds another, and so does the convolution before it: the exporter **folds** one into the other. Dropout does nothing in
# evaluation mode. A file exported in training mode would hold both.
#
# ## 4 · The preprocessing belongs into the file
#
# What you exported so far expects prepared windows. Somebody will have to write `prepare` again, in C, for the
# device, from a description; and every difference between the two (another filter, another resampler, the mean instead of the
# median) reaches the network as a recording from a world it does not know. Whatever can be an operation of the network should
# be one. A filter *is* a convolution, going from 300 to 100 Hz is a stride of 3, a moving mean is a pooling:

# %%
class FromRaw(nn.Module):
    """Raw ECG at 300 Hz, (n, 1, 9000), padded with zeros at the end, to the logit: the preprocessing is part of it."""

    def __init__(self, net):
        super().__init__()
        low_pass = signal.firwin(61, 40, fs=300).astype(np.float32)  # 61 samples long; above 40 Hz little is left
        self.register_buffer("low_pass", torch.as_tensor(low_pass)[None, None])
        self.net = net

    def windows(self, raw):
        there = (raw[:, :, ::3] != 0).float()  # 1 where there is signal, 0 in the padding
        x = nn.functional.conv1d(raw, self.low_pass, stride=3, padding=30)
        x = (x - nn.functional.avg_pool1d(x, 101, stride=1, padding=50, count_include_pad=False)) * there  # minus the mean of 1 s
        spread = torch.sqrt((x**2).sum(-1, keepdim=True) / there.sum(-1, keepdim=True).clamp(min=1))
        return torch.clamp(x / (spread + 1e-6), -6, 6)

    def forward(self, raw):
        return self.net(self.windows(raw))


raw = recordings.signals[:, :, :9000]
whole = FromRaw(net)
whole_file = to_onnx(whole, raw[:2])
whole_logits = deploy.run_onnx(whole_file, raw[test])[:, 0]
inside = whole.windows(torch.as_tensor(raw[test])).numpy()
alike = [np.corrcoef(a[0], b[0])[0, 1] for a, b in zip(inside, windows[test], strict=True)]
print(f"windows of the two preparations: median correlation {np.median(alike):.3f}, lowest {np.min(alike):.3f}")
print(f"AUC {auc(torch_logits):.3f} with SciPy's windows, {auc(whole_logits):.3f} with those made inside the file")
print(f"one file of {deploy.size_kb(whole_file):.0f} kB that takes raw samples, at any gain:",
      f"logits change by {np.abs(deploy.run_onnx(whole_file, 40 * raw[test] )[:, 0] - whole_logits).max():.1e} at 40 times the gain")

k = test[int(np.argsort(alike)[len(alike) // 2])]
place = int(np.flatnonzero(test == k)[0])
fig, axes = plt.subplots(2, 1, figsize=(11, 3.8), layout="constrained")
plots.ecg_strip(windows[k, 0], 100, start_s=2, seconds=8, ax=axes[0], unit="SD", title=f"SciPy: band-pass, forwards and backwards  ({label})")
plots.ecg_strip(inside[place, 0], 100, start_s=2, seconds=8, ax=axes[1], unit="SD", title="inside the file: convolution, stride, moving mean")
plt.show()

# %% [markdown]
# The two are alike but not the same: the moving mean also takes some of the slow T wave. Whether that matters is not a question of
# taste; the AUC above says it. In earnest one would now train the network **on the windows that the file itself makes**
# (`deploy.train_reference(..., prepared=...)` takes them), so that there is no difference left. And what is inside the
# file is exported, versioned and tested with it.
#
# ## 5 · Fewer bits
#
# A weight takes 32 bits. Does it need them? **Quantisation** writes numbers with fewer:
#
# | | weights | what is computed with | needs recordings? |
# |---|---|---|---|
# | **float16** | 16-bit floats, 3 decimal places | floats | no |
# | **dynamic** range | 8-bit integers | integers where it pays, converted to and fro while running | no |
# | full **int8** | 8-bit integers | 8-bit integers all the way, input and output too | yes: to *calibrate* |
#
# An 8-bit integer $q$ stands for the number $s\,(q - z)$: 256 steps of size $s$, the zero of which lies at $z$. For weights the
# largest one is known, so $s$ is. For what flows *between* layers it is not: the converter lets some recordings through, the
# **calibration set**, notes the smallest and the largest number in each place, and spreads the 256 steps between them. What
# lies outside later is cut off. What lies inside is rounded to the next step.

# %%
rng = np.random.default_rng(SEED)
calibration = channels_last(windows[rng.permutation(split["train"])[: 24 if FEW else 60]])  # the test set stays unseen
kinds = {kind: to_litert(model, kind, calibration) for kind in ("float32", "float16", "dynamic", "int8")}
x_test = channels_last(windows[test])
forms = {"PyTorch": torch_logits, "ONNX": deploy.run_onnx(onnx_file, windows[test])[:, 0]}
forms |= {f"LiteRT {kind}": deploy.run_litert(file, x_test)[:, 0] for kind, file in kinds.items()}
sizes = {"PyTorch": np.nan, "ONNX": deploy.size_kb(onnx_file)} | {f"LiteRT {kind}": deploy.size_kb(file) for kind, file in kinds.items()}


def changed(logits, reference=torch_logits):
    """Against the same network before: largest change of a logit, and how many recordings change sides at 0."""
    return np.abs(logits - reference).max(), int(np.sum((logits > 0) != (reference > 0)))


table = pd.DataFrame({name: {"kB": sizes[name], "ROC AUC": auc(logits), "largest change of a logit": changed(logits)[0],
                             "decisions changed": changed(logits)[1]} for name, logits in forms.items()}).T
display(table.style.format({"kB": "{:.0f}", "ROC AUC": "{:.3f}", "largest change of a logit": "{:.1g}", "decisions changed": "{:.0f}"}, na_rep="-")
        .set_caption(f"{len(test)} test recordings, {label}"))

# %% [markdown]
# The largest change under int8 is where a logit leaves the range that the calibration set had; which side of the threshold a
# recording is on hardly changes. So eight bits are enough? Here, with this calibration set, for this network: yes. A published
# 12-lead ECG network was converted in the same four ways. As float32, float16 and dynamic it kept its AUC of 0.893; as full int8 it
# fell to **0.513**, a coin (conference BSN 2025). What happens in such a case, and how would you notice? A converter gives no error.
#
# ## 6 · How eight bits ruin a model
#
# Take the input. Our windows reach from -6 to 6 standard deviations, so a step is 12/256 = 0.047. A P wave may be 0.3 high:
# six steps. Now let there be *one* recording in the calibration set in which an electrode came off and the amplifier ran into its
# stops (and somebody forgot to clip). The 256 steps now reach from -100 to 100, a step is 0.8, and the P wave is **rounded away**
# before the first layer. The QRS complex stays: what is left is the rhythm.
#
# Or calibrate on recordings as they come from a converter, in steps of some thousand, not on what `prepare` makes of them: now the
# whole heartbeat is smaller than a step. Or take noise, because the calibration set "only finds ranges". Or
# sixty recordings of healthy colleagues, because they were at hand. Five models from one network:

# %%
came_off = calibration.copy()
came_off[7, 1000:1020], came_off[7, 1020:1040] = 100.0, -100.0
healthy = [k for k in split["train"] if labels[k] == 0][: len(calibration)]
calibrations = {
    "both classes": calibration,
    "normal rhythm only": channels_last(windows[healthy]),
    "noise": rng.standard_normal(calibration.shape).astype(np.float32),
    "an electrode off": came_off,
    "not prepared": (1000 * calibration).astype(np.float32),
}
files = {name: kinds["int8"] if name == "both classes" else to_litert(model, "int8", those) for name, those in calibrations.items()}
answers = {name: deploy.run_litert(file, x_test)[:, 0] for name, file in files.items()}


def input_steps(file):
    """Size of one step of the input, and the ends of the range that 256 of them reach."""
    from ai_edge_litert.interpreter import Interpreter

    scale, zero = Interpreter(model_content=file).get_input_details()[0]["quantization"]
    return scale, (-128 - zero) * scale, (127 - zero) * scale


fig, axes = plt.subplots(3, 1, figsize=(11, 6), layout="constrained", sharex=True)
k = test[np.flatnonzero(labels[test] == 0)[2]]
for ax, name in zip(axes, ("both classes", "an electrode off", "not prepared"), strict=True):
    step, low, high = input_steps(files[name])
    seen = np.clip(step * np.round(windows[k, 0] / step), low, high)
    plots.ecg_strip(seen, 100, start_s=2, seconds=6, ax=ax, unit="SD", title=f"calibrated on: {name}; a step is {step:.2g} SD")
    ax.set_ylim(-4, 7)
fig.suptitle(f"what reaches the first layer of three int8 models  ({label})", fontsize=10)
plt.show()

# %%
fig, axes = plt.subplots(1, 5, figsize=(13, 3.1), layout="constrained", sharex=True, sharey=True)
end = 1.1 * np.abs(torch_logits).max()
for ax, (name, logits) in zip(axes, answers.items(), strict=True):
    for side, colour in ((0, plots.BLUE), (1, plots.ORANGE)):
        ax.plot(torch_logits[labels[test] == side], logits[labels[test] == side], ".", ms=4, color=colour, label=recordings.classes[side])
    ax.plot([-end, end], [-end, end], ":", color="#999999", lw=1)
    ax.set_title(f"{name}\nAUC {auc(logits):.3f}, {len(np.unique(logits))} different logits", fontsize=9)
    ax.set_xlabel("logit, float32")
axes[0].set_ylabel("logit, int8")
axes[0].legend(fontsize=8)
fig.suptitle(label, fontsize=9)
plt.show()

# %% [markdown]
# Look at the second picture from the left. The calibration set held no AF, so the range of the logits ends where normal
# recordings end, and **all AF gets one and the same answer**. Its order below is untouched, which is why the AUC still looks
# respectable; but no threshold above that line can ever be reached. Noise may do the same: to this network it is no AF.
#
# ### How to notice
#
# - **Compare logit with logit**, not AUC with AUC, on recordings that were not in the calibration set. A healthy int8
#   model lies on the diagonal; a sick one is a cloud, or a staircase.
# - **Count different answers.** Two hundred recordings and nine different logits: something was squeezed.
# - **Read the input's scale** from the file, as above, and ask what a P wave is in steps.
# - **Count the logits at the end of their range**: what is cut off there cannot be told apart any more.
# - **Go through the layers**, as for the port: the first block whose integers sit at -128 or 127 all the time, or hardly move, is
#   the one.
#
# The first four as a table, and one model more: the calibration set with the electrode off, **clipped** as the windows are.

# %%
files["electrode off, clipped"] = to_litert(model, "int8", np.clip(came_off, -6, 6))
answers["electrode off, clipped"] = deploy.run_litert(files["electrode off, clipped"], x_test)[:, 0]
table = pd.DataFrame({name: {
    "step of the input (SD)": input_steps(files[name])[0],
    "different logits": len(np.unique(z)),
    "at an end of their range": np.mean((z == z.max()) | (z == z.min())),
    "correlation with float32": np.corrcoef(z, torch_logits)[0, 1] if np.ptp(z) else 0.0,
    "decisions changed": changed(z)[1],
    "ROC AUC": auc(z),
} for name, z in answers.items()}).T
display(table.style.format("{:.3f}").format("{:.2g}", subset="step of the input (SD)").format("{:.0%}", subset="at an end of their range")
        .format("{:.0f}", subset=["different logits", "decisions changed"]).set_caption(f"{len(test)} test recordings, {label}"))

# %% [markdown]
# ### How to mend
#
# - Calibrate on what the network will meet: *prepared*, both classes, several devices, never noise, and a hundred rather than five.
# - **Clip** before the network: a range that cannot be exceeded cannot be spoilt by one recording.
# - Leave the sensitive part in float: normalisation (a division by a number that may be tiny or large) should not be quantised at
#   all. With the preprocessing inside the file that means: quantise the network, not what stands before it.
# - One scale **per channel** of the weights (the converter's default for convolutions) instead of one per layer.
# - Dynamic range or float16, if the device has floats: most of the saving for none of the risk.
# - **Quantisation-aware training**: round in the forward pass while training, so that the weights learn to live with it.
#
# ## 7 · What it costs: time, memory, operations
#
# Time first. Rules for measuring it: on the device, or at least on **one core**; one recording at a time, as they arrive; the
# first calls thrown away (memory is fetched, caches fill); hundreds of calls; and percentiles instead of the mean. A
# **median** says what is usual, the **95th** and **99th percentile** what the user waits now and then, when the system has
# something else to do.

# %%
one = windows[test[:1]]
calls = {
    "PyTorch": (lambda x: net(torch.as_tensor(x)), one),
    "ONNX": (deploy.onnx_runner(onnx_file), one),
    **{f"LiteRT {kind}": (deploy.litert_runner(file), channels_last(one)) for kind, file in kinds.items()},
}
times, firsts = {}, {}
with torch.no_grad():
    for name, (call, x) in calls.items():
        firsts[name] = deploy.latency(call, x, repeats=1, warm_up=0)["median_ms"]
        times[name] = deploy.latency(call, x, repeats=REPEATS, warm_up=20)

tensors = []
hooks = [m.register_forward_hook(lambda m, i, o: tensors.append(i[0].numel() + o.numel())) for m in net.modules() if not list(m.children())]
with torch.no_grad():
    net(torch.as_tensor(one))
for hook in hooks:
    hook.remove()
working = max(tensors)  # numbers that must be in memory at once: what goes into a layer and what comes out

rows = {name: {"first call (ms)": firsts[name], **{c: times[name][f"{c}_ms"] for c in ("median", "p95", "p99")},
               "file (kB)": sizes[name], "between layers (kB)": working * (1 if name == "LiteRT int8" else 4) / 1000} for name in times}
table = pd.DataFrame(rows).T
display(table.style.format("{:.2f}", na_rep="-").format("{:.0f}", subset=["file (kB)", "between layers (kB)"], na_rep="-")
        .set_caption(f"one window of 30 s, one core of this machine, {REPEATS} calls: times in ms"))

# %%
fig, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
for place, (name, took) in enumerate(times.items()):
    ax.plot([took["median_ms"], took["p99_ms"]], [place, place], color=plots.BLUE, lw=1)
    ax.plot(took["median_ms"], place, "o", color=plots.BLUE, label="median" if place == 0 else None)
    ax.plot(took["p95_ms"], place, "|", ms=12, color=plots.BLUE, label="95th percentile" if place == 0 else None)
    ax.plot(took["p99_ms"], place, ">", color=plots.BLUE, label="99th percentile" if place == 0 else None)
    ax.plot(firsts[name], place, "x", color=plots.ORANGE, label="the first call" if place == 0 else None)
ax.set_yticks(range(len(times)), list(times))
ax.set(xscale="log", xlabel="time for one window on this machine (ms)", ylim=(len(times) - 0.5, -0.5))
ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# Two surprises are common. Fewer bits are not always faster: on a laptop's processor floats are quick, and what integers save in
# memory they may lose in converting. And one call can take many times the median: whoever promises "2 ms" from a mean has promised
# too much. Neither number says anything about the device. **Operations** carry over better, and so does memory.
#
# ### A budget for a wearable
#
# A wrist-worn recorder looks at the last 30 s every few seconds. How long does its processor compute, and what does that
# mean for the battery? Everything below rests on four assumed numbers. Replace them by those of your chip's data sheet, or
# better by a measurement on it.

# %%
CLOCK_MHZ = 64  # assumed: a small microcontroller
CYCLES = {"float32": 8.0, "int8": 2.0}  # assumed: clock cycles per multiplication, loads and stores included
ACTIVE_MW, BATTERY_MWH = 15.0, 370.0  # assumed: power while computing; 100 mAh at 3.7 V
operations = deploy.macs(net, (1, 3000))
hops = np.geomspace(1, 60, 50)
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
for (kind, cycles), colour in zip(CYCLES.items(), (plots.ORANGE, plots.BLUE), strict=True):
    seconds = operations * cycles / (1e6 * CLOCK_MHZ)
    ax.loglog(hops, 100 * seconds / hops, color=colour, label=f"{kind}: {1000 * seconds:.0f} ms per window")
    day = 24 * ACTIVE_MW * seconds / 10 / BATTERY_MWH
    print(f"{kind:8s} {operations / 1e6:.1f} M operations: {1000 * seconds:.0f} ms; once every 10 s: {10 * seconds:.1f} % of the time, "
          f"{100 * day:.1f} % of the battery in a day")
ax.axhline(5, color="#777777", ls=":", label="a budget of 5 %")
ax.set(xlabel="one window every ... seconds", ylabel="share of the time\nspent computing (%)")
ax.legend(fontsize=8)
ax.set_title("with the assumed numbers above, not measured", fontsize=9)
plt.show()

# %% [markdown]
# If the budget does not hold, the first thing to change is not the number of bits but the *question*: every 30 s instead of every second
# costs a thirtieth. Next the stride of the first layers, then the channels, then the bits.
#
# ### Where there is a graphics processor: TensorRT
#
# On a server, or a small computer with an NVIDIA chip, **TensorRT** takes an ONNX file and *compiles* it for that very chip: it
# joins layers into one program each, tries several such programs for every layer and keeps the quickest, in 16 or 8 bits where you
# allow it. Three things to know. The compiled "engine" belongs to one chip and one version, so it is made on the device and kept there; the
# first start takes from seconds to minutes. A dynamic batch needs a *profile*: the smallest, usual and largest size. And a
# network as small as ours spends most of its time on being called: a graphics processor pays with hundreds of windows at a
# time. The cell runs what is here.

# %%
def session_on_gpu(file, providers):
    import onnxruntime

    known = {"TensorrtExecutionProvider": {"trt_fp16_enable": True, "trt_profile_min_shapes": "ecg:1x1x3000",
                                           "trt_profile_opt_shapes": "ecg:64x1x3000", "trt_profile_max_shapes": "ecg:256x1x3000"}}
    session = onnxruntime.InferenceSession(file, providers=[(name, known.get(name, {})) for name in providers])
    return lambda x: session.run(None, {"ecg": x})[0]


import onnxruntime

fast = [name for name in ("TensorrtExecutionProvider", "CUDAExecutionProvider") if name in onnxruntime.get_available_providers()]
if fast:
    on_gpu = session_on_gpu(onnx_file, [*fast, "CPUExecutionProvider"])
    print(fast[0], "differs by at most", f"{np.abs(on_gpu(windows[test])[:, 0] - torch_logits).max():.1e}", deploy.latency(on_gpu, one))
elif torch.cuda.is_available():
    half = copy.deepcopy(net).half().cuda()

    def on_gpu(x):
        return half(torch.as_tensor(x).half().cuda()).float().cpu().numpy()  # .cpu() waits until the result is there

    with torch.no_grad():
        print("PyTorch in 16 bits on", torch.cuda.get_device_name(), "differs by at most",
              f"{np.abs(on_gpu(windows[test])[:, 0] - torch_logits).max():.1e}", deploy.latency(on_gpu, one))
else:
    print("No graphics processor here, or no ONNX Runtime that uses it (package onnxruntime-gpu): nothing is run.")

# %% [markdown]
# ## 8 · Another device
#
# The file is on the device, the numbers are as they were. Then the maker changes the amplifier. Or the recorder is worn on the
# other arm, or the data come from a country with another mains frequency, or a file lost its header and somebody guesses the
# sampling rate. `deploy.shift` does such things to recordings. First, see them:

# %%
SHIFTS = {
    "as it was": None,
    "gain x 0.3": ("gain", 0.3),
    "gain x 5": ("gain", 5.0),
    "250 Hz, read as 300": ("rate", 250.0),
    "360 Hz, read as 300": ("rate", 360.0),
    "mains": ("mains", 1.0),
    "upside down": ("lead", 180.0),
    "lead turned by 60°": ("lead", 60.0),
    "wander": ("wander", 3.0),
    "muscle noise": ("noise", 1.0),
}
few_test = test[:100] if FEW else test
raw_test = recordings.signals[few_test]


def shifted(name):
    if SHIFTS[name] is None:
        return raw_test
    kind, amount = SHIFTS[name]
    return deploy.shift(raw_test, kind=kind, amount=amount, fs=recordings.fs, seed=SEED)


moved = {name: shifted(name) for name in SHIFTS}
place = int(np.flatnonzero(labels[test] == 0)[2])
fig, axes = plt.subplots(5, 2, figsize=(12, 8), layout="constrained")
for ax, (name, recording) in zip(axes.T.ravel(), moved.items(), strict=True):
    plots.ecg_strip(recording[place, 0], recordings.fs, start_s=3, seconds=4, ax=ax, unit="norm.", title=name)
    ax.set_xlabel("")
for ax in axes[-1]:
    ax.set_xlabel("time (s)")
fig.suptitle(f"one recording from ten devices  ({label})", fontsize=10)
plt.show()

# %% [markdown]
# Three networks meet these recordings. They differ only in what they were taught:
#
# - **careless**: its windows are filtered and resampled, but not divided by their own standard deviation (the publisher did that
#   once, so in training it did not seem to matter); no augmentation;
# - **reference**: ours. Each window divided by its own standard deviation; a random sign and shift in training;
# - **taught**: the reference, trained some epochs more on windows that are also stretched or squeezed by up to a quarter, turned by up
#   to 60 degrees, and given noise: what we expect of devices that we do not know yet.

# %%
def other_devices(x, g):
    """A batch of windows as devices we do not know might have recorded it: stretched, turned, noisy."""
    x = deploy.sign_and_shift(x, g)
    factor = 0.8 + 0.45 * float(torch.rand(1, generator=g))
    stretched = nn.functional.interpolate(x, scale_factor=factor, mode="linear")[:, :, : x.shape[-1]]
    x = nn.functional.pad(stretched, (0, x.shape[-1] - stretched.shape[-1]))
    angle = (2 * torch.rand((len(x), 1, 1), generator=g) - 1) * np.pi / 3
    x = torch.fft.irfft(torch.fft.rfft(x) * torch.exp(1j * angle), n=x.shape[-1])  # all frequencies turned by one angle
    noise = 0.5 * torch.rand((len(x), 1, 1), generator=g) * torch.randn(x.shape, generator=g)
    x = x + noise * (x != 0)
    return torch.clamp(x / (x.std(dim=-1, keepdim=True) + 1e-6), -6, 6)


more = {"ci": 3, "default": 8, "full": 15}[BUDGET]
undivided = deploy.prepare(recordings.signals, recordings.fs, spread=1.0)
careless, _ = deploy.train_reference(recordings, seed=SEED, epochs=more, prepared=undivided, augment=lambda x, g: x)
taught, _ = deploy.train_reference(recordings, seed=SEED, epochs=more, prepared=windows, augment=other_devices, start=net)

drift = {}
for name, recording in moved.items():
    own, fixed = deploy.prepare(recording, recordings.fs), deploy.prepare(recording, recordings.fs, spread=1.0)
    logits = {"careless": deploy.logits_of(careless, fixed), "reference": deploy.logits_of(net, own), "taught": deploy.logits_of(taught, own)}
    drift[name] = {each: auc(z, few_test) for each, z in logits.items()}
drift = pd.DataFrame(drift).T

fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
for name, colour, marker in (("careless", "#777777", "s"), ("reference", plots.BLUE, "o"), ("taught", plots.ORANGE, "^")):
    ax.plot(drift[name], range(len(drift)), marker, color=colour, label=name)
    ax.axvline(drift[name].iloc[0], color=colour, lw=0.8, ls=":")
ax.set_yticks(range(len(drift)), list(drift.index))
ax.set(xlabel="ROC AUC (dotted: as it was)", ylim=(len(drift) - 0.5, -0.5))
ax.grid(axis="y", color="#eeeeee")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
ax.set_title(f"{len(few_test)} test recordings, as ten devices make them  ({label})", fontsize=9)
plt.show()
display(drift.style.format("{:.3f}").set_caption("ROC AUC"))

# %% [markdown]
# What does each line say? (Differences of 0.01 between two networks may be luck: compare a network with its own dotted line.)
#
# - **Gain** is answered by dividing each recording by its own spread: it changes nothing. Whoever leaves that out is at the mercy of an
#   amplifier.
# - **Upside down** and **turned**: the careless network knew the waves one way up only, and loses. A random sign in training costs
#   nothing and answers most of it.
# - **Wander** lies below the band of the filter and is mostly answered by it. **Mains** lies just above, and a gentle filter leaves enough
#   of a loud hum to be seen. A filter is no answer until its attenuation is in numbers (lesson 02).
# - **Noise within the band**, and what is left of the hum, no filter takes away. Here it helps to have seen the like: in our runs the taught
#   network got back most of what the reference had lost. It may cost something: compare the first line.
# - **A wrong rate** makes another heart of it: faster, and with narrower waves. Having seen stretched windows may help (on published
#   recordings it did in our runs) or hardly (on simulated ones). Do not count on learning here: mend the header.
# - And some things no augmentation answers: a lead in which P waves are hardly seen, a device that was imagined wrongly. Augmentation is a
#   guess about devices; a recording from the device is a fact.
#
# ### Noticing it without labels
#
# In use nobody tells the device which answers were wrong. But what comes in can be watched: a few plain numbers of each **raw**
# recording, their mean over a week, against the training recordings. One odd recording means nothing. A
# hundred that are all a little louder, slower or noisier mean that something has changed: the device, the skin, the people.

# %%
def vital_signs(signals, fs):
    """Six plain numbers of each raw recording: (n, 6)."""
    rows = []
    for row, length in zip(signals[:, 0], ecg.true_lengths(signals), strict=True):
        x = row[:length].astype(float)
        hz, power = signal.welch(x - x.mean(), fs, nperseg=min(length, round(4 * fs)))
        share = [power[(hz >= a) & (hz < b)].sum() / power.sum() for a, b in ((0.1, 0.6), (15, 45), (45, 55))]
        beats = np.diff(ecg.r_peaks(x, fs)) / fs
        upright = np.mean(((x - x.mean()) / (x.std() + 1e-9)) ** 3)  # skewness: large spikes upwards or downwards
        rows.append([np.log10(x.std() + 1e-9), *np.log10(np.array(share) + 1e-6), 60 / np.mean(beats) if len(beats) else np.nan, upright])
    return np.array(rows)


signs = ("gain", "below 0.6 Hz", "15 to 45 Hz", "mains", "heart rate", "upright")
some_of = slice(0, 40 if FEW else 80)
usual = vital_signs(recordings.signals[split["train"]][some_of], recordings.fs)
centre = np.nanmean(usual, axis=0)
spread = np.maximum(np.nanstd(usual, axis=0), 0.1)  # the published recordings all have one gain; a quarter more or less is no news
away = np.array([np.nanmean((vital_signs(x[some_of], recordings.fs) - centre) / spread, axis=0) for x in moved.values()])

fig, ax = plt.subplots(figsize=(9, 4.4), layout="constrained")
picture = ax.imshow(np.clip(away, -3, 3), cmap="RdBu_r", vmin=-3, vmax=3, aspect="auto")
for row, column in np.ndindex(away.shape):
    strong = abs(away[row, column]) > 2
    ax.text(column, row, f"{np.round(away[row, column], 1) + 0.0:+.1f}", ha="center", va="center", fontsize=9, color="white" if strong else "black")
ax.set_xticks(range(len(signs)), signs)
ax.set_yticks(range(len(moved)), [f"{name}   (AUC {drift.loc[name, 'reference']:.3f})" for name in moved])
fig.colorbar(picture, label="mean of the recordings, in\nstandard deviations from training")
ax.set_title(label, fontsize=9)
plt.show()

# %% [markdown]
# Most devices leave a signature of their own, and no label was needed; a turned lead leaves hardly any in these six numbers. Now compare with the AUC of the reference beside the names: the
# loudest signature is not the worst device. That something *is different* does not mean that it is *worse*; it is the reason to fetch some
# labelled recordings from there, and to look.
#
# ## 9 · Where such a file must not be used
#
# - **Because it runs.** That the exported file agrees with the network says that it is the same network, with all its mistakes.
# - **On a device it was not examined on**, with recordings of people, by the whole chain from electrode to answer.
# - **Without its preprocessing, its version and its threshold** written down beside it. A threshold that was chosen for the float model
#   is not the threshold of the int8 model.
# - **As a diagnosis**, and, if trained on simulated recordings, anywhere but in this course.
#
# ## Take away
#
# - A port is right when the outputs agree to 1e-5; where they do not, look block by block.
# - Padding, epsilon, momentum, the order of axes and the training flag differ in silence; statistics of batch normalisation are not parameters.
# - Export with a dynamic batch and with the preprocessing inside; then test the file, not the notebook.
# - Eight bits are 256 steps between what the calibration set held. Prepared, clipped, representative recordings; compare logit with logit.
# - Latency is a distribution, on one core, of the device. Operations and memory travel better than milliseconds.
# - Normalisation answers gain; augmentation answers what you can imagine; watching tells when you have to look again.
#
# ## Where next
#
# Open `assignments/07_deployment/07_deployment.ipynb`: carry a network across, export it, shrink it to a quarter and keep what it knows.
#
# **Sources.** AUC of a 12-lead network before and after its conversion: conference BSN 2025. Folding and
# affine quantisation: Jacob et al. 2018. Batch normalisation: Ioffe and Szegedy 2015. First weights: Glorot and Bengio 2010. Defaults of the layers: the
# documentation of PyTorch 2.13 and Keras 3.15. Recorder and task: PhysioNet/CinC Challenge 2017 (Clifford et al. 2017).
