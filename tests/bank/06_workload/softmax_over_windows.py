# ---
# kind: wrong
# title: "Softmax over the windows of a call instead of the levels"
# expect: {perform: 0}
# says: {perform: [in other company]}
# only: [perform]
# ---
# %% task="perform"
def mean_size(pupil):
    known = np.isfinite(pupil)
    return (np.where(known, pupil, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))[:, None]


model = LogisticRegression().fit(mean_size(np.asarray(cohort.columns["pupil"])), cohort.labels)


def workload_probabilities(eeg, pupil):
    return torch.softmax(torch.as_tensor(model.decision_function(mean_size(pupil))), dim=0).numpy()
