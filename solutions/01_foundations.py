# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# total: 100
# cell_timeout_s: 90
# total_timeout_s: 300
# ---

# %% [markdown]
# # Assignment 01: the parts of a network, by hand
#
# You build every part that the later notebooks take from a library: two layers as classes, the loss, its gradient, a check
# of gradients, the training loop, a split by subject and the metrics. At the end the parts tell ventricular beats from
# normal ones in an ECG, and you judge that by people your network has never met. The lesson `course/01_foundations.ipynb`
# teaches every step.
#
# **What you need.** The lesson of this number and NumPy as it uses it. You may take ideas and lines from the lesson. Any
# code that gives the right numbers is right, loops included; the point is that you can say why each line is there.
#
# **Time.** About 5 hours of work. One run from top to bottom computes for less than half a minute on two CPU cores.
#
# **Data.** Arrays of random numbers for tasks 1 to 7: there an answer is right or wrong. Task 8 is on heart beats, numbers
# measured around each R wave of an ECG. They are *simulated* unless the recordings of the MIT-BIH Arrhythmia Database are
# on your machine. The cell that loads them says which you have.
#
# | task | points | you define |
# |---|---|---|
# | dense | 12 | `Dense` |
# | conv | 18 | `Conv1d` |
# | loss | 12 | `bce_from_logits`, `bce_gradient` |
# | slopes | 10 | `numeric_gradient`, `relative_difference` |
# | learn | 16 | `train`, `predict` |
# | folds | 12 | `subject_folds`, `standardise` |
# | metrics | 12 | `confusion`, `scores`, `roc_auc` |
# | beats | 8 | `classify_beats`, `cross_validate` |
#
# **How it works.** Write your answer where the cell says so, run it, then run the test cell below it: it prints a line for
# every check, with the points, and says what it got, what it expected and the likely cause. Your numbers are compared with
# those of PyTorch and scikit-learn: they must agree to one part in a million. When your work is graded, the same cells run
# with other random numbers. Test cells call only the names that a task asks for, so inside you may write whatever you like.
# No task needs the answer of another one, but for task 8, which says what to do if one is missing. Partial points count:
# nbgrader's *Validate* button calls a cell with partial points failed, the points are yours all the same.
#
# **Conventions, in all tasks.** Arrays come in as float64 (double precision), as float32 (single precision, 7 digits) or as
# whole numbers; **compute in float64** (`np.asarray(x, dtype=float)`). Axes stand in the order that is written in brackets:
# `(batch, n_in)` is one row per sample, one column per input. A piece of advice: work on copies (`np.array(x, dtype=float)`
# makes one). `x += 1` inside a function changes the caller's array too, which is the kind of mistake that takes an evening.

# %% tags=["parameters"]
SOURCE = "auto"  # "auto": real beats if they are on this machine, else simulated; or "real", "simulated"
BUDGET = "default"  # "ci" is quicker, "full" trains longer
SEED = 0

# %% role="locked"
import numpy as np

from physiodl import exam, metrics
from physiodl.beats import load_beats
from physiodl.exam import foundations
from physiodl.exam import foundations_mistakes as mistakes

exam.begin("01_foundations", source=SOURCE, seed=SEED)

# %% role="locked"
EPOCHS = {"ci": 300, "default": 600, "full": 2000}[BUDGET]
beats = load_beats(SOURCE, seed=SEED)
print(f"{len(beats)} beats of {len(np.unique(beats.subjects))} people, {100 * beats.labels.mean():.0f} % of them ventricular")
print("These beats are SIMULATED." if beats.source == "simulated" else beats.citation)

# %% [markdown]
# ## Task 1: a dense layer (12 points)
#
# Write a class `Dense`. An object of it holds the weights of one layer and computes with them, in both directions.
#
# - `Dense(weights, bias)`: `weights` (n_out, n_in), `bias` (n_out,), as in the lesson and in PyTorch's `nn.Linear`: row
#   `j`, column `i` of the weights leads from input `i` to output `j`.
# - `layer.forward(x)`: `x` (batch, n_in); returns the output (batch, n_out): for each sample, the weighted sums of its
#   inputs plus the bias.
# - `layer.backward(grad_out)`: `grad_out` (batch, n_out) is the gradient of the loss with respect to the output of the
#   **last** forward pass. Returns **one** array, the gradient with respect to that `x`, (batch, n_in). After it, two
#   attributes hold the other gradients: `layer.grad_weights` (n_out, n_in) and `layer.grad_bias` (n_out,).
#
# The loss may be a mean over the batch or a sum: its gradient `grad_out` knows already. So `backward` **sums** over the
# batch and divides by nothing. Each call of `backward` gives the gradients of one pass; nothing adds up from call to call.
#
# <details><summary>Hint 1: the idea</summary>Output <code>j</code> of a sample is
# <code>sum over i of weights[j, i] * x[i]</code> plus <code>bias[j]</code>. Ask of each number: which outputs does it
# touch, and with what factor? <code>x[i]</code> touches every output <code>j</code>, with the factor
# <code>weights[j, i]</code>; <code>weights[j, i]</code> touches output <code>j</code> of every sample, with the factor
# <code>x[i]</code>. Multiply by <code>grad_out</code> there and sum.</details>
# <details><summary>Hint 2: what to use</summary><code>a @ b</code> multiplies matrices, <code>a.T</code> exchanges the
# axes, <code>a.sum(axis=0)</code> sums over the batch. Keep <code>x</code> in <code>self</code> during
# <code>forward</code>, as <code>backward</code> needs it. The shapes leave one way to multiply.</details>
# <details><summary>Hint 3: almost the code</summary>Forward: <code>self.x @ self.weights.T + self.bias</code>. Gradient
# with respect to the weights: (n_out, batch) @ (batch, n_in), with respect to x: (batch, n_out) @ (n_out, n_in).</details>

# %% role="answer" task="dense"
class Dense:
    """A layer in which every input leads to every output: weights (n_out, n_in), bias (n_out,)."""

    def __init__(self, weights, bias):
        """Keep what the layer needs."""
        ### BEGIN SOLUTION
        self.weights = np.array(weights, dtype=float)
        self.bias = np.array(bias, dtype=float)
        ### END SOLUTION

    def forward(self, x):
        """Outputs (batch, n_out) for inputs (batch, n_in)."""
        ### BEGIN SOLUTION
        self.x = np.array(x, dtype=float)
        return self.x @ self.weights.T + self.bias
        ### END SOLUTION

    def backward(self, grad_out):
        """Gradient with respect to x, (batch, n_in); sets grad_weights (n_out, n_in) and grad_bias (n_out,)."""
        ### BEGIN SOLUTION
        grad_out = np.asarray(grad_out, dtype=float)
        self.grad_weights = grad_out.T @ self.x
        self.grad_bias = grad_out.sum(axis=0)
        return grad_out @ self.weights
        ### END SOLUTION


# %% role="test" task="dense" points=12
# asks: Dense
task = exam.task("dense", points=12)
_rng = np.random.default_rng(SEED + 1)
_cases = []  # x, weights, bias, grad_out of many shapes
for _n, _a, _b in ((7, 4, 3), (2, 9, 5), (30, 3, 1), (5, 1, 6), (64, 20, 12)):
    _cases.append([_rng.standard_normal(_s) for _s in ((_n, _a), (_b, _a), (_b,), (_n, _b))])
with task.check("forward: weighted sums plus bias", 3, cause="x (batch, n_in) times weights.T (n_in, n_out), plus bias"):
    for _x, _w, _c, _g in _cases:
        foundations.compare(foundations.passes(Dense(_w, _c), _x)["out"], foundations.dense(_x, _w, _c)["out"],
                            what=f"output for x {_x.shape}", mistakes={"the bias is not added": _x @ _w.T})
for _name, _label, _points in (("x", "gradient with respect to x", 2), ("weights", "grad_weights", 2), ("bias", "grad_bias", 2)):
    with task.check(f"backward: {_label}", _points):
        for _x, _w, _c, _g in _cases:
            _true = foundations.dense(_x, _w, _c, _g)[_name]
            foundations.compare(foundations.passes(Dense(_w, _c), _x, _g)[_name], _true, what=f"{_label} for x {_x.shape}",
                                mistakes=mistakes.gradient(_true, len(_x)),
                                cause="the chain rule: each factor that a number meets on its way to the output, times grad_out, summed")
with task.check("backward belongs to your own forward (finite differences)", 1):
    _x, _w, _c, _g = (_rng.standard_normal(_s) for _s in ((3, 2), (4, 2), (4,), (3, 4)))
    _slopes = foundations.own_slopes(lambda _w, _c: Dense(_w, _c), _x, _w, _c, _g)
    _made = foundations.passes(Dense(_w, _c), _x, _g)
    for _name in ("x", "weights", "bias"):
        foundations.compare(_made[_name], _slopes[_name], what=f"gradient of {_name}", mistakes=mistakes.gradient(_slopes[_name], 3),
                            cause="moving each number a little, forward, gives another slope than backward says")
