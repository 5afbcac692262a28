# ---
# kind: wrong
# title: The loss overflows, and ratios divide zero by zero
# expect: {loss: 7, metrics: 11}
# says:
#   loss: ["NaN or infinite", "simplify the loss on paper"]
#   metrics: ["NaN", "no alarm, no share of alarms"]
# ---
# %% task="loss"
def bce_from_logits(logits, labels):
    p = 1 / (1 + np.exp(-np.asarray(logits, float)))
    return -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))


def bce_gradient(logits, labels):
    e = np.exp(np.asarray(logits, float))
    return (e / (1 + e) - labels) / len(logits)

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
        return float(np.divide(part, whole))

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
        raise ValueError(f"got {len(positive)} samples with label 1 and {len(negative)} with label 0, expected both")
    higher = positive[:, None] > negative
    return float(np.mean(higher + 0.5 * (positive[:, None] == negative)))
