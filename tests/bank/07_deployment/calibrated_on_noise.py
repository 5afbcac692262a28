# ---
# kind: wrong
# title: "Eight bits calibrated with noise"
# expect: {quantise: 6}
# says: {quantise: ["calibrated with noise"]}
# empty: [weights, onnx, whole, perform]
# ---
# %% task="quantise" change
# was
            yield [np.ascontiguousarray(window.T[None], np.float32)]
# now
            yield [np.ascontiguousarray(np.random.default_rng(0).standard_normal((1, 3000, 1)), np.float32)]
