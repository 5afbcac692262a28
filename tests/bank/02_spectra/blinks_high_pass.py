# ---
# kind: wrong
# title: A high-pass at 5 Hz takes the blinks, and the theta
# expect: {blinks: 3, amplitude: 14, stft: 16, window: 10, bands: 12, pulse: 14, filter: 14, wavelet: 10}
# says: {blinks: ["a filter acts everywhere", "takes theta with the blinks"]}
# ---
# %% task="blinks"
def remove_blinks(eeg, eog, fs):
    if len(eog) == 0:
        raise ValueError("empty")
    sos = signal.butter(4, 5.0, "highpass", fs=fs, output="sos")
    return signal.sosfiltfilt(sos, eeg, axis=-1)