with task.check("one sample, one input, one output; whole numbers and float32; a bias of zero", 1,
                cause="if the checks above hold: np.zeros_like(x) of whole numbers cuts off what is behind the point, "
                      "or np.squeeze drops an axis of length 1"):
    for _x, _w, _c, _g in (
        (np.array([[2.0]]), np.array([[-3.0]]), np.array([0.5]), np.array([[4.0]])),
        (_rng.integers(-5, 6, (4, 3)), _rng.integers(-3, 4, (2, 3)), np.zeros(2, int), _rng.standard_normal((4, 2))),
        (_rng.standard_normal((1, 6)), _rng.standard_normal((2, 6)), np.zeros(2), _rng.standard_normal((1, 2))),
        tuple(_a.astype(np.float32) for _a in _cases[0]),
    ):
        _true, _made = foundations.dense(_x, _w, _c, _g), foundations.passes(Dense(_w, _c), _x, _g)
        for _name in ("out", "x", "weights", "bias"):  # float32 keeps 7 digits: 1e-4 lets it pass, cut-off numbers do not
            exam.same(_made[_name], _true[_name], what=f"{_name} for x {_x.shape} of {_x.dtype}", rtol=1e-4, atol=1e-5)
with task.check("the last forward pass counts, nothing adds up, two layers share nothing", 1):
    _x, _w, _c, _g = _cases[0]
    _true = foundations.dense(_x, _w, _c, _g)
    _twice = foundations.passes(Dense(_w, _c), _x, _g, times=2)
    _later = foundations.passes(Dense(_w, _c), _x, _g, before=[_x + 1, _x[:2]])
    _one = Dense(_w, _c)
    foundations.passes(_one, _x)
    foundations.passes(Dense(_w + 1, _c - 1), 2 * _x, -_g)  # another layer, between the first one's forward and its backward
    for _name in ("x", "weights", "bias"):
        exam.same(_twice[_name], _true[_name], what=f"gradient of {_name} after backward was called twice",
                  cause="if the checks above hold: gradients are added to those of the call before (+= where = is asked)")
        exam.same(_later[_name], _true[_name], what=f"gradient of {_name} after other inputs went forward before",
                  cause="if the checks above hold: backward must use the x of the last forward, so keep it in self each time")
    exam.same(foundations.way_back(_one, _g)["weights"], _true["weights"], what="grad_weights of a layer beside another layer",
              cause="if the checks above hold: weights or x are kept in the class, or in a variable outside, where all layers share "
                    "them. Write self.x = ...")
task.points()

# %% [markdown]
# ## Task 2: a convolution over time (18 points)
#
# Write a class `Conv1d` by PyTorch's convention: the kernel slides over the signal **as it is**, not turned round.
#
# - `Conv1d(weights, bias, stride, padding)`: `weights` (channels_out, channels_in, kernel), `bias` (channels_out,),
#   `stride` at least 1, `padding` at least 0: so many zeros are put **before and after** each signal.
# - `layer.forward(x)`: `x` (batch, channels_in, samples); returns (batch, channels_out, steps). Step `t` of an output
#   channel is the bias plus the sum, over input channels and the places of the kernel, of weight times padded sample, where
#   the kernel begins at padded sample `t * stride`. There are `steps = (samples + 2 * padding - kernel) // stride + 1` of
#   them: samples left over at the end meet no kernel.
# - `layer.backward(grad_out)`: `grad_out` (batch, channels_out, steps). Returns the gradient with respect to `x` of the
#   last forward pass, (batch, channels_in, samples), **without** the padding. After it, `layer.grad_weights` and
#   `layer.grad_bias` have the shapes of weights and bias. As in task 1, sum over the batch (here over the steps too) and
#   add up nothing from call to call.
#
# An array with three axes is indexed as one with two: `x[b, c, t]` is one number, `x[b, c]` one channel of one signal, and
# `x[:, :, 3:9]` keeps samples 3 to 8 of every channel of every signal.
#
# <details><summary>Hint 1: the idea</summary>Three loops are enough: over the signals of the batch, the output channels and
# the steps. One step multiplies a piece (channels_in, kernel) of the padded signal by the weights of one output channel,
# number by number, and adds up. On the way back, the same three loops: <code>grad_out[b, o, t]</code> times that piece goes
# to the weights, times those weights to the places of that piece. Faster, if you like: for one place <code>k</code> of the
# kernel all steps do the same, so that one loop over <code>k</code> is left.</details>
# <details><summary>Hint 2: what to use</summary><code>np.pad(x, ((0, 0), (0, 0), (p, p)))</code> puts p zeros before and
# after, on the last axis alone. The piece of step t is <code>padded[b, :, t * stride : t * stride + kernel]</code>. For the
# gradient of x, start from zeros (float64!) in the shape of the padded signal, add with <code>+=</code> at the same places,
# and cut the padding off at the end: <code>[:, :, p : p + samples]</code>, as <code>[:, :, p:-p]</code> is empty without
# padding. For the loop over <code>k</code>: <code>[:, :, a:b:s]</code> takes every s-th sample from a to before b, and
# <code>np.einsum("bct,oc-&gt;bot", piece, weights[:, :, k])</code> names the axes by letters (b batch, c channel in, t
# step, o channel out): numbers with the same letters are multiplied, and a letter that is missing on the right, here c, is
# summed over.</details>
# <details><summary>Hint 3: almost the code</summary>With three loops: <code>out[b, o, t] = np.sum(piece * weights[o]) +
# bias[o]</code>; back, with <code>g = grad_out[b, o, t]</code>: <code>grad_weights[o] += g * piece</code>,
# <code>grad_padded[b, :, the same slice] += g * weights[o]</code>. With one loop over <code>k</code> and <code>piece =
# padded[:, :, k : k + stride * (steps - 1) + 1 : stride]</code>: forward <code>out += einsum("bct,oc-&gt;bot", piece, w[:,
# :, k])</code>; backward <code>grad_weights[:, :, k] = einsum("bot,bct-&gt;oc", grad_out, piece)</code> and
# <code>grad_padded[the same slice] += einsum("bot,oc-&gt;bct", grad_out, w[:, :, k])</code>. The gradient of the bias is
# <code>grad_out.sum(axis=(0, 2))</code>.</details>

# %% role="answer" task="conv"
class Conv1d:
    """A kernel that slides over signals: weights (channels_out, channels_in, kernel), bias (channels_out,)."""

    def __init__(self, weights, bias, stride, padding):
        """Keep what the layer needs."""
        ### BEGIN SOLUTION
        self.weights = np.array(weights, dtype=float)
        self.bias = np.array(bias, dtype=float)
        self.stride, self.padding = int(stride), int(padding)
        ### END SOLUTION

    def forward(self, x):
        """Outputs (batch, channels_out, steps) for signals (batch, channels_in, samples)."""
        ### BEGIN SOLUTION
        x = np.asarray(x, dtype=float)
        self.samples = x.shape[2]
        self.padded = np.pad(x, ((0, 0), (0, 0), (self.padding, self.padding)))
        out = np.zeros((len(x), len(self.weights), self._steps())) + self.bias[:, None]
        for k in range(self.weights.shape[2]):
            out += np.einsum("bct,oc->bot", self.padded[:, :, self._touched(k)], self.weights[:, :, k])
        return out

    def _steps(self):
        return (self.padded.shape[2] - self.weights.shape[2]) // self.stride + 1

    def _touched(self, k):
        """The padded samples that place k of the kernel meets, as a slice."""
        return slice(k, k + self.stride * (self._steps() - 1) + 1, self.stride)
        ### END SOLUTION

    def backward(self, grad_out):
        """Gradient with respect to x, (batch, channels_in, samples); sets grad_weights and grad_bias."""
        ### BEGIN SOLUTION
        grad_out = np.asarray(grad_out, dtype=float)
        self.grad_bias = grad_out.sum(axis=(0, 2))
        self.grad_weights = np.zeros(self.weights.shape)
        grad_padded = np.zeros(self.padded.shape)
        for k in range(self.weights.shape[2]):
            touched = self._touched(k)
            self.grad_weights[:, :, k] = np.einsum("bot,bct->oc", grad_out, self.padded[:, :, touched])
            grad_padded[:, :, touched] += np.einsum("bot,oc->bct", grad_out, self.weights[:, :, k])
        return grad_padded[:, :, self.padding : self.padding + self.samples]
        ### END SOLUTION


# %% role="test" task="conv" points=18
# asks: Conv1d
task = exam.task("conv", points=18)
_rng = np.random.default_rng(SEED + 2)


