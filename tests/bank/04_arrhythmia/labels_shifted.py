# ---
# kind: wrong
# title: "Each stretch is given the label of the next annotation"
# expect: {windows: 4}
# says: {windows: [labels moved by one annotation]}
# empty: [train, perform, leak]
# ---
# %% task="windows" change
# was
    kept, labels = [], []
# now
    moved = [label for _, _, label in rhythms[1:]] + [label for _, _, label in rhythms[-1:]]
    rhythms = [(start, stop, label) for (start, stop, _), label in zip(rhythms, moved, strict=True)]
    kept, labels = [], []
