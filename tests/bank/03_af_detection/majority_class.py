# ---
# kind: naive
# title: The same answer for everybody
# expect: {predict: 0, perform: 0}
# empty: [train]
# ---
# %% task="predict"
def af_logits(signals, fs):
    return np.zeros(len(signals))


def predict_af(signals, fs):
    return np.full(len(signals), 0.5)

# %% task="perform"
def classify_af(signals, fs):
    return np.ones(len(signals), int)
