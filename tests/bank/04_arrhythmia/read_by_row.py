# ---
# kind: wrong
# title: "Leads in the order of the file: record 114 has its leads swapped"
# expect: {read: 8}
# says: {read: [leads taken by row number]}
# empty: [train, perform, leak]
# ---
# %% task="read" change
# was
    order = sorted(range(record.n_sig), key=lambda k: record.sig_name[k] != "MLII")
# now
    order = list(range(record.n_sig))
