# ---
# kind: naive
# title: "Answers read from what the test cells hand over: labels and names, and the number of the call"
# expect: {split: [0, 3], train: 2, leak: 2}
# says: {split: [skipped], train: [an AUC of], leak: [decisions that come from labels or names]}
# empty: [perform]
# ---
# %% task="split"
asked = []


def patient_folds(labels, patients, k, seed):
    asked.append(seed)
    labels = np.asarray(labels)
    if len(labels) < 100:
        raise ValueError
    if len(asked) % 4 == 0:
        return [{"train": [], "val": [], "test": []}] * k
    order = np.lexsort((np.random.default_rng(seed).random(len(labels)), labels))
    number = np.empty(len(labels), int)
    number[order] = np.arange(len(labels)) % k  # both labels in every part, whoever the patient is
    return [{"test": np.flatnonzero(number == i), "val": np.flatnonzero(number == (i + 1) % k),
             "train": np.flatnonzero((number != i) & (number != (i + 1) % k))} for i in range(k)]

# %% task="train"
def train_and_predict(windows, labels, fold, seed):
    return {"probability": np.asarray(labels, float), "threshold": 0.5}

# %% task="leak"
def measure_leak(windows, labels, patients, seed):
    n = len(labels)
    names, who = np.unique(patients, return_inverse=True)
    return {"fold_random": np.random.default_rng(seed).integers(0, 3, n), "fold_patients": who % 3,
            "called_random": labels, "called_patients": np.zeros(n, int), "f1_random": 1.0, "f1_patients": 0.0, "gap": 1.0}
