# ---
# kind: wrong
# title: "Probabilities first, logarithm afterwards: infinite for large logits"
# expect: {weights: 7}
# says: {weights: [exp overflows]}
# empty: [train, perform, leak]
# ---
# %% task="weights"
def class_weights(labels):
    """(2,) weights of class 0 and 1, inversely proportional to how often they occur."""
    counts = np.bincount(np.asarray(labels).astype(int), minlength=2)
    if counts.min() == 0:
        raise ValueError(f"got {counts[0]} windows of class 0 and {counts[1]} of class 1, expected some of both")
    return counts.sum() / (2 * counts)


def focal_loss(logits, labels, weights, gamma):
    """Mean weighted focal loss, a number."""
    logits, labels = np.asarray(logits, float), np.asarray(labels).astype(int)
    loss = -np.log(1 / (1 + np.exp(-np.where(labels == 1, logits, -logits))))
    return float(np.mean(np.asarray(weights)[labels] * (1 - np.exp(-loss)) ** gamma * loss))
