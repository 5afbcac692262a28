# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 03 · Atrial fibrillation in a one-lead ECG
#
# A hand-held recorder, two thumbs, thirty seconds: is the rhythm normal, or are the atria fibrillating? You will look at
# such recordings until you can tell, let a few numbers tell, and then train a small convolutional network, see whether it does better
# than the numbers, and find out where it is wrong.
#
# **What you will learn**
#
# - what atrial fibrillation (AF) changes in an ECG: the P wave, the baseline, the RR intervals;
# - how to cut recordings into a training, a validation and a test set when some are copies of others;
# - a simple baseline that a network has to beat;
# - a one-dimensional convolutional network, step by step, its training, and the choices behind it;
# - what accuracy and ROC AUC say, how sure they are, and how a threshold follows from the price of a mistake;
# - why a larger network that was published for these data learns them by heart.
#
# **What you need.** NumPy and Matplotlib; having seen a PyTorch layer and a loss before. Terms of cardiology are explained, terms of
# deep learning in one line each; the path of the course (`00_start_here`) says which lessons go deeper.
#
# **Time.** Reading 90 minutes; computing about 2 minutes on two CPU cores (5 with `BUDGET = "full"`).
#
# **Data.** One-lead ECG in the form of [Zenodo record 15302489](https://zenodo.org/records/15302489). Unless you have
# fetched it (`python data_fetch.py af` in a terminal), the recordings are **simulated**: made by formulas, as hard as the
# real task, but not from people.

# %% tags=["parameters"]
SOURCE = "auto"  # "auto": real recordings if they were fetched, else simulated; or "real", "simulated"
BUDGET = "default"  # "ci": quicker, rougher; "full": longer training
SEED = 0

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import signal
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from tqdm.auto import tqdm

from physiodl import data, ecg, metrics, plots, splits

torch.set_num_threads(min(2, torch.get_num_threads()))
EPOCHS = {"ci": 6, "default": 18, "full": 40}[BUDGET]

recordings = data.load("af", source=SOURCE)
label = "SIMULATED ECG, not from people" if recordings.source == "simulated" else recordings.citation
print(recordings)
print(label)

# %% [markdown]
# ## 1 · Look first
#
# Each row of `recordings.signals` is one recording. Here are three of each kind, eight seconds long. Cover the titles and
# try to find what the lower three share. Two things to overlook at first: some recordings stand on their head (the recorder was held the
# other way round), and some have single early, broad beats, which anybody may have.

# %%
x, y, fs = recordings.signals, recordings.labels, recordings.fs
lengths = ecg.true_lengths(x)
rng = np.random.default_rng(SEED + 1)
long_enough = lengths >= 25 * fs
chosen = []
for kind in (0, 1):
    chosen.extend(rng.choice(np.flatnonzero((y == kind) & long_enough), 3, replace=False))

fig, axes = plt.subplots(6, 1, figsize=(11, 11), layout="constrained")
for ax, k in zip(axes, chosen, strict=True):
    plots.ecg_strip(x[k, 0, : lengths[k]], fs, start_s=8, seconds=8, ax=ax, unit="normalised",
                    title=f"recording {k}: {recordings.classes[y[k]]}  ({label})")
plt.show()

# %% [markdown]
# Three things tell them apart:
#
# 1. **The P wave.** Before each large spike (the QRS complex, the ventricles contracting) a normal ECG has a small bump: the atria
#    contracting together. In AF they do not contract together, so there is no such bump.
# 2. **The baseline.** Instead, fibrillating atria may show as a fine, restless undulation of 4 to 9 waves per second: *f-waves*. In
#    many recordings they are too small to see.
# 3. **The rhythm.** The atrioventricular node lets through some of the chaos. The time from one R wave to the next, the **RR
#    interval**, becomes irregular without any pattern: "irregularly irregular".
#
# None of the three is proof alone. Breathing makes a healthy rhythm irregular; extra beats do; noise hides P waves and imitates
# f-waves; and AF with a slow, tired node can look almost regular.
#
# Averaging helps the eye. Line up all beats of a recording on their R wave, and the P wave stands out, or does not. Here are the
# clearest examples among thirty of each kind; most are less clear.