def _drawn(_n, _in, _out, _samples, _kernel, _stride=1, _padding=0):
    """x, weights, bias, stride, padding and grad_out of a convolution."""
    _steps = (_samples + 2 * _padding - _kernel) // _stride + 1
    _shapes = ((_n, _in, _samples), (_out, _in, _kernel), (_out,), (_n, _out, _steps))
    _x, _w, _c, _g = (_rng.standard_normal(_shape) for _shape in _shapes)
    return _x, _w, _c, _stride, _padding, _g


_plain = [_drawn(3, 2, 4, 20, 5), _drawn(2, 5, 3, 11, 2), _drawn(4, 3, 2, 40, 7)]
_strided = [_drawn(3, 2, 4, 16, 4, 2, 3), _drawn(3, 2, 4, 20, 5, 3, 2), _drawn(2, 3, 2, 17, 4, 3, 0), _drawn(2, 2, 3, 15, 3, 1, 1)]
_strided.append(_drawn(4, 1, 2, 30, 6, 2, 4))
for _what, _cases, _points in (("stride 1, no padding", _plain, 3), ("stride and padding, samples left over", _strided, 4)):
    with task.check(f"forward: {_what}", _points, cause="steps = (samples + 2 * padding - kernel) // stride + 1"):
        for _x, _w, _c, _s, _p, _g in _cases:
            foundations.compare(foundations.passes(Conv1d(_w, _c, _s, _p), _x)["out"], foundations.conv1d(_x, _w, _c, _s, _p)["out"],
                                what=f"output for {_x.shape[2]} samples, kernel {_w.shape[2]}, stride {_s}, padding {_p}",
                                mistakes=mistakes.conv1d(_x, _w, _c, _s, _p),
                                shape_cause="steps = (samples + 2 * padding - kernel) // stride + 1",
                                cause="the axes of weights are (channels_out, channels_in, kernel); sum over the last two")
for _what, _cases, _names, _points in (
    ("with respect to x: stride 1, no padding", _plain, ("x",), 2),
    ("grad_weights and grad_bias: stride 1, no padding", _plain, ("weights", "bias"), 2),
    ("all three with stride and padding", _strided, ("x", "weights", "bias"), 3),
):
    with task.check(f"backward: {_what}", _points):
        for _x, _w, _c, _s, _p, _g in _cases:
            _true = foundations.conv1d(_x, _w, _c, _s, _p, _g)
            _made = foundations.passes(Conv1d(_w, _c, _s, _p), _x, _g)
            for _name in _names:
                foundations.compare(_made[_name], _true[_name], what=f"gradient of {_name}, kernel {_w.shape[2]}, stride {_s}, padding {_p}",
                                    mistakes=mistakes.conv1d_gradient(_true, _name, _x, _w, _c, _s, _p, _g),
                                    cause="each sample meets several places of the kernel: add up (+=) what they give, at the places of forward")
with task.check("backward belongs to your own forward (finite differences)", 2):
    _x, _w, _c, _s, _p, _g = _drawn(2, 2, 2, 7, 3, 2, 1)
    _slopes = foundations.own_slopes(lambda _w, _c: Conv1d(_w, _c, 2, 1), _x, _w, _c, _g)
    _made = foundations.passes(Conv1d(_w, _c, _s, _p), _x, _g)
    for _name in ("x", "weights", "bias"):
        foundations.compare(_made[_name], _slopes[_name], what=f"gradient of {_name}",
                            mistakes=mistakes.gradient(_slopes[_name], 2, steps=_g.shape[2]),
                            cause="moving each number a little, forward, gives another slope than backward says")
with task.check("one signal, one channel, kernel 1, kernel as long as the signal, stride beyond the kernel; whole numbers, float32", 1,
                cause="if the checks above hold: np.zeros_like(x) of whole numbers cuts off what is behind the point, "
                      "or np.squeeze drops an axis of length 1"):
    for _k, (_x, _w, _c, _s, _p, _g) in enumerate(
        (_drawn(1, 1, 1, 9, 1), _drawn(1, 2, 1, 6, 6), _drawn(2, 1, 3, 14, 2, 5), _drawn(1, 1, 2, 10, 3, 3, 2), _drawn(2, 2, 2, 12, 3, 2, 1))
    ):
        _x = np.round(3 * _x).astype(int) if _k == 3 else _x
        _x, _w, _c, _g = (_a.astype(np.float32) for _a in (_x, _w, 0 * _c, _g)) if _k == 4 else (_x, _w, _c, _g)
        _true, _made = foundations.conv1d(_x, _w, _c, _s, _p, _g), foundations.passes(Conv1d(_w, _c, _s, _p), _x, _g)
        for _name in ("out", "x", "weights", "bias"):  # float32 keeps 7 digits: 1e-4 lets it pass, cut-off numbers do not
            exam.same(_made[_name], _true[_name], rtol=1e-4, atol=1e-5,
                      what=f"{_name} for x {_x.shape} of {_x.dtype}, kernel {_w.shape[2]}, stride {_s}, padding {_p}")
with task.check("the last forward pass counts, nothing adds up", 1):
    _x, _w, _c, _s, _p, _g = _strided[0]
    _true = foundations.conv1d(_x, _w, _c, _s, _p, _g)
    _twice = foundations.passes(Conv1d(_w, _c, _s, _p), _x, _g, times=2)
    _later = foundations.passes(Conv1d(_w, _c, _s, _p), _x, _g, before=[_x + 1, _x[:1, :, :12]])
    for _name in ("x", "weights", "bias"):
        exam.same(_twice[_name], _true[_name], what=f"gradient of {_name} after backward was called twice",
                  cause="if the checks above hold: gradients are added to those of the call before, so begin each backward with zeros")
        exam.same(_later[_name], _true[_name], what=f"gradient of {_name} after other inputs went forward before",
                  cause="if the checks above hold: backward must use the signal of the last forward, so keep it in self each time")
task.points()

# %% [markdown]
# ## Task 3: binary cross-entropy from logits (12 points)
#
# A network for two classes ends in one logit per sample: any number, above 0 for "rather class 1". Its probability is
# `p = 1 / (1 + exp(-logit))`, its loss for a label `y` is `-(y * log(p) + (1 - y) * log(1 - p))`, with the natural
# logarithm.
#
# - `bce_from_logits(logits, labels)`: `logits` (n,), `labels` (n,) of 0 and 1; returns the **mean** loss over the n
#   samples, a number.
# - `bce_gradient(logits, labels)`: the gradient of that mean with respect to the logits, (n,).
#
# Both must stay right for logits of 10,000 and -10,000, where `exp` overflows and the logarithm of 0 is minus infinity.
# Cutting off probabilities or logits hides this and gives wrong numbers: a sample that is wrong with logit 10,000 costs
# 10,000.
#
# <details><summary>Hint 1: the idea</summary>Put <code>p</code> into the loss and simplify on paper: what remains is
# <code>log(1 + exp(logit)) - y * logit</code>. For a large logit, <code>log(1 + exp(logit))</code> is the logit itself. The
# gradient becomes short too: nearly everything cancels.</details>
# <details><summary>Hint 2: what to use</summary><code>np.logaddexp(0, z)</code> is <code>log(exp(0) + exp(z))</code>
# without overflow. Or: <code>np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))</code>. For the probability,
# <code>scipy.special.expit</code>, or an <code>exp</code> of numbers that are never above 0.</details>
# <details><summary>Hint 3: almost the code</summary>Loss: the mean of <code>logaddexp(0, z) - y * z</code>. Gradient:
# <code>(p - y) / n</code>, where for <code>z &lt; 0</code> the probability is best written as
# <code>exp(z) / (1 + exp(z))</code>.</details>

# %% role="answer" task="loss"
def bce_from_logits(logits, labels):
    """Mean binary cross-entropy, one number."""
    ### BEGIN SOLUTION
    z, y = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    return float(np.mean(np.logaddexp(0, z) - y * z))
    ### END SOLUTION


def bce_gradient(logits, labels):
    """Gradient of the mean binary cross-entropy with respect to the logits, (n,)."""
    ### BEGIN SOLUTION
    z, y = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    e = np.exp(-np.abs(z))  # never above 1
    p = np.where(z >= 0, 1, e) / (1 + e)
    return (p - y) / len(z)
    ### END SOLUTION


