# ---
# kind: wrong
# title: "Scaled by the standard deviation of the whole record: what comes later changes what was before"
# expect: {filter: 10}
# says: {filter: [the future changes the past]}
# empty: [train, perform, leak]
# ---
# %% task="filter" change
# was
        minute = y[: min(len(y), 6000) // 500 * 500].reshape(-1, 500).std(axis=1)
# now
        minute = np.array([y.std()])
