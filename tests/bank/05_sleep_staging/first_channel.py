# ---
# kind: wrong
# title: "The first channel is taken, whatever its name"
# expect: {read: [2, 6]}
# says: {read: [another channel than EEG Fpz-Cz, another channel taken instead]}
# empty: [train, perform]
# ---
# %% task="read" change
# was
    if not found:
        raise ValueError(f"{psg} has the channels {', '.join(names)}; expected EEG Fpz-Cz or EEG Cz-Fpz")
    name, sign = found[0]
# now
    name, sign = names[0], 1.0
