# ---
# kind: wrong
# title: "The sigmoid is applied twice; the logits of the other file went through one too"
# expect: {onnx: [0, 3], whole: [4, 4]}
# says: {onnx: ["a sigmoid at its end"], whole: ["a sigmoid twice"]}
# empty: [keras, quantise, perform, weights]
# ---
# %% task="onnx" change
# was
    return net.eval()
# now
    return nn.Sequential(net, nn.Sigmoid()).eval()

# %% task="whole" change
# was
        return torch.sigmoid(self.net(y))
# now
        return torch.sigmoid(torch.sigmoid(self.net(y)))
