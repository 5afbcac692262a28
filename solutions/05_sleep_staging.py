# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# total: 100
# cell_timeout_s: 300
# total_timeout_s: 900
# ceiling: {kappa: 0.97, macro_f1: 0.97}
# ---

# %% [markdown]
# # Assignment 05: five stages of sleep from one channel of EEG
#
# You build the way from the two files of a night to a hypnogram that a network has drawn: read EDF, filter, cut and label epochs, split by
# subject, put epochs into sequences that never leave their night, train a CNN with a bidirectional LSTM and stop in time, measure with
# Cohen's kappa and F1, and report what happens in each sleeper and at each change of stage. The lesson `course/05_sleep_staging.ipynb` teaches
# every step.
#
# **What you need.** The lesson of this number; from 04: folds of subjects. NumPy, SciPy, PyTorch and `mne` as the lessons use them. You may take
# ideas and lines from the lessons and call what `physiodl.signals` and SciPy offer; the point is that you can say why each line is there.
#
# **Time.** About 6 hours of work. One run from top to bottom computes for about two minutes on two CPU cores.
#
# **Data.** *Simulated* nights in the form of Sleep-EDF Expanded: one channel of EEG, Fpz-Cz, at 100 Hz, a stage for every 30 s. The course grades on
# simulated sleepers, so the network is trained on simulated ones, whatever you have fetched.
#
# | task | points | you define |
# |---|---|---|
# | read | 10 | `read_night` (and `read_files`, given) |
# | filter | 10 | `prepare` |
# | epochs | 12 | `cut_epochs` |
# | split | 8 | `subject_folds` |
# | sequences | 10 | `make_sequences`, `put_back` |
# | networks | 8 | `EpochNet`, `SleepNet`, `epoch_logits`, `sequence_logits` |
# | train | 12 | `train_and_predict` |
# | metrics | 8 | `confusion`, `kappa`, `stage_f1`, `macro_f1` |
# | report | 8 | `report` |
# | perform | 8 | `stage_night` |
# | explain | 6 | a text, read by a person |
#
# **How it works.** Write your answer where the cell says so, run it, then run the test cell below it: it prints a line
# for every check, with the points, and says what it got, what it expected and the likely cause. Test cells call
# only the functions the task names, so inside you may write whatever you like. When your work is graded, the same cells
# run with other nights and other sleepers. Tasks 1 to 6, 8 and 9 need no answer of another task; task 7 uses the network of task 6, task 10 the
# training of task 7. Partial points count: nbgrader's *Validate* button calls a cell with partial points failed, the points are yours all the same.
#
# **Stages** are the numbers 0 W (awake), 1 N1, 2 N2, 3 N3, 4 REM, everywhere.

# %% tags=["parameters"]
SOURCE = "auto"  # nights are simulated here, whatever this says
BUDGET = "default"  # "ci" is quicker, "full" trains longer
SEED = 0

# %% role="locked"
import mne
import numpy as np
import torch
from scipy import signal
from torch import nn

from physiodl import data, exam, signals
from physiodl.exam import sleep as probe

torch.set_num_threads(min(2, torch.get_num_threads()))  # more threads make networks this small slower, not faster
exam.begin("05_sleep_staging", source=SOURCE, seed=SEED)

# %% [markdown]
# ## Task 1: read a night (10 points)
#
# Write `read_night(psg, hypnogram)`. `psg` is the path of an EDF file with the signals of a night, such as `.../SC4001E0-PSG.edf`; `hypnogram` that of
# an EDF+ file with its stages, such as `.../SC4001EC-Hypnogram.edf`. Return a dict:
#
# - `"fs"`: sampling rate of **this channel** in Hz. Channels of one file can have different rates; a reader that brings all to the highest one changes the EEG.
# - `"eeg"`: (samples,) the channel `"EEG Fpz-Cz"` in **µV**, found by its name wherever it stands. The file may store it in µV, mV or V, and its header says which.
# - Some files have the channel `"EEG Cz-Fpz"` instead: the same electrodes **the other way round**. Its sign is the opposite: turn it, so that
#   `"eeg"` is always Fpz against Cz. A **`ValueError`** that names the channels the file has, where neither is there.
# - `"stages"`: list of `(onset, duration, text)`, onset and duration in s, texts as they are in the file, such as `"Sleep stage 2"`, all of them.
# - `"subject"` and `"night"`: texts, the first **five** and the first **six** characters of the PSG's file name: `"SC400"` and `"SC4001"`. One subject has
#   up to two nights.
#
# Leave `read_files`, below your function, as it is: it hands the bytes of two files to `read_night`, since the test cell makes its own nights.
#
# <details><summary>Hint 1: the idea</summary>Ask the file first which channels it has, choose by name, then read that one alone.</details>
# <details><summary>Hint 2: what to use</summary><code>mne.io.read_raw_edf(psg, include=[name], verbose="error")</code> reads one channel at its own
# rate; <code>.ch_names</code>, <code>.info["sfreq"]</code>, <code>.get_data()</code> (channels, samples), always in V.
# <code>mne.read_annotations(hypnogram)</code> has <code>.onset</code>, <code>.duration</code>, <code>.description</code>.
# <code>pathlib.Path(psg).name</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>names = mne.io.read_raw_edf(psg, verbose="error").ch_names</code>; for <code>name, sign</code> of
# <code>(("EEG Fpz-Cz", 1), ("EEG Cz-Fpz", -1))</code>: if the name is among them, read again with <code>include=[name]</code> and take
# <code>sign * 1e6 * raw.get_data()[0]</code>.</details>

# %% role="answer" task="read"
def read_night(psg, hypnogram):
    """One night: dict of fs (Hz), eeg (samples,) in uV, stages, subject, night."""
    ### BEGIN SOLUTION
    from pathlib import Path

    names = mne.io.read_raw_edf(psg, verbose="error").ch_names
    found = [(name, sign) for name, sign in (("EEG Fpz-Cz", 1.0), ("EEG Cz-Fpz", -1.0)) if name in names]
    if not found:
        raise ValueError(f"{psg} has the channels {', '.join(names)}; expected EEG Fpz-Cz or EEG Cz-Fpz")
    name, sign = found[0]
    raw = mne.io.read_raw_edf(psg, include=[name], verbose="error")
    notes = mne.read_annotations(hypnogram)
    rows = zip(notes.onset, notes.duration, notes.description, strict=True)
    return {
        "fs": float(raw.info["sfreq"]),
        "eeg": sign * 1e6 * raw.get_data()[0],
        "stages": [(float(onset), float(duration), str(text)) for onset, duration, text in rows],
        "subject": Path(psg).name[:5],
        "night": Path(psg).name[:6],
    }
    ### END SOLUTION


def read_files(files):
    """`read_night` for a night that comes as bytes. Leave this function as it is: the test cell calls it."""
    with probe.as_folder(files) as (psg, hypnogram):
        return read_night(psg, hypnogram)


# %% role="test" task="read" points=10
# asks: read_files
task = exam.task("read", points=10)
_rows = probe.hypnogram(("W", 2), ("1", 1), ("2", 3), ("3", 1), ("4", 1), ("M", 1), ("R", 1), ("?", 1))
_usual, _usual_x = probe.night_files(_rows, seed=SEED + 1)
_volts, _volts_x = probe.night_files(_rows, seed=SEED + 2, unit="V", name="SC4122")
_milli, _milli_x = probe.night_files(_rows, seed=SEED + 3, unit="mV", name="SC4122")
_fast, _fast_x = probe.night_files(_rows, seed=SEED + 4, fs=128.0, others=(("EMG submental", 256.0), ("EEG Pz-Oz", 128.0), ("Temp rectal", 1.0)))
_turned, _turned_x = probe.night_files(_rows, seed=SEED + 5, channel=probe.TURNED, others=(("EEG Pz-Oz", 100.0),))
_missing, _ = probe.night_files(_rows, seed=SEED + 6, channel=None)
with task.check("the EEG in µV, found by its name", 2, cause="V as MNE gives them instead of µV, or the channel taken by its number"):
    _read = read_files(_usual)
    _got = exam.numbers(probe.entry(_read, "eeg"), shape=_usual_x.shape, what="eeg")
    exam.expect(np.std(_got) > 1e-3, got=f"an EEG with a standard deviation of {np.std(_got):.2g}", expected=f"{np.std(_usual_x):.0f} µV",
                cause="MNE gives volts: multiply by 1e6")
    exam.same(_got, _usual_x, what="eeg", atol=0.02, rtol=0, cause="another channel than EEG Fpz-Cz: look for its name")
with task.check("the file stores V or mV, and eeg is in µV all the same", 2, cause="the header's unit is not looked at"):
    for _files, _x, _unit in ((_volts, _volts_x, "V"), (_milli, _milli_x, "mV")):
        exam.same(probe.entry(read_files(_files), "eeg"), _x, what=f"eeg of a file in {_unit}", atol=0.02, rtol=0,
                  cause="the unit in the header is not looked at, or looked at twice: MNE has already turned all units into V")
with task.check("the rate of this channel, beside a faster one", 2,
                cause="all channels read at once: MNE then brings them to the highest rate. Read one with include=[name]"):
    _read = read_files(_fast)
    exam.same(probe.entry(_read, "fs"), 128.0, what="fs beside a channel of 256 Hz",
              cause="all channels read at once: MNE then brings them to the highest rate. Read one with include=[name]")
    exam.same(probe.entry(_read, "eeg"), _fast_x, what="eeg at 128 Hz", atol=0.02, rtol=0)
    exam.same(probe.entry(read_files(_usual), "fs"), 100.0, what="fs")
with task.check("electrodes the other way round", 1, cause="EEG Cz-Fpz taken as it is: its sign is the opposite"):
    _got = exam.numbers(probe.entry(read_files(_turned), "eeg"), shape=_turned_x.shape, what="eeg")
    exam.same(_got, _turned_x, what="eeg of a file with EEG Cz-Fpz", atol=0.02, rtol=0,
              cause="the sign is not turned" if np.allclose(_got, -_turned_x, atol=0.02) else "another channel than EEG Cz-Fpz")
with task.check("neither channel is there", 1, cause="another channel taken instead, or no message that says which channels there are"):
    _said = probe.refuses(read_files, _missing)
    exam.expect(_said, got="a result", expected="a ValueError", cause="another channel taken instead of the missing one")
    exam.expect("Pz-Oz" in _said, got=f"the message {_said[:80]!r}", expected="one that names the channels of the file, such as EEG Pz-Oz")
with task.check("all annotations, in seconds", 1):
    _told = probe.stages_of(read_files(_usual))
    exam.expect([_text for _, _, _text in _told] == [_text for _, _, _text in _rows], got=f"texts {[_text for _, _, _text in _told][:9]}",
                expected=f"{[_text for _, _, _text in _rows]}", cause="annotations left out or renamed: that is for task 3")
    exam.same([_row[:2] for _row in _told], [_row[:2] for _row in _rows], what="onset and duration", cause="samples or epochs instead of seconds")
