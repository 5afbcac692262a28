# ---
# kind: reference
# title: The solution that ships with the course
# expect: {read: 10, filter: 12, windows: 12, split: 12, weights: 8, train: 12, report: 10, perform: 10, leak: 6}
# ---
