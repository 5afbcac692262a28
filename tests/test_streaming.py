"""The ring buffer: windows of several signals are those of the finished recording, whatever happens on the way."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import signal as sps

from physiodl import streaming
from physiodl.streaming import Signal, Streams
from physiodl.streaming_filters import band
from physiodl.streaming_source import packets

FS = {"eeg": 125.0, "pupil": 60.0}
SHIFT = {"pupil": 0.37}  # the second device begins later
WINDOW_S, HOP_S = 2.0, 0.25


def recording(seed, seconds=12.0):
    """EEG (3, samples) with an offset, pupil (1, samples) with gaps."""
    rng = np.random.default_rng(seed)
    eeg = 20 * rng.standard_normal((3, round(seconds * FS["eeg"]))) + np.array([[300.0], [-50.0], [0.0]])
    pupil = 4 + 0.1 * rng.standard_normal((1, round(seconds * FS["pupil"])))
    for at in rng.integers(5, pupil.shape[1] - 20, size=4):
        pupil[:, at : at + 12] = np.nan
    return {"eeg": eeg, "pupil": pupil}


def filtered(x):
    """What the stream's filter has to give, by SciPy alone, over the whole recording; gaps hold the last value."""
    x = x.copy()
    for row in x:
        for i in np.flatnonzero(np.isnan(row)):
            row[i] = row[i - 1]
    sos = sps.butter(4, (1.0, 40.0), "bandpass", fs=FS["eeg"], output="sos")
    start = sps.sosfilt_zi(sos)[:, None] * x[:, :1]
    return sps.sosfilt(sos, x, axis=1, zi=start)[0]


def cut(x, fs, start, *, origin=0.0, hop_s=HOP_S, window_s=WINDOW_S):
    """Windows by trying every sample: the first one that is not before the beginning of the window."""
    at = [Fraction(str(start)) + i / Fraction(str(fs)) for i in range(x.shape[1])]
    length, found, first = round(window_s * fs), [], 0
    while True:
        begin = Fraction(str(origin)) + len(found) * Fraction(str(hop_s))
        while first < len(at) and at[first] < begin:
            first += 1
        if first + length > len(at):
            return np.array(found).reshape(-1, len(x), length)
        found.append(x[:, first : first + length])


def expected(arrays):
    eeg = cut(filtered(arrays["eeg"]), FS["eeg"], 0.0, origin=SHIFT["pupil"])
    pupil = cut(arrays["pupil"], FS["pupil"], SHIFT["pupil"], origin=SHIFT["pupil"])
    n = min(len(eeg), len(pupil))
    return {"eeg": eeg[:n], "pupil": pupil[:n]}


def streams(**settings):
    signals = [
        Signal("eeg", FS["eeg"], 3, steps=band(FS["eeg"], low=1.0, high=40.0)),
        Signal("pupil", FS["pupil"], start_s=SHIFT["pupil"]),
    ]
    return Streams(signals, **{"window_s": WINDOW_S, "hop_s": HOP_S, "late_s": 1.5, **settings})


def sent(arrays, seed, **line):
    return packets({name: (x, FS[name]) for name, x in arrays.items()}, seed=seed, start_s=SHIFT, **line)


def drained(buffer):
    taken = []
    while (window := buffer.take()) is not None:
        taken.append(window)
    return taken


def feed(buffer, line, *, rng=None):
    """Push packets in the order given; windows are taken now and then. What is refused is pushed again."""
    taken = []
    for packet in line:
        done = 0
        while done < packet.samples.shape[1]:
            done += buffer.push(packet.name, packet.samples[:, done:], first=packet.first + done)
            if done < packet.samples.shape[1]:
                window = buffer.take()
                assert window is not None, "full, and nothing to take: nobody can go on"
                taken.append(window)
        if rng is None or rng.random() < 0.5:
            taken += drained(buffer)
    buffer.finish()
    return taken + drained(buffer)


def same(taken, wanted):
    assert [window.number for window in taken] == list(range(len(wanted["eeg"])))
    for name, values in wanted.items():
        got = np.array([window.values[name] for window in taken])
        np.testing.assert_allclose(got, values, rtol=0, atol=1e-6, err_msg=name)


# ---- windows of a finished recording --------------------------------------------------------------------


