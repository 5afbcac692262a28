# ---
# kind: wrong
# title: "One other small mistake in each of seven tasks"
# expect: {read: 9, filter: [5, 9], epochs: [8, 11], split: 7, sequences: [7, 9], metrics: [4, 6], report: 6}
# says: {read: [another channel taken instead], filter: [a causal filter delays], epochs: ["Movement time and Sleep stage ? have no stage"], split: [a ValueError], sequences: [sort by night and number], metrics: [chance taken as one fifth], report: [the mean of nothing]}
# empty: [train, perform]
# ---
# %% task="read" change
# was
    if not found:
        raise ValueError(f"{psg} has the channels {', '.join(names)}; expected EEG Fpz-Cz or EEG Cz-Fpz")
# now
    found = found or [(names[0], 1.0)]

# %% task="filter" change
# was
    y = signal.resample_poly(signals.filtered(x, fs, low=0.3, high=35.0), 100, round(fs))
# now
    y = signal.resample_poly(signals.filtered(x, fs, low=0.3, high=35.0, zero_phase=False), 100, round(fs))

# %% task="epochs" change
# was
        code[round(onset / epoch_s) : round((onset + duration) / epoch_s)] = codes.get(text, -1)
# now
        code[round(onset / epoch_s) : round((onset + duration) / epoch_s)] = codes.get(text, 0)

# %% task="split" change
# was
    if len(names) < k:
        raise ValueError(f"got {len(names)} subjects, expected at least {k}, one for each fold")
# now

# %% task="sequences" change
# was
    order = np.lexsort((numbers, nights))
# now
    order = np.arange(len(nights))

# %% task="metrics" change
# was
    chance = np.sum(table.sum(axis=0) * table.sum(axis=1)) / table.sum() ** 2
    return float((agreed - chance) / (1 - chance)) if chance < 1 else 0.0
# now
    return float((agreed - 0.2) / 0.8)

# %% task="report" change
# was
        "wrong_at_changes": float(wrong[at].mean()) if at.any() else 0.0,
# now
        "wrong_at_changes": float(wrong[at].mean()),
