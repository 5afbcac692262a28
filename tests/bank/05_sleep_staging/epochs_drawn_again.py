# ---
# kind: wrong
# title: "The bootstrap draws epochs instead of subjects; kappa is a mean over subjects"
# expect: {report: [3, 5]}
# says: {report: [the mean over subjects, epochs are drawn instead of subjects]}
# empty: [train, perform]
# ---
# %% task="report" change
# was
    drawn = [kappa_of(tables[rng.integers(len(names), size=len(names))].sum(axis=0)) for _ in range(2000)]
# now
    drawn = []
    for _ in range(1000):
        again = rng.integers(len(labels), size=len(labels))
        drawn.append(kappa_of(tables_of(labels[again], called[again])))
# was
        "kappa": kappa_of(pooled),
# now
        "kappa": float(np.mean([kappa_of(table) for table in tables])),
