# ---
# kind: wrong
# title: Signs are wrong wherever there is a gradient
# expect: {dense: 5, loss: 6, learn: 6, beats: [1, 3]}
# says:
#   dense: ["the sign is wrong"]
#   loss: ["it is probability minus label"]
#   learn: ["the step goes up the slope"]
# ---
# %% task="dense" change
# was
        self.grad_weights = grad_out.T @ self.x
        self.grad_bias = grad_out.sum(axis=0)
# now
        self.grad_weights = -grad_out.T @ self.x
        self.grad_bias = -grad_out.sum(axis=0)

# %% task="loss" change
# was
    return (p - y) / len(z)
# now
    return (y - p) / len(z)

# %% task="learn" change
# was
        net = {name: net[name] - learning_rate * gradient[name] for name in net}
# now
        net = {name: net[name] + learning_rate * gradient[name] for name in net}
