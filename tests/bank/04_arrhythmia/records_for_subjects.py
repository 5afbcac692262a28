# ---
# kind: wrong
# title: "Each record is taken for a person of his own"
# expect: {read: 9}
# says: {read: [the name of the record taken for the patient]}
# empty: [train, perform, leak]
# ---
# %% task="read" change
# was
        "subject": said[0] if said else {"202": "201"}.get(name, name),
# now
        "subject": name,
