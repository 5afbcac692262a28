# ---
# kind: wrong
# title: "0.5 whatever the validation windows say"
# expect: {train: 10}
# says: {train: ["0.5, the highest accuracy"]}
# empty: [perform, leak]
# ---
# %% task="train" change
# was
    return {"probability": probability, "threshold": f1_threshold(labels[fold["val"]], probability[fold["val"]])}
# now
    return {"probability": probability, "threshold": 0.5}
