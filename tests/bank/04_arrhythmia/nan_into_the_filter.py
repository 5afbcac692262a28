# ---
# kind: wrong
# title: "NaN goes into the filter and spreads over the whole record"
# expect: {filter: 11}
# says: {filter: [NaN goes into the filter]}
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
        band = signal.butter(4, (0.5, 40.0), "bandpass", fs=fs, output="sos")
        y = signal.resample_poly(signal.sosfiltfilt(band, row), 100, round(fs))
        minute = y[: min(len(y), 6000) // 500 * 500].reshape(-1, 500).std(axis=1)
        minute = minute[minute > tiny]
        rows.append(y / np.median(minute) if len(minute) else y)
    return np.asarray(rows, np.float32)
