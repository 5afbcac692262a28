"""`bench.workload`: who learns from whose windows."""

import numpy as np
import pytest
import torch

from bench import workload, workload_networks
from physiodl import eegmat, metrics
from physiodl.cohort import Cohort


@pytest.fixture(scope="module")
def cohort():
    """Twelve people, two recordings of 12 s each, windows every second; electrodes of a person are his own."""
    rng = np.random.default_rng(0)
    parts = []
    for who in range(12):
        gain = np.exp(rng.standard_normal(19))
        for label in (0, 1):
            x = (gain * 10)[:, None] * rng.standard_normal((19, 1500))
            recording = eegmat.Recording(x.astype(np.float32), eegmat.CHANNELS, 125.0, (), np.zeros(0), False)
            windows, start_s = eegmat.cut(recording, step_s=1.0, start_s=1.0)
            n = len(windows)
            parts.append((windows, np.full(n, label), np.full(n, f"s{who}"), np.full(n, f"s{who}_{label}"), start_s))
    x, labels, who, recording, start_s = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Cohort("workload", x, labels, who, 125.0, eegmat.CONDITIONS, eegmat.CHANNELS, "simulated", "", "",
                  {"recording": recording, "start_s": start_s})  # fmt: skip


@pytest.mark.parametrize("leaky", [False, True])
def test_nobody_is_tested_on_what_was_learned_from(cohort, leaky):
    windows = workload.Windows(cohort, scaled="spread")
    assert len(windows.scored) == 12 * 2 * 2 and set(np.diff(windows.scored)) == {4}
    tested = []

    def trainer(many, few, seed):
        def score(index):
            people = set(windows.subjects[index])
            shared = bool(people & set(windows.subjects[many])) or bool(people & set(windows.subjects[few]))
            assert shared == leaky and not set(index) & set(many) and not set(index) & set(few)
            assert set(few) <= set(many)
            tested.extend(index)
            return np.zeros(len(index))

        return score

    workload.cross_validate(windows, trainer, seed=0, leaky=leaky)
    assert sorted(tested) == windows.scored.tolist()


def test_without_a_difference_by_subject_there_is_no_score(cohort):
    """Rest and task are the same noise here: by subject nothing is told apart."""
    labels = cohort.labels[workload.Windows(cohort, scaled="no").scored]
    for score in (
        workload.by_band_power(cohort, seed=0),
        workload.by_network(cohort, seed=0, passes=1),
    ):
        rest, task = score[labels == 0], score[labels == 1]
        assert 0.2 < np.mean(task[:, None] > rest[None]) < 0.8


def test_bands_of_the_network_are_where_they_are_said_to_be():
    """A wave of 11 Hz is in the fifth band of its electrode alone; twice as high, it has four times the power."""
    wave = np.sin(2 * np.pi * 11 * np.arange(500) / 125.0)
    x = torch.as_tensor(np.stack([wave, 2 * wave])[None].astype(np.float32))
    power = workload_networks.Bands(500, 125.0)(x).reshape(2, 10).exp().numpy()
    assert power.argmax(axis=1).tolist() == [4, 4] and (power[0] > 0.02).sum() == 1
    np.testing.assert_allclose(power[1].max() / power[0].max(), 4, rtol=1e-3)


def test_scaled_by_spectrum_nobody_is_louder(cohort):
    x = workload.Windows(cohort, scaled="spectrum").x
    spread = np.array([x[cohort.subjects == who].std(axis=(0, 2)) for who in np.unique(cohort.subjects)])
    assert np.abs(np.log(spread)).max() < 0.1
    with pytest.raises(ValueError, match="no, spread, spectrum"):
        workload.Windows(cohort, scaled="yes")


@pytest.mark.parametrize("seed", [1, 3])
def test_mixed_windows_keep_their_share_of_the_label(seed):
    """Shares near 0 and 1: the label must be that of the window of which more is there (over 6 seeds 0.999 to 1)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 240)
    x = rng.standard_normal((240, 2, 250)).astype(np.float32)
    x[:, 0] *= (1 + labels[:, None]).astype(np.float32)
    how = {"mix": 0.02, "passes": 6, "rate": 1e-2}
    net = workload_networks.fit(x, labels, np.arange(120), 125.0, per_pass=120, seed=seed, **how)
    assert metrics.roc_auc(labels[120:], workload_networks.predict(net, x[120:])) > 0.95
