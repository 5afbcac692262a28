# ---
# kind: wrong
# title: "Batch-norm statistics forgotten: means of 0 and variances of 1; p95 against the budget; all windows to calibrate with"
# expect: {weights: 6, latency: 4, calibrate: 4}
# says: {weights: ["statistics are forgotten"], latency: ["every twentieth call"], calibrate: ["not for training"]}
# empty: [keras, quantise, perform, onnx, whole]
# ---
# %% task="weights" change
# was
        rows += [state[f"blocks.{k}.1.{name}"] for name in ("weight", "bias", "running_mean", "running_var")]
# now
        gamma = state[f"blocks.{k}.1.weight"]
        rows += [gamma, state[f"blocks.{k}.1.bias"], 0 * gamma, 0 * gamma + 1]

# %% task="latency" change
# was
    return {"median": median, "p95": p95, "p99": p99, "n": len(x), "meets": bool(p99 <= budget_ms)}
# now
    return {"median": median, "p95": p95, "p99": p99, "n": len(x), "meets": bool(p95 <= budget_ms)}

# %% task="calibrate" change
# was
    train = np.asarray(train)
# now
    train = np.arange(len(labels))