# %%
def lined_up_beats(recording, fs, before_s=0.35, after_s=0.5):
    """All beats of a recording lined up on the R wave: (beats, samples), baseline removed."""
    peaks = ecg.r_peaks(recording, fs)
    a, b = round(before_s * fs), round(after_s * fs)
    smooth = signal.sosfiltfilt(signal.butter(2, (0.5, 40), "bandpass", fs=fs, output="sos"), recording)
    beats = np.array([smooth[p - a : p + b] for p in peaks if p >= a and p + b <= len(smooth)])
    return beats - np.median(beats, axis=1, keepdims=True)


def p_height(beats, fs):
    """Height of the bump 220 to 110 ms before the R wave, as a share of the QRS complex."""
    beat = np.median(beats, axis=0) if len(beats) else np.zeros(round(0.85 * fs))
    before_r = beat[round(0.13 * fs) : round(0.24 * fs)]
    return np.ptp(before_r) / (np.ptp(beat) + 1e-9) * np.sign(beat.max() + beat.min())


clear = []
for kind in (0, 1):
    some = rng.choice(np.flatnonzero((y == kind) & long_enough), 30, replace=False)
    bumps = [p_height(lined_up_beats(x[k, 0, : lengths[k]], fs), fs) for k in some]
    clear.append(some[int(np.argmax(bumps))] if kind == 0 else some[int(np.argmin(np.abs(bumps)))])

fig, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained", sharey=True)
for ax, kind in zip(axes, (0, 1), strict=True):
    k = clear[kind]
    beats = lined_up_beats(x[k, 0, : lengths[k]], fs)
    time_ms = 1000 * (np.arange(beats.shape[1]) / fs - 0.35)
    ax.plot(time_ms, beats.T, color="#999999", lw=0.3, alpha=0.6)
    ax.plot(time_ms, np.median(beats, axis=0), color=plots.BLUE, lw=2, label="median beat")
    ax.axvspan(-220, -110, color=plots.ORANGE, alpha=0.15, label="where a P wave would be")
    ax.set(title=f"{recordings.classes[kind]}, {len(beats)} beats", xlabel="time from the R wave (ms)")
axes[0].set_ylabel("normalised amplitude")
axes[0].legend(loc="upper left", fontsize=8)
plt.show()

# %% [markdown]
# And the rhythm, seen without the waves: every RR interval against the one before (a *Poincaré plot*). A steady heart gives a
# small cloud; AF scatters.

# %%
fig, axes = plt.subplots(1, 2, figsize=(8.5, 4), layout="constrained", sharex=True, sharey=True)
for ax, kind in zip(axes, (0, 1), strict=True):
    for k in rng.choice(np.flatnonzero((y == kind) & long_enough), 25, replace=False):
        rr = np.diff(ecg.r_peaks(x[k, 0, : lengths[k]], fs)) / fs
        ax.plot(rr[:-1], rr[1:], ".", ms=4, alpha=0.5)
    ax.set(title=f"{recordings.classes[kind]}, 25 recordings", xlabel="RR interval (s)")
    ax.set(xlim=(0.2, 1.8), ylim=(0.2, 1.8))
axes[0].set_ylabel("next RR interval (s)")
plt.show()

# %% [markdown]
# ## 2 · Know your data before you split them
#
# The published data were *augmented*: some recordings were copied, shifted, scaled and given a little noise, to have more of them. No
# patient numbers are given. If a copy lies in the test set while its original lies in the training set, the network meets an old
# acquaintance in its examination.
#
# `data.groups` compares every recording with every other, at every shift, and gives near-duplicates the same group number.

# %%
groups = data.groups(recordings)
_, which, count = np.unique(groups, return_inverse=True, return_counts=True)
repeated = count[which] > 1
print(f"{len(y)} recordings in {len(count)} groups; {repeated.sum()} recordings have at least one near-duplicate")

