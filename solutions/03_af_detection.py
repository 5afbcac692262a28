# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# total: 100
# cell_timeout_s: 150
# total_timeout_s: 600
# ceiling: {roc_auc: 0.9995, accuracy: 0.995}
# baseline: {task: perform, cohort: af_detection, method: rr_irregularity}
# ---

# %% [markdown]
# # Assignment 03: find atrial fibrillation in one-lead ECG
#
# You build a detector for atrial fibrillation (AF) from the recording to the decision: look at the data, split them
# without a leak, preprocess, write a small convolutional network, train it, judge it on recordings it has never seen,
# and say what it can and cannot do. The lesson `course/03_af_detection.ipynb` teaches every step.
#
# **What you need.** The lesson of this number, and NumPy, SciPy and PyTorch as it uses them. You may take ideas and lines from the lesson
# and call what `physiodl.ecg` and SciPy offer; the point is that you can say why each line is there.
#
# **Time.** About 4 hours of work. One run from top to bottom computes for one to three minutes on two CPU cores.
#
# **Data.** One-lead ECG at 300 Hz in the form of Zenodo record 15302489: rows of 18,170 samples, padded with zeros at
# the end, labels 0 (normal) and 1 (AF). Unless you fetched the published recordings (`python data_fetch.py af`), they
# are *simulated*. The cell that loads them says which you have.
#
# | task | points | you define |
# |---|---|---|
# | explore | 6 | `describe` |
# | split | 12 | `split_recordings` |
# | preprocess | 12 | `preprocess` |
# | network | 12 | `network_logits`, `feature_map`, `count_parameters` |
# | train | 16 | `train_and_predict` |
# | predict | 10 | `af_logits`, `predict_af` |
# | evaluate | 10 | `evaluate`, `choose_threshold` |
# | perform | 14 | `classify_af` |
# | interpret | 8 | a text, read by a person |
#
# **How it works.** Write your answer where the cell says so, run it, then run the test cell below it: it prints a line
# for every check, with the points, and says what it got, what it expected and the likely cause. Test cells call
# only the functions the task names, so inside you may write whatever you like. When your work is graded, the same cells
# run with other recordings and, for some tasks, more checks. Partial points count: nbgrader's *Validate* button
# calls a cell with partial points failed, the points are yours all the same.

# %% tags=["parameters"]
SOURCE = "auto"  # "auto": real recordings if you fetched them, else simulated; or "real", "simulated"
BUDGET = "default"  # "ci" is quicker, "full" trains longer
SEED = 0

# %% role="locked"
import numpy as np
import torch
from scipy import signal
from torch import nn

from physiodl import data, ecg, exam

torch.set_num_threads(min(2, torch.get_num_threads()))  # more threads make a network this small slower, not faster
exam.begin("03_af_detection", source=SOURCE, seed=SEED)

# %% role="locked"
EPOCHS = {"ci": 10, "default": 18, "full": 24}[BUDGET]
recordings = data.load("af", source=SOURCE)
groups = data.groups(recordings)  # near-duplicates share a group number
print(recordings)
print("These recordings are SIMULATED." if recordings.source == "simulated" else recordings.citation)

# %% [markdown]
# ## Task 1: explore (6 points)
#
# Write `describe(signals, labels, groups, fs)`.
#
# - `signals`: (n, 1, samples), zero-padded at the end; `labels`: (n,), 0 or 1; `groups`: (n,) integers, near-duplicates
#   share one; `fs`: sampling rate in Hz.
# - Returns a dict: `"n"` recordings, `"n_af"` of them AF, `"duration_s"`, an array (n,) with the length of each recording
#   in seconds **without its padding**, and `"n_repeated"`, how many recordings have at least one near-duplicate.
#
# A recording may hold zeros in its middle (a loose electrode): only the zeros at its end are padding.
#
# <details><summary>Hint 1: the idea</summary>The length of a recording is the position of its last sample that is not
# zero, plus one. A group with two members or more holds near-duplicates.</details>
# <details><summary>Hint 2: what to use</summary><code>np.flatnonzero(row)</code> gives the positions of the samples that are
# not zero; <code>np.unique(groups, return_inverse=True, return_counts=True)</code> counts the members of groups.</details>
# <details><summary>Hint 3: almost the code</summary><code>last = np.flatnonzero(row)[-1]</code> fails for a row
# of zeros: give it length 0. <code>_, which, count = np.unique(...)</code>, then
# <code>np.sum(count[which] &gt; 1)</code>.</details>

# %% role="answer" task="explore"
def describe(signals, labels, groups, fs):
    """Numbers that describe a set of recordings, as the task asks."""
    ### BEGIN SOLUTION
    _, which, count = np.unique(groups, return_inverse=True, return_counts=True)
    return {
        "n": len(labels),
        "n_af": int(np.sum(np.asarray(labels) == 1)),
        "duration_s": ecg.true_lengths(signals) / fs,
        "n_repeated": int(np.sum(count[which] > 1)),
    }
    ### END SOLUTION


# %% role="test" task="explore" points=6
# asks: describe
task = exam.task("explore", points=6)
_rng = np.random.default_rng(SEED + 5)
_n = int(_rng.integers(12, 20))
_lengths = 30 * _rng.permutation(np.arange(7, 7 + _n))  # all different; samples
_signals = np.zeros((_n, 1, 900), np.float32)
for _row, _length in zip(_signals, _lengths, strict=True):
    _row[0, :_length] = 1 + _rng.random(_length)
_signals[int(np.argmax(_lengths)), 0, 200:400] = 0  # a loose electrode, not padding
_labels, _groups = _rng.integers(0, 2, _n), 10 * _rng.integers(0, _n, _n) + 3
_labels[:3] = 1
_told = None
with task.check("counts of recordings and of AF", 2):
    _told = describe(_signals, _labels.copy(), _groups.copy(), 300.0)
    exam.same(_told["n"], _n, what="n")
    exam.same(_told["n_af"], _labels.sum(), what="n_af")
with task.check("durations without the padding", 2, cause="padding counted, or zeros inside a recording taken for padding"):
    exam.same(exam.given(_told)["duration_s"], _lengths / 300, what="duration_s")
with task.check("sampling rate taken from fs", 1, cause="300 Hz is written into the function"):
    _other = describe(_signals, _labels.copy(), _groups.copy(), 150.0)
    _one, _two = (exam.numbers(_of["duration_s"], shape=(_n,), what="duration_s") for _of in (exam.given(_told), _other))
    exam.expect(np.ptp(_one) > 0, got="the same duration for all", expected="the duration of each")
    exam.same(_two, 2 * _one, what="duration at 150 Hz, against twice the one at 300 Hz")
