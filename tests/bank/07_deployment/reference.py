# ---
# kind: reference
# title: "The solution that ships with the course"
# expect: {weights: 10, keras: 12, onnx: 12, whole: 14, calibrate: 8, quantise: 12, latency: 6, perform: 14}
# ---
