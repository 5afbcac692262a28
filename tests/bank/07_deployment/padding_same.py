# ---
# kind: wrong
# title: "Padding same instead of three zeros on either side"
# expect: {keras: [0, 2]}
# says: {keras: ["padding"]}
# empty: [weights, onnx, whole, quantise, perform]
# ---
# %% task="keras" change
# was
        h = layers.ZeroPadding1D(3)(h)
        h = layers.Conv1D(kernel.shape[0], 7, strides=stride, use_bias=False)(h)
# now
        h = layers.Conv1D(kernel.shape[0], 7, strides=stride, use_bias=False, padding="same")(h)
