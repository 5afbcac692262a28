# ---
# kind: broken
# title: "Handed in as it was handed out"
# expect: {read: 0, filter: 0, windows: 0, split: 0, weights: 0, train: 0, report: 0, perform: 0, leak: 0}
# says: {read: [not written yet], leak: [not written yet]}
# empty: [read, filter, windows, split, weights, train, report, perform, leak]
# ---
