# ---
# kind: wrong
# title: The kernel is turned round in both directions; an element stays moved
# expect: {conv: 2, slopes: 3}
# says:
#   conv: ["the kernel is turned round: PyTorch slides it as it is", "or its gradient is"]
#   slopes: ["not put back before the next one moves"]
# ---
# %% task="conv" change
# was
        self.weights = np.array(weights, dtype=float)
# now
        self.weights = np.array(weights, dtype=float)[:, :, ::-1]
# was
        return grad_padded[:, :, self.padding : self.padding + self.samples]
# now
        self.grad_weights = self.grad_weights[:, :, ::-1]
        return grad_padded[:, :, self.padding : self.padding + self.samples]

# %% task="slopes" change
# was
        x[place] = kept
# now
