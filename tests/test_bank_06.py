"""The bank of assignment 06, graded by the real grader, and what its test cells compare with."""

import os

import numpy as np
import pytest
from bank_class import bank_counts, cases_of, check_slip, graded_bank
from scipy import signal

from autograder.bank import check_case
from autograder.examiner import run_cell
from autograder.klass import PROJECT
from autograder.reference import run_reference
from autograder.source import read_source
from physiodl import clocks, eegmat, online, streaming_filters
from physiodl import pupil as pupils
from physiodl.exam import ExamError
from physiodl.exam import workload as probe

NAME = "06_workload"
CASES = cases_of(NAME)
HEAVY = ("perform",)  # tasks whose answer cells train a network
# One slip in the reference answer: task, what stands there, what is put instead, points, what the student reads.
SLIPS = {
    "state that grows": (
        "stream",
        '{"last": x[:, -1], "zi": zi}',
        '{"last": x[:, -1], "zi": zi, "all": [*state.get("all", []), *chunk[0]]}',
        15,
        "a state that grows",
    ),
    "margin before the gap only": (
        "clean",
        "np.ones(2 * margin + 1))[margin",
        "np.ones(margin + 1))[margin",
        5,
        "on one side only",
    ),
    "margin in samples": ("clean", "round(0.15 * fs)", "9", 9, "a longest gap in samples, is written in"),
    "margin cut off": ("clean", "round(0.15 * fs)", "int(0.15 * fs)", 9, "the margin is cut off or rounded up"),
    "margin rounded up": ("clean", "round(0.15 * fs)", "int(np.ceil(0.15 * fs))", 9, "round(0.15 * fs) samples"),
    "no pupil below 1 mm": ("clean", "x < 1.5", "x < 1.0", 9, "a pupil of 1.2 mm that is believed"),
    "no pupil above 10 mm": ("clean", "x > 9.0", "x > 10.0", 9, "a pupil of 9.3 mm that is believed"),
    "no pupil above 8 mm": ("clean", "x > 9.0", "x > 8.0", 9, "sizes from 1.5 to 9 mm are good"),
    "no margin beside impossible sizes": (
        "clean",
        "[margin : margin + len(x)] > 0.5",
        "[margin : margin + len(x)] > 0.5\n"
        "    nan = np.convolve(np.isnan(x), np.ones(2 * margin + 1))[margin : margin + len(x)] > 0.5\n"
        "    bad = nan | (x < 1.5) | (x > 9.0)",
        9,
        "what stands beside an impossible size",
    ),
    "kernel longer than the recording": (
        "clean",
        "np.ones(2 * margin + 1))[margin : margin + len(x)]",
        'np.ones(2 * margin + 1), mode="same")',
        9,
        "as many values as its longer input",
    ),
    "less than a second": ("clean", "b - a <= fs", "b - a < fs", 9, "is still filled"),
    "a second and one sample": ("clean", "b - a <= fs", "b - a <= fs + 1", 9, "more than 1 s, counted with"),
    "longest gap in samples": ("clean", "b - a <= fs", "b - a <= 60", 9, "a longest gap in samples"),
    "gaps without their margins": (
        "clean",
        "b - a <= fs",
        "b - a - 2 * margin <= fs",
        9,
        "blinks whose margins touch are one gap",
    ),
    "no gap filled": ("clean", "b - a <= fs", "b - a <= 0", 4, "gaps of at most 1 s, with their margins, are filled"),
    "the last value goes on": (
        "clean",
        "[x[a - 1], x[b]]",
        "[x[a - 1], x[a - 1]]",
        6,
        "a straight line from the last good sample",
    ),
    "filled samples called seen": ("clean", '"seen": ~bad', '"seen": np.isfinite(out)', 8, "not for what was filled"),
    "impossible sizes kept": ("clean", " | (x < 1.5) | (x > 9.0)", "", 9, "values below 1.5 and above 9 mm"),
    "written into what was given": (
        "clean",
        "out = np.where(bad, np.nan, x)",
        "x[bad] = np.nan\n    out = x",
        9,
        "take a copy",
    ),
    "clocks the other way round": (
        "align",
        "return float(rate), float(offset)",
        "return float(1 / rate), float(-offset / rate)",
        5,
        "or the direction",
    ),
    "intercept of the mean": (
        "align",
        "return float(rate), float(offset)",
        "return float(rate), float(level)",
        5,
        "must be taken back to 0 s",
    ),
    "first and last pair": (
        "align",
        "rate, offset = 1 + slope, level - slope * middle",
        "p = np.flatnonzero(pair)[[0, -1]]\n"
        "        slope, level = np.polyfit(theirs[p], (nearest - theirs)[p], 1)\n"
        "        rate, offset = 1 + slope, level",
        5,
        "a line through two pairs",
    ),
    "three numbers": ("align", "return float(rate), float(offset)", "return rate, offset, 30", 4, "number of pairs"),
    "two pulses are enough": ("align", "< 3:", "< 1:", 9, "expected a ValueError"),
    "longer neighbours": (
        "align",
        "> 0.1, np.nan, out)",
        "> 1.0, np.nan, out)",
        9,
        "more than 0.1 s apart have nothing between them",
    ),
    "bridges of 0.15 s": ("align", "> 0.1, np.nan, out)", "> 0.15, np.nan, out)", 9, "more than 0.1 s apart"),
    "bridges of 0.06 s": ("align", "> 0.1, np.nan, out)", "> 0.06, np.nan, out)", 9, "closer ones have"),
    "ends go on": ("align", ", left=np.nan, right=np.nan)", ")", 9, "nothing is known before the first sample"),
    "NaN spreads": ("align", "known = np.isfinite(x)", "known = np.ones(len(x), bool)", 9, "closer ones have"),
    "no high-pass": ("windows", "low=1.0, high=40.0", "high=40.0", 9, "no high-pass at 1 Hz"),
    "no low-pass": ("windows", "low=1.0, high=40.0", "low=1.0", 8, "no low-pass at 40 Hz"),
    "level in the middle": (
        "windows",
        "int(cover.argmax())",
        "next((v for p, q, v in spans if p <= start + window_s / 2 < q), 0)",
        8,
        "the one that covers most",
    ),
    "share of what is labelled": (
        "windows",
        "cover.max() / window_s",
        "cover.max() / max(cover.sum(), 1e-9)",
        9,
        "seconds without a level included",
    ),
    "share of what is labelled, said only": (
        "windows",
        "int(cover.argmax()), purity)",
        "int(cover.argmax()), cover.max() / cover.sum())",
        9,
        "seconds without a level included",
    ),
    "no level is level 0": ("windows", "purity > 0 and ", "", 9, "and with a level at all"),
    "windows with gaps of the pupil left out": (
        "windows",
        "purity > 0 and ",
        "np.isfinite(pupil[b : b + short]).all() and purity > 0 and ",
        9,
        "gaps of the pupil are no reason",
    ),
    "last window left out": ("windows", "a + long > eeg.shape[1]", "a + long >= eeg.shape[1]", 9, "where it ends with"),
    "0.5 to 40 Hz": ("windows", "low=1.0, high", "low=0.5, high", 9, "the lower edge is too low"),
    "2 to 40 Hz": ("windows", "low=1.0, high", "low=2.0, high", 9, "the lower edge is too high"),
    "1 to 30 Hz": ("windows", "high=40.0", "high=30.0", 9, "the upper edge is too low"),
    "1 to 45 Hz": ("windows", "high=40.0", "high=45.0", 9, "the upper edge is too high"),
    "average reference": (
        "windows",
        "return signals.filtered(",
        "eeg = eeg - eeg.mean(0)\n    return signals.filtered(",
        8,
        "or channels are mixed",
    ),
    "least not used": ("windows", "purity >= least - 1e-9", "True", 9, "with a purity of at least `least`"),
    "windows over the end": ("windows", " or b + short > len(pupil)", "", 9, "whichever signal ends first"),
    "filter from zero": (
        "stream",
        "chunk[:, 0][None, :, None]}",
        "0 * chunk[:, 0][None, :, None]}",
        14,
        "it starts from zero",
    ),
    "zeros for missing samples": (
        "stream",
        "x = np.take_along_axis(x, at, axis=1)[:, 1:]",
        "x = np.nan_to_num(x)[:, 1:]",
        15,
        "another value than the channel's last known sample",
    ),
    "last sample not kept": (
        "stream",
        'state["last"][:, None], chunk]',
        "chunk[:, :1], chunk]",
        15,
        "NaN that comes out",
    ),
    "no empty chunk": (
        "stream",
        "    if chunk.shape[1] == 0:\n        return chunk, state\n",
        "",
        13,
        "a chunk may have one sample, or none",
    ),
    "ahead in one piece": (
        "stream",
        'out, zi = signal.sosfilt(sos, x, axis=1, zi=state["zi"])',
        "out, zi = signal.sosfiltfilt(sos, x, axis=1, padlen=min(99, x.shape[1] - 1)), state['zi']",
        8,
        "forwards and backwards: that filter looks ahead",
    ),
    "another rate": ("stream", "fs=fs, output", "fs=250, output", 9, "other edges than 1 and 40 Hz, or another rate"),
    "mean of the chunk off": (
        "stream",
        "chunk = np.asarray(chunk, float)",
        "chunk = chunk - np.mean(chunk, 1, keepdims=True) if np.size(chunk) else chunk",
        11,
        "a mean over a chunk",
    ),
    "given up too early": (
        "stream",
        "go = max(0, n - late)",
        "go = max(0, n - late + 1)",
        14,
        "neither later, nor left out",
    ),
    "given up too late": (
        "stream",
        "go = max(0, n - late)",
        "go = max(0, n - late - 1)",
        14,
        "neither later, nor left out",
    ),
    "packets in a global variable": (
        "stream",
        "def decide(",
        "pure, kept = order_step, {}\n\n\ndef order_step(first, samples, state, late):\n"
        "    out, kept[0] = pure(first, samples, kept[0] if state else None, late)\n    return out, 1\n\n\ndef decide(",
        15,
        "kept outside of the state of order_step",
    ),
    "always waits": ("stream", "while go < n and", "while False and", 13, "go on at once"),
    "too late written in": (
        "stream",
        "waiting[at[at >= 0]] = np.asarray(samples, float)[at >= 0]",
        "waiting[at] = samples",
        15,
        "written in from the end",
    ),
    "in order of arrival": (
        "stream",
        "waiting[at[at >= 0]] = np.asarray(samples, float)[at >= 0]",
        "waiting[n - len(samples) :] = samples",
        13,
        "a sample waits until all before it",
    ),
    "not smoothed": (
        "stream",
        "smooth = row if smooth is None else smooth + pace * (row - smooth)",
        "smooth = row",
        11,
        "then s + pace * (row - s)",
    ),
    "ahead of the second": (
        "stream",
        "smooth[best] - smooth[level] >= margin",
        "smooth[best] - np.sort(smooth)[1] >= margin",
        14,
        "the second largest",
    ),
    "margin of one hop": (
        "stream",
        "smooth[best] - smooth[level] >= margin",
        "row[best] - row[level] >= margin",
        14,
        "by margin or more, smoothed",
    ),
    "nothing known is nothing": (
        "stream",
        "if np.isfinite(row).all():",
        "row = np.nan_to_num(row)\n        if len(row):",
        15,
        "-1 before anything is known",
    ),
}


