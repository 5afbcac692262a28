# ---
# kind: wrong
# title: backward returns three gradients at once; predictions stand in the rows
# expect: {dense: 3, metrics: 10}
# says:
#   dense: ["got a tuple from backward", "belong into self.grad_weights"]
#   metrics: ["rows and columns are exchanged"]
# ---
# %% task="dense" change
# was
        return grad_out @ self.weights
# now
        return grad_out @ self.weights, self.grad_weights, self.grad_bias

# %% task="metrics" change
# was
    np.add.at(counts, (np.asarray(labels, dtype=int), np.asarray(predicted, dtype=int)), 1)
# now
    np.add.at(counts, (np.asarray(predicted, dtype=int), np.asarray(labels, dtype=int)), 1)
