# ---
# kind: naive
# title: The shape of the amplitude distribution alone decides
# expect: {predict: [0, 4], perform: 0}
# empty: [train]
# ---
# %% task="predict"
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

split = split_recordings(recordings.labels, groups, SEED)


def measure(signals, fs):
    rows = []
    for x, n in zip(signals[:, 0], ecg.true_lengths(signals)):
        z = x[: max(n, 1)]
        rows.append([np.abs(z).mean(), np.mean(z**3), np.log(np.mean(z**4) + 1e-9), z.max(), z.min()])
    return np.array(rows)


model = make_pipeline(StandardScaler(), LogisticRegression())
model.fit(measure(recordings.signals[split["train"]], recordings.fs), recordings.labels[split["train"]])


def af_logits(signals, fs):
    return model.decision_function(measure(signals, fs))


def predict_af(signals, fs):
    return 1 / (1 + np.exp(-af_logits(signals, fs)))

# %% task="perform"
def classify_af(signals, fs):
    return (predict_af(signals, fs) >= 0.5).astype(int)
