# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# total: 100
# cell_timeout_s: 300
# total_timeout_s: 900
# ceiling: {macro_auc: 0.93, auc_low: 0.97, auc_high: 0.97, auc_medium: 0.88}
# ---

# %% [markdown]
# # Assignment 06: mental workload from EEG and pupil, in real time
#
# You build the way from an amplifier and an eye tracker to a workload level that is decided four times a second: clean the pupil, bring two clocks together, cut windows that
# hold the same seconds of both signals, write a branch for each signal and two ways to join them, evaluate by subject, and run it all on a stream that knows no future. The
# lesson `course/06_workload.ipynb` teaches every step.
#
# **What you need.** The lesson of this number; from 01 and 03 networks, ROC AUC, bootstrap; from 04 folds of subjects. NumPy, SciPy and PyTorch as the lessons use them. You may
# take ideas and lines from the lessons and call what `physiodl` and SciPy offer; the point is that you can say why each line is there. Some modules of the package (`physiodl.pupil`,
# `clocks`, `streaming`, `eegmat`) hold whole ready-made functions that do a task: nobody forbids them, but to call one and be done is not the point.
#
# **Time.** About 8 hours of work. One run from top to bottom computes for about a minute on two CPU cores.
#
# **Data.** *Simulated* EEG (19 channels, 125 Hz) and *simulated* pupils (60 Hz) of people who do sums at three levels of difficulty. The course grades on simulated people, so the
# network is trained on simulated ones, whatever you have fetched. Nothing found here is true of patients, pilots or pupils at school.
#
# | task | points | you define |
# |---|---|---|
# | clean | 10 | `clean_pupil` |
# | align | 10 | `fit_clock`, `resample_to` |
# | windows | 10 | `band_pass`, `cut_windows` |
# | branches | 10 | `EEGBranch`, `PupilBranch`, `eeg_steps`, `pupil_steps` |
# | fusion | 14 | `attend`, `Concatenation`, `CrossAttention`, `fusion_logits`, `gradient_norms` |
# | evaluate | 12 | `subject_folds`, `auc_by_class`, `auc_interval`, `cross_validate` |
# | stream | 16 | `filter_step`, `order_step`, `decide` |
# | perform | 12 | `workload_probabilities` |
# | transitions | 6 | a text, read by a person |
#
# **How it works.** Write your answer where the cell says so, run it, then run the test cell below it: it prints a line
# for every check, with the points, and says what it got, what it expected and the likely cause. Test cells call
# only the functions the task names, so inside you may write whatever you like. When your work is graded, the same cells
# run with other recordings and other people. Partial points count: nbgrader's *Validate*
# button calls a cell with partial points failed, the points are yours all the same.

# %% tags=["parameters"]
SOURCE = "auto"  # people are simulated here, whatever this says
BUDGET = "default"  # "ci" is quicker, "full" trains longer
SEED = 0

# %% role="locked"
import numpy as np
import torch
from scipy import signal
from torch import nn

from physiodl import data, exam, signals
from physiodl.exam import workload as probe
from physiodl.exam import workload_networks as nets

torch.set_num_threads(min(2, torch.get_num_threads()))  # more threads make networks this small slower, not faster
exam.begin("06_workload", source=SOURCE, seed=SEED)

# %% [markdown]
# ## Task 1: clean the pupil (10 points)
#
# Write `clean_pupil(diameter_mm, fs)`.
#
# - `diameter_mm`: (samples,) in mm, NaN where the tracker saw no pupil, maybe only a few samples; `fs`: sampling rate in Hz, such as 45 or 120. Do not change the array you are given.
# - **Not to be believed** are samples that are NaN, smaller than 1.5 mm or larger than 9 mm, and **all samples within 0.15 s** (`round(0.15 * fs)` samples) **on both sides** of
#   one of these: there the lid covers part of the pupil, and what the tracker gives looks like a small one.
# - **Filled** with a straight line, from the last good sample before to the first good one after: gaps of **at most 1 s** (`fs` samples; exactly 1 s is filled), counted with their margins.
# - **NaN** stay longer gaps, all of their length, and gaps at the beginning and the end, which have one side only.
# - Returns a dict: `"diameter"` (samples,) and `"seen"` (samples,) bool, True where the sample was believed, False where it was filled or is NaN.
#
# Two blinks whose margins touch are one gap. Where nothing is good, all is NaN.
#
# <details><summary>Hint 1: the idea</summary>First one array of True and False: bad or not. Then make it wider. Then look at its runs of True one by one and decide about each.</details>
# <details><summary>Hint 2: what to use</summary><code>~np.isfinite(x) | (x &lt; 1.5) | (x &gt; 9)</code>; <code>np.convolve(bad, np.ones(2 * m + 1), mode="same") &gt; 0.5</code>;
# <code>np.flatnonzero(np.diff(np.concatenate([[0], bad, [0]])))</code> gives beginnings and ends in turn; <code>np.interp</code>. Mind recordings shorter than the
# kernel.</details>
# <details><summary>Hint 3: almost the code</summary><code>for a, b in edges.reshape(-1, 2)</code>: samples a to b - 1 are bad. <code>np.interp(np.arange(a, b), [...], [...])</code> fills them; what
# are the two samples it goes between, and which three conditions must hold before you fill?</details>

# %% role="answer" task="clean"
def clean_pupil(diameter_mm, fs):
    """Blinks and their edges out, short gaps filled: dict of diameter (samples,) mm and seen (samples,) bool."""
    ### BEGIN SOLUTION
    x = np.asarray(diameter_mm, float)
    bad = ~np.isfinite(x) | (x < 1.5) | (x > 9.0)
    margin = round(0.15 * fs)
    bad = np.convolve(bad, np.ones(2 * margin + 1))[margin : margin + len(x)] > 0.5
    out = np.where(bad, np.nan, x)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], bad.astype(int), [0]])))
    for a, b in edges.reshape(-1, 2):
        if a > 0 and b < len(x) and b - a <= fs:
            out[a:b] = np.interp(np.arange(a, b), [a - 1, b], [x[a - 1], x[b]])
    return {"diameter": out, "seen": ~bad}
    ### END SOLUTION


# %% role="test" task="clean" points=10
# asks: clean_pupil
task = exam.task("clean", points=10)
_blinks = [(2.0, 0.2), (5.5, 0.35), (9.0, 0.1), (12.0, 0.6)]
_true = probe.pupil(16.0, 60.0, seed=SEED + 1)
_seen = probe.blinking(_true, 60.0, _blinks)
_found = None


def _ramp(_seconds, _gaps, *, _fs=60.0):
    """A pupil that grows steadily, with gaps and no lid: a straight line is right whatever the margins."""
    _line = 3.0 + 0.08 * np.arange(round(_seconds * _fs)) / _fs
    _cut = _line.copy()
    for _start, _length in _gaps:
        _cut[round(_start * _fs) : round((_start + _length) * _fs)] = np.nan
    return _line, _cut


def _cleaned(_cut, _fs=60.0):
    """The diameter that comes back."""
    return probe.clean_answer(clean_pupil(_cut.copy(), _fs), len(_cut))[0]


with task.check("diameter and seen for each sample, the given array as it was", 1, cause="a dict of two arrays, as long as the recording"):
    _mine = _seen.copy()
    _made = probe.clean_answer(clean_pupil(_mine, 60.0), 960)
    _off = np.abs(_made[0] - _true)
    exam.expect(np.isfinite(_made[0]).any() and np.nanmedian(_off) < 1e-6, got="other values than the tracker's", expected="diameters in mm, unchanged where they are good",
                cause="good samples must stay as they are: no smoothing, no other unit")
    _found = _made
    exam.expect(np.array_equal(_mine, _seen, equal_nan=True), got="the array that was handed over changed", expected="the same as before", cause="take a copy: np.where(...) or .copy()")
with task.check("half a pupil at the edges of blinks is not believed", 2, cause="no margin, or on one side only: the lid comes down before the gap and goes up after it"):
    _kept = exam.given(_found)[1] & (_off > 0.1)
    exam.expect(not _kept.any(), got=f"{_kept.sum()} samples under the lid that count as seen, wrong by up to {np.nanmax(np.where(_kept, _off, 0)):.1f} mm",
                expected="none", cause="no margin, or on one side only: the lid comes down before the gap and goes up after it")
    exam.expect(np.nanmax(_off) < 0.3, got=f"a diameter that is wrong by {np.nanmax(_off):.1f} mm beside a blink", expected="at most 0.3 mm",
                cause="the line begins at a sample under the lid: widen the gap first, fill it then")
    exam.same(exam.given(_found)[1], probe.cleaned(_seen, 60.0)[1], what="seen",
              cause="True for what was believed, not for what was filled; 0.15 s on both sides: round(0.15 * fs) samples, neither more nor fewer")
with task.check("short gaps are filled by a straight line", 2, cause="short gaps are left open, or filled with the last value or a mean"):
    _line, _cut = _ramp(16.0, [(2.0, 0.1), (5.0, 0.3), (9.0, 0.6)])
    probe.same_course(_cleaned(_cut), _line, what="diameter of a pupil that grows steadily", cause="a straight line from the last good sample before the gap to the first good one after",
                      gaps="gaps of at most 1 s, with their margins, are filled")
with task.check("sizes that no pupil has", 1, cause="values below 1.5 and above 9 mm are gaps as well"):
    _cut = probe.pupil(10.0, 60.0, seed=SEED + 3)
    _odd, _fine = {100: 11.0, 101: 11.0, 200: 9.3, 300: 0.4, 400: 1.2}, {500: 1.7, 540: 8.8}
    for _k, _mm in (_odd | _fine).items():
        _cut[_k] = _mm
    _kept = np.abs(_cleaned(_cut) - _cut) < 1e-9
    for _k, _mm in _odd.items():
        exam.expect(not _kept[_k], got=f"a pupil of {_mm:g} mm that is believed", expected="a gap", cause="values below 1.5 and above 9 mm are gaps as well")
    for _k, _mm in _fine.items():
        exam.expect(_kept[_k], got=f"a pupil of {_mm:g} mm that is not believed", expected="that diameter", cause="sizes from 1.5 to 9 mm are good")
    exam.expect(not (_kept & ~probe.cleaned(_cut, 60.0)[1]).any(), got="a sample within 0.15 s of an impossible size that is believed", expected="a gap with margins",
                cause="what stands beside an impossible size is not believed either: it has the margins that a NaN has, on both sides")
with task.check("long gaps stay open, all of them", 1, cause="everything is interpolated: over seconds a line makes up a calm pupil"):
    _line, _cut = _ramp(20.0, [(2.0, 2.5), (8.0, 0.2), (12.0, 1.3)])
    _made = _cleaned(_cut)
    _open = np.isfinite(_made) & np.isnan(_cut) & (np.abs(np.arange(1200) / 60 - 8.1) > 1)
    exam.expect(not _open.any(), got=f"{_open.sum()} values in gaps of 1.3 and 2.5 s", expected="NaN", cause="everything is interpolated, or the first second of a long gap: over seconds a line makes up a calm pupil")
    exam.expect(np.isfinite(_made[300:690]).all(), got="NaN where the pupil was seen, or over a blink", expected="diameters")
with task.check("how long a gap is, margins counted", 1, cause="the margins belong to the gap, and blinks whose margins touch are one gap"):
    _line, _cut = _ramp(20.0, [(3.0, 0.3), (3.5, 0.35), (9.0, 0.9), (14.0, 0.6)])
    probe.same_course(_cleaned(_cut), probe.cleaned(_cut, 60.0)[0], what="diameter", gaps="the margins belong to the gap, and blinks whose margins touch are one gap: longer than 1 s, it stays NaN from end to end")
    _line, _cut = _ramp(12.0, [(3.0, 42 / 60), (7.0, 43 / 60)])  # with 9 samples on both sides 60 and 61
    _made = _cleaned(_cut)
    exam.expect(np.isfinite(_made[180:222]).all(), got="NaN in a gap of exactly 60 samples at 60 Hz", expected="diameters", cause="at most 1 s: exactly 1 s, counted with its margins, is still filled")
    exam.expect(np.isnan(_made[411:472]).all(), got="values in a gap of 61 samples at 60 Hz", expected="NaN", cause="more than 1 s, counted with its margins, stays open")
with task.check("gaps at both ends stay open, and no pupil is no pupil", 1, cause="np.interp goes on with the last value for ever: nothing is known beyond the ends"):
    _line, _cut = _ramp(10.0, [(0.0, 0.4), (4.0, 0.2), (9.7, 0.3)])
    _made = _cleaned(_cut)
    exam.expect(np.isnan(_made[[0, 12, 23, 583, 590, 599]]).all(), got="values in gaps at the beginning or at the end", expected="NaN", cause="such a gap has one side only: nothing is known beyond it")
    exam.expect(np.isfinite(_made[60:560]).all(), got="NaN where the pupil was seen, or over a blink", expected="diameters")
    exam.expect(np.isnan(_cleaned(np.full(200, np.nan))).all(), got="values where no pupil was ever seen", expected="NaN")
    for _few, _n in ((5, 9), (2, 14)):  # shorter than a margin on both sides
        _cut = np.full(_n, 3.0)
        _cut[_few - 1] = np.nan
        _why = f"with mode=\"same\" np.convolve returns as many values as its longer input: cut {_n} of them out of the full convolution"
        probe.clean_answer(probe.attempt(clean_pupil, _cut.copy(), 60.0, cause=_why), _n, cause=_why)
with task.check("other rates", 1, cause="60 Hz, or a margin or a longest gap in samples, is written in"):
    for _fs in (35.0, 45.0, 120.0):  # 0.15 s are 5.25, 6.75 and 18 samples
        _other = probe.blinking(probe.pupil(12.0, _fs, seed=SEED + 5), _fs, [(2.0, 0.2), (5.0, 0.6), (8.0, 1.2)])
        probe.same_course(_cleaned(_other, _fs), probe.cleaned(_other, _fs)[0], what=f"diameter at {_fs:g} Hz",
                          cause="60 Hz, or a margin in samples, is written in; or the margin is cut off or rounded up: round(0.15 * fs) samples",
                          gaps="60 Hz, or a margin or a longest gap in samples, is written in; or the margin is cut off or rounded up: round(0.15 * fs) samples")