if repeated.any():
    pair = np.flatnonzero(groups == groups[np.flatnonzero(repeated)[0]])[:2]
    fig, axes = plt.subplots(2, 1, figsize=(11, 3.6), layout="constrained")
    for ax, k in zip(axes, pair, strict=True):
        plots.ecg_strip(x[k, 0, : lengths[k]], fs, start_s=2, seconds=6, ax=ax, unit="normalised",
                        title=f"recording {k}, group {groups[k]}")
    plt.show()

# %% [markdown]
# So we deal out **groups**, not recordings: 60 % to train on, 20 % to make decisions on (when to stop, which threshold: the
# **validation** set), and 20 % that we touch once, at the end: the **test** set. Where patients are known, a group is a patient;
# lessons 04 to 06 do that.

# %%
split = splits.group_split(y, groups, fractions={"train": 0.6, "val": 0.2, "test": 0.2}, seed=SEED)
splits.check_split(split, groups)
for part, index in split.items():
    print(f"{part:5s} {len(index):4d} recordings, {100 * y[index].mean():.0f} % AF")

# %% [markdown]
# ## 3 · A baseline to beat
#
# Before any network: how far does the rhythm alone carry? Five numbers per recording describe how irregular its RR intervals are,
# none of them the heart rate itself: their variation (SD / mean), the size of the steps from one to the next, the share of steps above 10 %,
# how evenly they fill a histogram (its entropy, in bits), and how often a step up is followed by a step down. A **logistic regression**
# adds them up with weights that it learns and turns the sum into a probability: a network with a single neuron.

# %%
table = ecg.rr_table(x, fs)
baseline = make_pipeline(StandardScaler(), LogisticRegression())
baseline.fit(table[split["train"]], y[split["train"]])
rr_score = baseline.predict_proba(table)[:, 1]

fig, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained")
for ax, column in zip(axes, (0, 2, 3), strict=True):
    for kind, colour in ((0, plots.BLUE), (1, plots.ORANGE)):
        ax.hist(table[y == kind, column], bins=30, alpha=0.6, color=colour, label=recordings.classes[kind])
    name = {0: "variation of RR (SD / mean)", 2: "share of jumps above 10 %", 3: "entropy of RR (bits)"}[column]
    ax.set(xlabel=name, ylabel="recordings")
axes[0].legend()
plt.show()

val = split["val"]
value, low, high = metrics.bootstrap_interval(metrics.roc_auc, y[val], rr_score[val], seed=SEED)
print(f"RR irregularity, validation: ROC AUC {value:.3f} (95 % interval {low:.3f} to {high:.3f})")

# %% [markdown]
# **ROC AUC**, the area under the curve that section 7 draws, is a probability: draw one AF and one normal recording; how often does the AF one get the higher score? 0.5 is
# guessing, 1 is perfect. The interval comes from the **bootstrap**: draw as many recordings again, with replacement, a thousand times,
# and see how much the AUC moves. With 200 recordings, a difference of 0.01 means nothing.
#
# Where does the baseline fail? On irregular normal rhythms (breathing, extra beats) and on regular AF. Only the P wave and the f-waves can
# decide there, and a network sees them.
#
# ## 4 · What the network gets to see
#
# Preprocessing removes what does not matter and leaves the rest alone:
#
# - **cut off the padding**: zeros are not an ECG;
# - **band-pass 0.5 to 40 Hz**: below is the wander of the baseline, above is noise from muscles and from the mains. `sosfiltfilt` runs the filter
#   forwards and backwards, so that no wave is delayed;
# - **300 to 100 Hz**: three times less work. Samples may be dropped only after what lies above half the new rate was filtered away, or it
#   comes back as a false slow wave (aliasing); `resample_poly` filters;
# - **divide by the standard deviation of this recording**: gain says nothing about rhythm. Of *this* recording: a mean over the whole set
#   would carry news from the test set into the training.

# %%
WINDOW = 3000  # 30 s at 100 Hz, as most recordings are; longer ones are cut, shorter ones padded


