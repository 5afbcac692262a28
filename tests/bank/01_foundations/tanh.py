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

# %% task="folds"
def subject_folds(subjects, k, seed):
    """k pairs (train, test) of positions; a subject is never on both sides."""
    subjects = np.asarray(subjects)
    inside = [subjects % k == fold for fold in range(k)]
    return [(np.flatnonzero(~here), np.flatnonzero(here)) for here in inside]


def standardise(train, other):
    """Both arrays, scaled by mean and population standard deviation of the training part."""
    train, other = np.asarray(train, dtype=float), np.asarray(other, dtype=float)
    middle, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(np.ptp(train, axis=0) > 0, spread, 1.0)
    return (train - middle) / spread, (other - middle) / spread
