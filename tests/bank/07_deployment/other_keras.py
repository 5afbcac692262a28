# ---
# kind: alternative
# title: "A Keras model as a class of its own, given its weights layer by layer"
# expect: {weights: 10, keras: 12, calibrate: 8, latency: 6}
# empty: [onnx, whole, quantise, perform]
# ---
# %% task="keras"
def keras_network(state, samples=None):
    """Layers of a class of its own, given their weights one by one; padding by the backend."""
    tf = deploy.tensorflow()
    layers = tf.keras.layers

    class Net(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.convs = [layers.Conv1D(n, 7, s, use_bias=False) for n, s in zip((16, 32, 48, 64), (2, 2, 1, 1), strict=True)]
            self.norms = [layers.BatchNormalization(momentum=0.9, epsilon=1e-5) for _ in range(4)]
            self.last = layers.Dense(1)

        def call(self, x, training=None):
            for conv, norm in zip(self.convs, self.norms, strict=True):
                x = tf.pad(x, [[0, 0], [3, 3], [0, 0]])
                x = tf.nn.relu(norm(conv(x), training=training))
                x = tf.nn.max_pool1d(x, 2, 2, "VALID")
            return self.last(tf.concat([tf.reduce_mean(x, 1), tf.reduce_max(x, 1)], axis=1))

    net = Net()
    net(np.zeros((1, 3000, 1), np.float32))
    for k in range(4):
        net.convs[k].set_weights([np.transpose(state[f"blocks.{k}.0.weight"], (2, 1, 0))])
        net.norms[k].set_weights([state[f"blocks.{k}.1.{n}"] for n in ("weight", "bias", "running_mean", "running_var")])
    net.last.set_weights([state["out.weight"].T, state["out.bias"]])
    return net


def keras_logits(state, windows):
    return keras_network(state)(windows.transpose(0, 2, 1)).numpy().reshape(-1)
