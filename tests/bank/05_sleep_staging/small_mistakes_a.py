# ---
# kind: wrong
# title: "One small mistake in each of six tasks"
# expect: {read: 9, filter: 9, epochs: [9, 11], split: 7, sequences: [7, 9], metrics: 6}
# says: {read: [five characters are the subject], filter: [end with .astype], epochs: ["30 s, 3,000 samples or 60 epochs"], split: [the global random generator], sequences: [leave those places out], metrics: [rows and columns exchanged]}
# empty: [train, perform]
# ---
# %% task="read"
def read_night(psg, hypnogram):
    """One night: dict of fs (Hz), eeg (samples,) in uV, stages, subject, night."""
    from pathlib import Path

    names = mne.io.read_raw_edf(psg, verbose="error").ch_names
    found = [(name, sign) for name, sign in (("EEG Fpz-Cz", 1.0), ("EEG Cz-Fpz", -1.0)) if name in names]
    if not found:
        raise ValueError(f"{psg} has the channels {', '.join(names)}; expected EEG Fpz-Cz or EEG Cz-Fpz")
    name, sign = found[0]
    raw = mne.io.read_raw_edf(psg, include=[name], verbose="error")
    notes = mne.read_annotations(hypnogram)
    rows = zip(notes.onset, notes.duration, notes.description, strict=True)
    return {
        "fs": float(raw.info["sfreq"]),
        "eeg": sign * 1e6 * raw.get_data()[0],
        "stages": [(float(onset), float(duration), str(text)) for onset, duration, text in rows],
        "subject": Path(psg).name[:6],
        "night": Path(psg).name[:6],
    }


def read_files(files):
    """`read_night` for a night that comes as bytes. Leave this function as it is: the test cell calls it."""
    with probe.as_folder(files) as (psg, hypnogram):
        return read_night(psg, hypnogram)
# %% task="filter"
def prepare(x, fs):
    """A night (samples,) in uV to float32 (samples at 100 Hz,): filtered, resampled, scaled by its own spread."""
    x = np.asarray(x, dtype=float)
    y = signal.resample_poly(signals.filtered(x, fs, low=0.3, high=35.0), 100, round(fs))
    low, high = np.percentile(y, [25, 75])
    flat = high - low <= 1e-6 * (1e-12 + np.abs(x).max())
    return np.zeros(len(y)) if flat else y / ((high - low) / 1.349)
# %% task="epochs"
def cut_epochs(x, stages, epoch_s):
    """Scored epochs around sleep: dict of epochs (n, 100 * epoch_s), stages (n,), number (n,)."""
    codes = {f"Sleep stage {letter}": code for letter, code in zip("W1234R", (0, 1, 2, 3, 3, 4), strict=True)}
    size = round(100 * epoch_s)
    n = len(x) // size
    code = np.full(n, -1)
    for onset, duration, text in stages:
        code[round(onset / epoch_s) : round((onset + duration) / epoch_s)] = codes.get(text, -1)
    asleep = np.flatnonzero(code > 0)
    k, room = np.arange(n), 60
    kept = k[(code >= 0) & (k >= asleep[0] - room) & (k <= asleep[-1] + room)] if len(asleep) else k[:0]
    return {"epochs": x[: n * size].reshape(n, size)[kept], "stages": code[kept], "number": kept}
# %% task="split"
def subject_folds(subjects, k, seed):
    """List of k dicts of positions, "train", "val", "test"; no subject is in two of them."""
    names, who = np.unique(np.asarray(subjects), return_inverse=True)
    if len(names) < k:
        raise ValueError(f"got {len(names)} subjects, expected at least {k}, one for each fold")
    number = (np.random.permutation(len(names)) % k)[who]
    folds = []
    for i in range(k):
        test, val = number == i, number == (i + 1) % k
        folds.append({"train": np.flatnonzero(~test & ~val), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
    return folds
# %% task="sequences"
def make_sequences(nights, numbers, length):
    """(m, length) positions of epochs that follow one another in one night, -1 at the end where not filled."""
    nights, numbers = np.asarray(nights), np.asarray(numbers)
    order = np.lexsort((numbers, nights))
    night, number = nights[order], numbers[order]
    breaks = np.flatnonzero((night[1:] != night[:-1]) | (np.diff(number) != 1)) + 1
    pieces = [s[a : a + length] for s in np.split(order, breaks) for a in range(0, len(s), length)]
    rows = np.full((len(pieces), length), -1)
    for row, piece in zip(rows, pieces, strict=True):
        row[: len(piece)] = piece
    return rows


def put_back(answers, sequences, n):
    """(n, c) the answers (m, length, c) in the order of the epochs."""
    answers, sequences = np.asarray(answers), np.asarray(sequences)
    out = np.zeros((n, answers.shape[2]), answers.dtype)
    out[sequences] = answers
    return out
# %% task="metrics"
def confusion(labels, called):
    """(5, 5) counts: row true stage, column called stage."""
    table = np.zeros((5, 5), int)
    np.add.at(table, (np.asarray(called).astype(int), np.asarray(labels).astype(int)), 1)
    return table


def kappa(labels, called):
    """Cohen's kappa."""
    table = confusion(labels, called)
    agreed = np.trace(table) / table.sum()
    chance = np.sum(table.sum(axis=0) * table.sum(axis=1)) / table.sum() ** 2
    return float((agreed - chance) / (1 - chance)) if chance < 1 else 0.0


def stage_f1(labels, called):
    """(5,) F1 of each stage."""
    table = confusion(labels, called)
    return 2 * np.diag(table) / np.maximum(table.sum(axis=0) + table.sum(axis=1), 1)


def macro_f1(labels, called):
    """Mean F1 of the five stages."""
    return float(stage_f1(labels, called).mean())
