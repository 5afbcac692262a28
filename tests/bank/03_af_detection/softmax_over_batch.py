# ---
# kind: wrong
# title: A softmax over the batch axis makes every answer depend on the neighbours
# expect: {network: 10}
# says: {network: [softmax over the batch axis]}
# empty: [train, predict, perform]
# ---
# %% task="network"
class AFNet(nn.Module):
    def __init__(self):
        super().__init__()
        layers, widths = [], (1, 16, 32, 64, 64)
        for n_in, n_out in zip(widths[:-1], widths[1:]):
            layers += [nn.Conv1d(n_in, n_out, 9, padding=4), nn.BatchNorm1d(n_out), nn.ReLU(), nn.AvgPool1d(3)]
        self.blocks = nn.Sequential(*layers)
        self.out = nn.Linear(64, 1)

    def forward(self, x):
        return torch.log_softmax(self.out(self.blocks(x).mean(dim=2))[:, 0], dim=0)


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
