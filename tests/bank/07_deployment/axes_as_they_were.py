# ---
# kind: wrong
# title: "Kernels keep the axes of PyTorch"
# expect: {weights: [0, 0]}
# says: {weights: ["axes"]}
# empty: [keras, quantise, perform, onnx, whole]
# ---
# %% task="weights" change
# was
        rows.append(state[f"blocks.{k}.0.weight"].transpose(2, 1, 0))
# now
        rows.append(state[f"blocks.{k}.0.weight"])
