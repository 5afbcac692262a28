# ---
# kind: reference
# title: The solution that ships with the course
# expect: {dense: 12, conv: 18, loss: 12, slopes: 10, learn: 16, folds: 12, metrics: 12, beats: 8}
# total: 100
# ---