task.points()

# %% [markdown]
# ## Task 2: bring two clocks together (10 points)
#
# Both devices write down pulses, each by its own clock. Write two functions.
#
# - `fit_clock(tracker_s, eeg_s)`: times of the pulses in s, ascending, on the tracker's clock (j,) and on the EEG's (k,). Each device missed some, so **pulse number 5 of the one need not
#   be pulse number 5 of the other**. The clocks can be an hour apart; they drift by up to 300 ppm; the pulses come every 6 to 14 s, irregularly, and each time is right to 10 ms. Returns two numbers (a tuple, a list or an array),
#   `rate` and `offset`, such that **`eeg = rate * tracker + offset`**, right to 8 ms all through the recording: better than any single pulse. A `ValueError` where one of the two has fewer than three pulses.
# - `resample_to(time_s, x, fs, n)`: `time_s` (samples,) ascending but uneven, already on the EEG's clock, `x` (samples,) with NaN where nothing is known. Returns
#   (n,): the value at the times `k / fs`, k = 0 ... n - 1, on a straight line between the two **known** samples beside it; NaN where these two are **more than 0.1 s apart**, and before the
#   first and after the last known sample.
#
# <details><summary>Hint 1: the idea</summary>All differences between a time of the one and a time of the other: right pairs agree, wrong ones are spread over the whole recording. A first offset finds
# the pairs, a line through the pairs gives the rest. A drift spreads the right differences too: 300 ppm are 0.2 s in ten minutes.</details>
# <details><summary>Hint 2: what to use</summary><code>(eeg_s[None, :] - tracker_s[:, None]).ravel()</code>, sorted; <code>np.searchsorted</code> or <code>np.histogram</code> to find where most lie
# within a quarter of a second; <code>np.polyfit(a, b, 1)</code>. <code>np.interp</code> with <code>left=np.nan, right=np.nan</code> for known samples only, and <code>np.searchsorted</code> to see
# which two are the neighbours.</details>
# <details><summary>Hint 3: almost the code</summary><code>d = np.sort(differences)</code>; <code>count = np.searchsorted(d, d + 0.25) - np.arange(len(d))</code>; <code>k = count.argmax()</code>; offset = median of
# <code>d[k : k + count[k]]</code>. With it the nearest pulse of the EEG for each of the tracker's: which of these pairs are none? A line through all that are left. For the
# grid: <code>right = np.searchsorted(t, grid)</code>; what are the two neighbours, and when is there nothing between them?</details>

# %% role="answer" task="align"
def fit_clock(tracker_s, eeg_s):
    """rate and offset with eeg = rate * tracker + offset, from pulses of which each device missed some."""
    ### BEGIN SOLUTION
    theirs, ours = np.sort(np.asarray(tracker_s, float)), np.sort(np.asarray(eeg_s, float))
    if min(len(theirs), len(ours)) < 3:
        raise ValueError(f"got {len(theirs)} and {len(ours)} pulses, expected at least three of each")
    differences = np.sort((ours[None, :] - theirs[:, None]).ravel())
    count = np.searchsorted(differences, differences + 0.25, side="right") - np.arange(len(differences))
    first = int(count.argmax())
    rate, offset = 1.0, float(np.median(differences[first : first + count[first]]))
    middle = theirs.mean()
    for near_s in (0.25, 0.05, 0.05):
        guess = rate * theirs + offset
        nearest = ours[np.abs(ours[None, :] - guess[:, None]).argmin(axis=1)]
        pair = np.abs(nearest - guess) <= near_s
        slope, level = np.polyfit(theirs[pair] - middle, (nearest - theirs)[pair], 1)
        rate, offset = 1 + slope, level - slope * middle
    return float(rate), float(offset)
    ### END SOLUTION


def resample_to(time_s, x, fs, n):
    """(n,) values at k / fs, NaN where the known samples beside it are more than 0.1 s apart, and beyond the ends."""
    ### BEGIN SOLUTION
    x = np.asarray(x, float)
    known = np.isfinite(x)
    grid = np.arange(n) / fs
    if known.sum() < 2:
        return np.full(n, np.nan)
    t, v = np.asarray(time_s, float)[known], x[known]
    right = np.clip(np.searchsorted(t, grid), 1, len(t) - 1)
    out = np.interp(grid, t, v, left=np.nan, right=np.nan)
    return np.where(t[right] - t[right - 1] > 0.1, np.nan, out)
    ### END SOLUTION


# %% role="test" task="align" points=10
# asks: fit_clock, resample_to
task = exam.task("align", points=10)
_rng = np.random.default_rng(SEED + 11)
_form = None
with task.check("an offset, with all pulses there", 1, cause="the offset with the wrong sign: eeg = rate * tracker + offset"):
    for _k, _offset in enumerate((7.3, -2840.0 + 500 * _rng.random())):
        _theirs, _ours = probe.pulses(400.0, seed=SEED + 12 + _k, offset_s=_offset)
        _form = probe.clock_of(fit_clock(_theirs.copy(), _ours.copy()))
        probe.on_clock(fit_clock(_theirs.copy(), _ours.copy()), seconds=400.0, ppm=0.0, offset_s=_offset)
with task.check("a drift", 2, cause="an offset alone: a clock that drifts needs a line through the pairs"):
    exam.given(_form)
    for _k, _ppm in enumerate((300.0, -300.0, 150.0)):
        _offset = float(_rng.choice([-1, 1]) * _rng.uniform(8, 30))
        _theirs, _ours = probe.pulses(700.0, seed=SEED + 15 + _k, ppm=_ppm, offset_s=_offset)
        probe.on_clock(fit_clock(_theirs.copy(), _ours.copy()), seconds=700.0, ppm=_ppm, offset_s=_offset)
with task.check("pulses that one of the two missed", 2, cause="pulse k of the one need not be pulse k of the other: find out first which belong together"):
    exam.given(_form)
    for _k, _lost in enumerate((0.05, 0.15, 0.25)):
        _offset, _ppm = float(_rng.uniform(-3000, 3000)), float(_rng.choice([-1, 1]) * _rng.uniform(100, 300))
        _theirs, _ours = probe.pulses(700.0, seed=SEED + 18 + _k, lost=_lost, ppm=_ppm, offset_s=_offset)
        probe.on_clock(fit_clock(_theirs.copy(), _ours.copy()), seconds=700.0, ppm=_ppm, offset_s=_offset)
with task.check("too few pulses", 1, cause="a line through two points says nothing about its error: raise ValueError"):
    exam.given(_form)
    for _few in ((_theirs[:2], _ours), (_theirs, _ours[:1])):
        exam.expect(probe.refuses(fit_clock, _few[0].copy(), _few[1].copy()), got="a result", expected="a ValueError")
_time, _x = probe.crooked(20.0, 60.0, seed=SEED + 21, start_s=-0.5)
with task.check("values at k / fs, on the line between neighbours", 2, cause="the next sample is taken instead of the line, or sample numbers instead of times"):
    for _fs, _n in ((60.0, 1150), (90.0, 1700)):
        _wanted = probe.resampled(_time, _x, _fs, _n)
        probe.same_course(resample_to(_time.copy(), _x.copy(), _fs, _n), _wanted, what=f"values at k / {_fs:g} s",
                          cause="the next sample is taken instead of the line, or `fs` or `time_s` is not used", gaps="neighbours less than 0.1 s apart have a line between them; the grid is k / fs")
with task.check("nothing over gaps", 1, cause="np.interp bridges every gap: look how far apart the two neighbours are"):
    for _k in range(3):
        _time, _x = probe.crooked(20.0, 60.0, seed=SEED + 22 + _k, start_s=-0.5, lost=[(3.0, 3.3), (7.0, 9.5), (15.0, 15.105)], blinks=[(5.0, 5.2), (12.0, 14.0), (16.0, 16.04), (17.0, 17.07), (18.0, 18.105)])
        probe.same_course(resample_to(_time.copy(), _x.copy(), 60.0, 1150), probe.resampled(_time, _x, 60.0, 1150), what="values beside gaps", atol=0.3,
                          cause="a NaN that spreads, or a gap that is bridged", gaps="known samples more than 0.1 s apart have nothing between them, whether samples are NaN or did not come at all; closer ones have")
with task.check("nothing beyond the ends", 1, cause="np.interp goes on with the last value for ever: left=np.nan, right=np.nan"):
    for _start in (-1.0, 2.5):
        _time, _x = probe.crooked(10.0, 60.0, seed=SEED + 26, start_s=_start)
        probe.same_course(resample_to(_time.copy(), _x.copy(), 60.0, 900), probe.resampled(_time, _x, 60.0, 900), what=f"values of a recording from {_start:g} to {_start + 10:g} s", atol=0.3,
                          gaps="nothing is known before the first sample and after the last")
    exam.expect(np.isnan(probe.gappy(resample_to(_time.copy(), np.full(len(_time), np.nan), 60.0, 50), shape=(50,), what="values")).all(), got="values where none is known", expected="NaN")
task.points()

# %% [markdown]
# ## Task 3: windows of both signals (10 points)
#
# - `band_pass(eeg, fs)`: `eeg` (channels, samples) in µV, at least 20 s, at 125 to 500 Hz. Returns the same shape: 1 to 40 Hz, **without delay** (zero phase), each channel by itself. At 125 Hz,
#   of a tone of 2 or 35 Hz at least 70 % stays, and of one of 0.6 or 46 Hz at most 30 %; which filter does it is up to you. For the training of a network that is allowed; the stream of task 7 will need another one.
# - `cut_windows(eeg, eeg_fs, pupil, pupil_fs, spans, window_s, hop_s, least)`: windows of both signals that cover **the same seconds**. Both signals begin at 0 s.
#   - `eeg` (channels, samples) at `eeg_fs`, `pupil` (samples,) at `pupil_fs`; `spans`: list of `(start_s, stop_s, level)`, level 0, 1 or 2, not overlapping, in order; seconds between and beyond them have no level.
#   - Window number k lasts from `k * hop_s` to `k * hop_s + window_s`. Its first sample is worked out from that **time**, for each signal by itself (up to one sample is
#     allowed where the time falls between two). Windows that are not wholly in both signals are left out.
#   - Its **level** is the one that covers most of it, its **purity** the share of the **whole** window that this level covers, seconds without a level included. Windows with a purity below `least` are left
#     out, and those without any level, whatever `least` is. Gaps of the pupil (NaN) are no reason to leave a window out.
#   - Returns a dict: `"eeg"` (n, channels, `round(window_s * eeg_fs)`), `"pupil"` (n, `round(window_s * pupil_fs)`), and `"start_s"`, `"level"`, `"purity"`, each (n,).
#
# A hop of 0.25 s is 15 samples at 60 Hz, and 31.25 at 125 Hz.
#
# <details><summary>Hint 1: the idea</summary>A loop over k. Everything in it follows from one number, the start of the window in seconds.</details>
# <details><summary>Hint 2: what to use</summary><code>signals.filtered(eeg, fs, low=1.0, high=40.0)</code> or <code>signal.sosfiltfilt</code> along the last axis; <code>max(0, min(stop, end) - max(start, begin))</code> is how
# long two stretches overlap; <code>np.stack</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>a = round(start * eeg_fs)</code>, <code>eeg[:, a : a + round(window_s * eeg_fs)]</code>: which <code>start</code>, and what of the pupil? <code>cover = np.zeros(3)</code>,
# <code>cover[level] += ...</code> for each span: level and purity follow from it. Compare with <code>least - 1e-9</code>, as sums of seconds are not exact.</details>

# %% role="answer" task="windows"
def band_pass(eeg, fs):
    """1 to 40 Hz without delay: (channels, samples) to the same."""
    ### BEGIN SOLUTION
    return signals.filtered(np.asarray(eeg, float), fs, low=1.0, high=40.0)
    ### END SOLUTION


def cut_windows(eeg, eeg_fs, pupil, pupil_fs, spans, window_s, hop_s, least):
    """Windows of the same seconds: dict of eeg (n, channels, .), pupil (n, .), start_s, level, purity (n,)."""
    ### BEGIN SOLUTION
    eeg, pupil = np.asarray(eeg), np.asarray(pupil)
    long, short = round(window_s * eeg_fs), round(window_s * pupil_fs)
    rows = {name: [] for name in ("eeg", "pupil", "start_s", "level", "purity")}
    k = 0
    while True:
        start = k * hop_s
        a, b = round(start * eeg_fs), round(start * pupil_fs)
        if a + long > eeg.shape[1] or b + short > len(pupil):
            break
        cover = np.zeros(3)
        for begin, stop, level in spans:
            cover[level] += max(0.0, min(stop, start + window_s) - max(begin, start))
        purity = cover.max() / window_s
        if purity > 0 and purity >= least - 1e-9:
            found = (eeg[:, a : a + long], pupil[b : b + short], start, int(cover.argmax()), purity)
            for name, value in zip(rows, found, strict=True):
                rows[name].append(value)
        k += 1
    rows["eeg"] = np.reshape(rows["eeg"], (-1, len(eeg), long))
    rows["pupil"] = np.reshape(rows["pupil"], (-1, short))
    return {name: np.asarray(value) for name, value in rows.items()}
    ### END SOLUTION


# %% role="test" task="windows" points=10
# asks: band_pass, cut_windows
task = exam.task("windows", points=10)
_rng = np.random.default_rng(SEED + 30)
_plain = probe.eeg(3, 24.0, 125.0, seed=SEED + 31)
_inner = slice(400, -400)  # away from the ends, where any filter estimates
_time = np.arange(_plain.shape[1]) / 125
_passed = None
with task.check("rhythms of 3 to 25 Hz stay as they are, without delay", 2, cause="a causal filter delays and distorts: run it forwards and backwards"):
    _passed = exam.numbers(band_pass(_plain.copy(), 125.0), shape=_plain.shape, what="filtered EEG")
    for _row, _wanted in zip(_passed, _plain, strict=True):
        exam.alike(_row[_inner], _wanted[_inner], at_least=0.98, what="a channel against itself before the filter",
                   cause="a causal filter delays and distorts: run it forwards and backwards (sosfiltfilt), along the last axis; or channels are mixed, as an average reference does: each by itself")
        exam.expect(0.9 < np.std(_row[_inner]) / np.std(_wanted[_inner]) < 1.1, got=f"{np.std(_row[_inner]) / np.std(_wanted[_inner]):.2f} times the size", expected="the same")
    _outside = np.tile(40 * np.sin(2 * np.pi * 0.1 * _time) + 40 * np.sin(2 * np.pi * 55 * _time), (2, 1))
    exam.expect(np.std(np.asarray(band_pass(_outside.copy(), 125.0))[:, _inner]) < 0.8 * np.std(_outside), got="all of it still there, below 1 Hz and above 40 Hz", expected="a band-pass", cause="the EEG is handed on as it is")
