# ---
# kind: wrong
# title: "The threshold is tuned on the test windows"
# expect: {train: [6, 8]}
# says: {train: [the threshold was chosen on the test windows]}
# empty: [perform, leak]
# ---
# %% task="train" change
# was
    return {"probability": probability, "threshold": f1_threshold(labels[fold["val"]], probability[fold["val"]])}
# now
    return {"probability": probability, "threshold": f1_threshold(labels[fold["test"]], probability[fold["test"]])}
