# ---
# kind: wrong
# title: The network's outputs are not numbers
# expect: {predict: 0, perform: 0}
# empty: [train]
# says: {predict: [NaN or infinite], perform: [NaN or infinite]}
# ---
# %% task="predict"
def af_logits(signals, fs):
    return np.log(-np.abs(preprocess(signals, fs)[:, 0, 0]))


def predict_af(signals, fs):
    return 1 / (1 + np.exp(-af_logits(signals, fs)))

# %% task="perform"
def classify_af(signals, fs):
    return predict_af(signals, fs)
