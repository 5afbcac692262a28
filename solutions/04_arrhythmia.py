# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# total: 100
# cell_timeout_s: 150
# total_timeout_s: 600
# ceiling: {roc_auc: 0.9995, f1: 0.99}
# ---

# %% [markdown]
# # Assignment 04: atrial fibrillation in long recordings, judged by patients nobody has met
#
# You build the way from the files of a Holter database to an honest number: read WFDB records, filter them, cut and label windows,
# split by patient, weigh a rare class, train a small network, choose a threshold on patients set aside for that, and report what it does for
# each patient. Then you measure what happens when windows of one patient lie on both sides of the split, and say why. The
# lesson `course/04_arrhythmia.ipynb` teaches every step.
#
# **What you need.** The lesson of this number and of 03; NumPy, SciPy, PyTorch and `wfdb` as they use them. You may take ideas and
# lines from the lessons and call what `physiodl.signals` and SciPy offer; the point is that you can say why each line is there.
#
# **Time.** About 5 hours of work. One run from top to bottom computes for about two minutes on two CPU cores.
#
# **Data.** *Simulated* records in the form of the MIT-BIH Arrhythmia Database: two leads at 360 Hz, several records per patient, rhythms
# annotated. The course grades on simulated patients, so the network is trained on simulated ones, whatever you have fetched;
# the last cell of code runs your leak measurement on the published records where they are on your machine
# (`python data_fetch.py mitdb`).
#
# | task | points | you define |
# |---|---|---|
# | read | 10 | `read_record` (and `read_files`, given) |
# | filter | 12 | `prepare` |
# | windows | 12 | `cut_windows` |
# | split | 12 | `patient_folds` |
# | weights | 8 | `class_weights`, `focal_loss` |
# | train | 12 | `train_and_predict` |
# | report | 10 | `choose_threshold`, `report` |
# | perform | 10 | `predict_af`, `classify_af` |
# | leak | 6 | `measure_leak` |
# | explain | 8 | a text, read by a person |
#
# **How it works.** Write your answer where the cell says so, run it, then run the test cell below it: it prints a line
# for every check, with the points, and says what it got, what it expected and the likely cause. Test cells call
# only the functions the task names, so inside you may write whatever you like. When your work is graded, the same cells
# run with other records and other patients. Tasks 1 to 5 and 7 need no answer of another task; tasks 8 and 9 use the network
# of task 6. Partial points count: nbgrader's *Validate* button calls a cell with partial points failed, the points are yours all the same.

# %% tags=["parameters"]
SOURCE = "auto"  # "auto" and "real" also look for the published records in the last cell of code; "simulated" does not
BUDGET = "default"  # "ci" is quicker, "full" trains longer
SEED = 0

# %% role="locked"
import numpy as np
import torch
import wfdb
from scipy import signal
from torch import nn

from physiodl import data, exam, signals
from physiodl.exam import arrhythmia as probe

torch.set_num_threads(min(2, torch.get_num_threads()))  # more threads make a network this small slower, not faster
exam.begin("04_arrhythmia", source=SOURCE, seed=SEED)

# %% role="locked"
STEPS = {"ci": 150, "default": 300, "full": 600}[BUDGET]  # batches of 32 windows that train a network well
cohort = data.load("mitdb", source="simulated")
print(cohort)
print(f"{len(cohort)} windows of {len(np.unique(cohort.subjects))} SIMULATED patients, "
      f"{len(np.unique(cohort.subjects[cohort.labels == 1]))} of whom have AF")

# %% [markdown]
# ## Task 1: read a record (10 points)
#
# Write `read_record(folder, name)`. It reads the record `name` (files `name.hea`, `name.dat`, `name.atr` in `folder`) with `wfdb` and
# returns a dict:
#
# - `"fs"`: sampling rate in Hz.
# - `"signals"`: (leads, samples) in mV. Samples that the file marks as not recorded are NaN: leave them so.
# - `"leads"`: list of names, one per row of `signals`. **The lead `"MLII"` comes first** where there is one, wherever it stands in the
#   file (in record 114 it is the second); the others keep the order of the file. A record can have one lead only, and it need not be MLII.
# - `"beats"`: sample numbers of the annotations that are beats: those whose symbol is one of the letters and signs of `probe.BEATS`. Other
#   annotations mark noise, a change of rhythm, a comment.
# - `"rhythms"`: list of `(start, stop, label)` in samples, stop excluded. Each annotation has a sample, a symbol and a note, `aux_note`, mostly `""`. One whose note begins with `"("`, such as
#   `"(AFIB"`, starts a rhythm, which lasts until the next one or to the end of the record. Samples **before the first one belong to no
#   rhythm**. Files of MIT-BIH end these notes with a character `"\x00"`: labels come without it.
# - `"subject"`: who was recorded, a text. If one of the header's comments (`.comments` of the record, a list of texts) is `"subject: S07"`, it is `"S07"`. Otherwise it is the name of the
#   record, except that `"202"` is `"201"`: of MIT-BIH these two are one person.
#
# Leave `read_files`, below your function, as it is: it hands the bytes of three files to `read_record`, since the test cell makes its own records.
#
# <details><summary>Hint 1: the idea</summary>One call gives signals, names of leads and the header, another the annotations. The rest is
# picking and putting in order, by name and never by row number.</details>
# <details><summary>Hint 2: what to use</summary><code>wfdb.rdrecord(path)</code> has <code>.p_signal</code> (samples, leads) in mV,
# <code>.sig_name</code>, <code>.fs</code>, <code>.comments</code>; <code>wfdb.rdann(path, "atr")</code> has <code>.sample</code>,
# <code>.symbol</code>, <code>.aux_note</code>. <code>text.strip("\x00")</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>order = sorted(range(len(names)), key=lambda k: names[k] != "MLII")</code>
# puts MLII first and keeps the rest. Collect the starts, then
# <code>stops = starts[1:] + [number of samples]</code>.</details>

# %% role="answer" task="read"
def read_record(folder, name):
    """One WFDB record: dict of fs, signals (leads, samples) in mV, leads, beats, rhythms, subject."""
    ### BEGIN SOLUTION
    record = wfdb.rdrecord(f"{folder}/{name}")
    marks = wfdb.rdann(f"{folder}/{name}", "atr")
    order = sorted(range(record.n_sig), key=lambda k: record.sig_name[k] != "MLII")
    is_beat = np.isin(marks.symbol, list(probe.BEATS))
    notes = [(int(at), note.strip("\x00")) for at, note in zip(marks.sample, marks.aux_note, strict=True) if note.startswith("(")]
    stops = [start for start, _ in notes[1:]] + [record.sig_len]
    said = [line.split(":")[1].strip() for line in record.comments if line.startswith("subject:")]
    return {
        "fs": float(record.fs),
        "signals": record.p_signal.T[order],
        "leads": [record.sig_name[k] for k in order],
        "beats": np.asarray(marks.sample)[is_beat],
        "rhythms": [(start, stop, label) for (start, label), stop in zip(notes, stops, strict=True)],
        "subject": said[0] if said else {"202": "201"}.get(name, name),
    }
    ### END SOLUTION


def read_files(files):
    """`read_record` for a record that comes as bytes. Leave this function as it is: the test cell calls it."""
    with probe.as_folder(files) as (folder, name):
        return read_record(folder, name)


# %% role="test" task="read" points=10
# asks: read_files
task = exam.task("read", points=10)
_late = [(4000, "(N"), (6000, "(AFIB"), (7500, "(AFL"), (9000, "(N")]
_usual, _usual_truth = probe.record_files(seed=SEED + 1, rhythms=_late, subject="S07", name="s07a")
_turned, _turned_truth = probe.record_files(seed=SEED + 2, leads=("V5", "MLII"), lost=(2000, 2600), name="202")
_lone, _lone_truth = probe.record_files(seed=SEED + 3, leads=("V1",), fs=250.0, name="104")
_three, _three_truth = probe.record_files(seed=SEED + 4, leads=("V1", "V5", "MLII"), name="s11b", subject="S11")
with task.check("signals in mV, (leads, samples), and the sampling rate", 2,
                cause="steps of the converter instead of mV, or p_signal not transposed"):
    _read = read_files(_usual)
    exam.same(probe.entry(_read, "fs"), 360.0, what="fs", cause="the sampling rate stands in the record's header: .fs")
    exam.same(probe.entry(_read, "signals"), _usual_truth["signals"], what="signals", atol=1e-6,
              cause="steps of the converter instead of mV, or p_signal not transposed")
with task.check("MLII first, by its name", 2, cause="leads taken by row number: look for the name, and move signals and names together"):
    for _files, _truth, _order, _names in ((_turned, _turned_truth, [1, 0], ["MLII", "V5"]),
                                           (_three, _three_truth, [2, 0, 1], ["MLII", "V1", "V5"])):
        _read = read_files(_files)
        exam.expect(list(probe.entry(_read, "leads")) == _names, got=f"leads {list(_read['leads'])}", expected=f"{_names}",
                    cause="leads taken by row number: look for the name, and move signals and names together")
        exam.same(np.nan_to_num(_read["signals"]), np.nan_to_num(_truth["signals"][_order]), what=f"signals of {_names}", atol=1e-6,
                  cause="the names were put in order and the signals were not")
with task.check("a record of one lead, which is not MLII, at 250 Hz", 1, cause='.index("MLII"), or two rows taken for granted'):
    _read = read_files(_lone)
    exam.expect(list(probe.entry(_read, "leads")) == ["V1"], got=f"leads {list(_read['leads'])}", expected="['V1']")
    exam.same(_read["signals"], _lone_truth["signals"], what="signals", atol=1e-6)
    exam.same(_read["fs"], 250.0, what="fs")
with task.check("samples that were not recorded stay NaN", 1, cause="gaps filled with 0 mV, which looks like a recording"):
    _missing = np.isnan(np.asarray(probe.entry(read_files(_turned), "signals"), float))
    exam.same(_missing.sum(), 600, what="number of NaN in signals", cause="gaps filled with 0 mV, which looks like a recording")
with task.check("beats, all kinds of them and nothing else", 1, cause="beats are sample numbers, in ascending order"):
    for _files, _truth in ((_usual, _usual_truth), (_lone, _lone_truth)):
        exam.same(probe.beats_of(read_files(_files), _truth["beats"]), _truth["beats"], what="beats")
