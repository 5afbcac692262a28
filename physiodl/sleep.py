"""Sleep stages from one EEG channel: the networks of lesson and benchmark, their training, the split by subject.

`EpochCNN` reads one epoch; `SleepNet` reads a sequence of them in both directions (bidirectional LSTM) and, if it is
given them, spectra beside the raw signal (`physiodl.sleep_features`). Everything works on arrays in the order of the
recordings: ``epochs`` (n, samples), ``stages`` (n,), ``night`` (n,), ``subjects`` (n,), and ``position`` (n,), the
place of an epoch in its night, where epochs were dropped. Sequences are cut in `physiodl.sleep_sequences`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from physiodl import multiclass, splits
from physiodl.sleep_sequences import LENGTH, sequences
from physiodl.sleep_sequences import runs as runs  # also found here

STAGES = ("W", "N1", "N2", "N3", "REM")


class EpochCNN(nn.Module):
    """Three convolutions over one epoch, then its mean and its maximum over time: (n, samples) to (n, 2 * width).

    The mean tells what lasts (a rhythm), the maximum what passes (a spindle, a K-complex). The first kernel spans a
    third of a second at 100 Hz, one alpha wave and more, and moves on by 1/20 s: 10 Hz still has two samples a period.
    In long epochs it moves twice as far, so that half a minute costs three times what five seconds cost, not six.
    """

    def __init__(self, samples: int, *, width: int = 64, dropout: float = 0.2):
        super().__init__()
        if samples < 100:
            raise ValueError(f"got epochs of {samples} samples, expected at least 100: one second at 100 Hz")
        stride, pool = (5, 2) if samples <= 1000 else (10, 4)
        a, b = width // 2, width * 3 // 4
        self.features = 2 * width
        self.blocks = nn.Sequential(
            nn.Conv1d(1, a, 33, stride=stride, padding=16, bias=False), nn.BatchNorm1d(a), nn.ReLU(),
            nn.MaxPool1d(pool), nn.Dropout(dropout),
            nn.Conv1d(a, b, 5, padding=2, bias=False), nn.BatchNorm1d(b), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(b, width, 5, padding=2, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(x[:, None])
        return torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)


class SleepNet(nn.Module):
    """Stages of a sequence of epochs: each is read for itself, then all are seen together, forwards and backwards.

    Args:
        samples: of an epoch; 0 leaves the raw signal out. n_extra: numbers per epoch beside it, 0 for none.
        hidden: units of the LSTM in each direction; 0 leaves the sequence out: then every epoch stands alone.
        width: of `EpochCNN`. dense: numbers by which the sequence knows an epoch, from each of the two inputs.
    """

    def __init__(
        self,
        samples: int,
        *,
        n_extra: int = 0,
        hidden: int = 64,
        width: int = 64,
        dense: int = 64,
        dropout: float = 0.3,
    ):
        super().__init__()
        if not samples and not n_extra:
            raise ValueError("got neither samples nor extra numbers, expected at least one of them")
        self.cnn = EpochCNN(samples, width=width) if samples else None
        self.from_raw = _dense(self.cnn.features, dense, dropout) if samples else None
        self.from_extra = (
            nn.Sequential(_dense(n_extra, dense, dropout), _dense(dense, dense, dropout)) if n_extra else None
        )
        self.register_buffer("centre", torch.zeros(n_extra))
        self.register_buffer("spread", torch.ones(n_extra))
        given = dense * (bool(samples) + bool(n_extra))
        self.lstm = nn.LSTM(given, hidden, batch_first=True, bidirectional=True) if hidden else None
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(2 * hidden if hidden else given, len(STAGES))

    def read(self, epochs: torch.Tensor, extra: torch.Tensor | None = None) -> torch.Tensor:
        """(n, samples), and (n, n_extra) if there are such, to (n, features): each epoch for itself."""
        parts = [self.from_raw(self.cnn(epochs))] if self.cnn is not None else []
        if self.from_extra is not None:
            parts.append(self.from_extra((extra - self.centre) / self.spread))
        return torch.cat(parts, dim=1)

    def forward(
        self, epochs: torch.Tensor, extra: torch.Tensor | None = None, known: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits (b, length, 5) of sequences (b, length, samples); ``known`` (b, length) is False where none is left.

        What is not known stands at the end of a sequence and is neither read nor seen by the LSTM.
        """
        shape = epochs.shape[:2]
        known = torch.ones(shape, dtype=torch.bool) if known is None else known
        read = self.read(epochs[known], None if extra is None else extra[known])
        x = read.new_zeros(*shape, read.shape[1])
        x[known] = read
        if self.lstm is not None:
            if known.all():
                x = self.lstm(x)[0]
            else:
                packed = nn.utils.rnn.pack_padded_sequence(x, known.sum(dim=1), batch_first=True, enforce_sorted=False)
                x, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=shape[1])
        return self.out(self.dropout(x))


