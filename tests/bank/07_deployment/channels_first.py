# ---
# kind: wrong
# title: "Channels-first weights in channels-last layers: kernels reshaped, not transposed"
# expect: {weights: 5}
# says: {weights: ["reshape instead of transpose"]}
# empty: [keras, quantise, perform, onnx, whole]
# ---
# %% task="weights" change
# was
        rows.append(state[f"blocks.{k}.0.weight"].transpose(2, 1, 0))
# now
        rows.append(state[f"blocks.{k}.0.weight"].reshape(7, state[f"blocks.{k}.0.weight"].shape[1], -1))
