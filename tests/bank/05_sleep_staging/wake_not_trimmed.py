# ---
# kind: wrong
# title: "The day before and after sleep is left in"
# expect: {epochs: [5, 9]}
# says: {epochs: [the day before and after is still in it]}
# empty: [train, perform]
# ---
# %% task="epochs" change
# was
    kept = k[(code >= 0) & (k >= asleep[0] - room) & (k <= asleep[-1] + room)] if len(asleep) else k[:0]
# now
    kept = k[code >= 0] if len(asleep) else k[:0]
