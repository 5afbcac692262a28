# ---
# kind: wrong
# title: "Each rhythm is given the time before its annotation: labels shifted by one"
# expect: {read: 8}
# says: {read: [from its own annotation to the next one]}
# empty: [train, perform, leak]
# ---
# %% task="read" change
# was
    stops = [start for start, _ in notes[1:]] + [record.sig_len]
# now
    starts = [0] + [start for start, _ in notes[:-1]]
# was
        "rhythms": [(start, stop, label) for (start, label), stop in zip(notes, stops, strict=True)],
# now
        "rhythms": [(start, stop, label) for start, (stop, label) in zip(starts, notes, strict=True)],