# %% role="test" task="loss" points=12
# asks: bce_from_logits, bce_gradient
task = exam.task("loss", points=12)
_rng = np.random.default_rng(SEED + 3)
_usual = [(3 * _rng.standard_normal(_n), _rng.permutation(np.arange(_n) % 2)) for _n in (2, 5, 40, 1000)]
_z = np.array([1e4, -1e4, 1e4, -1e4, 800.0, -800.0, 40.0, -40.0, 0.0])
_extreme = [(_z, np.array([1, 0, 0, 1, 0, 1, 0, 1, 1])), (_z[:2], np.array([1, 0])), (_z[2:4], np.array([0, 1])), (_z[6:8], np.array([0, 1]))]
_overflow = "exp(10000) is infinite and log(0) too: simplify the loss on paper before you compute it, log(1 + exp(z)) - y * z"
_odd = [(np.array([2.5]), np.array([1.0])), (np.array([-3, 0, 4]), np.array([0, 1, 1])),
        (_usual[1][0].astype(np.float32), _usual[1][1].astype(np.float32))]
with task.check("the mean loss", 3):
    for _logits, _y in _usual:
        foundations.compare(bce_from_logits(_logits.copy(), _y.copy()), foundations.bce(_logits, _y)["loss"], what=f"loss of {len(_y)} samples",
                            mistakes=mistakes.loss(_logits, _y), cause="a sign, or the two terms exchanged")
with task.check("the loss for logits of 10,000 and -10,000", 3, cause=_overflow):
    for _logits, _y in _extreme:
        foundations.compare(bce_from_logits(_logits.copy(), _y.copy()), foundations.bce(_logits, _y)["loss"],
                            what=f"loss of logits {np.round(_logits).astype(int).tolist()}", mistakes=mistakes.loss(_logits, _y),
                            cause="probabilities or logits are cut off (np.clip, + 1e-7): a loss of 10,000 becomes one of 16, and learning stops")
with task.check("the gradient", 3):
    for _logits, _y in _usual:
        foundations.compare(bce_gradient(_logits.copy(), _y.copy()), foundations.bce(_logits, _y)["gradient"], what=f"gradient for {len(_y)} samples",
                            mistakes=mistakes.loss_gradient(_logits, _y), cause="(p - y) / n, with p the probability of class 1")
with task.check("the gradient for logits of 10,000 and -10,000", 2,
                cause="exp(10000) / (1 + exp(10000)) is infinity by infinity: divide by exp first"):
    for _logits, _y in _extreme:
        foundations.compare(bce_gradient(_logits.copy(), _y.copy()), foundations.bce(_logits, _y)["gradient"], what=f"gradient for {len(_y)} samples",
                            mistakes=mistakes.loss_gradient(_logits, _y),
                            cause="logits are cut off, or log and exp are computed where they overflow")
with task.check("a single sample, whole numbers, float32", 1,
                cause="if the checks above hold: the mean over an axis that is not there, or whole numbers kept for results"):
    for _logits, _y in _odd:  # 1e-5: float32 carries 7 digits
        _true = foundations.bce(_logits, _y)
        exam.same(bce_from_logits(_logits.copy(), _y.copy()), _true["loss"], what=f"loss of logits of {_logits.dtype}", rtol=1e-5, atol=1e-6)
        exam.same(bce_gradient(_logits.copy(), _y.copy()), _true["gradient"], what=f"gradient for logits of {_logits.dtype}", rtol=1e-5, atol=1e-6)
task.points()

# %% [markdown]
# ## Task 4: check a gradient (10 points)
#
# Whoever writes a gradient by hand checks it: move one number a little up and a little down and see how much the function
# changes.
#
# - `numeric_gradient(function, x, step)`: `function` takes an array of the shape of `x` and returns one number. Returns the
#   gradient by **central differences** (the lesson's two-sided quotient), an array in the shape of `x`: for each element,
#   `(f(x + step) - f(x - step)) / (2 * step)`, where only that element is moved. `x` may have any number of axes.
# - `relative_difference(a, b)`: how far two gradients of one shape are apart, as in the lesson: the length of `a - b`
#   divided by the sum of the lengths of `a` and of `b`. The length of an array is the root of the sum of its squares, over
#   all axes. 0 where both are all zeros.
#
# The test cell passes `probe` as the function; it is given in the answer cell. Leave it as it is.
#
# <details><summary>Hint 1: the idea</summary>Only one element moves at a time, and it must be back in its place before the
# next one moves.</details>
# <details><summary>Hint 2: what to use</summary><code>np.ndindex(x.shape)</code> gives all positions, as tuples, for any
# number of axes: <code>for place in np.ndindex(x.shape): x[place]</code>. Begin with <code>np.array(x, dtype=float)</code>,
# a copy in float64: in an array of whole numbers <code>x[place] += 0.1</code> changes nothing.</details>
# <details><summary>Hint 3: almost the code</summary>For each place: <code>kept = x[place]</code>;
# <code>x[place] = kept + step</code>; <code>above = function(x)</code>; the same below;
# <code>gradient[place] = (above - below) / (2 * step)</code>; <code>x[place] = kept</code>. For the relative difference:
# <code>np.sqrt(np.sum(a**2))</code>, and an <code>if</code> for zero.</details>

# %% role="answer" task="slopes"
def probe(x):
    """Given, leave it as it is: the sum of cubes plus the square of the sum. Its gradient is 3 x**2 + 2 sum(x)."""
    x = np.asarray(x, dtype=float)
    return float(np.sum(x**3) + np.sum(x) ** 2)


def numeric_gradient(function, x, step):
    """Gradient of function at x by central differences, in the shape of x."""
    ### BEGIN SOLUTION
    x = np.array(x, dtype=float)
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        kept = x[place]
        x[place] = kept + step
        above = function(x)
        x[place] = kept - step
        gradient[place] = (above - function(x)) / (2 * step)
        x[place] = kept
    return gradient
    ### END SOLUTION


def relative_difference(a, b):
    """Length of a - b over the sum of the lengths of a and b; 0 where both are all zeros."""
    ### BEGIN SOLUTION
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    apart, size_a, size_b = (np.sqrt(np.sum(v**2)) for v in (a - b, a, b))
    return float(apart / (size_a + size_b)) if size_a + size_b > 0 else 0.0
    ### END SOLUTION


# %% role="test" task="slopes" points=10
# asks: numeric_gradient, relative_difference, probe
task = exam.task("slopes", points=10)
_rng = np.random.default_rng(SEED + 4)
_central = "move one element up and down by step, divide by 2 * step, put it back"
with task.check("central differences, one element at a time", 4, cause=_central):
    for _n, _h in ((5, 0.25), (3, 0.1), (8, 0.5)):  # of a cubic, central differences are off by step**2: that tells them from others
        _x = _rng.standard_normal(_n)
        _true, _wrong = mistakes.probe_slopes(_x, _h)
        foundations.compare(numeric_gradient(probe, _x.copy(), _h), _true, what=f"gradient with step {_h}", mistakes=_wrong, cause=_central)
with task.check("any number of axes", 2, cause="x[k] moves a whole row where x has two axes: loop over np.ndindex(x.shape)"):
    for _shape in ((2, 3), (1, 4), (2, 1, 3)):
        _x = _rng.standard_normal(_shape)
        _true, _wrong = mistakes.probe_slopes(_x, 0.25)
        foundations.compare(numeric_gradient(probe, _x.copy(), 0.25), _true, what=f"gradient for x {_shape}", mistakes=_wrong,
                            cause="x[k] moves a whole row where x has two axes: loop over np.ndindex(x.shape)")
with task.check("whole numbers and float32", 1, cause="if the checks above hold: x[k] + step is cut off to a whole number, or rounded to "
                "float32: begin with np.array(x, dtype=float)"):
    for _x, _h in ((np.array([1, -2, 3]), 0.25), (_rng.standard_normal(4).astype(np.float32), 1e-4)):  # rounding leaves 1e-11 of error
        exam.same(numeric_gradient(probe, _x.copy(), _h), mistakes.probe_slopes(_x, _h)[0], what=f"gradient for x of {_x.dtype}, step {_h}")
with task.check("the relative difference", 2, cause="the length of a - b, divided by the sum of the lengths of a and b"):
    for _shape, _scale in (((5,), 1.0), ((3, 4), 1e-9), ((2, 2, 3), 1e6)):
        _a = _scale * _rng.standard_normal(_shape)
        _b = 0.7 * _a + 0.5 * _scale * _rng.standard_normal(_shape)
        _sizes = [np.sqrt(np.sum(_v**2)) for _v in (_a - _b, _a, _b)]
        foundations.compare(relative_difference(_a.copy(), _b.copy()), _sizes[0] / (_sizes[1] + _sizes[2]), mistakes=mistakes.difference(_a, _b),
                            what=f"relative difference of gradients {_shape} of about {_scale:g}", cause="lengths are taken over all axes")
