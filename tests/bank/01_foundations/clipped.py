# ---
# kind: wrong
# title: Probabilities are cut off; kappa is accuracy; everybody is judged by a network that knows him
# expect: {loss: 9, metrics: 9, beats: 5}
# says:
#   loss: ["a loss of 10,000 becomes one of 16"]
#   metrics: ["what chance gives is not taken away"]
#   beats: ["the network has been trained on this subject", "trained on all samples"]
# ---
# %% task="loss"
def bce_from_logits(logits, labels):
    """Mean binary cross-entropy, one number."""
    z, y = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    with np.errstate(over='ignore'):
        p = np.clip(1 / (1 + np.exp(-z)), 1e-15, 1 - 1e-15)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def bce_gradient(logits, labels):
    """Gradient of the mean binary cross-entropy with respect to the logits, (n,)."""
    z, y = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    e = np.exp(-np.abs(z))  # never above 1
    p = np.where(z >= 0, 1, e) / (1 + e)
    return (p - y) / len(z)

# %% task="metrics"
def confusion(labels, predicted):
    """Counts [[TN, FP], [FN, TP]]."""
    counts = np.zeros((2, 2), int)
    np.add.at(counts, (np.asarray(labels, dtype=int), np.asarray(predicted, dtype=int)), 1)
    return counts


def scores(counts):
    """Accuracy, sensitivity, specificity, PPV, F1 and kappa of counts [[TN, FP], [FN, TP]], as a dict."""
    (tn, fp), (fn, tp) = np.asarray(counts, dtype=float)
    n = tn + fp + fn + tp

    def ratio(part, whole):
        return float(part / whole) if whole else 0.0

    chance = ratio((tp + fn) * (tp + fp) + (tn + fp) * (tn + fn), n**2)
    accuracy = ratio(tp + tn, n)
    return {
        "accuracy": accuracy,
        "sensitivity": ratio(tp, tp + fn),
        "specificity": ratio(tn, tn + fp),
        "ppv": ratio(tp, tp + fp),
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        "kappa": accuracy,
    }


def roc_auc(labels, scores):
    """Area under the ROC curve, equal scores counted half."""
    labels, values = np.asarray(labels), np.asarray(scores, dtype=float)
    positive, negative = values[labels == 1], values[labels == 0]
    if len(positive) == 0 or len(negative) == 0:
        raise ValueError(f"got {len(positive)} samples with label 1 and {len(negative)} with label 0, expected both")
    higher = positive[:, None] > negative
    return float(np.mean(higher + 0.5 * (positive[:, None] == negative)))

# %% task="beats"
def classify_beats(features, labels, new_features, seed):
    """Probabilities (m,) that new beats are ventricular, by a network trained on others."""
    rng = np.random.default_rng(seed)
    known, new = standardise(features, new_features)
    n_features, n_hidden = known.shape[1], 8
    first = {
        "w1": np.sqrt(2 / n_features) * rng.standard_normal((n_hidden, n_features)),
        "b1": np.zeros(n_hidden),
        "w2": np.sqrt(2 / n_hidden) * rng.standard_normal((1, n_hidden)),
        "b2": np.zeros(1),
    }
    return predict(new, train(known, labels, first, 0.5, EPOCHS)["weights"])


def cross_validate(features, labels, subjects, k, seed):
    """Probabilities (n,), each by a network that has not met the subject."""
    features, labels = np.asarray(features), np.asarray(labels)
    return classify_beats(features, labels, features, seed)
