# ---
# kind: broken
# title: The network was never written
# expect: {explore: 6, split: 12, preprocess: 12, network: 0, train: 0, predict: 0, evaluate: 10, perform: 0}
# says: {network: [the answer cell was not run], predict: [the answer cell was not run]}
# empty: [network]
# ---