with task.check("1 to 40 Hz: drift and mains go, the band stays", 1, cause="no high-pass at 1 Hz, or no low-pass at 40 Hz"):
    for _hz in (0.0, 0.15, 50.0):
        _dirty = _plain + 40 * np.cos(2 * np.pi * _hz * _time)
        _made = exam.numbers(band_pass(_dirty, 125.0), shape=_plain.shape, what="filtered EEG")[:, _inner]
        exam.alike(_made, exam.given(_passed)[:, _inner], at_least=0.95, what=f"with and without 40 µV at {_hz:g} Hz", cause="no high-pass at 1 Hz, or no low-pass at 40 Hz")
    for _hz, _stays in ((0.6, False), (2.0, True), (35.0, True), (46.0, False)):
        _tone = 30 * np.sin(2 * np.pi * (_hz * _time + np.array([[0], [1], [2]]) / 3) + _rng.uniform(0, 6))  # the mean of the three is 0
        _share = np.std(exam.numbers(band_pass(_tone.copy(), 125.0), shape=_tone.shape, what="filtered tone")[:, _inner]) / np.std(_tone[:, _inner])
        exam.expect(_share >= 0.7 if _stays else _share <= 0.3, got=f"{100 * _share:.0f} % of a tone of {_hz:g} Hz left", expected="at least 70 %" if _stays else "at most 30 %",
                    cause=f"the {'lower' if _hz < 10 else 'upper'} edge is too {'high' if _stays == (_hz < 10) else 'low'}, or the filter's order: 1 to 40 Hz")
with task.check("other rates", 1, cause="125 Hz is written into the filter"):
    for _fs in (250.0, 500.0):
        _step = round(_fs / 125)
        _fast = exam.numbers(band_pass(probe.eeg(3, 24.0, _fs, seed=SEED + 31), _fs), shape=(3, 3000 * _step), what="filtered EEG")[:, ::_step]
        exam.alike(_fast[:, _inner], exam.given(_passed)[:, _inner], at_least=0.9, what=f"the same EEG at {_fs:g} and at 125 Hz", cause="125 Hz is written into the filter")
        _hum = band_pass(np.tile(40 * np.sin(2 * np.pi * 70 * np.arange(round(24 * _fs)) / _fs), (2, 1)), _fs)
        exam.expect(np.std(np.asarray(_hum)[:, 1000:-1000]) < 4, got=f"{np.std(np.asarray(_hum)[:, 1000:-1000]):.0f} µV left of 28 µV at 70 Hz", expected="less than 4", cause="125 Hz is written into the filter: at another rate its edges are at other frequencies; or there is no low-pass")


def _cut(_eeg_fs, _pupil_fs, _spans, *, _window_s, _hop_s, _least, _gap=(0.0, 0.0)):
    """Windows of signals that are their own time and a number nobody knows, and what should be in them; how the last one is treated has a check of its own."""
    _away = np.random.default_rng((SEED, 35)).uniform(-400, 400, 4)
    _eeg, _pupil = probe.clocks(60.0, _eeg_fs, channels=3) + _away[:3, None], probe.clocks(60.0, _pupil_fs) + _away[3]
    _pupil[round(_gap[0] * _pupil_fs) : round(_gap[1] * _pupil_fs)] = np.nan
    _made = cut_windows(_eeg, _eeg_fs, _pupil, _pupil_fs, [tuple(_span) for _span in _spans], _window_s, _hop_s, _least)
    _true = probe.windowed(_spans, seconds=60.0, window_s=_window_s, hop_s=_hop_s, least=_least)
    _n, _long, _short = len(_true["level"]), round(_window_s * _eeg_fs), round(_window_s * _pupil_fs)
    _got = exam.numbers(probe.entry(_made, "start_s"), shape=(None,), what="start_s")
    _seen = np.sum((_true["start_s"] >= _gap[1]) | (_true["start_s"] + _window_s <= _gap[0]))  # windows without a gap of the pupil
    exam.expect(_got.shape != (_seen,) or _seen >= _n - 1, got=f"{len(_got)} windows", expected=f"{_n}", cause="gaps of the pupil are no reason to leave a window out")
    exam.expect(_n - 1 <= len(_got) <= _n + (_least == 0) and len(_got), got=f"{len(_got)} windows", expected=f"{_n}",
                cause="only windows with a purity of at least `least`, and with a level at all, stay; purity is a share of the whole window")
    _n = min(_n, len(_got))
    _true = {_name: _row[:_n] for _name, _row in _true.items()}
    exam.same(_got[:_n], _true["start_s"], what="start_s", atol=1e-6, cause="window k begins at k * hop_s, whichever windows are left out")
    _made = {_name: _row[:_n] for _name, _row in _made.items()}
    _eeg = exam.numbers(probe.entry(_made, "eeg"), shape=(_n, 3, _long), what="eeg") - _away[:3, None]
    return _made, _true, _eeg, probe.gappy(probe.entry(_made, "pupil"), shape=(_n, _short), what="pupil") - _away[3]


def _labelled(_made, _true):
    """Level and purity of each window."""
    exam.same(probe.entry(_made, "level"), _true["level"], what="level", cause="the level at the start or the middle of the window instead of the one that covers most")
    exam.same(probe.entry(_made, "purity"), _true["purity"], what="purity", atol=0.01, rtol=0, cause="the share of the whole window that its level covers, seconds without a level included")


_one = [(0.0, 60.0, 1)]
_whole = None
with task.check("both signals of the same seconds", 2, cause="the pupil is cut with the EEG's sample numbers: each signal has a rate of its own"):
    for _rates, _hop in (((125.0, 60.0), 2.0), ((250.0, 30.0), 4.0), ((128.0, 120.0), 1.0)):
        _made, _true, _eeg, _pupil = _cut(*_rates, _one, _window_s=4.0, _hop_s=_hop, _least=0.0)
        for _k in range(3):
            probe.begins_at(_eeg[:, _k] - 1000 * _k, _true["start_s"], _rates[0], what=f"channel {_k} of the EEG", cause="channels mixed, or windows that begin elsewhere than start_s says")
        probe.begins_at(_pupil, _true["start_s"], _rates[1], what="the pupil", cause="the pupil is cut with the EEG's sample numbers: each signal has a rate of its own")
    _whole = True
with task.check("a hop that is no whole number of samples", 1, cause="the hop is rounded to samples once: the error adds up from window to window. Work out each start from its time"):
    exam.given(_whole)
    for _rates in ((125.0, 60.0), (250.0, 50.0)):
        _made, _true, _eeg, _pupil = _cut(*_rates, _one, _window_s=2.0, _hop_s=0.25, _least=0.0)
        for _x, _fs, _name in ((_eeg[:, 0], _rates[0], "the EEG"), (_pupil, _rates[1], "the pupil")):
            probe.begins_at(_x, _true["start_s"], _fs, what=_name, cause="the hop is rounded to samples once, and the error adds up from window to window: work out each start from its time")
_spans = [(0.0, 9.337, 0), (9.337, 20.963, 2), (20.963, 22.137, 0), (22.137, 31.137, 1), (31.137, 40.041, 0), (40.041, 47.763, 2), (47.763, 60.0, 1)]
with task.check("the level that covers most, and its share", 1, cause="the level at the first sample is taken, or the share of the wrong level"):
    exam.given(_whole)
    for _window, _hop in ((4.0, 1.0), (6.0, 0.8)):
        _made, _true, _eeg, _pupil = _cut(125.0, 60.0, _spans, _window_s=_window, _hop_s=_hop, _least=0.0)
        _labelled(_made, _true)
with task.check("up to the end of the shorter signal, and not beyond", 1, cause="windows over the end of the shorter signal are left out"):
    exam.given(_whole)
    for _seconds in ((20.0, 20.0), (60.0, 41.3), (41.3, 60.0)):
        _why = "a window that reaches over the end of the shorter signal is cut off: the pieces have unequal lengths. Leave it out, whichever signal ends first"
        _made = probe.attempt(cut_windows, probe.clocks(_seconds[0], 125.0, channels=3), 125.0, probe.clocks(_seconds[1], 60.0), 60.0, _one, 4.0, 1.0, 0.0, cause=_why)
        _n = len(probe.windowed(_one, seconds=min(_seconds), window_s=4.0, hop_s=1.0, least=0.0)["level"])
        _got = [len(probe.entry(_made, _name)) for _name in ("start_s", "level", "purity", "eeg", "pupil")]
        exam.expect(set(_got) == {_n}, got=f"{_got[0]} windows" if len(set(_got)) == 1 else "lists of different lengths", expected=f"{_n}",
                    cause="the last window that lies wholly in both signals is there, even where it ends with them" if max(_got) < _n else _why)
        probe.gappy(_made["eeg"], shape=(_n, 3, 500), what="eeg")
        probe.gappy(_made["pupil"], shape=(_n, 240), what="pupil")
with task.check("mixed windows are left out, and signals with them", 1, cause="`least` is not used, or labels are left out and signals are not"):
    exam.given(_whole)
    for _least in (0.0, 0.8, 1.0):  # with seconds that have no level, in the middle and at the end
        _made, _true, _eeg, _pupil = _cut(128.0, 60.0, [*_spans[:2], (24.137, 31.137, 1), *_spans[4:6]], _window_s=4.0, _hop_s=0.5, _least=_least, _gap=(4.2, 4.6))
        probe.begins_at(_eeg[:, 0], _true["start_s"], 128.0, what="the EEG", cause="windows are left out of one list and not of the other")
        _known = np.isfinite(_pupil).all(axis=1)
        probe.begins_at(_pupil[_known], _true["start_s"][_known], 60.0, what="the pupil", cause="windows are left out of one list and not of the other")
        exam.same(~_known, (_true["start_s"] < 4.6) & (_true["start_s"] + 4 > 4.2), what="whether there is a gap in a window of the pupil", cause="gaps of the pupil stay as they are, NaN")
        _labelled(_made, _true)
task.points()

# %% [markdown]
# ## Task 4: two branches (10 points)
#
# Write two classes of PyTorch, and two functions through which the test cell asks about them. A window's two signals cover the same seconds, each at a rate of its own.
#
# - `EEGBranch(channels, fs)`: input (n, channels, samples) in µV at `fs` Hz, output (n, steps, width): a 1D-CNN, or dilated convolutions (TCN), which says for each moment what the rhythms
#   are. Let kernels be so many **seconds** long, not samples: the same rhythm then fits them at any rate.
# - `PupilBranch(fs)`: input (n, samples) in mm above the baseline at `fs` Hz, **NaN where the pupil is not known**, output (n, steps, width): a smaller 1D-CNN. Tell it **which** samples are known, each by itself: a gap is neither a pupil of 0 mm nor an average one.
# - Both give **three to five steps per second**, whatever the rate, number of channels and length of the windows, in the order of time: a step is about its own moment. The width is yours, at least 8 and the same for both.
# - What the level shows in must arrive: the **height** of the EEG's rhythms and the **size** of the pupil itself. Whoever scales each window by itself takes both away. Dividing by a fixed number, such as 10 µV, is fine.
# - `eeg_steps(eeg, fs, seed)`: a fresh `EEGBranch` with weights drawn from `seed`, in evaluation mode, applied to float32 `eeg` (n, channels, samples): array (n, steps, width).
# - `pupil_steps(pupil, fs, seed)`: the same for `PupilBranch` and `pupil` (n, samples).
#
# <details><summary>Hint 1: the idea</summary>Power of a rhythm: filter, square, average over half a second, logarithm. All of it can be layers: a convolution of kernel 1 over the channels, one over time, a square, a mean
# pooling every quarter of a second, a logarithm of what is at least a small number.</details>
# <details><summary>Hint 2: what to use</summary><code>nn.Conv1d(f, f, taps, padding=taps // 2, groups=f)</code>, one filter over time for each of f mixtures of channels; <code>nn.BatchNorm1d</code>,
# <code>nn.AvgPool1d(round(fs / 2), stride=round(fs / 4))</code>. For the pupil <code>torch.isfinite</code>, <code>torch.where</code>, and two input channels: value and known.</details>
# <details><summary>Hint 3: almost the code</summary><code>known = torch.isfinite(x)</code>; <code>both = torch.stack([torch.where(known, x, torch.zeros_like(x)), known.to(x.dtype)], dim=1)</code>, into two convolutions with strides that
# make a step of about a quarter of a second; <code>.transpose(1, 2)</code> at the end. First <code>nn.AvgPool1d(round(fs / 62.5))</code> makes the EEG's branch twice as fast; it takes off less than a fifth of the height at 25 Hz and hardly anything below 10 Hz.</details>

# %% role="answer" task="branches"
# your classes EEGBranch and PupilBranch, and helpers if you like:
### BEGIN SOLUTION
WIDTH = 32


