# ---
# kind: alternative
# title: "A convolutional stem and a GRU; digital samples read and converted by hand; filters by FFT"
# expect: {read: 10, filter: 12, windows: 12, split: 12, weights: 8, train: 12, report: 10, perform: [8, 10], leak: 6}
# ---
# %% task="read"
from pathlib import Path


def read_record(folder, name):
    head = wfdb.rdheader(str(Path(folder) / name))
    raw = wfdb.rdrecord(str(Path(folder) / name), physical=False)
    mv = (raw.d_signal - np.array(head.baseline)) / np.array(head.adc_gain)
    mv[raw.d_signal == -2048] = np.nan  # format 212 marks lost samples so
    rows = {lead: mv[:, k] for k, lead in enumerate(head.sig_name)}
    leads = [lead for lead in rows if lead == "MLII"] + [lead for lead in rows if lead != "MLII"]
    marks = wfdb.rdann(str(Path(folder) / name), "atr")
    changes = [k for k, note in enumerate(marks.aux_note) if note.startswith("(")]
    edges = [int(marks.sample[k]) for k in changes] + [int(head.sig_len)]
    labels = [marks.aux_note[k].rstrip("\x00") for k in changes]
    subject = {"202": "201"}.get(name, name)
    for line in head.comments:
        key, _, value = line.partition(":")
        subject = value.strip() if key.strip() == "subject" else subject
    return {
        "fs": head.fs,
        "signals": np.array([rows[lead] for lead in leads]),
        "leads": leads,
        "beats": np.array([at for at, symbol in zip(marks.sample, marks.symbol) if symbol in set(probe.BEATS)]),
        "rhythms": [(edges[k], edges[k + 1], labels[k]) for k in range(len(labels))],
        "subject": subject,
    }


def read_files(files):
    with probe.as_folder(files) as (folder, name):
        return read_record(folder, name)

# %% task="filter"
def prepare(x, fs):
    x = np.array(x, dtype=float)
    m = x.shape[1] * 100 // int(fs)
    out = np.zeros((x.shape[0], m))
    taps = signal.firwin(2 * int(3 * fs) + 1, [0.5, 40], pass_zero=False, fs=fs)  # symmetric: its delay is known, and taken away
    for k, row in enumerate(x):
        good = ~np.isnan(row)
        if not good.any() or np.nanmax(row) == np.nanmin(row):
            continue
        row = np.interp(np.arange(len(row)), np.flatnonzero(good), row[good])
        pad = len(taps)
        row = np.concatenate([2 * row[0] - row[pad:0:-1], row, 2 * row[-1] - row[-2 : -pad - 2 : -1]])
        row = signal.fftconvolve(row, taps, mode="same")[pad:-pad]
        y = np.interp(np.arange(m) / 100, np.arange(len(row)) / fs, row)  # nothing is left above 40 Hz: a straight line will do
        sds = y[: min(m // 500, 12) * 500].reshape(-1, 500).std(axis=1)
        sds = sds[sds > 1e-9]
        if len(sds):
            out[k] = y / np.median(sds)
    return out.astype("float32")

# %% task="windows"
def cut_windows(x, rhythms, fs, purity):
    starts = np.arange(x.shape[1] // 500) * 5.0
    share = np.zeros((2, len(starts)))
    for a, b, label in rhythms:
        if label in ("(N", "(AFIB"):
            overlap = np.minimum(b / fs, starts + 5) - np.maximum(a / fs, starts)
            share[int(label == "(AFIB")] += np.clip(overlap, 0, None) / 5
    kept = np.flatnonzero(share.max(axis=0) >= purity - 1e-9)
    index = (100 * starts[kept]).astype(int)[:, None] + np.arange(500)
    return {"windows": x[:, index].transpose(1, 0, 2), "labels": share[:, kept].argmax(axis=0), "start_s": starts[kept]}

# %% task="split"
def patient_folds(labels, patients, k, seed):
    names, who = np.unique(np.array([str(p) for p in patients]), return_inverse=True)
    sick = np.bincount(who, weights=np.asarray(labels)) > 0
    if sick.sum() < k or (~sick).sum() < k:
        raise ValueError("too few patients of one kind")
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(names)), ~sick))  # those with AF first, in random order
    part = np.empty(len(names), int)
    part[order] = np.arange(len(names)) % k
    part = part[who]
    place = np.arange(len(who))
    return [
        {"test": place[part == i], "val": place[part == (i + 2) % k], "train": place[(part != i) & (part != (i + 2) % k)]}
        for i in range(k)
    ]

# %% task="weights"
def class_weights(labels):
    from sklearn.utils.class_weight import compute_class_weight

    return compute_class_weight("balanced", classes=np.array([0, 1]), y=np.asarray(labels))


def focal_loss(logits, labels, weights, gamma):
    z, y = torch.as_tensor(np.asarray(logits, float)), torch.as_tensor(np.asarray(labels, float))
    loss = nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    weight = torch.as_tensor(np.asarray(weights, float))[y.long()]
    return (weight * (1 - torch.exp(-loss)) ** gamma * loss).mean().item()

