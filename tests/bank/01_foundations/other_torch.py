# ---
# kind: alternative
# title: PyTorch does the gradients, scikit-learn the folds and the metrics
# expect: {dense: 12, conv: 18, loss: 12, slopes: 10, learn: 16, folds: 12, metrics: 12, beats: 8}
# ---
# %%
import torch
from sklearn import metrics as skm
from sklearn.model_selection import GroupKFold
from torch import nn


def double(a, gradient=False):
    return torch.tensor(np.asarray(a, float), dtype=torch.float64, requires_grad=gradient)


class ByAutograd:
    """A layer whose way back PyTorch finds."""

    def __init__(self, weights, bias, *settings):
        self.w, self.b, self.settings = double(weights, True), double(bias, True), settings

    def forward(self, x):
        self.x = double(x, True)
        self.out = self.compute(self.x)
        return self.out.detach().numpy()

    def backward(self, grad_out):
        x, w, b = torch.autograd.grad(self.out, (self.x, self.w, self.b), double(grad_out), retain_graph=True)
        self.grad_weights, self.grad_bias = w.numpy(), b.numpy()
        return x.numpy()

# %% task="dense"
class Dense(ByAutograd):
    def compute(self, x):
        return nn.functional.linear(x, self.w, self.b)

# %% task="conv"
class Conv1d(ByAutograd):
    def compute(self, x):
        stride, padding = self.settings
        columns = nn.functional.pad(x, (padding, padding)).unfold(2, self.w.shape[2], stride)  # batch, channel, step, kernel
        columns = columns.permute(0, 2, 1, 3).flatten(2)
        return (columns @ self.w.flatten(1).T + self.b).permute(0, 2, 1)

# %% task="loss"
def bce_from_logits(logits, labels):
    return nn.BCEWithLogitsLoss()(double(logits), double(labels)).item()


def bce_gradient(logits, labels):
    z = double(logits, True)
    nn.functional.softplus((1 - 2 * double(labels)) * z).mean().backward()
    return z.grad.numpy()

# %% task="slopes"
def probe(x):
    """Given, leave it as it is: the sum of cubes plus the square of the sum. Its gradient is 3 x**2 + 2 sum(x)."""
    x = np.asarray(x, dtype=float)
    return float(np.sum(x**3) + np.sum(x) ** 2)


def numeric_gradient(function, x, step):
    flat = np.array(x, float).ravel()
    slope = np.empty_like(flat)
    for k, value in enumerate(flat.copy()):
        for side in (1, -1):
            flat[k] = value + side * step
            slope[k] = function(flat.reshape(np.shape(x))) if side == 1 else slope[k] - function(flat.reshape(np.shape(x)))
        flat[k] = value
    return slope.reshape(np.shape(x)) / 2 / step


def relative_difference(a, b):
    a, b = double(a).flatten(), double(b).flatten()
    size = a.norm() + b.norm()
    return torch.where(size > 0, (a - b).norm() / size.clamp(min=1e-300), 0.0).item()

# %% task="learn"
class Network(nn.Module):
    def __init__(self, w1, b1, w2, b2):
        super().__init__()
        self.hidden, self.out = nn.Linear(*w1.shape[::-1]).double(), nn.Linear(*w2.shape[::-1]).double()
        with torch.no_grad():
            for mine, theirs in zip(self.parameters(), (w1, b1, w2, b2), strict=True):
                mine.copy_(double(theirs))

    def forward(self, x):
        return self.out(self.hidden(x).relu()).squeeze(1)


def train(features, labels, weights, learning_rate, epochs):
    net = Network(**weights)
    optimiser = torch.optim.SGD(net.parameters(), lr=learning_rate)
    x, y, losses = double(features), double(labels), []
    for _ in range(epochs):
        loss = nn.functional.binary_cross_entropy_with_logits(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    names = ("w1", "b1", "w2", "b2")
    return {"loss": losses, "weights": {n: p.detach().numpy() for n, p in zip(names, net.parameters(), strict=True)}}


def predict(features, weights):
    with torch.no_grad():
        return torch.sigmoid(Network(**weights)(double(features))).numpy()

# %% task="folds"
def subject_folds(subjects, k, seed):
    dealer = GroupKFold(n_splits=k, shuffle=True, random_state=seed)
    return list(dealer.split(np.zeros(len(subjects)), groups=np.asarray(subjects)))


def standardise(train, other):
    train, other = double(train), double(other)
    spread, middle = torch.std_mean(train, dim=0, correction=0)
    spread[spread == 0] = 1
    return ((train - middle) / spread).numpy(), ((other - middle) / spread).numpy()

# %% task="metrics"
def confusion(labels, predicted):
    return skm.confusion_matrix(labels, predicted, labels=[0, 1])


def scores(counts):
    (tn, fp), (fn, tp) = np.asarray(counts)
    y = np.r_[np.zeros(tn + fp), np.ones(fn + tp)]
    said = np.r_[np.zeros(tn), np.ones(fp), np.zeros(fn), np.ones(tp)]
    kappa = 0.0 if len(np.unique(np.r_[y, said])) == 1 else skm.cohen_kappa_score(y, said)
    return {
        "accuracy": skm.accuracy_score(y, said), "kappa": kappa, "f1": skm.f1_score(y, said, zero_division=0),
        "sensitivity": skm.recall_score(y, said, zero_division=0), "ppv": skm.precision_score(y, said, zero_division=0),
        "specificity": skm.recall_score(1 - y, 1 - said, zero_division=0),
    }


def roc_auc(labels, scores):
    if len(set(labels.tolist())) < 2:
        raise ValueError("one class only")
    return skm.roc_auc_score(labels, scores)

# %% task="beats"
def classify_beats(features, labels, new_features, seed):
    a, b = standardise(features, new_features)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(a.shape[1], 8), nn.ReLU(), nn.Linear(8, 1), nn.Flatten(0)).double()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(250):
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net(double(a)), double(labels)).backward()
        optimiser.step()
    with torch.no_grad():
        return net(double(b)).sigmoid().numpy()


def cross_validate(features, labels, subjects, k, seed):
    probability = torch.zeros(len(labels), dtype=torch.float64)
    for train, test in subject_folds(subjects, k, seed):
        probability[test] = torch.from_numpy(classify_beats(features[train], labels[train], features[test], seed))
    return probability
