"""The small network of lesson 03 and its windows: what lesson and assignment 07 carry to a device.

Trained where it is needed, on the recordings that are there: no weights travel with the course.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from physiodl import data, ecg, splits
from physiodl.cohort import Cohort

WINDOW, WINDOW_FS = 3000, 100.0  # 30 s at 100 Hz, as in lesson 03
EPOCHS = {"ci": 5, "default": 16, "full": 30}
BAND = (0.5, 40.0)  # Hz
CLIP = 6.0  # standard deviations: a burst of motion must not drown the beats


def prepare(signals: np.ndarray, fs: float, *, spread: float | None = None) -> np.ndarray:
    """Recordings to windows, each on its own: band-pass, 100 Hz, divided by its own standard deviation, clipped.

    Args:
        signals: (n, 1, samples), padded with zeros at the end, any gain.
        fs: sampling rate in Hz.
        spread: what to divide all by instead, to see what the gain does then.

    Returns:
        (n, 1, 3000) float32, zero-padded at the end.
    """
    from scipy import signal

    out = np.zeros((len(signals), 1, WINDOW), np.float32)
    band = signal.butter(2, BAND, "bandpass", fs=fs, output="sos")
    for k, length in enumerate(ecg.true_lengths(signals)):
        if length < fs:  # less than a second is no recording
            continue
        x = signal.sosfiltfilt(band, np.asarray(signals[k, 0, :length], dtype=float))
        x = signal.resample_poly(x, round(WINDOW_FS), round(fs))[:WINDOW]
        out[k, 0, : len(x)] = np.clip(x / ((spread or x.std()) + 1e-6), -CLIP, CLIP)
    return out


def reference_network(seed: int) -> Any:
    """The four blocks of lesson 03 in PyTorch, untrained: (n, 1, samples) at 100 Hz to logits (n, 1).

    Layers in ``net.blocks`` (each block: convolution without bias, kernel 7, padding 3; batch normalisation; ReLU;
    maximum of two) and ``net.out``, a dense layer over mean and maximum of the 64 channels (mean first).

    Args:
        seed: of the weights; the global generator stays as it was.
    """
    import torch
    from torch import nn

    def block(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
        convolution = nn.Conv1d(n_in, n_out, 7, stride=stride, padding=3, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm1d(n_out), nn.ReLU(), nn.MaxPool1d(2))

    class AFNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.Sequential(block(1, 16, 2), block(16, 32, 2), block(32, 48), block(48, 64))
            self.dropout = nn.Dropout(0.3)
            self.out = nn.Linear(2 * 64, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.blocks(x)
            return self.out(self.dropout(torch.cat([h.mean(dim=-1), h.amax(dim=-1)], dim=1)))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AFNet()


def train_reference(
    cohort: Cohort,
    *,
    seed: int,
    budget: str = "default",
    prepared: np.ndarray | None = None,
    augment: Callable[[Any, Any], Any] | None = None,
    start: Any = None,
    epochs: int | None = None,
    progress: bool = True,
) -> tuple[Any, dict[str, np.ndarray]]:
    """Train `reference_network` as lesson 03 trains it, on 60 % of the cohort; 20 % stop it, 20 % stay unseen.

    Args:
        cohort: of `physiodl.data.load("af")`; near-duplicates stay on one side of the split.
        seed: of split, weights and batches.
        budget: ``"ci"``, ``"default"`` or ``"full"``: number of epochs, see ``EPOCHS``.
        prepared: windows (n, 1, samples) of the whole cohort; those of `prepare` when None.
        augment: from a batch of windows and a ``torch.Generator`` to a changed batch; a random sign for each window
            and a random shift when None.
        start: a network of this kind to go on from, which stays as it is; a fresh one when None.
        epochs: another number of epochs than the budget's.
        progress: whether to show a progress bar.

    Returns:
        The network in evaluation mode, with the weights of its best epoch in validation; the split, a dict of indices
        ``"train"``, ``"val"`` and ``"test"``.
    """
    import torch
    from torch import nn
    from tqdm.auto import tqdm

    if budget not in EPOCHS:
        raise ValueError(f"got budget {budget!r}, expected one of {', '.join(EPOCHS)}")
    bce = nn.functional.binary_cross_entropy_with_logits
    augment = augment or sign_and_shift
    split = splits.group_split(
        cohort.labels, data.groups(cohort), fractions={"train": 0.6, "val": 0.2, "test": 0.2}, seed=seed
    )
    windows = torch.as_tensor(prepare(cohort.signals, cohort.fs) if prepared is None else prepared)
    labels = torch.as_tensor(cohort.labels, dtype=torch.float32)[:, None]
    x, y = windows[split["train"]], labels[split["train"]]
    x_val, y_val = windows[split["val"]], labels[split["val"]]
    net = reference_network(seed) if start is None else copy.deepcopy(start)
    g, epochs = torch.Generator().manual_seed(seed), epochs or EPOCHS[budget]
    optimiser = torch.optim.AdamW(net.parameters(), lr=8e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=8e-3, total_steps=-(-len(x) // 32) * epochs)
    best, kept = np.inf, None
    for _ in tqdm(range(epochs), desc="training", unit="epoch", leave=False, disable=not progress):
        net.train()
        with torch.random.fork_rng(devices=[]):  # dropout draws from the global generator
            torch.manual_seed(int(torch.randint(0, 2**31, (1,), generator=g)))
            for b in torch.randperm(len(x), generator=g).split(32):
                loss = bce(net(augment(x[b], g)), y[b])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
        net.eval()
        with torch.no_grad():
            val = bce(torch.cat([net(part) for part in x_val.split(128)]), y_val).item()
        if val < best:
            best, kept = val, copy.deepcopy(net.state_dict())
    net.load_state_dict(kept)
    return net, split


def sign_and_shift(x: Any, g: Any) -> Any:
    """A batch (n, 1, samples) with a random sign for each window and one random shift; the end wraps to the start."""
    import torch

    sign = 1.0 - 2.0 * torch.randint(0, 2, (len(x), 1, 1), generator=g)
    return torch.roll(sign * x, int(torch.randint(0, 1000, (1,), generator=g)), dims=-1)


def logits_of(net: Any, windows: np.ndarray) -> np.ndarray:
    """Logits (n,) of a PyTorch network in evaluation mode, 128 windows at a time."""
    import torch

    net.eval()
    with torch.no_grad():
        parts = torch.as_tensor(np.ascontiguousarray(windows, np.float32)).split(128)
        return torch.cat([net(part) for part in parts]).numpy().reshape(-1)
