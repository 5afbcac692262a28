# ---
# kind: wrong
# title: "The constant beside the variance is left as Keras has it"
# expect: {keras: [3, 7]}
# says: {keras: ["epsilon=1e-5"]}
# empty: [weights, onnx, whole, quantise, perform]
# ---
# %% task="keras" change
# was
        h = layers.BatchNormalization(epsilon=1e-5)(h)
# now
        h = layers.BatchNormalization()(h)
