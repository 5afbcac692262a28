# ---
# kind: wrong
# title: Weights are taken as (n_in, n_out); the loss is noted after the step
# expect: {dense: 0, learn: 7}
# says:
#   dense: ["stopped with ValueError"]
#   learn: ["the loss after the step"]
# ---
# %% task="dense" change
# was
        return self.x @ self.weights.T + self.bias
# now
        return self.x @ self.weights + self.bias
# was
        self.grad_weights = grad_out.T @ self.x
# now
        self.grad_weights = self.x.T @ grad_out
# was
        return grad_out @ self.weights
# now
        return grad_out @ self.weights.T

# %% task="learn" change
# was
        losses.append(np.mean(np.logaddexp(0, z) - y * z))
# now
# was
    return {"loss": np.array(losses), "weights": net}
# now
        z = (np.maximum(x @ net["w1"].T + net["b1"], 0) @ net["w2"].T + net["b2"])[:, 0]
        losses.append(np.mean(np.logaddexp(0, z) - y * z))
    return {"loss": np.array(losses), "weights": net}
