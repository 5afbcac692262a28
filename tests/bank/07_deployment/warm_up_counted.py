# ---
# kind: wrong
# title: "The warm-up is counted, and calibration takes the first windows of the list"
# expect: {latency: [0, 0], calibrate: [1, 4]}
# says: {latency: ["the first calls are counted"], calibrate: ["rarer class"]}
# empty: [keras, quantise, perform, weights, onnx, whole]
# ---
# %% task="latency" change
# was
    x = np.asarray(ms, float)[warm_up:]
# now
    x = np.asarray(ms, float)

# %% task="calibrate" change
# was
    return np.concatenate([rng.choice(sound[of == c], n // 2, replace=False) for c in (0, 1)])
# now
    return sound[:n]
