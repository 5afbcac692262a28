# ---
# kind: wrong
# title: "A filter that runs forwards only, with its delay"
# expect: {filter: 10}
# says: {filter: [a causal filter delays]}
# empty: [train, perform, leak]
# ---
# %% task="filter" change
# was
        y = signal.resample_poly(signals.filtered(row, fs, low=0.5, high=40.0), 100, round(fs))
# now
        y = signal.resample_poly(signals.filtered(row, fs, low=0.5, high=40.0, zero_phase=False), 100, round(fs))
