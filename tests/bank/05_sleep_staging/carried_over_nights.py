# ---
# kind: wrong
# title: "What was seen in one night changes the answers for the next"
# expect: {perform: 0}
# says: {perform: [carried over from one night to the next]}
# empty: [train]
# ---
# %% task="perform"
seen = []


def stage_night(epochs, numbers):
    """A band power against the median of all nights so far."""
    power = np.log((np.diff(np.asarray(epochs, float), axis=1) ** 2).mean(axis=1))
    seen.append(power)
    return np.where(power > np.median(np.concatenate(seen)), 0, 2)
