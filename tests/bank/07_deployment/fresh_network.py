# ---
# kind: wrong
# title: "A fresh network is exported, and the weights stand twice in the file"
# expect: {onnx: 0, whole: 0}
# says: {onnx: ["fresh network"], whole: ["s network"]}
# empty: [keras, quantise, perform, weights]
# ---
# %% task="onnx" change
# was
    net.load_state_dict({name: torch.as_tensor(np.array(value)) for name, value in state.items()})
# now

# %% task="whole" change
# was
    net.load_state_dict({name: torch.as_tensor(np.array(value)) for name, value in state.items()})
# now
