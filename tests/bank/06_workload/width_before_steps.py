# ---
# kind: wrong
# title: "Branches give (n, width, steps), with a rate written in, and attention's softmax runs over those that ask"
# expect: {branches: 5, fusion: [9, 10]}
# says: {branches: ['(n, width, steps)'], fusion: [the steps that ask]}
# only: [branches, fusion]
# ---
# %% task="branches" change
# was
    with torch.no_grad():
        return branch(torch.as_tensor(np.array(pupil, np.float32))).numpy()
# now
    with torch.no_grad():
        return branch(torch.as_tensor(np.array(pupil, np.float32))).transpose(1, 2).numpy()
# was
        self.mean = nn.AvgPool1d(round(fs / 2), stride=round(fs / 4))
# now
        self.mean = nn.AvgPool1d(31, stride=16)
# was
        thin = max(1, round(fs / 62.5))
# now
        thin = 1
# %% task="fusion" change
# was
    weight = torch.softmax(query @ key.transpose(1, 2) / query.shape[2] ** 0.5, dim=2)
# now
    weight = torch.softmax(query @ key.transpose(1, 2) / query.shape[2] ** 0.5, dim=1)
