# ---
# kind: wrong
# title: "Missing samples reach the filter, rows of NaN count as zeros, and the filter for training delays"
# expect: {windows: 8, stream: 14}
# says: {windows: ["a causal filter delays"], stream: ["NaN in the state of a filter stays for ever", "-1 before anything is known"]}
# only: [windows, stream]
# ---
# %% task="windows" change
# was
    return signals.filtered(np.asarray(eeg, float), fs, low=1.0, high=40.0)
# now
    return signals.filtered(np.asarray(eeg, float), fs, low=1.0, high=40.0, zero_phase=False)
# %% task="stream" change
# was
    x = np.take_along_axis(x, at, axis=1)[:, 1:]
# now
    x = x[:, 1:]
# was
        if np.isfinite(row).all():
# now
        row = np.nan_to_num(row)
        if len(row):