with task.check("whose night it is", 1, cause="both nights of a subject must give the same subject"):
    for _files, _who, _night in ((_usual, "SC400", "SC4001"), (_volts, "SC412", "SC4122")):
        _read = read_files(_files)
        _told = (str(probe.entry(_read, "subject")), str(probe.entry(_read, "night")))
        exam.expect(_told == (_who, _night), got=f"subject and night {_told}", expected=f"{(_who, _night)}", cause="five characters are the subject, six the night")
task.points()

# %% [markdown]
# ## Task 2: filter, resample, scale (10 points)
#
# Write `prepare(x, fs)`.
#
# - `x`: (samples,) a **whole night** in µV, at least 5 minutes; `fs`: 100, 128, 200 or 256 Hz.
# - Returns float32 (samples * 100 / fs,), the night at **100 Hz**:
#   - **band-pass 0.3 to 35 Hz without delay** (zero phase), over the whole night at once: epochs are cut later, so that they have no edges;
#   - resampled to 100 Hz without aliasing;
#   - **scaled by the night itself**: divided by `(q75 - q25) / 1.349`, where `q25` and `q75` are the 25th and the 75th percentile of the filtered night. Of a normal distribution this is the standard
#     deviation, but a few minutes of movement do not change it. No other night has a say in it, so nothing leaks. What remains is how large one epoch is beside the others of its night: in deep sleep, large.
# - A flat night comes out as zeros.
#
# <details><summary>Hint 1: the idea</summary>Three steps in this order: filter, resample, divide. Why not divide each epoch by its own spread? Then deep sleep
# would be as small as waking.</details>
# <details><summary>Hint 2: what to use</summary><code>signals.filtered(x, fs, low=0.3, high=35.0)</code> of <code>physiodl</code>, or
# <code>signal.sosfiltfilt</code>; <code>signal.resample_poly(x, 100, round(fs))</code>; <code>np.percentile</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>low, high = np.percentile(y, [25, 75])</code>, and <code>y / ((high - low) / 1.349)</code> where the two differ by more than rounding
# errors.</details>

# %% role="answer" task="filter"
def prepare(x, fs):
    """A night (samples,) in uV to float32 (samples at 100 Hz,): filtered, resampled, scaled by its own spread."""
    ### BEGIN SOLUTION
    x = np.asarray(x, dtype=float)
    y = signal.resample_poly(signals.filtered(x, fs, low=0.3, high=35.0), 100, round(fs))
    low, high = np.percentile(y, [25, 75])
    flat = high - low <= 1e-6 * (1e-12 + np.abs(x).max())
    return np.asarray(np.zeros(len(y)) if flat else y / ((high - low) / 1.349), np.float32)
    ### END SOLUTION


# %% role="test" task="filter" points=10
# asks: prepare
task = exam.task("filter", points=10)
_x = {_fs: probe.eeg(600.0, _fs, seed=SEED + 11) for _fs in (100.0, 128.0, 200.0, 256.0)}  # one sleeper, recorded at four rates
_inner = slice(3000, 57_000)  # at 100 Hz; away from the ends, where any filter estimates
_still = None
with task.check("(samples at 100 Hz,), float32, from four rates", 1, cause="another rate than 100 Hz, or an axis too many"):
    _still = exam.numbers(prepare(_x[100.0].copy(), 100.0), shape=(60_000,), what="prepared night of 600 s")
    for _fs in (100.0, 128.0, 200.0, 256.0):
        _made = prepare(_x[_fs].copy(), _fs)
        exam.numbers(_made, shape=(60_000,), what=f"prepared night of 600 s at {_fs:g} Hz")
        exam.expect(str(np.asarray(_made).dtype) == "float32", got=f"dtype {np.asarray(_made).dtype}", expected="float32",
                    cause="NumPy computes in float64: end with .astype(np.float32)")
with task.check("no delay, and waves of 0.6 to 20 Hz stay as they are", 2,
                cause="a causal filter delays and distorts: run it forwards and backwards (sosfiltfilt), over the whole night"):
    exam.alike(exam.given(_still)[_inner], probe.band(_x[100.0], 100.0)[_inner], at_least=0.985, what="the night against a zero-phase filter",
               cause="a causal filter delays and distorts: run it forwards and backwards (sosfiltfilt), over the whole night")
with task.check("the sampling rate comes from fs", 2, cause="100 Hz is written into the filter or into the resampling"):
    for _fs in (128.0, 256.0):
        _made = exam.numbers(prepare(_x[_fs].copy(), _fs), shape=(60_000,), what="prepared night")
        exam.alike(_made[_inner], exam.given(_still)[_inner], at_least=0.985, what=f"the same sleeper recorded at {_fs:g} Hz and at 100 Hz",
                   cause="100 Hz is written into the filter: at another rate its edges are at other frequencies")
with task.check("drift and mains are removed, without aliasing", 1, cause="no band-pass of 0.3 to 35 Hz, or samples dropped without a low-pass"):
    for _fs, _hz, _size in ((100.0, 0.05, 60.0), (200.0, 50.0, 40.0), (256.0, 45.0, 40.0), (256.0, 95.0, 60.0)):
        _tone = _size * np.sin(2 * np.pi * _hz * np.arange(len(_x[_fs])) / _fs)
        _made = exam.numbers(prepare(_x[_fs] + _tone, _fs), shape=(60_000,), what="prepared night")
        exam.alike(_made[_inner], exam.given(_still)[_inner], at_least=0.95, what=f"the night with an added tone of {_hz:g} Hz, and without, at {_fs:g} Hz",
                   cause="no band-pass of 0.3 to 35 Hz, a filter made for another rate, or samples dropped without a low-pass: 95 Hz appears as 5 Hz")
with task.check("one filter over the whole night, without seams", 1, cause="the night is cut first and filtered piece by piece: each piece gets edges of its own"):
    _drift = _x[100.0] + 100 * np.sin(2 * np.pi * 0.12 * np.arange(60_000) / 100)
    _whole = exam.numbers(prepare(_drift, 100.0), shape=(60_000,), what="prepared night")[3730:50_730]
    _later = exam.numbers(prepare(_drift[730:], 100.0), shape=(59_270,), what="prepared night that starts 7.3 s later")[3000:50_000]
    _error = np.abs(_later - probe.factor(_later, _whole) * _whole)
    exam.expect(np.quantile(_error, 0.995) < 0.15, got=f"differences up to {np.quantile(_error, 0.995):.2f} standard deviations", expected="the same signal when the night starts 7.3 s later",
                cause="the night is cut first and filtered piece by piece: each piece gets edges of its own")
with task.check("scaled by its own middle half", 2, cause="not scaled, or by a mean or a maximum, which a burst of movement moves"):
    _low, _high = np.percentile(exam.given(_still), [25, 75])
    exam.same((_high - _low) / 1.349, 1.0, what="(q75 - q25) / 1.349 of the prepared night", rtol=0.03, cause="the night is not divided by its own spread, or by another one")
    exam.same(prepare(25 * _x[100.0], 100.0), _still, what="a night at 25 times the gain", atol=2e-2, rtol=1e-2, cause="the gain is still in it")
    _burst = _x[100.0].copy()
    _burst[30_000:32_000] *= 40
    _factor = probe.factor(np.asarray(prepare(_burst, 100.0), float)[3000:27_000], _still[3000:27_000])
    exam.expect(0.9 <= _factor <= 1.1, got=f"waves {_factor:.2f} times as high after 20 s of movement elsewhere in the night", expected="about 1",
                cause="divided by a mean, a maximum or a standard deviation over everything: one burst makes the whole night small")
    _deep = _x[100.0].copy()
    _deep[36_000:48_000] *= 3
    _made = np.asarray(prepare(_deep, 100.0), float)
    _ratio = _made[39_000:45_000].std() / _made[6000:30_000].std()
    exam.expect(_ratio > 2, got=f"deep sleep {_ratio:.1f} times as large as the rest", expected="about 3 times",
                cause="each piece is scaled by itself: large slow waves become as small as waking")
with task.check("a flat night comes out as zeros", 1, cause="divided by a standard deviation of zero"):
    exam.same(prepare(np.full(30_000, 4.0), 100.0), np.zeros(30_000), what="a flat night", atol=1e-3, cause="divided by a standard deviation of zero, or rounding errors divided by themselves")
task.points()

# %% [markdown]
# ## Task 3: epochs with a stage (12 points)
#
# Write `cut_epochs(x, stages, epoch_s)`.
#
# - `x`: (samples,) at **100 Hz**, as `prepare` gives it; `stages`: list of `(onset, duration, text)` in s, as in task 1, each beginning and ending at the border of an epoch;
#   `epoch_s`: length of an epoch in s, 30 or 20.
# - The night is cut into epochs from its first sample; number k lasts from `k * epoch_s` to `(k + 1) * epoch_s`. A rest at the end is dropped.
# - `"Sleep stage W"` is 0, `1` is 1, `2` is 2, **`3` and `4` are both 3**, `R` is 4. The rules of Rechtschaffen and Kales, by which Sleep-EDF was scored, know a stage 4;
#   today's know only N3.
# - **Dropped**: `"Movement time"`, `"Sleep stage ?"`, and epochs without annotation. Hypnograms can be shorter or longer than the recording.
# - **Trimmed**: with `first` and `last` the numbers of the first and the last epoch of sleep (stages 1 to 4) and `room = 1800 / epoch_s`, only epochs
#   `first - room` to `last + room` are kept, both included: half an hour of waking on either side. Sleep-EDF was recorded around the clock; without this, most epochs are day.
# - Returns a dict: `"epochs"` (n, 100 * epoch_s), `"stages"` (n,), `"number"` (n,) the number k of each epoch, ascending. A dropped epoch is a gap: numbers
#   jump there. With no sleep at all, n is 0 and the shapes stay.
#
# <details><summary>Hint 1: the idea</summary>First one code for every epoch of the recording, -1 where there is none. Everything else is choosing from it.</details>
# <details><summary>Hint 2: what to use</summary>A dict from text to code with <code>.get(text, -1)</code>; <code>np.full(n, -1)</code>; slices
# <code>code[a:b] = ...</code>; <code>np.flatnonzero(code &gt; 0)</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>a, b = round(onset / epoch_s), round((onset + duration) / epoch_s)</code>;
# <code>code[a:b] = codes.get(text, -1)</code>. <code>k = np.arange(n)</code>, <code>kept = k[(code &gt;= 0) &amp; (k &gt;= first - room) &amp; (k
# &lt;= last + room)]</code>, <code>x[: n * size].reshape(n, size)[kept]</code>.</details>

# %% role="answer" task="epochs"
def cut_epochs(x, stages, epoch_s):
    """Scored epochs around sleep: dict of epochs (n, 100 * epoch_s), stages (n,), number (n,)."""
    ### BEGIN SOLUTION
    codes = {f"Sleep stage {letter}": code for letter, code in zip("W1234R", (0, 1, 2, 3, 3, 4), strict=True)}
    size = round(100 * epoch_s)
    n = len(x) // size
    code = np.full(n, -1)
    for onset, duration, text in stages:
        code[round(onset / epoch_s) : round((onset + duration) / epoch_s)] = codes.get(text, -1)
    asleep = np.flatnonzero(code > 0)
    k, room = np.arange(n), round(1800 / epoch_s)
    kept = k[(code >= 0) & (k >= asleep[0] - room) & (k <= asleep[-1] + room)] if len(asleep) else k[:0]
    return {"epochs": x[: n * size].reshape(n, size)[kept], "stages": code[kept], "number": kept}
    ### END SOLUTION