def _dense(a: int, b: int, dropout: float) -> nn.Module:
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout))


def class_weights(stages: np.ndarray, *, power: float = 0.5) -> np.ndarray:
    """(5,) weights of the stages in the loss: (frequency of a mean stage / frequency of this one) ** power.

    1 makes every stage count the same, 0 every epoch; 0.5 lies between. A stage that does not occur has weight 0.
    """
    counts = np.bincount(np.asarray(stages), minlength=len(STAGES)).astype(float)
    return np.divide(counts.sum() / len(STAGES), counts, out=np.zeros_like(counts), where=counts > 0) ** power


def fit(
    net: SleepNet,
    epochs: np.ndarray,
    stages: np.ndarray,
    night: np.ndarray,
    *,
    seed: int,
    position: np.ndarray | None = None,
    extra: np.ndarray | None = None,
    train: np.ndarray | None = None,
    validation: np.ndarray | None = None,
    passes: int = 15,
    patience: int = 5,
    length: int = LENGTH,
    size: int = 12,
    rate: float = 3e-3,
    weights: np.ndarray | None = None,
    augment: Callable[[tuple, np.random.Generator], tuple] | None = None,
    report: Callable[[dict[str, float]], None] | None = None,
) -> SleepNet:
    """Train a network in place and return it: AdamW, a learning rate that rises and falls (Smith and Topin 2018).

    Args:
        net: its weights are drawn anew from ``seed``.
        epochs: (n, samples), may be memory-mapped. stages, night, position: (n,), see `runs`. extra: (n, n_extra).
        train: (m,) what to learn from, as positions in the arrays; None: all that is not ``validation``.
        validation: (k,) epochs of other subjects. With them training stops when their kappa has not risen for
            ``patience`` passes, and the weights of the best pass are kept. None: all passes are made.
        length, size: epochs of a sequence, sequences of a batch. rate: the highest learning rate.
        weights: (5,) of the stages in the loss, see `class_weights`.
        augment: ((epochs, extra) of sequences, as tensors, generator) to the same changed, such as `other_night`.
        report: called after each pass with ``pass``, ``loss`` and, with validation, ``kappa``.
    """
    rng, stages = np.random.default_rng(seed), np.asarray(stages)
    if train is None:
        train = np.setdiff1d(np.arange(len(stages)), [] if validation is None else validation)
    if validation is not None and np.intersect1d(train, validation).size:
        raise ValueError("some epochs are both in train and in validation: early stopping would not see new subjects")
    train, night = np.sort(train), np.asarray(night)
    place = np.arange(len(night)) if position is None else np.asarray(position)
    weights = None if weights is None else torch.as_tensor(weights, dtype=torch.float32)
    loss_of = nn.CrossEntropyLoss(weights)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in net.modules():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        if extra is not None:
            net.centre.copy_(torch.as_tensor(extra[train].mean(axis=0)))
            net.spread.copy_(torch.as_tensor(extra[train].std(axis=0) + 1e-6))
        optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.01)
        best, since, kept = -np.inf, 0, None
        for number in range(passes):
            net.train()
            drawn = sequences(night[train], place[train], length=length, rng=rng)
            drawn = np.where(drawn < 0, -1, train[drawn])[rng.permutation(len(drawn))]
            starts, losses = range(0, len(drawn), size), []
            for start in starts:
                for group in optimiser.param_groups:
                    group["lr"] = rate * _rise_and_fall((number + start / len(drawn)) / passes)
                index = drawn[start : start + size]
                given, known = _gather(epochs, extra, index)
                given = given if augment is None else augment(given, rng)
                right = torch.as_tensor(stages[index[index >= 0]])
                loss = loss_of(net(*given, known)[known], right)
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 2.0)
                optimiser.step()
                losses.append(float(loss.detach()))
            said = {"pass": number + 1, "loss": float(np.mean(losses))}
            if validation is not None:
                guess = predict(net, epochs, night, position=position, extra=extra, index=validation, length=length)
                said["kappa"] = multiclass.kappa(stages[validation], guess.argmax(axis=1))
                since += 1
                if said["kappa"] > best:
                    best, since, kept = said["kappa"], 0, copy.deepcopy(net.state_dict())
            if report is not None:
                report(said)
            if since > patience:
                break
        if kept is not None:
            net.load_state_dict(kept)
    return net.eval()


def other_night(given: tuple, rng: np.random.Generator, *, strength: float = 1.0) -> tuple:
    """Sequences (epochs, extra) with the numbers in ``extra`` as another night could have had them: for `fit`.

    Within a sequence every number is scaled and shifted alike, a tenth of them are left out, and each epoch gets noise;
    all in units of the number's spread in the batch. The sizes are design values.
    """
    epochs, extra = given
    shape = (len(extra), 1, extra.shape[2])
    gain, shift, kept, noise = (
        torch.as_tensor(part, dtype=torch.float32)
        for part in (
            np.exp(0.15 * strength * rng.standard_normal(shape)), 0.2 * strength * rng.standard_normal(shape),
            rng.random(shape) > 0.1 * strength, 0.3 * strength * rng.standard_normal(tuple(extra.shape)),
        )
    )  # fmt: skip
    centre, spread = extra.mean(dim=(0, 1)), extra.std(dim=(0, 1))
    return epochs, centre + spread * ((extra - centre) / (spread + 1e-6) * gain + shift + noise) * kept


