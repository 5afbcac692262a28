# ---
# kind: wrong
# title: "The warm-up is counted, and calibration takes the first windows of the list"
# expect: {latency: [0, 0], calibrate: [1, 4]}
# says: {latency: ["the first calls are counted"], calibrate: ["rarer class"]}
# empty: [keras, quantise, perform, weights, onnx, whole]
# ---
# %% task="latency"
def latency_report(ms, warm_up, budget_ms):
    """Dict of median, p95, p99 (ms), n and meets."""
    x = np.asarray(ms, float)
    if not len(x):
        raise ValueError(f"got {len(ms)} calls of which {warm_up} are warm-up, expected at least one more")
    median, p95, p99 = (float(v) for v in np.percentile(x, (50, 95, 99)))
    return {"median": median, "p95": p95, "p99": p99, "n": len(x), "meets": bool(p99 <= budget_ms)}
# %% task="calibrate"
def choose_calibration(windows, labels, train, n, seed):
    """Positions (n,) of windows to calibrate with."""
    rng = np.random.default_rng(seed)
    train = np.asarray(train)
    sound = train[np.ptp(np.asarray(windows)[train], axis=(1, 2)) > 0]
    of = np.asarray(labels)[sound]
    return sound[:n]
