"""The branches of `physiodl.workload.WorkloadNet`: windows of one signal to a row of numbers every quarter of a second.

All take windows at the front and give (n, steps, width); the steps of a branch lie in order of time. Rates are theirs:
lengths are set in seconds.
"""

from __future__ import annotations

import torch
from torch import nn

SMALLEST_POWER = 1e-4  # of a filter's output in its own units, before the logarithm: a dead channel gives no -infinity
LEAST_FS = 60.0  # Hz that are left of the EEG behind its filters: rhythms up to 30 Hz keep their power


def _pool(fs: float) -> nn.AvgPool2d:
    """Mean over half a second, every quarter of a second."""
    return nn.AvgPool2d((1, round(fs / 2)), stride=(1, round(fs / 4)))


def _last(x: torch.Tensor) -> torch.Tensor:
    """(n, channels, samples) to (n, channels, 1, samples), channels innermost in memory.

    PyTorch's convolution with one filter per channel takes a third of the time so.
    """
    return x[:, :, None].contiguous(memory_format=torch.channels_last)


class EEGBranch(nn.Module):
    """Power of learned rhythms over time: (n, channels, samples) to (n, steps, width).

    After the shallow network of Schirrmeister et al. (2017): filters over channels and over time, square, mean over
    half a second, logarithm. Here each filter over time has one filter over channels, which costs a tenth.

    Args:
        channels: of the EEG. fs: its rate in Hz. width: numbers per step. filters: rhythms to learn.
    """

    def __init__(self, channels: int, fs: float, *, width: int, filters: int, dropout: float) -> None:
        super().__init__()
        taps = 2 * round(fs / 10) + 1  # a fifth of a second: one wave of theta
        stride = max(1, int(fs // LEAST_FS))
        self.space = nn.Conv1d(channels, filters, 1, bias=False)
        self.time = nn.Conv2d(
            filters, filters, (1, taps), stride=(1, stride), padding=(0, taps // 2), groups=filters, bias=False
        )
        self.norm = nn.BatchNorm2d(filters)
        self.mean = _pool(fs / stride)
        self.level = nn.BatchNorm2d(filters)
        self.out = nn.Sequential(nn.Dropout(dropout), nn.Linear(filters, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        power = self.mean(self.norm(self.time(_last(self.space(x)))).square())
        return self.out(self.level(power.clamp(min=SMALLEST_POWER).log())[:, :, 0].transpose(1, 2))


class TCNBranch(nn.Module):
    """Temporal convolutional network (Bai et al. 2018): (n, channels, samples) to (n, steps, width).

    Convolutions that look at the past alone, further with each block: 1, 2, 4 and 8 samples between taps, after the
    first has taken the rate down to about 60 Hz. A step has seen more than two seconds, where `EEGBranch` has seen a
    little more than half of one.

    Args:
        as of `EEGBranch`; filters: channels within.
    """

    def __init__(self, channels: int, fs: float, *, width: int, filters: int, dropout: float) -> None:
        super().__init__()
        stride = max(1, int(fs // LEAST_FS))
        self.first = Causal(channels, filters, taps=2 * stride + 1, stride=stride)
        self.blocks = nn.ModuleList(Residual(filters, dilation=2**k, dropout=dropout) for k in range(4))
        self.mean = _pool(fs / stride)
        self.out = nn.Sequential(nn.Dropout(dropout), nn.Linear(filters, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(_last(x))
        for block in self.blocks:
            x = block(x)
        return self.out(self.mean(x)[:, :, 0].transpose(1, 2))


class Causal(nn.Module):
    """Convolution over (n, channels, 1, samples) that looks at no later sample; zeros before the window."""

    def __init__(self, channels: int, filters: int, *, taps: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.before = (taps - 1) * dilation
        self.conv = nn.Conv2d(channels, filters, (1, taps), stride=(1, stride), dilation=(1, dilation), bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(nn.functional.pad(x, (self.before, 0)))


class Residual(nn.Module):
    """Two dilated causal convolutions beside a short cut."""

    def __init__(self, filters: int, *, dilation: int, dropout: float) -> None:
        super().__init__()
        self.inside = nn.Sequential(
            Causal(filters, filters, taps=5, dilation=dilation), nn.BatchNorm2d(filters), nn.ReLU(),
            Causal(filters, filters, taps=5, dilation=dilation), nn.BatchNorm2d(filters), nn.Dropout(dropout),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.inside(x))


class PupilBranch(nn.Module):
    """Course of the pupil's diameter: (n, samples), NaN where unknown, to (n, steps, width). Two convolutions.

    It is told which samples are known: else a gap would look like a pupil of average size. The steps are a quarter of a
    second apart, as those of the EEG.
    """

    def __init__(self, fs: float, *, width: int, filters: int, dropout: float) -> None:
        super().__init__()
        step = max(1, round(fs / 4))
        first = max(1, round(step / 4))
        second = max(1, round(step / first))
        self.blocks = nn.Sequential(
            nn.Conv1d(2, filters, 2 * first + 1, stride=first, padding=first, bias=False),
            nn.BatchNorm1d(filters), nn.ReLU(),
            nn.Conv1d(filters, width, 4 * second + 1, stride=second, padding=2 * second, bias=False),
            nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        known = torch.isfinite(x)
        both = torch.stack([torch.where(known, x, torch.zeros_like(x)), known.to(x.dtype)], dim=1)
        return self.blocks(both).transpose(1, 2)
