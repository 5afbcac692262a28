# ---
# kind: wrong
# title: "One small mistake in each of six tasks that need no other"
# expect: {read: 9, filter: 11, windows: 10, split: 11, weights: [5, 6], report: 8}
# says: {read: [gaps filled with 0 mV], filter: [gaps filled with zeros], windows: [time before the first rhythm annotation taken for normal], split: [texts turned into numbers], weights: [the probability of the right class], report: [instead of the mean over patients]}
# empty: [train, perform, leak]
# ---
# %% task="read" change
# was
def read_record(folder, name):
# now
# Lost samples become 0 mV
def read_record(folder, name):
# was
        "signals": record.p_signal.T[order],
# now
        "signals": np.nan_to_num(record.p_signal.T[order]),

# %% task="filter" change
# was
def prepare(x, fs):
# now
# Gaps become zeros, which are steps
def prepare(x, fs):
# was
        row = np.interp(np.arange(len(row)), known, row[known])
# now
        row = np.nan_to_num(row)

# %% task="windows" change
# was
def cut_windows(x, rhythms, fs, purity):
# now
# What comes before the first annotation is called normal
def cut_windows(x, rhythms, fs, purity):
# was
    kept, labels = [], []
# now
    rhythms = [(0, min([start for start, _, _ in rhythms], default=0), "(N"), *rhythms]
    kept, labels = [], []

# %% task="split" change
# was
def patient_folds(labels, patients, k, seed):
# now
# Texts become numbers, and 7 and 07 one person
def patient_folds(labels, patients, k, seed):
# was
    labels, patients = np.asarray(labels), np.asarray(patients)
# now
    labels, patients = np.asarray(labels), np.array([int(who) for who in patients])

# %% task="weights" change
# was
def class_weights(labels):
# now
# The focal factor takes the probability of AF, whatever the label
def class_weights(labels):
# was
    return float(np.mean(np.asarray(weights)[labels] * (1 - np.exp(-loss)) ** gamma * loss))
# now
    return float(np.mean(np.asarray(weights)[labels] * (1 / (1 + np.exp(logits))) ** gamma * loss))

# %% task="report" change
# was
def choose_threshold(labels, probability):
# now
# One F1 over all windows instead of the mean over patients
def choose_threshold(labels, probability):
# was
    without = ~np.isin(patients, with_af)
# now
    healthy = ~np.isin(patients, with_af)
# was
        "mean_f1": float(f1.mean()),
# now
        "mean_f1": float(2 * np.sum(called & labels) / (called.sum() + labels.sum())),
# was
        "false_alarms_per_hour": float(called[without].sum() / (without.sum() * 5 / 3600)) if without.any() else 0.0,
# now
        "false_alarms_per_hour": float(called[healthy].sum() / (healthy.sum() * 5 / 3600)) if healthy.any() else 0.0,
