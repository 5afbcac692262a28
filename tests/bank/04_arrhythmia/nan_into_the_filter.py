# ---
# kind: wrong
# title: "NaN goes into the filter and spreads over the whole record"
# expect: {filter: 11}
# says: {filter: [NaN goes into the filter]}
# empty: [train, perform, leak]
# ---
# %% task="filter" change
# was
        row = np.interp(np.arange(len(row)), known, row[known])
        y = signal.resample_poly(signals.filtered(row, fs, low=0.5, high=40.0), 100, round(fs))
# now
        band = signal.butter(4, (0.5, 40.0), "bandpass", fs=fs, output="sos")
        y = signal.resample_poly(signal.sosfiltfilt(band, row), 100, round(fs))
# was
        rows.append(y / np.median(minute) if len(minute) else np.zeros(len(y)))
# now
        rows.append(y / np.median(minute) if len(minute) else y)
