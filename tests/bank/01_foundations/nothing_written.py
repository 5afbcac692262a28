# ---
# kind: naive
# title: The handout as it is
# expect: {dense: 0, conv: 0, loss: 0, slopes: 0, learn: 0, folds: 0, metrics: 0, beats: 0}
# says: {dense: ['not written yet'], metrics: ['not written yet']}
# empty: [dense, conv, loss, slopes, learn, folds, metrics, beats]
# total: 0
# ---
