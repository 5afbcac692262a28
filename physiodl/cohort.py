"""`Cohort`: the one type in which every dataset of the course arrives, real or simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Cohort:
    """Recordings with their labels and where they come from.

    Attributes:
        name: short name of the dataset, such as ``"af"``.
        signals: (n, channels, samples), or a list of (channels, samples) where lengths differ.
        labels: (n,) class numbers, positions in ``classes``.
        subjects: (n,) who was recorded, or None where the publisher does not say.
        fs: sampling rate in Hz.
        classes: what label 0, 1, ... mean.
        channels: name of each channel.
        source: ``"real"``, ``"mirror"`` or ``"simulated"``; shown wherever the data are shown.
        citation: how to cite the data.
        licence: under which they may be used.
        columns: further facts per signal, each (n, ...), such as its record or where in it a window starts.
    """

    name: str
    signals: np.ndarray | list[np.ndarray]
    labels: np.ndarray
    subjects: np.ndarray | None
    fs: float
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    source: str
    citation: str
    licence: str
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.signals)
        if len(self.labels) != n:
            raise ValueError(f"got {n} signals and {len(self.labels)} labels, expected one label per signal")
        if self.subjects is not None and len(self.subjects) != n:
            raise ValueError(f"got {n} signals and {len(self.subjects)} subjects, expected one per signal")
        for name, column in self.columns.items():
            if len(column) != n:
                raise ValueError(f"got {n} signals and {len(column)} values of {name!r}, expected one per signal")

    def __len__(self) -> int:
        return len(self.signals)

    def __repr__(self) -> str:
        counts = ", ".join(f"{int(np.sum(self.labels == k))} {name}" for k, name in enumerate(self.classes))
        return f"Cohort({self.name!r}, {self.source}: {counts}, {self.fs:g} Hz, {'/'.join(self.channels)})"

    def subset(self, index: Sequence[int] | np.ndarray) -> Cohort:
        """The recordings at ``index`` (integers or a mask), in that order."""
        index = np.asarray(index)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        if isinstance(self.signals, np.ndarray):
            signals = self.signals[index]
        else:
            signals = [self.signals[k] for k in index]
        subjects = None if self.subjects is None else np.asarray(self.subjects)[index]
        columns = {name: np.asarray(column)[index] for name, column in self.columns.items()}
        labels = np.asarray(self.labels)[index]
        return replace(self, signals=signals, labels=labels, subjects=subjects, columns=columns)
