# ---
# kind: wrong
# title: "Neighbours in the list are taken for neighbours in the night"
# expect: {report: 6}
# says: {report: [neighbours in the list taken for neighbours in the night]}
# empty: [train, perform]
# ---
# %% task="report" change
# was
    order = np.lexsort((numbers, nights))
# now
    order = np.arange(len(labels))
# was
    change = (night[1:] == night[:-1]) & (np.diff(number) == 1) & (y[1:] != y[:-1])
# now
    change = (y[1:] != y[:-1])
