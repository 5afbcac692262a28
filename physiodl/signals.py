"""Filters, spectra, wavelets, resampling and epochs of physiological signals: thin over SciPy and PyWavelets.

Time runs along the last axis everywhere, so (samples,), (channels, samples) and (epochs, channels, samples) all
work. ``fs`` is the sampling rate in Hz. Results are float64 (complex where said). A signal that is empty, holds NaN or
infinity, or is too short for what is asked raises a ValueError that says so: nothing is repaired silently.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pywt
from scipy import signal as sps

from physiodl.signal_checks import check_frequency, checked, whole_samples, window_and_hop

# EEG bands in Hz, low <= f < high. Theta and alpha as in the AASM scoring manual (Berry et al. 2012: 4-7.99 and 8-13);
# delta from 0.5 Hz as in its slow waves; sigma is its range of sleep spindles, which lies across alpha and beta on
# purpose; where beta ends and gamma begins is a convention (30 Hz; 45 Hz stays below mains and its filter).
BANDS = {
    "delta": (0.5, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "sigma": (11.0, 16.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 45.0),
}

MORLET_B = 1.5  # bandwidth parameter handed to PyWavelets: its Gaussian ends below 1e-18 inside the support of +-8
FEWEST_CYCLES = 3.0  # below, a Gabor wavelet answers to a constant (by more than exp(-4.5) = 1 %)
LARGEST_FACTOR = 10_000  # of resampling: the anti-aliasing filter has 20 times as many taps


def filtered(
    x: np.ndarray, fs: float, *, low: float | None = None, high: float | None = None, order: int = 4, zero_phase=True
) -> np.ndarray:
    """Butterworth filter: band-pass, or high-pass (``low`` alone), or low-pass (``high`` alone).

    Args:
        x: (..., samples), any unit.
        fs: sampling rate in Hz.
        low, high: cut-off frequencies in Hz, where the gain of one pass is 1/sqrt(2) (-3 dB).
        order: of each slope, 6 dB per octave per order and pass.
        zero_phase: True runs forwards and backwards (`scipy.signal.sosfiltfilt`): no delay, the gain is squared (-6 dB
            at the cut-offs), not causal. False runs once, as a device would, and delays; it starts as if the first
            sample had lasted for ever, so that an offset makes no transient.

    Returns:
        Array of the shape of ``x``. The ends are extended by reflection in the end points, over one period of the
        lowest cut-off; so long a piece at each end is an estimate.

    Raises:
        ValueError: no cut-off, or one outside 0 to fs/2, or low >= high; x empty or not finite.
    """
    x = checked(x, fs)
    cuts = [c for c in (low, high) if c is not None]
    if not cuts:
        raise ValueError("got neither low nor high, expected at least one cut-off in Hz: low alone makes a high-pass")
    for cut in cuts:
        check_frequency(cut, fs, "cut-off")
    if len(cuts) == 2 and low >= high:
        raise ValueError(f"got low={low:g} Hz and high={high:g} Hz, expected low < high: probably exchanged")
    if int(order) != order or order < 1:
        raise ValueError(f"got order={order}, expected a whole number of at least 1")
    kind = "bandpass" if len(cuts) == 2 else ("highpass" if high is None else "lowpass")
    sos = sps.butter(int(order), cuts if len(cuts) == 2 else cuts[0], kind, fs=fs, output="sos")
    return _run(sos, x, zero_phase, pad=fs / min(cuts))


def notch(x: np.ndarray, fs: float, *, freq: float = 50.0, q: float = 30.0, zero_phase: bool = True) -> np.ndarray:
    """Remove one frequency, such as mains (50 Hz in Europe, 60 Hz in North America): `scipy.signal.iirnotch`.

    Args:
        x: (..., samples), any unit.
        fs: sampling rate in Hz.
        freq: what to remove, in Hz.
        q: quality; one pass is 3 dB down at freq +- freq / (2 q). The narrower, the longer it rings (about q / freq
            seconds).
        zero_phase: as in `filtered`.

    Returns:
        Array of the shape of ``x``.

    Raises:
        ValueError: freq outside 0 to fs/2, q not positive; x empty or not finite.
    """
    x = checked(x, fs)
    check_frequency(freq, fs, "notch")
    if not q > 0:
        raise ValueError(f"got q={q}, expected a positive number, such as 30")
    return _run(sps.tf2sos(*sps.iirnotch(freq, q, fs=fs)), x, zero_phase, pad=fs * q / freq)


def amplitude_spectrum(x: np.ndarray, fs: float, *, window: str | tuple = "boxcar") -> tuple[np.ndarray, np.ndarray]:
    """One-sided amplitude spectrum in the unit of ``x``: a sine of amplitude A on a bin gives A there.

    The spectrum of a real signal is symmetric, so half of a sine's amplitude lies at -f: every bin is doubled, but not
    0 Hz (the mean) nor, for an even number of samples, fs/2, which have no partner. Dividing by the sum of the window
    takes back its gain.

    Args:
        x: (..., samples).
        fs: sampling rate in Hz.
        window: a name (or name and parameter) that `scipy.signal.get_window` knows.

    Returns:
        freqs (bins,) in Hz, spaced fs / samples; amplitude (..., bins), with bins = samples // 2 + 1.

    Raises:
        ValueError: x empty or not finite.
    """
    x = checked(x, fs)
    n = x.shape[-1]
    taper = sps.get_window(window, n)
    amplitude = np.abs(np.fft.rfft(x * taper)) / taper.sum()
    amplitude[..., 1 : (n + 1) // 2] *= 2.0
    return np.fft.rfftfreq(n, 1 / fs), amplitude


def psd(
    x: np.ndarray, fs: float, *, window_s: float = 4.0, overlap: float = 0.5, window: str | tuple = "hann"
) -> tuple[np.ndarray, np.ndarray]:
    """One-sided power spectral density by Welch's method (Welch 1967): `scipy.signal.welch`.

    The mean of each window is removed first, so 0 Hz holds nothing. The sum of the density times the spacing of its
    bins is the variance of the signal (Parseval).

    Args:
        x: (..., samples).
        fs: sampling rate in Hz.
        window_s: length of a window in seconds; the bins are 1 / window_s Hz apart.
        overlap: share of a window that it has in common with the next, 0 to below 1.
        window: as in `amplitude_spectrum`.

    Returns:
        freqs (bins,) in Hz; density (..., bins) in unit of x squared per Hz.

    Raises:
        ValueError: x shorter than one window, empty or not finite; overlap outside [0, 1).
    """
    x = checked(x, fs)
    length, hop = window_and_hop(x, fs, window_s, overlap)
    return sps.welch(x, fs, window=window, nperseg=length, noverlap=length - hop)


def band_power(
    x: np.ndarray, fs: float, band: str | tuple[float, float], *, window_s: float = 4.0, relative: bool = False
) -> np.ndarray:
    """Power in a band: the integral of `psd` over low <= f < high. Adjacent bands share no bin, so powers add up.

    Args:
        x: (..., samples).
        fs: sampling rate in Hz.
        band: a name in `BANDS`, or (low, high) in Hz.
        window_s: as in `psd`. The band should be several times wider than 1 / window_s.
        relative: True gives the share of the power of all frequencies above 0 Hz (NaN for a constant signal,
            which has no power).

    Returns:
        (...) in unit of x squared, or a share of 1; one number where x is (samples,). A sine of amplitude A inside
        the band, away from its edges, gives A squared / 2.

    Raises:
        ValueError: unknown band, one that reaches above fs/2 or holds no bin; as `psd`.
    """
    if isinstance(band, str):
        if band not in BANDS:
            raise ValueError(f"got band {band!r}, expected one of {', '.join(BANDS)}, or (low, high) in Hz")
        band = BANDS[band]
    freqs, density = psd(x, fs, window_s=window_s)
    low, high = (float(edge) for edge in band)
    if not 0 <= low < high or high > fs / 2:
        raise ValueError(
            f"got a band of {low:g} to {high:g} Hz at fs={fs:g} Hz, expected 0 <= low < high <= {fs / 2:g} Hz (fs/2): "
            "a signal holds nothing above half its sampling rate"
        )
    inside = (freqs >= low) & (freqs < high)
    if not inside.any():
        raise ValueError(
            f"got a band of {low:g} to {high:g} Hz between two bins, which are {freqs[1]:g} Hz apart: expected a wider "
            f"band or longer windows (window_s above {1 / (high - low):.3g})"
        )
    power = density[..., inside].sum(axis=-1) * freqs[1]
    if relative:
        total = density[..., 1:].sum(axis=-1) * freqs[1]
        power = np.divide(power, total, out=np.full_like(power, np.nan), where=total > 0)
    return power


def stft(
    x: np.ndarray, fs: float, *, window_s: float, overlap: float = 0.75, window: str | tuple = "hann"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Short-time Fourier transform, one-sided amplitude: `scipy.signal.ShortTimeFFT`.

    Only windows that lie wholly in the signal are taken, so no number is made from padding.

    Args:
        x: (..., samples).
        fs: sampling rate in Hz.
        window_s: length of a window in seconds: bins are 1 / window_s Hz apart, events blur over window_s.
        overlap: share of a window that it has in common with the next, 0 to below 1.
        window: as in `amplitude_spectrum`.

    Returns:
        freqs (bins,) in Hz; times (windows,) of the middle sample of each window, in seconds (sample length // 2
        of the window); amplitude (..., bins, windows) in the unit of x, scaled as in `amplitude_spectrum`.

    Raises:
        ValueError: x shorter than one window, empty or not finite; overlap outside [0, 1).
    """
    x = checked(x, fs)
    length, hop = window_and_hop(x, fs, window_s, overlap)
    taper = sps.get_window(window, length)
    # onesided2X doubles what amplitude_spectrum doubles; phase_shift=None because only the absolute value is kept
    transform = sps.ShortTimeFFT(taper, hop, fs, fft_mode="onesided2X", scale_to="magnitude", phase_shift=None)
    windows = 1 + (x.shape[-1] - length) // hop
    middle = transform.m_num_mid  # the first window is centred there instead of on sample 0, so it needs no padding
    amplitude = np.abs(transform.stft(x, p0=0, p1=windows, k_offset=middle))
    return transform.f, (middle + hop * np.arange(windows)) / fs, amplitude


