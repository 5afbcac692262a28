# ---
# kind: wrong
# title: "Steps of the converter instead of mV"
# expect: {read: 4, filter: 12}
# says: {read: [steps of the converter]}
# empty: [train, perform, leak]
# ---
# %% task="read" change
# was
    record = wfdb.rdrecord(f"{folder}/{name}")
# now
    record = wfdb.rdrecord(f"{folder}/{name}", physical=False)
# was
        "signals": record.p_signal.T[order],
# now
        "signals": record.d_signal.T[order].astype(float),
