# ---
# kind: wrong
# title: "The record is cut into windows first and filtered window by window"
# expect: {filter: [8, 10]}
# says: {filter: [filtered piece by piece]}
# empty: [train, perform, leak]
# ---
# %% task="filter" change
# was
        y = signal.resample_poly(signals.filtered(row, fs, low=0.5, high=40.0), 100, round(fs))
# now
        length = round(5 * fs)
        parts = [row[k : k + length] for k in range(0, len(row), length)]
        row = np.concatenate([signals.filtered(part, fs, low=0.5, high=40.0) for part in parts])
        y = signal.resample_poly(row, 100, round(fs))