# %% task="train"
class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv1d(2, 16, 9, stride=3, padding=4), nn.BatchNorm1d(16), nn.ReLU(),
            nn.Conv1d(16, 32, 9, stride=3, padding=4), nn.BatchNorm1d(32), nn.ReLU(), nn.MaxPool1d(2),
        )
        self.gru = nn.GRU(32, 24, batch_first=True, bidirectional=True)
        self.out = nn.Linear(48, 1)

    def forward(self, x):
        return self.out(self.gru(self.stem(x).transpose(1, 2))[0].mean(dim=1)).squeeze(1)


def fit(windows, labels, seed):
    torch.manual_seed(seed)
    net = Recurrent().train()
    x, y = torch.from_numpy(np.array(windows)), torch.from_numpy(np.array(labels)).float()
    positive = ((y == 0).sum() / (y == 1).sum().clamp(min=1)).clamp(max=20)
    opt = torch.optim.AdamW(net.parameters(), lr=4e-3)
    pick = torch.Generator().manual_seed(seed)
    for step in range(STEPS + 40):
        opt.param_groups[0]["lr"] = 6e-3 * (1 - step / (STEPS + 40))
        b = torch.randint(0, len(x), (32,), generator=pick)
        loss = nn.functional.binary_cross_entropy_with_logits(net(x[b]), y[b], pos_weight=positive)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
    return net.eval()


def probability_of(net, windows):
    with torch.inference_mode():
        rows = torch.from_numpy(np.array(windows, np.float32)).split(200)
        return torch.cat([net.eval()(x).sigmoid() for x in rows]).double().numpy()


def f1_threshold(labels, probability):
    grid = np.concatenate([np.unique(probability), [1.0]])
    hits = np.array([np.sum((probability >= t) & (labels == 1)) for t in grid])
    said = np.array([np.sum(probability >= t) for t in grid])
    return grid[np.argmax(2 * hits / (said + labels.sum()))]


def train_and_predict(windows, labels, fold, seed):
    net = fit(windows[fold["train"]], labels[fold["train"]], seed)
    p = probability_of(net, windows)
    return dict(probability=p, threshold=f1_threshold(labels[fold["val"]], p[fold["val"]]))

# %% task="report"
def choose_threshold(labels, probability):
    order = np.argsort(-probability, kind="stable")
    hits, said = np.cumsum(labels[order]), np.arange(1, len(labels) + 1)
    f1 = 2 * hits / (said + labels.sum())
    last = np.append(np.diff(probability[order]) != 0, True)  # of equal probabilities all are said or none
    return probability[order][np.argmax(np.where(last, f1, -1))]


def report(labels, called, patients, seed):
    names, who = np.unique(patients, return_inverse=True)
    tp = np.bincount(who, weights=labels * called)
    p, said, n = np.bincount(who, weights=labels), np.bincount(who, weights=called), np.bincount(who)
    sick = p > 0
    f1 = (2 * tp / np.maximum(p + said, 1))[sick]
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(sick.sum(), np.full(sick.sum(), 1 / sick.sum()), size=3000)
    means = counts @ f1 / sick.sum()
    hours = n[~sick].sum() / 720
    return dict(
        patients=names[sick], f1=f1, sensitivity=(tp / np.maximum(p, 1))[sick], ppv=(tp / np.maximum(said, 1))[sick], mean_f1=f1.mean(),
        interval=np.percentile(means, [2.5, 97.5]), false_alarms_per_hour=said[~sick].sum() / hours if hours else 0.0,
    )

# %% task="perform"
folds = patient_folds(cohort.labels, cohort.subjects, 4, SEED)
trained = [fit(cohort.signals[f["train"]], cohort.labels[f["train"]], SEED + 7 * i) for i, f in enumerate(folds)]
threshold = float(np.clip(np.median([f1_threshold(cohort.labels[f["val"]], probability_of(net, cohort.signals[f["val"]]))
                                     for net, f in zip(trained, folds)]), 0.3, 0.7))


def predict_af(windows, fs):
    logits = [np.log(p + 1e-7) - np.log(1 - p + 1e-7) for p in (probability_of(net, windows) for net in trained)]
    return 1 / (1 + np.exp(-np.mean(logits, axis=0)))


def classify_af(windows, fs):
    return np.where(predict_af(windows, fs) >= threshold, 1, 0)

# %% task="leak"
from sklearn.model_selection import GroupKFold, KFold


def measure_leak(windows, labels, patients, seed):
    def crossed(splits):
        fold, called = np.full(len(labels), -1), np.full(len(labels), -1)
        for number, (train, test) in enumerate(splits):
            fold[test], called[test] = number, probability_of(fit(windows[train], labels[train], seed), windows[test]) > 0.5
        return fold, called, 2 * (called * labels).sum() / (called.sum() + labels.sum())

    mixed = np.random.default_rng(seed).permutation(len(labels))
    a = crossed(KFold(3, shuffle=True, random_state=seed).split(mixed))
    b = crossed(GroupKFold(3).split(windows, labels, np.asarray(patients)))
    return {"fold_random": a[0], "called_random": a[1], "f1_random": a[2], "fold_patients": b[0], "called_patients": b[1],
            "f1_patients": b[2], "gap": a[2] - b[2]}
