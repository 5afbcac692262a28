# ---
# kind: wrong
# title: "Training takes all epochs, test included"
# expect: {train: [6, 9]}
# says: {train: [trained on test epochs]}
# empty: [perform]
# ---
# %% task="train" change
# was
    train, val = (sequences_of(fold[name], nights, numbers) for name in ("train", "val"))
# now
    train, val = sequences_of(np.arange(len(y)), nights, numbers), sequences_of(fold["val"], nights, numbers)
