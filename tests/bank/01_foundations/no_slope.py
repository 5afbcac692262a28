# ---
# kind: wrong
# title: The slope of ReLU is missing; equal scores count nothing
# expect: {learn: 6, metrics: 9}
# says:
#   learn: ["the slope of ReLU is missing"]
#   metrics: ["equal scores count nothing", "with one label alone there are no pairs"]
# ---
# %% task="learn" change
# was
        back = error @ net["w2"] * (sums > 0)
# now
        back = error @ net["w2"]

# %% task="metrics" change
# was
        raise ValueError(f"got {len(positive)} samples with label 1 and {len(negative)} with label 0, expected both")
# now
        return 0.5
# was
    return float(np.mean(higher + 0.5 * (positive[:, None] == negative)))
# now
    return float(np.mean(higher))