def prepare(signals, fs):
    """(n, 1, samples) at fs, zero-padded, to float32 (n, 1, 3000) at 100 Hz, every recording on its own."""
    out = np.zeros((len(signals), 1, WINDOW), np.float32)
    band = signal.butter(2, (0.5, 40), "bandpass", fs=fs, output="sos")
    for k, length in enumerate(ecg.true_lengths(signals)):
        z = signal.sosfiltfilt(band, signals[k, 0, :length].astype(float))
        z = signal.resample_poly(z, 100, round(fs))[:WINDOW]
        out[k, 0, : len(z)] = np.clip(z / (z.std() + 1e-6), -6, 6)
    return out


windows = prepare(x, fs)
k = chosen[3]
fig, axes = plt.subplots(2, 1, figsize=(11, 3.8), layout="constrained")
plots.ecg_strip(x[k, 0, : lengths[k]], fs, seconds=8, ax=axes[0], unit="normalised", title="as published, 300 Hz")
plots.ecg_strip(windows[k, 0], 100, seconds=8, ax=axes[1], unit="SD", title="prepared, 100 Hz")
plt.show()

# %% [markdown]
# ## 5 · The network, one step at a time
#
# **A convolution** slides a short pattern (the *kernel*) along the recording and notes at every place how well it fits: a
# sliding dot product. A kernel shaped like a QRS complex answers at every beat:

# %%
example = windows[clear[0], 0]
beat = np.median(lined_up_beats(example, 100), axis=0)
kernel = beat[25:45] - beat[25:45].mean()
answer = np.correlate(example, kernel, mode="same")
fig, axes = plt.subplots(2, 1, figsize=(11, 3.6), layout="constrained", sharex=True)
seconds = np.arange(800) / 100
axes[0].plot(seconds, example[:800], color=plots.TRACE, lw=0.9)
axes[0].set_ylabel("ECG (SD)")
axes[1].plot(seconds, answer[:800], color=plots.BLUE, lw=0.9)
axes[1].set(ylabel="fit (dot product)", xlabel="time (s)")
plt.show()

# %% [markdown]
# A convolution layer holds many kernels, each giving one **channel** of output, and *learns* them. A **stride** of 2 tries every second
# place only, which halves the work. Around it we put three things, and call the four together a **block**:
#
# - **batch normalisation** brings every kernel's answer to mean 0 and spread 1 over the batch, so that the next layer meets steady
#   numbers; in evaluation it uses averages remembered from training, which is why `net.eval()` must not be forgotten;
# - **ReLU** keeps what fits and sets the rest to 0;
# - **pooling** keeps the larger of two neighbours: the exact place of a P wave to 10 ms does not matter. Time gets shorter, so the next
#   kernel sees further.

# %%
def block(n_in, n_out, kernel=7, stride=1):
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
        nn.MaxPool1d(2),
    )


batch = torch.as_tensor(windows[:8])
print("a batch          ", tuple(batch.shape), "  (recordings, channels, samples)")
h, stride, seen = batch, 1, 1
for n_in, n_out, step in ((1, 16, 2), (16, 32, 2), (32, 48, 1), (48, 64, 1)):
    h = block(n_in, n_out, stride=step)(h)
    seen += 6 * stride  # a kernel of 7 adds six steps of the layer below
    stride *= step
    seen += stride  # pooling adds one more
    stride *= 2
    print(f"after a block    {tuple(h.shape)}   one step sees {seen / 100:.2f} s")

# %% [markdown]
# Follow the first block: a kernel of 7 sees 7 samples; with stride 2, neighbouring answers lie 2 samples apart; the larger of two of them
# sees 7 + 2 = 9 samples, and the next lies 4 samples on. So each kernel of the second block adds 6 steps of 4 samples, and so forth.
#
# What one step sees is its **receptive field**. After two blocks it holds a QRS complex, after
# three a whole beat with its P wave. Rhythm lies *between* beats: after the fourth block a step sees nearly four seconds, several beats.
#
# Recordings differ in length and AF can be anywhere in them. So the last step is a **global pooling** over time: the mean ("how much
# of this pattern is there?") and the maximum ("is it there at all?") of every channel, and one linear layer that weighs
# them to a single number, the **logit**. Its sigmoid is the probability of AF.

