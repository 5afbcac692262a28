# ---
# kind: wrong
# title: "Each 30 s are filtered on their own"
# expect: {filter: [6, 9]}
# says: {filter: [each piece gets edges of its own]}
# empty: [train, perform]
# ---
# %% task="filter" change
# was
    y = signal.resample_poly(signals.filtered(x, fs, low=0.3, high=35.0), 100, round(fs))
# now
    size = round(30 * fs)
    pieces = [signals.filtered(x[k : k + size], fs, low=0.3, high=35.0) for k in range(0, len(x), size)]
    y = signal.resample_poly(np.concatenate(pieces), 100, round(fs))
