# ---
# kind: wrong
# title: One step too few; the last fold takes what is left over
# expect: {conv: 0, folds: 11}
# says:
#   conv: ["the last step is left out"]
#   folds: ["a fold gets what is left over"]
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
            out += np.einsum("bct,oc->bot", self.padded[:, :, self._touched(k)], self.weights[:, :, k])
        return out

    def _steps(self):
        return (self.padded.shape[2] - self.weights.shape[2]) // self.stride

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

# %% task="folds"
def subject_folds(subjects, k, seed):
    """k pairs (train, test) of positions; a subject is never on both sides."""
    subjects = np.asarray(subjects)
    names = np.unique(subjects)
    if len(names) < k:
        raise ValueError(f"got {len(names)} subjects for {k} folds, expected at least one subject per fold")
    names, size = np.random.default_rng(seed).permutation(names), len(names) // k
    parts = [names[f * size : (f + 1) * size if f < k - 1 else None] for f in range(k)]
    inside = [np.isin(subjects, part) for part in parts]
    return [(np.flatnonzero(~here), np.flatnonzero(here)) for here in inside]


def standardise(train, other):
    """Both arrays, scaled by mean and population standard deviation of the training part."""
    train, other = np.asarray(train, dtype=float), np.asarray(other, dtype=float)
    middle, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(np.ptp(train, axis=0) > 0, spread, 1.0)
    return (train - middle) / spread, (other - middle) / spread
