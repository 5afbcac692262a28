# ---
# kind: wrong
# title: "Each 30 s are filtered on their own"
# expect: {filter: [6, 9]}
# says: {filter: [each piece gets edges of its own]}
# empty: [train, perform]
# ---
# %% task="filter"
def prepare(x, fs):
    """A night (samples,) in uV to float32 (samples at 100 Hz,): filtered, resampled, scaled by its own spread."""
    x = np.asarray(x, dtype=float)
    size = round(30 * fs)
    pieces = [signals.filtered(x[k : k + size], fs, low=0.3, high=35.0) for k in range(0, len(x), size)]
    y = signal.resample_poly(np.concatenate(pieces), 100, round(fs))
    low, high = np.percentile(y, [25, 75])
    flat = high - low <= 1e-6 * (1e-12 + np.abs(x).max())
    return np.asarray(np.zeros(len(y)) if flat else y / ((high - low) / 1.349), np.float32)
