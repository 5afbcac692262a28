# ---
# kind: wrong
# title: "Both leads are averaged into one"
# expect: {filter: 7}
# says: {filter: [or their average]}
# empty: [train, perform, leak]
# ---
# %% task="filter"
def prepare(x, fs):
    """A record (leads, samples) to float32 (leads, samples at 100 Hz): bridged, filtered, scaled lead by lead."""
    rows = []
    mean = np.nanmean(np.asarray(x, dtype=float), axis=0)
    for row in [mean] * len(x):
        known = np.flatnonzero(np.isfinite(row))
        if len(known) == 0:
            rows.append(np.zeros(-(-len(row) * 100 // round(fs))))
            continue
        tiny = 1e-6 * (1e-12 + np.abs(row[known]).max())
        row = np.interp(np.arange(len(row)), known, row[known])
        y = signal.resample_poly(signals.filtered(row, fs, low=0.5, high=40.0), 100, round(fs))
        minute = y[: min(len(y), 6000) // 500 * 500].reshape(-1, 500).std(axis=1)
        minute = minute[minute > tiny]
        rows.append(y / np.median(minute) if len(minute) else np.zeros(len(y)))
    return np.asarray(rows, np.float32)