class EEGBranch(nn.Module):
    """Power of learned rhythms, four times a second: (n, channels, samples) to (n, steps, WIDTH)."""

    def __init__(self, channels, fs, filters=24):
        super().__init__()
        thin = max(1, round(fs / 62.5))
        fs = fs / thin
        taps = 2 * round(fs / 10) + 1  # a fifth of a second
        self.thin = nn.AvgPool1d(thin)
        self.space = nn.Conv1d(channels, filters, 1, bias=False)
        self.time = nn.Conv1d(filters, filters, taps, padding=taps // 2, groups=filters, bias=False)
        self.norm = nn.BatchNorm1d(filters)
        self.mean = nn.AvgPool1d(round(fs / 2), stride=round(fs / 4))
        self.out = nn.Sequential(nn.Dropout(0.3), nn.Linear(filters, WIDTH))

    def forward(self, x):
        h = self.norm(self.time(self.space(self.thin(x / 10))))
        power = self.mean(h.square())
        return self.out(torch.log(power + 1e-4).transpose(1, 2))


class PupilBranch(nn.Module):
    """Size and course of the pupil, about four times a second: (n, samples) with NaN to (n, steps, WIDTH)."""

    def __init__(self, fs):
        super().__init__()
        first = max(1, round(fs / 12))
        second = max(1, round(fs / first / 4))
        self.layers = nn.Sequential(
            nn.AvgPool1d(first),
            nn.Conv1d(2, 16, 7, padding=3, bias=False), nn.BatchNorm1d(16), nn.ReLU(),
            nn.Conv1d(16, WIDTH, 5, stride=second, padding=2, bias=False), nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Dropout(0.3),
        )

    def forward(self, x):
        known = torch.isfinite(x)
        both = torch.stack([torch.where(known, x, torch.zeros_like(x)), known.to(x.dtype)], dim=1)
        return self.layers(both).transpose(1, 2)
### END SOLUTION


def eeg_steps(eeg, fs, seed):
    """(n, steps, width) what a fresh EEGBranch makes of eeg (n, channels, samples)."""
    ### BEGIN SOLUTION
    torch.manual_seed(seed)
    branch = EEGBranch(eeg.shape[1], fs).eval()
    with torch.no_grad():
        return branch(torch.as_tensor(np.array(eeg, np.float32))).numpy()
    ### END SOLUTION


def pupil_steps(pupil, fs, seed):
    """(n, steps, width) what a fresh PupilBranch makes of pupil (n, samples)."""
    ### BEGIN SOLUTION
    torch.manual_seed(seed)
    branch = PupilBranch(fs).eval()
    with torch.no_grad():
        return branch(torch.as_tensor(np.array(pupil, np.float32))).numpy()
    ### END SOLUTION


# %% role="test" task="branches" points=10
# asks: eeg_steps, pupil_steps
task = exam.task("branches", points=10)
_forms = ((19, 4.0, 125.0, 60.0), (5, 2.0, 200.0, 30.0), (8, 3.0, 100.0, 120.0))  # channels, seconds, rates of EEG and pupil
_eeg, _pupil = nets.pairs(6, seed=SEED + 31, channels=8, seconds=4.0)  # 125 and 60 Hz
_answers, _width = {}, None
with task.check("EEG to (n, steps, width), at other rates, lengths and numbers of channels", 1, cause="a rate, a length or a number of channels is written in, or the axes are (n, width, steps)"):
    for _channels, _seconds, _fs, _ in _forms:
        _x, _ = nets.pairs(3, seed=SEED + 32, channels=_channels, seconds=_seconds, eeg_fs=_fs)
        _width = nets.steps_of(eeg_steps(_x, _fs, 1), n=3, seconds=_seconds, what=f"eeg_steps of {_seconds:g} s at {_fs:g} Hz").shape[2]
with task.check("pupil to (n, steps, width), at other rates and lengths", 1, cause="a rate or a length is written in, or the axes are (n, width, steps)"):
    for _, _seconds, _, _fs in _forms:
        _, _x = nets.pairs(3, seed=SEED + 33, seconds=_seconds, pupil_fs=_fs)
        _found = nets.steps_of(pupil_steps(_x, _fs, 1), n=3, seconds=_seconds, what=f"pupil_steps of {_seconds:g} s at {_fs:g} Hz")
        exam.expect(_width in (None, _found.shape[2]), got=f"a width of {_found.shape[2]} for the pupil and of {_width} for the EEG", expected="the same width for both", cause="steps of different width can neither be added nor attend to each other")
with task.check("the seed decides the weights", 1, cause="weights are drawn without `seed`, or dropout is still at work: .eval()"):
    for _name, _function, _x, _fs in (("eeg_steps", eeg_steps, _eeg, 125.0), ("pupil_steps", pupil_steps, _pupil, 60.0)):
        _told = exam.numbers(_function(_x, _fs, 3), what=_name)
        exam.same(_function(_x, _fs, 3), _told, what=f"{_name}, the same seed twice", atol=1e-5)
        exam.expect(not nets.alike(_function(_x, _fs, 4), _told), got=f"the same {_name} with another seed", expected="other weights", cause="`seed` is not used")


def _again(_function):
    """The function with weights that are the same in each call, whether it uses its seed or not: that was asked above."""

    def _ask(*_arguments):
        torch.manual_seed(SEED + 34)
        return _function(*_arguments)

    return _ask


try:
    _eeg_steps, _pupil_steps = _again(eeg_steps), _again(pupil_steps)
except NameError:  # said above
    _eeg_steps = _pupil_steps = lambda *_: exam.given(None)
for _name, _function, _x, _fs in (("eeg_steps", _eeg_steps, _eeg, 125.0), ("pupil_steps", _pupil_steps, _pupil, 60.0)):
    try:
        _answers[_name] = exam.numbers(_function(_x, _fs, 3), what=_name)
    except Exception:
        pass  # said above
with task.check("each window by itself", 1, cause="batch normalisation in training mode: .eval() is missing; or something is computed over all windows"):
    for _name, _function, _x, _fs in (("eeg_steps", _eeg_steps, _eeg, 125.0), ("pupil_steps", _pupil_steps, _pupil, 60.0)):
        exam.same(_function(_x[2:3], _fs, 3), exam.given(_answers.get(_name))[2:3], what=f"{_name} of a window alone and with others", atol=1e-4)
        nets.differ(_answers[_name], _name)
with task.check("every channel and every moment of the EEG, in its own place", 1, cause="steps in another order than time, or part of the window or some channels are never looked at"):
    for _channel, _at in ((0, 0.6), (3, 2.0), (7, 3.4)):
        _changed = nets.louder(_eeg, 125.0, channel=_channel, at_s=_at)
        nets.moved_at(_eeg_steps(_changed, 125.0, 3), exam.given(_answers.get("eeg_steps")), at_s=_at, seconds=4.0, what=f"channel {_channel} at {_at:g} s")
with task.check("every moment of the pupil, in its own place", 1, cause="steps in another order than time, or part of the window is never looked at"):
    for _at in (0.6, 2.0, 3.4):
        _changed = _pupil + 0.5 * (np.abs(np.arange(_pupil.shape[1]) / 60.0 - _at) < 0.2).astype(np.float32)
        nets.moved_at(_pupil_steps(_changed, 60.0, 3), exam.given(_answers.get("pupil_steps")), at_s=_at, seconds=4.0, what=f"the pupil at {_at:g} s")
with task.check("the height of the EEG and the size of the pupil arrive", 1, cause="each window is scaled by itself: what the level shows in is gone"):
    nets.level_kept(_eeg_steps(2 * _eeg, 125.0, 3), exam.given(_answers.get("eeg_steps")), what="an EEG of twice the height",
                    cause="each window is scaled by itself, with its own spread or by nn.InstanceNorm1d, or its mean over the steps is taken off: the power that the level shows in is gone")
    nets.level_kept(_pupil_steps(_pupil + 0.4, 60.0, 3), exam.given(_answers.get("pupil_steps")), what="a pupil 0.4 mm larger",
                    cause="the mean of each window, or of its steps, is taken off, or nn.InstanceNorm1d does it: the size that the level shows in is gone")
    nets.level_kept(_pupil_steps(2 * _pupil, 60.0, 3), exam.given(_answers.get("pupil_steps")), what="a pupil twice as far from its baseline",
                    cause="each window is divided by its own spread, or its mean is taken off: the size that the level shows in is gone")
_gap = _pupil.copy()
_gap[:, 100:160] = np.nan
with task.check("where the pupil is not known, the answer is finite", 1, cause="NaN goes into a convolution, and out of it into every step it reaches"):
    nets.differ(nets.steps_of(_pupil_steps(_gap, 60.0, 3), n=6, seconds=4.0, what="pupil_steps with a gap of a second"), "pupil_steps")
    nets.steps_of(_pupil_steps(np.full_like(_pupil, np.nan), 60.0, 3), n=6, seconds=4.0, what="pupil_steps of a window without any pupil")
with task.check("a gap is neither a pupil of 0 mm nor an average one", 2, cause="NaN is replaced by a number, and the network is not told where: give it a second channel, known or not"):
    _told = exam.numbers(_pupil_steps(_gap, 60.0, 3), what="pupil_steps with a gap")
    _mean = np.nanmean(_gap, axis=1, keepdims=True)
    for _number, _what in ((0.0, "0 mm"), (_mean, "the window's mean"), (np.nanmean(_gap), "the mean of all windows"), (-1.0, "-1 mm")):
        _filled = np.where(np.isfinite(_gap), _gap, _number).astype(np.float32)
        exam.expect(not nets.alike(_pupil_steps(_filled, 60.0, 3), _told), got=f"the same answer for a gap and for {_what}", expected="another one",
                    cause="NaN is replaced by a number, and the network is not told where: give it a second channel, known or not")
    _early, _late = (np.where((np.arange(240) >= _at) & (np.arange(240) < _at + 40), np.nan, 0.0 * _pupil).astype(np.float32) for _at in (60, 140))
    exam.expect(not nets.alike(_pupil_steps(_early, 60.0, 3), _pupil_steps(_late, 60.0, 3)), got="the same answer for a gap after 1 s and for one after 2.3 s", expected="another one",
                cause="only that something is missing is told, not where: the second channel needs a value for each sample")
task.points()

# %% [markdown]
# ## Task 5: two ways to join them (14 points)
#
# Write an attention, two networks, and three functions through which the test cell asks about them.
#
# - `attend(query, key, value)`: scaled dot-product attention on tensors: `query` (n, s, d), `key` (n, t, d), `value` (n, t, e) to (n, s, e). Each of the s steps takes a weighted mean of the t values of **its own window**; the weights are
#   a softmax **over the t steps** of `query · key / sqrt(d)`. Leave `attended`, below, as it is: it asks with arrays.
# - `Concatenation(channels, eeg_fs, pupil_fs)` and `CrossAttention(channels, eeg_fs, pupil_fs)`: networks with the two branches of task 4. Input `eeg` (n, channels, samples), `pupil` (n, samples) and `present` (n, 2) bool (EEG, pupil); output logits (n, 3) of the
#   levels 0 low, 1 medium, 2 high. The first sums each branch up over time and reads the two summaries side by side. The second first lets every step of **each** signal attend to all steps of the **other**, then sums up.
# - **A missing signal.** Where `present` is False, that signal plays no part: whatever its numbers are, NaN included, the answer is finite and the same. Nor is it read as zeros: something else stands in for what the branch would say, so that the network knows that the sensor is dead; best is a learned vector for each of the two signals. Others
#   in the batch are not touched. At least one of the two is always present.
# - `fusion_logits(fusion, eeg, pupil, present, rates, seed)`: what a fresh network says, weights drawn from `seed`, in evaluation mode: array (n, 3). `fusion` is `"concatenation"` or `"attention"`, `rates` (eeg_fs, pupil_fs).
# - `after_attention(eeg, pupil, present, rates, seed)`: of a fresh `CrossAttention`, as above, the steps of both signals after they have attended to each other and before they are summed up: a dict of `"eeg"` and `"pupil"`, each (n, steps, width).
# - `gradient_norms(fusion, eeg, pupil, present, levels, rates, seed)`: the same fresh network in **training** mode; one backward pass of the cross-entropy with `levels` (n,). Returns a dict, `"eeg"` and `"pupil"`: the root of the sum of the squared gradients of all weights
#   of that branch. Both are above 0 when training reaches both; a branch whose signal is missing in all windows has no gradient: 0 (PyTorch may leave `p.grad` at `None` then).
#
# <details><summary>Hint 1: the idea</summary>Every branch gives (n, steps, width). Mean and maximum over the steps make (n, 2 width) of it. Attention adds to each step what it found in the other signal, and alone knows no order: add to each step something that tells where it
# stands.</details>
# <details><summary>Hint 2: what to use</summary><code>torch.softmax(scores, dim=...)</code>, <code>query @ key.transpose(1, 2)</code>; <code>nn.Linear</code> for queries, keys and values;
# <code>torch.where(present[:, 0, None, None], h, self.absent[0])</code> with <code>self.absent = nn.Parameter(torch.zeros(2, WIDTH))</code>. If you take <code>nn.MultiheadAttention</code>: <code>batch_first=True</code>.</details>
# <details><summary>Hint 3: almost the code</summary><code>eeg = torch.where(present[:, 0, None, None], eeg, torch.zeros_like(eeg))</code> before the branch keeps NaN out, the learned vector after it says that nothing was there. Attention: three
# <code>nn.Linear</code> for each direction, and the steps of a signal plus what they found; who asks, and whose keys and values are those? Take both directions from the old <code>e</code> and <code>p</code>. Norms: <code>loss.backward()</code>, then <code>p.grad</code> of
# <code>net.eeg.parameters()</code>.</details>

# %% role="answer" task="fusion"
# your function attend and your classes Concatenation and CrossAttention, and helpers if you like:
### BEGIN SOLUTION
def attend(query, key, value):
    """Scaled dot-product attention (Vaswani et al. 2017): (n, s, d), (n, t, d), (n, t, e) to (n, s, e)."""
    weight = torch.softmax(query @ key.transpose(1, 2) / query.shape[2] ** 0.5, dim=2)
    return weight @ value


def summed_up(e, p):
    """Mean and maximum over the steps of both: (n, 4 WIDTH)."""
    return torch.cat([e.mean(dim=1), e.amax(dim=1), p.mean(dim=1), p.amax(dim=1)], dim=1)


def places(steps):
    """(steps, WIDTH) sines that tell where a step stands."""
    angle = torch.arange(steps)[:, None] * torch.exp(-4.6 * torch.arange(0, WIDTH, 2) / WIDTH)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(steps, WIDTH)


class Concatenation(nn.Module):
    """Both branches summed up over time, side by side: logits (n, 3)."""

    def __init__(self, channels, eeg_fs, pupil_fs):
        super().__init__()
        self.eeg, self.pupil = EEGBranch(channels, eeg_fs), PupilBranch(pupil_fs)
        self.absent = nn.Parameter(0.1 * torch.randn(2, WIDTH))
        self.out = nn.Sequential(nn.Linear(4 * WIDTH, WIDTH), nn.ReLU(), nn.Dropout(0.3), nn.Linear(WIDTH, 3))

    def branches(self, eeg, pupil, present):
        """What each branch makes of its signal; the learned vector where it is missing."""
        eeg = torch.where(present[:, 0, None, None], eeg, torch.zeros_like(eeg))  # NaN must not come near a weight
        pupil = torch.where(present[:, 1, None], pupil, torch.zeros_like(pupil))
        e = torch.where(present[:, 0, None, None], self.eeg(eeg), self.absent[0])
        p = torch.where(present[:, 1, None, None], self.pupil(pupil), self.absent[1])
        return e, p

    def forward(self, eeg, pupil, present):
        e, p = self.branches(eeg, pupil, present)
        return self.out(summed_up(e, p))


class CrossAttention(Concatenation):
    """Each step of a signal looks at all steps of the other, then as above: logits (n, 3)."""

    def __init__(self, channels, eeg_fs, pupil_fs):
        super().__init__(channels, eeg_fs, pupil_fs)
        self.query, self.key, self.value = (nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2)) for _ in range(3))

    def attended(self, eeg, pupil, present):
        """The steps of both after they have looked at each other."""
        e, p = self.branches(eeg, pupil, present)
        e_at, p_at = e + places(e.shape[1]), p + places(p.shape[1])
        from_pupil = attend(self.query[0](e_at), self.key[0](p_at), self.value[0](p))
        from_eeg = attend(self.query[1](p_at), self.key[1](e_at), self.value[1](e))
        return e + from_pupil, p + from_eeg

    def forward(self, eeg, pupil, present):
        return self.out(summed_up(*self.attended(eeg, pupil, present)))