with task.check("rhythms from each change to the next one or the end", 2):
    _rows = probe.rhythms_of(read_files(_usual))
    _wanted = [(4000, 6000, "(N"), (6000, 7500, "(AFIB"), (7500, 9000, "(AFL"), (9000, 10800, "(N")]
    exam.expect([_label for _, _, _label in _rows] == [_label for _, _, _label in _wanted],
                got=f"labels {[_label for _, _, _label in _rows]}", expected=f"{[_label for _, _, _label in _wanted]}",
                cause="notes taken with their last character \\x00, rhythms left out, or the time before the first one given a rhythm")
    exam.same([_row[:2] for _row in _rows], [_row[:2] for _row in _wanted], what="start and stop of the rhythms",
              cause="each label must run from its own annotation to the next one, the last to the end of the record")
with task.check("who was recorded", 1, cause="the name of the record taken for the patient"):
    for _files, _who in ((_usual, "S07"), (_turned, "201"), (_lone, "104"), (_three, "S11")):
        _told = str(probe.entry(read_files(_files), "subject"))
        exam.expect(_told == _who, got=f"subject {_told!r} for record {_files['name']}", expected=f"{_who!r}",
                    cause="a blank or the word 'subject' was left around the name" if _who in _told else
                    "the name of the record taken for the patient: several records can be of one person")
task.points()

# %% [markdown]
# ## Task 2: filter, resample, scale (12 points)
#
# Write `prepare(x, fs)`.
#
# - `x`: (leads, samples), a **whole record** of at least 30 s in any unit, with NaN where nothing was recorded; `fs`: 250 or 360 Hz.
# - Returns float32 (leads, samples * 100 / fs), the record at **100 Hz**:
#   - **gaps bridged** by a straight line from the last sample before to the first one after (at an end: that sample repeated); no NaN comes out. `np.interp(at, known_at, known)`
#     gives the values at the places `at` of straight lines between known points;
#   - **band-pass 0.5 to 40 Hz without delay** (zero phase), run over the whole record at once: windows are cut later, so that they have no edges;
#   - resampled to 100 Hz without aliasing;
#   - **scaled, each lead on its own**, by a number that comes from the **first 60 s** of that lead (all of it, where it is shorter): the median of the
#     standard deviations of its 5 s pieces, flat pieces not counted. The gain no longer matters; a burst of motion in one piece does not move
#     the median; and what comes an hour later has no say, so that a monitor could do the same. The lesson scales by the
#     whole record, which is right for a Holter that is read when it is complete: mind the difference.
# - A lead that is flat, or has no sample at all, comes out as zeros.
#
# <details><summary>Hint 1: the idea</summary>One lead after the other: bridge, filter, resample, scale. A filter that meets a NaN makes every
# sample NaN; a filter that meets zeros in the middle of an ECG that lies at 3 mV rings at both edges.</details>
# <details><summary>Hint 2: what to use</summary><code>np.interp(all positions, known positions, known values)</code>;
# <code>signals.filtered(row, fs, low=0.5, high=40.0)</code> of <code>physiodl</code>, or <code>signal.sosfiltfilt</code>;
# <code>signal.resample_poly(row, 100, round(fs))</code>; <code>np.median</code>.</details>
# <details><summary>Hint 3: almost the code</summary>After resampling, <code>pieces = y[:6000][: len(y[:6000]) // 500 * 500].reshape(-1,
# 500)</code>, <code>spread = pieces.std(axis=1)</code>, keep those above a tiny number, and divide by their median if any are
# left.</details>

