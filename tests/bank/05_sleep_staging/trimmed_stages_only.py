# ---
# kind: wrong
# title: "Stages are trimmed and the signal is not"
# expect: {epochs: [3, 8]}
# says: {epochs: [and the signal was not]}
# empty: [train, perform]
# ---
# %% task="epochs" change
# was
    return {"epochs": x[: n * size].reshape(n, size)[kept], "stages": code[kept], "number": kept}
# now
    return {"epochs": x[: n * size].reshape(n, size)[: len(kept)], "stages": code[kept], "number": kept}
