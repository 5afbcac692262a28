# ---
# kind: wrong
# title: A forward difference; the second layer is updated before the gradient of the first one is computed
# expect: {slopes: 3, learn: 6}
# says:
#   slopes: ["a forward difference"]
#   learn: ["the second layer is updated before the first"]
# ---
# %% task="slopes"
def probe(x):
    """Given, leave it as it is: the sum of cubes plus the square of the sum. Its gradient is 3 x**2 + 2 sum(x)."""
    x = np.asarray(x, dtype=float)
    return float(np.sum(x**3) + np.sum(x) ** 2)


def numeric_gradient(function, x, step):
    """Gradient of function at x by central differences, in the shape of x."""
    x = np.array(x, dtype=float)
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        kept = x[place]
        x[place] = kept + step
        above = function(x)
        x[place] = kept
        gradient[place] = (above - function(x)) / step
    return gradient


def relative_difference(a, b):
    """Length of a - b over the sum of the lengths of a and b; 0 where both are all zeros."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    apart, size_a, size_b = (np.sqrt(np.sum(v**2)) for v in (a - b, a, b))
    return float(apart / (size_a + size_b)) if size_a + size_b > 0 else 0.0

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
        net["w2"], old = net["w2"] - learning_rate * error.T @ hidden, net["w2"]
        back = error @ net["w2"] * (sums > 0)
        gradient = {"w1": back.T @ x, "b1": back.sum(axis=0), "w2": 0 * old, "b2": error.sum(axis=0)}
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
