# ---
# kind: wrong
# title: Probabilities are cut off; kappa is accuracy; everybody is judged by a network that knows him
# expect: {loss: 9, metrics: 9, beats: 5}
# says:
#   loss: ["a loss of 10,000 becomes one of 16"]
#   metrics: ["what chance gives is not taken away"]
#   beats: ["the network has been trained on this subject", "trained on all samples"]
# ---
# %% task="loss" change
# was
    return float(np.mean(np.logaddexp(0, z) - y * z))
# now
    with np.errstate(over='ignore'):
        p = np.clip(1 / (1 + np.exp(-z)), 1e-15, 1 - 1e-15)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

# %% task="metrics" change
# was
        "kappa": ratio(accuracy - chance, 1 - chance),
# now
        "kappa": accuracy,

# %% task="beats" change
# was
    probability = np.zeros(len(labels))
    for known, new in subject_folds(subjects, k, seed):
        probability[new] = classify_beats(features[known], labels[known], features[new], seed)
    return probability
# now
    return classify_beats(features, labels, features, seed)
