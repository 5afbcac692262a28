# ---
# kind: wrong
# title: "The two splits are exchanged"
# expect: {leak: 2}
# says: {leak: [the two splits are exchanged]}
# empty: [perform]
# ---
# %% task="leak" change
# was
    for name, maker, who in (("random", StratifiedKFold, None), ("patients", StratifiedGroupKFold, patients)):
# now
    for name, maker, who in (("patients", StratifiedKFold, None), ("random", StratifiedGroupKFold, patients)):
