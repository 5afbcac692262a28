"""The two arrays of the atrial-fibrillation dataset: reading them, and refusing what they must not be.

``features.npy`` is (n, 18170), one ECG lead at 300 Hz, each recording z-scored over its own samples and
zero-padded at the end; ``labels.npy`` is (n,), 0 for normal rhythm and 1 for atrial fibrillation. A wrong
array is far easier to understand here than as a network that does not learn, so every error says what was
got, what was expected, the likely cause and what to do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FEATURES_NAME = "features.npy"
LABELS_NAME = "labels.npy"
WIDTH = 18_170  # samples per recording, Zenodo record 15302489; 60.6 s at 300 Hz
CLASSES = ("normal", "AF")
_ROWS_AT_ONCE = 256  # 256 x 18,170 float64 values are 37 MB: the check never holds the whole file in memory


class DataError(ValueError):
    """Data that cannot be used; the message says got, expected, likely cause and what to do."""

    def __init__(self, what: str, *, got: str, expected: str, cause: str, todo: str) -> None:
        super().__init__(
            f"{what}\n  got:      {got}\n  expected: {expected}\n  likely:   {cause}\n  to do:    {todo}"
        )


_FETCH_AGAIN = "fetch the data again (python data_fetch.py af --force), or use simulated data (--simulate)"


def read_af(folder: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read and check ``features.npy`` and ``labels.npy`` of one folder.

    Returns:
        features: (n, 18170) float32 or float64 as stored, memory-mapped read-only: take rows, not the whole.
        labels: (n,) int64, 0 normal, 1 AF, whatever type the file has.

    Raises:
        DataError: a file is missing, is no plain array, or does not pass `check_af`.
    """
    folder = Path(folder)
    return read_af_files({FEATURES_NAME: folder / FEATURES_NAME, LABELS_NAME: folder / LABELS_NAME})


def read_af_files(paths: dict[str, Path]) -> tuple[np.ndarray, np.ndarray]:
    """`read_af` for files that lie apart: ``paths`` gives the place of each of the two names."""
    features = _load(paths[FEATURES_NAME], mmap=True)
    labels = _load(paths[LABELS_NAME], mmap=False)
    check_af(features, labels, where=str(paths[FEATURES_NAME].parent))
    return features, labels.astype(np.int64)


def check_af(features: np.ndarray, labels: np.ndarray, *, where: str = "the AF arrays") -> None:
    """Raise `DataError` unless the arrays have the published form; say nothing when they have.

    Args:
        features: (n, 18170) float32 or float64, finite.
        labels: (n,) integers, booleans or floats that are exactly 0 or 1, both of them present.
        where: named in the error.
    """
    _check_features_form(features, where)
    _check_labels(labels, len(features), where)
    _check_finite(features, where)  # last: it reads the whole file


def _load(path: Path, *, mmap: bool) -> np.ndarray:
    expected = "a NumPy .npy file holding one plain array"
    if not path.is_file():
        raise DataError(
            f"{path} is missing",
            got="no such file",
            expected=expected,
            cause="the data have not been fetched, or only in part",
            todo="python data_fetch.py af, or python data_fetch.py af --simulate",
        )
    try:
        # Never allow_pickle: a pickled array can run any code on being read, and these files come from
        # outside.
        array = np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        with path.open("rb") as file:
            start = file.read(16)
        if "Object arrays" in str(error):
            cause = "an array of Python objects: saved from lists of unequal length; such files can hide code"
        elif start.startswith(b"\x93NUMPY"):
            cause = f"the file was cut short or altered ({error})"
        elif start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
            cause = "a web page saved under this name: a log-in page or an error page instead of the file"
        else:
            cause = "a file of another kind under this name, or a damaged one"
        got = f"{path.stat().st_size} bytes beginning with {start!r}"
        raise DataError(
            f"{path} cannot be read", got=got, expected=expected, cause=cause, todo=_FETCH_AGAIN
        ) from error
    if not isinstance(array, np.ndarray):  # an .npz archive under the name .npy is read as a dictionary
        names = ", ".join(array.files)
        array.close()
        raise DataError(
            f"{path} cannot be read",
            got=f"an archive holding {names}",
            expected=expected,
            cause="a file of np.savez under the name of one of np.save",
            todo="save each array with np.save, or " + _FETCH_AGAIN,
        )
    return array


