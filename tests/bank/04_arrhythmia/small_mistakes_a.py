# ---
# kind: wrong
# title: "One small mistake in each of six tasks that need no other"
# expect: {read: 8, filter: 11, windows: 10, split: 11, weights: 7, report: 9}
# says: {read: [the names were put in order and the signals were not], filter: [82 Hz appears as 18 Hz], windows: [pieces of one rhythm do not add up], split: [global random generator], weights: [the step size], report: [windows instead of hours]}
# empty: [train, perform, leak]
# ---
# %% task="read" change
# was
def read_record(folder, name):
# now
# The names are put in order, the signals are not
def read_record(folder, name):
# was
        "signals": record.p_signal.T[order],
# now
        "signals": record.p_signal.T,

# %% task="filter" change
# was
def prepare(x, fs):
# now
# High-pass only, and every nth sample: mains comes through
def prepare(x, fs):
# was
        y = signal.resample_poly(signals.filtered(row, fs, low=0.5, high=40.0), 100, round(fs))
# now
        y = signals.filtered(row, fs, low=0.5)[np.round(np.arange(0, len(row), fs / 100)).astype(int)]

# %% task="windows" change
# was
def cut_windows(x, rhythms, fs, purity):
# now
# Two pieces of one rhythm in a window do not add up
def cut_windows(x, rhythms, fs, purity):
# was
            shared = sum(max(0.0, min(stop, 5 * k + 5) - max(start, 5 * k)) for start, stop in parts)
# now
            shared = max([max(0.0, min(stop, 5 * k + 5) - max(start, 5 * k)) for start, stop in parts], default=0)

# %% task="split" change
# was
def patient_folds(labels, patients, k, seed):
# now
# The global generator deals, whatever the seed
def patient_folds(labels, patients, k, seed):
# was
    order = [*rng.permutation(with_af), *rng.permutation(without)]
# now
    order = [*np.random.permutation(with_af), *np.random.permutation(without)]

# %% task="weights" change
# was
def class_weights(labels):
# now
# Weights of one over the count
def class_weights(labels):
# was
    return counts.sum() / (2 * counts)
# now
    return 1.0 / counts

# %% task="report" change
# was
def choose_threshold(labels, probability):
# now
# False alarms per window instead of per hour
def choose_threshold(labels, probability):
# was
    without = ~np.isin(patients, with_af)
# now
    healthy = ~np.isin(patients, with_af)
# was
        "false_alarms_per_hour": float(called[without].sum() / (without.sum() * 5 / 3600)) if without.any() else 0.0,
# now
        "false_alarms_per_hour": float(called[healthy].sum() / healthy.sum()) if healthy.any() else 0.0,
