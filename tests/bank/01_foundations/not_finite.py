# ---
# kind: wrong
# title: The loss overflows, and ratios divide zero by zero
# expect: {loss: 7, metrics: 11}
# says:
#   loss: ["NaN or infinite", "simplify the loss on paper"]
#   metrics: ["NaN", "no alarm, no share of alarms"]
# ---
# %% task="loss"
def bce_from_logits(logits, labels):
    p = 1 / (1 + np.exp(-np.asarray(logits, float)))
    return -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))


def bce_gradient(logits, labels):
    e = np.exp(np.asarray(logits, float))
    return (e / (1 + e) - labels) / len(logits)

# %% task="metrics" change
# was
        return float(part / whole) if whole else 0.0
# now
        return float(np.divide(part, whole))
