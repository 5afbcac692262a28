# ---
# kind: wrong
# title: "The list of all epochs is cut into sequences, night after night"
# expect: {sequences: [3, 6]}
# says: {sequences: [the network would read from one night into the next, neighbours in the list are none in the night]}
# empty: [train, perform]
# ---
# %% task="sequences" change
# was
    breaks = np.flatnonzero((night[1:] != night[:-1]) | (np.diff(number) != 1)) + 1
# now
    breaks = np.zeros(0, int)
