# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 01 · Foundations: a network built by hand
#
# A heartbeat comes too early and looks too wide: did it start in the wrong place? You will build a small network that
# answers this, with nothing hidden: every number in it can be checked with a pocket calculator. Then you will find out
# how far it can be trusted, on people it has never met.
#
# **What you will learn**
#
# - what a class, an object, a method and inheritance are, on a signal recorder and then on a layer of a network;
# - a neuron; how wrong it is (the loss); which way is better (the gradient);
# - backpropagation through a two-layer network: by hand, in NumPy, checked by finite differences, and the same in
#   PyTorch;
# - binary cross-entropy, and why it is computed from logits;
# - convolution as a sliding dot product: stride, padding, receptive field;
# - training, validation and test; k-fold, by beat and by subject, and the gap between the two;
# - accuracy, sensitivity, specificity, PPV, F1, ROC AUC and Cohen's kappa, and what each of them hides.
#
# **What you need.** Python loops and functions; school mathematics with derivatives. Nothing about networks, NumPy or
# medicine.
#
# **Time.** Reading 2 to 3 hours, best in three sittings (sections 1 to 5, 6, and 7 to 9); computing about half a minute
# on two CPU cores.
#
# **Data.** Single heartbeats, with labels by cardiologists, of the
# [MIT-BIH Arrhythmia Database](https://physionet.org/content/mitdb/1.0.0/), if its files are on this machine. If not,
# the beats are **simulated**: made by formulas after what is known of such beats, not from people.

# %% tags=["parameters"]
SOURCE = "auto"  # "auto": real recordings if they are here, else simulated; or "real", "simulated"
BUDGET = "default"  # "ci": quicker, rougher; "full": longer training
SEED = 0

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.special import expit
from sklearn.metrics import cohen_kappa_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from physiodl import diagrams, metrics, plots, splits
from physiodl.beats import load_beats

torch.set_num_threads(1)
STEPS = {"ci": 800, "default": 2000, "full": 6000}[BUDGET]

beats = load_beats(SOURCE, seed=SEED)
waves, table, labels, subjects, fs = beats.waves, beats.features, beats.labels, beats.subjects, beats.fs
print(beats.label)
print(f"{beats.source} beats, {beats.citation}")
print(f"{len(labels)} beats of {len(np.unique(subjects))} people, {100 * labels.mean():.0f} % of them ventricular")

# %% [markdown]
# ## 1 · Look first: two kinds of heartbeat
#
# A heartbeat normally starts in the atria, the small chambers, and runs down special fibres that reach all of the
# ventricles, the large chambers, almost at once. The ECG shows the ventricles contracting as a narrow spike, the **QRS
# complex**; its highest point is the **R wave**. Sometimes a place *in* the ventricles fires first. The wave then
# creeps from cell to cell: the spike is wide and odd. It often comes early, with a pause after it. Such a **ventricular
# beat** (also PVC, premature ventricular contraction) is common in healthy people; many of them, or certain kinds, can
# mean disease.
#
# Here are beats of three people. (Cells like the next one only draw. Skip their code at a first reading: what counts is
# the figure.)

# %%
time_ms = 1000 * beats.time_s
by_count = sorted(np.unique(subjects), key=lambda s: -np.sum(labels[subjects == s]))
three = by_count[:3]  # the people with the most ventricular beats

fig, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained", sharey=True)
for ax, subject in zip(axes, three, strict=True):
    for kind, colour, name in ((0, plots.BLUE, "normal"), (1, plots.ORANGE, "ventricular")):
        mine = waves[(labels == kind) & (subjects == subject)]
        ax.plot(time_ms, mine[:25].T, color=colour, lw=0.4, alpha=0.4)
        ax.plot(time_ms, np.median(mine, axis=0), color=colour, lw=2, label=f"{name}: the median of {len(mine)}")
    ax.set(title=f"subject {subject}", xlabel="time from the R wave (ms)")
    ax.legend(fontsize=8, loc="lower right")
axes[0].set_ylabel("ECG (mV)")
fig.suptitle(beats.label, fontsize=9)
plt.show()

# %% [markdown]
# Two things to keep. Ventricular beats are mostly wider than normal ones *of the same person*. And every person has his
# or her own kind of ventricular beat: whoever knows that person's beats recognises the next one at once. Section 8
# comes back to this.
#
# ### How such data are held: arrays
#
# A Python list of lists could hold these numbers. NumPy's **array** does it better: a table of numbers with a
# **shape**, so many rows by so many columns. Arithmetic on an array is done for all its numbers at once, without a
# loop.

# %%
print("waves   ", waves.shape, " (beats, samples): one row per beat, one column per sample, in mV")
print("labels  ", labels.shape, "       (beats,): 0 normal, 1 ventricular")
print("the first beat begins", waves[0, :4].round(3), "mV")
print("one second has", round(fs), "samples; the rows are", round(1000 * waves.shape[1] / fs), "ms long")

first = waves[0]  # row 0: counting starts at 0
print("shape of one beat", first.shape, "; in microvolts it begins", (1000 * first[:4]).round(1))

is_ventricular = labels == 1  # an array of True and False, one per beat
print("rows where that is True:", waves[is_ventricular].shape)

# %% [markdown]
# Read it as: `waves[0, :4]` is row 0, columns 0 to 3; `waves[:, 2]` is column 2 of every row; `waves[is_ventricular]`
# keeps the rows where the array in brackets is True. `waves.mean(axis=0)` takes the mean down each column and leaves
# one number per column; `axis=1` leaves one per row. Shapes may differ in one way: a table (beats, columns) minus an
# array (columns,) takes that array from every row. When a line of code puzzles you, print the shapes.
#
# An array has one kind of number, its `dtype`: `float64` are decimal numbers with about 16 digits, `int64` whole
# numbers. In an array of whole numbers nothing is left behind the point: whoever stores 0.7 in it finds 0.
#
# ### A few numbers per beat
#
# A cardiologist measures. So do we: each beat gets a handful of **features**. *RR* is the time from one R wave to the
# next. "Relative" means: divided by what is usual for that person (the median), so that an RR of 1 is "on time" and 0.6
# "much too early". The *QRS width* is measured simply: from the first to the last moment, between 120 ms before and 160
# ms after the R wave, at which the signal is steep (at least a fifth of its steepest slope there). The gentle ends of
# the complex are left out, so these widths are smaller than what a cardiologist measures on paper.

# %%
for column, name in enumerate(beats.feature_names):
    normal, wide = table[labels == 0, column], table[labels == 1, column]
    print(f"{name:24s} median {np.median(normal):6.2f} in normal, {np.median(wide):6.2f} in ventricular beats")

EARLY, WIDTH = (beats.feature_names.index(name) for name in ("RR before (relative)", "QRS width (ms)"))
PAIR = [EARLY, WIDTH]  # the two features of most figures

fig, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
for kind, colour, name in ((0, plots.BLUE, "normal"), (1, plots.ORANGE, "ventricular")):
    shown = table[labels == kind]
    ax.plot(shown[:, EARLY], shown[:, WIDTH], "o", ms=3, alpha=0.5, color=colour, label=name)
ax.set(xlabel=beats.feature_names[EARLY], ylabel=beats.feature_names[WIDTH])
ax.set_title(beats.label, fontsize=9)
ax.legend()
plt.show()

# %% [markdown]
# No single cut, upright or level, parts the two kinds: some ventricular beats come on time, some normal beats come
# early, some normal beats are wide. Beats at exactly 280 ms, along the top, are no beats of that width: there the
# signal was steep, or restless, from one end of the search (120 ms before) to the other (160 ms after), and the
# measurement gave up. Real tables are like that; we leave them in. A rule has to weigh both numbers together. That is
# what a neuron does. But first the tool in which it is written.
#
# <details><summary>Question: somebody calls every beat normal. How often is that right?</summary> 100 % minus the share
# of ventricular beats that was printed at the top: about nine times in ten, without looking at a single beat. Remember
# it when section 9 speaks of accuracy.</details>
#
# ## 2 · A class, an object, a method
#
# A recorder at the bedside gets one sample after the other. It must remember two things, its sampling rate and the
# samples so far, and it must *do* two things, take in a sample and say how long it has been recording. A **class** is
# the plan for such a thing: what it remembers and what it can do.

# %%
class Recorder:
    """Collects the samples of one signal."""

    def __init__(self, fs):
        self.fs = fs  # samples per second
        self.samples = []

    def add(self, value):
        self.samples.append(value)

    def seconds(self):
        return len(self.samples) / self.fs


chest = Recorder(fs)  # builds one recorder by this plan: __init__ runs
wrist = Recorder(50)  # and another, with another rate
for value in waves[0]:
    chest.add(value)
print("chest:", len(chest.samples), "samples,", round(chest.seconds(), 3), "s")
print("wrist:", len(wrist.samples), "samples,", round(wrist.seconds(), 3), "s")

