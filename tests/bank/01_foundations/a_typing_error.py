# ---
# kind: broken
# title: The cell of the convolution cannot be read, and the loss cell stops half way
# expect: {dense: 12, conv: 0, loss: 6, slopes: 10, learn: 16, metrics: 12}
# says: {conv: ['the answer cell was not run'], loss: ['the answer cell was not run']}
# ---
# %% task="conv"
class Conv1d:
    """A kernel that slides over signals: weights (channels_out, channels_in, kernel), bias (channels_out,)."""

    def __init__(self, weights, bias, stride, padding):
        """Keep what the layer needs."""
        self.weights = np.array(weights, dtype=float)
        self.bias = np.array(bias, dtype=float)
        self.stride, self.padding = int(stride), int(padding)

    def forward(self, x)
        """Outputs (batch, channels_out, steps) for signals (batch, channels_in, samples)."""
        x = np.asarray(x, dtype=float)
        self.samples = x.shape[2]
        self.padded = np.pad(x, ((0, 0), (0, 0), (self.padding, self.padding)))
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
        return grad_padded[:, :, self.padding : self.padding + self.samples]

# %% task="loss"
def bce_from_logits(logits, labels):
    """Mean binary cross-entropy, one number."""
    z, y = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    return float(np.mean(np.logaddexp(0, z) - y * z))


logits = bce_of(3)
