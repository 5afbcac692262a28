# ---
# kind: wrong
# title: "Only the weights are in eight bits"
# expect: {quantise: [3, 9]}
# says: {quantise: ["only the weights are quantised"]}
# empty: [weights, onnx, whole, perform]
# ---
# %% task="quantise" change
# was
                converter.representative_dataset = examples
                converter.target_spec.supported_ops = [lite.OpsSet.TFLITE_BUILTINS_INT8]
# now
