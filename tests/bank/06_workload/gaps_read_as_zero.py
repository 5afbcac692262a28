# ---
# kind: wrong
# title: "An unknown pupil is a pupil of 0 mm, and a missing EEG is a flat one"
# expect: {branches: 8, fusion: 12}
# says: {branches: [a second channel], fusion: [learned vector]}
# only: [branches, fusion]
# ---
# %% task="branches" change
# was
        both = torch.stack([torch.where(known, x, torch.zeros_like(x)), known.to(x.dtype)], dim=1)
# now
        both = torch.stack([torch.where(known, x, torch.zeros_like(x)), torch.ones_like(x)], dim=1)
# %% task="fusion" change
# was
        e = torch.where(present[:, 0, None, None], self.eeg(eeg), self.absent[0])
# now
        e = self.eeg(eeg)
# was
        p = torch.where(present[:, 1, None, None], self.pupil(pupil), self.absent[1])
# now
        p = self.pupil(pupil)
