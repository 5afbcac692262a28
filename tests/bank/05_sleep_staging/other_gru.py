# ---
# kind: alternative
# title: "A GRU; EDF read with edfio; scikit-learn for metrics, pandas for the report"
# expect: {read: 10, filter: 10, epochs: 12, split: 8, sequences: 10, networks: 8, train: 12, metrics: 8, report: 8, perform: [6, 8]}
# ---
# %% task="read"
import os

import edfio


def read_night(psg, hypnogram):
    edf = edfio.read_edf(psg)
    labels = list(edf.labels)
    if "EEG Fpz-Cz" in labels:
        name, sign = "EEG Fpz-Cz", 1
    elif "EEG Cz-Fpz" in labels:
        name, sign = "EEG Cz-Fpz", -1
    else:
        raise ValueError("no Fpz-Cz among " + str(labels))
    channel = edf.get_signal(name)
    per_unit = {"uV": 1, "mV": 1e3, "V": 1e6}[channel.physical_dimension]
    stem = os.path.basename(str(psg))
    return dict(
        fs=channel.sampling_frequency, eeg=sign * per_unit * channel.data,
        stages=[(note.onset, note.duration, note.text) for note in edfio.read_edf(hypnogram).annotations],
        subject=stem[:5], night=stem[:6],
    )


def read_files(files):
    with probe.as_folder(files) as (psg, hypnogram):
        return read_night(psg, hypnogram)
