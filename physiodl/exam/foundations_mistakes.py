"""What typical mistakes in assignment 01 give, so that a message can name the one that was made.

Each function returns a dict: the words for a mistake, which follow "Likely cause:" in a message, and the numbers that
come out of it. `physiodl.exam.foundations.compare` looks a wrong result up there.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from physiodl.exam import foundations as right

EXCHANGED = "sensitivity and specificity are exchanged"


def gradient(true, batch: int, *, steps: int = 1) -> dict[str, np.ndarray]:
    """Mistakes in the gradient of a layer; ``steps`` are the places of an output channel."""
    true = np.asarray(true, dtype=float)
    wrong = {
        "the sign is wrong": -true,
        "divided by the batch size: grad_out holds that division already, so sum over the batch": true / batch,
        "the gradient is left as zeros": np.zeros_like(true),
    }
    if steps > 1:
        wrong["a mean over batch and steps where the sum is asked"] = true / (batch * steps)
        wrong["a mean over the steps where the sum is asked"] = true / steps
    if true.ndim == 2:
        wrong["the two axes are exchanged: a gradient has the shape of what it belongs to"] = true.T
    return wrong


def conv1d(x, weights, bias, stride: int, padding: int) -> dict[str, np.ndarray]:
    """Mistakes in the forward pass of a convolution."""
    x, weights = np.asarray(x, dtype=float), np.asarray(weights, dtype=float)

    def padded(before: int, after: int) -> np.ndarray:
        return np.pad(x, ((0, 0), (0, 0), (before, after)))

    both = padded(padding, padding)
    made = {
        "the kernel is turned round: PyTorch slides it as it is": (both, weights[:, :, ::-1], stride),
        "padding before the signal only: as many zeros belong after it": (padded(padding, 0), weights, stride),
        "padding after the signal only: as many zeros belong before it": (padded(0, padding), weights, stride),
        "all the padding stands before the signal": (padded(2 * padding, 0), weights, stride),
        "all the padding stands after the signal": (padded(0, 2 * padding), weights, stride),
        "padding is not used": (x, weights, stride),
        "the stride is one too large": (both, weights, stride + 1),
        "the stride is one too small": (both, weights, stride - 1),
        "stride is not used": (both, weights, 1),
        "the last step is left out: there are (samples + 2 * padding - kernel) // stride + 1": (
            both[:, :, : max(0, both.shape[2] - stride)],
            weights,
            stride,
        ),
    }
    wrong = {
        words: right.conv1d(signal, kernel, bias, step, 0)["out"]
        for words, (signal, kernel, step) in made.items()
        if step > 0 and signal.shape[2] >= kernel.shape[2]
    }
    short = (x.shape[2] - weights.shape[2]) // stride + 1
    if padding and short > 0:
        words = "padding is forgotten in the number of steps: (samples + 2 * padding - kernel) // stride + 1"
        wrong[words] = right.conv1d(both, weights, bias, stride, 0)["out"][:, :, :short]
    wrong["the bias is not added"] = right.conv1d(both, weights, 0 * np.asarray(bias), stride, 0)["out"]
    return wrong


def conv1d_gradient(true: Mapping, name: str, x, weights, bias, stride: int, padding: int, grad_out) -> dict:
    """Mistakes in one gradient of a convolution; ``true`` holds all of them, ``name`` is x, weights or bias."""
    turned = right.conv1d(x, np.asarray(weights)[:, :, ::-1], bias, stride, padding, grad_out)
    turned["weights"] = true["weights"][:, :, ::-1]
    wrong = gradient(true[name], len(x), steps=np.shape(grad_out)[2])
    wrong["the kernel is turned round, or its gradient is"] = turned[name]
    if stride > 1:
        steps = np.shape(x)[2] + 2 * padding - np.shape(weights)[2] + 1
        close = np.zeros((*np.shape(grad_out)[:2], steps))
        close[:, :, : np.shape(grad_out)[2]] = grad_out
        words = "stride is forgotten on the way back: step t met the samples from t * stride on"
        wrong[words] = right.conv1d(x, weights, bias, 1, padding, close)[name]
    if name == "x" and padding:
        signal = np.pad(np.asarray(x, dtype=float), ((0, 0), (0, 0), (padding, padding)))
        wrong["the padding is not cut off"] = right.conv1d(signal, weights, bias, stride, 0, grad_out)["x"]
    elif name == "x":
        words = "without padding, [p:-p] is [0:-0], which is empty: cut with [p : p + samples]"
        wrong[words] = np.zeros((*np.shape(x)[:2], 0))
    return wrong


def loss(logits, labels) -> dict[str, object]:
    """Mistakes in the mean binary cross-entropy."""
    z, y = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    true = float(right.bce(z, y)["loss"])
    return {
        "the sum over the samples where the mean is asked": true * len(z),
        "the sign is wrong: logarithms of probabilities are negative, a loss is not": -true,
        "only samples with label 1 count: the term (1 - y) * log(1 - p) is missing": np.mean(y * np.logaddexp(0, -z)),
        "labels 0 and 1 are exchanged": np.mean(np.logaddexp(0, z) - (1 - y) * z),
        "the sigmoid is applied twice": right.bce(_sigmoid(z), y)["loss"],
        "log(1 + exp(z)) alone: - y * z is missing": np.mean(np.logaddexp(0, z)),
        "the logarithm to base 2: the natural one is asked": true / np.log(2),
        "a value for each sample where their mean is asked": np.logaddexp(0, z) - y * z,
    }


def loss_gradient(logits, labels) -> dict[str, np.ndarray]:
    """Mistakes in its gradient."""
    z, y = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    p = _sigmoid(z)
    return {
        "not divided by the number of samples: the loss is a mean": p - y,
        "the sign is wrong: it is probability minus label": (y - p) / len(z),
        "the slope of the sigmoid is multiplied in: in p - y it has cancelled": (p - y) * p * (1 - p) / len(z),
        "logits where probabilities are needed: apply the sigmoid first": (z - y) / len(z),
    }


def probe_slopes(x, step: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Central differences of the assignment's `probe`, sum(x**3) + sum(x)**2, in closed form; and mistakes.

    ((x + h)**3 - (x - h)**3) / 2h is 3 x**2 + h**2, and the square of the sum gives twice the sum.
    """
    x, h = np.array(x, dtype=float), step
    true = 3 * x**2 + h**2 + 2 * x.sum()
    towards = 3 * x * h + h  # what one-sided differences have besides

    def left_at(side: float) -> np.ndarray:
        """Each element stays moved when the next one's turn comes."""
        moved, slopes = x.copy(), np.zeros(x.shape)
        for k in np.ndindex(x.shape):
            slopes[k] = 3 * x[k] ** 2 + h**2 + 2 * moved.sum()
            moved[k] = x[k] + side * h
        return slopes

    return true, {
        "a forward difference, (f(x + step) - f(x)) / step: go both ways": true + towards,
        "a backward difference, (f(x) - f(x - step)) / step: go both ways": true - towards,
        "divided by step: from below to above it is 2 * step": 2 * true,
        "divided by nothing: a slope is a change per step": 2 * h * true,
        "the sign is wrong": -true,
        "an element is not put back before the next one moves": left_at(-1),
        "an element is not put back before the next one moves ": left_at(1),
        "all elements are moved at once": np.full(x.shape, np.sum(3 * x**2 + h**2) + 2 * x.size * x.sum()),
        "the exact formula of probe is returned: numeric_gradient must work for any function": true - h**2,
    }


