# ---
# kind: wrong
# title: "The file wants prepared windows: preprocessing is left outside"
# expect: {whole: 0}
# says: {whole: ["preprocessing left outside"]}
# empty: [keras, quantise, perform, weights, onnx]
# ---
# %% task="whole" change
# was
    free = {"x": {0: "n"}, "p": {0: "n"}}
# now
    free = {"x": {0: "n", 2: "samples"}, "p": {0: "n"}}
# was
        torch.onnx.export(Whole(net, taps).eval(), (torch.zeros(2, 1, 9000),), buffer, dynamo=False, input_names=["x"], output_names=["p"], dynamic_axes=free)
# now
        torch.onnx.export(nn.Sequential(net, nn.Sigmoid()).eval(), (torch.zeros(2, 1, 3000),), buffer, dynamo=False, input_names=["x"], output_names=["p"], dynamic_axes=free)
