# ---
# kind: wrong
# title: "Yet another small mistake in each of six tasks"
# expect: {read: 8, filter: [7, 9], epochs: [9, 11], sequences: [5, 8], networks: [5, 7], metrics: [5, 7]}
# says: {read: [the unit in the header is not looked at], filter: [one burst makes the whole night small], epochs: [stages taken in order instead of by their onset], sequences: [epochs at the end of a night are dropped], networks: [.eval], metrics: [sensitivity or PPV]}
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
        "eeg": sign * raw.get_data()[0] * (30e-6 / raw.get_data()[0].std() if False else 1e6) * (1e3 if raw._orig_units[name] == 'mV' else 1),
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
    y = signal.resample_poly(signals.filtered(x, fs, low=0.3, high=35.0), 100, round(fs))
    low, high = 0.0, 1.349 * y.std()
    flat = high - low <= 1e-6 * (1e-12 + np.abs(x).max())
    return np.asarray(np.zeros(len(y)) if flat else y / ((high - low) / 1.349), np.float32)
# %% task="epochs"
def cut_epochs(x, stages, epoch_s):
    """Scored epochs around sleep: dict of epochs (n, 100 * epoch_s), stages (n,), number (n,)."""
    codes = {f"Sleep stage {letter}": code for letter, code in zip("W1234R", (0, 1, 2, 3, 3, 4), strict=True)}
    size = round(100 * epoch_s)
    n = len(x) // size
    code = np.full(n, -1)
    onset = 0
    for _, duration, text in stages:
        code[round(onset / epoch_s) : round((onset + duration) / epoch_s)] = codes.get(text, -1)
        onset += duration
    asleep = np.flatnonzero(code > 0)
    k, room = np.arange(n), round(1800 / epoch_s)
    kept = k[(code >= 0) & (k >= asleep[0] - room) & (k <= asleep[-1] + room)] if len(asleep) else k[:0]
    return {"epochs": x[: n * size].reshape(n, size)[kept], "stages": code[kept], "number": kept}
# %% task="sequences"
def make_sequences(nights, numbers, length):
    """(m, length) positions of epochs that follow one another in one night, -1 at the end where not filled."""
    nights, numbers = np.asarray(nights), np.asarray(numbers)
    order = np.lexsort((numbers, nights))
    night, number = nights[order], numbers[order]
    breaks = np.flatnonzero((night[1:] != night[:-1]) | (np.diff(number) != 1)) + 1
    pieces = [s[a : a + length] for s in np.split(order, breaks) for a in range(0, len(s) - length + 1, length)]
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
# %% task="networks"
# your classes EpochNet and SleepNet, and helpers if you like:
def block(n_in, n_out, kernel, stride=1, pool=4):
    """Convolution, batch normalisation, ReLU, pooling."""
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
        nn.MaxPool1d(pool),
    )


def blocks():
    """Epochs (n, 1, samples) to (n, 48, steps)."""
    return nn.Sequential(block(1, 16, 41, stride=10, pool=3), block(16, 32, 7), block(32, 48, 5))


def pooled(h):
    """Mean and maximum over time: (n, 48, steps) to (n, 96)."""
    return torch.cat([h.mean(dim=2), h.amax(dim=2)], dim=1)


class EpochNet(nn.Module):
    """One epoch, one answer: (n, samples) to logits (n, 5)."""

    def __init__(self):
        super().__init__()
        self.blocks, self.dropout, self.out = blocks(), nn.Dropout(0.3), nn.Linear(96, 5)

    def forward(self, x):
        return self.out(self.dropout(pooled(self.blocks(x[:, None]))))


class SleepNet(nn.Module):
    """Epochs in their sequence: (m, length, samples) and present (m, length) to logits (m, length, 5)."""

    def __init__(self):
        super().__init__()
        self.blocks, self.dropout = blocks(), nn.Dropout(0.3)
        self.lstm = nn.LSTM(96, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, 5)

    def forward(self, x, present):
        length = x.shape[1]
        h = torch.zeros(*present.shape, 96)
        h[present] = self.dropout(pooled(self.blocks(x[present][:, None])))  # filled places stay out of batch normalisation
        packed = nn.utils.rnn.pack_padded_sequence(h, present.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)
        h, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=length)
        return self.out(self.dropout(h))


def epoch_logits(epochs, seed):
    """(n, 5) what a fresh EpochNet says of epochs (n, samples)."""
    torch.manual_seed(seed)
    net = EpochNet()
    with torch.no_grad():
        return net(torch.as_tensor(np.array(epochs, np.float32))).numpy()


def sequence_logits(x, present, seed):
    """(m, length, 5) what a fresh SleepNet says of sequences x (m, length, samples)."""
    torch.manual_seed(seed)
    net = SleepNet().eval()
    with torch.no_grad():
        return net(torch.as_tensor(np.array(x, np.float32)), torch.as_tensor(np.array(present, bool))).numpy()
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
    chance = np.sum(table.sum(axis=0) * table.sum(axis=1)) / table.sum() ** 2
    return float((agreed - chance) / (1 - chance)) if chance < 1 else 0.0


def stage_f1(labels, called):
    """(5,) F1 of each stage."""
    table = confusion(labels, called)
    return np.diag(table) / np.maximum(table.sum(axis=1), 1)


def macro_f1(labels, called):
    """Mean F1 of the five stages."""
    return float(stage_f1(labels, called).mean())
