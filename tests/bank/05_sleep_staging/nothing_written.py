# ---
# kind: broken
# title: "Handed in as it was handed out"
# expect: {read: 0, filter: 0, epochs: 0, split: 0, sequences: 0, networks: 0, train: 0, metrics: 0, report: 0, perform: 0}
# says: {read: [not written yet], sequences: [not written yet]}
# empty: [read, filter, epochs, split, sequences, networks, train, metrics, report, perform]
# ---