def _check_features_form(features: np.ndarray, where: str) -> None:
    got = f"shape {features.shape}, {features.dtype}"
    expected = f"shape (n, {WIDTH}), float32 or float64: one row per recording"
    if features.dtype.kind != "f" or features.dtype.itemsize not in (4, 8):
        causes = {
            "i": "raw samples of the converter, not z-scored ones",
            "O": "an array of Python objects",
            "c": "a spectrum instead of the signal",
            "f": "stored in half or extended precision",
        }
        raise DataError(
            f"the features in {where} have the wrong type",
            got=got,
            expected=expected,
            cause=causes.get(features.dtype.kind, "another file under this name"),
            todo="z-score each recording and save it as float32, or " + _FETCH_AGAIN,
        )
    if features.ndim == 2 and features.shape[1] == WIDTH and len(features):
        return
    if features.ndim == 1:
        cause = "the labels under the name of the features, or a single recording"
    elif features.shape == (WIDTH, features.shape[-1]):
        cause = "the array is transposed: samples run along the first axis"
    elif features.ndim == 3 and WIDTH in features.shape:
        cause = "an axis too many; the files hold the recordings without a channel axis"
    elif features.shape[0] == 0:
        cause = "the file holds no recording"
    else:
        cause = "recordings cut, padded or resampled in another way, or another dataset"
    raise DataError(
        f"the features in {where} have the wrong shape",
        got=got,
        expected=expected,
        cause=cause,
        todo="bring them to the published form, or " + _FETCH_AGAIN,
    )


def _check_labels(labels: np.ndarray, n: int, where: str) -> None:
    expected = f"shape ({n},), each label 0 (normal) or 1 (AF)"
    got = f"shape {labels.shape}, {labels.dtype}"
    if labels.dtype.kind not in "iubf":
        raise DataError(
            f"the labels in {where} have the wrong type",
            got=got,
            expected=expected,
            cause="names of the classes ('N', 'A') instead of their numbers, or Python objects",
            todo="map normal to 0 and AF to 1, or " + _FETCH_AGAIN,
        )
    if labels.ndim != 1:
        cause = (
            "one-hot labels; .argmax(axis=1) gives the classes"
            if labels.shape[-1:] == (2,)
            else "an axis too many; .ravel() removes it"
        )
        raise DataError(
            f"the labels in {where} have the wrong shape",
            got=got,
            expected=expected,
            cause=cause,
            todo="save them as one number per recording, or " + _FETCH_AGAIN,
        )
    if len(labels) != n:
        raise DataError(
            f"features and labels in {where} disagree",
            got=f"{n} recordings and {len(labels)} labels",
            expected="one label per recording",
            cause="the two files come from different versions, or one was made from a part",
            todo=_FETCH_AGAIN,
        )
    wrong = np.flatnonzero(~np.isin(labels, (0, 1)))  # NaN is in no set, so it is found here too
    if len(wrong):
        values = np.unique(labels[wrong])[:4].tolist()
        cause = (
            "probabilities instead of classes"
            if labels.dtype.kind == "f"
            else "another coding (-1/+1, 1/2), or more classes than normal and AF"
        )
        raise DataError(
            f"the labels in {where} are not all 0 or 1",
            got=f"{len(wrong)} other labels such as {values}, the first in row {wrong[0]}",
            expected=expected,
            cause=cause,
            todo="map normal to 0 and AF to 1, or " + _FETCH_AGAIN,
        )
    present = np.unique(labels)
    if len(present) < 2:
        raise DataError(
            f"the labels in {where} hold one class only",
            got=f"{n} times {int(present[0])} ({CLASSES[int(present[0])]})",
            expected="recordings of both classes: with one class nothing can be learnt or measured",
            cause="a file sorted by class was cut",
            todo=_FETCH_AGAIN,
        )


def _check_finite(features: np.ndarray, where: str) -> None:
    first, rows, nans = -1, 0, 0
    for start in range(0, len(features), _ROWS_AT_ONCE):
        block = np.asarray(features[start : start + _ROWS_AT_ONCE])
        bad = ~np.isfinite(block).all(axis=1)
        if bad.any():
            first = start + int(np.flatnonzero(bad)[0]) if first < 0 else first
            rows += int(bad.sum())
            nans += int(np.isnan(block[bad]).any(axis=1).sum())
    if rows:
        raise DataError(
            f"the features in {where} hold values that are not finite",
            got=f"NaN or infinity in {rows} of {len(features)} recordings ({nans} with NaN), the "
            f"first in row {first}",
            expected="finite values only: one NaN turns a whole batch and then the network into NaN",
            cause="a flat recording divided by its standard deviation of 0, or a damaged file",
            todo="drop or repair these recordings, or " + _FETCH_AGAIN,
        )