# %% [markdown]
# | word | what it is | here |
# |---|---|---|
# | **class** | the plan | `Recorder` |
# | **object** | one thing built by the plan, with a memory of its own | `chest`, `wrist` |
# | **attribute** | something an object remembers | `chest.fs`, `chest.samples` |
# | **method** (member function) | a function that belongs to the class and works on one object | `chest.add(...)` |
# | `self` | inside a method: the object that it was called on | in `chest.add(0.1)`, `self` is `chest` |
# | `__init__` | the method that runs when an object is built | `Recorder(50)` calls it with `fs = 50` |
#
# `chest.add(0.1)` is nothing but `Recorder.add(chest, 0.1)`, written so that the object stands in front. The two
# objects share the plan, not the memory: filling `chest` leaves `wrist` empty.
#
# ### Inheritance: the same, but ...
#
# Muscles make a signal restless. A second kind of recorder should store the mean of the last few values. All else stays
# as it was. **Inheritance** says exactly this: write down only what differs.

# %%
class SmoothingRecorder(Recorder):
    """A recorder that stores the mean of the last few values it was given."""

    def __init__(self, fs, length):
        super().__init__(fs)  # first do what a Recorder does
        self.length = length
        self.recent = []

    def add(self, value):
        self.recent = (self.recent + [value])[-self.length :]  # the last `length` values
        super().add(sum(self.recent) / len(self.recent))


restless = waves[subjects == three[0]][0]  # the first beat of that person
restless = restless + 0.05 * np.random.default_rng(SEED).standard_normal(len(restless))  # add some muscle noise
plain, smooth = Recorder(fs), SmoothingRecorder(fs, length=max(2, round(0.03 * fs)))  # 30 ms
for recorder in (plain, smooth):  # each object knows which `add` is its own
    for value in restless:
        recorder.add(value)

fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(time_ms, plain.samples, color="#999999", lw=0.9, label="Recorder")
ax.plot(time_ms, smooth.samples, color=plots.BLUE, lw=1.8, label="SmoothingRecorder, 30 ms")
ax.set(xlabel="time from the R wave (ms)", ylabel="ECG (mV)")
ax.set_title(f"one beat and added noise ({beats.label})", fontsize=9)
ax.legend()
plt.show()
print("smooth.seconds() =", round(smooth.seconds(), 3))

# %% [markdown]
# `SmoothingRecorder` **inherits** `seconds` and **overrides** `add`; `super()` calls the method of the class it comes
# from. The figure also shows what smoothing costs: the R wave is lower, and it comes late, because a mean of the last
# 30 ms looks back. Lesson 02 has better filters.
#
# <details><summary>Question: nobody wrote a method seconds in SmoothingRecorder. Which code ran in the last
# line?</summary> That of Recorder. Python looks in the object's own class first, then in the class it inherits
# from.</details>
#
# You now know enough to read PyTorch: a network there is a class that inherits from `nn.Module`, remembers its weights,
# and overrides one method, `forward`.
#
# ## 3 · A neuron
#
# ### First: put some people away
#
# We will need people whom the network has never met. So we divide the *people* now: 60 % to learn from (**training**),
# 20 % to decide things on (**validation**), 20 % for one examination at the end (**test**). Section 8 shows what
# happens otherwise.
#
# Milliseconds and shares do not add up well, so every feature is **standardised**: take away its mean, divide by its
# standard deviation (SD, the root of the mean squared distance from the mean; `std` divides by the number of beats).
# Then 0 means "as usual" and +2 means "two SD more than usual". Mean and SD come from the training people only.

# %%
split = splits.group_split(labels, subjects, seed=SEED)
train, val, test = split["train"], split["val"], split["test"]
mean, sd = table[train].mean(axis=0), table[train].std(axis=0)
x = (table - mean) / sd
y = labels.astype(float)
for part, rows in split.items():
    people = len(np.unique(subjects[rows]))
    print(f"{part:5s} {people:2d} people, {len(rows):4d} beats, {100 * y[rows].mean():4.1f} % ventricular")
print("shape of x:", x.shape, " (beats, features)")

# %% [markdown]
# ### Weigh, add, squash
#
# Take a beat that comes 2 SD earlier than usual ($x_1 = -2$) and is 1.5 SD wider ($x_2 = 1.5$). Both speak for a
# ventricular beat. A neuron gives each number a **weight**, adds them up, and adds a **bias**, which says how much it
# takes to be convinced:
#
# $$z = w_1 x_1 + w_2 x_2 + b = (-1)(-2) + (1)(1.5) + (-2) = 1.5$$
#
# The sum $z$ is called the **logit**: above 0 it leans to "ventricular", below 0 to "normal". To read it as a
# probability, the **sigmoid** squashes it between 0 and 1:
#
# $$p = \sigma(z) = \frac{1}{1 + e^{-z}} = \frac{1}{1 + 0.2231} = 0.8176$$
#
# Here it is as a class. `x @ weights` multiplies each number of a row by its weight and adds up, for all rows at once:
# a **dot product** per beat.

# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Neuron:
    """Weighs the features of a beat: a probability that it is ventricular."""

    def __init__(self, weights, bias):
        self.weights = np.array(weights)
        self.bias = bias

    def logit(self, x):
        return x @ self.weights + self.bias  # (beats, features) @ (features,) -> (beats,)

    def probability(self, x):
        return sigmoid(self.logit(x))


guess = Neuron([-1.0, 1.0], bias=-2.0)
one_beat = np.array([[-2.0, 1.5]])  # one row, two columns
print("logit", guess.logit(one_beat), " probability", guess.probability(one_beat).round(4))

# %%
def show_beats(ax, probability, title):
    """What `probability` says for every pair of the two features; black line: where it says 0.5."""
    shade = diagrams.decision_map(ax, probability, x[train][:, PAIR], labels[train], xlim=(-4.5, 4.5), ylim=(-2.5, 4.5))
    ax.set(xlabel="RR before (SD from the mean)", ylabel="QRS width (SD from the mean)")
    ax.set_title(title, fontsize=10)
    return shade


fig, axes = plt.subplots(1, 2, figsize=(11, 3.9), layout="constrained")
z = np.linspace(-6, 6, 200)
axes[0].plot(z, sigmoid(z), color=plots.BLUE)
axes[0].plot(1.5, sigmoid(1.5), "o", color=plots.ORANGE, label="the beat above: logit 1.5, probability 0.82")
axes[0].axhline(0.5, color="#999999", lw=0.7)
axes[0].set(xlabel="logit z (no unit)", ylabel="probability p (no unit)", title="the sigmoid")
axes[0].legend(fontsize=8)
shade = show_beats(axes[1], guess.probability, "our guess: weights -1 and 1, bias -2")
axes[1].plot(-2, 1.5, "*", ms=14, mec="black", color="white")
fig.colorbar(shade, ax=axes[1], label="probability of ventricular")
plt.show()

# %% [markdown]
# Orange dots are ventricular beats of the training people, blue ones normal. The black line is where the neuron says
# 0.5. It is **straight**: one neuron can only weigh. Our weights were a guess. How good is it, and how would we find
# better ones?
#
# ## 4 · How wrong? Which way is better?
#
# ### The loss
#
# A neuron that gives the truth a probability of 0.99 is hardly wrong. One that gives it 0.01 is badly wrong. Take the
# **minus logarithm of the probability given to the truth**: $-\ln 0.99 = 0.01$, $-\ln 0.5 = 0.69$, $-\ln 0.01 = 4.6$.
# With the truth $y$ (1 ventricular, 0 normal) and $p$ the probability of ventricular, this is the **binary
# cross-entropy** (BCE):
#
# $$L = -\big[\,y \ln p + (1 - y) \ln(1 - p)\,\big]$$
#
# Only one of the two terms is there: $y$ is 0 or 1. The **loss** of many beats is the mean of theirs. Its unit is the
# nat, because the logarithm is the natural one.
#
# ### The gradient
#
# Vary one weight, keep the rest (the other weight at -1, the bias at -2), and draw the mean loss of the training beats.
# The slope tells which way is down.

# %%
two_features, truth = x[train][:, PAIR], y[train]


def mean_loss(weights, bias=-2.0):
    """Binary cross-entropy of a neuron on the two features, mean over the training beats."""
    p = Neuron(weights, bias).probability(two_features)
    return -np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p))


def gradient(weights, bias=-2.0):
    """How the mean loss changes with each of the two weights."""
    p = Neuron(weights, bias).probability(two_features)
    return two_features.T @ (p - truth) / len(truth)


fig, axes = plt.subplots(1, 2, figsize=(11, 3.5), layout="constrained")
p = np.linspace(0.005, 0.995, 300)
axes[0].plot(p, -np.log(p), color=plots.ORANGE, label="truth: ventricular (y = 1)")
axes[0].plot(p, -np.log(1 - p), color=plots.BLUE, label="truth: normal (y = 0)")
axes[0].set(xlabel="probability of ventricular that was given", ylabel="loss of one beat (nats)")
axes[0].set_title("to be wrong and sure of it is dear")
axes[0].legend(fontsize=8)
w2 = np.linspace(-3, 5, 60)
axes[1].plot(w2, [mean_loss([-1.0, w]) for w in w2], color=plots.BLUE)
for w in (-2.0, 0.0, 4.0):
    here, slope = mean_loss([-1.0, w]), gradient([-1.0, w])[1]
    axes[1].plot([w - 0.8, w + 0.8], [here - 0.8 * slope, here + 0.8 * slope], color=plots.ORANGE, lw=2)
    axes[1].text(w - np.sign(slope), here, f"slope {slope:+.2f}", ha="center", va="bottom",
                 bbox={"fc": "white", "ec": "none", "pad": 1})
