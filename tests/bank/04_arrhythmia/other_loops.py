# ---
# kind: alternative
# title: "Plain loops and SciPy alone; three strided convolutions with a focal loss"
# expect: {read: 10, filter: 12, windows: 12, split: 12, weights: 8, train: 12, report: 10, perform: [6, 10], leak: 6}
# ---
# %% task="read"
import os


def read_record(folder, name):
    signals_, header = wfdb.rdsamp(os.path.join(folder, name))
    mark = wfdb.rdann(os.path.join(folder, name), extension="atr")
    names, columns = list(header["sig_name"]), [signals_[:, k] for k in range(signals_.shape[1])]
    if "MLII" in names:
        k = names.index("MLII")
        names.insert(0, names.pop(k))
        columns.insert(0, columns.pop(k))
    beats, rhythms, begun = [], [], None
    for at, symbol, note in zip(mark.sample, mark.symbol, mark.aux_note):
        if symbol in "NLRBAaJSVrFejnE/fQ?":
            beats.append(int(at))
        note = note.replace("\x00", "")
        if note[:1] == "(":
            if begun is not None:
                rhythms.append([begun[0], int(at), begun[1]])
            begun = (int(at), note)
    if begun is not None:
        rhythms.append([begun[0], int(header["sig_len"]), begun[1]])
    who = "201" if name == "202" else name
    for line in header["comments"]:
        if line.strip().startswith("subject:"):
            who = line.split("subject:")[1].strip()
    return {"fs": header["fs"], "signals": np.stack(columns), "leads": names, "beats": beats, "rhythms": rhythms, "subject": who}


def read_files(files):
    with probe.as_folder(files) as (folder, name):
        return read_record(folder, name)

# %% task="filter"
def prepare(x, fs):
    out = np.zeros((len(x), int(np.ceil(x.shape[1] * 100 / fs))), np.float32)
    high = signal.butter(2, 0.5, "highpass", fs=fs, output="sos")
    low = signal.butter(3, 40, "lowpass", fs=fs, output="sos")
    for lead in range(len(x)):
        y = np.array(x[lead], dtype=np.float64)
        missing = np.isnan(y)
        if missing.all():
            continue
        place = np.arange(len(y))
        y[missing] = np.interp(place[missing], place[~missing], y[~missing])
        level = y.mean()
        if np.ptp(y) < 1e-9:
            continue
        y = signal.sosfiltfilt(low, signal.sosfiltfilt(high, y - level, padlen=int(3 * fs)))
        y = signal.resample_poly(y, 100, int(fs))
        spreads = []
        for start in range(0, min(6000, len(y)) - 499, 500):
            spreads.append(np.std(y[start : start + 500]))
        spreads = [s for s in spreads if s > 1e-9 * abs(level) + 1e-12]
        if spreads:
            out[lead] = y / np.median(spreads)
    return out

# %% task="windows"
def cut_windows(x, rhythms, fs, purity):
    n = x.shape[1] // 500
    fine = 20  # positions per sample at 100 Hz
    line = np.zeros(n * 500 * fine, np.int8)
    for start, stop, label in rhythms:
        value = {"(N": 1, "(AFIB": 2}.get(label, 0)
        line[int(round(start / fs * 100 * fine)) : int(round(stop / fs * 100 * fine))] = value
    found = {"windows": [], "labels": [], "start_s": []}
    for k in range(n):
        part = line[k * 500 * fine : (k + 1) * 500 * fine]
        for value in (1, 2):
            if np.count_nonzero(part == value) >= purity * len(part) - 1e-6:
                found["windows"].append(x[:, k * 500 : (k + 1) * 500])
                found["labels"].append(value - 1)
                found["start_s"].append(5.0 * k)
    found["windows"] = np.array(found["windows"]).reshape(-1, x.shape[0], 500)
    found["labels"], found["start_s"] = np.array(found["labels"], int), np.array(found["start_s"], float)
    return found

# %% task="split"
def patient_folds(labels, patients, k, seed):
    of = {}
    for position, who in enumerate(np.asarray(patients).tolist()):
        of.setdefault(who, []).append(position)
    sick = sorted(who for who, rows in of.items() if any(labels[r] == 1 for r in rows))
    well = sorted(who for who in of if who not in set(sick))
    if len(sick) < k or len(well) < k:
        raise ValueError(f"{len(sick)} patients with AF and {len(well)} without are too few for {k} folds")
    rng = np.random.default_rng([seed, 1])
    rng.shuffle(sick)
    rng.shuffle(well)
    parts = [[] for _ in range(k)]
    for turn, who in enumerate(sick + well):
        parts[k - 1 - turn % k] += of[who]
    return [
        {"test": sorted(parts[i]), "val": sorted(parts[i - 1]),
         "train": sorted(r for j in range(k) if j not in (i, (i - 1) % k) for r in parts[j])}
        for i in range(k)
    ]

# %% task="weights"
def class_weights(labels):
    share = float(np.mean(labels))
    if share in (0.0, 1.0):
        raise ValueError("one class only")
    return [0.5 / (1 - share), 0.5 / share]


