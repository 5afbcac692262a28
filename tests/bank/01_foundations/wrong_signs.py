# ---
# kind: wrong
# title: Signs are wrong wherever there is a gradient
# expect: {dense: 5, loss: 6, learn: 6, beats: [1, 3]}
# says:
#   dense: ["the sign is wrong"]
#   loss: ["it is probability minus label"]
#   learn: ["the step goes up the slope"]
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
        self.grad_weights = -grad_out.T @ self.x
        self.grad_bias = -grad_out.sum(axis=0)
        return grad_out @ self.weights

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
    return (y - p) / len(z)

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
        back = error @ net["w2"] * (sums > 0)
        gradient = {"w1": back.T @ x, "b1": back.sum(axis=0), "w2": error.T @ hidden, "b2": error.sum(axis=0)}
        net = {name: net[name] + learning_rate * gradient[name] for name in net}
    return {"loss": np.array(losses), "weights": net}


def _sigmoid(z):
    """1 / (1 + exp(-z)) without overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def predict(features, weights):
    """Probabilities (n,) of class 1."""
    hidden = np.maximum(np.asarray(features, dtype=float) @ weights["w1"].T + weights["b1"], 0)
    return _sigmoid((hidden @ weights["w2"].T + weights["b2"])[:, 0])
