# ---
# kind: wrong
# title: "Each window is scaled by itself, and attention runs over the windows of the batch"
# expect: {branches: 9, fusion: [7, 9]}
# says: {branches: [scaled by itself], fusion: [over the windows of the batch]}
# only: [branches, fusion]
# ---
# %% task="branches" change
# was
        h = self.norm(self.time(self.space(self.thin(x / 10))))
# now
        x = (x - x.mean(dim=2, keepdim=True)) / (x.std(dim=2, keepdim=True) + 1e-6)
        h = self.norm(self.time(self.space(self.thin(x))))
# %% task="fusion" change
# was
    weight = torch.softmax(query @ key.transpose(1, 2) / query.shape[2] ** 0.5, dim=2)
# now
    weight = torch.softmax(query @ key.transpose(1, 2) / query.shape[2] ** 0.5, dim=0)
