# ---
# kind: wrong
# title: "Channels-first weights in channels-last layers: kernels reshaped, not transposed"
# expect: {weights: 5}
# says: {weights: ["reshape instead of transpose"]}
# empty: [keras, quantise, perform, onnx, whole]
# ---
# %% task="weights"
def keras_weights(state):
    """The weights of a state as the list of arrays that Keras keeps."""
    rows, k = [], 0
    while f"blocks.{k}.0.weight" in state:
        rows.append(state[f"blocks.{k}.0.weight"].reshape(7, state[f"blocks.{k}.0.weight"].shape[1], -1))
        rows += [state[f"blocks.{k}.1.{name}"] for name in ("weight", "bias", "running_mean", "running_var")]
        k += 1
    return [*rows, state["out.weight"].T, state["out.bias"]]
