# ---
# kind: naive
# title: "Everything is AF: sensitivity 1, and no points"
# expect: {perform: 0}
# empty: [train, leak]
# ---
# %% task="perform"
def predict_af(windows, fs):
    return np.full(len(windows), 0.9)


def classify_af(windows, fs):
    return np.ones(len(windows), int)
