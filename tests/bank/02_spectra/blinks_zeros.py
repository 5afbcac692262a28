# ---
# kind: wrong
# title: Everything is removed
# expect: {blinks: 1, amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10}
# says: {blinks: ["everything is removed, not only the blinks"]}
# ---
# %% task="blinks"
def remove_blinks(eeg, eog, fs):
    if len(eog) == 0:
        raise ValueError("empty")
    return np.zeros_like(eeg)
