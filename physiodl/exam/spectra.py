"""Spectra, windows and wavelets with a known truth for assignment 02, and what typical mistakes in them look like.

What is made comes from a seed; each docstring names the sources it leans on. `physiodl.exam.artefacts` has the rest.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import signal

from physiodl.exam.checks import ExamError, numbers
from physiodl.handed import noise  # noqa: F401  for test cells

SYMMETRIC = (
    "the symmetric Hann window (np.hanning, sym=True) instead of the periodic one of a spectrum: "
    'signal.get_window("hann", n) or signal.windows.hann(n, sym=False)'
)


def refuses(function: Callable, *arguments) -> bool:
    """Whether ``function(*arguments)`` ends in a ValueError, its own or one of a library; other errors go on."""
    try:
        function(*arguments)
    except ValueError:
        return True
    return False


def factor_cause(got: float, true: float, n: int, window_gain: float = 1.0, *, paired: bool = True) -> str:
    """The likely cause when an amplitude comes out as ``got`` instead of ``true``, from the factor between them.

    ``n`` is the number of samples, ``window_gain`` the mean of the window, ``paired`` False for 0 Hz and fs/2.
    """
    factor = abs(got) / abs(true)
    if factor < 1e-6:
        return "nothing is left: removed before the FFT, or the bin set to zero"
    known = [  # the first that fits
        (
            0.5 if window_gain == 1 else np.nan,
            "the half at negative frequencies is missing: double the bins between 0 Hz and fs/2",
        ),
        (2.0, "doubled twice, or a bin doubled that has no partner (0 Hz, and fs/2 of an even number of samples)"),
        (
            window_gain if window_gain != 1 else np.nan,
            "divided by the number of samples: divide by the sum of the window instead"
            + ("; or, the same factor with a Hann window: not doubled between 0 Hz and fs/2" if paired else ""),
        ),
        (window_gain / 2, "neither doubled nor divided by the sum of the window"),
        (n * window_gain / 2, "not divided by the sum of the window (for a boxcar, the number of samples)"),
        (n * window_gain, "not divided by the sum of the window (for a boxcar, the number of samples)"),
        (1 / np.sqrt(2), "an effective value (root mean square) instead of an amplitude"),
        (abs(true), "power (amplitude squared) instead of amplitude"),
        (abs(true) / 2, "power (amplitude squared over 2) instead of amplitude"),
        (abs(true) / 4, "power instead of amplitude, and not doubled"),
    ]
    for value, cause in known:
        if abs(factor / value - 1) < 0.005:
            return cause
    if window_gain != 1 and abs(factor - 1) < 0.02:
        return f"nearly right: {SYMMETRIC}"
    return "another scaling: |FFT| divided by the sum of the window, doubled between 0 Hz and fs/2"


def amplitude_is(got, true: float, n: int, *, what: str, window_gain=1.0, rtol=1e-6, paired=True) -> None:
    """Check one amplitude; the message names the cause that fits the factor between got and true."""
    value = float(numbers(got, shape=(), what=what))
    if abs(value - true) > rtol * abs(true):
        cause = factor_cause(value, true, n, window_gain, paired=paired)
        raise ExamError(f"got {what} = {value:.6g}, expected {true:.6g}", cause)


def same_map(got, true: np.ndarray, *, what: str, rtol=1e-6, atol=1e-8, cause="", causes=None, first=(0, 0)) -> None:
    """Check amplitudes (frequencies, times); the message names row and column of the first difference.

    ``first`` is the place of ``got[0, 0]`` in the whole result.

    ``causes`` maps a cause to a mask (rows, columns): it is named where all differences lie inside its mask.
    """
    array = numbers(got, shape=true.shape, what=what)
    wrong = ~np.isclose(array, true, rtol=rtol, atol=atol)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        fitting = [text for text, mask in (causes or {}).items() if not np.any(wrong & ~mask)]
        raise ExamError(
            f"got {what} = {array[row, column]:.6g} in row {row + first[0]} (frequency), "
            f"column {column + first[1]} (time), expected {true[row, column]:.6g}",
            (fitting or [cause])[0],
        )


# --- time and frequency ---


def wavelet_cause(row: np.ndarray, fs: float, freq: float) -> str:
    """Why a row (samples,) of the transform of a steady sine of ``freq`` is not steady; "" where it is."""
    inner = row[len(row) // 4 : 3 * len(row) // 4]  # away from the ends
    top = int(np.argmax(inner))
    half_turn = round(0.5 * fs / freq) + 1
    if np.min(inner[max(0, top - half_turn) : top + half_turn + 1]) < 0.5 * inner[top]:
        return "no sine part: the wavelet must be complex, np.exp(2j * np.pi * f * t); take the absolute value last"
    if row[len(row) // 2] < 0.8 * np.max(row):
        return "shifted in time: of the full convolution keep the middle, [h : h + len(x)]"
    return ""


def middle(rows, fs: float, freq: float) -> float:
    """The middle value of a single row of amplitudes (1, samples) of a sine of amplitude 1 at ``freq``: the gain.

    It must be above 0 and steady, else nothing can be compared at that scale.
    """
    row = numbers(rows, shape=(1, None), what="amplitude")[0]
    value = float(row[len(row) // 2])
    cause = wavelet_cause(row, fs, freq) if row.max() > 0 else "a wavelet of zeros"
    if value <= 0 or cause.startswith("no sine"):
        raise ExamError(
            f"got {row.min():.3g} to {row.max():.3g} over a steady sine of amplitude 1, expected 1 all the time", cause
        )
    return value


def wavelet_is(row: np.ndarray, x: np.ndarray, fs: float, freq: float, *, what: str, atol: float, cause: str) -> None:
    """Check a row (samples,) of a wavelet transform of 6 cycles against the definition, within ``atol`` plus 10 %.

    A row that fits a known mistake better than the definition gets that mistake as its cause, else ``cause``.
    """
    true = wavelet_sum(x, fs, freq, 6.0)
    limit = atol + 0.1 * true.max()
    off = np.abs(row - true)
    if off.max() <= limit:
        return
    known = {
        "cycles / f seconds instead of cycles / (2 pi f): a bell that is too wide": {"cycles": 12 * np.pi},
        "the mean is not subtracted first": {"centred": False},
        "the bell is cut off too early: at least four standard deviations to each side": {"cut": 2.0},
        "the result is shifted in time: of the full convolution keep the middle": {"late": True},
    }
    misses = {}
    for text, how in known.items():
        misses[text] = np.abs(row - wavelet_sum(x, fs, freq, **({"cycles": 6.0} | how))).max()
    best = min(misses, key=misses.get)
    k = int(np.argmax(off > limit))
    raise ExamError(
        f"got {what} = {row[k]:.4g} at sample {k}, expected {true[k]:.4g}",
        best if misses[best] < 0.5 * off.max() else cause,
    )


def _seen(x: np.ndarray, fs: float, window_s: float, freqs: np.ndarray, centre_s: np.ndarray) -> np.ndarray:
    """Amplitude (times, freqs) that a Hann window of ``window_s`` shows, at any frequency and any moment."""
    n = max(2, round(window_s * fs))
    window = signal.get_window("hann", n)
    padded = np.concatenate([np.zeros(n), x, np.zeros(n)])
    starts = np.round(np.asarray(centre_s) * fs).astype(int) - n // 2 + n
    waves = np.exp(-2j * np.pi * np.outer(np.arange(n) / fs, freqs))
    parts = padded[starts[:, None] + np.arange(n)] * window
    return 2 * np.abs(parts @ waves) / window.sum()


def valley(window_s: float, f1: float, f2: float, *, fs: float = 200.0) -> float:
    """How far two steady rhythms melt into one in an STFT with a Hann window of ``window_s`` seconds.

    Both have amplitude 1. The amplitude half-way between their frequencies is divided by the lower of their two peaks;
    the worst of 60 moments counts, as their phases run against each other.

    Returns:
        0 where they stand apart, 1 or more where there is no valley between them.
    """
    seconds = 2 * window_s + 4 / abs(f2 - f1)
    t = np.arange(round(seconds * fs)) / fs
    x = np.sin(2 * np.pi * f1 * t) + np.sin(2 * np.pi * f2 * t)
    moments = seconds / 2 + np.linspace(0, 1 / abs(f2 - f1), 60)
    amplitude = _seen(x, fs, window_s, np.array([f1, (f1 + f2) / 2, f2]), moments)
    return float(np.max(amplitude[:, 1] / np.minimum(amplitude[:, 0], amplitude[:, 2])))


def window_length(choose: Callable, f1: float, f2: float, burst_s: float) -> float:
    """The length in seconds that ``choose(f1, f2, burst_s)`` returns, which must be one, also where f1 is above f2."""
    where = f"f1 = {f1:.1f} Hz, f2 = {f2:.1f} Hz, burst_s = {burst_s:.2f} s"
    swapped = "f1 may be above f2: take abs(f2 - f1)"
    try:
        got = float(numbers(choose(f1, f2, burst_s), shape=(), what="window length in seconds"))
    except ValueError as error:
        cause = swapped if f1 > f2 else "a limit that is too strict: a window exists wherever the product is 4 or more"
        raise ExamError(f"got a ValueError ({error}) for {where}, expected a window length", cause) from None
    if not 0 < got < 60:
        cause = swapped if got < 0 and f1 > f2 else "samples instead of seconds, or a division the wrong way round"
        raise ExamError(f"got a window of {got:g} s for {where}, expected a length in seconds above 0", cause)
    return got


def burst_contrast(window_s: float, freq: float, burst_s: float, *, fs: float = 200.0) -> tuple[float, float]:
    """What a Hann window of ``window_s`` seconds shows of two bursts of amplitude 1 with a pause between them.

    Bursts and pause last ``burst_s`` each.

    Returns:
        The amplitude in the middle of the first burst (1 is right) and in the middle of the pause (0 is right).
    """
    t = np.arange(round(3 * burst_s * fs)) / fs
    x = np.sin(2 * np.pi * freq * t) * ((t < burst_s) | (t >= 2 * burst_s))
    burst, pause = _seen(x, fs, window_s, np.array([freq]), np.array([0.5, 1.5]) * burst_s)[:, 0]
    return float(burst), float(pause)


def scipy_stft(x: np.ndarray, fs: float, n_window: int, hop: int, *, symmetric: bool = False) -> np.ndarray:
    """What `scipy.signal.ShortTimeFFT` gives: one-sided amplitude (frequencies, frames), frame k centred on k * hop.

    SciPy refuses signals shorter than half a window; zeros at the end, which it would put there anyway, help.
    """
    transform = signal.ShortTimeFFT(
        signal.windows.hann(n_window, sym=symmetric), hop, fs, fft_mode="onesided2X", scale_to="magnitude"
    )
    padded = np.concatenate([x, np.zeros(max(0, n_window - len(x)))])
    return np.abs(transform.stft(padded, p0=0, p1=-(-len(x) // hop)))


def wavelet_sum(
    x: np.ndarray, fs: float, freq: float, cycles: float, *, centred: bool = True, cut: float = 9.0, late: bool = False
) -> np.ndarray:
    """The Morlet transform by its definition, sample by sample: slow, and exact up to rounding. (samples,)

    The options are mistakes: the mean left in, the bell cut at ``cut`` standard deviations, half a wavelet too late.
    """
    width = cycles / (2 * np.pi * freq)
    n = len(x)
    lag = np.arange(-n, n + 1) / fs
    wide = np.arange(-round(9 * width * fs), round(9 * width * fs) + 1) / fs
    gain = 2 / np.exp(-0.5 * (wide[np.abs(wide) <= cut * width] / width) ** 2).sum()
    wave = gain * np.exp(-0.5 * (lag / width) ** 2 - 2j * np.pi * freq * lag) * (np.abs(lag) <= cut * width)
    inner = x - x.mean() if centred else x
    # row k holds the wavelet as it stands when it is centred on sample k
    rows = np.abs(np.array([inner @ wave[n - k : 2 * n - k] for k in range(n)]))
    shift = round(5 * width * fs) if late else 0
    return np.concatenate([np.zeros(shift), rows])[:n]
