# ---
# kind: wrong
# title: "The small file is the full one"
# expect: {perform: [9, 10]}
# says: {perform: ["times as large"]}
# empty: [weights, whole, quantise]
# ---
# %% task="perform"
# train, export and shrink here, once:
recordings = data.load("af", source=SOURCE)
print("These recordings are SIMULATED." if recordings.source == "simulated" else recordings.citation)
windows = deploy.prepare(recordings.signals, recordings.fs)
trained, split = deploy.train_reference(recordings, seed=SEED, budget="full" if BUDGET == "full" else "default", prepared=windows, progress=False)
trained_state = {name: value.numpy() for name, value in trained.state_dict().items()}
chosen = choose_calibration(windows, recordings.labels, split["train"], 100, SEED)
files = {"full": export_onnx(trained_state), "small": export_onnx(trained_state)}


def deployed():
    """Two files for a device: dict of "full" (ONNX, float32) and "small", each (bytes,) uint8."""
    return files
