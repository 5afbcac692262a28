"""Networks for windows of EEG of two classes, and their training (`bench.workload`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

EDGES_HZ = (1.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 32.0, 40.0)  # narrow where alpha and theta are


class Bands(nn.Module):
    """Logarithm of the power in bands: (n, channels, samples) to (n, channels * bands). Nothing in it is learned.

    The spectrum is that of the whole window, faded in and out (Hann).
    """

    def __init__(self, samples: int, fs: float) -> None:
        super().__init__()
        hz = torch.fft.rfftfreq(samples, 1 / fs)
        inside = [(hz >= low) & (hz < high) for low, high in zip(EDGES_HZ[:-1], EDGES_HZ[1:], strict=True)]
        self.register_buffer("inside", torch.stack(inside, dim=1).float())
        self.register_buffer("fade", torch.hann_window(samples) * (8 / 3 / samples) ** 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        power = torch.view_as_real(torch.fft.rfft(x * self.fade)).square().sum(dim=-1)
        return (power @ self.inside).clamp(min=1e-4).log().flatten(1)


def filter_bank(channels: int, samples: int, fs: float, *, hidden: int = 32, dropout: float = 0.5) -> nn.Sequential:
    """Log power in ten bands at each electrode, and a network with one hidden layer that reads them.

    The filters are what people learn least reliably from few: here they are given.
    """
    rows = channels * (len(EDGES_HZ) - 1)
    return nn.Sequential(
        Bands(samples, fs),
        nn.BatchNorm1d(rows),
        nn.Dropout(dropout),
        nn.Linear(rows, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, 1),
    )


class Power(nn.Module):
    """Logarithm of the mean square: (n, filters, samples) to (n, filters)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.square().mean(dim=-1).clamp(min=1e-4).log()


def shallow(channels: int, samples: int, fs: float, *, filters: int = 16, dropout: float = 0.5) -> nn.Sequential:
    """Log band power with learned bands: the shallow network of Schirrmeister et al. 2017 (Hum Brain Mapp 38:5391).

    Filters over electrodes and then over time (a fifth of a second), square, mean over the window, logarithm, one
    weighted sum. Each filter over time has one filter over electrodes, which costs a tenth of the published layer.
    """
    return nn.Sequential(
        nn.Conv1d(channels, filters, 1, bias=False),
        nn.Conv1d(filters, filters, round(fs / 5), groups=filters, bias=False),
        nn.BatchNorm1d(filters),
        Power(),
        nn.BatchNorm1d(filters),
        nn.Dropout(dropout),
        nn.Linear(filters, 1),
    )


SHALLOW = {"build": shallow, "passes": 15, "rate": 1e-2, "decay": 1e-2, "gain": 0.1, "weight": 0.3}


def fit(
    x: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    fs: float,
    *,
    per_pass: int,
    seed: int,
    build: Callable[..., nn.Sequential] = filter_bank,
    passes: int = 20,
    size: int = 60,
    rate: float = 3e-3,
    decay: float = 0.1,
    gain: float = 0.0,
    weight: float = 0.0,
    mix: float = 0.0,
    **how: Any,
) -> nn.Sequential:
    """Train one network with AdamW and a one-cycle rate.

    Args:
        train: indices of windows. per_pass: how many of them, drawn anew, are seen in one pass.
        build: `filter_bank` or `shallow`. how: for it.
        passes, size: of training, and of a batch. rate: highest learning rate. decay: of weights.
        gain: by how much electrodes become stronger or weaker at random (standard deviation of the logarithm).
        weight: of the squared weights of the last layer in the loss.
        mix: above 0, every window is mixed with another, by a share drawn from Beta(mix, mix) (Zhang et al. 2018).
    """
    rng = np.random.default_rng(seed)
    steps = max(1, per_pass // size)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = build(x.shape[1], x.shape[2], fs, **how)
        optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=passes * steps)
        y = labels.astype(np.float32)
        for _ in range(passes):
            order = rng.permutation(train)[:per_pass]
            for index in np.array_split(order, steps):
                change = np.exp(gain * rng.standard_normal((len(index), x.shape[1], 1))).astype(np.float32)
                shown, truth = x[index] * change, y[index]
                if mix:
                    share, other = rng.beta(mix, mix, len(index)).astype(np.float32), rng.permutation(len(index))
                    part = share[:, None, None]
                    shown = part * shown + (1 - part) * shown[other]
                    truth = share * truth + (1 - share) * truth[other]
                loss = nn.functional.binary_cross_entropy_with_logits(
                    net(torch.from_numpy(shown))[:, 0], torch.from_numpy(truth)
                )
                loss = loss + weight * net[-1].weight.square().sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return net.eval()


@torch.inference_mode()
def predict(net: nn.Sequential, x: np.ndarray) -> np.ndarray:
    """Logits (n,) of windows (n, channels, samples)."""
    return torch.cat([net(part)[:, 0] for part in torch.from_numpy(np.ascontiguousarray(x)).split(256)]).numpy()
