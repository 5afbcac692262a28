"""Mental workload from windows of EEG and pupil: a network with two branches, joined in one of two ways, its training.

Everything works on arrays: ``eeg`` (n, channels, samples) float32 in uV, ``pupil`` (n, samples) in mm with NaN where
nothing was seen, ``levels`` (n,) 0, 1, 2 for low, medium, high. A window's two signals cover the same time, at rates
of their own. `as_model` puts a trained network at the end of a stream (`physiodl.streaming`).

What it does on the simulated cohort of the class: 20 people, 4 folds by subject, seed 0, each person's windows
relative to what is usual of him (`physiodl.workload_people`: no labels, but all his windows), `fit` as it stands.
Mean AUC of the three levels, each against the others; processor seconds of one thread, per fold.

    EEG's branch, fusion                both    EEG alone  pupil alone  seconds
    cnn, concatenation                  0.870   0.679      0.864        6
    cnn, attention                      0.870   0.691      0.861        7
    tcn of 16 filters, concatenation    0.846   0.579      0.861        12
    cnn, concatenation, left_out=0      0.859   0.646      0.773        6

By level, the first has 0.93, 0.79 and 0.89 with both (mean: 0.82 to 0.91, resampling people). Attention less
concatenation: 0.000 (-0.017 to 0.015), with folds and weights of seed 1 -0.010 (-0.021 to 0.003): no difference to be
seen. The TCN is worse by 0.023 (0.003 to 0.046), with EEG alone by 0.10: nobody tells it that power counts. Both
signals are better than the pupil alone by 0.006 (-0.015 to 0.034), so the EEG hardly adds to a pupil that works.
Windows as they are: 0.771 by subject, 0.841 where windows are split at random. The settings were chosen on the folds
of seed 0.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from physiodl import multiclass, splits
from physiodl.metrics import _weighted_auc
from physiodl.workload_branches import EEGBranch, PupilBranch, TCNBranch
from physiodl.workload_people import Usual

if TYPE_CHECKING:
    from physiodl.streaming import Window

LEVELS = ("low", "medium", "high")
FUSIONS = ("concatenation", "attention")
BRANCHES = {"cnn": EEGBranch, "tcn": TCNBranch}  # of the EEG


class WorkloadNet(nn.Module):
    """Two branches and what joins them; logits (n, 3) of the levels.

    ``"concatenation"`` sums each branch up over time (mean and maximum) and reads the two summaries side by side.
    ``"attention"`` first lets every step of one branch look at all steps of the other (Vaswani et al. 2017), so that
    what happens in one can be read in the light of the other. Where a signal is not there (``present``), a learned
    vector stands in for its branch; in training signals are left out now and then, so that the rest learns to do alone.

    Args:
        channels: of the EEG. eeg_fs, pupil_fs: rates in Hz. fusion: one of `FUSIONS`.
        branch: of the EEG, one of `BRANCHES`: a shallow network of log powers, or a temporal convolutional network.
        width: numbers per step. filters: of each branch. heads: of the attention.
    """

    def __init__(
        self,
        channels: int,
        *,
        eeg_fs: float = 125.0,
        pupil_fs: float = 60.0,
        fusion: str = "concatenation",
        branch: str = "cnn",
        width: int = 32,
        filters: int = 24,
        heads: int = 4,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        if fusion not in FUSIONS:
            raise ValueError(f"got fusion={fusion!r}, expected one of {', '.join(FUSIONS)}")
        if branch not in BRANCHES:
            raise ValueError(f"got branch={branch!r}, expected one of {', '.join(BRANCHES)}")
        self.fusion, self.branch, self.channels = fusion, branch, channels
        self.eeg = BRANCHES[branch](channels, eeg_fs, width=width, filters=filters, dropout=dropout)
        self.pupil = PupilBranch(pupil_fs, width=width, filters=filters, dropout=dropout)
        self.absent = nn.Parameter(torch.zeros(2, width))
        if fusion == "attention":
            self.look = nn.ModuleList(nn.MultiheadAttention(width, heads, batch_first=True) for _ in range(2))
            self.norm = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.out = nn.Sequential(nn.Linear(4 * width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 3))
        self.register_buffer("eeg_spread", torch.ones(channels, 1))
        self.register_buffer("pupil_centre", torch.zeros(()))
        self.register_buffer("pupil_spread", torch.ones(()))

    def scale_to(self, eeg: np.ndarray, pupil: np.ndarray) -> None:
        """Take the units from training windows: each channel of the EEG by its spread, the pupil by mean and spread."""
        spread = eeg.std(axis=(0, 2), keepdims=True)[0]
        self.eeg_spread.copy_(torch.as_tensor(np.maximum(spread, 1e-3)))
        if np.isfinite(pupil).any():
            self.pupil_centre.fill_(float(np.nanmean(pupil)))
            self.pupil_spread.fill_(max(float(np.nanstd(pupil)), 1e-3))

    def forward(self, eeg: torch.Tensor, pupil: torch.Tensor, present: torch.Tensor | None = None) -> torch.Tensor:
        """Args: eeg (n, channels, samples), pupil (n, samples), present (n, 2) bool (EEG, pupil); None: both are."""
        given = [self.eeg(eeg / self.eeg_spread), self.pupil((pupil - self.pupil_centre) / self.pupil_spread)]
        if present is not None:
            given = [torch.where(present[:, i, None, None], given[i], self.absent[i]) for i in (0, 1)]
        if self.fusion == "attention":
            placed = [x + _places(x.shape[1], x.shape[2]) for x in given]
            given = [
                norm(x + look(query, other, given[1 - i], need_weights=False)[0])
                for i, (x, query, other, look, norm) in enumerate(
                    zip(given, placed, placed[::-1], self.look, self.norm, strict=True)
                )
            ]
        return self.out(torch.cat([each for x in given for each in (x.mean(dim=1), x.amax(dim=1))], dim=1))


def _places(steps: int, width: int) -> torch.Tensor:
    """(steps, width) sines that tell where a step stands (Vaswani et al. 2017): attention alone knows no order."""
    rate = torch.exp(-math.log(100.0) * torch.arange(0, width, 2) / width)  # a window has tens of steps, not thousands
    angle = torch.arange(steps)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(steps, width)


def fit(
    net: WorkloadNet,
    eeg: np.ndarray,
    pupil: np.ndarray,
    levels: np.ndarray,
    *,
    seed: int,
    validation: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
    passes: int = 8,
    size: int = 64,
    rate: float = 3e-3,
    left_out: float = 0.3,
    gain: float = 0.1,
    report: Callable[[dict[str, float]], None] | None = None,
) -> WorkloadNet:
    """Train a network in place and return it: AdamW, a learning rate that falls as a cosine.

    Args:
        net: its weights are drawn anew from ``seed``.
        eeg, pupil, levels: windows of the training subjects.
        validation: the same of other subjects; the weights of the pass with the least loss there are kept.
        size: windows of a batch. rate: learning rate at the start.
        left_out: how often, for each of the two signals, a window is shown without it.
        gain: by how much electrodes become stronger or weaker at random (standard deviation of the logarithm), anew
            each time a window is shown: how strong each is says more of the person than of the level.
        report: called after each pass with ``pass``, ``loss`` and, with validation, ``validation``.
    """
    eeg, pupil, levels = _checked(net, eeg, pupil, levels)
    there = np.stack([np.isfinite(eeg).all(axis=(1, 2)), np.isfinite(pupil).any(axis=1)], axis=1)
    if not there[:, 0].any():
        raise ValueError("got no window whose EEG is finite throughout, expected some: fill gaps first")
    rng = np.random.default_rng(seed)
    loss_of = nn.CrossEntropyLoss()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in net.modules():
            if isinstance(layer, nn.MultiheadAttention):
                layer._reset_parameters()
            elif hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        nn.init.zeros_(net.absent)
        net.scale_to(eeg[there[:, 0]], pupil)
        optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.01)
        plan = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, passes * math.ceil(len(levels) / size))
        best, kept = math.inf, None
        for number in range(passes):
            net.train()
            order, losses = rng.permutation(len(levels)), []
            for start in range(0, len(order), size):
                rows = order[start : start + size]
                if len(rows) < 2:
                    continue  # a batch of one has no spread for the normalisation
                shown = there[rows] & (rng.random((len(rows), 2)) >= left_out)
                shown = np.where(shown.any(axis=1, keepdims=True), shown, there[rows])  # never without both
                change = np.exp(gain * rng.standard_normal((len(rows), net.channels, 1))).astype(np.float32)
                loss = loss_of(_logits(net, eeg[rows] * change, pupil[rows], shown), torch.as_tensor(levels[rows]))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                plan.step()
                losses.append(float(loss.detach()))
            said = {"pass": number + 1, "loss": float(np.mean(losses))}
            if validation is not None:
                p = predict(net, validation[0], validation[1])
                said["validation"] = float(-np.log(p[np.arange(len(p)), validation[2]] + 1e-9).mean())
                if said["validation"] < best:
                    best, kept = said["validation"], copy.deepcopy(net.state_dict())
            if report is not None:
                report(said)
        if kept is not None:
            net.load_state_dict(kept)
    return net.eval()


@torch.no_grad()
def predict(
    net: WorkloadNet, eeg: np.ndarray, pupil: np.ndarray, *, present: np.ndarray | None = None, size: int = 256
) -> np.ndarray:
    """Probabilities (n, 3) float32 of the levels.

    Args:
        eeg, pupil: windows, as in `fit`. size: windows read at a time; the result does not depend on it.
        present: (n, 2) bool, whether EEG and pupil are to be used. None: EEG that is finite throughout, and a pupil
            with at least one known sample.
    """
    eeg, pupil, _ = _checked(net, eeg, pupil, None)
    net.eval()
    there = np.stack([np.isfinite(eeg).all(axis=(1, 2)), np.isfinite(pupil).any(axis=1)], axis=1)
    there = there if present is None else there & np.asarray(present, dtype=bool)
    found = [np.zeros((0, 3), dtype=np.float32)]
    for start in range(0, len(eeg), size):
        rows = slice(start, start + size)
        found.append(torch.softmax(_logits(net, eeg[rows], pupil[rows], there[rows]), dim=1).numpy())
    return np.concatenate(found)


def as_model(
    net: WorkloadNet, *, eeg: str = "eeg", pupil: str = "pupil", least: float = 0.5, usual: Usual | None = None
) -> Callable[[Window], np.ndarray]:
    """The network as `physiodl.streaming.Online` wants it: `Window` to (3,) probabilities.

    A signal of which less than the share ``least`` came counts as absent; NaN where both do. ``eeg`` and ``pupil`` are
    the names of the two signals in the window. ``usual``: of this person, where the network was trained on windows that
    were `scaled`.
    """

    def model(window: Window) -> np.ndarray:
        present = np.array([[window.valid[eeg] >= least, window.valid[pupil] >= least]])
        if not present.any():
            return np.full(3, np.nan)
        given = window.values[eeg][None], window.values[pupil].reshape(1, -1)
        return predict(net, *(given if usual is None else usual(*given)), present=present)[0]

    return model


def cross_validated(
    make: Callable[[], WorkloadNet],
    eeg: np.ndarray,
    pupil: np.ndarray,
    levels: np.ndarray,
    subjects: np.ndarray,
    *,
    seed: int,
    n_splits: int = 4,
    present: dict[str, tuple[bool, bool]] | None = None,
    report: Callable[[dict[str, float]], None] | None = None,
    **how: Any,
) -> dict[str, np.ndarray]:
    """Probabilities (n, 3) of all windows, each by a network that was trained on other people.

    Two networks that are given the same ``seed`` have the same folds, order of windows and number of passes: that is
    what makes their comparison fair.

    Args:
        make: returns an untrained `WorkloadNet`.
        eeg, pupil, levels, subjects: windows. n_splits: folds by subject.
        present: what is there at test time, (EEG, pupil) of each name; by default ``"both"``, ``"eeg"``, ``"pupil"``.
        report: called with ``fold`` after each. how: for `fit`.

    Returns:
        of each name in ``present``.
    """
    present = present or {"both": (True, True), "eeg": (True, False), "pupil": (False, True)}
    out = {name: np.zeros((len(levels), 3), np.float32) for name in present}
    for k, (train, test) in enumerate(splits.subject_kfold(levels, subjects, n_splits=n_splits, seed=seed)):
        net = fit(make(), eeg[train], pupil[train], levels[train], seed=seed * n_splits + k, **how)
        for name, there in present.items():
            out[name][test] = predict(net, eeg[test], pupil[test], present=np.tile(there, (len(test), 1)))
        if report is not None:
            report({"fold": k + 1})
    return out


def auc_difference(
    levels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    subjects: np.ndarray,
    n_boot: int = 1000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Mean AUC over the levels of ``second`` less that of ``first``, with a 95 % interval that resamples people.

    Both are scored on the same people in each resample (a paired bootstrap): what makes a person hard for both of them
    drops out. Resamples in which a level is missing are left out. What another training would have made differently is
    not in the interval.

    Args:
        levels: (n,). first, second: (n, 3) probabilities of the same windows. subjects: (n,).

    Returns:
        difference, low, high.
    """
    names, who = np.unique(subjects, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"got {len(names)} subjects, expected two at least: the interval resamples them")
    value = float((multiclass.auc_per_class(levels, second) - multiclass.auc_per_class(levels, first)).mean())
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_boot)[:, who]
    classes = [levels == k for k in range(first.shape[1])]
    times = times[np.all([(times[:, mine] > 0).any(axis=1) for mine in classes], axis=0)]
    aucs = [[_weighted_auc(mine.astype(np.int64), p[:, k], times) for k, mine in enumerate(classes)]
            for p in (np.asarray(first, float), np.asarray(second, float))]  # fmt: skip
    low, high = np.quantile(np.mean(aucs[1], axis=0) - np.mean(aucs[0], axis=0), [0.025, 0.975])
    return value, float(low), float(high)


