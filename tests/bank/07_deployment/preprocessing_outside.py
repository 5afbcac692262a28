# ---
# kind: wrong
# title: "The file wants prepared windows: preprocessing is left outside"
# expect: {whole: 0}
# says: {whole: ["preprocessing left outside"]}
# empty: [keras, quantise, perform, weights, onnx]
# ---
# %% task="whole"
class Whole(nn.Module):
    """From raw ECG (n, 1, 9000) at 300 Hz to the probability of AF (n, 1)."""

    def __init__(self, net, taps):
        super().__init__()
        self.net = net
        self.register_buffer("taps", torch.as_tensor(np.asarray(taps, np.float32))[None, None])

    def forward(self, x):
        x = x - x.mean(dim=-1, keepdim=True)
        y = nn.functional.conv1d(x, self.taps, stride=3, padding=self.taps.shape[-1] // 2)
        centred = y - y.mean(dim=-1, keepdim=True)
        y = y / ((centred * centred).mean(dim=-1, keepdim=True).sqrt() + 1e-6)
        return torch.sigmoid(self.net(y))


def export_whole(state, taps):
    """An ONNX file (bytes,) uint8 from raw ECG to the probability of AF, preprocessing inside."""
    net = deploy.reference_network(0)
    net.load_state_dict({name: torch.as_tensor(np.array(value)) for name, value in state.items()})
    buffer = io.BytesIO()
    free = {"x": {0: "n", 2: "samples"}, "p": {0: "n"}}
    with deploy.quiet():
        torch.onnx.export(nn.Sequential(net, nn.Sigmoid()).eval(), (torch.zeros(2, 1, 3000),), buffer, dynamo=False, input_names=["x"], output_names=["p"], dynamic_axes=free)
    return np.frombuffer(buffer.getvalue(), np.uint8)
