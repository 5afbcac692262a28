# ---
# kind: wrong
# title: "Class weights the wrong way round: the common class weighs more"
# expect: {weights: 5}
# says: {weights: [weights inverted]}
# empty: [train, perform, leak]
# ---
# %% task="weights"
def class_weights(labels):
    """(2,) weights of class 0 and 1, inversely proportional to how often they occur."""
    counts = np.bincount(np.asarray(labels).astype(int), minlength=2)
    if counts.min() == 0:
        raise ValueError(f"got {counts[0]} windows of class 0 and {counts[1]} of class 1, expected some of both")
    return 2 * counts / counts.sum()


def focal_loss(logits, labels, weights, gamma):
    """Mean weighted focal loss, a number."""
    logits, labels = np.asarray(logits, float), np.asarray(labels).astype(int)
    loss = np.logaddexp(0, -np.where(labels == 1, logits, -logits))
    return float(np.mean(np.asarray(weights)[labels] * (1 - np.exp(-loss)) ** gamma * loss))
