# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 06 · Mental workload: two signals, two branches, one stream
#
# Somebody does sums in the head, easy ones, then harder ones. Electrodes on the head and a camera that watches the eye
# record what happens. Can the two tell how hard it is just now, for a person the machine has never met, four times a
# second, while it goes on? You will build that from end to end. On the way you will meet two results that look
# excellent and are worthless, and learn to see why.
#
# **What you will learn**
#
# - what workload is, and what a recording of it really measures; frontal theta, parietal alpha, and eyes that are
#   closed;
# - why people, not workload, are the easiest thing to learn from an EEG;
# - a pupil's diameter: blinks, light, a turned eye, the dilation that work evokes;
# - two devices with two clocks: offset, drift, resampling; windows of signals with different rates;
# - filters that do not look into the future, and keep their state from chunk to chunk;
# - a network with a branch for each signal; joining them by concatenation and by cross-attention, compared fairly;
# - a signal that is missing; AUC of each class; errors around changes; calibration;
# - a stream: ring buffer, overlapping windows, latency and jitter, smoothing and hysteresis, and a live player.
#
# **What you need.** From 01 and 03: networks, convolution, ROC AUC, bootstrap. From 02: spectra and filters. From 04:
# splits by person. From 05: folds of subjects, epochs on a clock.
#
# **Time.** Reading 3 hours; computing about 2 minutes on two CPU cores (4 with `BUDGET = "full"`). The first run makes
# the recordings, which takes half a minute more.
#
# **Data.** *Simulated* EEG and pupil of an arithmetic task with three levels: made by formulas, not from people. They
# have the form of [EEG During Mental Arithmetic Tasks](https://physionet.org/content/eegmat/1.0.0/) (PhysioNet), which
# has EEG of rest and arithmetic, but neither three levels nor a pupil. If you have fetched it (`python data_fetch.py
# workload`), sections 2 to 4 show it as well. Numbers are those of your run.

# %% tags=["parameters"]
SOURCE = "auto"  # "auto": real EEG is shown beside the simulated where it is here; "real" insists on it; "simulated": never
BUDGET = "default"  # "ci": quicker, rougher; "full": more folds, longer training
SEED = 0

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import signal
from scipy.stats import rankdata
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn
from tqdm.auto import tqdm

from physiodl import clocks, data, eegmat, interactive_workload, metrics, player, plots, pupil, signals, splits, streaming, streaming_filters
from physiodl.simulate.pupil import kernel, simulate_table
from physiodl.simulate.workload import PLACES, simulate_session
from physiodl.streaming_source import packets

torch.set_num_threads(1)  # so small a network gains nothing from more
plt.rcParams["axes.titlesize"] = 10
LEVELS, COLOURS = ("low", "medium", "high"), (plots.BLUE, "#4a8f4a", plots.ORANGE)

cohort = data.load("workload", source="simulated")
folder = data.records_folder("workload", source="simulated")
files = eegmat.subject_files(folder)[: {"ci": 9, "default": 20, "full": 20}[BUDGET]]
cohort = cohort.subset(np.flatnonzero(np.isin(cohort.subjects, [each.subject for each in files])))
label = "SIMULATED EEG and pupil, not from people"
measured = None
if SOURCE != "simulated":
    try:
        measured = data.load("workload", source="real")
    except FileNotFoundError:
        if SOURCE == "real":
            raise
print(label)
print(cohort)
print(f"real EEG: {measured.citation}, {len(np.unique(measured.subjects))} subjects" if measured else "real EEG: none here, or not asked for")

# %% [markdown]
# ## 1 · Five minutes of one person
#
# Nineteen electrodes stand on the head; their names say where (F frontal, C central, P parietal, O occipital, T
# temporal; even numbers right, odd left, z in the middle). A camera measures the diameter of the pupil sixty times a
# second. For twenty seconds the person looks at a point. Then come stretches of sums, easy, middling, hard, in random
# order. Everything, at once:

# %%
which = files[3]
task = eegmat.read_recording(which.task)  # filtered 1 to 40 Hz, average reference
table = pupil.read_table(which.pupil)
time_s = np.arange(task.eeg.shape[1]) / task.fs


def shade(ax, spans=task.spans, alpha=0.15):
    """Levels behind a plot against time."""
    for a, b, name in spans:
        ax.axvspan(a, b, color=COLOURS[LEVELS.index(name)], alpha=alpha, lw=0)


fig, axes = plt.subplots(4, 1, figsize=(12, 7), layout="constrained", height_ratios=(0.5, 1, 1, 1.2))
for a, b, name in task.spans:
    axes[0].barh(0, b - a, left=a, color=COLOURS[LEVELS.index(name)])
    axes[0].text((a + b) / 2, 0, name, ha="center", va="center", color="white", fontsize=9)
axes[0].text(10, 0, "looks at\na point", ha="center", va="center", fontsize=9)
axes[0].set(yticks=[], title=f"{which.subject} ({label})")
for ax, name in zip(axes[1:3], ("Fz", "Pz"), strict=True):
    ax.plot(time_s, task.eeg[task.channels.index(name)], color="#333333", lw=0.3)
    ax.set_ylabel(f"EEG at {name} (µV)")
axes[3].plot(table.time_s, table.diameter_mm, color="#333333", lw=0.6)
axes[3].set(ylabel="pupil (mm)", xlabel="time (s): of the pupil, on the tracker's own clock")
for ax in axes[1:3]:
    shade(ax)
for ax in axes:
    ax.set_xlim(0, task.duration_s)
plt.show()

# %% [markdown]
# Can you see the hard stretches? In the EEG nobody can. In the pupil, perhaps here and there, between gaps and jumps
# that have other causes. That is the size of the problem.
#
# **Workload** is how much of what a person can do at the moment is taken up by what is to be done. Nobody can measure
# that. What can be *set* is the difficulty of a task, and what can be *recorded* are its traces. Here the label of a
# window is the difficulty that was set; somebody who is good at sums, tired or bored has another workload at the same
# level. Keep the two apart: the network learns the **label**.
#
# ## 2 · Theta at the front, alpha at the back
#
# The power spectrum of a second or four (lesson 02) is where work leaves a trace. For each person, two spectra: the
# mean of all windows of low level, and of high. Below, the difference between them in decibels, at each electrode, mean
# over people: a head seen from above, nose up.

# %%
freqs, density = signals.psd(np.asarray(cohort.signals), cohort.fs, window_s=2.0)  # (windows, electrodes, frequencies) µV²/Hz
whose, channel = np.unique(cohort.subjects), list(cohort.channels)
THETA, ALPHA = (freqs >= 4) & (freqs < 8), (freqs >= 8) & (freqs < 13)


def change_db(density, labels, subjects, band, low, high):
    """(people, electrodes) how much more power a band has at label `high` than at `low`, in dB."""
    out = []
    for one in np.unique(subjects):
        a, b = (density[(subjects == one) & (labels == k)][..., band].mean(axis=(0, 2)) for k in (low, high))
        out.append(10 * np.log10(b / a))
    return np.array(out)


changes = {"theta, 4 to 8 Hz": change_db(density, cohort.labels, cohort.subjects, THETA, 0, 2),
           "alpha, 8 to 13 Hz": change_db(density, cohort.labels, cohort.subjects, ALPHA, 0, 2)}


def head(ax, values, title, limit):
    """Values at the electrodes, on a head seen from above."""
    ax.add_patch(plt.Circle((0, 0), 1.08, fill=False, color="#999999"))
    ax.plot([-0.12, 0, 0.12], [1.07, 1.2, 1.07], color="#999999")
    dots = ax.scatter(*PLACES.T, c=values, s=330, cmap="RdBu_r", vmin=-limit, vmax=limit, edgecolors="#777777", lw=0.5)
    for place, name, strong in zip(PLACES, channel, np.abs(values) > 0.6 * limit, strict=True):
        ax.text(*place, name, ha="center", va="center", fontsize=7, color="white" if strong else "black")
    ax.set(xlim=(-1.3, 1.3), ylim=(-1.2, 1.3), aspect="equal", title=title)
    ax.axis("off")
    return dots


fig, axes = plt.subplots(1, 4, figsize=(13, 3.2), layout="constrained", width_ratios=(1.2, 1.2, 1, 1))
for ax, name in zip(axes[:2], ("Fz", "Pz"), strict=True):
    for k in (0, 2):
        mean = np.mean([density[(cohort.subjects == one) & (cohort.labels == k), channel.index(name)].mean(axis=0) for one in whose], axis=0)
        ax.plot(freqs[2:60], 10 * np.log10(mean[2:60]), color=COLOURS[k], label=LEVELS[k])
    ax.axvspan(4, 8, color="#8a5aa8", alpha=0.12, lw=0)
    ax.axvspan(8, 13, color="#e0a030", alpha=0.15, lw=0)
    ax.set(xlabel="frequency (Hz)", ylabel="power (dB re 1 µV²/Hz)", title=f"{name}, mean of {len(whose)} people")
    ax.legend(fontsize=8)
for ax, (name, db) in zip(axes[2:], changes.items(), strict=True):
    dots = head(ax, db.mean(axis=0), f"{name}\nhigh less low", 2.0)
fig.colorbar(dots, ax=axes[2:], label="change (dB)", shrink=0.8)
fig.suptitle(label, fontsize=9)
plt.show()

# %% [markdown]
# Two classics of the field: with more work **theta** (4 to 8 Hz, purple) rises over the middle of the forehead, at Fz,
# and **alpha** (8 to 13 Hz, yellow) falls at the back, at Pz and around it. Theta comes late and stays: it follows the
# task over seconds (Gärtner et al. 2015). A meta-analysis of 24 studies (Chikhi et al. 2022) gives their sizes as 0.68
# (theta), -0.25 (alpha) and 0.50 (beta) standard deviations: one large, one small, and all with much spread between
# studies.
#
# But that is the mean of people. Here is each of them:

# %%
fig, ax = plt.subplots(figsize=(9, 3.2), layout="constrained")
theta, alpha = changes["theta, 4 to 8 Hz"][:, channel.index("Fz")], changes["alpha, 8 to 13 Hz"][:, channel.index("Pz")]
order = np.argsort(theta)
ax.axhline(0, color="#999999", lw=0.8)
ax.plot(theta[order], "o", color="#8a5aa8", label="theta at Fz")
ax.plot(alpha[order], "s", color="#e0a030", label="alpha at Pz")
ax.set_xticks(range(len(order)), [whose[k].removeprefix("Subject") for k in order])
ax.set(xlabel="subject, ordered by theta", ylabel="high less low (dB)", title=label)
ax.legend()
plt.show()
print(f"theta at Fz rises by more than 1 dB in {np.sum(theta > 1)} of {len(theta)} people; alpha at Pz falls by more than 1 dB in {np.sum(alpha < -1)}")

# %% [markdown]
# In some nothing happens, in some the opposite. The simulator was built so, after what is found in people. A rule such
# as "theta above a threshold means high workload" is right for a mean that nobody is.
#
# ## 3 · Eyes that are closed
#
# The real recordings do not compare easy and hard. They compare **rest** with **arithmetic**, a file each. And at rest
# the eyes were closed. The simulated people rested as well before their task, with closed eyes. Alpha at the back in
# four situations:

# %%
BACK = [channel.index(name) for name in ("P3", "Pz", "P4", "O1", "O2")]
BANDS = ((1, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 15), (15, 20), (20, 25), (25, 32), (32, 40))  # Hz


def log_powers(windows, fs):
    """(n, electrodes, samples) to (n, electrodes x bands): logarithm of the power in ten bands."""
    hz, power = signals.psd(windows, fs, window_s=2.0)
    parts = [power[..., (hz >= a) & (hz < b)].mean(axis=-1) for a, b in BANDS]
    return np.log(np.maximum(np.stack(parts, axis=-1), 1e-6)).reshape(len(windows), -1)


def alpha_db(windows, fs):
    hz, power = signals.psd(windows, fs, window_s=2.0)
    return 10 * np.log10(power[:, BACK][..., (hz >= 8) & (hz < 13)].mean())


closed, fixed = [], []  # windows of each person: rest, and the 20 s of looking at a point
for each in files:
    closed.append(eegmat.cut(eegmat.read_recording(each.rest))[0])
    fixed.append(eegmat.cut(eegmat.read_recording(each.task), stop_s=20.0)[0])
situations = {
    "rest,\neyes closed": [alpha_db(x, cohort.fs) for x in closed],
    "looks at a point,\neyes open": [alpha_db(x, cohort.fs) for x in fixed],
    **{f"sums, {LEVELS[k]},\neyes open": [alpha_db(np.asarray(cohort.signals[(cohort.subjects == one) & (cohort.labels == k)]), cohort.fs)
                                          for one in whose] for k in (0, 2)},
}
fig, ax = plt.subplots(figsize=(9, 3.6), layout="constrained")
ax.plot(np.array(list(situations.values())), color="#999999", lw=0.6)
ax.plot([np.mean(values) for values in situations.values()], "o-", color=plots.ORANGE, lw=2, label="mean of people")
ax.set_xticks(range(4), list(situations))
ax.set(ylabel="alpha at the back\n(dB re 1 µV²/Hz)", title=f"one grey line per person ({label})")
ax.legend()
plt.show()

