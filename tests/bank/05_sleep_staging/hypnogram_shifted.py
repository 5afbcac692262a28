# ---
# kind: wrong
# title: "The hypnogram lies one epoch late"
# expect: {epochs: [2, 6]}
# says: {epochs: [stages are shifted by an epoch]}
# empty: [train, perform]
# ---
# %% task="epochs" change
# was
        code[round(onset / epoch_s) : round((onset + duration) / epoch_s)] = codes.get(text, -1)
# now
        code[round(onset / epoch_s) + 1 : round((onset + duration) / epoch_s) + 1] = codes.get(text, -1)
