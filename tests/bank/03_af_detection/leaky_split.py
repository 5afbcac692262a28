# ---
# kind: wrong
# title: A random split that ignores the groups of near-duplicates
# expect: {explore: 6, split: 7}
# says: {split: [near-duplicates leak]}
# empty: [train, predict, perform]
# ---
# %% task="split"
def split_recordings(labels, groups, seed):
    from sklearn.model_selection import train_test_split

    index = np.arange(len(labels))
    rest, test = train_test_split(index, test_size=0.2, stratify=labels, random_state=seed)
    train, val = train_test_split(rest, test_size=0.25, stratify=np.asarray(labels)[rest], random_state=seed)
    return {"train": train, "val": val, "test": test}
