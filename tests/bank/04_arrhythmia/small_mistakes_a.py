# ---
# kind: wrong
# title: "One small mistake in each of six tasks that need no other"
# expect: {read: 8, filter: 11, windows: 10, split: 11, weights: 7, report: 9}
# says: {read: [the names were put in order and the signals were not], filter: [82 Hz appears as 18 Hz], windows: [pieces of one rhythm do not add up], split: [global random generator], weights: [the step size], report: [windows instead of hours]}
# empty: [train, perform, leak]
# ---
# %% task="read"
# The names are put in order, the signals are not
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
        "signals": record.p_signal.T,
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
# High-pass only, and every nth sample: mains comes through
def prepare(x, fs):
    """A record (leads, samples) to float32 (leads, samples at 100 Hz): bridged, filtered, scaled lead by lead."""
    rows = []
    for row in np.asarray(x, dtype=float):
        known = np.flatnonzero(np.isfinite(row))
        if len(known) == 0:
            rows.append(np.zeros(-(-len(row) * 100 // round(fs))))
            continue
        tiny = 1e-6 * (1e-12 + np.abs(row[known]).max())
        row = np.interp(np.arange(len(row)), known, row[known])
        y = signals.filtered(row, fs, low=0.5)[np.round(np.arange(0, len(row), fs / 100)).astype(int)]
        minute = y[: min(len(y), 6000) // 500 * 500].reshape(-1, 500).std(axis=1)
        minute = minute[minute > tiny]
        rows.append(y / np.median(minute) if len(minute) else np.zeros(len(y)))
    return np.asarray(rows, np.float32)

# %% task="windows"
# Two pieces of one rhythm in a window do not add up
def cut_windows(x, rhythms, fs, purity):
    """Labelled 5 s windows of a prepared record: dict of windows (n, leads, 500), labels (n,), start_s (n,)."""
    kept, labels = [], []
    for k in range(x.shape[1] // 500):
        for name, code in (("(N", 0), ("(AFIB", 1)):
            parts = [(start / fs, stop / fs) for start, stop, label in rhythms if label == name]
            shared = max([max(0.0, min(stop, 5 * k + 5) - max(start, 5 * k)) for start, stop in parts], default=0)
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
# The global generator deals, whatever the seed
def patient_folds(labels, patients, k, seed):
    """List of k dicts of positions, "train", "val", "test"; no patient is in two of them."""
    labels, patients = np.asarray(labels), np.asarray(patients)
    rng = np.random.default_rng(seed)
    with_af = np.unique(patients[labels == 1])
    without = np.setdiff1d(np.unique(patients), with_af)
    if min(len(with_af), len(without)) < k:
        raise ValueError(f"got {len(with_af)} patients with AF and {len(without)} without, expected at least {k} of each")
    order = [*np.random.permutation(with_af), *np.random.permutation(without)]
    hand = {who: i % k for i, who in enumerate(order)}
    number = np.array([hand[who] for who in patients])
    folds = []
    for i in range(k):
        test, val = number == i, number == (i + 1) % k
        folds.append({"train": np.flatnonzero(~test & ~val), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
    return folds

# %% task="weights"
# Weights of one over the count
def class_weights(labels):
    """(2,) weights of class 0 and 1, inversely proportional to how often they occur."""
    counts = np.bincount(np.asarray(labels).astype(int), minlength=2)
    if counts.min() == 0:
        raise ValueError(f"got {counts[0]} windows of class 0 and {counts[1]} of class 1, expected some of both")
    return 1.0 / counts


def focal_loss(logits, labels, weights, gamma):
    """Mean weighted focal loss, a number."""
    logits, labels = np.asarray(logits, float), np.asarray(labels).astype(int)
    loss = np.logaddexp(0, -np.where(labels == 1, logits, -logits))
    return float(np.mean(np.asarray(weights)[labels] * (1 - np.exp(-loss)) ** gamma * loss))

# %% task="report"
# False alarms per window instead of per hour
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
        "mean_f1": float(f1.mean()),
        "interval": tuple(np.quantile(means, [0.025, 0.975])),
        "false_alarms_per_hour": float(called[healthy].sum() / healthy.sum()) if healthy.any() else 0.0,
    }
