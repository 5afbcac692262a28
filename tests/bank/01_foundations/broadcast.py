# ---
# kind: wrong
# title: An array (n, 1) meets an array (n,), and the loss is a mean of all pairs
# expect: {learn: 3, beats: [2, 4]}
# says:
#   learn: ["which makes (n, n)"]
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
        z = hidden @ net["w2"].T + net["b2"]
        losses.append(np.mean(np.logaddexp(0, z) - y * z))
        error = np.mean(_sigmoid(z) - y, axis=1, keepdims=True) / len(y)
        back = error @ net["w2"] * (sums > 0)
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