def difference(a, b) -> dict[str, float]:
    """Mistakes in the relative difference of two gradients."""
    apart, size_a, size_b = (float(np.sqrt(np.sum(v**2))) for v in (a - b, a, b))
    return {
        "not divided by the lengths of the two gradients": apart,
        "divided by the length of one of them: add both": apart / size_a,
        "divided by the length of one of them: add both ": apart / size_b,
        "the square of it: a length is the root of the sum of squares": apart**2 / (size_a**2 + size_b**2),
        "divided by the length of a + b: add the lengths": apart / float(np.sqrt(np.sum((a + b) ** 2))),
        "absolute values where squares are asked": float(np.abs(a - b).sum() / (np.abs(a).sum() + np.abs(b).sum())),
    }


def predictions(features, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Mistakes in the forward pass of the two-layer network."""
    w = {name: np.asarray(values, dtype=float) for name, values in weights.items()}
    sums = np.asarray(features, dtype=float) @ w["w1"].T
    z = (np.maximum(sums + w["b1"], 0) @ w["w2"].T + w["b2"])[:, 0]
    return {
        "logits are returned: apply the sigmoid": z,
        "ReLU is missing between the layers": _sigmoid(((sums + w["b1"]) @ w["w2"].T + w["b2"])[:, 0]),
        "tanh instead of ReLU": _sigmoid((np.tanh(sums + w["b1"]) @ w["w2"].T + w["b2"])[:, 0]),
        "b1 is not added": _sigmoid((np.maximum(sums, 0) @ w["w2"].T + w["b2"])[:, 0]),
        "b2 is not added": _sigmoid(z - w["b2"]),
        "yes or no where a probability is asked": (z > 0).astype(float),
        "an axis of length 1 is left: take [:, 0]": _sigmoid(z)[:, None],
        "the probability of class 0": _sigmoid(-z),
    }


def first_loss(features, labels, weights, learning_rate: float) -> dict[str, np.ndarray]:
    """Mistakes in the loss before the first step, each as an array (1,)."""
    before, after = right.train(features, labels, weights, learning_rate, 2)[0]
    p, y = right.predict(features, weights), np.asarray(labels, dtype=float)
    z = np.log(p) - np.log1p(-p)
    return {
        "the loss after the step: compute it before the update": [after],
        "the sum over the samples where the mean is asked": [before * len(y)],
        "an array (n, 1) met an array (n,), which makes (n, n): take [:, 0] of the logits": [
            np.mean(np.logaddexp(0, z)) - y.mean() * z.mean()
        ],
    }


def first_step(features, labels, weights, learning_rate: float) -> dict[str, dict[str, np.ndarray]]:
    """Mistakes in the first step of gradient descent; each gives all four arrays."""
    after = right.train(features, labels, weights, learning_rate, 1)[1]
    before = {name: np.array(weights[name], dtype=float) for name in right.WEIGHTS}
    step = {name: after[name] - before[name] for name in before}
    x, y = np.asarray(features, dtype=float), np.asarray(labels, dtype=float)
    sums = x @ before["w1"].T + before["b1"]
    error = (right.predict(x, before) - y)[:, None] / len(y)

    def first_layer(back: np.ndarray) -> dict[str, np.ndarray]:
        moved = {"w1": back.T @ x, "b1": back.sum(axis=0)}
        return after | {name: before[name] - learning_rate * slope for name, slope in moved.items()}

    again = right.train(x, y, before | {"w2": after["w2"], "b2": after["b2"]}, learning_rate, 1)[1]
    early = "the second layer is updated before the first one's gradient is computed: get all four, then update"
    return {
        "the step goes up the slope: subtract learning_rate times the gradient": {
            k: before[k] - step[k] for k in before
        },
        "the gradient is not divided by the number of samples: the loss is a mean": {
            k: before[k] + len(y) * step[k] for k in before
        },
        early: first_layer(error @ after["w2"] * (sums > 0)),
        early + " ": after | {"w1": again["w1"], "b1": again["b1"]},
        "the slope of ReLU is missing: 1 where the sum is above 0, else 0": first_layer(error @ before["w2"]),
        "the gradient of a bias is a mean where the sum over the samples is asked": after
        | {k: before[k] + step[k] / len(y) for k in ("b1", "b2")},
        "the weights are as they were before": before,
        "the learning rate is not used": {k: before[k] + step[k] / learning_rate for k in before},
    }


def scaled(train, other) -> tuple[tuple, dict[str, tuple]]:
    """Both parts standardised by the training part; and mistakes, as pairs."""
    train, other = np.asarray(train, dtype=float), np.asarray(other, dtype=float)

    def by(part: np.ndarray, other_part: np.ndarray | None = None, *, ddof: int = 0, power: int = 1) -> tuple:
        second = part if other_part is None else other_part
        return tuple(
            (values - rows.mean(axis=0)) / rows.std(axis=0, ddof=min(ddof, len(rows) - 1)) ** power
            for values, rows in ((train, part), (other, second))
        )

    wrong = {
        "the sample standard deviation: divide by n (ddof=0), not by n - 1": by(train, ddof=1),
        "divided by the variance: take its root": by(train, power=2),
        "not divided by the standard deviation": (train - train.mean(axis=0), other - train.mean(axis=0)),
        "the mean is not subtracted": (train / train.std(axis=0), other / train.std(axis=0)),
        "one mean for all columns: axis=0 takes them one by one": tuple(
            (v - train.mean()) / train.std() for v in (train, other)
        ),
        "mean and deviation of both parts together: the test part leaks": by(np.concatenate([train, other])),
    }
    if len(other) > 1:
        wrong["the other part is scaled by itself: it must be by the training part"] = by(train, other)
    return by(train), wrong


def ratios(counts) -> dict[str, dict[str, float]]:
    """Mistakes in each of the ratios of a table [[TN, FP], [FN, TP]] without zeros."""
    (tn, fp), (fn, tp) = np.asarray(counts, dtype=float)
    true, n = right.ratios(counts), np.sum(counts)
    chance = ((tp + fn) * (tp + fp) + (tn + fp) * (tn + fn)) / n**2

    def beyond(other: float) -> float:
        return (true["accuracy"] - other) / (1 - other)

    return {
        "accuracy": {
            "a count where a share is asked": tp + tn,
            "the mean of sensitivity and specificity": (true["sensitivity"] + true["specificity"]) / 2,
        },
        "sensitivity": {
            EXCHANGED: true["specificity"],
            "divided by the alarms: that is PPV": true["ppv"],
            "divided by all samples": tp / n,
        },
        "specificity": {
            EXCHANGED: true["sensitivity"],
            "divided by all that are called 0: that is the negative predictive value": tn / (tn + fn),
            "divided by all samples": tn / n,
        },
        "ppv": {
            "divided by all that have label 1: that is sensitivity": true["sensitivity"],
            "divided by all samples": tp / n,
            "of the answers 0 instead of the alarms": tn / (tn + fn),
        },
        "f1": {
            "the plain mean of PPV and sensitivity: the harmonic one is asked": (true["ppv"] + true["sensitivity"]) / 2,
            "the product of PPV and sensitivity": true["ppv"] * true["sensitivity"],
            "half of it: the factor 2 is missing": true["f1"] / 2,
        },
        "kappa": {
            "accuracy: what chance gives is not taken away": true["accuracy"],
            "chance is not one half: it follows from the row and column sums": 2 * true["accuracy"] - 1,
            "chance is not the share of the more frequent label: it follows from the row and the column sums": beyond(
                max(tp + fn, tn + fp) / n
            ),
            "chance from the true labels alone: each share of them times the share of that answer": beyond(
                ((tp + fn) ** 2 + (tn + fp) ** 2) / n**2
            ),
            "chance to agree on 1 alone: add that of agreeing on 0": beyond((tp + fn) * (tp + fp) / n**2),
            "not divided by 1 minus the agreement by chance": true["accuracy"] - chance,
        },
    }


def _sigmoid(z: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)
