# ---
# kind: wrong
# title: "A network that was never trained, and a small file that ONNX Runtime cannot read"
# expect: {perform: 0}
# says: {perform: ["hardly tells AF"]}
# empty: [weights, keras, whole, quantise]
# ---
# %% task="perform"
state = {name: value.numpy() for name, value in deploy.reference_network(0).state_dict().items()}
full = export_onnx(state)


def deployed():
    return {"full": full, "small": full[:9000]}
