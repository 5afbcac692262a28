# ---
# kind: wrong
# title: "Volts as MNE gives them"
# expect: {read: [2, 6]}
# says: {read: [MNE gives volts]}
# empty: [train, perform]
# ---
# %% task="read" change
# was
        "eeg": sign * 1e6 * raw.get_data()[0],
# now
        "eeg": sign * raw.get_data()[0],
