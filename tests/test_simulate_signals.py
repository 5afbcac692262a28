"""Simulated EEG, EMG and PPG: what defines each, measured on the signals themselves."""

import numpy as np
import pytest
from scipy import signal as sps

from physiodl import signals
from physiodl.simulate import ecg, eeg, emg, ppg


def rng(seed=0):
    return np.random.default_rng(seed)


def slope(x, fs, low, high):
    """Exponent of the power spectrum between two frequencies."""
    freqs, density = signals.psd(x, fs)
    inside = (freqs >= low) & (freqs <= high)
    return -np.polyfit(np.log(freqs[inside]), np.log(density[inside]), 1)[0]


# ---- EEG


@pytest.mark.parametrize("exponent", [0.0, 1.2, 2.0])
def test_background_falls_as_one_over_f_with_the_level_asked_for(exponent):
    x = eeg.background(100_000, 250.0, rng=rng(), exponent=exponent, rms_uv=12.0)
    assert x.std() == pytest.approx(12.0) and abs(x.mean()) < 1e-9
    assert slope(x, 250.0, 2, 100) == pytest.approx(exponent, abs=0.1)
    ends = [eeg.background(500, 250.0, rng=rng(k), exponent=exponent) for k in range(40)]
    gap = np.mean([abs(e[0] - e[-1]) for e in ends])
    step = np.mean([abs(np.diff(e)).mean() for e in ends])
    assert exponent == 0 or gap > 2 * step  # its end does not run into its start


def test_alpha_sits_at_its_frequency_with_its_power_and_swells_and_fades():
    x = eeg.rhythm(60_000, 250.0, freq=10.0, amplitude_uv=40.0, rng=rng())
    assert np.mean(x**2) == pytest.approx(40.0**2 / 2)
    freqs, density = signals.psd(x, 250.0)
    assert freqs[density.argmax()] == pytest.approx(10.0, abs=0.5)
    assert signals.band_power(x, 250.0, "alpha", relative=True) > 0.97
    envelope = np.abs(sps.hilbert(x))
    assert envelope.std() / envelope.mean() == pytest.approx(0.52, abs=0.08)  # Rayleigh: sqrt(4 / pi - 1)
    steady = eeg.rhythm(60_000, 250.0, freq=10.0, amplitude_uv=40.0, rng=rng(), waxing=False)
    assert np.abs(steady).max() == pytest.approx(40.0, rel=0.01)
    assert np.mean(steady**2) == pytest.approx(800.0, rel=0.01)


@pytest.mark.parametrize("freq, seconds", [(11.0, 0.5), (13.0, 0.9), (15.9, 2.0)])
def test_spindles_are_what_the_manual_calls_spindles(freq, seconds):
    fs = 200.0
    x = eeg.spindle(fs, freq=freq, seconds=seconds, amplitude_uv=35.0)
    assert len(x) == round(seconds * fs) and np.abs(x).max() == pytest.approx(35.0, rel=0.03)
    spectrum = np.abs(np.fft.rfft(x, 4000))
    assert spectrum.argmax() * fs / 4000 == pytest.approx(freq, abs=0.3)
    height = np.abs(sps.hilbert(x))
    third = len(x) // 3
    assert height[:third].mean() < 0.7 * height[third : 2 * third].mean() > height[-third:].mean()
    assert abs(x[0]) < 1e-9 and abs(x[-1]) < 1e-9


def test_a_k_complex_is_a_sharp_negative_wave_then_a_slower_positive_one_of_half_a_second_at_least():
    fs = 200.0
    for draw in (None, *(rng(k) for k in range(30))):
        x = eeg.k_complex(fs, amplitude_uv=120.0, rng=draw)
        assert len(x) == 280 and x.min() == pytest.approx(-120.0, rel=0.02)
        negative, positive = x.argmin(), x.argmax()
        assert 0.37 < negative / fs < 0.47
        assert 0.25 < (positive - negative) / fs < 0.5
        assert 0.35 * 120 < x.max() < 120
        narrow, wide = ((s * x > 0.5 * (s * x).max()).sum() / fs for s in (-1, 1))
        assert 0.12 < narrow < wide
        marked = np.flatnonzero(np.abs(x) > 12.0)
        assert (marked[-1] - marked[0]) / fs >= 0.5  # AASM
        assert np.abs(x[[0, -1]]).max() < 2.0


