# ---
# kind: naive
# title: "Logistic regression on the mean size of the pupil"
# expect: {perform: [1, 8]}
# says: {perform: [without the pupil]}
# only: [perform]
# ---
# %% task="perform"
def mean_size(pupil):
    known = np.isfinite(pupil)
    return (np.where(known, pupil, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))[:, None]


model = LogisticRegression().fit(mean_size(np.asarray(cohort.columns["pupil"])), cohort.labels)


def workload_probabilities(eeg, pupil):
    return model.predict_proba(mean_size(pupil))
