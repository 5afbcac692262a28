"""Split recordings into parts without letting a subject, or a copy of a recording, sit on two sides.

Every function takes `labels` and `groups`: the group is whatever must stay together, the subject where
subjects are known, the number from `physiodl.duplicates.find_groups` where they are not. `groups=None` says
that every recording stands for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

FRACTIONS = {"train": 0.6, "val": 0.2, "test": 0.2}
FOLDS = 20  # fractions are met to within about 1 / (2 * FOLDS), groups permitting


def group_split(
    labels: np.ndarray,
    groups: np.ndarray | None,
    *,
    fractions: Mapping[str, float] | None = None,
    seed: int,
) -> dict[str, np.ndarray]:
    """Split recordings into named parts: whole groups, each class spread as the fractions say.

    The parts are cut one after the other with scikit-learn's StratifiedGroupKFold: many small stratified
    folds, of which each part takes its share. Large groups and rare classes make the sizes deviate from the
    fractions.

    Parameters
    ----------
    labels : (n,) class of each recording, integers or strings.
    groups : (n,) group of each recording, integers or strings, or None.
    fractions : part -> share of the recordings; they sum to 1. Default: 0.6 train, 0.2 val, 0.2 test.
    seed : integer from 0; the same seed gives the same split.

    Returns
    -------
    dict part -> sorted (m,) int64 indices. Every index from 0 to n - 1 stands in exactly one part.

    Errors
    ------
    ValueError when the fractions are no fractions, when there are fewer groups than parts, or when some part
    cannot be given every class.
    """
    labels, groups = _checked(labels, groups)
    fractions = dict(FRACTIONS if fractions is None else fractions)
    _check_fractions(fractions)
    count = len(np.unique(groups))
    if count < len(fractions):
        raise ValueError(
            f"got {count} group(s) for {len(fractions)} parts ({', '.join(fractions)}); expected at least "
            "one group per part, because a group is never divided. Use fewer parts, or check that `groups` "
            "numbers the recordings' subjects and not something coarser."
        )
    _check_classes(labels, groups, len(fractions))
    rng = np.random.default_rng(seed)
    # A split is a draw: with few groups a class can miss a part by bad luck although a split exists.
    for _ in range(50):
        split = _draw(labels, groups, fractions, rng)
        missing = _missing(labels, split)
        if not missing:
            check_split(split, groups)
            return split
    part, label = missing[0]
    raise ValueError(
        f"no split found: part {part!r} got no recording of class {label!r} in 50 draws. "
        f"The classes have {_groups_per_class(labels, groups)} groups. "
        "Use fewer parts or a larger fraction for that part."
    )


def subject_kfold(
    labels: np.ndarray, groups: np.ndarray | None, *, n_splits: int = 5, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (train, test) indices of `n_splits` folds; each recording is tested once, no group is on both
    sides.

    A thin layer over StratifiedGroupKFold (shuffled): labels and groups as in `group_split`. It deals groups out in the
    order of how unevenly their recordings lie in the classes, so that `seed` decides between equals only: a few large
    groups get the same folds from every seed. For other folds take scikit-learn's GroupKFold. ValueError when
    there are fewer groups than folds, or a class has fewer groups than folds. Errors come with the call, not
    with the first fold.
    """
    labels, groups = _checked(labels, groups)
    count = len(np.unique(groups))
    if n_splits != int(n_splits) or n_splits < 2:
        raise ValueError(f"n_splits is {n_splits!r}; expected a whole number of folds from 2.")
    if count < n_splits:
        raise ValueError(
            f"got {count} group(s) for {n_splits} folds; expected at least one group per fold. Use fewer "
            "folds."
        )
    _check_classes(labels, groups, n_splits)
    folds = StratifiedGroupKFold(n_splits=int(n_splits), shuffle=True, random_state=_seed(seed))
    return folds.split(np.zeros(len(labels)), labels, groups)