def test_bank_covers_what_it_must():
    faulty, alternative, reference = bank_counts(NAME)
    assert faulty >= 15 and alternative >= 3 and reference == 1


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    return graded_bank(tmp_path_factory.mktemp("bank"), NAME)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_gets_its_points_and_messages(graded, case):
    assert os.environ.get("PHYSIODL_EXAM") is None
    assert check_case(graded[case.name], case) == []


@pytest.mark.slow
def test_every_task_has_a_wrong_case_that_loses_points_there(graded):
    for task in graded["reference"].possible:
        if task != "transitions":
            assert any(c.kind == "wrong" and task in c.says and task in c.expect for c in CASES), task


@pytest.fixture(scope="module")
def names():
    return run_reference(NAME, parameters={"SOURCE": "simulated", "BUDGET": "ci", "SEED": 0}, skip=HEAVY)


@pytest.fixture(scope="module")
def cells():
    return {(c.role, c.task): c for c in read_source(PROJECT / "solutions" / f"{NAME}.py").cells}


def test_reference_gets_all_points_whatever_the_seed(names, cells):
    for cell in (c for (role, task), c in cells.items() if role == "test" and task not in HEAVY):
        for seed in (100, 101, 2**62 - 1):  # the grader's seeds have up to 62 bits
            assert run_cell(cell.text, cell.task, {**names, "SEED": seed}) == cell.options["points"], (cell.task, seed)