# %% task="filter"
def prepare(x, fs):
    from math import gcd

    x = np.array(x, float)
    fs = int(round(fs))
    if np.ptp(x) == 0:
        return np.zeros(len(x) * 100 // fs, "float32")
    for kind, hz, order in (("highpass", 0.3, 3), ("lowpass", 35, 6)):
        x = signal.sosfiltfilt(signal.butter(order, hz, kind, fs=fs, output="sos"), x)
    x = signal.resample_poly(x, 100 // gcd(100, fs), fs // gcd(100, fs), padtype="line")
    return (x * 1.349 / np.subtract(*np.quantile(x, [0.75, 0.25]))).astype("float32")
# %% task="epochs"
def cut_epochs(x, stages, epoch_s):
    epoch_s = int(epoch_s)
    rows = x[: len(x) // (100 * epoch_s) * 100 * epoch_s].reshape(-1, 100 * epoch_s)
    names = {"Sleep stage W": 0, "Sleep stage 1": 1, "Sleep stage 2": 2, "Sleep stage 3": 3, "Sleep stage 4": 3, "Sleep stage R": 4}
    of = np.array([-1] * len(rows))
    middle = epoch_s * (np.arange(len(rows)) + 0.5)
    for onset, duration, text in stages:
        of[(middle > onset) & (middle < onset + duration)] = names.get(text, -1)
    number = np.where(of >= 0)[0]
    asleep = np.where(of > 0)[0]
    if asleep.size == 0:
        number = number[:0]
    else:
        number = number[(number >= asleep.min() - 1800 / epoch_s) & (number <= asleep.max() + 1800 / epoch_s)]
    return dict(epochs=rows[number], stages=of[number], number=number)
# %% task="split"
from sklearn.model_selection import GroupKFold


def subject_folds(subjects, k, seed):
    subjects = np.array(subjects)
    names = np.unique(subjects)
    if names.size < k:
        raise ValueError("fewer subjects than folds")
    shuffled = np.random.RandomState(seed).permutation(names)
    parts = [np.where(np.isin(subjects, part))[0] for part in np.array_split(shuffled, k)]
    return [
        dict(test=parts[i], val=parts[i - 1], train=np.concatenate([parts[j] for j in range(k) if j not in (i, (i - 1) % k)]))
        for i in range(k)
    ]
# %% task="sequences"
import pandas as pd


def make_sequences(nights, numbers, length):
    frame = pd.DataFrame({"night": list(nights), "number": list(numbers)}).sort_values(["night", "number"])
    new = (frame.night != frame.night.shift()) | (frame.number != frame.number.shift() + 1)
    rows = []
    for _, stretch in frame.groupby(new.cumsum()):
        at = stretch.index.to_numpy()
        at = np.pad(at, (0, -len(at) % length), constant_values=-1)
        rows.append(at.reshape(-1, length))
    return np.concatenate(rows)


def put_back(answers, sequences, n):
    flat, at = np.reshape(answers, (-1, np.shape(answers)[-1])), np.ravel(sequences)
    out = np.empty((n, flat.shape[1]))
    out[at[at != -1]] = flat[at != -1]
    return out
# %% task="networks"
class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = ((1, 16, 49, 5, 4), (16, 32, 9, 2, 3), (32, 48, 5, 1, 3))
        layers = []
        for n_in, n_out, kernel, stride, pool in sizes:
            layers += [nn.Conv1d(n_in, n_out, kernel, stride, kernel // 2), nn.BatchNorm1d(n_out), nn.ReLU(), nn.MaxPool1d(pool)]
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        h = self.net(x[:, None])
        return torch.cat([h.mean(-1), h.max(-1).values], -1)


class EpochNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.out = Trunk(), nn.Linear(96, 5)

    def forward(self, x):
        return self.out(self.trunk(x))


class SleepNet(nn.Module):
    """Two GRUs, one for each direction; the backward one reads each sequence turned round within its own length."""

    def __init__(self):
        super().__init__()
        self.trunk, self.drop = Trunk(), nn.Dropout(0.25)
        self.ahead, self.back = nn.GRU(96, 40, batch_first=True), nn.GRU(96, 40, batch_first=True)
        self.out = nn.Linear(80, 5)

    def forward(self, x, present):
        h = torch.zeros(present.shape + (96,))
        h[present] = self.drop(self.trunk(x[present]))
        n = present.sum(1, keepdim=True)
        k = torch.arange(present.shape[1])[None]
        turned = torch.where(k < n, n - 1 - k, k)[:, :, None]
        back = self.back(h.gather(1, turned.expand(-1, -1, 96)))[0].gather(1, turned.expand(-1, -1, 40))
        return self.out(self.drop(torch.cat([self.ahead(h)[0], back], 2)))


def fresh(kind, seed):
    torch.manual_seed(seed)
    return kind().train(False)


@torch.no_grad()
def epoch_logits(epochs, seed):
    return fresh(EpochNet, seed)(torch.from_numpy(np.array(epochs, "float32"))).tolist()


@torch.no_grad()
def sequence_logits(x, present, seed):
    return fresh(SleepNet, seed)(torch.from_numpy(np.array(x, "float32")), torch.from_numpy(np.array(present, bool))).numpy()
# %% task="train"
from copy import deepcopy


class Stager:
    """A network with its training: random windows of LENGTH epochs, the learning rate falls, the best pass is kept."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        self.net, self.rng = SleepNet(), np.random.default_rng(seed)

    def rows(self, part, nights, numbers):
        part = np.asarray(part)
        rows = make_sequences([nights[k] for k in part], [numbers[k] for k in part], LENGTH)
        return np.where(rows < 0, -1, part[rows])

    def ask(self, epochs, rows, n):
        self.net.eval()
        answers = []
        with torch.no_grad():
            for some in np.array_split(rows, 1 + len(rows) // 20):
                logits = self.net(torch.from_numpy(np.array(epochs[some], "float32")), torch.from_numpy(some >= 0))
                answers.append(logits.softmax(-1).double().numpy())
        return put_back(np.concatenate(answers), rows, n)

    def fit(self, epochs, stages, nights, numbers, fold, passes):
        y = torch.from_numpy(np.array(stages)).long()
        train, val = (self.rows(fold[name], nights, numbers) for name in ("train", "val"))
        counts = np.bincount(y[fold["train"]].numpy(), minlength=5) + 10
        weight = torch.from_numpy((counts.sum() / 5 / counts) ** 0.4).float()
        optimiser = torch.optim.Adam(self.net.parameters(), lr=4e-3)
        self.losses, self.best = [], 0
        for done in range(passes):
            optimiser.param_groups[0]["lr"] = 4e-3 * 0.93**done
            self.net.train()
            for b in np.array_split(self.rng.permutation(len(train)), -(-len(train) // 7)):
                rows = train[b]
                there = torch.from_numpy(rows >= 0)
                logits = self.net(torch.from_numpy(np.array(epochs[rows], "float32")), there)
                loss = nn.functional.cross_entropy(logits[there], y[rows[rows >= 0]], weight)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            p = self.ask(epochs, val, len(y))
            at = np.asarray(fold["val"])
            self.losses.append(float(np.mean(-np.log(p[at, y[at]] + 1e-12))))
            if self.losses[-1] <= min(self.losses):
                self.best, kept = done, deepcopy(self.net.state_dict())
            elif done - self.best == PATIENCE:
                break
        self.net.load_state_dict(kept)
        return self


def train_and_predict(epochs, stages, nights, numbers, fold, seed, passes):
    it = Stager(seed).fit(epochs, stages, nights, numbers, fold, passes)
    every = it.rows(range(len(stages)), nights, numbers)
    return {"probability": it.ask(epochs, every, len(stages)), "val_loss": np.array(it.losses), "kept": it.best}
# %% task="metrics"
from sklearn import metrics as sk


def confusion(labels, called):
    return sk.confusion_matrix(labels, called, labels=[0, 1, 2, 3, 4])


def kappa(labels, called):
    if len(set(labels)) == 1 and set(labels) == set(called):
        return 0.0
    return sk.cohen_kappa_score(labels, called)


def stage_f1(labels, called):
    return sk.f1_score(labels, called, labels=[0, 1, 2, 3, 4], average=None, zero_division=0)


def macro_f1(labels, called):
    return sk.f1_score(labels, called, labels=[0, 1, 2, 3, 4], average="macro", zero_division=0)
# %% task="report"
def report(labels, called, subjects, nights, numbers, seed):
    frame = pd.DataFrame(dict(y=labels, said=called, who=subjects, night=nights, k=numbers))
    of = {who: (own.y.to_numpy(), own.said.to_numpy()) for who, own in frame.groupby("who")}
    names = sorted(of)
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(1200):
        chosen = [of[names[i]] for i in rng.choice(len(names), len(names))]
        y, said = (np.concatenate(side) for side in zip(*chosen))
        table = np.bincount(5 * y + said, minlength=25).reshape(5, 5) / len(y)
        by_chance = table.sum(0) @ table.sum(1)
        draws.append((np.trace(table) - by_chance) / (1 - by_chance))
    frame = frame.sort_values(["night", "k"])
    beside = np.zeros(len(frame), bool)
    for step in (1, -1):
        near = frame.shift(step)
        beside |= ((near.night == frame.night) & (near.k == frame.k - step) & (near.y != frame.y)).to_numpy()
    wrong = (frame.y != frame.said).to_numpy()
    return dict(
        kappa=sk.cohen_kappa_score(labels, called) if len(set(labels) | set(called)) > 1 else 0.0, macro_f1=macro_f1(labels, called),
        subjects=names, kappa_by_subject=[kappa(*of[name]) for name in names], interval=np.percentile(draws, [2.5, 97.5]),
        wrong_at_changes=wrong[beside].mean() if beside.any() else 0.0, wrong_elsewhere=wrong[~beside].mean(),
    )
# %% task="perform"
x = np.array(cohort.signals)[:, 0]
night, number = cohort.columns["night"], cohort.columns["epoch"]
stagers, seen = [], np.zeros(len(x), int)
for i, fold in enumerate(subject_folds(cohort.subjects, FOLDS, SEED)):
    stagers.append(Stager(SEED + 11 * i).fit(x, cohort.labels, night, number, fold, PASSES))
    p = stagers[-1].ask(x, stagers[-1].rows(fold["test"], night, number), len(x))
    seen[fold["test"]] = p[fold["test"]].argmax(1)
print(report(cohort.labels, seen, pd.factorize(cohort.subjects)[0], pd.factorize(night)[0], number, SEED))


def stage_night(epochs, numbers):
    rows = make_sequences([0] * len(epochs), numbers, LENGTH)
    logs = [np.log(it.ask(epochs, rows, len(epochs)) + 1e-9) for it in stagers]
    return np.sum(logs, axis=0).argmax(axis=1)
