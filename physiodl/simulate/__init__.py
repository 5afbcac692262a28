"""Simulated physiology: signals made from published models, deterministic from a seed, labelled as simulated.

Each dataset of the course has a simulator here that writes the very files its publisher writes, so that everything
installs, runs and is graded without a network. Classes differ only in what defines them. `af`, `mitdb`, `sleepedf` and
`eegmat` write the files; `hypnogram` and `sleep` make nights, `workload` and `pupil` a task at three levels, `ecg`,
`rhythm`, `eeg`, `emg` and `ppg` signals piece by piece.
"""

from physiodl.simulate.af import write_af

__all__ = ["write_af"]
