# ---
# kind: wrong
# title: "Scaled as asked, but by the pieces of the whole record instead of its first minute"
# expect: {filter: 10}
# says: {filter: [more than the first 60 s]}
# empty: [train, perform, leak]
# ---
# %% task="filter" change
# was
        minute = y[: min(len(y), 6000) // 500 * 500].reshape(-1, 500).std(axis=1)
        minute = minute[minute > tiny]
        rows.append(y / np.median(minute) if len(minute) else np.zeros(len(y)))
# now
        pieces = y[: len(y) // 500 * 500].reshape(-1, 500).std(axis=1)
        pieces = pieces[pieces > tiny]
        rows.append(y / np.median(pieces) if len(pieces) else np.zeros(len(y)))
