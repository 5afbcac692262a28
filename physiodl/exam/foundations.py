"""What the test cells of assignment 01 compare with: the numbers of PyTorch and scikit-learn.

References compute in float64 with PyTorch's own layers, losses and autograd, so that they share no line with an
answer written by hand. What typical mistakes give is in `physiodl.exam.foundations_mistakes`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import torch
from sklearn import metrics as sk
from torch.nn import functional as F

from physiodl.exam.checks import ExamError, expect, given, numbers, same, sound_parts

MISTAKE = 1e-5  # relative; numbers so close to those of a mistake are no accident
WEIGHTS = ("w1", "b1", "w2", "b2")


def compare(
    value,
    expected,
    *,
    what: str,
    mistakes: Mapping[str, object] | None = None,
    cause: str = "",
    shape_cause: str = "",
    overflow: str = "",
    rtol: float = 1e-6,
    atol: float = 1e-8,
) -> None:
    """`same`, with a cause that fits: ``mistakes`` maps the words for a mistake to the numbers that it gives.

    Raises `ExamError` with the words of the first mistake whose numbers came back, else with ``cause``, or with
    ``shape_cause`` where the shape differs, or with ``overflow`` where a value is not finite.
    """
    target = np.asarray(expected, dtype=float)
    try:
        array = numbers(given(value), what=what)
    except ExamError as error:
        if overflow and error.generic:
            raise ExamError(error.text, overflow) from None
        raise
    if array.shape == target.shape and np.allclose(array, target, rtol=rtol, atol=atol):
        return
    for words, wrong in (mistakes or {}).items():
        wrong = np.asarray(wrong, dtype=float)
        if array.shape == wrong.shape and np.allclose(array, wrong, rtol=MISTAKE, atol=1e-8):
            cause = shape_cause = words.strip()
            break
    if array.shape != target.shape:
        hint = shape_cause or cause or "an axis too many or too few, or the axes in another order"
        raise ExamError(f"got {what} of shape {array.shape}, expected shape {target.shape}", hint)
    same(array, target, what=what, rtol=rtol, atol=atol, cause=cause)


def refuses(function: Callable, *arguments, names: tuple = (), cause: str = "") -> None:
    """Check that a call ends in a ValueError whose text contains each of ``names``."""
    try:
        function(*arguments)
    except ValueError as error:
        lost = [str(name) for name in names if str(name) not in str(error)]
        expect(
            not lost,
            got=f"a ValueError that says {str(error)[:120]!r}",
            expected=f"a text that also names {' and '.join(lost)}",
            cause="a message should say what was got and what was expected",
        )
    except (ArithmeticError, LookupError) as error:
        kind = getattr(error, "student_type", type(error).__name__)
        raise ExamError(f"got a {kind}, expected a ValueError", f"{cause}: test for it before you compute") from None
    else:
        raise ExamError("got a result, expected a ValueError", cause)


# --- layers ---


def passes(layer, x, grad_out=None, *, before=(), times: int = 1) -> dict[str, np.ndarray]:
    """What a layer of the student's gives: ``out`` forward and, with ``grad_out``, the gradients.

    Args:
        layer: has forward, backward, grad_weights and grad_bias.
        x: input of the forward pass that counts.
        grad_out: gradient of the loss with respect to the output; without it only ``out`` is given.
        before: inputs that go forward first, and must leave no trace.
        times: how often backward is called; the last call counts.

    Returns:
        dict with ``out``, ``x`` (gradient with respect to the input), ``weights`` and ``bias``.
    """
    for earlier in before:
        layer.forward(np.array(earlier))
    out = layer.forward(np.array(x))
    if grad_out is None:
        return {"out": out}
    for _ in range(times - 1):
        way_back(layer, grad_out)
    return {"out": out} | way_back(layer, grad_out)


def way_back(layer, grad_out) -> dict[str, np.ndarray]:
    """The gradients that a layer of the student's gives after its last forward pass: ``x``, ``weights``, ``bias``."""
    grad_x = layer.backward(np.array(grad_out))
    expect(
        grad_x is not None and not isinstance(grad_x, tuple | dict),
        got=f"a {type(grad_x).__name__} from backward",
        expected="one array, the gradient with respect to x",
        cause="return the gradient with respect to x; those of weights and bias belong into self.grad_weights and "
        "self.grad_bias",
    )
    return {"x": grad_x, "weights": layer.grad_weights, "bias": layer.grad_bias}