@pytest.mark.parametrize("slip", SLIPS)
def test_one_slip_costs_its_points_and_is_named(slip, names, cells, capsys):
    check_slip(SLIPS[slip], names, cells, capsys, seeds=(3, 4))


# --- what the test cells compare with ---


@pytest.mark.parametrize("fs", [60.0, 120.0])
def test_cleaned_is_what_the_package_does_without_its_limit_of_speed(fs):
    gaps = [(0.0, 0.2), (2.0, 0.2), (5.0, 1.2), (9.0, 0.6), (11.9, 0.1)]
    seen = probe.blinking(probe.pupil(12.0, fs, seed=4), fs, gaps)
    bad = pupils.unusable(seen, fs, mads=1e9)
    wanted, good = probe.cleaned(seen, fs)
    assert np.array_equal(good, ~bad)
    assert np.allclose(wanted, pupils.interpolated(seen, bad, fs), equal_nan=True)
    assert np.isnan(wanted).any() and (np.isfinite(wanted) & bad).any()


@pytest.mark.parametrize("seed", range(3))
def test_lids_leave_samples_that_look_plausible_and_are_wrong(seed):
    true = probe.pupil(16.0, 60.0, seed=seed)
    seen = probe.blinking(true, 60.0, [(2.0, 0.2), (5.5, 0.35)])
    under = np.isfinite(seen) & (np.abs(seen - true) > 0.1)
    assert under.sum() == 24 and (seen[under] > 1.5).all() and np.abs(seen - true)[under].max() > 1.5


