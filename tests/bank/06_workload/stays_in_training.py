# ---
# kind: wrong
# title: "Branches and networks answer in training mode"
# expect: {branches: [6, 8], fusion: [6, 9]}
# says: {branches: [.eval() is missing], fusion: [dropout is still at work]}
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
