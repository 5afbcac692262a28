# ---
# kind: reference
# title: The solution that ships with the course
# expect: {explore: 6, split: 12, preprocess: 12, network: 12, train: 16, predict: 10, evaluate: 10, perform: 14}
# ---
