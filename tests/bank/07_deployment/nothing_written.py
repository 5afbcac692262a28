# ---
# kind: broken
# title: "Handed in as it was handed out"
# expect: {weights: 0, keras: 0, onnx: 0, whole: 0, calibrate: 0, quantise: 0, latency: 0, perform: 0}
# says: {weights: ["not written yet"], latency: ["not written yet"], perform: ["the answer cell was not run"]}
# empty: [weights, keras, onnx, whole, calibrate, quantise, latency, perform]
# ---