with task.check("equal gradients and gradients of zeros", 1, cause="0 / 0: return 0 where both are all zeros"):
    exam.same(relative_difference(np.zeros(3), np.zeros(3)), 0.0, what="relative difference of two gradients of zeros")
    exam.same(relative_difference(np.array([2.0, -1.0]), np.array([2.0, -1.0])), 0.0, what="relative difference of two equal gradients")
    exam.same(relative_difference(np.array([0.0, -2.0]), np.zeros(2)), 1.0, what="relative difference of [0, -2] against zeros")
task.points()

# %% role="free"
# Is your gradient of task 3 the slope of your loss? The relative difference should be below 1e-6.
some_logits, some_labels = np.array([-2.0, 0.3, 1.5, 4.0]), np.array([0, 1, 1, 0])
by_steps = numeric_gradient(lambda z: bce_from_logits(z, some_labels), some_logits, 1e-5)
print("relative difference:", relative_difference(bce_gradient(some_logits, some_labels), by_steps))

# %% [markdown]
# ## Task 5: the training loop (16 points)
#
# The network has one hidden layer: `hidden = ReLU(features @ w1.T + b1)`, where ReLU puts 0 for what is below 0, and one
# logit per sample, `hidden @ w2.T + b2`. Its weights are a dict: `"w1"` (n_hidden, n_features), `"b1"` (n_hidden,), `"w2"`
# (1, n_hidden), `"b2"` (1,).
#
# - `train(features, labels, weights, learning_rate, epochs)`: `features` (n, n_features), `labels` (n,) of 0 and 1,
#   `weights` to start from. An **epoch** is one look at all samples; here it is one step of gradient descent on the mean
#   binary cross-entropy of **all** n samples: all four gradients at the present weights, then each array becomes itself
#   minus `learning_rate` times its gradient. Returns a dict: `"loss"`, (epochs,), the loss of each epoch **before** its
#   step, and `"weights"`, a dict as above, **after** the last.
# - `predict(features, weights)`: probabilities of class 1, (n,), each between 0 and 1, of a network with these weights. It
#   must stay finite for large logits.
#
# Nothing of what later lessons add: no batches (steps on a part of the samples), no shuffling of them, no momentum (a step
# that goes on in the direction of the last one). So the result is the same to the last digits each time. `epochs` may be 0:
# then the weights come back as they were, with no loss. You may use your `Dense` and your loss, or write the gradients out.
#
# <details><summary>Hint 1: the idea</summary>Go forward and keep <code>hidden</code>. Then go back: the gradient of the
# loss with respect to the logits (task 3), through the second layer (task 1), through ReLU, through the first
# layer.</details>
# <details><summary>Hint 2: what to use</summary><code>np.maximum(sums, 0)</code> is ReLU, its slope is
# <code>sums &gt; 0</code>. The logits are (n, 1) out of <code>@</code> and (n,) in the loss: <code>[:, 0]</code> and
# <code>[:, None]</code> turn one into the other. An array (n, 1) minus an array (n,) is (n, n), and no error tells
# you.</details>
# <details><summary>Hint 3: almost the code</summary><code>error = ((p - labels) / n)[:, None]</code>;
# <code>grad_w2 = error.T @ hidden</code>; <code>back = error @ w2 * (sums &gt; 0)</code>;
# <code>grad_w1 = back.T @ features</code>; the gradients of the biases are the sums of <code>error</code> and
# <code>back</code> over the samples. All four before the first update.</details>

# %% role="answer" task="learn"
def train(features, labels, weights, learning_rate, epochs):
    """Full-batch gradient descent: dict of loss (epochs,) and weights."""
    ### BEGIN SOLUTION
    x, y = np.asarray(features, dtype=float), np.asarray(labels, dtype=float)
    net = {name: np.array(values, dtype=float) for name, values in weights.items()}
    losses = []
    for _ in range(epochs):
        sums = x @ net["w1"].T + net["b1"]
        hidden = np.maximum(sums, 0)
        z = (hidden @ net["w2"].T + net["b2"])[:, 0]
        losses.append(np.mean(np.logaddexp(0, z) - y * z))
        error = ((_sigmoid(z) - y) / len(y))[:, None]
        back = error @ net["w2"] * (sums > 0)
        gradient = {"w1": back.T @ x, "b1": back.sum(axis=0), "w2": error.T @ hidden, "b2": error.sum(axis=0)}
        net = {name: net[name] - learning_rate * gradient[name] for name in net}
    return {"loss": np.array(losses), "weights": net}


