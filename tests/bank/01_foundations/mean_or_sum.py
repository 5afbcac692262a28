# ---
# kind: wrong
# title: A mean where the sum is asked, a sum where the mean is, and n - 1 for n
# expect: {dense: 5, loss: 0, folds: 9}
# says:
#   dense: ["divided by the batch size"]
#   loss: ["the sum over the samples where the mean is asked", "not divided by the number of samples"]
#   folds: ["divide by n (ddof=0)"]
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
        self.grad_weights = grad_out.T @ self.x / len(self.x)
        self.grad_bias = grad_out.mean(axis=0)
        return grad_out @ self.weights

# %% task="loss"
def bce_from_logits(logits, labels):
    """Mean binary cross-entropy, one number."""
    z, y = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    return float(np.sum(np.logaddexp(0, z) - y * z))


def bce_gradient(logits, labels):
    """Gradient of the mean binary cross-entropy with respect to the logits, (n,)."""
    z, y = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    e = np.exp(-np.abs(z))  # never above 1
    p = np.where(z >= 0, 1, e) / (1 + e)
    return p - y

# %% task="folds"
def subject_folds(subjects, k, seed):
    """k pairs (train, test) of positions; a subject is never on both sides."""
    subjects = np.asarray(subjects)
    names = np.unique(subjects)
    if len(names) < k:
        raise ValueError(f"got {len(names)} subjects for {k} folds, expected at least one subject per fold")
    parts = np.array_split(np.random.default_rng(seed).permutation(names), k)
    inside = [np.isin(subjects, part) for part in parts]
    return [(np.flatnonzero(~here), np.flatnonzero(here)) for here in inside]


def standardise(train, other):
    """Both arrays, scaled by mean and population standard deviation of the training part."""
    train, other = np.asarray(train, dtype=float), np.asarray(other, dtype=float)
    middle, spread = train.mean(axis=0), train.std(axis=0, ddof=1)
    spread = np.where(np.ptp(train, axis=0) > 0, spread, 1.0)
    return (train - middle) / spread, (other - middle) / spread
