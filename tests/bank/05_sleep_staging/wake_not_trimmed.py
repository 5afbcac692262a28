# ---
# kind: wrong
# title: "The day before and after sleep is left in"
# expect: {epochs: [5, 9]}
# says: {epochs: [the day before and after is still in it]}
# empty: [train, perform]
# ---
# %% task="epochs"
def cut_epochs(x, stages, epoch_s):
    """Scored epochs around sleep: dict of epochs (n, 100 * epoch_s), stages (n,), number (n,)."""
    codes = {f"Sleep stage {letter}": code for letter, code in zip("W1234R", (0, 1, 2, 3, 3, 4), strict=True)}
    size = round(100 * epoch_s)
    n = len(x) // size
    code = np.full(n, -1)
    for onset, duration, text in stages:
        code[round(onset / epoch_s) : round((onset + duration) / epoch_s)] = codes.get(text, -1)
    asleep = np.flatnonzero(code > 0)
    k, room = np.arange(n), round(1800 / epoch_s)
    kept = k[code >= 0] if len(asleep) else k[:0]
    return {"epochs": x[: n * size].reshape(n, size)[kept], "stages": code[kept], "number": kept}
