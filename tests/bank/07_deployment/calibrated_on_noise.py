# ---
# kind: wrong
# title: "Eight bits calibrated with noise"
# expect: {quantise: 6}
# says: {quantise: ["calibrated with noise"]}
# empty: [weights, onnx, whole, perform]
# ---
# %% task="quantise"
def to_litert(state, calibration):
    """The network of a state as two LiteRT files: dict of "float32" and "int8", each (bytes,) uint8."""
    lite, net = deploy.tensorflow().lite, keras_network(state, 3000)

    def examples():
        for window in calibration:
            yield [np.ascontiguousarray(np.random.default_rng(0).standard_normal((1, 3000, 1)), np.float32)]

    files = {}
    with deploy.quiet():
        for name in ("float32", "int8"):
            converter = lite.TFLiteConverter.from_keras_model(net)
            if name == "int8":
                converter.optimizations = [lite.Optimize.DEFAULT]
                converter.representative_dataset = examples
                converter.target_spec.supported_ops = [lite.OpsSet.TFLITE_BUILTINS_INT8]
            files[name] = np.frombuffer(converter.convert(), np.uint8)
    return files
