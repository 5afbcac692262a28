# ---
# kind: wrong
# title: A forward difference; the second layer is updated before the gradient of the first one is computed
# expect: {slopes: 3, learn: 6}
# says:
#   slopes: ["a forward difference"]
#   learn: ["the second layer is updated before the first"]
# ---
# %% task="slopes" change
# was
        x[place] = kept - step
        gradient[place] = (above - function(x)) / (2 * step)
# now
# was
    return gradient
# now
        gradient[place] = (above - function(x)) / step
    return gradient

# %% task="learn" change
# was
        back = error @ net["w2"] * (sums > 0)
        gradient = {"w1": back.T @ x, "b1": back.sum(axis=0), "w2": error.T @ hidden, "b2": error.sum(axis=0)}
# now
        net["w2"], old = net["w2"] - learning_rate * error.T @ hidden, net["w2"]
        back = error @ net["w2"] * (sums > 0)
        gradient = {"w1": back.T @ x, "b1": back.sum(axis=0), "w2": 0 * old, "b2": error.sum(axis=0)}
