# ---
# kind: alternative
# title: "Plain loops, EDF bytes read by hand, and no convolution: powers of bands, neighbours beside them, a small perceptron of scikit-learn"
# expect: {read: 10, filter: 10, epochs: 12, split: 8, sequences: 10, networks: 8, train: 12, metrics: 8, report: 8, perform: [6, 8]}
# ---
# %% task="read"
def header(raw):
    n = int(raw[252:256])
    at, fields = 256, {}
    for name, width in (("label", 16), ("transducer", 80), ("unit", 8), ("low", 8), ("high", 8), ("dlow", 8), ("dhigh", 8),
                        ("filter", 80), ("samples", 8), ("reserved", 32)):
        fields[name] = [raw[at + width * k : at + width * (k + 1)].decode("latin-1").strip() for k in range(n)]
        at += width * n
    return n, int(raw[236:244]), float(raw[244:252]), int(raw[184:192]), fields


def read_night(psg, hypnogram):
    with open(psg, "rb") as file:
        raw = file.read()
    n, records, record_s, start, of = header(raw)
    turn = 1.0
    if "EEG Fpz-Cz" in of["label"]:
        k = of["label"].index("EEG Fpz-Cz")
    elif "EEG Cz-Fpz" in of["label"]:
        k, turn = of["label"].index("EEG Cz-Fpz"), -1.0
    else:
        raise ValueError("the file has only " + ", ".join(of["label"]))
    samples = [int(s) for s in of["samples"]]
    steps = np.frombuffer(raw[start:], "<i2").reshape(records, sum(samples))
    own = steps[:, sum(samples[:k]) : sum(samples[: k + 1])].ravel().astype(float)
    low, high, dlow, dhigh = (float(of[name][k]) for name in ("low", "high", "dlow", "dhigh"))
    own = (own - dlow) / (dhigh - dlow) * (high - low) + low
    own *= {"uV": 1.0, "mV": 1000.0, "V": 1e6}[of["unit"][k]] * turn
    stages = []
    with open(hypnogram, "rb") as file:
        raw = file.read()
    for note in raw[header(raw)[3] :].split(b"\x00"):
        if b"\x15" in note:  # onset, byte 21, duration, byte 20, text, byte 20
            times, text = note.split(b"\x14")[:2]
            onset, duration = times.split(b"\x15")
            stages.append((float(onset), float(duration), text.decode()))
    name = str(psg).replace("\\", "/").split("/")[-1]
    return {"fs": samples[k] / record_s, "eeg": own, "stages": stages, "subject": name[:5], "night": name[:6]}


def read_files(files):
    with probe.as_folder(files) as (psg, hypnogram):
        return read_night(psg, hypnogram)
# %% task="filter"
def prepare(x, fs):
    x = np.array(x, dtype=float)
    n = round(len(x) * 100 / fs)
    if x.max() == x.min():
        return np.zeros(n, np.float32)
    taps = signal.firwin(2 * int(5 * fs) + 1, [0.3, 35.0], pass_zero=False, fs=fs)
    edge = len(taps)
    long = np.concatenate([2 * x[0] - x[edge:0:-1], x, 2 * x[-1] - x[-2 : -edge - 2 : -1]])
    y = signal.fftconvolve(long, taps, mode="same")[edge:-edge]
    y = signal.resample(np.pad(y, (0, 0)), n) if fs != 100 else y
    low, high = np.percentile(y, 25), np.percentile(y, 75)
    return np.float32(y / (high - low) * 1.349)
# %% task="epochs"
def cut_epochs(x, stages, epoch_s):
    size = int(100 * epoch_s)
    code = {}
    for onset, duration, text in stages:
        for k in range(int(round(onset / epoch_s)), int(round((onset + duration) / epoch_s))):
            letter = text[-1] if text.startswith("Sleep stage ") else "?"
            if letter in "W1234R" and (k + 1) * size <= len(x):
                code[k] = {"W": 0, "1": 1, "2": 2, "3": 3, "4": 3, "R": 4}[letter]
    asleep = [k for k in code if code[k] > 0]
    kept = []
    if asleep:
        for k in sorted(code):
            if min(asleep) - k <= 1800 // epoch_s and k - max(asleep) <= 1800 // epoch_s:
                kept.append(k)
    epochs = np.zeros((len(kept), size), np.float32)
    for row, k in enumerate(kept):
        epochs[row] = x[k * size : (k + 1) * size]
    return {"epochs": epochs, "stages": np.array([code[k] for k in kept], int), "number": np.array(kept, int)}
