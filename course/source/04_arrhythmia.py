# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 04 · Arrhythmia: the same network, two ways to split, and the gap between them
#
# In lesson 03 nobody could say which recordings came from one patient. Here we can. You will go the whole way from
# the files of a database to a result, and then do on purpose what much published work does by accident: let the
# network meet in its examination the patients it learnt from. You will measure what that is worth, and see where it
# comes from.
#
# **What you will learn**
#
# - how a WFDB record is stored: header, samples, annotations of beats and of rhythms; what goes wrong when reading
#   it;
# - filtering the whole record, cutting it into windows, and labelling them with a purity rule;
# - a rare class: class weights, focal loss, F1 and precision-recall instead of accuracy;
# - a small 1D-CNN with global average pooling, examined by patient;
# - **leakage**: the same network dealt by window and by patient, the measured gap, and a probe that shows its
#   mechanism;
# - further leaks: threshold, normalisation, records taken for patients;
# - results per patient, with what their intervals mean, and how to read the worst mistakes.
#
# **What you need.** Lesson 03: the P wave and RR intervals in atrial fibrillation (AF), the blocks of a 1D-CNN. From
# 01: k-fold, F1. From 02: filters.
#
# **Time.** Reading 2 hours; computing 1 to 2 minutes, on one CPU core (about 5 with `BUDGET = "full"`).
#
# **Data.** The [MIT-BIH Arrhythmia Database](https://physionet.org/content/mitdb/1.0.0/), 48 two-lead recordings of
# half an hour, as many of them as are on this machine (`python data_fetch.py mitdb` in a terminal fetches all). If
# there are none, records in the same form are **simulated**: made by formulas, not from people, and shorter, with
# several for each patient. The text holds for both; numbers are those of your run.

# %% tags=["parameters"]
SOURCE = "auto"  # "auto": real recordings if they are here, else simulated; or "real", "simulated"
BUDGET = "default"  # "ci": quicker, rougher; "full": all windows, longer training
SEED = 0

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import wfdb
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import average_precision_score, precision_recall_curve
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from tqdm.auto import tqdm

from physiodl import data, diagrams, evidence, metrics, mitdb, plots, signals

torch.set_num_threads(1)  # so small a network gains nothing from more
HANDS = 3 if BUDGET == "ci" else 4  # parts of the cross-validation
STEPS = {"ci": 40, "default": 120, "full": 400}[BUDGET]  # batches that a network learns from
PER_PATIENT = {"ci": 60, "default": 100, "full": 100_000}[BUDGET]  # windows of each patient at most

cohort = data.load("mitdb", source=SOURCE)  # sections 1 to 5 show how these windows were made
folder = data.records_folder("mitdb", source=SOURCE)
simulated = cohort.source == "simulated"
label = "SIMULATED ECG, not from people" if simulated else "MIT-BIH Arrhythmia Database"
print(label if simulated else cohort.citation)
print(cohort)
if not simulated:
    print(f"{len(mitdb.record_names(folder))} of the 48 records of the database are here")

# %% [markdown]
# ## 1 · Three files for one recording
#
# PhysioNet keeps recordings in the WFDB format (WaveForm DataBase). Each record is three files of one name. The
# **header**, `.hea`, is text. Open it. (We look at a record with a clear change between normal rhythm and AF.)

# %%
names = mitdb.record_names(folder)
marks = {name: wfdb.rdann(str(folder / name), "atr") for name in names}  # all annotations; they are small
notes = {name: [note.strip("\x00") for note in marks[name].aux_note] for name in names}
headers = {name: wfdb.rdheader(str(folder / name)) for name in names}


def stretches(name):
    """(start, stop, rhythm) of each rhythm of a record, in seconds."""
    starts = [(at, note) for at, note in zip(marks[name].sample, notes[name], strict=True) if note.startswith("(")]
    stops = [at for at, _ in starts[1:]] + [headers[name].sig_len]
    rate = headers[name].fs
    return [(at / rate, stop / rate, note) for (at, note), stop in zip(starts, stops, strict=True)]


def clearest_change(name):
    """(seconds of the same rhythm on both sides, at most 20; when), of a change between normal rhythm and AF."""
    parts = stretches(name)
    found = [(0.0, headers[name].sig_len / headers[name].fs / 2)]
    for (a, b, before), (_, c, after) in zip(parts, parts[1:], strict=False):
        if {before, after} == {"(N", "(AFIB"}:
            found.append((min(b - a, c - b, 20.0), b))
    return max(found)


example = max(names, key=lambda name: (clearest_change(name)[0], len(stretches(name))))
change_s = clearest_change(example)[1]
print((folder / f"{example}.hea").read_text())

# %% [markdown]
# The first line: name of the record, number of leads, samples per second, samples per lead. Then one line for each
# lead: the file with its samples, how they are packed (`212`), the **gain** (200 steps of the converter are 1 mV),
# the converter's bits and the step that means 0 mV (sometimes in brackets behind the gain, sometimes on its own), the
# first sample, a checksum, and at the end the **name of the lead**. Lines with `#` are remarks, such as age, sex,
# drugs; `wfdb` returns them as a list of texts, `header.comments`.
#
# The **signals**, `.dat`, are packed: in format 212 a sample takes 12 bits (the converter of MIT-BIH used 11 of them),
# so two samples share three bytes. Let us unpack the first three bytes by hand and turn steps into millivolts.

