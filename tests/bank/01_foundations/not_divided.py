# ---
# kind: wrong
# title: The gradient is not divided by the number of samples, and the training diverges
# expect: {learn: 6, beats: [0, 5]}
# says:
#   learn: ["not divided by the number of samples"]
# ---
# %% task="learn" change
# was
        error = ((_sigmoid(z) - y) / len(y))[:, None]
# now
        error = (_sigmoid(z) - y)[:, None]
