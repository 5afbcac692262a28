# ---
# kind: wrong
# title: 1 / difference of the frequencies, the rule for a boxcar
# expect: {window: 6, amplitude: 14, stft: 16, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {window: ["the window is too short"]}
# ---
# %% task="window"
def choose_window(f1, f2, burst_s):
    if abs(f2 - f1) * burst_s < 2:
        raise ValueError("no window")
    return 1 / abs(f2 - f1)
