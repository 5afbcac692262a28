# ---
# kind: wrong
# title: "Each epoch is judged by itself: no network over the sequence"
# expect: {networks: [6, 7], train: [8, 10], perform: [0, 5]}
# says: {networks: [no network over the sequence], train: [epochs judged one by one]}
# ---
# %% task="networks"
# your classes EpochNet and SleepNet, and helpers if you like:
def block(n_in, n_out, kernel, stride=1, pool=4):
    """Convolution, batch normalisation, ReLU, pooling."""
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
        nn.MaxPool1d(pool),
    )


def blocks():
    """Epochs (n, 1, samples) to (n, 48, steps)."""
    return nn.Sequential(block(1, 16, 41, stride=10, pool=3), block(16, 32, 7), block(32, 48, 5))


def pooled(h):
    """Mean and maximum over time: (n, 48, steps) to (n, 96)."""
    return torch.cat([h.mean(dim=2), h.amax(dim=2)], dim=1)


class EpochNet(nn.Module):
    """One epoch, one answer: (n, samples) to logits (n, 5)."""

    def __init__(self):
        super().__init__()
        self.blocks, self.dropout, self.out = blocks(), nn.Dropout(0.3), nn.Linear(96, 5)

    def forward(self, x):
        return self.out(self.dropout(pooled(self.blocks(x[:, None]))))


class SleepNet(nn.Module):
    """Epochs in their sequence: (m, length, samples) and present (m, length) to logits (m, length, 5)."""

    def __init__(self):
        super().__init__()
        self.blocks, self.dropout = blocks(), nn.Dropout(0.3)
        self.out = nn.Linear(96, 5)

    def forward(self, x, present):
        h = torch.zeros(*present.shape, 96)
        h[present] = self.dropout(pooled(self.blocks(x[present][:, None])))  # filled places stay out of batch normalisation
        return self.out(self.dropout(h))


def epoch_logits(epochs, seed):
    """(n, 5) what a fresh EpochNet says of epochs (n, samples)."""
    torch.manual_seed(seed)
    net = EpochNet().eval()
    with torch.no_grad():
        return net(torch.as_tensor(np.array(epochs, np.float32))).numpy()


def sequence_logits(x, present, seed):
    """(m, length, 5) what a fresh SleepNet says of sequences x (m, length, samples)."""
    torch.manual_seed(seed)
    net = SleepNet().eval()
    with torch.no_grad():
        return net(torch.as_tensor(np.array(x, np.float32)), torch.as_tensor(np.array(present, bool))).numpy()
