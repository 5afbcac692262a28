# ---
# kind: wrong
# title: The EOG is regressed out everywhere, with the EEG in it
# expect: {blinks: 6, amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10}
# says: {blinks: ["the EOG, which holds EEG too", "although there is no blink"]}
# ---
# %% task="blinks"
def remove_blinks(eeg, eog, fs):
    if len(eog) == 0:
        raise ValueError("empty")
    eog = eog - np.mean(eog)
    return eeg - np.outer(eeg @ eog / (eog @ eog), eog)