with task.check("recordings with a near-duplicate", 1, cause="groups counted instead of recordings, or originals left out"):
    _count = np.unique(_groups, return_inverse=True, return_counts=True)
    exam.same(exam.given(_told)["n_repeated"], np.sum(_count[2][_count[1]] > 1), what="n_repeated")
task.points()

# %% role="free"
facts = describe(recordings.signals, recordings.labels, groups, recordings.fs)
print(facts["n"], "recordings,", facts["n_af"], "of them AF,", facts["n_repeated"], "with a near-duplicate;",
      "durations from", np.min(facts["duration_s"]), "to", np.max(facts["duration_s"]), "s")

# %% [markdown]
# ## Task 2: split without a leak (12 points)
#
# Write `split_recordings(labels, groups, seed)`.
#
# - Returns a dict with three arrays of indices: `"train"`, `"val"`, `"test"`, about 60, 20 and 20 % of the recordings.
# - Every recording is in exactly one of them. **Recordings of one group stay together.** The share of AF is about the same in
#   each. The same `seed` gives the same split, another seed another one.
#
# <details><summary>Hint 1: the idea</summary>Deal out groups, not recordings. If a near-duplicate of a training recording is
# in the test set, the network is examined on what it has learned by heart.</details>
# <details><summary>Hint 2: what to use</summary><code>sklearn.model_selection.StratifiedGroupKFold(n_splits=5, shuffle=True,
# random_state=seed)</code> gives five parts that respect groups and labels.</details>
# <details><summary>Hint 3: almost the code</summary>Take the test side of each of the five folds:
# <code>parts = [test for _, test in folds.split(labels, labels, groups)]</code>; the first is
# <code>"test"</code>, the second <code>"val"</code>, the other three together <code>"train"</code>.</details>

# %% role="answer" task="split"
def split_recordings(labels, groups, seed):
    """Indices of the training, validation and test recordings; a group is never divided."""
    ### BEGIN SOLUTION
    from sklearn.model_selection import StratifiedGroupKFold

    folds = StratifiedGroupKFold(n_splits=5, shuffle=True, random_state=seed)
    parts = [part for _, part in folds.split(labels, labels, groups)]
    return {"train": np.concatenate(parts[2:]), "val": parts[1], "test": parts[0]}
    ### END SOLUTION


# %% role="test" task="split" points=12
# asks: split_recordings
task = exam.task("split", points=12)
_rng = np.random.default_rng(SEED + 11)
_groups = _rng.integers(0, 240, 400)  # many groups of one to four recordings
_labels = _rng.integers(0, 2, 240)[_groups]
_names = ("train", "val", "test")


def _parts(_split):
    """The three parts, once they hold each recording once: what is asked of them otherwise holds of empty parts too."""
    exam.expect(isinstance(_split, dict) and set(_names) <= set(_split), got="something else", expected='a dict of "train", "val" and "test"')
    return exam.sound_parts({_name: _split[_name] for _name in _names}, n=400)


with task.check("every recording is used exactly once", 3, cause="drawn with replacement, or a part left out"):
    for _seed in _rng.integers(0, 1000, 2).tolist():
        _parts(split_recordings(_labels, _groups, _seed))
with task.check("groups stay on one side", 5, cause="the split ignores `groups`: near-duplicates leak into the test set"):
    for _seed in _rng.integers(0, 1000, 3).tolist():
        _split = _parts(split_recordings(_labels, _groups, _seed))
        _sides = [set(_groups[_split[_name]].tolist()) for _name in _names]
        _shared = (_sides[0] & _sides[1]) | (_sides[0] & _sides[2]) | (_sides[1] & _sides[2])
        exam.expect(not _shared, got=f"{len(_shared)} groups on two sides", expected="none",
                    cause="the split ignores `groups`: near-duplicates leak into the test set")
with task.check("about 60/20/20, with AF in each", 2):
    for _seed in _rng.integers(0, 1000, 3).tolist():
        _split = _parts(split_recordings(_labels, _groups, _seed))
        for _name, _share in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
            _index = _split[_name]
            exam.expect(abs(len(_index) / 400 - _share) < 0.06, got=f"{len(_index) / 400:.2f} of the recordings in {_name}",
                        expected=f"about {_share}", cause="the parts are swapped or cut by groups of unequal size")
            exam.expect(abs(_labels[_index].mean() - _labels.mean()) < 0.10, got=f"{_labels[_index].mean():.2f} AF in {_name}",
                        expected=f"about {_labels.mean():.2f}", cause="the split is not stratified by label")
with task.check("the seed decides, and nothing else", 2, cause="the global random generator is used instead of `seed`"):
    _seed = int(_rng.integers(0, 1000))
    _one, _same, _other = (_parts(split_recordings(_labels, _groups, _s)) for _s in (_seed, _seed, _seed + 1))
    exam.same(np.sort(_same["test"]), np.sort(_one["test"]), what="test indices, the same seed twice",
              cause="the global random generator is used instead of `seed`")
    exam.expect(set(_other["test"].tolist()) != set(_one["test"].tolist()), got="the same test set for two seeds",
                expected="another one", cause="`seed` is not used")
task.points()

# %% [markdown]
# ## Task 3: preprocess (12 points)
#
# Write `preprocess(signals, fs)`.
#
# - `signals`: (n, 1, samples), zero-padded at the end, any gain, any offset; `fs`: 200 to 500 Hz.
# - Returns float32 (n, 1, 3000): 30 s at **100 Hz**. Longer recordings: take 30 s of them. Shorter ones: pad with zeros.
# - Each recording **on its own**: filter away the baseline wander (below 0.5 Hz), go down to 100 Hz without aliasing, and scale so
#   that the gain no longer matters. What comes out for a recording must not depend on the others in `signals`.
# - A flat recording, of zeros or of ones, gives finite numbers.
#
# <details><summary>Hint 1: the idea</summary>Cut the padding off first, or the filter rings at its edge and the mean is wrong.
# Filter, resample, scale, then put the result into a row of zeros.</details>
# <details><summary>Hint 2: what to use</summary><code>ecg.true_lengths</code>; <code>signal.butter(..., output="sos")</code> with
# <code>signal.sosfiltfilt</code>; <code>signal.resample_poly(x, 100, fs)</code>, which filters before it drops samples.</details>
# <details><summary>Hint 3: almost the code</summary>For each row of at least one second: <code>x = row[:length]</code>,
# <code>x = sosfiltfilt(sos, x)</code> with a 0.5 to 40 Hz band-pass, <code>x = resample_poly(x, 100, round(fs))</code>,
# <code>x = x / (x.std() + 1e-6)</code>, <code>out[k, 0, :m] = x[:m]</code> with <code>m = min(len(x), 3000)</code>.</details>