# %% [markdown]
# Closing the eyes is worth more alpha than all the arithmetic. Now train a classifier on rest against arithmetic,
# people apart as they should be, and ask it about the twenty seconds in which eyes are **open and nobody calculates**:

# %%
rest_x = np.concatenate([log_powers(x, cohort.fs) for x in closed])
rest_who = np.repeat(whose, [len(x) for x in closed])
point_x = np.concatenate([log_powers(x, cohort.fs) for x in fixed])
point_who = np.repeat(whose, [len(x) for x in fixed])
power = log_powers(np.asarray(cohort.signals), cohort.fs)  # (windows, 190): used again in section 4
sums = cohort.labels == 2
x, y = np.concatenate([rest_x, power[sums]]), np.repeat([0, 1], [len(rest_x), sums.sum()])
who = np.concatenate([rest_who, cohort.subjects[sums]])
says, says_point = np.zeros(len(y)), np.zeros(len(point_x))
for train, test in splits.subject_kfold(y, who, n_splits=5, seed=SEED):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)).fit(x[train], y[train])
    says[test] = model.predict_proba(x[test])[:, 1]
    theirs = np.isin(point_who, np.unique(who[test]))
    says_point[theirs] = model.predict_proba(point_x[theirs])[:, 1]
fig, ax = plt.subplots(figsize=(9, 3), layout="constrained")
for values, name, colour in ((says[y == 0], "rest, eyes closed", "#777777"), (says[y == 1], "hard sums", plots.ORANGE),
                             (says_point, "looks at a point, eyes open, no sums", plots.BLUE)):
    ax.hist(values, bins=np.linspace(0, 1, 26), density=True, histtype="step", lw=1.8, color=colour, label=name)
ax.set(xlabel='probability of "arithmetic"', ylabel="windows\n(density)", title=label)
ax.legend(fontsize=8, loc="upper center")
plt.show()
print(f"rest against sums: AUC {metrics.roc_auc(y, says):.2f}. Of the windows with open eyes and no sums, "
      f"{100 * np.mean(says_point > 0.5):.0f} % are called arithmetic ({label})")

# %% [markdown]
# The score is excellent, and the classifier has learnt to see whether eyes are open. This is a **confound**: something
# that differs between the classes and is not what was meant. No split, no network and no amount of data of this kind
# helps; only another experiment does, such as one with open eyes throughout and levels in random order. That is why the
# rest of this lesson is about the three levels, which are simulated.
#
# ### The real recordings, said plainly
#
# *EEG During Mental Arithmetic Tasks* (Zyma et al. 2019): 36 students; 23 channels at 500 Hz; serial subtraction. What
# its classes are: **rest with closed eyes, recorded first**, against **arithmetic, recorded afterwards**. There are no
# levels and no pupil; any pupil beside these EEGs is made up, from the labels, and what it adds to a score says
# nothing. (`physiodl.simulate.pupil.beside` makes one, to try a program with. At rest with closed eyes no tracker would
# have seen anything at all.)
#
# Its text and its files disagree in places, as those of many data sets do:
#
# | the text says | the files have |
# |---|---|
# | 24 good counters, 12 bad | the table counts 26 and 10 |
# | "high-pass filter with 30 Hz" | headers name 0.5 Hz, and the EEG below 30 Hz is there |
# | recordings of 60 s | rest of 80 to 188 s, tasks of 62 s |
# | ages 18 to 26 | ages 16 to 26 |
#
# None of this is a scandal; each is found in ten minutes by somebody who looks, and none by somebody who only trains.
# `eegmat.notes` compares for the files at hand.

# %%
if measured is not None:
    real_folder = data.records_folder("workload", source="real")
    for note in eegmat.notes(real_folder):
        print("-", note)
    real_hz, real_density = signals.psd(np.asarray(measured.signals), measured.fs, window_s=2.0)
    fig, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained", width_ratios=(1.5, 1, 1))
    for k in range(2):
        for one in np.unique(measured.subjects):
            own = real_density[(measured.subjects == one) & (measured.labels == k)][:, BACK].mean(axis=(0, 1))
            axes[0].plot(real_hz[2:60], 10 * np.log10(own[2:60]), color=("#777777", plots.ORANGE)[k], lw=0.8)
        axes[0].plot([], [], color=("#777777", plots.ORANGE)[k], label=("rest, eyes closed", "arithmetic")[k])
    axes[0].set(xlabel="frequency (Hz)", ylabel="power (dB re 1 µV²/Hz)", title="at the back, one line per person")
    axes[0].legend(fontsize=8)
    for ax, (name, band) in zip(axes[1:], (("theta", THETA), ("alpha", ALPHA)), strict=True):
        dots = head(ax, change_db(real_density, measured.labels, measured.subjects, band, 0, 1).mean(axis=0), f"{name}\narithmetic less rest", 4.0)
    fig.colorbar(dots, ax=axes[1:], label="change (dB)", shrink=0.8)
    fig.suptitle(f"real EEG of {len(np.unique(measured.subjects))} people ({measured.citation})", fontsize=9)
    plt.show()
else:
    print("Real EEG would be shown here: python data_fetch.py workload")

# %% [markdown]
# In all 36 people, arithmetic less rest makes alpha at the back fall by 2.7 dB (in 92 % of them), and frontal theta
# does not move at all (measured on the published recordings, mean over people). The textbook effect is not in this data
# set. The eyes are: what does rise in theta rises at Fp1 and Fp2, right above them, most likely since they are open and
# move.
#
# ## 4 · Everybody is known by his windows
#
# Back to three levels. Ten band powers at nineteen electrodes are 190 numbers for each window. A plane through these
# 190 dimensions that separates **people** best (linear discriminant analysis), and one that separates levels best:

# %%
scaled = StandardScaler().fit_transform(power)
person = np.searchsorted(whose, cohort.subjects)
fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for ax, target, name in ((axes[0], person, "plane that separates people"), (axes[1], cohort.labels, "plane that separates levels")):
    flat = LinearDiscriminantAnalysis(n_components=2, solver="eigen", shrinkage=0.1).fit(scaled, target).transform(scaled)
    colour = plt.get_cmap("tab20")(person) if target is person else np.array(COLOURS)[cohort.labels]
    ax.scatter(*flat.T, s=5, c=colour)
    ax.set(xlabel="first direction (standard deviations within)", ylabel="second direction", title=name)
for k, name in enumerate(LEVELS):
    axes[1].plot([], [], "o", color=COLOURS[k], label=name)
axes[0].set_title("plane that separates people; one colour per person")
axes[1].legend(fontsize=8)
fig.suptitle(label, fontsize=9)
plt.show()
early = cohort.columns["start_s"] < 140
probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)).fit(power[early], cohort.subjects[early])
named = np.mean(probe.predict(power[~early]) == cohort.subjects[~early])
print(f"a linear probe that has seen the first half of the task names the right person of {len(whose)} in {100 * named:.0f} % of the "
      f"windows of the second half (guessing: {100 / len(whose):.0f} %; {label})")

# %% [markdown]
# On the left, people are islands. On the right, with the labels given away, levels are one cloud. In real EEG it is the
# same: from eight electrodes, a linear classifier names the right one of 36 people in 94 % of the windows. Skull,
# cortex and electrodes make a **fingerprint**, and each stretch of minutes has a state of its own besides.
#
# What follows from that? Split the windows at random, and each test window has neighbours of the same person and the
# same stretch in training. A flexible model need not know anything about workload: it recognises person and stretch,
# and recalls the label. The same two models, split in both ways:

# %%
def one_vs_rest(labels, scores):
    """(3,) AUC of each level against the two others, from (n, 3) scores."""
    return np.array([metrics.roc_auc(labels == k, scores[:, k]) for k in range(3)])


MODELS = {"logistic regression": lambda: LogisticRegression(C=0.01, max_iter=500),
          "support vector machine, RBF": lambda: SVC(C=3.0)}
leak = {}
for name, make in MODELS.items():
    model = make_pipeline(StandardScaler(), make())
    for how, folds in (("windows at random", StratifiedKFold(5, shuffle=True, random_state=SEED).split(power, cohort.labels)),
                       ("people apart", splits.subject_kfold(cohort.labels, cohort.subjects, n_splits=5, seed=SEED))):
        scores = cross_val_predict(model, power, cohort.labels, cv=list(folds), method="decision_function")
        leak[name, how] = one_vs_rest(cohort.labels, scores)
fig, ax = plt.subplots(figsize=(9, 3.4), layout="constrained")
for shift, how, colour in ((-0.2, "windows at random", plots.ORANGE), (0.2, "people apart", plots.BLUE)):
    for place, name in enumerate(MODELS):
        values = leak[name, how]
        ax.bar(place + shift, values.mean(), 0.36, color=colour, label=how if place == 0 else None)
        ax.plot(place + shift + np.array([-0.08, 0, 0.08]), values, "o", color="black", ms=4)
        ax.text(place + shift, 0.03 + max(values), f"{values.mean():.2f}", ha="center", fontsize=10)
ax.axhline(0.5, color="#777777", ls=":")
ax.set_xticks(range(2), list(MODELS))
ax.set(ylabel="AUC, mean of three classes", ylim=(0.4, 1.1), title=f"dots: low, medium, high; dotted: guessing ({label})")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# (The lowest dot is always the middle level: it has neighbours on both sides, and one weighted sum of powers cannot
# single out a middle. People apart, it is about guessing.) Feel the rest for a moment. Nothing changed but the split,
# and the machine that looked so much better than plain regression is hardly better, or no better at all. Flexible
# models gain most from a leak; on real rest against arithmetic the same kind of machine fell from 0.95 to 0.62 (36
# people, eight electrodes, five bands; with more electrodes both are higher, and the gap stays). From here on people
# are kept apart in everything, and that includes everything a pipeline learns: scaling, choice of features, early
# stopping.
#
# The next cell does the same with real EEG, if there are people enough.

# %%
if measured is not None and len(np.unique(measured.subjects)) >= 8:
    real_power = log_powers(np.asarray(measured.signals), measured.fs)
    for name, make in MODELS.items():
        for how, folds in (("windows at random", StratifiedKFold(5, shuffle=True, random_state=SEED).split(real_power, measured.labels)),
                           ("people apart", splits.subject_kfold(measured.labels, measured.subjects, n_splits=5, seed=SEED))):
            model = make_pipeline(StandardScaler(), make())
            scores = cross_val_predict(model, real_power, measured.labels, cv=list(folds), method="decision_function")
            print(f"real EEG, rest against arithmetic, {name}, {how}: AUC {metrics.roc_auc(measured.labels, scores):.2f}")
else:
    print("no real EEG of eight people or more here")

# %% [markdown]
# One thing may be learnt of a new person without his labels: **what is usual for him**. Take the mean and the spread of
# each of the 190 numbers over *all* of his windows, and give each window relative to them. That looks at no label, but
# it needs minutes of recording with all levels in it: an honest price, to be said. (`eegmat.scaled` asks for less, the
# spread of each electrode.) What must *not* be done is to take the statistics over his windows of *one level*: these
# know the label, and make a perfect score out of nothing.

# %%
def usual(features, groups):
    """Each feature less its mean, over its spread, within each group."""
    out = np.empty_like(features)
    for one in np.unique(groups):
        mine = groups == one
        out[mine] = (features[mine] - features[mine].mean(axis=0)) / (features[mine].std(axis=0) + 1e-9)
    return out


folds = list(splits.subject_kfold(cohort.labels, cohort.subjects, n_splits=5, seed=SEED))
for name, features in (("as recorded", power), ("relative to the person's own windows", usual(power, cohort.subjects))):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    values = one_vs_rest(cohort.labels, cross_val_predict(model, features, cohort.labels, cv=folds, method="decision_function"))
    print(f"people apart, {name:37s} AUC low {values[0]:.2f}, medium {values[1]:.2f}, high {values[2]:.2f}   ({label})")

# %% [markdown]
# ## 5 · The pupil: blinks
#
# Now the eye. A camera fits an ellipse to the dark disc and gives its diameter. Since this recording is simulated,
# something is known that nobody ever knows of a real one: how large the pupil truly was.

# %%
session = simulate_session(SEED + 7)  # a new person: EEG, levels, pulses, blinks
table, true_mm = simulate_table(session.spans, duration_s=300.0, seed=SEED + 7, blink_s=session.blink_s,
                                sync_s=session.sync_s, clock=(1 + 1.8e-4, 2.37))  # its clock: section 7
fs_pupil = table.fs
gaps = pupil.gaps(~np.isfinite(table.diameter_mm), fs_pupil)
at = int(gaps[np.argmax((gaps[:, 0] > 30 * fs_pupil) & (np.diff(gaps)[:, 0] > 0.12 * fs_pupil)), 0])
clock = table.time_s - table.time_s[0]
fig, axes = plt.subplots(1, 2, figsize=(12, 3.4), layout="constrained", width_ratios=(2, 1))
for ax, seconds in zip(axes, ((-8, 14), (-0.4, 0.9)), strict=True):
    piece = slice(max(0, at + round(seconds[0] * fs_pupil)), at + round(seconds[1] * fs_pupil))
    ax.plot(clock[piece], true_mm[piece], color="#999999", lw=4, alpha=0.5, label="true pupil")
    ax.plot(clock[piece], table.diameter_mm[piece], ".-", color=plots.BLUE, lw=0.8, ms=3 if seconds[1] > 5 else 5, label="tracker")
    ax.set(xlabel="time on the tracker's clock (s)", ylabel="diameter (mm)")