axes[1].set(xlabel="weight of the QRS width (per SD)", ylabel="mean loss (nats)")
axes[1].set_title("the slope says which way is down")
plt.show()

# %% [markdown]
# Where the slope is negative, a larger weight is better; where it is positive, a smaller one. The slopes for all
# weights together are the **gradient**. No drawing is needed to get them. The loss depends on $p$, which depends on
# $z$, which depends on $w$. For such a chain, school teaches the **chain rule**: multiply the slopes of the links.
#
# $$\frac{dL}{dw} = \frac{dL}{dp} \cdot \frac{dp}{dz} \cdot \frac{dz}{dw}$$
#
# For a ventricular beat ($y = 1$): $L = -\ln p$ has the slope $-1/p$. The sigmoid has the slope $p\,(1 - p)$ (try it:
# at $z = 0$ it rises by 0.25 per unit). And $z = w x + \dots$ has the slope $x$. Together:
# $-\frac{1}{p} \cdot p\,(1 - p) \cdot x = (p - 1)\,x$. For a normal beat the same steps give $p\,x$. Both are
#
# $$\frac{dL}{dz} = p - y, \qquad \frac{dL}{dw} = (p - y)\,x, \qquad \frac{dL}{db} = p - y.$$
#
# *What was said minus what was true, times what came in.* For our one beat, if it is ventricular:
# $(0.8176 - 1) \cdot (-2) = 0.365$ for the first weight and $(0.8176 - 1) \cdot 1.5 = -0.274$ for the second. So the
# first should sink (more weight on "early") and the second rise.
#
# <details><summary>Question: for which beats is the gradient nearly zero, and is that good?</summary> For beats where p
# is close to y: they are told right already and have nothing to teach. What is left pulls on the weights: the beats
# that are told wrong.</details>
#
# ### Gradient descent
#
# Take a step against the gradient, look again, take the next step:
#
#     weights = weights - learning_rate * gradient
#
# The **learning rate** is how far to step. Here is the loss for two weights as a landscape seen from above, and the way
# down with three learning rates.

# %%
a, b = np.linspace(-4.5, 2.5, 36), np.linspace(-2.5, 4.5, 36)
height = np.array([[mean_loss([wa, wb]) for wa in a] for wb in b])
fig, axes = plt.subplots(1, 3, figsize=(11.5, 3.7), layout="constrained", sharey=True)
for ax, learning_rate in zip(axes, (0.1, 2.0, 20.0), strict=True):
    ax.contour(a, b, height, levels=np.geomspace(height.min() * 1.01, height.max(), 14), cmap="viridis")
    way = [np.array([2.0, -2.0])]
    for _ in range(25):
        way.append(way[-1] - learning_rate * gradient(way[-1]))  # the bias stays at -2
    way = np.array(way)  # 26 rows, two columns
    ax.plot(way[:, 0], way[:, 1], ".-", color=plots.ORANGE, lw=1, ms=5)
    ax.plot(*way[0], "o", color="black", label="start")
    ax.plot(*way[-1], "*", ms=12, color="black", label="after 25 steps")
    ax.set(xlim=(-4.5, 2.5), ylim=(-2.5, 4.5), xlabel="weight of RR before (per SD)")
    ax.set_title(f"learning rate {learning_rate}: loss {mean_loss(way[-1]):.3f} nats", fontsize=10)
axes[0].set_ylabel("weight of the QRS width (per SD)")
axes[0].legend(fontsize=8)
plt.show()

# %% [markdown]
# Lines join weights with the same loss, as lines on a map join places of the same height. Small steps go the right way
# and do not arrive. Steps that are too large jump over the valley. There is no rule that gives the rate in advance: one
# tries, and looks at the curve of the loss.
#
# ## 5 · Why the loss is computed from logits
#
# Train long enough, and some beats get a logit of 40 or 100. What does the formula of section 4 say about a *normal*
# beat with such a logit? By hand: $p$ is almost 1, and $1 - p = 1/(1 + e^{z}) \approx e^{-z}$. So the loss is
# $-\ln e^{-z} = z$: about 40, and 100. The computer says something else:

# %%
def naive_bce(z, y):
    p = 1 / (1 + np.exp(-z))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def from_logits(z):
    """ln(1 + e^z) without ever computing the exponential of a large number."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))  # log1p(t) is ln(1 + t), exact for tiny t


print("   logit     naive   from the logit      (loss of a normal beat, in nats)")
with np.errstate(all="ignore"):  # NumPy would warn; here we want to see what comes out
    for z in (2.0, 20.0, 36.0, 38.0, 100.0, 1e4, -1e4):
        print(f"{z:8g}  {naive_bce(z, 0.0):8.4f}  {from_logits(z):12.4f}")

# %%
z = np.linspace(-60, 60, 961)
fig, (ax, near) = plt.subplots(1, 2, figsize=(11, 3.5), layout="constrained", width_ratios=[2, 1])
for kind, colour, name in ((np.float32, plots.ORANGE, "single"), (np.float64, plots.BLUE, "double")):
    with np.errstate(all="ignore"):
        loss, fine = naive_bce(z.astype(kind), kind(0)), naive_bce(np.linspace(34, 37, 3000).astype(kind), kind(0))
    broken = z[~np.isfinite(loss)].min()
    ax.plot(z, np.where(np.isfinite(loss), loss, np.nan), color=colour, lw=4, alpha=0.6,
            label=f"naive, {name} precision ({kind.__name__}): infinite from z = {broken:.1f}")
    ax.axvline(broken, color=colour, ls=":")
near.plot(np.linspace(34, 37, 3000), np.where(np.isfinite(fine), fine, np.nan), color=plots.BLUE, lw=1.5)  # double
for panel in (ax, near):
    panel.plot(z, from_logits(z), "--", color="black", lw=1, label="from the logit")
    panel.set(xlabel="logit z of a normal beat (no unit)", ylabel="loss (nats)")
near.set(xlim=(34, 37.2), ylim=(33.5, 37.5), title="looked at closely")
ax.set_title("the naive formula breaks where the beat is most wrong")
ax.legend(fontsize=8, loc="upper left")
plt.show()

# %% [markdown]
# A number in double precision (`float64`, NumPy's usual) holds about 16 digits, in single precision (`float32`, a
# network's usual) 7. Beyond
# $z \approx 37$ the probability *rounds to exactly 1*, and $\ln(1 - 1)$ is minus infinity. One such beat makes the
# whole mean infinite; the chain rule, taken link by link, multiplies infinity by 0, which is "not a number" (`nan`);
# and after one step every weight is `nan`. At -10,000 it is the other term of the formula, 0 times minus infinity, that
# spoils the sum. On the right: just before the end the naive loss climbs in steps, because the digits run out.
#
# Nothing is wrong with the loss, only with the detour over $p$. Put the sigmoid into the formula and simplify:
#
# - truth 0: $L = -\ln(1 - p) = \ln(1 + e^{z})$,
# - truth 1: $L = -\ln p = \ln(1 + e^{-z})$: the same with the sign of $z$ turned.
#
# One exponential is left, and it may still overflow: $e^{1000}$ is too large for any computer. So for $z > 0$ take
# $e^z$ out of the bracket: $\ln(1 + e^{z}) = \ln\big(e^z(e^{-z} + 1)\big) = z + \ln(1 + e^{-z})$. Now the exponent is
# never positive. `from_logits` does both cases in one line. And since $\ln(1 + e^{-z}) = \ln(1 + e^{z}) - z$, both
# truths fit in one formula: **$L = \ln(1 + e^{z}) - y z$**. The slope stays $p - y$, which never breaks as long as the
# sigmoid does not overflow; for $z < 0$ write it as $e^z / (1 + e^z)$, and it cannot. SciPy does that: `expit` is the
# sigmoid that we use from here on.
#
# That is why losses ask for logits, and why a network's last layer has no sigmoid: PyTorch calls it
# `binary_cross_entropy_with_logits`.
#
# <details><summary>Question: a program clips p to at most 0.9999999 to avoid the infinity. What is lost?</summary> The
# loss no longer grows beyond 16, and, worse, its slope becomes 0 there: the beats that are most wrong teach nothing
# more.</details>

# %%
def bce(logits, y):
    """Mean binary cross-entropy from logits, both (beats,)."""
    return np.mean(from_logits(logits) - y * logits)


logits = np.array([1.5, -3.0, 1e4, -1e4])
truth = np.array([1.0, 0.0, 0.0, 1.0])
theirs = nn.functional.binary_cross_entropy_with_logits(torch.tensor(logits), torch.tensor(truth)).item()
print(f"ours {bce(logits, truth):.6f}   PyTorch {theirs:.6f}")

# %% [markdown]
# ## 6 · Two layers, and backpropagation by hand
#
# One neuron draws a straight line. To bend the line, let a few neurons look at the beat, and let one more neuron look
# at *their* answers. Between the two layers stands something that is not straight, or else two straight layers would be
# just another straight one. The simplest is **ReLU** (rectified linear unit): keep what is positive, put 0 for the
# rest.
#
# Take the smallest such network: two features, two **hidden** neurons, one output. The beat of before is too easy; take
# one that is 1 SD early and 2 SD wide, ventricular: $x_1 = -1$, $x_2 = 2$, $y = 1$.
#
# **Forward**, from the left to the right. Please check each line with a pocket calculator.
#
# | | computed as | value |
# |---|---|---|
# | first hidden sum | $z_1 = -0.5 \cdot x_1 + 1 \cdot x_2 - 0.5 = 0.5 + 2 - 0.5$ | 2.0 |
# | second hidden sum | $z_2 = 1 \cdot x_1 + 0.25 \cdot x_2 + 0 = -1 + 0.5$ | -0.5 |
# | after ReLU | $h_1 = 2$, and $h_2 = 0$ because $z_2$ is negative | 2.0, 0 |
# | logit | $z = 0.5 \cdot h_1 - 1 \cdot h_2 + 0$ | 1.0 |
# | probability | $p = 1 / (1 + e^{-1})$ | 0.7311 |
# | loss | $L = -\ln 0.7311$ | 0.3133 |
#
# **Backward**, from the right to the left. At each place we ask: *if this number grew a little, how would the loss
# change?* Write $\delta$ for the answer at that place. Each is the one to its right times the slope between them: the
# chain rule, link by link.
#
# | the loss changes with | computed as | value |
# |---|---|---|
# | the logit | $\delta_z = p - y = 0.7311 - 1$ | -0.2689 |
# | the output weights | $\delta_z \cdot h_1$ and $\delta_z \cdot h_2$ | -0.5379, 0 |
# | the output bias | $\delta_z$ | -0.2689 |
# | the hidden answers | $\delta_z \cdot 0.5$ and $\delta_z \cdot (-1)$ | -0.1345, 0.2689 |
# | the hidden sums | times the slope of ReLU: 1 where $z_1 > 0$, 0 where $z_2 < 0$ | -0.1345, 0 |
# | weights of the first neuron | $-0.1345 \cdot x_1$ and $-0.1345 \cdot x_2$ | 0.1345, -0.2689 |
# | weights of the second neuron | $0 \cdot x_1$ and $0 \cdot x_2$ | 0, 0 |
# | hidden biases | as the hidden sums | -0.1345, 0 |
# | the inputs | $-0.1345 \cdot (-0.5) + 0 \cdot 1$ and $-0.1345 \cdot 1 + 0 \cdot 0.25$ | 0.0672, -0.1345 |
#
# This walk is **backpropagation**. Nothing is computed twice: every line uses the lines above. The second neuron was
# silent, so nothing about this beat can change it. The last line says how the loss depends on the *inputs*; if there
# were a layer before, it would go on from there.

# %%
places = {  # column, row, text, how the loss changes with it
    "x1": (0, 1, "RR before\n$x_1$ = -1", "0.0672"), "x2": (0, 0, "QRS width\n$x_2$ = 2", "-0.1345"),
    "z1": (1, 1, "sum\n$z_1$ = 2", "-0.1345"), "z2": (1, 0, "sum\n$z_2$ = -0.5", "0"),
    "h1": (2, 1, "ReLU\n$h_1$ = 2", "-0.1345"), "h2": (2, 0, "ReLU\n$h_2$ = 0", "0.2689"),
    "z": (3, 0.5, "logit\n$z$ = 1", "-0.2689"), "L": (4, 0.5, "loss (nats)\n$L$ = 0.3133", "1"),
}  # fmt: skip
links = [("x1", "z1", "-0.5"), ("x2", "z1", "1"), ("x1", "z2", "1"), ("x2", "z2", "0.25"), ("z1", "h1", "open"),
         ("z2", "h2", "shut"), ("h1", "z", "0.5"), ("h2", "z", "-1"), ("z", "L", "")]  # fmt: skip
diagrams.network_walk(places, links)
plt.title("blue: forward, left to right.   orange: backward, right to left", fontsize=10)
plt.show()

# %% [markdown]
# ### The same in NumPy, for many beats at once
#
# With many beats, each number of the walk becomes an array with one row per beat. A **dense layer** (every output sees
# every input) keeps its weights as a table, as PyTorch does: one row per output, one column per input. `a @ b` takes
# each row of `a` against each column of `b`: shapes (n, k) @ (k, m) give (n, m). `w.T` is the table turned on its side
# (**transposed**): (n, m) becomes (m, n). `a[:, None]` makes a column (n, 1) of an array (n,), and `a[:, 0]` an array
# of a column. Beware of mixing the two: (n, 1) minus (n,) is a table (n, n), and no error tells you. In a call, `*hand`
# hands over what is in `hand` one by one.

# %%
def forward(x, w1, b1, w2, b2):
    """x (beats, inputs) -> logits (beats,), and the numbers that the way back needs."""
    z1 = x @ w1.T + b1  # (beats, inputs) @ (inputs, hidden) -> (beats, hidden)
    h = np.maximum(z1, 0)
    logits = (h @ w2.T + b2)[:, 0]  # (beats, hidden) @ (hidden, 1) -> (beats, 1); its only column
    return logits, z1, h


def backward(x, y, w1, b1, w2, b2):
    """Gradient of the mean loss: with respect to w1, b1, w2, b2, in their shapes, and to the input x."""
    logits, z1, h = forward(x, w1, b1, w2, b2)
    grad_logits = (expit(logits) - y)[:, None] / len(y)  # (beats, 1); a mean divides by the number of beats
    grad_w2 = grad_logits.T @ h  # (1, beats) @ (beats, hidden): every beat adds its share
    grad_b2 = grad_logits.sum(axis=0)
    grad_h = grad_logits @ w2  # (beats, 1) @ (1, hidden): back through the weights
    grad_z1 = grad_h * (z1 > 0)  # ReLU: open or shut
    grad_w1 = grad_z1.T @ x
    grad_b1 = grad_z1.sum(axis=0)
    grad_x = grad_z1 @ w1
    return grad_w1, grad_b1, grad_w2, grad_b2, grad_x


w1 = np.array([[-0.5, 1.0], [1.0, 0.25]])  # a row per hidden neuron, a column per input
hand = (w1, np.array([-0.5, 0.0]), np.array([[0.5, -1.0]]), np.array([0.0]))
beat, truth = np.array([[-1.0, 2.0]]), np.array([1.0])
logit = forward(beat, *hand)[0]
print("logit", logit, " probability", expit(logit).round(4), " loss", bce(logit, truth).round(4))
for name, d in zip(("w1", "b1", "w2", "b2", "x"), backward(beat, truth, *hand), strict=True):
    print(f"gradient for {name:2s}", d.round(4).tolist())

stepped = [p - 0.5 * d for p, d in zip(hand, backward(beat, truth, *hand), strict=False)]
print("loss after one step with learning rate 0.5:", bce(forward(beat, *stepped)[0], truth).round(4))

# %% [markdown]
# The same numbers as by hand, and one step against the gradient makes the loss smaller.
#
# Look at the lines that belong to one dense layer. Call the gradient that arrives from the right `grad_out`, of shape
# (beats, outputs). Three questions come back with every layer:
#
# - gradient for the **weights**: what came in, times what comes back, added up over the beats;
# - for the **bias**: what comes back, added up over the beats;
# - for the **input**: what comes back, through the weights; nothing is added over the beats: each beat gets its own.
#
# <details><summary>Question: how can shapes alone tell you what to transpose?</summary> A gradient has the shape of
# what it belongs to. Weights are (outputs, inputs); grad_out is (beats, outputs), x (beats, inputs). The beats must
# vanish, so they stand in the middle: (outputs, beats) @ (beats, inputs).</details>
#
# ### Is it right? The gradient check
#
# A derivative is the limit of a quotient. So take it at its word: make one weight a little larger by $h$, then a little
# smaller, and see how the loss moves: $\big(L(w + h) - L(w - h)\big) / 2h$. This two-sided quotient is also called
# **central differences**; the one-sided one is $\big(L(w + h) - L(w)\big) / h$. This is slow, two losses for every
# weight, but it knows nothing of our formulas; if both agree, the formulas are right. How little is "a little"?
# (`lambda: ...` is a small function written on the spot, without a name.)

# %%
def finite_differences(loss, w, h, two_sided=True):
    """Gradient of loss() with respect to the array w, one number of it at a time. w is put back as it was."""
    back = h if two_sided else 0.0
    d = np.zeros(w.shape)
    for place in np.ndindex(w.shape):  # every position: (0, 0), (0, 1), ...
        keep = w[place]
        w[place] = keep + h
        above = loss()
        w[place] = keep - back
        below = loss()
        w[place] = keep
        d[place] = (above - below) / (h + back)
    return d


def random_weights(inputs, hidden, rng):
    """Small random start: spread shrinks with the number of inputs, so that sums stay moderate (He et al. 2015)."""
    w1 = rng.normal(0, np.sqrt(2 / inputs), (hidden, inputs))
    w2 = rng.normal(0, np.sqrt(2 / hidden), (1, hidden))
    return [w1, np.zeros(hidden), w2, np.zeros(1)]


def length(a):
    return np.sqrt(np.sum(a**2))


def relative_difference(a, b):
    """How far two gradients are apart, relative to their lengths: 0 is the same, 1 the opposite."""
    return length(a - b) / (length(a) + length(b))


weights = random_weights(2, 5, np.random.default_rng(SEED))
some = np.random.default_rng(SEED).choice(train, 64, replace=False)
batch, truth = x[some][:, PAIR], y[some]
exact = backward(batch, truth, *weights)
steps = 10.0 ** np.arange(-13, 0)
second = weights[2]  # the weights of the second layer, (1, 5)


def checked(h, two_sided=True):
    """Gradient for the second layer, estimated with step h."""
    return finite_differences(lambda: bce(forward(batch, *weights)[0], truth), second, h, two_sided)


right = [relative_difference(checked(h), exact[2]) for h in steps]
one_sided = [relative_difference(checked(h, two_sided=False), exact[2]) for h in steps]
wrong = [relative_difference(checked(h), 2 * exact[2]) for h in steps]  # somebody forgot a factor of one half

fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
ax.loglog(steps, right, "o-", color=plots.BLUE, label="our formulas, two-sided")
ax.loglog(steps, one_sided, "s:", ms=4, color="#777777", label="our formulas, one-sided")
ax.loglog(steps, wrong, "o--", color=plots.ORANGE, label="a gradient that is twice too large, two-sided")
ax.set(xlabel="step h (in units of the weight)", ylabel="relative difference", title="gradient check, second layer")
ax.legend(fontsize=8)
plt.show()
print(f"smallest relative difference {min(right):.1e}, at h = {steps[int(np.argmin(right))]:g}")

# %% [markdown]
# From right to left: with a large $h$ the loss bends between the two points; with a tiny $h$ two nearly
# equal losses are subtracted and the digits run out. In between, around $10^{-5}$, a right gradient agrees to nine
# digits or more. A wrong one never comes near, whatever $h$. On the right-hand side a step ten times smaller makes the
# two-sided error about a hundred times smaller (it shrinks with $h^2$), the one-sided only ten times (with $h$). In the
# *first* layer a large step may switch a ReLU on or off, and the curve jumps there: look at small $h$.
#
# ### The same in PyTorch
#
# PyTorch calls its arrays **tensors**. It writes down every operation of the forward pass and walks it backward by
# itself. Same weights, same beats. Its dense layer is called `nn.Linear`.

# %%
class TwoLayers(nn.Module):  # a network is a class that inherits from nn.Module
    def __init__(self, inputs, hidden):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)  # PyTorch's dense layer
        self.second = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))[:, 0]


net = TwoLayers(2, 5).double()  # double precision, as NumPy has it
with torch.no_grad():  # put our weights in, which is no part of the forward pass
    for theirs, ours in zip(net.parameters(), weights, strict=True):
        theirs.copy_(torch.as_tensor(ours))
loss = nn.functional.binary_cross_entropy_with_logits(net(torch.as_tensor(batch)), torch.as_tensor(truth))
loss.backward()  # fills .grad of every parameter

print(f"loss: ours {bce(forward(batch, *weights)[0], truth):.12f}, PyTorch {loss.item():.12f}")
for (name, theirs), ours in zip(net.named_parameters(), exact[:4], strict=True):
    print(f"gradient of {name:14s} largest difference {np.abs(theirs.grad.numpy() - ours).max():.1e}")

# %% [markdown]
# They agree to the last digits that a computer keeps. From here on you know what `loss.backward()` does.
#
# ### A layer as a class
#
# Longer networks are not written as one long function. Each **layer** is an object with two methods: `forward` takes
# what comes from the left, *remembers what it will need*, and hands on; `backward` takes what comes back from the
# right, keeps the gradients of its own weights, and hands the gradient for its input further left. All layers promise
# the same two methods: inheritance again. (`raise` stops with an error: `Layer` itself cannot compute anything, so
# whoever inherits must override both.)

# %%
class Layer:
    """What every layer promises."""

    def forward(self, x):
        raise NotImplementedError("each layer has to say how")

    def backward(self, grad_out):
        raise NotImplementedError("each layer has to say how")


class Tanh(Layer):
    """Squashes between -1 and 1; another bend that may stand in the place of ReLU. Its slope is 1 - tanh(x)^2."""

    def forward(self, x):
        self.out = np.tanh(x)  # remembered for the way back
        return self.out

    def backward(self, grad_out):
        return grad_out * (1 - self.out**2)


class Gain(Layer):
    """Multiplies each feature by a weight of its own and adds a bias of its own: no feature sees another."""

    def __init__(self, weights, bias):
        self.weights, self.bias = weights, bias  # both (features,)

    def forward(self, x):
        self.x = x
        return x * self.weights + self.bias

    def backward(self, grad_out):
        self.grad_weights = (grad_out * self.x).sum(axis=0)  # what came in, times what comes back
        self.grad_bias = grad_out.sum(axis=0)
        return grad_out * self.weights  # the gradient for the input: handed on to the left


layers = [Gain(np.array([0.5, 2.0]), np.array([0.1, -1.0])), Tanh(), Gain(np.array([1.5, -1.0]), np.zeros(2))]


def run_forward(x):
    for layer in layers:
        x = layer.forward(x)
    return x


grad = np.ones_like(run_forward(batch))  # the loss here is simply the sum of all outputs: its slopes are 1
for layer in reversed(layers):
    grad = layer.backward(grad)
print("weights of the first layer: by backward          ", layers[0].grad_weights.round(6))
print("                            by finite differences",
      finite_differences(lambda: run_forward(batch).sum(), layers[0].weights, 1e-5).round(6))

# %% [markdown]
# The two loops neither know nor care which layer is which. A dense layer, in which every output sees every feature,
# follows the same plan with `@` in the place of `*`; a convolution (section 7) does too. Writing both as classes,
# `Dense` and `Conv1d`, is the first part of the assignment.
#
# ### Training
#
# All is there: start from small random weights, then go down the gradient of all training beats together, step after
# step (**full-batch** gradient descent; later lessons take a step after every few beats, a **batch**, and call one pass
# through all of them an **epoch**; here an epoch is one step). Before each step we note the loss, also on the
# validation people, from whom nothing is learnt.

# %%
def fit(x, y, x_val, y_val, hidden=8, steps=STEPS, learning_rate=0.5, seed=SEED):
    """Weights of a two-layer network after training, and its training and validation loss before every step."""
    weights = random_weights(x.shape[1], hidden, np.random.default_rng(seed))
    train_loss, val_loss = [], []
    for _ in range(steps):
        train_loss.append(bce(forward(x, *weights)[0], y))
        val_loss.append(bce(forward(x_val, *weights)[0], y_val))
        gradients = backward(x, y, *weights)[:4]  # all four first, at the present weights; then the step
        weights = [w - learning_rate * grad for w, grad in zip(weights, gradients, strict=True)]
    return weights, train_loss, val_loss


two, train_loss, val_loss = fit(x[train][:, PAIR], y[train], x[val][:, PAIR], y[val])

neuron = Neuron([0.0, 0.0], 0.0)
for _ in range(STEPS):  # one neuron, trained in the same way, for comparison
    grad_logits = (neuron.probability(x[train][:, PAIR]) - y[train]) / len(train)
    neuron = Neuron(neuron.weights - 0.5 * grad_logits @ x[train][:, PAIR], neuron.bias - 0.5 * grad_logits.sum())

fig, axes = plt.subplots(1, 3, figsize=(13, 3.7), layout="constrained")
axes[0].semilogx(np.arange(1, STEPS + 1), train_loss, color=plots.BLUE, label="training people")
axes[0].semilogx(np.arange(1, STEPS + 1), val_loss, color=plots.ORANGE, label="validation people")
axes[0].set(xlabel="step of gradient descent", ylabel="binary cross-entropy (nats)", ylim=(0, None))
axes[0].legend(title="two-layer network")
one_val = bce(neuron.logit(x[val][:, PAIR]), y[val])
shade = show_beats(axes[1], neuron.probability, f"one neuron, trained\nvalidation loss {one_val:.3f} nats")
title = f"two layers, 8 hidden neurons\nvalidation loss {val_loss[-1]:.3f} nats"
show_beats(axes[2], lambda q: expit(forward(q, *two)[0]), title)
fig.colorbar(shade, ax=axes, label="probability of ventricular")
fig.suptitle(beats.label, fontsize=9)
plt.show()

# %% [markdown]
# The line is bent: each hidden neuron adds one fold. Look at the loss too. For the training people it goes on falling,
# slower and slower. That the validation curve lies above or below says little: these are other people, few, and whoever
# has the easier beats has the lower loss. What counts is where it *turns*: if it rises while the training curve still
# falls, the network learns the training people, not the difference between the beats. With more neurons and longer
# training that becomes likelier; here it may or may not happen. Lesson 03 keeps the
# weights of the lowest point (**early stopping**).
#
# <details><summary>Question: what would happen if all weights started at exactly 0?</summary> Then every hidden answer
# is 0 and every weight of the second layer is 0: no gradient reaches any weight but the last bias. Random starts make
# the neurons differ, so that each can become something of its own.</details>
#
# ## 7 · Convolution: a dot product that slides
#
# So far somebody measured the features for us. A network can find its own, in the wave itself. Take a short pattern,
# the **kernel**; lay it over the first samples of the beat; multiply number by number and add up (a dot product: large
# where signal and kernel look alike); shift by one sample; again.
#
# By hand: signal 0, 1, 3, 1, 0 and kernel -1, 2, -1.
#
# | the kernel lies on | computed as | answer |
# |---|---|---|
# | 0, 1, 3 | $-1 \cdot 0 + 2 \cdot 1 - 1 \cdot 3$ | -1 |
# | 1, 3, 1 | $-1 \cdot 1 + 2 \cdot 3 - 1 \cdot 1$ | 4 |
# | 3, 1, 0 | $-1 \cdot 3 + 2 \cdot 1 - 1 \cdot 0$ | -1 |
#
# This kernel answers to peaks. Five samples and a kernel of three give three answers. Two settings:
#
# - **stride**: shift by more than one sample. With stride 2 the middle line is left out: -1, -1.
# - **padding**: put zeros at both ends first, so that the kernel can also lie over the ends. With padding 1 there are
#   five answers again: -1, -1, 4, -1, -1.
#
# With $n$ samples, kernel length $k$, stride $s$ and padding $p$, the number of answers is
# $\lfloor (n + 2p - k) / s \rfloor + 1$, where $\lfloor\ \rfloor$ rounds down.

# %%
def slide(signal, kernel, stride=1, padding=0):
    """Dot products of a kernel with every piece of a signal: one channel in, one out."""
    signal = np.concatenate([np.zeros(padding), signal, np.zeros(padding)])
    starts = range(0, len(signal) - len(kernel) + 1, stride)
    return np.array([signal[t : t + len(kernel)] @ kernel for t in starts])


small, peak = np.array([0.0, 1.0, 3.0, 1.0, 0.0]), np.array([-1.0, 2.0, -1.0])
print("stride 1           ", slide(small, peak))
print("stride 2           ", slide(small, peak, stride=2))
print("padding 1          ", slide(small, peak, padding=1))
print("stride 2, padding 1", slide(small, peak, stride=2, padding=1), " (5 + 2 - 3) // 2 + 1 =", (5 + 2 - 3) // 2 + 1)

# %% [markdown]
# And on two beats of one person, with a kernel cut out of that person's typical normal beat. Its mean is taken away, so
# that a flat line gives 0.

# %%
own = [waves[(subjects == three[0]) & (labels == kind)] for kind in (0, 1)]
typical = np.median(own[0], axis=0)
r, half = int(np.argmin(np.abs(time_ms))), round(0.05 * fs)
kernel = typical[r - half : r + half + 1] - typical[r - half : r + half + 1].mean()
stride = round(0.02 * fs)
skip = (r - stride // 2) % stride  # begin so that the R wave lies between two of the places
fig, axes = plt.subplots(2, 2, figsize=(11, 4.6), layout="constrained", sharex=True, sharey="row")
for (above, below), kind, group in zip(axes.T, ("normal", "ventricular"), own, strict=True):
    wave = group[len(group) // 2]
    above.plot(time_ms, wave, color=plots.TRACE, lw=1)
    above.plot(time_ms[r - half : r + half + 1], kernel, color=plots.ORANGE, lw=3, alpha=0.7, label="the kernel")
    above.set_title(f"a {kind} beat ({beats.label})", fontsize=9)
    below.plot(time_ms, slide(wave, kernel, padding=half), color=plots.BLUE, lw=1.2, label="stride 1")
    coarse = slide(wave[skip:], kernel, padding=half, stride=stride)
    below.plot(time_ms[skip::stride], coarse, "o", ms=4, color=plots.ORANGE, label=f"stride {stride}")
    below.set_xlabel("time from the R wave (ms)")
axes[0, 0].set_ylabel("ECG (mV)")
axes[1, 0].set_ylabel("dot product (mV²)")
axes[0, 0].legend(fontsize=8)
axes[1, 0].legend(fontsize=8)
plt.show()

# %% [markdown]
# The answer is large where the wave rises and falls as the kernel does, and larger for a taller wave. It is the same
# wherever in the recording the beat comes: the kernel is carried along. A **convolution layer** holds several kernels.
# They are not cut out of a beat but *learnt*, by gradient descent, as all weights are. A larger stride asks at fewer
# places: less work, and a peak may fall between two of them, as here: no orange dot lies on top of the normal beat's
# peak.
#
# ### Channels and shapes
#
# An ECG may have several leads, and a layer gives several answers. Each lead, and each answer, is a **channel**. A
# kernel then has a row for every channel that comes in, and the rows' dot products are added up:
#
# | array | shape |
# |---|---|
# | signals in | (batch, channels in, samples) |
# | weights | (channels out, channels in, kernel) |
# | bias | (channels out,) |
# | answers out | (batch, channels out, answers) |
#
# An array may have three axes, or more: `out[0, 2]` is channel 2 of recording 0, and `out[:, :, 10:50:4]` keeps, of
# every channel of every recording, every fourth answer from 10 on and before 50. In the table, **batch** is the number
# of recordings handled together (the assignment calls the answers *steps*). Mathematicians turn the kernel round before
# they slide it and call *that* a convolution; what networks do is, strictly, a cross-correlation. Since kernels are
# learnt it makes no difference to a network. But beware: `np.convolve` turns it round.

# %%
with torch.no_grad():
    signals = torch.as_tensor(np.stack([own[0][0], own[1][0]])[:, None, :])  # (2 beats, 1 channel, samples)
    layer = nn.Conv1d(1, 8, kernel_size=15, stride=2, padding=7)
    print("in", tuple(signals.shape), "weights", tuple(layer.weight.shape), "out", tuple(layer(signals.float()).shape))
    theirs = nn.functional.conv1d(signals, torch.as_tensor(kernel)[None, None], stride=4, padding=half)
ours = np.stack([slide(w, kernel, stride=4, padding=half) for w in signals[:, 0].numpy()])
print(f"ours against PyTorch: largest difference {np.abs(ours - theirs[:, 0].numpy()).max():.1e} mV²")
print("np.convolve", np.convolve(np.array([0.0, 1, 3, 1, 0]), np.array([1.0, 0, -1]), "valid"),
      " slide", slide(small, np.array([1.0, 0.0, -1.0])), " (signs differ: it turns the kernel round)")

# %% [markdown]
# ### The way back
#
# A convolution is a dense layer in which most weights are 0 and the others are shared. So the three answers of section
# 6 hold. Let $g$ be the gradient that comes back for each answer:
#
# - **kernel**: each of its numbers was used once per answer. Add up (what lay under it) times ($g$ of that answer),
#   over all answers and all recordings;
# - **bias**: add up $g$;
# - **input**: each answer gives its $g$, times the kernel, back to *the samples it had looked at*. Where pieces
#   overlap, the gifts add up; what lands on the padding is thrown away.
#
# By hand, with the signal 0, 1, 3, 1, 0, stride 2, no padding: two answers, looking at (0, 1, 3) and (3, 1, 0). Let 1
# come back for the first and 10 for the second. Kernel: $1 \cdot (0, 1, 3) + 10 \cdot (3, 1, 0) = (30, 11, 3)$. Input:
# $1 \cdot (-1, 2, -1)$ to the first three samples and $10 \cdot (-1, 2, -1)$ to the last three; they meet in the
# middle: $(-1, 2, -1 - 10, 20, -10)$.

# %%
signal_in = torch.tensor(small[None, None], requires_grad=True)
kernel_in = torch.tensor(peak[None, None], requires_grad=True)
nn.functional.conv1d(signal_in, kernel_in, stride=2).backward(torch.tensor([[[1.0, 10.0]]], dtype=torch.float64))
print("PyTorch, kernel:", kernel_in.grad[0, 0].tolist())
print("PyTorch, input: ", signal_in.grad[0, 0].tolist())

# %% [markdown]
# ### What one answer has seen: the receptive field
#
# Stack convolutions, and an answer of the third layer looks at answers of the second, which look at the first, which
# look at samples. All samples that can reach it are its **receptive field**. Count it from the bottom: it starts at 1
# sample; a layer with kernel $k$ adds $k - 1$ steps, and a step is as many samples as all strides below multiplied.

# %%
stack = [(7, 2), (7, 2), (7, 2)]  # kernel, stride
seen, step, reach = 1, 1, []
for number, (k, s) in enumerate(stack, start=1):
    seen += (k - 1) * step
    step *= s
    reach.append(seen)
    print(f"layer {number}: one answer sees {seen:3d} samples, {1000 * seen / fs:.0f} ms; answers lie {step} apart")

fig, ax = plt.subplots(figsize=(10, 4), layout="constrained")
diagrams.receptive_fields(ax, own[1][0], fs, reach, centre=r)
ax.set_title(f"what one answer sees of a ventricular beat ({beats.label})", fontsize=10)
plt.show()

# %% [markdown]
# From its first to its last deflection, a normal QRS complex lasts about 100 ms, a wide one 120 ms and
# more (Surawicz et al. 2009; the feature of section 1 counts the steep part only and gives less). A network that should
# notice *wide* must see all of it at once; one that should notice *early* must see two beats or three, a second or two.
#
# <details><summary>Question: four such layers. How many samples does one answer see?</summary> Three layers see 1 + 6 +
# 12 + 24 = 43 samples, and their answers lie 8 apart. The fourth adds 6 steps of 8: 43 + 48 = 91.</details>
#
# ## 8 · The honest examination
#
# ### Learning by heart
#
# The simplest learner of all is the **nearest neighbour**: remember all training beats, and call a new beat what the
# most similar one was called. We let it look at the QRS complex, sample by sample. It computes no weights at all. How
# good is it?

# %%
qrs = waves[:, (time_ms >= -120) & (time_ms <= 160)]  # (beats, samples): the spike only
nearest = KNeighborsClassifier(n_neighbors=1).fit(qrs[train], labels[train])
for part, rows in (("training", train), ("validation", val)):
    told = nearest.predict(qrs[rows])
    right, alarms = np.sum(told[labels[rows] == 1]), np.sum(told)
    print(f"{part:10s} people: {labels[rows].sum():3d} ventricular beats, {right:3d} found;", end="")
    print(f" {alarms - right:3d} false alarms")

# %% [markdown]
# Not one mistake in the beats it has seen: the nearest neighbour of a beat is the beat itself. That says nothing about
# other beats. For people it has not seen, mistakes appear; how many depends on who these few people are. **What was
# learnt from must not judge.** Hence three parts:
#
# | part | used for | how often |
# |---|---|---|
# | **training** | gradients | at every step |
# | **validation** | choices: number of neurons, when to stop, threshold | often, but it wears out: luck is chosen too |
# | **test** | the number that you report | once, at the end |
#
# A choice made on validation, with all features now:

# %%
found = {}
for hidden in (1, 2, 4, 8, 16):
    found[hidden] = weights, train_loss, val_loss = fit(x[train], y[train], x[val], y[val], hidden=hidden)
    print(f"{hidden:2d} hidden: loss of training people {train_loss[-1]:.3f}, validation people {val_loss[-1]:.3f}")
best = min(found, key=lambda hidden: found[hidden][2][-1])
print(f"chosen: {best}")

# %% [markdown]
# One neuron in the middle is too few, for both groups. From four on the losses lie close together, and which is ahead
# hangs on the random start and on who happens to be in which part: differences as small as that luck mean nothing. More
# neurons *can* fit the training people better; whether that helps others is for the validation people to say.
#
# ### k-fold: everybody is examined once
#
# With few people, a fifth of them is a handful, and the result depends on who they are. **k-fold cross-validation**
# deals all data into $k$ parts, the *folds*. Train on all folds but one, test on that one; then the next; $k$ results,
# and everybody was tested exactly once.
#
# But *what* is dealt? Beats, or people?

# %%
def fold_numbers(pairs):
    """From pairs (train rows, test rows), the fold in which each beat is tested."""
    folds = np.zeros(len(labels), int)
    for number, (_, test_rows) in enumerate(pairs):
        folds[test_rows] = number
    return folds


by_beat = fold_numbers(StratifiedKFold(5, shuffle=True, random_state=SEED).split(x, labels))
by_subject = fold_numbers(splits.subject_kfold(labels, subjects, n_splits=5, seed=SEED))
diagrams.folds({"dealt by beat": by_beat, "dealt by subject": by_subject}, subjects)
plt.show()

# %% [markdown]
# Above, every person has beats in every fold: whatever is tested, the training has met that person. Below, a person is
# in one fold, whole. Section 1 showed that each person has a ventricular beat of his or her own. Guess what that does
# to the nearest neighbour. The score is **F1**, which the next section explains: 1 is perfect, 0 is useless.

# %%
def nearest_says(train_rows, test_rows):
    return KNeighborsClassifier(n_neighbors=1).fit(qrs[train_rows], labels[train_rows]).predict(qrs[test_rows])


def network_says(train_rows, test_rows):
    centre, spread = table[train_rows].mean(axis=0), table[train_rows].std(axis=0)  # from the training rows only
    inside, outside = (table[train_rows] - centre) / spread, (table[test_rows] - centre) / spread
    weights, *_ = fit(inside, y[train_rows], outside[:1], y[test_rows][:1])  # its validation loss is not used here
    return (forward(outside, *weights)[0] > 0).astype(int)


dealt = ((by_beat, "by beat", plots.ORANGE, -0.12), (by_subject, "by subject", plots.BLUE, 0.12))
learners = {"nearest neighbour\non QRS complexes": nearest_says, "two-layer network\non features": network_says}
fig, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for place, (name, says) in enumerate(learners.items()):
    means = []
    for folds, way, colour, shift in dealt:
        pairs = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(5)]
        scores = [metrics.f1(labels[test_rows], says(train_rows, test_rows)) for train_rows, test_rows in pairs]
        means.append(np.mean(scores))
        ax.plot(np.full(5, place + shift), scores, "o", color=colour, alpha=0.7, label=way if place == 0 else None)
        ax.hlines(means[-1], place + shift - 0.08, place + shift + 0.08, color=colour, lw=3)
    print(name.replace("\n", " "))
    print(f"   F1 by beat {means[0]:.3f}, by subject {means[1]:.3f}: gap {means[0] - means[1]:+.3f}")
ax.set_xticks([0, 1], list(learners))
ax.set(ylabel="F1 of one fold (bar: mean of 5)", ylim=(0, 1.02), xlim=(-0.5, 1.5))
ax.set_title(beats.label, fontsize=9)
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# The gap is no property of the method alone: it is what a method *gains by knowing the person*. Both
# gain. The nearest neighbour compares whole waves, which differ from person to person; the features were made to mean
# the same in everybody ("relative"), so one would expect the network to gain less. Do the gaps above show it? Compare
# their difference with the scatter of the dots before you say yes: five folds of a few people each are little. And the
# smaller gap is not the better detector; for that, compare the blue bars. A patient who walks in tomorrow is in
# nobody's training set: only the result by subject speaks about him or her.
#
# To deal by subject: list the different subjects, shuffle them, deal them out to $k$ hands like cards; a fold tests all
# beats of the people in one hand and trains on all others. The **seed** makes the shuffle repeatable: a random
# generator with the same seed gives the same order again.

# %%
whose = np.array(["Ann", "Bo", "Ann", "Cy", "Di", "Bo", "Cy"])  # seven beats of four people
people = np.unique(whose)  # each name once
print("people", people, " shuffled", np.random.default_rng(3).permutation(people), " again",
      np.random.default_rng(3).permutation(people), " other seed", np.random.default_rng(4).permutation(people))
for hand in np.array_split(np.random.default_rng(3).permutation(people), 3):  # 3 hands, as even as can be
    inside = np.isin(whose, hand)  # True where the beat is of somebody in this hand
    print("test", hand, " positions", np.flatnonzero(inside), " train", np.flatnonzero(~inside))  # ~ is "not"

# %% [markdown]
# `np.flatnonzero` gives the **positions** of what is True, counted from 0. `splits.subject_kfold` also sees to it that
# rare beats are spread over the hands.
#
# <details><summary>Question: we standardised inside network_says, fold by fold. Why not once, before dealing?</summary>
# Mean and SD of all beats would know something of the test people. Here it is little; with more elaborate preparation
# it is a lot. Whatever is computed from several beats belongs inside the fold.</details>
#
# ## 9 · Numbers that judge a detector
#
# Now, once, the test people, with the network chosen above. From which probability on shall it say "ventricular"? That
# depends on what mistakes cost. If a missed beat is as bad as ten false alarms, `metrics.cost_threshold` finds the
# cheapest **threshold** on the *validation* people. Then there are four cases:

# %%
def network(rows):
    return forward(x[rows], *found[best][0])[0]  # logits


threshold = metrics.cost_threshold(labels[val], expit(network(val)), cost_missed=10, cost_false_alarm=1)
logits = network(test)
said = (expit(logits) >= threshold).astype(int)
(tn, fp), (fn, tp) = metrics.confusion(labels[test], said)
print(f"threshold: probability {threshold:.3f}")

fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
diagrams.four_counts(axes[0], ((tn, fp), (fn, tp)), ("normal", "ventricular"))
axes[0].set_title(f"test people, number of beats\n{beats.label}", fontsize=9)
rivals = {"two-layer network": logits, "QRS width alone": x[test, WIDTH]}
plots.roc(labels[test], rivals, ax=axes[1], finding="ventricular beats", healthy="normal beat")
axes[1].plot(fp / (fp + tn), tp / (tp + fn), "o", color="black", label="our threshold")
axes[1].legend(fontsize=8, loc="lower right")
plt.show()

n = tn + fp + fn + tp
for name, how, value in (
    ("accuracy", f"({tp} + {tn}) / {n}", metrics.accuracy(labels[test], said)),
    ("sensitivity", f"{tp} / ({tp} + {fn})", metrics.sensitivity(labels[test], said)),
    ("specificity", f"{tn} / ({tn} + {fp})", metrics.specificity(labels[test], said)),
    ("PPV", f"{tp} / ({tp} + {fp})", metrics.ppv(labels[test], said)),
    ("F1", f"2 x {tp} / (2 x {tp} + {fp} + {fn})", metrics.f1(labels[test], said)),
    ("Cohen's kappa", "see below", cohen_kappa_score(labels[test], said)),
):
    print(f"{name:14s}{how:32s}{value:6.3f}")
auc, low, high = metrics.bootstrap_interval(metrics.roc_auc, labels[test], logits, groups=subjects[test], seed=SEED)
print(f"ROC AUC {auc:.3f} (95 % interval {low:.3f} to {high:.3f})")
print(f"for comparison, the ROC AUC of the QRS width alone: {metrics.roc_auc(labels[test], x[test, WIDTH]):.3f}")
print(f"for comparison, the accuracy of saying 'normal' to every beat: {1 - labels[test].mean():.3f}")

# %% [markdown]
# - **Accuracy**: the share of right answers.
# - **Sensitivity** (recall): of the ventricular beats, the share that was found.
# - **Specificity**: of the normal beats, the share that was left alone.
# - **PPV**, positive predictive value (precision): of the alarms, the share that was right. Without any alarm it is
#   counted as 0.
# - **F1**: $2\,TP / (2\,TP + FP + FN)$, the harmonic mean of sensitivity and PPV: 2 divided by (1 / sensitivity + 1 /
#   PPV). It is small as soon as one of the two is small.
# - **ROC AUC**. Slide the threshold from high to low: more is found, with more false alarms. The curve of the one
#   against the other is the ROC (receiver operating characteristic), and its area (AUC) is the chance that a
#   ventricular beat, drawn at random, gets a higher logit than a normal one (equal ones count half). 0.5 is guessing.
#   The interval comes from drawing the test *people* again and again, with replacement, a thousand times (the
#   bootstrap). It knows only the people who are there: a handful of easy ones give a narrow interval, and the next
#   handful may lie outside it. So say on how many people it rests.
# - **Cohen's kappa** (Cohen 1960): accuracy beyond chance. By hand: 100 beats, 10 of them ventricular; 12 alarms, 8 of
#   them right. Then 8 + 86 = 94 answers are right: $0.94$. A person who says "ventricular" as often, but blindly,
#   agrees by chance in $0.12 \cdot 0.10 + 0.88 \cdot 0.90 = 0.804$. So $\kappa = (0.94 - 0.804) / (1 - 0.804) = 0.69$.
#   0 is chance, 1 is perfect.
#
# A threshold, or a number of neurons, that was chosen on a handful of validation people may suit the test people badly.
# That is no slip in the program: it is what few people mean.
#
# ### What each of them hides
#
# Take the sensitivity and specificity just measured as they are, and carry the detector to places where ventricular
# beats are rarer or more common (the share of them is the **prevalence**). The detector does not change. Do the
# numbers?

# %%
sens, spec = metrics.sensitivity(labels[test], said), metrics.specificity(labels[test], said)
share = np.geomspace(0.001, 0.5, 200)
found_share, missed = share * sens, share * (1 - sens)  # of all beats; with the next line, they add up to 1
spared, alarmed = (1 - share) * spec, (1 - share) * (1 - spec)
called = found_share + alarmed
right, chance = found_share + spared, called * share + (1 - called) * (1 - share)
flat = np.ones(len(share))
green, purple = "#4a8f4a", "#8a5aa8"
curves = {  # values, colour, line, its width: where two lie on each other, the wide pale one shows on both sides
    "sensitivity": (sens * flat, "#a8c8e0", "-", 7), "specificity": (spec * flat, plots.BLUE, "--", 2.5),
    "ROC AUC": (auc * flat, "black", "-.", 1.2), "accuracy": (right, plots.ORANGE, "-", 1.2),
    "accuracy of 'all normal'": (1 - share, plots.ORANGE, ":", 1.5),
    "F1": (2 * found_share / (2 * found_share + alarmed + missed), "#b9d8b9", "-", 7),
    "Cohen's kappa": ((right - chance) / (1 - chance), purple, "--", 1.5), "PPV": (found_share / called, green, "-", 1.5),
}  # fmt: skip
fig, axes = plt.subplots(1, 2, figsize=(11.5, 4.2), layout="constrained", sharey=True)
for place, (name, (curve, colour, line, width)) in enumerate(curves.items()):
    axes[place // 5].semilogx(100 * share, curve, line, color=colour, lw=width, label=name)
for ax in axes:
    ax.axvline(100 * labels[test].mean(), color="#bbbbbb", lw=6, alpha=0.5, zorder=0, label="the test people")
    ax.set_xticks([0.1, 1, 10, 50], ["0.1", "1", "10", "50"])
    ax.set(xlabel="prevalence: ventricular beats (% of all)", ylim=(0, 1.02))
    ax.legend(fontsize=8, loc="lower right" if ax is axes[1] else "lower left")
axes[0].set(ylabel="value (no unit)", title="hardly move (but for 'all normal')")
axes[1].set(title="fall where the finding is rare")
fig.suptitle(f"one detector, carried to other places ({beats.label})", fontsize=10)
plt.show()
for p in (0.01, 0.1, 0.5):
    ppv_there, right_there = np.interp(p, share, found_share / called), np.interp(p, share, right)
    print(f"prevalence {100 * p:2.0f} %: of 100 alarms {100 * ppv_there:3.0f} are right; ", end="")
    print(f"accuracy {right_there:.3f}, of 'all normal' {1 - p:.3f}")

# %% [markdown]
# On the left, sensitivity and specificity stand still because we carried them along as they are, and
# accuracy lies between the two (so close that the lines may cover each other). On the right, F1 and kappa keep
# close company where the finding is rare.
#
# | number | what it hides when one kind is rare |
# |---|---|
# | accuracy | that nothing may be found at all: whoever says "all normal" scores nearly 1 |
# | sensitivity | the false alarms: whoever says "all ventricular" has 1 |
# | specificity | the misses; and 0.98 sounds like few alarms, but at 1 % prevalence they outnumber the findings |
# | PPV | the misses; and it belongs to one prevalence, so it does not travel to another clinic |
# | F1 | the true negatives, entirely; and it too moves with the prevalence |
# | ROC AUC | the threshold you will use, and the prevalence: it can be high where hardly any alarm is right |
# | Cohen's kappa | which kind of mistake was made; it falls with rarity though the detector is the same |
#
# So: give the four counts; give the numbers with the prevalence and with an interval over people; and choose the
# threshold, on validation, by what a miss and a false alarm cost.
#
# <details><summary>Question: two papers report F1 of 0.90 and 0.80 for ventricular beats. Is the first detector
# better?</summary> Not necessarily. If the second data set has fewer ventricular beats, the same detector gets a lower
# F1 there. And one may have dealt by beat, the other by subject.</details>
#
# ## Take away
#
# - A class is a plan, an object a thing with a memory, a method what it can do; inheritance says "the same, but ...". A
#   layer is an object with `forward` and `backward`.
# - A neuron weighs and adds; the loss says how wrong; the gradient is what came in times what comes back.
#   Backpropagation is the chain rule, link by link, each used once.
# - Check a gradient against finite differences. Compute cross-entropy from logits.
# - Convolution is a dot product that slides, with shared weights; strides and depth widen what an answer sees.
# - Deal people, not beats. Choose on validation, report on test, once. A single number hides something: know what.
# - A score on a few people, or on simulated beats, is no statement about patients, and this network is no diagnosis.
#
# ## Where next
#
# Open `assignments/01_foundations/01_foundations.ipynb` and write the dense layer, the convolution, the loss, the
# check, the training, the folds and the metrics yourself. Lesson 02 looks at signals as sums of waves; lesson 03 puts
# convolutions to work on atrial fibrillation.
#
# **Sources.** Moody and Mark 2001 (MIT-BIH Arrhythmia Database); Surawicz et al. 2009 (QRS width); Goldberger et al.
# 2000 (PhysioNet); Rumelhart, Hinton and Williams 1986 (backpropagation); He et al. 2015 (start of the weights); Cohen
# 1960 (kappa); Efron 1979 (bootstrap); de Chazal et al. 2004 (beats judged by subject).
