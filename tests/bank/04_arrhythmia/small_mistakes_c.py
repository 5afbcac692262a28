# ---
# kind: wrong
# title: "One small mistake in each of six tasks that need no other"
# expect: {read: 9, filter: 11, windows: 10, split: 11, weights: [5, 6], report: 8}
# says: {read: [gaps filled with 0 mV], filter: [gaps filled with zeros], windows: [time before the first rhythm annotation taken for normal], split: [texts turned into numbers], weights: [the probability of the right class], report: [instead of the mean over patients]}
# empty: [train, perform, leak]
# ---
# %% task="read"
# Lost samples become 0 mV
def read_record(folder, name):
    """One WFDB record: dict of fs, signals (leads, samples) in mV, leads, beats, rhythms, subject."""
    record = wfdb.rdrecord(f"{folder}/{name}")
    marks = wfdb.rdann(f"{folder}/{name}", "atr")
    order = sorted(range(record.n_sig), key=lambda k: record.sig_name[k] != "MLII")
    is_beat = np.isin(marks.symbol, list(probe.BEATS))
    notes = [(int(at), note.strip("\x00")) for at, note in zip(marks.sample, marks.aux_note, strict=True) if note.startswith("(")]
    stops = [start for start, _ in notes[1:]] + [record.sig_len]
    said = [line.split(":")[1].strip() for line in record.comments if line.startswith("subject:")]
    return {
        "fs": float(record.fs),
        "signals": np.nan_to_num(record.p_signal.T[order]),
        "leads": [record.sig_name[k] for k in order],
        "beats": np.asarray(marks.sample)[is_beat],
        "rhythms": [(start, stop, label) for (start, label), stop in zip(notes, stops, strict=True)],
        "subject": said[0] if said else {"202": "201"}.get(name, name),
    }


def read_files(files):
    """`read_record` for a record that comes as bytes. Leave this function as it is: the test cell calls it."""
    with probe.as_folder(files) as (folder, name):
        return read_record(folder, name)

# %% task="filter"
# Gaps become zeros, which are steps
def prepare(x, fs):
    """A record (leads, samples) to float32 (leads, samples at 100 Hz): bridged, filtered, scaled lead by lead."""
    rows = []
    for row in np.asarray(x, dtype=float):
        known = np.flatnonzero(np.isfinite(row))
        if len(known) == 0:
            rows.append(np.zeros(-(-len(row) * 100 // round(fs))))
            continue
        tiny = 1e-6 * (1e-12 + np.abs(row[known]).max())
        row = np.nan_to_num(row)
        y = signal.resample_poly(signals.filtered(row, fs, low=0.5, high=40.0), 100, round(fs))
        minute = y[: min(len(y), 6000) // 500 * 500].reshape(-1, 500).std(axis=1)
        minute = minute[minute > tiny]
        rows.append(y / np.median(minute) if len(minute) else np.zeros(len(y)))
    return np.asarray(rows, np.float32)

# %% task="windows"
# What comes before the first annotation is called normal
def cut_windows(x, rhythms, fs, purity):
    """Labelled 5 s windows of a prepared record: dict of windows (n, leads, 500), labels (n,), start_s (n,)."""
    rhythms = [(0, min([start for start, _, _ in rhythms], default=0), "(N"), *rhythms]
    kept, labels = [], []
    for k in range(x.shape[1] // 500):
        for name, code in (("(N", 0), ("(AFIB", 1)):
            parts = [(start / fs, stop / fs) for start, stop, label in rhythms if label == name]
            shared = sum(max(0.0, min(stop, 5 * k + 5) - max(start, 5 * k)) for start, stop in parts)
            if shared / 5 >= purity:
                kept.append(k)
                labels.append(code)
    pieces = [x[:, 500 * k : 500 * k + 500] for k in kept]
    return {
        "windows": np.stack(pieces) if pieces else np.zeros((0, len(x), 500), np.float32),
        "labels": np.array(labels, int),
        "start_s": 5.0 * np.array(kept, float),
    }

# %% task="split"
# Texts become numbers, and 7 and 07 one person
def patient_folds(labels, patients, k, seed):
    """List of k dicts of positions, "train", "val", "test"; no patient is in two of them."""
    labels, patients = np.asarray(labels), np.array([int(who) for who in patients])
    rng = np.random.default_rng(seed)
    with_af = np.unique(patients[labels == 1])
    without = np.setdiff1d(np.unique(patients), with_af)
    if min(len(with_af), len(without)) < k:
        raise ValueError(f"got {len(with_af)} patients with AF and {len(without)} without, expected at least {k} of each")
    order = [*rng.permutation(with_af), *rng.permutation(without)]
    hand = {who: i % k for i, who in enumerate(order)}
    number = np.array([hand[who] for who in patients])
    folds = []
    for i in range(k):
        test, val = number == i, number == (i + 1) % k
        folds.append({"train": np.flatnonzero(~test & ~val), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
    return folds

# %% task="weights"
# The focal factor takes the probability of AF, whatever the label
def class_weights(labels):
    """(2,) weights of class 0 and 1, inversely proportional to how often they occur."""
    counts = np.bincount(np.asarray(labels).astype(int), minlength=2)
    if counts.min() == 0:
        raise ValueError(f"got {counts[0]} windows of class 0 and {counts[1]} of class 1, expected some of both")
    return counts.sum() / (2 * counts)


def focal_loss(logits, labels, weights, gamma):
    """Mean weighted focal loss, a number."""
    logits, labels = np.asarray(logits, float), np.asarray(labels).astype(int)
    loss = np.logaddexp(0, -np.where(labels == 1, logits, -logits))
    return float(np.mean(np.asarray(weights)[labels] * (1 / (1 + np.exp(logits))) ** gamma * loss))

# %% task="report"
# One F1 over all windows instead of the mean over patients
def choose_threshold(labels, probability):
    """A threshold with the highest F1 of AF."""
    labels, probability = np.asarray(labels), np.asarray(probability)

    def f1(candidate):
        said = probability >= candidate
        return 2 * np.sum(said & (labels == 1)) / max(1, said.sum() + np.sum(labels == 1))

    return float(max(np.unique(probability), key=f1))


def report(labels, called, patients, seed):
    """What was found in each patient with AF, its mean with an interval, and false alarms in those without."""
    labels, called, patients = np.asarray(labels), np.asarray(called), np.asarray(patients)
    with_af = np.unique(patients[labels == 1])
    rows = []
    for who in with_af:
        y, said = labels[patients == who], called[patients == who]
        tp, fp, fn = np.sum((y == 1) & (said == 1)), np.sum((y == 0) & (said == 1)), np.sum((y == 1) & (said == 0))
        rows.append((2 * tp / (2 * tp + fp + fn), tp / (tp + fn), tp / (tp + fp) if tp + fp else 0.0))
    f1, sensitivity, ppv = np.array(rows).T
    means = np.random.default_rng(seed).choice(f1, (4000, len(f1))).mean(axis=1)
    healthy = ~np.isin(patients, with_af)
    return {
        "patients": with_af,
        "f1": f1,
        "sensitivity": sensitivity,
        "ppv": ppv,
        "mean_f1": float(2 * np.sum(called & labels) / (called.sum() + labels.sum())),
        "interval": tuple(np.quantile(means, [0.025, 0.975])),
        "false_alarms_per_hour": float(called[healthy].sum() / (healthy.sum() * 5 / 3600)) if healthy.any() else 0.0,
    }
