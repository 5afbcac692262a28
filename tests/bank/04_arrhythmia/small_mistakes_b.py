# ---
# kind: wrong
# title: "One small mistake in each of six tasks that need no other"
# expect: {read: 7, filter: 10, windows: 10, split: [10, 11], weights: 7, report: 8}
# says: {read: [your code stopped with ValueError], filter: [one burst makes all beats small], windows: [reshape alone mixes leads], split: [dealing starts again], weights: [exp overflows], report: [accuracy instead of F1]}
# empty: [train, perform, leak]
# ---
# %% task="read" change
# was
def read_record(folder, name):
# now
# A record without MLII stops the reading
def read_record(folder, name):
# was
    order = sorted(range(record.n_sig), key=lambda k: record.sig_name[k] != "MLII")
# now
    order = [record.sig_name.index("MLII")]
    order += [k for k in range(record.n_sig) if k not in order]

# %% task="filter" change
# was
def prepare(x, fs):
# now
# Divided by the largest value of the first minute: one burst makes all beats small
def prepare(x, fs):
# was
        minute = y[: min(len(y), 6000) // 500 * 500].reshape(-1, 500).std(axis=1)
# now
        minute = np.array([np.abs(y[:6000]).max() / 5])

# %% task="windows" change
# was
def cut_windows(x, rhythms, fs, purity):
# now
# Windows by reshape alone: samples of two leads in one window
def cut_windows(x, rhythms, fs, purity):
# was
    pieces = [x[:, 500 * k : 500 * k + 500] for k in kept]
# now
    cut = x[:, : x.shape[1] // 500 * 500].reshape(-1, len(x), 500)
    pieces = [cut[k] for k in kept]

# %% task="split" change
# was
def patient_folds(labels, patients, k, seed):
# now
# Dealing starts again with the first part for those without AF
def patient_folds(labels, patients, k, seed):
# was
    hand = {who: i % k for i, who in enumerate(order)}
# now
    hand = {who: i % k for part in (with_af, without) for i, who in enumerate(rng.permutation(part))}

# %% task="weights" change
# was
def class_weights(labels):
# now
# Probabilities first, logarithm afterwards: infinite for large logits
def class_weights(labels):
# was
    loss = np.logaddexp(0, -np.where(labels == 1, logits, -logits))
# now
    loss = -np.log(1 / (1 + np.exp(-np.where(labels == 1, logits, -logits))))

# %% task="report" change
# was
def choose_threshold(labels, probability):
# now
# The threshold with the highest accuracy
def choose_threshold(labels, probability):
# was
        return 2 * np.sum(said & (labels == 1)) / max(1, said.sum() + np.sum(labels == 1))
# now
        return np.mean(said == (labels == 1))
# was
    without = ~np.isin(patients, with_af)
# now
    healthy = ~np.isin(patients, with_af)
# was
        "false_alarms_per_hour": float(called[without].sum() / (without.sum() * 5 / 3600)) if without.any() else 0.0,
# now
        "false_alarms_per_hour": float(called[healthy].sum() / (healthy.sum() * 5 / 3600)) if healthy.any() else 0.0,