def test_blinks_are_positive_a_third_of_a_second_long_and_as_many_as_asked_for():
    fs = 250.0
    trace, blink_s = eeg.blinks(150_000, fs, rng=rng(), per_minute=17.0, amplitude_uv=150.0)
    assert len(blink_s) / 10.0 == pytest.approx(17.0, rel=0.15)
    assert np.diff(blink_s).min() >= 0.6 and (np.diff(blink_s) > 0).all()
    assert trace.min() >= 0
    heights = trace[np.round(blink_s * fs).astype(int)]
    assert 100 <= heights.min() and heights.max() <= 205 and np.median(heights) == pytest.approx(150, rel=0.1)
    lone = blink_s[np.flatnonzero(np.diff(blink_s) > 2.0)[0]]
    part = trace[round((lone - 0.5) * fs) : round((lone + 0.7) * fs)]
    above = np.flatnonzero(part > 0.05 * part.max())
    assert 0.2 < (above[-1] - above[0]) / fs < 0.45
    rise, fall = part.argmax() - above[0], above[-1] - part.argmax()
    assert rise < fall


def test_no_blinks_in_no_time_and_none_when_none_are_asked_for():
    trace, blink_s = eeg.blinks(20, 250.0, rng=rng())
    assert not trace.any() and len(blink_s) == 0
    assert len(eeg.blinks(50_000, 250.0, rng=rng(), per_minute=0)[1]) == 0


def test_eeg_refuses_what_makes_no_signal():
    for make in (
        lambda n, fs: eeg.background(n, fs, rng=rng()),
        lambda n, fs: eeg.rhythm(n, fs, freq=10.0, amplitude_uv=10.0, rng=rng()),
        lambda n, fs: eeg.blinks(n, fs, rng=rng()),
    ):
        with pytest.raises(ValueError, match="at least 2"):
            make(0, 250.0)
        with pytest.raises(ValueError, match="positive sampling rate"):
            make(100, 0.0)
    with pytest.raises(ValueError, match="freq=130"):
        eeg.rhythm(1000, 250.0, freq=130.0, amplitude_uv=1.0, rng=rng())
    for wrong in ({"freq": 8.0}, {"seconds": 0.4}):
        with pytest.raises(ValueError, match="11 to 16 Hz"):
            eeg.spindle(250.0, **wrong)
    with pytest.raises(ValueError, match="per minute"):
        eeg.blinks(1000, 250.0, rng=rng(), per_minute=60)


# ---- EMG


def test_emg_bursts_have_their_level_between_20_and_250_hz_and_silence_around_them():
    fs = 1000.0
    x = emg.bursts(60_000, fs, on_s=np.array([[5.0, 25.0], [40.0, 55.0]]), rng=rng(), amplitude_uv=300.0)
    time_s = np.arange(len(x)) / fs
    on = ((time_s > 5.3) & (time_s < 24.7)) | ((time_s > 40.3) & (time_s < 54.7))
    off = (time_s < 4.9) | ((time_s > 25.1) & (time_s < 39.9)) | (time_s > 55.1)
    assert x[on].std() == pytest.approx(300.0, rel=0.1)
    assert x[off].std() < 6.0
    burst = x[5500:24500]
    assert signals.band_power(burst, fs, (20, 250), relative=True) > 0.9
    freqs, density = signals.psd(burst, fs, window_s=1.0)
    assert 45 < freqs[density.argmax()] < 110
    median = freqs[np.searchsorted(np.cumsum(density), density.sum() / 2)]
    assert 70 < median < 130  # median frequencies of fresh muscles: 50 to 150 Hz


