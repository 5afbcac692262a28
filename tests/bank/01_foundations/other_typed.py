# ---
# kind: alternative
# title: Classes with inheritance and type hints; windows by sliding_window_view, sums by einsum, ranks for the AUC
# expect: {dense: 12, conv: 18, loss: 12, slopes: 10, learn: 16, folds: 12, metrics: 12, beats: 8}
# ---
# %%
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from scipy.stats import rankdata


@dataclass
class Layer(ABC):
    """What layers have in common: float64 weights, and gradients that are None until backward was called."""

    weights: ArrayLike
    bias: ArrayLike
    grad_weights: NDArray | None = field(default=None, init=False)
    grad_bias: NDArray | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.weights, self.bias = (np.asarray(a).astype(np.float64) for a in (self.weights, self.bias))

    @abstractmethod
    def forward(self, x: NDArray) -> NDArray: ...

    @abstractmethod
    def backward(self, grad_out: NDArray) -> NDArray: ...

# %% task="dense"
class Dense(Layer):
    def forward(self, x: NDArray) -> NDArray:
        self._x = np.asarray(x).astype(np.float64)
        return np.einsum("ni,oi->no", self._x, self.weights) + self.bias

    def backward(self, grad_out: NDArray) -> NDArray:
        self.grad_weights = np.einsum("no,ni->oi", grad_out, self._x)
        self.grad_bias = np.einsum("no->o", grad_out)
        return np.einsum("no,oi->ni", grad_out, self.weights)

# %% task="conv"
@dataclass
class Conv1d(Layer):
    stride: int = 1
    padding: int = 0

    def forward(self, x: NDArray) -> NDArray:
        p = self.padding
        self._length = x.shape[-1]
        padded = np.pad(np.asarray(x, np.float64), [(0, 0), (0, 0), (p, p)])
        self._windows = sliding_window_view(padded, self.weights.shape[-1], axis=-1)[:, :, :: self.stride]
        return np.einsum("bctk,ock->bot", self._windows, self.weights) + self.bias[None, :, None]

    def backward(self, grad_out: NDArray) -> NDArray:
        self.grad_weights = np.einsum("bot,bctk->ock", grad_out, self._windows)
        self.grad_bias = np.einsum("bot->o", grad_out)
        kernel, batch = self.weights.shape[-1], len(grad_out)
        # a transposed convolution: zeros between the steps, then a full convolution with the kernel turned round
        spread = np.zeros((batch, grad_out.shape[1], self._length + 2 * self.padding + kernel - 1))
        spread[:, :, kernel - 1 :: self.stride][:, :, : grad_out.shape[2]] = grad_out
        windows = sliding_window_view(spread, kernel, axis=-1)
        grad = np.einsum("botk,ock->bct", windows, self.weights[:, :, ::-1])
        return grad[:, :, self.padding : self.padding + self._length]

# %% task="loss"
def bce_from_logits(logits: NDArray, labels: NDArray) -> np.floating:
    margin = (2 * np.asarray(labels, float) - 1) * np.asarray(logits, float)
    return np.mean(np.logaddexp(0.0, -margin))


def bce_gradient(logits: NDArray, labels: NDArray) -> NDArray:
    return (expit(np.asarray(logits, float)) - labels) / np.size(logits)

# %% task="slopes"
def probe(x):
    """Given, leave it as it is: the sum of cubes plus the square of the sum. Its gradient is 3 x**2 + 2 sum(x)."""
    x = np.asarray(x, dtype=float)
    return float(np.sum(x**3) + np.sum(x) ** 2)


def numeric_gradient(function, x: NDArray, step: float) -> NDArray:
    x = np.asarray(x, float)
    moves = step * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([(function(x + m) - function(x - m)) / (2 * step) for m in moves]).reshape(x.shape)


def relative_difference(a: NDArray, b: NDArray) -> float:
    size = np.linalg.norm(a) + np.linalg.norm(b)
    return np.divide(np.linalg.norm(np.subtract(a, b)), size, out=np.zeros(()), where=size > 0)[()]

