"""PhysioDL's helper package: everything the notebooks of the course import.

`data` loads recordings as a `Cohort` (real where fetched, simulated otherwise); `registry`, `download`, `zenodo`,
`physionet`, `sources` and `transfer` fetch and verify them; `afdata` checks the AF files, `records` and `mitdb` read
records in WFDB form, `sleepedf_files` and `sleepedf` nights in EDF, `eegmat_files` and `eegmat` an arithmetic task in
EDF, `pupil` an eye tracker's table; `window_cache` keeps their windows. `examples` has
one recording of each kind to look at, `beats` single heartbeats with labels. `signals` filters, resamples and takes
spectra; `ecg` finds R waves and measures rhythm; `evidence` says what half a minute tells of it, `arrhythmia` has
networks, losses and a cross-validation by patient; `deploy`, with `deploy_reference` and `deploy_shift`, takes a
network to a device; `workload`, with `workload_branches` and `workload_people`, has networks for two signals at once;
`streaming`, with `streaming_filters`, `streaming_source` and `online`, runs a network on signals as they come, `player`
and `player_board` show it;
`duplicates` finds near-copies; `splits` and `metrics` keep evaluations honest; `plots`, `diagrams` and `interactive`
draw; `simulate` makes signals; `exam` is what test cells use, `handed` what of it answer cells may use too;
`setup_check` and `path` greet the student.
Nothing here imports the grader.
"""

import os

from physiodl.cohort import Cohort

# TensorFlow reads these when it is imported, by whomever: no start-up messages, and no oneDNN, whose other order of
# additions would change the last digits between two processors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

__all__ = ["Cohort"]
__version__ = "0.1.0"
