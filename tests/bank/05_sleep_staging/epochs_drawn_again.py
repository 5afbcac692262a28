# ---
# kind: wrong
# title: "The bootstrap draws epochs instead of subjects; kappa is a mean over subjects"
# expect: {report: [3, 5]}
# says: {report: [the mean over subjects, epochs are drawn instead of subjects]}
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
    drawn = []
    for _ in range(1000):
        again = rng.integers(len(labels), size=len(labels))
        drawn.append(kappa_of(tables_of(labels[again], called[again])))
    order = np.lexsort((numbers, nights))
    night, number, y = np.asarray(nights)[order], np.asarray(numbers)[order], labels[order]
    change = (night[1:] == night[:-1]) & (np.diff(number) == 1) & (y[1:] != y[:-1])
    at = np.zeros(len(y), bool)
    at[:-1] |= change
    at[1:] |= change
    wrong = (labels != called)[order]
    return {
        "kappa": float(np.mean([kappa_of(table) for table in tables])),
        "macro_f1": float(np.mean(2 * np.diag(pooled) / np.maximum(pooled.sum(axis=0) + pooled.sum(axis=1), 1))),
        "subjects": names,
        "kappa_by_subject": np.array([kappa_of(table) for table in tables]),
        "interval": tuple(np.quantile(drawn, [0.025, 0.975])),
        "wrong_at_changes": float(wrong[at].mean()) if at.any() else 0.0,
        "wrong_elsewhere": float(wrong[~at].mean()) if (~at).any() else 0.0,
    }
