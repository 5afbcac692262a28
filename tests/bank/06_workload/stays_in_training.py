# ---
# kind: wrong
# title: "Branches and networks answer in training mode"
# expect: {branches: [8, 9], fusion: 11}
# says: {branches: [.eval() is missing], fusion: [.eval() is missing]}
# only: [branches, fusion]
# ---
# %% task="branches" change
# was
    branch = EEGBranch(eeg.shape[1], fs).eval()
# now
    branch = EEGBranch(eeg.shape[1], fs)
# was
    branch = PupilBranch(fs).eval()
# now
    branch = PupilBranch(fs)
# %% task="fusion" change
# was
    net = fresh(fusion, eeg.shape[1], rates, seed).eval()
# now
    net = fresh(fusion, eeg.shape[1], rates, seed)
