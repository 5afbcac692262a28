# ---
# kind: wrong
# title: A stride that is one too large; PPV divides by the labels; standardised before the folds are made
# expect: {conv: 7, metrics: 9, beats: 7}
# says:
#   conv: ["the stride is one too large"]
#   metrics: ["that is sensitivity"]
#   beats: ["standardised once, over all samples"]
# ---
# %% task="conv" change
# was
        self.stride, self.padding = int(stride), int(padding)
# now
        self.stride, self.padding = int(stride) + (stride > 1), int(padding)

# %% task="metrics" change
# was
        "ppv": ratio(tp, tp + fp),
# now
        "ppv": ratio(tp, tp + fn),

# %% task="beats"
def classify_beats(features, labels, new_features, seed, scaled=False):
    """Probabilities (m,) that new beats are ventricular, by a network trained on others."""
    rng = np.random.default_rng(seed)
    known, new = (features, new_features) if scaled else standardise(features, new_features)
    n_features, n_hidden = known.shape[1], 8
    first = {
        "w1": np.sqrt(2 / n_features) * rng.standard_normal((n_hidden, n_features)),
        "b1": np.zeros(n_hidden),
        "w2": np.sqrt(2 / n_hidden) * rng.standard_normal((1, n_hidden)),
        "b2": np.zeros(1),
    }
    return predict(new, train(known, labels, first, 0.5, EPOCHS)["weights"])


def cross_validate(features, labels, subjects, k, seed):
    """Probabilities (n,), each by a network that has not met the subject."""
    features, labels = standardise(features, features)[0], np.asarray(labels)
    probability = np.zeros(len(labels))
    for known, new in subject_folds(subjects, k, seed):
        probability[new] = classify_beats(features[known], labels[known], features[new], seed, scaled=True)
    return probability
