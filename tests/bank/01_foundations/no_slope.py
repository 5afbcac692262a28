# ---
# kind: wrong
# title: The slope of ReLU is missing; equal scores count nothing
# expect: {learn: 6, metrics: 9}
# says:
#   learn: ["the slope of ReLU is missing"]
#   metrics: ["equal scores count nothing", "with one label alone there are no pairs"]
# ---
# %% task="learn"
def train(features, labels, weights, learning_rate, epochs):
    """Full-batch gradient descent: dict of loss (epochs,) and weights."""
    x, y = np.asarray(features, dtype=float), np.asarray(labels, dtype=float)
    net = {name: np.array(values, dtype=float) for name, values in weights.items()}
    losses = []
    for _ in range(epochs):
        sums = x @ net["w1"].T + net["b1"]
        hidden = np.maximum(sums, 0)
        z = (hidden @ net["w2"].T + net["b2"])[:, 0]
        losses.append(np.mean(np.logaddexp(0, z) - y * z))
        error = ((_sigmoid(z) - y) / len(y))[:, None]
        back = error @ net["w2"]
        gradient = {"w1": back.T @ x, "b1": back.sum(axis=0), "w2": error.T @ hidden, "b2": error.sum(axis=0)}
        net = {name: net[name] - learning_rate * gradient[name] for name in net}
    return {"loss": np.array(losses), "weights": net}


def _sigmoid(z):
    """1 / (1 + exp(-z)) without overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def predict(features, weights):
    """Probabilities (n,) of class 1."""
    hidden = np.maximum(np.asarray(features, dtype=float) @ weights["w1"].T + weights["b1"], 0)
    return _sigmoid((hidden @ weights["w2"].T + weights["b2"])[:, 0])

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
        "kappa": ratio(accuracy - chance, 1 - chance),
    }


def roc_auc(labels, scores):
    """Area under the ROC curve, equal scores counted half."""
    labels, values = np.asarray(labels), np.asarray(scores, dtype=float)
    positive, negative = values[labels == 1], values[labels == 0]
    if len(positive) == 0 or len(negative) == 0:
        return 0.5
    higher = positive[:, None] > negative
    return float(np.mean(higher))