def fresh(fusion, channels, rates, seed):
    """A network with weights drawn from `seed`."""
    torch.manual_seed(seed)
    return {"concatenation": Concatenation, "attention": CrossAttention}[fusion](channels, *rates)


def tensors(eeg, pupil, present):
    """The three as the networks want them."""
    return torch.as_tensor(np.array(eeg, np.float32)), torch.as_tensor(np.array(pupil, np.float32)), torch.as_tensor(np.array(present, bool))
### END SOLUTION


def attended(query, key, value):
    """`attend` for arrays. Leave this function as it is: the test cell calls it."""
    with torch.no_grad():
        return np.asarray(attend(*(torch.as_tensor(np.array(each, np.float32)) for each in (query, key, value))))


def fusion_logits(fusion, eeg, pupil, present, rates, seed):
    """(n, 3) what a fresh network says of windows."""
    ### BEGIN SOLUTION
    net = fresh(fusion, eeg.shape[1], rates, seed).eval()
    with torch.no_grad():
        return net(*tensors(eeg, pupil, present)).numpy()
    ### END SOLUTION


def after_attention(eeg, pupil, present, rates, seed):
    """Steps of both signals after a fresh CrossAttention has let them look at each other: {"eeg": ..., "pupil": ...}."""
    ### BEGIN SOLUTION
    net = fresh("attention", eeg.shape[1], rates, seed).eval()
    with torch.no_grad():
        e, p = net.attended(*tensors(eeg, pupil, present))
    return {"eeg": e.numpy(), "pupil": p.numpy()}
    ### END SOLUTION


def gradient_norms(fusion, eeg, pupil, present, levels, rates, seed):
    """Norm of the gradient in each branch after one backward pass: {"eeg": ..., "pupil": ...}."""
    ### BEGIN SOLUTION
    net = fresh(fusion, eeg.shape[1], rates, seed).train()
    loss = nn.functional.cross_entropy(net(*tensors(eeg, pupil, present)), torch.as_tensor(np.array(levels, np.int64)))
    loss.backward()
    branches = {"eeg": net.eeg, "pupil": net.pupil}
    return {name: float(sum((p.grad**2).sum() for p in own.parameters() if p.grad is not None)) ** 0.5 for name, own in branches.items()}
    ### END SOLUTION


# %% role="test" task="fusion" points=14
# asks: attended, fusion_logits, after_attention, gradient_norms
task = exam.task("fusion", points=14)
_rng = np.random.default_rng(SEED + 41)
_eeg, _pupil = nets.pairs(6, seed=SEED + 42, channels=5, seconds=3.0, eeg_fs=100.0, pupil_fs=40.0)
_others, _other_pupils = nets.pairs(6, seed=SEED + 43, channels=5, seconds=3.0, eeg_fs=100.0, pupil_fs=40.0)
_rates, _both, _kinds = (100.0, 40.0), np.ones((6, 2), bool), ("concatenation", "attention")
_logits = {}
with task.check("attention is a mean over the steps of the same window", 2, cause="the softmax runs over another axis than the steps that are looked at, or sqrt(d) is missing"):
    for _n, _s, _t, _d, _e in ((3, 4, 6, 8, 5), (2, 5, 5, 5, 5)):
        _q, _k, _v = (2 * _rng.standard_normal(_shape) for _shape in ((_n, _s, _d), (_n, _t, _d), (_n, _t, _e)))
        exam.same(attended(_q, _k, _v), nets.attention(_q, _k, _v), what="attend", rtol=1e-3, atol=1e-4, cause=nets.attention_mistake(attended(_q, _k, _v), _q, _k, _v))
with task.check("and bears large scores", 1, cause="the exponential overflows: torch.softmax takes the largest score off first"):
    _q = 30 * _rng.standard_normal((2, 3, 4))
    exam.same(attended(_q, _q, _q), nets.attention(_q, _q, _q), what="attend, scores in the hundreds", rtol=1e-3, atol=1e-3)
with task.check("logits (n, 3) of both networks, drawn from the seed", 1, cause="weights are drawn without `seed`, a softmax at the end, or .eval() is missing"):
    for _kind in _kinds:
        _logits[_kind] = exam.numbers(fusion_logits(_kind, _eeg, _pupil, _both, _rates, 3), shape=(6, 3), what=f"logits of {_kind}")
    for _kind, _first in _logits.items():
        exam.expect(np.abs(_first.sum(axis=1) - 1).max() > 1e-3, got="three numbers that add up to 1", expected="logits", cause="a softmax at the end: cross_entropy has one of its own")
        exam.same(fusion_logits(_kind, _eeg, _pupil, _both, _rates, 3), _first, what=f"{_kind}, the same seed twice", atol=1e-5, cause="dropout is still at work: .eval() is missing")
        exam.expect(not nets.alike(fusion_logits(_kind, _eeg, _pupil, _both, _rates, 4), _first), got="the same logits with another seed", expected="other weights", cause="`seed` is not used")
    exam.expect(not nets.alike(_logits["attention"], _logits["concatenation"]), got="the same logits of both networks", expected="two networks")
with task.check("each window by itself", 2, cause="attention runs over the windows of the batch: nn.MultiheadAttention needs batch_first=True; or .eval() is missing"):
    for _kind in _kinds:
        _alone = np.concatenate([exam.numbers(fusion_logits(_kind, _eeg[_k : _k + 1], _pupil[_k : _k + 1], _both[:1], _rates, 3), shape=(1, 3), what="logits of one window") for _k in range(3)])
        exam.same(_alone, exam.given(_logits.get(_kind))[:3], what=f"{_kind}: logits of a window alone and with others", atol=1e-4)
        nets.differ(_logits[_kind], "logits")
with task.check("both signals count", 1, cause="one branch is computed and then not used"):
    for _kind in _kinds:
        for _name, _told in (("EEG", fusion_logits(_kind, _others, _pupil, _both, _rates, 3)), ("pupil", fusion_logits(_kind, _eeg, _other_pupils, _both, _rates, 3))):
            exam.expect(not nets.alike(_told, exam.given(_logits.get(_kind))), got=f"{_kind}: the same logits with another {_name}", expected="others", cause=f"the branch of the {_name} is not used")
with task.check("each signal is read in the light of the other", 2, cause="each signal attends to itself: queries come from one signal, keys and values from the other"):
    _steps = after_attention(_eeg, _pupil, _both, _rates, 3)
    for _name, _new in (("eeg", after_attention(_eeg, _other_pupils, _both, _rates, 3)), ("pupil", after_attention(_others, _pupil, _both, _rates, 3))):
        _before = nets.steps_of(nets.entry(_steps, _name), n=6, seconds=3.0, what=f"steps of {_name} after attention")
        _moved = np.abs(exam.numbers(nets.entry(_new, _name), shape=_before.shape, what=f"steps of {_name} after attention") - _before).max(axis=(0, 2))
        exam.expect(_moved.min() > 1e-6, got=f"{_name}: steps that are the same whatever the other signal does", expected="that each of them depends on it")
_half = np.array([[True, False]] * 3 + [[False, True]] * 3)
_absent = {}
with task.check("a missing signal plays no part, whatever its numbers", 2, cause="`present` is not used, or NaN times zero is NaN: replace the numbers with torch.where before the branch"):
    for _kind in _kinds:
        _told = exam.numbers(fusion_logits(_kind, _eeg, _pupil, _half, _rates, 3), shape=(6, 3), what=f"{_kind}: logits with a signal missing")
        nets.differ(_told, "logits")
        for _number in (np.nan, 1e6, 0.0):
            _x, _p = _eeg.copy(), _pupil.copy()
            _x[3:], _p[:3] = _number, _number
            exam.same(fusion_logits(_kind, _x, _p, _half, _rates, 3), _told, what=f"{_kind}: logits where the numbers of the missing signal are {_number:g}", atol=1e-4)
        _absent[_kind] = _told
with task.check("nor is it read as zeros", 1, cause="the missing signal's numbers are set to 0, which is a flat EEG and a pupil of its usual size: put a learned vector in the branch's place"):
    for _kind in _kinds:
        _x, _p = _eeg.copy(), _pupil.copy()
        _x[3:], _p[:3] = 0.0, 0.0
        _flat = exam.numbers(fusion_logits(_kind, _x, _p, _both, _rates, 3), shape=(6, 3), what=f"{_kind}: logits")
        for _name, _rows in (("pupil", slice(0, 3)), ("EEG", slice(3, 6))):
            exam.expect(not nets.alike(exam.given(_absent.get(_kind))[_rows], _flat[_rows]), got=f"{_kind}: the same logits for a missing {_name} and for one of zeros", expected="others")
with task.check("the other signal still counts, and other windows of the batch do not notice", 1, cause="a branch is left out for the whole batch, or for both signals at once"):
    for _kind in _kinds:
        _told = exam.given(_absent.get(_kind))
        _new = exam.numbers(fusion_logits(_kind, _others, _other_pupils, _half, _rates, 3), shape=(6, 3), what="logits")
        for _name, _rows in (("EEG", slice(0, 3)), ("pupil", slice(3, 6))):
            exam.expect(not nets.alike(_new[_rows], _told[_rows]), got=f"{_kind}: the same logits with another {_name}, the only signal there is", expected="others")
        _mixed = np.where(np.arange(6)[:, None] == 2, _half, _both)
        _told = exam.numbers(fusion_logits(_kind, _eeg, _pupil, _mixed, _rates, 3), shape=(6, 3), what="logits")
        exam.same(_told, np.where(np.arange(6)[:, None] == 2, exam.given(_absent.get(_kind)), exam.given(_logits.get(_kind))), what=f"{_kind}: logits where one window of six lacks its pupil", atol=1e-4)
with task.check("training reaches both branches", 1, cause="a branch is computed under no_grad or detached"):
    for _kind in _kinds:
        _told = gradient_norms(_kind, _eeg, _pupil, _both, np.arange(6) % 3, _rates, 3)
        for _name in ("eeg", "pupil"):
            _norm = float(exam.numbers(nets.entry(_told, _name), shape=(), what=f"gradient of {_name}"))
            exam.expect(_norm > 1e-7, got=f"{_kind}: a gradient of {_norm:.2g} in the branch of the {_name}", expected="more than 0", cause="a branch is computed under no_grad or detached")
    for _kind in _kinds:  # a branch whose signal nobody has gets no gradient, the other one does: tells constants, names swapped and the norm of everything apart
        for _k, (_gone, _other) in enumerate((("eeg", "pupil"), ("pupil", "eeg"))):
            _told = gradient_norms(_kind, _eeg, _pupil, _both & (np.arange(2) != _k), np.arange(6) % 3, _rates, 3)
            _none, _some = (float(exam.numbers(nets.entry(_told, _name), shape=(), what=f"gradient of {_name}")) for _name in (_gone, _other))
            exam.expect(_none < 1e-6 < _some, got=f"{_kind}, {_gone} missing in all windows: gradients of {_none:.2g} for {_gone} and {_some:.2g} for {_other}", expected=f"0 for {_gone} and more for {_other}",
                        cause="the norm of another part of the network, the two names swapped, or a number that has nothing to do with the gradient")
        _norms = [gradient_norms(_kind, _eeg, _pupil, _both, _levels, _rates, _seed) for _levels, _seed in ((np.arange(6) % 3, 3), ((np.arange(6) + 1) % 3, 3), (np.arange(6) % 3, 4))]
        for _new, _what in zip(_norms[1:], ("other levels", "another seed"), strict=True):
            exam.expect(any(abs(_new[_name] / _norms[0][_name] - 1) > 1e-6 for _name in ("eeg", "pupil")), got=f"{_kind}: the same norms with {_what}", expected="others", cause="a number that has nothing to do with the gradient of this network and these levels")
        _x, _p = np.where(_half[:, :1, None], _eeg, np.nan), np.where(_half[:, 1:], _pupil, np.nan)
        for _name, _norm in gradient_norms(_kind, _x, _p, _half, np.arange(6) % 3, _rates, 3).items():
            exam.expect(np.isfinite(_norm), got=f"{_kind}: a gradient of {_name} that is NaN or infinite where a signal is missing and NaN", expected="a finite one",
                        cause="NaN goes into the branch and is replaced after it: its gradient is 0 times NaN, which is NaN. Replace the numbers before the branch")
task.points()

