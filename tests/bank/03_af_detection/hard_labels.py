# ---
# kind: wrong
# title: Yes or no where a probability is asked
# expect: {predict: 6, perform: [0, 7]}
# says: {predict: [hard labels hide]}
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
    return (af_logits(signals, fs) > 0).astype(float)

# %% task="perform"
def classify_af(signals, fs):
    return (predict_af(signals, fs) >= 0.5).astype(int)
