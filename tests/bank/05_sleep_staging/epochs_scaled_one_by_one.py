# ---
# kind: wrong
# title: "Each 30 s are divided by their own spread, and deep sleep becomes as small as waking"
# expect: {filter: [6, 9]}
# says: {filter: [each piece is scaled by itself]}
# empty: [train, perform]
# ---
# %% task="filter"
def prepare(x, fs):
    """A night (samples,) in uV to float32 (samples at 100 Hz,): filtered, resampled, scaled by its own spread."""
    x = np.asarray(x, dtype=float)
    y = signal.resample_poly(signals.filtered(x, fs, low=0.3, high=35.0), 100, round(fs))
    low, high = np.percentile(y, [25, 75])
    flat = high - low <= 1e-6 * (1e-12 + np.abs(x).max())
    if flat:
        return np.zeros(len(y), np.float32)
    out = y.copy()
    for k in range(0, len(y), 3000):
        out[k : k + 3000] /= out[k : k + 3000].std()
    low, high = np.percentile(out, [25, 75])
    return (out / ((high - low) / 1.349)).astype(np.float32)