def test_the_envelope_rises_and_falls_inside_each_contraction():
    force = emg.envelope(4000, 1000.0, on_s=np.array([[1.0, 2.0], [3.0, 3.1]]))
    assert force[:1001].max() == 0 and force[2000:3001].max() == 0 and force[3100:].max() < 1e-9
    assert force[1120:1880].min() == 1.0 and force[1060] == pytest.approx(0.5, abs=0.02)
    assert force.max() == 1.0 and force[3050] == pytest.approx(1.0)


def test_emg_refuses_low_rates_and_wrong_contractions():
    with pytest.raises(ValueError, match="at least 500 Hz"):
        emg.bursts(1000, 250.0, on_s=[[0, 1]], rng=rng())
    for wrong in ([1.0, 2.0], [[2.0, 1.0]], [[1.0, 2.0, 3.0]]):
        with pytest.raises(ValueError, match="start and end in seconds"):
            emg.bursts(1000, 1000.0, on_s=wrong, rng=rng())
    with pytest.raises(ValueError, match="n=0"):
        emg.bursts(0, 1000.0, on_s=[[0, 1]], rng=rng())
    assert emg.bursts(1000, 1000.0, on_s=np.zeros((0, 2)), rng=rng()).std() < 6.0  # rest
    assert np.isfinite(emg.bursts(1000, 1000.0, on_s=[[-5.0, 50.0]], rng=rng())).all()


# ---- PPG


def test_one_pulse_follows_every_beat_with_a_dicrotic_notch():
    fs = 100.0
    beat_s = np.arange(-2.0, 62.0, 0.9)
    x = ppg.pulses(6000, fs, beat_s=beat_s, rng=rng())
    smooth = signals.filtered(x, fs, low=0.5, high=12.0)
    peaks, _ = sps.find_peaks(smooth, prominence=0.5)
    inside = beat_s[(beat_s > 0.5) & (beat_s < 58)]
    delay = peaks[:, None] / fs - inside
    first = np.array([d[(d > 0.1) & (d < 0.7)].min() for d in delay.T])
    assert np.allclose(first, 0.36, atol=0.05)
    assert abs(len(peaks) - 60 / 0.9) < 2.5
    notches = 0
    for beat in inside:  # between systolic peak and run-off the pulse falls, rises a little, and falls
        piece = smooth[round((beat + 0.45) * fs) : round((beat + 0.95) * fs)]
        low, high = sps.find_peaks(-piece)[0], sps.find_peaks(piece)[0]
        notches += len(low) > 0 and len(high) > 0
    assert notches > 0.9 * len(inside)


def test_breathing_moves_the_height_and_the_baseline_of_the_pulses():
    fs = 50.0
    x = ppg.pulses(12_000, fs, beat_s=np.arange(-2, 242, 0.85), rng=rng())
    freqs, density = signals.psd(x, fs, window_s=60.0)
    breathing = (freqs > 0.18) & (freqs < 0.32)
    beside = ((freqs > 0.38) & (freqs < 0.9)) & (np.abs(freqs - 1 / 0.85) > 0.15)
    assert density[breathing].max() > 30 * np.median(density[beside])
    heights = np.abs(sps.hilbert(signals.filtered(x, fs, low=0.8, high=1.6)))[500:-500]
    freqs, density = signals.psd(heights, fs, window_s=60.0)
    assert 0.18 < freqs[density[1:].argmax() + 1] < 0.32


@pytest.mark.parametrize("cadence", [1.2, 1.85, 2.4])
def test_walking_has_its_cadence_its_harmonics_and_the_swing_of_the_arm(cadence):
    artefact, acceleration = ppg.walking(6000, 50.0, rng=rng(3), cadence_hz=cadence)
    for trace in (artefact, acceleration):
        assert np.sqrt(np.mean(trace**2)) == pytest.approx(1.0) and abs(trace.mean()) < 1e-9
        freqs, density = signals.psd(trace, 50.0, window_s=20.0)
        assert freqs[density.argmax()] == pytest.approx(cadence, abs=0.15)
        between = np.median(density[(freqs > 0.7 * cadence) & (freqs < 0.8 * cadence)])
        for harmonic in (0.5, 2.0):
            near = np.abs(freqs - harmonic * cadence) < 0.15 * harmonic
            assert density[near].max() > 3 * between
    frequency, coherence = sps.coherence(artefact, acceleration, 50.0, nperseg=512)
    assert coherence[np.abs(frequency - cadence).argmin()] > 0.8  # the accelerometer knows the artefact's rhythm
    assert np.array_equal(ppg.motion(6000, 50.0, rng=rng(3), cadence_hz=cadence), artefact)