@pytest.mark.parametrize("fs", [125.0, 60.0, 51.2, 59.95])
@pytest.mark.parametrize("hop_s", [0.25, 0.1, 1.3])
def test_windows_begin_at_the_first_sample_of_their_time(fs, hop_s):
    """0.1 s is no binary fraction, 31.25 samples no whole number: neither may make the windows drift."""
    x = np.arange(round(20 * fs), dtype=float)
    window_s = 100 / fs
    got = streaming.windows(x, fs, window_s=window_s, hop_s=hop_s, start_s=0.2, origin_s=0.5)
    wanted = cut(x[None], fs, 0.2, origin=0.5, hop_s=hop_s, window_s=window_s)
    assert len(got) > 10 and np.array_equal(got, wanted)


def test_windows_of_a_short_recording_and_bad_lengths():
    assert streaming.windows(np.zeros((2, 50)), 100.0, window_s=1.0, hop_s=0.5).shape == (0, 2, 100)
    with pytest.raises(ValueError, match="window_s"):
        streaming.windows(np.zeros(500), 125.0, window_s=0.01, hop_s=0.5)


# ---- any chunks, same windows ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_any_chunks_give_the_windows_of_the_whole_recording(seed):
    rng = np.random.default_rng([seed, 1])
    arrays = recording(seed)
    longest = float(rng.choice([0.02, 0.1, 0.5, 0.7]))
    line = sent(arrays, seed, packet_s=(0.005, longest), jitter_s=0.05, duplicated=0.3)
    buffer = streams()
    same(feed(buffer, line, rng=rng), expected(arrays))
    counts = buffer.counts()
    assert all(each["missing"] == 0 and each["duplicate"] > 0 for each in counts.values()), counts


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_single_samples_and_everything_at_once(size):
    arrays = recording(3, seconds=6.0)
    buffer = streams(keep_s=10.0)
    for start in range(0, 1000, size):
        for name, x in arrays.items():
            assert buffer.push(name, x[:, start : start + size]) == x[:, start : start + size].shape[1]
    same(drained(buffer), expected(arrays))


