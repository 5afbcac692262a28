# ---
# kind: wrong
# title: Each run of equal subjects is taken for a subject of its own
# expect: {folds: 7, beats: 5}
# says:
#   folds: ["a subject in both parts", "each run of equal ones"]
# ---
# %% task="folds" change
# was
    names = np.unique(subjects)
# now
    subjects = np.concatenate([[0], np.cumsum(subjects[1:] != subjects[:-1])])  # the number of the run
    names = np.unique(subjects)