def focal_loss(logits, labels, weights, gamma):
    total = 0.0
    for z, y in zip(np.asarray(logits, float), labels):
        z = z if y == 1 else -z
        loss = np.log1p(np.exp(-abs(z))) + max(-z, 0.0)  # -log of the probability of the right class
        total += weights[int(y)] * (1 - np.exp(-loss)) ** gamma * loss
    return total / len(labels)

# %% task="train"
def fit(windows, labels, seed):
    torch.manual_seed(seed)
    widths = (2, 24, 32, 48)
    layers = []
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Conv1d(a, b, 15, stride=3, padding=7), nn.BatchNorm1d(b), nn.GELU()]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(48, 2))
    x, y = torch.tensor(np.array(windows)), torch.tensor(np.array(labels), dtype=torch.long)
    rng = np.random.default_rng(seed)
    share = y.float().mean().clamp(0.02, 0.98)
    weights = torch.stack([0.5 / (1 - share), 0.5 / share])
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    for step in range(STEPS + 50):
        for group in opt.param_groups:
            group["lr"] = 6e-3 * min(1.0, (step + 5) / 20) * (1 - step / (STEPS + 50))
        b = rng.integers(0, len(x), 32)
        logp = torch.log_softmax(net(x[b]), dim=1)[torch.arange(32), y[b]]
        miss = (1 - logp.exp()).clamp(min=1e-4)  # the slope of a root is infinite at 0
        loss = (weights[y[b]] * miss ** 0.5 * -logp).mean()  # focal, gamma 0.5
        opt.zero_grad()
        loss.backward()
        opt.step()
    return net.eval()


def probability_of(net, windows):
    with torch.no_grad():
        return torch.softmax(net.eval()(torch.tensor(np.array(windows, np.float32))), dim=1)[:, 1].numpy()


def f1_threshold(labels, probability):
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(labels, probability)
    f1 = 2 * precision * recall / (precision + recall + 1e-12)
    return float(thresholds[np.argmax(f1[:-1])])


def train_and_predict(windows, labels, fold, seed):
    net = fit(windows[fold["train"]], labels[fold["train"]], seed)
    probability = probability_of(net, windows)
    return {"probability": probability.tolist(), "threshold": f1_threshold(labels[fold["val"]], probability[fold["val"]])}

# %% task="report"
def choose_threshold(labels, probability):
    from sklearn.metrics import f1_score

    candidates = sorted(set(np.asarray(probability).tolist()))
    values = [f1_score(labels, np.asarray(probability) >= c, zero_division=0) for c in candidates]
    return candidates[int(np.argmax(values))]


def report(labels, called, patients, seed):
    from sklearn.metrics import f1_score, precision_score, recall_score

    f1, sensitivity, ppv, names, alarms, windows = [], [], [], [], 0, 0
    for who in sorted(set(patients.tolist())):
        y, said = labels[patients == who], called[patients == who]
        if y.sum() == 0:
            alarms, windows = alarms + said.sum(), windows + len(y)
            continue
        names.append(who)
        f1.append(f1_score(y, said, zero_division=0))
        sensitivity.append(recall_score(y, said))
        ppv.append(precision_score(y, said, zero_division=0))
    rng = np.random.default_rng(seed)
    means = sorted(np.mean([f1[k] for k in rng.integers(0, len(f1), len(f1))]) for _ in range(2000))
    return {"patients": names, "f1": f1, "sensitivity": sensitivity, "ppv": ppv, "mean_f1": float(np.mean(f1)),
            "interval": [means[50], means[1949]], "false_alarms_per_hour": 720.0 * alarms / windows if windows else 0.0}

# %% task="perform"
rng = np.random.default_rng(SEED)
folds = patient_folds(cohort.labels, cohort.subjects, 4, SEED)
nets = [fit(cohort.signals[np.concatenate([f["train"], f["test"]])], cohort.labels[np.concatenate([f["train"], f["test"]])], SEED + i)
        for i, f in enumerate(folds)]
held = np.zeros(len(cohort))
for net, f in zip(nets, folds):
    held[f["val"]] = probability_of(net, cohort.signals[f["val"]])
threshold = 0.6 * 0.5 + 0.4 * choose_threshold(cohort.labels, np.round(held, 3))


def predict_af(windows, fs):
    return sum(probability_of(net, windows) for net in nets) / len(nets)


def classify_af(windows, fs):
    return [int(p >= threshold) for p in predict_af(windows, fs)]

# %% task="leak"
def measure_leak(windows, labels, patients, seed):
    rng = np.random.default_rng(seed)
    told = {}
    names = sorted(set(patients))
    home = dict(zip(rng.permutation(names).tolist(), np.arange(len(names)) % 3))
    folds = {"random": rng.permutation(np.arange(len(labels)) % 3), "patients": np.array([home[who] for who in patients])}
    for name, fold in folds.items():
        said = np.zeros(len(labels), int)
        for k in range(3):
            net = fit(windows[fold != k], labels[fold != k], seed + k)
            said[fold == k] = (probability_of(net, windows[fold == k]) >= 0.5).astype(int)
        tp = int(((said == 1) & (labels == 1)).sum())
        told["fold_" + name], told["called_" + name] = fold, said
        told["f1_" + name] = 2 * tp / max(1, int(said.sum() + labels.sum()))
    told["gap"] = told["f1_random"] - told["f1_patients"]
    return told