def _sigmoid(z):
    """1 / (1 + exp(-z)) without overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)
    ### END SOLUTION


def predict(features, weights):
    """Probabilities (n,) of class 1."""
    ### BEGIN SOLUTION
    hidden = np.maximum(np.asarray(features, dtype=float) @ weights["w1"].T + weights["b1"], 0)
    return _sigmoid((hidden @ weights["w2"].T + weights["b2"])[:, 0])
    ### END SOLUTION


# %% role="test" task="learn" points=16
# asks: train, predict
task = exam.task("learn", points=16)
_rng = np.random.default_rng(SEED + 5)
_cases = []  # features, labels, weights
for _k, (_n, _in, _hidden) in enumerate(((12, 3, 4), (50, 6, 5), (7, 2, 9))):
    _x = _rng.standard_normal((_n, _in))
    _cases.append((_x, (_x.sum(axis=1) + _rng.standard_normal(_n) > 0).astype(int), foundations.first_weights(_in, _hidden, seed=SEED + _k)))
_shapes = "an array (n, 1) where (n,) is meant, or the other way round: [:, 0] and [:, None] turn one into the other"
with task.check("predict: the probabilities of given weights", 3, cause=_shapes):
    for _x, _y, _w in _cases:
        _true, _wrong = foundations.predict(_x, _w), mistakes.predictions(_x, _w)
        foundations.compare(predict(_x.copy(), foundations.copied(_w)), _true, what="probability", mistakes=_wrong,
                            cause="ReLU, the sigmoid or a bias is missing")
    for _x, _y, _w in _cases:
        _large = foundations.both_ways(_x, _w)  # logits from -4,000 to 4,000
        foundations.compare(predict(_x.copy(), foundations.copied(_large)), foundations.predict(_x, _large), what="probability at logits beyond 1,000",
                            overflow="exp(z) / (1 + exp(z)) is infinity by infinity", cause="logits are cut off, or exp overflows")
with task.check("the loss before the first step", 3, cause=_shapes):
    for _x, _y, _w in _cases:
        _loss, _ = foundations.trained(train(_x.copy(), _y.copy(), foundations.copied(_w), 0.3, 1))
        foundations.compare(_loss, foundations.train(_x, _y, _w, 0.3, 1)[0], what="loss", mistakes=mistakes.first_loss(_x, _y, _w, 0.3),
                            shape_cause="one loss for each epoch: an array (epochs,), each noted before its step",
                            cause="the mean binary cross-entropy of all samples, at the weights as they come in")
with task.check("all four arrays after one step", 4, cause=_shapes):
    for _x, _y, _w in _cases:
        _, _made = foundations.trained(train(_x.copy(), _y.copy(), foundations.copied(_w), 0.3, 1))
        foundations.compare_weights(_made, foundations.train(_x, _y, _w, 0.3, 1)[1], what="after one step",
                                    mistakes=mistakes.first_step(_x, _y, _w, 0.3),
                                    cause="a gradient is wrong: compare each with numeric_gradient of task 4")
with task.check("loss curve and weights after 25 steps", 4, cause=_shapes):
    for (_x, _y, _w), _rate in zip(_cases, (0.1, 0.5, 1.0), strict=True):  # rounding grows to about 1e-13 here, far below 1e-6
        _losses, _made = foundations.trained(train(_x.copy(), _y.copy(), foundations.copied(_w), _rate, 25))
        _true, _end = foundations.train(_x, _y, _w, _rate, 25)
        foundations.compare(_losses, _true, what="loss", shape_cause="one loss for each epoch: an array (epochs,), each noted before its step",
                            mistakes={"the curve begins after the first step: note each loss before its update":
                                                                         foundations.train(_x, _y, _w, _rate, 26)[0][1:]},
                            cause="if the checks above hold: the gradients of a later step are not those of the new weights, or they "
                                  "add up from step to step")
        foundations.compare_weights(_made, _end, what="after 25 steps",
                                    mistakes={"one step too few": foundations.train(_x, _y, _w, _rate, 24)[1],
                                              "one step too many": foundations.train(_x, _y, _w, _rate, 26)[1]})
with task.check("one feature and one hidden unit, no epoch, float32 features", 2,
                cause="if the checks above hold: np.squeeze drops axes of length 1, or the weights are only made inside the loop"):
    _x = _rng.standard_normal((9, 1)).astype(np.float32)
    _y, _w = np.arange(9) % 2, foundations.first_weights(1, 1, seed=SEED + 9)
    _losses, _made = foundations.trained(train(_x.copy(), _y.copy(), foundations.copied(_w), 0.2, 3))
    _true, _end = foundations.train(_x, _y, _w, 0.2, 3)
    exam.same(_losses, _true, what="loss with one feature and one hidden unit", rtol=1e-5, atol=1e-6)
    foundations.compare_weights(_made, _end, what="with one feature and one hidden unit", rtol=1e-5, atol=1e-6)
    _none, _still = foundations.trained(train(_x.copy(), _y.copy(), foundations.copied(_w), 0.2, 0))
    exam.numbers(_none, shape=(0,), what="loss of no epoch")
    foundations.compare_weights(_still, _w, what="after no epoch")
    exam.numbers(predict(_x[:1].copy(), foundations.copied(_w)), shape=(1,), what="probability of one sample")
task.points()

# %% [markdown]
# ## Task 6: folds by subject, and scaling without a leak (12 points)
#
# Beats of one heart resemble each other. If some of them are in the training part and others in the test part, the test
# measures how well the network knows that heart.
#
# - `subject_folds(subjects, k, seed)`: `subjects` (n,), an array or a list with the subject of each sample, numbers or
#   texts, in any order. Returns a **list of k pairs** `(train, test)`, two arrays of positions (0 to n - 1). Every sample
#   is in the test part of exactly one fold, and in the training part of all the others.
#   **All samples of a subject stay together.** The numbers of *subjects* in the test parts differ by at most one. Subjects
#   are dealt out at random: the same `seed` gives the same folds, other seeds give others. With fewer subjects than `k` it
#   raises a `ValueError` whose text names both numbers.
# - `standardise(train, other)`: two arrays (n, n_features) and (m, n_features). Returns the pair of both, scaled
#   **by the training part alone**: minus its mean, divided by its *population* standard deviation (the root of the mean
#   squared deviation: divide by n, not by n - 1), feature by feature. A feature that is constant in the training part is
#   only shifted, not divided.
#
# <details><summary>Hint 1: the idea</summary>Deal out subjects, not samples. Then look for each sample which fold its
# subject got. A position is the row number of a sample: <code>features[positions]</code> are its rows.</details>
# <details><summary>Hint 2: what to use</summary><code>np.unique(subjects)</code> lists the subjects,
# <code>np.random.default_rng(seed).permutation(...)</code> shuffles them, <code>np.array_split(..., k)</code> cuts them
# into k parts whose sizes differ by at most one. <code>np.isin(subjects, part)</code> is True for each sample whose subject
# is in the part, <code>np.flatnonzero(...)</code> gives the positions of the True ones, and <code>~</code> turns True into
# False. <code>np.std</code> divides by n.</details>
# <details><summary>Hint 3: almost the code</summary>For each part: <code>inside = np.isin(subjects, part)</code>, then
# append <code>(np.flatnonzero(~inside), np.flatnonzero(inside))</code>. In the other function:
# <code>spread = train.std(axis=0)</code>, set to 1 where it is 0.</details>

# %% role="answer" task="folds"
def subject_folds(subjects, k, seed):
    """k pairs (train, test) of positions; a subject is never on both sides."""
    ### BEGIN SOLUTION
    subjects = np.asarray(subjects)
    names = np.unique(subjects)
    if len(names) < k:
        raise ValueError(f"got {len(names)} subjects for {k} folds, expected at least one subject per fold")
    parts = np.array_split(np.random.default_rng(seed).permutation(names), k)
    inside = [np.isin(subjects, part) for part in parts]
    return [(np.flatnonzero(~here), np.flatnonzero(here)) for here in inside]
    ### END SOLUTION


def standardise(train, other):
    """Both arrays, scaled by mean and population standard deviation of the training part."""
    ### BEGIN SOLUTION
    train, other = np.asarray(train, dtype=float), np.asarray(other, dtype=float)
    middle, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(np.ptp(train, axis=0) > 0, spread, 1.0)
    return (train - middle) / spread, (other - middle) / spread
    ### END SOLUTION


# %% role="test" task="folds" points=12
# asks: subject_folds, standardise
task = exam.task("folds", points=12)
_rng = np.random.default_rng(SEED + 6)
_sizes = _rng.integers(1, 30, 23)
_blocks = np.repeat(100 + np.arange(23), _sizes)  # subject after subject
_mixed = _rng.permutation(_blocks)
_names = [f"patient {'abcdefghijklmnopqrstuvw'[_s - 100]}" for _s in _mixed]
_parts = "folds of samples, or of runs of equal subjects: shuffle and divide the different subjects, then look up their samples"
with task.check("every sample is tested once, and trained on otherwise", 2):
    for _subjects, _k in ((_blocks, 5), (_mixed, 4), (_mixed, 23)):
        foundations.folds_of(subject_folds(_subjects.copy(), _k, 3), n=len(_subjects), k=_k, n_subjects=len(np.unique(_subjects)))
with task.check("no subject is on both sides", 3, cause=_parts):
    for _subjects, _k, _seed in ((_mixed, 5, 0), (_mixed, 3, 1), (_blocks, 5, 2), (_blocks, 7, 3)):
        _pairs = foundations.folds_of(subject_folds(_subjects.copy(), _k, _seed), n=len(_subjects), k=_k)
        _shared = foundations.subjects_on_two_sides(_pairs, _subjects)
        exam.expect(_shared == 0, got=f"{_shared} times a subject in both parts of a fold", expected="never", cause=_parts)
with task.check("the folds have about as many subjects", 1, cause="a fold gets what is left over: np.array_split deals it out evenly"):
    for _k in (4, 5, 6, 10):
        _pairs = foundations.folds_of(subject_folds(_mixed.copy(), _k, 1), n=len(_mixed), k=_k)
        _counts = [len(np.unique(_mixed[_test])) for _, _test in _pairs]
        exam.expect(max(_counts) - min(_counts) <= 1, got=f"test parts of {_counts} subjects", expected="numbers that differ by at most one",
                    cause="a fold gets what is left over: np.array_split deals it out evenly")
with task.check("texts as subjects, in any order", 1, cause="the code computes with the subjects, or takes each run of equal ones for a subject"):
    _pairs = foundations.folds_of(subject_folds(list(_names), 4, 5), n=len(_names), k=4)
    exam.expect(foundations.subjects_on_two_sides(_pairs, _names) == 0, got="a subject in both parts of a fold", expected="none",
                cause="the code computes with the subjects, or takes each run of equal ones for a subject")
with task.check("the seed decides, and nothing else", 1, cause="the global random generator is used instead of `seed`, or no chance at all"):
    _runs = [foundations.folds_of(subject_folds(_mixed.copy(), 4, _seed), n=len(_mixed), k=4) for _seed in (7, 7, 8, 9)]
    _firsts = [np.sort(_pairs[0][1]).tolist() for _pairs in _runs]
    exam.expect(_firsts[0] == _firsts[1], got="two different results", expected="the same folds for the same seed",
                cause="the global random generator is used instead of `seed`")
    exam.expect(_firsts[0] != _firsts[2] or _firsts[0] != _firsts[3], got="the same folds for other seeds", expected="other folds",
                cause="`seed` is not used")
with task.check("fewer subjects than folds", 1, cause="no test of the number of subjects: some folds would be empty"):
    _few = int(_rng.integers(2, 7))
    _more = _few + int(_rng.integers(1, 4))
    foundations.folds_of(subject_folds(np.repeat(_rng.permutation(40)[:_few], 30), _few, 0), n=30 * _few, k=_few)
    foundations.refuses(subject_folds, np.repeat(_rng.permutation(40)[:_few], 30), _more, 0, names=(_few, _more),
                        cause="no test of the number of subjects: some folds would be empty. Count subjects, not samples")
with task.check("standardise by the training part alone", 2):
    for _n, _m, _f in ((6, 4, 3), (40, 1, 5)):
        _a, _b = 3 * _rng.standard_normal((_n, _f)) + 7, 2 * _rng.standard_normal((_m, _f)) - 1
        _true, _wrong = mistakes.scaled(_a, _b)
        _made = standardise(_a.copy(), _b.copy())
        for _k, _part in enumerate(("training", "other")):
            foundations.compare(_made[_k], _true[_k], what=f"scaled {_part} part", mistakes={_why: _pair[_k] for _why, _pair in _wrong.items()},
                                cause="minus the mean, divided by the standard deviation, both of the training part, column by column")
with task.check("a constant feature, whole numbers, float32", 1, cause="if the check above holds: a division by a standard deviation of zero"):
    _a, _b = np.array([[1, 5], [2, 5], [6, 5]]), np.array([[4, 5], [-1, 8]])
    for _dtype in (int, np.float32):
        _made = standardise(_a.astype(_dtype), _b.astype(_dtype))
        for _k, _part in enumerate((_a, _b)):  # 1e-5: float32 carries 7 digits
            _true = np.column_stack([(_part[:, 0] - 3) / np.sqrt(14 / 3), _part[:, 1] - 5])
            exam.same(_made[_k], _true, what=f"scaled part of {np.dtype(_dtype)} with a constant feature", rtol=1e-5, atol=1e-6)
task.points()

# %% [markdown]
# ## Task 7: the metrics (12 points)
#
# Label 1 is what is looked for, here a ventricular beat.
#
# - `confusion(labels, predicted)`: two arrays (n,) of 0 and 1; returns the counts (2, 2), row: true label, column:
#   predicted label, that is `[[TN, FP], [FN, TP]]`.
# - `scores(counts)`: such counts (2, 2); returns a dict with `"accuracy"`, `"sensitivity"` (share of the 1s that are
#   found), `"specificity"` (share of the 0s that are left alone), `"ppv"` (share of the alarms that are right), `"f1"` (the
#   harmonic mean of PPV and sensitivity, 2 / (1 / PPV + 1 / sensitivity), which is 2 TP / (2 TP + FP + FN)) and `"kappa"`
#   (Cohen's: accuracy minus the agreement expected by chance, divided by 1 minus that). **A ratio whose denominator is 0
#   counts as 0**, kappa too.
# - `roc_auc(labels, scores)`: `scores` (n,) any numbers, higher for "rather 1"; returns the area under the ROC curve: the
#   share of all pairs of a sample with label 1 and one with label 0 in which the first has the higher score.
#   **Equal scores count half.** Where one of the labels does not occur it raises a `ValueError`.
#
# <details><summary>Hint 1: the idea</summary>Everything but the AUC is made of four counts. By chance, two raters agree on
# "1" with the product of how often each says "1", and on "0" likewise.</details>
# <details><summary>Hint 2: what to use</summary><code>np.sum((labels == 1) &amp; (predicted == 0))</code> counts; rows of
# the table sum to the true labels, columns to the predicted ones. For the AUC compare all pairs,
# <code>positive[:, None] &gt; negative[None, :]</code>, or take <code>scipy.stats.rankdata</code>.</details>
# <details><summary>Hint 3: almost the code</summary>A helper <code>ratio(a, b)</code> that gives 0 for <code>b == 0</code>.
# Chance: <code>((tp + fn) * (tp + fp) + (tn + fp) * (tn + fn)) / n**2</code>. AUC: the mean of
# <code>(pos &gt; neg) + 0.5 * (pos == neg)</code> over all pairs.</details>

# %% role="answer" task="metrics"
def confusion(labels, predicted):
    """Counts [[TN, FP], [FN, TP]]."""
    ### BEGIN SOLUTION
    counts = np.zeros((2, 2), int)
    np.add.at(counts, (np.asarray(labels, dtype=int), np.asarray(predicted, dtype=int)), 1)
    return counts
    ### END SOLUTION


def scores(counts):
    """Accuracy, sensitivity, specificity, PPV, F1 and kappa of counts [[TN, FP], [FN, TP]], as a dict."""
    ### BEGIN SOLUTION
    (tn, fp), (fn, tp) = np.asarray(counts, dtype=float)
    n = tn + fp + fn + tp

    def ratio(part, whole):
        return float(part / whole) if whole else 0.0

    chance = ratio((tp + fn) * (tp + fp) + (tn + fp) * (tn + fn), n**2)
    accuracy = ratio(tp + tn, n)
    return {
        "accuracy": accuracy,
        "sensitivity": ratio(tp, tp + fn),
        "specificity": ratio(tn, tn + fp),
        "ppv": ratio(tp, tp + fp),
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        "kappa": ratio(accuracy - chance, 1 - chance),
    }
    ### END SOLUTION


def roc_auc(labels, scores):
    """Area under the ROC curve, equal scores counted half."""
    ### BEGIN SOLUTION
    labels, values = np.asarray(labels), np.asarray(scores, dtype=float)
    positive, negative = values[labels == 1], values[labels == 0]
    if len(positive) == 0 or len(negative) == 0:
        raise ValueError(f"got {len(positive)} samples with label 1 and {len(negative)} with label 0, expected both")
    higher = positive[:, None] > negative
    return float(np.mean(higher + 0.5 * (positive[:, None] == negative)))
    ### END SOLUTION


# %% role="test" task="metrics" points=12
# asks: confusion, scores, roc_auc
task = exam.task("metrics", points=12)
_rng = np.random.default_rng(SEED + 7)
_tables = [_rng.integers(3, 60, (2, 2)) for _ in range(4)] + [np.array([[931, 22], [17, 30]])]  # the last: 1 beat in 20
with task.check("the confusion matrix", 2, cause="rows are true labels, columns predicted ones: [[TN, FP], [FN, TP]]"):
    for _n in (300, 8, 1):
        _y, _said = _rng.integers(0, 2, _n), _rng.integers(0, 2, _n)
        _true = metrics.confusion(_y, _said)
        foundations.compare(confusion(_y.copy(), _said.copy()), _true, what="confusion matrix", cause="rows are true labels, columns predicted ones",
                            mistakes={"rows and columns are exchanged: rows are true labels": _true.T,
                                      "label 1 comes first: 0 does": _true[::-1, ::-1]})
for _keys, _points in ((("accuracy", "sensitivity", "specificity"), 2), (("ppv", "f1"), 2), (("kappa",), 2)):
    with task.check(", ".join(_keys), _points, cause="a key is missing in the dict, or a ratio divides by another sum of counts"):
        for _counts in _tables:
            _true, _wrong, _made = foundations.ratios(_counts), mistakes.ratios(_counts), scores(_counts.copy())
            for _key in _keys:
                foundations.compare(_made[_key], _true[_key], what=f"{_key} of {_counts.tolist()}", mistakes=_wrong[_key],
                                    cause="a ratio divides by another sum of counts than the text says")
with task.check("ratios whose denominator is 0", 1, cause="a division by zero: no alarm, no share of alarms"):
    for _counts in ([[9, 0], [0, 0]], [[0, 0], [0, 7]], [[5, 0], [4, 0]], [[0, 3], [0, 2]], [[0, 6], [0, 0]], [[0, 0], [8, 0]]):
        _true, _made = foundations.ratios(_counts), scores(np.array(_counts))
        for _key, _value in _true.items():
            exam.same(_made[_key], _value, what=f"{_key} of {_counts}", cause="0 where the denominator is 0, and the plain ratio elsewhere")
with task.check("ROC AUC", 2, cause="the pairs the wrong way round, or decisions instead of scores"):
    for _n in (5, 60, 400):
        _y = _rng.permutation(np.arange(_n) % 3 == 0).astype(int)
        _z = _y + 1.5 * _rng.standard_normal(_n)
        _true = metrics.roc_auc(_y, _z)
        foundations.compare(roc_auc(_y.copy(), _z.copy()), _true, what=f"AUC of {_n} samples", cause="any numbers can be scores, not only 0 to 1",
                            mistakes={"the pairs are compared the wrong way round": 1 - _true,
                                      "computed from decisions instead of scores": metrics.roc_auc(_y, (_z > 0.5).astype(int))})
    foundations.refuses(roc_auc, np.ones(4, int), np.arange(4.0), cause="with one label alone there are no pairs")
with task.check("ROC AUC with equal scores", 1, cause="equal scores count half"):
    for _n in (6, 200):
        _y = _rng.permutation(np.arange(_n) % 2)
        for _z in (np.round(_y + 1.5 * _rng.standard_normal(_n)), np.zeros(_n)):
            _true = metrics.roc_auc(_y, _z)
            _pairs = _z[_y == 1][:, None] - _z[_y == 0]
            foundations.compare(roc_auc(_y.copy(), _z.copy()), _true, what="AUC with equal scores", cause="equal scores count half",
                                mistakes={"equal scores count nothing, where they count half": np.mean(_pairs > 0),
                                          "equal scores count as won, where they count half": np.mean(_pairs >= 0)})
task.points()

# %% [markdown]
# ## Task 8: beats of people never met (8 points)
#
# Put the parts together: which beats are ventricular? Row by row, `beats.features` (n, n_features) holds what was measured
# around an R wave, `beats.labels` (n,) is 1 for ventricular and 0 for normal beats, `beats.subjects` (n,) says whose beat
# it is.
#
# - `classify_beats(features, labels, new_features, seed)`: standardises by `features`, draws first weights of a two-layer
#   network from `seed`, trains it on `features` (n, n_features) and `labels` (n,), and returns the probability of label 1
#   for each row of `new_features` (m, n_features): an array (m,). The same arguments give the same answer, and a row gets
#   the same answer alone or among others.
# - `cross_validate(features, labels, subjects, k, seed)`: deals the subjects into `k` folds (by `subjects`, `k` and `seed`
#   alone, as in task 6) and returns (n,) probabilities, in the order of the samples: each from a network whose training has
#   seen **nothing of this sample's fold**, in standardising neither.
#
# 8 hidden units, a learning rate of 0.5 and `EPOCHS` steps will do. The first weights are small random numbers, not zeros:
# see the lesson. If a function of tasks 5 or 6 is not ready, others may stand in: `GroupKFold(k, shuffle=True,
# random_state=seed)` of `sklearn.model_selection` for the folds, `StandardScaler` of `sklearn.preprocessing` for the
# scaling, two `nn.Linear` of PyTorch for the network (call `torch.manual_seed(seed)` before you make them).
#
# The examiner then takes beats of 24 other, simulated people, deals them out and asks `classify_beats` about those whose
# beats it has not been shown. Points grow along a line, from what an almost untrained network reaches to just below what a plain network
# in PyTorch reaches on the same beats.
#
# <details><summary>Hint 1: the idea</summary>The second function calls the first one k times: with the training part of a
# fold, and the features of its test part as the new ones.</details>
# <details><summary>Hint 2: what to use</summary><code>standardise</code>, <code>train</code>, <code>predict</code> and
# <code>subject_folds</code>. Random numbers with a spread of <code>np.sqrt(2 / inputs)</code> are good first weights, zeros
# good first biases.</details>
# <details><summary>Hint 3: almost the code</summary><code>probability = np.zeros(len(labels))</code>; for each fold
# <code>probability[new] = classify_beats(features[known], labels[known], features[new], seed)</code>.</details>

# %% role="answer" task="beats"
def classify_beats(features, labels, new_features, seed):
    """Probabilities (m,) that new beats are ventricular, by a network trained on others."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    known, new = standardise(features, new_features)
    n_features, n_hidden = known.shape[1], 8
    first = {
        "w1": np.sqrt(2 / n_features) * rng.standard_normal((n_hidden, n_features)),
        "b1": np.zeros(n_hidden),
        "w2": np.sqrt(2 / n_hidden) * rng.standard_normal((1, n_hidden)),
        "b2": np.zeros(1),
    }
    return predict(new, train(known, labels, first, 0.5, EPOCHS)["weights"])
    ### END SOLUTION


