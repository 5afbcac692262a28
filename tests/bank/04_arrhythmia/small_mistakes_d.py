# ---
# kind: wrong
# title: "One small mistake in each of four tasks that need no other"
# expect: {read: 8, filter: 10, windows: 11, split: 1}
# says: {read: [last character], filter: [one scale for both leads], windows: [everything that is not AF called normal], split: [in two parts at once]}
# empty: [train, perform, leak]
# ---
# %% task="read" change
# was
def read_record(folder, name):
# now
# Labels keep the character that ends the notes of MIT-BIH
def read_record(folder, name):
# was
    notes = [(int(at), note.strip("\x00")) for at, note in zip(marks.sample, marks.aux_note, strict=True) if note.startswith("(")]
# now
    notes = [(int(at), note) for at, note in zip(marks.sample, marks.aux_note, strict=True) if note.startswith("(")]

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

# %% task="windows" change
# was
def cut_windows(x, rhythms, fs, purity):
# now
# Every rhythm that is not AF is called normal
def cut_windows(x, rhythms, fs, purity):
# was
            parts = [(start / fs, stop / fs) for start, stop, label in rhythms if label == name]
# now
            parts = [(start / fs, stop / fs) for start, stop, label in rhythms if (label == "(AFIB") == (code == 1)]

# %% task="split" change
# was
def patient_folds(labels, patients, k, seed):
# now
# The validation part is taken from the training patients' windows
def patient_folds(labels, patients, k, seed):
# was
        folds.append({"train": np.flatnonzero(~test & ~val), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
# now
        folds.append({"train": np.flatnonzero(~test), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