def _logits(net: WorkloadNet, eeg: np.ndarray, pupil: np.ndarray, there: np.ndarray) -> torch.Tensor:
    eeg = np.nan_to_num(eeg, nan=0.0, posinf=0.0, neginf=0.0)  # of an absent signal: it must not spread
    present = None if there.all() else torch.as_tensor(there)
    return net(torch.as_tensor(eeg), torch.as_tensor(pupil), present)


def _checked(net: WorkloadNet, eeg: np.ndarray, pupil: np.ndarray, levels: np.ndarray | None) -> tuple:
    eeg, pupil = np.asarray(eeg, dtype=np.float32), np.asarray(pupil, dtype=np.float32)
    if eeg.ndim != 3 or eeg.shape[1] != net.channels or pupil.ndim != 2 or len(pupil) != len(eeg):
        raise ValueError(
            f"got eeg of shape {eeg.shape} and pupil of shape {pupil.shape}, expected (n, {net.channels}, samples) and "
            "(n, samples) with the same n"
        )
    if levels is not None:
        levels = np.asarray(levels)
        if levels.shape != (len(eeg),) or levels.dtype.kind not in "iu" or levels.min() < 0 or levels.max() > 2:
            raise ValueError(f"got levels {levels.shape} {levels.dtype}, expected ({len(eeg)},) of 0, 1 and 2")
        levels = levels.astype(np.int64)
    return eeg, pupil, levels