# %% role="test" task="epochs" points=12
# asks: cut_epochs
task = exam.task("epochs", points=12)
_rng = np.random.default_rng(SEED + 21)
_x = _rng.standard_normal(100 * 9000 + 777).astype(np.float32)  # 300 epochs of 30 s, or 450 of 20 s, and a rest
_cut = None
_night = [("W", 90), ("1", 4), ("2", 20), ("3", 8), ("4", 9), ("2", 12), ("R", 15), ("W", 3), ("1", 2), ("2", 25), ("R", 10), ("W", 102)]


def _same_epochs(_cut, _stages, _epoch_s, _what, _cause):
    """Numbers, stages and signals against those worked out second by second."""
    _number, _codes = probe.staged(_stages, seconds=9007.77, epoch_s=_epoch_s)
    exam.same(probe.entry(_cut, "number"), _number, what=f"number {_what}", cause=_cause)
    exam.same(probe.entry(_cut, "stages"), _codes, what=f"stages {_what}", cause=_cause)
    _size = round(100 * _epoch_s)
    _pieces = _x[: len(_x) // _size * _size].reshape(-1, _size)[_number]
    exam.same(probe.entry(_cut, "epochs"), _pieces, what=f"epochs {_what}", atol=1e-6, cause="epochs and stages are shifted against each other")


with task.check("stages 3 and 4 are one, and every stage has its number", 2, cause="S3 and S4 not merged, or REM and N3 exchanged"):
    _stages = probe.hypnogram(*_night)
    _cut = cut_epochs(_x, _stages, 30)
    _told = exam.numbers(probe.entry(_cut, "stages"), shape=(None,), what="stages")
    exam.expect(set(_told.tolist()) <= {0.0, 1.0, 2.0, 3.0, 4.0}, got=f"stages {sorted(set(_told.tolist()))}", expected="0 to 4",
                cause="stage 4 of the old rules must become 3, with REM as 4")
    _counts = [int(np.sum(_told == _code)) for _code in (1, 2, 3, 4)]
    exam.expect(_counts == [6, 57, 17, 25], got=f"{_counts} epochs of N1, N2, N3, REM", expected="[6, 57, 17, 25]",
                cause="stage 4 left out or called REM: stages 3 and 4 are both N3" if _counts[2] < 17 else "texts and numbers do not fit")
with task.check("each stage belongs to its own epoch", 3, cause="stages are shifted against the signal, by one epoch or by what was trimmed"):
    _told = np.asarray(exam.given(_cut)["stages"])
    _first = np.asarray(probe.entry(_cut, "number"))[np.flatnonzero(_told > 0)[:1]].tolist()
    exam.expect(_first == [90], got=f"the first epoch of sleep has number {_first}", expected="[90]",
                cause="stages are shifted by an epoch, or numbers are counted from the first epoch that is kept")
    _size, _k = 3000, np.asarray(_cut["number"]).astype(int)
    exam.same(probe.entry(_cut, "epochs"), _x[:900_000].reshape(300, _size)[_k], what="epochs", atol=1e-6,
              cause="stages or numbers were trimmed and the signal was not, or not by the same")
with task.check("half an hour around sleep is kept", 2, cause="not trimmed, trimmed to sleep alone, or by one epoch too many"):
    _told = exam.numbers(probe.entry(exam.given(_cut), "number"), shape=(None,), what="number")
    exam.expect(len(_told) > 0, got="no epoch at all", expected="epochs 30 to 257", cause="everything was trimmed, or no stage was recognised")
    exam.expect((int(_told.min()), int(_told.max())) == (30, 257), got=f"epochs {_told.min():g} to {_told.max():g}", expected="30 to 257",
                cause="the day before and after is still in it" if len(_told) == 300 else "60 epochs before the first of sleep, and 60 after the last")
    _short = probe.hypnogram(("W", 20), ("2", 200), ("W", 80))
    _same_epochs(cut_epochs(_x, _short, 30), _short, 30, "with 10 minutes of waking before sleep", "a negative start of a slice counts from the end")
with task.check("movement and unscored epochs are dropped, and numbers jump there", 2,
                cause="Movement time and Sleep stage ? have no stage: they were called awake, or left in with a code of their own"):
    _gaps = probe.hypnogram(("W", 70), ("1", 3), ("M", 1), ("2", 30), ("?", 6), ("2", 14), ("M", 2), ("4", 20), ("W", 154))
    _same_epochs(cut_epochs(_x, _gaps, 30), _gaps, 30, "with movement and unscored time", "Movement time and Sleep stage ? have no stage: drop them, and keep the numbers of the others")
with task.check("epochs of 20 s", 1, cause="30 s, 3,000 samples or 60 epochs are written into the code"):
    _twenty = probe.hypnogram(("W", 130), ("1", 5), ("2", 40), ("M", 1), ("3", 30), ("R", 41), ("W", 203), epoch_s=20.0)
    _same_epochs(cut_epochs(_x, _twenty, 20), _twenty, 20, "of a night scored in 20 s", "30 s, 3,000 samples or 60 epochs are written into the code")
with task.check("a hypnogram longer, shorter, or later than the recording", 1, cause="stages taken in order instead of by their onset"):
    _long = probe.hypnogram(("W", 65), ("2", 100), ("R", 60), ("2", 60), ("W", 60), ("?", 200))
    _late = [(_a + 600.0, _b, _text) for _a, _b, _text in probe.hypnogram(("W", 70), ("2", 50), ("R", 50))]
    for _rows, _what in ((_long, "of a hypnogram longer than the recording"), (_late, "of a hypnogram that begins after 10 minutes")):
        _same_epochs(cut_epochs(_x, _rows, 30), _rows, 30, _what, "stages taken in order instead of by their onset, or epochs that were not recorded")
with task.check("a night without sleep", 1, cause="the first element of an empty array: return no epochs"):
    for _epoch_s in (30, 20):
        _none = cut_epochs(_x, probe.hypnogram(("W", 300)), _epoch_s)
        exam.numbers(probe.entry(_none, "epochs"), shape=(0, 100 * _epoch_s), what="epochs of a night without sleep")
        exam.numbers(probe.entry(_none, "stages"), shape=(0,), what="stages of a night without sleep")
task.points()

# %% [markdown]
# ## Task 4: folds of subjects (8 points)
#
# Write `subject_folds(subjects, k, seed)`.
#
# - `subjects`: a list of n texts such as `"SC400"`, one per epoch, in any order; `k`: number of folds, at least 3.
# - Returns a list of k dicts with three arrays of positions, `"train"`, `"val"` and `"test"`:
#   - each epoch is in the test part of **exactly one** fold, and in exactly one of the three parts of every fold;
#   - **all epochs of a subject, of both nights, are in the same part**;
#   - the test parts of two folds differ by at most one in the number of their subjects; so do the validation parts, which have about as many subjects as a test part.
# - The same `seed` gives the same folds, another one other folds. A `ValueError` where there are fewer than k subjects.
#
# <details><summary>Hint 1: the idea</summary>Deal out subjects like cards: to each of k players in turn. Player i is the test part of fold i, the next player
# its validation part.</details>
# <details><summary>Hint 2: what to use</summary><code>np.unique(subjects, return_inverse=True)</code>, <code>np.random.default_rng(seed).permutation</code>, the remainder
# <code>% k</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>names, who = np.unique(subjects, return_inverse=True)</code>; <code>hand =
# rng.permutation(len(names)) % k</code>; <code>number = hand[who]</code>; fold i: <code>test = np.flatnonzero(number == i)</code>,
# <code>val</code> where it is <code>(i + 1) % k</code>, <code>train</code> the rest.</details>

# %% role="answer" task="split"
def subject_folds(subjects, k, seed):
    """List of k dicts of positions, "train", "val", "test"; no subject is in two of them."""
    ### BEGIN SOLUTION
    names, who = np.unique(np.asarray(subjects), return_inverse=True)
    if len(names) < k:
        raise ValueError(f"got {len(names)} subjects, expected at least {k}, one for each fold")
    number = (np.random.default_rng(seed).permutation(len(names)) % k)[who]
    folds = []
    for i in range(k):
        test, val = number == i, number == (i + 1) % k
        folds.append({"train": np.flatnonzero(~test & ~val), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
    return folds
    ### END SOLUTION


# %% role="test" task="split" points=8
# asks: subject_folds
task = exam.task("split", points=8)
_cases = [(probe.sleepers(_n, seed=SEED + 30 + _n), _k) for _n, _k in ((20, 5), (11, 4), (3, 3))]  # names of epochs, k
with task.check("every epoch is tested once, and is in one part of every fold", 2, cause="epochs left out, drawn twice, or in two parts at once"):
    for _who, _k in _cases:
        _folds = probe.folds_of(subject_folds(list(_who), _k, 3), n=len(_who), k=_k)
        exam.same(np.sort(np.concatenate([_fold["test"] for _fold in _folds])), np.arange(len(_who)), what="all tested positions, sorted",
                  cause="epochs left out, or tested in two folds")
        for _fold in _folds:
            exam.same(np.sort(np.concatenate([_fold["train"], _fold["val"], _fold["test"]])), np.arange(len(_who)),
                      what="positions of train, val and test of a fold, sorted", cause="epochs left out, or in two parts at once")
with task.check("a subject's epochs stay together", 3, cause="epochs are dealt out instead of subjects: each sleeper is then known before the test"):
    for _who, _k in _cases:
        for _seed in (0, 1):
            _shared = probe.shared(probe.folds_of(subject_folds(list(_who), _k, _seed), n=len(_who), k=_k), _who)
            exam.expect(_shared == 0, got=f"{_shared} times a subject in two parts of a fold", expected="never",
                        cause="epochs are dealt out instead of subjects: each sleeper is then known before the test")
with task.check("about as many subjects in each part", 1, cause="parts of equal numbers of epochs, or all that is left over in one part"):
    for _who, _k in _cases:
        for _name in ("test", "val"):
            _counts = [len(set(np.array(_who)[_fold[_name]].tolist())) for _fold in probe.folds_of(subject_folds(list(_who), _k, 2), n=len(_who), k=_k)]
            exam.expect(max(_counts) - min(_counts) <= 1 and min(_counts) >= 1, got=f"{_name} parts of {_counts} subjects",
                        expected="numbers that differ by at most one", cause="parts of equal numbers of epochs, or all that is left over in one part")
            exam.expect(min(_counts) >= len(set(_who)) // _k - 1, got=f"{_name} parts of {_counts} of {len(set(_who))} subjects", expected=f"about {len(set(_who)) / _k:.0f}",
                        cause="a validation part of one subject, whatever their number: it should be about as large as a test part")
with task.check("the seed decides, and nothing else", 1, cause="the global random generator is used instead of `seed`, or no chance at all"):
    _who, _k = _cases[0]
    _first = [np.sort(probe.folds_of(subject_folds(list(_who), _k, _seed), n=len(_who), k=_k)[0]["test"]).tolist() for _seed in (7, 7, 8, 9)]
    exam.expect(_first[0] == _first[1], got="two different results", expected="the same folds for the same seed", cause="the global random generator is used instead of `seed`")
    exam.expect(_first[0] != _first[2] or _first[0] != _first[3], got="the same folds for other seeds", expected="other folds", cause="`seed` is not used")
with task.check("too few subjects", 1, cause="epochs are counted instead of subjects"):
    exam.expect(probe.refuses(subject_folds, probe.sleepers(4, seed=SEED + 39), 5, 0), got="a result", expected="a ValueError", cause="epochs are counted instead of subjects")
task.points()

# %% [markdown]
# ## Task 5: sequences that stay in their night (10 points)
#
# A scorer reads epoch after epoch; so will the network. Write two functions.
#
# - `make_sequences(nights, numbers, length)`: `nights`: n texts such as `"SC4001"`; `numbers`: (n,) number of each epoch in its night, as in task 3. Epochs can stand **in any
#   order**. Returns whole numbers (m, length): each row holds **positions** (0 to n - 1) of epochs that follow one another in one night, and `-1` at its end where it is not filled.
#   - numbers grow by exactly **1** from one epoch of a row to the next: no row crosses from night to night, **nor a gap**;
#   - each position occurs in exactly one row;
#   - as few rows as possible: only the last row of each stretch without a gap has `-1`.
# - `put_back(answers, sequences, n)`: `answers` (m, length, c), one row of c numbers for each place of `sequences`. Returns (n, c): the
#   answer for each epoch, in the order of the epochs. Answers at places with -1 are ignored.
#
# <details><summary>Hint 1: the idea</summary>Sort by night, then by number. A stretch ends where the night changes or the number jumps. Cut each stretch into pieces.</details>
# <details><summary>Hint 2: what to use</summary><code>np.lexsort((numbers, nights))</code> sorts by the last key first; <code>np.split(order, where)</code>;
# <code>np.full((m, length), -1)</code>; indexing with a mask, <code>out[sequences[mask]] = answers[mask]</code>.</details>
# <details><summary>Hint 3: almost the code</summary>With both sorted: <code>breaks = np.flatnonzero((night[1:] != night[:-1]) | (np.diff(number) != 1)) + 1</code>. For each
# <code>stretch in np.split(order, breaks)</code> and each <code>a in range(0, len(stretch), length)</code>: one row that begins with
# <code>stretch[a : a + length]</code>.</details>

# %% role="answer" task="sequences"
def make_sequences(nights, numbers, length):
    """(m, length) positions of epochs that follow one another in one night, -1 at the end where not filled."""
    ### BEGIN SOLUTION
    nights, numbers = np.asarray(nights), np.asarray(numbers)
    order = np.lexsort((numbers, nights))
    night, number = nights[order], numbers[order]
    breaks = np.flatnonzero((night[1:] != night[:-1]) | (np.diff(number) != 1)) + 1
    pieces = [s[a : a + length] for s in np.split(order, breaks) for a in range(0, len(s), length)]
    rows = np.full((len(pieces), length), -1)
    for row, piece in zip(rows, pieces, strict=True):
        row[: len(piece)] = piece
    return rows
    ### END SOLUTION


def put_back(answers, sequences, n):
    """(n, c) the answers (m, length, c) in the order of the epochs."""
    ### BEGIN SOLUTION
    answers, sequences = np.asarray(answers), np.asarray(sequences)
    out = np.zeros((n, answers.shape[2]), answers.dtype)
    out[sequences[sequences >= 0]] = answers[sequences >= 0]
    return out
    ### END SOLUTION


# %% role="test" task="sequences" points=10
# asks: make_sequences, put_back
task = exam.task("sequences", points=10)
_rng = np.random.default_rng(SEED + 41)
_gap = [*range(30, 50), *range(53, 60), *range(61, 85)]
_ordered = probe.runs(range(40, 103), range(103, 140), _gap, [7])  # the second night goes on with the number at which the first one ends
_mixed = _rng.permutation(len(_ordered[0]))
_shuffled = ([_ordered[0][_k] for _k in _mixed], _ordered[1][_mixed])
with task.check("(m, length) positions, each in exactly one row", 2, cause="epochs at the end of a night are dropped, or rows overlap"):
    for _length in (10, 20):
        _rows = probe.sequences_of(make_sequences(list(_ordered[0]), _ordered[1].copy(), _length), n=len(_ordered[0]), length=_length)
        exam.same(np.sort(_rows[_rows >= 0]), np.arange(len(_ordered[0])), what="all positions, sorted",
                  cause="epochs at the end of a night are dropped, or rows overlap")
        exam.expect(not np.any((_rows[:, :-1] < 0) & (_rows[:, 1:] >= 0)), got="-1 before an epoch", expected="-1 at the end of a row only")
with task.check("a row stays in one night", 2, cause="the list of all epochs is cut without looking at nights: reshape(-1, length)"):
    _rows = probe.sequences_of(make_sequences(list(_ordered[0]), _ordered[1].copy(), 20), n=len(_ordered[0]), length=20)
    _crossed = sum(len({_ordered[0][_k] for _k in _row if _k >= 0}) > 1 for _row in _rows)
    exam.expect(_crossed == 0, got=f"{_crossed} rows with epochs of two nights", expected="none",
                cause="the list of all epochs is cut without looking at nights: the network would read from one night into the next")
with task.check("and crosses no gap", 2, cause="numbers are not looked at: where epochs were dropped, neighbours in the list are none in the night"):
    _rows = probe.sequences_of(make_sequences(list(_ordered[0]), _ordered[1].copy(), 20), n=len(_ordered[0]), length=20)
    _steps = [int(_step) for _row in _rows for _step in np.diff(_ordered[1][_row[_row >= 0]])]
    exam.expect(all(_step == 1 for _step in _steps), got=f"steps of {sorted(set(_steps))} between neighbours in a row", expected="always 1",
                cause="where epochs were dropped, neighbours in the list are none in the night")
with task.check("epochs in any order", 1, cause="the order of the list is taken for the order of the night: sort by night and number"):
    _rows = probe.sequences_of(make_sequences(list(_shuffled[0]), _shuffled[1].copy(), 20), n=len(_shuffled[0]), length=20)
    _steps = [int(_step) for _row in _rows for _step in np.diff(_shuffled[1][_row[_row >= 0]])]
    exam.expect(all(_step == 1 for _step in _steps) and len(_steps) > len(_shuffled[0]) / 2,  # in rows of one epoch nothing is out of order
                got=f"{len(_steps)} neighbours in a row, steps of {sorted(set(_steps))[:6]} between them", expected="most epochs with neighbours, steps of 1",
                cause="the order of the list is taken for the order of the night: sort by night and number")
    exam.same(np.sort(_rows[_rows >= 0]), np.arange(len(_shuffled[0])), what="all positions, sorted")
with task.check("as few rows as possible", 1, cause="a new row is begun though the stretch goes on, or rows are left empty"):
    for _length, _most in ((10, 7 + 4 + 2 + 1 + 3 + 1), (20, 4 + 2 + 1 + 1 + 2 + 1), (100, 6)):
        _rows = probe.sequences_of(make_sequences(list(_ordered[0]), _ordered[1].copy(), _length), n=len(_ordered[0]), length=_length)
        exam.expect(len(_rows) == _most, got=f"{len(_rows)} rows of {_length}", expected=f"{_most}", cause="a new row is begun though the stretch goes on, or rows are left empty")
with task.check("put_back gives each epoch its own answer", 2, cause="answers of filled places are kept, or rows are strung together without looking at positions"):
    for _length in (3, 8):
        _rows = _rng.permutation(np.concatenate([_rng.permutation(101), np.full(3 * 8 * 6 - 101, -1)])[: 144]).reshape(-1, _length)
        _rows = np.stack([np.concatenate([_row[_row >= 0], _row[_row < 0]]) for _row in _rows])
        _answers = _rng.standard_normal((*_rows.shape, 5))
        _wanted = np.zeros((101, 5))
        for _row, _answer in zip(_rows, _answers, strict=True):
            for _k, _numbers in zip(_row, _answer, strict=True):
                if _k >= 0:
                    _wanted[_k] = _numbers
        exam.same(put_back(_answers, _rows, 101), _wanted, what="put_back",
                  cause="a position of -1 means the last epoch to NumPy: leave those places out; the others go where the sequence says")
task.points()

# %% [markdown]
# ## Task 6: two networks (8 points)
#
# Write two classes of PyTorch, and two functions through which the test cell asks about them.
#
# - `EpochNet()`: a 1D-CNN. Input (n, samples), any number of samples from 1,000 up; output logits (n, 5). It must not depend on the length: end in a mean or maximum over time. Three or
#   four blocks (convolution, batch normalisation, ReLU, pooling) with a first stride of 4 or more are enough; keep it below 200,000 weights.
# - `SleepNet()`: the same blocks for each epoch, then a **bidirectional LSTM** over the sequence, then logits. Input `x` (m, length, samples) and `present` (m,
#   length), False where a sequence is filled up (always at its end); output (m, length, 5). Another network over the sequence is welcome if it passes the checks.
# - `epoch_logits(epochs, seed)`: a fresh `EpochNet` with weights drawn from `seed`, in evaluation mode, applied to float32 `epochs` (n, samples): array (n, 5).
# - `sequence_logits(x, present, seed)`: the same for a fresh `SleepNet`: array (m, length, 5). Answers where `present` is False may be anything finite.
#
# The test cell looks at what an answer depends on: an epoch for the first; for the second its own sequence, in both directions, and nothing else: no other sequence, and nothing that stands at filled
# places.
#
# <details><summary>Hint 1: the idea</summary>Make one long list of the present epochs for the convolutions, and put what comes out back into (m, length, features) for the LSTM. Running backwards, the
# LSTM would meet the filled places first: it must not read them. Nor may they take part in batch normalisation, which averages over all that goes through it.</details>
# <details><summary>Hint 2: what to use</summary><code>nn.LSTM(features, 32, batch_first=True, bidirectional=True)</code>;
# <code>nn.utils.rnn.pack_padded_sequence(h, lengths, batch_first=True, enforce_sorted=False)</code> and
# <code>pad_packed_sequence(h, batch_first=True, total_length=length)</code>; <code>torch.manual_seed(seed)</code>, <code>.eval()</code>,
# <code>torch.no_grad()</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>c = self.blocks(x[present][:, None])</code>; <code>h = torch.zeros(m, length, features)</code>; <code>h[present] = torch.cat([c.mean(dim=2),
# c.amax(dim=2)], dim=1)</code>; pack with <code>present.sum(dim=1)</code>, LSTM, unpack, <code>self.out(h)</code>.</details>

# %% role="answer" task="networks"
# your classes EpochNet and SleepNet, and helpers if you like:
### BEGIN SOLUTION
def block(n_in, n_out, kernel, stride=1, pool=4):
    """Convolution, batch normalisation, ReLU, pooling."""
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
        nn.MaxPool1d(pool),
    )


def blocks():
    """Epochs (n, 1, samples) to (n, 48, steps)."""
    return nn.Sequential(block(1, 16, 41, stride=10, pool=3), block(16, 32, 7), block(32, 48, 5))


def pooled(h):
    """Mean and maximum over time: (n, 48, steps) to (n, 96)."""
    return torch.cat([h.mean(dim=2), h.amax(dim=2)], dim=1)


class EpochNet(nn.Module):
    """One epoch, one answer: (n, samples) to logits (n, 5)."""

    def __init__(self):
        super().__init__()
        self.blocks, self.dropout, self.out = blocks(), nn.Dropout(0.3), nn.Linear(96, 5)

    def forward(self, x):
        return self.out(self.dropout(pooled(self.blocks(x[:, None]))))


class SleepNet(nn.Module):
    """Epochs in their sequence: (m, length, samples) and present (m, length) to logits (m, length, 5)."""

    def __init__(self):
        super().__init__()
        self.blocks, self.dropout = blocks(), nn.Dropout(0.3)
        self.lstm = nn.LSTM(96, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, 5)

    def forward(self, x, present):
        length = x.shape[1]
        h = torch.zeros(*present.shape, 96)
        h[present] = self.dropout(pooled(self.blocks(x[present][:, None])))  # filled places stay out of batch normalisation
        packed = nn.utils.rnn.pack_padded_sequence(h, present.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)
        h, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=length)
        return self.out(self.dropout(h))
### END SOLUTION


def epoch_logits(epochs, seed):
    """(n, 5) what a fresh EpochNet says of epochs (n, samples)."""
    ### BEGIN SOLUTION
    torch.manual_seed(seed)
    net = EpochNet().eval()
    with torch.no_grad():
        return net(torch.as_tensor(np.array(epochs, np.float32))).numpy()
    ### END SOLUTION


def sequence_logits(x, present, seed):
    """(m, length, 5) what a fresh SleepNet says of sequences x (m, length, samples)."""
    ### BEGIN SOLUTION
    torch.manual_seed(seed)
    net = SleepNet().eval()
    with torch.no_grad():
        return net(torch.as_tensor(np.array(x, np.float32)), torch.as_tensor(np.array(present, bool))).numpy()
    ### END SOLUTION


# %% role="test" task="networks" points=8
# asks: epoch_logits, sequence_logits
task = exam.task("networks", points=8)
_rng = np.random.default_rng(SEED + 51)
_epochs = _rng.standard_normal((6, 3000)).astype(np.float32)
_x = _rng.standard_normal((4, 5, 3000)).astype(np.float32)
_all = np.ones((4, 5), bool)
_some = np.array([[True] * 5, [True] * 3 + [False] * 2, [True] * 5, [True] + [False] * 4])
_together = None
with task.check("logits (n, 5) and (m, length, 5), for epochs of 30 s and of 20 s", 1, cause="a dense layer over all samples: end in a mean or maximum over time"):
    exam.numbers(epoch_logits(_epochs, 1), shape=(6, 5), what="epoch_logits of epochs of 30 s")
    _logits = exam.numbers(epoch_logits(_epochs[:, :2000], 1), shape=(6, 5), what="epoch_logits of epochs of 20 s")
    exam.expect(np.abs(_logits.sum(axis=1) - 1).max() > 1e-3, got="five numbers that add up to 1", expected="logits", cause="a softmax at the end: cross_entropy has one of its own")
    exam.numbers(sequence_logits(_x, _all, 1), shape=(4, 5, 5), what="sequence_logits of epochs of 30 s")
    exam.numbers(sequence_logits(_x[:, :, :2000], _all, 1), shape=(4, 5, 5), what="sequence_logits of epochs of 20 s")
with task.check("the seed decides the weights", 1, cause="weights are drawn without `seed`, or dropout is still at work: .eval()"):
    exam.same(epoch_logits(_epochs, 3), epoch_logits(_epochs, 3), what="epoch_logits, the same seed twice", atol=1e-5)
    exam.same(sequence_logits(_x, _all, 3), sequence_logits(_x, _all, 3), what="sequence_logits, the same seed twice", atol=1e-5)
    exam.expect(np.abs(exam.numbers(epoch_logits(_epochs, 4)) - exam.numbers(epoch_logits(_epochs, 3))).max() > 1e-4, got="the same answers with another seed",
                expected="other weights", cause="`seed` is not used")
with task.check("the CNN judges each epoch by itself, and every part of it", 1, cause="batch normalisation in training mode: .eval() is missing"):
    _whole = exam.numbers(epoch_logits(_epochs, 3), shape=(6, 5), what="epoch_logits")
    exam.same(epoch_logits(_epochs[2:4], 3), _whole[2:4], what="two epochs in other company", atol=1e-4, cause="batch normalisation in training mode: .eval() is missing")
    for _part in (slice(0, 600), slice(1200, 1800), slice(2300, 2900)):
        _changed = _epochs.copy()
        _changed[0, _part] *= 4
        exam.expect(np.abs(exam.numbers(epoch_logits(_changed, 3))[0] - _whole[0]).max() > 1e-4, got=f"the same answer after samples {_part.start} to {_part.stop} were changed",
                    expected="another one", cause="part of the epoch is never looked at")
with task.check("a sequence is read by itself", 2,
                cause="the LSTM runs from one sequence into the next: batch_first=True is missing, so it takes sequences for steps"):
    _together = exam.numbers(sequence_logits(_x, _all, 3), shape=(4, 5, 5), what="sequence_logits")
    _alone = np.concatenate([exam.numbers(sequence_logits(_x[_k : _k + 1], _all[:1], 3), shape=(1, 5, 5), what="sequence_logits of one sequence") for _k in range(4)])
    exam.same(_alone, _together, what="logits of a sequence alone and with others", atol=1e-4,
              cause="the LSTM runs from one sequence, and so from one night, into the next: batch_first=True is missing, or .eval() is")
with task.check("in both directions", 1, cause="the LSTM is not bidirectional, or only its last state is used"):
    exam.expect(np.abs(exam.given(_together)[:, 0] - _together[:, 4]).max() > 1e-5, got="the same answer for all epochs of a sequence", expected="one of its own for each",
                cause="only the last state of the LSTM, or a mean over the sequence, is used")
    for _from, _to in ((0, 4), (4, 0), (0, 2), (4, 2)):
        _changed = _x.copy()
        _changed[1, _from] = 3 * _rng.standard_normal(3000)
        _moved = np.abs(exam.numbers(sequence_logits(_changed, _all, 3), shape=(4, 5, 5)) - _together)
        exam.expect(_moved[1, _to].max() > 1e-5, got=f"the same answer for epoch {_to} after epoch {_from} of its sequence was changed", expected="another one",
                    cause="the LSTM is not bidirectional" if _from > _to else "no network over the sequence")
with task.check("filled places play no part", 2, cause="the backward direction reads the filled places first: pack_padded_sequence, or a mask"):
    _filled = exam.numbers(sequence_logits(_x, _some, 3), shape=(4, 5, 5), what="sequence_logits")
    _other = np.where(_some[:, :, None], _x, 9.0).astype(np.float32)
    exam.same(exam.numbers(sequence_logits(_other, _some, 3), shape=(4, 5, 5))[_some], _filled[_some], what="logits of present epochs after filled places were changed", atol=1e-4,
              cause="the backward direction reads the filled places first: pack_padded_sequence, or a mask")
    _short = exam.numbers(sequence_logits(_x[1:2], _some[1:2], 3), what="sequence_logits of a sequence that is not full")
    exam.expect(_short.shape == (1, 5, 5), got=f"shape {_short.shape} where no sequence is full", expected="(1, 5, 5)", cause="pad_packed_sequence ends with the longest sequence: give it total_length")
    exam.same(exam.numbers(sequence_logits(_x[1:2, :3], _some[1:2, :3], 3), shape=(1, 3, 5))[0], _filled[1, :3], what="logits of a sequence of 3 and the same filled up to 5", atol=1e-4,
              cause="the backward direction reads the filled places first: pack_padded_sequence, or a mask")
task.points()

# %% [markdown]
# ## Task 7: train, and stop in time (12 points)
#
# Write `train_and_predict(epochs, stages, nights, numbers, fold, seed, passes)`: one experiment with one fold.
#
# - `epochs`: float32 (n, samples); `stages` (n,); `nights` (n,) and `numbers` (n,) as in task 5; `fold`: a dict with `"train"`, `"val"`, `"test"`, as in task 4;
#   `seed`: of weights and batches; `passes`: how often training goes through all its sequences **at most**.
# - It trains a `SleepNet` on sequences of `LENGTH` **training** epochs. After each pass it computes the loss of the **validation** epochs, each in its sequence, in evaluation mode: the mean
#   cross-entropy in nats, **without** class weights (training itself may use some).
# - **Early stopping**: when `PATIENCE` passes in a row have brought no lower validation loss, training stops. The weights of the pass with the **lowest** validation loss are taken back.
# - Returns a dict: `"probability"` (n, 5) for **all** n epochs in their order, by the weights that were kept, in evaluation mode; `"val_loss"`: list, one number per pass that was
#   made; `"kept"`: which of them was kept, counted from 0.
# - The **test** epochs and stages play no part in any of this but their own probabilities. The same `seed` gives the same result.
#
# Task 10 needs the trained network itself, so write two helpers: `fit(epochs, stages, nights, numbers, fold, seed, passes)`, which returns `(net, val_loss, kept)`, and
# `probability_of(net, epochs, rows, n)`, which returns the probabilities (n, 5) of the epochs that stand in `rows`. `train_and_predict` is then a few lines.
#
# The test cell runs this on a few hundred short epochs, in which two stages sound the same: only what comes before tells which it is.
#
# <details><summary>Hint 1: the idea</summary>The loop of lesson 03, with a batch of sequences instead of a batch of windows. Only places that are present count in the loss.</details>
# <details><summary>Hint 2: what to use</summary><code>nn.functional.cross_entropy(logits[present], y[rows[present]])</code>; <code>torch.optim.AdamW</code>;
# <code>copy.deepcopy(net.state_dict())</code> and <code>net.load_state_dict</code>. Without <code>deepcopy</code> you keep a view that goes on changing.</details>
# <details><summary>Hint 3: almost the code</summary><code>rows = make_sequences(nights[part], numbers[part], LENGTH)</code> holds positions within the part:
# <code>rows = np.where(rows &gt;= 0, part[rows], -1)</code> turns them into positions among all. Batch: <code>x = epochs[rows[b]]</code>, <code>present =
# rows[b] &gt;= 0</code> (where a row holds -1, NumPy takes the last epoch: that is what <code>present</code> keeps out). After each pass: <code>if loss &lt; min(val_loss, default=np.inf)</code> keep a copy; stop when <code>len(val_loss) - 1 - kept
# &gt;= PATIENCE</code>.</details>

# %% role="locked"
LENGTH = 20  # epochs of a sequence: ten minutes
PATIENCE = 4  # passes without a lower validation loss, after which training stops

# %% role="answer" task="train"
# your training loop, and helpers if you like:
### BEGIN SOLUTION
import copy


def sequences_of(part, nights, numbers):
    """(m, LENGTH) positions among all epochs of the sequences of a part, -1 where not filled."""
    part, nights, numbers = np.asarray(part), np.asarray(nights), np.asarray(numbers)
    rows = make_sequences(nights[part], numbers[part], LENGTH)
    return np.where(rows >= 0, part[rows], -1)


def probability_of(net, epochs, rows, n):
    """(n, 5) probabilities of the epochs that are in `rows`, 32 sequences at a time."""
    net.eval()
    with torch.no_grad():
        parts = []
        for k in range(0, len(rows), 32):
            x, present = torch.as_tensor(np.asarray(epochs[rows[k : k + 32]])), torch.as_tensor(rows[k : k + 32] >= 0)
            parts.append(torch.softmax(net(x, present), dim=2).numpy())
    return put_back(np.concatenate(parts), rows, n)


def fit(epochs, stages, nights, numbers, fold, seed, passes):
    """The best SleepNet, the validation loss after each pass, and which pass was kept."""
    torch.manual_seed(seed)
    shuffle = np.random.default_rng(seed)
    net, y = SleepNet(), np.asarray(stages).astype(np.int64)
    train, val = (sequences_of(fold[name], nights, numbers) for name in ("train", "val"))
    share = np.bincount(y[fold["train"]], minlength=5) / len(fold["train"])
    weight = torch.as_tensor(1 / np.sqrt(np.maximum(share, 0.02)), dtype=torch.float32)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-2)
    val_loss, kept, best = [], 0, None
    for _ in range(passes):
        net.train()
        for b in np.array_split(shuffle.permutation(len(train)), max(1, len(train) // 8)):
            rows = train[b]
            present = torch.as_tensor(rows >= 0)
            logits = net(torch.as_tensor(np.asarray(epochs[rows])), present)[present]
            loss = nn.functional.cross_entropy(logits, torch.as_tensor(y[rows[rows >= 0]]), weight=weight)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimiser.step()
        p = probability_of(net, epochs, val, len(y))[fold["val"]]
        val_loss.append(float(-np.log(np.maximum(p[np.arange(len(p)), y[fold["val"]]], 1e-12)).mean()))
        if val_loss[-1] == min(val_loss):
            kept, best = len(val_loss) - 1, copy.deepcopy(net.state_dict())
        if len(val_loss) - 1 - kept >= PATIENCE:
            break
    net.load_state_dict(best)
    return net.eval(), val_loss, kept


RATE = 3e-3
### END SOLUTION


def train_and_predict(epochs, stages, nights, numbers, fold, seed, passes):
    """One experiment: dict of probability (n, 5) for all epochs, val_loss (one per pass) and kept."""
    ### BEGIN SOLUTION
    net, val_loss, kept = fit(epochs, stages, nights, numbers, fold, seed, passes)
    every = sequences_of(np.arange(len(stages)), nights, numbers)
    return {"probability": probability_of(net, epochs, every, len(stages)), "val_loss": val_loss, "kept": kept}
    ### END SOLUTION


# %% role="test" task="train" points=12
# asks: train_and_predict
task = exam.task("train", points=12)
_d = probe.easy_nights(18, 40, seed=SEED + 61, samples=1000)
_y, _place = _d["stages"], (_d["nights"], _d["numbers"])
_fold = {"train": np.flatnonzero(_d["subjects"] < 12), "val": np.flatnonzero((_d["subjects"] >= 12) & (_d["subjects"] < 15)), "test": np.flatnonzero(_d["subjects"] >= 15)}
_others = np.concatenate([_fold["train"], _fold["val"]])
_first = _two = None
with task.check("probabilities of five stages for all epochs, and one loss per pass", 1):
    _told = train_and_predict(_d["epochs"].copy(), _y.copy(), *_place, _fold, 3, 20)
    _p = exam.numbers(probe.entry(_told, "probability"), shape=(len(_y), 5), what="probability")
    exam.same(_p.sum(axis=1), np.ones(len(_y)), what="sum of the five probabilities", atol=1e-3, cause="logits were returned: apply a softmax over the stages")
    _losses = exam.numbers(probe.entry(_told, "val_loss"), shape=(None,), what="val_loss")
    _kept = int(exam.numbers(probe.entry(_told, "kept"), shape=(), what="kept"))
    exam.expect(0 <= _kept < len(_losses) <= 20, got=f"kept {_kept} of {len(_losses)} passes", expected="one of the passes that were made, at most 20")
    _first = {"probability": _p, "val_loss": _losses, "kept": _kept}
with task.check("it learns, and uses what comes before", 3, cause="epochs judged one by one, a learning rate far off, or gradients not zeroed"):
    _p = exam.given(_first)["probability"][_fold["test"]]
    _reached = probe.kappa(_y[_fold["test"]], _p.argmax(axis=1))
    exam.expect(_reached >= 0.6, got=f"kappa {_reached:.2f} for sleepers never met", expected="at least 0.6",
                cause="a learning rate far off, gradients not zeroed, labels and epochs shifted against each other, or .eval() missing")
    _twins = np.flatnonzero(np.isin(_y[_fold["test"]], (1, 4)))
    _told = np.mean(_p[_twins].argmax(axis=1) == _y[_fold["test"]][_twins])
    exam.expect(_told >= 0.7, got=f"{100 * _told:.0f} % right among N1 and REM, which sound the same here", expected="at least 70 %",
                cause="epochs judged one by one, or sequences of epochs that are not in their order")
_noisy, _guess = None, _y.copy()
_guess[_fold["val"]] = np.random.default_rng(SEED + 62).permutation(_y[_fold["val"]])  # there is nothing to learn about these: soon the loss rises
with task.check("training stops when validation does not improve", 2, cause="no early stopping: PATIENCE passes without a lower loss end the training"):
    _told = train_and_predict(_d["epochs"].copy(), _guess.copy(), *_place, _fold, 3, 20)
    _losses = exam.numbers(probe.entry(_told, "val_loss"), shape=(None,), what="val_loss")
    _p = exam.numbers(probe.entry(_told, "probability"), shape=(len(_y), 5), what="probability")
    _noisy = {"probability": _p, "val_loss": _losses, "kept": int(exam.numbers(probe.entry(_told, "kept"), shape=(), what="kept"))}
    exam.expect(len(_losses) - 1 - int(np.argmin(_losses)) == 4, got=f"{len(_losses)} passes, the lowest loss after pass {int(np.argmin(_losses)) + 1}",
                expected="4 passes after the lowest one (PATIENCE)", cause="no early stopping, the training loss watched instead of the validation loss, or patience counted differently")
with task.check("the weights of the best pass are kept", 2, cause="the last weights returned, or a state_dict that went on changing: copy.deepcopy"):
    for _run, _true in ((_noisy, _guess), (_first, _y)):
        _lowest = int(np.argmin(exam.given(_run)["val_loss"]))
        exam.expect(_run["kept"] == _lowest, got=f"kept {_run['kept']}", expected=f"{_lowest}, the pass with the lowest validation loss")
        _loss = probe.cross_entropy(_run["probability"][_fold["val"]], _true[_fold["val"]])
        exam.same(_loss, _run["val_loss"][_lowest], what="validation loss computed from the probabilities you return", rtol=0.02, atol=0.005,
                  cause="the last weights returned instead of the best, a state_dict that went on changing (copy.deepcopy), class weights in the validation loss, or .eval() missing")
with task.check("the same seed gives the same result", 1, cause="weights or batches are drawn without `seed`"):
    _told = [train_and_predict(_d["epochs"].copy(), _y.copy(), *_place, _fold, 5, 2) for _ in range(2)]
    _made = len(exam.numbers(probe.entry(_told[0], "val_loss"), shape=(None,), what="val_loss"))
    exam.expect(_made <= 2, got=f"{_made} passes", expected="2, as `passes` says", cause="`passes` is not used")
    _two = [exam.numbers(probe.entry(_run, "probability"), shape=(len(_y), 5)) for _run in _told]
    exam.same(_two[0], _two[1], what="probability, the same seed twice", atol=0.02, cause="weights or batches are drawn without `seed`")
with task.check("only training epochs are learnt from", 3, cause="trained on test epochs, normalised over all epochs, or batch normalisation met filled places"):
    # With one pass there is no choice between passes: stages of other parts can have no effect at all. Some stages are made rare among what is learnt from.
    _rare = np.isin(_y, (0, 3)) & (np.arange(len(_y)) % 8 > 0)
    _uneven = _fold | {"train": np.setdiff1d(_fold["train"], np.flatnonzero(_rare))}
    _base = train_and_predict(_d["epochs"].copy(), _y.copy(), *_place, _uneven, 5, 1)
    _p = exam.numbers(probe.entry(_base, "probability"), shape=(len(_y), 5))
    exam.same(probe.cross_entropy(_p[_fold["val"]], _y[_fold["val"]]), float(np.asarray(probe.entry(_base, "val_loss"))[0]), rtol=0.02, atol=0.005,
              what="validation loss computed from the probabilities you return, after one pass over stages of unequal frequency", cause="class weights in the validation loss, or a mean of means of batches")
    for _name in ("test", "val"):
        _y2 = _y.copy()
        _y2[_fold[_name]] = (_y2[_fold[_name]] + 2) % 5
        _moved = exam.numbers(probe.entry(train_and_predict(_d["epochs"].copy(), _y2, *_place, _uneven, 5, 1), "probability"), shape=(len(_y), 5))
        exam.same(_moved, _p, atol=1e-3, what=f"probability after one pass when only stages of the {_name} part were exchanged",
                  cause=f"trained on {_name} epochs, or filled places took part in the loss: -1 is the last epoch to NumPy")
    _x2, _y2 = _d["epochs"].copy(), _y.copy()
    _x2[_fold["test"]] = 300 * np.random.default_rng(SEED + 63).standard_normal(_x2[_fold["test"]].shape)  # a scale over all epochs would be ruled by them
    _y2[_fold["test"]] = (_y2[_fold["test"]] + 2) % 5
    _told = train_and_predict(_x2, _y2, *_place, _fold, 5, 2)
    exam.same(exam.numbers(probe.entry(_told, "probability"), shape=(len(_y), 5))[_others], exam.given(_two)[0][_others], atol=0.02,
              what="probability of a training or validation epoch after only test epochs were exchanged",
              cause="trained on test epochs, normalised over all epochs, or filled places (-1 is the last epoch to NumPy) took part in batch normalisation; else .eval() is missing")
task.points()

# %% [markdown]
# ## Task 8: kappa and F1 (8 points)
#
# Write four functions, with NumPy alone (the test cell compares with scikit-learn, and so may you). `labels` and `called`: (n,) stages 0 to 4.
#
# - `confusion(labels, called)`: (5, 5) counts; the row is the true stage, the column the called one.
# - `kappa(labels, called)`: Cohen's kappa, a number: `(agreed - chance) / (1 - chance)`. `agreed` is the share of epochs called right; `chance` the share on which two would agree who
#   call at random, each stage as often as it is in `labels` and in `called`. 0 where `chance` is 1.
# - `stage_f1(labels, called)`: (5,) F1 of each stage, 0 for a stage that neither occurs nor is called.
# - `macro_f1(labels, called)`: the mean of the five, each counting the same.
#
# <details><summary>Hint 1: the idea</summary>Everything is in the confusion matrix: the diagonal is what agrees, row sums say how often a stage is, column sums how often it is called.</details>
# <details><summary>Hint 2: what to use</summary><code>np.add.at(table, (labels, called), 1)</code>, <code>np.trace</code>, <code>table.sum(axis=...)</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>chance = np.sum(table.sum(axis=0) * table.sum(axis=1)) / n ** 2</code>. F1 of a stage: <code>2 * hits / (row sum + column
# sum)</code>.</details>

# %% role="answer" task="metrics"
def confusion(labels, called):
    """(5, 5) counts: row true stage, column called stage."""
    ### BEGIN SOLUTION
    table = np.zeros((5, 5), int)
    np.add.at(table, (np.asarray(labels).astype(int), np.asarray(called).astype(int)), 1)
    return table
    ### END SOLUTION


def kappa(labels, called):
    """Cohen's kappa."""
    ### BEGIN SOLUTION
    table = confusion(labels, called)
    agreed = np.trace(table) / table.sum()
    chance = np.sum(table.sum(axis=0) * table.sum(axis=1)) / table.sum() ** 2
    return float((agreed - chance) / (1 - chance)) if chance < 1 else 0.0
    ### END SOLUTION


def stage_f1(labels, called):
    """(5,) F1 of each stage."""
    ### BEGIN SOLUTION
    table = confusion(labels, called)
    return 2 * np.diag(table) / np.maximum(table.sum(axis=0) + table.sum(axis=1), 1)
    ### END SOLUTION


def macro_f1(labels, called):
    """Mean F1 of the five stages."""
    ### BEGIN SOLUTION
    return float(stage_f1(labels, called).mean())
    ### END SOLUTION


# %% role="test" task="metrics" points=8
# asks: confusion, kappa, stage_f1, macro_f1
task = exam.task("metrics", points=8)
_rng = np.random.default_rng(SEED + 71)
_pairs = []
for _n, _share, _right in ((700, (0.3, 0.05, 0.4, 0.1, 0.15), 0.7), (300, (0.05, 0.02, 0.9, 0.02, 0.01), 0.5), (60, (0.2, 0.2, 0.2, 0.2, 0.2), 0.2)):
    _true = _rng.choice(5, _n, p=_share)
    _pairs.append((_true, np.where(_rng.random(_n) < _right, _true, _rng.choice(5, _n, p=(0.5, 0.1, 0.3, 0.05, 0.05)))))
with task.check("confusion: rows are the truth", 2, cause="rows and columns exchanged"):
    for _true, _said in _pairs:
        _wanted = np.array([[np.sum((_true == _a) & (_said == _b)) for _b in range(5)] for _a in range(5)])
        exam.same(confusion(_true.copy(), _said.copy()), _wanted, what="confusion", cause="rows and columns exchanged")
    exam.same(confusion(np.array([0, 0, 2]), np.array([0, 2, 2])), np.array([[1, 0, 1, 0, 0], [0] * 5, [0, 0, 1, 0, 0], [0] * 5, [0] * 5]),
              what="confusion where stages do not occur", cause="a table of the stages that occur: it has five rows and columns always")
with task.check("kappa", 3, cause="accuracy under the name of kappa, or chance taken as one fifth"):
    for _true, _said in _pairs:
        _wanted, _got = probe.kappa(_true, _said), float(exam.numbers(kappa(_true.copy(), _said.copy()), shape=(), what="kappa"))
        exam.same(_got, _wanted, what="kappa", atol=1e-6,
                  cause="this is the accuracy: chance is not taken away" if np.isclose(_got, np.mean(_true == _said)) else "chance taken as one fifth: stages are not equally frequent")
    exam.same(kappa(np.full(20, 2), np.full(20, 2)), 0.0, what="kappa when all epochs are N2 and called so", cause="a division by zero: there chance is 1")
    exam.same(kappa(_pairs[0][0], np.full(700, 2)), 0.0, what="kappa of calling everything N2", atol=1e-9)
with task.check("F1 of each stage", 2, cause="accuracy or sensitivity of each stage instead of F1"):
    for _true, _said in _pairs:
        exam.same(stage_f1(_true.copy(), _said.copy()), probe.stage_f1(_true, _said), what="stage_f1", cause="sensitivity or PPV of each stage instead of F1")
    exam.same(stage_f1(np.array([0, 0, 2]), np.array([0, 2, 2])), [2 / 3, 0, 2 / 3, 0, 0], what="stage_f1 where stages do not occur", cause="a division by zero")
with task.check("macro-F1: every stage counts the same", 1, cause="weighted by how frequent a stage is, or over all epochs at once"):
    for _true, _said in _pairs:
        exam.same(macro_f1(_true.copy(), _said.copy()), probe.stage_f1(_true, _said).mean(), what="macro_f1",
                  cause="weighted by how frequent a stage is: rare N1 then hardly counts; or F1 over all epochs at once, which is the accuracy")
task.points()

# %% [markdown]
# ## Task 9: the report (8 points)
#
# Write `report(labels, called, subjects, nights, numbers, seed)`, of all test epochs of a cross-validation together: (n,) each; `labels` and `called` stages 0 to 4, `subjects` and `nights` whole
# numbers, `numbers` as before. Return a dict:
#
# - `"kappa"` and `"macro_f1"`: of **all epochs together**. (The mean over folds is another number, and a worse one: in one sleeper N1 may hardly occur.)
# - `"subjects"`: (m,) ascending; `"kappa_by_subject"`: (m,) kappa of the epochs of each.
# - `"interval"`: 95 % interval `(low, high)` of `"kappa"` by the bootstrap over **subjects**: 1,000 times or more, draw m of the m subjects with replacement, put all epochs of those drawn together (whoever is
#   drawn twice counts twice), and compute kappa; between the 2.5 and the 97.5 percentile. `seed` decides the draws.
# - `"wrong_at_changes"` and `"wrong_elsewhere"`: share of wrong epochs among those **at a change of stage** and among the others. An epoch is at a change when the epoch before or after it (its number minus or plus 1, in the **same
#   night**) is there and has another true stage. 0 where there are no such epochs.
#
# <details><summary>Hint 1: the idea</summary>For the bootstrap, add confusion matrices: one per subject is enough, and kappa follows from their sum.</details>
# <details><summary>Hint 2: what to use</summary><code>rng.integers(m, size=m)</code> or <code>rng.choice</code>; <code>np.quantile(values, [0.025, 0.975])</code>;
# <code>np.lexsort((numbers, nights))</code> brings neighbours together.</details>
# <details><summary>Hint 3: almost the code</summary>Sorted: <code>change = (night[1:] == night[:-1]) &amp; (np.diff(number) == 1) &amp; (stage[1:] != stage[:-1])</code>; then
# <code>at[:-1] |= change</code> and <code>at[1:] |= change</code>.</details>

# %% role="answer" task="report"
def report(labels, called, subjects, nights, numbers, seed):
    """Kappa, macro-F1, kappa by subject with an interval over subjects, and errors at changes of stage."""
    ### BEGIN SOLUTION
    labels, called, subjects = np.asarray(labels), np.asarray(called), np.asarray(subjects)

    def tables_of(y, said):
        table = np.zeros((5, 5))
        np.add.at(table, (y, said), 1)
        return table

    def kappa_of(table):
        chance = np.sum(table.sum(axis=0) * table.sum(axis=1)) / table.sum() ** 2
        return (np.trace(table) / table.sum() - chance) / (1 - chance) if chance < 1 else 0.0

    names = np.unique(subjects)
    tables = np.stack([tables_of(labels[subjects == who], called[subjects == who]) for who in names])
    pooled = tables.sum(axis=0)
    rng = np.random.default_rng(seed)
    drawn = [kappa_of(tables[rng.integers(len(names), size=len(names))].sum(axis=0)) for _ in range(2000)]
    order = np.lexsort((numbers, nights))
    night, number, y = np.asarray(nights)[order], np.asarray(numbers)[order], labels[order]
    change = (night[1:] == night[:-1]) & (np.diff(number) == 1) & (y[1:] != y[:-1])
    at = np.zeros(len(y), bool)
    at[:-1] |= change
    at[1:] |= change
    wrong = (labels != called)[order]
    return {
        "kappa": kappa_of(pooled),
        "macro_f1": float(np.mean(2 * np.diag(pooled) / np.maximum(pooled.sum(axis=0) + pooled.sum(axis=1), 1))),
        "subjects": names,
        "kappa_by_subject": np.array([kappa_of(table) for table in tables]),
        "interval": tuple(np.quantile(drawn, [0.025, 0.975])),
        "wrong_at_changes": float(wrong[at].mean()) if at.any() else 0.0,
        "wrong_elsewhere": float(wrong[~at].mean()) if (~at).any() else 0.0,
    }
    ### END SOLUTION


# %% role="test" task="report" points=8
# asks: report
task = exam.task("report", points=8)
_d = probe.scored_nights(14, seed=SEED + 81)
_mixed = np.random.default_rng(SEED + 82).permutation(len(_d["labels"]))
_d = {_name: _values[_mixed] for _name, _values in _d.items()}  # epochs in any order
_arguments = [_d[_name] for _name in ("labels", "called", "subjects", "nights", "numbers")]
_told = None
with task.check("kappa and macro-F1 of all epochs together", 2, cause="means over subjects or folds instead of all epochs together"):
    _told = report(*[_values.copy() for _values in _arguments], 1)
    exam.same(probe.entry(_told, "kappa"), probe.kappa(_d["labels"], _d["called"]), what="kappa", atol=1e-6, cause="the mean over subjects, or accuracy")
    exam.same(probe.entry(_told, "macro_f1"), probe.stage_f1(_d["labels"], _d["called"]).mean(), what="macro_f1", atol=1e-6, cause="the mean over subjects, or weighted by how frequent a stage is")
with task.check("kappa of each subject, both nights together", 2, cause="one per night, or subjects in another order than ascending"):
    _who = np.unique(_d["subjects"])
    exam.same(probe.entry(exam.given(_told), "subjects"), _who, what="subjects", cause="nights instead of subjects, or not ascending")
    _wanted = [probe.kappa(_d["labels"][_d["subjects"] == _w], _d["called"][_d["subjects"] == _w]) for _w in _who]
    exam.same(probe.entry(_told, "kappa_by_subject"), _wanted, what="kappa_by_subject", atol=1e-6)
with task.check("an interval that comes from drawing subjects", 2, cause="epochs are drawn instead of subjects, which makes the interval far too narrow"):
    # 1,000 draws move each end by 2 % of the width, four seeds together by 1 %; drawing epochs gives less than half the width, 5 and 95 % four fifths of it
    _low, _high = probe.interval(_d["labels"], _d["called"], _d["subjects"])
    _ends = [exam.numbers(probe.entry(exam.given(_told), "interval"), shape=(2,), what="interval")]
    for _seed in (5, 5, 6, 7):
        _ends.append(exam.numbers(probe.entry(report(*[_values.copy() for _values in _arguments], _seed), "interval"), shape=(2,), what="interval"))
    exam.same(_ends[1], _ends[2], what="interval, the same seed twice", cause="the global random generator is used instead of `seed`")
    exam.same(np.mean([_ends[_k] for _k in (0, 1, 3, 4)], axis=0), [_low, _high], what="interval (low, high), the mean of four seeds", atol=0.06 * (_high - _low), rtol=0,
              cause="epochs are drawn instead of subjects, or nights are, kappas of subjects are averaged instead of all epochs together, or another percentile than 2.5 and 97.5")
    exam.expect(np.abs(_ends[1] - _ends[3]).max() > 1e-12, got="the same interval for other seeds", expected="slightly other ends", cause="`seed` is not used")
with task.check("errors at changes of stage, and elsewhere", 2, cause="neighbours in the list taken for neighbours in the night, or changes of what was called"):
    _at = probe.at_transition(_d["labels"], _d["nights"], _d["numbers"])
    _wrong = _d["labels"] != _d["called"]
    exam.same(probe.entry(exam.given(_told), "wrong_at_changes"), _wrong[_at].mean(), what="wrong_at_changes",
              cause="neighbours in the list taken for neighbours in the night, a gap taken for a change, or only one side of a change counted")
    exam.same(probe.entry(_told, "wrong_elsewhere"), _wrong[~_at].mean(), what="wrong_elsewhere")
    _still = report(np.full(6, 2), np.array([2, 2, 1, 2, 2, 0]), np.repeat([1, 2], 3), np.repeat([1, 2], 3), np.arange(6), 1)
    exam.expect(np.isfinite(float(probe.entry(_still, "wrong_at_changes"))), got="NaN where the stage never changes", expected="0", cause="the mean of nothing")
    exam.same(_still["wrong_at_changes"], 0.0, what="wrong_at_changes where the stage never changes", cause="the mean of nothing")
    _next = report(np.array([2, 2, 1, 3, 3, 3]), np.array([2, 2, 1, 2, 3, 3]), np.repeat([1, 2], 3), np.repeat([1, 2], 3), np.arange(6), 1)
    exam.same(probe.entry(_next, "wrong_elsewhere"), 0.25, what="wrong_elsewhere where a night is numbered on from the one before", cause="the end of one night and the start of another taken for a change of stage")
task.points()

# %% [markdown]
# ## Task 10: perform, and the 5-fold report (8 points)
#
# Train on the class's cohort, by folds of subjects, and write `stage_night(epochs, numbers)` that uses what you trained:
#
# - `epochs`: float32 (n, 3000), the epochs of **one night** in their order, filtered and scaled as those of the cohort; `numbers` (n,) their numbers in the night, with gaps where epochs were dropped.
#   Returns stages (n,), whole numbers 0 to 4. The same night gets the same answer whichever nights came before.
#
# `cohort.signals` (n, 1, 3000), `cohort.labels`, `cohort.subjects`, `cohort.columns["night"]` and `cohort.columns["epoch"]` (the number in the night) are the class's epochs. Print the report of task 9
# for the test parts of your folds: task 11 is about it. The test cell asks about nights of sleepers you have never seen: kappa (5 points) and macro-F1 (3 points), each along a line from a floor, just
# below what the powers of the usual bands in single epochs reach, to what a network that reads sequences reaches when it is trained for few passes.
#
# <details><summary>Hint 1: the idea</summary>Each fold gives a network that has not met its test subjects: their answers make the report. For new sleepers all these networks can be asked, and
# their probabilities averaged.</details>
# <details><summary>Hint 2: what to use</summary><code>subject_folds(cohort.subjects, FOLDS, SEED)</code>, the training function of task 7 with <code>PASSES</code>, and for a new night
# <code>make_sequences(["new"] * len(epochs), numbers, LENGTH)</code>.</details>
# <details><summary>Hint 3: almost the code</summary>For each fold: <code>net, _, _ = fit(...)</code>; <code>rows</code> = sequences of its test part; <code>called[fold["test"]] =
# probability_of(net, x, rows, n)[fold["test"]].argmax(axis=1)</code>. For a new night the mean of <code>probability_of(net, epochs, rows, len(epochs))</code> over the networks, then
# <code>argmax</code>.</details>

# %% role="locked"
FOLDS, PASSES = {"ci": (4, 4), "default": (5, 6), "full": (5, 16)}[BUDGET]  # passes at most
cohort = data.load("sleep", source="simulated", n={"ci": 12, "default": 12, "full": 20}[BUDGET], hours=4.0 if BUDGET == "ci" else 6.0)
print(cohort)
print(f"{len(cohort)} epochs of {len(np.unique(cohort.columns['night']))} nights of {len(np.unique(cohort.subjects))} SIMULATED subjects")

# %% role="answer" task="perform"
# train on the class's cohort here, once, and print your report:
### BEGIN SOLUTION
x, y = np.asarray(cohort.signals[:, 0], np.float32), np.asarray(cohort.labels)
night, number = np.asarray(cohort.columns["night"]), np.asarray(cohort.columns["epoch"])
nets, called = [], np.zeros(len(y), int)
for k, fold in enumerate(subject_folds(cohort.subjects, FOLDS, SEED)):
    net, val_loss, kept = fit(x, y, night, number, fold, 10 * SEED + k, PASSES)
    p = probability_of(net, x, sequences_of(fold["test"], night, number), len(y))
    called[fold["test"]] = p[fold["test"]].argmax(axis=1)
    nets.append(net)
    print(f"fold {k + 1}: pass {kept + 1} of {len(val_loss)} kept, kappa of its test subjects {kappa(y[fold['test']], called[fold['test']]):.2f}")
whose, which = (np.unique(of, return_inverse=True)[1] for of in (cohort.subjects, night))
told = report(y, called, whose, which, number, SEED)
print(f"test subjects of all folds (SIMULATED): kappa {told['kappa']:.2f}, 95 % interval {told['interval'][0]:.2f} to {told['interval'][1]:.2f}; "
      f"macro-F1 {told['macro_f1']:.2f}; F1 of each stage {np.round(stage_f1(y, called), 2)}")
print(f"wrong at changes of stage {100 * told['wrong_at_changes']:.0f} %, elsewhere {100 * told['wrong_elsewhere']:.0f} %")
### END SOLUTION


def stage_night(epochs, numbers):
    """Stages (n,) of the epochs (n, 3000) of one night."""
    ### BEGIN SOLUTION
    rows = make_sequences(["new"] * len(epochs), numbers, LENGTH)
    return np.mean([probability_of(net, epochs, rows, len(epochs)) for net in nets], axis=0).argmax(axis=1)
    ### END SOLUTION


# %% role="test" task="perform" points=8
# asks: stage_night
task = exam.task("perform", points=8)
_unseen = exam.cohort("sleep")
# reference at the smallest budget, eight seeds and hidden cohorts: kappa 0.711 to 0.773, macro-F1 0.656 to 0.718. Logistic regression and boosting on
# the powers of six bands in single epochs: kappa 0.57 to 0.64, macro-F1 0.58 to 0.64; a CNN without neighbours about 0.68; everything called N2: kappa 0
task.credit("kappa on sleepers never seen", lambda: exam.score("kappa", _unseen, exam.ask(_unseen, stage_night)),
            floor=0.65, full=0.70, points=5)
task.credit("macro-F1 on sleepers never seen", lambda: exam.score("macro_f1", _unseen, exam.ask(_unseen, stage_night)),
            floor=0.64, full=0.65, points=3)
task.points()

# %% [markdown]
# ## Task 11: explain (6 points, read by a person)
#
# Look at the report of task 10 and at nights of single subjects. In 150 to 300 words:
#
# 1. Which stage does your network find worst, with which others does it mix it up, and what in the EEG explains that? Name numbers from your own confusion matrix, and the data they are on (2 points).
# 2. Where in the night do its errors lie? Compare errors at changes of stage with the others, and say why not all of the difference is the network's fault (2 points).
# 3. Two scorers of one night agree with a kappa of about 0.76. A colleague reports 0.97 for a network, on epochs drawn at random from all nights. Name two mistakes that could explain this, and for each
#    the check that would show it (2 points).
#
# <details><summary>Hint 1: the idea</summary>A row of the confusion matrix says what became of a stage. An epoch is 30 s long, a change of stage is not.</details>
# <details><summary>Hint 2: what to use</summary><code>confusion(y, called)</code>, the report, <code>plt.step</code> for truth and model of one night.</details>
# <details><summary>Hint 3: almost the code</summary>Divide each row of the confusion matrix by its sum, and sort subjects by <code>kappa_by_subject</code>.</details>

# %% [markdown] role="written" task="explain" points=6
# ### BEGIN SOLUTION
# 1. N1, by far the lowest F1 of the five on the class's simulated nights (name the number). It is called W, N2 or REM: it is the passage from waking to sleep, alpha goes and theta comes, and its low mixed waves look like those of
# REM, which only eye movements and muscle tone tell apart, and these are not in this channel. It is also rare, so that it counts little in the loss.
# 2. At changes of stage about three times as often as elsewhere. An epoch has one stage, though the sleeper may change in the middle of it; scorers themselves differ by an epoch on where a change is, so part of these errors is
# noise in the labels, which no network can or should learn.
# 3. Epochs of one sleeper in training and test: split by subject and compare; kappa falls. The day around the night not trimmed: count the stages, most are W; trim, or look at kappa of sleep alone. Also: scaling or choosing the best pass on the test
# part; sequences of test and training that overlap. Above the agreement of two people, a network has learnt the scorer or the sleeper.
# ### END SOLUTION
#
# ### BEGIN MARK SCHEME
# - 1 (2 points): the worst stage (N1) with what it is mixed up with, from own numbers, called simulated (1); an explanation from the EEG: passage between W and N2, mixed low waves as in REM, no EOG or EMG (1). Its being rare alone is half a point.
# - 2 (2 points): own share of errors at changes against elsewhere (1); an epoch holds two stages, or scorers disagree there: label noise (1).
# - 3 (2 points): one point for each mistake with its check (split by epoch; day not trimmed; test used for scaling, stopping or choice; kappa that is an accuracy; overlapping sequences).
# ### END MARK SCHEME

# %% [markdown]
# ## Take away
#
# - Read channels by name, with the unit and the rate of the file; a stage belongs to its own 30 s. Merge, drop, trim, and keep the numbers.
# - A sequence ends where the night ends, and at every gap. What an answer may depend on can be tested before any training.
# - Stop by validation subjects, keep the weights of the best pass; the test subjects are asked once.
# - Kappa takes chance away, macro-F1 lets rare N1 count. Two people agree at about 0.76: more than that is a reason to look for a leak.
#
# **Where next.** Assignment 06 puts two kinds of signal side by side: EEG and the pupil, and how hard somebody is working.
