# ---
# kind: wrong
# title: "Answers that only look like some: zeros, constants, what was given, a file with one answer for all"
# expect: {weights: 0, keras: 0, onnx: 0, whole: 0, calibrate: [0, 3], quantise: 0, latency: 0, perform: 0}
# says: {onnx: ["expected"], whole: ["correlation"], calibrate: ["expected"]}
# ---
# %% task="weights"
def keras_weights(state):
    return [np.zeros(3)] * 22
# %% task="keras"
def keras_logits(state, windows):
    return np.zeros(len(windows))
# %% task="onnx"
class Mean(nn.Module):
    def forward(self, x):
        return x.mean(dim=(1, 2)) * 0.01 + 0.5


def mean_file(samples):
    buffer = io.BytesIO()
    with deploy.quiet():
        torch.onnx.export(Mean(), (torch.zeros(2, 1, samples),), buffer, dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "n", 2: "m"}, "y": {0: "n"}})
    return np.frombuffer(buffer.getvalue(), np.uint8)


def export_onnx(state):
    return mean_file(3000)
# %% task="whole"
def export_whole(state, taps):
    return mean_file(9000)
# %% task="calibrate"
def choose_calibration(windows, labels, train, n, seed):
    return np.asarray(train)[:n]
# %% task="quantise"
def to_litert(state, calibration):
    return {"float32": mean_file(3000), "int8": mean_file(3000)}
# %% task="latency"
def latency_report(ms, warm_up, budget_ms):
    return {"median": 1.0, "p95": 1.0, "p99": 1.0, "n": len(ms), "meets": True}
# %% task="perform"
def deployed():
    return {"full": mean_file(3000), "small": mean_file(3000)}
