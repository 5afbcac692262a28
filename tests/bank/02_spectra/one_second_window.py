# ---
# kind: naive
# title: A window of one second, whatever is asked
# expect: {window: [4, 8], amplitude: 14, stft: 16, bands: 12, pulse: 14, filter: 14, wavelet: 10, blinks: 10}
# says: {window: ["no ValueError for 10 and 10 Hz"]}
# ---
# %% task="window"
def choose_window(f1, f2, burst_s):
    return 1.0
