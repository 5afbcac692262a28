# ---
# kind: wrong
# title: All the padding on the left; sensitivity and specificity exchanged
# expect: {conv: 9, metrics: 9}
# says:
#   conv: ["all the padding stands before the signal"]
#   metrics: ["sensitivity and specificity are exchanged"]
# ---
# %% task="conv"
class Conv1d:
    """A kernel that slides over signals: weights (channels_out, channels_in, kernel), bias (channels_out,)."""

    def __init__(self, weights, bias, stride, padding):
        """Keep what the layer needs."""
        self.weights = np.array(weights, dtype=float)
        self.bias = np.array(bias, dtype=float)
        self.stride, self.padding = int(stride), int(padding)

    def forward(self, x):
        """Outputs (batch, channels_out, steps) for signals (batch, channels_in, samples)."""
        x = np.asarray(x, dtype=float)
        self.samples = x.shape[2]
        self.padded = np.pad(x, ((0, 0), (0, 0), (2 * self.padding, 0)))
        out = np.zeros((len(x), len(self.weights), self._steps())) + self.bias[:, None]
        for k in range(self.weights.shape[2]):
            out += np.einsum("bct,oc->bot", self.padded[:, :, self._touched(k)], self.weights[:, :, k])
        return out

    def _steps(self):
        return (self.padded.shape[2] - self.weights.shape[2]) // self.stride + 1

    def _touched(self, k):
        """The padded samples that place k of the kernel meets, as a slice."""
        return slice(k, k + self.stride * (self._steps() - 1) + 1, self.stride)

    def backward(self, grad_out):
        """Gradient with respect to x, (batch, channels_in, samples); sets grad_weights and grad_bias."""
        grad_out = np.asarray(grad_out, dtype=float)
        self.grad_bias = grad_out.sum(axis=(0, 2))
        self.grad_weights = np.zeros(self.weights.shape)
        grad_padded = np.zeros(self.padded.shape)
        for k in range(self.weights.shape[2]):
            touched = self._touched(k)
            self.grad_weights[:, :, k] = np.einsum("bot,bct->oc", grad_out, self.padded[:, :, touched])
            grad_padded[:, :, touched] += np.einsum("bot,oc->bct", grad_out, self.weights[:, :, k])
        return grad_padded[:, :, 2 * self.padding :]

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
        "sensitivity": ratio(tn, tn + fp),
        "specificity": ratio(tp, tp + fn),
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
