# ---
# kind: wrong
# title: "EEG Cz-Fpz is taken as if it were Fpz-Cz"
# expect: {read: 9}
# says: {read: [the sign is not turned]}
# empty: [train, perform]
# ---
# %% task="read" change
# was
    found = [(name, sign) for name, sign in (("EEG Fpz-Cz", 1.0), ("EEG Cz-Fpz", -1.0)) if name in names]
# now
    found = [(name, sign) for name, sign in (("EEG Fpz-Cz", 1.0), ("EEG Cz-Fpz", 1.0)) if name in names]
