# ---
# kind: wrong
# title: Another activation than the task's; folds by the remainder of the subject's number
# expect: {learn: 0, folds: 9}
# says:
#   learn: ["tanh instead of ReLU"]
#   folds: ["the code computes with the subjects", "`seed` is not used"]
# ---
# %% task="learn"
def sigmoid(z):
    return 0.5 * (1 + np.tanh(z / 2))


def train(features, labels, weights, learning_rate, epochs):
    net = {name: np.array(values, float) for name, values in weights.items()}
    losses = []
    for _ in range(epochs):
        hidden = np.tanh(features @ net["w1"].T + net["b1"])
        z = (hidden @ net["w2"].T + net["b2"])[:, 0]
        losses.append(np.mean(np.logaddexp(0, z) - labels * z))
        error = (sigmoid(z) - labels)[:, None] / len(labels)
        back = error @ net["w2"] * (1 - hidden**2)
        for name, slope in (("w1", back.T @ features), ("b1", back.sum(0)), ("w2", error.T @ hidden), ("b2", error.sum(0))):
            net[name] = net[name] - learning_rate * slope
    return {"loss": losses, "weights": net}


def predict(features, weights):
    return sigmoid((np.tanh(features @ weights["w1"].T + weights["b1"]) @ weights["w2"].T + weights["b2"])[:, 0])

# %% task="folds" change
# was
    names = np.unique(subjects)
    if len(names) < k:
        raise ValueError(f"got {len(names)} subjects for {k} folds, expected at least one subject per fold")
    parts = np.array_split(np.random.default_rng(seed).permutation(names), k)
    inside = [np.isin(subjects, part) for part in parts]
# now
    inside = [subjects % k == fold for fold in range(k)]
