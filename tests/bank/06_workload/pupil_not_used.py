# ---
# kind: wrong
# title: "Fusion that computes the pupil's branch and does not use it"
# expect: {branches: 10, fusion: [9, 11]}
# says: {fusion: [the branch of the pupil is not used]}
# only: [branches, fusion]
# ---
# %% task="fusion" change
# was
    return torch.cat([e.mean(dim=1), e.amax(dim=1), p.mean(dim=1), p.amax(dim=1)], dim=1)
# now
    return torch.cat([e.mean(dim=1), e.amax(dim=1), e.mean(dim=1), e.amax(dim=1)], dim=1)
