# ---
# kind: wrong
# title: "360 Hz is written into the filter and the resampling"
# expect: {filter: 10}
# says: {filter: [another rate than 100 Hz]}
# empty: [train, perform, leak]
# ---
# %% task="filter" change
# was
        y = signal.resample_poly(signals.filtered(row, fs, low=0.5, high=40.0), 100, round(fs))
# now
        y = signal.resample_poly(signals.filtered(row, 360.0, low=0.5, high=40.0), 100, 360)
