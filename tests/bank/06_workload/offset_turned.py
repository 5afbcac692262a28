# ---
# kind: wrong
# title: "The offset with the wrong sign, and samples taken instead of lines between them"
# expect: {align: 3}
# says: {align: ["the sign of the offset is turned", "the next sample is taken"]}
# only: [align]
# ---
# %% task="align" change
# was
    return float(rate), float(offset)
# now
    return float(rate), -float(offset)
# was
    out = np.interp(grid, t, v, left=np.nan, right=np.nan)
# now
    out = np.where((grid < t[0]) | (grid > t[-1]), np.nan, v[right])