# %%
header = headers[example]
packed = (folder / f"{example}.dat").read_bytes()[:3]
steps = [packed[0] + 256 * (packed[1] % 16), packed[2] + 256 * (packed[1] // 16)]  # the middle byte: 4 bits each
steps = [step - 4096 if step > 2047 else step for step in steps]  # the upper half of the 12 bits stands for minus
by_hand = [(s - zero) / gain for s, zero, gain in zip(steps, header.baseline, header.adc_gain, strict=True)]
first = wfdb.rdrecord(str(folder / example), sampto=1).p_signal[0]
for lead, step, mine, theirs in zip(header.sig_name, steps, by_hand, first, strict=True):
    print(f"{lead:5s} step {step:5d}   by hand {mine:+.3f} mV   wfdb.rdrecord {theirs:+.3f} mV")

# %% [markdown]
# `wfdb.rdrecord` does this for all samples; `p_signal` has shape (samples, leads), in mV. A special step means "not
# recorded" and arrives as NaN. The **annotations**, `.atr`, are pairs of a sample number and a symbol, some with a
# note:

# %%
seen = marks[example]
for at, symbol, note in list(zip(seen.sample, seen.symbol, notes[example], strict=True))[:6]:
    print(f"sample {at:6d} = {at / header.fs:6.2f} s   symbol {symbol!r}   note {note!r}")
kinds, counts = np.unique(seen.symbol, return_counts=True)
print("in the whole record:", ", ".join(f"{count} {str(kind)!r}" for kind, count in zip(kinds, counts, strict=True)))

# %% [markdown]
# ## 2 · Beats and rhythms
#
# Two kinds of annotations are mixed in one list. Most are **beats**: the symbol says of which kind. `N` is a beat that
# the ventricles got by their normal way, `V` a ventricular one (lesson 01), `A` an early one from the atria (`a` if it
# takes another way through the ventricles), `J` and `j` come from the atrioventricular node, `F` is a mixture of `N`
# and `V`, `/` a paced one, `L` and `R` are beats of hearts with a blocked bundle branch. Others are no beats at all.
# `+` says that the **rhythm** changes, and its note says to which: `(N` is normal sinus rhythm, `(AFIB` atrial
# fibrillation, `(AFL` flutter, `(B` bigeminy (every second beat ventricular), `(P` paced. `~` marks noise, `x` a P
# wave that no beat follows, `"` a comment.
#
# Beat and rhythm are two questions: in AF the ventricles are mostly reached by their normal way, so these beats are
# `N` although the rhythm is not.
#
# Here is a change of rhythm, with the symbols where the annotators put them:

# %%
record = mitdb.read_record(folder, example)
fs = record.fs
begin = float(np.clip(change_s - 6, 0, record.signals.shape[1] / fs - 12))
fig, axes = plt.subplots(2, 1, figsize=(11.5, 4.8), layout="constrained")
for ax, row, name in zip(axes, record.signals, record.leads, strict=False):
    plots.ecg_strip(row, fs, start_s=begin, seconds=12, ax=ax, unit="mV", title=f"record {record.name}, lead {name}")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.4 * (high - low))
    for at, symbol, note in zip(seen.sample, seen.symbol, notes[example], strict=True):
        if begin < at / fs < begin + 12:
            lift, colour = (0.24, plots.ORANGE) if note else (0.08, plots.BLUE)
            ax.text(at / fs, high + lift * (high - low), note or symbol, color=colour, ha="center", fontsize=9)
    before = [note for start, _, note in stretches(example) if start <= begin]
    if before:
        ax.text(begin + 0.1, high + 0.24 * (high - low), f"{before[-1]} until then", color=plots.ORANGE, fontsize=9)
axes[0].set_title(f"{axes[0].get_title()}  ({label})", fontsize=9)
plt.show()

# %% [markdown]
# A rhythm lasts **from its annotation to the next one**, or to the end of the record. Whoever shifts labels by one
# annotation calls everything by its neighbour's name. And what lies *before* the first rhythm annotation has no
# rhythm: some begin late. (In the files of MIT-BIH, notes also end with an invisible character, which we stripped
# above.)
#
# Now all records at once. This is the most important figure of the lesson: look at it before you train anything.

# %%
who = {name: str(cohort.subjects[cohort.columns["record"] == name][0]) for name in np.unique(cohort.columns["record"])}
fig, ax = plt.subplots(figsize=(11, 1 + 0.16 * len(names)), layout="constrained")
for place, name in enumerate(names):
    for start, stop, note in stretches(name):
        colour = {"(N": plots.BLUE, "(AFIB": plots.ORANGE}.get(note, "#b5b5b5")
        ax.barh(place, (stop - start) / 60, left=start / 60, color=colour, height=0.8)
for colour, text in ((plots.BLUE, "normal sinus rhythm"), (plots.ORANGE, "AF"), ("#b5b5b5", "another rhythm")):
    ax.barh(0, 0, color=colour, label=text)
ax.set_yticks(range(len(names)), [f"{name}  ({who.get(name, 'no window')})" for name in names], fontsize=7)
ax.set(xlabel="time (minutes)", ylabel="record (patient)", ylim=(len(names) - 0.5, -0.5))
ax.set_xlim(0, max(header.sig_len / header.fs for header in headers.values()) / 60)
ax.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1), fontsize=8)
ax.set_title(label, fontsize=9, loc="right")
plt.show()

# %%
y_all, patient_all = cohort.labels, cohort.subjects
af_patients = np.unique(patient_all[y_all == 1])
print(f"{len(names)} records, {len(np.unique(patient_all))} patients with usable windows")
print(f"{len(af_patients)} patients have AF at some time:")
for patient in af_patients:
    mine = y_all[patient_all == patient]
    print(f"   {patient:>4s}: {mine.sum() * 5 / 60:5.1f} min AF, {(mine == 0).sum() * 5 / 60:5.1f} min normal")

# %% [markdown]
# There are thousands of windows, but **only a handful of patients with AF**. Some have hardly anything else, one or
# two make up a large part of all AF there is. Everything that a network can learn about AF in general comes from this
# handful. No number of windows changes that.
#
# <details><summary>Question: in MIT-BIH, records 201 and 202 are of the same man. What happens if you take records
# for patients?</summary> He may stand on both sides of a split. The database's description says so, the file names do
# not. <code>cohort.subjects</code> gives both the same name. One of the usual divisions of this database, made long
# ago to be fair to all, has this very fault.</details>
#
# ## 3 · Leads have names
#
# Each record has two leads, but not always the same two, and not always in the same order. Whoever takes "row 0" gets
# another view of the heart in some records. Left is what row 0 of the file is, right the lead that comes first when we
# choose **by name** (MLII where there is one). Above is an ordinary record, in which both are the same; below, if one
# is here, a record in which row 0 is another lead (if that record has no MLII at all, we have to take what it has).

# %%
lead_names = {name: headers[name].sig_name for name in names}
odd = [name for name in names if lead_names[name][0] != "MLII"]
listed = [f"{name} ({'/'.join(lead_names[name])})" for name in odd]
print("first lead of the file is not MLII:", ", ".join(listed) or "none")
odd = sorted(odd, key=lambda name: "MLII" not in lead_names[name])[:1]  # rather one that has MLII at the second place

fig, axes = plt.subplots(2, 2, figsize=(11.5, 4.4), layout="constrained")
for row, name in zip(axes, [example, *(odd or names[-1:])], strict=True):
    by_row, by_name = wfdb.rdrecord(str(folder / name)), mitdb.read_record(folder, name)
    plots.ecg_strip(by_row.p_signal[:, 0], by_row.fs, start_s=20, seconds=5, ax=row[0], unit="mV",
                    title=f"{name}, row 0 of the file: {by_row.sig_name[0]}")
    remark = "" if "MLII" in by_name.leads else " (has no MLII)"
    plots.ecg_strip(by_name.signals[0], by_name.fs, start_s=20, seconds=5, ax=row[1], unit="mV",
                    title=f"{name}, first by name: {by_name.leads[0]}{remark}")
fig.suptitle(label, fontsize=9)
plt.show()

# %% [markdown]
# In MIT-BIH the second lead is V1 mostly, else V2, V4 or V5; two records (102 and 104) have no MLII at all, and in
# 114 the two stand the other way round. Some patients are **paced**: a pacemaker, not the sinus node, starts their
# beats. Studies that judge single beats leave these records out (a standard, ANSI/AAMI EC57, says so). We judge the
# rhythm, and take from them only the time that is annotated as normal or AF. `mitdb.read_record` does all this: it
# also checks that the files have the length and the checksums they should have.
#
# ## 4 · Filter first, then cut
#
# As in lesson 03: band-pass 0.5 to 40 Hz without delay, then 100 Hz instead of 360. Lesson 02 said: filter first, cut
# then. What is the difference, in numbers? We do both, with the same filter, on one lead.

# %%
x = np.nan_to_num(record.signals[0].astype(float))
length = round(5 * fs)
n_windows = len(x) // length
whole = signals.filtered(x, fs, low=0.5, high=40.0)[: n_windows * length].reshape(n_windows, length)
pieces = x[: n_windows * length].reshape(n_windows, length)
each = np.stack([signals.filtered(piece, fs, low=0.5, high=40.0) for piece in pieces])
error_uv = 1000 * np.sqrt(np.mean((each - whole) ** 2, axis=0))  # (length,): over all windows of the record
shown = int(np.argsort(np.abs(each - whole).max(axis=1))[int(0.9 * n_windows)])

