# ---
# kind: wrong
# title: "The recording is not divided by its spread"
# expect: {whole: [0, 8]}
# says: {whole: ["a spread that is missing"]}
# empty: [keras, quantise, perform, weights, onnx]
# ---
# %% task="whole" change
# was
        y = y / ((centred * centred).mean(dim=-1, keepdim=True).sqrt() + 1e-6)
# now
