# ---
# kind: reference
# title: "The solution that ships with the course"
# expect: {read: 10, filter: 10, epochs: 12, split: 8, sequences: 10, networks: 8, train: 12, metrics: 8, report: 8, perform: 8}
# ---
