# ---
# kind: wrong
# title: Gradients add up from call to call where they must not, and are written over where they must
# expect: {dense: 11, conv: 9}
# says:
#   dense: ["after backward was called twice", "+="]
#   conv: ["add up (+=) what they give"]
# ---
# %% task="dense" change
# was
        self.bias = np.array(bias, dtype=float)
# now
        self.bias = np.array(bias, dtype=float)
        self.grad_weights, self.grad_bias = np.zeros(self.weights.shape), np.zeros(self.bias.shape)
# was
        self.grad_weights = grad_out.T @ self.x
        self.grad_bias = grad_out.sum(axis=0)
# now
        self.grad_weights += grad_out.T @ self.x
        self.grad_bias += grad_out.sum(axis=0)

# %% task="conv" change
# was
            grad_padded[:, :, touched] += np.einsum("bot,oc->bct", grad_out, self.weights[:, :, k])
# now
            grad_padded[:, :, touched] = np.einsum("bot,oc->bct", grad_out, self.weights[:, :, k])
