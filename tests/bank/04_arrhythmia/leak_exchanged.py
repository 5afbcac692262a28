# ---
# kind: wrong
# title: "The two splits are exchanged"
# expect: {leak: 2}
# says: {leak: [the two splits are exchanged]}
# empty: [perform]
# ---
# %% task="leak"
def measure_leak(windows, labels, patients, seed):
    """F1 when windows are split at random and when patients are, folds and decisions of both, and the gap."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    found = {}
    for name, maker, who in (("patients", StratifiedKFold, None), ("random", StratifiedGroupKFold, patients)):
        fold, called = np.zeros(len(labels), int), np.zeros(len(labels), int)
        for number, (train, test) in enumerate(maker(3, shuffle=True, random_state=seed).split(windows, labels, who)):
            fold[test] = number
            called[test] = probability_of(fit(windows[train], labels[train], seed), windows[test]) >= 0.5
        hits = np.sum((called == 1) & (labels == 1))
        found |= {f"fold_{name}": fold, f"called_{name}": called, f"f1_{name}": float(2 * hits / (called.sum() + labels.sum()))}
    return found | {"gap": found["f1_random"] - found["f1_patients"]}
