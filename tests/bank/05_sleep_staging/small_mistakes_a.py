# ---
# kind: wrong
# title: "One small mistake in each of six tasks"
# expect: {read: 9, filter: 9, epochs: [9, 11], split: 7, sequences: [7, 9], metrics: 6}
# says: {read: [five characters are the subject], filter: [end with .astype], epochs: ["30 s, 3,000 samples or 60 epochs"], split: [the global random generator], sequences: [leave those places out], metrics: [rows and columns exchanged]}
# empty: [train, perform]
# ---
# %% task="read" change
# was
        "subject": Path(psg).name[:5],
# now
        "subject": Path(psg).name[:6],

# %% task="filter" change
# was
    return np.asarray(np.zeros(len(y)) if flat else y / ((high - low) / 1.349), np.float32)
# now
    return np.zeros(len(y)) if flat else y / ((high - low) / 1.349)

# %% task="epochs" change
# was
    k, room = np.arange(n), round(1800 / epoch_s)
# now
    k, room = np.arange(n), 60

# %% task="split" change
# was
    number = (np.random.default_rng(seed).permutation(len(names)) % k)[who]
# now
    number = (np.random.permutation(len(names)) % k)[who]

# %% task="sequences" change
# was
    out[sequences[sequences >= 0]] = answers[sequences >= 0]
# now
    out[sequences] = answers

# %% task="metrics" change
# was
    np.add.at(table, (np.asarray(labels).astype(int), np.asarray(called).astype(int)), 1)
# now
    np.add.at(table, (np.asarray(called).astype(int), np.asarray(labels).astype(int)), 1)
