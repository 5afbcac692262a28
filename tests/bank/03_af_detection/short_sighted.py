# ---
# kind: wrong
# title: Two convolutions without pooling see a twentieth of a second
# expect: {network: 8}
# says: {network: ["expected at least 0.8 s"]}
# empty: [train, predict, perform]
# ---
# %% task="network"
class AFNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv1d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv1d(32, 32, 3, padding=1), nn.ReLU())
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.features(x).mean(dim=2)).squeeze(1)


def new_network(seed):
    torch.manual_seed(seed)
    return AFNet()


def network_logits(windows, seed):
    with torch.no_grad():
        return new_network(seed).eval()(torch.as_tensor(np.asarray(windows, np.float32))).numpy()


def feature_map(windows, seed):
    with torch.no_grad():
        return new_network(seed).eval().features(torch.as_tensor(np.asarray(windows, np.float32))).numpy()


def count_parameters():
    return sum(p.numel() for p in AFNet().parameters())
