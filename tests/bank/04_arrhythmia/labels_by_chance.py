# ---
# kind: naive
# title: "Trained on labels in another order than the windows"
# expect: {train: 12, perform: [0, 1]}
# empty: [leak]
# ---
# %% task="perform"
shuffled = np.random.default_rng(SEED).permutation(cohort.labels)
net = fit(cohort.signals, shuffled, SEED)


def predict_af(windows, fs):
    return probability_of(net, windows)


def classify_af(windows, fs):
    return (predict_af(windows, fs) >= 0.5).astype(int)
