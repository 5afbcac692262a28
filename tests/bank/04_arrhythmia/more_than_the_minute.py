# ---
# kind: wrong
# title: "Scaled as asked, but by the pieces of the whole record instead of its first minute"
# expect: {filter: 10}
# says: {filter: [more than the first 60 s]}
# empty: [train, perform, leak]
# ---
# %% task="filter"
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
        y = signal.resample_poly(signals.filtered(row, fs, low=0.5, high=40.0), 100, round(fs))
        pieces = y[: len(y) // 500 * 500].reshape(-1, 500).std(axis=1)
        pieces = pieces[pieces > tiny]
        rows.append(y / np.median(pieces) if len(pieces) else np.zeros(len(y)))
    return np.asarray(rows, np.float32)
