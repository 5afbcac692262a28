# ---
# kind: wrong
# title: "Every chunk is filtered as if nothing had been before it"
# expect: {stream: 11}
# says: {stream: ["the state is forgotten between chunks", "nothing is kept at all"]}
# only: [stream]
# ---
# %% task="stream" change
# was
    if state is None:
        state = {"last": chunk[:, 0], "zi": signal.sosfilt_zi(sos)[:, None] * chunk[:, 0][None, :, None]}
# now
    state = {"last": chunk[:, 0], "zi": signal.sosfilt_zi(sos)[:, None] * chunk[:, 0][None, :, None]}
