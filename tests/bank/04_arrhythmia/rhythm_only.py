# ---
# kind: naive
# title: "The irregularity of five seconds alone, an honest baseline: few points"
# expect: {perform: [0, 2]}
# empty: [train, leak]
# ---
# %% task="perform"
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from physiodl import ecg

rhythm = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
rhythm.fit(ecg.rr_table(cohort.signals[:, :1], cohort.fs), cohort.labels)


def predict_af(windows, fs):
    return rhythm.predict_proba(ecg.rr_table(windows[:, :1], fs))[:, 1]


def classify_af(windows, fs):
    return (predict_af(windows, fs) >= 0.5).astype(int)
