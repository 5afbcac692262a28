# ---
# kind: wrong
# title: "Stages 3 and 4 stay two stages"
# expect: {epochs: [3, 8]}
# says: {epochs: [stage 4 of the old rules must become 3]}
# empty: [train, perform]
# ---
# %% task="epochs" change
# was
    codes = {f"Sleep stage {letter}": code for letter, code in zip("W1234R", (0, 1, 2, 3, 3, 4), strict=True)}
# now
    codes = {f"Sleep stage {letter}": code for letter, code in zip("W1234R", (0, 1, 2, 3, 4, 5), strict=True)}
