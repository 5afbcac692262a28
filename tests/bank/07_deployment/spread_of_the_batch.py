# ---
# kind: wrong
# title: "The spread is taken over all recordings of a call"
# expect: {whole: [0, 8]}
# says: {whole: ["over all recordings"]}
# empty: [keras, quantise, perform, weights, onnx]
# ---
# %% task="whole" change
# was
        y = y / ((centred * centred).mean(dim=-1, keepdim=True).sqrt() + 1e-6)
# now
        y = y / ((centred * centred).mean().sqrt() + 1e-6)
