# ---
# kind: wrong
# title: The global pooling runs over the channels instead of over time
# expect: {network: 10}
# says: {network: [your code stopped with RuntimeError]}
# empty: [train, predict, perform]
# ---
# %% task="network"
class AFNet(nn.Module):
    def __init__(self):
        super().__init__()
        widths, layers = (1, 16, 32, 64, 64), []
        for k in range(4):
            layers += [nn.Conv1d(widths[k], widths[k + 1], 7, stride=2 if k == 0 else 1, padding=3),
                       nn.BatchNorm1d(widths[k + 1]), nn.ReLU(), nn.MaxPool1d(2)]
        self.blocks = nn.Sequential(*layers)
        self.out = nn.Linear(93, 1)

    def forward(self, x):
        return self.out(self.blocks(x).mean(dim=1))[:, 0]


def new_network(seed):
    torch.manual_seed(seed)
    return AFNet()


def network_logits(windows, seed):
    with torch.no_grad():
        return new_network(seed).eval()(torch.as_tensor(np.asarray(windows, np.float32))).numpy()


def feature_map(windows, seed):
    with torch.no_grad():
        return new_network(seed).eval().blocks(torch.as_tensor(np.asarray(windows, np.float32))).numpy()


def count_parameters():
    return sum(p.numel() for p in AFNet().parameters())
