# ---
# kind: wrong
# title: "Both ONNX files take one recording at a time"
# expect: {onnx: 8, whole: [0, 4]}
# says: {onnx: ["fixed"], whole: ["fixed"]}
# empty: [keras, quantise, perform, weights]
# ---
# %% task="onnx" change
# was
        torch.onnx.export(net, (torch.zeros(2, 1, samples),), buffer, dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes=free)
# now
        torch.onnx.export(net, (torch.zeros(1, 1, samples),), buffer, dynamo=False, input_names=["x"], output_names=["y"])

# %% task="whole" change
# was
        torch.onnx.export(Whole(net, taps).eval(), (torch.zeros(2, 1, 9000),), buffer, dynamo=False, input_names=["x"], output_names=["p"], dynamic_axes=free)
# now
        torch.onnx.export(Whole(net, taps).eval(), (torch.zeros(1, 1, 9000),), buffer, dynamo=False, input_names=["x"], output_names=["p"])