# %% [markdown]
# ## Task 6: evaluate by subject (12 points)
#
# Write four functions. They work on any model; the test cell uses them with a plain one, logistic regression on a few numbers per window.
#
# - `subject_folds(subjects, k, seed)`: `subjects` is a list of n names, one for each window, in any order. Returns a **list of k dicts** with `"train"`, `"val"` and `"test"`: whole numbers, positions of windows. Each window is in exactly one of the three parts, and in `"test"` in
#   exactly one fold; **all windows of a subject stay together**; numbers of test subjects differ by at most one, and so do those of validation subjects. The same `seed` gives the same folds, another one others; levels have no say in them.
# - `auc_by_class(levels, probability)`: `levels` (n,) 0, 1, 2; `probability` (n, 3). Returns (3,): ROC AUC of each level against the other two, from **its own column** as it is. Ties count half.
# - `auc_interval(levels, probability, subjects, seed)`: dict of `"auc"`, `"low"`, `"high"`, each (4,): low, medium, high, and their mean (macro-AUC). `low` and `high` are the 2.5th and the 97.5th percentile over at least 500 draws of **subjects**, with
#   replacement, from `seed`: who is drawn twice comes with all windows twice.
# - `cross_validate(features, levels, subjects, strengths, k, seed)`: `features` (n, d), `strengths` a list of values for `C` of `LogisticRegression`. In each fold of `subject_folds(subjects, k, seed)`: take each column's mean off and divide it by its standard deviation, both from
#   the **training** windows; train one model per strength on the training windows; choose the one with the highest macro-AUC on the **validation** windows; let it answer for the **test** windows. Returns a dict: `"probability"` (n, 3), and `"chosen"`, a list of k strengths.
#
# Nothing that is known of test windows may reach their own answer but their own features: no level, no mean, no choice.
#
# <details><summary>Hint 1: the idea</summary>Deal subjects out like cards. An AUC asks only for order: hard decisions have none left. What is drawn anew in a bootstrap is what is independent of the rest: people, not windows.</details>
# <details><summary>Hint 2: what to use</summary><code>np.unique(subjects, return_inverse=True)</code>, <code>rng.permutation</code>; <code>roc_auc_score(levels == c, probability[:, c])</code>, or ranks, which are faster:
# <code>(rank.sum() - m * (m + 1) / 2) / (m * (n - m))</code> with the ranks (<code>scipy.stats.rankdata</code>) of the m windows of the level. <code>LogisticRegression(C=c, max_iter=500).fit(x, y).predict_proba(x)</code>.</details>
# <details><summary>Hint 3: almost the code</summary>Folds: each name gets a number from 0 to k - 1 (a permutation, and <code>%</code>), and each window that of its name; fold i tests number i: which number validates, in the last fold too? Bootstrap: a list of positions of each subject, then
# <code>np.concatenate</code> of the lists of those who were drawn.</details>

# %% role="locked"
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

# %% role="answer" task="evaluate"
def subject_folds(subjects, k, seed):
    """List of k dicts of positions, "train", "val", "test"; no subject is in two of them."""
    ### BEGIN SOLUTION
    names, who = np.unique(np.asarray(subjects), return_inverse=True)
    number = (np.random.default_rng(seed).permutation(len(names)) % k)[who]
    folds = []
    for i in range(k):
        test, val = number == i, number == (i + 1) % k
        folds.append({"train": np.flatnonzero(~test & ~val), "val": np.flatnonzero(val), "test": np.flatnonzero(test)})
    return folds
    ### END SOLUTION


def auc_by_class(levels, probability):
    """(3,) ROC AUC of each level against the others."""
    ### BEGIN SOLUTION
    levels, probability = np.asarray(levels), np.asarray(probability)
    found = []
    for c in range(3):
        own = levels == c
        m, n = own.sum(), len(own)
        rank = rankdata(probability[:, c])
        found.append((rank[own].sum() - m * (m + 1) / 2) / (m * (n - m)))
    return np.array(found)
    ### END SOLUTION


def auc_interval(levels, probability, subjects, seed):
    """AUC of each level and their mean, with an interval over subjects: dict of auc, low, high, each (4,)."""
    ### BEGIN SOLUTION
    levels, probability = np.asarray(levels), np.asarray(probability)
    names, who = np.unique(np.asarray(subjects), return_inverse=True)
    own = [np.flatnonzero(who == j) for j in range(len(names))]
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(600):
        rows = np.concatenate([own[j] for j in rng.integers(len(names), size=len(names))])
        drawn.append(auc_by_class(levels[rows], probability[rows]))
    drawn = np.array(drawn)
    drawn = np.column_stack([drawn, drawn.mean(axis=1)])
    auc = auc_by_class(levels, probability)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return {"auc": np.append(auc, auc.mean()), "low": low, "high": high}
    ### END SOLUTION


def cross_validate(features, levels, subjects, strengths, k, seed):
    """Answers for test windows of all folds: dict of probability (n, 3) and chosen (k strengths)."""
    ### BEGIN SOLUTION
    features, levels = np.asarray(features, float), np.asarray(levels)
    probability, chosen = np.zeros((len(levels), 3)), []
    for fold in subject_folds(subjects, k, seed):
        train, val, test = (fold[name] for name in ("train", "val", "test"))
        x = (features - features[train].mean(axis=0)) / features[train].std(axis=0)
        models = [LogisticRegression(C=c, max_iter=500).fit(x[train], levels[train]) for c in strengths]
        scores = [roc_auc_score(levels[val], model.predict_proba(x[val]), multi_class="ovr") for model in models]
        best = int(np.argmax(scores))
        probability[test] = models[best].predict_proba(x[test])
        chosen.append(strengths[best])
    return {"probability": probability, "chosen": chosen}
    ### END SOLUTION


# %% role="test" task="evaluate" points=12
# asks: subject_folds, auc_by_class, auc_interval, cross_validate
task = exam.task("evaluate", points=12)
_rng = np.random.default_rng(SEED + 51)
with task.check("folds: each window in one part, and tested once; a subject's windows stay together", 1, cause="windows are dealt out instead of subjects: each person is then known before the test"):
    for _n, _k in ((11, 4), (20, 5)):
        _who = nets.workers(_n, seed=SEED + 52)
        _folds = nets.folds_of(subject_folds(list(_who), _k, 3), n=len(_who), k=_k)
        exam.same(np.sort(np.concatenate([_fold["test"] for _fold in _folds])), np.arange(len(_who)), what="all tested positions, sorted", cause="windows left out, or tested in two folds")
        _twice = nets.shared(_folds, _who)
        exam.expect(_twice == 0, got=f"{_twice} times a subject in two parts of a fold", expected="never", cause="windows are dealt out instead of subjects: each person is then known before the test")
with task.check("folds: as many subjects in each, drawn by the seed", 1, cause="the global random generator is used instead of `seed`, or parts of very different size"):
    _who = nets.workers(11, seed=SEED + 53)
    _drawn = [nets.folds_of(subject_folds(list(_who), 4, _seed), n=len(_who), k=4) for _seed in (7, 7, 8, 9)]
    for _name in ("test", "val"):
        _counts = [len(set(np.array(_who)[_fold[_name]].tolist())) for _fold in _drawn[0]]
        exam.expect(max(_counts) - min(_counts) <= 1, got=f"{_name} parts of {_counts} subjects", expected="numbers that differ by at most one")
    _first = [[np.sort(_fold["test"]).tolist() for _fold in _folds] for _folds in _drawn]
    exam.expect(_first[0] == _first[1], got="two different results", expected="the same folds for the same seed", cause="the global random generator is used instead of `seed`")
    exam.expect(_first[0] != _first[2] or _first[0] != _first[3], got="the same folds for other seeds", expected="other folds", cause="`seed` is not used")
_d = nets.scored(12, seed=SEED + 54)
with task.check("AUC of each level against the others", 2, cause="decisions instead of probabilities, another column, or pairs of levels instead of one against the rest"):
    for _values in (_d, nets.scored(6, seed=SEED + 55, ties=True)):
        _told = auc_by_class(_values["levels"].copy(), _values["probability"].copy())
        exam.same(_told, nets.aucs(_values["levels"], _values["probability"]), what="auc_by_class", atol=1e-6, cause=nets.auc_mistake(_told, _values["levels"], _values["probability"]))
_read = _d["probability"]  # as auc_by_class reads it: a mistake that was named above is not counted again
try:
    _read = nets.as_scored(auc_by_class(_d["levels"].copy(), _d["probability"].copy()), _d["levels"], _read)
except Exception:
    pass  # said above
_arguments = [_d[_name] for _name in ("levels", "probability", "subjects")]
_told = None
with task.check("auc_interval gives them too, and their mean", 1, cause="the mean over subjects or folds instead of all windows together"):
    _told = auc_interval(*[_values.copy() for _values in _arguments], 1)
    _wanted = nets.aucs(_d["levels"], _read)
    exam.same(nets.entry(_told, "auc"), [*_wanted, _wanted.mean()], what="auc (low, medium, high, mean)", atol=1e-6)
with task.check("an interval that comes from drawing subjects", 2, cause="windows are drawn instead of subjects, which makes the interval far too narrow"):
    # 500 draws move an end by 3 % of the width, two seeds together by 2 %; drawing windows gives half the width or less, 5 and 95 % four fifths of it
    _low, _high = nets.interval(_d["levels"], _read, _d["subjects"])
    _ends = []
    for _seed in (5, 5, 6):
        _told = auc_interval(*[_values.copy() for _values in _arguments], _seed)
        _ends.append(np.stack([exam.numbers(nets.entry(_told, _name), shape=(4,), what=_name) for _name in ("low", "high")]))
    exam.same(_ends[1], _ends[0], what="low and high, the same seed twice", cause="the global random generator is used instead of `seed`")
    exam.expect(np.abs(_ends[1] - _ends[2]).max() > 1e-12, got="the same interval for other seeds", expected="slightly other ends", cause="`seed` is not used")
    _off = np.abs(np.mean(_ends[1:], axis=0) - [_low, _high]) / (_high - _low)
    exam.expect(_off.max() < 0.09, got=f"ends that are off by up to {100 * _off.max():.0f} % of the interval's width", expected="less than 9 %",
                cause="windows are drawn instead of subjects, AUCs of subjects are averaged, or other percentiles than 2.5 and 97.5")
_easy = nets.measured(12, seed=SEED + 56)
_strengths = [1e-4, 1.0]
_told = None
with task.check("cross_validate learns, and answers for everybody", 1, cause="rows that are not put back in their place, or trained on the wrong part"):
    _made = cross_validate(_easy["features"].copy(), _easy["levels"].copy(), list(_easy["subjects"]), _strengths, 4, 3)
    _p = exam.numbers(nets.entry(_made, "probability"), shape=(len(_easy["levels"]), 3), what="probability")
    exam.same(_p.sum(axis=1), np.ones(len(_p)), what="sum of three probabilities", atol=1e-3)
    exam.numbers(nets.entry(_made, "chosen"), shape=(4,), what="chosen")
    _reached = nets.aucs(_easy["levels"], _p).mean()
    exam.expect(_reached > 0.7, got=f"a macro-AUC of {_reached:.2f}", expected="more than 0.7", cause="rows that are not put back in their place, or trained on the wrong part")
    _told = _made
with task.check("people known by heart do not help", 1, cause="windows of a person are in training and test"):
    exam.given(_told)
    _prints = nets.measured(12, seed=SEED + 57, common=0.0, each=6)  # nothing that people have in common tells the level
    _p = exam.numbers(nets.entry(cross_validate(_prints["features"].copy(), _prints["levels"].copy(), list(_prints["subjects"]), [1.0], 4, 3), "probability"), shape=(len(_prints["levels"]), 3), what="probability")
    _reached = nets.aucs(_prints["levels"], _p).mean()
    exam.expect(_reached < 0.85, got=f"a macro-AUC of {_reached:.2f} where only what is each person's own tells the level", expected="about 0.5", cause="windows of a person are in training and test")
with task.check("levels of test windows do not reach their answers", 1, cause="per-person statistics that use levels, or a strength chosen on test windows"):
    _folds = nets.folds_of(subject_folds(list(_easy["subjects"]), 4, 3), n=len(_easy["levels"]), k=4)
    for _j, _fold in enumerate(_folds):
        for _ in range(2):  # a choice on test windows may come out the same by chance
            _changed = _easy["levels"].copy()
            _changed[_fold["test"]] = _rng.permutation(_changed[_fold["test"]])
            _new = cross_validate(_easy["features"].copy(), _changed, list(_easy["subjects"]), _strengths, 4, 3)
            exam.same(np.asarray(nets.entry(_new, "chosen"))[_j], np.asarray(nets.entry(exam.given(_told), "chosen"))[_j], what="the strength chosen, after levels of the test windows were changed", cause="the strength is chosen on test windows: choose on validation windows")
            exam.same(exam.numbers(nets.entry(_new, "probability"))[_fold["test"]], exam.numbers(nets.entry(_told, "probability"))[_fold["test"]], what="answers after levels of the test windows were changed", atol=1e-3,
                      cause="levels of test windows are used for scaling or training")
    _changed = _easy["levels"].copy()
    _changed[_folds[0]["val"]] = _rng.permutation(_changed[_folds[0]["val"]])
    _one, _other = (exam.numbers(nets.entry(cross_validate(_easy["features"].copy(), _levels, list(_easy["subjects"]), [1.0], 4, 3), "probability"))[_folds[0]["test"]] for _levels in (_easy["levels"].copy(), _changed))
    exam.same(_other, _one, what="answers of the only strength, after levels of the validation windows were changed", atol=1e-3, cause="trained on the validation windows too: then they cannot choose")
_people = [nets.strained(12, seed=SEED + 58 + _faint, faint=bool(_faint)) for _faint in (0, 1)]  # the one wants a strong penalty, the other a weak one
_strengths, _asked = [0.5, 1e-5], None
with task.check("the strength with the highest macro-AUC on the validation windows", 1, cause="chosen by something else than macro-AUC on validation windows"):
    _folds = [nets.folds_of(subject_folds(list(_each["subjects"]), 4, 5), n=len(_each["levels"]), k=4) for _each in _people]
    _asked = [(cross_validate(_each["features"].copy(), _each["levels"].copy(), list(_each["subjects"]), list(_strengths), 4, 5), _each, _fold, _strengths) for _each, _fold in zip(_people, _folds, strict=True)]
    nets.well_chosen(_asked)
with task.check("answers of the model that was chosen, scaled and trained by training windows", 1, cause="another scaling, training or model than the task says"):
    for _case in exam.given(_asked):
        nets.well_answered(*_case)
task.points()