def dense(x, weights, bias, grad_out=None) -> dict[str, np.ndarray]:
    """PyTorch's `linear`, forward and by autograd: the keys of `passes`.

    x (batch, n_in), weights (n_out, n_in), bias (n_out,), grad_out (batch, n_out).
    """
    return _by_autograd(F.linear, x, weights, bias, grad_out)


def conv1d(x, weights, bias, stride: int, padding: int, grad_out=None) -> dict[str, np.ndarray]:
    """PyTorch's `conv1d`, forward and by autograd: the keys of `passes`.

    x (batch, channels_in, samples), weights (channels_out, channels_in, kernel), bias (channels_out,), grad_out
    (batch, channels_out, steps).
    """
    return _by_autograd(lambda x, w, b: F.conv1d(x, w, b, stride=stride, padding=padding), x, weights, bias, grad_out)


def own_slopes(make: Callable, x, weights, bias, grad_out, *, step: float = 0.5) -> dict[str, np.ndarray]:
    """Gradients of sum(forward(x) * grad_out) of the student's own forward, by central differences.

    ``make(weights, bias)`` makes the student's layer. A layer's output is linear in each of x, weights and bias, so
    that central differences are exact but for rounding, at any step: about 1e-15 of the values.

    Returns:
        dict with ``x``, ``weights`` and ``bias``, each in the shape of what it belongs to.

    Raises:
        ExamError: an output that depends on none of them, whose slopes of 0 would be right for any placeholder.
    """
    place = {"x": np.array(x, float), "weights": np.array(weights, float), "bias": np.array(bias, float)}

    def loss() -> float:
        out = make(place["weights"].copy(), place["bias"].copy()).forward(place["x"].copy())
        return float(np.sum(numbers(out, shape=np.shape(grad_out), what="the output of forward") * grad_out))

    slopes = {}
    for name, values in place.items():
        slopes[name] = np.zeros(values.shape)
        for k in np.ndindex(values.shape):
            kept = values[k]
            values[k] = kept + step
            above = loss()
            values[k] = kept - step
            slopes[name][k] = (above - loss()) / (2 * step)
            values[k] = kept
    found = max(float(np.abs(slope).max()) for slope in slopes.values())
    expect(
        found > 0, got="an output of forward that nothing changes", expected="one that depends on x, weights and bias"
    )
    return slopes


def _by_autograd(function: Callable, x, weights, bias, grad_out) -> dict[str, np.ndarray]:
    x, weights, bias = (tensor(a).requires_grad_(grad_out is not None) for a in (x, weights, bias))
    out = function(x, weights, bias)
    if grad_out is None:
        return {"out": out.numpy()}
    found = torch.autograd.grad(out, (x, weights, bias), tensor(grad_out))
    gradients = dict(zip(("x", "weights", "bias"), (g.numpy() for g in found), strict=True))
    return {"out": out.detach().numpy()} | gradients


def tensor(values) -> torch.Tensor:
    """A float64 tensor of its own."""
    return torch.tensor(np.array(values, dtype=float), dtype=torch.float64)


# --- loss and training ---


def bce(logits, labels) -> dict[str, np.ndarray]:
    """Mean binary cross-entropy from logits (n,) with its gradient (n,), by PyTorch: ``loss`` and ``gradient``."""
    z = tensor(logits).requires_grad_(True)
    loss = F.binary_cross_entropy_with_logits(z, tensor(labels))
    (gradient,) = torch.autograd.grad(loss, z)
    return {"loss": np.array(loss.item()), "gradient": gradient.numpy()}