def test_ppg_refuses_intervals_steps_per_minute_and_low_rates():
    with pytest.raises(ValueError, match="not intervals"):
        ppg.pulses(1000, 50.0, beat_s=np.array([0.8, 0.8, 0.9]), rng=rng())
    with pytest.raises(ValueError, match="not steps per minute"):
        ppg.motion(1000, 50.0, rng=rng(), cadence_hz=110.0)
    for run in (
        lambda n, fs: ppg.pulses(n, fs, beat_s=np.arange(5.0), rng=rng()),
        lambda n, fs: ppg.motion(n, fs, rng=rng()),
    ):
        with pytest.raises(ValueError, match="at least 20 Hz"):
            run(1000, 10.0)
        with pytest.raises(ValueError, match="n=1"):
            run(1, 50.0)
    assert np.isfinite(ppg.pulses(500, 50.0, beat_s=np.zeros(0), rng=rng())).all()
    assert np.isfinite(ppg.pulses(500, 50.0, beat_s=np.array([3.0]), rng=rng())).all()


# ---- ECG


def test_ambulatory_noise_holds_wander_and_mains_and_is_calm():
    traces = [ecg.ambulatory_noise(30 * 360, 360.0, rng=rng(k)) for k in range(20)]
    assert 0.04 < np.median([t.std() for t in traces]) < 0.3
    freqs, density = signals.psd(np.stack(traces), 360.0)
    density = np.median(density, axis=0)
    assert freqs[density.argmax()] <= 0.5
    assert freqs[40:][density[40:].argmax()] == 60.0


# ---- all


MAKERS = {
    "background": lambda r: eeg.background(1500, 250.0, rng=r),
    "rhythm": lambda r: eeg.rhythm(1500, 250.0, freq=10.0, amplitude_uv=30.0, rng=r),
    "k_complex": lambda r: eeg.k_complex(250.0, rng=r),
    "blinks": lambda r: eeg.blinks(15_000, 250.0, rng=r)[0],
    "bursts": lambda r: emg.bursts(2000, 1000.0, on_s=[[0.5, 1.5]], rng=r),
    "pulses": lambda r: ppg.pulses(1500, 50.0, beat_s=np.arange(-2, 32, 0.8), rng=r),
    "motion": lambda r: ppg.motion(1500, 50.0, rng=r),
    "ambulatory_noise": lambda r: ecg.ambulatory_noise(1500, 360.0, rng=r),
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_seed_gives_the_same_signal_and_the_global_generator_is_left_alone(name):
    before = np.random.get_state()[1].copy()
    a, b, c = (MAKERS[name](rng(s)) for s in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c) and np.isfinite(a).all() and a.dtype == float
    assert np.array_equal(np.random.get_state()[1], before)


def test_the_shortest_signals_are_finite():
    for n in (2, 3, 7):
        assert np.isfinite(eeg.background(n, 250.0, rng=rng())).all()
        assert np.isfinite(eeg.rhythm(n, 250.0, freq=10.0, amplitude_uv=1.0, rng=rng())).all()
        assert np.isfinite(emg.bursts(n, 1000.0, on_s=[[0, 1]], rng=rng())).all()
        assert np.isfinite(ppg.pulses(n, 50.0, beat_s=np.arange(-2, 2, 0.8), rng=rng())).all()
        assert np.isfinite(ppg.motion(n, 50.0, rng=rng())).all()
