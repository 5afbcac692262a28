"""TinySleepNet (Supratak and Guo 2020, doi 10.1109/EMBC44109.2020.9176741), built anew in PyTorch from its description.

As published: a convolution of 128 filters, half a second long, moving on by 1/16 s; pooling by 8; dropout 0.5; three
convolutions of 128 filters, 8 long; pooling by 4; dropout; a one-directional LSTM of 128 units; dropout; softmax. 15
nights side by side, 20 epochs at a time, the state of the LSTM going on from one such piece of a night to the next.
Adam at 1e-4, gradients clipped at 5, weight decay 1e-3 on the convolutions, N1 weighing 1.5, signals shifted by up to
a tenth of an epoch, and nights begun a few epochs late. Input in uV, not filtered.

Not as published: the LSTM has no peepholes; signals are shifted within an epoch and not along the night, of which only
parts may be at hand; no night is set aside for choosing the best pass, as with few passes it is the last.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import nn

SIDE_BY_SIDE, PIECE = 15, 20
N1_WEIGHT = 1.5


class TinySleepNet(nn.Module):
    def __init__(self, samples: int, fs: float):
        super().__init__()
        kernel, stride = int(fs / 2), int(fs / 16)

        def block(a: int, b: int, kernel: int, stride: int = 1) -> list[nn.Module]:
            pad = nn.ConstantPad1d(((kernel - 1) // 2, kernel // 2), 0.0)
            return [pad, nn.Conv1d(a, b, kernel, stride, bias=False), nn.BatchNorm1d(b), nn.ReLU()]

        self.cnn = nn.Sequential(
            *block(1, 128, kernel, stride), nn.MaxPool1d(8, ceil_mode=True), nn.Dropout(0.5),
            *block(128, 128, 8), *block(128, 128, 8), *block(128, 128, 8), nn.MaxPool1d(4, ceil_mode=True),
            nn.Flatten(), nn.Dropout(0.5),
        )  # fmt: skip
        with torch.no_grad():
            size = self.cnn.eval()(torch.zeros(1, 1, samples)).shape[1]
        self.lstm, self.dropout, self.out = nn.LSTM(size, 128, batch_first=True), nn.Dropout(0.5), nn.Linear(128, 5)
        with torch.no_grad():
            self.lstm.bias_ih_l0[128:256] = 1.0  # it begins by forgetting little

    def forward(self, x: torch.Tensor, state=None) -> tuple[torch.Tensor, tuple]:
        """(nights, epochs, samples) to logits (nights, epochs, 5) and the state at the end."""
        read = self.cnn(x.flatten(0, 1)[:, None]).unflatten(0, x.shape[:2])
        said, state = self.lstm(read, state)
        return self.out(self.dropout(said)), state


def fit(nights, train: np.ndarray, *, seed: int, budget_s: float, most: int = 200) -> tuple[TinySleepNet, int]:
    """The trained network and the number of passes made; none is begun that would not end within the budget."""
    rng, started, made = np.random.default_rng(seed), time.process_time(), 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = TinySleepNet(nights.raw.shape[1], nights.fs)
        kernels = [layer.weight for layer in net.cnn if isinstance(layer, nn.Conv1d)]
        loss_of = nn.CrossEntropyLoss(torch.tensor([1.0, N1_WEIGHT, 1.0, 1.0, 1.0]), reduction="none")
        optimiser = torch.optim.Adam(net.parameters(), lr=1e-4)
        while made < most and (time.process_time() - started) * (made + 1) <= budget_s * max(made, 1):
            net.train()
            _one_pass(net, nights, train, rng, loss_of, optimiser, kernels)
            made += 1
    return net.eval(), made


def _one_pass(net, nights, train, rng, loss_of, optimiser, kernels) -> None:
    of = [train[nights.night[train] == name] for name in np.unique(nights.night[train])]
    of = [night[rng.integers(0, 6) :] for night in of]
    order = rng.permutation(len(of))
    for k in range(0, len(order), SIDE_BY_SIDE):
        side, state = [of[j] for j in order[k : k + SIDE_BY_SIDE]], None
        for start in range(0, max(len(night) for night in side), PIECE):
            index = np.full((len(side), PIECE), -1)
            for row, night in zip(index, side, strict=True):
                piece = night[start : start + PIECE]
                row[: len(piece)] = piece
            known = torch.as_tensor(index >= 0)
            x = np.where(index[..., None] >= 0, nights.raw[index], 0).astype(np.float32)
            x = np.roll(x, int(rng.uniform(-0.1, 0.1) * x.shape[2]), axis=2)
            logits, state = net(torch.as_tensor(x), state)
            state = tuple(part.detach() for part in state)
            right = torch.as_tensor(nights.stages[index])
            loss = (loss_of(logits.flatten(0, 1), right.flatten()) * known.flatten()).sum() / known.sum()
            loss = loss + 1e-3 * sum((kernel**2).sum() / 2 for kernel in kernels)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()


@torch.no_grad()
def predict(net: TinySleepNet, nights, index: np.ndarray) -> np.ndarray:
    """Probabilities (m, 5) of the epochs at ``index``: night by night, from its first epoch to its last."""
    found = np.zeros((len(nights.night), 5), np.float32)
    for name in np.unique(nights.night[index]):
        of, state = index[nights.night[index] == name], None
        for start in range(0, len(of), 200):
            part = of[start : start + 200]
            logits, state = net(torch.as_tensor(nights.raw[part].astype(np.float32))[None], state)
            found[part] = torch.softmax(logits[0], dim=1).numpy()
    return found[index]
