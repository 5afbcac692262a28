# ---
# kind: wrong
# title: "One other small mistake in each of seven tasks"
# expect: {read: 9, filter: [5, 9], epochs: [8, 11], split: 7, sequences: [7, 9], metrics: [4, 6], report: 6}
# says: {read: [another channel taken instead], filter: [a causal filter delays], epochs: ["Movement time and Sleep stage ? have no stage"], split: [a ValueError], sequences: [sort by night and number], metrics: [chance taken as one fifth], report: [the mean of nothing]}
# empty: [train, perform]
# ---
# %% task="read"
def read_night(psg, hypnogram):
    """One night: dict of fs (Hz), eeg (samples,) in uV, stages, subject, night."""
    from pathlib import Path

    names = mne.io.read_raw_edf(psg, verbose="error").ch_names
    found = [(name, sign) for name, sign in (("EEG Fpz-Cz", 1.0), ("EEG Cz-Fpz", -1.0)) if name in names]
    found = found or [(names[0], 1.0)]
    name, sign = found[0]
    raw = mne.io.read_raw_edf(psg, include=[name], verbose="error")
    notes = mne.read_annotations(hypnogram)
    rows = zip(notes.onset, notes.duration, notes.description, strict=True)
    return {
        "fs": float(raw.info["sfreq"]),
        "eeg": sign * 1e6 * raw.get_data()[0],
        "stages": [(float(onset), float(duration), str(text)) for onset, duration, text in rows],
        "subject": Path(psg).name[:5],
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
    y = signal.resample_poly(signals.filtered(x, fs, low=0.3, high=35.0, zero_phase=False), 100, round(fs))
    low, high = np.percentile(y, [25, 75])
    flat = high - low <= 1e-6 * (1e-12 + np.abs(x).max())
    return np.asarray(np.zeros(len(y)) if flat else y / ((high - low) / 1.349), np.float32)
# %% task="epochs"
def cut_epochs(x, stages, epoch_s):
    """Scored epochs around sleep: dict of epochs (n, 100 * epoch_s), stages (n,), number (n,)."""
    codes = {f"Sleep stage {letter}": code for letter, code in zip("W1234R", (0, 1, 2, 3, 3, 4), strict=True)}
    size = round(100 * epoch_s)
    n = len(x) // size
    code = np.full(n, -1)
    for onset, duration, text in stages:
        code[round(onset / epoch_s) : round((onset + duration) / epoch_s)] = codes.get(text, 0)
    asleep = np.flatnonzero(code > 0)
    k, room = np.arange(n), round(1800 / epoch_s)
    kept = k[(code >= 0) & (k >= asleep[0] - room) & (k <= asleep[-1] + room)] if len(asleep) else k[:0]
    return {"epochs": x[: n * size].reshape(n, size)[kept], "stages": code[kept], "number": kept}
# %% task="split"
def subject_folds(subjects, k, seed):
    """List of k dicts of positions, "train", "val", "test"; no subject is in two of them."""
    names, who = np.unique(np.asarray(subjects), return_inverse=True)
    number = (np.random.default_rng(seed).permutation(len(names)) % k)[who]
    folds = []
    for i in range(k):
        test, val = number == i, number == (i + 1) % k
        folds.append({"train": np.flatnonzero(~test & ~val), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
    return folds
# %% task="sequences"
def make_sequences(nights, numbers, length):
    """(m, length) positions of epochs that follow one another in one night, -1 at the end where not filled."""
    nights, numbers = np.asarray(nights), np.asarray(numbers)
    order = np.arange(len(nights))
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
    out[sequences[sequences >= 0]] = answers[sequences >= 0]
    return out
# %% task="metrics"
def confusion(labels, called):
    """(5, 5) counts: row true stage, column called stage."""
    table = np.zeros((5, 5), int)
    np.add.at(table, (np.asarray(labels).astype(int), np.asarray(called).astype(int)), 1)
    return table


def kappa(labels, called):
    """Cohen's kappa."""
    table = confusion(labels, called)
    agreed = np.trace(table) / table.sum()
    return float((agreed - 0.2) / 0.8)


def stage_f1(labels, called):
    """(5,) F1 of each stage."""
    table = confusion(labels, called)
    return 2 * np.diag(table) / np.maximum(table.sum(axis=0) + table.sum(axis=1), 1)


def macro_f1(labels, called):
    """Mean F1 of the five stages."""
    return float(stage_f1(labels, called).mean())
# %% task="report"
def report(labels, called, subjects, nights, numbers, seed):
    """Kappa, macro-F1, kappa by subject with an interval over subjects, and errors at changes of stage."""
    labels, called, subjects = np.asarray(labels), np.asarray(called), np.asarray(subjects)

    def tables_of(y, said):
        table = np.zeros((5, 5))
        np.add.at(table, (y, said), 1)
        return table

    def kappa_of(table):
        chance = np.sum(table.sum(axis=0) * table.sum(axis=1)) / table.sum() ** 2
        return (np.trace(table) / table.sum() - chance) / (1 - chance) if chance < 1 else 0.0

    names = np.unique(subjects)
    tables = np.stack([tables_of(labels[subjects == who], called[subjects == who]) for who in names])
    pooled = tables.sum(axis=0)
    rng = np.random.default_rng(seed)
    drawn = [kappa_of(tables[rng.integers(len(names), size=len(names))].sum(axis=0)) for _ in range(2000)]
    order = np.lexsort((numbers, nights))
    night, number, y = np.asarray(nights)[order], np.asarray(numbers)[order], labels[order]
    change = (night[1:] == night[:-1]) & (np.diff(number) == 1) & (y[1:] != y[:-1])
    at = np.zeros(len(y), bool)
    at[:-1] |= change
    at[1:] |= change
    wrong = (labels != called)[order]
    return {
        "kappa": kappa_of(pooled),
        "macro_f1": float(np.mean(2 * np.diag(pooled) / np.maximum(pooled.sum(axis=0) + pooled.sum(axis=1), 1))),
        "subjects": names,
        "kappa_by_subject": np.array([kappa_of(table) for table in tables]),
        "interval": tuple(np.quantile(drawn, [0.025, 0.975])),
        "wrong_at_changes": float(wrong[at].mean()),
        "wrong_elsewhere": float(wrong[~at].mean()) if (~at).any() else 0.0,
    }
