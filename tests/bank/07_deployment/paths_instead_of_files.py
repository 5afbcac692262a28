# ---
# kind: wrong
# title: "A path, bytes and a network are no arrays of bytes"
# expect: {onnx: 0, whole: 0, perform: 0}
# says: {onnx: ["no array of bytes"], whole: ["no array of bytes"], perform: ["no array of bytes"]}
# empty: [weights, keras, quantise]
# ---
# %% task="onnx"
def export_onnx(state):
    return "network.onnx"
# %% task="whole"
def export_whole(state, taps):
    return [1, 2, 3]
# %% task="perform"
def deployed():
    return {"full": "network.onnx", "small": list(range(200))}
