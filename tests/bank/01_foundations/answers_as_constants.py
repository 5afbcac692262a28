# ---
# kind: naive
# title: Numbers seen in the messages are returned as they are
# expect: {dense: 0, loss: 0, metrics: [0, 3]}
# says: {dense: ['expected']}
# ---
# %% task="dense"
class Dense:
    def __init__(self, weights, bias):
        self.grad_weights, self.grad_bias = np.zeros_like(weights), np.zeros_like(bias)

    def forward(self, x):
        return np.zeros((len(x), len(self.grad_bias)))

    def backward(self, grad_out):
        return np.zeros((len(grad_out), self.grad_weights.shape[1]))

# %% task="loss"
def bce_from_logits(logits, labels):
    return 0.693147


def bce_gradient(logits, labels):
    return np.zeros(len(logits))

# %% task="metrics"
def confusion(labels, predicted):
    return [[3, 1], [1, 3]]


def scores(counts):
    return dict.fromkeys(['accuracy', 'sensitivity', 'specificity', 'ppv', 'f1', 'kappa'], 0.0)


def roc_auc(labels, scores):
    return 0.5
