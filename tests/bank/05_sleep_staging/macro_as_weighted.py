# ---
# kind: wrong
# title: "F1 weighted by how frequent a stage is, under the name of macro-F1"
# expect: {metrics: 7, report: [6, 7]}
# says: {metrics: [weighted by how frequent a stage is], report: [weighted by how frequent a stage is]}
# empty: [train, perform]
# ---
# %% task="metrics" change
# was
    return float(stage_f1(labels, called).mean())
# now
    counts = confusion(labels, called).sum(axis=1)
    return float(np.sum(stage_f1(labels, called) * counts) / counts.sum())

# %% task="report" change
# was
        "macro_f1": float(np.mean(2 * np.diag(pooled) / np.maximum(pooled.sum(axis=0) + pooled.sum(axis=1), 1))),
# now
        "macro_f1": float(np.sum(2 * np.diag(pooled) / np.maximum(pooled.sum(axis=0) + pooled.sum(axis=1), 1) * pooled.sum(axis=1)) / pooled.sum()),
