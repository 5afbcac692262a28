# ---
# kind: wrong
# title: Results cut off to whole numbers, in the convolution and in the gradient check, which moves whole rows too
# expect: {conv: 17, slopes: 7}
# says:
#   conv: ["np.zeros_like(x) of whole numbers cuts off"]
#   slopes: ["np.ndindex(x.shape)", "cut off to a whole number"]
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
        x = np.asarray(x)
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
        grad_padded = np.zeros_like(self.padded)
        for k in range(self.weights.shape[2]):
            touched = self._touched(k)
            self.grad_weights[:, :, k] = np.einsum("bot,bct->oc", grad_out, self.padded[:, :, touched])
            grad_padded[:, :, touched] += np.einsum("bot,oc->bct", grad_out, self.weights[:, :, k]).astype(grad_padded.dtype)
        return grad_padded[:, :, self.padding : self.padding + self.samples]

# %% task="slopes"
def probe(x):
    """Given, leave it as it is: the sum of cubes plus the square of the sum. Its gradient is 3 x**2 + 2 sum(x)."""
    x = np.asarray(x, dtype=float)
    return float(np.sum(x**3) + np.sum(x) ** 2)


def numeric_gradient(function, x, step):
    """Gradient of function at x by central differences, in the shape of x."""
    x = np.array(x)
    gradient = np.zeros(x.shape)
    for place in range(len(x)):
        kept = x[place].copy()
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
    return float(apart / (size_a + size_b)) if size_a + size_b > 0 else 0.0
