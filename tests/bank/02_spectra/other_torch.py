# ---
# kind: alternative
# title: torch.stft and torch.fft, PyWavelets, a filter in the frequency domain, blinks by regression in torch
# expect: {amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# ---
# %% task="amplitude"
import torch

torch.set_num_threads(1)


def amplitude_spectrum(x, fs, window="boxcar"):
    x = torch.as_tensor(np.array(x, dtype=float))
    n = x.numel()
    if n == 0:
        raise ValueError("an empty signal has no spectrum")
    w = torch.hann_window(n, periodic=True, dtype=x.dtype) if window == "hann" else torch.ones(n, dtype=x.dtype)
    both_sides = torch.fft.fft(x * w).abs() / w.sum()
    keep = n // 2 + 1
    folded = both_sides[:keep].clone()
    folded[1 : n - keep + 1] += both_sides.flip(0)[: n - keep]  # negative frequencies onto the positive ones
    return np.arange(keep) * (fs / n), folded.numpy()

# %% task="stft"
import torch


def stft_amplitude(x, fs, n_window, hop):
    if len(x) == 0 or hop < 1:
        raise ValueError("nothing to transform")
    frames = (len(x) - 1) // hop + 1
    w = torch.hann_window(n_window, periodic=True, dtype=torch.float64)
    padded = np.concatenate([np.zeros(n_window // 2), x, np.zeros(n_window + hop)])
    found = torch.stft(torch.as_tensor(padded), n_window, hop_length=hop, window=w, center=False, return_complex=True)
    amplitude = found[:, :frames].abs().numpy() / float(w.sum())
    doubled = np.full(n_window // 2 + 1, 2.0)
    doubled[0] = 1
    if n_window % 2 == 0:
        doubled[-1] = 1
    return np.linspace(0, n_window // 2, n_window // 2 + 1) * fs / n_window, hop * np.arange(frames) / fs, amplitude * doubled[:, None]

# %% task="window"
def choose_window(f1, f2, burst_s):
    shortest, longest = (3 / abs(f1 - f2) if f1 != f2 else np.inf), 1.3 * burst_s
    if shortest > longest:
        raise ValueError(f"at least {shortest} s for the frequencies, at most {longest} s for the bursts")
    return (shortest + longest) / 2

# %% task="bands"
def band_power(x, fs, band, relative=False):
    low, high = band
    n = round(4 * fs)
    x = torch.as_tensor(np.array(x, dtype=float))
    if x.shape[1] < n or high <= low or high > fs / 2:
        raise ValueError("too short, or no such band")
    pieces = x.unfold(1, n, n // 2)
    w = torch.hann_window(n, periodic=True, dtype=x.dtype)
    pieces = (pieces - pieces.mean(-1, keepdim=True)) * w
    power = torch.fft.rfft(pieces, dim=-1).abs().square().mean(1) / (n * w.square().sum())
    power[:, 1 : n // 2] *= 2
    k = torch.arange(n // 2 + 1) / 4
    found = (power * ((k >= low) & (k < high))).sum(1)
    return (found / power[:, 1:].sum(1) if relative else found).numpy()

# %% task="pulse"
def heart_rate(ppg, acc, fs):
    """Eight-second windows; in each the accelerometer's spectrum is taken off the pulse's; the mean decides."""
    if len(ppg) != len(acc) or len(ppg) < 5 * fs:
        raise ValueError("too short, or two lengths")
    length = min(len(ppg), round(12 * fs))
    kernel = np.exp(-0.5 * (np.arange(-round(1.5 * fs), round(1.5 * fs) + 1) / (0.35 * fs)) ** 2)
    spectra = []
    for x in (ppg, acc):
        x = x - x.mean()
        slow = np.convolve(x, kernel, "same") / np.convolve(np.ones(len(x)), kernel, "same")
        pieces = torch.as_tensor(x - slow).unfold(0, length, max(1, length // 4)) * torch.hann_window(length, dtype=torch.float64)
        spectra.append(torch.fft.rfft(pieces, n=2**14, dim=1).abs().mean(0).numpy())
    freqs = np.fft.rfftfreq(2**14, 1 / fs)
    heart = (freqs > 0.7) & (freqs < 3.1)
    pulse, motion = spectra
    motion = motion / max(motion[heart].max(), 1e-6)
    score = pulse / pulse[heart].max() - 1.2 * motion
    return float(60 * freqs[heart][np.argmax(score[heart])])

# %% task="filter"
def filter_ecg(x, fs, mains):
    """The wanted gain, drawn over frequency, times the spectrum of the recording with mirrored ends."""
    n = x.shape[1]
    if n == 0:
        raise ValueError("nothing to filter")
    x = torch.as_tensor(np.array(x, dtype=float))
    x = x - x.median(dim=1, keepdim=True).values
    pad = min(n - 1, round(4 * fs))
    ends = torch.cat([2 * x[:, :1] - x[:, 1 : pad + 1].flip(1), x, 2 * x[:, -1:] - x[:, n - 1 - pad : n - 1].flip(1)], dim=1)
    freqs = torch.fft.rfftfreq(ends.shape[1], 1 / fs, dtype=torch.float64)
    wander = 1 / (1 + (0.5 / freqs.clamp(min=1e-9)) ** 4)
    notch = 1 - torch.exp(-0.5 * ((freqs - mains) / 0.8) ** 2)
    out = torch.fft.irfft(torch.fft.rfft(ends, dim=1) * wander * notch, n=ends.shape[1], dim=1)
    return out[:, pad : pad + n].numpy()

# %% task="wavelet"
def morlet_amplitude(x, fs, freqs, cycles=6.0):
    import pywt

    freqs = np.asarray(freqs, dtype=float)
    if len(x) == 0 or freqs.min() <= 0 or freqs.max() >= fs / 2:
        raise ValueError("nothing to see")
    x = x - np.mean(x)
    bandwidth = 2 * (cycles / (2 * np.pi)) ** 2  # the Gaussian is exp(-t^2 / B) at scale 1, with one cycle per unit
    wavelet = pywt.ContinuousWavelet(f"cmor{bandwidth:.8f}-1.0")
    wavelet.lower_bound, wavelet.upper_bound = -cycles, cycles
    found, _ = pywt.cwt(x, fs / freqs, wavelet, method="fft", precision=14)
    return 2 * np.abs(found) / np.sqrt(fs / freqs)[:, None] / np.sinc(freqs / fs)[:, None]

# %% task="blinks"
def remove_blinks(eeg, eog, fs):
    n = len(eog)
    if n == 0:
        raise ValueError("nothing to clean")
    eeg = torch.as_tensor(np.array(eeg, dtype=float))
    eog = torch.as_tensor(np.array(eog, dtype=float))
    half = max(1, round(0.05 * fs))
    kernel = torch.exp(-0.5 * (torch.arange(-3 * half, 3 * half + 1) / (0.35 * half)) ** 2).double()
    padded = torch.nn.functional.pad((eog - eog.median())[None, None], (3 * half, 3 * half), mode="replicate")
    slow = torch.nn.functional.conv1d(padded, (kernel / kernel.sum())[None, None])[0, 0]
    wide = 2 * round(0.22 * fs) + 1
    near = torch.nn.functional.max_pool1d((slow > 100).double()[None, None], wide, 1, wide // 2)[0, 0]
    if near.sum() == 0:
        return eeg.numpy()
    gate = torch.nn.functional.avg_pool1d(near[None, None], 2 * (half // 2) + 1, 1, half // 2, count_include_pad=False)[0, 0]
    on = near > 0
    design = torch.stack([slow[on], torch.ones(int(on.sum()), dtype=torch.float64)], 1)
    share = torch.linalg.lstsq(design, eeg[:, on].T).solution[0]
    return (eeg - share[:, None] * (slow * gate)).numpy()