# %%
class SmallAFNet(nn.Module):
    """Four blocks, global mean and maximum, one logit per recording."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(
            block(1, 16, stride=2), block(16, 32, stride=2), block(32, 48), block(48, 64)
        )
        self.dropout = nn.Dropout(0.3)
        self.out = nn.Linear(2 * 64, 1)

    def forward(self, x):
        h = self.blocks(x)  # (recordings, 64, steps)
        pooled = torch.cat([h.mean(dim=-1), h.amax(dim=-1)], dim=1)  # (recordings, 128)
        return self.out(self.dropout(pooled))[:, 0]  # (recordings,)


torch.manual_seed(SEED)
net = SmallAFNet()
print(f"{sum(p.numel() for p in net.parameters()):,} parameters for {len(split['train'])} training recordings")

# %% [markdown]
# ## 6 · Training, and knowing when to stop
#
# The loss is the **binary cross-entropy**, computed from the logits (the sigmoid is inside it: applying one before would flatten the
# gradients). What keeps a network honest with 600 recordings:
#
# | choice | why |
# |---|---|
# | batches of 32 recordings; an **epoch** is one pass over all | a step costs little, and its noise does no harm |
# | the AdamW optimiser, a learning rate that rises to 0.008 and falls again ("one cycle") | warms up, goes fast, settles |
# | **weight decay** (weights shrink a little at each step), **dropout** (30 % of the pooled numbers are left out at random) | no single channel may carry the decision |
# | a random sign for each window, a random shift for each batch (the end wraps to the start) | where a recording starts and which hand held which electrode is chance |
# | **early stopping**: keep the weights of the epoch with the lowest *validation* loss | the training loss may fall long after the network has stopped to learn anything general |

# %%
bce = nn.functional.binary_cross_entropy_with_logits


def logits_of(net, windows):
    net.eval()
    with torch.no_grad():
        return torch.cat([net(torch.as_tensor(windows[i : i + 128])) for i in range(0, len(windows), 128)]).numpy()


def train(net, windows, y, train_index, val_index, epochs, seed, batch_size=32, augment=True, lr=8e-3):
    """Train in place; the best epoch's weights are kept. Returns the losses per epoch."""
    g = torch.Generator().manual_seed(seed)
    xt, yt = torch.as_tensor(windows[train_index]), torch.as_tensor(y[train_index], dtype=torch.float32)
    yv = torch.as_tensor(y[val_index], dtype=torch.float32)
    steps = -(-len(xt) // batch_size)
    optimiser = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=lr, total_steps=steps * epochs)
    train_loss, val_loss, best = [], [], None
    for _ in tqdm(range(epochs), desc="training", unit="epoch", leave=False):
        net.train()
        total = 0.0
        for b in torch.randperm(len(xt), generator=g).split(batch_size):
            xb = xt[b]
            if augment:
                sign = 1.0 - 2.0 * torch.randint(0, 2, (len(b), 1, 1), generator=g)
                xb = torch.roll(sign * xb, int(torch.randint(0, 1000, (1,), generator=g)), dims=-1)
            loss = bce(net(xb), yt[b])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(b)
        train_loss.append(total / len(xt))
        val_loss.append(bce(torch.as_tensor(logits_of(net, windows[val_index])), yv).item())
        if val_loss[-1] == min(val_loss):
            best = copy.deepcopy(net.state_dict())
    net.load_state_dict(best)
    return train_loss, val_loss


train_loss, val_loss = train(net, windows, y, split["train"], split["val"], EPOCHS, SEED)
plots.learning_curves(train_loss, val_loss)
plt.show()

# %% [markdown]
# The marked epoch has the lowest validation loss; its weights are the ones we keep. If it is the last one, more epochs might help.
#
# ## 7 · The examination
#
# Now, once, the test set: recordings that played no part in training, in stopping or in any choice.

