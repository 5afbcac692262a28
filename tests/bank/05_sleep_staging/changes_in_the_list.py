# ---
# kind: wrong
# title: "Neighbours in the list are taken for neighbours in the night"
# expect: {report: 6}
# says: {report: [neighbours in the list taken for neighbours in the night]}
# empty: [train, perform]
# ---
# %% task="report"
def report(labels, called, subjects, nights, numbers, seed):
    """Kappa, macro-F1, kappa by subject with an interval over subjects, and errors at changes of stage."""
    labels, called, subjects = np.asarray(labels), np.asarray(called), np.asarray(subjects)

    def tables_of(y, said):
        table = np.zeros((5, 5))
        np.add.at(table, (y, said), 1)
        return table

    def kappa_of(table):
        chance = np.sum(table.sum(axis=0) * table.sum(axis=1)) / table.sum() ** 2
        return (np.trace(table) / table.sum() - chance) / (1 - chance) if chance < 1 else 0.0

    names = np.unique(subjects)
    tables = np.stack([tables_of(labels[subjects == who], called[subjects == who]) for who in names])
    pooled = tables.sum(axis=0)
    rng = np.random.default_rng(seed)
    drawn = [kappa_of(tables[rng.integers(len(names), size=len(names))].sum(axis=0)) for _ in range(2000)]
    order = np.arange(len(labels))
    night, number, y = np.asarray(nights)[order], np.asarray(numbers)[order], labels[order]
    change = (y[1:] != y[:-1])
    at = np.zeros(len(y), bool)
    at[:-1] |= change
    at[1:] |= change
    wrong = (labels != called)[order]
    return {
        "kappa": kappa_of(pooled),
        "macro_f1": float(np.mean(2 * np.diag(pooled) / np.maximum(pooled.sum(axis=0) + pooled.sum(axis=1), 1))),
        "subjects": names,
        "kappa_by_subject": np.array([kappa_of(table) for table in tables]),
        "interval": tuple(np.quantile(drawn, [0.025, 0.975])),
        "wrong_at_changes": float(wrong[at].mean()) if at.any() else 0.0,
        "wrong_elsewhere": float(wrong[~at].mean()) if (~at).any() else 0.0,
    }
