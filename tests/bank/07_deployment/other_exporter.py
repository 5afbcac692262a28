# ---
# kind: alternative
# title: "The newer exporter of PyTorch, and eight bits with ONNX Runtime"
# expect: {weights: 10, onnx: 12, whole: 14, calibrate: 8, latency: 6, perform: 14}
# empty: [keras, quantise]
# ---
# %% task="onnx"
def network_of(state):
    net = deploy.reference_network(0)
    net.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    return net.eval()


def dynamo_file(net, samples):
    batch = torch.export.Dim("batch", min=1, max=512)
    with deploy.quiet():
        program = torch.onnx.export(net, (torch.randn(3, 1, samples),), dynamo=True, dynamic_shapes=({0: batch},), external_data=False)
    return np.frombuffer(program.model_proto.SerializeToString(), np.uint8)


def export_onnx(state):
    return dynamo_file(network_of(state), 3000)
# %% task="whole"
class Device(nn.Module):
    def __init__(self, net, taps):
        super().__init__()
        self.net, k = net, len(taps)
        self.filter = nn.Conv1d(1, 1, k, stride=3, padding=(k - 1) // 2, bias=False)
        with torch.no_grad():
            self.filter.weight.copy_(torch.tensor(taps).view(1, 1, k))

    def forward(self, ecg):
        y = self.filter(ecg - ecg.mean(2, keepdim=True))
        return self.net(y / (y.std(2, correction=0, keepdim=True) + 1e-6)).sigmoid()[:, 0]


def export_whole(state, taps):
    return dynamo_file(Device(network_of(state), taps).eval(), 9000)
# %% task="perform"
import tempfile
from pathlib import Path

from onnxruntime import quantization

recordings = data.load("af", source=SOURCE)
windows = deploy.prepare(recordings.signals, recordings.fs)
trained, split = deploy.train_reference(recordings, seed=SEED + 1, prepared=windows, progress=False)
full = export_onnx({name: value.numpy() for name, value in trained.state_dict().items()})


class Reader(quantization.CalibrationDataReader):
    def __init__(self, rows, name):
        self.rows = iter([{name: row[None]} for row in rows])

    def get_next(self):
        return next(self.rows, None)


def shrunk(file, rows):
    """Eight bits with ONNX Runtime instead of LiteRT."""
    import onnx

    with tempfile.TemporaryDirectory() as folder, deploy.quiet():
        path, out = Path(folder) / "full.onnx", Path(folder) / "small.onnx"
        path.write_bytes(file.tobytes())
        name = onnx.load(path).graph.input[0].name
        quantization.quantize_static(path, out, Reader(rows, name), per_channel=True)
        return np.frombuffer(out.read_bytes(), np.uint8)


small = shrunk(full, windows[choose_calibration(windows, recordings.labels, split["train"], 60, SEED)])


def deployed():
    return {"full": full, "small": small}