# %% [markdown]
# ## Task 7: a stream that knows no future (16 points)
#
# On line, samples come in chunks, some packets come late or never, and a level must be decided now. Write three functions. The first two are **steps**: each takes what is new and a *state*, and
# returns its answer **and the new state**, which the test cell hands back with the next call. What has not come yet, it cannot know. The state is `None` in the first call; after that it is whatever you
# returned: numbers, arrays, lists and dicts, no objects of your own. Keep nothing anywhere else: two streams may take turns. **And it does not grow**: a stream may run for days, so all that has come so far is no
# state.
#
# - `filter_step(chunk, state, fs)`: `chunk` (channels, m) in µV; m differs from call to call and **may be 0, in the first call too**. Returns `(out, state)`, `out` (channels, m).
#   - The filter: `signal.butter(4, (1, 40), "bandpass", fs=fs, output="sos")`, forwards only. It starts **as if the first sample had lasted for ever**:
#     `signal.sosfilt_zi` times the first sample of each channel.
#   - Cut into chunks of any size, the same comes out as in one piece, to 1e-6.
#   - NaN is a sample that is missing (the first sample of each channel is always there): for the filter, the **last known sample of this channel** takes its place. `out` is never NaN.
# - `order_step(first, samples, state, late)`: a packet, `samples` (m,) with the numbers `first`, `first + 1` and so on, all finite. Returns `(ready, state)`: the samples that can go on **now**, in the order of their numbers, beginning with
#   number 0, each number once.
#   - A sample goes on as soon as it is there and all before it have gone on.
#   - One that is missing is **given up**, as NaN, as soon as `late` or more samples *behind it* are known to have been sent: with `end` one above the highest number that has come so far, all numbers below `end - late`
#     go on now, there or not.
#   - What comes after it was given up, or a second time, is ignored.
# - `decide(probabilities, pace, margin)`: `probabilities` (hops, 3) in order. Returns levels (hops,) of whole numbers, each from its own and **earlier** rows alone.
#   - Smoothed: `s` is the first known row, then `s + pace * (row - s)`.
#   - Hysteresis: the level is at first the one whose `s` is largest. It changes to the largest where that is **ahead of the present level's** `s` by `margin` or more, and else stays.
#   - A row with NaN says nothing: the level stays. Before anything is known it is -1.
#
# <details><summary>Hint 1: the idea</summary>Ask of each function: what must it remember? The filter: its state and the last known sample of each channel. The packets: the next number that goes on, and what waits. The decision: <code>s</code>
# and the level.</details>
# <details><summary>Hint 2: what to use</summary><code>signal.sosfilt(sos, x, axis=1, zi=zi)</code> returns what comes out and the new <code>zi</code> (sections, channels, 2). The last known value:
# <code>np.maximum.accumulate(np.where(known, np.arange(m), -1), axis=1)</code>, or a loop. For the packets an array of what waits, NaN where nothing has come. A loop over rows for the
# decision.</details>
# <details><summary>Hint 3: almost the code</summary><code>zi = signal.sosfilt_zi(sos)[:, None] * chunk[:, 0][None, :, None]</code>. Filling: put the last known column in front, fill, and take it off again. Packets:
# <code>n = max(len(waiting), first + len(samples) - start)</code>, stretch <code>waiting</code> to n with NaN, write in what has a number of <code>start</code> or more. How many must go on now, there or not? And how many more can,
# one after the other? These are <code>ready</code>; what is left, and the number of its first sample, is the state.</details>

# %% role="answer" task="stream"
def filter_step(chunk, state, fs):
    """The next chunk (channels, m) filtered forwards, and the state of the filter after it."""
    ### BEGIN SOLUTION
    chunk = np.asarray(chunk, float)
    if chunk.shape[1] == 0:
        return chunk, state
    sos = signal.butter(4, (1, 40), "bandpass", fs=fs, output="sos")
    if state is None:
        state = {"last": chunk[:, 0], "zi": signal.sosfilt_zi(sos)[:, None] * chunk[:, 0][None, :, None]}
    x = np.concatenate([state["last"][:, None], chunk], axis=1)
    at = np.maximum.accumulate(np.where(np.isfinite(x), np.arange(x.shape[1]), 0), axis=1)
    x = np.take_along_axis(x, at, axis=1)[:, 1:]
    out, zi = signal.sosfilt(sos, x, axis=1, zi=state["zi"])
    return out, {"last": x[:, -1], "zi": zi}
    ### END SOLUTION


def order_step(first, samples, state, late):
    """The samples (k,) that go on now, in order, NaN for those given up, and the state after them."""
    ### BEGIN SOLUTION
    start, waiting = (0, np.zeros(0)) if state is None else state
    n = max(len(waiting), first + len(samples) - start)
    waiting = np.concatenate([waiting, np.full(n - len(waiting), np.nan)])
    at = first - start + np.arange(len(samples))
    waiting[at[at >= 0]] = np.asarray(samples, float)[at >= 0]
    go = max(0, n - late)
    while go < n and np.isfinite(waiting[go]):
        go += 1
    return waiting[:go], (start + go, waiting[go:])
    ### END SOLUTION


def decide(probabilities, pace, margin):
    """Levels (hops,) from probabilities (hops, 3): smoothed, with hysteresis, -1 before anything is known."""
    ### BEGIN SOLUTION
    smooth, level, out = None, -1, []
    for row in np.asarray(probabilities, float):
        if np.isfinite(row).all():
            smooth = row if smooth is None else smooth + pace * (row - smooth)
            best = int(np.argmax(smooth))
            if level < 0 or smooth[best] - smooth[level] >= margin:
                level = best
        out.append(level)
    return np.array(out, int)
    ### END SOLUTION


# %% role="test" task="stream" points=16
# asks: filter_step, order_step, decide
task = exam.task("stream", points=16)
_rng = np.random.default_rng(SEED + 71)
_x = {}
for _fs in (125.0, 250.0):  # with an offset, as amplifiers have it, and a hum
    _x[_fs] = probe.eeg(4, 6.0, _fs, seed=SEED + 72) + _rng.uniform(-300, 300, (4, 1)) + 60 * np.sin(2 * np.pi * 55 * np.arange(round(6 * _fs)) / _fs)
_all = slice(0, None)
_piece = None
with task.check("in one piece, the filter forwards", 2, cause="another filter than the one of the task, or one that starts from zero"):
    for _fs in (125.0, 250.0):
        _made, _ = probe.run_filter(filter_step, _x[_fs], _fs, [_all])
        exam.same(_made, probe.filtered(_x[_fs], _fs), what=f"filtered EEG at {_fs:g} Hz", rtol=0, atol=1e-6, cause=probe.filter_mistake(_made, _x[_fs], _fs))
with task.check("in chunks of any size, the same to 1e-6", 3, cause="a chunk may have one sample, or none at all, the first one too"):
    _once, _ = probe.run_filter(filter_step, _x[125.0], 125.0, [_all])
    probe.passes_band(_once, _x[125.0], 125.0)
    _piece = _once
    for _k in range(3):
        _cuts = [slice(0, 0), *probe.cuts(750, seed=SEED + 73 + _k)] if _k == 2 else probe.cuts(750, seed=SEED + 73 + _k)
        _made, _ = probe.run_filter(filter_step, _x[125.0], 125.0, _cuts)
        exam.same(_made, _piece, what=f"what comes out of {len(_cuts)} chunks, against one piece", rtol=0, atol=1e-6,
                  cause="the state is forgotten between chunks, or begun anew by a chunk of one sample or none; a mean over a chunk depends on where it is cut")
with task.check("another future changes nothing in the past", 1, cause="a filter forwards and backwards, or a mean or spread of the whole chunk: that is the future"):
    exam.given(_piece)
    for _at in (200, 500):
        _other = _x[125.0].copy()
        _other[:, _at:] = 400 * _rng.standard_normal((4, 750 - _at))
        (_a, _), (_b, _) = (probe.run_filter(filter_step, _signal, 125.0, [_all]) for _signal in (_x[125.0], _other))
        exam.expect(np.std(_b[:, _at:] - _a[:, _at:]) > 1, got="the same answer to another EEG", expected="the filtered EEG")
        _back = np.flatnonzero((np.abs(_a - _b)[:, :_at] > 1e-9).any(axis=0))
        exam.expect(not len(_back), got=f"an answer that changed {(_at - _back[0]) / 125 if len(_back) else 0:.2f} s before the EEG did", expected="no change before",
                    cause="a filter forwards and backwards, or a mean or spread of the whole chunk: that is the future")
with task.check("a missing sample is the last one that came", 1, cause="NaN in the state of a filter stays for ever; zero would be a jump"):
    exam.given(_piece)
    _lost = _x[125.0].copy()
    for _row, _a, _m in ((0, 100, 1), (1, 195, 30), (2, 640, 110), (3, 50, 3), (3, 60, 140)):
        _lost[_row, _a : _a + _m] = np.nan
    _held = np.stack([_row[np.maximum.accumulate(np.where(np.isfinite(_row), np.arange(750), 0))] for _row in _lost])
    for _cuts in ([_all], [slice(0, 200), slice(200, 210), slice(210, 750)], [_part for _part in probe.cuts(750, seed=SEED + 77) if _part.stop > _part.start]):
        _made, _ = probe.run_filter(filter_step, _lost, 125.0, _cuts)
        exam.expect(np.isfinite(_made).all(), got="NaN that comes out", expected="numbers", cause="NaN in the state of a filter stays for ever: fill in the last known sample first")
        exam.same(_made, probe.run_filter(filter_step, _held, 125.0, [_all])[0], what="EEG with missing samples", rtol=0, atol=1e-6,
                  cause="another value than the channel's last known sample was filled in, or that was forgotten at the border of a chunk")

_numbers = _rng.standard_normal(400)
_in_order = None


def _ordered(_parts, _late, _cause):
    """Packets of (first, length) through order_step, against what should be ready after each."""
    _rows = [(_first, _numbers[_first : _first + _m]) for _first, _m in _parts]
    probe.same_stream(probe.run_order(order_step, _rows, _late), probe.reorder(_rows, _late), _cause)


with task.check("packets in order go on at once, one that comes after the next is put right", 1, cause="what came first goes first: sort by number, and wait for what is missing"):
    _ordered([(0, 4), (4, 1), (5, 9), (14, 3)], 10, "samples that are there, with all before them, go on at once")
    _ordered([(0, 4), (7, 5), (4, 3), (12, 2), (17, 2), (16, 1), (14, 2)], 20, "a sample waits until all before it have gone on")
    _in_order = True
with task.check("what is missing is given up in time", 1, cause="one lost packet holds up everything, or is left out so that all later samples move"):
    exam.given(_in_order)
    _ordered([(0, 4), (7, 5), (12, 2), (14, 3), (17, 1), (18, 6), (24, 2)], 12, "numbers below end - late go on now, as NaN where nothing came: neither later, nor left out")
    _ordered([(3, 2), (5, 3), (8, 4), (30, 2), (32, 9)], 6, "numbers below end - late go on now, from number 0 on")
with task.check("what comes too late or twice is ignored", 1, cause="numbers below the next one are written in from the end, or go on a second time"):
    exam.given(_in_order)
    _ordered([(0, 4), (8, 5), (13, 3), (4, 4), (16, 2), (0, 4), (16, 2), (15, 5), (20, 1)], 6, "each number goes on once: what was given up or has gone on is over")
    for _k in range(4):
        _ordered(probe.packets(400, seed=SEED + 78 + _k, late=16), 16, "each number goes on once, in order, as soon as it can")

with task.check("all that is remembered is in the state", 1, cause="something is kept outside of the state, so that two streams disturb each other"):
    exam.given(_piece if _in_order is None else _in_order)
    if _piece is not None:
        _first, _second = slice(0, 300), slice(300, 750)
        _a, _after = probe.run_filter(filter_step, _x[125.0], 125.0, [_first])
        _b, _ = probe.run_filter(filter_step, -_x[125.0][::-1], 125.0, [_first, _second])  # another stream in between
        for _ in range(2):  # and the same state twice
            _c, _ = probe.run_filter(filter_step, _x[125.0], 125.0, [_second], _after)
            exam.same(_c, _piece[:, 300:], what="the rest of a stream, after another one took its turn", rtol=0, atol=1e-6,
                      cause="something is kept outside of the state of filter_step, in a global variable or an attribute, or nothing is kept at all")
        _long = probe.run_filter(filter_step, np.tile(_x[125.0], 3), 125.0, [slice(_k, _k + 50) for _k in range(0, 2250, 50)])[1]
        probe.lasts(_after, _long, at_least=8 * 4, what="filter_step")  # order 8, four channels
    if _in_order is not None:
        probe.take_turns(order_step, [[(_a, _numbers[_a : _a + _m] + 10 * _k) for _a, _m in _parts] for _k, _parts in enumerate(([(0, 4), (8, 3), (4, 4), (11, 2)], [(0, 2), (2, 7), (12, 2), (9, 3)]))], 12)
        _early, _late = (probe.run_order(order_step, [(_k, _numbers[_k : _k + 4]) for _k in range(0, _n, 4) if _k % 20], 12, keep=True)[1] for _n in (80, 400))
        probe.lasts(_early, _late, at_least=1, what="order_step")


_p = [probe.undecided(240, seed=SEED + 82 + _k) for _k in range(3)]
_levels = None
with task.check("smoothed, without hysteresis", 1, cause="no smoothing, a mean over windows, or one that starts from zero"):
    for _k in range(3):
        for _pace in (1.0, 0.2):
            _made = exam.numbers(decide(_p[_k].copy(), _pace, 0.0), shape=(240,), what="levels")
            exam.same(_made, probe.decided(_p[_k], _pace, 0.0), what=f"levels at pace {_pace:g} and margin 0", cause="s begins with the first row; then s + pace * (row - s)")
    _levels = True
with task.check("hysteresis", 2, cause="the level jumps to the largest at once, or the margin is compared with something else than the present level"):
    exam.given(_levels)
    for _k in range(3):
        for _pace, _margin in ((0.2, 0.15), (0.5, 0.3), (1.0, 0.4)):
            exam.same(decide(_p[_k].copy(), _pace, _margin), probe.decided(_p[_k], _pace, _margin), what=f"levels at pace {_pace:g} and margin {_margin:g}",
                      cause="the largest must be ahead of the present level's s by margin or more, smoothed; the second largest, or 1/2, is something else")
