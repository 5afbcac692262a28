# ---
# kind: wrong
# title: "The strength is chosen on the test windows, and scaling uses all windows"
# expect: {evaluate: 9}
# says: {evaluate: [choose on validation windows, means and spreads over all windows]}
# only: [evaluate]
# ---
# %% task="evaluate" change
# was
        x = (features - features[train].mean(axis=0)) / features[train].std(axis=0)
# now
        x = (features - features.mean(axis=0)) / features.std(axis=0)
# was
        scores = [roc_auc_score(levels[val], model.predict_proba(x[val]), multi_class="ovr") for model in models]
# now
        scores = [auc_by_class(levels[test], model.predict_proba(x[test])).mean() for model in models]
