# ---
# kind: wrong
# title: backward returns three gradients at once; predictions stand in the rows
# expect: {dense: 3, metrics: 10}
# says:
#   dense: ["got a tuple from backward", "belong into self.grad_weights"]
#   metrics: ["rows and columns are exchanged"]
# ---
# %% task="dense"
class Dense:
    """A layer in which every input leads to every output: weights (n_out, n_in), bias (n_out,)."""

    def __init__(self, weights, bias):
        """Keep what the layer needs."""
        self.weights = np.array(weights, dtype=float)
        self.bias = np.array(bias, dtype=float)

    def forward(self, x):
        """Outputs (batch, n_out) for inputs (batch, n_in)."""
        self.x = np.array(x, dtype=float)
        return self.x @ self.weights.T + self.bias

    def backward(self, grad_out):
        """Gradient with respect to x, (batch, n_in); sets grad_weights (n_out, n_in) and grad_bias (n_out,)."""
        grad_out = np.asarray(grad_out, dtype=float)
        self.grad_weights = grad_out.T @ self.x
        self.grad_bias = grad_out.sum(axis=0)
        return grad_out @ self.weights, self.grad_weights, self.grad_bias

# %% task="metrics"
def confusion(labels, predicted):
    """Counts [[TN, FP], [FN, TP]]."""
    counts = np.zeros((2, 2), int)
    np.add.at(counts, (np.asarray(predicted, dtype=int), np.asarray(labels, dtype=int)), 1)
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
        raise ValueError(f"got {len(positive)} samples with label 1 and {len(negative)} with label 0, expected both")
    higher = positive[:, None] > negative
    return float(np.mean(higher + 0.5 * (positive[:, None] == negative)))