with task.check("another future changes no decision before it", 1, cause="smoothing that is centred, or runs backwards too"):
    _moved = 0
    for _k, _at in enumerate(range(30, 225, 13)):
        _other = _p[0].copy()
        _other[_at:] = np.eye(3)[_k % 3]
        _a, _b = (exam.numbers(decide(_q.copy(), 0.3, 0.0), shape=(240,), what="levels") for _q in (_p[0], _other))
        _moved += np.any(_a[_at:] != _b[_at:])
        exam.expect(np.sum(np.diff(_a) != 0) < 0.8 * np.sum(np.diff(_p[0].argmax(axis=1)) != 0), got="levels that flicker as the rows do", expected="smoothed ones", cause="no smoothing, or pace the wrong way round")
        exam.same(_a[:_at], _b[:_at], what="levels before the probabilities changed", cause="smoothing that is centred, or runs backwards too")
    exam.expect(_moved > 5, got="levels that do not change with the probabilities", expected="levels that follow them")
with task.check("nothing known, nothing changed", 1, cause="NaN spreads through the smoothing, or a gap decides"):
    exam.given(_levels)
    _gaps = _p[2].copy()
    _gaps[:5], _gaps[70:90], _gaps[150, 1] = np.nan, np.nan, np.nan
    exam.same(decide(_gaps.copy(), 0.3, 0.0), probe.decided(_gaps, 0.3, 0.0), what="levels with rows of NaN", cause="-1 before anything is known; after that a row with NaN leaves both s and the level as they were")
task.points()

# %% [markdown]
# ## Task 8: people never seen (12 points)
#
# Train on the class's cohort, and write `workload_probabilities(eeg, pupil)` that uses what you trained:
#
# - `eeg`: float32 (n, 19, 500), windows of 4 s at 125 Hz in µV, filtered, to the average reference; `pupil`: float32 (n, 240), the same seconds at 60 Hz in mm above the subject's baseline, NaN where it is not known. They may be of several people, and in any order.
# - **A dead sensor** gives NaN: EEG that is NaN throughout, or a pupil without one known sample. Never both.
# - Returns (n, 3), probabilities of low, medium and high. Each window gets the same answer in whatever company.
#
# `cohort.signals` (n, 19, 500), `cohort.columns["pupil"]` (n, 240), `cohort.labels`, `cohort.subjects`, and for task 9 `cohort.columns["since_s"]` (seconds from the last change of level to the window's **end**; as a window is 4 s long and its label is the level that covers most of it, windows with `since_s` below 2 s mostly carry the level **before** the change), `["purity"]` (share of the window that has its level), `["start_s"]` and
# `["recording"]` are the class's windows.
# All of these people may be trained with, validation people of your folds too, once nothing is chosen on them any more. In training leave one or the other signal out now and then: a network that has never met a dead sensor is seldom good without. Split by subject and print the report of task 6 for the test subjects: task 9 is about it.
#
# The test cell asks about people you have never met: the AUC of each level (3 points), the macro-AUC (3 points), and the macro-AUC without the pupil (2 points) and without the EEG (2 points), each along a line from a floor; 2 points are for sound probabilities. Medium is hard: it lies between the other two.
#
# <details><summary>Hint 1: the idea</summary>Each fold gives a network that has not met its test subjects: their answers make the report. For new people all these networks can be asked, and their probabilities averaged.</details>
# <details><summary>Hint 2: what to use</summary>Your <code>Concatenation</code> or <code>CrossAttention</code>; <code>torch.optim.AdamW</code>, a learning rate that falls as a cosine (<code>torch.optim.lr_scheduler.CosineAnnealingLR</code>), batches of 64, <code>PASSES</code> passes. <code>present</code> of a window: what is there, and not left out by
# chance.</details>
# <details><summary>Hint 3: almost the code</summary><code>there = np.stack([np.isfinite(eeg).all(axis=(1, 2)), np.isfinite(pupil).any(axis=1)], axis=1)</code>; in training <code>shown = there &amp; (rng.random(there.shape) &gt; 0.25)</code>, and where neither is shown, <code>there</code>
# again.</details>

# %% role="locked"
FOLDS, PASSES = {"ci": (3, 10), "default": (4, 12), "full": (5, 20)}[BUDGET]
cohort = data.load("workload", source="simulated", n={"ci": 12, "default": 20, "full": 20}[BUDGET])
print(cohort)
print(f"{len(cohort)} windows of {len(np.unique(cohort.subjects))} SIMULATED subjects")

# %% role="answer" task="perform"
# train on the class's cohort here, once, and print your report:
### BEGIN SOLUTION
def present_in(eeg, pupil):
    """(n, 2) whether there is an EEG, and a pupil."""
    return np.stack([np.isfinite(eeg).all(axis=(1, 2)), np.isfinite(pupil).any(axis=1)], axis=1)


def train(eeg, pupil, levels, rows, seed):
    """A network that has met the windows `rows`."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Concatenation(eeg.shape[1], 125.0, 60.0)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    batches = len(rows) // 64
    plan = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, PASSES * batches)
    net.train()
    for _ in range(PASSES):
        for b in np.array_split(rng.permutation(rows), batches):
            there = present_in(eeg[b], pupil[b])
            shown = there & (rng.random(there.shape) > 0.25)
            shown = np.where(shown.any(axis=1, keepdims=True), shown, there)
            loss = nn.functional.cross_entropy(net(*tensors(eeg[b], pupil[b], shown)), torch.as_tensor(levels[b]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            plan.step()
    return net.eval()


def probability_of(net, eeg, pupil):
    """(n, 3) of one network, 256 windows at a time."""
    parts = [np.zeros((0, 3))]
    with torch.no_grad():
        for k in range(0, len(eeg), 256):
            x, p = np.asarray(eeg[k : k + 256]), np.asarray(pupil[k : k + 256])
            parts.append(torch.softmax(net(*tensors(x, p, present_in(x, p))), dim=1).numpy())
    return np.concatenate(parts)


x, pupils, y = np.asarray(cohort.signals), np.asarray(cohort.columns["pupil"]), np.asarray(cohort.labels)
models, told = [], np.zeros((len(y), 3))
for k, fold in enumerate(subject_folds(list(cohort.subjects), FOLDS, SEED)):
    models.append(train(x, pupils, y, np.concatenate([fold["train"], fold["val"]]), 10 * SEED + k))
    told[fold["test"]] = probability_of(models[-1], x[fold["test"]], pupils[fold["test"]])
report = auc_interval(y, told, cohort.subjects, SEED)
for j, name in enumerate(("low", "medium", "high", "macro")):
    print(f"test subjects of all folds (SIMULATED), AUC of {name}: {report['auc'][j]:.2f}, 95 % interval {report['low'][j]:.2f} to {report['high'][j]:.2f}")
since, wrong = np.asarray(cohort.columns["since_s"]), told.argmax(axis=1) != y
for a, b in ((0, 4), (4, 8), (8, 12), (12, 20), (20, 60)):
    at = (since >= a) & (since < b)
    print(f"{a} to {b} s after a change of level: {100 * wrong[at].mean():.0f} % wrong of {at.sum()} windows")
### END SOLUTION


def workload_probabilities(eeg, pupil):
    """Probabilities (n, 3) of low, medium and high for windows eeg (n, 19, 500) and pupil (n, 240)."""
    ### BEGIN SOLUTION
    return np.mean([probability_of(net, eeg, pupil) for net in models], axis=0)
    ### END SOLUTION


# %% role="test" task="perform" points=12
# asks: workload_probabilities
task = exam.task("perform", points=12)
_unseen = exam.cohort("workload")
_blind = _unseen.without("pupil")
_deaf = _unseen.without("eeg")
_all, _eeg_only, _pupil_only = None, None, None
with task.check("three probabilities for each window, the same in any company", 1, cause="logits instead of probabilities, or something is computed over all windows of a call"):
    _all = exam.ask(_unseen, workload_probabilities)
    exam.expect(np.abs(_all.sum(axis=1) - 1).max() < 1e-2, got="rows that do not add up to 1", expected="three probabilities for each window", cause="a softmax over the windows instead of the levels, or logits")
    nets.differ(_all, "probabilities")
    exam.expect(((_all > 1e-6) & (_all < 1 - 1e-6)).any(), got="only zeros and ones", expected="probabilities", cause="decisions (argmax) instead of probabilities: an AUC asks for an order, and decisions have none left")
with task.check("finite answers without the pupil, and without the EEG", 1, cause="`present` is not made from the signals: NaN gets into the network"):
    _eeg_only, _pupil_only = exam.ask(_blind, workload_probabilities), exam.ask(_deaf, workload_probabilities)
    nets.differ(_pupil_only, "probabilities")
# reference at the smallest budget, eight seeds and hidden cohorts: AUC of low 0.80 to 0.93, medium 0.64 to 0.69, high 0.75 to 0.87, mean 0.74 to 0.83; without the pupil 0.56 to 0.68, without the
# EEG 0.72 to 0.83; on the practice cohort, which is hard, four seeds: 0.77 to 0.78, 0.64 to 0.67, 0.73 to 0.74, 0.72 to 0.73; 0.59 to 0.63, 0.71 to 0.72. Logistic regression on the mean size of the pupil alone: low 0.65 to 0.75, medium 0.48 to 0.56, high 0.65 to 0.72, mean 0.60 to 0.67, and nothing without it;
# on band powers and some numbers of the pupil it may reach all points, as the statement asks for no network
task.credit("low against the others", lambda: exam.score("auc_low", _unseen, exam.given(_all)), floor=0.68, full=0.75, points=1)
task.credit("high against the others", lambda: exam.score("auc_high", _unseen, exam.given(_all)), floor=0.65, full=0.70, points=1)
task.credit("medium against the others", lambda: exam.score("auc_medium", _unseen, exam.given(_all)), floor=0.54, full=0.59, points=1)
task.credit("the mean of the three", lambda: exam.score("macro_auc", _unseen, exam.given(_all)), floor=0.63, full=0.69, points=3)
task.credit("the mean without the pupil", lambda: exam.score("macro_auc", _blind, exam.given(_eeg_only)), floor=0.50, full=0.54, points=2)
task.credit("the mean without the EEG", lambda: exam.score("macro_auc", _deaf, exam.given(_pupil_only)), floor=0.62, full=0.67, points=2)
task.points()

# %% [markdown]
# ## Task 9: errors around transitions (6 points, read by a person)
#
# Look at your own answers for the test subjects of task 8. In 150 to 300 words:
#
# 1. How large is the share of wrong windows by time since the last change of level (`since_s`), and of windows that hold two levels (`purity` below 1) against pure ones? Name numbers from your own run, with the numbers of windows, and the data they are on (2 points).
# 2. Pupil and rhythms do not change at once, and a window looks back. Which of what you found is explained by that, which may be chance, and what share of the errors lies far from any change and has another cause (2 points)?
# 3. A display is to show the level live, from windows of 4 s that begin every 0.25 s (task 7; the class's windows follow each other every 4 s, without overlap). You may smooth over the last 3 s of answers, or demand that a level holds for some seconds before it is shown. What do you gain and what do you lose at transitions, in seconds? Name one use for which such a display is out of place, and why (2 points).
#
# <details><summary>Hint 1: the idea</summary>A share of few windows is not worth much: windows of one person are alike, so draw people, not windows, before you believe a difference.</details>
# <details><summary>Hint 2: what to use</summary>Masks such as <code>(since &gt;= 0) &amp; (since &lt; 4)</code>; NaN in <code>since_s</code> means that no change came before. <code>np.bincount</code>, a bar chart with the numbers of windows above the bars.</details>
# <details><summary>Hint 3: almost the code</summary><code>wrong = told.argmax(axis=1) != y</code>; for each pair of seconds <code>wrong[at].mean()</code> and <code>at.sum()</code>; then the same for the windows of each person.</details>

# %% [markdown] role="written" task="transitions" points=6
# ### BEGIN SOLUTION
# 1. On the class's SIMULATED subjects: from the last lines of my report, the share of wrong windows in the first 4 s after a change, and later, each with its number of windows (about a tenth of all windows end within 4 s of a change). With `since_s` below 2 s most of a window lies before the change, and so does its label. Windows that hold two levels are wrong more
# often than pure ones: their label is the level of the larger part. All this is of one run and a dozen people.
# 2. Theta, alpha and the pupil follow the level with a lag of seconds, and a window of 4 s holds up to 4 s of the level before: that delays every answer, so errors crowd in the first seconds. Differences of a few per cent between later stretches are within what drawing people anew
# gives. Most errors lie far from any change: medium is called low or high, and there are people whose rhythms do not answer at all. Those errors are no matter of time.
# 3. A mean over 3 s (12 answers, a quarter of a second apart) takes single wrong answers away, fewer than one hopes, as neighbours share most of their 4 s, and adds about a second and a half of delay; three of the class's windows would be 12 s; demanding that a level holds for 4 s takes away more, and shows each change at least 4 s later, a short one never. Out of place: to judge or rank people (hiring, marks, driving licences): it
# is no better than macro-AUC 0.8 on simulated people, errs more in some than in others, and light, age or medicine change a pupil as work does.
# ### END SOLUTION
#
# ### BEGIN MARK SCHEME
# - 1 (2 points): shares by time since the change with numbers of windows, from own run, called simulated (1); mixed against pure windows (1). Shares without numbers of windows: half a point less. Who says that windows with `since_s` below 2 s mostly carry the old level has read well: no point depends on it.
# - 2 (2 points): lag of the signals and the window's length as cause of errors near changes, and something said of chance, best over people (1); that most errors lie elsewhere, with a cause: medium between the others, people without effect (1).
# - 3 (2 points): what is gained and lost, in seconds, for both or for one with numbers of task 7 or the own run (1; the delay of a mean over T seconds is about T / 2, and three windows of the class, 4 s apart, are 12 s, not 0.75 s); a use that is out of place with a reason that has to do with the errors, the confounds or the people concerned (1).
# ### END MARK SCHEME

# %% [markdown]
# ## Take away
#
# - What is filled in, shifted or filtered must be known to whoever cuts the windows: a label belongs to seconds, not to sample numbers.
# - A stream knows no future. Whatever gives the same answer for any chunks, and does not change when the future does, may go on line.