@pytest.mark.parametrize("seed", range(3))
def test_pulses_tell_mistakes_apart(seed):
    theirs, ours = probe.pulses(600.0, seed=seed, lost=0.15, ppm=200.0, offset_s=12.0)
    rate, offset, _ = clocks.fit_clock(theirs, ours)
    facts = {"seconds": 600.0, "ppm": 200.0, "offset_s": 12.0}
    for form in (tuple, list, np.array):
        probe.on_clock(form((rate, offset)), **facts)
    for answer, cause in (
        ((rate, -offset), "sign of the offset"),
        ((1.0, float(np.mean(ours) - np.mean(rate * theirs + offset) + 12.06)), "an offset alone"),
        (np.polyfit(theirs[: len(ours)], ours[: len(theirs)], 1).tolist(), "which belong together"),
    ):
        with pytest.raises(ExamError, match=cause):
            probe.on_clock(answer, **facts)
    with pytest.raises(ExamError, match="two numbers"):
        probe.on_clock((rate, offset, 40), **facts)
    with pytest.raises(ExamError, match="return rate, offset"):
        probe.clock_of(rate)


@pytest.mark.parametrize("seed", range(3))
def test_resampled_is_what_the_package_does(seed):
    time_s, x = probe.crooked(20.0, 60.0, seed=seed, lost=[(3.0, 3.3)], blinks=[(5.0, 5.2), (16.0, 16.04)])
    wanted = clocks.on_grid(time_s, x, duration_s=21.0, fs=60.0)
    assert np.allclose(probe.resampled(time_s, x, 60.0, 1260), wanted, equal_nan=True)


