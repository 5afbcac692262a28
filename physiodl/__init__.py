"""PhysioDL's helper package: everything the notebooks of the course import.

`data` loads recordings as a `Cohort` (real where fetched, simulated otherwise); `registry`, `download`, `zenodo`,
`physionet`, `sources` and `transfer` fetch and verify them; `afdata` checks the AF files, `records` and `mitdb` read
records in WFDB form, `sleepedf_files` and `sleepedf` nights in EDF, `window_cache` keeps their windows. `examples` has
one recording of each kind to look at, `beats` single heartbeats with labels. `signals` filters, resamples and takes
spectra; `ecg` finds R waves and measures rhythm; `evidence` says what half a minute tells of it, `arrhythmia` has
networks, losses and a cross-validation by patient; `duplicates` finds near-copies; `splits` and `metrics` keep
evaluations honest; `plots`, `diagrams` and `interactive` draw; `simulate` makes signals; `exam` is what test cells
use, `handed` what of it answer cells may use too; `setup_check` and `path` greet the student.
Nothing here imports the grader.
"""

from physiodl.cohort import Cohort

__all__ = ["Cohort"]
__version__ = "0.1.0"
