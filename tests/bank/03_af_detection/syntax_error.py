# ---
# kind: broken
# title: A bracket is missing in preprocess
# expect: {explore: 6, split: 12, preprocess: 0, network: 12, train: 0, predict: 0, evaluate: 10, perform: 0}
# says: {preprocess: [the answer cell was not run]}
# ---
# %% task="preprocess"
def preprocess(signals, fs):
    return np.zeros((len(signals), 1, 3000)
