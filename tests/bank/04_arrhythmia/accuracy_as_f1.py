# ---
# kind: wrong
# title: "Accuracy under the name of F1"
# expect: {report: [6, 8]}
# says: {report: [accuracy instead of F1]}
# empty: [train, perform, leak]
# ---
# %% task="report"
def choose_threshold(labels, probability):
    """A threshold with the highest F1 of AF."""
    labels, probability = np.asarray(labels), np.asarray(probability)

    def f1(candidate):
        said = probability >= candidate
        return 2 * np.sum(said & (labels == 1)) / max(1, said.sum() + np.sum(labels == 1))

    return float(max(np.unique(probability), key=f1))


def report(labels, called, patients, seed):
    """What was found in each patient with AF, its mean with an interval, and false alarms in those without."""
    labels, called, patients = np.asarray(labels), np.asarray(called), np.asarray(patients)
    with_af = np.unique(patients[labels == 1])
    rows = []
    for who in with_af:
        y, said = labels[patients == who], called[patients == who]
        tp, fp, fn = np.sum((y == 1) & (said == 1)), np.sum((y == 0) & (said == 1)), np.sum((y == 1) & (said == 0))
        rows.append((np.mean(y == said), tp / (tp + fn), tp / (tp + fp) if tp + fp else 0.0))
    f1, sensitivity, ppv = np.array(rows).T
    means = np.random.default_rng(seed).choice(f1, (4000, len(f1))).mean(axis=1)
    healthy = ~np.isin(patients, with_af)
    return {
        "patients": with_af,
        "f1": f1,
        "sensitivity": sensitivity,
        "ppv": ppv,
        "mean_f1": float(f1.mean()),
        "interval": tuple(np.quantile(means, [0.025, 0.975])),
        "false_alarms_per_hour": float(called[healthy].sum() / (healthy.sum() * 5 / 3600)) if healthy.any() else 0.0,
    }
