# ---
# kind: wrong
# title: "The state is an object of the student's own, which no test cell can hand back"
# expect: {stream: 9}
# says: {stream: ["an object in the state of filter_step"]}
# only: [stream]
# ---
# %% task="stream" change
# was
def filter_step(chunk, state, fs):
# now
class State:
    def __init__(self, last, zi):
        self.last, self.zi = last, zi


def filter_step(chunk, state, fs):
# was
        state = {"last": chunk[:, 0], "zi": signal.sosfilt_zi(sos)[:, None] * chunk[:, 0][None, :, None]}
    x = np.concatenate([state["last"][:, None], chunk], axis=1)
# now
        state = State(chunk[:, 0], signal.sosfilt_zi(sos)[:, None] * chunk[:, 0][None, :, None])
    x = np.concatenate([state.last[:, None], chunk], axis=1)
# was
    out, zi = signal.sosfilt(sos, x, axis=1, zi=state["zi"])
    return out, {"last": x[:, -1], "zi": zi}
# now
    out, zi = signal.sosfilt(sos, x, axis=1, zi=state.zi)
    return out, State(x[:, -1], zi)
