# ---
# kind: wrong
# title: The EEG is clipped
# expect: {blinks: 5, amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10}
# says: {blinks: ["blinks are cut only where they are high", "much of the blinks is left"]}
# ---
# %% task="blinks"
def remove_blinks(eeg, eog, fs):
    if len(eog) == 0:
        raise ValueError("empty")
    return np.clip(eeg, -40.0, 40.0)
