# ---
# kind: wrong
# title: "The level jumps to whatever is largest; lost samples are left out, so that all later ones move"
# expect: {stream: 12}
# says: {stream: ["ahead of the present level's s by margin", "neither later, nor left out"]}
# only: [stream]
# ---
# %% task="stream" change
# was
    return waiting[:go], (start + go, waiting[go:])
# now
    return waiting[:go][np.isfinite(waiting[:go])], (start + go, waiting[go:])
# was
            if level < 0 or smooth[best] - smooth[level] >= margin:
                level = best
# now
            level = best