def test_packets_out_of_order_are_put_in_order():
    """Each packet overtakes its neighbour; without waiting (late_s=0) the overtaken ones would be given up."""
    arrays = recording(4)
    line = sent(arrays, 4, packet_s=(0.05, 0.2))
    line = [line[i ^ 1] for i in range(len(line) // 2 * 2)] + line[len(line) // 2 * 2 :]
    assert any(a.first > b.first for a, b in zip(line, line[1:], strict=False) if a.name == b.name)
    same(feed(streams(), line), expected(arrays))
    impatient = streams(late_s=0.0)
    feed(impatient, line)
    assert impatient.counts()["eeg"]["late"] > 0


def test_windows_of_both_signals_cover_the_same_time():
    """Each sample is its own time: both signals of a window begin within one sample of its beginning."""
    arrays = {name: SHIFT.get(name, 0.0) + np.arange(round(10 * fs))[None] / fs for name, fs in FS.items()}
    signals = [Signal(name, fs, start_s=SHIFT.get(name, 0.0)) for name, fs in FS.items()]
    taken = feed(Streams(signals, window_s=WINDOW_S, hop_s=HOP_S), sent(arrays, 0))
    assert len(taken) > 25
    for window in taken:
        assert window.start_s == SHIFT["pupil"] + HOP_S * window.number
        for name, fs in FS.items():
            assert -1e-9 <= window.values[name][0, 0] - window.start_s < 1 / fs


# ---- what gets lost on the way --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_lost_samples_are_gaps_and_nothing_else_changes(seed):
    arrays = recording(seed)
    line = sent(arrays, seed, packet_s=(0.02, 0.2))
    rng = np.random.default_rng([seed, 2])
    keep = rng.random(len(line)) > 0.1
    last = {name: max(p.first for p in line if p.name == name) for name in FS}
    kept = [p for p, stays in zip(line, keep, strict=True) if stays or p.first in (0, last[p.name])]
    came = {name: np.full_like(x, np.nan) for name, x in arrays.items()}
    for p in kept:
        came[p.name][:, p.first : p.first + p.samples.shape[1]] = p.samples
    buffer = streams()
    taken = feed(buffer, kept, rng=rng)
    same(taken, expected(came))
    lost = {name: x.shape[1] - sum(p.samples.shape[1] for p in kept if p.name == name) for name, x in arrays.items()}
    assert {name: each["missing"] for name, each in buffer.counts().items()} == lost and min(lost.values()) > 0
    for name, shift in (("eeg", 0.0), ("pupil", SHIFT["pupil"])):
        shares = np.isfinite(cut(came[name], FS[name], shift, origin=SHIFT["pupil"])).mean(axis=(1, 2))
        np.testing.assert_allclose([window.valid[name] for window in taken], shares[: len(taken)], atol=1e-12)


def test_samples_in_time_are_used_and_samples_too_late_are_not():
    arrays = recording(5)
    line = sent(arrays, 5, packet_s=(0.1, 0.1))
    slow = next(i for i, p in enumerate(line) if p.name == "eeg" and p.first > 400)
    packet, rest = line[slow], line[:slow] + line[slow + 1 :]
    for wait, late in ((1.2, False), (1.8, True)):  # the stream waits 1.5 s
        place = next(i for i, p in enumerate(rest) if p.arrival_s > packet.arrival_s + wait)
        buffer = streams()
        taken = feed(buffer, rest[:place] + [packet] + rest[place:])
        came = {name: x.copy() for name, x in arrays.items()}
        if late:
            came["eeg"][:, packet.first : packet.first + packet.samples.shape[1]] = np.nan
        same(taken, expected(came))
        assert buffer.counts()["eeg"]["late"] == late * packet.samples.shape[1]


def test_first_copy_stays():
    """A copy with other values, before or after its samples went into windows, changes nothing."""
    arrays = recording(6)
    line = sent(arrays, 6, packet_s=(0.1, 0.3))
    doubled = [copy for p in line for copy in (p, p._replace(samples=p.samples + 1000.0))]
    buffer = streams()
    same(feed(buffer, doubled), expected(arrays))
    assert buffer.counts()["eeg"]["duplicate"] + buffer.counts()["eeg"]["late"] == arrays["eeg"].shape[1]


def test_dead_signal_does_not_stop_the_other():
    arrays = recording(7)
    line = [p for p in sent(arrays, 7) if p.name == "eeg"]
    buffer = streams(late_s=0.5)
    taken = feed(buffer, line)
    eeg = expected(arrays)["eeg"]
    assert len(taken) >= len(eeg) - 4  # but for the last half second
    np.testing.assert_allclose([w.values["eeg"] for w in taken], eeg[: len(taken)], atol=1e-6)
    assert all(w.valid == {"eeg": 1.0, "pupil": 0.0} and np.isnan(w.values["pupil"]).all() for w in taken)
    patient = streams(late_s=None)
    for p in line:
        patient.push(p.name, p.samples, first=p.first)
    assert patient.ready() == 0 and patient.take() is None


def test_hole_longer_than_the_buffer_ends():
    """Ten seconds without a sample in a buffer of five: the clock of the next packet tells that they are gone."""
    arrays = recording(8, seconds=20.0)
    line = [p for p in sent(arrays, 8) if not 4.0 < p.arrival_s < 14.0]
    buffer = streams(keep_s=5.0)
    taken = feed(buffer, line)
    came = {name: np.full_like(x, np.nan) for name, x in arrays.items()}
    for p in line:
        came[p.name][:, p.first : p.first + p.samples.shape[1]] = p.samples
    same(taken, expected(came))
    assert min(w.valid["eeg"] for w in taken) == 0.0 and taken[-1].valid["eeg"] == 1.0


# ---- back-pressure --------------------------------------------------------------------------------------


def test_a_full_buffer_takes_no_more_until_windows_are_taken():
    arrays = recording(9, seconds=30.0)
    buffer = streams(keep_s=6.0)
    given = {name: 0 for name in arrays}
    taken, most = [], 0
    while True:
        for name, x in arrays.items():
            given[name] += buffer.push(name, x[:, given[name] :])
        most = max(most, given["eeg"] - len(taken) * FS["eeg"] * HOP_S)
        window = buffer.take()
        if window is None:
            break
        taken.append(window)
    assert given == {name: x.shape[1] for name, x in arrays.items()}
    same(taken, expected(arrays))
    assert most <= (6.0 + HOP_S + 1) * FS["eeg"], "it took more than it has room for"
    assert buffer.lost == 0 and buffer.counts()["eeg"]["refused"] > 0


@pytest.mark.parametrize("seed", range(4))
def test_dropping_loses_whole_windows_and_no_state(seed):
    """Windows are lost when nobody takes them; those that remain are right, filters included, and are the newest."""
    rng = np.random.default_rng(seed)
    arrays = recording(seed, seconds=20.0)
    buffer = streams(keep_s=5.0, full="drop")
    taken = []
    for p in sent(arrays, seed, packet_s=(0.1, 0.4)):
        assert buffer.push(p.name, p.samples, first=p.first) == p.samples.shape[1]
        if rng.random() < 0.02:
            taken.append(buffer.take())
    buffer.finish()
    taken = [window for window in taken + drained(buffer) if window is not None]
    wanted = expected(arrays)
    numbers = [window.number for window in taken]
    assert buffer.lost > 10 and buffer.lost + buffer.given == len(wanted["eeg"]) and buffer.given == len(taken)
    assert numbers == sorted(set(numbers)) and numbers[-1] == len(wanted["eeg"]) - 1
    for name, values in wanted.items():
        np.testing.assert_allclose([w.values[name] for w in taken], values[numbers], atol=1e-6)
    assert buffer.counts()["eeg"]["refused"] == 0


def test_ready_counts_the_windows_that_take_gives():
    arrays = recording(10, seconds=6.0)
    buffer = streams(keep_s=8.0)
    for p in sent(arrays, 10):
        buffer.push(p.name, p.samples, first=p.first)
        if p.first % 50 == 0:
            assert buffer.ready() == len(drained(buffer))


def test_new_stream_begins_with_fresh_filters():
    arrays = recording(12, seconds=6.0)
    step = band(FS["eeg"], low=1.0, high=40.0)
    step(np.full((3, 200), 1e4))
    for _ in range(2):
        signals = [Signal("eeg", FS["eeg"], 3, steps=step), Signal("pupil", FS["pupil"], start_s=SHIFT["pupil"])]
        same(feed(Streams(signals, window_s=WINDOW_S, hop_s=HOP_S), sent(arrays, 12)), expected(arrays))
    with pytest.raises(ValueError, match="share a filter"):
        Streams([Signal("a", 125.0, steps=step), Signal("b", 125.0, steps=step)], window_s=1.0, hop_s=0.5)


def test_windows_are_copies():
    arrays = recording(11, seconds=6.0)
    buffer = streams(keep_s=8.0)
    for name, x in arrays.items():
        buffer.push(name, x)
    buffer.take().values["eeg"][:] = 1e9
    np.testing.assert_allclose(buffer.take().values["eeg"], expected(arrays)["eeg"][1], atol=1e-6)


# ---- bad input ------------------------------------------------------------------------------------------


def test_errors_say_what_is_wrong():
    buffer = streams()
    with pytest.raises(ValueError, match="expected one of eeg, pupil"):
        buffer.push("ecg", np.zeros((1, 5)))
    with pytest.raises(ValueError, match=r"expected \(3, n\)"):
        buffer.push("eeg", np.zeros((5, 3)))
    with pytest.raises(ValueError, match="counted from 0"):
        buffer.push("pupil", np.zeros(5), first=-1)
    with pytest.raises(ValueError, match="room for a window"):
        streams(keep_s=1.0)
    with pytest.raises(ValueError, match="'wait' or 'drop'"):
        streams(full="grow")
    with pytest.raises(ValueError, match="each name once"):
        Streams([Signal("a", 10.0), Signal("a", 20.0)], window_s=1.0, hop_s=0.5)
    with pytest.raises(ValueError, match="whole number of samples"):
        Streams([Signal("a", 10.0)], window_s=0.55, hop_s=0.5)
    short = Streams([Signal("a", 10.0, steps=lambda x: x[:, :-1])], window_s=1.0, hop_s=0.5)
    short.push("a", np.zeros(20))
    with pytest.raises(ValueError, match="same shape"):
        short.take()


@pytest.mark.parametrize("wrong", [{"lost": 1.5}, {"jitter_s": -1.0}, {"packet_s": (0.0, 0.1)}])
def test_source_refuses_what_no_line_does(wrong):
    with pytest.raises(ValueError, match="expected"):
        packets({"a": (np.zeros(10), 10.0)}, seed=0, **wrong)


def test_source_sends_everything_once_by_default_and_repeats_with_its_seed():
    x = np.arange(1000.0)
    line = packets({"a": (x, 100.0)}, seed=1)
    assert np.array_equal(np.concatenate([p.samples[0] for p in line]), x)
    assert all(abs(p.arrival_s - (p.first + p.samples.shape[1]) / 100.0) < 1e-9 for p in line)
    line = [packets({"a": (x, 100.0)}, seed=seed, lost=0.5, duplicated=0.5, jitter_s=0.1) for seed in (2, 2, 3)]
    heads = [[(p.arrival_s, p.first) for p in each] for each in line]
    assert heads[0] == heads[1] != heads[2]
    gone = packets({"a": (x, 100.0)}, seed=1, dead={"a": (3.0, 5.0)})
    assert not [p for p in gone if 3.0 <= p.arrival_s < 5.0] and len(gone) > 50
