# ---
# kind: wrong
# title: "np.interp over everything that is missing: long gaps, and the future beyond both ends"
# expect: {clean: [5, 6], align: 8}
# says: {clean: ["over seconds a line makes up a calm pupil", "has one side only"], align: ["more than 0.1 s apart", "nothing is known before the first sample"]}
# only: [clean, align]
# ---
# %% task="clean" change
# was
    edges = np.flatnonzero(np.diff(np.concatenate([[0], bad.astype(int), [0]])))
    for a, b in edges.reshape(-1, 2):
        if a > 0 and b < len(x) and b - a <= fs:
            out[a:b] = np.interp(np.arange(a, b), [a - 1, b], [x[a - 1], x[b]])
# now
    if not bad.all():
        out = np.interp(np.arange(len(x)), np.flatnonzero(~bad), x[~bad])
# %% task="align" change
# was
    out = np.interp(grid, t, v, left=np.nan, right=np.nan)
    return np.where(t[right] - t[right - 1] > 0.1, np.nan, out)
# now
    return np.interp(grid, t, v)
