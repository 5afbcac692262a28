# ---
# kind: wrong
# title: "The bootstrap draws windows, as if they were independent"
# expect: {report: 8}
# says: {report: [windows are drawn instead of patients]}
# empty: [train, perform, leak]
# ---
# %% task="report" change
# was
    means = np.random.default_rng(seed).choice(f1, (4000, len(f1))).mean(axis=1)
    without = ~np.isin(patients, with_af)
# now
    drawn = np.random.default_rng(seed).integers(0, len(labels), (2000, len(labels)))
    means = 2 * np.sum(called[drawn] & labels[drawn], axis=1) / (called[drawn].sum(axis=1) + labels[drawn].sum(axis=1))
    healthy = ~np.isin(patients, with_af)
# was
        "false_alarms_per_hour": float(called[without].sum() / (without.sum() * 5 / 3600)) if without.any() else 0.0,
# now
        "false_alarms_per_hour": float(called[healthy].sum() / (healthy.sum() * 5 / 3600)) if healthy.any() else 0.0,