def _rise_and_fall(done: float) -> float:
    """Share of the highest learning rate after this share of the training: up in a quarter of it, then down to 0."""
    if done < 0.25:
        return 0.04 + 0.96 * (1 - np.cos(np.pi * done / 0.25)) / 2
    return (1 + np.cos(np.pi * (done - 0.25) / 0.75)) / 2


def _gather(epochs: np.ndarray, extra: np.ndarray | None, index: np.ndarray) -> tuple[tuple, torch.Tensor]:
    """((epochs, extra) of sequences ``index`` (b, length), which of them are known (b, length))."""
    known = index >= 0
    at = np.where(known, index, index[0, 0])  # any epoch: it is not read
    x = torch.as_tensor(np.ascontiguousarray(epochs[at], dtype=np.float32))
    more = None if extra is None else torch.as_tensor(extra[at])
    return (x, more), torch.as_tensor(known)


@torch.no_grad()
def predict(
    net: SleepNet,
    epochs: np.ndarray,
    night: np.ndarray,
    *,
    position: np.ndarray | None = None,
    extra: np.ndarray | None = None,
    index: np.ndarray | None = None,
    length: int = LENGTH,
    stride: int | None = None,
    size: int = 16,
) -> np.ndarray:
    """Probabilities (m, 5) of the stages, each the mean over all sequences in which its epoch stands.

    Args:
        epochs, night, position, extra, length: as in `fit`. index: (m,) the epochs asked about; None: all of them.
        stride: epochs from the start of one sequence to that of the next. None: half a sequence, so that an epoch at
            the end of one stands in the middle of another; ``length``: each epoch is read once.
        size: sequences read at a time; the result does not depend on it.
    """
    net.eval()
    index = np.arange(len(night)) if index is None else np.asarray(index)
    order = np.sort(index)
    place = order if position is None else np.asarray(position)[order]
    stride = max(1, length // 2) if stride is None else stride
    drawn = sequences(np.asarray(night)[order], place, length=length, stride=stride)
    drawn = np.where(drawn < 0, -1, order[drawn])
    total = np.zeros((len(night), len(STAGES)))
    for start in range(0, len(drawn), size):
        rows = drawn[start : start + size]
        given, known = _gather(epochs, extra, rows)
        said = torch.softmax(net(*given, known)[known], dim=1).numpy()
        np.add.at(total, rows[rows >= 0], said)
    return (total / np.maximum(total.sum(axis=1, keepdims=True), 1e-12))[index].astype(np.float32)


@torch.no_grad()
def describe(net: SleepNet, epochs: np.ndarray, extra: np.ndarray | None = None, *, size: int = 512) -> np.ndarray:
    """(n, features) float32: what the network hands on of each epoch for itself, see `SleepNet.read`.

    A CNN that has learned single epochs thus serves as input (``extra``) of networks for sequences, which then learn in
    seconds.
    """
    net.eval()
    rows = []
    for start in range(0, len(epochs), size):
        x = torch.as_tensor(np.ascontiguousarray(epochs[start : start + size], dtype=np.float32))
        rows.append(net.read(x, None if extra is None else torch.as_tensor(extra[start : start + size])).numpy())
    return np.concatenate(rows)


Trainer = Callable[[np.ndarray, int], Callable[[np.ndarray], np.ndarray]]


def cross_validate(
    stages: np.ndarray, subjects: np.ndarray, trainer: Trainer, *, n_splits: int = 5, seed: int
) -> dict[str, np.ndarray]:
    """Stages of every epoch from a network that never saw its subject; all nights of a subject are on one side.

    Args:
        stages, subjects: (n,). n_splits: number of parts. seed: of the split and of the networks.
        trainer: (positions to train on, seed) to a function from positions to probabilities (m, 5). What it wants to
            choose, such as when to stop, it must choose on subjects among those given to it.

    Returns:
        ``probability`` (n, 5), ``called`` (n,) the likeliest stage, and ``fold`` (n,) of each epoch.
    """
    found = {"probability": np.zeros((len(stages), len(STAGES)), np.float32), "fold": np.zeros(len(stages), int)}
    for fold, (train, test) in enumerate(splits.subject_kfold(stages, subjects, n_splits=n_splits, seed=seed)):
        found["probability"][test] = trainer(train, 100 * seed + fold)(test)
        found["fold"][test] = fold
    return found | {"called": found["probability"].argmax(axis=1)}
