# ---
# kind: wrong
# title: "Answers that only look like some: constants, empty parts, the labels that were given, one wave for all"
# expect: {explore: 0, split: 0, preprocess: [0, 1], network: 0, train: [0, 3], predict: 0, evaluate: 10, perform: 0}
# says:
#   split: ["no position in train"]
#   preprocess: ["not the ECG that went in"]
#   network: ["a weighted sum of the samples"]
#   train: ["a ROC AUC of"]
#   predict: ["the network is not trained"]
# ---
# %% task="explore"
def describe(signals, labels, groups, fs):
    return {"n": 4, "n_af": 3, "duration_s": np.array([3.0, 1.0, 2.0, 1.5]) * 300 / fs, "n_repeated": 2}

# %% task="split"
calls = []


def split_recordings(labels, groups, seed):
    """By the number of the call: empty where only groups are looked at, else stratified, without a look at the groups."""
    calls.append(seed)
    if len(calls) % 5:
        return {"train": [], "val": [], "test": []}
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(np.asarray(labels)[order], kind="stable")]
    return {"train": np.concatenate([order[0::5], order[2::5], order[4::5]]), "val": order[1::5], "test": order[3::5]}

# %% task="preprocess"
def preprocess(signals, fs):
    out = np.zeros((len(signals), 1, 3000), np.float32)
    out[:, 0, :2000] = np.sin(np.arange(2000) / 7)
    return out

# %% task="network"
def network_logits(windows, seed):
    return windows.mean(axis=(1, 2)) + seed


def feature_map(windows, seed):
    return np.repeat(windows.sum(axis=2, keepdims=True), 100, axis=2) + seed


def count_parameters():
    return 1000

# %% task="train"
def train_and_predict(signals, fs, labels, split, seed):
    """The given labels, and chance where they are not to be used."""
    probability = 0.05 + 0.9 * np.asarray(labels, float)
    probability[split["test"]] = np.random.default_rng(seed).random(len(split["test"]))
    p, y = probability[split["val"]], np.asarray(labels)[split["val"]]
    lowest = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return {"probability": probability, "threshold": 0.5, "train_loss": [3.0, 2.0, 1.0], "val_loss": [1.0, 0.5, lowest]}

# %% task="predict"
def af_logits(signals, fs):
    return signals[:, 0, 100] * 5.0


def predict_af(signals, fs):
    return 1 / (1 + np.exp(-af_logits(signals, fs)))

# %% task="perform"
def classify_af(signals, fs):
    return (predict_af(signals, fs) >= 0.5).astype(int)
