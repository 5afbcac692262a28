# ---
# kind: wrong
# title: "A missing signal is multiplied by zero, which leaves NaN; a branch learns nothing"
# expect: {fusion: 9}
# says: {fusion: [NaN times zero, no_grad or detached]}
# only: [branches, fusion]
# ---
# %% task="fusion" change
# was
        eeg = torch.where(present[:, 0, None, None], eeg, torch.zeros_like(eeg))  # NaN must not come near a weight
# now
        eeg = eeg * present[:, 0, None, None]
# was
        e = torch.where(present[:, 0, None, None], self.eeg(eeg), self.absent[0])
# now
        e = self.eeg(eeg) * present[:, 0, None, None]
# was
        p = torch.where(present[:, 1, None, None], self.pupil(pupil), self.absent[1])
# now
        p = torch.where(present[:, 1, None, None], self.pupil(pupil).detach(), self.absent[1])
