"""What is usual of a person, taken out of his windows before a network sees them.

People differ in the spectrum of each electrode and in the size of the pupil, more than work changes either. `scaled`
divides everybody's windows by what is usual of him. It looks at no label; but it wants windows of him in which all
levels are about as frequent as in everybody else's, which is a good deal to know of a stranger. Scores found so must
say so. `Usual.of` takes the same from any windows, such as those of some minutes of calibration.

Mean AUC of the levels on the simulated cohort of the class (`physiodl.workload`: concatenation, 4 folds by subject,
seed 0): 0.771 with windows as they are, 0.841 with what is usual taken from each person's first 23 windows (92 s of
the task) and scored on the later ones, 0.870 with `scaled`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SMOOTH_HZ = 2.0  # width of the average over neighbouring frequencies: wider than a line, narrower than a rhythm
BAND_HZ = (1.0, 40.0)  # of the EEG's windows; outside is little but noise, which must not be raised


@dataclass(frozen=True)
class Usual:
    """What is usual of one person.

    Attributes:
        spectrum: (channels, frequencies) by what the amplitude is divided; infinite outside the band.
        samples: of a window of EEG.
        centre, spread: of the pupil, mm.
    """

    spectrum: np.ndarray
    samples: int
    centre: float
    spread: float

    @classmethod
    def of(cls, eeg: np.ndarray, pupil: np.ndarray | None = None, *, fs: float) -> Usual:
        """Take it from windows of one person.

        Args:
            eeg: (n, channels, samples) at ``fs`` Hz; windows that are not finite throughout are left out.
            pupil: (n, samples) mm, NaN where unknown; None where there is none.
        """
        eeg = np.asarray(eeg)
        if eeg.ndim != 3:
            raise ValueError(f"got eeg of shape {eeg.shape}, expected (windows, channels, samples) of one person")
        eeg = eeg[np.isfinite(eeg).all(axis=(1, 2))]
        if len(eeg) == 0:
            raise ValueError("got no window whose EEG is finite throughout, expected some: fill gaps first")
        samples = eeg.shape[2]
        hz = np.fft.rfftfreq(samples, 1 / fs)
        power = np.abs(np.fft.rfft(eeg, axis=2)) ** 2
        log = np.log(np.maximum(power, 1e-3)).mean(axis=0)  # an artefact weighs little so
        width = 2 * max(1, round(SMOOTH_HZ * samples / fs / 2)) + 1
        kernel = np.hanning(width + 2)[1:-1] / np.hanning(width + 2).sum()
        wider = np.pad(log, ((0, 0), (width // 2, width // 2)), mode="edge")
        smooth = np.stack([np.convolve(row, kernel, mode="valid") for row in wider])
        inside = (hz >= BAND_HZ[0]) & (hz <= BAND_HZ[1])
        spectrum = np.where(inside, np.exp((smooth + np.euler_gamma) / 2), np.inf)
        spectrum *= np.sqrt(2 * inside.sum()) / samples  # what is usual gets a spread of about 1
        known = np.zeros(0) if pupil is None else np.asarray(pupil)[np.isfinite(pupil)]
        centre, spread = (float(known.mean()), max(float(known.std()), 1e-3)) if len(known) else (0.0, 1.0)
        return cls(spectrum, samples, centre, spread)

    def __call__(self, eeg: np.ndarray, pupil: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Windows of this person relative to what is usual of him: both float32; EEG that is not finite becomes NaN."""
        if eeg.shape[1:] != (len(self.spectrum), self.samples):
            raise ValueError(f"got eeg of shape {eeg.shape}, expected (n, {len(self.spectrum)}, {self.samples})")
        flat = np.fft.irfft(np.fft.rfft(eeg, axis=2) / self.spectrum, self.samples, axis=2)
        return flat.astype(np.float32), ((np.asarray(pupil) - self.centre) / self.spread).astype(np.float32)


def scaled(eeg: np.ndarray, pupil: np.ndarray, subjects: np.ndarray, *, fs: float) -> tuple[np.ndarray, np.ndarray]:
    """Windows of many people, each relative to what is usual of his own: see `Usual`.

    Args:
        eeg: (n, channels, samples) at ``fs`` Hz. pupil: (n, samples) mm. subjects: (n,).
    """
    out = np.empty(eeg.shape, np.float32), np.empty(pupil.shape, np.float32)
    for who in np.unique(subjects):
        mine = np.flatnonzero(subjects == who)
        out[0][mine], out[1][mine] = Usual.of(eeg[mine], pupil[mine], fs=fs)(eeg[mine], pupil[mine])
    return out
