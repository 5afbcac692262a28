"""Filters, spectra, wavelets, resampling, epochs: against truths that follow from the mathematics."""

import numpy as np
import pytest
from scipy import signal as sps

from physiodl import signals
from physiodl.simulate import ecg

FS = 250.0


def sine(freq, *, seconds=20.0, fs=FS, amplitude=1.0, phase=0.0):
    return amplitude * np.sin(2 * np.pi * freq * np.arange(round(seconds * fs)) / fs + phase)


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def gain_at(run, freq, *, fs=FS, seconds=40.0):
    """Gain of a filter at one frequency, from the middle of a long sine, and the delay there in seconds."""
    x = sine(freq, seconds=seconds, fs=fs)
    middle = slice(len(x) // 4, len(x) * 3 // 4)
    carrier = np.exp(-2j * np.pi * freq * np.arange(len(x)) / fs)[middle]
    change = np.mean(run(x)[middle] * carrier) / np.mean(x[middle] * carrier)
    return abs(change), -np.angle(change) / (2 * np.pi * freq)


# ---- filters


@pytest.mark.parametrize("zero_phase, expected", [(False, np.sqrt(0.5)), (True, 0.5)])
def test_gain_at_the_cut_off_is_3_db_down_per_pass(zero_phase, expected):
    high_pass, _ = gain_at(lambda x: signals.filtered(x, FS, low=8.0, zero_phase=zero_phase), 8.0)
    low_pass, _ = gain_at(lambda x: signals.filtered(x, FS, high=8.0, zero_phase=zero_phase), 8.0)
    band, _ = gain_at(lambda x: signals.filtered(x, FS, low=1.0, high=8.0, zero_phase=zero_phase), 8.0)
    assert np.allclose([high_pass, low_pass, band], expected, atol=2e-3)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_each_order_and_pass_costs_6_db_per_octave(order):
    # far above the cut-off of a Butterworth low-pass the gain is (cut-off / f) ** order; an octave is a factor of 2
    one, two = (gain_at(lambda x: signals.filtered(x, FS, high=1.0, order=order), f)[0] for f in (4.0, 8.0))
    assert 20 * np.log10(one / two) == pytest.approx(2 * order * 6.02, rel=0.03)


def test_zero_phase_does_not_delay_and_one_pass_delays_by_the_group_delay():
    _, delay = gain_at(lambda x: signals.filtered(x, FS, high=30.0), 5.0)
    assert abs(delay) < 1e-6
    b, a = sps.butter(4, 30.0, fs=FS)
    w, expected = sps.group_delay((b, a), w=[5.0], fs=FS)
    _, delay = gain_at(lambda x: signals.filtered(x, FS, high=30.0, zero_phase=False), 5.0)
    assert delay == pytest.approx(expected[0] / FS, rel=0.02)
    assert delay > 0.01  # a filter that "delays" into the future would be negative


def test_zero_phase_keeps_the_r_wave_where_it_was_and_a_single_pass_does_not():
    fs, at = 360.0, 1.0
    rng = np.random.default_rng(3)
    x = ecg.beats(
        720, fs, beat_s=np.array([at]), rr_s=np.array([0.8]), kind=np.zeros(1, int), shape=ecg.draw_shape(rng),
        p_wave=True, rng=rng,
    )  # fmt: skip
    both = signals.filtered(x, fs, low=0.5, high=40.0)
    once = signals.filtered(x, fs, low=0.5, high=40.0, zero_phase=False)
    assert abs(both.argmax() - x.argmax()) <= 1
    assert once.argmax() - x.argmax() >= 3
    assert both.max() > 0.8 * x.max()


@pytest.mark.parametrize("n", [1, 2, 5, 30, 251, 5000])
@pytest.mark.parametrize("zero_phase", [True, False])
def test_an_offset_passes_a_low_pass_and_leaves_a_high_pass_without_transient(n, zero_phase):
    x = np.full((2, n), 1000.0)
    assert np.allclose(signals.filtered(x, FS, high=30.0, zero_phase=zero_phase), 1000.0, rtol=1e-6)
    assert np.allclose(signals.filtered(x, FS, low=0.5, zero_phase=zero_phase), 0.0, atol=1e-5)
    assert np.allclose(signals.filtered(x, FS, low=0.5, high=30.0, zero_phase=zero_phase), 0.0, atol=1e-5)
    assert np.allclose(signals.notch(x, FS, zero_phase=zero_phase), 1000.0, rtol=1e-6)


def test_ends_are_extended_so_that_a_ramp_passes_a_low_pass_unbent():
    ramp = np.linspace(-50.0, 200.0, 400)
    assert np.allclose(signals.filtered(ramp, FS, high=30.0), ramp, atol=0.05)  # without extension 2.1
    assert np.allclose(
        signals.resampled(ramp, FS, 100.0), np.interp(np.arange(160) * 2.5, np.arange(400), ramp), atol=0.2
    )


def test_a_causal_filter_does_not_know_the_future_and_a_zero_phase_one_does():
    x = np.zeros(1000)
    x[500] = 1.0
    assert not signals.filtered(x, FS, high=30.0, zero_phase=False)[:500].any()
    assert np.abs(signals.filtered(x, FS, high=30.0)[:500]).max() > 1e-3


def test_notch_removes_its_frequency_keeps_its_neighbours_and_is_as_wide_as_q_says():
    clean = signals.notch(sine(50.0) + sine(10.0), FS)
    rest = clean[1000:-1000] - sine(10.0)[1000:-1000]
    assert np.abs(rest).max() < 1e-3
    for side in (-1, 1):
        once, _ = gain_at(lambda x: signals.notch(x, FS, q=30.0, zero_phase=False), 50.0 + side * 50.0 / 60.0)
        assert once == pytest.approx(np.sqrt(0.5), abs=0.01)
    assert np.abs(signals.notch(sine(60.0), FS, freq=60.0)[1000:-1000]).max() < 1e-3


def test_channels_are_filtered_each_by_itself_and_the_input_is_left_alone():
    x = noise((2, 3, 700))
    kept = x.copy()
    for run in (
        lambda s: signals.filtered(s, FS, low=1.0, high=40.0),
        lambda s: signals.filtered(s, FS, high=40.0, zero_phase=False),
        lambda s: signals.notch(s, FS),
        lambda s: signals.resampled(s, FS, 100.0),
        lambda s: signals.psd(s, FS, window_s=1.0)[1],
        lambda s: signals.stft(s, FS, window_s=1.0)[2],
        lambda s: signals.amplitude_spectrum(s, FS)[1],
        lambda s: signals.scalogram(s, FS, np.array([5.0, 20.0])),
        lambda s: signals.band_power(s, FS, "alpha", window_s=1.0),
    ):
        whole = run(x)
        assert np.allclose(whole[1, 2], run(x[1, 2])) and whole.shape[:2] == (2, 3)
    assert np.array_equal(x, kept)


def test_filter_arguments_that_cannot_work_are_refused():
    x = noise(500)
    with pytest.raises(ValueError, match="neither low nor high"):
        signals.filtered(x, FS)
    with pytest.raises(ValueError, match="probably exchanged"):
        signals.filtered(x, FS, low=40.0, high=0.5)
    for cut in (0.0, -1.0, 125.0, 200.0, np.nan):
        with pytest.raises(ValueError, match="less than 125 Hz"):
            signals.filtered(x, FS, high=cut)
    with pytest.raises(ValueError, match="order"):
        signals.filtered(x, FS, high=10.0, order=0)
    with pytest.raises(ValueError, match="notch frequency"):
        signals.notch(x, 100.0)
    with pytest.raises(ValueError, match="q=0"):
        signals.notch(x, FS, q=0)


# ---- spectra


@pytest.mark.parametrize("n", [500, 501, 1000, 1001])
@pytest.mark.parametrize("window", ["boxcar", "hann", ("kaiser", 8.0)])
def test_a_sine_on_a_bin_gives_its_amplitude_and_the_mean_and_nyquist_are_not_doubled(n, window):
    t = np.arange(n) / FS
    bin_hz = FS / n
    x = 3.0 + 2.0 * np.sin(2 * np.pi * 40 * bin_hz * t + 0.3)
    freqs, amplitude = signals.amplitude_spectrum(x, FS, window=window)
    assert len(freqs) == n // 2 + 1 and freqs[40] == pytest.approx(40 * bin_hz)
    assert amplitude[40] == pytest.approx(2.0, rel=1e-3)
    assert amplitude[0] == pytest.approx(3.0, rel=1e-3)
    if n % 2 == 0:
        assert freqs[-1] == pytest.approx(FS / 2)
        alternating = 1.5 * (-1.0) ** np.arange(n)
        assert signals.amplitude_spectrum(alternating, FS, window=window)[1][-1] == pytest.approx(1.5)
    else:  # the last bin of an odd length has a partner: it is doubled
        last = 2.0 * np.cos(2 * np.pi * (n // 2) * bin_hz * t)
        found = signals.amplitude_spectrum(last, FS)[1][-1]
        assert found == pytest.approx(2.0)


@pytest.mark.parametrize("n", [1, 2, 3, 600, 601])
def test_parseval_holds_for_the_amplitude_spectrum(n):
    x = noise(n) + 0.7
    _, amplitude = signals.amplitude_spectrum(x, FS)
    power = amplitude**2 / 2
    power[0] *= 2  # the mean's power is its square
    if n % 2 == 0:
        power[-1] *= 2
    assert power.sum() == pytest.approx(np.mean(x**2))


@pytest.mark.parametrize("window_s", [0.5, 2.0, 4.0, 4.004])
def test_the_integral_of_the_psd_is_the_variance_and_white_noise_has_density_2_var_over_fs(window_s):
    x = 2.0 * noise(200_000) + 50.0
    freqs, density = signals.psd(x, FS, window_s=window_s)
    assert density.sum() * freqs[1] == pytest.approx(x.var(), rel=0.02)
    inside = (freqs > 5) & (freqs < 120)
    assert density[inside].mean() == pytest.approx(2 * 4.0 / FS, rel=0.02)
    assert density[0] < 0.5 * density[inside].mean()  # the mean of each window was removed


def test_the_psd_of_a_sine_has_its_power_whatever_the_window():
    for window in ("hann", "boxcar", "blackman"):
        freqs, density = signals.psd(sine(10.0, amplitude=3.0), FS, window=window)
        assert density.sum() * freqs[1] == pytest.approx(4.5, rel=1e-3)
        assert freqs[density.argmax()] == pytest.approx(10.0)


def test_band_power_of_a_sine_is_half_its_square_and_powers_of_adjacent_bands_add_up():
    x = np.stack([sine(10.0, amplitude=20.0), sine(6.0, amplitude=10.0)])
    assert np.allclose(signals.band_power(x, FS, "alpha"), [200.0, 0.0], atol=0.05)
    assert np.allclose(signals.band_power(x, FS, "theta"), [0.0, 50.0], atol=0.05)
    assert np.allclose(signals.band_power(x, FS, (8, 13), relative=True), [1.0, 0.0], atol=1e-3)
    mixed = noise(20_000)
    parts = sum(signals.band_power(mixed, FS, band) for band in ((0.5, 4), (4, 8), (8, 13)))
    assert parts == pytest.approx(signals.band_power(mixed, FS, (0.5, 13)))
    whole = signals.band_power(mixed, FS, (0.0, FS / 2))
    assert whole == pytest.approx(mixed.var(), rel=0.03)
    assert np.ndim(signals.band_power(mixed, FS, "sigma")) == 0


def test_band_power_says_what_is_wrong_with_a_band():
    x = noise(2000)
    with pytest.raises(ValueError, match="'alfa'.*delta"):
        signals.band_power(x, FS, "alfa")
    with pytest.raises(ValueError, match="half its sampling rate"):
        signals.band_power(x, 50.0, "gamma")
    with pytest.raises(ValueError, match="low < high"):
        signals.band_power(x, FS, (13, 8))
    with pytest.raises(ValueError, match="between two bins"):
        signals.band_power(x, FS, (8.05, 8.2))
    assert np.isnan(signals.band_power(np.ones(2000), FS, "alpha", relative=True))
    assert signals.band_power(np.ones(2000), FS, "alpha") == 0


@pytest.mark.parametrize(
    "n, window_s, overlap", [(2000, 1.0, 0.75), (2001, 0.5, 0.5), (250, 1.0, 0.9), (777, 0.3, 0.0)]
)
def test_stft_is_the_amplitude_spectrum_of_every_whole_window(n, window_s, overlap):
    x = noise(n) + 1.0
    freqs, times, amplitude = signals.stft(x, FS, window_s=window_s, overlap=overlap)
    length = round(window_s * FS)
    hop = length - round(overlap * length)
    starts = range(0, n - length + 1, hop)
    assert amplitude.shape == (length // 2 + 1, len(starts)) == (len(freqs), len(times))
    for column, start in enumerate(starts):
        expected_f, expected = signals.amplitude_spectrum(x[start : start + length], FS, window="hann")
        assert np.allclose(amplitude[:, column], expected) and np.allclose(freqs, expected_f)
        assert times[column] == pytest.approx((start + length // 2) / FS)


def test_stft_shows_a_burst_when_and_where_it_is():
    x = np.zeros(2500)
    x[1000:1500] = sine(20.0, seconds=2.0, amplitude=5.0)
    freqs, times, amplitude = signals.stft(x, FS, window_s=0.5)
    peak = np.unravel_index(amplitude.argmax(), amplitude.shape)
    assert freqs[peak[0]] == 20.0 and 4.2 < times[peak[1]] < 5.8 and amplitude.max() == pytest.approx(5.0, rel=1e-3)
    assert amplitude[:, (times < 3.7) | (times > 6.3)].max() < 1e-9


def test_too_short_signals_and_impossible_windows_are_refused():
    for run in (lambda **k: signals.psd(noise(200), FS, **k), lambda **k: signals.stft(noise(200), FS, **k)):
        with pytest.raises(ValueError, match="at least one window"):
            run(window_s=1.0)
        with pytest.raises(ValueError, match="at least one sample"):
            run(window_s=0.0)
        with pytest.raises(ValueError, match="overlap=1"):
            run(window_s=0.5, overlap=1.0)
    assert signals.stft(noise(250), FS, window_s=1.0)[2].shape == (126, 1)


# ---- wavelets


@pytest.mark.parametrize("cycles", [3.0, 6.0, 12.0])
def test_the_scalogram_of_a_sine_is_its_amplitude_at_its_frequency_and_a_gaussian_around_it(cycles):
    freqs = np.arange(4.0, 20.1, 0.5)
    found = np.abs(signals.scalogram(100.0 + sine(10.0, amplitude=2.0), FS, freqs, cycles=cycles))
    middle = found[:, 2500]
    # the wavelet at f answers to f0 by exp(-((f - f0) / (f / cycles))^2 / 2)
    expected = 2.0 * np.exp(-0.5 * (cycles * (freqs - 10.0) / freqs) ** 2)
    assert np.allclose(middle, expected, atol=0.02 if cycles > 3 else 0.06)
    assert freqs[found[:, 2500].argmax()] == pytest.approx(10.0, abs=0.5 if cycles == 3 else 0.01)


@pytest.mark.parametrize("freq", [2.0, 10.0, 40.0, 100.0])
def test_amplitudes_do_not_depend_on_the_frequency_and_the_phase_is_that_of_a_cosine(freq):
    x = np.cos(2 * np.pi * freq * np.arange(5000) / FS)
    found = signals.scalogram(x, FS, np.array([freq]))[0]
    assert np.allclose(np.abs(found[1500:3500]), 1.0, atol=0.02)
    wrong = np.angle(found[1500:3500] * np.exp(-2j * np.pi * freq * np.arange(1500, 3500) / FS))
    assert np.abs(wrong).max() < 2 * np.pi * freq / FS * 0.5 + 0.01  # half a sample


@pytest.mark.parametrize("n", [2000, 2001])
def test_an_impulse_is_found_in_its_place_and_blurred_by_the_width_of_the_wavelet(n):
    x = np.zeros(n)
    x[900] = 1.0
    freqs = np.array([4.0, 10.0, 40.0])
    found = np.abs(signals.scalogram(x, FS, freqs, cycles=6.0))
    time_s = np.arange(n) / FS
    for row, freq in zip(found, freqs, strict=True):
        row = row * (np.abs(time_s - 3.6) < 1.5)  # without the ends, where the removed mean leaves a step
        centre = (row * time_s).sum() / row.sum()
        width = np.sqrt((row * (time_s - centre) ** 2).sum() / row.sum())
        assert abs(centre - 900 / FS) <= 1 / FS  # PyWavelets places its sampled wavelets to the sample
        assert width == pytest.approx(6.0 / (2 * np.pi * freq), rel=0.05)


def test_with_equal_energy_white_noise_is_white_and_equals_its_density():
    x = 3.0 * noise(100_000)
    freqs = np.array([4.0, 10.0, 25.0, 60.0])
    power = (np.abs(signals.scalogram(x, FS, freqs, scaling="energy")) ** 2).mean(axis=-1)
    # 400 s hold about 2 x 400 s x f / cycles independent values: 540 at 4 Hz, so 4 % is one standard error
    assert np.allclose(power, 2 * 9.0 / FS, rtol=0.15)
    amplitude = (np.abs(signals.scalogram(x, FS, freqs)) ** 2).mean(axis=-1)
    assert amplitude[-1] > 8 * amplitude[0]  # and is not with equal amplitude: the wider band holds more of it


def test_an_offset_changes_no_scalogram_not_even_at_the_ends():
    x = noise(1000)
    plain, lifted = (np.abs(signals.scalogram(v, FS, [4.0, 10.0])) for v in (x - x.mean(), x + 1000.0))
    assert np.allclose(plain, lifted, atol=1e-6)


def test_scalogram_shapes_and_refusals():
    assert signals.scalogram(noise((3, 500)), FS, [10.0, 20.0]).shape == (3, 2, 500)
    assert np.iscomplexobj(signals.scalogram(noise(500), FS, [10.0]))
    with pytest.raises(ValueError, match="at least 12 Hz"):
        signals.scalogram(noise(125), FS, [5.0, 20.0])
    with pytest.raises(ValueError, match="wavelet frequency of 125 Hz"):
        signals.scalogram(noise(500), FS, [125.0])
    with pytest.raises(ValueError, match="cycles=2"):
        signals.scalogram(noise(500), FS, [10.0], cycles=2)
    with pytest.raises(ValueError, match="'power'"):
        signals.scalogram(noise(500), FS, [10.0], scaling="power")
    with pytest.raises(ValueError, match=r"\(k,\)"):
        signals.scalogram(noise(500), FS, [])


# ---- resampling and epochs


def test_resampling_keeps_what_fits_and_its_timing():
    for fs, to_fs in ((360.0, 125.0), (500.0, 128.0), (100.0, 256.0), (300.0, 100)):
        x = 5.0 + sine(11.0, fs=fs, phase=0.4)
        y = signals.resampled(x, fs, to_fs)
        assert len(y) == -(-len(x) * int(to_fs) // int(fs))
        expected = 5.0 + np.sin(2 * np.pi * 11.0 * np.arange(len(y)) / to_fs + 0.4)
        inside = slice(len(y) // 10, -len(y) // 10)
        assert np.allclose(y[inside], expected[inside], atol=0.01)


def test_resampling_rejects_what_would_fold_back():
    x = sine(90.0, fs=500.0)  # taking every fifth sample would show 10 Hz at full height
    y = signals.resampled(x, 500.0, 100.0)
    assert np.abs(x[::5]).max() > 0.9
    assert np.abs(y[100:-100]).max() < 2e-3


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_resampling_keeps_an_offset_up_to_the_ends(n):
    y = signals.resampled(np.full(n, 800.0), 360.0, 125.0)
    assert len(y) == int(np.ceil(n * 25 / 72)) and np.allclose(y, 800.0, rtol=1e-3)


def test_resampling_to_the_same_rate_copies_and_strange_rates_are_refused():
    x = noise(50)
    same = signals.resampled(x, FS, FS)
    assert np.array_equal(same, x) and same is not x and not np.shares_memory(same, x)
    with pytest.raises(ValueError, match="fraction of whole numbers"):
        signals.resampled(x, FS, 100 * np.pi)
    for rate in (0, -1, np.nan):
        with pytest.raises(ValueError, match="positive sampling rate"):
            signals.resampled(x, FS, rate)


def test_epochs_start_where_they_should_and_drop_only_what_is_left_over():
    x = np.stack([np.arange(100.0), -np.arange(100.0)])
    cut = signals.epochs(x, 10.0, 3.0)
    assert cut.shape == (3, 2, 30)
    assert cut[:, 0, 0].tolist() == [0, 30, 60] and cut[2, 0, -1] == 89
    assert signals.epochs(x, 10.0, 2.5).shape == (4, 2, 25)  # fits exactly: the last one counts
    over = signals.epochs(x[0], 10.0, 3.0, step_s=1.0)
    assert over.shape == (8, 1, 30) and over[:, 0, 0].tolist() == list(range(0, 80, 10))
    assert signals.epochs(x, 10.0, 1.0, step_s=4.0)[:, 0, 0].tolist() == [0, 40, 80]  # with gaps
    over[0] = 0
    assert over[1, 0, 0] == 10 and x[0, 10] == 10  # a copy
    assert np.isnan(signals.epochs(np.full(20, np.nan), 10.0, 1.0)).all()


def test_epochs_of_short_recordings_and_of_broken_lengths():
    assert signals.epochs(noise((2, 29)), 10.0, 3.0).shape == (0, 2, 30)
    assert signals.epochs(noise(90), 360.0, 0.1).shape == (2, 1, 36)  # 0.1 * 360 is 36.00000000000001
    for wrong in (0.25, 0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="whole number of samples"):
            signals.epochs(noise(100), 10.0, wrong)
    with pytest.raises(ValueError, match="step_s"):
        signals.epochs(noise(100), 10.0, 1.0, step_s=0.0)
    with pytest.raises(ValueError, match=r"\(channels, samples\)"):
        signals.epochs(noise((2, 3, 100)), 10.0, 1.0)


# ---- what no function takes

ALL = {
    "filtered": lambda x, fs: signals.filtered(x, fs, high=10.0),
    "notch": lambda x, fs: signals.notch(x, fs),
    "amplitude_spectrum": lambda x, fs: signals.amplitude_spectrum(x, fs),
    "psd": lambda x, fs: signals.psd(x, fs, window_s=1.0),
    "band_power": lambda x, fs: signals.band_power(x, fs, "alpha", window_s=1.0),
    "stft": lambda x, fs: signals.stft(x, fs, window_s=1.0),
    "scalogram": lambda x, fs: signals.scalogram(x, fs, [10.0]),
    "resampled": lambda x, fs: signals.resampled(x, fs, 100.0),
    "epochs": lambda x, fs: signals.epochs(x, fs, 1.0),
}


@pytest.mark.parametrize("name", ALL)
def test_empty_complex_and_broken_input_is_refused_with_the_cause(name):
    run = ALL[name]
    for empty in (np.zeros(0), np.zeros((3, 0)), np.zeros((0, 500)), np.float64(1.0)):
        with pytest.raises(ValueError, match="expected samples along the last axis"):
            run(empty, FS)
    with pytest.raises(ValueError, match="real numbers"):
        run(np.zeros(500, complex), FS)
    for fs in (0, -250, np.nan, np.inf, np.array([250.0, 250.0])):
        with pytest.raises(ValueError, match="sampling rate in Hz"):
            run(noise(500), fs)
    if name != "epochs":
        broken = noise((2, 500))
        broken[1, 7] = np.nan
        with pytest.raises(ValueError, match=r"1 of 1000 values .* first at \(1, 7\)"):
            run(broken, FS)


@pytest.mark.parametrize("name", ALL)
def test_whole_numbers_and_lists_are_taken(name):
    values = (100 * noise(500)).astype(np.int16)
    one, two, three = (ALL[name](v, 250) for v in (values, values.tolist(), values.astype(float)))
    for a, b, c in zip(*(v if isinstance(v, tuple) else (v,) for v in (one, two, three)), strict=True):
        assert np.array_equal(a, b) and np.array_equal(a, c)


def test_bands_are_ordered_and_cover_the_rhythms_without_gaps():
    chain = ["delta", "theta", "alpha", "beta", "gamma"]
    assert all(signals.BANDS[a][1] == signals.BANDS[b][0] for a, b in zip(chain, chain[1:], strict=False))
    assert signals.BANDS["sigma"] == (11, 16)
