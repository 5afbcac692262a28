# ---
# kind: wrong
# title: The kernel is turned round on the way forward; the slope of the sigmoid stays; three steps of training
# expect: {conv: 8, loss: 6, beats: [4, 7]}
# says:
#   conv: ["the kernel is turned round", "moving each number a little"]
#   loss: ["in p - y it has cancelled"]
#   beats: ["or less gives no points"]
# ---
# %% task="conv" change
# was
            out += np.einsum("bct,oc->bot", self.padded[:, :, self._touched(k)], self.weights[:, :, k])
# now
            out += np.einsum("bct,oc->bot", self.padded[:, :, self._touched(k)], self.weights[:, :, -1 - k])

# %% task="loss" change
# was
    return (p - y) / len(z)
# now
    return (p - y) * p * (1 - p) / len(z)

# %% task="beats" change
# was
    return predict(new, train(known, labels, first, 0.5, EPOCHS)["weights"])
# now
    return predict(new, train(known, labels, first, 0.5, 3)["weights"])
