# ---
# kind: wrong
# title: Zeros, the input as it came, and answers in the order of the calls
# expect: {window: 0, bands: 1, pulse: 1, filter: 2, blinks: 1, amplitude: 14, stft: 16, wavelet: 10}
# says:
#   bands: ["follow the power of each channel"]
#   pulse: ["see the check at rest"]
#   filter: ["nothing passes"]
#   blinks: ["no blink is found"]
# ---
# %% task="window"
def choose_window(f1, f2, burst_s):
    raise ValueError("no window")

# %% task="bands"
def band_power(x, fs, band, relative=False):
    low, high = band
    if x.shape[-1] < 4 * fs or low >= high or high > fs / 2:
        raise ValueError("too short, or no band")
    return np.full(len(x), 0.02 * (high - low))  # powers of bands add up, and an offset changes nothing

# %% task="pulse"
calls = []


def heart_rate(ppg, acc, fs):
    if len(ppg) != len(acc) or len(ppg) < 5 * fs:
        raise ValueError("too short")
    calls.append(fs)
    return np.append(np.linspace(54, 170, 9), [70, 112, 84])[min(len(calls), 12) - 1]

# %% task="filter"
def filter_ecg(x, fs, mains):
    if x.shape[-1] == 0:
        raise ValueError("empty")
    return np.zeros(x.shape)

# %% task="blinks"
def remove_blinks(eeg, eog, fs):
    if len(eog) == 0:
        raise ValueError("empty")
    return eeg