def scalogram(
    x: np.ndarray, fs: float, freqs: np.ndarray, *, cycles: float = 6.0, scaling: str = "amplitude"
) -> np.ndarray:
    """Wavelet transform with complex Morlet wavelets at chosen frequencies: `pywt.cwt`.

    The wavelet at f is a Gaussian of standard deviation cycles / (2 pi f) seconds times a complex sine; in frequency it
    is a Gaussian of standard deviation f / cycles. So time resolution improves and frequency resolution worsens as f
    rises.

    Args:
        x: (..., samples); its mean is removed first.
        fs: sampling rate in Hz.
        freqs: (k,) frequencies in Hz, in any order, between 0 and fs/2.
        cycles: width of the wavelet, at least 3; 6 is usual (Torrence and Compo 1998). Below 5 amplitudes
            err by some per cent near 0 Hz and fs/2.
        scaling: ``"amplitude"``: a sine of amplitude A at f gives absolute value A at f. ``"energy"``: every wavelet
            has the same energy, and the squared absolute value averages to the one-sided power spectral density (as
            `psd`), unit of x squared per Hz: noise that is white in `psd` is white here.

    Returns:
        Complex (..., k, samples): (k, samples) for one signal. Its absolute value is the amplitude (or the root of the
        density) over time, its angle the phase (0 at the crest of a cosine), placed to within about a
        sample. Nearer than cycles / (pi f) seconds to an end (two standard deviations) the wavelet reaches over the
        end, where zeros stand, and the values fall.

    Raises:
        ValueError: a frequency outside 0 to fs/2, or so low that its ``cycles`` do not fit into the signal; cycles
            below 3; unknown scaling; x empty or not finite.
    """
    x = checked(x, fs)
    freqs = np.asarray(freqs, dtype=float)
    if freqs.ndim != 1 or not len(freqs):
        raise ValueError(f"got frequencies of shape {freqs.shape}, expected (k,) with at least one frequency in Hz")
    for freq in freqs:
        check_frequency(freq, fs, "wavelet")
    if not cycles >= FEWEST_CYCLES:
        raise ValueError(f"got cycles={cycles}, expected at least {FEWEST_CYCLES:g}: shorter ones answer to an offset")
    if scaling not in ("amplitude", "energy"):
        raise ValueError(f"got scaling {scaling!r}, expected 'amplitude' or 'energy'")
    seconds = x.shape[-1] / fs
    if cycles / freqs.min() > seconds:
        raise ValueError(
            f"got {freqs.min():g} Hz in a signal of {seconds:g} s, expected at least {cycles / seconds:.3g} Hz: "
            f"{cycles:g} cycles must fit in; take a longer signal, higher frequencies or fewer cycles"
        )
    # PyWavelets' Gaussian is exp(-t^2 / B), t in scales: its standard deviation sqrt(B / 2) shall be `cycles` radians
    centre = cycles / (2 * np.pi * np.sqrt(MORLET_B / 2))
    scales = centre * fs / freqs
    wavelet = pywt.ContinuousWavelet(f"cmor{MORLET_B}-{centre}")
    x = x - x.mean(axis=-1, keepdims=True)
    found, _ = pywt.cwt(x, scales, wavelet, method="fft", axis=-1, precision=14)
    found = np.moveaxis(found, 0, -2)  # PyWavelets puts the scales first
    # PyWavelets: a sine of amplitude A gives sqrt(scale) A / 2, since the wavelet's spectrum peaks at 1; and it takes
    # the wavelet's mean over each sample instead of its value, which costs the factor sinc(f / fs)
    amplitude = found * (2.0 / (np.sqrt(scales) * np.sinc(freqs / fs)))[:, None]
    if scaling == "amplitude":
        return amplitude
    # Noise of density S passes with the squared gain exp(-(v - f)^2 / s^2), s = f / cycles: power S s sqrt(pi). The
    # mean square of an amplitude is twice its power.
    noise_hz = np.sqrt(np.pi) * freqs / cycles
    return amplitude / np.sqrt(2 * noise_hz)[:, None]