time_s = np.arange(length) / fs
fig, axes = plt.subplots(1, 2, figsize=(11.5, 3.4), layout="constrained")
axes[0].plot(time_s, whole[shown], color=plots.BLUE, lw=1.2, label="record filtered, then cut")
axes[0].plot(time_s, each[shown], color=plots.ORANGE, lw=0.9, label="cut, then each window filtered")
axes[0].set(xlabel="time in the window (s)", ylabel="ECG (mV)", title=f"window {shown} of record {record.name}")
axes[0].legend(fontsize=8)
axes[1].plot(time_s, error_uv, color=plots.ORANGE)
axes[1].set(xlabel="time in the window (s)", ylabel="RMS difference (µV)", ylim=(0, None))
axes[1].set_title(f"over {n_windows} windows", fontsize=10)
fig.suptitle(label, fontsize=9)
plt.show()
middle = slice(round(2 * fs), round(3 * fs))
edge_uv = np.r_[error_uv[: round(0.2 * fs)], error_uv[-round(0.2 * fs) :]].mean()
print(f"difference in the first and last 0.2 s {edge_uv:.0f} µV, in the middle second {error_uv[middle].mean():.0f} µV")

# %% [markdown]
# Each cut makes two edges at which the filter has to guess what came before and after. Left is one window with a large
# error (nine of ten have a smaller one), right the average of all: at the two edges, always the same places, it is as
# large as a P wave. A network can learn to expect it there. So `mitdb.prepare` filters the whole record, resamples it,
# and scales each lead by its own typical spread; then the windows are cut.
#
# <details><summary>Question: a filter without delay runs over the record in both directions. Does it use the
# future?</summary> Yes, about a second of it. For a Holter recording, which is read when it is complete, that is no
# harm. A monitor that decides at once cannot have it: there, a causal filter and its delay (lesson 02) have to be in
# training too.</details>
#
# ## 5 · A label for five seconds
#
# A window needs one label, but a rhythm does not ask where our windows begin. The **purity rule**: a window is called
# AF if at least 90 % of its samples lie in AF, normal if at least 90 % lie in normal sinus rhythm. All others are
# dropped: mixtures, other rhythms, time without annotation.

# %%
in_rhythm = {note: np.zeros(record.signals.shape[1], bool) for note in ("(N", "(AFIB")}
for start, stop, note in record.rhythms:
    if note in in_rhythm:
        in_rhythm[note][start:stop] = True
used = n_windows * length  # what is left over at the end is dropped
share = {note: inside[:used].reshape(n_windows, length).mean(axis=1) for note, inside in in_rhythm.items()}

