# ---
# kind: wrong
# title: "High-pass only, and every nth sample: mains comes through"
# expect: {filter: 11}
# says: {filter: [82 Hz appears as 18 Hz]}
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
        y = signals.filtered(row, fs, low=0.5)[np.round(np.arange(0, len(row), fs / 100)).astype(int)]
        minute = y[: min(len(y), 6000) // 500 * 500].reshape(-1, 500).std(axis=1)
        minute = minute[minute > tiny]
        rows.append(y / np.median(minute) if len(minute) else np.zeros(len(y)))
    return np.asarray(rows, np.float32)