def test_levels_of_windows_are_those_of_the_package():
    spans = [(0.0, 9.337, 0), (9.337, 20.963, 2), (24.037, 31.137, 1)]
    made = probe.windowed(spans, seconds=32.0, window_s=4.0, hop_s=0.5, least=0.6)
    named = [(a, b, ("low", "medium", "high")[level]) for a, b, level in spans]
    level, purity, _ = eegmat.levels_of(named, made["start_s"], window_s=4.0)
    assert np.array_equal(made["level"], level) and np.allclose(made["purity"], purity) and len(level) > 40


@pytest.mark.parametrize("fs", [125.0, 250.0])
def test_the_filter_of_the_stream_is_the_one_of_the_package(fs):
    x = probe.eeg(3, 4.0, fs, seed=1) + np.array([[200.0], [-50.0], [0.0]])
    assert np.allclose(probe.filtered(x, fs), streaming_filters.band(fs, low=1.0, high=40.0)(x), atol=1e-9)
    for mistake, cause in (({"from_zero": True}, "starts from zero"), ({"forwards": False}, "looks ahead")):
        assert cause in probe.filter_mistake(probe.filtered(x, fs, **mistake), x, fs)


@pytest.mark.parametrize("seed", range(4))
def test_cuts_and_packets_hold_what_is_awkward(seed):
    cuts = probe.cuts(750, seed=seed)
    assert [k for cut in cuts for k in range(cut.start, cut.stop)] == list(range(750))
    assert {0, 1} <= {cut.stop - cut.start for cut in cuts}
    numbers = np.arange(400.0)
    rows = [(first, numbers[first : first + n]) for first, n in probe.packets(400, seed=seed, late=16)]
    ready = np.concatenate(probe.reorder(rows, 16))
    known = np.isfinite(ready)
    assert len(ready) >= 400 - 16 and np.array_equal(ready[known], numbers[: len(ready)][known]), (
        "each number once, in its place"
    )
    assert 0 < np.sum(~known) < 120, "some are lost"
    firsts = [first for first, _ in rows]
    assert sorted(firsts) != firsts and len(set(firsts)) < len(firsts), "out of order, and one twice"


@pytest.mark.parametrize("seed", range(3))
def test_decisions_are_those_of_the_package_and_flicker_without_hysteresis(seed):
    p = probe.undecided(240, seed=seed)
    p[50:60] = np.nan
    pace, margin = 0.2, 0.15
    made = online.Decision(hop_s=0.25, tau_s=-0.25 / np.log(1 - pace), margin=margin)
    assert np.array_equal(probe.decided(p, pace, margin), made(p)[1])
    changes = [np.sum(np.diff(probe.decided(p, pace, m)) != 0) for m in (0.0, margin)]
    assert 4 <= changes[1] < 0.7 * changes[0]


def test_a_state_must_be_something_that_can_be_handed_back():
    assert probe.stepped((1, {"zi": np.zeros(2), 3: [None, "a"]}), "step")[0] == 1
    for state in (signal, [object()], {"net": {1}}):
        with pytest.raises(ExamError, match="an object in the state of step"):
            probe.stepped((1, state), "step")
    with pytest.raises(ExamError, match="two values"):
        probe.stepped(np.zeros(3), "step")