def resampled(x: np.ndarray, fs: float, to_fs: float) -> np.ndarray:
    """Change the sampling rate, with an anti-aliasing filter: `scipy.signal.resample_poly`.

    Args:
        x: (..., samples).
        fs, to_fs: old and new rate in Hz; their ratio must be a fraction of whole numbers up to 10,000.

    Returns:
        (..., ceil(samples * to_fs / fs)); sample k lies at k / to_fs seconds, the first one where it was. The filter
        (Kaiser window, no delay) is 6 dB down at half the lower rate and bends about a tenth of it on both sides. Ends
        are extended along the line between the first and the last sample, so that an offset makes no step.

    Raises:
        ValueError: a rate that is not positive, a ratio that is no such fraction; x empty or not finite.
    """
    x = checked(x, fs)
    if not (np.isfinite(to_fs) and to_fs > 0):
        raise ValueError(f"got to_fs={to_fs}, expected a positive sampling rate in Hz")
    ratio = Fraction(float(to_fs) / float(fs)).limit_denominator(LARGEST_FACTOR)
    if not 0 < ratio <= LARGEST_FACTOR or abs(float(ratio) * fs / to_fs - 1) > 1e-9:
        raise ValueError(
            f"got {fs!r} to {to_fs!r} Hz, expected rates whose ratio is a fraction of whole numbers up to "
            f"{LARGEST_FACTOR}, such as 360 to 125 (25/72): round the rates"
        )
    if ratio == 1:
        return x.copy()
    padtype = "line" if x.shape[-1] > 1 else "mean"  # one sample gives no line
    return sps.resample_poly(x, ratio.numerator, ratio.denominator, axis=-1, padtype=padtype)


