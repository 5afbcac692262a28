# ---
# kind: wrong
# title: The gradient of the bias is a mean; one length for two; all first weights are zero
# expect: {dense: 7, slopes: 7, beats: [0, 4]}
# says:
#   dense: ["divided by the batch size", "so sum over the batch"]
#   slopes: ["divided by the length of one of them"]
#   beats: ["first weights of zeros", "that no hidden unit learns"]
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
        self.grad_bias = grad_out.mean(axis=0)
        return grad_out @ self.weights

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
        x[place] = kept - step
        gradient[place] = (above - function(x)) / (2 * step)
        x[place] = kept
    return gradient


def relative_difference(a, b):
    """Length of a - b over the sum of the lengths of a and b; 0 where both are all zeros."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    apart, size_a, size_b = (np.sqrt(np.sum(v**2)) for v in (a - b, a, b))
    return float(apart / size_b)

# %% task="beats"
def classify_beats(features, labels, new_features, seed):
    """Probabilities (m,) that new beats are ventricular, by a network trained on others."""
    rng = np.random.default_rng(seed)
    known, new = standardise(features, new_features)
    n_features, n_hidden = known.shape[1], 8
    first = {
        "w1": np.zeros((n_hidden, n_features)),
        "b1": np.zeros(n_hidden),
        "w2": np.zeros((1, n_hidden)),
        "b2": np.zeros(1),
    }
    return predict(new, train(known, labels, first, 0.5, EPOCHS)["weights"])


def cross_validate(features, labels, subjects, k, seed):
    """Probabilities (n,), each by a network that has not met the subject."""
    features, labels = np.asarray(features), np.asarray(labels)
    probability = np.zeros(len(labels))
    for known, new in subject_folds(subjects, k, seed):
        probability[new] = classify_beats(features[known], labels[known], features[new], seed)
    return probability
