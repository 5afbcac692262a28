# ---
# kind: wrong
# title: "The record is cut into windows first and filtered window by window"
# expect: {filter: [8, 10]}
# says: {filter: [filtered piece by piece]}
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
        length = round(5 * fs)
        parts = [row[k : k + length] for k in range(0, len(row), length)]
        row = np.concatenate([signals.filtered(part, fs, low=0.5, high=40.0) for part in parts])
        y = signal.resample_poly(row, 100, round(fs))
        minute = y[: min(len(y), 6000) // 500 * 500].reshape(-1, 500).std(axis=1)
        minute = minute[minute > tiny]
        rows.append(y / np.median(minute) if len(minute) else np.zeros(len(y)))
    return np.asarray(rows, np.float32)
