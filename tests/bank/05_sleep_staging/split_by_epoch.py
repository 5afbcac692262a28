# ---
# kind: wrong
# title: "Epochs are dealt out at random, so that a sleeper is on all sides"
# expect: {split: [4, 6]}
# says: {split: [epochs are dealt out instead of subjects]}
# empty: [train, perform]
# ---
# %% task="split" change
# was
    number = (np.random.default_rng(seed).permutation(len(names)) % k)[who]
# now
    number = np.random.default_rng(seed).permutation(len(who)) % k