def check_split(split: Mapping[str, np.ndarray], groups: np.ndarray | None, *, n: int | None = None) -> None:
    """Raise ValueError when a split leaks or loses recordings; say nothing when it is sound.

    Checked: indices are whole numbers from 0 to n - 1, no index is used twice or missing, no group has
    recordings in two parts.

    split : part -> indices. groups : (n,) group of each recording, or None; then give `n`, the number of
    recordings (without it the largest index used counts as the last).
    """
    parts = {name: np.asarray(index) for name, index in split.items()}
    for name, index in parts.items():
        if index.ndim != 1 or (index.size and index.dtype.kind not in "iu"):
            raise ValueError(
                f"part {name!r} has shape {index.shape} and dtype {index.dtype}; expected indices: one "
                "dimension of integers. From a mask, np.flatnonzero(mask) gives the indices."
            )
    used = np.concatenate([index.astype(np.int64) for index in parts.values()] or [np.empty(0, np.int64)])
    if groups is not None:
        groups = np.asarray(groups)
        if n is not None and n != len(groups):
            raise ValueError(f"n is {n} but there are {len(groups)} groups; expected one per recording.")
        n = len(groups)
    elif n is None:
        n = int(used.max()) + 1 if len(used) else 0
    outside = used[(used < 0) | (used >= n)]
    if len(outside):
        raise ValueError(f"index {outside[0]} is outside the {n} recordings; expected 0 to {n - 1}.")
    times = np.bincount(used, minlength=n)
    if (times > 1).any():
        twice = int(np.flatnonzero(times > 1)[0])
        where = [name for name, index in parts.items() if (index == twice).any()]
        raise ValueError(
            f"recording {twice} is used {times[twice]} times (in {_listed(where)}); expected once. "
            f"{int((times > 1).sum())} recording(s) are used more than once."
        )
    if (times == 0).any():
        raise ValueError(
            f"recording {int(np.flatnonzero(times == 0)[0])} is in no part; expected every recording in one. "
            f"{int((times == 0).sum())} of {n} are missing."
        )
    if groups is None:
        return
    home: dict[object, str] = {}
    for name, index in parts.items():
        for group in np.unique(groups[index]).tolist():
            if group in home:
                raise ValueError(
                    f"group {group!r} is on two sides, in {home[group]!r} and in {name!r}; expected it in "
                    "one. The split was probably made by recording: split the groups, then take their "
                    "recordings."
                )
            home[group] = name


def _checked(labels, groups) -> tuple[np.ndarray, np.ndarray]:
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"labels have shape {labels.shape}; expected one per recording, (n,) with n > 0.")
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.round(labels)).all()):
        raise ValueError("labels hold numbers that are no classes; expected integers or strings, no NaN.")
    if groups is None:
        return labels, np.arange(len(labels))
    groups = np.asarray(groups)
    if groups.shape != labels.shape:
        raise ValueError(
            f"groups have shape {groups.shape} and labels {labels.shape}; expected one group per recording."
        )
    if groups.dtype.kind == "f" and not np.isfinite(groups).all():
        raise ValueError("groups hold NaN; expected a group for every recording: number unknown ones.")
    return labels, np.unique(groups, return_inverse=True)[1]


def _check_fractions(fractions: dict[str, float]) -> None:
    values = np.array(list(fractions.values()), float)
    if len(values) == 0 or not (values > 0).all() or not np.isclose(values.sum(), 1, atol=1e-6):
        raise ValueError(f"fractions are {fractions}; expected numbers above 0 that sum to 1.")


def _groups_per_class(labels: np.ndarray, groups: np.ndarray) -> dict:
    return {label: len(np.unique(groups[labels == label])) for label in np.unique(labels).tolist()}


def _check_classes(labels: np.ndarray, groups: np.ndarray, parts: int) -> None:
    for label, count in _groups_per_class(labels, groups).items():
        if count < parts:
            raise ValueError(
                f"class {label!r} occurs in {count} group(s), fewer than the {parts} parts or folds: it "
                "would be absent from one of them. Use fewer parts, or leave the class out."
            )


def _draw(labels, groups, fractions: dict[str, float], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Cut the parts off one after the other, the smallest first; the largest is what remains."""
    rest = np.arange(len(labels))
    left = 1.0
    split: dict[str, np.ndarray] = {}
    order = sorted(fractions, key=lambda name: fractions[name])
    for name in order[:-1]:
        share = fractions[name] / left
        split[name] = np.sort(_take(labels, groups, rest, share, rng))
        rest = np.setdiff1d(rest, split[name])
        left -= fractions[name]
    split[order[-1]] = rest
    return {name: split[name].astype(np.int64) for name in fractions}


def _take(labels, groups, index: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """About `share` of the recordings of `index`, as whole stratified folds."""
    rarest = min(_groups_per_class(labels[index], groups[index]).values())
    folds, wanted = _ratio(share, max(2, min(FOLDS, rarest)))
    if len(np.unique(groups[index])) < folds:
        return index[:0]
    maker = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=int(rng.integers(2**31)))
    chosen = rng.choice(folds, wanted, replace=False)
    tests = [test for _, test in maker.split(np.zeros(len(index)), labels[index], groups[index])]
    return index[np.concatenate([tests[k] for k in chosen])]


def _ratio(share: float, most: int) -> tuple[int, int]:
    """The number of folds, and how many of them to take, closest to `share`; few folds where equal."""
    options = [(folds, wanted) for folds in range(2, most + 1) for wanted in range(1, folds)]
    return min(options, key=lambda fw: (round(abs(fw[1] / fw[0] - share), 9), fw[0]))


def _missing(labels: np.ndarray, split: dict[str, np.ndarray]) -> list[tuple[str, object]]:
    classes = np.unique(labels).tolist()
    return [(part, c) for part, index in split.items() for c in classes if not (labels[index] == c).any()]


def _seed(seed) -> int:
    return int(np.random.default_rng(seed).integers(2**31))


def _listed(names: list[str]) -> str:
    return " and ".join(repr(name) for name in names)
