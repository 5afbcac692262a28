# ---
# kind: wrong
# title: A mean where the sum is asked, a sum where the mean is, and n - 1 for n
# expect: {dense: 5, loss: 0, folds: 9}
# says:
#   dense: ["divided by the batch size"]
#   loss: ["the sum over the samples where the mean is asked", "not divided by the number of samples"]
#   folds: ["divide by n (ddof=0)"]
# ---
# %% task="dense" change
# was
        self.grad_weights = grad_out.T @ self.x
        self.grad_bias = grad_out.sum(axis=0)
# now
        self.grad_weights = grad_out.T @ self.x / len(self.x)
        self.grad_bias = grad_out.mean(axis=0)

# %% task="loss" change
# was
    return float(np.mean(np.logaddexp(0, z) - y * z))
# now
    return float(np.sum(np.logaddexp(0, z) - y * z))
# was
    return (p - y) / len(z)
# now
    return p - y

# %% task="folds" change
# was
    middle, spread = train.mean(axis=0), train.std(axis=0)
# now
    middle, spread = train.mean(axis=0), train.std(axis=0, ddof=1)
