# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 05 · Sleep staging: a night read from one channel of EEG
#
# A night of sleep is scored by hand: somebody looks at thirty seconds of EEG, writes down one of five stages, and
# goes on to the next thirty, a thousand times. You will see what they look at, let a network look at the same, find
# out why thirty seconds alone are not enough, and give it what comes before and after. Then you will ask where it is
# wrong, how much of that is its own fault, and whether it looks where a person would.
#
# **What you will learn**
#
# - what each stage looks like, and what defines it; the hypnogram and its transitions;
# - from two EDF files to epochs: a channel by its name, stages merged, dropped, trimmed;
# - 0.3 to 35 Hz, epochs of 30 s, and scaling that does not leak;
# - a 1D-CNN for one epoch, and a bidirectional LSTM over a sequence of epochs;
# - class imbalance, early stopping, 5-fold by subject;
# - Cohen's kappa, F1 of each stage, the confusion matrix, and the **human ceiling**;
# - errors at transitions; gradient and occlusion saliency, checked against known physiology.
#
# **What you need.** Lesson 04: splits by person, F1, what a leak is. From 02: spectra, filters, the rhythms of the
# EEG. From 03: the blocks of a 1D-CNN.
#
# **Time.** Reading 2 hours; computing about 2 minutes on two CPU cores (5 with `BUDGET = "full"`).
#
# **Data.** [Sleep-EDF Expanded](https://physionet.org/content/sleep-edfx/1.0.0/), sleep cassette: whole nights of
# healthy people at home, if its files are on this machine (`python data_fetch.py sleep` in a terminal). If not,
# nights of the same form are **simulated**: made by formulas, not from people. The text holds for both; numbers are
# those of your run.

# %% tags=["parameters"]
SOURCE = "auto"  # "auto": real recordings if they are here, else simulated; or "real", "simulated"
BUDGET = "default"  # "ci": quicker, rougher; "full": more subjects, longer training
SEED = 0

# %%
import copy

import matplotlib.pyplot as plt
import mne
import numpy as np
import torch
from scipy import signal
from torch import nn
from tqdm.auto import tqdm

from physiodl import data, multiclass, plots, signals, sleep, sleepedf, sleepedf_files

torch.set_num_threads(1)  # so small a network gains nothing from more
SUBJECTS = {"ci": 6, "default": 10, "full": 20}[BUDGET]
FOLDS = {"ci": 3, "default": 5, "full": 5}[BUDGET]
CNN_PASSES, LSTM_PASSES = {"ci": (3, 8), "default": (5, 20), "full": (10, 30)}[BUDGET]  # at most
STAGES, COLOURS = ("W", "N1", "N2", "N3", "REM"), ("#e0a030", "#8fc1a9", "#5b93c0", "#254a7d", "#c0504d")

cohort = data.load("sleep", source=SOURCE)  # sections 3 and 4 show how these epochs were made
folder = data.records_folder("sleep", source=SOURCE)
simulated = cohort.source == "simulated"
label = "SIMULATED EEG, not from people" if simulated else "Sleep-EDF Expanded"
print(label if simulated else cohort.citation)
print(cohort)

# %% [markdown]
# ## 1 · A night on one page
#
# Electrodes on the forehead (Fpz) and the crown of the head (Cz); one channel is the voltage between them, `Fpz-Cz`.
# Below is a whole night of it. Above, its **spectrogram** (lesson 02): time to the right, frequency upwards, colour
# is power. Beneath it, what a scorer wrote for each 30 s. Let your eye go from one to the other.

# %%
whose = np.unique(cohort.subjects)
kinds = np.array([len(np.unique(cohort.labels[cohort.subjects == one])) for one in whose])
example = str(cohort.columns["night"][cohort.subjects == whose[np.argmax(kinds)]][0])
files = {one.night: one for one in sleepedf.night_files(folder)}
night = sleepedf.read_night(files[example].psg, files[example].hypnogram)  # epochs in µV
hours = night.start_s / 3600


def hypnogram(ax, at_hours, stages, colour="#333333", **how):
    """A hypnogram as scorers draw it: awake on top, then REM, N1, N2, N3; a gap where epochs are missing."""
    height = np.array([4, 2, 1, 0, 3])[stages].astype(float)
    jump = np.flatnonzero(np.diff(at_hours) > 1.5 * 30 / 3600) + 1
    ax.step(np.insert(at_hours, jump, np.nan), np.insert(height, jump, np.nan), where="post", color=colour, **how)
    ax.set_yticks(range(5), ["N3", "N2", "N1", "REM", "W"])
    ax.set(ylim=(-0.4, 4.4), xlabel="time in the recording (hours)")


hz, density = signal.welch(night.epochs, night.fs, nperseg=400, axis=1)  # (epochs, frequencies) µV² per Hz
fig, axes = plt.subplots(2, 1, figsize=(12, 5.2), layout="constrained", sharex=True, height_ratios=(3, 2))
seen = (hz > 0.3) & (hz < 25)
power = axes[0].pcolormesh(hours, hz[seen], 10 * np.log10(density[:, seen].T), shading="nearest", cmap="magma",
                           vmin=-12, vmax=25, rasterized=True)
axes[0].set(ylabel="frequency (Hz)")
fig.colorbar(power, ax=axes[0], label="power (dB, 0 dB = 1 µV²/Hz)")
hypnogram(axes[1], hours, night.stages)
for stage in range(5):
    at = np.flatnonzero(night.stages == stage)
    axes[1].plot(hours[at] + 1 / 240, np.full(len(at), (4, 2, 1, 0, 3)[stage]), "s", color=COLOURS[stage], ms=3)
axes[0].set_title(f"night {example} ({label})", fontsize=9)
plt.show()

# %% [markdown]
# The night is not one state. Slow waves swell and fade, three to five times; the staircase below is the
# **hypnogram**. It goes down from waking (W) to deep sleep (N3), up again, and into **REM** sleep, with its rapid eye
# movements: one **cycle** of about 90 minutes. Deep sleep belongs to the first cycles, REM to the last.
#
# ## 2 · What each stage looks like
#
# Thirty seconds are called an **epoch** (nothing to do with the passes of a training, which machine learning calls by
# the same word; here they are called *passes*). One typical epoch of each stage, all to the same scale:

# %%
middle = {}
for stage in range(5):  # an epoch in the middle of a stretch, and of middle size for its stage
    mine = [k for k in np.flatnonzero(night.stages == stage) if (night.stages[max(0, k - 2) : k + 3] == stage).all()]
    mine = np.array(mine if mine else np.flatnonzero(night.stages == stage))
    middle[stage] = mine[np.argsort(night.epochs[mine].std(axis=1))[len(mine) // 2]]
time_s = np.arange(night.epochs.shape[1]) / night.fs
fig, axes = plt.subplots(5, 1, figsize=(12, 8), layout="constrained", sharex=True, sharey=True)
for stage, ax in enumerate(axes):
    ax.plot(time_s, night.epochs[middle[stage]], color=COLOURS[stage], lw=0.7)
    ax.set_ylabel(f"{STAGES[stage]}  (µV)")
    ax.grid(axis="x", alpha=0.3)
axes[-1].set(xlabel="time in the epoch (s)", xlim=(0, 30), xticks=range(0, 31, 5))
limit = 1.05 * np.abs(night.epochs[list(middle.values())]).max()
axes[0].set_ylim(-limit, limit)
axes[0].set_title(f"five epochs of night {example} ({label})", fontsize=9)
plt.show()

# %% [markdown]
# | stage | what defines it | where to see it |
# |---|---|---|
# | **W**, awake | alpha, 8 to 13 Hz, when the eyes are closed; blinks and fast activity when they are open | dense, small |
# | **N1**, falling asleep | alpha gives way to low, mixed waves of 4 to 7 Hz; slow rolling of the eyes | nearly nothing |
# | **N2**, light sleep | **spindles** (11 to 16 Hz, half a second or more) and **K-complexes** (one large wave) | lone large waves |
# | **N3**, deep sleep | slow waves, 0.5 to 2 Hz, above 75 µV, in a fifth of the epoch or more | large and slow |
# | **REM** | low, mixed waves as in N1; rapid eye movements; muscles without tone | calm, as N1 |
#
# These are rules of the American Academy of Sleep Medicine (AASM). Sleep-EDF is older, and was scored by those of
# Rechtschaffen and Kales (R&K, 1968), which split N3 into stages 3 and 4.
#
# Look at the last row: what tells REM from N1 is in the eyes and the chin, and neither has an electrode in our
# channel. Only what leaks from the eyes to the forehead, and what came before, can tell.
#
# Means over many epochs say it in numbers: the power spectrum of each stage, one thin line per subject.

# %%
fig, axes = plt.subplots(1, 5, figsize=(13, 3.1), layout="constrained", sharey=True)
shown = (hz > 0.3) & (hz < 30)
for one in whose[:8]:
    own = np.flatnonzero(cohort.subjects == one)
    for stage in range(5):
        rows = own[cohort.labels[own] == stage][:60]
        if len(rows) >= 5:
            x_uv = cohort.signals[rows, 0] * cohort.columns["scale_uv"][rows][:, None]
            spectrum = np.log10(signal.welch(x_uv, cohort.fs, nperseg=400, axis=1)[1].mean(axis=0))[shown]
            axes[stage].plot(hz[shown], 10 * spectrum, color=COLOURS[stage], lw=0.8, alpha=0.8)
for stage, ax in enumerate(axes):
    for low, high, tint in ((0.5, 2, "#999999"), (8, 13, "#e0a030"), (11, 16, "#8a5aa8")):
        ax.axvspan(low, high, color=tint, alpha=0.13, lw=0)
    ax.set(xlabel="frequency (Hz)", title=STAGES[stage], xlim=(0, 30))
axes[0].set_ylabel("power (dB, 0 dB = 1 µV²/Hz)")
fig.suptitle(f"shaded: slow waves (grey, 0.5 to 2 Hz), alpha (yellow, 8 to 13 Hz), spindles (purple, 11 to 16 Hz)   ({label})", fontsize=9)
plt.show()

# %% [markdown]
# Slow waves lift the left end in N3, and a shoulder of spindles stands beside the hill at 10 Hz in N2. That hill itself is
# no proof of waking. Awake, alpha comes and goes with the eyes closed and open, and a single epoch may show none, as
# perhaps the one above; and in sleep a smaller hill stays near 10 Hz, which stands out just as well, since the fast
# background around it is lower there. Between N1 and REM you would have to look for long. People differ as well: the same
# stage lies several decibels higher in one than in the next.
#
# ## 3 · Two files for one night
#
# The signals are in an EDF file (European Data Format), the stages in another, as annotations. Names are looked up in
# the folder, never built: the last letters differ from night to night.

# %%
raw = mne.io.read_raw_edf(files[example].psg, preload=False, verbose="error")  # reads the header only
notes = mne.read_annotations(files[example].hypnogram)
print(files[example].psg.name, " and ", files[example].hypnogram.name)
print("channels:", ", ".join(raw.ch_names))
for onset, duration, text in list(zip(notes.onset, notes.duration, notes.description, strict=True))[:6]:
    print(f"from {onset:7.0f} s for {duration:6.0f} s: {text}")
print("all texts:", ", ".join(sorted(set(map(str, notes.description)))))

# %% [markdown]
# Four things have to be done, and each is a classical source of silent mistakes:
#
# - **A channel has a name.** Take `EEG Fpz-Cz` wherever it stands, and read it alone: MNE brings channels that are
#   read together to the *highest* rate among them; `include=[name]` reads one. The header says in which unit a file
#   stores a channel (µV, mV or V); MNE has looked there and always gives volts, so times a million is µV. A voltage is one
#   electrode *against* another: `EEG Cz-Fpz` is the same channel upside down, and has to be turned.
# - **Merge.** `Sleep stage 3` and `Sleep stage 4` both become N3.
# - **Drop.** `Movement time` and `Sleep stage ?` are no stages. Dropping leaves a gap: what stands side by side in the
#   array is not side by side in the night any more. So every epoch keeps its number.
# - **Trim.** Sleep-EDF was recorded around the clock. In the night SC4001 of the database, three of four scored epochs
#   are awake, mostly at day. By convention half an hour before and after sleep is kept.
#
# What is left of our night, and what the convention is worth: if the day stays in, "always awake" is a good staging.

# %%
start_s, stop_s, read = sleepedf_files.read_stages(files[example].hypnogram)
fig, ax = plt.subplots(figsize=(12, 1.9), layout="constrained")
for a, b, stage in zip(start_s, stop_s, read, strict=True):
    colour = COLOURS[stage] if stage >= 0 else "#dddddd"
    ax.barh(0, (b - a) / 3600, left=a / 3600, color=colour, height=0.7)
ax.plot([hours[0], hours[-1] + 30 / 3600], [-0.55, -0.55], color="black", lw=3)
ax.text((hours[0] + hours[-1]) / 2, -0.62, "kept", ha="center", va="top", fontsize=9)
for stage in range(5):
    ax.barh(0, 0, color=COLOURS[stage], label=STAGES[stage])
ax.barh(0, 0, color="#dddddd", label="no stage")
ax.set(yticks=[], ylim=(-1.0, 0.5), xlabel="time in the recording (hours)")
ax.legend(ncols=6, loc="lower left", bbox_to_anchor=(0, 1), fontsize=8)
ax.set_title(f"{example} ({label})", fontsize=9, loc="right")
plt.show()

day = 16 * 3600  # if a recording went on for a day, 16 hours of it would be awake
for name, extra in (("half an hour of wake around sleep", 0), ("16 hours of the day left in", day // 30)):
    counts = np.bincount(cohort.labels[cohort.columns["night"] == example], minlength=5) + [extra, 0, 0, 0, 0]
    share = counts / counts.sum()
    print(f"{name:34s} 'always awake' has accuracy {share[0]:.2f}, kappa 0; 'always N2' {share[2]:.2f}, kappa 0")

# %% [markdown]
# The accuracy of saying one and the same thing goes up with the day; **kappa** stays 0. We come to it in section 7.
#
# ## 4 · Filter, cut, scale
#
# As in lessons 03 and 04: filter the whole night without delay, then cut. The band is 0.3 to 35 Hz: the slowest waves
# of N3 and the fastest of waking are inside, drift of the electrodes and mains outside. A filter is designed *for a
# rate*: the same numbers at another rate are another filter.
#
# Then scale. Gain differs from person to person, and something must be done about it. What exactly, decides what the
# network can still see:

# %%
spread_uv = np.array([cohort.columns["scale_uv"][cohort.subjects == one][0] for one in whose])
size_uv = night.epochs.std(axis=1)
fig, axes = plt.subplots(1, 2, figsize=(12, 3.4), layout="constrained", width_ratios=(1, 2))
axes[0].barh(range(len(whose)), spread_uv, color=plots.BLUE)
axes[0].set_yticks(range(len(whose)), whose, fontsize=7)
axes[0].set(xlabel="typical size of the EEG (µV)", ylabel="subject")
axes[1].plot(hours, size_uv / night.scale_uv, color=plots.BLUE, lw=1, label="each night divided by its own size")
axes[1].plot(hours, np.ones(len(hours)), color=plots.ORANGE, lw=1.5, label="each epoch divided by its own size")
deep = night.stages == 3
axes[1].fill_between(hours, 0, 1, where=deep, transform=axes[1].get_xaxis_transform(), color=COLOURS[3], alpha=0.15,
                     lw=0, label="scored N3")
axes[1].set(xlabel="time in the recording (hours)", ylabel="standard deviation\nof an epoch (scaled)", ylim=(0, None))
axes[1].legend(fontsize=8, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
fig.suptitle(label, fontsize=9)
plt.show()

# %% [markdown]
# Divide each *epoch* by its own size, and deep sleep becomes as small as waking: what defines N3 is gone. Divide all
# nights by *one* number, computed from all subjects, and test subjects have had a say before their test: a leak, small
# but needless. `data.load` divides each **night by itself**, by its interquartile range / 1.349 (a standard deviation
# that a few minutes of movement cannot move).
#
# <details><summary>Question: the scale of a night uses the whole night. Is that allowed?</summary> It looks at no label
# and at no other person, so nothing leaks from training to test. But it looks at the future: right for a night that is
# read in the morning, wrong for a device that is to say the stage at once.</details>
#
# ## 5 · Neighbours
#
# How does a night go on from one epoch to the next? Count it: of all N2 epochs, how many are followed by N2, by REM, by
# N3?

# %%
follows = np.zeros((5, 5))
same_night = (cohort.columns["night"][1:] == cohort.columns["night"][:-1]) & (np.diff(cohort.columns["epoch"]) == 1)
np.add.at(follows, (cohort.labels[:-1][same_night], cohort.labels[1:][same_night]), 1)
chance = follows / follows.sum(axis=1, keepdims=True)


def table(ax, values, title, *, rows, columns, high=1.0, text="{:.0f}"):
    """A square of percentages, dark where they are high."""
    ax.imshow(values, cmap="Blues", vmin=0, vmax=high)
    for row in range(5):
        for column in range(5):
            white = values[row, column] > 0.55 * high
            ax.text(column, row, text.format(100 * values[row, column]), ha="center", va="center",
                    color="white" if white else "black", fontsize=9)
    ax.set_xticks(range(5), STAGES)
    ax.set_yticks(range(5), STAGES)
    ax.set(xlabel=columns, ylabel=rows, title=title)


bouts = [[] for _ in range(5)]
for run in sleep.runs(cohort.columns["night"], cohort.columns["epoch"]):
    edges = np.concatenate([[0], np.flatnonzero(np.diff(cohort.labels[run])) + 1, [len(run)]])
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        bouts[cohort.labels[run[a]]].append((b - a) / 2)
fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
table(axes[0], chance, "what follows (% of each row)", rows="this epoch", columns="the next epoch")
parts = axes[1].boxplot(bouts, orientation="horizontal", showfliers=False, patch_artist=True, medianprops={"color": "black"})
for patch, colour in zip(parts["boxes"], COLOURS, strict=True):
    patch.set_facecolor(colour)
axes[1].set_yticks(range(1, 6), STAGES)
axes[1].set(xlabel="length of a stretch of one stage (minutes)", title="stretches (line: median; outliers not drawn)", ylim=(5.5, 0.5))
fig.suptitle(label, fontsize=9)
plt.show()
print(f"an epoch is followed by its own stage in {100 * np.trace(follows) / follows.sum():.0f} % of all cases")

# %% [markdown]
# Stages last, and not every change happens: deep sleep does not turn into REM directly, REM does not come out of
# waking. Whoever knows the stage before is right most of the time without looking. A scorer knows it; a network that
# sees one epoch does not. Stretches of N1 are the shortest: N1 is a passage.
#
# ## 6 · Who is right? The human ceiling
#
# Two experts who score the same night do not write the same. A meta-analysis of 11 studies (Lee et al. 2022) gives
# their agreement as Cohen's kappa:

# %%
human = {"all": 0.76, "W": 0.70, "N1": 0.24, "N2": 0.57, "N3": 0.57, "REM": 0.69}  # Lee et al. 2022
fig, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
ax.bar(list(human), list(human.values()), color=["#777777", *COLOURS])
for place, value in enumerate(human.values()):
    ax.text(place, value + 0.02, f"{value:.2f}", ha="center", fontsize=9)
ax.set(ylabel="Cohen's kappa", ylim=(0, 1), title="agreement of two people on the same nights (published, Lee et al. 2022)")
plt.show()

# %% [markdown]
# For N1 it is 0.24: experts hardly agree on it beyond chance. A network is judged by what *one* scorer wrote. If
# another human reached 0.76 against that scorer, then a network far above has not understood sleep better: it has
# learnt this scorer's habits, or something leaks. That is a **ceiling**, and a test of plausibility.
#
# The simulator has scorers too, so its truth is as doubtful as a real one: they place a change an epoch early or late,
# and judge doubtful epochs by mood. Two of them, on one simulated night; orange lines: epochs in which they differ.

# %%
from physiodl.simulate.hypnogram import score, simulate_hypnogram

true = simulate_hypnogram(SEED + 5, hours=6)
first, second = score(true, SEED + 1), score(true, SEED + 2)
fig, axes = plt.subplots(2, 1, figsize=(12, 3.8), layout="constrained", sharex=True)
for ax, scored, name in zip(axes, (first, second), ("scorer 1", "scorer 2"), strict=True):
    hypnogram(ax, np.arange(len(true)) / 120, scored)
    ax.set_title(f"{name} (SIMULATED)", fontsize=9, loc="left")
    differ = np.flatnonzero(first != second)
    ax.vlines(differ / 120, -0.4, 4.4, color=plots.ORANGE, lw=0.8, alpha=0.5)
axes[0].set_xlabel("")
plt.show()
change = np.zeros(len(true), bool)
change[:-1] |= np.diff(first) != 0
change[1:] |= np.diff(first) != 0
print(f"SIMULATED scorers differ in {100 * np.mean(first[change] != second[change]):.0f} % of the epochs beside a change, "
      f"in {100 * np.mean(first[~change] != second[~change]):.0f} % of the others")

# %% [markdown]
# ## 7 · Kappa and F1
#
# With five stages of unequal frequency, accuracy flatters whoever says the frequent ones. **Cohen's kappa** takes away
# what chance gives:
#
# $$\kappa = \frac{p_{agreed} - p_{chance}}{1 - p_{chance}}$$
#
# where $p_{chance}$ is how often two would agree who say each stage as often as they do, but at random. 1 is full
# agreement, 0 is chance. **F1** (lesson 04) is computed for each stage against all others; their plain mean, the
# **macro-F1**, lets rare N1 count as much as N2. Three stagings of one night:

# %%
y_night = night.stages
rng = np.random.default_rng(SEED)
stagings = {
    "always N2": np.full(len(y_night), 2),
    "random, right frequencies": rng.permutation(y_night),
    "right, but never N1": np.where(y_night == 1, 2, y_night),
}
for name, said in stagings.items():
    print(f"{name:26s} accuracy {np.mean(said == y_night):.2f}   kappa {multiclass.kappa(y_night, said):5.2f}   "
          f"macro-F1 {multiclass.macro_f1(y_night, said):.2f}")

# %% [markdown]
# The last line never finds N1, and yet kappa is hardly troubled. Macro-F1, which takes a fifth of its marks from N1, is
# clearly lower: report both.
#
# ## 8 · One epoch, one answer
#
# From here on we use some of the subjects. A CNN reads one epoch: three blocks as in lesson 03, the first with a kernel
# of 0.4 s, wide enough for a slow wave's flank or about five waves of a spindle. At the end, of each of 48 channels the **mean**
# over time (what lasts: a rhythm) and the **maximum** (what passes: a K-complex). These 96 numbers are the features of
# an epoch, one layer weighs them.

# %%
kept = whose[np.random.default_rng(SEED).permutation(len(whose))[:SUBJECTS]]
cohort = cohort.subset(np.flatnonzero(np.isin(cohort.subjects, kept)))
x, y, subject = np.asarray(cohort.signals[:, 0], np.float32), np.asarray(cohort.labels), np.asarray(cohort.subjects)
night_of, number = np.asarray(cohort.columns["night"]), np.asarray(cohort.columns["epoch"])
print(f"{len(y)} epochs of {len(np.unique(night_of))} nights of {len(kept)} subjects; x {x.shape} (epochs, samples)")


def block(n_in, n_out, kernel, stride=1, pool=4):
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
        nn.MaxPool1d(pool),
    )


class EpochNet(nn.Module):
    """One epoch to five logits: (epochs, samples) to (epochs, 5)."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(block(1, 16, 41, stride=6), block(16, 32, 7), block(32, 48, 5))
        self.dropout, self.out = nn.Dropout(0.3), nn.Linear(96, 5)

    def features(self, x):
        h = self.blocks(x[:, None])  # (epochs, 48, steps)
        return torch.cat([h.mean(dim=2), h.amax(dim=2)], dim=1)

    def forward(self, x):
        return self.out(self.dropout(self.features(x)))


h = torch.as_tensor(x[:2])[:, None]
for layer in EpochNet().eval().blocks:
    h = layer(h)
    print("after a block", tuple(h.shape), "(epochs, channels, steps)")
print(f"{sum(w.numel() for w in EpochNet().parameters()):,} weights")

# %% [markdown]
# **Rare stages.** N1 is one epoch in ten or twenty. Full class weights (lesson 04) would make the network call N1 all
# over the place; none at all, never. A common compromise is the square root of the full weight.
#
# **Early stopping.** A network can learn its subjects by heart. So some subjects, the *validation* subjects, are kept
# out of training and asked after every pass. When their loss has not fallen for some passes, training stops, and the
# weights of the best pass are taken back. They are not the test subjects: those have not been asked anything yet. Here
# the CNN has so few passes that mostly the best weights are taken and nothing is cut short; section 10 shows a training
# that goes on too long.
#
# **Folds.** Subjects are dealt out like cards into `FOLDS` hands. Each hand is the test once, the next hand the
# validation, the rest trains. It is people who are dealt, not nights: both nights of a person are in the same hand. Where
# each has one night only, as in the simulated ones, that shows nothing; in Sleep-EDF nearly everybody has two. A part is
# kept here as a mask, True or False for each epoch; `np.flatnonzero(mask)` gives the positions, which the assignment
# asks for.

# %%
names = np.random.default_rng(SEED + 1).permutation(np.unique(subject))
hand_of = {one: k % FOLDS for k, one in enumerate(names)}
hand = np.array([hand_of[one] for one in subject])
folds = [{"test": hand == k, "val": hand == (k + 1) % FOLDS} for k in range(FOLDS)]
for fold in folds:
    fold["train"] = ~fold["test"] & ~fold["val"]

fig, ax = plt.subplots(figsize=(10, 0.5 + 0.35 * FOLDS), layout="constrained")
for row, fold in enumerate(folds):
    for place, one in enumerate(names):
        part = next(p for p in ("test", "val", "train") if fold[p][np.argmax(subject == one)])
        ax.barh(row, 0.94, left=place, color={"test": plots.ORANGE, "val": "#e8c39e", "train": plots.BLUE}[part], height=0.8)
ax.set_yticks(range(FOLDS), [f"fold {k + 1}" for k in range(FOLDS)])
ax.set_xticks(np.arange(len(names)) + 0.47, names, fontsize=8)
ax.set(xlabel="subject", ylim=(FOLDS - 0.5, -0.5), xlim=(0, len(names)))
for colour, text in ((plots.BLUE, "train"), ("#e8c39e", "validate"), (plots.ORANGE, "test")):
    ax.barh(0, 0, color=colour, label=text)
ax.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1), fontsize=8)
plt.show()

# %%
def weights_of(stages):
    """Square root of the class weights, (5,)."""
    share = np.bincount(stages, minlength=5) / len(stages)
    return torch.as_tensor(1 / np.sqrt(5 * np.maximum(share, 0.01)), dtype=torch.float32)


def fit(net, batches, val_loss_of, passes, rate, patience=4):
    """Train; stop when the validation loss has not fallen for `patience` passes; take the best weights back.

    `batches()` gives the loss of each batch of a pass, `val_loss_of()` the validation loss. Returns both per pass.
    """
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-2)
    history, best = [], None
    for _ in range(passes):
        net.train()
        losses = []
        for loss in batches():
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        net.eval()
        with torch.no_grad():
            history.append((np.mean(losses), float(val_loss_of())))
        val = [v for _, v in history]
        if val[-1] == min(val):
            best = copy.deepcopy(net.state_dict())  # a copy: the weights go on changing
        if len(val) - 1 - np.argmin(val) >= patience:
            break
    net.load_state_dict(best)
    return history


def in_pieces(part, epochs, size=512):
    """What a network, or its method `features`, says of all epochs."""
    with torch.no_grad():
        return torch.cat([part(torch.as_tensor(epochs[k : k + size])) for k in range(0, len(epochs), size)])


def fit_cnn(fold, seed):
    """An EpochNet that has learnt the training subjects of a fold, and its losses."""
    torch.manual_seed(seed)
    net, shuffle = EpochNet(), np.random.default_rng(seed)
    train, val = np.flatnonzero(fold["train"]), np.flatnonzero(fold["val"])
    weight, truth = weights_of(y[train]), torch.as_tensor(y)

    def batches():
        for b in np.array_split(shuffle.permutation(train), len(train) // 64):
            yield nn.functional.cross_entropy(net(torch.as_tensor(x[b])), truth[b], weight=weight)

    history = fit(net, batches, lambda: nn.functional.cross_entropy(in_pieces(net, x[val]), truth[val]), CNN_PASSES, 3e-3)
    return net.eval(), history


cnns, said_alone, features = [], np.zeros((len(y), 5), np.float32), []
for k, fold in enumerate(tqdm(folds, desc="folds", leave=False)):
    net, history = fit_cnn(fold, 10 * SEED + k)
    cnns.append((net, history))
    features.append(in_pieces(net.features, x))  # of all epochs: section 10 needs them
    said_alone[fold["test"]] = torch.softmax(net.out(features[-1][np.flatnonzero(fold["test"])]), dim=1).detach().numpy()
alone = said_alone.argmax(axis=1)
print(f"each epoch alone ({label}): accuracy {np.mean(alone == y):.2f}, kappa {multiclass.kappa(y, alone):.2f}, "
      f"macro-F1 {multiclass.macro_f1(y, alone):.2f}")

# %%
fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for k, (_, history) in enumerate(cnns):
    passes = np.arange(1, len(history) + 1)
    val = np.array([v for _, v in history])
    axes[0].plot(passes, [t for t, _ in history], color=plots.BLUE, lw=0.8, label="training, weighted" if k == 0 else None)
    axes[0].plot(passes, val, color=plots.ORANGE, lw=0.8, label="validation" if k == 0 else None)
    axes[0].plot(passes[val.argmin()], val.min(), "o", color=plots.ORANGE, ms=5, label="kept" if k == 0 else None)
axes[0].set(xlabel="pass", ylabel="cross-entropy (nats)", title="one line per fold", xticks=range(1, CNN_PASSES + 1))
axes[0].legend(fontsize=8)
counts = multiclass.confusion(y, alone)
table(axes[1], counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), "test subjects of all folds (% of each row)",
      rows="scored", columns="network says")
fig.suptitle(f"each epoch alone ({label})", fontsize=9)
plt.show()

# %% [markdown]
# Read the rows. W, N2 and N3 are mostly found. N1 fares worst and goes to its neighbours; look how much of it is called
# REM, as the epochs of section 2 made us expect. REM in its turn goes to whatever else is calm or moves its eyes, and
# that is not N1 alone: see what N2 and W get of it, and how much of W is called REM.
#
# ## 9 · Why one epoch is not enough
#
# Here is the CNN's staging of a night beside the scorer's, an hour and a half of it:

# %%
tested = [str(n) for n in np.unique(night_of)]
scores = {n: multiclass.kappa(y[night_of == n], alone[night_of == n]) for n in tested}
shown_night = sorted(tested, key=scores.get)[len(tested) // 2]  # the night in the middle
mine = np.flatnonzero(night_of == shown_night)
clock = number[mine] / 120
window = slice(len(mine) // 3, len(mine) // 3 + 180)
fig, axes = plt.subplots(2, 1, figsize=(12, 3.8), layout="constrained", sharex=True)
for ax, stages, name in zip(axes, (y[mine], alone[mine]), ("scored", "network, each epoch alone"), strict=True):
    hypnogram(ax, clock[window], stages[window])
    ax.set_title(f"{name}, night {shown_night} ({label})", fontsize=9, loc="left")
axes[0].set_xlabel("")
plt.show()
jumps = [np.mean(np.diff(stages[mine]) != 0) for stages in (y, alone)]
print(f"changes of stage from one epoch to the next: scored {100 * jumps[0]:.0f} %, network {100 * jumps[1]:.0f} %")

# %% [markdown]
# It flickers. No sleeper leaves a stage for another and is back within a minute, again and again: out of REM into N1,
# say, or into REM out of N2. A scorer would not write this either,
# not because single epochs are clearer to him, but because he knows what came before: section 5. An epoch that looks
# like N1, N2 *or* REM is REM if it lies amid REM.
#
# ## 10 · A network that reads a sequence
#
# An **LSTM** (long short-term memory, Hochreiter and Schmidhuber 1997) goes from epoch to epoch and carries a small
# memory along; gates, which are learnt, decide what is kept, added and given out. One that runs forwards knows the
# past; a second one runs backwards and knows the future; both together are **bidirectional**. For each epoch, their
# two memories go into one layer, which gives five logits.

# %%
fig, ax = plt.subplots(figsize=(11, 3.3), layout="constrained")
for k in range(6):
    for row, (text, colour) in enumerate((("epoch", "#777777"), ("CNN", plots.BLUE), ("→", plots.ORANGE), ("←", plots.ORANGE),
                                          ("stage", "#333333"))):
        ax.text(k, row, text, ha="center", va="center", fontsize=13 if row in (2, 3) else 10,
                bbox={"boxstyle": "round", "fc": "white", "ec": colour}, color=colour)
    for low, high, bend in ((0, 1, 0), (1, 2, 0), (1, 3, -0.8), (2, 4, 0.8), (3, 4, 0)):
        ax.annotate("", (k, high - 0.28), (k, low + 0.28),
                    arrowprops={"arrowstyle": "->", "color": "#aaaaaa", "connectionstyle": f"arc3,rad={bend}"})
    if k < 5:
        ax.annotate("", (k + 0.82, 2), (k + 0.18, 2), arrowprops={"arrowstyle": "->", "color": plots.ORANGE, "lw": 2})
        ax.annotate("", (k + 0.18, 3), (k + 0.82, 3), arrowprops={"arrowstyle": "->", "color": plots.ORANGE, "lw": 2})
ax.set(xlim=(-0.6, 5.6), ylim=(-0.5, 4.5), xlabel="epochs of one night, 30 s each", yticks=[], xticks=[])
plt.show()

# %% [markdown]
# **A sequence ends where the night ends, and at every gap.** If epochs of all nights are strung together and cut at
# every twentieth, then some sequences begin in one person's morning and end in another one's evening, and the memory
# carries the one over into the other. `sleep.sequences` cuts stretches instead. The last sequence of a stretch ends where
# the stretch ends, and shares some epochs with the one before it; a stretch shorter than a sequence is filled up with
# -1, and filled places are neither read nor counted. (In the assignment no epoch stands in two sequences: there the last
# one is simply shorter.) Here is a night with gaps, in sequences of 20:

# %%
gappy = max(tested, key=lambda n: len(sleep.runs(night_of[night_of == n], number[night_of == n])))
of_it = np.flatnonzero(night_of == gappy)
rows = sleep.sequences(night_of[of_it], number[of_it], length=20)
fig, ax = plt.subplots(figsize=(12, 1.8), layout="constrained")
for k, row in enumerate(rows):
    at = number[of_it][row[row >= 0]] / 120
    ax.plot(at, np.full(len(at), k % 2), ".", color=(plots.BLUE, plots.ORANGE)[k % 2], ms=3)
for a, b in zip(number[of_it][:-1], number[of_it][1:], strict=True):
    if b - a > 1:
        ax.axvline((a + b) / 240, color="black", lw=1)
ax.set(yticks=[], ylim=(-0.6, 1.6), xlabel="time in the recording (hours)")
ax.set_title(f"night {gappy}: one dot per epoch; sequences by turns in the upper and lower row; black: dropped epochs ({label})", fontsize=9)
plt.show()

# %% [markdown]
# We train in **two steps**, as DeepSleepNet did (Supratak et al. 2017): the CNN first, on single epochs (done); then
# its features are fixed, and an LSTM learns to read sequences of them. That is quick, since the features of a night
# are computed once. (In the assignment both learn together.)
#
# Filled places need care. They stand at the end, so the LSTM that runs *backwards* meets them first, and would come to
# the last real epoch with a memory of nothing. `pack_padded_sequence` takes them out: it is told how many epochs each
# sequence has, and both directions begin at a real one. `enforce_sorted=False` lets the sequences stand in any order,
# not the longest first. `pad_packed_sequence` fills up again, but only to the longest sequence of this batch;
# `total_length` gives back the length that went in. If a CNN learns along, as in the assignment, filled places must stay
# out of it, too: batch normalisation takes its mean over all it is given. `x[present]` is the list of real epochs,
# (epochs, samples); what comes out goes back to its places by `h[present] = ...`.

# %%
class Reader(nn.Module):
    """Features of epochs in sequence to logits: (sequences, length, 96) to (sequences, length, 5)."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.4)
        self.lstm = nn.LSTM(96, 48, batch_first=True, bidirectional=True)
        self.out = nn.Linear(96, 5)

    def forward(self, h, present):
        packed = nn.utils.rnn.pack_padded_sequence(self.dropout(h), present.sum(dim=1), batch_first=True, enforce_sorted=False)
        h, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=present.shape[1])
        return self.out(self.dropout(h))


def rows_of(part, length):
    """Sequences of a part's epochs as positions among all epochs, -1 where not filled."""
    part = np.flatnonzero(part)
    rows = sleep.sequences(night_of[part], number[part], length=length)
    return np.where(rows >= 0, part[rows], -1)


def read_logits(net, h, rows):
    """(n, 5) logits of the epochs in `rows`; in zeros for all others."""
    out = torch.zeros(len(y), 5)
    for some in np.array_split(rows, max(1, len(rows) // 64)):
        present = torch.as_tensor(some >= 0)
        out[some[some >= 0]] = net(h[some], present)[present]
    return out


def fit_reader(h, fold, seed, length, passes, patience=4):
    """A Reader for sequences of `length` epochs, from the features h (n, 96) of one fold's CNN, and its losses."""
    torch.manual_seed(seed)
    net, shuffle = Reader(), np.random.default_rng(seed)
    train, val, truth = rows_of(fold["train"], length), rows_of(fold["val"], length), torch.as_tensor(y)
    weight, at = weights_of(y[fold["train"]]), np.flatnonzero(fold["val"])

    def batches():
        for b in np.array_split(shuffle.permutation(len(train)), max(1, len(train) * length // 320)):
            present = torch.as_tensor(train[b] >= 0)
            yield nn.functional.cross_entropy(net(h[train[b]], present)[present], truth[train[b][train[b] >= 0]], weight=weight)

    history = fit(net, batches, lambda: nn.functional.cross_entropy(read_logits(net, h, val)[at], truth[at]), passes, 3e-3, patience)
    return net, history


def scaled_features(k):
    """Features of fold k's CNN, centred and scaled by its training subjects."""
    own = features[k][np.flatnonzero(folds[k]["train"])]
    return (features[k] - own.mean(dim=0)) / (own.std(dim=0) + 1e-6)


def examined(length, passes):
    """(n, 5) probabilities of all test subjects, read in sequences of `length` epochs."""
    said = np.zeros((len(y), 5), np.float32)
    for k, fold in enumerate(tqdm(folds, desc=f"folds, {length} epochs", leave=False)):
        h = scaled_features(k)
        net, _ = fit_reader(h, fold, 10 * SEED + k, length, passes)
        with torch.no_grad():
            p = torch.softmax(read_logits(net, h, rows_of(fold["test"], length)), dim=1).numpy()
        said[fold["test"]] = p[fold["test"]]
    return said


said = examined(20, LSTM_PASSES)
called = said.argmax(axis=1)
for name, answer in (("each epoch alone", alone), ("in sequences of 20", called)):
    print(f"{name:20s} accuracy {np.mean(answer == y):.2f}   kappa {multiclass.kappa(y, answer):.2f}   "
          f"macro-F1 {multiclass.macro_f1(y, answer):.2f}   ({label})")

# %% [markdown]
# Did early stopping have anything to do? Here is the reader of fold 1 once more, with passes to spare and nobody to stop
# it:

# %%
_, history = fit_reader(scaled_features(0), folds[0], 10 * SEED, 20, 2 * LSTM_PASSES, patience=2 * LSTM_PASSES)
val = np.array([v for _, v in history])
best = val.argmin()
since = np.arange(len(val)) - np.array([val[: k + 1].argmin() for k in range(len(val))])
stop = next((k for k, n in enumerate(since) if n >= 4), None)  # where a patience of 4 would have ended it
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
ax.plot(np.arange(len(val)) + 1, [t for t, _ in history], color=plots.BLUE, label="training, weighted")
ax.plot(np.arange(len(val)) + 1, val, color=plots.ORANGE, label="validation")
ax.plot(best + 1, val[best], "o", color=plots.ORANGE, label="lowest of all")
if stop is not None:
    ax.axvline(stop + 1, color="black", ls=":", label="a patience of 4 stops here")
ax.set(xlabel="pass", ylabel="cross-entropy (nats)", title=f"fold 1, not stopped ({label})")
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# The training loss goes on falling; the validation loss does not follow it for long. What the network learns from then
# on it learns about its own subjects.
#
# How much context does it take? The same features, read in sequences of other lengths, all trained with the same number
# of passes at most. A sequence of one epoch is a network without neighbours.

# %%
lengths = (1, 4, 20, 60) if BUDGET != "ci" else (1, 20)
by_length = {n: multiclass.kappa(y, (said if n == 20 else examined(n, LSTM_PASSES)).argmax(axis=1)) for n in lengths}
fig, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
ax.plot([n / 2 for n in by_length], list(by_length.values()), "o-", color=plots.BLUE)
ax.set(xlabel="length of a sequence (minutes)", ylabel="kappa", xscale="log", title=f"test subjects of all folds; kappa axis cut ({label})")
ax.set_xticks([n / 2 for n in by_length], [f"{n / 2:g}" for n in by_length])
ax.minorticks_off()
plt.show()

# %% [markdown]
# A few minutes bring most of it: about as long as a stretch of one stage lasts. The last steps are small, and the axis
# does not begin at 0. With so few subjects, and one training each, two neighbouring points may well change places under
# another seed: do not read which of the long ones is best.
#
# ## 11 · The report
#
# All test subjects of all folds together: each was judged by networks that had not met him. The interval comes from
# drawing **subjects** again (lesson 04): epochs of one sleeper go right or wrong together. That is cheap, since kappa
# needs the confusion matrix only: one per subject is counted once, and each draw adds up those of the subjects drawn.

# %%
value, low, high = multiclass.bootstrap_interval(multiclass.kappa, y, called, groups=subject, seed=SEED)
print(f"{label}: kappa {value:.2f} (95 % interval {low:.2f} to {high:.2f}, {len(kept)} subjects drawn again), "
      f"macro-F1 {multiclass.macro_f1(y, called):.2f}, accuracy {np.mean(called == y):.2f}")
counts = multiclass.confusion(y, called)
by_subject = {one: multiclass.kappa(y[subject == one], called[subject == one]) for one in np.unique(subject)}

fig, axes = plt.subplots(1, 3, figsize=(14, 4), layout="constrained", width_ratios=(4, 4, 3))
table(axes[0], counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), "% of each row", rows="scored", columns="network says")
for shift, answer, name, colour in ((-0.2, alone, "each epoch alone", "#b5b5b5"), (0.2, called, "in sequence", plots.BLUE)):
    axes[1].bar(np.arange(5) + shift, multiclass.f1_per_class(y, answer), 0.38, color=colour, label=name)
axes[1].set_xticks(range(5), STAGES)
axes[1].set(ylabel="F1", ylim=(0, 1), title="F1 of each stage")
axes[1].legend(fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.1))
ordered = sorted(by_subject, key=by_subject.get)
axes[2].plot([by_subject[one] for one in ordered], range(len(ordered)), "o", color=plots.BLUE)
axes[2].axvspan(low, high, color=plots.BLUE, alpha=0.12, lw=0)
axes[2].axvline(value, color=plots.BLUE, lw=1)
axes[2].set_yticks(range(len(ordered)), ordered, fontsize=8)
axes[2].set(xlabel="kappa (axis cut)", title="each subject; line: all together")
fig.suptitle(label, fontsize=9)
plt.show()

# %% [markdown]
# What published networks reach on real nights, for orientation: on 20 subjects of Sleep-EDF, tested one by one,
# TinySleepNet (Supratak and Guo 2020) reports kappa 0.80, macro-F1 0.805 and an F1 of 0.51 for N1, with many hours of
# training. A score on simulated nights must never be set beside such numbers, not even to say that it is lower: the
# simulator's difficulty was *chosen*.
#
# <details><summary>Question: somebody reports kappa 0.95 on Sleep-EDF. What do you check first?</summary> How the epochs
# were split: drawn at random, every test epoch has its neighbours in training, of the same person and the same minute.
# Then whether the day was trimmed, whether kappa is an accuracy, and what the early stopping looked at.</details>
#
# ## 12 · A whole night
#
# Truth against model. Below, what the network holds possible: of each epoch the five probabilities, stacked. Such a
# picture says more than a staircase: it shows where one stage passes over into the next.

# %%
scores = {n: multiclass.kappa(y[night_of == n], called[night_of == n]) for n in tested}
for which in (len(tested) // 2, 0):
    name = sorted(tested, key=scores.get)[which]
    mine = np.flatnonzero(night_of == name)
    clock = number[mine] / 120
    fig, axes = plt.subplots(3, 1, figsize=(12, 6), layout="constrained", sharex=True, height_ratios=(3, 3, 2))
    hypnogram(axes[0], clock, y[mine])
    hypnogram(axes[1], clock, called[mine], colour=plots.BLUE)
    wrong = called[mine] != y[mine]
    axes[1].plot(clock[wrong], np.full(wrong.sum(), -0.3), "|", color=plots.ORANGE, ms=6)
    filled = np.cumsum(np.c_[np.zeros(len(mine)), said[mine]], axis=1)
    for stage in range(5):
        axes[2].fill_between(clock, filled[:, stage], filled[:, stage + 1], color=COLOURS[stage], lw=0, step="post", label=STAGES[stage])
    axes[2].set(ylabel="probability", ylim=(0, 1), xlabel="time in the recording (hours)")
    axes[2].legend(ncols=5, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.45))
    which_night = "the night in the middle" if which else "the worst night"
    axes[0].set_title(f"scored: {which_night}, {name} ({label})", fontsize=9, loc="left")
    axes[1].set_title(f"network: kappa {scores[name]:.2f}; orange marks: wrong", fontsize=9, loc="left")
    for ax in axes[:2]:
        ax.set_xlabel("")
    plt.show()

# %% [markdown]
# ## 13 · Errors at transitions
#
# Where are the orange marks? Count errors by how far an epoch is from the nearest change of stage (in the same night,
# without a gap between).

# %%
distance = np.full(len(y), 99)
for run in sleep.runs(night_of, number):
    edge = np.flatnonzero(np.diff(y[run])) + 0.5
    if len(edge):
        distance[run] = np.ceil(np.abs(np.arange(len(run))[:, None] - edge).min(axis=1)).astype(int)
groups = [(1, 1), (2, 2), (3, 3), (4, 6), (7, 98)]
rates = {}
for name, answer in (("each epoch alone", alone), ("in sequence", called)):
    rates[name] = [np.mean(answer[(distance >= a) & (distance <= b)] != y[(distance >= a) & (distance <= b)]) for a, b in groups]
fig, ax = plt.subplots(figsize=(8, 3.4), layout="constrained")
for shift, (name, rate), colour in zip((-0.2, 0.2), rates.items(), ("#b5b5b5", plots.BLUE), strict=True):
    ax.bar(np.arange(len(groups)) + shift, 100 * np.array(rate), 0.38, color=colour, label=name)
ax.set_xticks(range(len(groups)), ["beside it", "second", "third", "4th to 6th", "further"])
ax.set(xlabel="epoch, counted from the nearest change of stage", ylabel="wrong (%)", title=label)
ax.legend()
plt.show()
near = distance == 1
print(f"{100 * near.mean():.0f} % of the epochs lie beside a change; they make up {100 * np.mean(near[called != y]):.0f} % of all errors")

# %% [markdown]
# Errors crowd at the changes. Not all of that is the network's fault. An epoch has one label, though a sleeper may
# change in the middle of it; and scorers themselves are an epoch early or late (section 6). What matters to a
# physician, total sleep time or the share of deep sleep, hardly moves when a change is called half a minute late; the
# number of awakenings does.
#
# ## 14 · Where does it look? Occlusion and gradients
#
# A network can be right for a wrong reason. Physiology says what it *should* use, so we can check. Two ways to ask:
#
# - **Occlusion**: cover a part of the input and see how much the answer changes. It needs nothing but the network's
#   answers.
# - **Gradient**: how would the logit of a stage change if a sample were a little higher? Backpropagation (lesson 01)
#   gives it for all samples at once. A gradient says what the network is sensitive to *right there*, which is noisier.
#
# We ask the simpler of our networks, the CNN of section 8 that reads each epoch alone, as fold 1 trained it, about test
# subjects of that fold. The sequence network of sections 10 to 13 stands on such features, but would also look at the
# neighbours.
#
# First occlusion in frequency: take one band out of every epoch, and see which stages suffer.

# %%
bands = {"slow\n0.3-2": (0.3, 2), "delta\n2-4": (2, 4), "theta\n4-8": (4, 8), "alpha\n8-11": (8, 11), "spindles\n11-16": (11, 16),
         "beta\n16-30": (16, 30)}
fold, (net, _) = folds[0], cnns[0]
few = np.flatnonzero(fold["test"])
few = np.concatenate([few[y[few] == stage][:120] for stage in range(5)])
usual = torch.softmax(in_pieces(net, x[few]), dim=1).numpy()
drop = np.zeros((5, len(bands)))
for column, (low_hz, high_hz) in enumerate(bands.values()):
    stop = signal.butter(4, (low_hz, high_hz), "bandstop", fs=cohort.fs, output="sos")
    without = signal.sosfiltfilt(stop, x[few], axis=1).astype(np.float32)
    changed = torch.softmax(in_pieces(net, without), dim=1).numpy()
    for stage in range(5):
        own = y[few] == stage
        drop[stage, column] = (usual[own, stage] - changed[own, stage]).mean()
fig, ax = plt.subplots(figsize=(8.5, 3.8), layout="constrained")
limit = 100 * np.abs(drop).max()
shade = ax.imshow(100 * drop, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
for row in range(5):
    for column in range(len(bands)):
        ax.text(column, row, f"{100 * drop[row, column]:+.0f}", ha="center", va="center", fontsize=9,
                color="white" if 100 * abs(drop[row, column]) > 0.6 * limit else "black")
ax.set_xticks(range(len(bands)), [f"{name} Hz" for name in bands])
ax.set_yticks(range(5), STAGES)
ax.set(xlabel="band taken out", ylabel="scored stage", title=f"loss of probability of the right stage (percentage points; {label})")
fig.colorbar(shade, ax=ax)
plt.show()

# %% [markdown]
# Red: without this band the stage is no longer recognised. Blue: without it the stage is *easier* to call, since what
# speaks for others is gone. Now compare with the table of section 2. N3 needs its slow waves: good. Waking
# should need alpha, or the blinks, which are slow, or the fast activity above 16 Hz. See which of the three your network
# lives on. If alpha costs nothing, it relies on the others; it may then fail with a calm sleeper whose eyes are closed.
# And look twice wherever 16 to 30 Hz, **beta**, is worth a lot. The brain does make more of it awake, but so do the
# muscles of the forehead, whose activity reaches down into this band, and what noise the amplifier has is easiest to see
# here, where the EEG is small. From one channel nobody can tell these apart. A stage called by muscle is not called wrongly,
# but it is not called by the brain. If N3 depended on this band, we should look for an artefact at once. And N2? By
# the manual it needs spindles or K-complexes. See in your run whether taking the spindles away costs anything. Where it does
# not, the network has found a shorter way, and lives on K-complexes and other slow waves alone: right on these nights,
# and in trouble with a sleeper who has few of them.
#
# Now in time: an N2 epoch and an N3 epoch of a test subject. Occlusion replaces one second after the other by a straight
# line; the gradient times the signal (smoothed over half a second) is drawn below it, and at the bottom the two bands in
# which slow waves and spindles lie.

# %%
def occluded(net, epoch, stage, width=100, step=25):
    """Loss of the stage's logit when one second is replaced by a straight line between its ends, (places,)."""
    starts = np.arange(0, len(epoch) - width + 1, step)
    covered = np.repeat(epoch[None], len(starts), axis=0)
    for row, a in zip(covered, starts, strict=True):
        row[a : a + width] = np.linspace(row[a], row[a + width - 1], width)
    with torch.no_grad():
        before, after = net(torch.as_tensor(epoch[None])), net(torch.as_tensor(covered))
    return (starts + width / 2) / 100, (before[:, stage] - after[:, stage]).numpy()


def gradient(net, epoch, stage):
    """Gradient of the stage's logit times the signal, smoothed over half a second, (samples,)."""
    given = torch.as_tensor(epoch[None]).requires_grad_()
    net(given)[0, stage].backward()
    product = (given.grad[0] * given.detach()[0]).numpy()
    return np.convolve(product, np.hanning(50) / np.hanning(50).sum(), mode="same")


net.eval()
fig, axes = plt.subplots(4, 2, figsize=(13, 7.5), layout="constrained", sharex=True, height_ratios=(2, 1, 1, 1.6))
for column, stage in enumerate((2, 3)):
    right = few[(y[few] == stage) & (usual.argmax(axis=1) == stage)]
    sure = usual[np.isin(few, right), stage]
    pick = right[np.argsort(sure)[len(sure) // 2]] if len(right) else few[y[few] == stage][0]
    epoch = x[pick]
    at_s, loss = occluded(net, epoch, stage)
    axes[0, column].plot(time_s, epoch, color=COLOURS[stage], lw=0.7)
    axes[0, column].set(ylabel="EEG (scaled)", title=f"{STAGES[stage]}, night {night_of[pick]}")
    axes[1, column].fill_between(at_s, 0, loss, color=plots.ORANGE, lw=0)
    axes[1, column].set_ylabel("occlusion\n(logit lost)")
    product = gradient(net, epoch, stage)
    axes[2, column].fill_between(time_s, 0, product, color=plots.BLUE, lw=0)
    axes[2, column].set_ylabel("gradient\n× signal")
    sigma = signals.filtered(epoch.astype(float), cohort.fs, low=11, high=16)
    slow = signals.filtered(epoch.astype(float), cohort.fs, low=0.5, high=2)
    axes[3, column].plot(time_s, slow, color="#999999", lw=1, label="0.5 to 2 Hz")
    axes[3, column].plot(time_s, 3 * sigma, color="#8a5aa8", lw=0.7, label="11 to 16 Hz, three times as high")
    axes[3, column].set(xlabel="time in the epoch (s)", ylabel="EEG (scaled)", xlim=(0, 30))
    axes[3, column].legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.35), ncols=2)
fig.suptitle(label, fontsize=9)
plt.show()

# %% [markdown]
# N2 leans on a few places, where a lone large wave stands; N3 on slow waves all along the epoch. Occlusion and gradient
# roughly agree. But one epoch proves nothing; over many, we can count. In every epoch: how does the power of a second,
# between 11 and 16 Hz (spindles) or 0.5 and 2 Hz (K-complexes, slow waves), go with what occluding this second costs?

# %%
found = {stage: [] for stage in (2, 3)}
for stage in found:
    for pick in few[(y[few] == stage) & (usual.argmax(axis=1) == stage)][:40]:
        at_s, loss = occluded(net, x[pick], stage, step=50)
        for name, (low_hz, high_hz) in (("11 to 16 Hz", (11, 16)), ("0.5 to 2 Hz", (0.5, 2))):
            part = signals.filtered(x[pick].astype(float), cohort.fs, low=low_hz, high=high_hz) ** 2
            local = np.array([part[int(100 * t) - 50 : int(100 * t) + 50].mean() for t in at_s])
            found[stage].append((name, np.corrcoef(local, loss)[0, 1]))
fig, ax = plt.subplots(figsize=(7.5, 2.8), layout="constrained")
for row, (stage, name) in enumerate(((2, "11 to 16 Hz"), (2, "0.5 to 2 Hz"), (3, "11 to 16 Hz"), (3, "0.5 to 2 Hz"))):
    values = np.array([r for n, r in found[stage] if n == name])
    ax.plot(values, row + np.random.default_rng(row).uniform(-0.2, 0.2, len(values)), ".", color=COLOURS[stage], ms=5)
    ax.plot(np.mean(values), row, "|", color="black", ms=18, mew=2)
ax.axvline(0, color="#999999", ls=":")
ax.set_yticks(range(4), ["N2: 11 to 16 Hz", "N2: 0.5 to 2 Hz", "N3: 11 to 16 Hz", "N3: 0.5 to 2 Hz"])
ax.set(xlabel="correlation of power in a second with what its occlusion costs", ylim=(3.5, -0.5), xlim=(-1, 1))
ax.set_title(f"one dot per epoch, bar: mean ({label})", fontsize=9)
plt.show()

# %% [markdown]
# A saliency that agrees with physiology makes a network more believable. One that disagrees is a reason to look at the
# data. Neither proves anything: explanations of wrong networks can look fine, too. And on simulated nights all it can
# find is what the simulator put in.
#
# ## 15 · Where such a network must not be used
#
# - **As a diagnosis.** Scoring a night is one step of a sleep study, which also has breathing, heart, eyes, chin and
#   legs, and a physician who knows the patient.
# - **On other people than it learnt from.** Sleep-EDF's sleepers are healthy. Apnoea, insomnia, narcolepsy, drugs and
#   age change EEG and hypnogram, and with them what the neighbours of an epoch say.
# - **With another montage.** Spindles, slow waves and alpha differ over the scalp; a network for Fpz-Cz is none for
#   another pair.
# - **If trained on simulated nights: nowhere but in this course.**
#
# ## Take away
#
# - Channels by name, with their unit and rate; merge, drop, trim, and keep the number of every epoch.
# - Scale each night by itself, not each epoch, and not all subjects together.
# - One epoch is ambiguous. What comes before and after tells; but a sequence ends with its night, and at every gap.
# - Kappa takes chance away, macro-F1 lets N1 count. Two people agree at about 0.76, on N1 at 0.24: far above that, look
#   for a leak.
# - Errors crowd at changes of stage, where people differ too.
# - Ask a network where it looks, and compare with what is known.
#
# ## Where next
#
# Open `assignments/05_sleep_staging/05_sleep_staging.ipynb`: there you build this way yourself, from EDF to the report.
# Lesson 06 puts a second signal beside the EEG.
#
# **Sources.** Kemp et al. 2000 for Sleep-EDF, Goldberger et al. 2000 for PhysioNet; Rechtschaffen and Kales 1968 and
# Berry et al. 2012 (AASM) for the rules; Lee et al. 2022 for the agreement of scorers; Cohen 1960 for kappa; Hochreiter
# and Schmidhuber 1997 for the LSTM; Supratak et al. 2017 for DeepSleepNet, Supratak and Guo 2020 for TinySleepNet;
# Zeiler and Fergus 2014 for occlusion, Simonyan et al. 2014 for gradients.