# %% task="split"
def subject_folds(subjects, k, seed):
    names = sorted(set(subjects))
    if len(names) < k:
        raise ValueError(f"{len(names)} subjects for {k} folds")
    import random

    random.Random(seed).shuffle(names)
    folds = []
    for i in range(k):
        parts = {"train": [], "val": [], "test": []}
        for position, name in enumerate(subjects):
            turn = names.index(name) % k
            parts["test" if turn == i else "val" if turn == (i + 2) % k else "train"].append(position)
        folds.append({part: np.array(positions) for part, positions in parts.items()})
    return folds
# %% task="sequences"
def make_sequences(nights, numbers, length):
    place = {(str(night), int(number)): k for k, (night, number) in enumerate(zip(nights, numbers))}
    rows = []
    for night, number in sorted(place):
        if not rows or len(rows[-1]) == length or last != (night, number - 1):
            rows.append([])
        rows[-1].append(place[night, number])
        last = (night, number)
    return np.array([row + [-1] * (length - len(row)) for row in rows])


def put_back(answers, sequences, n):
    out = np.zeros((n, len(answers[0][0])))
    for row, answer in zip(sequences, answers):
        for k, numbers in zip(row, answer):
            if k >= 0:
                out[k] = numbers
    return out
# %% task="networks"
BANDS = ((0.4, 1), (1, 2), (2, 4), (4, 6), (6, 8), (8, 9.5), (9.5, 11), (11, 13), (13, 16), (16, 22), (22, 32))


def features_of(epochs):
    """(n, samples) to (n, 33): logarithms of band powers, mean, middle and largest over pieces of 2 s."""
    epochs = np.asarray(epochs, float)
    hz, _, power = signal.spectrogram(epochs, 100, nperseg=250, noverlap=50, axis=-1)
    rows = []
    for low, high in BANDS:
        p = np.log(power[:, (hz >= low) & (hz < high)].sum(axis=1) + 1e-4)
        rows += [p.mean(axis=1), np.median(p, axis=1), p.max(axis=1)]
    return np.array(rows).T


class EpochNet:
    """Features, then one layer of random weights."""

    def __init__(self, rng):
        self.weights = rng.standard_normal((33, 5))

    def __call__(self, epochs):
        return features_of(epochs) @ self.weights


class SleepNet:
    """Features of the epochs before and after, weighted by how near they are, then one layer."""

    def __init__(self, rng):
        self.weights = rng.standard_normal((3 * 33, 5))

    def __call__(self, x, present):
        out = np.zeros(present.shape + (5,))
        for k in range(len(x)):
            n = int(present[k].sum())
            f = features_of(x[k, :n])
            distance = np.arange(n)[:, None] - np.arange(n)
            before = np.where(distance > 0, 0.7 ** abs(distance), 0.0) @ f
            after = np.where(distance < 0, 0.7 ** abs(distance), 0.0) @ f
            out[k, :n] = np.concatenate([f, before, after], axis=1) @ self.weights
        return out


def epoch_logits(epochs, seed):
    return EpochNet(np.random.default_rng(seed))(epochs)


def sequence_logits(x, present, seed):
    return SleepNet(np.random.default_rng(seed))(np.asarray(x), np.asarray(present, bool))
# %% task="train"
import copy
import warnings

from sklearn.neural_network import MLPClassifier


def with_neighbours(f, nights, numbers):
    """Features of an epoch, means of the three before and after it, and of ten on either side."""
    out = np.zeros((len(f), 5 * f.shape[1]))
    for row in make_sequences(nights, numbers, 10_000):
        row = row[row >= 0]
        own = f[row]
        for k in range(len(row)):
            parts = [own[k]]
            for a, b in ((k - 3, k), (k + 1, k + 4), (k - 10, k), (k + 1, k + 11)):
                near = own[max(a, 0) : max(b, 0)]
                parts.append(near.mean(axis=0) if len(near) else own[k])
            out[row[k]] = np.concatenate(parts)
    return out


