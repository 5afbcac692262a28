# ---
# kind: wrong
# title: "Each stretch is given the label of the next annotation"
# expect: {windows: 4}
# says: {windows: [labels moved by one annotation]}
# empty: [train, perform, leak]
# ---
# %% task="windows"
def cut_windows(x, rhythms, fs, purity):
    """Labelled 5 s windows of a prepared record: dict of windows (n, leads, 500), labels (n,), start_s (n,)."""
    moved = [label for _, _, label in rhythms[1:]] + [label for _, _, label in rhythms[-1:]]
    rhythms = [(start, stop, label) for (start, stop, _), label in zip(rhythms, moved, strict=True)]
    kept, labels = [], []
    for k in range(x.shape[1] // 500):
        for name, code in (("(N", 0), ("(AFIB", 1)):
            parts = [(start / fs, stop / fs) for start, stop, label in rhythms if label == name]
            shared = sum(max(0.0, min(stop, 5 * k + 5) - max(start, 5 * k)) for start, stop in parts)
            if shared / 5 >= purity:
                kept.append(k)
                labels.append(code)
    pieces = [x[:, 500 * k : 500 * k + 500] for k in kept]
    return {
        "windows": np.stack(pieces) if pieces else np.zeros((0, len(x), 500), np.float32),
        "labels": np.array(labels, int),
        "start_s": 5.0 * np.array(kept, float),
    }