# %% role="answer" task="preprocess"
def preprocess(signals, fs):
    """Recordings (n, 1, samples) at fs to windows (n, 1, 3000) at 100 Hz, each scaled on its own."""
    ### BEGIN SOLUTION
    windows = np.zeros((len(signals), 1, 3000), np.float32)
    band = signal.butter(2, (0.5, 40.0), "bandpass", fs=fs, output="sos")
    for k, length in enumerate(ecg.true_lengths(signals)):
        x = np.asarray(signals[k, 0, :length], dtype=float)
        if length < fs:  # less than a second is no recording
            continue
        x = signal.sosfiltfilt(band, x)
        x = signal.resample_poly(x, 100, round(fs))
        x = np.clip(x / (x.std() + 1e-6), -6, 6)  # a burst of motion must not drown the beats
        m = min(len(x), 3000)
        start = (len(x) - m) // 2
        windows[k, 0, :m] = x[start : start + m]
    return windows
    ### END SOLUTION


# %% role="test" task="preprocess" points=12
# asks: preprocess
task = exam.task("preprocess", points=12)
_x, _ = exam.examples("af_detection", n=6, seed=SEED + 21)
_fs = 300.0


def _ecg(_signals):
    """Windows that are the recordings' own: a constant depends on no other recording, gain or wander either.

    Over 48 recordings of 9 to 30 s: correlations of 0.53 or more (filtered, clipped, squeezed by tanh), of 0.37 or less
    between a window and another recording's course, a sine, a pulse train or noise.
    """
    _windows = exam.numbers(preprocess(_signals, _fs), shape=(len(_signals), 1, 3000), what="windows")
    _like = exam.resemblance(_windows, _signals, _fs)
    exam.expect(_like.min() > 0.42, got=f"a window that follows its recording with a correlation of {_like.min():.2f}",
                expected="at least 0.42 (0.5 to 40 Hz, at any shift)", cause="what comes out is not the ECG that went in, at 100 Hz")
    return _windows


with task.check("shape (n, 1, 3000), float32, for long and short recordings", 1):
    _made = preprocess(_x, _fs)
    exam.numbers(_made, shape=(6, 1, 3000), what="windows")
    exam.expect(str(np.asarray(_made).dtype) == "float32", got=f"dtype {np.asarray(_made).dtype}", expected="float32",
                cause="NumPy computes in float64: end with .astype(np.float32)")
    exam.numbers(preprocess(_x[:2, :, :2700], _fs), shape=(2, 1, 3000), what="windows of 9 s recordings")
with task.check("padding is not signal", 1, cause="mean, spread or filter include the zeros at the end: cut them off first"):
    _short = _x[:2, :, :2700]
    _padded = np.concatenate([_short, np.zeros((2, 1, 6000), np.float32)], axis=2)
    exam.same(_ecg(_padded), _ecg(_short), what="window of a recording with more padding", atol=2e-2, rtol=1e-2,
              cause="mean, spread or filter include the zeros at the end: cut them off first")
with task.check("each recording on its own", 3, cause="mean or standard deviation taken over the whole set: the test set leaks into it"):
    _place = int(np.random.default_rng(SEED + 22).integers(0, 6))
    _louder = np.where(np.arange(6)[:, None, None] == _place, _x, 40 * _x)
    exam.same(_ecg(_louder)[_place], _ecg(_x[_place : _place + 1])[0], what="a recording's window beside louder recordings", atol=1e-4,
              cause="mean or standard deviation taken over the whole set: the test set leaks into it")
with task.check("gain and offset do not matter", 2, cause="the recording is not divided by its own spread, or its mean stays in"):
    _plain, _changed = _ecg(_short), _ecg(5 * _short + 3)
    exam.same(_changed[:, :, 100:800], _plain[:, :, 100:800], what="window of a recording at five times the gain, with an offset",
              atol=3e-2, rtol=2e-2, cause="the recording is not divided by its own spread, or its mean stays in")
_beats = exam.clean_ecg(20.0, _fs, seed=SEED + 3)
_time = np.arange(len(_beats)) / _fs
_middle = slice(300, 1700)  # away from the edges, where any filter needs time to settle
with task.check("baseline wander is removed and the beats stay", 2, cause="no high-pass at 0.5 Hz, or one so high that it removes the beats"):
    _still = _ecg(_beats[None, None])[0, 0, _middle]
    _moved = preprocess((_beats + 2.0 * np.sin(2 * np.pi * 0.12 * _time))[None, None], _fs)[0, 0, _middle]
    exam.alike(_moved, _still, at_least=0.95, what="the ECG with wander and without",
               cause="no high-pass at 0.5 Hz, or one so high that it removes the beats")
with task.check("no aliasing on the way to 100 Hz", 1, cause="samples dropped without a low-pass filter: 82 Hz appears as 18 Hz"):
    _hum = preprocess((_beats + 0.5 * np.sin(2 * np.pi * 82 * _time))[None, None], _fs)[0, 0, _middle]
    exam.alike(_hum, _still, at_least=0.95, what="the ECG with an 82 Hz tone and without",
               cause="samples dropped without a low-pass filter: 82 Hz appears as 18 Hz")
with task.check("the sampling rate comes from fs", 1, cause="300 Hz, or a step of three samples, is written into the function"):
    _slower = preprocess(exam.clean_ecg(20.0, 250.0, seed=SEED + 3)[None, None], 250.0)[0, 0, _middle]
    exam.alike(_slower, _still, at_least=0.9, what="the same heart recorded at 250 Hz and at 300 Hz",
               cause="300 Hz, or a step of three samples, is written into the function")
with task.check("a flat recording stays finite", 1, cause="divided by a standard deviation of zero, or a filter on nothing at all"):
    _flat = np.stack([np.zeros((1, 9000)), np.ones((1, 9000))]).astype(np.float32)
    _beside = np.concatenate([_flat, _x[:1]])
    exam.numbers(preprocess(_beside, _fs)[:2], shape=(2, 1, 3000), what="windows of flat recordings")
    _ecg(_x[:1])
task.points()

