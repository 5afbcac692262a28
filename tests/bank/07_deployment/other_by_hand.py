# ---
# kind: alternative
# title: "Graphs written by hand with onnx; batch norm folded in Keras; whole numbers at both ends"
# expect: {weights: 10, keras: 12, onnx: 12, whole: 14, calibrate: 8, quantise: 12, latency: 6}
# empty: [perform]
# ---
# %% task="weights"
def keras_weights(state):
    blocks = sorted({name.split(".")[1] for name in state if name.startswith("blocks.")}, key=int)
    out = []
    for b in blocks:
        out.append(np.einsum("oik->kio", state["blocks." + b + ".0.weight"]))
        for part in "weight bias running_mean running_var".split():
            out.append(np.array(state["blocks." + b + ".1." + part]))
    out.append(np.transpose(state["out.weight"]))
    out.append(state["out.bias"])
    return out
# %% task="keras"
def keras_network(state, samples=None):
    """Batch normalisation folded into the convolutions: the same function with fewer layers."""
    keras = deploy.tensorflow().keras
    net = keras.Sequential([keras.Input((samples, 1))])
    outputs = keras.Input((samples, 1))
    h = outputs
    for k, step in enumerate([2, 2, 1, 1]):
        w = np.asarray(state[f"blocks.{k}.0.weight"], float)
        gamma, beta, mean, var = (np.asarray(state[f"blocks.{k}.1.{n}"], float) for n in ("weight", "bias", "running_mean", "running_var"))
        scale = gamma / np.sqrt(var + 1e-5)
        conv = keras.layers.Conv1D(len(w), 7, strides=step, activation="relu")
        h = keras.layers.MaxPool1D()(conv(keras.layers.ZeroPadding1D(3)(h)))
        conv.set_weights([np.moveaxis(w * scale[:, None, None], [0, 1, 2], [2, 1, 0]), beta - mean * scale])
    last = keras.layers.Dense(1)
    both = keras.layers.Concatenate()([keras.layers.GlobalAvgPool1D()(h), keras.layers.GlobalMaxPool1D()(h)])
    net = keras.Model(outputs, last(both))
    last.set_weights([np.asarray(state["out.weight"]).T, np.asarray(state["out.bias"])])
    return net


def keras_logits(state, windows):
    x = np.swapaxes(windows, 1, 2)
    return keras_network(state).predict(x, verbose=0).ravel()
# %% task="onnx"
from onnx import TensorProto, helper, numpy_helper


def graph_of(state):
    """Nodes and constants of the network, written by hand, from "w" to "z"."""
    constants, nodes, h = [], [], "w"
    for k, step in enumerate((2, 2, 1, 1)):
        names = {n: f"blocks.{k}.{n}" for n in ("0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var")}
        constants += [numpy_helper.from_array(np.asarray(state[n], np.float32), n) for n in names.values()]
        first, *rest = names.values()
        nodes += [
            helper.make_node("Conv", [h, first], [f"c{k}"], strides=[step], pads=[3, 3]),
            helper.make_node("BatchNormalization", [f"c{k}", *rest], [f"b{k}"], epsilon=1e-5),
            helper.make_node("Relu", [f"b{k}"], [f"r{k}"]),
            helper.make_node("MaxPool", [f"r{k}"], [f"p{k}"], kernel_shape=[2], strides=[2]),
        ]
        h = f"p{k}"
    constants += [numpy_helper.from_array(np.asarray(state[n], np.float32), n) for n in ("out.weight", "out.bias")]
    nodes += [
        helper.make_node("GlobalAveragePool", [h], ["mean"]), helper.make_node("GlobalMaxPool", [h], ["max"]),
        helper.make_node("Concat", ["mean", "max"], ["both"], axis=1), helper.make_node("Flatten", ["both"], ["flat"]),
        helper.make_node("Gemm", ["flat", "out.weight", "out.bias"], ["z"], transB=1),
    ]
    return nodes, constants


def as_file(nodes, constants, out, samples):
    take = helper.make_tensor_value_info("ecg", TensorProto.FLOAT, ["batch", 1, samples])
    give = helper.make_tensor_value_info(out, TensorProto.FLOAT, ["batch", 1])
    graph = helper.make_graph(nodes, "af", [take], [give], initializer=constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return np.frombuffer(made.SerializeToString(), dtype=np.uint8)


def export_onnx(state):
    nodes, constants = graph_of(state)
    return as_file([helper.make_node("Identity", ["ecg"], ["w"]), *nodes], constants, "z", 3000)
# %% task="whole"
def export_whole(state, taps):
    nodes, constants = graph_of(state)
    half = len(taps) // 2
    constants += [numpy_helper.from_array(np.asarray(taps, np.float32)[None, None], "taps"), numpy_helper.from_array(np.float32(1e-6), "tiny")]
    front = [
        helper.make_node("ReduceMean", ["ecg"], ["m"], axes=[2]), helper.make_node("Sub", ["ecg", "m"], ["x"]),
        helper.make_node("Conv", ["x", "taps"], ["y"], strides=[3], pads=[half, half]),
        helper.make_node("ReduceMean", ["y"], ["ym"], axes=[2]), helper.make_node("Sub", ["y", "ym"], ["c"]),
        helper.make_node("Mul", ["c", "c"], ["cc"]), helper.make_node("ReduceMean", ["cc"], ["var"], axes=[2]),
        helper.make_node("Sqrt", ["var"], ["sd"]), helper.make_node("Add", ["sd", "tiny"], ["by"]), helper.make_node("Div", ["y", "by"], ["w"]),
    ]
    return as_file([*front, *nodes, helper.make_node("Sigmoid", ["z"], ["p"])], constants, "p", 9000)
# %% task="calibrate"
def choose_calibration(windows, labels, train, n, seed):
    import random

    draw = random.Random(seed)
    picked = []
    for c in (1, 0):
        those = [int(k) for k in train if labels[k] == c and windows[k].std() > 0]
        picked += draw.sample(those, n // 2)
    return picked
# %% task="quantise"
def to_litert(state, calibration):
    """Whole numbers at both ends as well."""
    tf = deploy.tensorflow()
    net = keras_network(state, 3000)
    out = {}
    with deploy.quiet():
        out["float32"] = np.frombuffer(tf.lite.TFLiteConverter.from_keras_model(net).convert(), np.uint8)
        c = tf.lite.TFLiteConverter.from_keras_model(net)
        c.optimizations = [tf.lite.Optimize.DEFAULT]
        c.representative_dataset = lambda: ([w.reshape(1, 3000, 1)] for w in calibration)
        c.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        c.inference_input_type = c.inference_output_type = tf.int8
        out["int8"] = np.frombuffer(c.convert(), np.uint8)
    return out
# %% task="latency"
def latency_report(ms, warm_up, budget_ms):
    counted = list(ms)[warm_up:]
    if len(counted) == 0:
        raise ValueError("nothing to count")
    q = np.quantile(counted, [0.5, 0.95, 0.99])
    return dict(median=q[0], p95=q[1], p99=q[2], n=len(counted), meets=q[2] <= budget_ms)