axes[0].legend(fontsize=8)
axes[0].set_title(f"twenty seconds ({label})", fontsize=9)
axes[1].set_title("one blink", fontsize=9)
plt.show()
print(f"{len(gaps)} gaps in {clock[-1]:.0f} s; {100 * np.mean(~np.isfinite(table.diameter_mm)):.1f} % of the samples are missing")

# %% [markdown]
# A blink is a gap of 0.1 to 0.4 s (not a number: the tracker saw no pupil). Look at its **edges**. While the lid comes
# down it covers part of the disc, and for some samples the tracker sees half a pupil and calls it a small one. These
# samples have values, plausible ones, and they are wrong by far more than anything work does. (That the tracker reads a
# little low all the time has another cause: section 6.) So a **margin** on both sides goes as well; 0.1 to 0.2 s are
# usual. Other signs of a sample not to be believed: a size no pupil has (below 1.5 or above 9 mm), and a change faster
# than any muscle.
#
# Finding gaps, widening them and filling the short ones takes three idioms worth knowing:

# %%
missing = np.array([0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0], bool)
edges = np.flatnonzero(np.diff(np.concatenate([[0], missing.astype(int), [0]])))  # where it changes
print("gaps begin and end at  ", edges.reshape(-1, 2).tolist(), "(the end is the first sample after)")
wider = np.convolve(missing, np.ones(3), mode="same") > 0.5  # one sample more on both sides
print("widened by one sample  ", wider.astype(int))
values = np.array([4.0, 4.1, np.nan, np.nan, 4.4, 4.4, 4.5, 4.5, np.nan, 4.3, 4.2])
known = np.isfinite(values)
print("straight lines         ", np.round(np.interp(np.arange(11), np.flatnonzero(known), values[known]), 2))

# %% [markdown]
# `np.interp` fills everything: long gaps as well as short ones, and beyond the ends it goes on with the last value for
# ever. A careful function decides for each gap whether it may be filled. Move the margin from 0 upwards and watch the
# worst sample that is kept; then raise the longest gap to be filled, and watch the error of what is filled. (Where
# nothing can be moved, you see the margin at 0 and at 0.15 s.)

# %%
straight_mm = pupil.upright(table.diameter_mm, table.gaze_deg)  # section 6
interactive_workload.gaps_filled(straight_mm, true_mm, fs_pupil, start_s=max(0.0, clock[at] - 6), label=label)

# %% [markdown]
# How long may a gap be? Take a pupil that is known throughout, hide pieces of it, draw straight lines, and see how
# wrong they are:

# %%
lengths_s = np.array([0.1, 0.2, 0.5, 1, 2, 3, 5, 8])
rng = np.random.default_rng(SEED)
wrong = []
for length_s in lengths_s:
    n = round(length_s * fs_pupil)
    starts = rng.integers(1, len(true_mm) - n - 1, 200)
    line = np.linspace(0, 1, n + 2)[1:-1]
    hidden = [(true_mm[a : a + n], true_mm[a - 1] + line * (true_mm[a + n] - true_mm[a - 1])) for a in starts]
    wrong.append([np.sqrt(np.mean((truth - drawn) ** 2)) for truth, drawn in hidden])
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
ax.plot(lengths_s, np.median(wrong, axis=1), "o-", color=plots.BLUE, label="median of 200 gaps")
ax.fill_between(lengths_s, *np.percentile(wrong, (10, 90), axis=1), color=plots.BLUE, alpha=0.15, lw=0, label="8 of 10")
ax.axhspan(0.1, 0.5, color=plots.ORANGE, alpha=0.12, lw=0)
ax.text(0.11, 0.4, "dilation that work evokes", color=plots.ORANGE, fontsize=9)
ax.set(xscale="log", xlabel="length of the gap (s)", ylabel="error of a straight line (mm, RMS)", title=f"limits of interpolation ({label})")
ax.set_xticks(lengths_s, [f"{value:g}" for value in lengths_s])
ax.minorticks_off()
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# Over a blink a line is fine. Over seconds it wipes out just what was sought, and what it puts in its place looks like
# a calm pupil. So gaps longer than about a second stay NaN, and beside the filled course goes a second array that says
# which samples were **seen**. There is one more limit, which a figure of a finished recording hides: a line to the
# other end of a gap uses the future. In section 8 that becomes a problem.
#
# ## 6 · What moves a pupil
#
# **Work.** A mental step widens the pupil a little, and late: Hoeks and Levelt (1993) found that the dilation after one
# pulse of attention has the form $t^{10.1}\,e^{-10.1\,t/0.93\,s}$, over tasks and people. It peaks after 0.93 s and is
# over after three. Steps add up:

# %%
t = np.arange(0, 12, 1 / 60)
fig, axes = plt.subplots(1, 3, figsize=(12, 2.9), layout="constrained")
axes[0].plot(np.arange(240) / 60, kernel(60.0), color=plots.BLUE)
axes[0].axvline(0.93, color="#777777", ls=":")
axes[0].set(xlabel="time after the pulse (s)", ylabel="share of the peak", title="kernel: one mental step")
for ax, every_s, size_mm, name in ((axes[1], 4.0, 0.3, "a step every 4 s"), (axes[2], 1.2, 0.3, "a step every 1.2 s")):
    pulses = np.zeros(len(t))
    pulses[np.round(np.arange(1, 10, every_s) * 60).astype(int)] = size_mm
    ax.vlines(t[pulses > 0], 0, 0.08, color="black")
    ax.plot(t, np.convolve(pulses, kernel(60.0))[: len(t)], color=plots.ORANGE)
    ax.set(xlabel="time (s); bars: pulses", ylabel="dilation (mm)", title=name, ylim=(0, 0.65))
plt.show()

# %% [markdown]
# So the answer lags the work by about a second, and single steps can be told apart only when they are rare.
#
# **Light** does more. Between a dark and a bright screen a pupil changes by a millimetre and more, where work gives a
# tenth to a half. If the screen was brighter during easy sums, a "workload monitor" is a light meter. **A turned eye**
# looks smaller: seen from the side, a disc is an ellipse, whose area is the cosine of the angle. The tracker's table
# has both causes in it, the luminance of the screen and where the eye looked:

# %%
filled = pupil.interpolated(table.diameter_mm, pupil.unusable(table.diameter_mm, fs_pupil), fs_pupil)
fig, axes = plt.subplots(1, 3, figsize=(13, 3.3), layout="constrained", width_ratios=(2, 1, 1))
axes[0].plot(clock, filled, color=plots.BLUE, lw=0.8)
axes[0].set(xlabel="time on the tracker's clock (s)", ylabel="diameter (mm)")
light = axes[0].twinx()
light.plot(clock, table.luminance, color="#e0a030", lw=1.5)
light.set_ylabel("luminance of the screen (cd/m²)", color="#b07010")
axes[0].set_title(f"light ({label})", fontsize=9)
angle = np.linspace(-40, 40, 81)
camera_below = pupil.foreshortening(np.stack([angle, np.zeros(81)], axis=1))
axes[1].plot(angle, 100 * (camera_below - 1), color=plots.BLUE)
axes[1].set(xlabel="gaze to the right (°)", ylabel="error of the diameter (%)", title="a turned eye, camera 15° below")
aside = np.hypot(table.gaze_deg[:, 0], table.gaze_deg[:, 1] + 15.0)  # about the angle to the camera
fast = filled - np.convolve(np.nan_to_num(filled, nan=np.nanmean(filled)), np.ones(61) / 61, mode="same")
bins = np.arange(4, 28, 3)
by_angle = [fast[(aside >= a) & (aside < a + 3) & np.isfinite(fast)] for a in bins]
axes[2].plot(bins + 1.5, [1000 * part.mean() if len(part) > 20 else np.nan for part in by_angle], "o-", color=plots.ORANGE)
axes[2].set(xlabel="angle to the camera (°)", ylabel="diameter less its mean\nover 1 s (µm)", title="the same in the recording")
plt.show()

# %% [markdown]
# The eye's turn can be computed away: `pupil.upright` divides by $\sqrt{\cos}$ of the angle to the camera (the square
# root, since it is the *area* that shrinks with the cosine). For light there is a model: the reflex begins after a
# quarter of a second and then follows the logarithm of the luminance like a low-pass; how strongly is fitted to the
# recording (`pupil.light_course`, `pupil.without_light`). Last, the **baseline**: pupils are 3 to 5 mm wide, and that
# is the person, not the work. Subtract the median of the twenty seconds before the task.
#
# What is each step worth? Of all people, the mean diameter of each window, as the only feature; AUC of high against
# low:

# %%
def on_eeg_clock(each, table, sync_s, d):
    rate, offset, _ = clocks.fit_clock(table.sync_s, sync_s)  # section 7
    return clocks.on_grid(rate * table.time_s + offset, d, duration_s=300.0, fs=60.0)


tables = [pupil.read_table(each.pupil) for each in files]
tasks = [eegmat.read_recording(each.task, band_hz=None) for each in files]  # unfiltered: section 8 needs it
STEPS = ("as the tracker says", "blinks out", "turned upright", "light out", "baseline off")
strengths, means = [], {name: [] for name in STEPS}
for each, table_of, task_of in zip(files, tables, tasks, strict=True):
    own = table_of.fs
    bad = pupil.unusable(table_of.diameter_mm, own)
    course = [table_of.diameter_mm, pupil.interpolated(table_of.diameter_mm, bad, own)]
    course.append(pupil.upright(course[-1], table_of.gaze_deg))
    without, strength = pupil.without_light(course[-1], table_of.luminance, own)
    strengths.append(strength)  # mm per decade of light
    starts = cohort.columns["start_s"][cohort.subjects == each.subject]
    rows = np.round(starts * 60).astype(int)[:, None] + np.arange(240)
    course = [on_eeg_clock(each, table_of, task_of.sync_s, d) for d in (*course, without)]
    course.append(course[-1] - pupil.baseline(course[-1], 60.0, start_s=0.0, stop_s=20.0))
    for name, d in zip(STEPS, course, strict=True):
        known = np.isfinite(d[rows])
        means[name].append(np.nansum(d[rows] * known, axis=1) / np.where(known.any(axis=1), known.sum(axis=1), np.nan))

fig, axes = plt.subplots(1, 2, figsize=(12, 2.9), layout="constrained", sharey=True, sharex=True)
for row, name in enumerate(STEPS):
    size = np.concatenate(means[name])
    use = (cohort.labels != 1) & np.isfinite(size)
    high, size, one = cohort.labels[use] // 2, size[use], cohort.subjects[use]
    pooled = metrics.bootstrap_interval(metrics.roc_auc, high, size, groups=one, seed=SEED)
    alone = [metrics.roc_auc(high[one == who], size[one == who]) for who in whose]
    drawn = [np.mean(np.random.default_rng(k).choice(alone, len(alone))) for k in range(500)]
    for ax, (middle, low, top) in zip(axes, (pooled, (np.mean(alone), *np.percentile(drawn, (2.5, 97.5)))), strict=True):
        ax.plot([low, top], [row, row], color=plots.BLUE, lw=2)
        ax.plot(middle, row, "o", color=plots.BLUE)
        ax.text(top + 0.01, row, f"{middle:.2f}", va="center")
for ax, name in zip(axes, ("windows of all people in one heap", "within each person, mean of people"), strict=True):
    ax.axvline(0.5, color="#777777", ls=":")
    ax.set(ylim=(4.6, -0.6), xlim=(0.45, 1), xlabel="AUC, high against low (95 % interval over people)", title=name)
axes[0].set_yticks(range(5), STEPS)
fig.suptitle(label, fontsize=9)
plt.show()

# %% [markdown]
# Read both sides. Between people the baseline is worth most: without it, whoever has wide pupils works hard. Within a
# person the baseline changes nothing, and light is what stood in the way. Blinks and the eye's turn hardly move a
# *mean* over four seconds; they matter to whoever looks at the course of single dilations, as the network will.
#
# ## 7 · Two devices, two clocks
#
# The tracker has a clock of its own. It was started at another moment (an **offset**, seconds), and its crystal is a
# little faster or slower (a **drift**, in parts per million: 100 ppm are 30 ms in five minutes, and 0.4 s in an hour).
# What joins the two are **pulses**: a cable gives both the same event every ten seconds or so, and each writes down
# when it came, by its own clock. Sometimes one of them misses a pulse.
#
# Pulse number 5 of the one is therefore not pulse number 5 of the other. Try by hand: move the tracker's pulses until
# they fit.

# %%
interactive_workload.two_clocks(table.sync_s, session.sync_s, label=label)