# %% [markdown]
# ## Task 4: the network (12 points)
#
# Write a network of three or four blocks (convolution, batch normalisation, ReLU, pooling), a global pooling over time, and
# one linear layer that gives **one logit per recording**. A class `AFNet(nn.Module)` is a good form. Another architecture
# is welcome if it passes the checks. Then write three functions around a *fresh, untrained* network:
#
# - `network_logits(windows, seed)`: build the network with its weights drawn from `seed`, in evaluation mode; `windows` is a
#   float32 array (n, 1, samples); returns an array (n,) of logits. It accepts any length from 1,500 samples, because a global
#   pooling does not care.
# - `feature_map(windows, seed)`: the same network, its output **before** the pooling over time: an array (n, channels, steps).
# - `count_parameters()`: how many numbers it learns, at most 200,000.
#
# One step of the feature map must see at least 0.8 s of ECG: a whole beat from the P wave to the T wave.
#
# <details><summary>Hint 1: the idea</summary>Each pooling by two, and each stride of two, doubles what the next kernel sees and halves the work. With
# kernels of 7, four blocks and strides in the first two, one step sees nearly four seconds.</details>
# <details><summary>Hint 2: what to use</summary><code>nn.Sequential(nn.Conv1d, nn.BatchNorm1d, nn.ReLU, nn.MaxPool1d)</code> for a block;
# <code>h.mean(dim=-1)</code> and <code>h.amax(dim=-1)</code> pool over time; <code>torch.manual_seed(seed)</code> before
# building; <code>net.eval()</code> and <code>torch.no_grad()</code> before using it.</details>
# <details><summary>Hint 3: almost the code</summary>In <code>__init__</code>: <code>self.blocks = nn.Sequential(block(1, 16, stride=2),
# block(16, 32, stride=2), block(32, 48), block(48, 64))</code>, <code>self.out = nn.Linear(128, 1)</code>. In <code>forward</code>:
# <code>h = self.blocks(x)</code>, <code>self.out(torch.cat([h.mean(-1), h.amax(-1)], dim=1))[:, 0]</code>.</details>

# %% role="answer" task="network"
# your network class, and helpers if you like:
### BEGIN SOLUTION
def block(n_in, n_out, stride=1):
    """Convolution, batch normalisation, ReLU, pooling by two."""
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, 7, stride=stride, padding=3, bias=False), nn.BatchNorm1d(n_out), nn.ReLU(), nn.MaxPool1d(2)
    )