# %%
probability = 1 / (1 + np.exp(-logits_of(net, windows)))
test = split["test"]
for name, score in (("RR irregularity", rr_score), ("network", probability)):
    said = (score[test] >= 0.5).astype(int)
    auc = metrics.bootstrap_interval(metrics.roc_auc, y[test], score[test], groups=groups[test], seed=SEED)
    acc = metrics.bootstrap_interval(metrics.accuracy, y[test], said, groups=groups[test], seed=SEED)
    print(name)
    print(f"   ROC AUC  {auc[0]:.3f} (95 % interval {auc[1]:.3f} to {auc[2]:.3f})")
    print(f"   accuracy {acc[0]:.3f} (95 % interval {acc[1]:.3f} to {acc[2]:.3f})")

# is the network really better? Draw recordings again, and compare both on the same draw
gain = []
for draw in range(1000):
    again = np.random.default_rng((SEED, draw)).choice(test, len(test))
    gain.append(metrics.roc_auc(y[again], probability[again]) - metrics.roc_auc(y[again], rr_score[again]))
print(f"network - RR: AUC {np.mean(gain):+.3f} (95 % interval {np.percentile(gain, 2.5):+.3f} to {np.percentile(gain, 97.5):+.3f})")

plots.roc(y[test], {"RR irregularity": rr_score[test], "network": probability[test]})
plt.title(label, fontsize=9)
plt.show()

# %% [markdown]
# Only when the interval of the difference stays above 0 has the network shown, on these few recordings, that it is better than the
# rhythm alone. In the intervals above, copies of one
# recording are drawn together (`groups`), because they are no independent evidence.
#
# **Accuracy** counts right answers at one threshold; a set with 95 % normal recordings gives 0.95 to whoever says "normal" to all.
# **AUC** looks at all thresholds and forgets the share of AF, but says nothing about the one you will use. Give both, with their
# intervals, and the counts behind them.
#
# ### Four counts behind every decision
#
# | | network says AF | network says normal |
# |---|---|---|
# | **is AF** | found (true positive) | missed (false negative) |
# | **is normal** | false alarm (false positive) | left alone (true negative) |
#
# **Sensitivity** is the share of AF that is found, **specificity** the share of normal that is left alone, and the **positive predictive
# value** (PPV) the share of alarms that are right. The first two do not depend on how common AF is; the third does.
#
# ### The threshold follows from the price of a mistake
#
# A missed AF may end in a stroke; a false alarm costs a second recording. If a miss costs ten times as much, the best threshold moves
# down. We look for it on the **validation** set; chosen on the test set, it would flatter us.

# %%
grid = np.linspace(0.01, 0.99, 99)
fig, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for price, colour in ((1, plots.BLUE), (10, plots.ORANGE)):
    missed = np.array([np.sum((probability[val] < t) & (y[val] == 1)) for t in grid])
    alarms = np.array([np.sum((probability[val] >= t) & (y[val] == 0)) for t in grid])
    cost = (price * missed + alarms) / len(val)
    t = grid[int(np.argmin(cost))]
    said = probability[test] >= t
    ax.plot(grid, cost, color=colour, label=f"a miss is {price} times as dear: threshold {t:.2f}")
    found, spared = said[y[test] == 1].mean(), (~said[y[test] == 0]).mean()
    print(f"price {price:2d}: threshold {t:.2f}; test set: sensitivity {found:.2f}, specificity {spared:.2f}")
ax.set(xlabel="threshold (probability of AF)", ylabel="cost per recording\n(in false alarms)")
ax.legend()
plt.show()

# %% [markdown]
# ### Read the mistakes
#
# The most confident errors teach most. Look at each strip as a clinician would: are there P waves? is the rhythm irregular without
# a pattern? could you have told?

