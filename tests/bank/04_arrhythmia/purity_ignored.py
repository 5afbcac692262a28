# ---
# kind: wrong
# title: "A window gets the label of its middle, mixture or not"
# expect: {windows: 9}
# says: {windows: [first or middle sample]}
# empty: [train, perform, leak]
# ---
# %% task="windows"
def cut_windows(x, rhythms, fs, purity):
    """Labelled 5 s windows of a prepared record: dict of windows (n, leads, 500), labels (n,), start_s (n,)."""
    kept, labels = [], []
    for k in range(x.shape[1] // 500):
        for name, code in (("(N", 0), ("(AFIB", 1)):
            parts = [(start / fs, stop / fs) for start, stop, label in rhythms if label == name]
            shared = sum(max(0.0, min(stop, 5 * k + 5) - max(start, 5 * k)) for start, stop in parts)
            if any(start <= 5 * k + 2.5 < stop for start, stop in parts):
                kept.append(k)
                labels.append(code)
    pieces = [x[:, 500 * k : 500 * k + 500] for k in kept]
    return {
        "windows": np.stack(pieces) if pieces else np.zeros((0, len(x), 500), np.float32),
        "labels": np.array(labels, int),
        "start_s": 5.0 * np.array(kept, float),
    }
