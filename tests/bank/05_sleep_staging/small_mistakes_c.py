# ---
# kind: wrong
# title: "Yet another small mistake in each of six tasks"
# expect: {read: 8, filter: [7, 9], epochs: [9, 11], sequences: [5, 8], networks: [5, 7], metrics: [5, 7]}
# says: {read: [the unit in the header is not looked at], filter: [one burst makes the whole night small], epochs: [stages taken in order instead of by their onset], sequences: [epochs at the end of a night are dropped], networks: [.eval], metrics: [sensitivity or PPV]}
# empty: [train, perform]
# ---
# %% task="read" change
# was
        "eeg": sign * 1e6 * raw.get_data()[0],
# now
        "eeg": sign * raw.get_data()[0] * (30e-6 / raw.get_data()[0].std() if False else 1e6) * (1e3 if raw._orig_units[name] == 'mV' else 1),

# %% task="filter" change
# was
    low, high = np.percentile(y, [25, 75])
# now
    low, high = 0.0, 1.349 * y.std()

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
# %% task="sequences" change
# was
    pieces = [s[a : a + length] for s in np.split(order, breaks) for a in range(0, len(s), length)]
# now
    pieces = [s[a : a + length] for s in np.split(order, breaks) for a in range(0, len(s) - length + 1, length)]

# %% task="networks" change
# was
    net = EpochNet().eval()
# now
    net = EpochNet()

# %% task="metrics" change
# was
    return 2 * np.diag(table) / np.maximum(table.sum(axis=0) + table.sum(axis=1), 1)
# now
    return np.diag(table) / np.maximum(table.sum(axis=1), 1)
