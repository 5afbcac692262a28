# ---
# kind: wrong
# title: "The filter is designed for 100 Hz whatever the rate of the file"
# expect: {filter: [5, 8]}
# says: {filter: [100 Hz is written into the filter]}
# empty: [train, perform]
# ---
# %% task="filter" change
# was
    y = signal.resample_poly(signals.filtered(x, fs, low=0.3, high=35.0), 100, round(fs))
# now
    y = signal.resample_poly(signals.filtered(x, 100.0, low=0.3, high=35.0), 100, round(fs))
