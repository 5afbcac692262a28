# ---
# kind: wrong
# title: An array (n, 1) meets an array (n,), and the loss is a mean of all pairs
# expect: {learn: 3, beats: [2, 4]}
# says:
#   learn: ["which makes (n, n)"]
# ---
# %% task="learn" change
# was
        z = (hidden @ net["w2"].T + net["b2"])[:, 0]
# now
        z = hidden @ net["w2"].T + net["b2"]
# was
        error = ((_sigmoid(z) - y) / len(y))[:, None]
# now
        error = np.mean(_sigmoid(z) - y, axis=1, keepdims=True) / len(y)
