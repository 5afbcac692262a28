# ---
# kind: wrong
# title: "Networks are tested on windows they were trained on"
# expect: {leak: 4}
# says: {leak: [trained on test windows]}
# empty: [perform]
# ---
# %% task="leak" change
# was
            called[test] = probability_of(fit(windows[train], labels[train], seed), windows[test]) >= 0.5
# now
            called[test] = probability_of(fit(windows, labels, seed), windows[test]) >= 0.5
