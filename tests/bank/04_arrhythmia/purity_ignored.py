# ---
# kind: wrong
# title: "A window gets the label of its middle, mixture or not"
# expect: {windows: 9}
# says: {windows: [first or middle sample]}
# empty: [train, perform, leak]
# ---
# %% task="windows" change
# was
            if shared / 5 >= purity:
# now
            if any(start <= 5 * k + 2.5 < stop for start, stop in parts):
