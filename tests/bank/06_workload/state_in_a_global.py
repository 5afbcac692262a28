# ---
# kind: wrong
# title: "The filter's state in a global variable; packets that wait for ever"
# expect: {stream: [12, 13]}
# says: {stream: ["kept outside of the state", "numbers below end - late go on now"]}
# only: [stream]
# ---
# %% task="stream" change
# was
def filter_step(chunk, state, fs):
# now
kept = {}


def filter_step(chunk, state, fs):
# was
        return chunk, state
# now
        return chunk, 1 if state else None
# was
        state = {"last": chunk[:, 0], "zi": signal.sosfilt_zi(sos)[:, None] * chunk[:, 0][None, :, None]}
# now
        kept.update({"last": chunk[:, 0], "zi": signal.sosfilt_zi(sos)[:, None] * chunk[:, 0][None, :, None]})
    state = kept
# was
    return out, {"last": x[:, -1], "zi": zi}
# now
    kept.update({"last": x[:, -1], "zi": zi})
    return out, 1
# was
    go = max(0, n - late)
# now
    go = 0