def epochs(x: np.ndarray, fs: float, epoch_s: float, *, step_s: float | None = None) -> np.ndarray:
    """Cut a recording into epochs of equal length.

    Args:
        x: (channels, samples), or (samples,) for one channel. NaN (missing data) is passed on.
        fs: sampling rate in Hz.
        epoch_s: length of an epoch in seconds, a whole number of samples.
        step_s: from the start of one epoch to the start of the next, a whole number of samples; ``epoch_s`` when None
            (no gap, no overlap).

    Returns:
        (n, channels, samples per epoch), a copy; n = 0 for a recording shorter than one epoch. What is left over at the
        end is dropped.

    Raises:
        ValueError: lengths that are not positive whole numbers of samples; x of another shape, or empty.
    """
    x = checked(x, fs, finite=False)
    if x.ndim > 2:
        raise ValueError(f"got an array of shape {x.shape}, expected (channels, samples) or (samples,)")
    length = whole_samples(epoch_s, fs, "epoch_s")
    step = length if step_s is None else whole_samples(step_s, fs, "step_s")
    x = np.atleast_2d(x)
    if x.shape[-1] < length:
        return np.zeros((0, len(x), length))
    views = np.lib.stride_tricks.sliding_window_view(x, length, axis=-1)[:, ::step]
    return np.moveaxis(views, 1, 0).copy()  # overlapping views would change together


def _run(sos: np.ndarray, x: np.ndarray, zero_phase: bool, *, pad: float) -> np.ndarray:
    """A filter over the last axis; ``pad`` is how many samples the ends are extended by when it runs both ways."""
    if zero_phase:
        return sps.sosfiltfilt(sos, x, axis=-1, padlen=min(x.shape[-1] - 1, max(int(np.ceil(pad)), 6 * len(sos) + 3)))
    start = sps.sosfilt_zi(sos).reshape(len(sos), *[1] * (x.ndim - 1), 2) * x[..., :1]
    return sps.sosfilt(sos, x, axis=-1, zi=start)[0]