# %% [markdown]
# How would a program do that? It takes *all* differences between a pulse of the one and a pulse of the other. Wrong
# pairs give any value; right pairs all give nearly the same one. There is one peak. (Pulses that came at regular
# intervals would give many peaks, all alike: so they come irregularly.)

# %%
differences = (session.sync_s[None, :] - table.sync_s[:, None]).ravel()
counts, at_s = np.histogram(differences, bins=np.arange(-20, 20.01, 0.1))
peak_s = at_s[counts.argmax()] + 0.05
moved = table.sync_s + peak_s
nearest = session.sync_s[np.abs(session.sync_s[None] - moved[:, None]).argmin(axis=1)]
pairs = np.abs(moved - nearest) < 0.1
slope, start = np.polyfit(table.sync_s[pairs], nearest[pairs] - table.sync_s[pairs], 1)
fig, axes = plt.subplots(1, 2, figsize=(12, 3.2), layout="constrained")
axes[0].bar(at_s[:-1] + 0.05, counts, 0.1, color=plots.BLUE)
axes[0].set(xlabel="EEG's time less tracker's time (s)", ylabel="pairs", title="all differences")
axes[1].plot(table.sync_s[pairs], 1000 * (nearest - table.sync_s)[pairs] - 1000 * start, "o", color=plots.BLUE, label="pairs")
axes[1].plot(table.sync_s, 1000 * slope * table.sync_s, color=plots.ORANGE, label=f"line: {1e6 * slope:+.0f} ppm")
axes[1].set(xlabel="tracker's time (s)", ylabel=f"difference, less {start:.2f} s (ms)", title="right pairs only")
axes[1].legend()
fig.suptitle(label, fontsize=9)
plt.show()

# %% [markdown]
# A line through the right pairs gives both numbers: where it begins is the offset, how steep it is the drift. The dots
# scatter by up to a sample of the tracker, 17 ms. Three cares belong to it. A drift smears the peak, so the first
# window for pairs must be wide, and once the line is known, pairs are looked for again in a narrow one. Fit the
# *differences*, not the times: clocks may be an hour apart, and a slope of 1.00018 drowns where one of 0.00018 does
# not. And fewer than three pairs make no line. `clocks.fit_clock` has it ready. An independent check: **both devices
# see blinks.** In the EEG a blink is a wave at Fp1, at the tracker a gap. The mean EEG around gaps, before and after:

# %%
uv = session.task_uv[0] - session.task_uv.mean(axis=0)
gap_s = table.time_s[gaps[:, 0]]
around = np.arange(-250, 251)
fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
for times, name, colour in ((gap_s, "as if both clocks were one", "#999999"), ((1 + slope) * gap_s + start, "aligned", plots.ORANGE)):
    rows = np.round(times * session.fs).astype(int)
    rows = rows[(rows > 250) & (rows < len(uv) - 251)]
    ax.plot(around / session.fs, np.mean([uv[r + around] for r in rows], axis=0), color=colour, label=name)
ax.axvline(0, color="black", ls=":", lw=0.8)
ax.set(xlabel="time after the pupil vanished (s)", ylabel="mean EEG at Fp1 (µV)", title=label)
ax.legend()
plt.show()

# %% [markdown]
# **Resampling.** Now each sample of the tracker has a time on the EEG's clock, but these times are crooked, and some
# samples are lost. A regular grid is wanted, 60 samples a second, beginning where the EEG begins. `np.interp(grid,
# times, values)` draws lines between neighbours. Three things must not happen: a line *across a gap*, a value *outside*
# of what was recorded, and a NaN that spreads (or is silently skipped: drop NaN first, and `np.interp` bridges any
# gap). `clocks.on_grid` asks how far the two neighbours are apart:

# %%
on_our_clock = (1 + slope) * table.time_s + start
grid = np.arange(round(300 * 60)) / 60
known = np.isfinite(table.diameter_mm)
careless = np.interp(grid, on_our_clock[known], table.diameter_mm[known])
careful = clocks.on_grid(on_our_clock, table.diameter_mm, duration_s=300.0, fs=60.0, longest_s=0.05)
where = round(on_our_clock[at] * 60)
piece = slice(where - 12, where + 30)
fig, ax = plt.subplots(figsize=(10, 3), layout="constrained")
ax.plot(grid[piece], careless[piece], "o", color=plots.ORANGE, ms=7, alpha=0.6, label="np.interp alone")
ax.plot(grid[piece], careful[piece], "o", color=plots.BLUE, ms=5, label="not across gaps")
old = (on_our_clock >= grid[piece][0]) & (on_our_clock <= grid[piece][-1])
ax.plot(on_our_clock[old], table.diameter_mm[old], "x", color="black", ms=5, label="samples of the tracker")
ax.set(xlabel="time on the EEG's clock (s)", ylabel="diameter (mm)", title=label)
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# ## 8 · Filters that do not know the future
#
# In lesson 02 a filter ran over the recording forwards and then backwards: no delay, and twice the slope.
# `eegmat.read_recording` does so too unless told otherwise. See what such a filter makes of an electrode that is
# touched at 2.0 s, and of theta that begins there:

# %%
BAND_SOS = signal.butter(4, (1, 40), "bandpass", fs=125, output="sos")
THETA_SOS = signal.butter(4, (4, 8), "bandpass", fs=125, output="sos")
at_s = np.arange(500) / 125
touched = 100.0 * (at_s >= 2)
begins = 10 * np.sin(2 * np.pi * 6 * (at_s - 2)) * (at_s >= 2)
fig, axes = plt.subplots(1, 2, figsize=(12, 3.2), layout="constrained")
for ax, x, sos, name in ((axes[0], touched, BAND_SOS, "an electrode is touched; 1 to 40 Hz"), (axes[1], begins, THETA_SOS, "theta begins; 4 to 8 Hz")):
    ax.plot(at_s, x, color="#bbbbbb", lw=1, label="before the filter")
    ax.plot(at_s, signal.sosfiltfilt(sos, x), color=plots.ORANGE, label="forwards and backwards")
    ax.plot(at_s, signal.sosfilt(sos, x), color=plots.BLUE, label="forwards only (causal)")
    ax.axvline(2, color="black", ls=":", lw=0.8)
    ax.set(xlim=(1.2, 3.4), xlabel="time (s)", ylabel="amplitude (µV)", title=name)
axes[1].legend(fontsize=8)
plt.show()

# %% [markdown]
# Orange moves **before** the event. For a picture that is fine. For a system that answers while the recording goes on
# it is impossible, and for the report of such a system it is a leak: it was tested with signals that it will never
# have. The causal filter pays with a delay.
#
# ### A proof, not a promise
#
# Whether something looks ahead need not be believed. **Change the future and see whether the past changes.**

# %%
def looks_ahead_s(process, x, fs, at):
    """By how many seconds before sample `at` the result changes when everything from `at` on becomes something else."""
    other = x.copy()
    other[at:] += np.nanstd(x) * (1 + np.random.default_rng(0).standard_normal(len(x) - at))
    differs = ~np.isclose(process(x), process(other), equal_nan=True, rtol=0, atol=1e-3)  # µV or mm
    return max(0, at - int(np.argmax(differs))) / fs


