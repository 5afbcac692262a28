# ---
# kind: wrong
# title: "Forwards and backwards over each chunk, and decisions smoothed with what comes after them"
# expect: {stream: [3, 4]}
# says: {stream: ["that filter looks ahead", "before the EEG did", "smoothing that is centred"]}
# only: [stream]
# ---
# %% task="stream" change
# was
    out, zi = signal.sosfilt(sos, x, axis=1, zi=state["zi"])
    return out, {"last": x[:, -1], "zi": zi}
# now
    out = signal.sosfiltfilt(sos, x, axis=1, padlen=min(27, x.shape[1] - 1))
    return out, {"last": x[:, -1], "zi": state["zi"]}
# was
    smooth, level, out = None, -1, []
    for row in np.asarray(probabilities, float):
        if np.isfinite(row).all():
            smooth = row if smooth is None else smooth + pace * (row - smooth)
# now
    level, out = -1, []
    p = np.asarray(probabilities, float)
    n = round(1 / pace)
    near = np.ones(2 * n + 1) / (2 * n + 1)
    for row in np.stack([np.convolve(each, near, mode="same") for each in p.T], axis=1):
        if np.isfinite(row).all():
            smooth = row