class AFNet(nn.Module):
    """Four blocks, mean and maximum over time, one logit."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(block(1, 16, stride=2), block(16, 32, stride=2), block(32, 48), block(48, 64))
        self.dropout = nn.Dropout(0.3)
        self.out = nn.Linear(128, 1)

    def forward(self, x):
        h = self.blocks(x)
        return self.out(self.dropout(torch.cat([h.mean(dim=-1), h.amax(dim=-1)], dim=1)))[:, 0]


def new_network(seed):
    torch.manual_seed(seed)
    return AFNet()
### END SOLUTION


def network_logits(windows, seed):
    """Logits (n,) of a fresh network, weights drawn from seed, in evaluation mode."""
    ### BEGIN SOLUTION
    net = new_network(seed).eval()
    with torch.no_grad():
        return net(torch.as_tensor(np.asarray(windows, np.float32))).numpy()
    ### END SOLUTION


def feature_map(windows, seed):
    """What the same network computes before it pools over time: (n, channels, steps)."""
    ### BEGIN SOLUTION
    net = new_network(seed).eval()
    with torch.no_grad():
        return net.blocks(torch.as_tensor(np.asarray(windows, np.float32))).numpy()
    ### END SOLUTION


def count_parameters():
    """How many numbers the network learns."""
    ### BEGIN SOLUTION
    return sum(p.numel() for p in new_network(0).parameters() if p.requires_grad)
    ### END SOLUTION


# %% role="test" task="network" points=12
# asks: network_logits, feature_map, count_parameters
task = exam.task("network", points=12)
_rng = np.random.default_rng(SEED + 31)
_windows = _rng.standard_normal((5, 1, 3000)).astype(np.float32)


def _curved(_function, _what):
    """A network is no weighted sum of its samples. Five sound ones were 0.25 or more away from one, a mean is 1e-7."""
    _far = exam.superposed(lambda _w: _function(_w, 0), shape=(1, 3000), seed=SEED + 32)
    exam.expect(_far > 0.05, got=f"{_what} that are a weighted sum of the samples, or no function of them", expected="those of a network",
                cause="no ReLU between the convolutions, or no network at all")


with task.check("one logit per recording", 2, cause="the output has two columns or keeps its last axis: take [:, 0]"):
    exam.numbers(network_logits(_windows, 0), shape=(5,), what="logits")
    exam.numbers(network_logits(_windows[:1], 0), shape=(1,), what="logits of a single recording")
    _curved(network_logits, "logits")
with task.check("any length from 1,500 samples", 2, cause="a dense layer over all time steps instead of a pooling over time"):
    exam.numbers(network_logits(_windows[:, :, :1500], 0), shape=(5,), what="logits of 15 s windows")
    exam.numbers(network_logits(np.concatenate([_windows, _windows], axis=2), 0), shape=(5,), what="logits of 60 s windows")
    _curved(network_logits, "logits")
with task.check("a recording's logit does not depend on its neighbours", 2, cause="not in evaluation mode, or a mean or softmax over the batch axis"):
    _all = exam.numbers(network_logits(_windows, 0), shape=(5,))
    _alone = np.concatenate([exam.numbers(network_logits(_windows[_k : _k + 1], 0), shape=(1,)) for _k in range(5)])
    exam.same(_alone, _all, what="logit of a recording alone", atol=1e-4, rtol=1e-3,
              cause="not in evaluation mode, or a mean or softmax over the batch axis")
    _curved(network_logits, "logits")
with task.check("the seed draws the weights", 1, cause="torch.manual_seed is not called before the network is built"):
    exam.same(network_logits(_windows, 7), network_logits(_windows, 7), what="logits, the same seed twice", atol=1e-5)
    exam.expect(not np.allclose(network_logits(_windows, 7), network_logits(_windows, 8)), got="the same logits for two seeds",
                expected="other weights", cause="torch.manual_seed is not called with `seed`")
    _seven, _eight = (exam.numbers(network_logits(_windows, _s)).ravel() for _s in (7, 8))
    _line = np.stack([_seven, np.ones(len(_seven))], axis=1)  # other weights weigh other things: what is left was 0.22 or more
    _left = _eight - _line @ np.linalg.lstsq(_line, _eight, rcond=None)[0]
    exam.expect(_left.std() > 0.01 * _eight.std(), got="logits that two seeds only shift or scale", expected="other weights",
                cause="`seed` does not draw the weights")
with task.check("one step of the feature map sees at least 0.8 s", 4, cause="too few blocks, kernels too short, or no pooling between them"):
    _beside = exam.numbers(feature_map(_windows, 0), shape=(5, None, None), what="feature map")[:1]
    exam.same(feature_map(_windows[:1], 0), _beside, what="feature map of a recording alone", atol=1e-3, rtol=1e-2,
              cause="net.eval() is missing in feature_map: batch statistics make every step answer to every sample")
    _seen = exam.receptive_field(lambda _w: feature_map(_w, 0), samples=3000, seed=SEED + 1)
    _curved(feature_map, "features")
    _rows = exam.numbers(feature_map(_windows[:1], 0), shape=(1, None, None), what="feature map")[0]
    exam.expect(np.linalg.matrix_rank(_rows - _rows.mean(axis=1, keepdims=True), tol=1e-4 * np.ptp(_rows)) > 1,
                got="channels that all say the same", expected="(n, channels, steps), several channels that differ")
    exam.expect(_seen / 100 >= 0.8, got=f"{_seen / 100:.2f} s", expected="at least 0.8 s",
                cause="too few blocks, kernels too short, or no pooling between them")
with task.check("at most 200,000 parameters", 1, cause="a dense layer over all time steps"):
    _curved(network_logits, "logits")
    _count = float(exam.numbers(count_parameters(), shape=(), what="count_parameters()"))
    exam.expect(500 <= _count <= 200_000, got=f"{_count:,.0f} parameters", expected="500 to 200,000",
                cause="a dense layer over all time steps: such a network learns its training set by heart")
task.points()

# %% [markdown]
# ## Task 5: train it (16 points)
#
# Write `train_and_predict(signals, fs, labels, split, seed)`: the whole experiment in one function.
#
# - `signals`, `fs`, `labels` as before; `split`: a dict as `split_recordings` returns it; `seed`: of weights and batches.
# - It preprocesses, trains on the **training** recordings with binary cross-entropy, keeps the weights of the epoch with the lowest
#   loss on the **validation** recordings, and returns a dict:
#   - `"probability"`: (n,) probability of AF for **all** n recordings, in their order, with the kept weights;
#   - `"threshold"`: the probability from which on you say AF. 0.5 will do, or the most accurate one on the **validation** recordings; task 7
#     comes back to it;
#   - `"train_loss"`, `"val_loss"`: one number per epoch. `val_loss` is the plain binary cross-entropy of the validation
#     recordings in evaluation mode, so that its minimum belongs to the probabilities you return.
# - The **test** recordings play no part in any of this but their own probabilities. The same `seed` gives the same result.
#
# `EPOCHS` is a good number of epochs. The test cell runs the experiment four times on 84 recordings, simple ones, a few seconds each.
#
# <details><summary>Hint 1: the idea</summary>A loop over epochs; in each, shuffle the training recordings, step through
# batches of 32, then switch to evaluation mode and measure the validation loss. When it is the lowest so far, copy the weights.</details>
# <details><summary>Hint 2: what to use</summary><code>nn.functional.binary_cross_entropy_with_logits</code>,
# <code>torch.optim.AdamW</code>, <code>torch.optim.lr_scheduler.OneCycleLR</code>, <code>torch.randperm(n, generator=g)</code>,
# <code>copy.deepcopy(net.state_dict())</code>, <code>net.load_state_dict</code>.</details>
# <details><summary>Hint 3: almost the code</summary>For each epoch: <code>net.train()</code>; for each batch
# <code>loss = bce(net(x[b]), y[b]); optimiser.zero_grad(); loss.backward(); optimiser.step(); schedule.step()</code>;
# then <code>net.eval()</code>, <code>with torch.no_grad(): v = bce(net(x_val), y_val).item()</code>, and
# <code>if v &lt; best: best, kept = v, copy.deepcopy(net.state_dict())</code>.</details>

# %% role="answer" task="train"
# your training loop, and helpers if you like:
### BEGIN SOLUTION
import copy

bce = nn.functional.binary_cross_entropy_with_logits


def logits_of(net, windows):
    """Logits (n,) in evaluation mode, 128 windows at a time; the mean over both ways to hold the electrodes."""
    net.eval()
    with torch.no_grad():
        batches = [torch.as_tensor(windows[k : k + 128]) for k in range(0, len(windows), 128)]
        return torch.cat([(net(x) + net(-x)) / 2 for x in batches]).numpy()


def fit(windows, labels, val_windows, val_labels, seed, epochs=EPOCHS):
    """Train a network; returns it with the weights of its best epoch, and the losses per epoch."""
    net = new_network(seed)
    shuffle = torch.Generator().manual_seed(seed)
    x, y = torch.as_tensor(windows), torch.as_tensor(labels, dtype=torch.float32)
    y_val = torch.as_tensor(val_labels, dtype=torch.float32)
    steps = -(-len(x) // 32)
    optimiser = torch.optim.AdamW(net.parameters(), lr=8e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=8e-3, total_steps=epochs * steps)
    train_loss, val_loss, kept = [], [], None
    for _ in range(epochs):
        net.train()
        total = 0.0
        for b in torch.randperm(len(x), generator=shuffle).split(32):
            flip = 1.0 - 2.0 * torch.randint(0, 2, (len(b), 1, 1), generator=shuffle)  # either hand may hold the plus side
            shift = int(torch.randint(0, 1000, (1,), generator=shuffle))
            loss = bce(net(torch.roll(flip * x[b], shift, dims=-1)), y[b])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(b)
        train_loss.append(total / len(x))
        val_loss.append(bce(torch.as_tensor(logits_of(net, val_windows)), y_val).item())
        if val_loss[-1] == min(val_loss):
            kept = copy.deepcopy(net.state_dict())
    net.load_state_dict(kept)
    return net, train_loss, val_loss
### END SOLUTION


def train_and_predict(signals, fs, labels, split, seed):
    """The whole experiment: dict of probability (n,), threshold, train_loss and val_loss per epoch."""
    ### BEGIN SOLUTION
    windows = preprocess(signals, fs)
    train, val = split["train"], split["val"]
    net, train_loss, val_loss = fit(windows[train], labels[train], windows[val], labels[val], seed)
    probability = 1 / (1 + np.exp(-logits_of(net, windows)))
    best, threshold = -1.0, 0.5
    for candidate in np.linspace(0.05, 0.95, 91):  # the threshold with the best accuracy in validation
        accuracy = np.mean((probability[val] >= candidate) == labels[val])
        if accuracy > best:
            best, threshold = accuracy, float(candidate)
    return {"probability": probability, "threshold": threshold, "train_loss": train_loss, "val_loss": val_loss}
    ### END SOLUTION


# %% role="test" task="train" points=16
# asks: train_and_predict
task = exam.task("train", points=16)
_x, _y = exam.plain_examples(n=84, seed=SEED + 41)  # AF is plain in them: few epochs teach it
_rng = np.random.default_rng(SEED + 42)
_order = _rng.permutation(84)
_split = {"train": _order[:42], "val": _order[42:57], "test": _order[57:]}
_kept, _test = _order[:57], _order[57:]
_given = _y.copy()
_given[_test] = _rng.integers(0, 2, 27)  # labels of test recordings are no business of the function: drawn by lot
_turned = _given.copy()
_turned[_split["train"]] = 1 - _turned[_split["train"]]
_first = _early = None


def _learned():
    """Check that the first result comes from the training: test recordings are told apart, and not whatever was taught.

    Over 3 seeds, four architectures and ten epochs: AUC 1.00, and with the training labels upside down the probabilities
    of test recordings move by 0.09 to 0.5 on average.
    """
    _p, _q = (exam.numbers(exam.given(_of)["probability"], shape=(84,), what="probability")[_test] for _of in (_first, _early))
    _auc = exam.reference_metrics(_y[_test], _p, 0.5)["auc"]
    exam.expect(_auc >= 0.85, got=f"a ROC AUC of {_auc:.2f} on test recordings in which AF is plain", expected="at least 0.85",
                cause="nothing was learned from the training recordings: look at the learning rate, the loss and the order of labels")
    exam.expect(np.abs(_p - _q).mean() > 0.02, got="the same probabilities when the training labels are turned upside down",
                expected="others", cause="the network is not trained on the labels that the function is given")


with task.check("probabilities, a threshold and a loss per epoch", 3):
    _result = train_and_predict(_x, 300.0, _given.copy(), _split, 3)
    _p = exam.numbers(_result["probability"], shape=(84,), what="probability")
    exam.expect(_p.min() >= 0 and _p.max() <= 1, got=f"values from {_p.min():.3g} to {_p.max():.3g}",
                expected="probabilities between 0 and 1", cause="logits were returned: apply a sigmoid")
    _t = float(exam.numbers(_result["threshold"], shape=(), what="threshold"))
    exam.expect(0 <= _t <= 1.01, got=f"threshold {_t:.3g}", expected="a probability between 0 and 1")
    _n = len(exam.numbers(_result["train_loss"], shape=(None,), what="train_loss"))
    exam.numbers(_result["val_loss"], shape=(_n,), what="val_loss")
    _first = _result
    exam.expect(np.ptp(_p) > 0, got="the same probability for all recordings", expected="one for each", cause="the network is not used")
    _early = train_and_predict(_x, 300.0, _turned.copy(), _split, 3)
with task.check("the training loss falls", 2, cause="learning rate far off, gradients not zeroed, or a sigmoid before a loss that takes logits"):
    _loss = exam.numbers(exam.given(_first)["train_loss"], shape=(None,), what="train_loss")
    _third = max(1, len(_loss) // 3)
    exam.expect(_loss[-_third:].mean() < 0.97 * _loss[:_third].mean(),
                got=f"mean loss {_loss[:_third].mean():.3f} at first, {_loss[-_third:].mean():.3f} at last", expected="a falling loss",
                cause="learning rate far off, gradients not zeroed, or a sigmoid before a loss that takes logits")
    _learned()
with task.check("the weights of the best validation epoch are kept", 4,
                cause="the last weights are returned, or the loss is measured without net.eval()"):
    # with the training labels upside down, learning makes the validation loss rise: the best epoch comes early
    _v = np.clip(exam.numbers(exam.given(_early)["probability"], shape=(84,))[_split["val"]], 1e-7, 1 - 1e-7)
    _yv = _turned[_split["val"]]
    _bce = -np.mean(_yv * np.log(_v) + (1 - _yv) * np.log(1 - _v))
    exam.same(np.min(exam.numbers(_early["val_loss"])), _bce, rtol=0.02, atol=0.005,
              what="lowest val_loss (against the cross-entropy of the validation probabilities returned)",
              cause="the last weights are returned, or the loss is measured without net.eval()")
    _learned()
with task.check("the same seed gives the same result", 2, cause="weights or batches are drawn without `seed`"):
    _again = train_and_predict(_x, 300.0, _given.copy(), _split, 3)
    exam.same(_again["probability"], exam.given(_first)["probability"], what="probability, the same seed twice", atol=0.02,
              cause="weights or batches are drawn without `seed`")
    _learned()
with task.check("the test recordings play no part", 5,
                cause="trained or stopped on test recordings, normalised over the whole set, or net.eval() is missing"):
    _x2, _y2 = _x.copy(), _given.copy()
    _noise = np.random.default_rng(SEED + 43).standard_normal(_x2[_test].shape)
    _x2[_test] = (30 * _noise).astype(np.float32)
    _y2[_test] = 1 - _y2[_test]
    _changed = train_and_predict(_x2, 300.0, _y2, _split, 3)
    exam.same(np.asarray(_changed["probability"])[_kept], np.asarray(exam.given(_first)["probability"])[_kept], atol=0.02,
              what="probability of a training or validation recording after only test recordings were exchanged",
              cause="trained or stopped on test recordings, normalised over the whole set, or net.eval() is missing")
    exam.same(_changed["threshold"], _first["threshold"], what="threshold after only test labels were exchanged", atol=1e-3,
              cause="the threshold was chosen on the test set")
    _learned()
task.points()

# %% [markdown]
# ## Task 6: predict (10 points)
#
# Train on the class's recordings with your split, keep the trained network in a variable, and write two functions that use it:
#
# - `af_logits(signals, fs)`: (n, 1, samples) at `fs` to logits (n,).
# - `predict_af(signals, fs)`: the same as probabilities of AF, `1 / (1 + exp(-logit))`.
#
# Predicting changes nothing: the same recording gets the same answer alone, in a batch, in any order, today and tomorrow.
#
# <details><summary>Hint 1: the idea</summary>Train once, outside the functions; inside them only preprocess and compute.</details>
# <details><summary>Hint 2: what to use</summary><code>split = split_recordings(recordings.labels, groups, SEED)</code>, your own training
# function, <code>net.eval()</code>, <code>torch.no_grad()</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>windows = preprocess(signals, fs)</code>; <code>with torch.no_grad(): return
# net(torch.as_tensor(windows)).numpy()</code>; and <code>predict_af</code> returns
# <code>1 / (1 + np.exp(-af_logits(signals, fs)))</code>.</details>

# %% role="answer" task="predict"
# train your network on `recordings` here, once:
### BEGIN SOLUTION
split = split_recordings(recordings.labels, groups, SEED)
windows = preprocess(recordings.signals, recordings.fs)
trained, train_loss, val_loss = fit(
    windows[split["train"]], recordings.labels[split["train"]], windows[split["val"]], recordings.labels[split["val"]], SEED
)
### END SOLUTION


def af_logits(signals, fs):
    """Logits (n,) of the trained network."""
    ### BEGIN SOLUTION
    return logits_of(trained, preprocess(signals, fs))
    ### END SOLUTION


def predict_af(signals, fs):
    """Probabilities (n,) of atrial fibrillation."""
    ### BEGIN SOLUTION
    return 1 / (1 + np.exp(-af_logits(signals, fs)))
    ### END SOLUTION


# %% role="test" task="predict" points=10
# asks: af_logits, predict_af
task = exam.task("predict", points=10)
_x, _y = exam.examples("af_detection", n=100, seed=SEED + 51)
_z = _p = None


def _knows():
    """A network that was trained, well or not: chance gives 100 recordings an AUC of 0.3 to 0.7 in 999 of 1000 cases."""
    _auc = exam.reference_metrics(_y, exam.given(_z), 0.0)["auc"]
    exam.expect(max(_auc, 1 - _auc) > 0.7, got=f"logits with a ROC AUC of {_auc:.2f} on simulated recordings", expected="at least 0.7",
                cause="the network is not trained, or labels and recordings were mixed up in its training")


with task.check("probabilities that are the sigmoid of the logits", 2, cause="softmax and sigmoid applied one after the other"):
    _z = exam.numbers(af_logits(_x, 300.0), shape=(100,), what="af_logits")
    _p = exam.numbers(predict_af(_x, 300.0), shape=(100,), what="predict_af")
    exam.same(_p, 1 / (1 + np.exp(-_z)), what="predict_af (against the sigmoid of af_logits)", atol=1e-4)
    _knows()
with task.check("graded probabilities of a trained network, not yes or no", 2, cause="rounded, or compared with a threshold"):
    exam.given(_p)
    exam.expect(len(np.unique(np.round(_p, 4))) >= 10, got=f"{len(np.unique(np.round(_p, 4)))} different values for 100 recordings",
                expected="a probability for each", cause="rounded or compared with a threshold: hard labels hide how sure the network is")
    _knows()
with task.check("logits are free numbers", 2, cause="the network ends in softmax or sigmoid, and the loss applies it a second time"):
    exam.given(_z)
    exam.expect(np.abs(_z).max() > 1.2, got=f"all logits between {_z.min():.2f} and {_z.max():.2f}", expected="some beyond -1.2 to 1.2",
                cause="the network ends in softmax or sigmoid, and the loss applies it a second time: gradients vanish and it stays unsure")
    _knows()
with task.check("a recording gets the same answer alone and in a batch", 2, cause="net.eval() is missing: dropout or batch statistics are at work"):
    _single = np.concatenate([exam.numbers(predict_af(_x[_k : _k + 1], 300.0), shape=(1,)) for _k in range(8)])
    exam.same(_single, exam.given(_p)[:8], what="probability of a recording alone", atol=1e-3,
              cause="net.eval() is missing, or a softmax runs over the batch axis")
    _knows()
with task.check("order and repetition change nothing", 2, cause="net.eval() is missing, or predicting goes on training"):
    _turned = exam.numbers(predict_af(_x[::-1].copy(), 300.0), shape=(100,))
    exam.same(_turned[::-1], exam.given(_p), what="probability in reversed order", atol=1e-3, cause="net.eval() is missing, or state is kept between calls")
    exam.same(predict_af(_x, 300.0), _p, what="probability, asked again", atol=1e-4, cause="predicting goes on training")
    _knows()
task.points()

# %% [markdown]
# ## Task 7: evaluate (10 points)
#
# - `evaluate(labels, probability, threshold)`: a dict with `"accuracy"`, `"sensitivity"` (share of AF that is found), `"specificity"`
#   (share of normal that is left alone), `"ppv"` (share of alarms that are AF) and `"auc"` (area under the ROC curve). AF is said when
#   `probability >= threshold`. A share of nothing (no alarm at all) is 0.
# - `choose_threshold(labels, probability, cost_missed, cost_false_alarm)`: a threshold with the lowest total cost on these recordings
#   (any of them, where several are equally cheap). Above 1 it means "never say AF".
#
# <details><summary>Hint 1: the idea</summary>Everything but the AUC is a ratio of four counts. A threshold costs the missed AF times their
# price plus the false alarms times theirs.</details>
# <details><summary>Hint 2: what to use</summary><code>sklearn.metrics.roc_auc_score</code> takes the probabilities, not the decisions.
# <code>np.unique(probability)</code> gives all thresholds worth trying, but for 1.01: never.</details>
# <details><summary>Hint 3: almost the code</summary><code>tp = np.sum(said &amp; (labels == 1))</code> and so on. Try every candidate and keep
# the one with the lowest <code>cost_missed * fn + cost_false_alarm * fp</code>.</details>

# %% role="answer" task="evaluate"
def evaluate(labels, probability, threshold):
    """Accuracy, sensitivity, specificity, PPV and ROC AUC as a dict."""
    ### BEGIN SOLUTION
    from sklearn.metrics import roc_auc_score

    labels, said = np.asarray(labels), np.asarray(probability) >= threshold
    tp, fn = np.sum(said & (labels == 1)), np.sum(~said & (labels == 1))
    fp, tn = np.sum(said & (labels == 0)), np.sum(~said & (labels == 0))

    def share(part, whole):
        return float(part / whole) if whole else 0.0

    return {
        "accuracy": share(tp + tn, len(labels)),
        "sensitivity": share(tp, tp + fn),
        "specificity": share(tn, tn + fp),
        "ppv": share(tp, tp + fp),
        "auc": float(roc_auc_score(labels, probability)),
    }
    ### END SOLUTION


def choose_threshold(labels, probability, cost_missed, cost_false_alarm):
    """A threshold with the lowest total cost."""
    ### BEGIN SOLUTION
    labels, probability = np.asarray(labels), np.asarray(probability)
    best, chosen = np.inf, 1.01
    for candidate in [*np.unique(probability), 1.01]:
        said = probability >= candidate
        cost = cost_missed * np.sum(~said & (labels == 1)) + cost_false_alarm * np.sum(said & (labels == 0))
        if cost < best:
            best, chosen = cost, float(candidate)
    return chosen
    ### END SOLUTION


# %% role="test" task="evaluate" points=10
# asks: evaluate, choose_threshold
task = exam.task("evaluate", points=10)
_rng = np.random.default_rng(SEED + 61)
_y = _rng.integers(0, 2, 200)
_p = np.round(np.clip(0.35 * _y + _rng.random(200) * 0.65, 0, 1), 2)  # with ties
_true = exam.reference_metrics(_y, _p, 0.5)
_told = None
with task.check("accuracy, sensitivity, specificity and PPV", 4, cause="rows and columns of the confusion matrix exchanged"):
    _told = evaluate(_y, _p, 0.5)
    for _name in ("accuracy", "sensitivity", "specificity", "ppv"):
        exam.same(_told[_name], _true[_name], what=_name, cause="counts exchanged, or > where >= is asked")
with task.check("AUC, ties included", 2, cause="computed from decisions instead of probabilities"):
    exam.same(exam.given(_told)["auc"], _true["auc"], what="auc", cause="computed from decisions instead of probabilities")
with task.check("no alarm at all", 1, cause="a division by zero: no alarm, no share of alarms"):
    exam.same(evaluate(_y, _p, 1.01)["ppv"], 0.0, what="ppv without any alarm")
with task.check("the cheapest threshold", 3, cause="the two costs exchanged, or some thresholds not tried"):
    for _missed, _alarm in ((1, 1), (5, 1), (1, 20), (0.5, 3)):
        _chosen = float(exam.numbers(choose_threshold(_y, _p, _missed, _alarm), shape=(), what="threshold"))
        exam.same(exam.cost(_y, _p, _chosen, _missed, _alarm), exam.lowest_cost(_y, _p, _missed, _alarm),
                  what=f"cost of your threshold {_chosen:.3g} when a miss costs {_missed} and a false alarm {_alarm}",
                  cause="the two costs exchanged, or some thresholds not tried")
task.points()

# %% [markdown]
# ## Task 8: perform (14 points)
#
# Write `classify_af(signals, fs)`: class labels (n,), 0 or 1, from your probabilities and the threshold you chose on the validation
# recordings. Then the test cell examines `predict_af` (ROC AUC, 9 points) and `classify_af` (accuracy, 5 points) on recordings that
# you have never seen. Points grow along a line: from a floor, which heart rate, amplitude or a guess do not reach, to what a sound
# four-block network reached with each of 30 seeds. The irregularity of the rhythm alone lands between the two.
#
# <details><summary>Hint 1: the idea</summary>If the AUC here is far below the one on your own test set, something leaked into your
# training; if both are low, look at the loss curves: is it still falling (train longer) or rising (regularise)?</details>
# <details><summary>Hint 2: what to use</summary>Dropout before the last layer, weight decay, random sign and shift of the training
# windows, and the weights of the best validation epoch.</details>
# <details><summary>Hint 3: almost the code</summary><code>return (predict_af(signals, fs) &gt;= threshold).astype(int)</code>, with
# <code>threshold</code> set once, outside, from the validation recordings.</details>

# %% role="answer" task="perform"
# choose your threshold here:
### BEGIN SOLUTION
val_probability = 1 / (1 + np.exp(-logits_of(trained, windows[split["val"]])))
threshold = choose_threshold(recordings.labels[split["val"]], val_probability, cost_missed=1, cost_false_alarm=1)
threshold = 0.5 + (np.clip(threshold, 0, 1) - 0.5) / 2  # 200 recordings cannot justify going further than half the way
test_probability = 1 / (1 + np.exp(-logits_of(trained, windows[split["test"]])))
print(evaluate(recordings.labels[split["test"]], test_probability, threshold))
### END SOLUTION


def classify_af(signals, fs):
    """Class labels (n,): 1 where the network says AF."""
    ### BEGIN SOLUTION
    return (predict_af(signals, fs) >= threshold).astype(int)
    ### END SOLUTION


# %% role="test" task="perform" points=14
# asks: predict_af, classify_af
task = exam.task("perform", points=14)
_unseen = exam.cohort("af_detection")
task.credit("predict_af on recordings never seen", lambda: exam.score("roc_auc", _unseen, exam.ask(_unseen, predict_af)),
            floor=0.92, full=0.96, points=9)
task.credit("classify_af on recordings never seen", lambda: exam.score("accuracy", _unseen, exam.ask(_unseen, classify_af)),
            floor=0.83, full=0.88, points=5)
task.points()

# %% [markdown]
# ## Task 9: interpret (8 points, read by a person)
#
# In 150 to 300 words, for a colleague who has not seen your work:
#
# 1. What do your accuracy, sensitivity, specificity and AUC say, with their uncertainty, and on which data (2 points)?
# 2. Look at three recordings that your network gets wrong. What do they have in common (2 points)?
# 3. Which threshold would you choose to screen people at home, and which to decide on further tests in a clinic? Why (2 points)?
# 4. Name two situations in which this detector must not be used (2 points).
#
# <details><summary>Hint 1: the idea</summary>A number without its interval and its data says nothing.</details>
# <details><summary>Hint 2: what to use</summary><code>physiodl.metrics.bootstrap_interval(..., groups=groups[index])</code> for intervals and
# <code>physiodl.plots.ecg_strip</code> to look at recordings as a clinician does.</details>
# <details><summary>Hint 3: almost the code</summary>Sort the test recordings by
# <code>abs(probability - label)</code> and draw the last three.</details>

# %% [markdown] role="written" task="interpret" points=8
# ### BEGIN SOLUTION
# 1. On about 200 test recordings of the class's set (simulated ones unless fetched), none a near-duplicate of a training recording,
# accuracy lies near 0.94 and AUC near 0.98, with 95 % intervals of about plus or minus 0.03 and 0.02; sensitivity and specificity
# are close to each other at the chosen threshold. Simulated results say nothing of patients.
# 2. Missed AF is mostly regular (slow conduction) with f-waves lost in noise; false alarms are sinus arrhythmia or frequent ectopic
# beats whose P waves are small. Rhythm misleads where the atria cannot be seen.
# 3. Screening at home: a low threshold when a missed AF (stroke) costs more than a second recording; but most screened people are
# healthy, so PPV must be watched. In a clinic, where an alarm leads to treatment: a higher one, after a 12-lead ECG.
# 4. Not for other rhythms (flutter, paced), not for other recorders or leads without testing, never as the only ground for treatment.
# ### END SOLUTION
#
# ### BEGIN MARK SCHEME
# - 1 (2 points): all four numbers with an interval or n (1); says which data and that simulated data say nothing of patients (1).
# - 2 (2 points): three recordings really looked at (1); a common physiological or technical reason (1).
# - 3 (2 points): a lower threshold for screening, with the cost of a miss (1); prevalence or PPV, or confirmation in a clinic (1).
# - 4 (2 points): one point for each sound situation (other rhythms, devices, children, pacemaker, treatment without confirmation...).
# ### END MARK SCHEME

# %% [markdown]
# ## Take away
#
# - A score means something only on recordings that share nothing with the training: not a person, not a near-duplicate, not a mean.
# - The network is small; the care around it is the work.
# - Accuracy depends on the threshold, AUC does not; the threshold depends on what a mistake costs.
#
# **Where next.** Assignment 04 asks the same question of whole-day recordings, split by patient. There the leak is larger.
