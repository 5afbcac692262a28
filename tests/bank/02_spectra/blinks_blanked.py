# ---
# kind: wrong
# title: Zeros inside the blinks
# expect: {blinks: 7, amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10}
# says: {blinks: ["everything inside is thrown away"]}
# ---
# %% task="blinks"
def remove_blinks(eeg, eog, fs):
    if len(eog) == 0:
        raise ValueError("empty")
    slow = np.convolve(eog - np.median(eog), np.ones(9) / 9, "same")
    near = np.convolve(slow > 60, np.ones(2 * int(0.1 * fs) + 1), "same") > 0
    return np.where(near, 0.0, eeg)