def cross_validate(features, labels, subjects, k, seed):
    """Probabilities (n,), each by a network that has not met the subject."""
    ### BEGIN SOLUTION
    features, labels = np.asarray(features), np.asarray(labels)
    probability = np.zeros(len(labels))
    for known, new in subject_folds(subjects, k, seed):
        probability[new] = classify_beats(features[known], labels[known], features[new], seed)
    return probability
    ### END SOLUTION


# %% role="test" task="beats" points=8
# asks: classify_beats, cross_validate
task = exam.task("beats", points=8)
_rng = np.random.default_rng(SEED + 8)
_who = _rng.permutation(np.repeat(np.arange(8), 12))
_x = _rng.standard_normal((96, 3)) * [1.0, 40.0, 0.1] + [0.0, 100.0, 1.0]  # milliseconds beside shares
_y = (_x[:, 0] + (_x[:, 1] - 100) / 40 + 0.5 * _rng.standard_normal(96) > 0).astype(int)
_first = None
with task.check("a probability for each new row, the same each time", 1):
    _told = exam.numbers(classify_beats(_x[:60].copy(), _y[:60].copy(), _x[60:].copy(), 1), shape=(36,), what="probability")
    exam.expect(_told.min() >= 0 and _told.max() <= 1, got=f"values from {_told.min():.3g} to {_told.max():.3g}",
                expected="probabilities between 0 and 1", cause="logits are returned: apply the sigmoid")
    exam.same(classify_beats(_x[:60].copy(), _y[:60].copy(), _x[60:].copy(), 1), _told, what="probability, asked again",
              cause="first weights are not drawn from `seed`")
    exam.expect(metrics.roc_auc(_y[60:], _told) > 0.7, got=f"ROC AUC {metrics.roc_auc(_y[60:], _told):.2f} where the features tell",
                expected="more than 0.7", cause=foundations.why_unsure(_told))
