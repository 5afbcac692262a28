# ---
# kind: wrong
# title: "Batch-norm statistics forgotten: means of 0 and variances of 1; p95 against the budget; all windows to calibrate with"
# expect: {weights: 6, latency: 4, calibrate: 4}
# says: {weights: ["statistics are forgotten"], latency: ["every twentieth call"], calibrate: ["not for training"]}
# empty: [keras, quantise, perform, onnx, whole]
# ---
# %% task="weights"
def keras_weights(state):
    """The weights of a state as the list of arrays that Keras keeps."""
    rows, k = [], 0
    while f"blocks.{k}.0.weight" in state:
        rows.append(state[f"blocks.{k}.0.weight"].transpose(2, 1, 0))
        gamma = state[f"blocks.{k}.1.weight"]
        rows += [gamma, state[f"blocks.{k}.1.bias"], 0 * gamma, 0 * gamma + 1]
        k += 1
    return [*rows, state["out.weight"].T, state["out.bias"]]
# %% task="latency"
def latency_report(ms, warm_up, budget_ms):
    """Dict of median, p95, p99 (ms), n and meets."""
    x = np.asarray(ms, float)[warm_up:]
    if not len(x):
        raise ValueError(f"got {len(ms)} calls of which {warm_up} are warm-up, expected at least one more")
    median, p95, p99 = (float(v) for v in np.percentile(x, (50, 95, 99)))
    return {"median": median, "p95": p95, "p99": p99, "n": len(x), "meets": bool(p95 <= budget_ms)}
# %% task="calibrate"
def choose_calibration(windows, labels, train, n, seed):
    """Positions (n,) of windows to calibrate with."""
    rng = np.random.default_rng(seed)
    train = np.arange(len(labels))
    sound = train[np.ptp(np.asarray(windows)[train], axis=(1, 2)) > 0]
    of = np.asarray(labels)[sound]
    return np.concatenate([rng.choice(sound[of == c], n // 2, replace=False) for c in (0, 1)])
