# ---
# kind: wrong
# title: "Changes of rhythm and marks of noise count as beats"
# expect: {read: 9}
# says: {read: [marks of noise and comments counted as beats]}
# empty: [train, perform, leak]
# ---
# %% task="read" change
# was
        "beats": np.asarray(marks.sample)[is_beat],
# now
        "beats": np.asarray(marks.sample),
