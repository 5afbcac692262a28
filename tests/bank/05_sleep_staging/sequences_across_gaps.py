# ---
# kind: wrong
# title: "Sequences stay in their night, but close over dropped epochs"
# expect: {sequences: [5, 8]}
# says: {sequences: [where epochs were dropped]}
# empty: [train, perform]
# ---
# %% task="sequences" change
# was
    breaks = np.flatnonzero((night[1:] != night[:-1]) | (np.diff(number) != 1)) + 1
# now
    breaks = np.flatnonzero((night[1:] != night[:-1])) + 1
