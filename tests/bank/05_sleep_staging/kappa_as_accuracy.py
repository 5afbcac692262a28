# ---
# kind: wrong
# title: "Accuracy under the name of kappa"
# expect: {metrics: 5, report: [1, 3]}
# says: {metrics: [this is the accuracy], report: [or accuracy]}
# empty: [train, perform]
# ---
# %% task="metrics" change
# was
    return float((agreed - chance) / (1 - chance)) if chance < 1 else 0.0
# now
    return float(agreed)

# %% task="report" change
# was
        return (np.trace(table) / table.sum() - chance) / (1 - chance) if chance < 1 else 0.0
# now
        return np.trace(table) / table.sum()
