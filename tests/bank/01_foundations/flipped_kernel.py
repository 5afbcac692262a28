# ---
# kind: wrong
# title: The kernel is turned round on the way forward; the slope of the sigmoid stays; three steps of training
# expect: {conv: 8, loss: 6, beats: [4, 7]}
# says:
#   conv: ["the kernel is turned round", "moving each number a little"]
#   loss: ["in p - y it has cancelled"]
#   beats: ["or less gives no points"]
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
        self.padded = np.pad(x, ((0, 0), (0, 0), (self.padding, self.padding)))
        out = np.zeros((len(x), len(self.weights), self._steps())) + self.bias[:, None]
        for k in range(self.weights.shape[2]):
            out += np.einsum("bct,oc->bot", self.padded[:, :, self._touched(k)], self.weights[:, :, -1 - k])
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
        return grad_padded[:, :, self.padding : self.padding + self.samples]

# %% task="loss"
def bce_from_logits(logits, labels):
    """Mean binary cross-entropy, one number."""
    z, y = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    return float(np.mean(np.logaddexp(0, z) - y * z))


def bce_gradient(logits, labels):
    """Gradient of the mean binary cross-entropy with respect to the logits, (n,)."""
    z, y = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    e = np.exp(-np.abs(z))  # never above 1
    p = np.where(z >= 0, 1, e) / (1 + e)
    return (p - y) * p * (1 - p) / len(z)

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
    return predict(new, train(known, labels, first, 0.5, 3)["weights"])


def cross_validate(features, labels, subjects, k, seed):
    """Probabilities (n,), each by a network that has not met the subject."""
    features, labels = np.asarray(features), np.asarray(labels)
    probability = np.zeros(len(labels))
    for known, new in subject_folds(subjects, k, seed):
        probability[new] = classify_beats(features[known], labels[known], features[new], seed)
    return probability
