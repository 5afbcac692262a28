# ---
# kind: wrong
# title: "Accuracy under the name of F1"
# expect: {report: [6, 8]}
# says: {report: [accuracy instead of F1]}
# empty: [train, perform, leak]
# ---
# %% task="report" change
# was
        rows.append((2 * tp / (2 * tp + fp + fn), tp / (tp + fn), tp / (tp + fp) if tp + fp else 0.0))
# now
        rows.append((np.mean(y == said), tp / (tp + fn), tp / (tp + fp) if tp + fp else 0.0))
# was
    without = ~np.isin(patients, with_af)
# now
    healthy = ~np.isin(patients, with_af)
# was
        "false_alarms_per_hour": float(called[without].sum() / (without.sum() * 5 / 3600)) if without.any() else 0.0,
# now
        "false_alarms_per_hour": float(called[healthy].sum() / (healthy.sum() * 5 / 3600)) if healthy.any() else 0.0,
