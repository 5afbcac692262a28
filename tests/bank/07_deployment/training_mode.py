# ---
# kind: wrong
# title: "Keras runs as if it were training: statistics of the batch"
# expect: {keras: [0, 2]}
# says: {keras: ["training=False is missing"]}
# empty: [weights, onnx, whole, quantise, perform]
# ---
# %% task="keras" change
# was
    return keras_network(state)(np.asarray(windows).transpose(0, 2, 1), training=False).numpy()[:, 0]
# now
    return keras_network(state)(np.asarray(windows).transpose(0, 2, 1), training=True).numpy()[:, 0]
