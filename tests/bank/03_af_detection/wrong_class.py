# ---
# kind: wrong
# title: The probability of normal rhythm is returned
# expect: {predict: 8, perform: 0}
# says: {perform: [probability of normal rhythm]}
# empty: [train]
# ---
# %% task="predict"
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

split = split_recordings(recordings.labels, groups, SEED)
rhythm = make_pipeline(StandardScaler(), LogisticRegression())
rhythm.fit(ecg.rr_table(recordings.signals[split["train"]], recordings.fs), recordings.labels[split["train"]])


def af_logits(signals, fs):
    return rhythm.decision_function(ecg.rr_table(signals, fs))


def predict_af(signals, fs):
    return 1 - 1 / (1 + np.exp(-af_logits(signals, fs)))

# %% task="perform"
def classify_af(signals, fs):
    return (predict_af(signals, fs) >= 0.5).astype(int)
