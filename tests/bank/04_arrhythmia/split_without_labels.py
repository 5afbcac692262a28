# ---
# kind: wrong
# title: "Patients are dealt out without a look at who has AF"
# expect: {split: [9, 10]}
# says: {split: [does not look at the labels]}
# empty: [train, perform, leak]
# ---
# %% task="split" change
# was
    order = [*rng.permutation(with_af), *rng.permutation(without)]
# now
    order = rng.permutation([*with_af, *without])