def fit(f, stages, fold, seed, passes):
    """Scale (of the training part) and the best of the perceptrons, with the losses."""
    train, val = np.asarray(fold["train"]), np.asarray(fold["val"])
    centre, spread = f[train].mean(axis=0), f[train].std(axis=0) + 1e-9
    z = (f - centre) / spread
    net = MLPClassifier((48,), learning_rate_init=3e-3, alpha=1e-2, batch_size=64, random_state=seed)
    losses, best = [], None
    for _ in range(passes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(2):
                net.partial_fit(z[train], stages[train], classes=np.arange(5))
        p = net.predict_proba(z[val])
        losses.append(float(np.mean([-np.log(max(row[s], 1e-12)) for row, s in zip(p, stages[val])])))
        if losses[-1] == min(losses):
            kept, best = len(losses) - 1, copy.deepcopy(net)
        if len(losses) - 1 - kept >= PATIENCE:
            break
    return (lambda g: best.predict_proba((g - centre) / spread)), losses, kept


def train_and_predict(epochs, stages, nights, numbers, fold, seed, passes):
    f = with_neighbours(features_of(epochs), nights, numbers)
    model, losses, kept = fit(f, np.asarray(stages), fold, seed, passes)
    return {"probability": model(f), "val_loss": losses, "kept": kept}
# %% task="metrics"
def confusion(labels, called):
    table = [[0] * 5 for _ in range(5)]
    for y, said in zip(labels, called):
        table[int(y)][int(said)] += 1
    return np.array(table)


def kappa(labels, called):
    table, n = confusion(labels, called), len(labels)
    agreed = sum(table[k][k] for k in range(5)) / n
    chance = sum(sum(table[k]) * sum(row[k] for row in table) for k in range(5)) / n**2
    return 0.0 if chance == 1 else (agreed - chance) / (1 - chance)


def stage_f1(labels, called):
    f1 = []
    for stage in range(5):
        tp = sum(1 for y, said in zip(labels, called) if y == said == stage)
        fp = sum(1 for y, said in zip(labels, called) if said == stage != y)
        fn = sum(1 for y, said in zip(labels, called) if y == stage != said)
        f1.append(2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0)
    return f1


def macro_f1(labels, called):
    return sum(stage_f1(labels, called)) / 5
# %% task="report"
def report(labels, called, subjects, nights, numbers, seed):
    names = sorted(set(int(s) for s in subjects))
    tables = {name: np.zeros((5, 5)) for name in names}
    stage = {}
    for y, said, who, night, number in zip(labels, called, subjects, nights, numbers):
        tables[int(who)][y, said] += 1
        stage[int(night), int(number)] = int(y)

    def of(table):
        n = table.sum()
        chance = (table.sum(0) * table.sum(1)).sum() / n**2
        return 0.0 if chance == 1 else (np.trace(table) / n - chance) / (1 - chance)

    rng = np.random.default_rng(seed)
    values = sorted(of(sum(tables[names[i]] for i in rng.integers(0, len(names), len(names)))) for _ in range(2000))
    wrong = {True: [], False: []}
    for y, said, night, number in zip(labels, called, nights, numbers):
        near = [stage.get((int(night), int(number) + step), int(y)) for step in (-1, 1)]
        wrong[near != [int(y), int(y)]].append(y != said)
    return {
        "kappa": of(sum(tables.values())), "macro_f1": macro_f1(labels, called), "subjects": names,
        "kappa_by_subject": [of(tables[name]) for name in names], "interval": [values[49], values[1950]],
        "wrong_at_changes": sum(wrong[True]) / max(1, len(wrong[True])), "wrong_elsewhere": sum(wrong[False]) / max(1, len(wrong[False])),
    }
# %% task="perform"
night, number, y = cohort.columns["night"], cohort.columns["epoch"], np.array(cohort.labels)
own = with_neighbours(features_of(cohort.signals[:, 0]), night, number)
models, said = [], np.zeros(len(y), int)
for i, fold in enumerate(subject_folds(list(cohort.subjects), FOLDS, SEED)):
    models.append(fit(own, y, fold, SEED + i, 30)[0])
    said[fold["test"]] = models[-1](own[fold["test"]]).argmax(axis=1)
print("kappa", round(kappa(y, said), 2), "macro-F1", round(macro_f1(y, said), 2), "(SIMULATED)")


def stage_night(epochs, numbers):
    f = with_neighbours(features_of(epochs), ["one"] * len(epochs), numbers)
    return sum(model(f) for model in models).argmax(axis=1)
