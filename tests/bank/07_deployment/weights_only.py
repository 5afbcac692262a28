# ---
# kind: wrong
# title: "Only the weights are in eight bits"
# expect: {quantise: [3, 9]}
# says: {quantise: ["only the weights are quantised"]}
# empty: [weights, onnx, whole, perform]
# ---
# %% task="quantise"
def to_litert(state, calibration):
    """The network of a state as two LiteRT files: dict of "float32" and "int8", each (bytes,) uint8."""
    lite, net = deploy.tensorflow().lite, keras_network(state, 3000)

    def examples():
        for window in calibration:
            yield [np.ascontiguousarray(window.T[None], np.float32)]

    files = {}
    with deploy.quiet():
        for name in ("float32", "int8"):
            converter = lite.TFLiteConverter.from_keras_model(net)
            if name == "int8":
                converter.optimizations = [lite.Optimize.DEFAULT]
            files[name] = np.frombuffer(converter.convert(), np.uint8)
    return files