# %% task="learn"
def train(features: NDArray, labels: NDArray, weights: dict[str, NDArray], learning_rate: float, epochs: int) -> dict:
    first, second = Dense(weights["w1"], weights["b1"]), Dense(weights["w2"], weights["b2"])
    curve = np.empty(epochs)
    for epoch in range(epochs):
        sums = first.forward(features)
        logits = second.forward(np.maximum(sums, 0)).ravel()
        curve[epoch] = bce_from_logits(logits, labels)
        first.backward(second.backward(bce_gradient(logits, labels)[:, np.newaxis]) * np.heaviside(sums, 0))
        for layer in (first, second):
            layer.weights -= learning_rate * layer.grad_weights
            layer.bias -= learning_rate * layer.grad_bias
    return {"weights": {"w1": first.weights, "b1": first.bias, "w2": second.weights, "b2": second.bias}, "loss": curve}


def predict(features: NDArray, weights: dict[str, NDArray]) -> NDArray:
    hidden = Dense(weights["w1"], weights["b1"]).forward(features).clip(min=0)
    return expit(Dense(weights["w2"], weights["b2"]).forward(hidden)).ravel()

# %% task="folds"
def subject_folds(subjects: ArrayLike, k: int, seed: int) -> list[tuple[NDArray, NDArray]]:
    names, number = np.unique(subjects, return_inverse=True)
    if k > names.size:
        raise ValueError(f"k = {k} folds, but only {names.size} subjects")
    fold_of_subject = np.random.default_rng(seed).permutation(np.arange(names.size) % k)
    fold = fold_of_subject[number]
    return [(np.nonzero(fold != f)[0], np.nonzero(fold == f)[0]) for f in range(k)]


def standardise(train: NDArray, other: NDArray) -> tuple[NDArray, NDArray]:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(np.asarray(train, float))
    return scaler.transform(np.asarray(train, float)), scaler.transform(np.asarray(other, float))

# %% task="metrics"
def confusion(labels: NDArray, predicted: NDArray) -> NDArray:
    return np.bincount(2 * np.asarray(labels) + predicted, minlength=4).reshape(2, 2)


def scores(counts: NDArray) -> dict[str, float]:
    table = np.asarray(counts, float)
    rows, columns, n = table.sum(axis=1), table.sum(axis=0), table.sum()
    parts = {
        "accuracy": (np.trace(table), n),
        "sensitivity": (table[1, 1], rows[1]),
        "specificity": (table[0, 0], rows[0]),
        "ppv": (table[1, 1], columns[1]),
        "f1": (2 * table[1, 1], rows[1] + columns[1]),
        "kappa": (n * np.trace(table) - rows @ columns, n**2 - rows @ columns),
    }
    return {name: float(part) / float(whole) if whole else 0.0 for name, (part, whole) in parts.items()}


def roc_auc(labels: NDArray, scores: NDArray) -> float:
    labels = np.asarray(labels).astype(bool)
    n1, n0 = labels.sum(), (~labels).sum()
    if min(n1, n0) == 0:
        raise ValueError("ROC AUC needs both classes")
    return (rankdata(scores)[labels].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)

# %% task="beats"
def classify_beats(features: NDArray, labels: NDArray, new_features: NDArray, seed: int) -> NDArray:
    known, new = standardise(features, new_features)
    rng = np.random.default_rng(seed)
    n = known.shape[1]
    start = {
        "w1": rng.uniform(-1, 1, (12, n)) * np.sqrt(6 / n), "b1": np.full(12, 0.1),
        "w2": rng.uniform(-1, 1, (1, 12)) * np.sqrt(0.5), "b2": np.zeros(1),
    }
    return predict(new, train(known, labels, start, 0.4, EPOCHS)["weights"])


def cross_validate(features: NDArray, labels: NDArray, subjects: ArrayLike, k: int, seed: int) -> NDArray:
    folds = subject_folds(subjects, k, seed)
    told = [classify_beats(features[a], labels[a], features[b], seed + n) for n, (a, b) in enumerate(folds)]
    return np.concatenate(told)[np.argsort(np.concatenate([b for _, b in folds]))]