# %% role="answer" task="filter"
def prepare(x, fs):
    """A record (leads, samples) to float32 (leads, samples at 100 Hz): bridged, filtered, scaled lead by lead."""
    ### BEGIN SOLUTION
    rows = []
    for row in np.asarray(x, dtype=float):
        known = np.flatnonzero(np.isfinite(row))
        if len(known) == 0:
            rows.append(np.zeros(-(-len(row) * 100 // round(fs))))
            continue
        tiny = 1e-6 * (1e-12 + np.abs(row[known]).max())
        row = np.interp(np.arange(len(row)), known, row[known])
        y = signal.resample_poly(signals.filtered(row, fs, low=0.5, high=40.0), 100, round(fs))
        minute = y[: min(len(y), 6000) // 500 * 500].reshape(-1, 500).std(axis=1)
        minute = minute[minute > tiny]
        rows.append(y / np.median(minute) if len(minute) else np.zeros(len(y)))
    return np.asarray(rows, np.float32)
    ### END SOLUTION


# %% role="test" task="filter" points=12
# asks: prepare
task = exam.task("filter", points=12)
_rng = np.random.default_rng(SEED + 11)
_x = probe.ecg_rows(90.0, 360.0, 2, seed=SEED + 12) + 0.01 * _rng.standard_normal((2, 32_400))  # clean ECG, a little noise
_time = np.arange(_x.shape[1]) / 360.0
_inner = slice(1000, 5500)  # at 100 Hz; away from the ends, where any filter estimates
_still = None
with task.check("(leads, samples at 100 Hz), float32, from 250 and 360 Hz, for one lead and for three", 1,
                cause="leads and samples exchanged, or another rate than 100 Hz"):
    _still = exam.numbers(prepare(_x.copy(), 360.0), shape=(2, 9000), what="prepared record")
    for _fs, _leads in ((360.0, 1), (250.0, 3)):
        _made = prepare(probe.ecg_rows(40.0, _fs, _leads, seed=SEED + 13), _fs)
        exam.numbers(_made, shape=(_leads, 4000), what=f"prepared record of 40 s at {_fs:g} Hz")
        exam.expect(str(np.asarray(_made).dtype) == "float32", got=f"dtype {np.asarray(_made).dtype}", expected="float32",
                    cause="NumPy computes in float64: end with .astype(np.float32)")
with task.check("no delay, and the beats stay as they are", 2,
                cause="a causal filter delays and distorts: run it forwards and backwards (sosfiltfilt), over the whole record"):
    _wanted = probe.at_100_hz(probe.band(_x, 360.0), 360.0)
    for _k in range(2):  # zero-phase filters of order 1 to 4 give at least 0.995, causal ones at most 0.98
        exam.alike(exam.given(_still)[_k, _inner], _wanted[_k, _inner], at_least=0.985, what=f"lead {_k} against a zero-phase filter",
                   cause="a causal filter delays and distorts: run it forwards and backwards (sosfiltfilt), over the whole record")
with task.check("wander and mains are removed, without aliasing", 1,
                cause="no band-pass of 0.5 to 40 Hz, or samples dropped without a low-pass: 82 Hz appears as 18 Hz"):
    for _tone in (2.0 * np.sin(2 * np.pi * 0.1 * _time), 0.4 * np.sin(2 * np.pi * 60 * _time), 0.4 * np.sin(2 * np.pi * 82 * _time)):
        _moved = exam.numbers(prepare(_x + _tone, 360.0), shape=(2, 9000), what="prepared record")
        for _k in range(2):
            exam.alike(_moved[_k, _inner], exam.given(_still)[_k, _inner], at_least=0.97, what="the ECG with an added tone and without",
                       cause="no band-pass of 0.5 to 40 Hz, or samples dropped without a low-pass: 82 Hz appears as 18 Hz")
with task.check("the sampling rate comes from fs", 1, cause="360 Hz is written into the filter or into the resampling"):
    _tones = {}
    for _fs in (360.0, 250.0):
        _heart = probe.ecg_rows(90.0, _fs, 2, seed=SEED + 12)
        _tone = 0.5 * np.sin(2 * np.pi * 34 * np.arange(_heart.shape[1]) / _fs)
        _plain, _mixed = (exam.numbers(prepare(_made, _fs), shape=(2, 9000), what="prepared record") for _made in (_heart, _heart + _tone))
        exam.alike(_plain[0, _inner], exam.given(_still)[0, _inner], at_least=0.9, what=f"the same heart recorded at {_fs:g} Hz and at 360 Hz",
                   cause="360 Hz is written into the filter or into the resampling")
        _tones[_fs] = probe.tone_of(_mixed[0, _inner], _plain[0, _inner], 34.0)
    # right filters of order 1 to 5: 0.97 to 1.03; with 360 Hz in the filter, 0.2 to 0.7
    exam.expect(0.8 <= _tones[250.0] / _tones[360.0] <= 1.25, expected="the same share of it at both sampling rates",
                got=f"{100 * _tones[250.0] / _tones[360.0]:.0f} % as much left of 34 Hz at 250 Hz as at 360 Hz",
                cause="360 Hz is written into the filter: its limits then lie elsewhere in a record at 250 Hz")
with task.check("each lead on its own, whatever its gain", 2, cause="one scale, one mean or one filter for both leads: scale row by row"):
    _louder = exam.numbers(prepare(_x * np.array([[1.0], [40.0]]), 360.0), shape=(2, 9000), what="prepared record")
    exam.same(_louder[0], exam.given(_still)[0], what="lead 0 beside a lead at 40 times the gain", atol=1e-3,
              cause="one scale for both leads, or their average: scale row by row")
    exam.same(_louder[1], _still[1], what="lead 1 at 40 times the gain", atol=2e-2, rtol=1e-2, cause="a lead is not divided by its own spread")
    _spread = float(np.median(_still[0, :8500].reshape(-1, 500).std(axis=1)))
    exam.expect(0.5 <= _spread <= 2, got=f"5 s pieces with a standard deviation of {_spread:.3g}", expected="about 1",
                cause="a lead is not divided by its own spread")
with task.check("the scale comes from the first minute, all of it, and neither a burst nor flat pieces move it", 2,
                cause="the scale is taken from the whole record, so that the future changes the past, or from its largest value"):
    _long = probe.ecg_rows(180.0, 360.0, 2, seed=SEED + 14)
    _calm = exam.numbers(prepare(_long, 360.0), shape=(2, 18_000), what="prepared record")
    _storm = _long.copy()
    _storm[:, 23_400:] *= 20  # from 65 s on, which is most of the record
    _before = exam.numbers(prepare(_storm, 360.0), shape=(2, 18_000), what="prepared record")
    exam.same(_before[:, :5500], _calm[:, :5500], what="the first 55 s when only what comes after 65 s was changed", atol=5e-2, rtol=2e-2,
              cause="the scale is taken from more than the first 60 s: the future changes the past")
    _rise = _long.copy()
    _rise[:, 8640:] *= 4  # from 24 s on: seven of the twelve pieces
    _first_s = exam.numbers(prepare(_rise, 360.0), shape=(2, 18_000), what="prepared record")
    _off = _long.copy()
    _off[:, :12_600] = _off[:, 12_600:12_601]  # flat for 35 s: seven of the twelve pieces
    _back = exam.numbers(prepare(_off, 360.0), shape=(2, 18_000), what="prepared record")
    for _k in range(2):
        _factor = probe.scale_of(_first_s[_k, 500:2000], _calm[_k, 500:2000])
        exam.expect(0.15 <= _factor <= 0.4, got=f"beats {_factor:.2f} times as high when the ECG is 4 times as high from 24 s on", expected="about 0.25",
                    cause="the scale is taken from less than the first 60 s, or not by a median over its 5 s pieces")
        _factor = probe.scale_of(_back[_k, 6000:17_000], _calm[_k, 6000:17_000])
        exam.expect(0.7 <= _factor <= 1.4, got=f"beats {_factor:.3g} times as high when the lead was flat for the first 35 s", expected="about 1",
                    cause="flat pieces are counted: they are no ECG, and with many of them the median is that of nothing")
    _burst = _x.copy()
    _burst[:, 7500:8500] += 5 * _rng.standard_normal((2, 1000))
    _after = exam.numbers(prepare(_burst, 360.0), shape=(2, 9000), what="prepared record")
    for _k in range(2):  # one piece of twelve is spoiled: the median moves by a few per cent, a mean or a maximum by far more
        _factor = probe.scale_of(_after[_k, 3000:5500], _still[_k, 3000:5500])
        exam.expect(0.8 <= _factor <= 1.2, got=f"beats {_factor:.2f} times as high after a burst of 3 s elsewhere", expected="about 1",
                    cause="divided by a maximum or by a standard deviation over everything: one burst makes all beats small")
with task.check("one filter over the whole record, without seams", 1,
                cause="the record is cut first and filtered piece by piece: each piece gets edges of its own"):
    _wander = _x + 2.0 * np.sin(2 * np.pi * 0.15 * _time)
    _whole = exam.numbers(prepare(_wander, 360.0), shape=(2, 9000), what="prepared record")
    _later = exam.numbers(prepare(_wander[:, 828:], 360.0), shape=(2, 8770), what="prepared record that starts 2.3 s later")
    for _k in range(2):
        _a, _b = _whole[_k, 1230:5230], _later[_k, 1000:5000]
        _error = np.abs(_b - probe.scale_of(_b, _a) * _a)
        exam.expect(np.quantile(_error, 0.99) < 0.15, got=f"differences up to {np.quantile(_error, 0.99):.2f} standard deviations",
                    expected="the same signal when the record starts 2.3 s later",
                    cause="the record is cut first and filtered piece by piece: each piece gets edges of its own")
with task.check("gaps are bridged", 1, cause="NaN goes into the filter, or gaps are filled with zeros, which are steps"):
    _gap = _x + 5.0
    _gap[0, 11_000:12_200] = np.nan
    _gap[1, :700] = np.nan
    _made = exam.numbers(prepare(_gap, 360.0), shape=(2, 9000), what="prepared record with a gap")
    _left, _right, _begin = slice(2600, 3000), slice(3450, 3850), slice(300, 700)  # 0.5 and 1 s away from the gap, 4 s long
    for _k, _part in ((0, _left), (0, _right), (1, _begin)):
        exam.alike(_made[_k, _part], exam.given(_still)[_k, _part], at_least=0.97, what="a record beside its gap",
                   cause="gaps filled with zeros, which are steps of 5 mV here: bridge them by a straight line")
with task.check("a flat lead, and one without any sample, come out as zeros", 1, cause="divided by a standard deviation of zero"):
    _dead = _x[:, :14_400].copy()
    _dead[1] = 2.5
    _made = exam.numbers(prepare(_dead, 360.0), shape=(2, 4000), what="prepared record with a flat lead")
    exam.same(_made[1], np.zeros(4000), what="a flat lead", atol=1e-3, cause="rounding errors divided by themselves: do not count flat pieces")
    _dead[0] = np.nan
    exam.same(prepare(_dead, 360.0), np.zeros((2, 4000)), what="a lead without samples beside a flat one", atol=1e-3)
task.points()

# %% [markdown]
# ## Task 3: windows with a label (12 points)
#
# Write `cut_windows(x, rhythms, fs, purity)`.
#
# - `x`: (leads, samples) at **100 Hz**, as `prepare` gives it. `rhythms`: list of `(start, stop, label)` in samples **at `fs`** Hz, the rate of the record
#   as it was read, such as 360. `purity`: a share such as 0.9.
# - The record is cut into windows of 5 s, one after the other from its first sample; what is left over at the end is dropped.
# - A window gets label **0** when at least `purity` of its time lies in rhythm `"(N"`, **1** when at least `purity` lies in
#   `"(AFIB"`. All other windows are dropped: other rhythms, mixtures, and time that no annotation covers. Pieces of one rhythm add up.
# - Returns a dict: `"windows"` (n, leads, 500), `"labels"` (n,), `"start_s"` (n,) where each window starts in the record, in seconds. With no window left, n is
#   0 and the shapes stay.
#
# <details><summary>Hint 1: the idea</summary>Compare in seconds: window k lasts from 5 k to 5 k + 5, a rhythm from start / fs to stop / fs.
# How many seconds do they share?</details>
# <details><summary>Hint 2: what to use</summary>Two stretches share <code>max(0, min(ends) - max(starts))</code>. Sum over the
# rhythms with the same label.</details>
# <details><summary>Hint 3: almost the code</summary>For each k and each <code>label, code in (("(N", 0), ("(AFIB", 1))</code>:
# <code>shared = sum(max(0, min(b / fs, 5 * k + 5) - max(a / fs, 5 * k)) for a, b, name in rhythms if name == label)</code>; keep the
# window if <code>shared / 5 &gt;= purity</code>.</details>

# %% role="answer" task="windows"
def cut_windows(x, rhythms, fs, purity):
    """Labelled 5 s windows of a prepared record: dict of windows (n, leads, 500), labels (n,), start_s (n,)."""
    ### BEGIN SOLUTION
    kept, labels = [], []
    for k in range(x.shape[1] // 500):
        for name, code in (("(N", 0), ("(AFIB", 1)):
            parts = [(start / fs, stop / fs) for start, stop, label in rhythms if label == name]
            shared = sum(max(0.0, min(stop, 5 * k + 5) - max(start, 5 * k)) for start, stop in parts)
            if shared / 5 >= purity:
                kept.append(k)
                labels.append(code)
    pieces = [x[:, 500 * k : 500 * k + 500] for k in kept]
    return {
        "windows": np.stack(pieces) if pieces else np.zeros((0, len(x), 500), np.float32),
        "labels": np.array(labels, int),
        "start_s": 5.0 * np.array(kept, float),
    }
    ### END SOLUTION


# %% role="test" task="windows" points=12
# asks: cut_windows
task = exam.task("windows", points=12)
_rng = np.random.default_rng(SEED + 21)
_x = _rng.standard_normal((2, 12_340)).astype(np.float32)  # 123.4 s: 24 windows and a rest


def _rhythms(_fs, *_seconds):
    """(start, stop, label) in samples from (start in s, label); each lasts until the next one."""
    _stops = [_start for _start, _ in _seconds[1:]] + [123.4]
    return [(round(_a * _fs), round(_b * _fs), _label) for (_a, _label), _b in zip(_seconds, _stops, strict=True)]


_clear = ((0, "(N"), (20, "(AFIB"), (45, "(N"), (60, "(AFIB"), (115, "(N"))  # all changes lie between two windows
with task.check("windows of 5 s, in order, and where they start", 2, cause="windows overlap, are shifted, or the rest at the end was filled up"):
    _cut = cut_windows(_x, _rhythms(100.0, (0, "(N")), 100.0, 0.9)
    _made = exam.numbers(probe.entry(_cut, "windows"), shape=(24, 2, 500), what="windows of 123.4 s")
    exam.same(_made, _x[:, :12_000].reshape(2, 24, 500).transpose(1, 0, 2), what="windows",
              cause="samples of one window must follow each other, lead by lead: reshape alone mixes leads")
    for _made in (_cut, cut_windows(_x, _rhythms(250.0, (0, "(VT"), (20, "(N"), (60, "(VT"), (100, "(N")), 250.0, 0.9)):
        _kept = probe.kept_windows(_made, _x)
        exam.same(probe.entry(_made, "start_s"), 5.0 * _kept, what="start_s (seconds from the start of the record, of the windows that you keep)",
                  cause="samples instead of seconds, or the windows counted that were kept instead of those of the record")
with task.check("labels by rhythm", 3, cause="labels moved by one annotation, or 0 and 1 exchanged"):
    for _seconds in (_clear, ((0, "(AFIB"), (10, "(N"), (30, "(AFIB"), (35, "(N"))):
        _kept, _labels = probe.labelled(12_340, 100.0, _rhythms(100.0, *_seconds), purity=0.9)
        _cut = cut_windows(_x, _rhythms(100.0, *_seconds), 100.0, 0.9)
        probe.same_windows(probe.kept_windows(_cut, _x), _kept, what="all of the record is normal rhythm or AF, and each comes twice or more",
                           cause="windows lost: each stretch of a rhythm counts, not only its last one")
        exam.same(probe.entry(_cut, "labels"), _labels, what="labels",
                  cause="labels moved by one annotation (a rhythm lasts from its own start to its stop), or 0 and 1 exchanged")
with task.check("rhythm samples count at fs, windows at 100 Hz", 2, cause="samples of 360 Hz used as positions at 100 Hz"):
    for _fs in (360.0, 250.0):
        _kept, _labels = probe.labelled(round(123.4 * _fs), _fs, _rhythms(_fs, *_clear), purity=0.9)
        _cut = cut_windows(_x, _rhythms(_fs, *_clear), _fs, 0.9)
        probe.same_windows(probe.kept_windows(_cut, _x), _kept, what=f"a record at {_fs:g} Hz",
                           cause="samples at fs must be turned into seconds before they are compared with windows at 100 Hz: samples of 360 Hz are used as positions at 100 Hz")
        exam.same(probe.entry(_cut, "labels"), _labels, what=f"labels of a record at {_fs:g} Hz",
                  cause="samples at fs must be turned into seconds before they are compared with windows at 100 Hz")
with task.check("purity: a window needs that share of one rhythm", 2,
                cause="the label of the window's first or middle sample is used, or pieces of one rhythm do not add up"):
    # of windows 1, 3 and 5 the first rhythm has 88, 92 and 70 per cent; windows 8 and 9 are interrupted for 0.3 s
    _mixed = _rhythms(100.0, (0, "(N"), (9.4, "(AFIB"), (19.6, "(N"), (28.5, "(AFIB"), (42, "(VT"), (42.3, "(AFIB"), (47, "(N"), (47.3, "(AFIB"))
    for _purity in (0.9, 0.75, 0.6, 1.0):
        _kept, _labels = probe.labelled(12_340, 100.0, _mixed, purity=_purity)
        _cut = cut_windows(_x, _mixed, 100.0, _purity)
        probe.same_windows(probe.kept_windows(_cut, _x), _kept, what=f"purity {_purity:g}",
                           lost="> where >= is asked: a window that is pure reaches purity 1" if _purity == 1 else "",
                           cause="the label of the window's first or middle sample is used, or pieces of one rhythm do not add up")
        exam.same(probe.entry(_cut, "labels"), _labels, what=f"labels at purity {_purity:g}")
with task.check("no annotation, no label", 1, cause="time before the first rhythm annotation taken for normal"):
    _kept, _labels = probe.labelled(12_340, 100.0, _rhythms(100.0, (15, "(N"), (40, "(AFIB")), purity=0.9)
    _cut = cut_windows(_x, _rhythms(100.0, (15, "(N"), (40, "(AFIB")), 100.0, 0.9)
    probe.same_windows(probe.kept_windows(_cut, _x), _kept, what="the first annotation comes at 15 s", lost="windows lost that lie in a rhythm",
                       cause="time before the first rhythm annotation taken for normal")
with task.check("other rhythms are neither normal nor AF", 1, cause="everything that is not AF called normal"):
    _others = _rhythms(100.0, (0, "(N"), (20, "(AFL"), (40, "(AFIB"), (60, "(VT"), (80, "(P"), (100, "(N"))
    _kept, _labels = probe.labelled(12_340, 100.0, _others, purity=0.9)
    _cut = cut_windows(_x, _others, 100.0, 0.9)
    probe.same_windows(probe.kept_windows(_cut, _x), _kept, what="flutter, VT and pacing between normal rhythm and AF",
                       lost="windows lost: each stretch of a rhythm counts, not only its last one",
                       cause="everything that is not AF called normal, or flutter (AFL) called AF")
    exam.same(probe.entry(_cut, "labels"), _labels, what="labels")
with task.check("nothing left, and one lead", 1, cause="np.stack of an empty list: return np.zeros((0, leads, 500))"):
    for _leads, _rows in ((2, [(0, 440, "(N")]), (1, []), (1, [(500, 900, "(AFIB")])):
        _cut = cut_windows(_x[:_leads], _rows, 100.0, 0.9)
        exam.numbers(probe.entry(_cut, "windows"), shape=(0, _leads, 500), what="windows of a record without any label")
        exam.numbers(probe.entry(_cut, "labels"), shape=(0,), what="labels")
task.points()

# %% [markdown]
# ## Task 4: folds of patients (12 points)
#
# Write `patient_folds(labels, patients, k, seed)`.
#
# - `labels`: (n,) of 0 and 1, one per window; `patients`: n whole numbers or n texts (`"7"` and `"07"` are two people), in any order; `k`: number
#   of folds, at least 3.
# - Returns a list of k dicts with three arrays of positions, `"train"`, `"val"` and `"test"`:
#   - each window is in the test part of **exactly one** fold, and in exactly one of the three parts of every fold;
#   - **all windows of a patient are in the same part**;
#   - patients are dealt out evenly: the test parts of two folds differ by at most one in the number of their patients, and by at most one in the number of
#     **patients who have AF** (at least one window with label 1). The same holds for the validation parts. So every part has windows of both
#     classes, though some patients have only one.
# - The same `seed` gives the same folds, another one other folds. A `ValueError` where fewer than k patients have AF, or fewer than k have none.
#
# <details><summary>Hint 1: the idea</summary>Deal out patients like cards, one to each of k players in turn: first those with AF, then, going on
# where you stopped, the others. Player i is the test part of fold i, the next player its validation part.</details>
# <details><summary>Hint 2: what to use</summary><code>np.unique(patients)</code>, <code>rng = np.random.default_rng(seed)</code>,
# <code>rng.permutation</code>, the remainder <code>i % k</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>order = [*rng.permutation(with_af), *rng.permutation(without)]</code>;
# <code>hand = {who: i % k for i, who in enumerate(order)}</code>; <code>number = np.array([hand[who] for who in patients])</code>; fold i:
# <code>test = np.flatnonzero(number == i)</code>, <code>val</code> where it is <code>(i + 1) % k</code>, <code>train</code> the
# rest.</details>

# %% role="answer" task="split"
def patient_folds(labels, patients, k, seed):
    """List of k dicts of positions, "train", "val", "test"; no patient is in two of them."""
    ### BEGIN SOLUTION
    labels, patients = np.asarray(labels), np.asarray(patients)
    rng = np.random.default_rng(seed)
    with_af = np.unique(patients[labels == 1])
    without = np.setdiff1d(np.unique(patients), with_af)
    if min(len(with_af), len(without)) < k:
        raise ValueError(f"got {len(with_af)} patients with AF and {len(without)} without, expected at least {k} of each")
    order = [*rng.permutation(with_af), *rng.permutation(without)]
    hand = {who: i % k for i, who in enumerate(order)}
    number = np.array([hand[who] for who in patients])
    folds = []
    for i in range(k):
        test, val = number == i, number == (i + 1) % k
        folds.append({"train": np.flatnonzero(~test & ~val), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
    return folds
    ### END SOLUTION


# %% role="test" task="split" points=12
# asks: patient_folds
task = exam.task("split", points=12)
_cases = []  # labels, patients, k
for _seed, _mixed, _normal, _af, _k, _names in ((31, 6, 11, 4, 4, "numbers"), (32, 3, 9, 2, 3, "numbers"), (33, 0, 13, 7, 5, "numbers"),
                                                (34, 7, 8, 0, 5, "texts"), (35, 4, 14, 6, 4, "texts")):
    _cases.append((*probe.patients(_mixed, _normal, _af, seed=SEED + _seed, names=_names), _k))
_rng = np.random.default_rng(SEED + 37)
_numbered = [_cases[_k] for _k in _rng.permutation(3)]


def _folds(_case, _seed, _alone=False):
    """The folds that a call returns, once they are a split of windows and, unless `_alone`, of patients."""
    _y, _who, _k = _case
    _given = list(_who) if isinstance(_who, list) else _who.copy()
    return probe.folds_of(patient_folds(_y.copy(), _given, _k, int(_seed)), n=len(_y), k=_k, who=None if _alone else _who)


_sound = _grouped = None  # of what is no split, or none of patients, other properties would mean nothing
with task.check("every window is tested once, and is in one part of every fold", 2, cause="windows left out, drawn twice, or in two parts at once"):
    for _case in _numbered:
        _folds(_case, _rng.integers(100), _alone=True)
    _sound = True
with task.check("a patient's windows stay together", 3, cause="windows are dealt out instead of patients: each patient is then known before the test"):
    exam.given(_sound)
    for _case in _numbered:
        for _seed in _rng.integers(100, size=2):
            _folds(_case, _seed)
    _grouped = True
with task.check("patients named by texts", 1, cause="texts turned into numbers, where 7 and 07 become one, or compared as a list with =="):
    exam.given(_grouped)
    for _y, _who, _k in _cases[3:]:
        _apart = 0
        for _seed in _rng.integers(100, size=3):
            _home = {_w: _number for _number, _fold in enumerate(_folds((_y, _who, _k), _seed)) for _w in np.array(_who)[_fold["test"]]}
            _apart += sum(_number != _home["0" + _w] for _w, _number in _home.items() if "0" + _w in _home)
        exam.expect(_apart > 0, got="patients such as '7' and '07' always in the same part", expected="two people, who are dealt out separately",
                    cause="texts turned into numbers, where 7 and 07 become one")
with task.check("patients with AF are dealt out evenly", 2, cause="the split does not look at the labels: some test parts get most of the AF"):
    exam.given(_grouped)
    for _case in _numbered:
        _y, _who, _ = _case
        for _seed in _rng.integers(100, size=3):
            for _name in ("test", "val"):
                _counts = [len(np.unique(_who[_fold[_name]][_y[_fold[_name]] == 1])) for _fold in _folds(_case, _seed)]
                exam.expect(max(_counts) - min(_counts) <= 1, got=f"{_counts} patients with AF in the {_name} parts",
                            expected="numbers that differ by at most one",
                            cause="the split does not look at the labels, or at shares of windows instead of patients (as StratifiedGroupKFold does)")
with task.check("both classes in every part, though some patients have only one", 1, cause="the split does not look at the labels"):
    exam.given(_grouped)
    for _case in _numbered:
        _y = _case[0]
        for _seed in _rng.integers(100, size=4):
            for _fold in _folds(_case, _seed):
                for _name, _index in _fold.items():
                    exam.expect(0 < np.sum(_y[_index]) < len(_index), got=f"one class only in a {_name} part", expected="both classes",
                                cause="the split does not look at the labels: patients with AF must be dealt out evenly")
with task.check("about as many patients in each part", 1, cause="parts of equal numbers of windows, or all that is left over in one part"):
    exam.given(_grouped)
    for _case in _numbered:
        _who, _made = _case[1], _folds(_case, _rng.integers(100))
        for _name in ("test", "val"):
            _counts = [len(np.unique(_who[_fold[_name]])) for _fold in _made]
            exam.expect(max(_counts) - min(_counts) <= 1, got=f"{_counts} patients in the {_name} parts", expected="numbers that differ by at most one",
                        cause="parts of equal numbers of windows (as StratifiedGroupKFold makes), or dealing starts again with the first part for those without AF")
with task.check("the seed decides, and nothing else", 1, cause="the global random generator is used instead of `seed`, or no chance at all"):
    exam.given(_grouped)
    _seeds = [int(_seed) for _seed in _rng.choice(100, 4, replace=False)]
    _first = {_seed: np.sort(_folds(_numbered[0], _seed)[0]["test"]).tolist() for _seed in _seeds}
    for _seed in _rng.permutation(_seeds[:2]):
        exam.expect(np.sort(_folds(_numbered[0], _seed)[0]["test"]).tolist() == _first[_seed], got="two different results",
                    expected="the same folds for the same seed", cause="the global random generator is used instead of `seed`")
    exam.expect(any(_first[_seed] != _first[_seeds[0]] for _seed in _seeds), got="the same folds for other seeds", expected="other folds",
                cause="`seed` is not used")
with task.check("too few patients of a kind", 1, cause="no test of the numbers of patients: count patients, not windows"):
    _y, _who, _k = _numbered[0]
    exam.expect(not probe.refuses(patient_folds, _y, _who, _k, 0), got="a ValueError for enough patients", expected="folds")
    for _mixed, _normal, _af in ((1, 9, 1), (4, 2, 3)):
        _y, _who = probe.patients(_mixed, _normal, _af, seed=SEED + 36)
        exam.expect(probe.refuses(patient_folds, _y, _who, 3, 0), got="a result", expected="a ValueError",
                    cause="no test of the numbers of patients: count patients, not windows")
task.points()

# %% [markdown]
# Tasks 1 to 3 together: one record of the class, from its files to windows, by your own functions. (The class's windows below are scaled by the whole
# record, as in the lesson, so these are a little higher or lower.)

# %% role="free"
files_at = data.records_folder("mitdb", source="simulated")
name = str(cohort.columns["record"][np.flatnonzero(cohort.labels == 1)[-1]])
one = read_record(files_at, name)
cut = cut_windows(prepare(one["signals"], one["fs"]), one["rhythms"], one["fs"], 0.9)
mine = cohort.labels[cohort.columns["record"] == name]
print(f"record {name} of {one['subject']} (SIMULATED), leads {', '.join(one['leads'])}, {one['signals'].shape[1] / one['fs'] / 60:.1f} minutes")
print(f"your windows: {len(cut['labels'])}, {int(np.sum(cut['labels']))} of them AF; the class's cohort has {len(mine)}, {mine.sum()} of them AF")

# %% [markdown]
# ## Task 5: a rare class (8 points)
#
# - `class_weights(labels)`: `labels` (n,) of 0 and 1. Returns an array (2,), the weight of class 0 and that of class 1: inversely proportional to how often the class
#   occurs, and such that the **mean weight of the n windows is 1**. A `ValueError` where a class does not occur.
# - `focal_loss(logits, labels, weights, gamma)`: `logits` (n,), `labels` (n,), `weights` (2,). Returns one number, the mean over the n windows of
#   `weights[label] * (1 - p) ** gamma * (-log(p))`, where `p` is the probability that the network gives to the **right** class. With `gamma` 0 and weights
#   of 1 it is binary cross-entropy. It must stay finite and right for logits of 1,000 and -1,000.
#
# <details><summary>Hint 1: the idea</summary>If AF is a tenth of the windows, "never AF" costs little. Weights make both classes cost the same in sum;
# the factor with gamma turns the loss away from windows that are easy.</details>
# <details><summary>Hint 2: what to use</summary><code>np.bincount(labels, minlength=2)</code>. <code>-log(p)</code> of the right class is
# <code>np.logaddexp(0, -z)</code> with <code>z</code> the logit for label 1 and minus the logit for label 0.</details>
# <details><summary>Hint 3: almost the code</summary><code>n / (2 * counts)</code>. Then <code>z = np.where(labels == 1, logits, -logits)</code>,
# <code>loss = np.logaddexp(0, -z)</code>, <code>p = np.exp(-loss)</code>, and the mean of
# <code>weights[labels] * (1 - p) ** gamma * loss</code>.</details>

# %% role="answer" task="weights"
def class_weights(labels):
    """(2,) weights of class 0 and 1, inversely proportional to how often they occur."""
    ### BEGIN SOLUTION
    counts = np.bincount(np.asarray(labels).astype(int), minlength=2)
    if counts.min() == 0:
        raise ValueError(f"got {counts[0]} windows of class 0 and {counts[1]} of class 1, expected some of both")
    return counts.sum() / (2 * counts)
    ### END SOLUTION


def focal_loss(logits, labels, weights, gamma):
    """Mean weighted focal loss, a number."""
    ### BEGIN SOLUTION
    logits, labels = np.asarray(logits, float), np.asarray(labels).astype(int)
    loss = np.logaddexp(0, -np.where(labels == 1, logits, -logits))
    return float(np.mean(np.asarray(weights)[labels] * (1 - np.exp(-loss)) ** gamma * loss))
    ### END SOLUTION


# %% role="test" task="weights" points=8
# asks: class_weights, focal_loss
task = exam.task("weights", points=8)
_rng = np.random.default_rng(SEED + 41)
_lists = [(_rng.random(_n) < _share).astype(int) for _n, _share in ((400, 0.1), (333, 0.7), (50, 0.5))]
with task.check("the rarer class weighs more", 2, cause="weights inverted: the weight grows with how often the class occurs"):
    for _y in _lists[:2]:
        _w = exam.numbers(class_weights(_y), shape=(2,), what="class_weights")
        _true = np.mean(_y == 0) / np.mean(_y == 1)
        exam.same(_w[1] / _w[0], _true, what=f"weight of AF over weight of normal, {100 * _y.mean():.0f} % AF",
                  cause="weights inverted, or given in the order AF, normal" if _w[1] * _w[0] > 0 and np.isclose(_w[0] / _w[1], _true) else
                  "inversely proportional to how often a class occurs: n / (2 * counts)")
with task.check("the mean weight of the windows is 1", 1, cause="1 / counts or 1 / shares: the loss, and with it the step size, changes its size"):
    for _y in _lists:
        exam.same(np.mean(exam.numbers(class_weights(_y), shape=(2,), what="class_weights")[_y]), 1.0, what="mean weight of the windows")
with task.check("a class that does not occur", 1, cause="a division by zero instead of a ValueError"):
    for _y in (np.zeros(9, int), np.ones(9, int)):
        exam.expect(probe.refuses(class_weights, _y), got="a result", expected="a ValueError")
_y, _z = _lists[0], 3 * _rng.standard_normal(400)
_one, _w = np.ones(2), np.array([0.4, 2.5])
with task.check("gamma 0, weights 1: binary cross-entropy", 1, cause="a sum instead of a mean, a sign, or another logarithm"):
    exam.same(focal_loss(_z, _y, _one, 0.0), probe.focal(_z, _y, _one, 0.0), what="focal_loss with gamma 0 and weights 1")
with task.check("weights and gamma", 2, cause="weights of the wrong class, or p of class 1 instead of the right class in (1 - p) ** gamma"):
    exam.same(focal_loss(_z, _y, _w, 0.0), probe.focal(_z, _y, _w, 0.0), what="focal_loss with gamma 0 and weights 0.4 and 2.5",
              cause="weights[0] belongs to label 0; the mean is over the windows, not over the weights")
    for _gamma in (1.0, 2.0):
        exam.same(focal_loss(_z, _y, _w, _gamma), probe.focal(_z, _y, _w, _gamma), what=f"focal_loss with gamma {_gamma:g}",
                  cause="p is the probability of the right class: for label 0 that is 1 minus the sigmoid")
with task.check("very large logits", 1, cause="exp overflows, or log(0): use np.logaddexp"):
    _extreme, _right = np.array([1000.0, -1000.0, 1000.0, -1000.0]), np.array([1, 0, 0, 1])
    exam.same(focal_loss(_extreme, _right, _one, 2.0), 500.0, what="focal_loss of logits of 1,000, two of them wrong")
task.points()

# %% [markdown]
# ## Task 6: train (12 points)
#
# Write `train_and_predict(windows, labels, fold, seed)`: one experiment with one fold.
#
# - `windows`: float32 (n, 2, 500) at 100 Hz, scaled; `labels`: (n,); `fold`: a dict with `"train"`, `"val"`, `"test"`, as in task 4; `seed`: of
#   weights and batches.
# - It trains a network on the **training** windows: three or four blocks (convolution, batch normalisation, ReLU, pooling), global average pooling, one logit;
#   with class weights or a focal loss. Another architecture is welcome if it passes the checks.
# - Returns a dict: `"probability"` (n,), of AF, for **all** n windows in their order, in evaluation mode; `"threshold"`: the probability from which on you
#   say AF, with the highest **F1 on the validation** windows.
# - The **test** windows and labels play no part in any of this but their own probabilities. The same `seed` gives the same result.
#
# `STEPS` batches of 32 windows are enough. The test cell runs the experiment three times on 384 windows, with labels of the test windows that are not true.
#
# <details><summary>Hint 1: the idea</summary>The loop of assignment 03, with weights in the loss. Threshold: try all probabilities of the
# validation windows, keep the one with the highest F1.</details>
# <details><summary>Hint 2: what to use</summary><code>nn.functional.binary_cross_entropy_with_logits(z, y, weight=w[y])</code>;
# <code>torch.optim.AdamW</code>, <code>torch.optim.lr_scheduler.OneCycleLR</code>; <code>h.mean(dim=-1)</code> is global average
# pooling; <code>net.eval()</code> before predicting.</details>
# <details><summary>Hint 3: almost the code</summary>In <code>__init__</code>: <code>self.blocks = nn.Sequential(block(2, 16, stride=2), block(16, 32),
# block(32, 32), block(32, 64))</code>, <code>self.out = nn.Linear(64, 1)</code>; in <code>forward</code>:
# <code>self.out(self.blocks(x).mean(dim=-1))[:, 0]</code>. F1 = 2 TP / (2 TP + FP + FN).</details>

# %% role="answer" task="train"
# your network, training loop, and helpers if you like:
### BEGIN SOLUTION
def block(n_in, n_out, stride=1):
    """Convolution, batch normalisation, ReLU, pooling by two."""
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, 7, stride=stride, padding=3, bias=False), nn.BatchNorm1d(n_out), nn.ReLU(), nn.MaxPool1d(2)
    )


class RhythmNet(nn.Module):
    """Four blocks, the mean over time, one logit."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(block(2, 16, stride=2), block(16, 32), block(32, 32), block(32, 64))
        self.dropout = nn.Dropout(0.3)
        self.out = nn.Linear(64, 1)

    def forward(self, x):
        return self.out(self.dropout(self.blocks(x).mean(dim=-1)))[:, 0]


def fit(windows, labels, seed):
    """A network trained for STEPS batches of 32 windows, in evaluation mode."""
    torch.manual_seed(seed)
    net = RhythmNet()
    shuffle = torch.Generator().manual_seed(seed)
    x, y = torch.as_tensor(np.array(windows)), torch.as_tensor(np.array(labels))
    counts = torch.bincount(y, minlength=2)
    weight = (len(y) / (2 * counts.clamp(min=1)))[y].float()
    optimiser = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=5e-3, total_steps=STEPS)
    net.train()
    done = 0
    while done < STEPS:
        for b in torch.randperm(len(x), generator=shuffle).split(32)[: STEPS - done]:
            loss = nn.functional.binary_cross_entropy_with_logits(net(x[b]), y[b].float(), weight=weight[b])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            done += 1
    return net.eval()


def probability_of(net, windows):
    """Probabilities of AF (n,), 256 windows at a time."""
    net.eval()
    with torch.no_grad():
        parts = [torch.as_tensor(np.array(windows[k : k + 256], np.float32)) for k in range(0, len(windows), 256)]
        return torch.cat([torch.sigmoid(net(x)) for x in parts]).numpy().astype(float)


def f1_threshold(labels, probability):
    """The threshold with the highest F1; of several that are as good, the middle one."""
    labels, candidates = np.asarray(labels), np.unique(probability)
    f1 = []
    for candidate in candidates:
        said = probability >= candidate
        f1.append(2 * np.sum(said & (labels == 1)) / (said.sum() + np.sum(labels == 1)))
    best = candidates[np.array(f1) >= max(f1) - 1e-9]
    return float(best[len(best) // 2])
### END SOLUTION


def train_and_predict(windows, labels, fold, seed):
    """One experiment: dict of probability (n,) for all windows and threshold."""
    ### BEGIN SOLUTION
    net = fit(windows[fold["train"]], labels[fold["train"]], seed)
    probability = probability_of(net, windows)
    return {"probability": probability, "threshold": f1_threshold(labels[fold["val"]], probability[fold["val"]])}
    ### END SOLUTION


# %% role="test" task="train" points=12
# asks: train_and_predict
task = exam.task("train", points=12)
_rng = np.random.default_rng(SEED + 50)
_exchanged = bool(_rng.integers(2))  # which kind of window is called 1 has to be learned from the training labels
_x, _y, _who = probe.easy_windows(24, 16, seed=SEED + 51, share=2 / 3 if _exchanged else 1 / 3)
_y = 1 - _y if _exchanged else _y
_fold = {"train": np.flatnonzero(_who < 114), "val": np.flatnonzero((_who >= 114) & (_who < 119)), "test": np.flatnonzero(_who >= 119)}
_kept = np.concatenate([_fold["train"], _fold["val"]])
_yv = _y.copy()
_yv[_fold["val"][::2]] = 1  # every second validation window is called AF: the highest F1 is then at a low threshold
_yv[_fold["test"]] = _rng.integers(2, size=len(_fold["test"]))  # no label of a test window is true, so none can help
_first = _able = None
with task.check("probabilities of all windows, and a threshold", 2,
                cause="the network must give one logit per window, (n,): [:, 0] takes the last axis away"):
    _result = train_and_predict(_x.copy(), _yv.copy(), _fold, 3)
    _p = exam.numbers(probe.entry(_result, "probability"), shape=(len(_x),), what="probability")
    _t = float(exam.numbers(probe.entry(_result, "threshold"), shape=(), what="threshold"))
    _first = {"probability": _p, "threshold": _t}
    exam.expect(_p.min() >= 0 and _p.max() <= 1, got=f"values from {_p.min():.3g} to {_p.max():.3g}",
                expected="probabilities between 0 and 1", cause="logits were returned: apply a sigmoid")
    exam.expect(0 <= _t <= 1.01, got=f"threshold {_t:.3g}", expected="a probability between 0 and 1")
with task.check("it learns", 2, cause="gradients not zeroed, a learning rate far off, a sigmoid before a loss that takes logits, or too few steps"):
    # the two kinds of windows are plain to tell apart: the reference gives an AUC of 1.00 for patients it has not met
    _auc = probe.auc(_y[_fold["test"]], exam.given(_first)["probability"][_fold["test"]])
    _able = _first if _auc >= 0.75 else None  # of a network that learned nothing the rest would hold as well
    exam.expect(_auc >= 0.9, got=f"an AUC of {_auc:.3f} on the test windows", expected="at least 0.9",
                cause="gradients not zeroed, a learning rate far off, a sigmoid before a loss that takes logits, or too few steps")
with task.check("the threshold has the highest F1 on the validation windows", 2, cause="0.5, the highest accuracy, or another part than validation"):
    _pv, _t = exam.given(_able)["probability"][_fold["val"]], _able["threshold"]
    _reached, _best = probe.f1_of(_yv[_fold["val"]], _pv >= _t), probe.best_f1(_yv[_fold["val"]], _pv)
    exam.expect(_reached >= _best - 0.01, got=f"F1 {_reached:.3f} with your threshold on the validation windows", expected=f"{_best:.3f}, the highest",
                cause="0.5, the highest accuracy, or another part than validation")
with task.check("the same seed gives the same result", 2, cause="weights or batches are drawn without `seed`"):
    exam.given(_able)
    _again = train_and_predict(_x.copy(), _yv.copy(), _fold, 3)
    exam.same(probe.entry(_again, "probability"), _able["probability"], what="probability, the same seed twice", atol=0.02,
              cause="weights or batches are drawn without `seed`")
with task.check("the test windows play no part", 4, cause="trained on test windows, or normalised over all windows, or net.eval() is missing"):
    exam.given(_able)
    _x2, _y2 = _x.copy(), _yv.copy()
    _x2[_fold["test"]] = 1000 * np.random.default_rng(SEED + 52).standard_normal((2, 500))  # a scale over all windows would be ruled by them
    _y2[_fold["test"]] = 1 - _y2[_fold["test"]]
    _changed = train_and_predict(_x2, _y2, _fold, 3)
    exam.same(exam.numbers(probe.entry(_changed, "probability"), shape=(len(_x),), what="probability")[_kept], _able["probability"][_kept], atol=0.02,
              what="probability of a training or validation window after only test windows were exchanged",
              cause="trained on test windows, normalised over all windows, or net.eval() is missing")
    exam.same(probe.entry(_changed, "threshold"), _able["threshold"], what="threshold after only test labels were exchanged", atol=1e-3,
              cause="the threshold was chosen on the test windows")
task.points()

# %% [markdown]
# ## Task 7: threshold, and results per patient (10 points)
#
# - `choose_threshold(labels, probability)`: a threshold with the highest F1 of AF on these windows (any of them, where several are as good). AF is said when
#   `probability >= threshold`.
# - `report(labels, called, patients, seed)`: `labels` and `called` (n,) of 0 and 1, `patients` (n,) an array: whole numbers here, texts in `cohort.subjects`; let both go. Returns a dict:
#   - `"patients"`: (m,) the patients who **have AF** (at least one window with label 1), ascending;
#   - `"f1"`, `"sensitivity"` (share of his AF windows that are found), `"ppv"` (share of the alarms that are AF): (m,) each, **computed within each of these
#     patients**. A share of nothing is 0;
#   - `"mean_f1"`: the mean of `"f1"`; `"interval"`: its 95 % interval `(low, high)` by the bootstrap over patients: 1,000 times or more, draw m of the m patients
#     with replacement and take the mean of their F1; the interval lies between the 2.5 and the 97.5 percentile. `seed` decides the draws;
#   - `"false_alarms_per_hour"`: windows of 5 s that are called AF in the patients **without** any AF, per hour of their recordings; 0 where there are no such patients.
#
# One pooled F1 says nothing about any one patient. A patient without AF has no F1, but he can be woken at night: the mean F1 contains none of his alarms, so
# read it together with them.
#
# <details><summary>Hint 1: the idea</summary>Take one patient's windows, compute as if there were no others, go on to the next. The bootstrap draws
# patients, since windows of one patient go right or wrong together.</details>
# <details><summary>Hint 2: what to use</summary><code>np.unique(patients[labels == 1])</code>; <code>rng.choice(f1, (1000, m))</code> draws
# with replacement; <code>np.quantile(means, [0.025, 0.975])</code>.</details>
# <details><summary>Hint 3: almost the code</summary>For each patient <code>of = patients == who</code>; <code>tp = np.sum(called[of] &amp; labels[of])</code>
# and so on; F1 = 2 TP / (2 TP + FP + FN). Hours: number of windows times 5 / 3600.</details>

# %% role="answer" task="report"
def choose_threshold(labels, probability):
    """A threshold with the highest F1 of AF."""
    ### BEGIN SOLUTION
    labels, probability = np.asarray(labels), np.asarray(probability)

    def f1(candidate):
        said = probability >= candidate
        return 2 * np.sum(said & (labels == 1)) / max(1, said.sum() + np.sum(labels == 1))

    return float(max(np.unique(probability), key=f1))
    ### END SOLUTION


def report(labels, called, patients, seed):
    """What was found in each patient with AF, its mean with an interval, and false alarms in those without."""
    ### BEGIN SOLUTION
    labels, called, patients = np.asarray(labels), np.asarray(called), np.asarray(patients)
    with_af = np.unique(patients[labels == 1])
    rows = []
    for who in with_af:
        y, said = labels[patients == who], called[patients == who]
        tp, fp, fn = np.sum((y == 1) & (said == 1)), np.sum((y == 0) & (said == 1)), np.sum((y == 1) & (said == 0))
        rows.append((2 * tp / (2 * tp + fp + fn), tp / (tp + fn), tp / (tp + fp) if tp + fp else 0.0))
    f1, sensitivity, ppv = np.array(rows).T
    means = np.random.default_rng(seed).choice(f1, (4000, len(f1))).mean(axis=1)
    without = ~np.isin(patients, with_af)
    return {
        "patients": with_af,
        "f1": f1,
        "sensitivity": sensitivity,
        "ppv": ppv,
        "mean_f1": float(f1.mean()),
        "interval": tuple(np.quantile(means, [0.025, 0.975])),
        "false_alarms_per_hour": float(called[without].sum() / (without.sum() * 5 / 3600)) if without.any() else 0.0,
    }
    ### END SOLUTION


# %% role="test" task="report" points=10
# asks: choose_threshold, report
task = exam.task("report", points=10)
_rng = np.random.default_rng(SEED + 61)
_y, _who = probe.patients(9, 12, 2, seed=SEED + 62)
_p = np.round(1 / (1 + np.exp(-_rng.normal(1.2 * _y, 1.0))), 2)  # classes overlap everywhere; with ties
_skill = dict(zip(np.unique(_who).tolist(), _rng.uniform(0.1, 0.95, 23), strict=True))  # patients differ
_said = np.where(_rng.random(len(_y)) < np.array([_skill[int(_w)] for _w in _who]), _y, (_rng.random(len(_y)) < 0.3).astype(int))
_silent = np.unique(_who[_y == 1])[0]
_said[_who == _silent] = 0  # in one patient with AF nothing is found
_true = probe.by_patient(_y, _said, _who)
_told = None
with task.check("the threshold with the highest F1", 2, cause="accuracy instead of F1: with a rare class the two have other thresholds"):
    for _share in (1.0, 0.15):
        _some = (_y == 0) | (_rng.random(len(_y)) < _share)
        _t = float(exam.numbers(choose_threshold(_y[_some], _p[_some]), shape=(), what="threshold"))
        _got, _best = probe.f1_of(_y[_some], _p[_some] >= _t), probe.best_f1(_y[_some], _p[_some])
        exam.expect(_got >= _best - 1e-9, got=f"F1 {_got:.4f} with your threshold {_t:.3g}", expected=f"{_best:.4f}, the highest",
                    cause="accuracy instead of F1, > where >= is asked, or some thresholds not tried")
with task.check("the patients who have AF, and no others", 1, cause="all patients, or those in whom AF was called: the labels decide"):
    _told = report(_y.copy(), _said.copy(), _who.copy(), 1)
    exam.same(probe.entry(_told, "patients"), np.unique(_who[_y == 1]), what="patients")
with task.check("F1 of each patient", 2, cause="accuracy instead of F1, or one pooled F1 for all"):
    exam.same(probe.entry(exam.given(_told), "f1"), _true["f1"], what="f1", cause="accuracy instead of F1, or windows of all patients pooled")
    exam.same(probe.entry(_told, "mean_f1"), _true["f1"].mean(), what="mean_f1", cause="F1 of all windows pooled instead of the mean over patients")
with task.check("sensitivity and PPV of each patient", 1, cause="sensitivity and PPV exchanged, or a division by zero where nothing was called"):
    for _name in ("sensitivity", "ppv"):
        exam.same(probe.entry(exam.given(_told), _name), _true[_name], what=_name, cause="sensitivity and PPV exchanged, or a share of nothing that is not 0")
with task.check("an interval that comes from drawing patients", 2, cause="windows are drawn instead of patients, which makes the interval too narrow"):
    # 1,000 draws move each end by about 6 % of the width (measured); drawing windows gives less than half the width
    _low, _high = probe.interval(_true["f1"])
    _got = exam.numbers(probe.entry(exam.given(_told), "interval"), shape=(2,), what="interval")
    exam.same(_got, [_low, _high], what="interval (low, high)", atol=0.15 * (_high - _low),
              cause="windows are drawn instead of patients, or another percentile than 2.5 and 97.5")
with task.check("the seed decides the draws", 1, cause="the global random generator is used instead of `seed`"):
    _ends = [exam.numbers(probe.entry(report(_y.copy(), _said.copy(), _who.copy(), _seed), "interval"), shape=(2,), what="interval") for _seed in (5, 5)]
    exam.same(_ends[0], _ends[1], what="interval, the same seed twice", cause="the global random generator is used instead of `seed`")
with task.check("false alarms per hour, in patients without AF", 1, cause="windows instead of hours (5 s each), or false alarms of patients with AF counted too"):
    _without = ~np.isin(_who, np.unique(_who[_y == 1]))
    exam.same(probe.entry(exam.given(_told), "false_alarms_per_hour"), _said[_without].sum() / (_without.sum() * 5 / 3600), what="false_alarms_per_hour")
    _only = np.isin(_who, np.unique(_who[_y == 1]))
    exam.same(report(_y[_only], _said[_only], _who[_only], 1)["false_alarms_per_hour"], 0.0, what="false_alarms_per_hour without any such patient",
              cause="a division by zero: without such patients, and so without hours, the answer is 0")
task.points()

# %% [markdown]
# ## Task 8: perform (10 points)
#
# Train on the class's cohort and write two functions that use what you trained:
#
# - `predict_af(windows, fs)`: float32 (n, 2, 500) at 100 Hz to probabilities of AF (n,). The same window gets the same answer alone, in a batch, in any order.
# - `classify_af(windows, fs)`: decisions (n,), 0 or 1, by a threshold that comes from **patients that took no part in training**, or from no data at all.
#
# `cohort.signals` are the class's windows (prepared as in the lesson), with `cohort.labels` and `cohort.subjects`. The test cell asks about some 100 patients
# you have never seen: ROC AUC of `predict_af` (6 points) and F1 of `classify_af` (4 points). Points rise along a line. It begins where heart rate, amplitude
# or a guess end. It gives all points to what the mean of five plain four-block networks, one trained per fold, reaches: that was tried with 20 seeds, and the
# least of them lies above. `fs` is 100 here; you may leave it unused. The cell sees how good your decisions are, not where your threshold comes from: task 6
# has examined that, and 0.5, fixed before anything was seen, is an honest threshold too.
#
# To average networks: each gives its probabilities (n,) of the same windows, and `np.mean(list_of_them, axis=0)` is the answer of all.
#
# <details><summary>Hint 1: the idea</summary>Four validation patients say little about a threshold. Train one network per fold of task 4; together
# their validation parts are all patients, each judged by a network that has not met him. Even then only seven patients have AF: F1 hardly changes over a wide range
# of thresholds, and where exactly its maximum lies is chance.</details>
# <details><summary>Hint 2: what to use</summary><code>patient_folds(cohort.labels, cohort.subjects, 5, SEED)</code>, your training
# function for each fold, the mean of the five networks' probabilities for new windows.</details>
# <details><summary>Hint 3: almost the code</summary>For each fold: <code>net = fit(...)</code> on its training windows; <code>held[fold["val"]] =
# probability_of(net, windows of fold["val"])</code>. After the loop
# <code>threshold = choose_threshold(cohort.labels, held)</code>, perhaps moved half of the way back to 0.5, since few patients justify no extreme one.</details>

# %% role="answer" task="perform"
# train on the class's cohort here, once, and choose your threshold:
### BEGIN SOLUTION
folds = patient_folds(cohort.labels, cohort.subjects, 5, SEED)
nets, held = [], np.zeros(len(cohort))
for number, fold in enumerate(folds):
    nets.append(fit(cohort.signals[fold["train"]], cohort.labels[fold["train"]], 10 * SEED + number))
    held[fold["val"]] = probability_of(nets[-1], cohort.signals[fold["val"]])
threshold = 0.5 + (f1_threshold(cohort.labels, held) - 0.5) / 2  # seven patients with AF cannot justify going further than half the way
print(f"threshold {threshold:.2f}, from validation patients of five folds (SIMULATED)")
### END SOLUTION


def predict_af(windows, fs):
    """Probabilities (n,) of AF."""
    ### BEGIN SOLUTION
    return np.mean([probability_of(net, windows) for net in nets], axis=0)
    ### END SOLUTION


def classify_af(windows, fs):
    """Decisions (n,): 1 where AF is said."""
    ### BEGIN SOLUTION
    return (predict_af(windows, fs) >= threshold).astype(int)
    ### END SOLUTION


# %% role="test" task="perform" points=10
# asks: predict_af, classify_af
task = exam.task("perform", points=10)
_unseen = exam.cohort("arrhythmia")
# reference over 20 seeds and hidden cohorts: AUC 0.973 to 0.998, F1 0.758 to 0.946 (with half of the steps at least 0.951 and 0.70). Floors: RR
# irregularity of 5 s reaches 0.84 and 0.58 at its best threshold, amplitude 0.73 and 0.43, heart rate 0.63 and 0.36, a guess 0.5 and 0.32
task.credit("predict_af on patients never seen", lambda: exam.score("roc_auc", _unseen, exam.ask(_unseen, predict_af)),
            floor=0.85, full=0.93, points=6)
task.credit("classify_af on patients never seen", lambda: exam.score("f1", _unseen, exam.ask(_unseen, classify_af)),
            floor=0.55, full=0.68, points=4)
task.points()

# %% [markdown]
# What do tasks 4, 6 and 7 say together? Four folds of patients: each is tested by a network, with a threshold, that know nothing of it. Task 10 asks about these numbers.

# %% role="free"
called = np.zeros(len(cohort), int)
for fold in patient_folds(cohort.labels, cohort.subjects, 4, SEED):
    trained = train_and_predict(np.array(cohort.signals), cohort.labels, fold, SEED)
    called[fold["test"]] = np.asarray(trained["probability"])[fold["test"]] >= trained["threshold"]
result = report(cohort.labels, called, cohort.subjects, SEED)
print(f"mean F1 of {len(result['f1'])} SIMULATED patients with AF: {result['mean_f1']:.2f}, 95 % interval {result['interval'][0]:.2f} to {result['interval'][1]:.2f}; "
      f"false alarms per hour in those without: {result['false_alarms_per_hour']:.0f}")
for who, f1, sensitivity, ppv in sorted(zip(result["patients"], result["f1"], result["sensitivity"], result["ppv"], strict=True), key=lambda row: row[1]):
    print(f"   {who}: F1 {f1:.2f}, sensitivity {sensitivity:.2f}, PPV {ppv:.2f}, {100 * cohort.labels[cohort.subjects == who].mean():.0f} % of the windows AF")

# %% [markdown]
# ## Task 9: measure the leak (6 points)
#
# Write `measure_leak(windows, labels, patients, seed)`: the same training, the same windows, two ways to split them into three folds.
#
# - Once **windows** are dealt out at random, so that a patient has windows in training and in test; once **patients** are. Each window is called once each way, by a
#   network that was not trained on it. Decide with threshold 0.5.
# - Returns a dict: `"fold_random"`, `"fold_patients"`: (n,) number of the fold (0, 1, 2) in which a window was tested; `"called_random"`,
#   `"called_patients"`: (n,) decisions 0 or 1; `"f1_random"`, `"f1_patients"`: F1 over all windows; `"gap"`: the first F1 minus the second.
# - `patients` may be texts. There may be few patients with AF, so validation parts are not asked for here.
#
# The test cell hands over 360 windows made so that **nothing** but the patient decides the label. Of a patient it has met, a network then knows everything; of another one,
# nothing. As in any archive a few windows were filed under a wrong name, with the label of that name: your network will call them by their signal.
#
# <details><summary>Hint 1: the idea</summary>Six trainings: three folds, two ways. Only the line that makes the folds differs.</details>
# <details><summary>Hint 2: what to use</summary><code>StratifiedKFold</code> and <code>StratifiedGroupKFold</code> of
# <code>sklearn.model_selection</code>, both with <code>n_splits=3, shuffle=True, random_state=seed</code>; your own training function.</details>
# <details><summary>Hint 3: almost the code</summary><code>for number, (train, test) in enumerate(maker.split(windows, labels, who))</code>, where <code>who</code>
# is <code>patients</code> for the second way and <code>None</code> for the first:
# <code>fold[test] = number</code>; <code>called[test] = probability_of(fit(windows[train], labels[train], seed), windows[test]) &gt;=
# 0.5</code>.</details>

# %% role="answer" task="leak"
def measure_leak(windows, labels, patients, seed):
    """F1 when windows are split at random and when patients are, folds and decisions of both, and the gap."""
    ### BEGIN SOLUTION
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    found = {}
    for name, maker, who in (("random", StratifiedKFold, None), ("patients", StratifiedGroupKFold, patients)):
        fold, called = np.zeros(len(labels), int), np.zeros(len(labels), int)
        for number, (train, test) in enumerate(maker(3, shuffle=True, random_state=seed).split(windows, labels, who)):
            fold[test] = number
            called[test] = probability_of(fit(windows[train], labels[train], seed), windows[test]) >= 0.5
        hits = np.sum((called == 1) & (labels == 1))
        found |= {f"fold_{name}": fold, f"called_{name}": called, f"f1_{name}": float(2 * hits / (called.sum() + labels.sum()))}
    return found | {"gap": found["f1_random"] - found["f1_patients"]}
    ### END SOLUTION


# %% role="test" task="leak" points=6
# asks: measure_leak
task = exam.task("leak", points=6)
_x, _y, _who = probe.fingerprints(24, 15, seed=SEED + 71)
_source = probe.misfiled(_y, _who, 10, seed=SEED + 72)  # 20 windows have the signal of a patient of the other kind
_names = [f"patient {_w}" for _w in _who]
_told = _seen = None
with task.check("both splits are what they say", 2):
    _told = measure_leak(_x[_source], _y.copy(), _names, 1)
    _fold = {_name: exam.numbers(probe.entry(_told, f"fold_{_name}"), shape=(len(_y),), what=f"fold_{_name}") for _name in ("random", "patients")}
    for _name, _number in _fold.items():
        exam.expect(set(_number.tolist()) == {0.0, 1.0, 2.0}, got=f"fold numbers {sorted(set(_number.tolist()))[:5]} in fold_{_name}", expected="0, 1 and 2")
    _homes = {_name: np.mean([len(set(_number[_who == _w].tolist())) for _w in np.unique(_who)]) for _name, _number in _fold.items()}
    exam.expect(_homes["patients"] == 1, got="windows of one patient in two folds of the split by patient", expected="all in one",
                cause="fold_patients deals out windows, or the two splits are exchanged")
    exam.expect(_homes["random"] > 2.5, got="hardly any patient with windows in all three folds of the random split", expected="nearly all",
                cause="fold_random deals out patients, or runs of windows instead of windows drawn at random")
with task.check("F1 and gap belong to the decisions", 2, cause="accuracy instead of F1, or the mean over folds instead of F1 over all windows"):
    exam.given(_told)
    _said = {_name: probe.decisions(probe.entry(_told, f"called_{_name}"), len(_y), f"called_{_name}") for _name in ("random", "patients")}
    _clear = []
    for _name, _called in _said.items():
        # reference and other networks over 5 seeds: at least 0.9 both ways, and 0.7 where they were trained on the test windows too; a constant
        # answer gives 0.5, one read from labels or names 0
        _share = probe.by_signal(_called, exam.numbers(_told[f"fold_{_name}"], shape=(len(_y),)), _y, _who, _source)
        _clear.append(_share)
        exam.expect(_share >= 0.6, expected="most of them", got=f"{100 * _share:.0f} % of the wrongly filed windows called by their signal in called_{_name}",
                    cause="decisions that come from labels or names and not from a network that sees the windows, or one that learned nothing")
    _seen = _said
    for _name, _called in _said.items():
        exam.same(probe.entry(_told, f"f1_{_name}"), probe.f1_of(_y, _called), what=f"f1_{_name}",
                  cause="accuracy instead of F1, or the mean over folds instead of F1 over all windows")
    exam.same(probe.entry(_told, "gap"), float(_told["f1_random"]) - float(_told["f1_patients"]), what="gap", cause="the two exchanged")
with task.check("the gap is seen where the patient is all there is", 2,
                cause="a network that learned nothing, or one that was trained on the windows it is tested on"):
    # reference over 12 seeds: F1 at least 0.85 at random; by patients at most 0.4
    _random, _honest = (probe.f1_of(_y, exam.given(_seen)[_name]) for _name in ("random", "patients"))
    exam.expect(min(_clear) >= 0.7 or _honest > 0.75, expected="most of them", got=f"{100 * min(_clear):.0f} % of the wrongly filed windows called by their signal",
                cause="a network that learned too little: more steps")
    exam.expect(_random >= 0.75, got=f"F1 {_random:.2f} with a random split", expected="at least 0.75: who has met the patients knows the labels",
                cause="the network learned too little: more steps")
    exam.expect(_honest <= 0.75, got=f"F1 {_honest:.2f} with a split by patients", expected="about chance, below 0.75",
                cause="trained on test windows: of a patient never met, nobody can know the label here")
task.points()

# %% [markdown]
# Now on the class's patients, and on the published records where they are on your machine. Your text below is about these numbers.

# %% role="free"
every = slice(None, None, {"ci": 4, "default": 2, "full": 1}[BUDGET])
told = measure_leak(np.array(cohort.signals[every]), cohort.labels[every], cohort.subjects[every], SEED)
print(f"SIMULATED patients: F1 {told['f1_random']:.2f} with a random split, {told['f1_patients']:.2f} by patients, gap {told['gap']:.2f}")

# %% role="free"
try:
    real = data.load("mitdb", source="simulated" if SOURCE == "simulated" else "real")
except FileNotFoundError as missing:
    print("No published records here:", missing)
else:
    if real.source != "simulated":
        some = np.sort(np.random.default_rng(SEED).permutation(len(real))[:4000])
        told = measure_leak(np.array(real.signals[some]), real.labels[some], real.subjects[some], SEED)
        print(f"{real.citation}: F1 {told['f1_random']:.2f} with a random split, {told['f1_patients']:.2f} by patients, gap {told['gap']:.2f}")

# %% [markdown]
# ## Task 10: explain (8 points, read by a person)
#
# A colleague shows you a paper: F1 0.99 for AF on MIT-BIH, "with 80 % of the windows for training and 20 % for testing, drawn at random". In
# 150 to 300 words:
#
# 1. Where does the 0.99 come from? Explain the leak by what a network can learn from a window besides the rhythm, and name the two numbers you measured yourself, with the data they are on
#    (2 points).
# 2. Which experiment would show your colleague that it is the leak and not a better network? Say what would be compared and what you expect (2 points).
# 3. Name two further leaks of the same kind in the way from record to result that a split by patient alone does not close, and what closes each (2 points).
# 4. Your own F1 is a mean over few patients. What does its interval say, what does it not say, and for whom is the detector no good (2 points)?
#
# <details><summary>Hint 1: the idea</summary>Ask of each number in your pipeline: could it have been computed before the test patient walked in?</details>
# <details><summary>Hint 2: what to use</summary>The gap of task 9, the per-patient results of task 7, the probe of the lesson that tells patients apart.</details>
# <details><summary>Hint 3: almost the code</summary>Sort <code>result["f1"]</code> or what you called it, and look at windows of the worst patient.</details>

# %% [markdown] role="written" task="explain" points=8
# ### BEGIN SOLUTION
# 1. Windows of one person share the shape of the QRS complex, electrodes, gain and noise. Drawn at random, nearly every test window has neighbours of the
# same person in training, and as many people have one rhythm only, who it is tells the label. On the class's simulated patients a random split gave an F1 near 0.98, a split by
# patients 0.6 to 0.8 with the same network; simulated numbers say nothing about real patients.
# 2. The same network, windows and seeds, once per split (task 9): the leaky one stays near 1 and falls by the gap as soon as whole patients are held out. Or a probe that names the
# patient from the network's features, far above chance; or random labels per patient, which a random split "predicts" as well.
# 3. The threshold chosen on test patients: choose it on validation patients. Scaling with mean and spread over all records, test included: scale each record by itself, or by
# training patients. Also two records of one person (201 and 202) counted as two; network or epoch chosen by the test result.
# 4. It says how much the mean would move if other patients like these had been drawn; a handful of patients with AF gives a wide one. It says nothing about other recorders, other
# rhythms or other populations. It fails in patients whose AF is nearly regular or whose P waves are hardly visible: no use alone in screening.
# ### END SOLUTION
#
# ### BEGIN MARK SCHEME
# - 1 (2 points): the network recognises the patient (shape, electrodes, noise) and patients carry labels (1); both own numbers with their data, simulated ones called so (1).
# - 2 (2 points): an experiment that changes the split alone, or a patient-identification probe, or labels shuffled by patient (1); what is expected of it (1).
# - 3 (2 points): one point for each further leak with its remedy (threshold or early stopping on test, normalisation over all records or over the record's future, two records of one
#   person, overlapping windows, model choice on test).
# - 4 (2 points): uncertainty over patients, not windows, and not other populations or devices (1); a kind of patient in whom it fails, from own results (1).
# ### END MARK SCHEME

# %% [markdown]
# ## Take away
#
# - A patient is on one side of the split, with all his records; so is every number that is computed from him.
# - Filter the whole record, then cut; label by what was annotated, and drop what was not.
# - One F1 for all windows says nothing about any one patient. Report patients, with an interval over patients, and the false alarms of those without AF.
#
# **Where next.** Assignment 05 goes on to the night: sleep stages from one EEG lead, five classes in sequence.