near = np.arange(max(0, int(change_s // 5) - 6), min(n_windows, int(change_s // 5) + 7))
fig, ax = plt.subplots(figsize=(11, 3), layout="constrained")
for note, colour, name in (("(N", plots.BLUE, "normal sinus rhythm"), ("(AFIB", plots.ORANGE, "AF")):
    bottom = share["(N"][near] if note == "(AFIB" else 0
    ax.bar(5 * near + 2.5, share[note][near], 4.6, bottom=bottom, color=colour, label=name)
for k in near:
    given = "normal" if share["(N"][k] >= 0.9 else "AF" if share["(AFIB"][k] >= 0.9 else "dropped"
    ax.text(5 * k + 2.5, 1.03, given, ha="center", fontsize=8, weight="bold" if given == "dropped" else "normal")
ax.axhline(0.9, color="#555555", ls=":", lw=1)
ax.set(xlabel="time in the record (s)", ylabel="share of the window", ylim=(0, 1.15))
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
ax.set_title(f"record {record.name} ({label})", fontsize=9)
plt.show()
for purity in (0.6, 0.9, 1.0):
    kept = (share["(N"] >= purity) | (share["(AFIB"] >= purity)
    print(f"purity {purity:.1f}: {kept.sum():3d} of {n_windows} windows of this record kept")

# %% [markdown]
# Pure windows are also the easier ones: what happens *at* a change is not examined here. A report should say so, and
# how many windows were dropped.
#
# `data.load("mitdb")` did all this for every record: windows of two leads, 500 samples at 100 Hz, a label, and the
# patient, the record and the time of each. So that no patient counts far more because he has more usable windows, we
# take at most `PER_PATIENT` of each, drawn by chance.

# %%
rng = np.random.default_rng(SEED)
chosen = [rng.permutation(np.flatnonzero(patient_all == patient))[:PER_PATIENT] for patient in np.unique(patient_all)]
cohort = cohort.subset(np.sort(np.concatenate(chosen)))
windows, y, patients = np.array(cohort.signals), cohort.labels, cohort.subjects
af_patients = np.unique(patients[y == 1])
is_af_patient = np.isin(patients, af_patients)
print("windows", windows.shape, " (windows, leads, samples)")
people = np.unique(patients)
print(f"{100 * y.mean():.0f} % of the windows are AF; {len(af_patients)} of {len(people)} patients have any")
print(f"a detector that always says 'normal' has accuracy {1 - y.mean():.2f} and F1 {metrics.f1(y, 0 * y):.2f}")

# %% [markdown]
# ## 6 · A rare class
#
# The last line says why **accuracy** is no measure here: it can be high without finding anybody. It also warns of the
# loss: with few AF windows, a network gets far by saying "normal" quietly to all. Two remedies:
#
# - **Class weights.** Each window's loss is multiplied by a weight that is inversely proportional to how common its
#   class is, so that the weights of both classes add up to the same. With $n$ windows, $n_c$ of them of class $c$:
#   $w_c = n / (2 n_c)$; the mean weight of the windows is 1, and the size of the steps stays what it was.
# - **Focal loss** (Lin et al. 2017). Cross-entropy is $-\ln p$, where $p$ is the probability given to the *right*
#   class. A window with $p = 0.9$ is done, but a thousand of them still add up. The factor $(1 - p)^\gamma$ turns the
#   loss away from what is easy: with $\gamma = 2$, a window at $p = 0.9$ counts a hundredth.

# %%
p = np.linspace(0.01, 1, 300)
fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
for gamma, colour in ((0, plots.BLUE), (1, "#4a8f4a"), (2, plots.ORANGE), (4, "#8a5aa8")):
    axes[0].plot(p, (1 - p) ** gamma * -np.log(p), color=colour, label=f"γ = {gamma}")
axes[0].set(xlabel="probability given to the right class", ylabel="loss (nats)", ylim=(0, 4))
axes[0].legend()

p_right = np.repeat([0.95, 0.6, 0.7, 0.3], [800, 50, 100, 50])  # easy normal, hard normal, easy AF, hard AF
group = np.repeat([0, 1, 2, 3], [800, 50, 100, 50])
weight = np.where(group < 2, 1000 / (2 * 850), 1000 / (2 * 150))
losses = {"plain": -np.log(p_right)}
losses["class\nweights"] = weight * losses["plain"]
losses["focal,\nγ = 2"] = (1 - p_right) ** 2 * losses["plain"]
losses["both"] = weight * losses["focal,\nγ = 2"]
bottom = np.zeros(len(losses))
words = ("800 easy normal", "50 hard normal", "100 easy AF", "50 hard AF")
for which, (name, colour) in enumerate(zip(words, ("#9dbdd5", plots.BLUE, "#eec39a", plots.ORANGE), strict=True)):
    part = np.array([loss[group == which].sum() / loss.sum() for loss in losses.values()])
    axes[1].bar(list(losses), 100 * part, bottom=bottom, color=colour, label=name)
    bottom += 100 * part
axes[1].set(ylabel="part of the whole loss (%)", title="an example with 1,000 windows")
axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# Right: weights decide how much each *class* has to say, the focal factor how much the *hard* windows have to say.
# (With class weights AF has more than half of the loss here: the weights add up to the same, but its windows are
# harder.) Hard is not always useful: a wrong label is the hardest window of all. Which of them is better here? To
# tell, one would need more AF patients than there are: with a handful, a difference of 0.05 in F1 is luck. We take
# class weights, and leave $\gamma$ for you to try.

# %%
def weighted_loss(logits, labels, weights, gamma=0.0):
    """Mean loss of a batch: (n,) logits, (n,) labels 0 or 1, (2,) weights of the classes."""
    loss = nn.functional.binary_cross_entropy_with_logits(logits, labels.float(), reduction="none")  # = -ln p
    return (weights[labels] * (1 - torch.exp(-loss)) ** gamma * loss).mean()


# %% [markdown]
# <details><summary>Question: which weight does the rarer class get, and what happens if the two are
# exchanged?</summary> The larger one. Exchanged, the network is paid for saying "normal" even more than before:
# accuracy stays fine, and hardly any AF is found. Accuracy does not notice, F1 does.</details>
#
# ## 7 · A small network
#
# Four blocks as in lesson 03 (convolution, batch normalisation, ReLU, pooling, mostly over three steps), then
# **global average pooling**: the mean over time of each of the 64 channels. It asks "how much of this pattern is in
# the window?" and forgets where. 64 numbers remain; we call them the **features** of a window. One neuron weighs
# them.

# %%
def block(n_in, n_out, stride=1, pool=3):
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, 7, stride=stride, padding=3, bias=False),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
        nn.MaxPool1d(pool),
    )


class RhythmNet(nn.Module):
    """Two leads of 5 s to one logit: above 0 it leans to AF."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(block(2, 16, stride=2, pool=2), block(16, 32), block(32, 32), block(32, 64))
        self.dropout, self.out = nn.Dropout(0.3), nn.Linear(64, 1)

    def features(self, x):
        return self.blocks(x).mean(dim=2)  # (windows, 64, steps) -> (windows, 64)

    def forward(self, x):
        return self.out(self.dropout(self.features(x)))[:, 0]


h, sees, step = torch.as_tensor(windows[:4]), 1, 1  # step: samples from one answer to the next
for layer in RhythmNet().eval().blocks:
    h, conv, pool = layer(h), layer[0], layer[3]
    sees, step = sees + 6 * step, step * conv.stride[0]  # a kernel of 7 adds 6 steps of the layer below
    sees, step = sees + (pool.kernel_size - 1) * step, step * pool.kernel_size
    print(f"after a block {tuple(h.shape)}   one answer sees {sees / cohort.fs:.2f} s")
print(f"{sum(weight.numel() for weight in RhythmNet().parameters()):,} parameters")

# %%
def fit(x, labels, seed):
    """A network that has learnt from windows x (n, 2, 500) and labels (n,)."""
    torch.manual_seed(seed)
    net, shuffle = RhythmNet(), torch.Generator().manual_seed(seed)
    x, labels = torch.as_tensor(x), torch.as_tensor(labels)
    weights = len(labels) / (2 * torch.bincount(labels, minlength=2).clamp(min=1))
    optimiser = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=STEPS)
    queue = torch.zeros(0, dtype=torch.long)
    for _ in range(STEPS):
        if len(queue) < 64:
            queue = torch.cat([queue, torch.randperm(len(x), generator=shuffle)])
        batch, queue = queue[:64], queue[64:]
        sign = 1.0 - 2.0 * torch.randint(0, 2, (64, 1, 1), generator=shuffle)  # which way up does not matter
        loss = weighted_loss(net(sign * x[batch]), labels[batch], weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def asked(part, x):
    """What a network, or its method `features`, says of all windows, in pieces of 256."""
    with torch.no_grad():
        return torch.cat([part(torch.as_tensor(x[k : k + 256])) for k in range(0, len(x), 256)]).numpy()


# %% [markdown]
# ## 8 · The examination, by patient
#
# **Group cross-validation**: patients are dealt out like cards, those with AF first, so that every hand gets some.
# In each round one hand is examined by a network that learnt from the others. Every patient is examined once, by a
# network that has never met him.

# %%
def dealt_by_patient(seed):
    """(n,) the hand of each window; all windows of a patient are in one hand."""
    people, first_row = np.unique(patients, return_index=True)
    shuffled = np.random.default_rng(seed).permutation(len(people))
    order = shuffled[np.argsort(~is_af_patient[first_row[shuffled]], kind="stable")]  # AF first, each kind by chance
    hand = np.empty(len(people), int)
    hand[order] = np.arange(len(people)) % K
    return hand[np.searchsorted(people, patients)]


def cross_validated(hands):
    """(n,) logits, each from a network that learnt from the other hands; and the networks."""
    logits, nets = np.zeros(len(y), np.float32), []
    for k in tqdm(range(K), desc="rounds", leave=False):
        test = hands == k
        nets.append(fit(windows[~test], y[~test], SEED))
        logits[test] = asked(nets[-1], windows[test])
    return logits, nets


K = min(HANDS, len(af_patients))
by_patient = dealt_by_patient(SEED)
logits, nets = cross_validated(by_patient)
called = (logits >= 0).astype(int)  # a logit of 0 is a probability of 0.5

counts = metrics.confusion(y, called)
print(f"dealt by patient ({label})")
of_normal, of_af = counts.sum(axis=1)
print(f"   {counts[1, 1]} of {of_af} AF windows found, {counts[0, 1]} of {of_normal} normal windows called AF")
print(f"   accuracy {metrics.accuracy(y, called):.2f}, ROC AUC {metrics.roc_auc(y, logits):.3f}")
found_share, right_share = metrics.sensitivity(y, called), metrics.ppv(y, called)
print(f"   sensitivity {found_share:.2f}, PPV {right_share:.2f}: F1 {metrics.f1(y, called):.2f}")

# %% [markdown]
# Two questions matter for a rare finding. Of what is AF, how much is found (**sensitivity**, also called *recall*)?
# Of what is called AF, how much is right (**PPV**, also called *precision*)? **F1** is their harmonic mean: it is
# only high when both are. Normal windows that are called normal, which make accuracy look so good, play no part in
# it.
#
# Both depend on the threshold. Let it run from high to low and draw one against the other: the **precision-recall
# curve**. The area below it is the *average precision*. Whoever guesses gets the dotted line: the share of AF. That
# is the difference to the ROC curve, where guessing is always 0.5, however rare the finding.

# %%
guess = y.mean()
precision, recall, _ = precision_recall_curve(y, logits)
fig, axes = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
plots.roc(y, {f"network: area {metrics.roc_auc(y, logits):.2f}": logits}, ax=axes[0])
area = average_precision_score(y, logits)
axes[1].plot(recall[:-1], precision[:-1], color=plots.BLUE, label=f"network: area {area:.2f}")
axes[1].plot(found_share, right_share, "o", color=plots.BLUE, label="threshold 0.5")
axes[1].axhline(guess, color="#999999", ls=":", label=f"guessing: {guess:.2f}")
rarer = 0.02  # if only this share of all windows were AF: false alarms weigh so many times more
factor = (1 - rarer) / rarer / ((1 - guess) / guess)
kept = (precision > 0) & (recall > 0)
axes[1].plot(recall[kept], 1 / (1 + factor * (1 / precision[kept] - 1)), color=plots.ORANGE, label="if 2 % were AF")
axes[1].set(xlabel="recall: sensitivity (AF found)", ylabel="precision: PPV (alarms that are right)", ylim=(0, 1.02))
axes[1].legend(fontsize=8)
fig.suptitle(f"dealt by patient ({label})", fontsize=9)
plt.show()

# %% [markdown]
# A curve that starts low on the left says that the network's *surest* alarms are false ones: some patients without AF
# look to it more like AF than AF does. The orange curve is the same network on a population in which AF is rarer. ROC
# would not change at all; the alarms become mostly false. A precision, and so an F1, belongs to the share of AF it was
# measured at.
#
# ## 9 · The same network, dealt otherwise
#
# Now what one finds so often: *"the windows were divided at random into training and test"*. Network, windows,
# training, number of rounds: all stay. Only the dealing changes. And a third way, which seems careful: each patient's
# recording is divided in time, into as many stretches as there are hands; one is examined, and hardly any test window
# has its direct neighbours in training.

# %%
by_window = np.random.default_rng(SEED).permutation(len(y)) % K
by_stretch = np.zeros(len(y), int)
for patient in np.unique(patients):
    mine = np.flatnonzero(patients == patient)
    in_time = mine[np.lexsort((cohort.columns["start_s"][mine], cohort.columns["record"][mine]))]
    by_stretch[in_time] = np.arange(len(mine)) * K // len(mine)

ways = {"by window": by_window, "by stretch of time": by_stretch, "by patient": by_patient}
axes = diagrams.folds(ways, patients)
axes[-1].set_xlabel("window, patient after patient (white lines); one colour is one hand, which is examined together")
axes[0].set_title(label, fontsize=9, loc="right")
plt.show()

# %%
result = {"by patient": logits}
for way in ("by window", "by stretch of time"):
    result[way], _ = cross_validated(ways[way])

print(f"{'dealt':20s} {'F1':>6s} {'average precision':>18s} {'ROC AUC':>8s} {'accuracy':>9s}   ({label})")
for way in ways:
    z, said = result[way], (result[way] >= 0).astype(int)
    print(f"{way:20s} {metrics.f1(y, said):6.3f} {average_precision_score(y, z):18.3f} {metrics.roc_auc(y, z):8.3f} "
          f"{metrics.accuracy(y, said):9.3f}")
f1_of = {way: metrics.f1(y, (z >= 0).astype(int)) for way, z in result.items()}
print(f"gap of F1 between the first and the last: {f1_of['by window'] - f1_of['by patient']:+.2f}")

# %%
fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for place, (way, colour) in enumerate(zip(ways, (plots.ORANGE, "#8a5aa8", plots.BLUE), strict=True)):
    z = result[way]
    folds = [metrics.f1(y[ways[way] == k], (z[ways[way] == k] >= 0).astype(int)) for k in range(K)]
    axes[0].bar(place, f1_of[way], color=colour, alpha=0.35, width=0.6)
    axes[0].plot(np.full(K, place), folds, "o", color=colour)
    axes[0].text(place + 0.33, f1_of[way], f"{f1_of[way]:.2f}", va="center", fontsize=9)
    precision, recall, _ = precision_recall_curve(y, z)
    axes[1].plot(recall[:-1], precision[:-1], color=colour, label=way)
axes[0].set_xticks(range(3), list(ways))
axes[0].set(ylabel="F1 (bar: all windows; dots: each round)", ylim=(0, 1.05), xlim=(-0.5, 2.7))
axes[1].axhline(guess, color="#999999", ls=":", label="guessing")
axes[1].set(xlabel="recall: sensitivity", ylabel="precision: PPV", ylim=(0, 1.02))
axes[1].legend(title="dealt", fontsize=8)
fig.suptitle(f"the same network, three ways to deal ({label})", fontsize=9)
plt.show()

# %% [markdown]
# A patient who walks in tomorrow is in nobody's training set. The blue number is about him; the orange one is about
# patients whose diagnosis we already know. Cutting in time hardly helps: it is not the neighbouring window that gives
# the answer away, it is the person.
#
# ## 10 · Why: the network knows whom it sees
#
# ### The nearest acquaintance
#
# Take a window. Which *training* window is most like it, for the network (least distance between their 64 features)?
# We ask twice: when windows were dealt, and when patients were. The features are those of a network that never met
# the patients shown.

# %%
test = by_patient == 0
features = asked(nets[0].features, windows)
features = (features - features[~test].mean(axis=0)) / (features[~test].std(axis=0) + 1e-6)
nearest = {}
for way in ("by window", "by patient"):
    nearest[way] = np.zeros(len(y), int)
    for k in range(K):
        rest = np.flatnonzero(ways[way] != k)
        found = NearestNeighbors(n_neighbors=1).fit(features[rest]).kneighbors(features[ways[way] == k])[1][:, 0]
        nearest[way][ways[way] == k] = rest[found]
apart = np.linalg.norm(features - features[nearest["by window"]], axis=1)
same = patients[nearest["by window"]] == patients
print(f"dealt by window: {100 * same.mean():.0f} % of the nearest training windows are of the same patient")

fig, axes = plt.subplots(2, 3, figsize=(12, 4.6), layout="constrained")
for row, kind in zip(axes, (0, 1), strict=True):
    could = np.flatnonzero(test & same & (y == kind))  # of these, one whose nearest window is nearer than most
    k = rng.choice(could[apart[could] <= np.quantile(apart[could], 0.3)])
    trio = {"test window": k} | {f"nearest, {way}": nearest[way][k] for way in ("by window", "by patient")}
    for ax, (what, index) in zip(row, trio.items(), strict=True):
        plots.ecg_strip(windows[index, 0], cohort.fs, seconds=5, ax=ax, unit="SD of the lead")
        ax.set_title(f"{what}: {patients[index]}, {('normal', 'AF')[y[index]]}", fontsize=10)
fig.suptitle(label, fontsize=9)
plt.show()

# %% [markdown]
# The middle column is the same heart: the same shape of the QRS complex and of the T wave, the same electrodes. (We
# drew from test windows with a close neighbour of their own patient; you read above how many have one.) Whoever has
# seen it in training, with its label, need not look for P waves.
#
# ### A probe: can the features tell who it is?
#
# A **probe** is a simple model that is trained on the features of a finished network, to find out what they hold.
# Ours has to name the patient. It learns from half of each patient's windows and is asked about the others. Nobody
# taught the network to recognise people; it learnt to tell AF from normal.

# %%
learn = np.zeros(len(y), bool)
for patient in people:
    mine = rng.permutation(np.flatnonzero(patients == patient))
    learn[mine[: len(mine) // 2]] = True
probe = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(features[learn], patients[learn])
named = probe.predict(features[~learn])
right = named == patients[~learn]
common = max(np.mean(patients[~learn] == patient) for patient in people)
print(f"{100 * right.mean():.0f} % of the windows are given to the right one of {len(people)} patients; "
      f"always naming the commonest: {100 * common:.0f} %")
print(f"patients that this network had never met: {100 * right[test[~learn]].mean():.0f} %")

table = np.array([[np.sum(named[patients[~learn] == a] == b) for b in people] for a in people])
fig, ax = plt.subplots(figsize=(5.8, 5), layout="constrained")
shade = ax.imshow(100 * table / table.sum(axis=1, keepdims=True).clip(min=1), cmap="Blues", vmin=0, vmax=100)
ax.set_xticks(range(len(people)), people, rotation=90, fontsize=7)
ax.set_yticks(range(len(people)), people, fontsize=7)
ax.set(xlabel="patient named by the probe", ylabel="patient")
fig.colorbar(shade, ax=ax, label="windows of the patient (%)", shrink=0.8)
ax.set_title(f"who is it? ({label})", fontsize=9)
plt.show()

# %% [markdown]
# ### A disease that does not exist
#
# The hardest test of a way to split: give it nothing to find. We make up a disease. A coin decides for every
# *patient* whether he has it, and all his windows get that label. No ECG can show it. Ten such diseases; each is
# looked for by a simple model on the features, dealt both ways; and one of them by our network, trained from scratch.

# %%
made_up = {"by window": [], "by patient": []}
for _ in range(10):
    ill_people = rng.permutation(len(people)) < len(people) // 2
    ill = ill_people[np.searchsorted(people, patients)].astype(int)
    for way, scores in made_up.items():
        z = np.zeros(len(y))
        for k in range(K):
            rest = ways[way] != k
            z[~rest] = RidgeClassifier().fit(features[rest], ill[rest]).decision_function(features[~rest])
        scores.append(metrics.roc_auc(ill, z))
found = by_window == 0
network_auc = metrics.roc_auc(ill[found], asked(fit(windows[~found], ill[~found], SEED), windows[found]))

fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for place, (way, colour) in enumerate((("by patient", plots.BLUE), ("by window", plots.ORANGE))):
    ax.plot(made_up[way], place + 0.06 * rng.standard_normal(10), "o", color=colour, alpha=0.7)
    print(f"made-up diseases, dealt {way}: mean ROC AUC {np.mean(made_up[way]):.2f}")
ax.plot(network_auc, 1, "*", color="black", ms=14, label=f"our network on the last of them: {network_auc:.3f}")
ax.axvline(0.5, color="#999999", ls=":")
ax.set_yticks([0, 1], ["dealt by patient", "dealt by window"])
ax.set(xlabel="ROC AUC of diseases that do not exist", xlim=(0, 1.02), ylim=(-0.5, 1.5))
ax.legend(loc="lower left", fontsize=8)
ax.set_title(label, fontsize=9)
plt.show()

# %% [markdown]
# Dealt by window, a disease that nobody has is found: by the simple model mostly, by our network nearly without fault
# (star). That is what the result "by window" is made of: in this database most patients are nearly always in one
# rhythm, so to know the person is to know the label. Dealt by patient, the made-up diseases lie around 0.5, on average
# somewhat below (if the test hand has many of the ill, the other hands have fewer, and the model leans the wrong way),
# and scatter widely: with so few patients, chance alone goes far in both directions. Remember that when somebody shows
# you an AUC of 0.7 from twenty patients.
#
# <details><summary>Question: a paper has 100,000 windows of 20 patients, dealt by window, and F1 0.99. Would ten
# times as many windows of the same patients help?</summary> The number would rise further. It says how well the
# network knows 20 people. Ten times as many <i>patients</i> would help.</details>
#
# ## 11 · Leaks that a split by patient does not close
#
# Ask of every number in your pipeline: **could it have been computed before the test patient walked in?**
#
# ### The threshold
#
# A threshold is a choice, and a choice needs data: other patients than those who are examined. Four ways:
#
# 1. no choice: 0.5;
# 2. one hand is set aside for validation: the network learns from the others, the threshold is the one with the best
#    F1 on the hand set aside, and this network with this threshold judges the test hand;
# 3. an inner round: all other hands are used. Each is judged by a network that has met neither it nor the test hand;
#    all these scores together give the threshold, for the network of section 8. That takes one network for each pair
#    of hands left out;
# 4. forbidden: the threshold with the best F1 on the test patients themselves.
#
# Setting a hand aside costs something before any threshold is chosen: the network learns from fewer patients. To see
# both effects apart, the table also has that smaller network with 0.5.

# %%
def best_threshold(labels, z):
    precision, recall, thresholds = precision_recall_curve(labels, z)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return thresholds[np.argmax(f1[:-1])]


inner = np.zeros((K, len(y)), np.float32)  # inner[k]: networks that met neither hand k nor the window's own
pairs = [(j, k) for k in range(K) for j in range(k)]
for j, k in tqdm(pairs, desc="pairs of hands left out", leave=False):
    rest = (by_patient != j) & (by_patient != k)
    net = fit(windows[rest], y[rest], SEED)
    inner[k, by_patient == j] = asked(net, windows[by_patient == j])
    inner[j, by_patient == k] = asked(net, windows[by_patient == k])

smaller = np.zeros(len(y), np.float32)  # each window by the network that also had the next hand left out
cut = {"0.5": np.zeros(K), "inner round": np.zeros(K), "0.5, learnt from less": np.zeros(K)}
cut |= {"one hand set aside": np.zeros(K), "test patients": np.zeros(K)}
for k in range(K):
    aside, tested = by_patient == (k + 1) % K, by_patient == k
    smaller[tested] = inner[(k + 1) % K, tested]  # this network met neither hand k nor the one set aside
    cut["one hand set aside"][k] = best_threshold(y[aside], inner[k, aside])
    cut["inner round"][k] = best_threshold(y[~tested], inner[k, ~tested])
cut["test patients"][:] = best_threshold(y, logits)
f1_cut = {}
print(f"{'threshold chosen on':22s} F1     threshold in each round (probability)   ({label})")
for name, values in cut.items():
    z = smaller if name in ("0.5, learnt from less", "one hand set aside") else logits
    f1_cut[name] = metrics.f1(y, (z >= values[by_patient]).astype(int))
    shown = "  ".join(f"{value:.2f}" for value in 1 / (1 + np.exp(-values)))
    print(f"{name:22s} {f1_cut[name]:.2f}   {shown}" + "   <- a leak" * (name == "test patients"))

# %% [markdown]
# Look at the thresholds of "one hand set aside": they jump, because a hand holds few patients with AF, some but one.
# The inner round uses all others, and still differs from round to round. Compare each F1 with that of 0.5 and the same
# networks: a choice made on a handful of patients can do harm. The last line is what one gets by "optimising the
# threshold" without saying on whom. Which of the honest ways to use must not be decided by this table either, because
# these are the test patients: we stay with 0.5, which was fixed before anything was seen.
#
# ### Normalisation
#
# To scale a signal one computes something, and the question is again: from what, and when?
#
# | computed from | is it a leak? |
# |---|---|
# | all recordings together, test patients included | yes. Often small, always unnecessary: use the training patients |
# | this record, all of it (`mitdb.prepare`) | it knows the future: right for a Holter, wrong for a monitor |
# | this record's past, such as its first minute (the assignment does this) | no |
# | this record's *normal* windows | always: nobody knows which they are before the diagnosis |
#
# The second line, seen. Our windows are in units of the whole record's typical spread. What would a monitor have
# used, that knows only the time so far? (The curves are of windows with a label. Where much of a record has none, such
# as other rhythms, they need not end at 1.)

# %%
full = data.load("mitdb", source=SOURCE)
spread_all = np.array([window[0].std() for window in full.signals])
drift = {}
for name in np.unique(full.columns["record"]):
    spread = spread_all[full.columns["record"] == name]
    if len(spread) >= 20:
        so_far = np.array([np.median(spread[: k + 1]) for k in range(len(spread))])
        drift[name] = full.columns["start_s"][full.columns["record"] == name] / 60, so_far
most = sorted(drift, key=lambda name: -np.abs(np.log(drift[name][1][10:] + 1e-3)).max())[:4]
fig, ax = plt.subplots(figsize=(9, 3), layout="constrained")
for name in most:
    ax.plot(*drift[name], label=f"record {name}")
ax.axhline(1, color="#999999", ls=":", label="scale of the whole record")
ax.set(xlabel="time in the record (minutes)", ylabel="scale from the past\n(whole record = 1)")
ax.set_title(f"the four records with the largest drift ({label})", fontsize=9)
ax.legend(fontsize=8, ncols=2)
plt.show()

# %% [markdown]
# And the last line of the table, measured. "Relative to the patient's own normal rhythm" sounds like good medicine.
# We take the network's scores and move each patient's scores so that their middle (median) is 0: once the middle of
# all his windows, once of those that are labelled normal (whoever has none of these stays where he is).

# %%
moved = {"as they are": logits.copy(), "minus his median": logits.copy(), "minus his median when normal": logits.copy()}
for patient in people:
    mine = patients == patient
    moved["minus his median"][mine] -= np.median(logits[mine])
    if (y[mine] == 0).any():
        moved["minus his median when normal"][mine] -= np.median(logits[mine & (y == 0)])
for name, z in moved.items():
    print(f"{name:30s} ROC AUC {metrics.roc_auc(y, z):.3f}   average precision {average_precision_score(y, z):.3f}")

# %% [markdown]
# The last line has used the labels of the test patients, one by one: whoever alarms all the time is moved down until
# the alarms stop. See how far it is ahead of the line above it, which does the same without labels: no detector has
# become better. The line above is honest, and shows another trap: if somebody fibrillates all the time, AF *is* his
# usual state, and taking it away takes the finding away.
#
# Others of the kind: windows that **overlap** and fall on two sides; **augmented copies** made before the split; the
# best of twenty networks, or the best epoch, chosen **by the test result**; features selected on all patients;
# records taken for patients. In each case something of the test patients decided something before the test.
#
# ## 12 · One number per patient
#
# A pooled F1 adds up all windows of all people and says nothing about any one. Ask each patient instead. F1 needs AF,
# so it is for the AF patients; for the others we count false alarms, which no F1 of an AF patient contains: **read both
# panels together**. The bars are 95 % intervals by the bootstrap, from drawing whole *minutes* again, because the
# windows of one minute go right or wrong together. (Draws without any AF have no F1 and are left out.)

# %%
when = zip(cohort.columns["record"], cohort.columns["start_s"], strict=True)
minute = np.array([f"{name}, minute {start // 60:.0f}" for name, start in when])


def f1_with_interval(mine, said):
    """F1 of the windows `mine`, and a 95 % interval from drawing whole minutes."""
    _, number = np.unique(minute[mine], return_inverse=True)
    outcome = np.stack([(y & said)[mine], (said & ~y & 1)[mine], (y & ~said & 1)[mine]])  # found, false alarm, missed
    counts = np.stack([np.bincount(number, weights=row) for row in outcome], axis=1)  # (minutes, 3)
    again = np.random.default_rng(SEED).integers(len(counts), size=(1000, len(counts)))
    tp, fp, fn = np.concatenate([counts.sum(axis=0)[None], counts[again].sum(axis=1)]).T
    f1 = 2 * tp / np.maximum(2 * tp + fp + fn, 1)
    return f1[0], *np.quantile(f1[1:][(tp + fn)[1:] > 0], [0.025, 0.975])


per_patient = {patient: f1_with_interval(patients == patient, called) for patient in af_patients}
without = [patient for patient in people if patient not in af_patients]
alarms = {patient: 720 * called[patients == patient].mean() for patient in without}  # 720 windows are an hour

fig, axes = plt.subplots(1, 2, figsize=(12, 1.6 + 0.2 * max(len(without), 10)), layout="constrained")
for place, patient in enumerate(sorted(per_patient, key=lambda p: per_patient[p][0])):
    value, low, high = per_patient[patient]
    axes[0].plot([low, high], [place, place], color=plots.BLUE, lw=2)
    axes[0].plot(value, place, "o", color=plots.BLUE)
    n_af = y[patients == patient].sum()
    axes[0].text(1.06, place, f"{patient}: {n_af} AF of {np.sum(patients == patient)}", va="center", fontsize=8)
axes[0].set(xlim=(-0.03, 1.45), xlabel="F1 of the patient", ylabel="patients with AF", yticks=[])
axes[0].set_xticks(np.arange(0, 1.01, 0.2))
for place, patient in enumerate(sorted(alarms, key=alarms.get)):
    axes[1].plot(alarms[patient], place, "o", color=plots.ORANGE)
axes[1].set_yticks(range(len(without)), sorted(alarms, key=alarms.get), fontsize=7)
axes[1].set(xlim=(-15, 735), xlabel="windows called AF per hour (of 720)", ylabel="patients without AF")
axes[1].yaxis.labelpad = 14
fig.suptitle(f"one dot per patient ({label})", fontsize=9)
plt.show()

# %%
values = np.array([value for value, _, _ in per_patient.values()])
means = np.random.default_rng(SEED).choice(values, (4000, len(values))).mean(axis=1)
pooled = metrics.bootstrap_interval(metrics.f1, y, called, groups=patients, seed=SEED)
by_single_windows = metrics.bootstrap_interval(metrics.f1, y, called, seed=SEED)
print(f"mean F1 of {len(values)} patients with AF: {values.mean():.2f} "
      f"(95 % interval {np.quantile(means, 0.025):.2f} to {np.quantile(means, 0.975):.2f}, patients drawn again)")
print(f"pooled F1 of all windows: {pooled[0]:.2f} (patients drawn again: {pooled[1]:.2f} to {pooled[2]:.2f}; "
      f"windows drawn again: {by_single_windows[1]:.2f} to {by_single_windows[2]:.2f}, far too sure of itself)")
print(f"patients without AF: none called in {sum(v == 0 for v in alarms.values())} of {len(alarms)}; "
      f"the worst: {max(alarms.values()):.0f} of 720 windows per hour")
of_af = np.isin(patients, af_patients)
print(f"pooled F1 of the patients with AF alone: {metrics.f1(y[of_af], called[of_af]):.2f}. False alarms: "
      f"{np.sum(called[of_af] > y[of_af])} in patients with AF, {np.sum(called[~of_af])} in patients without")
print("patient   F1    sensitivity  PPV    share of AF   F1 of always saying AF")
for patient in sorted(per_patient, key=lambda p: per_patient[p][0]):
    his, said = y[patients == patient], called[patients == patient]
    print(f"{patient:>7s}   {per_patient[patient][0]:.2f}  {metrics.sensitivity(his, said):8.2f} "
          f"{metrics.ppv(his, said):9.2f} {his.mean():9.2f} {metrics.f1(his, np.ones_like(his)):14.2f}")

# %% [markdown]
# The picture is not "good in general with some noise": patients differ far more than chance within a patient does. A
# low F1 has two causes, which the table tells apart: AF that was missed (sensitivity), or alarms in this patient's
# normal rhythm (PPV). Of the patients without AF some raise hardly any alarm, and there is one whose alarm hardly ever
# stops. The mean F1 hides all this, and it contains no alarm of a patient without AF: the pooled F1 does, and is lower
# for it.
#
# As in section 8, an F1 belongs to its share of AF, and the shares go from a few per cent to all. Whoever is always in
# AF gets 1.00 from a detector that always says AF (last column): his F1 is only as good as it is above that.
#
# **What the interval means.** Had we met other patients of the same kind, the mean would have come out somewhere in
# there. It is wide because the patients are few, and with a handful the bootstrap is even too narrow. It says nothing
# about other recorders, other hospitals or other rhythms. The interval from single windows answers a question that
# nobody asked: other *minutes of the same patients*.
#
# ## 13 · Read the mistakes
#
# The most confident mistakes, one for each patient, drawn on paper from the record itself. The white part is the
# window that was judged; what is grey the network could not see. Triangles are annotated beats. Judge each strip
# first without the title.

# %%
wrongness = np.where(y == 1, -logits, logits)
worst = [np.flatnonzero(patients == p)[np.argmax(wrongness[patients == p])] for p in people]
by_kind = [sorted((k for k in worst if y[k] == kind), key=lambda k: -wrongness[k])[:2] for kind in (1, 0)]
by_kind = [k for kind in by_kind for k in kind if wrongness[k] > 0]

rows = max(1, len(by_kind))
fig, axes = plt.subplots(rows, 1, figsize=(12, 2.3 * rows), layout="constrained", squeeze=False)
for ax, k in zip(axes[:, 0], by_kind, strict=False):
    one = mitdb.read_record(folder, str(cohort.columns["record"][k]))
    lead = signals.filtered(np.nan_to_num(one.signals[0].astype(float)), one.fs, low=0.5, high=40.0)
    start = float(cohort.columns["start_s"][k])
    begin = float(np.clip(start - 3, 0, len(lead) / one.fs - 11))
    plots.ecg_strip(lead, one.fs, start_s=begin, seconds=11, ax=ax, unit="mV", marks=one.beats[0] / one.fs)
    if ax.get_legend():
        ax.get_legend().remove()
    for a, b in ((begin, start), (start + 5, begin + 11)):
        ax.axvspan(a, b, color="#777777", alpha=0.18, lw=0)
    ax.set_title(f"{label}, patient {patients[k]}, lead {one.leads[0]}: annotated {('normal', 'AF')[y[k]]}, "
                 f"network {100 / (1 + np.exp(-logits[k])):.0f} % AF", fontsize=10)
plt.show()

# %% [markdown]
# Things to look for, which are common in both kinds of mistake:
#
# - **AF that looks regular.** Five seconds hold few beats, at a slow rate five or six. By chance they may come evenly;
#   in AF with a complete block of the atrioventricular node, or with a pacemaker, they always do. And where f-waves are
#   fine, nothing in the window says AF.
# - **Normal rhythm that looks irregular**: early beats, breathing, bigeminy; or a P wave so small that it drowns.
# - **Unknown shapes.** A kind of QRS complex that no training patient had, or only one with AF had. Then the network
#   judges the person, not the rhythm. That is the other side of section 10.
# - **Doubtful labels.** Also annotators make mistakes, and a rhythm is annotated at its first beat, not where it
#   starts.
#
# ## 14 · What helps: the right question, and more of the rhythm
#
# A cardiologist would ask for a longer strip; guidelines ask for 30 s of one lead (Hindricks et al. 2021). `evidence`
# measures, in the half minute around each window and without using any annotation, what *defines* AF: how far
# successive RR intervals differ (three numbers), how many beats have another shape (one), and how alike the signal
# before each QRS complex is, which is high where there are P waves (two). A logistic regression weighs these six
# numbers. Same hands, same patients. Two things then differ from our network: what is measured, and for how long. So
# there is a row between: the same six numbers from the five seconds of the window alone.

# %%
def weighed(numbers):
    """Logits of a logistic regression on (n, 6) numbers, dealt both ways; a missing number becomes the mean."""
    found = {}
    for way in ("by window", "by patient"):
        found[way] = np.zeros(len(y))
        for k in range(K):
            rest = ways[way] != k
            model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(class_weight="balanced"))
            found[way][~rest] = model.fit(numbers[rest], y[rest]).decision_function(numbers[~rest])
    return found


six_logits = weighed(evidence.of_cohort(folder, cohort))
short_logits = weighed(evidence.of_cohort(folder, cohort, context_s=5.0))
for name, of_way in (("network, 5 s", result), ("six numbers, 5 s", short_logits), ("six numbers, 30 s", six_logits)):
    scores = [f"{metrics.f1(y, (of_way[way] >= 0).astype(int)):.2f} dealt {way}" for way in six_logits]
    print(f"{name:18s} F1 {', '.join(scores)}   ({label})")

six_called = (six_logits["by patient"] >= 0).astype(int)
six_f1 = {patient: f1_with_interval(patients == patient, six_called) for patient in af_patients}
fig, ax = plt.subplots(figsize=(8, 1.3 + 0.35 * len(af_patients)), layout="constrained")
for place, patient in enumerate(sorted(per_patient, key=lambda p: per_patient[p][0])):
    both = ((per_patient, plots.BLUE, -0.12, "network, 5 s"), (six_f1, plots.ORANGE, 0.12, "six numbers, 30 s"))
    for table_of, colour, shift, name in both:
        value, low, high = table_of[patient]
        ax.plot([low, high], [place + shift] * 2, color=colour, lw=2)
        ax.plot(value, place + shift, "o", color=colour, label=name if place == 0 else None)
ax.set_yticks(range(len(per_patient)), sorted(per_patient, key=lambda p: per_patient[p][0]))
ax.set(xlabel="F1 of the patient", ylabel="patient", xlim=(-0.03, 1.03))
ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
ax.set_title(label, fontsize=9)
plt.show()

# %% [markdown]
# Compare the columns. By window there is little between the network and the numbers of half a minute, and those of
# five seconds are behind the network, since it knows its patients. By patient, six numbers that mean the same in
# everybody are ahead of thousands of weights, even with no more than the same five seconds: they had little to gain
# from knowing the person, so they lose little without. The longer stretch then helps them further. (Not in everybody:
# look for a patient in whom they do worse. In half a minute a short run of AF is diluted.) A comparison by window
# could not have told which method to take. Where a network can learn from half a minute, from many hundreds of
# patients with AF, or both, it can do better than such numbers; `physiodl.arrhythmia` has one that adds this evidence
# to the shape of the window.
#
# <details><summary>Question: is this result free of leaks? Who chose the six numbers, and having seen what?</summary>
# Fair enough: whoever designs features with a famous database at hand, and keeps what works there, has let its
# patients into the design. The split by patient cannot see that. Only recordings that nobody looked at before can.
# The same holds for every network architecture that was chosen because it does well on a public database.</details>
#
# ## 15 · Where such a detector must not be used
#
# - **As a diagnosis.** A clinician confirms AF on a tracing. This detector knows two answers and has been asked only
#   where one of the two is right.
# - **On rhythms it was never shown.** Flutter, blocks, paced rhythms and mixtures were dropped. It will call them
#   something.
# - **On other patients than the database's.** MIT-BIH was recorded in one city in the late 1970s, and part of it was
#   chosen *because* of rare arrhythmias (Moody and Mark 2001). How common AF is in it says nothing about any
#   population.
# - **If trained on simulated recordings: nowhere but in this course.**
#
# ## Take away
#
# - Read leads by name, rhythms from annotation to annotation, patients from the description. Filter first, then cut.
# - A rare class: weigh the loss, report F1 or the precision-recall curve, and the share of AF they belong to.
# - Dealt by window, a network is examined on people it knows; even a disease that does not exist is then "found".
#   Deal patients. Choose threshold, scale, epoch and features without the test patients.
# - A handful of AF patients is a handful, however many windows they fill. Show every patient; draw patients, not
#   windows, for an interval.
# - Compare with numbers that mean something. A network has to beat them by patient.
#
# ## Where next
#
# Open `assignments/04_arrhythmia/04_arrhythmia.ipynb`: there you build this way yourself, from the files to the
# result per patient, and measure the leak. Lesson 05 goes on to whole nights, and deals by sleeper.
#
# **Sources.** Moody and Mark 2001 for the database, Goldberger et al. 2000 for PhysioNet and WFDB; de Chazal et al.
# 2004 for the usual division of its records; Lin et al. 2017 for the focal loss; Alain and Bengio 2016 for probes;
# Saito and Rehmsmeier 2015 for precision-recall with rare classes; Hindricks et al. 2021 for AF; Efron 1979 for the
# bootstrap.
