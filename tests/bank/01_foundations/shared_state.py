# ---
# kind: wrong
# title: "State that is shared: the input in the class, the global random generator"
# expect: {dense: 11, folds: 10, beats: [3, 8]}
# says:
#   dense: ["where all layers share them"]
#   folds: ["global random generator", "no test of the number of subjects"]
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
        Dense.x = np.array(x, dtype=float)
        return Dense.x @ self.weights.T + self.bias

    def backward(self, grad_out):
        """Gradient with respect to x, (batch, n_in); sets grad_weights (n_out, n_in) and grad_bias (n_out,)."""
        grad_out = np.asarray(grad_out, dtype=float)
        self.grad_weights = grad_out.T @ self.x
        self.grad_bias = grad_out.sum(axis=0)
        return grad_out @ self.weights

# %% task="folds"
def subject_folds(subjects, k, seed):
    """k pairs (train, test) of positions; a subject is never on both sides."""
    subjects = np.asarray(subjects)
    names = np.unique(subjects)
    parts = np.array_split(np.random.permutation(names), k)
    inside = [np.isin(subjects, part) for part in parts]
    return [(np.flatnonzero(~here), np.flatnonzero(here)) for here in inside]


def standardise(train, other):
    """Both arrays, scaled by mean and population standard deviation of the training part."""
    train, other = np.asarray(train, dtype=float), np.asarray(other, dtype=float)
    middle, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(np.ptp(train, axis=0) > 0, spread, 1.0)
    return (train - middle) / spread, (other - middle) / spread