# %%
wrong = test[np.argsort(-np.abs(probability[test] - y[test]))][:4]
fig, axes = plt.subplots(4, 1, figsize=(11, 7.6), layout="constrained")
for ax, k in zip(axes, wrong, strict=True):
    peaks = ecg.r_peaks(x[k, 0, : lengths[k]], fs) / fs
    opinion = f"network {100 * probability[k]:.0f} % AF, rhythm alone {100 * rr_score[k]:.0f} % AF"
    plots.ecg_strip(x[k, 0, : lengths[k]], fs, start_s=1, seconds=8, marks=peaks, ax=ax, unit="normalised",
                    title=f"recording {k}: truth {recordings.classes[y[k]]}; {opinion}")
plt.show()

# %% [markdown]
# ## 8 · Why the published network learns by heart
#
# The code that came with these data has two convolutions and then a **dense layer over 145,248 numbers**: every time step of every
# channel gets a weight of its own. It runs on the 18,170 samples as published and trains for 130 epochs. Here is that layout, on part of
# the training set and for a few epochs, which is enough; and our network on the same few recordings, to be fair:

# %%
class DenseNet(nn.Module):
    """Two convolutions, then a dense layer over 32 channels x 4,539 time steps = 145,248 inputs."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 5), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(16, 32, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(),
        )
        self.dense = nn.Sequential(nn.Linear(145_248, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.dense(self.features(x))[:, 0]


some = rng.permutation(split["train"])[: {"ci": 60, "default": 150, "full": 600}[BUDGET]]
torch.manual_seed(SEED)
big = DenseNet()
few = {"ci": 4, "default": 6, "full": 8}[BUDGET]
loss, _ = train(big, x, y, some, val[:40], few, SEED, batch_size=10, augment=False, lr=1e-3)
big_train = metrics.roc_auc(y[some], logits_of(big, x[some]))
big_test = metrics.roc_auc(y[test], logits_of(big, x[test]))
print(f"{sum(p.numel() for p in big.parameters()):,} parameters; training loss {loss[0]:.2f} -> {loss[-1]:.4f}")
torch.manual_seed(SEED)
fair = SmallAFNet()
train(fair, windows, y, some, val[:40], EPOCHS, SEED)
print(f"dense layout: ROC AUC {big_train:.2f} on its {len(some)} training recordings, {big_test:.2f} on the test set")
print(f"our network, same recordings:       {metrics.roc_auc(y[test], logits_of(fair, windows[test])):.2f} on the test set")

# %% [markdown]
# It has a weight for "a steep slope 7.43 s after the start". That identifies a training recording and says nothing about AF. Nothing in
# the network knows that a beat is a beat wherever it comes. Convolution with **global pooling** builds that knowledge in, with less than
# a hundredth of the parameters. And if near-duplicates lie on both sides of a random split, learning by heart even pays.
#
# ## 9 · Where such a model must not be used
#
# - **As a diagnosis.** It knows two answers; a real rhythm may be flutter, a pacemaker, a block, or noise. A clinician confirms AF on an ECG.
# - **On other devices, leads or people** than it was tested on, without testing it there. Its accuracy here says nothing about a
#   watch on a wrist, a child, or a hospital bed.
# - **Where AF is rare, with this threshold.** Half of these recordings are AF. If 2 % of those screened have it, 95 % specificity
#   means more than two false alarms for each AF found.
# - **If trained on simulated recordings: nowhere but in this course.**
#
# ## Take away
#
# - AF shows in the P wave, the baseline and the rhythm; rhythm alone is a strong baseline, and a network must beat it.
# - Split by what may be shared: patients where they are known, near-duplicates where they are not. Decide on validation, report on test, once.
# - Blocks of convolution widen what the network sees; global pooling makes it forget *where*; both cost few parameters.
# - A score needs its interval, its data and its threshold; a gain over the baseline needs an interval of its own.
#
# ## Where next
#
# Open `assignments/03_af_detection/03_af_detection.ipynb` and build your own. Lesson 04 asks the same question on
# whole-day recordings with known patients, where a random split flatters far more.
#
# **Sources.** PhysioNet/CinC Challenge 2017 (Clifford et al. 2017) for the recorder and the task; McSharry et al. 2003 for the form of the
# simulated beats; Alcaraz 2008 for RR intervals in AF; Pan and Tompkins 1985 for finding R waves; Efron 1979 for the bootstrap.