def first_weights(n_features: int, n_hidden: int, *, seed: int) -> dict[str, np.ndarray]:
    """Weights to start from: ``w1`` (n_hidden, n_features), ``b1`` (n_hidden,), ``w2`` (1, n_hidden), ``b2`` (1,).

    Large enough that logits and slopes are no small numbers; the biases of the hidden units are above 0, so that every
    unit is open for some samples.
    """
    rng = np.random.default_rng(seed)
    return {
        "w1": rng.standard_normal((n_hidden, n_features)) / np.sqrt(n_features),
        "b1": rng.uniform(0.1, 0.5, n_hidden),
        "w2": rng.standard_normal((1, n_hidden)),
        "b2": rng.standard_normal(1),
    }


def copied(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights that may be changed in place without a trace."""
    return {name: np.array(values) for name, values in weights.items()}


def train(features, labels, weights, learning_rate: float, epochs: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Losses (epochs,), each before its step, and final weights of full-batch gradient descent, by PyTorch."""
    net = {name: tensor(weights[name]).requires_grad_(True) for name in WEIGHTS}
    losses = []
    for _ in range(epochs):
        loss = F.binary_cross_entropy_with_logits(_logits(features, net), tensor(labels))
        slopes = torch.autograd.grad(loss, list(net.values()))
        losses.append(loss.item())
        stepped = (v - learning_rate * slope for v, slope in zip(net.values(), slopes, strict=True))
        net = {name: v.detach().requires_grad_(True) for name, v in zip(net, stepped, strict=True)}
    return np.array(losses), {name: values.detach().numpy() for name, values in net.items()}


def predict(features, weights) -> np.ndarray:
    """Probabilities (n,) of the two-layer network."""
    return torch.sigmoid(_logits(features, {name: tensor(weights[name]) for name in WEIGHTS})).numpy()


def _logits(features, net: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return F.linear(torch.relu(F.linear(tensor(features), net["w1"], net["b1"])), net["w2"], net["b2"])[:, 0]


def both_ways(features, weights: Mapping[str, np.ndarray], *, largest: float = 4000.0) -> dict[str, np.ndarray]:
    """Weights as given, but for a second layer whose logits reach from ``-largest`` to ``largest`` on ``features``."""
    net = {name: tensor(weights[name]) for name in WEIGHTS}
    z = _logits(features, net | {"b2": 0 * net["b2"]}).numpy()
    scale, middle = 2 * largest / np.ptp(z), (z.max() + z.min()) / 2
    return {**weights, "w2": scale * np.asarray(weights["w2"]), "b2": np.array([-scale * middle])}


def trained(made) -> tuple:
    """Loss curve and weights out of what the student's ``train`` gave."""
    expect(
        isinstance(made, dict) and "loss" in made and "weights" in made,
        got=f"a dict with {', '.join(map(str, made)) or 'nothing'}"
        if isinstance(made, dict)
        else f"a {type(made).__name__} from train",
        expected='a dict with "loss" and "weights"',
        cause='return a dict: {"loss": ..., "weights": ...}',
    )
    return made["loss"], made["weights"]


def compare_weights(found, expected: Mapping, *, what: str, mistakes: Mapping | None = None, **kwargs) -> None:
    """Compare all four arrays of a network's weights; ``mistakes`` maps words to weights; the rest as in `compare`."""
    expect(isinstance(found, dict), got=f"weights that are a {type(found).__name__}", expected="a dict")
    lost = [name for name in WEIGHTS if name not in found]
    expect(not lost, got=f"weights without {', '.join(lost)}", expected=f"a dict with {', '.join(WEIGHTS)}")
    for name in WEIGHTS:
        wrong = {words: values[name] for words, values in (mistakes or {}).items()}
        compare(found[name], expected[name], what=f"{name} {what}", mistakes=wrong, **kwargs)


# --- folds and metrics ---


def folds_of(found, *, n: int, k: int, n_subjects: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds as (train, test) arrays of positions; raises `ExamError` where they are none.

    In each fold every sample stands on one of the two sides, and over all folds in one test part. ``n_subjects``, where
    given, lets a message say that positions in the list of the subjects came back.
    """
    expect(
        isinstance(found, list | tuple) and len(found) == k,
        got=f"{len(found)} folds" if isinstance(found, list | tuple) else f"a {type(found).__name__}",
        expected=f"a list of {k} folds",
        cause="return a list of k pairs (train, test), no generator",
    )
    for number, fold in enumerate(found):
        expect(
            isinstance(fold, list | tuple) and len(fold) == 2,
            got=f"fold {number} as a {type(fold).__name__}",
            expected="a pair (train, test) of arrays of positions",
        )
    cause = "samples are left out, or stand there twice"
    if sum(np.size(test) for _, test in found) == n_subjects:
        cause = "these are positions in the list of the subjects. Look up their samples: np.isin, then np.flatnonzero"
    pairs = [
        tuple(sound_parts({"train": a, "test": b}, n=n, what=f"fold {number}", cause=cause).values())
        for number, (a, b) in enumerate(found)
    ]
    tests = {f"the test part of fold {number}": test for number, (_, test) in enumerate(pairs)}
    sound_parts(tests, n=n, what="the test parts of all folds", cause=cause)
    return pairs


def subjects_on_two_sides(pairs, subjects) -> int:
    """Over all folds, how many subjects have samples in both training and test part."""
    subjects = np.asarray(subjects)
    return sum(len(set(subjects[train].tolist()) & set(subjects[test].tolist())) for train, test in pairs)


def ratios(counts) -> dict[str, float]:
    """Accuracy, sensitivity, specificity, ppv, f1 and kappa of [[TN, FP], [FN, TP]] by scikit-learn; 0 / 0 is 0."""
    (tn, fp), (fn, tp) = np.asarray(counts)
    labels = np.repeat([0, 0, 1, 1], [tn, fp, fn, tp])
    said = np.repeat([0, 1, 0, 1], [tn, fp, fn, tp])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a table with one label only
        kappa = float(np.nan_to_num(sk.cohen_kappa_score(labels, said)))
    return {
        "accuracy": float(sk.accuracy_score(labels, said)),
        "sensitivity": float(sk.recall_score(labels, said, zero_division=0)),
        "specificity": float(sk.recall_score(labels, said, pos_label=0, zero_division=0)),
        "ppv": float(sk.precision_score(labels, said, zero_division=0)),
        "f1": float(sk.f1_score(labels, said, zero_division=0)),
        "kappa": kappa,
    }


# --- beats ---


def classify(features, labels, new_features, seed: int, *, epochs: int = 300) -> np.ndarray:
    """Probabilities (m,) of a network with 8 hidden units, as task 8 asks: what PyTorch reaches on the same beats."""
    middle, spread = np.mean(features, axis=0), np.std(features, axis=0)
    start = first_weights(features.shape[1], 8, seed=seed)
    end = train((features - middle) / spread, labels, start, 0.5, epochs)[1]
    return predict((new_features - middle) / spread, end)


def why_unsure(probability) -> str:
    """Why answers that were learnt may say little about the labels, from their look."""
    different = len(np.unique(np.round(np.asarray(probability, dtype=float), 6)))
    if different <= 0.2 * len(probability):
        return (
            f"only {different} different answer{'s' * (different > 1)}: first weights of zeros, or features that are "
            "not standardised, so that no hidden unit learns"
        )
    return "the probabilities are not in the order of the samples, or the network is not trained"


def unseen_auc(classifier: Callable, features, labels, subjects, *, k: int, seed: int) -> float:
    """ROC AUC of ``classifier(features, labels, new_features, seed)`` over all beats, each judged without its subject.

    The examiner deals out the subjects; labels of those who are judged are in no argument. The classifier's seed is the
    number of the fold: one made of ``seed`` would tell of it.
    """
    probability = np.full(len(labels), np.nan)
    for fold, part in enumerate(np.array_split(np.random.default_rng(seed).permutation(np.unique(subjects)), k)):
        inside = np.isin(subjects, part)
        told = classifier(features[~inside].copy(), labels[~inside].copy(), features[inside].copy(), fold)
        probability[inside] = numbers(told, shape=(int(inside.sum()),), what=f"answers for {inside.sum()} beats")
    return float(sk.roc_auc_score(labels, probability))
