# ---
# kind: naive
# title: "Heart rate and amplitude alone, with boosted trees: no points"
# expect: {perform: 0}
# empty: [train, leak]
# ---
# %% task="perform"
from sklearn.ensemble import HistGradientBoostingClassifier

from physiodl import ecg


def simple(windows):
    beats = [len(ecg.r_peaks(row[0], 100.0)) for row in windows]
    return np.column_stack([beats, windows.std(axis=2), windows.max(axis=2), windows.min(axis=2)])


trees = HistGradientBoostingClassifier(max_iter=60, class_weight="balanced", random_state=0)
trees.fit(simple(cohort.signals), cohort.labels)


def predict_af(windows, fs):
    return trees.predict_proba(simple(windows))[:, 1]


def classify_af(windows, fs):
    return trees.predict(simple(windows))
