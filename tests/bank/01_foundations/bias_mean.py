# ---
# kind: wrong
# title: The gradient of the bias is a mean; one length for two; all first weights are zero
# expect: {dense: 7, slopes: 7, beats: [0, 4]}
# says:
#   dense: ["divided by the batch size", "so sum over the batch"]
#   slopes: ["divided by the length of one of them"]
#   beats: ["first weights of zeros", "that no hidden unit learns"]
# ---
# %% task="dense" change
# was
        self.grad_bias = grad_out.sum(axis=0)
# now
        self.grad_bias = grad_out.mean(axis=0)

# %% task="slopes" change
# was
    return float(apart / (size_a + size_b)) if size_a + size_b > 0 else 0.0
# now
    return float(apart / size_b)

# %% task="beats" change
# was
        "w1": np.sqrt(2 / n_features) * rng.standard_normal((n_hidden, n_features)),
# now
        "w1": np.zeros((n_hidden, n_features)),
# was
        "w2": np.sqrt(2 / n_hidden) * rng.standard_normal((1, n_hidden)),
# now
        "w2": np.zeros((1, n_hidden)),
