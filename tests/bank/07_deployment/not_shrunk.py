# ---
# kind: wrong
# title: "The small file is the full one"
# expect: {perform: [9, 10]}
# says: {perform: ["times as large"]}
# empty: [weights, whole, quantise]
# ---
# %% task="perform" change
# was
files = {"full": export_onnx(trained_state), "small": to_litert(trained_state, windows[chosen])["int8"]}
# now
files = {"full": export_onnx(trained_state), "small": export_onnx(trained_state)}
