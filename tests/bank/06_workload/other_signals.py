# ---
# kind: alternative
# title: "Other ways with the signals: loops, histograms, a biquad by hand, packets in a dict, matrices of overlap"
# expect: {clean: 10, align: 10, windows: 10, stream: 16}
# only: [clean, align, windows, stream]
# ---
# %% task="clean"
from itertools import groupby


def clean_pupil(diameter_mm, fs):
    x = [float(v) for v in diameter_mm]
    m, n = int(round(0.15 * fs)), len(x)
    odd = [k for k, v in enumerate(x) if not 1.5 <= v <= 9.0]
    good = np.ones(n, bool)
    for k in odd:
        good[max(0, k - m) : k + m + 1] = False
    out, k = list(x), 0
    for flag, run in groupby(good.tolist()):
        size = len(list(run))
        if not flag:
            short = size <= fs and 0 < k and k + size < n
            for j in range(size):
                out[k + j] = x[k - 1] + (j + 1) / (size + 1) * (x[k + size] - x[k - 1]) if short else float("nan")
        k += size
    return {"seen": good.tolist(), "diameter": out}
# %% task="align"
from scipy import interpolate, stats


def fit_clock(tracker_s, eeg_s):
    """Two histograms that overlap, then Theil and Sen's line, which bears wrong pairs."""
    a, b = np.asarray(tracker_s), np.asarray(eeg_s)
    if len(a) < 3 or len(b) < 3:
        raise ValueError("too few pulses")
    d = np.subtract.outer(b, a)
    best = max((np.histogram(d, np.arange(d.min() - 1 + s, d.max() + 1, 0.4)) for s in (0.0, 0.2)), key=lambda h: h[0].max())
    at = best[1][best[0].argmax()] + 0.2
    j, i = np.nonzero(np.abs(d - at) < 0.35)
    fit = stats.theilslopes(d[j, i], a[i] - a[0])
    near = np.abs(d[j, i] - fit.intercept - fit.slope * (a[i] - a[0])) < 0.05
    line = stats.linregress(a[i][near] - a[0], b[j][near])
    return [line.slope, line.intercept - line.slope * a[0]]


def resample_to(time_s, x, fs, n):
    t = np.array([s for s, v in zip(time_s, x) if v == v])
    v = np.array([v for v in x if v == v])
    if len(t) < 2:
        return [np.nan] * n
    line = interpolate.interp1d(t, v, bounds_error=False)
    grid = np.arange(n) / fs
    out = line(grid)
    for k in np.flatnonzero(np.diff(t) > 0.1):
        out[(grid > t[k]) & (grid < t[k + 1])] = np.nan
    return out
# %% task="windows"
def band_pass(eeg, fs):
    """High-pass and low-pass one after the other, of order 2, forwards and backwards."""
    y = np.array(eeg, float)
    for cut, kind in ((1.0, "highpass"), (40.0, "lowpass")):
        b, a = signal.butter(3, cut, kind, fs=fs)
        y = signal.filtfilt(b, a, y, axis=-1)
    return y


def cut_windows(eeg, eeg_fs, pupil, pupil_fs, spans, window_s, hop_s, least):
    n = int(1e-9 + (min(eeg.shape[1] / eeg_fs, len(pupil) / pupil_fs) - window_s) / hop_s) + 1
    start = hop_s * np.arange(n)
    cover = np.zeros((n, 3))
    for a, b, level in spans:
        cover[:, level] += np.clip(np.minimum(b, start + window_s) - np.maximum(a, start), 0, None)
    keep = (cover.max(1) >= least * window_s - 1e-9) & cover.any(1)
    start, cover = start[keep], cover[keep]

    def pieces(x, fs):
        m = round(window_s * fs)
        first = np.minimum(np.floor(start * fs + 1e-9).astype(int), x.shape[-1] - m)
        return np.moveaxis(np.take(x, first[:, None] + np.arange(m), axis=-1), -2, 0)

    return dict(eeg=pieces(np.asarray(eeg), eeg_fs), pupil=pieces(np.asarray(pupil), pupil_fs), start_s=start, level=cover.argmax(1), purity=cover.max(1) / window_s)
# %% task="stream"
def filter_step(chunk, state, fs):
    """Direct form II transposed, sample by sample; the state is a list of lists."""
    sos = signal.butter(4, (1, 40), "bandpass", fs=fs, output="sos")
    out = np.zeros(np.shape(chunk))
    for k in range(np.shape(chunk)[1]):
        column = np.array(chunk)[:, k]
        if state is None:
            zi = signal.sosfilt_zi(sos)
            state = [column, [[z[0] * column, z[1] * column] for z in zi]]
        column = np.where(np.isnan(column), state[0], column)
        x, memory = column, []
        for (b0, b1, b2, _, a1, a2), (z1, z2) in zip(sos, state[1]):
            y = b0 * x + z1
            memory.append([b1 * x - a1 * y + z2, b2 * x - a2 * y])
            x = y
        out[:, k], state = x, [column, memory]
    return out, state


def order_step(first, samples, state, late):
    """What waits is in a dict by number."""
    state = state or {"next": 0, "end": 0, "waits": {}}
    at, waits = state["next"], dict(state["waits"])
    for k, v in enumerate(samples):
        if first + k >= at:
            waits[first + k] = float(v)
    end, ready = max(state["end"], first + len(samples)), []
    while at in waits or at < end - late:
        ready.append(waits.pop(at, np.nan))
        at += 1
    return np.array(ready, float), {"next": at, "end": end, "waits": waits}


def decide(probabilities, pace, margin):
    s, now, levels = None, -1, []
    for p in probabilities:
        if not np.isnan(p).any():
            s = np.array(p) if s is None else (1 - pace) * s + pace * np.array(p)
            if now == -1 or s.max() - s[now] >= margin:
                now = int(np.argmax(s))
        levels.append(now)
    return levels
