# ---
# kind: wrong
# title: "The hypnogram lies one epoch late"
# expect: {epochs: [2, 6]}
# says: {epochs: [stages are shifted by an epoch]}
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
        code[round(onset / epoch_s) + 1 : round((onset + duration) / epoch_s) + 1] = codes.get(text, -1)
    asleep = np.flatnonzero(code > 0)
    k, room = np.arange(n), round(1800 / epoch_s)
    kept = k[(code >= 0) & (k >= asleep[0] - room) & (k <= asleep[-1] + room)] if len(asleep) else k[:0]
    return {"epochs": x[: n * size].reshape(n, size)[kept], "stages": code[kept], "number": kept}