fz = tasks[3].eeg[channel.index("Fz")].astype(float)
inside = int(gaps[len(gaps) // 2].mean())  # a sample in the middle of a blink: afterwards the eye opens on another size
for name, process, x, fs, where in (
    ("band-pass, forwards and backwards", lambda x: signal.sosfiltfilt(BAND_SOS, x), fz, 125.0, 20000),
    ("band-pass, forwards only", lambda x: signal.sosfilt(BAND_SOS, x), fz, 125.0, 20000),
    ("less the mean of the recording", lambda x: x - x.mean(), fz, 125.0, 20000),
    ("less the mean so far", lambda x: x - np.cumsum(x) / np.arange(1, len(x) + 1), fz, 125.0, 20000),
    ("blink filled by a straight line", lambda x: pupil.interpolated(x, ~np.isfinite(x), 60.0), straight_mm, 60.0, inside),
    ("blink filled with the last value", lambda x: pupil.held(x, ~np.isfinite(x), 60.0), straight_mm, 60.0, inside),
):
    back = looks_ahead_s(process, x, fs, where)
    print(f"{name:34s} " + (f"looks ahead, by up to {back:.2f} s" if back else "does not look ahead"))

# %% [markdown]
# Seconds count as far as the change is at least 0.001 (µV or mm); a filter that runs backwards reaches further, ever
# more faintly. Keep that function: it finds every leak from the future, in your own work too. Note what it says of the mean: taking
# the mean of a whole recording off looks as harmless as anything, and knows all of the future. The same holds for its
# standard deviation, its quantiles, its largest value.
#
# ### Chunk by chunk, with a memory
#
# A stream brings samples in **chunks**. A filter of the kind used here (recursive) carries a **state** from sample to
# sample. Filter each chunk anew, and each begins from nothing:

# %%
chunks = np.split(fz[2500:3000], [100, 220, 260, 420])  # of unequal lengths
whole = signal.sosfilt(BAND_SOS, fz[2500:3000], zi=signal.sosfilt_zi(BAND_SOS) * fz[2500])[0]
forgetful = np.concatenate([signal.sosfilt(BAND_SOS, each) for each in chunks])
state, pieces = signal.sosfilt_zi(BAND_SOS) * fz[2500], []  # as if the first sample had lasted for ever
for each in chunks:
    piece, state = signal.sosfilt(BAND_SOS, each, zi=state)  # takes the state, gives the new one
    pieces.append(piece)
remembering = np.concatenate(pieces)
fig, ax = plt.subplots(figsize=(10, 3), layout="constrained")
ax.plot(np.arange(500) / 125, whole, color="#999999", lw=4, alpha=0.5, label="in one piece")
ax.plot(np.arange(500) / 125, forgetful, color=plots.ORANGE, lw=0.9, label="chunks, state forgotten")
ax.plot(np.arange(500) / 125, remembering, color=plots.BLUE, lw=0.9, label="chunks, state kept")
for border in (100, 220, 260, 420):
    ax.axvline(border / 125, color="black", ls=":", lw=0.8)
ax.set(xlabel="time (s); dotted: a new chunk", ylabel="EEG at Fz (µV)", title=label)
ax.legend(fontsize=8, ncols=3)
plt.show()
print(f"largest difference to one piece: state forgotten {np.abs(forgetful - whole).max():.1f} µV, kept {np.abs(remembering - whole).max():.0e} µV")

# %% [markdown]
# With several electrodes the state has one more axis: `zi` is (sections, 2) for one channel and (sections, channels, 2)
# for (channels, samples), so that it begins as `signal.sosfilt_zi(sos)[:, None] * x[:, 0][None, :, None]`. An empty
# chunk must change nothing. And a sample that is missing (NaN) would make the state NaN **for ever**: it has to be
# replaced, for instance by the last one, before it reaches the filter (and the last one may have come in the chunk
# before: it has to be remembered, too). An idiom for "the last known one":

# %%
x = np.array([3.0, np.nan, np.nan, 5.0, np.nan, 4.0])
last = np.maximum.accumulate(np.where(np.isfinite(x), np.arange(len(x)), -1))  # its place; -1: none yet
print("place of the last known sample", last, " its value", x[last])

# %% [markdown]
# `streaming_filters.band` does all of that; so do `streaming_filters.Fill` for the pupil (last value, margin only
# *after* a gap, since the one before it is past) and others.
#
# The delay that is paid, for each frequency:

# %%
hertz = np.linspace(2, 40, 100)
fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
for order, colour in ((2, plots.BLUE), (4, plots.ORANGE)):
    delay_ms = 1000 * streaming_filters.band(125.0, low=1.0, high=40.0, order=order).delay_s(hertz, 125.0)
    ax.plot(hertz, delay_ms, color=colour, label=f"1 to 40 Hz, order {order}")
ax.set(xlabel="frequency (Hz)", ylabel="delay (ms)", ylim=(0, None), title="group delay of a causal band-pass")
ax.legend()
plt.show()

# %% [markdown]
# Steeper is later. Against the seconds that pupil and theta take to answer, it is little.
#
# ## 9 · Windows of two signals
#
# A window of four seconds has 500 samples of EEG and 240 of the pupil, and both must be of the *same* four seconds. A
# new window begins every quarter of a second (the **hop**): 15 samples of the pupil, and 31.25 of the EEG. What is a
# quarter of a sample among friends?

# %%
hops = np.arange(1200)
exact = hops * 0.25
stepwise = hops * int(0.25 * 125) / 125  # the next window begins 31 samples after this one
fresh = np.ceil(hops * 0.25 * 125 - 1e-9) / 125  # each window begins at its first sample at or after the exact time
fig, axes = plt.subplots(1, 2, figsize=(12, 2.9), layout="constrained")
axes[0].plot(exact, 1000 * (stepwise - exact), color=plots.ORANGE, label="31 samples after the last window")
axes[0].plot(exact, 1000 * (fresh - exact), color=plots.BLUE, label="from the time, each anew")
axes[0].set(xlabel="time in the recording (s)", ylabel="EEG's window against\nthe pupil's (ms)", title="a hop of 0.25 s at 125 Hz")
axes[0].legend(fontsize=8)
for k in range(4):
    first = int(np.ceil(k * 31.25 - 1e-9))
    axes[1].plot(np.arange(first, first + 14) / 125, np.full(14, k), "|", color=plots.BLUE, ms=14)
    axes[1].plot((15 * k + np.arange(7)) / 60, np.full(7, k - 0.3), "|", color=plots.ORANGE, ms=14)
    axes[1].axvline(0.25 * k, color="#777777", ls=":", lw=0.8)
axes[1].set(xlabel="time (s)", yticks=range(4), ylabel="window", title="first samples of four windows (blue EEG, orange pupil)", ylim=(3.5, -0.8))
plt.show()
print(f"after five minutes the careless window of the EEG is {stepwise[-1] - exact[-1]:.1f} s away from the pupil's")

# %% [markdown]
# So the start of a window is a **time**, and each signal works out its own first sample from it (the first at or after
# it, or the nearest: the same rule for both).
#
# **Labels.** A window that begins in one level and ends in another has no true label. It gets that of the larger part,
# and its **purity**, the share of it that has this level, goes along (`eegmat.levels_of`). Those below 0.75, say, are
# better not trained with; they may not be left out of a test, since a stream cannot leave them out. How long two
# stretches of time overlap is one line:

# %%
spans = ((0.0, 10.0, 0), (10.0, 12.5, 2), (12.5, 30.0, 1))  # from, to, level
for start in (4.0, 7.5, 9.5, 11.0):
    share = np.zeros(3)
    for begin, stop, level in spans:
        share[level] += max(0.0, min(stop, start + 4.0) - max(begin, start)) / 4.0
    print(f"window from {start:4.1f} s: shares of low, medium, high {np.round(share, 3)}, label {LEVELS[share.argmax()]}, purity {share.max():.3f}")

# %% [markdown]
# From here on, everything is prepared as a stream could do it. The twenty seconds of looking at a point serve as
# **calibration**: each electrode is divided by its spread in them, the pupil loses its median in them. How strongly
# light acts cannot be fitted to a person whose recording has just begun: the median strength of the others is taken.

# %%
WINDOW_S, LEAD_S = 4.0, 20.0


def eeg_filter():
    return streaming_filters.band(125.0, low=1.0, high=40.0)  # order 4


def pupil_filter():
    return streaming_filters.Fill(60.0, limits=(1.5, 9.0), fastest=6.0, after_s=0.1, longest_s=1.0)


def devices(number):
    """What the two devices of a subject would send: EEG (19, samples) in µV at 125 Hz, pupil (samples,) in mm at 60 Hz, NaN in gaps."""
    table, task = tables[number], tasks[number]
    others = np.median(np.delete(strengths, number))
    course = pupil.light_course(table.luminance, table.fs) - np.log10(20)  # at a usual screen of 20 cd/m²
    d = pupil.upright(table.diameter_mm, table.gaze_deg) - others * course
    return task.eeg.astype(float), on_eeg_clock(files[number], table, task.sync_s, d)


def calibration(eeg, mm):
    """From filtered signals: spread of each electrode (19, 1) and median of the pupil in the first 20 s, without the filter's first 2."""
    return eeg[:, 250 : round(LEAD_S * 125)].std(axis=1, keepdims=True), np.nanmedian(mm[: round(LEAD_S * 60)])


def prepared(number, hop_s):
    """Windows of a subject every `hop_s`: EEG (n, 19, 500), pupil (n, 240), and starts (n,) in s."""
    eeg, mm = devices(number)
    eeg, mm = eeg_filter()(eeg), pupil_filter()(mm)
    spread, middle = calibration(eeg, mm)
    x = streaming.windows(eeg / spread, 125.0, window_s=WINDOW_S, hop_s=hop_s)
    p = streaming.windows(mm - middle, 60.0, window_s=WINDOW_S, hop_s=hop_s)[:, 0]
    n = min(len(x), len(p))
    return x[:n].astype(np.float32), p[:n].astype(np.float32), np.arange(n) * hop_s


parts = []
for number in range(len(files)):
    x, p, start_s = prepared(number, 4.0)
    level, purity, since_s = eegmat.levels_of(tasks[number].spans, start_s, window_s=WINDOW_S)
    keep = level >= 0
    parts.append((x[keep], p[keep], level[keep], np.full(keep.sum(), whose[number]), purity[keep]))
eeg_x, pupil_x, y, subject, purity = (np.concatenate(each) for each in zip(*parts, strict=True))
print(f"EEG {eeg_x.shape} (windows, electrodes, samples); pupil {pupil_x.shape} (windows, samples), {100 * np.mean(np.isfinite(pupil_x)):.1f} % known")
print(f"{100 * np.mean(purity < 1):.0f} % of the windows have a change of level in them")

# %% [markdown]
# ## 10 · A branch for each signal
#
# **EEG.** What matters is the *power of rhythms*, and no one knows beforehand at which electrodes and frequencies. A
# short chain learns it (after the shallow network of Schirrmeister et al. 2017): a weighted sum of electrodes, a filter
# in time of 0.2 s, **square, mean over half a second, logarithm**. That is log band power with learnt bands. It comes
# out every quarter of a second: a row of *steps*, each `width` numbers.
#
# **Pupil.** The course itself: two convolutions with strides, down to the same steps. A convolution cannot read NaN,
# and zeros in the place of NaN would say "a pupil of calibration's size". So it gets **two channels**: the diameter
# with zeros where nothing is known, and a 1 or 0 that says where something is.

# %%
WIDTH = 24


class Rhythms(nn.Module):
    """EEG (n, electrodes, samples) to (n, steps, width): logarithm of the power of learnt rhythms, four times a second."""

    def __init__(self, electrodes=19, fs=125.0, filters=16):
        super().__init__()
        thin = max(1, round(fs / 62.5))  # half the rate is half the work, and loses little below 25 Hz
        taps = 2 * round(fs / thin / 10) + 1  # a fifth of a second: about one wave of theta
        self.thin = nn.AvgPool1d(thin)
        self.space = nn.Conv1d(electrodes, filters, 1, bias=False)
        self.time = nn.Conv1d(filters, filters, taps, stride=2, padding=taps // 2, groups=filters, bias=False)  # each its own
        self.norm = nn.BatchNorm1d(filters)
        self.mean = nn.AvgPool1d(round(fs / thin / 4), stride=round(fs / thin / 8))  # half a second, every quarter (stride 2!)
        self.out = nn.Sequential(nn.Dropout(0.3), nn.Linear(filters, WIDTH))

    def forward(self, x):
        power = self.mean(self.norm(self.time(self.space(self.thin(x)))).square())
        return self.out(power.clamp(min=1e-4).log().transpose(1, 2))  # a dead electrode gives no -infinity


class Diameter(nn.Module):
    """Pupil (n, samples), NaN where unknown, to (n, steps, width), about four times a second."""

    def __init__(self, fs=60.0, filters=16):
        super().__init__()
        first = max(1, round(fs / 15))
        second = max(1, round(fs / first / 4))
        self.blocks = nn.Sequential(
            nn.Conv1d(2, filters, 2 * first + 1, stride=first, padding=first, bias=False), nn.BatchNorm1d(filters), nn.ReLU(),
            nn.Conv1d(filters, WIDTH, 2 * second + 1, stride=second, padding=second, bias=False), nn.BatchNorm1d(WIDTH), nn.ReLU(),
            nn.Dropout(0.3),
        )  # fmt: skip

    def forward(self, mm):
        known = torch.isfinite(mm)
        both = torch.stack([torch.where(known, mm, 0.0), known.float()], dim=1)  # (n, 2, samples)
        return self.blocks(both).transpose(1, 2)


print("EEG branch  ", tuple(torch.as_tensor(eeg_x[:5]).shape), "to", tuple(Rhythms()(torch.as_tensor(eeg_x[:5])).shape), "(windows, steps, width)")
print("pupil branch", tuple(torch.as_tensor(pupil_x[:5]).shape), "to", tuple(Diameter()(torch.as_tensor(pupil_x[:5])).shape))

# %% [markdown]
# `torch.where(known, mm, 0.0)` and not `mm * known`: NaN times 0 is NaN. All lengths are in **seconds** and become
# samples by the rate: a branch whose kernels are "25 samples" long learns another rhythm at 250 Hz. And nothing scales
# a window by itself: dividing each by its own spread would take away the height of the rhythms, which is what was
# sought.
#
# **A TCN instead.** A temporal convolutional network (Bai et al. 2018) looks back further and further without a stride:
# each layer's kernel leaves out samples between its taps (**dilation** 1, 2, 4, ...), and zeros are added on the
# **left** only, so that no output sees its future. With three taps and dilations 1, 2, 4 each layer adds twice its
# dilation: an output sees itself and the 14 steps before. Whether that is so can be asked of the layers themselves: the
# gradient of one output tells which inputs it depends on.

# %%
class Dilated(nn.Module):
    """(n, channels, steps) to the same shape; each output sees itself and the past."""

    def __init__(self, channels, dilations=(1, 2, 4), taps=3):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv1d(channels, channels, taps, dilation=d) for d in dilations)
        self.left = [(taps - 1) * d for d in dilations]

    def forward(self, x):
        for layer, left in zip(self.layers, self.left, strict=True):
            x = x + torch.relu(layer(nn.functional.pad(x, (left, 0))))
        return x


torch.manual_seed(SEED)
steps = 30
fig, ax = plt.subplots(figsize=(9, 2.4), layout="constrained")
for row, (name, net) in enumerate({"dilated, padded on the left": Dilated(16), "ordinary, padded on both sides": nn.Sequential(
        *(nn.Conv1d(16, 16, 3, padding=1) for _ in range(3)))}.items()):
    given = torch.randn(1, 16, steps, requires_grad=True)
    net(given)[0, :, 18].sum().backward()
    depends = given.grad.abs().sum(dim=(0, 1)).numpy() > 0
    ax.scatter(np.arange(steps), np.full(steps, row), c=np.where(depends, plots.BLUE, "#dddddd"), s=60)
    print(f"{name}: output 18 depends on inputs {np.flatnonzero(depends).min()} to {np.flatnonzero(depends).max()}")
ax.axvline(18, color=plots.ORANGE)
ax.set(xlabel="input step (orange: the output's own)", ylim=(1.5, -0.5), yticks=range(2))
ax.set_yticklabels(["dilated, left", "ordinary, both"])
plt.show()

# %% [markdown]
# Within one window, looking both ways is no sin: the window is over when it is read. A TCN is worth it where steps go
# on from window to window. `physiodl.workload.WorkloadNet(19, branch="tcn")` has one to try; here we stay with the
# plain branch.
#
# ## 11 · Two ways to join
#
# **Concatenation.** Sum each branch up over time, mean and maximum, and put the two summaries side by side: four times
# `width` numbers, read by a small network. Simple, and each branch is read without knowing the other.
#
# **Cross-attention** (Vaswani et al. 2017). Each step of one branch asks *all steps of the other*: how much do you
# concern me? From step $i$ of the EEG comes a **query** $q_i$, from each step $j$ of the pupil a **key** $k_j$ and a
# **value** $v_j$; the answer is a mean of the values, weighted by $\mathrm{softmax}_j(q_i \cdot k_j/\sqrt{d})$. The
# weights of one query sum to one **over the other's steps**. Since the pupil answers a second later than the EEG, a
# step that could look at what the pupil did *afterwards* would make sense; to know what "afterwards" is, steps need a
# mark of their place, as attention knows no order.
#
# By hand, for one window: three steps that ask, five that are asked. The picture in the middle is as it should be. The
# last one is the classic mistake: each *column* sums to one.

# %%
g = torch.Generator().manual_seed(SEED)
query, key, value = torch.randn(3, 8, generator=g), torch.randn(5, 8, generator=g), torch.randn(5, 8, generator=g)
alike = query @ key.T / 8**0.5  # (3, 5): row i, column j: how much j concerns i
right, mistaken = torch.softmax(alike, dim=1), torch.softmax(alike, dim=0)
fig, axes = plt.subplots(1, 3, figsize=(11, 2.8), layout="constrained")
for ax, table_of, name in ((axes[0], alike, "query · key / √8"), (axes[1], right, "softmax over the asked: rows sum to 1"),
                           (axes[2], mistaken, "softmax over the wrong axis")):
    ax.imshow(table_of, cmap="Blues")
    for i, j in np.ndindex(3, 5):
        ax.text(j, i, f"{table_of[i, j]:.2f}", ha="center", va="center", color="white" if table_of[i, j] > 0.6 * table_of.max() else "black")
    ax.set(xlabel="step that is asked (key)", ylabel="step that asks (query)", title=name, xticks=range(5), yticks=range(3))
plt.show()
print("answers", tuple((right @ value).shape), ": for each step that asks, a weighted mean of five values. With a first axis for the windows, `@` does each window by itself:",
      tuple((torch.randn(7, 3, 8) @ torch.randn(7, 5, 8).transpose(1, 2)).shape))

# %% [markdown]
# PyTorch has the whole of it, with several such attentions side by side ("heads") and the layers that make queries,
# keys and values, as `nn.MultiheadAttention`.

# %%
def places(steps):
    """(steps, width) sines that tell where a step stands."""
    rate = torch.exp(-np.log(100.0) * torch.arange(0, WIDTH, 2) / WIDTH)
    angle = torch.arange(steps)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class Joined(nn.Module):
    """Two branches and what joins them; logits (n, 3). `there` (n, 2) says which signals are to be used."""

    def __init__(self, how):
        super().__init__()
        self.how, self.eeg, self.pupil = how, Rhythms(), Diameter()
        self.absent = nn.Parameter(torch.zeros(2, WIDTH))  # stands in for a branch without a signal
        self.look = nn.ModuleList(nn.MultiheadAttention(WIDTH, 4, batch_first=True) for _ in range(2))
        self.norm = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.out = nn.Sequential(nn.Linear(4 * WIDTH, WIDTH), nn.ReLU(), nn.Dropout(0.3), nn.Linear(WIDTH, 3))
        self.weights = None  # of the last attention, EEG to pupil

    def forward(self, eeg, mm, there):
        eeg = torch.where(there[:, 0, None, None], eeg, 0.0)  # whatever stands in an absent signal must not reach a weight
        given = [self.eeg(eeg), self.pupil(torch.where(there[:, 1, None], mm, torch.nan))]
        given = [torch.where(there[:, i, None, None], given[i], self.absent[i]) for i in (0, 1)]
        if self.how == "attention":
            marked = [x + places(x.shape[1]) for x in given]
            seen = [self.look[i](marked[i], marked[1 - i], given[1 - i], need_weights=not self.training) for i in (0, 1)]
            self.weights = seen[0][1]
            given = [self.norm[i](given[i] + seen[i][0]) for i in (0, 1)]
        summary = [each for x in given for each in (x.mean(dim=1), x.amax(dim=1))]
        return self.out(torch.cat(summary, dim=1))


look = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
a, b = torch.randn(5, 15, WIDTH), torch.randn(5, 15, WIDTH)
answer, weights = look(a, b, b)  # query, key, value
print("answer", tuple(answer.shape), " weights", tuple(weights.shape), "(windows, EEG's steps, pupil's steps); they sum to", round(weights[0, 0].sum().item(), 4))

# %% [markdown]
# `batch_first=True` is not decoration. Without it, PyTorch takes the first axis for time and the second for the batch:
# no error, same shapes, and each window attends to **the other windows of the batch**. In training it may even help,
# for a bad reason. How to notice? The answer of a window must not depend on its neighbours in the batch:

# %%
for name, layer in (("batch_first=True", look), ("left out", nn.MultiheadAttention(WIDTH, 4))):
    other = b.clone()
    other[1:] = torch.randn(4, 15, WIDTH)  # windows 1 to 4 become others; window 0 stays
    change = (layer.eval()(a, b, b)[0][0] - layer(a, other, other)[0][0]).abs().max().item()
    print(f"{name:17s} the answer of window 0 changes by {change:.3f} when windows 1 to 4 do")

# %% [markdown]
# And does training reach **both** branches? Ask the gradients, after one backward pass; a branch whose norm is 0 is
# only there for show.

# %%
some = np.arange(32)
for how in ("concatenation", "attention"):
    torch.manual_seed(SEED)
    net = Joined(how).train()
    logits = net(torch.as_tensor(eeg_x[some]), torch.as_tensor(pupil_x[some]), torch.ones(32, 2, dtype=bool))
    nn.functional.cross_entropy(logits, torch.as_tensor(y[some])).backward()
    norms = {name: sum(float(w.grad.square().sum()) for w in part.parameters()) ** 0.5 for name, part in (("EEG", net.eeg), ("pupil", net.pupil))}
    print(f"{how:14s} norm of the gradient: EEG {norms['EEG']:.3f}, pupil {norms['pupil']:.3f}")

# %% [markdown]
# Training is as in lesson 05. Two things are new. **Modality dropout**: now and then a window is shown without its EEG,
# or without its pupil, so that each branch learns to do alone; `there` says so, and the learnt vector `absent` stands
# in. And windows with more than a quarter of another level are not trained with.

# %%
FOLDS = {"ci": 2, "default": 4, "full": 5}[BUDGET]
PASSES = {"ci": 4, "default": 8, "full": 16}[BUDGET]


def signals_there(mm):
    """(n, 2): EEG always, the pupil where at least one sample is known."""
    return np.stack([np.ones(len(mm), bool), np.isfinite(mm).any(axis=1)], axis=1)


def fit(net, rows, seed, left_out=0.15, size=64, rate=5e-3):
    """Train a network on some windows."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    batches = len(rows) // size
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-2, fused=True)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=PASSES * batches)
    net.train()
    for _ in range(PASSES):
        for b in np.array_split(rng.permutation(rows), batches):
            there = signals_there(pupil_x[b]) & (rng.random((len(b), 2)) >= left_out)
            there[~there.any(axis=1), 0] = True  # never without both
            logits = net(torch.as_tensor(eeg_x[b]), torch.as_tensor(pupil_x[b]), torch.as_tensor(there))
            loss = nn.functional.cross_entropy(logits, torch.as_tensor(y[b]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            plan.step()
    return net.eval()


@torch.no_grad()
def predict(net, eeg, mm, use=(True, True), size=256):
    """(n, 3) probabilities; `use`: whether EEG and pupil may be looked at."""
    there = signals_there(mm) & np.array(use)
    there[~there.any(axis=1), 0] = True
    found = []
    for k in range(0, len(eeg), size):
        part = slice(k, k + size)
        logits = net(torch.as_tensor(eeg[part]), torch.as_tensor(mm[part]), torch.as_tensor(there[part]))
        found.append(torch.softmax(logits, dim=1).numpy())
    return np.concatenate(found)


folds = list(splits.subject_kfold(y, subject, n_splits=FOLDS, seed=SEED))
nets, said = {}, {}
for how in ("concatenation", "attention"):
    said[how] = np.zeros((len(y), 3), np.float32)
    for k, (train, test) in enumerate(tqdm(folds, desc=how, leave=False)):
        torch.manual_seed(100 * SEED + k)
        nets[how, k] = fit(Joined(how), train[purity[train] >= 0.75], 100 * SEED + k)
        said[how][test] = predict(nets[how, k], eeg_x[test], pupil_x[test])
for how, p in said.items():
    low, medium, high = one_vs_rest(y, p)
    print(f"{how:14s} people apart: AUC low {low:.2f}, medium {medium:.2f}, high {high:.2f}   ({label})")

# %% [markdown]
# ## 12 · Which one is better?
#
# Same windows, same folds, same number of passes, same seeds: the comparison is fair. Is it also *decided*? Draw people
# again (lesson 04), many times, and each time take the **difference** of the two on the same people. Much of what makes
# one draw better than another is common to both, and falls out.

# %%
def over_people(measure, n_boot={"ci": 60, "default": 300, "full": 1000}[BUDGET]):
    """`measure(rows)` of all windows, and its 95 % interval when people are drawn again."""
    rng, mine = np.random.default_rng(SEED), [np.flatnonzero(subject == one) for one in whose]
    drawn = [measure(np.concatenate([mine[k] for k in rng.integers(0, len(mine), len(mine))])) for _ in range(n_boot)]
    return measure(np.arange(len(y))), *np.percentile(drawn, (2.5, 97.5))


def quick_auc(positive, scores):
    """AUC from ranks: as `metrics.roc_auc`, and faster. Equal scores share a rank, so that ties count half."""
    rank, n = rankdata(scores), positive.sum()
    return (rank[positive].sum() - n * (n + 1) / 2) / (n * (len(scores) - n))


def mean_auc(p):
    return lambda rows: np.mean([quick_auc(y[rows] == k, p[rows, k]) for k in range(3)])


alone = {name: np.zeros((len(y), 3), np.float32) for name in ("EEG only", "pupil only")}
for k, (_, test) in enumerate(folds):
    for name, use in (("EEG only", (True, False)), ("pupil only", (False, True))):
        alone[name][test] = predict(nets["concatenation", k], eeg_x[test], pupil_x[test], use=use)
compared = {"EEG only": alone["EEG only"], "pupil only": alone["pupil only"], "both, concatenation": said["concatenation"],
            "both, cross-attention": said["attention"]}
scores = {name: over_people(mean_auc(p)) for name, p in compared.items()}
first, second = mean_auc(said["attention"]), mean_auc(said["concatenation"])
scores_pair = over_people(lambda rows: first(rows) - second(rows))
fig, axes = plt.subplots(1, 2, figsize=(12, 2.7), layout="constrained", width_ratios=(2, 1))
for row, (value, low, high) in enumerate(scores.values()):
    axes[0].plot([low, high], [row, row], color=plots.BLUE, lw=2)
    axes[0].plot(value, row, "o", color=plots.BLUE)
    axes[0].text(high + 0.005, row, f"{value:.2f}", va="center")
axes[0].set_yticks(range(4), list(scores))
axes[0].set(ylim=(3.5, -0.5), xlabel="AUC, mean of three classes (95 % interval over people)", xlim=(None, 1))
value, low, high = scores_pair
axes[1].plot([low, high], [0, 0], color=plots.ORANGE, lw=2)
axes[1].plot(value, 0, "o", color=plots.ORANGE)
axes[1].axvline(0, color="#777777", ls=":")
axes[1].locator_params(axis="x", nbins=4)
axes[1].set(yticks=[], xlabel="attention less concatenation (AUC)", title="the difference, on the same people")
fig.suptitle(label, fontsize=9)
plt.show()
verdict = "not decided: 0 lies inside" if low < 0 < high else "decided for these recordings and this training"
print(f"attention less concatenation: {value:+.3f} (95 % interval {low:+.3f} to {high:+.3f}): {verdict}")

# %% [markdown]
# (*EEG only* and *pupil only* are the network with concatenation, told that the other signal is not there.) Whichever
# way it went in your run: the two ways of joining are much closer to each other than the signals are. The cleverer one
# is not better for being cleverer; with some twenty people and small windows there is little to be read "in the light
# of the other". (The mean of the three is called **macro-AUC**.) Had we tried each with three learning rates and
# reported the best one of the one, it would have won. And if one signal says more than the other (in our runs it was
# the pupil), that is because the simulator makes it so: about people it says nothing.
#
# What does a step look at? The weights of one window, one row for each step of the EEG, which sums to one over the
# pupil's steps:

# %%
k, (_, test) = 0, folds[0]
shown = test[np.argmax(said["attention"][test].max(axis=1))]
predict(nets["attention", k], eeg_x[[shown]], pupil_x[[shown]])
looked = nets["attention", k].weights[0].numpy()
fig, axes = plt.subplots(1, 2, figsize=(11, 3.4), layout="constrained", width_ratios=(1, 1.3))
picture = axes[0].imshow(looked, cmap="Blues", extent=(0, 4, 4, 0), aspect="auto", vmin=0)
axes[0].set(xlabel="time of the pupil's step (s)", ylabel="time of the EEG's step (s)", title="attention, EEG to pupil")
fig.colorbar(picture, ax=axes[0], label="weight (a row sums to 1)")
axes[1].plot(np.arange(240) / 60, pupil_x[shown], color="#333333")
axes[1].set(xlabel="time in the window (s)", ylabel="pupil above calibration (mm)", title=f"its pupil; true level: {LEVELS[y[shown]]}")
weight = axes[1].twinx()
weight.fill_between(np.linspace(0, 4, looked.shape[1]), 0, looked.mean(axis=0), color=plots.BLUE, alpha=0.2, lw=0)
weight.set(ylabel="mean weight", ylim=(0, None))
fig.suptitle(label, fontsize=9)
plt.show()

# %% [markdown]
# (The flat pieces of the pupil are blinks, held at the last value.) An even row means that the step looks nowhere in
# particular: attention then is a mean, and a costly one. Rows that are all alike mean that it looks at the same places
# whatever the EEG says. Such pictures tempt one to tell stories. They say where the network *looked*, not what it would
# have said otherwise (lesson 05: occlusion asks that).
#
# ## 13 · A signal that is not there
#
# Trackers lose eyes, electrodes come off. There are three cases, and they are not the same: **missing and known** (NaN,
# no packets); **dead but not known** (a flat line, the last value for ever); and **there, but wrong**. Against the
# first there is modality dropout. Two folds trained without it, for comparison, and four ways of losing a signal:

# %%
sure = {}
for k, (train, _) in enumerate(folds[:2]):
    torch.manual_seed(100 * SEED + k)
    sure[k] = fit(Joined("concatenation"), train[purity[train] >= 0.75], 100 * SEED + k, left_out=0.0)
rows_two = np.concatenate([test for _, test in folds[:2]])
CASES = {
    "both there": (lambda x: x, lambda m: m, (True, True)),
    "pupil missing, said so": (lambda x: x, lambda m: np.full_like(m, np.nan), (True, False)),
    "pupil stuck at 1 mm": (lambda x: x, np.ones_like, (True, True)),
    "EEG missing, said so": (lambda x: x, lambda m: m, (False, True)),
    "EEG dead, flat at 0": (np.zeros_like, lambda m: m, (True, True)),
}
lost = {}
for name, (change_x, change_p, use) in CASES.items():
    for who_learnt, models in (("with modality dropout", {k: nets["concatenation", k] for k in (0, 1)}), ("without", sure)):
        p = np.concatenate([predict(models[k], change_x(eeg_x[test]), change_p(pupil_x[test]), use=use) for k, (_, test) in enumerate(folds[:2])])
        lost[name, who_learnt] = np.mean(one_vs_rest(y[rows_two], p))
fig, ax = plt.subplots(figsize=(9, 3), layout="constrained")
for shift, name, colour in ((-0.18, "with modality dropout", plots.BLUE), (0.18, "without", "#b5b5b5")):
    ax.barh(np.arange(len(CASES)) + shift, [lost[case, name] for case in CASES], 0.34, color=colour, label=name)
ax.axvline(0.5, color="#777777", ls=":")
ax.set_yticks(range(len(CASES)), list(CASES))
ax.set(ylim=(len(CASES) - 0.5, -0.5), xlim=(0.3, 1), xlabel=f"AUC, mean of three classes ({label})")
ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# Look at two bars that may surprise. If the answer without the EEG is about as good as with both, or better, the pupil
# carries nearly all of it, and what the network takes from the EEG of people it has never met is mostly noise. And a
# network that was never without the pupil may take a stuck one no worse than the other does: modality dropout is for
# what is *known* to be missing, and helps with nothing else.
#
# (A gradient is as bad as an answer: NaN that a `torch.where` *after* the branch hides comes back in the backward pass,
# and through batch normalisation it reaches the other windows of the batch. `Joined` replaces it before.) "Said so" has
# a second virtue: the answer then does not depend on whatever numbers stand in the absent signal, which may be
# anything. And **dead but not known** is an alarm to be built before the network: a spread of zero over seconds is no
# pupil and no brain. Mind also that `0 * NaN` is NaN: an absent signal must be *replaced*, not multiplied away.
#
# ## 14 · The report
#
# AUC of each class against the two others, from the **probabilities** of people who were not trained with. Computed
# from decisions (0 or 1) it would be another number, one point of the curve joined to its corners, and nearly always
# lower:

# %%
best = said["concatenation"]
decided = np.eye(3)[best.argmax(axis=1)]
fig, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
for ax, k in zip(axes, (0, 2), strict=False):
    plots.roc(y == k, {"probabilities": best[:, k], "decisions": decided[:, k]}, ax=ax, finding=LEVELS[k], healthy="other")
    ax.set_title(f"{LEVELS[k]} against the rest", fontsize=10)
for k, name in enumerate(LEVELS):
    value, low, high = over_people(lambda rows, k=k: quick_auc(y[rows] == k, best[rows, k]))
    own = [quick_auc(y[subject == one] == k, best[subject == one, k]) for one in whose]
    axes[2].plot(k + np.random.default_rng(k).uniform(-0.15, 0.15, len(own)), own, "o", color=COLOURS[k], ms=4, alpha=0.6)
    axes[2].errorbar(k + 0.28, value, [[value - low], [high - value]], fmt="s", color="black", capsize=3)
    print(f"{name:6s} against the rest: AUC {value:.2f} (95 % interval {low:.2f} to {high:.2f}); from decisions "
          f"{metrics.roc_auc(y == k, decided[:, k]):.2f}   ({label})")
axes[2].axhline(0.5, color="#777777", ls=":")
axes[2].set_xticks(range(3), LEVELS)
axes[2].set(ylabel="AUC against the rest", title="dots: people; square: all, with interval", ylim=(None, 1.02))
fig.suptitle(label, fontsize=9)
plt.show()

# %% [markdown]
# The middle class has neighbours on both sides and is the hardest. And see how people differ: some are read well, some
# hardly at all. One number for "the" accuracy of such a system describes nobody.
#
# If anything had been *chosen* here, a strength of regularisation, the number of passes, it would have been chosen on
# validation people: some of the training people, held back (lesson 05). Mean and spread for scaling come from training
# windows alone. Nothing that is known of test windows may reach their own answers, but themselves. (For people who come
# later, in no fold, all networks can be asked and their probabilities averaged.)
#
# ## 15 · Around a change
#
# A level changes at a moment; the window is four seconds long, theta answers over seconds, the pupil after one. So just
# after a change the network *must* be wrong. How long? Windows of the test people, one a second, by the time since the
# last change:

# %%
dense = {name: [] for name in ("p", "level", "since_s", "subject", "time_s")}
for k, (_, test) in enumerate(folds):
    for one in np.unique(subject[test]):
        number = int(np.flatnonzero(whose == one)[0])
        x, mm, start_s = prepared(number, 1.0)
        end_s = start_s + WINDOW_S
        spans = tasks[number].spans
        begins = np.array([a for a, _, _ in spans])
        at = np.searchsorted(begins, end_s - 1e-9, side="right") - 1  # the level at the window's END: what is true now
        keep = at >= 1  # after the first change
        dense["p"].append(predict(nets["concatenation", k], x[keep], mm[keep]))
        dense["level"].append(np.array([LEVELS.index(spans[i][2]) for i in at[keep]]))
        dense["since_s"].append(end_s[keep] - begins[at[keep]])
        dense["subject"].append(np.full(keep.sum(), one))
        dense["time_s"].append(end_s[keep])
dense = {name: np.concatenate(values) for name, values in dense.items()}
wrong = dense["p"].argmax(axis=1) != dense["level"]
at_s, mine = np.arange(0.5, 20.5, 1.0), [np.flatnonzero(dense["subject"] == one) for one in whose]
bin_of = np.floor(dense["since_s"]).astype(int)
rates = np.array([[wrong[rows][bin_of[rows] == k].mean() if (bin_of[rows] == k).any() else np.nan for k in range(20)] for rows in mine])
rng = np.random.default_rng(SEED)
drawn = [np.nanmean(rates[rng.integers(0, len(rates), len(rates))], axis=0) for _ in range(300)]
fig, ax = plt.subplots(figsize=(8.5, 3.4), layout="constrained")
ax.plot(at_s, 100 * np.nanmean(rates, axis=0), "o-", color=plots.BLUE, ms=4, label="mean of people")
ax.fill_between(at_s, *(100 * np.percentile(drawn, (2.5, 97.5), axis=0)), color=plots.BLUE, alpha=0.15, lw=0, label="95 % interval over people")
ax.axhline(100 * 2 / 3, color="#777777", ls=":", label="guessing")
ax.axvspan(0, WINDOW_S, color=plots.ORANGE, alpha=0.12, lw=0, label="the window still holds the old level")
ax.set(xlabel="time since the change, at the window's end (s)", ylabel="wrong (%)", ylim=(0, 100), title=label)
ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
late = dense["since_s"] > 8
print(f"wrong: {100 * wrong[dense['since_s'] <= WINDOW_S].mean():.0f} % in the first {WINDOW_S:g} s after a change, {100 * wrong[late].mean():.0f} % after 8 s")

# %% [markdown]
# This is the **lag curve**. Two things in it need telling apart. Its left end is delay: of the window, of the filter,
# of the body; a shorter window moves it, and makes the rest worse. What is left on the right is what the network cannot
# tell at all. It is no smooth line: only long stretches have late windows, so that other stretches and fewer people
# make up each point, and the band says how little a bump means. A single accuracy mixes the two, and whoever leaves
# windows around changes out of the test reports the right end alone.
#
# Note what is true here: the level **at the end** of the window, "now". In section 14 it was the level of the larger
# part. That makes a great difference beside a change: a window that ends one second after it holds three seconds of the
# old level. Judged by its end, it should say the new one already, and mostly cannot; judged by its larger part, its
# label *is* the old one, and saying so is right. So a curve of errors by the larger part has no such peak. Say which
# of the two you show.
#
# And *what* is said there? The mean probability of the old and the new level, after changes from low to high and back:

# %%
fig, axes = plt.subplots(1, 2, figsize=(11, 3), layout="constrained", sharey=True)
before = np.full(len(dense["level"]), -1)
for one in whose:
    rows = np.flatnonzero(dense["subject"] == one)
    spans = tasks[int(np.flatnonzero(whose == one)[0])].spans
    begins = np.array([a for a, _, _ in spans])
    at = np.searchsorted(begins, dense["time_s"][rows] - 1e-9, side="right") - 1
    before[rows] = [LEVELS.index(spans[i - 1][2]) for i in at]
for ax, (old, new) in zip(axes, ((0, 2), (2, 0)), strict=True):
    rows = (before == old) & (dense["level"] == new)
    for k, name in ((old, "old"), (new, "new")):
        course = [dense["p"][rows & (bin_of == t), k].mean() if (rows & (bin_of == t)).any() else np.nan for t in range(20)]
        ax.plot(at_s, course, "o-", ms=3, color=COLOURS[k], label=f"{name}: {LEVELS[k]}")
    ax.set(xlabel="time since the change (s)", title=f"from {LEVELS[old]} to {LEVELS[new]}", ylim=(0, 1))
    ax.legend(fontsize=8)
axes[0].set_ylabel("mean probability")
fig.suptitle(label, fontsize=9)
plt.show()

# %% [markdown]
# ## 16 · May the probabilities be believed?
#
# If a network says 0.8 a hundred times, it should be right eighty times: then it is **calibrated**. Sort all
# probabilities (three from each window) into bins; in each, how often did it come true? Once for our network as it is,
# once as if the room had become darker since the calibration: all pupils half a millimetre wider. If it is too sure,
# one number softens it: all logits divided by a **temperature** above 1 (Guo et al. 2017). It is found with *other
# people* than those it is judged with.

# %%
def softened(p, temperature):
    """(n, 3) probabilities whose logits were divided by a temperature."""
    power = np.maximum(p, 1e-9) ** (1 / temperature)
    return power / power.sum(axis=1, keepdims=True)


def reliability(p, labels, bins=8):
    """Of each bin that holds something: mean probability said, share that came true, number. Of all classes together."""
    flat, true = p.ravel(), np.eye(3)[labels].ravel()
    which = np.minimum((flat * bins).astype(int), bins - 1)
    return np.array([(flat[which == k].mean(), true[which == k].mean(), np.sum(which == k)) for k in range(bins) if np.any(which == k)])


darker = np.zeros_like(best)
for k, (_, test) in enumerate(folds):
    darker[test] = predict(nets["concatenation", k], eeg_x[test], pupil_x[test] + 0.5)
half = np.isin(subject, np.random.default_rng(SEED).permutation(whose)[: len(whose) // 2])
mended, found_t = np.zeros_like(best), []
for choose, judge in ((half, ~half), (~half, half)):
    grid = np.geomspace(0.5, 6, 40)
    nats = [-np.log(softened(darker[choose], t)[np.arange(choose.sum()), y[choose]] + 1e-9).mean() for t in grid]
    found_t.append(grid[int(np.argmin(nats))])
    mended[judge] = softened(darker[judge], found_t[-1])
fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
for p, name, colour in ((best, "as it is", plots.BLUE), (darker, "in a darker room", plots.ORANGE), (mended, "the same, with a temperature", "#4a8f4a")):
    rows = reliability(p, y)
    gap = np.sum(rows[:, 2] * np.abs(rows[:, 0] - rows[:, 1])) / rows[:, 2].sum()
    ax.plot(rows[:, 0], rows[:, 1], "o-", color=colour, label=f"{name}: off by {100 * gap:.1f} points on average")
ax.plot([0, 1], [0, 1], ":", color="#777777", label="calibrated")
ax.set(xlabel="probability said", ylabel="share that came true", aspect="equal")
ax.set_title(f"reliability ({label})", fontsize=9)
ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
print("temperatures found:", ", ".join(f"{t:.1f}" for t in found_t))

# %% [markdown]
# Too sure is a curve that is flatter than the dotted line: below it at high probabilities, above it at low ones, where
# "hardly ever" comes true more often than was said. A short training with dropout mostly comes out well; long trainings end too sure, and
# so does every network that meets what it was not trained with: the orange curve says what its probabilities are then
# worth. A temperature does not change which class is largest, hence no accuracy; it changes what can be done with the
# numbers, such as keeping silent when none is above 0.6.
#
# ## 17 · The stream
#
# Now the same as it would happen. Packets come from two devices, of unequal lengths, some late, some never. So each
# carries the number of its first sample, and somebody has to put them in order: what came first goes on first, a sample
# waits until all before it are there, and one that does not come is **given up** once enough has come behind it. A
# small example, with up to six samples of patience:

# %%
arrivals = [(0, 4), (7, 3), (4, 3), (12, 2), (14, 3), (10, 2), (17, 4)]  # number of the first sample, and how many
waiting, following, patience = {}, 0, 6  # what is there but cannot go on yet; the number that goes on next
fig, ax = plt.subplots(figsize=(10, 3), layout="constrained")
for row, (first, many) in enumerate(arrivals):
    for number in range(first, first + many):
        late = number < following
        ax.plot(number, row, "x" if late else "s", color="#c0504d" if late else "#bbbbbb", ms=9)
        if not late:
            waiting[number] = row
    furthest = max([following, *(number + 1 for number in waiting)])
    while following in waiting or following < furthest - patience:
        colour = plots.BLUE if waiting.pop(following, None) is not None else plots.ORANGE
        ax.plot(following, row, "o", color=colour, ms=6)
        following += 1
for colour, marker, text in (("#bbbbbb", "s", "arrives"), (plots.BLUE, "o", "goes on now"), (plots.ORANGE, "o", "given up: goes on as NaN"), ("#c0504d", "x", "arrives too late")):
    ax.plot([], [], marker, color=colour, label=text)
ax.set(xlabel="number of the sample", ylabel="packet, as they arrive", xticks=range(0, 21, 2), ylim=(len(arrivals) - 0.5, -0.5))
ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# All further numbers stay right, whatever is lost: a stream that simply strings packets together is shifted by every
# lost one, for ever. `streaming.Streams` is a **ring buffer**: a piece of memory of fixed length in which sample $k$
# lies at place $k$ modulo the length, so that the newest overwrites what is no longer needed, and memory does not grow.
# It puts packets in their place, runs the causal filters *once* over every sample, and hands out a window as soon as
# both signals have all of it, or `late_s` after they should have. The first test of a stream: **however the samples are
# cut into packets, what comes out is what the finished recording gives.**

# %%
person = int(np.flatnonzero(whose == np.unique(subject[folds[0][1]])[0])[0])  # of the test of fold 1: her network never met her
model_net = nets["concatenation", 0]
raw_eeg, raw_mm = devices(person)
HOP_S = 0.25


def stream(late_s=0.5):
    return streaming.Streams(
        [streaming.Signal("eeg", 125.0, 19, steps=eeg_filter()), streaming.Signal("pupil", 60.0, steps=pupil_filter())],
        window_s=WINDOW_S, hop_s=HOP_S, late_s=late_s,
    )  # fmt: skip


offline_eeg = streaming.windows(eeg_filter()(raw_eeg), 125.0, window_s=WINDOW_S, hop_s=HOP_S)
offline_mm = streaming.windows(pupil_filter()(raw_mm), 60.0, window_s=WINDOW_S, hop_s=HOP_S)
rng, buffer, sent, online_eeg, online_mm = np.random.default_rng(SEED), stream(late_s=None), {"eeg": 0, "pupil": 0}, [], []
while sent["eeg"] < 60 * 125:  # the first minute, in random chunks
    for name, x, fs in (("eeg", raw_eeg, 125), ("pupil", raw_mm[None], 60)):
        n = int(rng.integers(1, round(0.15 * fs)))
        buffer.push(name, x[:, sent[name] : sent[name] + n])
        sent[name] += n
    while (window := buffer.take()) is not None:
        online_eeg.append(window.values["eeg"])
        online_mm.append(window.values["pupil"])
n = len(online_eeg)
worst = max(np.nanmax(np.abs(np.array(online_eeg) - offline_eeg[:n])), np.nanmax(np.abs(np.array(online_mm) - offline_mm[:n])))
same_gaps = np.array_equal(np.isnan(np.array(online_mm)), np.isnan(offline_mm[:n]))
print(f"{n} windows from random chunks; largest difference to the finished recording {worst:.0e}; NaN in the same places: {same_gaps}")

# %% [markdown]
# Below 1e-6, and that is not luck: filters keep their state, windows begin at exact times, nothing looks ahead. Now
# packets as they really come, and a model at the end. How long does a hop take?

# %%
spread, middle = calibration(eeg_filter()(raw_eeg[:, : round(LEAD_S * 125)]), pupil_filter()(raw_mm[: round(LEAD_S * 60)]))


def model(window):
    """A window of the stream to (3,) probabilities; NaN where neither signal came."""
    use = (window.valid["eeg"] >= 0.5, window.valid["pupil"] >= 0.5)
    if not any(use):
        return np.full(3, np.nan)
    x = np.nan_to_num(window.values["eeg"][None] / spread).astype(np.float32)
    return predict(model_net, x, (window.values["pupil"] - middle).astype(np.float32), use=use)[0]


LINE = {"packet_s": (0.02, 0.12), "delay_s": 0.01, "jitter_s": 0.03, "lost": 0.01, "duplicated": 0.01}
online = streaming.Online(stream(), model, streaming.Decision(hop_s=HOP_S, tau_s=0.0, margin=0.0))
seconds = {"ci": 60, "default": 300, "full": 300}[BUDGET]
sending = {"eeg": (raw_eeg[:, : seconds * 125], 125.0), "pupil": (raw_mm[: seconds * 60], 60.0)}
queue, made, said_at = packets(sending, seed=SEED, **LINE), [], []
for packet in queue:
    new = online.push(packet.name, packet.samples, first=packet.first) + online.step()
    made += new
    said_at += [packet.arrival_s] * len(new)
ms = np.array([each.ms for each in made])
waited = np.array(said_at) - np.array([each.time_s for each in made])
found = streaming.latency(ms[10:], hop_s=HOP_S)
fig, axes = plt.subplots(1, 2, figsize=(12, 3), layout="constrained")
axes[0].hist(ms[10:], bins=np.geomspace(ms.min(), max(ms.max(), 20), 60), color=plots.BLUE)
for name, colour in (("median", "black"), ("p95", "#e0a030"), ("p99", plots.ORANGE)):
    axes[0].axvline(found[name], color=colour, ls="--", label=f"{name}: {found[name]:.1f} ms")
axes[0].axvline(1000 * HOP_S, color="#777777", label="a hop: 250 ms")
axes[0].set(xscale="log", xlabel="filters, network and decision of one hop (ms)", ylabel="hops", title="computing, on this machine")
axes[0].legend(fontsize=8)
axes[1].hist(1000 * waited, bins=60, color=plots.BLUE)
axes[1].set(xlabel="from a window's end to its answer, without computing (ms)", ylabel="hops", title="waiting for packets (line simulated)")
fig.suptitle(label, fontsize=9)
plt.show()
print({name: round(value, 3) for name, value in found.items()})
print(online.streams.counts())

# %% [markdown]
# A mean would have told little: what counts is the slowest one in a hundred (**p99**), since four hops a second make an
# hour of 14 400, and 144 of them are slower than that. **Jitter** is how much it changes from hop to hop. To the right,
# what waiting costs: windows that lack a packet are held back until `late_s` is over, half a second. A longer wait
# saves more samples and answers later. In all, from a change of level to an answer: **body** (seconds), **window**
# (half of four seconds), **filter** (tens of ms), **line** (tens to hundreds of ms), **computing** (a few ms). Speeding
# up the network would gain next to nothing here.
#
# ### From probabilities to a decision
#
# Four answers a second flicker. Two remedies, and each costs time. **Smoothing**: a running mean in which the past
# fades, $s \leftarrow s + a\,(p - s)$ with $a = 1 - e^{-hop/\tau}$. **Hysteresis**: change to another level only if it
# is ahead of the **present** one by a margin; in between everything stays as it is, as with a thermostat. Both need
# only the past. Rows of NaN (nothing known) change nothing. Smoothing is a loop with one memory:

# %%
memory, pace, course = None, 1 - np.exp(-HOP_S / 1.0), []  # a time constant of 1 s
flickers = [0.2, 0.1, 0.8, 0.2, 0.9, 0.8, 0.9, 0.9, 0.8, 0.9, 0.3, 0.9]  # of one level, each hop
for value in flickers:
    memory = value if memory is None else memory + pace * (value - memory)  # begins with the first value, not with 0
    course.append(memory)
print("as it is ", flickers)
print("smoothed ", [round(float(value), 2) for value in course])

# %% [markdown]
# Find settings that you would let ring a bell in a control room:

# %%
ends = np.array([each.time_s for each in made])
begins = np.array([a for a, _, _ in tasks[person].spans])
at = np.searchsorted(begins, ends - 1e-9, side="right") - 1
truth = np.where(at >= 0, [LEVELS.index(tasks[person].spans[max(i, 0)][2]) for i in at], -1)
stream_p = np.array([each.probabilities for each in made])
interactive_workload.decided(stream_p, truth, hop_s=HOP_S, levels=LEVELS, start_s=float(ends[0]), label=label)

# %% [markdown]
# What does it cost and bring over all test people? Each line is one margin, each dot one time constant:

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
for margin, colour in ((0.0, "#999999"), (0.1, plots.BLUE), (0.3, plots.ORANGE)):
    changes, share = [], []
    for tau_s in (0.0, 1.0, 2.0, 4.0, 8.0, 16.0):
        levels = np.concatenate([streaming.Decision(hop_s=1.0, tau_s=tau_s, margin=margin)(dense["p"][rows])[1] for rows in mine])
        order = np.concatenate(mine)
        share.append(np.mean(levels == dense["level"][order]))
        same = dense["subject"][order][1:] == dense["subject"][order][:-1]
        changes.append(60 * np.sum((np.diff(levels) != 0) & same) / len(levels))
    ax.plot(changes, 100 * np.array(share), "o-", color=colour, label=f"margin {margin:g}")
ax.set(xlabel="changes of the decision per minute (left: smoother)", ylabel="right (%)", title=f"smoothing of 0, 1, 2, 4, 8, 16 s ({label})")
ax.title.set_fontsize(9)
ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# Some smoothing makes it much calmer at hardly any cost; too much, and it is still at the last level when the next one
# begins. Of two settings that change as often, the one higher up is better: see where a margin helps. Where the best
# place is depends on how fast the task changes, and that is chosen with training people.
#
# ## 18 · Live
#
# Press play. EEG and pupil come in as packets, a window is read every 250 ms, and the network, which has never met this
# person, says what it holds possible. Speed up to fifty times real time; pull the slider where you like. (Where there
# is no kernel, you see the end.)

# %%
minute = {"ci": 40, "default": 150, "full": 300}[BUDGET]
player.live(
    raw_eeg[:, : minute * 125], raw_mm[: minute * 60], model,
    truth=([0.0, *begins[begins < minute]], [0, *(LEVELS.index(name) for a, _, name in tasks[person].spans if a < minute)]),
    eeg_steps=eeg_filter(), pupil_steps=pupil_filter(), window_s=WINDOW_S, hop_s=HOP_S, late_s=0.5,
    decision=streaming.Decision(hop_s=HOP_S, tau_s=2.0, margin=0.1), source=LINE, levels=LEVELS, channels=channel,
    show=[channel.index(name) for name in ("Fp1", "Fz", "Pz", "O1")], label=label,
)  # fmt: skip

# %% [markdown]
# (In the first 20 s the person looks at a point. The player wants a level there too, and is given "low", which nobody
# set.)
#
# ## 19 · What such a system must not be used for
#
# - **To judge people.** Who is suited for a post, who works hard enough, who pays attention in class. It reads a label
#   of difficulty, worse in some people than in others, and in some not at all (section 14). A wrong reading can neither
#   be seen nor disputed by the one it is about.
# - **To watch people who cannot say no.** EEG and pupil tell more than was asked: here a linear probe knew everybody by
#   name (section 4). Recordings of this kind are personal data even without a name on them.
# - **As a safety device.** That a pilot or a driver is overloaded, or is not, must not hang on a system that errs as
#   often as the right end of the curve in section 15.
# - **As a diagnosis**, of attention, mood or intelligence. Nothing here was examined for that.
# - **Elsewhere than it was tested:** another task, other light, glasses, medicines, age, sleep. On other recordings of
#   easy and hard tasks, classifiers of this kind have been reported close to guessing.
# - **If trained on simulated people: nowhere but in this course.**
#
# ## Take away
#
# - The label is the difficulty that was set. Ask what else differs between the classes: eyes, order, light.
# - People are easier to learn than workload. Split by person, everywhere, and be suspicious of flexible models that
#   shine.
# - A pupil: margins around blinks, short gaps only, light and gaze accounted for, a baseline. Say which samples were
#   seen.
# - Two clocks: all differences, one peak, a line. The start of a window is a time, not a number of samples.
# - Change the future and see whether the past changes. Keep filters' states. Offline and stream agree to 1e-6.
# - Two ways to join: compare on the same folds, with an interval over people of the *difference*.
# - Tell the network what is missing, and let it practise. Report each class, each person, the lag after a change, and
#   the calibration.
# - Latency is a distribution, and most of the delay is not computing.
#
# ## Where next
#
# Open `assignments/06_workload/06_workload.ipynb`: from a raw pupil and a raw EEG to a stream, step by step. Lesson 07
# carries a network to a small device.
#
# **Sources.** Zyma et al. 2019 for the recordings, Goldberger et al. 2000 for PhysioNet; Chikhi et al. 2022
# (meta-analysis) and Gärtner et al. 2015 for theta, alpha and beta; Hoeks and Levelt 1993 for the pupil's kernel; Hayes
# and Petrov 2016 for the turned eye; Pokorny and Smith 1997 for light; Schirrmeister et al. 2017 for the shallow
# network; Bai et al. 2018 for the TCN; Vaswani et al. 2017 for attention; Efron 1979 for the bootstrap; Guo et al. 2017
# for temperature. Shares of people named by their windows, of alpha and theta in the published recordings: measured for
# this course.
