# ---
# kind: wrong
# title: "Padding same instead of three zeros on either side"
# expect: {keras: [0, 2]}
# says: {keras: ["padding"]}
# empty: [weights, onnx, whole, quantise, perform]
# ---
# %% task="keras"
def keras_network(state, samples=None):
    """The network of a state in Keras, from (n, samples, 1) to (n, 1). A helper of your own, if you like; task 6 needs one too."""
    keras = deploy.tensorflow().keras
    layers = keras.layers
    rows, k = [], 0
    h = x = keras.Input((samples, 1))
    for k, stride in enumerate((2, 2, 1, 1)):
        kernel = np.asarray(state[f"blocks.{k}.0.weight"])
        h = layers.Conv1D(kernel.shape[0], 7, strides=stride, use_bias=False, padding="same")(h)
        h = layers.BatchNormalization(epsilon=1e-5)(h)
        h = layers.MaxPooling1D(2)(layers.ReLU()(h))
        rows.append(kernel.transpose(2, 1, 0))
        rows += [np.asarray(state[f"blocks.{k}.1.{name}"]) for name in ("weight", "bias", "running_mean", "running_var")]
    pooled = layers.Concatenate()([layers.GlobalAveragePooling1D()(h), layers.GlobalMaxPooling1D()(h)])
    net = keras.Model(x, layers.Dense(1)(pooled))
    net.set_weights([*rows, np.asarray(state["out.weight"]).T, np.asarray(state["out.bias"])])
    return net


def keras_logits(state, windows):
    """Logits (n,) that the network of a state gives in Keras."""
    return keras_network(state)(np.asarray(windows).transpose(0, 2, 1), training=False).numpy()[:, 0]
