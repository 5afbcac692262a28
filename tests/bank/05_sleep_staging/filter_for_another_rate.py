# ---
# kind: wrong
# title: "The filter is designed for 100 Hz whatever the rate of the file"
# expect: {filter: [5, 8]}
# says: {filter: [100 Hz is written into the filter]}
# empty: [train, perform]
# ---
# %% task="filter"
def prepare(x, fs):
    """A night (samples,) in uV to float32 (samples at 100 Hz,): filtered, resampled, scaled by its own spread."""
    x = np.asarray(x, dtype=float)
    y = signal.resample_poly(signals.filtered(x, 100.0, low=0.3, high=35.0), 100, round(fs))
    low, high = np.percentile(y, [25, 75])
    flat = high - low <= 1e-6 * (1e-12 + np.abs(x).max())
    return np.asarray(np.zeros(len(y)) if flat else y / ((high - low) / 1.349), np.float32)
