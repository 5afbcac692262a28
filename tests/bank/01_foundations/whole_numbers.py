# ---
# kind: wrong
# title: Results cut off to whole numbers, in the convolution and in the gradient check, which moves whole rows too
# expect: {conv: 17, slopes: 7}
# says:
#   conv: ["np.zeros_like(x) of whole numbers cuts off"]
#   slopes: ["np.ndindex(x.shape)", "cut off to a whole number"]
# ---
# %% task="conv" change
# was
        x = np.asarray(x, dtype=float)
# now
        x = np.asarray(x)
# was
        grad_padded = np.zeros(self.padded.shape)
# now
        grad_padded = np.zeros_like(self.padded)
# was
            grad_padded[:, :, touched] += np.einsum("bot,oc->bct", grad_out, self.weights[:, :, k])
# now
            grad_padded[:, :, touched] += np.einsum("bot,oc->bct", grad_out, self.weights[:, :, k]).astype(grad_padded.dtype)

# %% task="slopes" change
# was
    x = np.array(x, dtype=float)
# now
    x = np.array(x)
# was
    for place in np.ndindex(x.shape):
        kept = x[place]
# now
    for place in range(len(x)):
        kept = x[place].copy()
