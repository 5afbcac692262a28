"""The arrays of the AF dataset: what is accepted, and the message for each thing that is not."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from fake_zenodo import FEATURES, LABELS, arrays, npy

from physiodl.afdata import WIDTH, DataError, check_af, read_af


def write(folder, features, labels):
    for name, content in ((FEATURES, features), (LABELS, labels)):
        (folder / name).write_bytes(content if isinstance(content, bytes) else npy(content, allow_pickle=True))
    return folder


@pytest.mark.parametrize("label_type", [np.int64, np.uint8, bool, np.float32])
@pytest.mark.parametrize("type_", [np.float32, np.float64, ">f4"])
def test_published_form_in_any_number_type(tmp_path, type_, label_type):
    features, labels = arrays(6)
    got, classes = read_af(write(tmp_path, features.astype(type_), labels.astype(label_type)))
    assert isinstance(got, np.memmap) and got.shape == (6, WIDTH) and np.array_equal(got, features)
    assert classes.dtype == np.int64 and classes.tolist() == [0, 1, 0, 1, 0, 1]


def test_reading_changes_no_file(tmp_path):
    got, _ = read_af(write(tmp_path, *arrays(4)))
    with pytest.raises(ValueError, match="read-only"):
        got[0, 0] = 1


def changed(*, row=None, value=None, labels=None, features=None):
    x, y = arrays(300 if row else 6)
    if row is not None:
        x[row, -1] = value
    return (x if features is None else features(x)), (y if labels is None else labels(y))


BAD = {
    "width": (changed(features=lambda x: x[:, :9000]), r"\(6, 9000\)", "18170"),
    "transposed": (changed(features=lambda x: x.T), "transposed", "18170"),
    "channel axis": (changed(features=lambda x: x[:, None]), "an axis too many", "18170"),
    "empty": (changed(features=lambda x: x[:0], labels=lambda y: y[:0]), "no recording", "18170"),
    "swapped": (changed(features=lambda x: np.arange(6.0)), "the labels under the name", "18170"),
    "integers": (changed(features=lambda x: x.astype(np.int16)), "int16", "float32 or float64"),
    "half": (changed(features=lambda x: x.astype(np.float16)), "float16", "float32 or float64"),
    "complex": (changed(features=lambda x: x.astype(np.complex64)), "spectrum", "float32"),
    "NaN": (changed(row=260, value=np.nan), "first in row 260", "finite"),
    "infinity": (changed(row=299, value=-np.inf), "first in row 299", "finite"),
    "label 2": (changed(labels=lambda y: y * 2), "first in row 1", "each label 0"),
    "label -1": (changed(labels=lambda y: y * 2 - 1), r"\[-1\].*row 0", "each label 0"),
    "NaN label": (changed(labels=lambda y: np.where(y == 1, np.nan, 0.0)), "row 1", "each label 0"),
    "probabilities": (changed(labels=lambda y: y * 0.9), "probabilities", "each label 0"),
    "one-hot": (changed(labels=lambda y: np.eye(2)[y]), "argmax", r"shape \(6,\)"),
    "column": (changed(labels=lambda y: y[:, None]), "ravel", r"shape \(6,\)"),
    "names": (changed(labels=lambda y: np.where(y, "A", "N")), "names of the classes", "0"),
    "fewer labels": (changed(labels=lambda y: y[:-1]), "6 recordings and 5 labels", "one label per"),
    "one class": (changed(labels=lambda y: y * 0), "6 times 0", "both classes"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_arrays_are_named(tmp_path, name):
    (features, labels), got, expected = BAD[name]
    for attempt in (lambda: check_af(features, labels), lambda: read_af(write(tmp_path, features, labels))):
        with pytest.raises(DataError, match=got) as caught:
            attempt()
        message = str(caught.value)
        assert all(word in message for word in ("got:", "expected:", "likely:", "to do:"))
        assert re.search(expected, message)


class Harmful:
    """Unpickling this raises; reading must never come to that."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code from a data file was run')",))


def archive() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, features=np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (np.array([Harmful(), None], dtype=object), "Python objects"),
        (npy(arrays(4)[0])[:5000], "cut short"),
        (npy(arrays(4)[0])[:60], "cut short"),
        (b"", "damaged"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"PK just text", "another kind"),
        (archive(), "np.savez"),
    ],
)
@pytest.mark.parametrize("name", [FEATURES, LABELS])
def test_files_that_hold_no_plain_array(tmp_path, name, content, said):
    features, labels = arrays(4)
    both = {FEATURES: features, LABELS: labels} | {name: content}
    with pytest.raises(DataError, match=said) as caught:
        read_af(write(tmp_path, both[FEATURES], both[LABELS]))
    assert name in str(caught.value)


def test_missing_file_says_how_to_get_it(tmp_path):
    (write(tmp_path, *arrays(4)) / LABELS).unlink()
    with pytest.raises(DataError, match="labels.npy is missing") as caught:
        read_af(tmp_path)
    assert "python data_fetch.py af --simulate" in str(caught.value)