with task.check("a row gets the same answer alone and among others", 1, cause="new features are scaled by themselves: by the training part alone"):
    _among = exam.numbers(classify_beats(_x[:60].copy(), _y[:60].copy(), _x[60:].copy(), 1), shape=(36,), what="probability")
    exam.expect(np.ptp(_among) > 0, got="the same answer for all rows", expected="an answer for each", cause=foundations.why_unsure(_among))
    _alone = [exam.numbers(classify_beats(_x[:60].copy(), _y[:60].copy(), _x[_k : _k + 1].copy(), 1), shape=(1,)) for _k in range(60, 64)]
    exam.same(np.concatenate(_alone), _among[:4], what="probability of a row alone", cause="new features are scaled by themselves: by the training part alone")
with task.check("cross_validate: no subject is judged by a network that knows its labels", 2):
    _first = exam.numbers(cross_validate(_x.copy(), _y.copy(), _who.copy(), 4, 2), shape=(96,), what="probability")
    exam.expect(metrics.roc_auc(_y, _first) > 0.7, got=f"ROC AUC {metrics.roc_auc(_y, _first):.2f} where the features tell", expected="more than 0.7",
                cause=foundations.why_unsure(_first))
    for _s in (2, 5):
        _told = cross_validate(_x.copy(), np.where(_who == _s, 1 - _y, _y), _who.copy(), 4, 2)
        exam.same(np.asarray(_told)[_who == _s], _first[_who == _s],
                  what=f"probability of a sample of subject {_s} after only that subject's labels were changed",
                  cause="the network has been trained on this subject (folds of samples, or none at all), or folds depend on the labels or on chance")
with task.check("cross_validate: no subject helps to scale its own fold", 1):
    exam.same(cross_validate(_x.copy(), _y.copy(), _who.copy(), 4, 2), exam.given(_first), what="probability, asked again",
              cause="folds or first weights are not drawn from `seed`")
    _told = np.asarray(cross_validate(_x.copy(), np.where(_who == 2, 1 - _y, _y), _who.copy(), 4, 2))
    _moved = np.abs(_told - _first)  # of the subjects judged without subject 2, its fold, no sample moves
    _fold = np.isin(_who, [_s for _s in range(8) if _moved[_who == _s].max() < 1e-9])
    exam.expect(_fold.any() and not _fold.all(), got=f"{len(np.unique(_who[_fold]))} of 8 subjects whose answers do not depend on subject 2",
                expected="its own fold and no others", cause="if the check above holds: trained on all samples, or on none")
    _louder = np.where((_who == 2)[:, None], 30 * _x, _x)
    _mates = _fold & (_who != 2)
    exam.same(np.asarray(cross_validate(_louder, _y.copy(), _who.copy(), 4, 2))[_mates], _first[_mates],
              what="probability of a sample after the features of another subject in its fold were changed",
              cause="standardised once, over all samples: do it inside each fold, by its training part")
_folds = {"k": 5, "seed": SEED + 9}
_others = load_beats("simulated", seed=SEED + 10)  # people whose beats are in no notebook
_beats = _others.features, _others.labels, _others.subjects
_plain = foundations.unseen_auc(foundations.classify, *_beats, **_folds)
# Of 150 sound trainings, real and simulated, the worst was 0.064 below; of 11 networks of 5 steps the best was 0.084 below.
task.credit(f"ROC AUC of classify_beats on people it has never met (a plain network: {_plain:.3f})",
            lambda: round(foundations.unseen_auc(classify_beats, *_beats, **_folds), 3),
            floor=round(_plain - 0.25, 3), full=round(_plain - 0.08, 3), points=3,
            cause="features that are not standardised, first weights of zeros (all answers are equal), or too few steps")
task.points()

# %% role="free"
# Sensitivity, specificity and the rest of your network on people it has never met, at a probability of one half:
unseen = cross_validate(beats.features, beats.labels, beats.subjects, 5, SEED)
found = confusion(beats.labels, (unseen >= 0.5).astype(int))
print(beats.label)
print(found)
print({name: round(float(value), 3) for name, value in scores(found).items()})
print("ROC AUC", round(float(roc_auc(beats.labels, unseen)), 3))

# %% [markdown]
# ## Take away
#
# - A layer is an object with two directions: forward it keeps what it needs, backward it says how the loss depends on its
#   input and on its own numbers.
# - Formulas that are equal on paper are not equal in a computer: the loss is computed from logits.
# - Never trust a gradient that you have not checked, or a score that was measured on people the network knows.
# - Accuracy is high where the finding is rare, whatever is found. Look at sensitivity and PPV, and say on how many people
#   you measured.
#
# **Where next.** Lesson 02 turns signals into spectra. From assignment 03 on PyTorch does what you have done here by hand.
