# ---
# kind: wrong
# title: "All channels are read at once, at the rate of the fastest"
# expect: {read: [7, 9]}
# says: {read: [brings them to the highest rate]}
# empty: [train, perform]
# ---
# %% task="read" change
# was
    raw = mne.io.read_raw_edf(psg, include=[name], verbose="error")
# now
    raw = mne.io.read_raw_edf(psg, verbose="error")
# was
        "eeg": sign * 1e6 * raw.get_data()[0],
# now
        "eeg": sign * 1e6 * raw.get_data(picks=[name])[0],
