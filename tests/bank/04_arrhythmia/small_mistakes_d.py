# ---
# kind: wrong
# title: "One small mistake in each of four tasks that need no other"
# expect: {read: 8, filter: 10, windows: 11, split: 1}
# says: {read: [last character], filter: [one scale for both leads], windows: [everything that is not AF called normal], split: [in two parts at once]}
# empty: [train, perform, leak]
# ---
# %% task="read"
# Labels keep the character that ends the notes of MIT-BIH
def read_record(folder, name):
    """One WFDB record: dict of fs, signals (leads, samples) in mV, leads, beats, rhythms, subject."""
    record = wfdb.rdrecord(f"{folder}/{name}")
    marks = wfdb.rdann(f"{folder}/{name}", "atr")
    order = sorted(range(record.n_sig), key=lambda k: record.sig_name[k] != "MLII")
    is_beat = np.isin(marks.symbol, list(probe.BEATS))
    notes = [(int(at), note) for at, note in zip(marks.sample, marks.aux_note, strict=True) if note.startswith("(")]
    stops = [start for start, _ in notes[1:]] + [record.sig_len]
    said = [line.split(":")[1].strip() for line in record.comments if line.startswith("subject:")]
    return {
        "fs": float(record.fs),
        "signals": record.p_signal.T[order],
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
# Both leads are divided by the same number
def prepare(x, fs):
    """A record (leads, samples) to float32 (leads, samples at 100 Hz): bridged, filtered, scaled lead by lead."""
    rows = []
    for row in np.asarray(x, dtype=float):
        known = np.flatnonzero(np.isfinite(row))
        if len(known) == 0:
            rows.append((np.zeros(-(-len(row) * 100 // round(fs))), np.nan))
            continue
        tiny = 1e-6 * (1e-12 + np.abs(row[known]).max())
        row = np.interp(np.arange(len(row)), known, row[known])
        y = signal.resample_poly(signals.filtered(row, fs, low=0.5, high=40.0), 100, round(fs))
        minute = y[: min(len(y), 6000) // 500 * 500].reshape(-1, 500).std(axis=1)
        minute = minute[minute > tiny]
        rows.append((y, np.median(minute) if len(minute) else np.nan))
    scale = np.nanmean([row[1] for row in rows])
    return np.nan_to_num(np.array([row[0] / scale for row in rows])).astype(np.float32)

# %% task="windows"
# Every rhythm that is not AF is called normal
def cut_windows(x, rhythms, fs, purity):
    """Labelled 5 s windows of a prepared record: dict of windows (n, leads, 500), labels (n,), start_s (n,)."""
    kept, labels = [], []
    for k in range(x.shape[1] // 500):
        for name, code in (("(N", 0), ("(AFIB", 1)):
            parts = [(start / fs, stop / fs) for start, stop, label in rhythms if (label == "(AFIB") == (code == 1)]
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
# The validation part is taken from the training patients' windows
def patient_folds(labels, patients, k, seed):
    """List of k dicts of positions, "train", "val", "test"; no patient is in two of them."""
    labels, patients = np.asarray(labels), np.asarray(patients)
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
        folds.append({"train": np.flatnonzero(~test), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
    return folds
